/* Where netfilter's address translation carried a connection: asked of ctnetlink, the question by libnetfilter_conntrack. */
#include "backlogctl/conntrack.h"

#include "backlogctl/netlink.h"
#include "backlogctl/parse.h"
#include "backlogctl/procfs.h"

#include <errno.h>
#include <libmnl/libmnl.h>
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

/* ---- The answer ---- */

/* Not by the library: where an attribute is not as long as it thinks, it ends the process (__abi_breakage). */

static int read_address(const struct nlattr *attribute, void *context)
{
    struct endpoint *to = context;
    uint16_t type = mnl_attr_get_type(attribute), size = mnl_attr_get_payload_len(attribute);
    if ((type == CTA_IP_V4_SRC && size == 4) || (type == CTA_IP_V6_SRC && size == sizeof to->bytes)) {
        to->family = type == CTA_IP_V4_SRC ? AF_INET : AF_INET6;
        memset(to->bytes, 0, sizeof to->bytes);
        memcpy(to->bytes, mnl_attr_get_payload(attribute), size);
    }
    return MNL_CB_OK;
}

static int read_port(const struct nlattr *attribute, void *context)
{
    struct endpoint *to = context;
    if (mnl_attr_get_type(attribute) == CTA_PROTO_SRC_PORT && mnl_attr_get_payload_len(attribute) == sizeof(uint16_t))
        to->port = ntohs(mnl_attr_get_u16(attribute));
    return MNL_CB_OK;
}

static int read_tuple(const struct nlattr *attribute, void *context)
{
    uint16_t type = mnl_attr_get_type(attribute);
    if (type == CTA_TUPLE_IP)
        mnl_attr_parse_nested(attribute, read_address, context);
    else if (type == CTA_TUPLE_PROTO)
        mnl_attr_parse_nested(attribute, read_port, context);
    return MNL_CB_OK;
}

/* The answers' source is where the connection really goes. */
static int read_connection(const struct nlattr *attribute, void *context)
{
    if (mnl_attr_get_type(attribute) == CTA_TUPLE_REPLY)
        mnl_attr_parse_nested(attribute, read_tuple, context);
    return MNL_CB_OK;
}

static void read_reply(void *context, const struct nlmsghdr *message)
{
    if (message->nlmsg_type == (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW) &&
        mnl_nlmsg_get_payload_len(message) >= sizeof(struct nfgenmsg))
        mnl_attr_parse(message, sizeof(struct nfgenmsg), read_connection, context);
}

/* ---- The question ---- */

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
