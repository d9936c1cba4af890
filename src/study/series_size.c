/* The search for the smallest backlog at which nothing is dropped or lost. */
#include "trials.h"

#include "backlogctl/judge.h"
#include "backlogctl/netns.h"

#include "start_words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

/* Runs with room for everybody: how long the queue gets varies from run to run. */
#define LOOKS 5

/* A backlog passes in the bisection when it drops nothing in so many runs. */
#define TRIES 2

/* After a check that dropped, the answer is raised and checked anew, so often. */
#define ROUNDS 8

/* So many runs at a time at most, and no more than keep the processors busy one part in so many of the time: a server's thread must find
   one when it wants to accept. */
#define BUSY_PART 2
#define SIDE_BY_SIDE 8

/* Patience beyond the time that the queue should take to empty. */
#define SLACK (500 * NSEC_PER_MSEC)

/* A server that is started has a pace of its own, which the first runs tell: until then, patience enough for any. */
#define LONG_PATIENCE (20 * NSEC_PER_SEC)

struct search {
    const struct size_plan *plan;
    const struct series_progress *progress;
    struct sizing *s;
    uint32_t backlog; /* of the runs that go on */
    nsec patience;    /* of each */
    size_t planned;   /* runs in all, as far as it can be said */
    unsigned jobs;    /* at a time */
    struct trial *trials;
    size_t begun; /* of these, with this backlog, or still to begin */
    nsec began;
};

static void make_plan(void *context, size_t i, struct experiment_plan *plan)
{
    const struct search *search = context;
    (void)i;
    *plan = search->plan->run;
    plan->server.backlog = (int32_t)search->backlog;
    plan->probe.arrivals.count = (uint32_t)search->s->predicted.count;
    plan->probe.timeout = search->patience;
    plan->start.has_backlog = true;
    plan->timeline = true;
    plan->unclamped = true; /* what the user sets counts all the same */
}

static void tell_progress(void *context, size_t done, nsec elapsed)
{
    struct search *search = context;
    (void)done, (void)elapsed;
    search->s->runs++;
    if (search->progress)
        search->progress->tell(search->progress->context, search->s->runs,
                               search->planned > search->s->runs ? search->planned : search->s->runs,
                               clock_now() - search->began);
}

/* Another server does not tell when it accepts, and the queues of a group are seen as one, while each has such a backlog: then only the
   runs that pass tell. */
static bool queue_is_known(const struct search *search)
{
    return !search->s->words && search->plan->run.server.reuseport <= 1;
}

static bool passed(const struct search *search, const struct trial *t)
{
    bool dropped = has_handshake(t->kind) && (!t->overflows.known || t->overflows.max);
    return t->done && !t->error && !dropped && t->counts[VERDICT_CONNECTED] == search->s->predicted.count;
}

static bool enough(void *context)
{
    const struct search *search = context;
    for (const struct trial *t = search->trials; t < search->trials + search->begun; t++)
        if (t->done && !passed(search, t))
            return true;
    return false;
}

static void note_step(struct search *search, enum sizing_part part)
{
    struct sizing *s = search->s;
    struct sizing_step step = {.part = part,
                               .backlog = search->backlog,
                               .dropped_known = has_handshake(search->s->transport.kind),
                               .longest_known = queue_is_known(search),
                               .longest_wait = NSEC_NEVER};
    for (const struct trial *t = search->trials; t < search->trials + search->begun; t++) {
        if (!t->done)
            continue;
        step.runs++;
        step.passed += passed(search, t);
        step.dropped_known = step.dropped_known && t->overflows.known;
        if (t->overflows.known && t->overflows.max > step.dropped)
            step.dropped = t->overflows.max;
        step.longest = t->longest > step.longest ? t->longest : step.longest;
        step.longest_wait = t->accepted_max > step.longest_wait ? t->accepted_max : step.longest_wait;
    }
    if (step.runs && s->step_count < SIZING_STEPS_MAX)
        s->steps[s->step_count++] = step;
}

/* So many more runs with this backlog, and counts in *pass how many passed; but for the looks no more are begun once one has not. */
static int run_more(struct search *search, enum sizing_part part, size_t count, size_t *pass, struct error *err)
{
    struct trial *out = search->trials + search->begun;
    struct trials trials = {.count = count,
                            .jobs = search->jobs,
                            .unasked = search->jobs,
                            .bursts = search->jobs,
                            .out = out,
                            .plan = make_plan,
                            .enough = part == SIZING_LOOK ? NULL : enough,
                            .progress = tell_progress,
                            .context = search};
    search->begun += count;
    int status = trials_run(&trials, &search->s->signal, err);
    for (size_t i = 0; i < count && !status; i++) {
        if (out[i].error)
            return error_set(err, out[i].error, "a run of the lab failed: %s", out[i].why);
        *pass += passed(search, &out[i]);
    }
    return status;
}

