/* backlogctl size: the smallest backlog at which nothing is dropped or lost, measured in the lab. */
#include "backlogctl/judge.h"
#include "backlogctl/netns.h"
#include "backlogctl/output.h"
#include "backlogctl/trials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Runs with room for everybody: how long the queue gets varies from run to run. */
#define LOOKS 5

/* A backlog passes in the bisection when it drops nothing in so many runs. */
#define TRIES 2

/* After a check that dropped, the answer is raised and checked anew, so often. */
#define ROUNDS 8

/* The lab's own clamp is out of the way. */
#define LAB_SOMAXCONN "net.core.somaxconn=1000000"

/* Patience beyond the time that the queue should take to empty. */
#define SLACK (500 * NSEC_PER_MSEC)

struct finding {
    const struct command *command;
    const struct settings *settings;
    struct sizing s;
    uint32_t backlog; /* of the runs that go on */
    size_t planned;   /* runs in all, as far as it can be said */
    struct trial *trials;
    nsec began;
    struct report_style progress;
};

static void run_settings(void *context, size_t i, struct settings *settings)
{
    const struct finding *f = context;
    (void)i;
    *settings = *f->settings;
    settings->json = false;
    settings->server.backlog = (int32_t)f->backlog;
    settings->probe.arrivals.count = (uint32_t)f->s.predicted.count;
    settings->probe.timeout = f->s.predicted.emptied + SLACK;
    settings->probe.timeline = true;
    /* First: what the user sets counts. */
    memmove(&settings->sysctls.list[1], &settings->sysctls.list[0], settings->sysctls.count * sizeof settings->sysctls.list[0]);
    settings->sysctls.list[0] = LAB_SOMAXCONN;
    settings->sysctls.count++;
}

static void show_progress(void *context, size_t done, nsec elapsed)
{
    struct finding *f = context;
    (void)done, (void)elapsed;
    f->s.runs++;
    if (!f->progress.columns)
        return;
    size_t planned = f->planned > f->s.runs ? f->planned : f->s.runs;
    fputs("\r\033[K", stderr);
    report_trials_progress(stderr, f->s.runs, planned, clock_now() - f->began, &f->progress);
}

static bool passed(const struct finding *f, const struct trial *t)
{
    return t->done && !t->error && t->drops_known && !t->drops && t->counts[VERDICT_CONNECTED] == f->s.predicted.count;
}

/* So many runs with a backlog, one after the other: the pace must not suffer. Returns how many passed; fewer are run once one has
   not and `all` is not wanted. */
static bool enough(void *context)
{
    const struct finding *f = context;
    for (size_t i = 0; f->trials[i].done; i++)
        if (!passed(f, &f->trials[i]))
            return true;
    return false;
}

static int run_some(struct finding *f, uint32_t backlog, size_t count, bool all, size_t *pass, struct error *err)
{
    struct trials trials = {.count = count,
                            .jobs = 1,
                            .out = f->trials,
                            .settings = run_settings,
                            .enough = all ? NULL : enough,
                            .progress = show_progress,
                            .context = f};
    f->backlog = backlog;
    *pass = 0;
    memset(f->trials, 0, (count + 1) * sizeof *f->trials);
    int status = trials_run(&trials, &f->s.signal, err);
    for (size_t i = 0; i < count && !status; i++) {
        if (f->trials[i].error)
            return error_set(err, f->trials[i].error, "a run of the lab failed: %s", f->trials[i].why);
        *pass += passed(f, &f->trials[i]);
    }
    return status;
}

/* How long the queue gets when there is room for all. */
static int look(struct finding *f, struct error *err)
{
    size_t pass;
    uint32_t room = (uint32_t)f->s.predicted.count;
    int status = run_some(f, room, LOOKS, true, &pass, err);
    if (status || f->s.signal)
        return status;
    if (pass < LOOKS) {
        snprintf(f->s.why, sizeof f->s.why,
                 "with room for all %u, %zu of %d runs still lost clients or did not accept them in time: this machine cannot "
                 "keep the pace",
                 room, LOOKS - pass, LOOKS);
        return 0;
    }
    f->s.looks = LOOKS;
    f->s.longest_least = UINT64_MAX;
    for (size_t i = 0; i < LOOKS; i++) {
        uint64_t longest = f->trials[i].longest;
        f->s.longest_least = longest < f->s.longest_least ? longest : f->s.longest_least;
        f->s.longest_most = longest > f->s.longest_most ? longest : f->s.longest_most;
    }
    return 0;
}

