/* Clients waiting at the listeners of a namespace: half-open requests, and the oldest client of each queue. */
#ifndef ENGINE_WAITING_H
#define ENGINE_WAITING_H

#include "backlogctl/listener.h"
#include "backlogctl/survey.h"

/* Fills in half_open, oldest and what is in the queues of listeners as listener_list gives them, from `sd`'s namespace. `port` 0: all.
   Where the kernel gives no answer, or a part, *incomplete says so; the first such reason stays. */
void waiting_find(struct sockdiag *sd, struct listener *listeners, size_t count, uint16_t port, struct error *incomplete);

/* Fills in only how long those have waited that were the oldest before (`notes`, in the order of waiting_note_compare), if they still
   wait: an exact question each, where waiting_find walks all sockets. None of a queue is older, then. */
void waiting_follow(struct sockdiag *sd, struct listener *listeners, size_t count, const struct waiting_note *notes,
                    size_t note_count);

/* By cookie, then namespace: for qsort(3). */
int waiting_note_compare(const void *left, const void *right);

#endif
