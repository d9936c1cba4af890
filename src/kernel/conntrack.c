/* Where netfilter's address translation carried a connection: asked of ctnetlink, the messages by libnetfilter_conntrack. */
#include "backlogctl/conntrack.h"

#include "backlogctl/netlink.h"
#include "backlogctl/parse.h"
#include "backlogctl/procfs.h"

#include <errno.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

int64_t conntrack_count(void)
{
    return procfs_number("/proc/sys/net/netfilter/nf_conntrack_count", "");
}

int conntrack_open(struct netlink *nl, struct error *err)
{
    return netlink_open(nl, NETLINK_NETFILTER, err);
}

static void set_tuple(struct nf_conntrack *ct, const struct endpoint *from, const struct endpoint *to)
{
    bool v4 = from->family == AF_INET;
    nfct_set_attr_u8(ct, ATTR_L3PROTO, (uint8_t)from->family);
    nfct_set_attr_u8(ct, ATTR_L4PROTO, IPPROTO_TCP);
    nfct_set_attr(ct, v4 ? ATTR_ORIG_IPV4_SRC : ATTR_ORIG_IPV6_SRC, from->bytes);
    nfct_set_attr(ct, v4 ? ATTR_ORIG_IPV4_DST : ATTR_ORIG_IPV6_DST, to->bytes);
    nfct_set_attr_u16(ct, ATTR_ORIG_PORT_SRC, htons(from->port));
    nfct_set_attr_u16(ct, ATTR_ORIG_PORT_DST, htons(to->port));
}

/* The answers' source is where the connection really goes. */
static void read_reply(void *context, const struct nlmsghdr *message)
{
    struct endpoint *to = context;
    struct nf_conntrack *ct = nfct_new();
    if (ct && nfct_nlmsg_parse(message, ct) >= 0) {
        bool v4 = nfct_get_attr_u8(ct, ATTR_REPL_L3PROTO) == AF_INET;
        const void *address = nfct_get_attr(ct, v4 ? ATTR_REPL_IPV4_SRC : ATTR_REPL_IPV6_SRC);
        *to = (struct endpoint){.family = v4 ? AF_INET : AF_INET6, .port = ntohs(nfct_get_attr_u16(ct, ATTR_REPL_PORT_SRC))};
        if (address)
            memcpy(to->bytes, address, v4 ? 4 : sizeof to->bytes);
    }
    if (ct)
        nfct_destroy(ct);
}

int conntrack_find(struct netlink *nl, const struct endpoint *from, const struct endpoint *to, struct endpoint *carried_to)
{
    union netlink_request request;
    struct nf_conntrack *ct = nfct_new();
    *carried_to = (struct endpoint){0};
    if (!ct)
        return -ENOMEM;
    struct nfgenmsg *body = netlink_request(&request, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, 0, sizeof *body);
    body->nfgen_family = (uint8_t)from->family;
    body->version = NFNETLINK_V0;
    set_tuple(ct, from, to);
    int status = nfct_nlmsg_build(&request.header, ct) < 0 ? -EINVAL : netlink_ask(nl, &request, read_reply, carried_to, NULL);
    nfct_destroy(ct);
    return status ? status : carried_to->family ? 0 : -EBADMSG;
}