static void choose(struct search *search, uint32_t backlog, size_t *pass)
{
    search->backlog = backlog;
    *pass = 0;
    memset(search->trials, 0, search->begun * sizeof *search->trials);
    search->begun = 0;
}

static int run_some(struct search *search, enum sizing_part part, uint32_t backlog, size_t count, size_t *pass, struct error *err)
{
    choose(search, backlog, pass);
    int status = run_more(search, part, count, pass, err);
    note_step(search, part);
    return status;
}

static nsec cpu_of_runs(void)
{
    struct rusage usage;
    getrusage(RUSAGE_CHILDREN, &usage); /* cannot fail */
    return trials_cpu(&usage);
}

/* The first run tells how many can be made at a time. */
static int run_looks(struct search *search, size_t *pass, struct error *err)
{
    nsec cpu = cpu_of_runs(), began = clock_now();
    search->jobs = 1;
    choose(search, (uint32_t)search->s->predicted.count, pass);
    int status = run_more(search, SIZING_LOOK, 1, pass, err);
    nsec used = cpu_of_runs() - cpu, fit = (nsec)trials_jobs(1) * (clock_now() - began) / (BUSY_PART * (used > 0 ? used : 1));
    search->jobs = fit < 1 ? 1 : fit > SIDE_BY_SIDE ? SIDE_BY_SIDE : (unsigned)fit;
    if (!status && !search->s->signal)
        status = run_more(search, SIZING_LOOK, LOOKS - 1, pass, err);
    note_step(search, SIZING_LOOK);
    return status;
}

static void note_longest(struct search *search, const struct trial *t, bool first)
{
    struct sizing *s = search->s;
    s->longest_known = queue_is_known(search);
    s->longest_least = first || t->longest < s->longest_least ? t->longest : s->longest_least;
    s->longest_most = t->longest > s->longest_most ? t->longest : s->longest_most;
}

static nsec slowest_accept(const struct trial *trials)
{
    nsec slowest = 0;
    for (size_t i = 0; i < LOOKS; i++)
        slowest = trials[i].last_accept > slowest ? trials[i].last_accept : slowest;
    return slowest;
}

/* How long the queue gets when there is room for all. */
static int look(struct search *search, struct error *err)
{
    size_t pass;
    int status = run_looks(search, &pass, err);
    if (status || search->s->signal)
        return status;
    if (pass < LOOKS) {
        snprintf(search->s->why, sizeof search->s->why,
                 "with room for all %u, %zu of %d runs still lost clients or did not accept them in time: this machine cannot "
                 "keep the pace",
                 search->backlog, LOOKS - pass, LOOKS);
        return 0;
    }
    search->s->looks = LOOKS;
    for (size_t i = 0; i < LOOKS; i++)
        note_longest(search, &search->trials[i], !i);
    if (search->s->words)
        search->patience = 2 * slowest_accept(search->trials) + SLACK;
    return 0;
}

/* By how much the queues that were seen differ, or a twentieth; 0: none was seen. */
static uint64_t spread_of(const struct sizing *s, uint64_t least)
{
    uint64_t spread = s->longest_most - s->longest_least, twentieth = least / 20 + 1;
    return !s->longest_known ? 0 : spread > twentieth ? spread : twentieth;
}

/* Nobody needs more than one place for each who comes, and a queue holds one more than its backlog. */
static uint32_t enough_for_all(const struct sizing *s)
{
    return (uint32_t)s->predicted.count - 1;
}

/* Between a backlog that is too small and one that suffices. The longest queue that was seen tells about where that is: below it, by
   longer and longer strides, one that is too small is looked for first. */
static int bisect(struct search *search, struct error *err)
{
    const struct sizing *s = search->s;
    int64_t low = -1,
            high = s->longest_known && s->longest_most < enough_for_all(s) ? (int64_t)s->longest_most : enough_for_all(s),
            stride = (int64_t)spread_of(s, s->longest_least);
    while (high - low > 1 && !search->s->signal) {
        size_t pass;
        int64_t middle = stride && low < 0 && high > stride ? high - stride : (low + high) / 2;
        stride *= 2;
        int status = run_some(search, SIZING_BISECTION, (uint32_t)middle, TRIES, &pass, err);
        if (status)
            return status;
        if (pass == TRIES)
            high = middle;
        else
            low = middle;
    }
    search->s->smallest_known = !search->s->signal;
    search->s->smallest = (uint32_t)high;
    return 0;
}

