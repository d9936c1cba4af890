/* Moments in the lives of connections, in the order in which they were noted, and the lanes of a timeline made of them. */
#ifndef ENGINE_MOMENTS_H
#define ENGINE_MOMENTS_H

#include "backlogctl/error.h"
#include "backlogctl/connection_facts.h"

enum moment_kind {
    MOMENT_SYN,       /* sent */
    MOMENT_SYN_THERE, /* arrived at the server */
    MOMENT_SYN_ACK,   /* arrived at the client */
    MOMENT_ACK,       /* a segment without SYN arrived at the server */
    MOMENT_DATA,      /* the same, with data */
    MOMENT_ANSWERED,  /* a segment without SYN arrived at the client */
    MOMENT_SERVED,    /* the same with data or FIN: a process of the server sent it, or closed */
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

/* False: no memory. */
bool moments_add(struct moments *moments, struct moment moment);

/* Makes the lanes of a target: the client's own times, and the SYNs among the moments. 0 or -ENOMEM. */
int moments_make_lanes(const struct moments *moments, struct target *target, struct error *err);

#endif
