/* Recording a timeline. Looks are noted in a log as they come; packets stay in the kernel's ring until the end. */
#include "recorder_internal.h"

#include <errno.h>
#include <stdlib.h>

/* A connection is some four packets, and one more for each SYN that is sent again; with a delay each is seen twice. At most the ring
   takes some 200 MB: packets beyond it are counted, and told. */
#define PACKETS_PER_CONNECTION 16
#define PACKETS_LEAST 4096
#define PACKETS_MOST 900000
#define FIRST_ROOM 256

int recorder_open(struct recorder **out, enum timeline_source source, size_t count, unsigned ignored, struct error *err)
{
    struct recorder *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r)
        return error_set(err, ENOMEM, "no memory for a timeline");
    r->source = source;
    size_t most = PACKETS_LEAST + count * PACKETS_PER_CONNECTION;
    int status =
        source == TIMELINE_PACKETS ? capture_open(&r->capture, most < PACKETS_MOST ? most : PACKETS_MOST, ignored, err) : 0;
    if (status) {
        free(r);
        return status;
    }
    *out = r;
    return 0;
}

bool moments_add(struct moments *moments, struct moment moment)
{
    if (moments->count == moments->room) {
        size_t room = moments->room ? 2 * moments->room : FIRST_ROOM;
        struct moment *list = reallocarray(moments->list, room, sizeof *list);
        if (!list)
            return false;
        moments->list = list;
        moments->room = room;
    }
    moments->list[moments->count++] = moment;
    return true;
}

static bool points_add(struct watched_target *w, struct queue_point point)
{
    if (w->point_count == w->point_room) {
        size_t room = w->point_room ? 2 * w->point_room : FIRST_ROOM;
        struct queue_point *points = reallocarray(w->points, room, sizeof *points);
        if (!points)
            return false;
        w->points = points;
        w->point_room = room;
    }
    w->points[w->point_count++] = point;
    return true;
}

/* ---- Looks ---- */

static struct watched_target *watched_of(struct recorder *r, const struct target *target)
{
    for (size_t i = 0; i < r->target_count; i++)
        if (r->targets[i].target == target)
            return &r->targets[i];
    if (r->target_count == TARGETS_MAX)
        return NULL;
    struct watched_target *w = &r->targets[r->target_count];
    *w = (struct watched_target){.target = target,
                                 .before = calloc(target->attempt_count ? target->attempt_count : 1, sizeof *w->before)};
    if (!w->before)
        return NULL;
    r->target_count++;
    return w;
}

static bool is_closed(const struct attempt *a)
{
    return a->state == STATE_CLOSE_WAIT || a->peer == PEER_CLOSED;
}

static void note_changes(struct recorder *r, struct watched_target *w, size_t i, nsec now)
{
    const struct attempt *a = &w->target->attempts[i];
    struct glance *before = &w->before[i];
    for (; before->retransmits < a->syn_retransmits; before->retransmits++)
        moments_add(&r->log, (struct moment){.at = now, .attempt = (uint32_t)i, .target = w->target, .kind = MOMENT_SYN});
    if (!before->queued && a->was_queued)
        moments_add(&r->log, (struct moment){.at = now, .attempt = (uint32_t)i, .target = w->target, .kind = MOMENT_QUEUED});
    if (!before->closed && is_closed(a))
        moments_add(&r->log, (struct moment){.at = now, .attempt = (uint32_t)i, .target = w->target, .kind = MOMENT_CLOSED});
    before->queued = a->was_queued;
    before->closed = is_closed(a);
}

void recorder_look(struct recorder *r, const struct target *target, nsec now)
{
    struct watched_target *w = r->source == TIMELINE_SAMPLES ? watched_of(r, target) : NULL;
    if (!w)
        return;
    for (size_t i = 0; i < target->attempt_count; i++)
        note_changes(r, w, i, now);
    const struct queue_point *last = w->point_count ? &w->points[w->point_count - 1] : NULL;
    struct queue_point point = {.at = now,
                                .queue = (uint32_t)target->after.queue,
                                .drops = (uint32_t)(target->after.drops - target->before.drops)};
    if (target->after.known && (!last || last->queue != point.queue || last->drops != point.drops))
        points_add(w, point);
}

/* ---- The end ---- */

/* One lane an attempt, with what both kinds of recording share: the client's own times. */
static int make_lanes(struct target *target, struct error *err)
{
    struct timeline *t = &target->timeline;
    t->lanes = calloc(target->attempt_count ? target->attempt_count : 1, sizeof *t->lanes);
    if (!t->lanes)
        return error_set(err, ENOMEM, "no memory for a timeline");
    for (size_t i = 0; i < target->attempt_count; i++) {
        const struct attempt *a = &target->attempts[i];
        t->lanes[i] = (struct lane){.established = a->established,
                                    .queued = NSEC_NEVER,
                                    .accepted = a->accepted,
                                    .closed = NSEC_NEVER,
                                    .failed = a->failed};
    }
    return 0;
}

