/* Listeners that are watched over time. Plain structs. */
#ifndef BACKLOGCTL_WATCHED_H
#define BACKLOGCTL_WATCHED_H

#include "backlogctl/survey.h"

#define WATCH_HISTORY 60 /* seconds that are remembered */
#define WATCH_GONE_SPAN (10 * NSEC_PER_SEC) /* how long one that has gone stays in view */

#define WATCH_STATES(X)                                                                                          \
    X(WATCH_PRESENT, "present")                                                                                  \
    X(WATCH_APPEARED, "appeared") /* since the interval before */                                                \
    X(WATCH_GONE, "gone")         /* closed; its figures are the last ones */
enum watch_state { WATCH_STATES(MODEL_ENUM) WATCH_STATE_COUNT };
const char *watch_state_name(enum watch_state s);

struct watched {
    struct listener now;
    enum watch_state state;
    nsec changed;             /* when it appeared or went: a span since the beginning */
    uint64_t peak;            /* longest queue seen at any look: a lower bound */
    nsec peak_at;             /* when, as a span since the beginning */
    uint64_t interval_peak;   /* the same of the interval that goes on */
    uint64_t last_peak;       /* ... of the last complete one */
    uint64_t samples;         /* looks at it in the last complete interval */
    uint64_t interval_samples;
    uint64_t interval_drops;  /* the drop counter when the interval began */
    uint64_t new_drops;       /* drops in the last complete interval */
    double drops_per_second;
    uint16_t history[WATCH_HISTORY]; /* longest queue of each second, in 1/1000 of the capacity (capped); by second % 60 */
    uint32_t history_from, history_to; /* the seconds that it has: [from, to) */
};

/* An expression that somebody waits for: it holds while any listener meets it. */
struct alert {
    struct expectation e;    /* seen, seen_known: of the listener that met it last */
    bool holds, ever;
    bool news;               /* it began to hold; cleared by who has told so */
    nsec at;                 /* when it began to, as a span since the beginning */
    struct listener by;      /* who met it */
};

struct watching {
    struct watched *list;    /* owned */
    size_t count, room;
    struct netns_facts netns; /* the first of the survey */
    size_t namespaces;
    nsec interval;
    nsec elapsed;            /* since the beginning, at the last look */
    nsec interval_began;
    char at[CLOCK_STAMP_SIZE]; /* of the last complete interval */
    uint64_t number;         /* complete intervals */
    size_t owners_unseen, processes_hidden;
    struct alert alerts[EXPECTATIONS_MAX];
    size_t alert_count;
};

#endif
