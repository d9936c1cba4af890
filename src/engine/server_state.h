/* What the server's parts share. From the bottom up, each calling only those below it: its record of accepts (server_record.c), its
   listeners (server_listen.c), its events (server_events.c), the clients that keep its queues full (server_fill.c), the threads that
   hold clients (server_holder.c), accepting (server_accept.c), its life as a whole (server.c). */
#ifndef ENGINE_SERVER_STATE_H
#define ENGINE_SERVER_STATE_H

#include "backlogctl/listener.h"
#include "backlogctl/server.h"
#include "conversation.h"

#include <pthread.h>
#include <stdatomic.h>

/* One listening socket. */
struct listening {
    struct server *server;
    struct loop_source source; /* in the accepter's loop; the descriptor has the same number in every table */
    nsec waiting_since;        /* accepter's: when the first in the queue came to be first; NSEC_NEVER: none is */
    /* Under the lock. As read last; after the end of the listener, its last figures. */
    struct listener now;
    /* Under the lock. As told by the last event. */
    uint64_t told_queue, told_drops;
};

/* A thread that holds clients. One at a time is the accepter; when its descriptor table is full another takes
   over, and it goes on with the clients that it has. The first one may be the caller's own thread; every
   other has a descriptor table of its own. */
struct holder {
    struct server *server;
    struct holder *next;
    struct loop *loop; /* the caller's, or own_loop */
    struct loop own_loop;
    struct loop_source news;
    struct timer pace;   /* accepter: when the next accept is due */
    struct timer sample; /* accepter: when to look at the listeners again */
    struct timer begin;  /* when to begin conversations */
    struct timer tell;   /* when the caller gets the events at hand */
    nsec told_at;        /* when it got some from here last */
    struct clients clients;
    nsec fresh_since;      /* when the first of those not begun was accepted */
    bool accepting;        /* the listeners are in its loop */
    bool listeners_closed; /* in its table */
    bool own_table;
    uint32_t room; /* under the lock: clients that have left since it was full; ROOM_UNKNOWN before */
    /* Of its thread; `ready` under the lock: it serves, or could not (status, error). */
    bool threaded, ready;
    pthread_t id;
    int status;
    struct error error;
};

#define ROOM_UNKNOWN UINT32_MAX

/* Events on their way to the caller's thread, under the lock. */
struct event_queue {
    struct server_event *pending, *spare;
    size_t count, room, spare_room;
};

/* How far accepting has come. */
struct accepting {
    atomic_uint_fast64_t accepted;
    atomic_bool finished; /* nothing more will be accepted */
    /* The accepter's, handed on with that role: */
    nsec last;        /* when the last client was accepted */
    nsec stalls_from; /* when the first client was seen: the first stall began; 0: none has been */
    /* The same, for a server of server_start: when each client came, and the thread that waits for it. */
    bool recording;
    struct server_accept *record;
    size_t record_count, record_room;
    pthread_cond_t reached;      /* `accepted` has come to `wanted`, or nothing more will be accepted */
    atomic_uint_fast64_t wanted; /* what is waited for; NOBODY_WAITS */
    struct loop *stopped;        /* by then, too: the one of server_stop_loop; under the lock */
    /* Under the lock; the accepter writes: */
    struct holder *accepter;
    bool starved; /* no descriptor or memory for the next client */
    bool retry;   /* ... but a client has left meanwhile, which any holder may write */
    bool crowded; /* a full holder waits for an empty queue to begin conversations */
};

#define NOBODY_WAITS UINT64_MAX

/* The caller's thread alone: clients of the server's own, in its queues. */
struct filler {
    int *clients;
    size_t count, room;
    bool full; /* every queue has been */
    struct timer look;
    struct error failure;
};

/* What a holder does with clients: accepting's part, which the holders know by these alone. */
struct holder_duties {
    int (*begin)(struct holder *first, struct error *err); /* the server begins to serve */
    void (*accept)(struct timer *pace);
    void (*converse)(struct timer *begin);
    void (*closed)(struct clients *clients, const struct client *client);
};

struct server {
    struct server_settings settings;
    char *greeting; /* with its newline; NULL: none */
    size_t greeting_length;
    struct listening *listeners;
    size_t listener_count;
    nsec began; /* listening */

    struct loop *loop; /* the caller's; NULL: not attached */
    server_listen_event *on_event;
    void *context;
    struct loop_source told; /* an eventfd, written to when another thread has events for the caller */
    int news;                /* an eventfd, written to when a holder may have something to do; never read */
    struct timer life;       /* in the first holder's loop: when the listeners end */
    const struct holder_duties *duties;
    struct accepting accepting;
    struct filler filler;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* a holder is ready, has stopped, or may be released */
    /* Under the lock: */
    struct holder *holders; /* the first one leads: it ends the listeners */
    size_t holder_count;
    size_t serving; /* threads that run their loop */
    bool stopping, releasing;
    bool ended; /* the listeners listen no more */
    uint64_t closed, peak_queue;
    nsec changes_told; /* when a change of a queue was told last */
    struct event_queue events;
};

static inline void server_lock(const struct server *server)
{
    pthread_mutex_lock((pthread_mutex_t *)&server->lock);
}

static inline void server_unlock(const struct server *server)
{
    pthread_mutex_unlock((pthread_mutex_t *)&server->lock);
}

#endif
