/* The queues of many listeners, read again. */
#ifndef ENGINE_QUEUES_H
#define ENGINE_QUEUES_H

#include "backlogctl/listener.h"

/* Fills in what the queue of each TCP listener of `family` is now, by one walk of all of them; QUEUE_UNKNOWN where that does not tell,
   as of one that has gone. */
#define QUEUE_UNKNOWN UINT64_MAX
void queues_read(struct sockdiag *sd, int family, const struct listener *listeners, size_t count, uint64_t *now);

#endif
