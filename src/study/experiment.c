/* The experiment that `probe`, `run` and what repeats it share. It only wires: the engine produces facts, the judge verdicts. */
#include "experiment_internal.h"

#include "backlogctl/holder_look.h"
#include "backlogctl/judge.h"
#include "backlogctl/listener.h"
#include "backlogctl/netns.h"
#include "backlogctl/peers.h"

#include "confinement.h"
#include "machine.h"
#include "started.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The first connection leads: the server gets this long to accept it before the rest comes, so that a server that is
   quicker than the burst is not raced. One that is at work meanwhile may lack a CPU, and gets longer; whether it is takes a walk through
   all processes, so that is asked where the wait has lasted already. Each pause is three times the one before: to sleep costs ten times as
   much as to look. */
#define LEAD_PATIENCE (2 * NSEC_PER_MSEC)
#define LEAD_PATIENCE_ALREADY (650 * NSEC_PER_USEC)
#define LEAD_PATIENCE_AT_WORK (20 * NSEC_PER_MSEC)
#define LEAD_PAUSE (50 * NSEC_PER_USEC)
#define LEAD_PAUSE_MOST (2 * NSEC_PER_MSEC)

/* In a smaller burst whether it was alone takes longer to find out than what need not be asked then. */
#define SOLITUDE_SAVES 64

/* In `run` an idle server accepts at once; this is how long we wait for its thread to get a CPU. */
#define SERVER_PATIENCE NSEC_PER_SEC

/* ---- The burst ---- */

/* Our server without a delay stands for one that accepts at once. Before the queue can overflow for no other reason than
   that its thread has not had a CPU, the burst waits for it: so the outcome does not depend on the machine. */
static void wait_for_server(struct experiment *x, uint64_t unaccepted_allowed)
{
    const struct server_settings *plan = &x->plan->server;
    uint64_t limit = plan->accept_count == ACCEPT_UNLIMITED ? UINT64_MAX : (uint64_t)plan->accept_count;
    uint64_t accepted = server_accepted(x->lab.server);
    if (x->server_late || accepted >= limit)
        return;
    uint64_t arrived = x->accepted_before + flood_established(x->floods[x->current - x->run.targets]);
    uint64_t due = arrived < limit ? arrived : limit;
    if (accepted < due && arrived - accepted >= unaccepted_allowed)
        x->server_late = server_wait_accepted(x->lab.server, due, clock_now() + SERVER_PATIENCE) < due;
}

static bool server_is_immediate(const struct experiment *x)
{
    const struct server_settings *plan = &x->plan->server;
    return x->lab.server && !plan->accept_delay && !plan->stall && !plan->defer_accept && plan->accept_count && !x->lab.wire;
}

static bool before_next(void *context, size_t opened)
{
    struct experiment *x = context;
    if (opened >= x->current->before.capacity && server_is_immediate(x))
        wait_for_server(x, x->current->before.capacity);
    ledger_before(&x->ledger, opened);
    return true;
}

static void after_silent(void *context, size_t i)
{
    struct experiment *x = context;
    ledger_silent(&x->ledger, i);
}

static void after_failure(void *context)
{
    struct experiment *x = context;
    loop_stop(&x->loop);
}

/* Or nobody knows. */
static bool is_accepted(struct experiment *x, const struct attempt *attempt)
{
    struct diag_socket socket;
    if (!has_handshake(x->current->transport.kind))
        return peers_look(&x->diag, x->current, true, x->epoch, NULL) || attempt->peer == PEER_ACCEPTED;
    struct endpoint source = attempt_source(x->current, attempt);
    return sockdiag_exact(&x->diag, &x->current->address, &source, &socket, NULL) || socket.inode;
}

static bool is_raced(const struct experiment *x)
{
    const struct arrivals *arrivals = &x->plan->probe.arrivals;
    return !x->lab.server && !arrivals->rate && !arrivals->burst && x->plan->probe.threads <= 1 && x->current->before.known &&
           x->diag.netlink.socket;
}

static bool wait_for_accept(struct experiment *x, nsec until, nsec pause)
{
    for (nsec left; (left = until - clock_now()) > 0; pause = pause < LEAD_PAUSE_MOST / 3 ? 3 * pause : LEAD_PAUSE_MOST) {
        if (is_accepted(x, &x->current->attempts[0]))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = pause < left ? pause : left}, NULL);
    }
    return is_accepted(x, &x->current->attempts[0]);
}

