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
    bool accepts;  /* it was seen to accept just now: it need not be tried before the freeze */
};

/* Measures m->listener, which is in the calling thread's network namespace and is the only member of its group. Everything is
   prepared before the freeze, and one connection is tried; during it there are a look at whether the processes do hold the listener,
   connect(2), three questions to sock_diag, and the closing of the connections. A signal in `loop` ends it at once. 0, with what was found in *m (also when that is
   incomplete); -errno when nothing was measured (-ESRCH: one of `pids` is gone or does not hold the listener; -EBUSY: nobody accepts;
   -EHOSTUNREACH: our connections do not get there; -ECHILD: a process is still stopped). */
int capacity_measure(struct measurement *m, const struct capacity_plan *plan, struct loop *loop, struct error *err);

#endif
