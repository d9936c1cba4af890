/* The experiment that `probe` and `run` share. It only wires: the engine produces facts, the judge verdicts, the report
   words. */
#include "backlogctl/experiment.h"

#include "backlogctl/flood.h"
#include "backlogctl/judge.h"
#include "backlogctl/netns.h"
#include "backlogctl/output.h"
#include "backlogctl/owner.h"
#include "backlogctl/peers.h"
#include "backlogctl/sockdiag.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* Two looks this far apart that agree are final: softirq work on another CPU (RPS) is over by then. */
#define SETTLE_PAUSE (20 * NSEC_PER_MSEC)
#define SETTLE_LOOKS 10

/* A client may hold its final ACK for 200 ms (delayed ACK): a half-open connection is one that still is after this. */
#define HALF_OPEN_PAUSE (250 * NSEC_PER_MSEC)

/* Looks while we wait begin at the first pause and double up to the longest; a look never takes over a fifth of the time. */
#define FIRST_PAUSE NSEC_PER_MSEC
#define LONGEST_PAUSE (10 * NSEC_PER_MSEC)
#define PROGRESS_PAUSE (100 * NSEC_PER_MSEC)

/* The first connection leads: the server gets this long to accept it before the rest comes, so that a server that is
   quicker than the burst is not raced. */
#define LEAD_PATIENCE (20 * NSEC_PER_MSEC)
#define LEAD_PAUSE (100 * NSEC_PER_USEC)

/* A burst this large takes longer to look at than an interrupted user should wait. */
#define LOOK_WHEN_INTERRUPTED 200000

/* In `run` an idle server accepts at once; this is how long we wait for its thread to get a CPU. */
#define SERVER_PATIENCE NSEC_PER_SEC

struct experiment {
    const struct command *command;
    const struct settings *settings;
    struct run run;
    struct loop loop;
    struct sockdiag diag;
    struct counters counters_before;
    nsec epoch;
    struct flood *floods[TARGETS_MAX];
    struct target *current; /* the target of the burst that is going on */
    struct server *server;
    uint64_t accepted_before; /* by our server, before this burst */
    bool server_late;
    struct report_style progress; /* columns 0: stderr is no terminal */
    nsec progress_due;
};

/* ---- Looking ---- */

static void note_incomplete(struct experiment *x, const struct error *err)
{
    if (!x->run.incomplete[0])
        snprintf(x->run.incomplete, sizeof x->run.incomplete, "%.*s", (int)sizeof x->run.incomplete - 1, err->text);
}

static void look_at_target(struct experiment *x, size_t t)
{
    struct error err = {0};
    if (x->loop.signal && x->run.targets[t].attempt_count > LOOK_WHEN_INTERRUPTED) {
        error_set(&err, EINTR, "interrupted before the server's side of so many connections was asked for");
        note_incomplete(x, &err);
        flood_pause(x->floods[t]);
        return;
    }
    flood_look(x->floods[t]);
    if (x->diag.netlink && peers_look(&x->diag, &x->run.targets[t], x->epoch, &err))
        note_incomplete(x, &err);
}

/* Every fact anew, and the verdicts that follow. */
static void look(struct experiment *x)
{
    struct counters now;
    for (size_t t = 0; t < x->run.target_count; t++)
        if (x->floods[t])
            look_at_target(x, t);
    struct error err = {0};
    if (counters_read(&now, &err))
        note_incomplete(x, &err);
    x->run.counters = counters_change(&x->counters_before, &now);
    x->run.elapsed = clock_now() - x->epoch;
    judge_run(&x->run);
}

