/* Runs of the lab in processes of their own: each in its own namespace, several side by side, nothing left behind. */
#ifndef BACKLOGCTL_TRIALS_H
#define BACKLOGCTL_TRIALS_H

#include "backlogctl/options.h"
#include "backlogctl/sweep.h"

#define TRIALS_JOBS_MAX 64

/* What to run, and what is told of it. */
struct trials {
    size_t count;
    unsigned jobs;     /* at most so many at the same time, 1..TRIALS_JOBS_MAX */
    struct trial *out; /* `count` of them, zeroed */
    /* Fills in the settings of the i-th; `settings` begins as the default ones. */
    void (*settings)(void *context, size_t i, struct settings *settings);
    /* Whether to begin no more; asked after each. NULL: never. */
    bool (*enough)(void *context);
    /* A line for a person at a terminal, after each that is done; NULL: none. */
    void (*progress)(void *context, size_t done, nsec elapsed);
    void *context;
};

/* Runs them all, in their order as far as jobs go. A signal (SIGINT, ...) ends those that run and begins no more; *signal gets it.
   0, or -errno when processes cannot be made at all. Blocks the signals of loop_block_signals. */
int trials_run(const struct trials *trials, int *signal, struct error *err);

/* So many times as many as this process may use processors, but 1..TRIALS_JOBS_MAX. */
unsigned trials_jobs(unsigned times);

#endif
