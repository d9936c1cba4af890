/* What happened in accept queues, as the kernel itself counted it. Plain structs. */
#ifndef BACKLOGCTL_TRACE_FACTS_H
#define BACKLOGCTL_TRACE_FACTS_H

#include "backlogctl/clock.h"
#include "backlogctl/listener_facts.h"
#include "backlogctl/survey.h"
#include "backlogctl/trace_layout.h"

/* The figures that can rest on different hooks. */
#define TRACE_FIGURES(X)                                                                           \
    X(TRACE_LENGTH, "length")             /* of the queue, behind each addition */                 \
    X(TRACE_ENTERED, "entered")           /* when a connection came into the queue */              \
    X(TRACE_WAIT, "wait")                 /* of each connection, from then until it is accepted */ \
    X(TRACE_LEFT, "left")                 /* it went without being accepted */                     \
    X(TRACE_SYN, "syn_overflows")         /* a SYN dropped on the full queue */                    \
    X(TRACE_ACK, "ack_overflows")         /* the last ACK of a handshake likewise */               \
    X(TRACE_SYN_QUEUE, "syn_queue_drops") /* a SYN dropped on the full SYN queue */                \
    X(TRACE_SEED, "seed")                 /* what was there at the beginning */

enum trace_figure { TRACE_FIGURES(MODEL_ENUM) TRACE_FIGURE_COUNT };

/* What a figure is. */
#define TRACE_WORTHS(X)                                           \
    X(TRACE_UNKNOWN, "unknown")                                   \
    X(TRACE_EXACT, "exact")       /* every one was seen */        \
    X(TRACE_AT_LEAST, "at_least") /* some may have been missed */ \
    X(TRACE_AT_MOST, "at_most")   /* others may be among them */

enum trace_worth { TRACE_WORTHS(MODEL_ENUM) TRACE_WORTH_COUNT };

const char *trace_figure_name(enum trace_figure figure);
const char *trace_event_name(enum trace_event_kind kind);
const char *trace_worth_name(enum trace_worth worth);

struct trace_hooks {
    struct trace_hook {
        const char *name; /* "tp_btf/inet_sock_set_state"; several with " and "; NULL: this kernel lets us have none for it */
        enum trace_worth worth;
    } of[TRACE_FIGURE_COUNT];
};

/* Where a bucket of waits begins; it ends where the next one does. */
static inline nsec trace_wait_from(unsigned bucket)
{
    unsigned power = bucket / TRACE_SUB;
    uint64_t us = bucket < TRACE_SUB ? bucket : (uint64_t)(TRACE_SUB + bucket % TRACE_SUB) << (power - 1);
    return (nsec)us * NSEC_PER_USEC;
}

/* Addresses whose packets were kept out, the most frequent first. */
#define TRACE_SOURCES_SHOWN 5
struct trace_peer {
    struct endpoint address; /* its port is 0 */
    struct trace_source_count count;
};

/* A quantile lies in a bucket: from `low` to below `high`. */
struct trace_quantile {
    nsec low, high;
};
#define TRACE_QUANTILES(X) X(p50, 0.5) X(p90, 0.9) X(p99, 0.99)

/* What happened at a listener in some time. Of merged ones: the longest, sums, and the bounds between which the quantile of all is. */
struct trace_span {
    uint64_t peak; /* the longest queue: as each connection came, and as looks at the ends of the intervals found it */
    uint64_t entered, accepted, syn, ack, left;
    uint64_t syn_queue;                  /* SYNs dropped on the full SYN queue */
    uint64_t unseen;                     /* accepted some time before, as was noticed now */
    uint64_t samples;                    /* of the waits */
    struct trace_quantile p50, p99, max; /* {0, 0} without samples */
};
/* Listeners that were closed are kept until there are twice so many; the oldest of them are forgotten then. */
#define TRACE_KEPT 128

