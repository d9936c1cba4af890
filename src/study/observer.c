/* Observing listeners: when, where, and what comes of it. */
#include "backlogctl/observer.h"

#include "backlogctl/fd.h"
#include "backlogctl/follower.h"
#include "backlogctl/judge.h"
#include "backlogctl/measurer.h"
#include "backlogctl/netns.h"
#include "backlogctl/surveyor.h"

#include "start_time.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is counted for all listeners of the namespace, before or after. */
static void take_stock(struct survey *survey)
{
    const struct survey_query all = {.no_owners = true, .no_waiting = true};
    survey_take(survey, &all, NULL);
}

static int keep_listeners(struct observation *o, const struct survey *survey, struct error *err)
{
    o->listeners = calloc(survey->count, sizeof *o->listeners);
    if (!o->listeners)
        return error_set(err, ENOMEM, "no memory for %zu listeners", survey->count);
    o->listener_count = survey->count;
    o->netns = survey->listeners[0].netns;
    for (size_t i = 0; i < survey->count; i++) {
        o->listeners[i].facts = survey->listeners[i];
        if (survey->listeners[i].kind == KIND_MPTCP)
            observation_note(o,
                             "a listener is of MPTCP: further paths of its connections are sockets, too, and no accept() returns "
                             "them");
    }
    return 0;
}

/* As they are when the observation begins, not when they were chosen. */
static void renew(struct observation *o, const struct survey *stock)
{
    for (size_t i = 0; i < o->listener_count; i++)
        for (size_t s = 0; s < stock->count; s++)
            if (stock->listeners[s].cookie == o->listeners[i].facts.cookie) {
                o->listeners[i].facts.queue = stock->listeners[s].queue;
                o->listeners[i].facts.discarded = stock->listeners[s].discarded;
                o->listeners[i].discarded_before = stock->listeners[s].discarded;
            }
}

static void describe(struct observation *o, const struct survey *survey, const struct observe_settings *settings)
{
    o->settings = *settings;
    snprintf(o->kernel, sizeof o->kernel, "%s", survey->kernel);
    boot_id(o->boot);
    if (gethostname(o->host, sizeof o->host - 1))
        *o->host = '\0';
}

static void count(struct observation *o, const struct survey *before, const struct survey *after)
{
    const struct netns_facts *old = before->namespace_count ? before->namespaces : NULL;
    const struct netns_facts *now = after->namespace_count ? after->namespaces : NULL;
    struct overflow_span span = {0};
    if (old && now) {
        o->counters = counters_change(&old->counters, &now->counters);
        span = survey_span(old, now);
    }
    judge_observation(o, &span);
}

static bool are_alone(const struct observation *o, const struct survey *stock)
{
    size_t others = 0;
    for (size_t i = 0; i < stock->count; i++)
        others += has_handshake((enum socket_kind)stock->listeners[i].kind);
    return stock->count && others == o->listener_count;
}

static int observe(struct observation *o, struct follower *f, struct loop *loop, const struct observe_hook *hook,
                   struct error *err)
{
    int status = follower_start(f, err);
    if (!status && hook->began)
        hook->began(hook->context);
    if (!status)
        status = loop_run(loop, o->settings.duration ? f->epoch + o->settings.duration : NSEC_NEVER, err);
    o->signal = loop->signal;
    follower_end(f);
    o->elapsed = clock_now() - f->epoch;
    return status;
}

static int begin(struct observation *o, struct follower *f, struct loop *loop, struct survey *stock, struct error *err)
{
    int status = start_wait(loop, o->settings.start_at, &o->start, err);
    if (status || loop->signal)
        return status;
    loop->stopped = false;
    take_stock(stock);
    renew(o, stock);
    nsec epoch = clock_now();
    clock_stamp_at(epoch, o->started_at);
    start_note(epoch, o->settings.start_at, &o->start);
    return follower_begin(f, o, loop, epoch, err);
}

int observer_run(struct observation *o, const struct survey *survey, const struct observe_settings *settings,
                 const struct observe_hook *hook, struct error *err)
{
    struct follower *f = calloc(1, sizeof *f);
    struct survey before = {0}, after = {0};
    struct loop loop;
    *o = (struct observation){0};
    describe(o, survey, settings);
    int status = f ? keep_listeners(o, survey, err) : error_set(err, ENOMEM, "no memory to observe");
    if (!status)
        status = measurer_enter(survey, &survey->listeners[0], err);
    loop_block_signals();
    if (!status && !(status = loop_init(&loop, true, err))) {
        status = begin(o, f, &loop, &before, err);
        o->signal = loop.signal;
        if (!status && !loop.signal) {
            f->alone = are_alone(o, &before);
            status = observe(o, f, &loop, hook, err);
            take_stock(&after);
            count(o, &before, &after);
        }
        follower_release(f);
        loop_release(&loop);
    }
    survey_release(&before);
    survey_release(&after);
    free(f);
    return status;
}
