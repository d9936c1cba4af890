/* Beginning at a moment of the wall clock. */
#ifndef STUDY_START_TIME_H
#define STUDY_START_TIME_H

#include "backlogctl/loop.h"
#include "backlogctl/run.h"

/* Waits on `loop` for a moment of CLOCK_REALTIME (0: does not wait), or for a signal, and counts how often the clock was set
   meanwhile. 0 or -errno. */
int start_wait(struct loop *loop, nsec at, struct run_start *facts, struct error *err);

/* It begins now, at `epoch` of CLOCK_MONOTONIC: how late that is, and how good the clock. */
void start_note(nsec epoch, nsec at, struct run_start *facts);

#endif
