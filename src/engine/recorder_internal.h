/* What the two ways of recording share: looks (recorder.c) and packets (recorder_packets.c). */
#ifndef ENGINE_RECORDER_INTERNAL_H
#define ENGINE_RECORDER_INTERNAL_H

#include "backlogctl/capture.h"
#include "backlogctl/recorder.h"

enum moment_kind {
    MOMENT_SYN,       /* sent */
    MOMENT_SYN_THERE, /* arrived at the server */
    MOMENT_SYN_ACK,   /* arrived at the client */
    MOMENT_ACK,       /* a segment without SYN arrived at the server */
    MOMENT_DATA,      /* the same, with data */
    MOMENT_ANSWERED,  /* a segment without SYN arrived at the client */
    MOMENT_QUEUED,
    MOMENT_CLOSED,
};

struct moment {
    nsec at; /* span since the epoch */
    const struct target *target;
    uint32_t attempt; /* index */
    uint8_t kind;
    bool cookie; /* of a SYN */
};

struct moments {
    struct moment *list;
    size_t count, room;
};

/* What the look before saw. */
struct glance {
    uint8_t retransmits;
    bool queued, closed;
};

struct watched_target {
    const struct target *target;
    struct glance *before; /* one an attempt */
    struct queue_point *points;
    size_t point_count, point_room;
};

struct recorder {
    enum timeline_source source;
    struct capture *capture; /* of packets; else NULL */
    struct moments log;
    struct watched_target targets[TARGETS_MAX];
    size_t target_count;
};

/* False: no memory. */
bool moments_add(struct moments *moments, struct moment moment);

/* Lanes with the client's own times, and the SYNs of the log. */
int lanes_make(struct recorder *r, struct target *target, struct error *err);

/* Reads the captured packets into the log, each with the attempt that it belongs to. */
int packets_gather(struct recorder *r, struct target *targets, size_t count, nsec epoch, struct error *err);

/* Lanes and points of one target, from the log of packets or from the calls. */
int moments_finish(struct recorder *r, struct target *target, struct error *err);

#endif
