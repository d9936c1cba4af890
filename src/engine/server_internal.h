/* The server's parts: listeners (server_listen.c), accepting and events (server.c), its own thread (server_thread.c). */
#ifndef ENGINE_SERVER_INTERNAL_H
#define ENGINE_SERVER_INTERNAL_H

#include "backlogctl/server.h"
#include "conversation.h"

#include <pthread.h>
#include <stdatomic.h>

/* One listening socket. */
struct listening {
    struct server *server;
    struct watch watch; /* its descriptor; -1 when closed */
    struct endpoint local;
    nsec waiting_since; /* when the first in the queue came to be first; NSEC_NEVER: the queue is empty */
    /* As read last; after the end of the listener, its last figures. */
    uint32_t queue, backlog, drops;
    /* As told by the last event. */
    uint32_t told_queue, told_drops;
};

/* What a started server shares with the thread that started it. */
struct server_thread {
    bool started;
    pthread_t id;
    struct loop loop;
    struct watch stop;           /* an eventfd, written to by server_stop */
    pthread_mutex_t lock;        /* for `reached` alone */
    pthread_cond_t reached;      /* signalled when `accepted` has come to `wanted`, or nothing more will be accepted */
    atomic_uint_fast64_t wanted; /* what server_wait_accepted waits for; NOBODY_WAITS */
    struct server_accept *accepts;
    size_t accept_count, accept_room;
};

#define NOBODY_WAITS UINT64_MAX

struct server {
    struct server_settings settings;
    struct listening *listeners;
    size_t listener_count;
    nsec began; /* listening */

    struct loop *loop; /* NULL: not attached */
    server_listen_event *on_event;
    void *context;
    struct timer pace;   /* when the next accept is due */
    struct timer sample; /* when to read the drops of a full queue */
    struct timer life;   /* when the listeners end */

    nsec last_accept;
    bool starved; /* no descriptor or memory for the next client; `pace` is when to try again */
    atomic_uint_fast64_t accepted;
    atomic_bool finished; /* nothing more will be accepted */
    uint64_t closed;
    uint64_t peak_queue;
    struct clients clients;
    struct server_thread thread;
};

/* Binds and listens; see server_open. */
int listeners_open(struct server *server, const struct endpoint *addresses, size_t count, struct error *left_out,
                   struct error *err);

/* Reads queue, backlog and drops from the descriptor. A closed listener keeps its figures. */
void listener_read(struct listening *listener);

/* How many connections its queue holds: the kernel drops only when it is longer than the backlog. */
uint64_t listener_capacity(const struct listening *listener);

/* Takes the server out of its loop. */
void server_detach(struct server *server);

/* Makes room for another record; 0 or -ENOMEM. Nothing to do for a server without a thread. */
int thread_reserve_accept(struct server *server);
/* Records an accept. Nothing to do for a server without a thread. */
void thread_record_accept(struct server *server, const struct endpoint *peer, nsec at);
/* Wakes who waits for as many accepts as there are now. */
void thread_note_accepted(struct server *server);
/* Wakes who waits, since nothing more will be accepted. */
void thread_note_finished(struct server *server);

#endif
