/* Whether a destination is this host, by the kernel's own routing. */
#include "backlogctl/netns.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <string.h>

#define MESSAGE_SIZE 8192
#define SEQUENCE 1 /* one question a socket */

union message {
    struct nlmsghdr header;
    char bytes[MESSAGE_SIZE];
};

static void put_question(union message *message, const struct endpoint *e)
{
    size_t size = e->family == AF_INET ? 4 : sizeof e->bytes;
    struct nlmsghdr *header = mnl_nlmsg_put_header(message);
    header->nlmsg_type = RTM_GETROUTE;
    header->nlmsg_flags = NLM_F_REQUEST;
    header->nlmsg_seq = SEQUENCE;
    struct rtmsg *route = mnl_nlmsg_put_extra_header(header, sizeof *route);
    route->rtm_family = (unsigned char)e->family;
    route->rtm_dst_len = (unsigned char)(8 * size);
    mnl_attr_put(header, RTA_DST, size, e->bytes);
    if (e->scope)
        mnl_attr_put_u32(header, RTA_OIF, e->scope);
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

/* 0 or the negative errno that the kernel answered. */
static int read_answer(const union message *message, ssize_t got, unsigned port, bool *local)
{
    const struct nlmsghdr *header = &message->header;
    if (!mnl_nlmsg_ok(header, (int)got) || !mnl_nlmsg_seq_ok(header, SEQUENCE) || !mnl_nlmsg_portid_ok(header, port))
        return -EBADMSG;
    size_t size = mnl_nlmsg_get_payload_len(header);
    if (header->nlmsg_type == NLMSG_ERROR && size >= sizeof(struct nlmsgerr))
        return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(header))->error;
    if (header->nlmsg_type != RTM_NEWROUTE || size < sizeof(struct rtmsg))
        return -EBADMSG;
    const struct rtmsg *route = mnl_nlmsg_get_payload(header);
    *local = route->rtm_type == RTN_LOCAL;
    return route_status(route->rtm_type);
}

static int ask(struct mnl_socket *netlink, const struct endpoint *e, bool *local)
{
    union message message;
    if (mnl_socket_bind(netlink, 0, MNL_SOCKET_AUTOPID) < 0)
        return -errno;
    put_question(&message, e);
    if (mnl_socket_sendto(netlink, &message, message.header.nlmsg_len) < 0)
        return -errno;
    ssize_t got;
    do {
        got = mnl_socket_recvfrom(netlink, &message, sizeof message);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : read_answer(&message, got, mnl_socket_get_portid(netlink), local);
}

int route_is_local(const struct endpoint *e, bool *local, struct error *err)
{
    char text[ENDPOINT_TEXT_SIZE];
    *local = false;
    /* Routing does not know that connect(2) takes the any-address for the loopback address. */
    struct endpoint destination = endpoint_reachable(e);
    struct mnl_socket *netlink = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!netlink)
        return error_errno(err, "cannot open a route socket");
    int status = ask(netlink, &destination, local);
    mnl_socket_close(netlink);
    if (status)
        error_set(err, -status, "no route to %s: %s", endpoint_address_text(e, text), strerror(-status));
    return status;
}
