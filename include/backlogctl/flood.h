/* The flood: a burst of connections at one address, and what their own sockets tell of them. */
#ifndef BACKLOGCTL_FLOOD_H
#define BACKLOGCTL_FLOOD_H

#include "backlogctl/error.h"
#include "backlogctl/loop.h"
#include "backlogctl/run.h"

/* What keeps packets for an address of this host on it when address translation carries them elsewhere (netfilter does so after
   the route was chosen, and asks for another). */
enum confinement {
    CONFINED_NOT,
    CONFINED_TO_LOOPBACK, /* sockets are bound to lo (SO_BINDTODEVICE, which takes no right since Linux 5.7): nothing leaves */
    CONFINED_TO_ONE_HOP   /* addresses of other devices cannot be reached so; packets live for one hop (IP_TTL, ip(7)) */
};

struct flood_settings {
    struct endpoint destination;
    /* With a path, that is the destination, and each client gets an abstract name of its own (autobind, unix(7)), by which
       it is found again at the server. */
    struct transport transport;
    bool local;  /* the destination is this host: sources are bound, so that no socket connects to itself */
    bool follow; /* keep watching after the burst; needed for `send` too */
    enum confinement confinement;
    struct arrivals arrivals;
    uint32_t threads;                     /* that open at the same time; 0 or 1: in one order */
    const char *send;                     /* sent with a newline once established; NULL: nothing. Outlives the flood */
    const struct endpoint_range *sources; /* to connect from, in the destination's family; outlive the flood */
    size_t source_ranges;                 /* 0: chosen for the destination */
    /* Called once, after the first connection, on the thread that calls flood_burst. NULL: none. */
    void (*lead)(void *context);
    /* Called before each further connection with the number opened so far by a burst in one order; it may wait. It may be
       called on another thread, but by one at a time. False: the burst ends there, as if a signal had come. NULL: none. */
    bool (*gate)(void *context, size_t opened);
    /* Called as `gate` is, after each connection that has no answer when connect() returns, with its place among the attempts. NULL: none. */
    void (*silent)(void *context, size_t i);
    /* Called when a connection that is followed on the caller's loop has failed, from that loop. NULL: none. */
    void (*failed)(void *context);
    void *context;
    /* The one descriptor of the caller that `gate` and `silent` may use: where a burst takes more descriptors than the process may have,
       they are called on threads with tables of their own, in which any other number is nothing, or a connection. 0 or -1: none. */
    int kept;
    /* Which connections end with RST when the flood is released, for the caller knows what the server has of them; asked on the thread
       that opened them. NULL: none does. */
    bool (*reset)(const struct attempt *attempt);
};

struct flood;

/* Prepares a burst of the target's attempts, of which there are arrivals.count (attempts_make), with their ids; they outlive the flood.
   Opens no connection. The limit on open files (RLIMIT_NOFILE, per descriptor table) is raised where that is allowed, else the burst is
   spread over threads with a table each (unshare(2), CLONE_FILES). 0, or -errno when that many cannot be held: the text names the limit and
   what lifts it (-EADDRNOTAVAIL source ports, -ENOMEM memory, -EAGAIN threads). */
int flood_open(struct flood **out, const struct flood_settings *settings, struct target *target, struct loop *loop,
               struct error *err);

/* Opens them all in the order of their ids (several `threads`: each its share, in order, at the same time); their times are
   spans since `epoch`, a point on CLOCK_MONOTONIC. Returns how many were begun: fewer than all when a signal came, and
   then the first so many (several threads: the rest of each share was left out, and its attempts have `opened`
   NSEC_NEVER). A connection that our side could not open has its errno; that ends nothing. */
size_t flood_burst(struct flood *flood, nsec epoch);

/* For the hooks of a burst, on its thread: the burst ends here, as if a signal had come. */
void flood_stop(struct flood *flood);

/* For `lead` alone: no connection is confined from here on; a first one whose SYN was discarded for it is begun anew, from the same
   source. */
void flood_set_free(struct flood *flood);

/* How the last burst went out. */
struct pace flood_pace(const struct flood *flood);

/* How many handshakes were complete so far. May be asked from any thread during the burst. */
uint64_t flood_established(const struct flood *flood);

/* Stops following on other threads: until flood_resume nothing writes to the attempts. */
void flood_pause(struct flood *flood);
void flood_resume(struct flood *flood);

/* What is asked of a socket: its state (TCP_INFO, tcp(7)), about 0.5 us; and, of one that waits for an answer, for an error too
   (SO_ERROR). */
enum flood_question { ASK_NOTHING, ASK_STATE, ASK_ALL };

/* Called on the thread that opened it. */
typedef enum flood_question flood_asks(const void *context, const struct attempt *attempt);

/* Pauses, and asks each open socket what `asks` wants of it. NULL: all of all. */
void flood_look(struct flood *flood, flood_asks *asks, const void *context);

/* Closes the sockets whose handshake never completed, as a client does before it tries its next address. Nothing is sent. */
void flood_abandon(struct flood *flood);

/* Closes every socket and frees the flood; NULL is fine. Connections end with FIN, as any client's would, but for those that `reset`
   tells. */
void flood_release(struct flood *flood);

#endif