/* Between a backlog that is too small and one that suffices. */
static int bisect(struct finding *f, struct error *err)
{
    int64_t low = -1, high = (int64_t)f->s.longest_most;
    while (high - low > 1 && !f->s.signal) {
        size_t pass;
        int64_t middle = (low + high) / 2;
        int status = run_some(f, (uint32_t)middle, TRIES, false, &pass, err);
        if (status)
            return status;
        if (pass == TRIES)
            high = middle;
        else
            low = middle;
    }
    f->s.smallest_known = !f->s.signal;
    f->s.smallest = (uint32_t)high;
    return 0;
}

/* What passed twice may fail the next time: the answer has the longest queue that was seen, and as a reserve the spread of those, or
   a twentieth. */
static int check(struct finding *f, struct error *err)
{
    struct sizing *s = &f->s;
    uint64_t seen = s->longest_most ? s->longest_most - 1 : 0, spread = s->longest_most - s->longest_least;
    uint64_t least = seen > s->smallest ? seen : s->smallest, twentieth = least / 20 + 1;
    uint64_t answer = least + (spread > twentieth ? spread : twentieth);
    for (int round = 0; round < ROUNDS && !s->signal; round++) {
        size_t pass;
        /* Nobody needs more than one place for each who comes, and a queue holds one more than its backlog. */
        answer = answer < s->predicted.count ? answer : s->predicted.count - 1;
        int status = run_some(f, (uint32_t)answer, f->settings->size.checks, false, &pass, err);
        if (status || s->signal)
            return status;
        s->checks = pass;
        s->backlog = (uint32_t)answer;
        for (size_t i = 0; i < pass; i++)
            if (f->trials[i].accepted_max > s->longest_wait)
                s->longest_wait = f->trials[i].accepted_max;
        s->answered = pass == f->settings->size.checks;
        if (s->answered)
            return 0;
        s->checks_failed++;
        answer += answer / 20 + 1;
    }
    if (!s->answered)
        snprintf(s->why, sizeof s->why, "backlogs up to %u still dropped clients now and then", s->backlog);
    return 0;
}

static int find(struct finding *f, struct error *err)
{
    struct sizing *s = &f->s;
    size_t most = f->settings->size.checks > LOOKS ? f->settings->size.checks : LOOKS;
    f->trials = calloc(most + 1, sizeof *f->trials);
    if (!f->trials)
        return error_set(err, ENOMEM, "no memory");
    f->began = clock_now();
    f->planned = LOOKS + f->settings->size.checks;
    for (uint64_t left = s->predicted.longest; left; left /= 2)
        f->planned += TRIES;
    int status = look(f, err);
    if (!status && !s->signal && !*s->why)
        status = bisect(f, err);
    if (!status && !s->signal && !*s->why)
        status = check(f, err);
    s->elapsed = clock_now() - f->began;
    if (f->progress.columns)
        fputs("\r\033[K", stderr);
    return status;
}

static int report(const struct finding *f)
{
    struct report_style style = output_style(f->settings);
    if (f->settings->json)
        report_sizing_json(stdout, &f->s);
    else if (!f->settings->quiet)
        report_sizing_text(stdout, &f->s, &style);
    int status = output_flush(f->command);
    if (status)
        return status;
    if (f->s.signal)
        return EXIT_SIGNAL + f->s.signal;
    if (f->s.answered)
        return EXIT_DONE;
    return f->s.predicted.overload ? EXIT_EXPECTATION : EXIT_CANNOT;
}

static int size_run(const struct command *command, const struct settings *settings)
{
    struct error err = {0};
    struct finding f = {.command = command, .settings = settings, .progress.columns = output_columns(STDERR_FILENO)};
    struct utsname system;
    if (!settings->probe.arrivals.rate && !settings->probe.arrivals.burst)
        return say_usage(command, "who comes? Give --rate N, or --burst N and --every DUR");
    if (settings->sysctls.count == SYSCTLS_MAX)
        return say_usage(command, "--sysctl: one fewer, please: the lab sets net.core.somaxconn itself");
    uname(&system);
    snprintf(f.s.kernel, sizeof f.s.kernel, "%s", system.release);
    clock_stamp(f.s.started_at);
    f.s.somaxconn = sysctl_somaxconn();
    f.s.load = (struct load){.arrivals = settings->probe.arrivals,
                             .accept_delay = settings->server.accept_delay,
                             .stall = settings->server.stall,
                             .stall_every = settings->server.stall_every};
    judge_predict(&f.s.load, &f.s.predicted);
    int status = f.s.predicted.overload ? 0 : find(&f, &err);
    int exit_status = status ? say_error(command, &err) : report(&f);
    free(f.trials);
    return exit_status;
}

const struct command command_size = {
    .name = "size",
    .summary = "Find the smallest backlog that takes a load without a drop",
    .run = size_run,
    .groups = {&options_load, &options_pace, &options_size, &options_output},
};
