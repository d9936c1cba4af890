/* The listener as its observers saw it, and what happened when. */
#include "merge_internal.h"

#include "backlogctl/listener.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* When the burst was, by the observers' clock, as far as all hosts' clocks are bound to it. */
struct window {
    bool known;
    nsec begin, end_least, end_most;
};

static struct window window_of(const struct merge *m)
{
    struct window w = {.known = true, .begin = INT64_MAX, .end_least = INT64_MIN, .end_most = INT64_MIN};
    for (size_t i = 0; i < m->reports.merged.host_count; i++) {
        const struct merged_host *host = &m->reports.merged.hosts[i];
        if (!is_of_use(host))
            continue;
        struct span_of_time begin = merge_on_observers_clock(host, 0), end = merge_on_observers_clock(host, host->elapsed);
        w.known = w.known && clock_is_bound(&host->shift) && !host->other_time;
        w.begin = begin.least < w.begin ? begin.least : w.begin;
        w.end_least = end.least > w.end_least ? end.least : w.end_least;
        w.end_most = end.most > w.end_most ? end.most : w.end_most;
    }
    return w;
}

/* The one observer that counts; NULL: there are several, or none. */
static const struct merged_observer *sole_observer(const struct merged *merged)
{
    const struct merged_observer *sole = NULL;
    for (size_t i = 0; i < merged->observer_count; i++) {
        if (*merged->observers[i].trouble)
            continue;
        if (sole)
            return NULL;
        sole = &merged->observers[i];
    }
    return sole;
}

/* The figures of a listener at a moment of the observer's time: those of the last look until then; `next`: of the first behind it. */
static struct sample figures_at(const struct observer_facts *o, uint32_t listener, nsec at, bool next)
{
    struct sample found = {.at = NSEC_NEVER};
    for (size_t i = 0; i < o->sample_count; i++) {
        const struct sample *s = &o->samples[i];
        if (s->listener != listener)
            continue;
        if (s->at > at && found.at != NSEC_NEVER && !next)
            break;
        found = *s;
        if (s->at > at)
            break;
    }
    return found;
}

/* What clients that have closed since left behind is not of the burst, so the figures of its end count; what was dropped between the last
   look before that and the first one behind it may be of either. */
static void add_figures(struct merge *m, const struct observer_facts *o, nsec zero, const struct window *w)
{
    struct target *target = &m->run.targets[0];
    for (uint32_t i = 0; i < o->listener_count; i++) {
        struct listener before = o->listeners[i], after = before;
        if (!observer_reaches(o, &target->address, i))
            continue;
        struct sample first = figures_at(o, i, w->begin - zero, false), last = figures_at(o, i, w->end_least - zero, false),
                      behind = figures_at(o, i, w->end_most - zero, true);
        before.discarded_known = after.discarded_known = first.at != NSEC_NEVER; /* nobody says else that it was looked at */
        before.queue = first.queue;
        before.discarded = first.discarded;
        after.queue = last.queue;
        after.discarded = behind.discarded;
        target->late_drops += (behind.discarded - last.discarded) & UINT32_MAX;
        target->listener_gone = target->listener_gone || o->gone[i];
        listener_add_member(&target->before, &before);
        listener_add_member(&target->after, &after);
    }
}

/* Nobody looked at it all the time: what it dropped, and who is missing in its queue, is not known. */
static void forget(struct merge *m, const struct observer_facts *o)
{
    struct target *target = &m->run.targets[0];
    for (uint32_t i = 0; o && i < o->listener_count; i++)
        target->listener_gone = target->listener_gone || (observer_reaches(o, &target->address, i) && o->gone[i]);
    for (size_t i = 0; i < target->attempt_count; i++)
        if (target->attempts[i].peer == PEER_ABSENT)
            target->attempts[i].peer = PEER_UNKNOWN;
}

/* Some connections of each host were found at the listener, by the very addresses that it sent from. */
static bool all_are_direct(const struct merged *merged)
{
    for (size_t i = 0; i < merged->host_count; i++)
        if (is_of_use(&merged->hosts[i]) && !merged->hosts[i].matched)
            return false;
    return true;
}

/* A namespace's counters are those of the whole observation: of one that went on for long they say nothing of the burst. */
#define MUCH_LONGER (30 * NSEC_PER_SEC)

static uint64_t peak_of(const struct observer_facts *o)
{
    uint64_t peak = 0, sum = 0;
    uint64_t *queues = calloc(o->listener_count + 1, sizeof *queues);
    for (size_t i = 0; i < o->sample_count && queues; i++) {
        const struct sample *s = &o->samples[i];
        if (s->listener >= o->listener_count)
            continue;
        sum = sum - queues[s->listener] + s->queue;
        queues[s->listener] = s->queue;
        peak = sum > peak ? sum : peak;
    }
    free(queues);
    return peak;
}

