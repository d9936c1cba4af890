/* What is counted of a listener's accept queue, as the programs in the kernel (src/kernel/bpf) and all who read it know it: the layout of
   their maps. Plain numbers: no pointers. */
#ifndef BACKLOGCTL_TRACE_LAYOUT_H
#define BACKLOGCTL_TRACE_LAYOUT_H

#include <stdint.h>

/* Listeners at one time: so many at least, twice as many as there are at the beginning, and so many at most. Each takes some 5 kB. */
#define TRACE_SLOTS_LEAST 1024
#define TRACE_SLOTS_MOST (1u << 18)
/* Connections that wait at one time, at all listeners. Cells are found by the address of the socket: those of a bucket, then those of
   its neighbour. With four times as many of them as are promised none of both is ever full of others. */
#define TRACE_WAITING 65536
#define TRACE_CELLS 8
#define TRACE_BUCKETS (4 * TRACE_WAITING / TRACE_CELLS)
/* Sources of overflows that are remembered, the latest ones. */
#define TRACE_SOURCES 4096
/* Chains of the listeners whose dropped SYNs are looked for, by network namespace and port; a power of two. */
#define TRACE_CHAINS 4096
/* Listeners that are looked at in a chain: members of one SO_REUSEPORT group are all in the same. */
#define TRACE_CHAIN_LOOKS 4096
/* Threads that accept from one listener; those beyond are counted together. */
#define TRACE_ACCEPTORS 8

/* Lengths of a queue: 1, 2..3, 4..7, ... */
#define TRACE_LENGTHS 33
/* Waits in microseconds: 16 buckets for each power of two from 16 us on, so that a bucket is at most 1/16 of its lower bound wide.
   Below 16 us one for each; from 2^32 us (71 minutes) on the last. */
#define TRACE_SUB 16
#define TRACE_SUB_BITS 4
#define TRACE_WAIT_TOP 32
#define TRACE_WAITS (TRACE_SUB + (TRACE_WAIT_TOP - TRACE_SUB_BITS) * TRACE_SUB + 1)

struct trace_acceptor {
    uint32_t tid, tgid; /* in the first pid namespace; tid 0: free */
    uint64_t count;
    char comm[16]; /* any bytes, ended by a NUL */
};

struct trace_stage {
    uint64_t count;
    uint64_t last; /* CLOCK_MONOTONIC, ns; 0: never */
};

/* A listener. Counts since it was marked; times are CLOCK_MONOTONIC in ns. */
struct trace_slot {
    uint64_t sk;           /* its address in the kernel; 0: the slot is free */
    uint64_t cookie;       /* as sock_diag tells it */
    uint64_t begun;        /* when it was marked */
    uint64_t closed;       /* when it listened no more; 0: it does */
    uint32_t netns;        /* inode number of its network namespace */
    uint32_t seeded;       /* it listened before */
    uint16_t family, port; /* port in host byte order */
    uint32_t interface;
    uint8_t address[16]; /* as bound; an IPv4 address takes the first four */
    uint32_t tgid;       /* of who called listen(2); 0: seeded */
    uint32_t in_full;    /* it is in a chain of those that were full; */
    uint32_t next_full;  /* the slot behind it there, plus 1; 0: none */
    uint32_t turn;       /* how often the slot was given away again */
    uint32_t unused;
    char comm[16];
    uint64_t entered;       /* connections that came, to be added to the queue */
    uint64_t peak, peak_at; /* longest queue */
    uint64_t
        inside_peak; /* the most connections between their coming and the hook that saw them go, which is after they went: the
                               queue was never longer */
    uint64_t interval_peak; /* since the reader took it */
    uint64_t lengths[TRACE_LENGTHS];
    uint64_t at_start;                     /* connections that were in the queue when it was marked */
    uint64_t accepted;                     /* of those that came later: with a known wait */
    uint64_t accepted_seed;                /* of those from before: their wait is at least seed_max */
    uint64_t accepted_reset;               /* of both, those that had been reset by then */
    uint64_t unseen;                       /* accepted by a call that the hook does not see (io_uring), noticed later */
    uint64_t left_closed;                  /* gone from the queue as the listener was closed */
    uint64_t left_other;                   /* gone from it otherwise */
    uint64_t unknown;                      /* came when there was no room to remember them */
    uint64_t wait_sum, wait_max, seed_max; /* ns */
    uint64_t waits[TRACE_WAITS];
    struct trace_stage syn, ack;  /* dropped on the full accept queue */
    struct trace_stage syn_queue; /* SYNs dropped on the full SYN queue, without cookies */
    uint64_t drops;               /* sk_drops up to here are not looked for any more */
    uint64_t drops_begun;         /* sk_drops when it was marked; */
    uint64_t drops_known;         /* those since then that the stages above made */
    struct trace_acceptor acceptors[TRACE_ACCEPTORS];
    uint64_t accepts_others; /* by threads beyond those */
};

