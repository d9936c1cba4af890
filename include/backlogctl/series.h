/* Series of runs of the lab, each in a process and a namespace of its own: over ranges (sweep), and in search of a backlog (size). */
#ifndef BACKLOGCTL_SERIES_H
#define BACKLOGCTL_SERIES_H

#include "backlogctl/experiment.h"
#include "backlogctl/sizing.h"
#include "backlogctl/sweep.h"

/* Told after each run: how many are done, of how many as far as that can be said. NULL: nobody is told. */
struct series_progress {
    void (*tell)(void *context, size_t done, size_t planned, nsec elapsed);
    void *context;
};

#define TRIALS_JOBS_MAX 256
/* So many runs at the same time as this process may use processors, `times` as many, but 1..TRIALS_JOBS_MAX. */
unsigned trials_jobs(unsigned times);

struct sweep_plan {
    /* Makes the plan of a cell's runs, which is zeroed; asked in the process of the run too. */
    void (*cell)(void *context, size_t cell, struct experiment_plan *plan);
    void *context;
    unsigned jobs; /* at most so many at the same time; 0: as many as suit the runs and the processors */
};

/* Runs every cell of `sweep`, whose axes, cells and repeat are set and all else is zeroed, and judges. A signal (SIGINT, ...) ends
   it: sweep->signal. Blocks the signals of loop_block_signals. 0 or -errno; sweep_release whatever it returned. */
int series_sweep(struct sweep *sweep, const struct sweep_plan *plan, const struct series_progress *progress, struct error *err);
void sweep_release(struct sweep *sweep);

struct size_plan {
    struct experiment_plan run; /* of each run; its backlog, count, timeout and timeline are the search's */
    uint32_t checks;            /* runs with the answer, none of which may drop */
};

/* Fills in a zeroed `s`: what the load comes to and, unless that is an overload, the smallest backlog that takes it. 0 with or
   without an answer (s->why, s->signal), or -errno. */
int series_size(struct sizing *s, const struct size_plan *plan, const struct series_progress *progress, struct error *err);

#endif
