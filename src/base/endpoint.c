/* Endpoints: comparing, printing, converting, resolving. */
#include "backlogctl/endpoint.h"

#include "backlogctl/fd.h"
#include "backlogctl/parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
    return a->family == b->family && a->port == b->port && a->scope == b->scope && !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

bool endpoint_is_any(const struct endpoint *e)
{
    static const uint8_t zero[16];
    return !memcmp(e->bytes, zero, sizeof zero);
}

bool endpoint_is_loopback(const struct endpoint *e)
{
    struct endpoint plain = endpoint_unmapped(e);
    if (plain.family == AF_INET)
        return plain.bytes[0] == 127;
    return !memcmp(plain.bytes, &in6addr_loopback, sizeof plain.bytes);
}

struct endpoint endpoint_unmapped(const struct endpoint *e)
{
    if (e->family != AF_INET6 || memcmp(e->bytes, mapped_prefix, sizeof mapped_prefix))
        return *e;
    struct endpoint plain = {.family = AF_INET, .port = e->port};
    memcpy(plain.bytes, e->bytes + sizeof mapped_prefix, 4);
    return plain;
}

struct endpoint endpoint_reachable(const struct endpoint *e)
{
    struct endpoint reachable = *e;
    if (endpoint_is_any(e) && e->family == AF_INET) {
        reachable.bytes[0] = 127;
        reachable.bytes[3] = 1;
    } else if (endpoint_is_any(e) && e->family == AF_INET6) {
        memcpy(reachable.bytes, &in6addr_loopback, sizeof reachable.bytes);
    }
    return reachable;
}

#define RANGE_BITS_MAX 20

int endpoint_range_parse(const char *text, struct endpoint_range *out, struct error *err)
{
    char address[ENDPOINT_TEXT_SIZE];
    size_t length = strcspn(text, "/");
    struct endpoint first = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    unsigned bits = first.family == AF_INET ? 32 : 128;
    snprintf(address, sizeof address, "%.*s", (int)length, text);
    if (length >= sizeof address || inet_pton(first.family, address, first.bytes) != 1)
        return error_set(err, EINVAL, "'%.60s' is no address: want ADDR[,ADDR...] or ADDR/PREFIX", text);
    int64_t prefix = bits;
    if (text[length] && (parse_integer(text + length + 1, 0, bits, &prefix, NULL) || bits - prefix > RANGE_BITS_MAX))
        return error_set(err, EINVAL, "'%.60s': want a prefix length from %u to %u", text, bits - RANGE_BITS_MAX, bits);
    unsigned host_bits = bits - (unsigned)prefix;
    first = endpoint_unmapped(&first); /* the last bits are the same */
    bits = first.family == AF_INET ? 32 : 128;
    for (unsigned bit = 0; bit < host_bits; bit++)
        first.bytes[(bits - 1 - bit) / 8] &= (uint8_t) ~(1u << bit % 8);
    *out = (struct endpoint_range){.first = first, .count = 1u << host_bits};
    if (first.family == AF_INET && host_bits > 1) {
        out->first.bytes[3]++;
        out->count -= 2;
    }
    return 0;
}

socklen_t endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (e->family == AF_INET) {
        struct sockaddr_in *in4 = (struct sockaddr_in *)out;
        in4->sin_family = AF_INET;
        in4->sin_port = htons(e->port);
        memcpy(&in4->sin_addr, e->bytes, 4);
        return sizeof *in4;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(e->port);
    in6->sin6_scope_id = e->scope;
    memcpy(&in6->sin6_addr, e->bytes, 16);
    return sizeof *in6;
}

socklen_t endpoint_unix_sockaddr(const char *path, struct sockaddr_storage *out)
{
    struct sockaddr_un *un = (struct sockaddr_un *)out;
    bool abstract = *path == '@';
    size_t length = 0;
    memset(out, 0, sizeof *out);
    un->sun_family = AF_UNIX;
    for (const char *at = path; *at; at++, length++) {
        if (length == sizeof un->sun_path)
            return 0;
        bool nul = abstract && (at == path || !strncmp(at, ENDPOINT_NUL, strlen(ENDPOINT_NUL)));
        un->sun_path[length] = nul ? '\0' : *at;
        at += nul && at != path ? strlen(ENDPOINT_NUL) - 1 : 0;
    }
    /* A path ends with NUL, an abstract name begins with one. */
    if (length + !abstract > sizeof un->sun_path)
        return 0;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
}

struct endpoint endpoint_from_sockaddr(const struct sockaddr_storage *address)
{
    struct endpoint e = {.family = AF_UNSPEC};
    if (address->ss_family == AF_UNIX) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)address;
        e.family = AF_UNIX;
        if (!un->sun_path[0])
            memcpy(e.bytes, un->sun_path + 1, sizeof e.bytes - 1);
    }
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *in4 = (const struct sockaddr_in *)address;
        e.family = AF_INET;
        e.port = ntohs(in4->sin_port);
        memcpy(e.bytes, &in4->sin_addr, 4);
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
        e.family = AF_INET6;
        e.port = ntohs(in6->sin6_port);
        e.scope = in6->sin6_scope_id;
        memcpy(e.bytes, &in6->sin6_addr, 16);
    }
    return endpoint_unmapped(&e);
}