/* What is kept of a connection in the queue. */
struct trace_waiting {
    uint64_t sk;      /* its address in the kernel; 0: the cell is free */
    uint64_t entered; /* or, of one from before, when the listener was marked */
    uint32_t slot;
    uint16_t seeded, reset;
};
struct trace_bucket {
    struct trace_waiting cells[TRACE_CELLS];
};

struct trace_source {
    uint32_t slot;
    uint16_t family, turn; /* turn of the slot: another listener may have had it before */
    uint8_t address[16];
};

struct trace_source_count {
    uint64_t syn, ack, syn_queue, last;
};

/* How another process knows the maps of a running trace, and what they are worth. Written by who traces, the magic last. */
#define TRACE_MAGIC UINT32_C(0x676f6c62)
#define TRACE_LAYOUT 1      /* raised with each change of what is in this file */
#define TRACE_BASES 64      /* network namespaces whose counter is kept from the beginning */
#define TRACE_WORTHS_ROOM 8 /* figures, see trace_facts.h */

struct trace_base {
    uint64_t netns;                /* its inode number */
    uint64_t known;                /* 1: these could be read: */
    uint64_t overflows, syn_queue; /* ListenOverflows and TCPReqQFullDrop when its listeners had been found */
    uint64_t gone, syn_queue_gone; /* dropped at listeners whose slots were given back since then */
};

/* A program of the trace, by which it is found whether the kernel left it out at times. */
struct trace_program_id {
    uint32_t id, figure;
};
#define TRACE_PROGRAMS_ROOM 16

struct trace_identity {
    uint32_t magic, layout;
    uint64_t began; /* CLOCK_MONOTONIC, ns */
    uint32_t worth[TRACE_WORTHS_ROOM];
    struct trace_program_id programs[TRACE_PROGRAMS_ROOM];
    uint32_t base_count, program_count;
    struct trace_base bases[TRACE_BASES];
};

/* One value of the map "trace_common". */
struct trace_common {
    uint32_t slots;         /* taken so far, those given back too */
    uint32_t any_full;      /* there is a chain */
    uint64_t spilled;       /* cells that were taken in a neighbouring bucket */
    uint64_t slots_missing; /* listeners for which there was none */
    uint64_t full_missing;  /* SYNs that were not looked for in all of their chain, as it was too long */
    uint64_t sources;       /* that were put into their map */
    uint64_t events_lost;
    struct trace_identity identity;
};

/* In which chain a listener is. */
static inline uint32_t trace_chain(uint32_t netns, uint16_t port)
{
    return ((netns << 16 ^ netns >> 16 ^ port) * UINT32_C(0x9e3779b1) >> 16) & (TRACE_CHAINS - 1);
}

/* What is asked for; 0: any. In the read-only data of the programs. */
struct trace_filter {
    uint32_t netns;
    uint32_t port;
    uint32_t events; /* one for each connection goes to the ring */
};

/* What can happen to a connection, for who wants each. */
#define TRACE_EVENTS(X)                         \
    X(TRACE_EVENT_ENTERED, "entered")           \
    X(TRACE_EVENT_ACCEPTED, "accepted")         \
    X(TRACE_EVENT_LEFT, "left")                 \
    X(TRACE_EVENT_SYN_OVERFLOW, "syn_overflow") \
    X(TRACE_EVENT_ACK_OVERFLOW, "ack_overflow") \
    X(TRACE_EVENT_SYN_QUEUE_FULL, "syn_queue_full")
#define TRACE_EVENT_SYMBOL(symbol, name) symbol,
enum trace_event_kind { TRACE_EVENTS(TRACE_EVENT_SYMBOL) TRACE_EVENT_COUNT };

#define TRACE_EVENT_SEEDED 1 /* it was there when the tracing began */
#define TRACE_EVENT_RESET 2  /* the client had reset it */

struct trace_event {
    uint64_t at, wait; /* ns; wait: of those accepted or left */
    uint32_t slot, kind;
    uint32_t tid, tgid;
    uint16_t family, port; /* of the peer */
    uint32_t flags;
    uint8_t address[16];
    char comm[16];
};

#endif
