/* Runs of the lab in processes of their own: each in its own namespace, several side by side, nothing left behind. */
#ifndef STUDY_TRIALS_H
#define STUDY_TRIALS_H

#include "backlogctl/series.h"

#include <sys/resource.h>

/* What to run, and what is told of it. */
struct trials {
    size_t count;
    unsigned jobs;     /* at most so many at the same time, 1..TRIALS_JOBS_MAX */
    unsigned unasked;  /* so many of them without a look at the processors */
    unsigned bursts;   /* at most so many bursts go out at the same time, 1.. */
    unsigned *most;    /* gets how many went at the same time; NULL: not told */
    struct trial *out; /* `count` of them, zeroed */
    /* Makes the plan of the i-th, which is zeroed; asked in its process. */
    void (*plan)(void *context, size_t i, struct experiment_plan *plan);
    /* Whether to begin no more; asked after each. NULL: never. */
    bool (*enough)(void *context);
    /* After each that is done; NULL: not told. */
    void (*progress)(void *context, size_t done, nsec elapsed);
    void *context;
};

/* CPU time, of user and system. */
nsec trials_cpu(const struct rusage *usage);

/* Runs them all, begun in their order as far as jobs go. A signal (SIGINT, ...) ends those that run and begins no more; *signal gets
   it. 0, or -errno when processes cannot be made at all: where some can, no more than those go at the same time. Blocks the signals
   of loop_block_signals. */
int trials_run(const struct trials *trials, int *signal, struct error *err);

#endif