static void lead(void *context)
{
    struct experiment *x = context;
    const struct attempt *first = &x->current->attempts[0];
    confinement_check(x, x->floods[x->current - x->run.targets]);
    if (first->state != STATE_ESTABLISHED || x->refused.code || !is_raced(x))
        return;
    nsec began = clock_now();
    if (wait_for_accept(x, began + LEAD_PATIENCE_ALREADY, LEAD_PAUSE))
        return;
    /* Which member of a group it has come to is not known. */
    bool at_work = x->current->before.members > 1 || holders_at_work(&x->current->before);
    if (!wait_for_accept(x, began + LEAD_PATIENCE, LEAD_PAUSE_MOST) && at_work)
        wait_for_accept(x, began + LEAD_PATIENCE_AT_WORK, LEAD_PAUSE_MOST);
}

/* What the server does not have: it ignores an RST, where a FIN would revive the connection. */
static bool ends_with_reset(const struct attempt *attempt)
{
    return attempt->verdict == VERDICT_LOST || attempt->verdict == VERDICT_HALF_OPEN;
}

/* A socket file's type cannot be seen by looking at it, and connect() says only EPROTOTYPE. */
static int check_type(const struct target *target, bool seqpacket, struct error *err)
{
    if (!target->before.known || listener_takes(&target->before, &target->transport))
        return 0;
    return error_set(err, EPROTOTYPE,
                     seqpacket ? "%.120s is a stream listener: leave out --seqpacket"
                               : "%.120s is a SOCK_SEQPACKET listener: give --seqpacket",
                     target->transport.path);
}

/* As the listener is before a burst. */
static void look_before(struct experiment *x, struct target *target)
{
    free(target->members);
    target->members = NULL;
    target->member_count = 0;
    x->solitude = (struct solitude){0};
    if (x->plan->probe.arrivals.count >= SOLITUDE_SAVES)
        solitude_begin(&x->solitude); /* first, so that no packet in between has changed the listener */
    if (x->diag.netlink.socket && target->local)
        listener_find(&x->diag, &target->bound, &target->transport, &target->before, NULL);
    if (target->before.members > 1)
        peers_members(&x->diag, target, NULL);
    target->after = target->before;
}

static int prepare_burst(struct experiment *x, size_t t, struct error *err)
{
    struct target *target = &x->run.targets[t];
    const struct probe_settings *plan = &x->plan->probe;
    look_before(x, target);
    int status = check_type(target, x->plan->seqpacket, err);
    if (!status)
        status = confinement_choose(x, target, err);
    if (status)
        return status;
    struct flood_settings flood = {
        .destination = target->address,
        .transport = target->transport,
        .local = target->local && !target->reflected,
        .follow = plan->timeout > 0 || plan->send,
        .arrivals = plan->arrivals,
        .threads = plan->threads,
        .send = plan->send,
        .sources = plan->sources.ranges,
        .source_ranges = plan->sources.count,
        .context = x,
        .reset = ends_with_reset,
        .gate = before_next,
        .silent = after_silent,
        .failed = after_failure,
        .lead = lead,
        .kept = netlink_fd(&x->diag.netlink),
        .confinement = x->confinement,
    };
    flood.arrivals.count = (uint32_t)target->attempt_count;
    x->current = target;
    return flood_open(&x->floods[t], &flood, target, &x->loop, err);
}

/* Nobody accepts: the queue is as long as it gets. */
static void look_frozen(struct experiment *x)
{
    const struct target *target = x->current;
    struct listener now = {0};
    experiment_look(x);
    experiment_settle(x, target);
    bool seen = x->diag.netlink.socket && !listener_find(&x->diag, &target->bound, &target->transport, &now, NULL) && now.known &&
                now.cookie == target->before.cookie;
    started_thaw(x->lab.started, seen ? &now : NULL);
}

