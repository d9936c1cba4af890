/* A listening socket and the counters of its namespace: facts that kernel and engine fill in, and the judge's remarks. */
#ifndef BACKLOGCTL_LISTENER_FACTS_H
#define BACKLOGCTL_LISTENER_FACTS_H

#include "backlogctl/interval.h"
#include "backlogctl/endpoint.h"
#include "backlogctl/socket_holder.h"
#include "backlogctl/transport.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Values of the counters, or the difference of two readings. */
struct counters {
    bool known; /* false: could not be read */
    uint64_t value[COUNTER_COUNT];
};

/* One listening socket, or the members of a SO_REUSEPORT group taken together. */
struct listener {
    bool known;            /* false: no listener was found; all else is then 0 */
    struct endpoint local; /* as bound; may be the any-address */
    uint16_t family;       /* of the socket; an AF_INET6 one may be bound to an IPv4 address */
    uint32_t members;      /* sockets in the reuseport group, else 1; queue, backlog, drops are sums over them */
    uint32_t inode;        /* of the (first) socket */
    uint64_t cookie;       /* the kernel's name of the (first) socket: another value means it was replaced */
    uint64_t backlog;      /* effective, after the clamp by somaxconn (sock_diag idiag_wqueue) */
    uint64_t capacity;     /* connections that the accept queue holds: backlog + 1 a member */
    uint64_t queue;        /* accept-queue length (sock_diag idiag_rqueue) */
    uint64_t discarded;    /* sk_drops: packets that this listener discarded since it was made, for whatever reason */
    bool discarded_known;
    struct interval overflows; /* of those, SYNs and ACKs dropped on the full accept queue; written by the judge */
    pid_t pid; /* who is shown of those that hold it, socket_holder_shown(); 0: unknown (no right to see, or not looked up) */
    char process[32];   /* its command name, which may be any bytes; "" when unknown */
    uint32_t processes; /* that hold it */
    /* Filled in by a survey (surveyor.h) only: */
    uint8_t kind;    /* enum socket_kind */
    bool dual_stack; /* IPv6 any-address that takes IPv4 too */
    bool half_open_known, oldest_known;
    uint32_t half_open; /* SYN queue: requests in SYN_RECV; not known of a member of a group that has any */
    uint32_t oldest_ms; /* how long the first of the queue has waited, 4 ms grain. Not known where clients that reset their
                                  connection are in the queue, nor of a member if another one has a queue, too */
    struct endpoint oldest_local, oldest_remote; /* both ends of that client's connection; family AF_UNSPEC: unknown */
    bool waiting_known;                          /* these are: */
    uint32_t closed;                             /* in the queue, and closed by their clients */
    uint32_t vanished;  /* in the queue, and reset by their clients: no socket is left, the place is until accept() */
    uint32_t with_data; /* in the queue, with bytes to read */
    bool unmoved;       /* all in the queue have vanished, and it did not change for a while */
    uint32_t member;    /* 1..group: its place in a reuseport group; `members` is then 1 */
    uint32_t group;     /* sockets of that group; 1: none */
    uint32_t interface; /* index of the device it is bound to (SO_BINDTODEVICE), 0: any */
    char device[16];    /* its name, which may be any bytes; "" for any */
    uint32_t uid;       /* its owner's user id in our user namespace */
    uint64_t netns;     /* inode number of its network namespace */
    uint64_t pidns;     /* of the pid namespace of `pid`; 0: ours, or unknown */
    struct socket_holder_place place; /* of `pid` */
    size_t holder_first;              /* where its `processes` holders begin in the survey, if that has any */
    char path[UNIX_NAME_SIZE]; /* of a kind with paths: as bound, byte by byte, abstract ones with a leading '@', "" for none */
    uint32_t file_inode, file_device; /* of the file that bind(2) made, as sock_diag numbers them; 0: none */
    bool waits_on, shrank;            /* at two looks after the survey its queue was as full still; was shorter at one */
    /* Written by the judge: */
    uint32_t percent; /* queue of capacity; over 100 after the backlog was lowered */
    uint32_t remarks; /* bits 1 << enum remark */
    uint32_t causes;  /* of its holders, bits 1 << enum holder_cause; 0: none is seen, or nobody looked */
};

#endif
