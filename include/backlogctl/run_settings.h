/* What was asked for: the server, the burst, and where it comes from. */
#ifndef BACKLOGCTL_RUN_SETTINGS_H
#define BACKLOGCTL_RUN_SETTINGS_H

#include "backlogctl/clock.h"
#include "backlogctl/endpoint.h"
#include "backlogctl/transport.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACCEPT_UNLIMITED INT64_C(-1)

#define REUSEPORT_MAX 256

struct server_settings {
    struct transport transport;
    uint32_t reuseport;   /* listeners that share each address by SO_REUSEPORT; 0: one, without that option */
    nsec defer_accept;    /* TCP_DEFER_ACCEPT, whole seconds; 0: off */
    int32_t backlog;      /* as given to listen(2): -2147483648..2147483647 */
    nsec accept_delay;    /* before each accept; 0: none */
    int64_t accept_count; /* accepts before stopping; ACCEPT_UNLIMITED or 0.. */
    bool full;  /* what is accepted is bounded, and then clients of its own keep the queue full; no reuseport, no defer_accept */
    nsec stall; /* it accepts nobody for so long, first when the first client comes; 0: never */
    nsec stall_every;     /* ... and again so long after the beginning of each stall; 0: once */
    nsec duration;        /* life of the listener; 0: no bound */
    const char *greeting; /* sent to each accepted client, with a newline; NULL: none */
};

#define SOURCES_MAX 16

/* Addresses to connect from. */
struct source_list {
    const char *text; /* as typed; NULL: none were given, they are chosen for the target */
    struct endpoint_range ranges[SOURCES_MAX];
    size_t count;
};

#define SEGMENTS_MAX 100000

/* A share of a burst that several hosts make together: of its connections each `of`-th, from the index-th on. */
struct segment {
    uint32_t index, of; /* index 1..of; of 0: all of it */
    uint32_t whole;     /* connections of all shares */
};

/* How clients come. */
struct arrivals {
    struct segment segment;
    uint32_t count; /* of this share: 1..1 000 000; 0 in a load: without end */
    uint32_t rate;  /* so many a second, evenly, scheduled against the start; 0: all at once, or: */
    uint32_t burst; /* so many at once, and as many again each time `every` is over; 0: no such bursts. With a rate, too: those of
                       a burst at that rate, which has to bring them out within `every` */
    nsec every;     /* 0: once */
};

/* When the i-th of the share comes, counted from 0: a span since the first of all. */
static inline nsec arrival_due(const struct arrivals *arrivals, uint64_t i)
{
    if (arrivals->segment.of)
        i = i * arrivals->segment.of + arrivals->segment.index - 1;
    uint64_t bursts = arrivals->burst ? i / arrivals->burst : 0, behind = arrivals->burst ? i % arrivals->burst : i;
    nsec within = arrivals->rate ? (nsec)((double)behind * NSEC_PER_SEC / arrivals->rate) : 0;
    return (nsec)bursts * arrivals->every + within;
}

struct probe_settings {
    struct arrivals arrivals;
    nsec timeout;     /* patience after the burst; 0: judge at once */
    const char *send; /* sent on each established connection, with a newline; NULL: nothing */
    nsec wait;        /* how long to wait for a listener first; 0: not */
    nsec start_at;    /* a moment of CLOCK_REALTIME to begin at; 0: at once */
    bool allow_remote;
    struct endpoint owned; /* a destination without the bounds that allow_remote has; family 0: none */
    bool summary;          /* no row per connection in the report */
    bool timeline;         /* record when what happened, and show it in the text report */
    uint32_t threads;      /* threads that open at the same time; 0 or 1: one order */
    struct source_list sources;
};

#endif