static void burst(struct experiment *x, size_t t)
{
    if (x->lab.server)
        x->accepted_before = server_accepted(x->lab.server);
    /* In a namespace of our own the sums tell it all. */
    x->ledger = (struct ledger){0};
    if (x->diag.netlink.socket && x->current->local && !x->run.alone && x->plan->probe.threads <= 1)
        ledger_begin(&x->ledger, &x->diag, x->current, x->current->attempt_count);
    if (x->lab.started)
        started_freeze(x->lab.started, &x->current->before);
    size_t opened = flood_burst(x->floods[t], x->epoch);
    x->current->attempt_count = opened;
    ledger_end(&x->ledger);
    if (!t && x->hooks && x->hooks->burst_out)
        x->hooks->burst_out(x->hooks->context);
    if (x->refused.code)
        return;
    if (!t) {
        x->run.connection_count = opened;
        x->run.pace = flood_pace(x->floods[t]);
        if (!opened)
            experiment_note(x, &(struct error){.text = "interrupted before the first connection was begun"});
    }
    if (server_is_immediate(x))
        wait_for_server(x, 1);
    if (x->run.started.words && x->plan->start.freeze)
        look_frozen(x);
    experiment_follow(x, &x->run.targets[t]);
}

/* The connections of the first round are all; those of a later one are those that failed at the address before. */
static int choose_attempts(struct experiment *x, size_t t, struct error *err)
{
    struct target *target = &x->run.targets[t];
    const struct target *before = t ? &x->run.targets[t - 1] : NULL;
    size_t room = before ? before->attempt_count : x->plan->probe.arrivals.count;
    int status = attempts_make(target, room, x->plan->timeline, err);
    if (status)
        return status;
    for (size_t i = 0; i < room; i++) {
        /* A client whose connection was reset had got through, too. */
        enum verdict verdict = before ? (enum verdict)before->attempts[i].verdict : VERDICT_COUNT;
        if (before && (verdict_traits(verdict)->got_through || verdict == VERDICT_RESET))
            continue;
        target->attempts[target->attempt_count++].id = before ? before->attempts[i].id : (uint32_t)i + 1;
    }
    return 0;
}

static void later_rounds(struct experiment *x)
{
    for (size_t t = 1; t < x->run.target_count && !x->loop.signal && !x->refused.code; t++) {
        struct error err = {0};
        flood_abandon(x->floods[t - 1]);
        if (choose_attempts(x, t, &err) || (x->run.targets[t].attempt_count && prepare_burst(x, t, &err))) {
            x->run.targets[t].attempt_count = 0;
            experiment_note(x, &err);
            return;
        }
        if (!x->run.targets[t].attempt_count)
            return;
        burst(x, t);
    }
}

/* ---- Beginning and end ---- */

static void set_target(struct experiment *x, struct target *target, const struct endpoint *address)
{
    target->transport = x->lab.transport;
    target->address = target->bound = *address;
    bool packets = has_handshake(target->transport.kind);
    target->reflected = x->lab.wire && packets;
    target->local = !packets || target->reflected;
    target->sole = x->run.alone;
    if (target->reflected) {
        struct endpoint far = wire_ends(address->family).far;
        memcpy(target->address.bytes, far.bytes, sizeof far.bytes);
    }
    /* Loopback also where it has no route, as ::1 without IPv6. */
    target->local = target->local || endpoint_is_loopback(address);
    if (!target->local)
        route_is_local(address, &target->local, NULL);
}

/* A server can listen on an address that is not this host's (net.ipv4.ip_nonlocal_bind); what is sent there leaves. */
static int refuse_remote(const struct target *target, struct error *err)
{
    char text[ENDPOINT_TEXT_SIZE];
    return error_set(err, EHOSTUNREACH, "%s is not an address of this host: packets to it would leave, and none was sent",
                     endpoint_address_text(&target->address, text));
}

/* In a namespace of its own every packet belongs to the run. */
static int open_recorder(struct experiment *x, struct error *err)
{
    if (!x->plan->timeline)
        return 0;
    unsigned inner = x->lab.wire ? wire_inner_device(x->lab.wire) : 0;
    bool packets = has_handshake(x->run.targets[0].transport.kind);
    enum timeline_source source = x->run.private_namespace && packets         ? TIMELINE_PACKETS
                                  : x->run.private_namespace && x->lab.server ? TIMELINE_CALLS
                                                                              : TIMELINE_SAMPLES;
    return recorder_open(&x->recorder, source, x->plan->probe.arrivals.count, inner, err);
}

