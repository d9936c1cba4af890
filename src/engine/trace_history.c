/* Keeps what happened at traced listeners over time: at first a point an interval, then wider ones. */
#include "backlogctl/tracing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void merge(struct trace_point *to, const struct trace_point *next)
{
    to->to = next->to;
    to->queue = next->queue;
    to->capacity = next->capacity ? next->capacity : to->capacity;
    trace_span_add(&to->span, &next->span);
}

/* Until there is room below the limit. */
static void widen(struct trace_track *track, size_t limit)
{
    while (track->count >= limit) {
        size_t kept = 0;
        track->width *= 2;
        for (size_t i = 0; i < track->count; i++) {
            struct trace_point point = track->points[i];
            point.number /= 2;
            if (kept && track->points[kept - 1].number == point.number)
                merge(&track->points[kept - 1], &point);
            else
                track->points[kept++] = point;
        }
        track->count = kept;
    }
}

/* All together are too many: each gets half of what it could have. */
static void lower(struct trace_history *history)
{
    history->limit = history->limit / 2 > TRACE_POINTS_LEAST ? history->limit / 2 : TRACE_POINTS_LEAST;
    history->room = 0;
    for (size_t i = 0; i < history->count; i++) {
        struct trace_track *track = &history->tracks[i];
        widen(track, history->limit);
        struct trace_point *fewer = track->room > history->limit ? realloc(track->points, history->limit * sizeof *fewer) : NULL;
        if (fewer) {
            track->points = fewer;
            track->room = history->limit;
        }
        history->room += track->room;
    }
}

static int make_room(struct trace_history *history, struct trace_track *track)
{
    size_t room = 0;
    for (;; lower(history)) {
        room = track->room ? 2 * track->room : TRACE_POINTS_LEAST;
        room = room < history->limit ? room : history->limit;
        if (history->room + room - track->room <= TRACE_POINTS_ALL || history->limit <= TRACE_POINTS_LEAST)
            break;
    }
    if (track->count >= history->limit)
        widen(track, history->limit);
    if (track->count < track->room || (!track->room && history->room + room > TRACE_POINTS_ALL))
        return 0;
    struct trace_point *points = realloc(track->points, room * sizeof *points);
    if (!points)
        return -ENOMEM;
    history->room += room - track->room;
    track->points = points;
    track->room = room;
    return 0;
}

static int add(struct trace_history *history, struct trace_track *track, const struct trace_point *now)
{
    struct trace_point point = *now;
    if (track->missed) /* a part of it would pass for all */
        return 0;
    track->width = track->width ? track->width : 1;
    if (track->count == track->room || track->count >= history->limit) {
        int status = make_room(history, track);
        track->missed = !status && !track->room;
        if (status || track->missed)
            return status;
    }
    point.number = now->number / track->width;
    if (track->count && track->points[track->count - 1].number == point.number)
        merge(&track->points[track->count - 1], &point);
    else
        track->points[track->count++] = point;
    return 0;
}

static bool is_of(const struct trace_track *track, const struct traced *one)
{
    return track->cookie == one->slot.cookie && track->netns == one->slot.netns;
}

/* A track for each listener in the list, in its order; what the list has forgotten is forgotten here, too. */
static int match_tracks(struct trace_history *history, const struct trace_model *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < history->count; i++) {
        if (kept < m->count && is_of(&history->tracks[i], &m->list[kept])) {
            history->tracks[kept++] = history->tracks[i];
            continue;
        }
        history->room -= history->tracks[i].room;
        free(history->tracks[i].points);
    }
    history->count = kept;
    if (kept == m->count)
        return 0;
    struct trace_track *tracks = realloc(history->tracks, m->count * sizeof *tracks);
    if (!tracks)
        return -ENOMEM;
    history->tracks = tracks;
    for (; history->count < m->count; history->count++)
        tracks[history->count] =
            (struct trace_track){.cookie = m->list[history->count].slot.cookie, .netns = m->list[history->count].slot.netns};
    return 0;
}

int trace_history_take(struct trace_history *history, const struct trace_model *m)
{
    int status = match_tracks(history, m);
    history->limit = history->limit ? history->limit : TRACE_POINTS;
    for (size_t i = 0; i < m->count && !status; i++) {
        const struct traced *one = &m->list[i];
        struct trace_track *track = &history->tracks[i];
        struct trace_point now = {.from = m->elapsed - m->took,
                                  .to = m->elapsed,
                                  .number = m->number,
                                  .queue = one->looked ? one->now.queue : 0,
                                  .capacity = one->looked ? one->now.capacity : 0,
                                  .span = trace_span_last(one)};
        if (trace_span_any(&now.span))
            status = add(history, track, &now);
        else if (track->count) /* what happened between the last look and the reading behind it is in the point before */
            track->points[track->count - 1].queue = now.queue;
    }
    return status;
}

void trace_history_release(struct trace_history *history)
{
    for (size_t i = 0; i < history->count; i++)
        free(history->tracks[i].points);
    free(history->tracks);
    *history = (struct trace_history){0};
}
