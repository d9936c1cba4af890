/* The server of the experiment: listens with a given backlog, accepts at a given pace, holds the conversation. */
#ifndef BACKLOGCTL_SERVER_H
#define BACKLOGCTL_SERVER_H

#include "backlogctl/endpoint.h"
#include "backlogctl/error.h"
#include "backlogctl/loop.h"
#include "backlogctl/listener_facts.h"
#include "backlogctl/run_settings.h"
#include "backlogctl/server_event.h"

/* Called from the thread that runs the server's loop, in order: from the loop, server_attach or server_flush. At once, or a
   millisecond after the last ones, together with all that came meanwhile. Accepting waits for it only when many thousand
   events are on their way. */
typedef void server_listen_event(void *context, const struct server_event *event);

struct server;

/* Binds and listens on every address (the same port: where the port is 0 the first address picks one). Addresses that
   cannot be bound are left out as long as one can; `left_out[i]` then has its error (code 0 otherwise; room for
   `count`; may be NULL). An IPv6 any-address is dual-stack unless the list has an IPv4 address too. Raises the limit on
   open files: to fs.nr_open where that is permitted, else the soft one to the hard one. The settings' strings must outlive the
   server. With `full` and an accept_count of 0 the queues are full when it returns.
   0, or -errno of the first address when none could be bound. The caller owns *out and releases it. */
int server_open(struct server **out, const struct server_settings *settings, const struct endpoint *addresses, size_t count,
                struct error *left_out, struct error *err);
/* Closes everything, before the loop that it was attached to is released. NULL is fine. */
void server_release(struct server *server);

/* The listeners as bound, from their own descriptors (TCP_INFO, SO_MEMINFO; valid after server_open, also while the
   server runs on threads). After the server's duration `known` is false. */
size_t server_listener_count(const struct server *server);
void server_listener(const struct server *server, size_t index, struct listener *out);

/* Serves on `loop` until the loop stops. When `duration` is over, counted from here or from server_start, the server ends its
   listeners and stops the loop. Accepts each connection accept_delay after it could have: after the later of its arrival and the previous
   accept, at whichever listener that was. While others stand in a queue they are accepted first; a client's conversation
   begins when the queue is empty, or half a second after its accept.
   The limit on open files binds each descriptor table, not the server: when the table of the thread that accepts is full,
   a further thread with a table of its own goes on, and one that clients have left accepts again. Without descriptors or
   memory for another client or thread it tells SERVER_STARVED, tries again every 100 ms and after each client that leaves.
   With accept_count 0, SERVER_STOPPED comes at once. With `full` the queues are filled after SERVER_STOPPED, and SERVER_FULL is told
   of each unless they are full already; whoever makes a queue longer, it is full again within some 100 ms. Changes of a queue and drops are told every 10 ms at most, the last
   ones always; drops wake nobody and are looked for when others arrive and, while a queue is full, every 200 ms. The queue
   of an accept is counted down from the last look. on_event may be NULL. */
int server_attach(struct server *server, struct loop *loop, server_listen_event *on_event, void *context, struct error *err);
/* Why an attached server has stopped its loop before its time: its queues cannot be kept full. 0 (it has not), or -errno. */
int server_failure(const struct server *server, struct error *err);
/* Takes the last events (queue, drops) before a summary. For an attached server from its loop's thread. */
void server_flush(struct server *server);

/* As of the last event or flush. */
void server_totals(const struct server *server, struct server_totals *out);

/* The same server on a thread of its own, for `run`; its clients take none of the caller's descriptors. server_start
   returns once it serves. server_stop returns when all threads have stopped, those of an attached server too: then nothing
   is accepted, answered or told any more, but the listeners and the clients stay open until server_release. */
int server_start(struct server *server, struct error *err);
void server_stop(struct server *server);

/* How many clients it has accepted so far; from any thread. */
uint64_t server_accepted(const struct server *server);

/* Blocks until the server has accepted `count` clients, or will accept no more (accept_count, duration), or `deadline` (a
   point in time; NSEC_NEVER: no bound). Returns how many it has accepted. Only for a started server, and from one thread. */
uint64_t server_wait_accepted(struct server *server, uint64_t count, nsec deadline);

/* From now on `loop` is stopped each time that the server accepts a client and has accepted `count` by then, and when it will accept no
   more; at once where either was so before it is asked for the first time. Asked again, `count` changes. Not together with
   server_wait_accepted; the loop outlives what the server does. Only for a started server, and from one thread. 0 or -errno. */
int server_stop_loop(struct server *server, struct loop *loop, uint64_t count, struct error *err);

/* When each client was accepted, in order, on CLOCK_MONOTONIC. For a started server, after server_stop; valid until server_release. */
struct server_accept {
    struct endpoint peer;
    nsec at;
};
const struct server_accept *server_accepts(const struct server *server, size_t *count);

#endif
