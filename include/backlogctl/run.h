/* A run as a whole, which every report prints: the study's facts, then the judge's counts. */
#ifndef BACKLOGCTL_RUN_H
#define BACKLOGCTL_RUN_H

#include "backlogctl/connection_facts.h"
#include "backlogctl/expectation.h"
#include "backlogctl/interval.h"
#include "backlogctl/run_settings.h"
#include "backlogctl/socket_holder.h"
#include "backlogctl/started_server.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a time is spread over the connections: exact quantiles of all samples, and a histogram. */
#define SPREAD_BUCKETS 28
struct spread {
    uint64_t samples; /* 0: all else is 0 */
    nsec min, p50, p90, p99,
        max; /* nearest rank: the smallest sample that at least that share does not exceed; NSEC_NEVER: the buckets
                                     alone are known */
    /* [i]: spans from 2^i us to below 2^(i+1) us; [0] also the shorter ones, the last the longer */
    uint64_t buckets[SPREAD_BUCKETS];
};

/* How the burst went out. */
struct pace {
    nsec took;        /* from the first connect() to the return of the last */
    double rate;      /* connections a second that were really begun; 0: fewer than two */
    nsec worst_late;  /* --rate: how far the latest connect() was behind its schedule */
    uint32_t threads; /* that carried the burst, one after the other or at the same time */
    uint32_t sources; /* source addresses used */
};

/* Sysctls of the run's network namespace that its reports reason with; -1: unknown, or this kernel has no such. */
struct run_sysctls {
    int64_t abort_on_overflow, syncookies, syn_retries, syn_linear_timeouts; /* net.ipv4.tcp_... */
    int64_t conntrack_count;                                                 /* connections that netfilter tracks */
};

#define SYN_TIMES 8

#define TARGETS_MAX ENDPOINTS_MAX

/* How a burst began that was to begin at a moment of the wall clock (probe_settings.start_at). */
struct run_start {
    nsec late;          /* the first connect() came so long after it */
    uint32_t clock_set; /* so often the clock was set while it was waited for */
    struct clock_quality clock;
};

struct merged;

struct run {
    const char *command;               /* "probe" or "run" */
    const char *preset, *preset_words; /* its name, and what it shows; NULL: none */
    const char *host;                  /* as typed */
    const char *netns;    /* likewise, where the burst was sent; NULL: where this program was started, or in a private one */
    uint64_t netns_inode; /* of the namespace that it was sent in; 0: unknown */
    char kernel[72];      /* release, as uname -r */
    char node[65];        /* name of this host, as uname -n */
    char boot[40];        /* what its kernel called its start, "" if unknown */
    char started_at[CLOCK_STAMP_SIZE]; /* the zero of all spans since the start of the run */
    struct probe_settings probe;
    struct run_start start;        /* only with probe.start_at */
    struct server_settings server; /* only when has_server */
    bool has_server;               /* the server was ours: asked backlog and exact accept times are known */
    struct started_server started; /* or it was started for this run */
    bool private_namespace;
    bool alone;         /* every packet in it belongs to the run */
    nsec delay;         /* of the path, one way; 0: none but loopback's */
    uint32_t somaxconn; /* of this network namespace; 0: unknown */
    struct run_sysctls sysctls;
    bool asked;                         /* the kernel could be asked about sockets (sock_diag) */
    struct target targets[TARGETS_MAX]; /* in the order tried; those never tried have no attempts */
    size_t target_count;
    size_t connection_count;     /* connections begun; fewer than asked only when interrupted */
    const struct merged *merged; /* whose reports were joined to this one; NULL: it is of one process */
    nsec last_look;              /* from the first connect to the beginning of the last look */
    nsec elapsed;                /* ... and to its end */
    struct counters counters;    /* change during the run */
    bool others_known;           /* the listeners of the namespace that are none of the targets' were there all the time: */
    uint64_t others;             /* packets that they discarded during the run, in all */
    struct pace pace;
    struct spread to_established; /* from connect() to established, of every connection that came so far */
    struct spread to_accepted;    /* from connect() to accepted */
    struct expectation expectations[EXPECTATIONS_MAX];
    size_t expectation_count;
    struct holders_look stuck; /* at the listener where clients wait while nobody accepts */
    int signal;                /* ended early by this signal; 0: not */
    char incomplete[160];      /* why evidence is missing, "" when it is complete */
    /* Written by the judge: */
    uint64_t counts[VERDICT_COUNT];   /* one a connection: of its deciding attempt */
    bool discarded_known;             /* of at least one listener */
    uint64_t discarded;               /* packets discarded by the listeners during the run, each listener counted once */
    struct interval overflows;        /* of those, dropped on full accept queues */
    uint32_t syn_times_s[SYN_TIMES];  /* when a client without an answer sends its SYN again, seconds after the first, */
    size_t syn_time_count;            /* so many; 0: unknown */
    uint32_t gives_up_s;              /* and when connect(2) fails */
    enum expectation_outcome outcome; /* of all expectations: the worst */
};

#endif