/* Each lane's SYNs side by side, in the order of their times. */
static int place_syns(struct target *target, const struct moments *log, struct error *err)
{
    struct timeline *t = &target->timeline;
    uint32_t total = 0;
    for (size_t m = 0; m < log->count; m++)
        if (log->list[m].kind == MOMENT_SYN && log->list[m].target == target)
            t->lanes[log->list[m].attempt].syns++;
    for (size_t i = 0; i < target->attempt_count; i++) {
        t->lanes[i].first_syn = total;
        total += t->lanes[i].syns;
        t->lanes[i].syns = 0;
    }
    t->syns = malloc((total ? total : 1) * sizeof *t->syns);
    if (!t->syns)
        return error_set(err, ENOMEM, "no memory for a timeline");
    for (size_t m = 0; m < log->count; m++) {
        struct lane *lane = &t->lanes[log->list[m].attempt];
        if (log->list[m].kind == MOMENT_SYN && log->list[m].target == target)
            t->syns[lane->first_syn + lane->syns++] = log->list[m].at;
    }
    return 0;
}

/* The first SYN went out when connect() was called. */
static int add_first_syns(struct recorder *r, const struct target *target, struct moments *out, struct error *err)
{
    bool complete = true;
    for (size_t i = 0; i < target->attempt_count; i++) {
        const struct attempt *a = &target->attempts[i];
        bool began = a->opened != NSEC_NEVER && a->source.family != AF_UNSPEC;
        if (began)
            complete =
                moments_add(out,
                            (struct moment){.at = a->opened, .attempt = (uint32_t)i, .target = target, .kind = MOMENT_SYN}) &&
                complete;
    }
    for (size_t m = 0; m < r->log.count; m++)
        if (r->log.list[m].target == target)
            complete = moments_add(out, r->log.list[m]) && complete;
    return complete ? 0 : error_set(err, ENOMEM, "no memory for a timeline");
}

static int finish_looks(struct recorder *r, struct target *target, struct error *err)
{
    struct timeline *t = &target->timeline;
    struct watched_target *w = watched_of(r, target);
    struct moments all = {0};
    int status = make_lanes(target, err);
    if (!status)
        status = add_first_syns(r, target, &all, err);
    if (!status)
        status = place_syns(target, &all, err);
    for (size_t m = 0; m < all.count && !status; m++) {
        struct lane *lane = &t->lanes[all.list[m].attempt];
        if (all.list[m].kind == MOMENT_QUEUED)
            lane->queued = all.list[m].at;
        if (all.list[m].kind == MOMENT_CLOSED)
            lane->closed = all.list[m].at;
    }
    free(all.list);
    /* In the queue at the first look after the handshake: it has been there since. */
    for (size_t i = 0; i < target->attempt_count && !status; i++) {
        struct lane *lane = &t->lanes[i];
        bool at_once = !target->attempts[i].was_half_open;
        if ((lane->queued != NSEC_NEVER || lane->accepted != NSEC_NEVER) && at_once)
            lane->queued = lane->established;
    }
    t->source = TIMELINE_SAMPLES;
    if (w) {
        t->points = w->points;
        t->point_count = w->point_count;
        w->points = NULL;
        w->point_count = w->point_room = 0;
    }
    return status;
}

int recorder_finish(struct recorder *r, struct target *targets, size_t count, nsec epoch, nsec end, struct error *err)
{
    int status = r->capture ? packets_gather(r, targets, count, epoch, err) : 0;
    for (size_t i = 0; i < count && !status; i++) {
        struct target *target = &targets[i];
        if (!target->attempt_count)
            continue;
        status = r->source == TIMELINE_SAMPLES ? finish_looks(r, target, err) : moments_finish(r, target, err);
        target->timeline.end = end;
    }
    return status;
}

/* Without a handshake a connect() that succeeds has put the connection into the queue. */
static void enter_by_calls(struct target *target)
{
    struct timeline *t = &target->timeline;
    for (size_t i = 0; i < target->attempt_count; i++)
        t->lanes[i].queued = t->lanes[i].established;
}

int lanes_make(struct recorder *r, struct target *target, struct error *err)
{
    struct moments all = {0};
    int status = make_lanes(target, err);
    if (!status && r->source == TIMELINE_CALLS)
        status = add_first_syns(r, target, &all, err);
    if (!status)
        status = place_syns(target, r->source == TIMELINE_CALLS ? &all : &r->log, err);
    if (!status && r->source == TIMELINE_CALLS)
        enter_by_calls(target);
    free(all.list);
    return status;
}

void recorder_release(struct recorder *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->target_count; i++) {
        free(r->targets[i].before);
        free(r->targets[i].points);
    }
    capture_release(r->capture);
    free(r->log.list);
    free(r);
}

void timeline_release(struct timeline *timeline)
{
    free(timeline->lanes);
    free(timeline->syns);
    free(timeline->points);
    *timeline = (struct timeline){0};
}
