/* An observation: every connection that listeners had while they were watched from their host. Plain structs. */
#ifndef BACKLOGCTL_OBSERVATION_H
#define BACKLOGCTL_OBSERVATION_H

#include "backlogctl/run.h"

/* What became of a connection, as the server's side has it. */
#define OBSERVED_STATES(X)                                                                                          \
    X(OBSERVED_HALF_OPEN, "half_open") /* a request: the handshake is not complete, or TCP_DEFER_ACCEPT holds it */ \
    X(OBSERVED_QUEUED, "queued")       /* in the accept queue */                                                    \
    X(OBSERVED_ACCEPTED, "accepted")   /* accept() returned it, and it is open */                                   \
    X(OBSERVED_CLOSED, "closed")       /* its socket is gone; it was accepted if that has a time */                 \
    X(OBSERVED_EXPIRED, "expired")     /* a request that went without becoming a socket */
enum observed_state { OBSERVED_STATES(MODEL_ENUM) OBSERVED_STATE_COUNT };

/* What the last change of a connection's state rests on. */
#define SIGHTS(X)                                                                                                           \
    X(SIGHT_LIST, "list")           /* the kernel's list of sockets showed it so */                                         \
    X(SIGHT_DESTROYED, "destroyed") /* the kernel told that it destroyed the socket, with both ends: it was accepted */     \
    X(SIGHT_CUT, "cut")             /* the same without the peer's port: a server that resets it, or one that closes its */ \
                                    /* listener with it in the queue, would look the same */                                \
    X(SIGHT_VANISHED, "vanished")   /* no list shows it any more, and no end was told: it was reset */                      \
    X(SIGHT_EMPTIED, "emptied")     /* the same, and the queue that it was in has been empty since */
enum sighting { SIGHTS(MODEL_ENUM) SIGHT_COUNT };

const char *observed_state_name(enum observed_state value);
const char *sighting_name(enum sighting value);

/* A moment, in microseconds since the epoch of the observation: 12 days fit. */
#define MOMENT_NONE UINT64_C(0xffffffffff)
#define MOMENT_BITS 40

/* One connection. They come by the hundred thousand, so a row is packed. Each change has two moments: the last at which it had
   certainly not happened (MOMENT_NONE: unknown) and the first at which it certainly had (MOMENT_NONE: it has not). */
struct observed {
    uint64_t cookie; /* of the socket */
    uint8_t remote[16];
    uint16_t remote_port;
    uint16_t local;    /* in the observation's list, which has the family of both ends */
    uint16_t listener; /* likewise; of a reuseport group the first of those that are observed */
    uint8_t state;     /* enum observed_state */
    uint8_t sight : 4; /* enum sighting */
    bool before : 1;   /* accepted before the first look: not reported */
    bool missed : 1;   /* the last look did not show it */
    bool gone : 1;     /* its end was told or seen */
    uint64_t half_min : MOMENT_BITS, half_max : MOMENT_BITS;       /* it was half-open */
    uint64_t entered_min : MOMENT_BITS, entered_max : MOMENT_BITS; /* it became a socket in the queue */
    uint64_t accepted_min : MOMENT_BITS, accepted_max : MOMENT_BITS;
    uint64_t closed_min : MOMENT_BITS, closed_max : MOMENT_BITS; /* it was over */
} __attribute__((packed));

/* A listener that is observed. */
struct observed_listener {
    struct listener facts; /* at the last look that saw it; its overflows during the observation, by the judge */
    uint64_t discarded_before;
    uint64_t discarded; /* during the observation */
    uint64_t peak;      /* longest queue seen */
    bool gone;
    nsec gone_at;   /* it was no longer there then, on CLOCK_MONOTONIC */
    nsec gone_look; /* the look that told of that began */
    nsec back_at;   /* it was there again; 0: it has never gone and come back */
    size_t place;   /* the first listener with the same address, port and device; it has the figures of all, at the last look: */
    uint64_t queued;
    uint64_t waiting, vanished,
        missed;         /* rows in the queue that it showed; that were in it, and that no look shows; those at first */
    uint32_t crowded;   /* so many looks in turn had queues that have no room for all of these */
    bool seen, sampled; /* at this look; in the samples, as: */
    uint64_t sampled_queue, sampled_discarded;
};

struct observed_sample {
    nsec at;
    uint64_t queue, discarded; /* the latter as the kernel counts */
    uint32_t listener;
};

struct observe_settings {
    nsec duration; /* 0: until a signal */
    nsec every;    /* between looks while things change; 0: as their price allows */
    nsec start_at; /* a moment of CLOCK_REALTIME to begin at; 0: at once */
};

#define OBSERVATION_WHY_SIZE 1024

struct observation {
    struct observe_settings settings;
    char kernel[72], host[72], boot[40]; /* `boot`: what the kernel called its start, "" if unknown */
    char started_at[CLOCK_STAMP_SIZE];   /* the zero of all spans */
    struct run_start start;              /* only with settings.start_at */
    uint64_t netns;
    struct observed_listener *listeners; /* owned, as are the other lists */
    size_t listener_count;
    struct observed_sample *samples;
    size_t sample_count, sample_room;
    struct endpoint *locals; /* addresses that connections came to */
    size_t local_count, local_room;
    struct observed *rows;
    size_t row_count, row_room;
    struct counters counters; /* change during the observation */
    uint64_t looks;
    nsec first_look; /* it was over then: from there on all is seen */
    nsec last_look, elapsed;
    int signal;
    char incomplete[OBSERVATION_WHY_SIZE]; /* why it is not complete; "": it is */
    /* Written by the judge: */
    uint64_t counts[OBSERVED_STATE_COUNT];
    uint64_t unaccepted; /* of those closed, of which it is not known that they were accepted */
};

#endif
