/* Measures the accept queue of a running server: stops it for a moment, fills the queue, counts, lets it go on. */
#ifndef BACKLOGCTL_CAPACITY_H
#define BACKLOGCTL_CAPACITY_H

#include "backlogctl/error.h"
#include "backlogctl/freeze.h"
#include "backlogctl/loop.h"
#include "backlogctl/measurement.h"

struct capacity_plan {
    const pid_t *pids; /* all processes that hold the listener, found just now */
    size_t pid_count;
    struct freeze_settings freeze;
    nsec patience; /* for the server to have taken everybody in, and to serve again; each */
};

/* Measures m->listener, which is in the calling thread's network namespace and is the only member of its group. Everything is
   prepared before the freeze; during it there are a look at whether the processes do hold the listener, connect(2), two
   questions to sock_diag, and nothing else. A signal in `loop` ends it at once. 0, with what was found in *m (also when that is
   incomplete); -errno when no connection was begun (-ESRCH: one of `pids` does not hold the listener). */
int capacity_measure(struct measurement *m, const struct capacity_plan *plan, struct loop *loop, struct error *err);

#endif
