/* From packets to moments, and from moments to what the queue did. */
#ifndef ENGINE_RECORDER_PACKETS_H
#define ENGINE_RECORDER_PACKETS_H

#include "backlogctl/capture.h"
#include "moments.h"

/* Reads the captured packets into the log, each with the attempt that it belongs to. 0 or -ENOMEM. */
int packets_gather(struct capture *capture, struct moments *log, struct target *targets, size_t count, nsec epoch,
                   struct error *err);

/* When each connection of a target, whose lanes are made, entered and left the queue or was dropped. 0 or -ENOMEM. */
int moments_make_points(const struct moments *log, struct target *target, struct error *err);

#endif
