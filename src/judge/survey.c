/* Remarks on listeners, and the drops that none of them accounts for. */
#include "backlogctl/judge.h"

/* What net.core.somaxconn was by default before Linux 5.4. */
#define OLD_SOMAXCONN 128

static uint32_t remarks_of(const struct listener *listener, const struct netns_facts *netns)
{
    uint64_t queue = listener->queue, backlog = listener->backlog;
    bool full = queue > backlog, lowered = queue > listener->capacity;
    bool dropped = listener->overflows.min > 0, perhaps = listener->overflows.max > 0;
    bool waits = queue && ((listener->oldest_known && listener->oldest_ms >= NOT_ACCEPTING_MS) || listener->unmoved);
    int64_t somaxconn = netns ? netns->somaxconn : -1;
    bool on[REMARK_COUNT] = {
        [REMARK_FULL] = full,
        [REMARK_DROPPING] = full && perhaps, /* it is full, so it drops who comes now */
        [REMARK_DROPPED] = !full && dropped,
        [REMARK_MAY_HAVE_DROPPED] = !full && !dropped && perhaps,
        [REMARK_NOT_ACCEPTING] = waits,
        /* It holds one more than the backlog, too (inet_csk_reqsk_queue_is_full; measured: 129 of 128). Kernels as old as 5.10 stop at the
           backlog itself, and there this is not told. */
        [REMARK_SYN_QUEUE_FULL] = listener->half_open_known && listener->half_open > backlog,
        [REMARK_GIVEN_UP] = listener->waiting_known && listener->closed + listener->vanished,
        [REMARK_LOWERED] = lowered,
        [REMARK_CLAMPED] = somaxconn >= 0 && (uint64_t)somaxconn == backlog,
        [REMARK_OLD_LIMIT] = somaxconn > OLD_SOMAXCONN && backlog == OLD_SOMAXCONN,
        [REMARK_SMALL] = !lowered && !waits && backlog < SMALL_BACKLOG, /* a longer queue does not help where nobody accepts */
    };
    uint32_t remarks = 0;
    for (enum remark r = 0; r < REMARK_COUNT; r++)
        remarks |= (uint32_t)on[r] << r;
    return remarks;
}

uint32_t judge_percent(const struct listener *listener)
{
    return listener->capacity ? (uint32_t)(listener->queue * 100 / listener->capacity) : 0;
}

/* Since it was made. Listeners that were closed meanwhile may account for all that the namespace counted. */
static struct interval overflows_of(const struct listener *listener, const struct netns_facts *netns)
{
    struct overflow_span span = {.known = netns && netns->counters.known};
    if (span.known)
        span.most = netns->overflows_after;
    return listener->discarded_known ? judge_overflows(listener->discarded, &span) : (struct interval){0};
}

void judge_listener(struct listener *listener, const struct netns_facts *netns)
{
    listener->overflows = overflows_of(listener, netns);
    listener->percent = judge_percent(listener);
    listener->remarks = remarks_of(listener, netns);
}

void judge_netns(struct netns_facts *facts)
{
    uint64_t all = facts->counters.known ? facts->counters.value[COUNTER_LISTEN_DROPS] : 0;
    facts->drops_gone = all > facts->discarded ? all - facts->discarded : 0;
}

/* Without a handshake nothing is dropped (clients wait, or hear EAGAIN), there is no SYN queue and nobody tells who waits for how
   long. */
static bool has_measure(const struct listener *listener, enum measure measure)
{
    return !figures[measure_figure(measure)].of_tcp || has_handshake((enum socket_kind)listener->kind);
}

/* Of all listeners that have the measure: the worst, and the first that it is of. */
static void judge_expectation(const struct survey *survey, struct expectation *e)
{
    struct expectation one = *e;
    size_t asked = 0;
    e->broken = e->broken_by = 0;
    e->seen_known = false;
    e->outcome = OUTCOME_HELD;
    if (!survey->count && *survey->incomplete) { /* there may be some that were not seen */
        e->outcome = OUTCOME_OPEN;
        return;
    }
    if (e->measure == MEASURE_LISTENERS) {
        judge_expected(e, &(struct interval){true, survey->count, survey->count});
        return;
    }
    for (size_t i = 0; i < survey->count; i++) {
        if (!has_measure(&survey->listeners[i], (enum measure)e->measure))
            continue;
        struct interval seen = judge_listener_measure(&survey->listeners[i], (enum measure)e->measure);
        asked++;
        judge_expected(&one, &seen);
        if (one.outcome == OUTCOME_HELD)
            continue;
        if (!e->broken || one.outcome < e->outcome) {
            e->broken_by = i;
            e->seen = one.seen;
            e->seen_max = one.seen_max;
            e->seen_known = one.seen_known;
            e->outcome = one.outcome;
        }
        e->broken++;
    }
    if (!asked)
        e->outcome = OUTCOME_FAILED;
}

void judge_survey(struct survey *survey)
{
    survey->outcome = OUTCOME_HELD;
    for (size_t i = 0; i < survey->namespace_count; i++)
        judge_netns(&survey->namespaces[i]);
    for (size_t i = 0; i < survey->count; i++) {
        struct listener *listener = &survey->listeners[i];
        const struct netns_facts *netns = netns_facts_find(survey->namespaces, survey->namespace_count, listener->netns);
        judge_listener(listener, netns);
        const struct trace_digest seen = trace_digest(trace_find(survey->traced, listener));
        judge_overflows_seen(&listener->overflows, &seen, seen.syn + seen.ack);
        listener->remarks = remarks_of(listener, netns);
    }
    for (size_t i = 0; i < survey->expectation_count; i++) {
        judge_expectation(survey, &survey->expectations[i]);
        survey->outcome = outcome_worse(survey->outcome, (enum expectation_outcome)survey->expectations[i].outcome);
    }
}

static uint32_t count_beside(const struct measurement *m)
{
    const uint64_t promised = m->listener.backlog + 1;
    bool may_be = m->full && has_handshake((enum socket_kind)m->listener.kind) && m->held > promised;
    return may_be && m->held - promised < m->processors ? (uint32_t)(m->held - promised) : 0;
}

void judge_measurement(struct measurement *m)
{
    struct listener measured = m->listener;
    measured.capacity = m->held;
    m->exact = m->full && m->held == m->listener.backlog + 1;
    m->beside = count_beside(m);
    bool as_promised = m->exact || m->beside;
    m->outcome = !as_promised              ? OUTCOME_FAILED
                 : m->served != NSEC_NEVER ? OUTCOME_HELD
                 : m->untried              ? OUTCOME_OPEN
                                           : OUTCOME_FAILED;
    for (size_t i = 0; i < m->expectation_count; i++) {
        struct expectation *e = &m->expectations[i];
        struct interval seen = judge_listener_measure(&measured, (enum measure)e->measure);
        if (e->measure == MEASURE_CAPACITY) {
            seen.known &= m->full;
            seen.min -= m->beside;
        }
        judge_expected(e, &seen);
        m->outcome = outcome_worse(m->outcome, (enum expectation_outcome)e->outcome);
    }
}

/* What happens now or has happened; the other remarks are advice. */
#define REMARKS_OF_TROUBLE ((1u << REMARK_LOWERED) - 1)

int judge_compare(const struct listener *a, const struct listener *b)
{
    uint32_t differs = (a->remarks ^ b->remarks) & REMARKS_OF_TROUBLE;
    uint32_t worst = differs & -differs; /* the first ones are the worst */
    if (worst)
        return (a->remarks & worst) ? -1 : 1;
    return (a->percent < b->percent) - (a->percent > b->percent);
}
