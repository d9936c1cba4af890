/* Whether a destination is this host, by the kernel's own routing. */
#include "backlogctl/netlink.h"
#include "backlogctl/netns.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>

static size_t address_size(const struct endpoint *e)
{
    return e->family == AF_INET ? 4 : sizeof e->bytes;
}

static void put_question(union netlink_request *request, const struct endpoint *from, const struct endpoint *to, unsigned flags)
{
    struct rtmsg *route = netlink_request(request, RTM_GETROUTE, 0, sizeof *route);
    route->rtm_family = (unsigned char)to->family;
    route->rtm_dst_len = (unsigned char)(8 * address_size(to));
    route->rtm_flags = flags;
    mnl_attr_put(&request->header, RTA_DST, address_size(to), to->bytes);
    if (from) {
        route->rtm_src_len = (unsigned char)(8 * address_size(from));
        mnl_attr_put(&request->header, RTA_SRC, address_size(from), from->bytes);
    }
    if (to->scope)
        mnl_attr_put_u32(&request->header, RTA_OIF, to->scope);
}

/* A route that exists to say no. */
static int route_status(unsigned char type)
{
    return type == RTN_UNREACHABLE ? -EHOSTUNREACH
           : type == RTN_PROHIBIT  ? -EACCES
           : type == RTN_BLACKHOLE ? -EINVAL
           : type == RTN_THROW     ? -ENETUNREACH
                                   : 0;
}

struct answer {
    int status;
    bool local;
    uint32_t device;
};

static int read_attribute(const struct nlattr *attribute, void *context)
{
    struct answer *answer = context;
    if (mnl_attr_get_type(attribute) == RTA_OIF && mnl_attr_get_payload_len(attribute) >= sizeof answer->device)
        answer->device = mnl_attr_get_u32(attribute);
    return MNL_CB_OK;
}

static void read_answer(void *context, const struct nlmsghdr *message)
{
    struct answer *answer = context;
    const struct rtmsg *route = mnl_nlmsg_get_payload(message);
    if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof *route)
        return;
    answer->local = route->rtm_type == RTN_LOCAL;
    answer->status = route_status(route->rtm_type);
    mnl_attr_parse(message, sizeof *route, read_attribute, answer);
}

/* From any source when `from` is NULL. */
static int ask(const struct endpoint *from, const struct endpoint *to, unsigned flags, struct answer *answer, struct error *err)
{
    struct netlink netlink = {0};
    union netlink_request request;
    *answer = (struct answer){.status = -EBADMSG};
    int status = netlink_open(&netlink, NETLINK_ROUTE, err);
    if (status)
        return status;
    put_question(&request, from, to, flags);
    status = netlink_ask(&netlink, &request, read_answer, answer, NULL);
    netlink_close(&netlink);
    return status ? status : answer->status;
}

int route_is_local(const struct endpoint *e, bool *local, struct error *err)
{
    char text[ENDPOINT_TEXT_SIZE];
    struct answer answer;
    /* Routing does not know that connect(2) takes the any-address for the loopback address. */
    struct endpoint destination = endpoint_reachable(e);
    int status = ask(NULL, &destination, 0, &answer, err);
    *local = answer.local;
    if (status)
        error_set(err, -status, "no route to %s: %s", endpoint_address_text(e, text), strerror(-status));
    return status;
}

uint32_t route_device(const struct endpoint *e)
{
    struct answer answer;
    return ask(NULL, e, RTM_F_FIB_MATCH, &answer, NULL) ? 0 : answer.device;
}

int route_back(const struct endpoint *local, const struct endpoint *remote)
{
    struct answer answer;
    return ask(local, remote, 0, &answer, NULL);
}
