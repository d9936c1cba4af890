/* Where netfilter's address translation carried a connection: asked of ctnetlink. */
#include "backlogctl/conntrack.h"

#include "backlogctl/netlink.h"
#include "backlogctl/parse.h"
#include "backlogctl/procfs.h"

#include <errno.h>
#include <libmnl/libmnl.h>
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

static void put_tuple(struct nlmsghdr *request, const struct endpoint *from, const struct endpoint *to)
{
    bool v4 = from->family == AF_INET;
    size_t size = v4 ? 4 : sizeof from->bytes;
    struct nlattr *tuple = mnl_attr_nest_start(request, CTA_TUPLE_ORIG);
    struct nlattr *part = mnl_attr_nest_start(request, CTA_TUPLE_IP);
    mnl_attr_put(request, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, size, from->bytes);
    mnl_attr_put(request, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, size, to->bytes);
    mnl_attr_nest_end(request, part);
    part = mnl_attr_nest_start(request, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(request, CTA_PROTO_NUM, IPPROTO_TCP);
    mnl_attr_put_u16(request, CTA_PROTO_SRC_PORT, htons(from->port));
    mnl_attr_put_u16(request, CTA_PROTO_DST_PORT, htons(to->port));
    mnl_attr_nest_end(request, part);
    mnl_attr_nest_end(request, tuple);
}

int conntrack_find(struct netlink *nl, const struct endpoint *from, const struct endpoint *to, struct endpoint *carried_to)
{
    union netlink_request request;
    *carried_to = (struct endpoint){0};
    struct nfgenmsg *body = netlink_request(&request, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, 0, sizeof *body);
    body->nfgen_family = (uint8_t)from->family;
    body->version = NFNETLINK_V0;
    put_tuple(&request.header, from, to);
    int status = netlink_ask(nl, &request, read_reply, carried_to, NULL);
    return status ? status : carried_to->family ? 0 : -EBADMSG;
}
