/* Clients of the server's own, that keep its accept queues full. */
#ifndef ENGINE_SERVER_FILL_H
#define ENGINE_SERVER_FILL_H

#include "server_state.h"

/* Whether there are descriptors for all the clients that may be needed. 0 or -EMFILE. */
int fill_check(const struct server *server, struct error *err);

/* Connects until the kernel calls every listener's queue full. 0 or -errno; from the caller's thread only: its table has the
   clients. */
int fill_queues(struct server *server, struct error *err);

/* Keeps them full from now on, in the caller's loop, and tells SERVER_FULL unless they have been full before. A failure
   stops the loop: see server_failure. */
void fill_keep(struct server *server);

void fill_release(struct server *server);

#endif