/* Changes whenever an attempt's state at either end does. */
static uint64_t signature(const struct target *target)
{
    uint64_t hash = target->attempt_count;
    for (size_t i = 0; i < target->attempt_count; i++) {
        const struct attempt *a = &target->attempts[i];
        hash = (hash ^ (uint64_t)(a->state << 8 | a->peer) ^ (uint64_t)i << 16) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static bool any_half_open(const struct target *target)
{
    for (size_t i = 0; i < target->attempt_count; i++)
        if (target->attempts[i].peer == PEER_SYN_RECV)
            return true;
    return false;
}

/* Waits on the loop, and tells a person at a terminal how it stands. */
static void wait_until(struct experiment *x, nsec until)
{
    for (size_t t = 0; t < x->run.target_count; t++)
        if (x->floods[t])
            flood_resume(x->floods[t]);
    while (!x->loop.signal && clock_now() < until) {
        nsec next = until;
        if (x->progress.columns && x->progress_due < next)
            next = x->progress_due;
        if (loop_run(&x->loop, next, NULL))
            return;
        if (x->progress.columns && clock_now() >= x->progress_due) {
            fputs("\r\033[K", stderr);
            report_progress(stderr, &x->run, clock_now() - x->epoch, &x->progress);
            x->progress_due = clock_now() + PROGRESS_PAUSE;
        }
    }
}

static void settle(struct experiment *x, const struct target *target)
{
    for (int looks = 0; looks < SETTLE_LOOKS && !x->loop.signal && !judge_is_settled(target); looks++) {
        uint64_t before = signature(target);
        wait_until(x, clock_now() + SETTLE_PAUSE);
        look(x);
        if (signature(target) == before)
            break;
    }
    if (any_half_open(target) && !x->loop.signal) {
        wait_until(x, clock_now() + HALF_OPEN_PAUSE);
        look(x);
    }
}

/* Follows a burst until all is final or the patience ends. Nothing tells a client that it was accepted, so that much has
   to be asked for again and again. */
static void follow(struct experiment *x, const struct target *target)
{
    nsec deadline = clock_now() + x->settings->probe.timeout;
    nsec pause = FIRST_PAUSE;
    for (;;) {
        nsec began = clock_now();
        look(x);
        nsec cost = clock_now() - began;
        if (x->loop.signal || judge_is_final(target) || clock_now() >= deadline)
            break;
        nsec next = clock_now() + (pause > 4 * cost ? pause : 4 * cost);
        wait_until(x, next < deadline ? next : deadline);
        pause = pause * 2 < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE;
    }
    settle(x, target);
}

/* ---- The burst ---- */

/* Our server without a delay stands for one that accepts at once. Before the queue can overflow for no other reason than
   that its thread has not had a CPU, the burst waits for it: so the outcome does not depend on the machine. */
static void wait_for_server(struct experiment *x, uint64_t unaccepted_allowed)
{
    const struct server_settings *plan = &x->settings->server;
    uint64_t limit = plan->accept_count == ACCEPT_UNLIMITED ? UINT64_MAX : (uint64_t)plan->accept_count;
    uint64_t accepted = server_wait_accepted(x->server, 0, 0);
    if (x->server_late || accepted >= limit)
        return;
    uint64_t arrived = x->accepted_before + flood_established(x->floods[x->current - x->run.targets]);
    uint64_t due = arrived < limit ? arrived : limit;
    if (accepted < due && arrived - accepted >= unaccepted_allowed)
        x->server_late = server_wait_accepted(x->server, due, clock_now() + SERVER_PATIENCE) < due;
}

static bool gate_run(void *context, size_t opened)
{
    struct experiment *x = context;
    if (opened >= x->current->before.capacity)
        wait_for_server(x, x->current->before.capacity);
    return true;
}

static void lead_probe(void *context)
{
    struct experiment *x = context;
    const struct attempt *first = &x->current->attempts[0];
    if (first->state != STATE_ESTABLISHED)
        return;
    for (nsec until = clock_now() + LEAD_PATIENCE; clock_now() < until;) {
        struct diag_socket socket;
        if (sockdiag_exact(&x->diag, &x->current->address, &first->source, &socket, NULL) || socket.inode)
            return;
        nanosleep(&(struct timespec){.tv_nsec = LEAD_PAUSE}, NULL);
    }
}

static bool server_is_immediate(const struct experiment *x)
{
    return x->server && !x->settings->server.accept_delay && x->settings->server.accept_count;
}

static int prepare_burst(struct experiment *x, size_t t, struct error *err)
{
    struct target *target = &x->run.targets[t];
    const struct probe_settings *plan = &x->settings->probe;
    if (x->diag.netlink && target->local)
        sockdiag_listener(&x->diag, &target->address, &target->before, NULL);
    target->after = target->before;
    struct flood_settings flood = {
        .destination = target->address,
        .local = target->local,
        .follow = plan->timeout > 0 || plan->send,
        .rate = plan->rate,
        .threads = plan->threads,
        .send = plan->send,
        .sources = x->settings->sources,
        .source_ranges = x->settings->source_ranges,
        .context = x,
    };
    if (server_is_immediate(x))
        flood.gate = gate_run;
    else if (!x->server && !plan->rate && target->before.known && x->diag.netlink)
        flood.lead = lead_probe;
    x->current = target;
    return flood_open(&x->floods[t], &flood, target->attempts, target->attempt_count, &x->loop, err);
}

static void burst(struct experiment *x, size_t t)
{
    if (x->server)
        x->accepted_before = server_wait_accepted(x->server, 0, 0);
    size_t opened = flood_burst(x->floods[t], x->epoch);
    x->current->attempt_count = opened;
    if (!t) {
        x->run.connection_count = opened;
        x->run.pace = flood_pace(x->floods[t]);
    }
    if (server_is_immediate(x))
        wait_for_server(x, 1);
    follow(x, &x->run.targets[t]);
}

/* The connections of the first round are all; those of a later one are those that failed at the address before. */
static int choose_attempts(struct experiment *x, size_t t, struct error *err)
{
    struct target *target = &x->run.targets[t];
    const struct target *before = t ? &x->run.targets[t - 1] : NULL;
    size_t room = before ? before->attempt_count : x->settings->probe.count;
    target->attempts = calloc(room, sizeof *target->attempts);
    if (!target->attempts)
        return error_set(err, ENOMEM, "no memory for %zu connections", room);
    for (size_t i = 0; i < room; i++) {
        if (before && (judge_got_through(&before->attempts[i]) || before->attempts[i].verdict == VERDICT_RESET))
            continue;
        target->attempts[target->attempt_count++].id = before ? before->attempts[i].id : (uint32_t)i + 1;
    }
    return 0;
}

static void later_rounds(struct experiment *x)
{
    for (size_t t = 1; t < x->run.target_count && !x->loop.signal; t++) {
        struct error err = {0};
        flood_abandon(x->floods[t - 1]);
        if (choose_attempts(x, t, &err) || (x->run.targets[t].attempt_count && prepare_burst(x, t, &err))) {
            x->run.targets[t].attempt_count = 0;
            note_incomplete(x, &err);
            return;
        }
        if (!x->run.targets[t].attempt_count)
            return;
        burst(x, t);
    }
}

/* ---- Beginning and end ---- */

static int experiment_init(struct experiment *x, const struct endpoint *addresses, size_t count, struct error *err)
{
    struct run *run = &x->run;
    struct utsname system;
    uname(&system);
    snprintf(run->kernel, sizeof run->kernel, "%s", system.release);
    clock_stamp(run->started_at);
    run->command = x->command->name;
    run->host = x->settings->host;
    run->probe = x->settings->probe;
    run->server = x->settings->server;
    run->has_server = x->server != NULL;
    run->private_namespace = x->server && !x->settings->host_net;
    run->somaxconn = sysctl_somaxconn();
    run->connection_count = run->probe.count;
    run->target_count = count;
    run->expectation_count = x->settings->expect.count;
    memcpy(run->expectations, x->settings->expect.list, sizeof run->expectations);
    for (size_t t = 0; t < count; t++) {
        run->targets[t].address = addresses[t];
        route_is_local(&addresses[t], &run->targets[t].local, NULL);
        /* Also where it has no route, as ::1 without IPv6. */
        run->targets[t].local = run->targets[t].local || endpoint_is_loopback(&addresses[t]);
    }
    int status = loop_init(&x->loop, true, err);
    if (status)
        return status;
    struct error diag_error = {0};
    if (sockdiag_open(&x->diag, &diag_error))
        note_incomplete(x, &diag_error);
    x->progress = (struct report_style){.columns = output_columns(STDERR_FILENO)};
    return choose_attempts(x, 0, err);
}

static void name_owners(struct experiment *x)
{
    for (size_t t = 0; t < x->run.target_count; t++) {
        struct listener *listener = &x->run.targets[t].after;
        if (!listener->known)
            continue;
        if (x->server) {
            listener->pid = getpid();
            snprintf(listener->process, sizeof listener->process, "backlogctl");
        } else {
            owner_find(listener);
        }
    }
}

static void merge_accepts(struct experiment *x)
{
    struct error err = {0};
    size_t count;
    const struct server_accept *clients = server_accepts(x->server, &count);
    for (size_t t = 0; t < x->run.target_count; t++)
        if (x->run.targets[t].attempt_count &&
            peers_note_accepts(&x->run.targets[t], clients, count, x->epoch, &err))
            note_incomplete(x, &err);
}

/* The exact spread of how long it took from connect() to the moment at `member` of each attempt. */
static void spread_times(struct experiment *x, size_t member, struct spread *out)
{
    size_t room = 0, count = 0;
    for (size_t t = 0; t < x->run.target_count; t++)
        room += x->run.targets[t].attempt_count;
    nsec *samples = malloc((room ? room : 1) * sizeof *samples);
    if (!samples) {
        note_incomplete(x, &(struct error){.text = "no memory for the spread of times"});
        return;
    }
    for (size_t t = 0; t < x->run.target_count; t++)
        for (size_t i = 0; i < x->run.targets[t].attempt_count; i++) {
            const struct attempt *a = &x->run.targets[t].attempts[i];
            nsec at = *(const nsec *)((const char *)a + member);
            if (at != NSEC_NEVER && a->opened != NSEC_NEVER)
                samples[count++] = at > a->opened ? at - a->opened : 0;
        }
    judge_spread(samples, count, out);
    free(samples);
}

static void begin_report(const struct experiment *x)
{
    struct report_style style = output_style(x->settings);
    if (x->settings->json)
        report_json_begin(stdout, &x->run);
    else if (!x->settings->quiet)
        report_text_begin(stdout, &x->run, &style);
}

static int end_report(const struct experiment *x)
{
    struct report_style style = output_style(x->settings);
    if (x->settings->json)
        report_json_end(stdout, &x->run);
    else if (!x->settings->quiet)
        report_text_end(stdout, &x->run, &style);
    int status = output_flush(x->command);
    if (status)
        return status;
    /* Without a report the reason for status 1 would be nowhere. */
    for (size_t i = 0; i < x->run.expectation_count && x->settings->quiet; i++) {
        const struct expectation *e = &x->run.expectations[i];
        if (!e->ok && e->seen_known)
            say(x->command, "expected %s, seen %lld", e->text, (long long)e->seen);
        else if (!e->ok)
            say(x->command, "expected %s, but nobody knows: no listener was seen", e->text);
    }
    if (x->run.signal)
        return EXIT_SIGNAL + x->run.signal;
    return x->run.ok ? EXIT_DONE : EXIT_EXPECTATION;
}

static int perform(struct experiment *x, struct error *err)
{
    int status = prepare_burst(x, 0, err);
    if (status)
        return status;
    begin_report(x);
    if (output_flush(x->command))
        return -EIO;
    if (x->server && (status = server_start(x->server, err)))
        return status;
    counters_read(&x->counters_before, NULL);
    x->epoch = clock_now();
    x->progress_due = x->epoch + PROGRESS_PAUSE;
    burst(x, 0);
    later_rounds(x);
    if (x->run.target_count > 1)
        look(x);
    x->run.signal = x->loop.signal;
    name_owners(x);
    if (x->server) {
        server_stop(x->server);
        merge_accepts(x);
    }
    spread_times(x, offsetof(struct attempt, established), &x->run.to_established);
    spread_times(x, offsetof(struct attempt, accepted), &x->run.to_accepted);
    judge_expectations(&x->run);
    if (x->progress.columns)
        fputs("\r\033[K", stderr);
    return 0;
}

int experiment_perform(const struct command *command, const struct settings *settings,
                       const struct endpoint *addresses, size_t count, struct server *server)
{
    struct error err = {0};
    struct experiment *x = calloc(1, sizeof *x);
    if (!x) {
        say(command, "no memory");
        return EXIT_CANNOT;
    }
    *x = (struct experiment){.command = command, .settings = settings, .server = server, .loop = {.epoll = -1}};
    int status = experiment_init(x, addresses, count, &err);
    if (!status)
        status = perform(x, &err);
    int exit_status = !status ? end_report(x) : err.code ? say_error(command, &err) : EXIT_CANNOT;
    for (size_t t = 0; t < count; t++) {
        flood_release(x->floods[t]);
        free(x->run.targets[t].attempts);
    }
    sockdiag_close(&x->diag);
    loop_release(&x->loop);
    free(x);
    return exit_status;
}
