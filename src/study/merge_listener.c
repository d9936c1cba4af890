/* The listener as its observers saw it, and what happened when. */
#include "merge_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Its figures at a moment of the observer's time: those of the last look until then. */
static void figures_at(const struct observer_facts *o, uint32_t listener, nsec at, struct listener *out)
{
    bool any = false;
    for (size_t i = 0; i < o->sample_count; i++) {
        const struct sample *s = &o->samples[i];
        if (s->listener != listener || (any && s->at > at))
            continue;
        out->queue = s->queue;
        out->discarded = s->discarded;
        any = true;
    }
    out->discarded_known = any;
}

/* Several listeners are taken together, as the members of a group are. */
static void add_listener(struct listener *sum, const struct listener *one)
{
    if (!sum->known) {
        *sum = *one;
        return;
    }
    sum->members += one->members;
    sum->backlog += one->backlog;
    sum->capacity += one->capacity;
    sum->queue += one->queue;
    sum->discarded += one->discarded;
    sum->discarded_known = sum->discarded_known && one->discarded_known;
}

/* What clients that have closed since left behind is not of the burst: so the figures at its end count, not those of the last look. */
static void add_observation(struct merge *m, size_t number)
{
    const struct observer_facts *o = &m->reports.observations[number];
    const struct merged_observer *observer = &m->reports.merged.observers[number];
    struct target *target = &m->run.targets[0];
    nsec begin = m->zero - observer->zero;
    for (uint32_t i = 0; i < o->listener_count; i++) {
        struct listener before = o->listeners[i], after = before;
        figures_at(o, i, begin, &before);
        figures_at(o, i, begin + m->run.elapsed, &after);
        add_listener(&target->before, &before);
        add_listener(&target->after, &after);
    }
}

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
    bool direct = true;
    for (size_t i = 0; i < merged->observer_count; i++) {
        merged->observers[i].peak = peak_of(&m->reports.observations[i]);
        add_observation(m, i);
    }
    for (size_t i = 0; i < merged->host_count; i++)
        direct = direct && (!merged->hosts[i].through || merged->hosts[i].matched);
    target->local = m->run.asked = merged->observer_count;
    target->translation = merged->observer_count && direct ? TRANSLATION_NONE : TRANSLATION_UNKNOWN;
    target->seen_direct = true;             /* merge_join.c sees to it */
    target->undropped = merged->unreported; /* others had SYNs, too: the sums do not tell whose were dropped */
    if (merged->observer_count == 1)
        m->run.counters = m->reports.observations[0].counters;
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
    const struct observer_facts *o = &m->reports.observations[0];
    nsec shift = m->reports.merged.observers[0].zero - m->zero;
    uint32_t *queues = calloc(o->listener_count + 1, sizeof *queues), *drops = calloc(o->listener_count + 1, sizeof *drops);
    timeline->points = calloc(o->sample_count + 1, sizeof *timeline->points);
    uint32_t before = 0;
    for (size_t i = 0; queues && drops && timeline->points && i < o->sample_count; i++) {
        const struct sample *s = &o->samples[i];
        if (s->listener >= o->listener_count || s->at + shift > m->run.elapsed)
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

int merge_timeline(struct merge *m, struct error *err)
{
    struct target *target = &m->run.targets[0];
    struct timeline *timeline = &target->timeline;
    size_t count = target->attempt_count;
    *timeline = (struct timeline){.source = TIMELINE_SAMPLES, .end = m->run.elapsed};
    timeline->lanes = calloc(count + 1, sizeof *timeline->lanes);
    timeline->syns = calloc(count + 1, sizeof *timeline->syns);
    if (!timeline->lanes || !timeline->syns || (m->reports.merged.observer_count && draw_queue(m, timeline)))
        return error_set(err, ENOMEM, "no memory for a timeline");
    for (size_t i = 0; i < count; i++) {
        const struct attempt *a = &target->attempts[i];
        bool queued = a->peer == PEER_QUEUED || a->peer == PEER_ACCEPTED;
        timeline->syns[i] = a->opened;
        timeline->lanes[i] = (struct lane){.first_syn = (uint32_t)i,
                                           .syns = a->opened != NSEC_NEVER,
                                           .established = a->established,
                                           .queued = queued ? a->established : NSEC_NEVER,
                                           .accepted = a->accepted,
                                           .closed = NSEC_NEVER,
                                           .failed = a->failed};
    }
    return 0;
}
