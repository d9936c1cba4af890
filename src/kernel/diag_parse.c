/* Reads one sock_diag message. Touches no socket and trusts no length, so that it can be fed anything. */
#include "diag_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <stddef.h>
#include <string.h>

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

bool diag_copy(const struct nlattr *attribute, size_t offset, void *out, size_t size)
{
    if (mnl_attr_get_payload_len(attribute) < offset + size)
        return false;
    memcpy(out, (const unsigned char *)mnl_attr_get_payload(attribute) + offset, size);
    return true;
}

/* The name of the protocol on top: a listener of MPTCP has its queue in a TCP socket that says "mptcp". */
static int read_protocol(const struct nlattr *attribute, void *context)
{
    static const char name[] = "mptcp";
    bool *is_mptcp = context;
    if (mnl_attr_get_type(attribute) == INET_ULP_INFO_NAME)
        *is_mptcp =
            mnl_attr_get_payload_len(attribute) == sizeof name && !memcmp(mnl_attr_get_payload(attribute), name, sizeof name);
    return MNL_CB_OK;
}

static void read_info(const struct nlattr *attribute, struct diag_socket *out)
{
    out->has_info |= diag_copy(attribute, offsetof(struct tcp_info, tcpi_last_data_sent), &out->last_data_sent_ms,
                               sizeof out->last_data_sent_ms);
    diag_copy(attribute, offsetof(struct tcp_info, tcpi_segs_in), &out->segments_in, sizeof out->segments_in);
}

/* Older headers have no such attribute, and older kernels do not send it. */
static void read_options(const struct nlattr *attribute, struct diag_socket *out)
{
    struct inet_diag_sockopt options;
    if (diag_copy(attribute, 0, &options, sizeof options))
        out->is_transparent = options.transparent;
}

static int read_attribute(const struct nlattr *attribute, void *context)
{
    struct diag_socket *out = context;
    uint8_t v6only;
    uint16_t type = mnl_attr_get_type(attribute);
    if (type == INET_DIAG_SKMEMINFO)
        out->has_discarded |= diag_copy(attribute, SK_MEMINFO_DROPS * sizeof(uint32_t), &out->discarded, sizeof out->discarded);
    else if (type == INET_DIAG_INFO)
        read_info(attribute, out);
    else if (type == INET_DIAG_SHUTDOWN)
        out->is_whole = true;
    else if (type == INET_DIAG_SOCKOPT)
        read_options(attribute, out);
    else if (type == INET_DIAG_ULP_INFO)
        mnl_attr_parse_nested(attribute, read_protocol, &out->is_mptcp);
    else if (type == INET_DIAG_SKV6ONLY && (out->has_v6only = diag_copy(attribute, 0, &v6only, sizeof v6only)))
        out->v6only = v6only;
    return MNL_CB_OK;
}

bool diag_fixed_part(const void *message, size_t length, void *out, size_t size)
{
    struct nlmsghdr header;
    if (length < NLMSG_HDRLEN + size)
        return false;
    memcpy(&header, message, sizeof header);
    memcpy(out, (const unsigned char *)message + NLMSG_HDRLEN, size);
    bool is_answer = header.nlmsg_type == SOCK_DIAG_BY_FAMILY || header.nlmsg_type == TCPDIAG_GETSOCK;
    return is_answer && header.nlmsg_len >= NLMSG_HDRLEN + size;
}

void diag_attributes(const void *message, size_t length, size_t size, mnl_attr_cb_t each, void *context)
{
    struct nlmsghdr header;
    const size_t at = NLMSG_HDRLEN + size;
    memcpy(&header, message, sizeof header);
    size_t end = header.nlmsg_len < length ? header.nlmsg_len : length;
    mnl_attr_parse_payload((const unsigned char *)message + at, end - at, each, context);
}

int diag_parse(const void *message, size_t length, struct diag_socket *out)
{
    struct inet_diag_msg fixed;
    *out = (struct diag_socket){0};
    if (!diag_fixed_part(message, length, &fixed, sizeof fixed))
        return -EBADMSG;
    if (fixed.idiag_family != AF_INET && fixed.idiag_family != AF_INET6)
        return -EBADMSG;
    read_fixed(&fixed, out);
    diag_attributes(message, length, sizeof fixed, read_attribute, out);
    return 0;
}
