/* What happened when: a lane for each attempt at a target, and the listener's queue over time. Times are spans since the start
   of the run, NSEC_NEVER where it did not happen or nobody saw it. */
#ifndef BACKLOGCTL_TIMELINE_H
#define BACKLOGCTL_TIMELINE_H

#include "backlogctl/clock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where the times come from. */
#define TIMELINE_SOURCES(X)                                                                                                    \
    X(TIMELINE_NONE, "none")       /* not recorded */                                                                          \
    X(TIMELINE_PACKETS, "packets") /* every packet, with the kernel's own time (packet(7)), and the server's accepts: exact */ \
    X(TIMELINE_CALLS, "calls")     /* no handshake: the return of connect() and of accept(), which are the moments: exact */   \
    X(TIMELINE_SAMPLES, "samples") /* looks some milliseconds apart: a moment is at most that late */
#define TIMELINE_ENUM(symbol, name) symbol,
enum timeline_source { TIMELINE_SOURCES(TIMELINE_ENUM) TIMELINE_SOURCE_COUNT };
const char *timeline_source_name(enum timeline_source value);

struct lane {
    uint32_t first_syn, syns; /* its SYNs, as indexes into timeline.syns: the first one, then each retransmission */
    nsec established;         /* the client had the SYN-ACK */
    nsec queued;              /* the connection entered the accept queue */
    nsec accepted;
    nsec closed; /* the server's FIN or reset */
    nsec failed; /* refused, told that the queue is full, or an error of our own */
};

/* The listener's figures from `at` on, until the next point. */
struct queue_point {
    nsec at;
    uint32_t queue;
    uint32_t discarded; /* since the run began */
};

struct timeline {
    enum timeline_source source;
    struct lane *lanes; /* one an attempt, in their order; owned by whoever made the run, as the arrays below */
    nsec *syns;
    struct queue_point *points; /* ascending */
    size_t point_count;
    nsec end;        /* of the recording */
    uint64_t missed; /* packets that were too many to be kept: times are missing */
};

#endif
