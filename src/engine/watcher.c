/* Listeners over time: what came, what went, how long their queues got. */
#include "backlogctl/watcher.h"

#include "backlogctl/surveyor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is(const struct listener_history *one, uint64_t cookie, uint64_t netns)
{
    return one->now.cookie == cookie && one->now.netns == netns;
}

struct listener_history *watcher_find(const struct watch_model *w, uint64_t cookie, uint64_t netns)
{
    for (size_t i = 0; i < w->count; i++)
        if (is(&w->list[i], cookie, netns))
            return &w->list[i];
    return NULL;
}

/* ---- Those that are known, by cookie and namespace ---- */

struct known {
    uint64_t cookie, netns;
    size_t place; /* in the model's list */
};

static int compare_known(const void *left, const void *right)
{
    const struct known *a = left, *b = right;
    if (a->cookie != b->cookie)
        return a->cookie < b->cookie ? -1 : 1;
    return a->netns < b->netns ? -1 : a->netns > b->netns;
}

/* Those that were there before a survey; NULL: no memory. The caller frees it. */
static struct known *index_known(const struct watch_model *w)
{
    struct known *known = malloc((w->count + 1) * sizeof *known);
    for (size_t i = 0; known && i < w->count; i++)
        known[i] = (struct known){w->list[i].now.cookie, w->list[i].now.netns, i};
    if (known && w->count)
        qsort(known, w->count, sizeof *known, compare_known);
    return known;
}

static struct listener_history *find_known(const struct watch_model *w, const struct known *known, size_t count,
                                           const struct listener *listener)
{
    const struct known key = {.cookie = listener->cookie, .netns = listener->netns};
    const struct known *found = count ? bsearch(&key, known, count, sizeof key, compare_known) : NULL;
    return found ? &w->list[found->place] : NULL;
}

/* Seconds without a look count as empty. */
static void note_history(struct listener_history *one, uint64_t queue, nsec elapsed)
{
    uint32_t second = (uint32_t)(elapsed / NSEC_PER_SEC), capped = queue < UINT32_MAX ? (uint32_t)queue : UINT32_MAX;
    if (!one->history_to || second >= one->history_to + WATCH_HISTORY)
        one->history_from = one->history_to = second;
    while (one->history_to <= second)
        one->history[one->history_to++ % WATCH_HISTORY] = 0;
    if (one->history_to - one->history_from > WATCH_HISTORY)
        one->history_from = one->history_to - WATCH_HISTORY;
    if (capped > one->history[second % WATCH_HISTORY])
        one->history[second % WATCH_HISTORY] = capped;
}

/* The first of the queue was accepted, or nobody is left to ask about. */
static void forget_queued(struct listener *now)
{
    now->oldest_known = now->waiting_known = now->unmoved = false;
    now->oldest_ms = now->closed = now->vanished = now->with_data = 0;
}

void watcher_sample(struct watch_model *w, struct listener_history *one, uint64_t queue, uint64_t drops, nsec elapsed)
{
    uint32_t more = (uint32_t)drops - (uint32_t)one->now.discarded; /* the kernel's counter has 32 bits and begins again */
    w->elapsed = elapsed;
    if (queue < one->now.queue)
        forget_queued(&one->now);
    one->now.queue = queue;
    one->now.discarded = drops;
    if (one->now.discarded_known) {
        one->discarded += more;
        one->open.discarded += more;
    }
    one->open.samples++;
    if (queue > one->open.peak)
        one->open.peak = queue;
    if (queue > one->peak) {
        one->peak = queue;
        one->peak_at = elapsed;
    }
    note_history(one, queue, elapsed);
}

void watcher_exact(struct listener_history *one, const struct trace_digest *exact, nsec began, nsec elapsed)
{
    one->exact = *exact;
    if (!exact->known || exact->worth[TRACE_LENGTH] == TRACE_UNKNOWN)
        return;
    if (exact->interval_peak > one->open.peak)
        one->open.peak = exact->interval_peak;
    if (exact->peak > one->peak) {
        one->peak = exact->peak;
        one->peak_at = (nsec)exact->peak_at > began ? (nsec)exact->peak_at - began : 0;
    }
    note_history(one, exact->interval_peak, elapsed);
}

/* ---- Surveys ---- */

static struct listener_history *add(struct watch_model *w)
{
    if (w->count == w->room) {
        size_t room = w->room ? 2 * w->room : 64;
        struct listener_history *list = realloc(w->list, room * sizeof *list);
        if (!list)
            return NULL;
        w->list = list;
        w->room = room;
    }
    w->list[w->count] = (struct listener_history){0};
    return &w->list[w->count++];
}

static void keep_owner(struct listener *now, const struct listener *before)
{
    if (now->pid)
        return;
    now->pid = before->pid;
    now->processes = before->processes;
    now->pidns = before->pidns;
    now->place = before->place;
    memcpy(now->process, before->process, sizeof now->process);
}

