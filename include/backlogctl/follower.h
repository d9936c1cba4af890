/* Follows the connections of listeners of this namespace from outside: by lists of the sockets at their ports, one after the other, and
   by what the kernel tells of those that it destroys in between (destroyed.h). Touches none of them.

   What it deduces rests on this (Linux 5.10 to 7.2, tried on 6.18):
   - A socket in an accept queue has no inode, and accept() gives it one; one that is closed keeps none, and is in another state then.
   - One that its client resets leaves the lists at once; the queue keeps it until accept() (tcp_reset() unhashes it, the request in
     the queue holds it).
   - When a listener closes, those in its queue are disconnected first (inet_child_forget() calls tcp_disconnect()), which wipes the
     peer's port. So of one that is destroyed with that port, accept() had returned it. A server can disconnect one that it has accepted,
     too, as by closing it with SO_LINGER of 0: then no peer is told.
   - A child that loses the race for its request against another processor's is destroyed in SYN_RECV, or without a segment received
     (tcp_check_req(), tcp_v4_syn_recv_sock()): neither happens to one that was in a queue (tcp_child_process() counts the segment).
   - The child has the cookie of its request; a port that is used again makes a new one. */
#ifndef BACKLOGCTL_FOLLOWER_H
#define BACKLOGCTL_FOLLOWER_H

#include "backlogctl/destroyed.h"
#include "backlogctl/loop.h"
#include "backlogctl/netns.h"
#include "backlogctl/observation.h"

/* Rows that can still change, by their sockets' cookies: open addressing. */
struct row_slot {
    uint32_t row;  /* its place and 1; 0: free */
    uint32_t look; /* the number of the last look that saw it */
};
struct row_table {
    struct row_slot *slots;
    size_t room, used; /* room: a power of two */
};

/* Another listener of one of the ports. */
struct rival {
    uint64_t cookie;
    struct endpoint local;
    uint16_t family;
    uint32_t interface;
};

struct rivals {
    struct rival *all;
    size_t count, room;
};

/* A look, as points on CLOCK_MONOTONIC. */
struct look_span {
    nsec begin, end;
};
#define LOOK_SPANS 64

#define FOLLOWER_PORTS_MAX PORT_RANGES_MAX

struct follower {
    struct observation *o; /* what is found goes there */
    struct loop *loop;
    nsec epoch; /* its zero */
    struct sockdiag diag;
    struct destroyed ends;
    struct port_range ports[FOLLOWER_PORTS_MAX];
    size_t port_count;
    struct row_table table;
    struct rivals rivals, rivals_before; /* at this look, and at the one before */
    struct look_span spans[LOOK_SPANS];  /* of the last whole looks; the look n at n modulo that */
    uint32_t look;                       /* number of the one that goes on, or was the last; the first is 1 */
    struct look_span first;
    size_t seen_from;                 /* the rows that it found begin there */
    nsec grain;                       /* of the kernel's own clock, which tcp_info is counted by */
    nsec drained;                     /* the ends were read last then */
    nsec now;                         /* of what is being read */
    uint64_t peerless;                /* ends without the peer's port of sockets that no look had seen */
    uint64_t stillborn;               /* ends of sockets that lost the race for their request: they were in no queue */
    size_t unsettled;                 /* rows that the last look missed */
    struct connection_counters opens; /* of the namespace, before the first look, */
    bool opens_known;
    uint64_t opens_slack; /* made while the first look was taken: whether it showed them is not known */
    uint64_t found_maybe; /* connections that may have become sockets after it */
    bool alone;           /* set by the caller: no other listener is in the namespace, so all that it counts are of these */
    uint64_t nameless;    /* at the last look: in the queues, and in no row */
    uint64_t found;       /* connections that became sockets after the first look */
    bool heard;           /* all that had ended at the last look has been told */
    bool failed;          /* the look that goes on was not whole */
    nsec changed;         /* something did last */
    struct timer look_due, drain_due;
    struct loop_source told;
};

/* Begins: is told of ends from now on, and takes the first look. `o` has the listeners, which are all of the calling thread's namespace,
   and becomes the follower's to fill. 0, or -errno when nothing can be seen. Release it whatever came. */
int follower_begin(struct follower *f, struct observation *o, struct loop *loop, nsec epoch, struct error *err);

/* Stays on the loop until follower_end. */
int follower_start(struct follower *f, struct error *err);

/* The last looks: until two agree. */
void follower_end(struct follower *f);

void follower_release(struct follower *f);

/* Adds a reason why the observation is not complete, once. */
__attribute__((format(printf, 2, 3))) void observation_note(struct observation *o, const char *format, ...);

void observation_release(struct observation *o);

#endif