/* What passed twice may fail the next time: the answer has the longest queue that was seen, and as a reserve the spread of those, or
   a twentieth; where no queue was seen, a quarter. */
static uint64_t first_answer(const struct sizing *s)
{
    if (!s->longest_known)
        return s->smallest + s->smallest / 4 + 1;
    uint64_t seen = s->longest_most ? s->longest_most - 1 : 0;
    uint64_t least = seen > s->smallest ? seen : s->smallest;
    return least + spread_of(s, least);
}

static int check(struct search *search, struct error *err)
{
    struct sizing *s = search->s;
    uint64_t answer = first_answer(s);
    for (int round = 0; round < ROUNDS && !s->signal; round++) {
        size_t pass;
        answer = answer < enough_for_all(s) ? answer : enough_for_all(s);
        int status = run_some(search, SIZING_CHECK, (uint32_t)answer, search->plan->checks, &pass, err);
        if (status || s->signal)
            return status;
        s->checks = pass;
        s->backlog = (uint32_t)answer;
        s->longest_wait = NSEC_NEVER; /* of a round that failed before, at another backlog */
        for (const struct trial *t = search->trials; t < search->trials + search->begun; t++)
            if (passed(search, t) && t->accepted_max > s->longest_wait)
                s->longest_wait = t->accepted_max;
        s->answered = pass == search->plan->checks;
        if (s->answered)
            return 0;
        s->checks_failed++;
        answer += answer / (s->longest_known ? 20 : 4) + 1;
    }
    if (!s->answered && s->backlog == enough_for_all(s))
        snprintf(s->why, sizeof s->why,
                 "with room for all %" PRIu64
                 " a run still lost clients or did not accept them in time: this machine cannot keep the "
                 "pace",
                 s->predicted.count);
    else if (!s->answered)
        snprintf(s->why, sizeof s->why, "backlogs up to %u still dropped clients now and then", s->backlog);
    return 0;
}

/* Of a server with a pace of its own there is nothing to calculate with, unless all come at once. */
static bool can_calculate(const struct sizing *s)
{
    return !s->words || s->load.arrivals.burst;
}

static int find(struct search *search, struct error *err)
{
    struct sizing *s = search->s;
    size_t most = search->plan->checks > LOOKS ? search->plan->checks : LOOKS;
    search->trials = calloc(most, sizeof *search->trials);
    if (!search->trials)
        return error_set(err, ENOMEM, "no memory");
    search->began = clock_now();
    search->planned = LOOKS + search->plan->checks;
    for (uint64_t left = s->words ? s->predicted.count : s->predicted.longest / 5; left; left /= 2)
        search->planned += TRIES;
    int status = look(search, err);
    if (!status && !s->signal && !*s->why)
        status = bisect(search, err);
    if (!status && !s->signal && !*s->why)
        status = check(search, err);
    s->elapsed = clock_now() - search->began;
    s->calculated = !status && !s->signal && !s->answered && can_calculate(s);
    if (s->calculated)
        s->backlog = s->predicted.longest > 1 ? (uint32_t)s->predicted.longest - 1 : 0;
    free(search->trials);
    return status;
}

int series_size(struct sizing *s, const struct size_plan *plan, const struct series_progress *progress, struct error *err)
{
    struct search search = {.plan = plan, .progress = progress, .s = s};
    struct utsname system;
    uname(&system);
    snprintf(s->kernel, sizeof s->kernel, "%s", system.release);
    clock_stamp(s->started_at);
    s->somaxconn = sysctl_somaxconn();
    s->load = (struct load){.arrivals = plan->run.probe.arrivals,
                            .accept_delay = plan->run.server.accept_delay,
                            .stall = plan->run.server.stall,
                            .stall_every = plan->run.server.stall_every};
    s->load.arrivals.count = 0;
    s->words = plan->run.start.words;
    s->reuseport = plan->run.server.reuseport;
    s->transport = plan->run.transport;
    if (s->words)
        s->way = start_words_have(s->words, &plan->run.start.environment, BACKLOG_WORD) ? BACKLOG_WORD_GIVEN : BACKLOG_LISTEN;
    judge_predict(&s->load, &s->predicted);
    search.patience = s->words ? LONG_PATIENCE : s->predicted.emptied + SLACK;
    return s->predicted.overload ? 0 : find(&search, err);
}
