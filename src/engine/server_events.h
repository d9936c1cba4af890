/* The events of a server on their way to its caller. */
#ifndef ENGINE_SERVER_EVENTS_H
#define ENGINE_SERVER_EVENTS_H

#include "server_state.h"

/* Room for the first events, so that they are told without memory, too. 0 or -ENOMEM. */
int events_prepare(struct server *server, struct error *err);

/* Puts an event on its way, from a holder's thread; with the lock. NULL: the caller of this delivers it. */
void events_tell(struct holder *holder, struct listening *listener, struct server_event event);

/* Reads a listener's figures; with the lock. False: it has none any more. */
bool events_read(struct listening *listener);

/* Events that have not reached the caller yet. */
size_t events_pending(struct server *server);

/* Passes on what is pending, on the caller's thread. */
void events_deliver(struct server *server);
void events_due(struct timer *tell);
void events_told(struct loop_source *source, uint32_t events);

/* The accepter reads a listener's figures and tells what changed: at once, or when changes were told only
   now, soon. */
void events_look(struct holder *holder, struct listening *listener);

/* The accepter has taken clients since its last look: makes sure that there will be another. */
void events_look_soon(struct holder *holder);
void events_sample(struct timer *timer);

#endif