/* A listener that is traced. Moments are CLOCK_MONOTONIC. */
struct traced {
    uint32_t number;          /* of its slot; */
    bool over;                /* which another listener may have by now: the figures stay as they are */
    struct trace_slot slot;   /* as it was read last */
    struct trace_slot before; /* as it was at the end of the interval before */
    struct listener now;      /* as the last survey that showed it did; else what the slot tells */
    bool surveyed, selected;
    bool looked;           /* the last survey showed it; */
    uint64_t queue_before; /* the length of its queue at the one before, 0 if that did not */
    struct trace_peer sources[TRACE_SOURCES_SHOWN];
    size_t source_count;    /* of these */
    uint64_t sources_known; /* addresses of it that are remembered */
    /* Written by the judge: */
#define X(name, q) struct trace_quantile name;
    TRACE_QUANTILES(X)
#undef X
    struct trace_quantile interval_p50, interval_p99, interval_max;
    enum trace_worth worth[TRACE_FIGURE_COUNT];
    bool peak_bounded;    /* the queue was never longer than slot.inside_peak */
    bool drops_known;     /* the listener's own counter of drops was read at the last look: */
    uint64_t drops_other; /* so many of it are none of the above: memory, a filter, TCP_DEFER_ACCEPT, a repeated SYN, ... */
};

/* base/trace_span.c: in the last interval; since the beginning. */
struct trace_span trace_span_last(const struct traced *one);
struct trace_span trace_span_all(const struct traced *one);
void trace_span_add(struct trace_span *to, const struct trace_span *other);
/* Something happened, beside the queue being as long as it was. */
bool trace_span_any(const struct trace_span *span);

/* A counter of a network namespace beside what was seen there of the same: the kernel's own witness. Both only rise. */
struct trace_witness {
    uint64_t before; /* the counter before the programs were there; */
    uint64_t base;   /* when its listeners had been found; */
    uint64_t now;    /* at the last look, read before what was seen */
    uint64_t gone;   /* seen at listeners that were closed, and are forgotten */
    /* Written by the judge: */
    uint64_t seen, seen_before; /* of all that are, or were, traced; and so at the look before */
};

/* So many were counted since its listeners had been found: the least that was to be seen. */
static inline uint64_t trace_risen(const struct trace_witness *w)
{
    return w->now - w->base;
}

/* Counted, and not seen. What came between the programs and the base hides as many. */
static inline uint64_t trace_unseen(const struct trace_witness *w)
{
    return trace_risen(w) > w->seen ? trace_risen(w) - w->seen : 0;
}

/* None was seen since the look before: so what was seen is as old as the counter, which is read before it. */
static inline bool trace_is_calm(const struct trace_witness *w)
{
    return w->seen == w->seen_before;
}

/* More were seen than there can have been. */
static inline bool trace_has_surplus(const struct trace_witness *w)
{
    return trace_is_calm(w) && w->now >= w->before && w->seen > w->now - w->before;
}

/* The account of a network namespace. */
struct trace_account {
    uint64_t netns;
    bool known;                     /* its counters were read then and now */
    bool children_known;            /* so was that of children */
    bool gone;                      /* it was not there at the last look: who has its number next is another */
    bool migrates;                  /* net.ipv4.tcp_migrate_req: connections may go from one queue to another */
    struct trace_witness overflows; /* ListenOverflows: SYNs and last ACKs on full accept queues */
    struct trace_witness syn_queue; /* TCPReqQFullDrop: SYNs on full SYN queues */
    struct trace_witness children;  /* PassiveOpens: sockets that listeners made, which enter */
    /* What else its counters know of packets that were kept out, which no listener is told for: */
    uint64_t cookies_failed_base, cookies_failed; /* SyncookiesFailed, and its rise: last ACKs without a valid cookie */
    uint64_t deferred_base, deferred;             /* TCPDeferAcceptDrop likewise: bare ACKs, while data is waited for */
};

/* Where a listener stands. */
struct trace_key {
    uint64_t cookie;
    uint32_t netns, place;
};

