/* The recorder of a run's timeline: from packets where they may be captured, else from the looks. */
#ifndef BACKLOGCTL_RECORDER_H
#define BACKLOGCTL_RECORDER_H

#include "backlogctl/error.h"
#include "backlogctl/connection_facts.h"

struct recorder;

/* TIMELINE_PACKETS: the namespace is ours alone, so its packets are captured (see capture.h; `ignored` is a device to leave out).
   TIMELINE_CALLS: a kind without a handshake, and a server of ours. TIMELINE_SAMPLES: the looks are all there is. `count` connections. 0 or -errno;
   *out is NULL then. */
int recorder_open(struct recorder **out, enum timeline_source source, size_t count, unsigned ignored, struct error *err);

/* After each look at a target, at `now` (a span since the start of the run): notes what has changed since the one before. */
void recorder_look(struct recorder *recorder, const struct target *target, nsec now);

/* Fills in the timeline of every target, once, after the accepts were noted (peers.h). `epoch` is the start of the run on
   CLOCK_MONOTONIC, `end` the span to its last look. 0 or -ENOMEM: then
   a timeline that could not be made is TIMELINE_NONE. The timelines are the caller's to release. */
int recorder_finish(struct recorder *recorder, struct target *targets, size_t count, nsec epoch, nsec end, struct error *err);

void recorder_release(struct recorder *recorder);

/* Frees what a timeline owns. */
void timeline_release(struct timeline *timeline);

#endif
