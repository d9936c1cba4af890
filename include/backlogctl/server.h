/* The server of the experiment: listens with a given backlog, accepts at a given pace, holds the conversation. */
#ifndef BACKLOGCTL_SERVER_H
#define BACKLOGCTL_SERVER_H

#include "backlogctl/endpoint.h"
#include "backlogctl/error.h"
#include "backlogctl/loop.h"
#include "backlogctl/model.h"

/* Called from the thread that runs the server's loop, in order. Must not block. */
typedef void server_listen_event(void *context, const struct server_event *event);

struct server;

/* Binds and listens on every address (the same port: where the port is 0 the first address picks one). Addresses that
   cannot be bound are left out as long as one can; `left_out[i]` then has its error (code 0 otherwise; room for
   `count`; may be NULL). An IPv6 any-address is dual-stack unless the list has an IPv4 address too. Raises the soft limit
   on open files to the hard one. The settings' strings must outlive the server.
   0, or -errno of the first address when none could be bound. The caller owns *out and releases it. */
int server_open(struct server **out, const struct server_settings *settings, const struct endpoint *addresses,
                size_t count, struct error *left_out, struct error *err);
/* Closes everything, before the loop that it was attached to is released. NULL is fine. */
void server_release(struct server *server);

/* The listeners as bound, from their own descriptors (TCP_INFO, SO_MEMINFO; valid after server_open, also while the
   server runs on its thread). After the server's duration `known` is false. */
size_t server_listener_count(const struct server *server);
void server_listener(const struct server *server, size_t index, struct listener *out);

/* Serves on `loop` until the loop stops. When `duration` (since server_open) is over the server ends its listeners and
   stops the loop. Accepts each connection accept_delay after it could have: after the later of its arrival and the previous
   accept, at whichever listener that was. Without descriptors or memory for another client it tells SERVER_STARVED, tries
   again every 100 ms and after each client that leaves. With accept_count 0, SERVER_STOPPED comes at once. Drops wake
   nobody: they are looked for at every event and, while a queue is full, every 200 ms. on_event may be NULL. */
int server_attach(struct server *server, struct loop *loop, server_listen_event *on_event, void *context,
                  struct error *err);
/* Takes the last events (queue, drops) before a summary. Like server_totals not while the server runs on its thread. */
void server_flush(struct server *server);

/* As of the last event or flush. */
void server_totals(const struct server *server, struct server_totals *out);

/* The same server on a thread of its own, for `run`. server_start returns once it serves; server_stop ends and joins
   the thread (the listeners stay open until server_release). */
int server_start(struct server *server, struct error *err);
void server_stop(struct server *server);

/* Blocks until the server has accepted `count` clients, or will accept no more (accept_count, duration), or `deadline` (a
   point in time; NSEC_NEVER: no bound). Returns how many it has accepted. Only for a started server, and from one thread. */
uint64_t server_wait_accepted(struct server *server, uint64_t count, nsec deadline);

/* When each client was accepted, in order, on CLOCK_MONOTONIC; a v4-mapped peer as its IPv4 address. For a started server,
   after server_stop; valid until server_release. */
struct server_accept {
    struct endpoint peer;
    nsec at;
};
const struct server_accept *server_accepts(const struct server *server, size_t *count);

#endif
