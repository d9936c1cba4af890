/* Reports of several hosts about one burst, joined: what each of them contributed. Plain structs. */
#ifndef BACKLOGCTL_MERGED_H
#define BACKLOGCTL_MERGED_H

#include "backlogctl/clock.h"
#include "backlogctl/endpoint.h"
#include "backlogctl/run.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOST_NAME_SIZE 65 /* of uname(2) */
#define TROUBLE_SIZE 240

/* What has to be added to one host's clock for another's: between two bounds. */
struct clock_shift {
    bool least_known, most_known;
    nsec least, most;
};

/* A host that sent a share of the burst: one report of `probe --json`. */
struct merged_host {
    const char *file; /* that it was in, as named */
    char host[HOST_NAME_SIZE];
    char boot[HOST_NAME_SIZE];  /* what its kernel called its start; "": unknown */
    char trouble[TROUBLE_SIZE]; /* why its report is not among those that were joined; "": it is, and all below is known */
    bool harmless;              /* that it was not joined takes no connection away: it is counted already, or an observer's */
    bool twice;                 /* it is not, for another host has sent its share, too */
    struct probe_settings probe;
    bool sends; /* --send */
    struct endpoint target;
    nsec zero; /* of its spans, by its own clock (CLOCK_REALTIME) */
    nsec last_look, elapsed;
    struct run_start start;
    struct pace pace;
    bool rows;            /* false: it was made with --summary, and has counts alone: */
    size_t first, count;  /* its connections: `count` from the first-th on */
    uint64_t connections; /* that it began */
    uint64_t counts[VERDICT_COUNT];
    struct spread to_established, to_accepted;
    struct endpoint *sources; /* the addresses that it sent from; owned by whoever made the merge */
    size_t source_count, source_room, source_last;
    int signal;                    /* it was interrupted by it */
    char incomplete[TROUBLE_SIZE]; /* what it says of its own evidence */
    /* With an observer: */
    uint64_t through, matched; /* connections that got through as it saw, and those of them that the observer saw, too */
    struct clock_shift shift;  /* from its clock to the observer's, as the handshakes bound it; none: they tell nothing */
    bool other_time;           /* by the clocks as they stand what was observed is of another time: then nothing was matched */
    nsec shifted;              /* so much was added to its times */
};

/* Who watched the listener: one report of `observe --json`. */
struct merged_observer {
    const char *file;
    char host[HOST_NAME_SIZE];
    char boot[HOST_NAME_SIZE];
    struct clock_quality clock; /* known only with --start-at */
    char trouble[TROUBLE_SIZE]; /* why it was not joined */
    nsec zero, elapsed;
    bool complete;                 /* each connection that the listeners had between its first look and its last is known */
    char incomplete[TROUBLE_SIZE]; /* why not */
    uint64_t connections;          /* that it saw, */
    uint64_t foreign;              /* those of them that were found in no report */
    uint64_t peak;                 /* longest queue that it saw, of all its listeners together */
};

static inline bool clock_is_bound(const struct clock_shift *shift)
{
    return shift->least_known && shift->most_known && shift->least <= shift->most;
}

#define UNREPORTED_UNKNOWN UINT64_MAX

struct merged {
    struct merged_host *hosts; /* in the order given */
    size_t host_count;
    struct merged_observer *observers;
    size_t observer_count;
    nsec
        apart; /* from the first connection of the host that began first to that of the last one; NSEC_NEVER: a clock was moved */
    uint32_t segments; /* shares that the burst had; 0: unknown */
    uint32_t *absent;  /* shares that no report tells of, ascending; owned likewise */
    size_t absent_count;
    bool covered;        /* one observer saw the listener from before the burst to behind its end */
    uint64_t unreported; /* connections of which no report tells; UNREPORTED_UNKNOWN: any number */
};

#endif
