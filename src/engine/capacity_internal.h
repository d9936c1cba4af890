/* What the two ways to fill a queue share. */
#ifndef ENGINE_CAPACITY_INTERNAL_H
#define ENGINE_CAPACITY_INTERNAL_H

#include "backlogctl/capacity.h"
#include "backlogctl/flood.h"
#include "backlogctl/listener.h"

/* Sent beyond what should fit: one that finds the queue full proves that it is. */
#define EXTRA 1

/* The kernel tells nobody that a queue got shorter or longer, so it is asked for this often. */
#define LOOK_PAUSE NSEC_PER_MSEC

/* For packets on their way: on a busy machine they wait for ksoftirqd(8) after connect() has returned. */
#define ARRIVAL_PATIENCE (100 * NSEC_PER_MSEC)

struct filling {
    struct measurement *m;
    const struct capacity_plan *plan;
    struct loop *loop;
    struct sockdiag diag;
    struct freeze *freeze; /* NULL: not now */
    size_t wanted;         /* connections: what should fit, and a few */
    size_t room;           /* how many of them may be sent, as the queue was once the server stood still */
    bool astray;           /* the first one was answered, and is not in the listener's queue: it is elsewhere, or: */
    bool deferred;         /* the server's kernel keeps it as a request, for want of its first data (TCP_DEFER_ACCEPT) */
    const struct filling_way *way;
    /* With a handshake: */
    struct target target;
    struct flood *flood;
    nsec epoch;
    /* Without: */
    int *fds;
    size_t count;
};

struct filling_way {
    /* Everything that takes memory, descriptors or time. 0 or -errno. */
    int (*prepare)(struct filling *f, struct error *err);
    /* Connects until all are sent or filling_may_go_on says no; returns how many. */
    size_t (*fill)(struct filling *f);
    /* Fills in queued and unanswered, and closes all: no server waits for what they would send, and no SYN is repeated. */
    void (*count)(struct filling *f);
    /* One fresh connection: when it was accepted, as a span since `released`; NSEC_NEVER: not within the patience. */
    nsec (*serves)(struct filling *f, nsec released, nsec patience);
    /* Closes everything; fine after a failed prepare. */
    void (*release)(struct filling *f);
};
extern const struct filling_way filling_tcp, filling_unix;

/* Whether the queue is longer than before the first connection of ours; true where that cannot be asked, or the freeze is over. */
bool filling_has_risen(struct filling *f);

/* Whether it may still be there: only that it has gone proves that nobody listens. */
bool filling_listens(struct filling *f);

bool filling_may_go_on(const struct filling *f);

/* Waits a little before the next question, on the loop, so that a signal is seen: false then. */
bool filling_pause(struct filling *f);
void filling_note(struct filling *f, const char *text);

#endif
