/* What the parts of the flood share. */
#ifndef ENGINE_FLOOD_INTERNAL_H
#define ENGINE_FLOOD_INTERNAL_H

#include "backlogctl/flood.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- Where connections come from (flood_sources.c) ---- */

struct sources {
    const struct endpoint_range *ranges; /* given; else: */
    size_t range_count;
    struct endpoint first; /* the destination's own address, and then */
    uint32_t loopback;     /* fresh 127/8 addresses from here (host order); 0: never another than `first` */
    bool only_loopback;    /* not even the first connections come from `first` */
    bool bind;             /* bind at all */
    bool bind_port;        /* and choose the port with it */
    bool autobind;         /* no handshake: an abstract name that the kernel chooses; nothing else here counts then */
    uint32_t per_source;   /* connections from one address before the next is taken */
    uint16_t low_port;     /* large bursts: the ports are ours to choose, from here; 0: the kernel chooses */
    uint32_t ports;        /* that many */
    uint32_t first_port;   /* of each address's first connection, counted from low_port */
    uint32_t used;         /* addresses that the burst takes */
};

/* Plans for `count` connections. 0, or -EADDRNOTAVAIL when the source ports cannot carry that many. */
int sources_plan(struct sources *sources, const struct flood_settings *settings, size_t count, struct error *err);

/* The address of the i-th connection, and the port to try first; port 0: any. */
struct endpoint sources_endpoint(const struct sources *sources, size_t i);

/* ---- A share of the connections, on the caller's thread or on one of its own (flood_shard.c) ---- */

struct shard {
    struct flood *flood;
    size_t first, end;         /* its attempts */
    size_t opened;             /* it got this far */
    struct loop *loop;         /* where its sockets are followed */
    struct loop_source events; /* the epoll of all its sockets, nested in that loop */
    bool following;
    nsec first_open, last_open, worst_late;
};

struct flood {
    struct flood_settings settings;
    struct sources sources;
    struct loop *loop; /* of the caller */
    nsec epoch;
    struct target *target;
    struct attempt *attempts; /* the target's */
    size_t count;
    int *fds; /* one an attempt, -1 when closed; a number in its shard's descriptor table */
    struct sockaddr_storage destination;
    socklen_t destination_size;
    flood_asks *asks; /* of the look that is taken; NULL: all */
    const void *asks_context;
    nsec start;              /* of the burst: what `rate` counts from */
    atomic_bool interrupted; /* a signal came: open no more */
    atomic_size_t established;
    struct shard *shards;
    struct flood_threads *flood_threads; /* the shards' threads; NULL: one shard, on the caller's thread */
    size_t shard_count;
};

/* One of which nothing is known yet. */
static inline struct attempt attempt_begun(uint32_t id)
{
    return (struct attempt){
        .id = id, .opened = NSEC_NEVER, .established = NSEC_NEVER, .accepted = NSEC_NEVER, .age_ms = -1, .state = STATE_CLOSE};
}

/* ---- What a connection's own socket tells of it (flood_socket.c) ---- */

nsec since_epoch(const struct flood *flood);

/* The first hard error counts, a soft one until then. */
void note_error(struct flood *flood, struct attempt *a, int error, bool soft);
void note_established(struct flood *flood, struct attempt *a);

/* Bytes came. Only a process of the server sends some, and it has accepted the connection before. */
void note_reply(const struct flood *flood, struct attempt *a);

/* Asks for its state, and returns it; look_at() asks for an error, too. */
enum tcp_state look_at_state(struct flood *flood, size_t i);
void look_at(struct flood *flood, size_t i);

/* 0, or -errno when this kernel has no such sockets. */
int shard_check_transport(const struct flood *flood, struct error *err);

int shard_init(struct shard *shard, struct loop *loop, struct error *err);
void shard_burst(struct shard *shard, size_t end); /* from shard->opened to `end` */
void shard_set_free(struct shard *shard);          /* none is confined any more, the first one neither */
void shard_look(struct shard *shard);
void shard_follow(struct shard *shard, bool on);
void shard_abandon(struct shard *shard);
void shard_close(struct shard *shard);

/* ---- Threads with descriptor tables of their own (flood_threads.c) ---- */

enum order { ORDER_BURST_ONE, ORDER_SET_FREE, ORDER_BURST, ORDER_LOOK, ORDER_PAUSE, ORDER_FOLLOW, ORDER_ABANDON, ORDER_END };

/* One thread a shard. 0 or -errno (-EAGAIN: no more threads). */
int crew_start(struct flood *flood, struct error *err);
/* Gives one shard an order, or all of them (crew_wait returns when every order given has been carried out; it listens to
   the caller's loop meanwhile, so that a signal is seen). */
void crew_give(struct flood *flood, size_t shard, enum order order);
void crew_wait(struct flood *flood);
void crew_end(struct flood *flood);

#endif
