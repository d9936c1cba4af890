/* Recording a timeline. Looks are noted in a log as they come; packets stay in the kernel's ring until the end. */
#include "backlogctl/run.h"
#include "backlogctl/recorder.h"

#include "recorder_packets.h"

#include <errno.h>
#include <stdlib.h>

/* A connection is some four packets, and one more for each SYN that is sent again; with a delay each is seen twice. At most the ring
   takes some 200 MB: packets beyond it are counted, and told. */
#define PACKETS_PER_CONNECTION 16
#define PACKETS_LEAST 4096
#define PACKETS_MOST 900000
#define FIRST_ROOM 256

/* What the look before saw. */
struct last_look {
    uint8_t retransmits;
    bool queued, closed;
};

struct watched_target {
    const struct target *target;
    struct last_look *before; /* one an attempt */
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
    struct last_look *before = &w->before[i];
    for (; before->retransmits < a->syn_retransmits; before->retransmits++)
        moments_add(&r->log, (struct moment){.at = now, .attempt = (uint32_t)i, .target = w->target, .kind = MOMENT_SYN});
    if (!before->queued && a->was_queued)
        moments_add(&r->log, (struct moment){.at = now, .attempt = (uint32_t)i, .target = w->target, .kind = MOMENT_QUEUED});
    if (!before->closed && is_closed(a))
        moments_add(&r->log, (struct moment){.at = now, .attempt = (uint32_t)i, .target = w->target, .kind = MOMENT_CLOSED});
    before->queued = a->was_queued;
    before->closed = is_closed(a);
}

static bool is_new_point(const struct watched_target *w, const struct queue_point *point)
{
    if (!w->point_count)
        return true;
    const struct queue_point *last = &w->points[w->point_count - 1];
    return last->queue != point->queue || last->discarded != point->discarded;
}

void recorder_look(struct recorder *r, const struct target *target, nsec now)
{
    struct watched_target *w = r->source == TIMELINE_SAMPLES ? watched_of(r, target) : NULL;
    if (!w)
        return;
    for (size_t i = 0; i < target->attempt_count; i++)
        note_changes(r, w, i, now);
    struct queue_point point = {.at = now,
                                .queue = (uint32_t)target->after.queue,
                                .discarded = (uint32_t)(target->after.discarded - target->before.discarded)};
    if (target->after.known && is_new_point(w, &point))
        points_add(w, point);
}

/* ---- The end ---- */

/* The first SYN went out when connect() was called. */
static int add_first_syns(struct recorder *r, const struct target *target, struct moments *out, struct error *err)
{
    bool complete = true;
    for (size_t i = 0; i < target->attempt_count; i++) {
        const struct attempt *a = &target->attempts[i];
        bool began = a->opened != NSEC_NEVER && a->bound;
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
    int status = add_first_syns(r, target, &all, err);
    if (!status)
        status = moments_make_lanes(&all, target, err);
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
    if (w) {
        t->points = w->points;
        t->point_count = w->point_count;
        w->points = NULL;
        w->point_count = w->point_room = 0;
    }
    return status;
}

/* Without a handshake a connect() that succeeds has put the connection into the queue. */
static int finish_calls(struct recorder *r, struct target *target, struct error *err)
{
    struct moments all = {0};
    int status = add_first_syns(r, target, &all, err);
    if (!status)
        status = moments_make_lanes(&all, target, err);
    free(all.list);
    for (size_t i = 0; i < target->attempt_count && !status; i++)
        target->timeline.lanes[i].queued = target->timeline.lanes[i].established;
    return status ? status : moments_make_points(&r->log, target, err);
}

static int finish_packets(struct recorder *r, struct target *target, struct error *err)
{
    int status = moments_make_lanes(&r->log, target, err);
    target->timeline.missed = capture_missed(r->capture);
    return status ? status : moments_make_points(&r->log, target, err);
}

static int finish(struct recorder *r, struct target *target, struct error *err)
{
    int status = r->source == TIMELINE_PACKETS ? finish_packets(r, target, err)
                 : r->source == TIMELINE_CALLS ? finish_calls(r, target, err)
                                               : finish_looks(r, target, err);
    target->timeline.source = r->source;
    if (status) /* half a timeline is none */
        timeline_release(&target->timeline);
    return status;
}

int recorder_finish(struct recorder *r, struct target *targets, size_t count, nsec epoch, nsec end, struct error *err)
{
    int status = r->capture ? packets_gather(r->capture, &r->log, targets, count, epoch, err) : 0;
    for (size_t i = 0; i < count && !status; i++) {
        if (!targets[i].attempt_count)
            continue;
        status = finish(r, &targets[i], err);
        targets[i].timeline.end = end;
    }
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
