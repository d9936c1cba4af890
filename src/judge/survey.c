/* Remarks on listeners, and the drops that none of them accounts for. */
#include "backlogctl/judge.h"

/* What net.core.somaxconn was by default before Linux 5.4. */
#define OLD_SOMAXCONN 128

static uint32_t remarks_of(const struct listener *listener, const struct netns_facts *netns)
{
    uint64_t queue = listener->queue, backlog = listener->backlog;
    bool full = queue > backlog, lowered = queue > listener->capacity;
    bool dropped = listener->discarded_known && listener->discarded;
    bool waits = queue && ((listener->oldest_known && listener->oldest_ms >= NOT_ACCEPTING_MS) || listener->unmoved);
    int64_t somaxconn = netns ? netns->somaxconn : -1;
    bool on[REMARK_COUNT] = {
        [REMARK_FULL] = full,
        [REMARK_DROPPING] = full && dropped,
        [REMARK_DROPPED] = !full && dropped,
        [REMARK_NOT_ACCEPTING] = waits,
        /* The kernel takes no more requests than the backlog allows (inet_csk_reqsk_queue_is_full). */
        [REMARK_SYN_QUEUE_FULL] = listener->half_open_known && listener->half_open && listener->half_open >= backlog,
        [REMARK_GIVEN_UP] = listener->waiting_known && listener->closed + listener->vanished,
        [REMARK_LOWERED] = lowered,
        [REMARK_CLAMPED] = somaxconn >= 0 && (uint64_t)somaxconn == backlog,
        [REMARK_OLD_LIMIT] = somaxconn > OLD_SOMAXCONN && backlog == OLD_SOMAXCONN,
        [REMARK_SMALL] = !lowered && backlog < SMALL_BACKLOG,
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

void judge_listener(struct listener *listener, const struct netns_facts *netns)
{
    listener->percent = judge_percent(listener);
    listener->remarks = remarks_of(listener, netns);
}

void judge_netns(struct netns_facts *facts)
{
    uint64_t all = facts->counters.known ? facts->counters.value[COUNTER_LISTEN_DROPS] : 0;
    facts->drops_gone = all > facts->listener_drops ? all - facts->listener_drops : 0;
}

/* Without a handshake nothing is dropped (clients wait, or hear EAGAIN), there is no SYN queue and nobody tells who waits for how
   long. */
static bool has_measure(const struct listener *listener, enum measure measure)
{
    return !figures[measure_figure(measure)].of_tcp || has_handshake((enum socket_kind)listener->kind);
}

static void judge_expectation(const struct survey *survey, struct expectation *e)
{
    e->broken = e->broken_by = 0;
    if (e->measure == MEASURE_LISTENERS) {
        e->seen = (int64_t)survey->count;
        e->seen_known = true;
        e->ok = judge_compare(e->seen, (enum compare)e->compare, e->expected);
        return;
    }
    e->seen_known = false;
    size_t asked = 0;
    for (size_t i = 0; i < survey->count; i++) {
        int64_t seen;
        if (!has_measure(&survey->listeners[i], (enum measure)e->measure))
            continue;
        asked++;
        bool known = judge_listener_measure(&survey->listeners[i], (enum measure)e->measure, &seen);
        if (known && judge_compare(seen, (enum compare)e->compare, e->expected))
            continue;
        if (!e->broken++) {
            e->broken_by = i;
            e->seen = seen;
            e->seen_known = known;
        }
    }
    e->ok = asked && !e->broken;
}

void judge_survey(struct survey *survey)
{
    survey->ok = true;
    for (size_t i = 0; i < survey->namespace_count; i++)
        judge_netns(&survey->namespaces[i]);
    for (size_t i = 0; i < survey->count; i++) {
        struct listener *listener = &survey->listeners[i];
        judge_listener(listener, netns_facts_find(survey->namespaces, survey->namespace_count, listener->netns));
    }
    for (size_t i = 0; i < survey->expectation_count; i++) {
        judge_expectation(survey, &survey->expectations[i]);
        survey->ok = survey->ok && survey->expectations[i].ok;
    }
}

void judge_measurement(struct measurement *m)
{
    struct listener measured = m->listener;
    measured.capacity = m->held;
    m->exact = m->full && m->held == m->listener.backlog + 1;
    m->ok = m->exact && m->served != NSEC_NEVER;
    for (size_t i = 0; i < m->expectation_count; i++) {
        struct expectation *e = &m->expectations[i];
        e->seen_known =
            judge_listener_measure(&measured, (enum measure)e->measure, &e->seen) && (e->measure != MEASURE_CAPACITY || m->full);
        e->ok = e->seen_known && judge_compare(e->seen, (enum compare)e->compare, e->expected);
        m->ok = m->ok && e->ok;
    }
}