/* Autobind names are hexadecimal digits; a peer may have chosen anything, which is not safe to print. */
static const char *unix_text(const struct endpoint *e, char out[ENDPOINT_TEXT_SIZE])
{
    size_t length = 0;
    for (; length < sizeof e->bytes && e->bytes[length]; length++)
        out[length + 1] = (char)e->bytes[length];
    out[0] = length ? '@' : '-';
    out[length + 1] = '\0';
    return out;
}

bool device_name(uint32_t index, char *out)
{
    SCOPED_FD fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    struct ifreq request = {.ifr_ifindex = (int)index};
    if (fd < 0 || ioctl(fd, SIOCGIFNAME, &request))
        return false;
    memcpy(out, request.ifr_name, IF_NAMESIZE);
    out[IF_NAMESIZE - 1] = '\0';
    return true;
}

const char *endpoint_address_text(const struct endpoint *e, char out[ENDPOINT_TEXT_SIZE])
{
    if (e->family == AF_UNIX)
        return unix_text(e, out);
    if (!inet_ntop(e->family, e->bytes, out, ENDPOINT_TEXT_SIZE)) {
        snprintf(out, ENDPOINT_TEXT_SIZE, "-");
        return out;
    }
    char zone[IF_NAMESIZE];
    if (e->scope && device_name(e->scope, zone)) {
        size_t used = strlen(out);
        snprintf(out + used, ENDPOINT_TEXT_SIZE - used, "%%%s", zone);
    }
    return out;
}

const char *endpoint_text(const struct endpoint *e, char out[ENDPOINT_TEXT_SIZE])
{
    char address[ENDPOINT_TEXT_SIZE];
    if (e->family == AF_UNIX)
        return unix_text(e, out);
    endpoint_address_text(e, address);
    snprintf(out, ENDPOINT_TEXT_SIZE, e->family == AF_INET6 ? "[%.70s]:%u" : "%.70s:%u", address, e->port);
    return out;
}

bool endpoint_read(const char *text, struct endpoint *out)
{
    char address[ENDPOINT_TEXT_SIZE];
    struct endpoint e = {.family = *text == '[' ? AF_INET6 : AF_INET};
    int64_t port;
    const char *from = text + (*text == '['), *colon = strrchr(text, ':');
    if (!colon || parse_integer(colon + 1, 0, UINT16_MAX, &port, NULL))
        return false;
    size_t length = strcspn(from, *text == '[' ? "%]" : ":");
    if (length >= sizeof address || (*text == '[' ? colon[-1] != ']' : from + length != colon))
        return false;
    memcpy(address, from, length);
    address[length] = '\0';
    if (inet_pton(e.family, address, e.bytes) != 1)
        return false;
    e.port = (uint16_t)port;
    *out = endpoint_unmapped(&e);
    return true;
}

static bool endpoint_listed(const struct endpoint *list, size_t count, const struct endpoint *e)
{
    for (size_t i = 0; i < count; i++)
        if (endpoint_equal(&list[i], e))
            return true;
    return false;
}

int endpoint_resolve(const char *host, uint16_t port, int family, struct endpoint *out, size_t max, struct error *err)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int status = getaddrinfo(host, NULL, &hints, &found);
    if (status == EAI_SYSTEM)
        return error_errno(err, "cannot resolve host '%.200s'", host);
    if (status)
        return error_set(err, ENOENT, "cannot resolve host '%.200s'%s: %s", host,
                         family == AF_INET    ? " to an IPv4 address"
                         : family == AF_INET6 ? " to an IPv6 address"
                                              : "",
                         gai_strerror(status));
    size_t count = 0;
    for (struct addrinfo *at = found; at && count < max; at = at->ai_next) {
        struct sockaddr_storage address = {0};
        memcpy(&address, at->ai_addr, at->ai_addrlen < sizeof address ? at->ai_addrlen : sizeof address);
        struct endpoint e = endpoint_from_sockaddr(&address);
        e.port = port;
        bool wanted = family == AF_UNSPEC ? e.family != AF_UNSPEC : e.family == family;
        if (wanted && !endpoint_listed(out, count, &e))
            out[count++] = e;
    }
    freeaddrinfo(found);
    if (!count)
        return error_set(err, ENOENT, "cannot resolve host '%.200s': no TCP address%s", host,
                         family == AF_INET6 ? " of IPv6: it is an IPv4 address in the form of IPv6" : "");
    return (int)count;
}

struct endpoint endpoint_behind(const struct endpoint *first, uint64_t n)
{
    struct endpoint address = *first;
    size_t last = first->family == AF_INET ? 4 : 16;
    for (size_t i = last; i-- && n;) {
        n += address.bytes[i];
        address.bytes[i] = (uint8_t)n;
        n >>= 8;
    }
    return address;
}
