/* Runs repeated over ranges of their options, and what came out of each: plain data. */
#ifndef BACKLOGCTL_SWEEP_H
#define BACKLOGCTL_SWEEP_H

#include "backlogctl/interval.h"
#include "backlogctl/clock.h"
#include "backlogctl/started_server.h"
#include "backlogctl/vocabulary.h"

#define AXES_MAX 2
#define REPEAT_MAX 1000
#define AXIS_NAME_SIZE 96
#define AXIS_VALUE_SIZE 40

/* An option and the values that it takes in turn. */
struct axis {
    char name[AXIS_NAME_SIZE]; /* "backlog", "net.core.somaxconn" */
    char (*values)[AXIS_VALUE_SIZE];
    size_t count;
};

/* What is kept of a run. */
struct trial {
    bool done; /* false: not begun, or given up */
    int error; /* positive errno when it could not be done: then `why` says so, and all else is 0 */
    char why[200];
    uint64_t counts[VERDICT_COUNT];
    enum socket_kind kind;
    struct interval overflows;                     /* dropped on full accept queues */
    uint64_t capacity, backlog;                    /* of the listener; 0: not known */
    uint64_t longest;                              /* the longest queue; 0 without a timeline */
    uint64_t left;                                 /* in the queue at the end */
    nsec accepted_p50, accepted_p99, accepted_max; /* time from connect() to accepted; NSEC_NEVER: none was */
    nsec last_accept;                              /* since the start of the run; NSEC_NEVER: none */
    nsec elapsed;
    enum expectation_outcome outcome; /* of its expectations: the worst */
    bool incomplete;                  /* evidence was missing */
};

/* What a sweep shows of a cell: the verdicts in their order, then these. */
enum sweep_measure { SWEEP_DROPS = VERDICT_COUNT, SWEEP_P99, SWEEP_MEASURE_COUNT };
static inline const char *sweep_measure_name(enum sweep_measure m)
{
    return m == SWEEP_P99 ? "p99_accepted" : m == SWEEP_DROPS ? "drops" : verdict_name((enum verdict)m);
}

/* Of the trials of a cell: the one in the middle, the least and the greatest. Times in nanoseconds. */
struct middle {
    bool known; /* false: no trial has a value */
    uint64_t least, median, greatest;
};

#define SWEEP_FIXED_SIZE 512

struct sweep {
    char kernel[72];
    char started_at[CLOCK_STAMP_SIZE];
    char *const *words;           /* of a server that is started for each run, as given; NULL: it is one of our own */
    enum backlog_way way;         /* how that gets its backlog */
    char fixed[SWEEP_FIXED_SIZE]; /* the options that do not vary, as given; "" for none */
    struct axis axes[AXES_MAX];
    size_t axis_count;
    size_t repeat;        /* 1..REPEAT_MAX */
    struct trial *trials; /* by cell, then by repetition; a cell is [first axis][second axis] */
    size_t cells;
    size_t done;   /* trials that are */
    size_t failed; /* of them, could not be done */
    nsec elapsed;
    unsigned jobs;                                 /* at most so many went at the same time */
    int signal;                                    /* ended early by it; 0: not */
    struct middle (*middles)[SWEEP_MEASURE_COUNT]; /* one row a cell */
    /* Written by the judge, with the middles: */
    enum expectation_outcome outcome; /* of all trials: the worst */
};

/* The value of a cell on an axis. */
static inline const char *sweep_value(const struct sweep *sweep, size_t cell, size_t axis)
{
    size_t inner = sweep->axis_count > 1 ? sweep->axes[1].count : 1;
    return sweep->axes[axis].values[axis ? cell % inner : cell / inner];
}

#endif