void merge_listener(struct merge *m)
{
    struct merged *merged = &m->reports.merged;
    struct target *target = &m->run.targets[0];
    const struct merged_observer *sole = sole_observer(merged);
    const struct observer_facts *o = sole ? &m->reports.observations[sole - merged->observers] : NULL;
    const struct window w = window_of(m);
    for (size_t i = 0; i < merged->observer_count; i++)
        merged->observers[i].peak = peak_of(&m->reports.observations[i]);
    merged->covered = sole && w.known && w.begin >= sole->zero + o->first_look && w.end_most <= sole->zero + sole->elapsed;
    if (merged->covered)
        add_figures(m, o, sole->zero, &w);
    else
        forget(m, o);
    target->translation = merged->covered && all_are_direct(merged) ? TRANSLATION_NONE : TRANSLATION_UNKNOWN;
    target->local = m->run.asked = merged->covered && !target->listener_gone; /* what it had dropped went with it */
    target->seen_direct = true;                                               /* merge_join.c sees to it */
    target->undropped = true; /* nobody saw which SYN was dropped, and others may have sent some */
    if (merged->covered && sole->elapsed < m->run.elapsed + MUCH_LONGER)
        m->run.counters = o->counters;
}

/* ---- When ---- */

static uint32_t sum_of(const uint32_t *figures, size_t count)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += figures[i];
    return sum;
}

/* One queue, of the listeners of one observer together. */
static int draw_queue(struct merge *m, struct timeline *timeline)
{
    const struct merged_observer *sole = sole_observer(&m->reports.merged);
    const struct observer_facts *o = &m->reports.observations[sole - m->reports.merged.observers];
    nsec shift = sole->zero - m->zero;
    uint32_t *queues = calloc(o->listener_count + 1, sizeof *queues), *drops = calloc(o->listener_count + 1, sizeof *drops);
    timeline->points = calloc(o->sample_count + 1, sizeof *timeline->points);
    uint32_t before = 0;
    for (size_t i = 0; queues && drops && timeline->points && i < o->sample_count; i++) {
        const struct sample *s = &o->samples[i];
        if (s->listener >= o->listener_count || s->at + shift > m->run.elapsed ||
            !observer_reaches(o, &m->run.targets[0].address, s->listener))
            continue;
        queues[s->listener] = s->queue;
        drops[s->listener] = s->discarded;
        if (s->at + shift <= 0)
            before = sum_of(drops, o->listener_count);
        struct queue_point point = {.at = s->at + shift > 0 ? s->at + shift : 0,
                                    .queue = sum_of(queues, o->listener_count),
                                    .discarded = sum_of(drops, o->listener_count) - before};
        if (timeline->point_count && timeline->points[timeline->point_count - 1].at == point.at)
            timeline->point_count--;
        timeline->points[timeline->point_count++] = point;
    }
    bool enough = queues && drops && timeline->points;
    free(queues);
    free(drops);
    return enough ? 0 : -ENOMEM;
}

/* The moment by which it was in the queue. */
static nsec entered_at(const struct merge *m, const struct attempt *a)
{
    size_t count;
    const struct watched *s = a->peer == PEER_QUEUED || a->peer == PEER_ACCEPTED
                                  ? merge_find(&m->reports, reports_source(&m->reports, a), &count)
                                  : NULL;
    return s && count == 1 && s->entered.most != NSEC_NEVER
               ? m->reports.merged.observers[s->observer].zero + s->entered.most - m->zero
               : NSEC_NEVER;
}

int merge_timeline(struct merge *m, struct error *err)
{
    struct target *target = &m->run.targets[0];
    struct timeline *timeline = &target->timeline;
    size_t count = target->attempt_count;
    *timeline = (struct timeline){.source = TIMELINE_SAMPLES, .end = m->run.elapsed};
    timeline->lanes = calloc(count + 1, sizeof *timeline->lanes);
    timeline->syns = calloc(count + 1, sizeof *timeline->syns);
    if (!timeline->lanes || !timeline->syns || (m->reports.merged.covered && draw_queue(m, timeline)))
        return error_set(err, ENOMEM, "no memory for a timeline");
    for (size_t i = 0; i < count; i++) {
        const struct attempt *a = &target->attempts[i];
        timeline->syns[i] = a->opened;
        timeline->lanes[i] = (struct lane){.first_syn = (uint32_t)i,
                                           .syns = a->opened != NSEC_NEVER,
                                           .established = a->established,
                                           .queued = entered_at(m, a),
                                           .accepted = a->accepted,
                                           .closed = NSEC_NEVER,
                                           .failed = NSEC_NEVER};
    }
    return 0;
}
