/* A watching in which the kernel counts. */
#ifndef CLI_WATCH_EXACT_H
#define CLI_WATCH_EXACT_H

#include "watch_run.h"

/* Loads the programs, where that is wanted and may be, and gives up what that took. EXIT_DONE, also where it is sampled instead; else what
   is wrong has been said. Takes some 200 ms. */
int watch_exact_begin(struct watch_run *run);

/* Before and behind the survey that ends an interval: what the kernel has counted goes into the model. 0 or -errno. */
void watch_exact_cut(struct watch_run *run);
int watch_exact_take(struct watch_run *run, const struct survey *survey, struct error *err);

/* Whether sampling it tells nothing more. */
bool watch_exact_suffices(const struct watch_run *run, const struct listener_history *one);

#endif
