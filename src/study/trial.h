/* One trial in a process of its own: what the parent and its child say to each other. */
#ifndef STUDY_TRIAL_H
#define STUDY_TRIAL_H

#include "backlogctl/experiment.h"
#include "backlogctl/series.h"

#include <sys/types.h>

/* How far a trial has come. The child writes the one byte TRIAL_PREPARED and waits for a byte of the parent's, its turn; then
   TRIAL_FOLLOWING, and its struct trial. One that fails does not wait. */
enum trial_step {
    TRIAL_PREPARING, /* process, namespace, server; nothing of it has a time that counts */
    TRIAL_PREPARED,
    TRIAL_BURSTING, /* it has its turn */
    TRIAL_FOLLOWING /* the burst is out */
};

/* The child's part: performs the plan, says so on its end of a stream, and ends. */
_Noreturn void trial_main(const struct experiment_plan *plan, int channel);

#endif
