/* What a measurement of a running server's accept queue found. Plain struct. */
#ifndef BACKLOGCTL_MEASUREMENT_H
#define BACKLOGCTL_MEASUREMENT_H

#include "backlogctl/clock.h"
#include "backlogctl/expectation.h"
#include "backlogctl/listener_facts.h"

struct measurement {
    struct listener listener; /* before; its `queue` clients waited already */
    /* The freeze: */
    bool ptraced; /* stopped through ptrace(2), else by SIGSTOP */
    size_t processes, threads;
    nsec budget;  /* the longest that it may have lasted */
    nsec frozen;  /* how long it did */
    bool expired; /* the budget ended it */
    /* While frozen: */
    uint64_t sent;      /* connections of ours */
    uint64_t held;      /* length of the full accept queue, as the kernel counts it: the capacity */
    uint64_t discarded; /* packets that the listener dropped meanwhile; TCP */
    /* Of ours, as their own sockets tell: */
    uint64_t queued;     /* established: in the queue */
    uint64_t unanswered; /* no answer, or EAGAIN where no handshake is: there was no room */
    bool full;           /* it was seen full: some went unanswered, and nothing ended the burst early */
    uint32_t processors; /* of this machine, at work */
    /* Afterwards: spans since the release, NSEC_NEVER: not within the patience */
    nsec drained;      /* the queue was no longer than before */
    nsec served;       /* a fresh connection was accepted */
    bool drain_unseen; /* `drained` tells nothing: the queue could not be looked at */
    bool untried;      /* `served` tells nothing: no fresh connection could be made or followed from here */
    nsec patience;
    uint64_t accepted; /* of `queued`: accept() returned them */
    bool accepted_known;
    int signal;           /* ended early by this signal; 0: not */
    char incomplete[160]; /* why something is not known, "" when all is */
    struct expectation expectations[EXPECTATIONS_MAX];
    size_t expectation_count;
    /* Written by the judge: */
    bool exact; /* seen full, and it held backlog + 1 */
    /* How many it held beyond that because they came at the same moment on several processors; 0 where it does not explain them. The
       kernel looks whether the queue is full, and lengthens it, with no lock around both (tcp_v4_syn_recv_sock). AF_UNIX has one. */
    uint32_t beside;
    enum expectation_outcome
        outcome; /* exact but for those, served again, and every expectation holds of the listener with that capacity */
};

#endif
