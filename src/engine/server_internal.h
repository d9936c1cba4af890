/* The server's parts: its life (server.c), listeners (server_listen.c), accepting (server_accept.c), events
   (server_events.c), the threads that accept and hold clients (server_holder.c), and the server without a
   loop of the caller's (server_thread.c). */
#ifndef ENGINE_SERVER_INTERNAL_H
#define ENGINE_SERVER_INTERNAL_H

#include "backlogctl/listener.h"
#include "backlogctl/server.h"
#include "conversation.h"

#include <pthread.h>
#include <stdatomic.h>

/* One listening socket. */
struct listening {
    struct server *server;
    struct watch watch; /* in the accepter's loop; the descriptor has the same number in every table */
    nsec waiting_since; /* accepter's: when the first in the queue came to be first; NSEC_NEVER: none is */
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
    struct watch news;
    struct timer pace;   /* accepter: when the next accept is due */
    struct timer sample; /* accepter: when to look at the listeners again */
    struct timer begin;  /* when to begin conversations */
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
    struct watch told; /* an eventfd, written to when there are events for the caller */
    int news;          /* an eventfd, written to when a holder may have something to do; never read */
    struct timer life; /* in the first holder's loop: when the listeners end */

    atomic_uint_fast64_t accepted;
    atomic_bool finished; /* nothing more will be accepted */

    /* The accepter's, handed on with that role. */
    nsec last_accept;
    nsec stalls_from; /* when the first client was seen: the first stall began; 0: none has been */
    bool recording;   /* set by server_start */
    struct server_accept *accepts;
    size_t accept_count, accept_room;

    pthread_mutex_t lock;
    pthread_cond_t changed;      /* a holder is ready, has stopped, or may be released */
    pthread_cond_t reached;      /* `accepted` has come to `wanted`, or nothing more will be accepted */
    atomic_uint_fast64_t wanted; /* what server_wait_accepted waits for; NOBODY_WAITS */
    /* Under the lock: */
    struct holder *holders, *accepter; /* the first one leads: it ends the listeners */
    size_t holder_count;
    size_t serving; /* threads that run their loop */
    bool stopping, releasing;
    bool ended;   /* the listeners listen no more */
    bool starved; /* no descriptor or memory for the next client. Written by the accepter */
    bool retry;   /* ... but a client has left meanwhile */
    bool crowded; /* a full holder waits for an empty queue to begin conversations. Written by the accepter */
    uint64_t closed, peak_queue;
    nsec changes_told; /* when a change of a queue was told last */
    struct event_queue events;
};

#define NOBODY_WAITS UINT64_MAX

static inline void server_lock(const struct server *server)
{
    pthread_mutex_lock((pthread_mutex_t *)&server->lock);
}

static inline void server_unlock(const struct server *server)
{
    pthread_mutex_unlock((pthread_mutex_t *)&server->lock);
}

/* ---- server_listen.c ---- */

/* Binds and listens; see server_open. */
int listeners_open(struct server *server, const struct endpoint *addresses, size_t count, struct error *left_out,
                   struct error *err);

/* ---- server_events.c ---- */

/* Puts an event on its way; with the lock. */
void events_tell(struct listening *listener, struct server_event event);

/* Events that have not reached the caller yet. */
size_t events_pending(struct server *server);

/* Passes on what is pending, on the caller's thread. */
void events_deliver(struct server *server);
void events_told(struct watch *watch, uint32_t events);

/* The accepter reads a listener's figures and tells what changed: at once, or when changes were told only
   now, soon. */
void events_look(struct holder *holder, struct listening *listener);

/* The accepter has taken clients since its last look: makes sure that there will be another. */
void events_look_soon(struct holder *holder);
void events_sample(struct timer *timer);

/* ---- server_accept.c ---- */

/* accept_count accepts have been made, or none are wanted. */
bool accept_count_reached(const struct server *server);

/* Tells that nothing more will be accepted. */
void accept_finished(struct server *server, struct listening *last);

void accept_paced(struct timer *timer);
void accept_begin(struct timer *timer);
void accept_ready(struct watch *watch, uint32_t events);
void accept_closed(struct clients *clients, const struct client *client);

/* ---- server.c ---- */

/* Makes the first holder the accepter and arms the end of the listeners. */
int server_begin(struct holder *first, struct error *err);

/* ---- server_holder.c ---- */

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

/* Takes a holder out of the caller's loop. */
void holder_detach(struct holder *holder);

/* Ends all threads and closes every client. */
void holders_release(struct server *server);

/* ---- server_thread.c ---- */

/* Makes room for another record; 0 or -ENOMEM. Nothing to do for a server that keeps none. */
int accepts_reserve(struct server *server);
void accepts_record(struct server *server, const struct endpoint *peer, nsec at);

/* Wakes who waits for as many accepts as there are now; without the lock. */
void accepts_note(struct server *server);

/* Nothing more will be accepted: wakes who waits; without the lock. */
void accepts_finish(struct server *server);

int waiting_init(struct server *server, struct error *err);
void waiting_release(struct server *server);

#endif
