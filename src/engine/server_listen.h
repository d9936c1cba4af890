/* The server's listeners. */
#ifndef ENGINE_SERVER_LISTEN_H
#define ENGINE_SERVER_LISTEN_H

#include "server_state.h"

/* Binds and listens; see server_open. */
int listeners_open(struct server *server, const struct endpoint *addresses, size_t count, struct error *left_out,
                   struct error *err);

#endif