/* `one`: as it was known before; NULL: it was not. */
static int merge_one(struct watch_model *w, struct listener_history *one, const struct listener *listener, nsec elapsed)
{
    if (!one) {
        one = add(w);
        if (!one)
            return -ENOMEM;
        one->now = *listener;
        one->state = w->surveys > 1 ? WATCH_APPEARED : WATCH_PRESENT;
        one->changed = w->surveys > 1 ? elapsed : 0;
    } else if (one->state == WATCH_GONE) { /* a dump may miss one */
        one->state = WATCH_APPEARED;
        one->changed = elapsed;
    } else {
        one->state = WATCH_PRESENT;
    }
    struct listener before = one->now;
    one->now = *listener;
    one->now.discarded = before.discarded;
    keep_owner(&one->now, &before);
    one->survey = w->surveys;
    watcher_sample(w, one, listener->queue, listener->discarded, elapsed);
    return 0;
}

static int merge_all(struct watch_model *w, const struct survey *survey, nsec elapsed)
{
    size_t count = w->count;
    struct known *known = index_known(w);
    int status = known ? 0 : -ENOMEM;
    for (size_t i = 0; i < survey->count && !status; i++) {
        const struct listener *listener = &survey->listeners[i], *last = i ? listener - 1 : NULL;
        if (last && last->cookie == listener->cookie && last->netns == listener->netns)
            continue; /* a dump may have one twice */
        status = merge_one(w, find_known(w, known, count, listener), listener, elapsed);
    }
    free(known);
    return status;
}

static int keep_namespaces(struct watch_model *w, const struct survey *survey)
{
    struct netns_facts *list = malloc((survey->namespace_count + 1) * sizeof *list);
    if (!list)
        return -ENOMEM;
    memcpy(list, survey->namespaces, survey->namespace_count * sizeof *list);
    for (size_t i = 0; i < survey->namespace_count; i++) {
        const struct netns_facts *old = netns_facts_find(w->namespaces, w->namespace_count, list[i].inode);
        if (old)
            list[i].span = survey_span(old, &list[i]);
    }
    free(w->namespaces);
    w->namespaces = list;
    w->namespace_count = survey->namespace_count;
    return 0;
}

int watcher_merge(struct watch_model *w, const struct survey *survey, nsec elapsed)
{
    w->elapsed = elapsed;
    w->surveys++;
    w->owners_unseen = survey->owners_unseen;
    w->processes_hidden = survey->processes_hidden;
    memcpy(w->at, survey->taken_at, sizeof w->at);
    memcpy(w->incomplete, survey->incomplete, sizeof w->incomplete);
    if (keep_namespaces(w, survey))
        return -ENOMEM;
    if (merge_all(w, survey, elapsed))
        return -ENOMEM;
    for (size_t i = 0; i < w->count; i++)
        if (w->list[i].state != WATCH_GONE && w->list[i].survey != w->surveys) {
            w->list[i].state = WATCH_GONE;
            w->list[i].changed = elapsed;
            w->list[i].now.queue = 0; /* who waited was reset */
            w->list[i].now.half_open_known = false;
            w->list[i].now.half_open = 0;
            forget_queued(&w->list[i].now);
        }
    return 0;
}

void watcher_end_interval(struct watch_model *w, nsec elapsed)
{
    size_t kept = 0;
    w->took = elapsed - w->interval_began;
    for (size_t i = 0; i < w->count; i++) {
        struct listener_history *one = &w->list[i];
        if (one->state == WATCH_GONE && elapsed - one->changed > WATCH_NEWS_SPAN)
            continue;
        one->last = one->open;
        one->open = (struct watch_span){.peak = one->state == WATCH_GONE ? 0 : one->now.queue};
        if (kept != i)
            w->list[kept] = *one;
        kept++;
    }
    w->count = kept;
    w->elapsed = w->interval_began = elapsed;
    w->number++;
}

int watcher_copy(struct watch_model *copy, const struct watch_model *w)
{
    *copy = *w;
    copy->room = w->count;
    copy->list = malloc((w->count + 1) * sizeof *copy->list);
    copy->namespaces = malloc((w->namespace_count + 1) * sizeof *copy->namespaces);
    if (!copy->list || !copy->namespaces) {
        watcher_release(copy);
        return -ENOMEM;
    }
    if (w->count)
        memcpy(copy->list, w->list, w->count * sizeof *copy->list);
    if (w->namespace_count)
        memcpy(copy->namespaces, w->namespaces, w->namespace_count * sizeof *copy->namespaces);
    return 0;
}

void watcher_release(struct watch_model *w)
{
    free(w->list);
    free(w->namespaces);
    *w = (struct watch_model){0};
}
