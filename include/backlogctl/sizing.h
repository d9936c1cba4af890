/* How large a backlog must be: the load, what arithmetic says of it, and what was measured. Plain data. */
#ifndef BACKLOGCTL_SIZING_H
#define BACKLOGCTL_SIZING_H

#include "backlogctl/run_settings.h"
#include "backlogctl/started_server.h"

/* Who comes, and how fast the server takes them. */
struct load {
    struct arrivals arrivals;
    nsec accept_delay; /* between two accepts; 0: at once */
    nsec stall;        /* it accepts nobody for so long, ... */
    nsec stall_every;  /* ... and again so long after the beginning of each; 0: once */
};

/* What follows from the load alone, if every clock were perfect. */
struct prediction {
    double arrivals, accepts; /* a second, in the long run; accepts 0: without bound */
    bool overload;            /* more come than can ever be accepted */
    uint64_t longest;         /* the longest queue */
    uint64_t count;           /* arrivals from the beginning of a stall (or burst) until the queue is empty again */
    nsec emptied;             /* when it is */
    bool cut;                 /* that takes too long: only the first part is looked at */
};

#define SIZING_PARTS(X)                                      \
    X(SIZING_LOOK, "look")           /* with room for all */ \
    X(SIZING_BISECTION, "bisection") /* for the smallest */  \
    X(SIZING_CHECK, "check")         /* of that with a reserve */
#define SIZING_PART_ENUM(symbol, name) symbol,
enum sizing_part { SIZING_PARTS(SIZING_PART_ENUM) SIZING_PART_COUNT };
const char *sizing_part_name(enum sizing_part value);

/* Runs with the same backlog. */
struct sizing_step {
    enum sizing_part part;
    uint32_t backlog;
    size_t runs, passed; /* those that dropped and lost nobody */
    bool dropped_known;
    uint64_t dropped; /* at most, by the run that dropped most */
    bool longest_known;
    uint64_t longest;  /* the longest queue of any */
    nsec longest_wait; /* of any client, from connect() to accepted; NSEC_NEVER: none was accepted */
};
#define SIZING_STEPS_MAX 64 /* the bisection of 32 bits, and all else */

struct sizing {
    struct load load;
    char *const *words;   /* of a server that is started for each run, as given; NULL: it is one of our own */
    enum backlog_way way; /* how that gets its backlog */
    uint32_t reuseport;   /* listeners of our own server that share the port; 0: one */
    struct transport transport;
    char kernel[72];
    char started_at[CLOCK_STAMP_SIZE];
    struct prediction predicted;
    /* Measured: */
    size_t looks;       /* runs with room for all, ... */
    bool longest_known; /* ... and the longest queue in them, if that can be known: */
    uint64_t longest_least, longest_most;
    bool smallest_known;
    uint32_t smallest; /* the smallest backlog that dropped nothing in the bisection */
    uint32_t backlog;  /* the answer; 0 until it is known */
    bool answered;
    bool calculated;              /* or there is none, and `backlog` is what the arithmetic says */
    size_t checks, checks_failed; /* runs with the answer, and how many of them dropped or lost */
    nsec longest_wait;            /* of any client in them, from connect() to accepted */
    size_t runs;                  /* in all */
    struct sizing_step steps[SIZING_STEPS_MAX];
    size_t step_count;
    nsec elapsed;
    uint32_t somaxconn; /* of this host; 0: unknown */
    int signal;         /* ended early by it; 0: not */
    char why[200];      /* why there is no answer, "" when there is */
};

#endif
