/* A trial in its process: it prepares, waits for its turn, performs, and tells what came of it. A child ends with its parent, and its
   namespace with it. */
#include "trial.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct telling {
    int channel;
    enum trial_step told;
};

static void tell(int channel, const void *bytes, size_t size)
{
    for (size_t sent = 0; sent < size;) {
        ssize_t n = write(channel, (const char *)bytes + sent, size - sent);
        if (n < 0 && errno != EINTR)
            _exit(1);
        sent += n > 0 ? (size_t)n : 0;
    }
}

/* Each step once. */
static void tell_step(struct telling *t, enum trial_step step)
{
    char byte = (char)step;
    if (t->told < step)
        tell(t->channel, &byte, 1);
    t->told = step;
}

static void burst_out(void *context)
{
    tell_step(context, TRIAL_FOLLOWING);
}

static void wait_for_turn(struct telling *t)
{
    char turn;
    ssize_t got;
    tell_step(t, TRIAL_PREPARED);
    while ((got = read(t->channel, &turn, 1)) < 0 && errno == EINTR)
        ;
    if (got != 1) /* the parent has gone */
        _exit(1);
}

static uint64_t longest_queue(const struct run *run)
{
    uint64_t longest = 0;
    for (size_t t = 0; t < run->target_count; t++)
        for (size_t i = 0; i < run->targets[t].timeline.point_count; i++)
            if (run->targets[t].timeline.points[i].queue > longest)
                longest = run->targets[t].timeline.points[i].queue;
    return longest;
}

static nsec last_accept(const struct run *run)
{
    nsec last = NSEC_NEVER;
    for (size_t t = 0; t < run->target_count; t++)
        for (size_t i = 0; i < run->targets[t].attempt_count; i++)
            if (run->targets[t].attempts[i].accepted > last)
                last = run->targets[t].attempts[i].accepted;
    return last;
}

static void keep(const struct run *run, struct trial *out)
{
    const struct listener *listener = &run->targets[0].after;
    bool accepted = run->to_accepted.samples;
    *out = (struct trial){.done = !run->signal,
                          .kind = run->targets[0].transport.kind,
                          .capacity = listener->capacity,
                          .backlog = listener->backlog,
                          .left = listener->queue,
                          .longest = longest_queue(run),
                          .accepted_p50 = accepted ? run->to_accepted.p50 : NSEC_NEVER,
                          .accepted_p99 = accepted ? run->to_accepted.p99 : NSEC_NEVER,
                          .accepted_max = accepted ? run->to_accepted.max : NSEC_NEVER,
                          .last_accept = last_accept(run),
                          .elapsed = run->elapsed,
                          .outcome = run->outcome,
                          .incomplete = *run->incomplete};
    /* One by one: the bytes between them, which are written to the parent, stay 0. */
    out->overflows.known = run->overflows.known;
    out->overflows.min = run->overflows.min;
    out->overflows.max = run->overflows.max;
    memcpy(out->counts, run->counts, sizeof out->counts);
}

static void perform(const struct experiment_plan *plan, struct telling *telling, struct trial *out)
{
    struct error err = {0};
    struct experiment *x;
    struct experiment_hooks hooks = {.burst_out = burst_out, .context = telling};
    int status = experiment_open(&x, plan, &hooks, &err);
    if (!status) {
        wait_for_turn(telling);
        status = experiment_go(x, &err);
    }
    const struct started_server *started = status ? NULL : &experiment_run(x)->started;
    if (started && started->trouble)
        status = error_set(&err, ECHILD, "%s", started->why);
    if (!status) {
        keep(experiment_run(x), out);
    } else {
        *out = (struct trial){.done = true, .error = err.code ? err.code : EIO};
        snprintf(out->why, sizeof out->why, "%.*s", (int)sizeof out->why - 1, err.text);
    }
    experiment_close(x);
}

void trial_main(const struct experiment_plan *plan, int channel)
{
    struct telling telling = {.channel = channel};
    struct trial trial = {0};
    perform(plan, &telling, &trial);
    tell_step(&telling, TRIAL_FOLLOWING);
    tell(channel, &trial, sizeof trial);
    _exit(0);
}
