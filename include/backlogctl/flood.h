/* The flood: a burst of connections at one address, and what their own sockets tell of them. */
#ifndef BACKLOGCTL_FLOOD_H
#define BACKLOGCTL_FLOOD_H

#include "backlogctl/error.h"
#include "backlogctl/loop.h"
#include "backlogctl/model.h"

struct flood_settings {
    struct endpoint destination;
    bool local;       /* the destination is this host: sources are bound, so that no socket connects to itself */
    bool follow;      /* keep watching after the burst; needed for `send` too */
    uint32_t rate;    /* arrivals a second; 0: all at once */
    const char *send; /* sent with a newline once established; NULL: nothing. Outlives the flood */
    /* Called before each connection but the first with the number opened so far; it may wait. NULL: none. */
    void (*gate)(void *context, size_t opened);
    void *gate_context;
};

struct flood;

/* Prepares a burst of `count` attempts, whose ids are set and which outlive the flood. Opens no connection. 0, or -errno:
   -EMFILE when the descriptor limit cannot hold that many (the text names the limit and what lifts it). */
int flood_open(struct flood **out, const struct flood_settings *settings, struct attempt *attempts, size_t count,
               struct loop *loop, struct error *err);

/* Opens them all in the order of their ids; their times are spans since `epoch`, a point on CLOCK_MONOTONIC. Returns how
   many were begun: fewer than `count` when a signal came. A connection that our side could not open has its errno; that
   ends nothing. */
size_t flood_burst(struct flood *flood, nsec epoch);

/* Asks every open socket for its state (TCP_INFO, SO_ERROR: tcp(7)). About 1.5 us each. */
void flood_look(struct flood *flood);

/* Closes the sockets whose handshake never completed, as a client does before it tries its next address. Nothing is sent. */
void flood_abandon(struct flood *flood);

/* Closes every socket and frees the flood; NULL is fine. Connections that the server has or will get end with FIN, as any
   client's would; lost and half-open ones with RST, which the server ignores: their FIN would revive them. */
void flood_release(struct flood *flood);

#endif
