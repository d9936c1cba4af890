/* Reads one sock_diag message. Touches no socket and trusts no length, so that it can be fed anything. */
#include "diag_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stddef.h>
#include <string.h>

#define FIXED_PART (NLMSG_HDRLEN + sizeof(struct inet_diag_msg))

/* An interface index is part of the address only where the address means nothing without it. */
static bool is_link_local(const struct endpoint *e)
{
    return e->family == AF_INET6 && e->bytes[0] == 0xfe && (e->bytes[1] & 0xc0) == 0x80;
}

static struct endpoint read_endpoint(uint8_t family, const __be32 address[4], __be16 port, uint32_t interface)
{
    struct endpoint e = {.family = family, .port = ntohs(port)};
    memcpy(e.bytes, address, family == AF_INET ? 4 : sizeof e.bytes);
    if (is_link_local(&e))
        e.scope = interface;
    return endpoint_unmapped(&e);
}

static void read_fixed(const struct inet_diag_msg *message, struct diag_socket *out)
{
    const struct inet_diag_sockid *id = &message->id;
    out->family = message->idiag_family;
    out->state = message->idiag_state;
    out->retransmits = message->idiag_retrans;
    out->interface = id->idiag_if;
    out->local = read_endpoint(message->idiag_family, id->idiag_src, id->idiag_sport, id->idiag_if);
    out->remote = read_endpoint(message->idiag_family, id->idiag_dst, id->idiag_dport, id->idiag_if);
    out->inode = message->idiag_inode;
    out->uid = message->idiag_uid;
    out->cookie = (uint64_t)id->idiag_cookie[1] << 32 | id->idiag_cookie[0];
    out->rqueue = message->idiag_rqueue;
    out->wqueue = message->idiag_wqueue;
}

/* Copies the 32-bit field at `offset` of a payload; false when this kernel's struct ends before it. */
static bool read_u32(const unsigned char *payload, size_t size, size_t offset, uint32_t *out)
{
    if (size < offset + sizeof *out)
        return false;
    memcpy(out, payload + offset, sizeof *out);
    return true;
}

/* The name of the protocol on top (INET_ULP_INFO_NAME, first of the nested attributes): a listener of MPTCP has its queue in
   a TCP socket that says "mptcp". */
static bool is_mptcp(const unsigned char *payload, size_t size)
{
    static const char name[] = "mptcp";
    struct nlattr nested;
    if (size < NLA_HDRLEN + sizeof name)
        return false;
    memcpy(&nested, payload, sizeof nested);
    return (nested.nla_type & NLA_TYPE_MASK) == INET_ULP_INFO_NAME && nested.nla_len == NLA_HDRLEN + sizeof name &&
           !memcmp(payload + NLA_HDRLEN, name, sizeof name);
}

static void read_attribute(void *context, unsigned type, const unsigned char *payload, size_t size)
{
    struct diag_socket *out = context;
    if (type == INET_DIAG_SKMEMINFO) {
        out->has_drops = read_u32(payload, size, SK_MEMINFO_DROPS * sizeof(uint32_t), &out->drops);
    } else if (type == INET_DIAG_INFO) {
        out->has_info = read_u32(payload, size, offsetof(struct tcp_info, tcpi_last_data_sent), &out->last_data_sent_ms);
    } else if (type == INET_DIAG_ULP_INFO) {
        out->is_mptcp = is_mptcp(payload, size);
    } else if (type == INET_DIAG_SKV6ONLY && size) {
        out->has_v6only = true;
        out->v6only = payload[0];
    }
}

void diag_attributes(const unsigned char *message, size_t end, size_t at, diag_attribute *each, void *context)
{
    while (at < end && end - at >= NLA_HDRLEN) {
        struct nlattr attribute;
        memcpy(&attribute, message + at, sizeof attribute);
        if (attribute.nla_len < NLA_HDRLEN || attribute.nla_len > end - at)
            break;
        each(context, attribute.nla_type & NLA_TYPE_MASK, message + at + NLA_HDRLEN, attribute.nla_len - (size_t)NLA_HDRLEN);
        at += NLA_ALIGN(attribute.nla_len);
    }
}

int diag_parse(const void *message, size_t length, struct diag_socket *out)
{
    /* Everything is copied out before it is read: the buffer need not be aligned. */
    const unsigned char *bytes = message;
    struct nlmsghdr header;
    struct inet_diag_msg fixed;

    *out = (struct diag_socket){0};
    if (length < FIXED_PART)
        return -EBADMSG;
    memcpy(&header, bytes, sizeof header);
    memcpy(&fixed, bytes + NLMSG_HDRLEN, sizeof fixed);
    if (header.nlmsg_type != SOCK_DIAG_BY_FAMILY || header.nlmsg_len < FIXED_PART)
        return -EBADMSG;
    if (fixed.idiag_family != AF_INET && fixed.idiag_family != AF_INET6)
        return -EBADMSG;
    read_fixed(&fixed, out);

    diag_attributes(bytes, header.nlmsg_len < length ? header.nlmsg_len : length, FIXED_PART, read_attribute, out);
    return 0;
}
