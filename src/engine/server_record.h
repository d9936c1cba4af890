/* When clients were accepted, and waking the thread that waits for that. */
#ifndef ENGINE_SERVER_RECORD_H
#define ENGINE_SERVER_RECORD_H

#include "server_state.h"

/* Makes room for another record; 0 or -ENOMEM. Nothing to do for a server that keeps none. */
int accepts_reserve(struct server *server);
void accepts_record(struct server *server, const struct endpoint *peer, nsec at);

/* Wakes the thread that waits for as many accepts as there are now; without the lock. */
void accepts_note(struct server *server);

/* Nothing more will be accepted: wakes the waiting thread; without the lock. */
void accepts_finish(struct server *server);

int waiting_init(struct server *server, struct error *err);
void waiting_release(struct server *server);

#endif
