/* What the kernel tells of TCP sockets that it destroys: the multicast groups of sock_diag that `ss -E` joins, too. No right is needed.
   Facts used here: sock_diag_broadcast_destroy() of net/core/sock_diag.c, which __sk_free() calls for a socket of TCP when its last
   holder has let go, and inet_diag_handler_get_info() of net/ipv4/inet_diag.c, which writes the message. They come later, by
   seconds where there is much to do, and from several processors: in order only those of each. A request and a socket in TIME_WAIT are none: the latter is told of when it
   begins, with the socket that it is left of. */
#ifndef BACKLOGCTL_DESTROYED_H
#define BACKLOGCTL_DESTROYED_H

#include "backlogctl/clock.h"
#include "backlogctl/error.h"
#include "backlogctl/sockdiag.h"

#include <stdbool.h>

struct destroyed {
    int fd;       /* becomes readable when there is something */
    void *buffer; /* NULL: not open */
    bool lost;    /* the kernel had no room for some */
};

/* Tells from now on of those of the calling thread's network namespace with one of these local ports; of more than
   DESTROYED_PORTS_MAX, of all. Zeroed is safe to close. 0 or -errno. */
#define DESTROYED_PORTS_MAX 32
int destroyed_open(struct destroyed *d, const uint16_t *ports, size_t count, struct error *err);
void destroyed_close(struct destroyed *d);

/* Calls `each` for all that have been told since. 0 or -errno. */
int destroyed_read(struct destroyed *d, sockdiag_each *each, void *context, struct error *err);

/* Waits until all that had been destroyed when this was called has been told, at most `until` (on CLOCK_MONOTONIC), and calls `each` for
   it. The reports wait in a queue of work for each processor that keeps their order (alloc_workqueue("sock_diag_events"), queue_work()):
   so a socket of our own is destroyed on each of them, and its report waited for. False: some may still come, as from a processor that
   this thread must not run on. */
bool destroyed_await(struct destroyed *d, nsec until, sockdiag_each *each, void *context, struct error *err);

/* Reads one datagram of such messages; touches no socket, so it can be fed anything. Returns how many it passed on. */
size_t destroyed_parse(const void *datagram, size_t size, sockdiag_each *each, void *context);

#endif