struct trace_model {
    char at[CLOCK_STAMP_SIZE]; /* of the last interval's end */
    char began_at[CLOCK_STAMP_SIZE];
    char kernel[72];
    nsec began;         /* CLOCK_MONOTONIC */
    nsec interval;      /* as asked for */
    nsec elapsed, took; /* the last interval */
    uint64_t number;    /* of intervals so far */
    const struct trace_hooks *hooks;
    struct traced *list; /* owned; in the order of their coming */
    size_t count, room;
    struct trace_key *order; /* owned; ascending; each listener once, that of the latest slot where it listened twice */
    size_t ordered, indexed; /* keys; of the first so many of list */
    struct trace_forgotten {
        uint64_t listeners; /* that were closed, and are in the list no more; what happened at those that are meant: */
        uint64_t entered, accepted, left, syn, ack, syn_queue;
    } forgotten;
    struct trace_account *accounts; /* owned */
    size_t account_count;
    struct netns_facts *namespaces; /* owned; those of the last survey */
    size_t namespace_count;
    uint64_t slots_missing, full_missing, sources_lost, events_lost;
    uint64_t left_out[TRACE_FIGURE_COUNT]; /* as in struct trace_counts */
    size_t namespaces_closed, not_seeded;  /* could not be entered; to find what was there already */
    char incomplete[160];                  /* as in struct survey */
};

/* NULL: there is none. */
static inline struct trace_account *trace_account_of(const struct trace_model *m, uint64_t netns)
{
    for (size_t i = 0; i < m->account_count; i++)
        if (m->accounts[i].netns == netns)
            return &m->accounts[i];
    return NULL;
}

/* What is told of a listener that is one thing among others. */
struct trace_digest {
    bool known, from_the_beginning; /* known: it is traced; the other: it listened before that */
    uint64_t since, peak_at;        /* CLOCK_MONOTONIC, ns */
    enum trace_worth worth[TRACE_FIGURE_COUNT];
    uint64_t entered, peak, waits, syn, ack;
    struct trace_quantile p99;
    uint64_t interval_peak, interval_waits, interval_syn, interval_ack; /* since the look before */
    struct trace_quantile interval_p99;
};

/* `one` NULL: it is not traced. */
static inline struct trace_digest trace_digest(const struct traced *one)
{
    struct trace_digest d = {.known = one};
    if (!one)
        return d;
    const struct trace_slot *now = &one->slot, *then = &one->before;
    d.from_the_beginning = now->seeded;
    d.since = now->begun, d.peak_at = now->peak_at;
    for (int f = 0; f < TRACE_FIGURE_COUNT; f++)
        d.worth[f] = one->worth[f];
    d.entered = now->entered, d.peak = now->peak, d.waits = now->accepted;
    d.syn = now->syn.count, d.ack = now->ack.count;
    d.p99 = one->p99, d.interval_p99 = one->interval_p99;
    d.interval_peak = now->interval_peak, d.interval_waits = now->accepted - then->accepted;
    d.interval_syn = now->syn.count - then->syn.count, d.interval_ack = now->ack.count - then->ack.count;
    return d;
}

/* Puts m->order in order, after listeners were added. 0 or -ENOMEM. */
int trace_model_index(struct trace_model *m);

/* What is traced of a listener; NULL: nothing, or m is NULL. Those without a cookie are not known again. Not indexed, it is slow. */
static inline struct traced *trace_find(const struct trace_model *m, const struct listener *l)
{
    size_t from = 0, to = m && l->cookie ? m->ordered : 0;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        const struct trace_key *key = &m->order[middle];
        if (key->cookie == l->cookie && key->netns == l->netns)
            return &m->list[key->place];
        if (key->cookie < l->cookie || (key->cookie == l->cookie && key->netns < l->netns))
            from = middle + 1;
        else
            to = middle;
    }
    for (size_t i = m ? m->indexed : 0; m && l->cookie && i < m->count; i++)
        if (m->list[i].slot.cookie == l->cookie && m->list[i].slot.netns == l->netns)
            return &m->list[i];
    return NULL;
}

#endif
