/* Listeners that are watched over time. Plain structs. All moments are spans since the watching began. */
#ifndef BACKLOGCTL_LISTENER_HISTORY_H
#define BACKLOGCTL_LISTENER_HISTORY_H

#include "backlogctl/survey.h"
#include "backlogctl/trace_facts.h"

#define WATCH_HISTORY 60                    /* seconds that are remembered */
#define WATCH_NEWS_SPAN (10 * NSEC_PER_SEC) /* how long one that has gone stays in view, and one that came is new */

#define WATCH_STATES(X)                                                          \
    X(WATCH_PRESENT, "present")                                                  \
    X(WATCH_APPEARED, "appeared") /* at the last survey, and not at the first */ \
    X(WATCH_GONE, "gone")         /* closed; its figures are the last ones */
enum watch_state { WATCH_STATES(MODEL_ENUM) WATCH_STATE_COUNT };
const char *watch_state_name(enum watch_state value);

/* Looks at a listener in one interval. */
struct watch_span {
    uint64_t peak;      /* longest queue: a lower bound */
    uint64_t samples;   /* looks */
    uint64_t discarded; /* packets that it discarded: exact, from its counter */
    /* Written by the judge, of a complete one: */
    struct interval overflows;
    double least_a_second, most_a_second; /* of those */
};

struct listener_history {
    struct listener now;
    enum watch_state state;
    nsec changed;    /* when it appeared or went; 0: it was there from the beginning */
    uint64_t survey; /* number of the last one that showed it */
    uint64_t peak;   /* longest queue at any look since the beginning: a lower bound */
    nsec peak_at;
    uint64_t discarded;                /* since the beginning, or since it appeared */
    struct interval overflows;         /* of those; written by the judge */
    struct watch_span open;            /* the interval that goes on; its rate is not set */
    struct watch_span last;            /* the last complete one */
    uint32_t history[WATCH_HISTORY];   /* longest queue of each second, by second % WATCH_HISTORY */
    uint32_t history_from, history_to; /* the seconds that it has: [from, to) */
    struct trace_digest exact;         /* as the kernel counted it: then peaks and overflows above are these */
};

/* An expression that somebody waits for: it holds in an interval if any listener met it at any look. */
struct alert {
    struct expectation e; /* seen, seen_known: of the listener that made it hold */
    bool met;             /* in the interval that goes on */
    bool holds;
    bool news;                    /* it began to hold; cleared by who has told so */
    bool open, open_news;         /* it could not be decided in some interval; to be told, once */
    uint64_t times;               /* that it began to */
    nsec at;                      /* when it last did, */
    char stamp[CLOCK_STAMP_SIZE]; /* the same by the clock, left empty by the judge */
    struct listener by;           /* and who met it; not known if it is about their number */
};

/* Why nobody accepts at one listener, as of some look. */
struct watch_why {
    uint64_t cookie, netns; /* 0: of none */
    nsec at;
    struct holders_look look;
};

struct watch_model {
    struct listener_history *list; /* owned */
    size_t count, room;
    struct netns_facts *namespaces; /* owned; those of the last survey */
    size_t namespace_count;
    uint64_t surveys;
    nsec interval; /* as asked for */
    nsec took;     /* the last complete interval */
    nsec elapsed;  /* at the last look */
    nsec interval_began;
    char at[CLOCK_STAMP_SIZE]; /* of the last survey */
    uint64_t number;           /* complete intervals */
    bool exact;                /* the kernel counts at TCP listeners */
    const char *not_exact;     /* why not; NULL: nobody asked, or it does */
    size_t owners_unseen, processes_hidden;
    char incomplete[160]; /* why evidence is missing, "" when it is complete */
    struct watch_why why; /* of the listener that is looked at fast, while it is in trouble */
    struct alert alerts[EXPECTATIONS_MAX];
    size_t alert_count;
};

#endif
