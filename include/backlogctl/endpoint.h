/* An address and a port, independent of the socket API's many shapes. */
#ifndef BACKLOGCTL_ENDPOINT_H
#define BACKLOGCTL_ENDPOINT_H

#include "backlogctl/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* A TCP endpoint, or what is known of an AF_UNIX one. Plain value: compare with endpoint_equal, not memcmp. An IPv4 address is
   always AF_INET: where one comes in as ::ffff:a.b.c.d (typed, from the socket API, from sock_diag) it is unmapped at once. */
struct endpoint {
    uint16_t family;   /* AF_INET, AF_INET6, AF_UNIX, or AF_UNSPEC for "none" */
    uint16_t port;     /* host byte order, 0..65535 */
    uint32_t scope;    /* IPv6 zone index, else 0 */
    uint8_t bytes[16]; /* network byte order; an IPv4 address takes the first four, the rest is 0. AF_UNIX: an abstract name of up
                          to 15 bytes, as autobind gives them (unix(7)), without the NUL in front; empty for every other name */
};

/* "ipv4", "ipv6" or "unix"; NULL for none. */
static inline const char *endpoint_family_name(const struct endpoint *e)
{
    return e->family == AF_INET ? "ipv4" : e->family == AF_INET6 ? "ipv6" : e->family == AF_UNIX ? "unix" : NULL;
}

bool endpoint_equal(const struct endpoint *a, const struct endpoint *b);
bool endpoint_is_any(const struct endpoint *e);      /* 0.0.0.0 or :: */
bool endpoint_is_loopback(const struct endpoint *e); /* 127.0.0.0/8, ::1 or ::ffff:127.0.0.0/104 */

/* ::ffff:a.b.c.d becomes the AF_INET endpoint a.b.c.d; everything else stays as it is. */
struct endpoint endpoint_unmapped(const struct endpoint *e);

/* Addresses in a row; their port is 0. */
struct endpoint_range {
    struct endpoint first;
    uint32_t count; /* 1.. */
};

/* One address, or ADDR/PREFIX: all addresses of that network (of an IPv4 one wider than /31 without the first and the last),
   at most 2^20; unmapped. 0 or -EINVAL. */
int endpoint_range_parse(const char *text, struct endpoint_range *out, struct error *err);

/* The n-th address behind this one, counted from 0. */
struct endpoint endpoint_behind(const struct endpoint *first, uint64_t n);

/* Where a client connects to reach a server bound to `e`: the any-address becomes the loopback address of its family, what has no
   address stays as it is. */
struct endpoint endpoint_reachable(const struct endpoint *e);

/* Between this form and the socket API's. endpoint_to_sockaddr returns the length to pass on.
   endpoint_from_sockaddr gives family AF_UNSPEC for a family it does not know, and unmaps; the rest of *address is zeroed by the
   caller. */
socklen_t endpoint_to_sockaddr(const struct endpoint *e, struct sockaddr_storage *out);
struct endpoint endpoint_from_sockaddr(const struct sockaddr_storage *address);

/* A NUL inside an abstract name, so that the name is a string all the same: two bytes that are no UTF-8. A name that has these two
   bytes itself cannot be told from it. */
#define ENDPOINT_NUL "\xc0\x80"

/* The name of an AF_UNIX socket, '@' in front of an abstract one; 0 when it is too long for sun_path. */
socklen_t endpoint_unix_sockaddr(const char *path, struct sockaddr_storage *out);

/* The name of a network device of this namespace, in IF_NAMESIZE bytes, which may be any; false when there is none. It asks a netlink
   socket: who only reads (rights.h) may have no other. */
bool device_name(uint32_t index, char *out);

/* "127.0.0.1:80", "[::1]:80", "@0001f"; a zone and a name may hold anything, and are not safe to print. Returns out. */
#define ENDPOINT_TEXT_SIZE 80
const char *endpoint_text(const struct endpoint *e, char out[ENDPOINT_TEXT_SIZE]);

/* The other way round, for IPv4 and IPv6, unmapped; a zone, which means something on its own host alone, is left out. False, with *out as it
   was: the text is no such thing. */
bool endpoint_read(const char *text, struct endpoint *out);

/* The address alone: "127.0.0.1", "::1". Returns out. */
const char *endpoint_address_text(const struct endpoint *e, char out[ENDPOINT_TEXT_SIZE]);

/* Every address of `host` (a name or a literal; with a scope if need be), unmapped, in getaddrinfo's order and without
   repetition, at most `max`. `family` is AF_UNSPEC, AF_INET or AF_INET6. Returns how many (>= 1), or -errno:
   -ENOENT when the name does not resolve. May block on DNS. */
#define ENDPOINTS_MAX 16
int endpoint_resolve(const char *host, uint16_t port, int family, struct endpoint *out, size_t max, struct error *err);

#endif
