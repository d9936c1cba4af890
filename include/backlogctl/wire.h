/* A network path with a delay, inside a private network namespace. Needs no right outside it, and no qdisc: what is sent to
   the far address comes back after the delay with its two addresses swapped, as if a host there had sent it. */
#ifndef BACKLOGCTL_WIRE_H
#define BACKLOGCTL_WIRE_H

#include "backlogctl/clock.h"
#include "backlogctl/endpoint.h"
#include "backlogctl/error.h"

struct wire;

/* The addresses of a path: a server listens on `near`, its clients connect to `far`, and each side sees the other's packets
   come from `far`. Their port is 0. */
struct wire_ends {
    struct endpoint near, far;
};
struct wire_ends wire_ends(int family);

/* Makes the path in this thread's network namespace, IPv4 and IPv6, and a thread that carries the packets. `delay` is that of
   one way. 0, or -errno with a text that says what is missing. */
int wire_open(struct wire **out, nsec delay, struct error *err);

/* The device that only the path itself uses: its packets are copies. */
unsigned wire_inner_device(const struct wire *wire);

/* Packets that it had no room for, so far: they were lost on the way. */
uint64_t wire_lost(struct wire *wire);

void wire_release(struct wire *wire);

#endif
