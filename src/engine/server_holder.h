/* The threads that hold clients; one of them at a time is the accepter. */
#ifndef ENGINE_SERVER_HOLDER_H
#define ENGINE_SERVER_HOLDER_H

#include "server_state.h"

/* Makes a holder, on the loop given or, with NULL, on a thread and descriptor table of its own. */
int holder_make(struct server *server, struct loop *loop, struct holder **out, struct error *err);

/* The accepter's listeners go into its loop. */
int holder_accept(struct holder *holder, struct error *err);

/* Another becomes the accepter, perhaps because this one's table is full. False when none has room and none
   can be made. */
bool holder_hand_over(struct holder *holder, bool full);

void holder_close_listeners(struct holder *holder);

/* Lets every holder look at what has changed. */
void holders_wake(struct server *server);

/* Ends all threads and closes every client. */
void holders_release(struct server *server);

#endif
