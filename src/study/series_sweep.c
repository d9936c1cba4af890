/* A sweep's runs: each cell as often as wanted, side by side where that does not disturb. */
#include "trials.h"

#include "backlogctl/judge.h"

#include "start_words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define SMALL_RUN 200 /* connections */

/* Of all runs that go at the same time; they take memory of the kernel's. */
#define CONNECTIONS_AT_ONCE 20000

/* A sweep under way. */
struct sweeping {
    struct sweep *sweep;
    const struct sweep_plan *plan;
    const struct series_progress *progress;
};

static void make_plan(void *context, size_t i, struct experiment_plan *plan)
{
    const struct sweeping *s = context;
    s->plan->cell(s->plan->context, i / s->sweep->repeat, plan);
}

static void tell_progress(void *context, size_t done, nsec elapsed)
{
    const struct sweeping *s = context;
    s->progress->tell(s->progress->context, done, s->sweep->cells * s->sweep->repeat, elapsed);
}

/* A schedule suffers when others run beside it, a socket file has room for one server, and so has the host's own network. Small
   runs with patience wait most of the time. The burst of a small one is out within some milliseconds, and says least of the machine when
   no other is on its way: half of the processors are for the servers. */
static void choose_jobs(const struct sweeping *s, struct trials *trials)
{
    const struct sweep *sweep = s->sweep;
    size_t inner = sweep->axis_count > 1 ? sweep->axes[1].count : 1;
    uint32_t largest = 1;
    bool alone = false, small = true, patient = true;
    for (size_t cell = 0; cell < sweep->cells; cell++) {
        struct experiment_plan plan = {0};
        if (cell >= inner && cell % inner) /* NOLINT(clang-analyzer-core.DivideZero): an axis has one value at least */
            continue;                      /* its values have been seen in the first row and the first column */
        s->plan->cell(s->plan->context, cell, &plan);
        bool file = plan.transport.path && *plan.transport.path != '@';
        alone = alone || plan.probe.arrivals.burst || plan.probe.arrivals.rate || plan.server.stall || file || plan.host_net ||
                plan.start.words; /* which may have files of its own */
        patient = patient && plan.probe.timeout;
        small = small && plan.probe.arrivals.count <= SMALL_RUN;
        largest = plan.probe.arrivals.count > largest ? plan.probe.arrivals.count : largest;
    }
    unsigned fit = CONNECTIONS_AT_ONCE / largest;
    unsigned unasked = s->plan->jobs ? s->plan->jobs : alone ? 1 : trials_jobs(small && patient ? 4 : 1);
    unsigned half = (trials_jobs(1) + 1) / 2;
    trials->unasked = trials->jobs = trials->bursts = unasked;
    if (s->plan->jobs || alone)
        return;
    trials->bursts = small ? half : unasked;
    if (fit > unasked)
        trials->jobs = fit < TRIALS_JOBS_MAX ? fit : TRIALS_JOBS_MAX;
}

static void note_server(const struct sweeping *s)
{
    struct experiment_plan plan = {0};
    s->plan->cell(s->plan->context, 0, &plan);
    s->sweep->words = plan.start.words;
    if (plan.start.words)
        s->sweep->way = start_plan_way(&plan.start);
}

int series_sweep(struct sweep *sweep, const struct sweep_plan *plan, const struct series_progress *progress, struct error *err)
{
    struct sweeping s = {.sweep = sweep, .plan = plan, .progress = progress};
    struct utsname system;
    nsec began = clock_now();
    uname(&system);
    snprintf(sweep->kernel, sizeof sweep->kernel, "%s", system.release);
    clock_stamp(sweep->started_at);
    sweep->trials = calloc(sweep->cells * sweep->repeat, sizeof *sweep->trials);
    sweep->middles = calloc(sweep->cells, sizeof *sweep->middles);
    if (!sweep->trials || !sweep->middles)
        return error_set(err, ENOMEM, "no memory for %zu runs", sweep->cells * sweep->repeat);
    struct trials trials = {.count = sweep->cells * sweep->repeat,
                            .most = &sweep->jobs,
                            .out = sweep->trials,
                            .plan = make_plan,
                            .progress = progress ? tell_progress : NULL,
                            .context = &s};
    choose_jobs(&s, &trials);
    note_server(&s);
    int status = trials_run(&trials, &sweep->signal, err);
    sweep->jobs = plan->jobs ? plan->jobs : sweep->jobs;
    sweep->elapsed = clock_now() - began;
    judge_sweep(sweep);
    return status;
}

void sweep_release(struct sweep *sweep)
{
    free(sweep->trials);
    free(sweep->middles);
    sweep->trials = NULL;
    sweep->middles = NULL;
}
