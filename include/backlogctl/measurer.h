/* Measures the queue of a running server, which is stopped meanwhile. */
#ifndef BACKLOGCTL_MEASURER_H
#define BACKLOGCTL_MEASURER_H

#include "backlogctl/freeze.h"
#include "backlogctl/measurement.h"
#include "backlogctl/survey.h"

/* The processes that hold a listener, as far as they can be seen. Zeroed is safe to release. */
struct owner_list {
    pid_t *pids; /* owned */
    size_t count, room;
};
void owners_find(struct owner_list *owners, const struct listener *listener);
void owners_release(struct owner_list *owners);

/* The connections are made from where the listener is: goes to its namespace, and stays there. 0 or -errno. */
int measurer_enter(const struct survey *survey, const struct listener *listener, struct error *err);

struct measure_plan {
    struct freeze_settings freeze;
    nsec patience; /* for the server to take in what waits, and to accept one more; each */
    struct expectations expect;
};

/* Measures this listener of our namespace and judges. Blocks the signals of loop_block_signals. 0 with what was found in *m, or
   -errno when nothing was begun. */
int measurer_run(struct measurement *m, const struct listener *listener, const struct owner_list *owners,
                 const struct measure_plan *plan, struct error *err);

#endif