static int begin(struct experiment *x, struct error *err)
{
    struct run *run = &x->run;
    note_machine(run);
    run->probe = x->plan->probe;
    run->server = x->plan->server;
    run->has_server = x->lab.server != NULL;
    run->private_namespace = x->plan->lab && !x->plan->host_net;
    run->alone = run->private_namespace && run->has_server; /* one that is started may connect itself, see the end */
    run->netns_inode = netns_inode(0);
    run->somaxconn = sysctl_somaxconn();
    run->sysctls = (struct run_sysctls){.abort_on_overflow = sysctl_number("net.ipv4.tcp_abort_on_overflow"),
                                        .syncookies = sysctl_number("net.ipv4.tcp_syncookies"),
                                        .syn_retries = sysctl_number("net.ipv4.tcp_syn_retries"),
                                        .syn_linear_timeouts = sysctl_number("net.ipv4.tcp_syn_linear_timeouts")};
    run->connection_count = x->lab.count ? run->probe.arrivals.count : 0;
    run->target_count = x->lab.count;
    run->expectation_count = x->plan->expect.count;
    memcpy(run->expectations, x->plan->expect.list, sizeof run->expectations);
    run->delay = x->plan->delay;
    for (size_t t = 0; t < x->lab.count; t++) {
        set_target(x, &run->targets[t], &x->lab.addresses[t]);
        if (!run->targets[t].local && !run->private_namespace && !run->probe.allow_remote)
            return refuse_remote(&run->targets[t], err);
    }
    struct error diag_error = {0};
    if (sockdiag_open(&x->diag, &diag_error))
        experiment_note(x, &diag_error);
    run->asked = !diag_error.code;
    if (!run->target_count) /* the server cannot be tested */
        return 0;
    int status = open_recorder(x, err);
    if (!status)
        status = choose_attempts(x, 0, err);
    return status ? status : prepare_burst(x, 0, err);
}

int experiment_open(struct experiment **out, const struct experiment_plan *plan, const struct experiment_hooks *hooks,
                    struct error *err)
{
    struct experiment *x = calloc(1, sizeof *x);
    *out = NULL;
    if (!x)
        return error_set(err, ENOMEM, "no memory");
    x->plan = plan;
    x->hooks = hooks;
    x->loop.epoll = -1;
    loop_block_signals(); /* before the path has a thread */
    int status = loop_init(&x->loop, true, err);
    if (!status)
        status = lab_open(&x->lab, plan, hooks, &x->loop, &x->run.started, err);
    if (!status)
        status = begin(x, err);
    if (status)
        experiment_close(x);
    else
        *out = x;
    return status;
}

struct run *experiment_run(struct experiment *x)
{
    return &x->run;
}

int experiment_go(struct experiment *x, struct error *err)
{
    int status =
        x->lab.server ? server_start(x->lab.server, err) : start_wait(&x->loop, x->plan->probe.start_at, &x->run.start, err);
    if (status)
        return status;
    if (x->plan->probe.start_at && x->run.target_count)
        look_before(x, &x->run.targets[0]); /* what came while it was waited for is no part of the run */
    if (x->diag.netlink.socket && !x->run.alone)
        x->listed_before = !listener_list_tcp(&x->diag, &x->listeners_before, NULL);
    counters_read(&x->counters_before, NULL);
    x->connects_before = x->run.private_namespace && !x->run.alone ? counters_connects() : -1;
    x->epoch = clock_now();
    clock_stamp_at(x->epoch, x->run.started_at);
    start_note(x->epoch, x->plan->probe.start_at, &x->run.start);
    x->progress_due = x->epoch + PROGRESS_PAUSE;
    if (x->run.target_count)
        burst(x, 0);
    later_rounds(x);
    if (x->refused.code) {
        *err = x->refused;
        return -x->refused.code;
    }
    if (x->run.target_count > 1)
        experiment_look(x);
    experiment_gather(x);
    judge_run(&x->run); /* of all facts, and none is written after this */
    judge_causes(&x->run);
    judge_expectations(&x->run);
    return 0;
}

void experiment_close(struct experiment *x)
{
    if (!x)
        return;
    recorder_release(x->recorder);
    for (size_t t = 0; t < x->run.target_count; t++) {
        flood_release(x->floods[t]);
        timeline_release(&x->run.targets[t].timeline);
        attempts_release(&x->run.targets[t]);
        free(x->run.targets[t].members);
    }
    free(x->listeners_before.list);
    sockdiag_close(&x->diag);
    loop_release(&x->loop);
    lab_close(&x->lab);
    free(x);
}
