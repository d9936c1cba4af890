/* Listeners over time: what came, what went, how long their queues got. */
#include "backlogctl/watcher.h"

#include "backlogctl/fd.h"
#include "backlogctl/netns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct watched *find(const struct watching *w, const struct listener *listener)
{
    for (size_t i = 0; i < w->count; i++)
        if (w->list[i].now.cookie == listener->cookie && w->list[i].now.netns == listener->netns)
            return &w->list[i];
    return NULL;
}

bool watcher_has_news(const struct watching *w, const struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++)
        if (!find(w, &survey->listeners[i]))
            return true;
    return false;
}

/* Seconds without a look, as in a paused program, count as empty. */
static void note_history(struct watched *one, uint64_t queue, nsec elapsed)
{
    uint32_t second = (uint32_t)(elapsed / NSEC_PER_SEC);
    if (one->history_to && second >= one->history_to + WATCH_HISTORY) {
        memset(one->history, 0, sizeof one->history);
        one->history_from = one->history_to = second;
    }
    if (!one->history_to)
        one->history_from = one->history_to = second;
    while (one->history_to <= second)
        one->history[one->history_to++ % WATCH_HISTORY] = 0;
    if (one->history_to - one->history_from > WATCH_HISTORY)
        one->history_from = one->history_to - WATCH_HISTORY;
    uint64_t share = one->now.capacity ? queue * 1000 / one->now.capacity : 0;
    if (queue && !share)
        share = 1; /* a little is not nothing */
    uint16_t capped = share > 1000 ? 1000 : (uint16_t)share;
    if (capped > one->history[second % WATCH_HISTORY])
        one->history[second % WATCH_HISTORY] = capped;
}

void watcher_sample(struct watching *w, struct watched *one, uint64_t queue, uint64_t drops, nsec elapsed)
{
    w->elapsed = elapsed;
    one->now.queue = queue;
    one->now.drops = drops;
    one->interval_samples++;
    if (queue > one->interval_peak)
        one->interval_peak = queue;
    if (queue > one->peak) {
        one->peak = queue;
        one->peak_at = elapsed;
    }
    note_history(one, queue, elapsed);
}

static struct watched *add(struct watching *w)
{
    if (w->count == w->room) {
        size_t room = w->room ? 2 * w->room : 64;
        struct watched *list = realloc(w->list, room * sizeof *list);
        if (!list)
            return NULL;
        w->list = list;
        w->room = room;
    }
    w->list[w->count] = (struct watched){0};
    return &w->list[w->count++];
}

static void keep_owner(struct listener *now, const struct listener *before)
{
    if (now->pid)
        return;
    now->pid = before->pid;
    now->processes = before->processes;
    now->pidns = before->pidns;
    memcpy(now->process, before->process, sizeof now->process);
}

static int merge_one(struct watching *w, const struct listener *listener, nsec elapsed)
{
    struct watched *one = find(w, listener);
    if (!one) {
        one = add(w);
        if (!one)
            return -ENOMEM;
        one->state = w->number ? WATCH_APPEARED : WATCH_PRESENT;
        one->changed = elapsed;
        one->interval_drops = listener->drops;
    } else if (one->state == WATCH_APPEARED && elapsed - one->changed > w->interval / 2) {
        one->state = WATCH_PRESENT;
    }
    struct listener before = one->now;
    one->now = *listener;
    keep_owner(&one->now, &before);
    watcher_sample(w, one, listener->queue, listener->drops, elapsed);
    return 0;
}

static bool is_in(const struct survey *survey, const struct listener *listener)
{
    for (size_t i = 0; i < survey->count; i++)
        if (survey->listeners[i].cookie == listener->cookie && survey->listeners[i].netns == listener->netns)
            return true;
    return false;
}

int watcher_merge(struct watching *w, const struct survey *survey, nsec elapsed)
{
    w->elapsed = elapsed;
    w->netns = survey->namespaces[0];
    w->namespaces = survey->namespace_count;
    for (size_t i = 0; i < survey->count; i++)
        if (merge_one(w, &survey->listeners[i], elapsed))
            return -ENOMEM;
    for (size_t i = 0; i < w->count; i++)
        if (w->list[i].state != WATCH_GONE && !is_in(survey, &w->list[i].now)) {
            w->list[i].state = WATCH_GONE;
            w->list[i].changed = elapsed;
            w->list[i].now.queue = 0; /* who waited was reset */
        }
    return 0;
}

void watcher_end_interval(struct watching *w, nsec elapsed)
{
    double seconds = (double)(elapsed - w->interval_began) / NSEC_PER_SEC;
    size_t kept = 0;
    for (size_t i = 0; i < w->count; i++) {
        struct watched *one = &w->list[i];
        if (one->state == WATCH_GONE && elapsed - one->changed > WATCH_GONE_SPAN)
            continue;
        /* A counter that went back would be another socket's; cookies rule that out. */
        one->new_drops = one->now.drops > one->interval_drops ? one->now.drops - one->interval_drops : 0;
        one->drops_per_second = seconds > 0 ? (double)one->new_drops / seconds : 0;
        one->interval_drops = one->now.drops;
        one->last_peak = one->interval_peak;
        one->samples = one->interval_samples;
        one->interval_peak = one->state == WATCH_GONE ? 0 : one->now.queue;
        one->interval_samples = 0;
        w->list[kept++] = *one;
    }
    w->count = kept;
    w->elapsed = w->interval_began = elapsed;
    w->number++;
    clock_stamp(w->at);
}

void watcher_release(struct watching *w)
{
    free(w->list);
    *w = (struct watching){0};
}

/* ---- The sampler ---- */

int sampler_open(struct sampler *sampler, const struct listener *listener, uint64_t home, struct error *err)
{
    sampler_close(sampler);
    if (listener->netns == home) {
        int status = sockdiag_open(&sampler->diag, err);
        sampler->netns = status ? 0 : listener->netns;
        return status;
    }
    if (!listener->pid || netns_inode(listener->pid) != listener->netns)
        return error_set(err, ESRCH, "no process leads into that network namespace");
    SCOPED_FD there = netns_open_pid(listener->pid, err), back = netns_open_name("/proc/thread-self/ns/net", err);
    if (there < 0 || back < 0)
        return there < 0 ? there : back;
    int status = netns_enter(there, 0, err);
    if (status)
        return status;
    status = sockdiag_open(&sampler->diag, err);
    int returned = netns_enter(back, 0, err);
    sampler->netns = status ? 0 : listener->netns;
    return status ? status : returned;
}

int sampler_look(struct sampler *sampler, const struct listener *listener, uint64_t *queue, uint64_t *drops)
{
    int status;
    if (listener->kind >= KIND_UNIX_STREAM) {
        struct unix_listener now;
        status = unixdiag_exact(&sampler->diag, listener->inode, listener->cookie, &now, NULL);
        *queue = now.queue;
        *drops = 0;
    } else {
        struct diag_socket now;
        status = sockdiag_socket(&sampler->diag, listener, &now, NULL);
        *queue = now.rqueue;
        *drops = now.drops;
    }
    return status;
}

void sampler_close(struct sampler *sampler)
{
    sockdiag_close(&sampler->diag);
    sampler->netns = 0;
}
