/* Whether a destination is this host, by the kernel's own routing. */
#include "backlogctl/netlink.h"
#include "backlogctl/netns.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>

static void put_question(union netlink_request *request, const struct endpoint *e)
{
    size_t size = e->family == AF_INET ? 4 : sizeof e->bytes;
    struct rtmsg *route = netlink_request(request, RTM_GETROUTE, 0, sizeof *route);
    route->rtm_family = (unsigned char)e->family;
    route->rtm_dst_len = (unsigned char)(8 * size);
    mnl_attr_put(&request->header, RTA_DST, size, e->bytes);
    if (e->scope)
        mnl_attr_put_u32(&request->header, RTA_OIF, e->scope);
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
};

static void read_answer(void *context, const struct nlmsghdr *message)
{
    struct answer *answer = context;
    const struct rtmsg *route = mnl_nlmsg_get_payload(message);
    if (message->nlmsg_type != RTM_NEWROUTE || mnl_nlmsg_get_payload_len(message) < sizeof *route)
        return;
    answer->local = route->rtm_type == RTN_LOCAL;
    answer->status = route_status(route->rtm_type);
}

int route_is_local(const struct endpoint *e, bool *local, struct error *err)
{
    char text[ENDPOINT_TEXT_SIZE];
    *local = false;
    /* Routing does not know that connect(2) takes the any-address for the loopback address. */
    struct endpoint destination = endpoint_reachable(e);
    struct netlink netlink = {0};
    union netlink_request request;
    struct answer answer = {.status = -EBADMSG};
    int status = netlink_open(&netlink, NETLINK_ROUTE, err);
    if (status)
        return status;
    put_question(&request, &destination);
    status = netlink_ask(&netlink, &request, read_answer, &answer, NULL);
    netlink_close(&netlink);
    status = status ? status : answer.status;
    *local = answer.local;
    if (status)
        error_set(err, -status, "no route to %s: %s", endpoint_address_text(e, text), strerror(-status));
    return status;
}
