/* The experiment that `probe`, `run` and what repeats it share. It only wires: the engine produces facts, the judge verdicts. */
#include "experiment_internal.h"

#include "backlogctl/conntrack.h"
#include "backlogctl/judge.h"
#include "backlogctl/listener.h"
#include "backlogctl/netns.h"
#include "backlogctl/owner.h"
#include "backlogctl/peers.h"
#include "backlogctl/way.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

/* The first connection leads: the server gets this long to accept it before the rest comes, so that a server that is
   quicker than the burst is not raced. */
#define LEAD_PATIENCE (20 * NSEC_PER_MSEC)
#define LEAD_PAUSE (100 * NSEC_PER_USEC)

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

/* Or nobody knows. */
static bool is_accepted(struct experiment *x, const struct attempt *attempt)
{
    struct diag_socket socket;
    if (!has_handshake(x->current->transport.kind))
        return peers_look(&x->diag, x->current, x->epoch, NULL) || attempt->peer == PEER_ACCEPTED;
    return sockdiag_exact(&x->diag, &x->current->address, &attempt->source, &socket, NULL) || socket.inode;
}

static void lead_probe(void *context)
{
    struct experiment *x = context;
    const struct attempt *first = &x->current->attempts[0];
    if (first->state != STATE_ESTABLISHED)
        return;
    for (nsec until = clock_now() + LEAD_PATIENCE; clock_now() < until;) {
        if (is_accepted(x, first))
            return;
        nanosleep(&(struct timespec){.tv_nsec = LEAD_PAUSE}, NULL);
    }
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

static int prepare_burst(struct experiment *x, size_t t, struct error *err)
{
    struct target *target = &x->run.targets[t];
    const struct probe_settings *plan = &x->plan->probe;
    if (x->diag.netlink.socket && target->local)
        listener_find(&x->diag, &target->bound, &target->transport, &target->before, NULL);
    if (target->before.members > 1)
        peers_members(&x->diag, target, NULL);
    target->after = target->before;
    int status = check_type(target, x->plan->seqpacket, err);
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
    };
    if (!x->lab.server && !plan->arrivals.rate && !plan->arrivals.burst && target->before.known && x->diag.netlink.socket)
        flood.lead = lead_probe;
    flood.arrivals.count = (uint32_t)target->attempt_count;
    x->current = target;
    return flood_open(&x->floods[t], &flood, target->attempts, &x->loop, err);
}

static void burst(struct experiment *x, size_t t)
{
    if (x->lab.server)
        x->accepted_before = server_accepted(x->lab.server);
    /* In a namespace of our own the sums tell it all. */
    x->ledger = (struct ledger){0};
    if (x->diag.netlink.socket && x->current->local && !x->run.private_namespace && x->plan->probe.threads <= 1)
        ledger_begin(&x->ledger, &x->diag, x->current, x->current->attempt_count);
    size_t opened = flood_burst(x->floods[t], x->epoch);
    x->current->attempt_count = opened;
    ledger_end(&x->ledger);
    if (!t) {
        x->run.connection_count = opened;
        x->run.pace = flood_pace(x->floods[t]);
        if (!opened)
            experiment_note(x, &(struct error){.text = "interrupted before the first connection was begun"});
    }
    if (server_is_immediate(x))
        wait_for_server(x, 1);
    experiment_follow(x, &x->run.targets[t]);
}

/* The connections of the first round are all; those of a later one are those that failed at the address before. */
static int choose_attempts(struct experiment *x, size_t t, struct error *err)
{
    struct target *target = &x->run.targets[t];
    const struct target *before = t ? &x->run.targets[t - 1] : NULL;
    size_t room = before ? before->attempt_count : x->plan->probe.arrivals.count;
    target->attempts = calloc(room, sizeof *target->attempts);
    if (!target->attempts)
        return error_set(err, ENOMEM, "no memory for %zu connections", room);
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
    for (size_t t = 1; t < x->run.target_count && !x->loop.signal; t++) {
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
    target->transport = x->plan->transport;
    target->address = target->bound = *address;
    bool packets = has_handshake(target->transport.kind);
    target->reflected = x->lab.wire && packets;
    target->local = !packets || target->reflected;
    if (target->reflected) {
        struct endpoint far = wire_ends(address->family).far;
        memcpy(target->address.bytes, far.bytes, sizeof far.bytes);
    }
    if (!target->local)
        route_is_local(address, &target->local, NULL);
    /* Also where it has no route, as ::1 without IPv6. */
    target->local = target->local || endpoint_is_loopback(address);
}

/* In a namespace of its own every packet belongs to the run. */
static int open_recorder(struct experiment *x, struct error *err)
{
    if (!x->plan->timeline)
        return 0;
    unsigned inner = x->lab.wire ? wire_inner_device(x->lab.wire) : 0;
    enum timeline_source source = !x->run.private_namespace                         ? TIMELINE_SAMPLES
                                  : has_handshake(x->run.targets[0].transport.kind) ? TIMELINE_PACKETS
                                                                                    : TIMELINE_CALLS;
    return recorder_open(&x->recorder, source, x->plan->probe.arrivals.count, inner, err);
}

static int begin(struct experiment *x, struct error *err)
{
    struct run *run = &x->run;
    struct utsname system;
    uname(&system);
    snprintf(run->kernel, sizeof run->kernel, "%s", system.release);
    clock_stamp(run->started_at);
    run->probe = x->plan->probe;
    run->server = x->plan->server;
    run->has_server = x->lab.server != NULL;
    run->private_namespace = x->lab.server && !x->plan->host_net;
    run->somaxconn = sysctl_somaxconn();
    run->sysctls = (struct run_sysctls){.abort_on_overflow = sysctl_number("net.ipv4.tcp_abort_on_overflow"),
                                        .syncookies = sysctl_number("net.ipv4.tcp_syncookies"),
                                        .syn_retries = sysctl_number("net.ipv4.tcp_syn_retries"),
                                        .syn_linear_timeouts = sysctl_number("net.ipv4.tcp_syn_linear_timeouts")};
    run->connection_count = run->probe.arrivals.count;
    run->target_count = x->lab.count;
    run->expectation_count = x->plan->expect.count;
    memcpy(run->expectations, x->plan->expect.list, sizeof run->expectations);
    run->delay = x->plan->delay;
    for (size_t t = 0; t < x->lab.count; t++)
        set_target(x, &run->targets[t], &x->lab.addresses[t]);
    int status = loop_init(&x->loop, true, err);
    if (status)
        return status;
    struct error diag_error = {0};
    if (sockdiag_open(&x->diag, &diag_error))
        experiment_note(x, &diag_error);
    run->asked = !diag_error.code;
    status = open_recorder(x, err);
    if (!status)
        status = choose_attempts(x, 0, err);
    return status ? status : prepare_burst(x, 0, err);
}

static void name_owners(struct experiment *x)
{
    for (size_t t = 0; t < x->run.target_count; t++) {
        struct listener *listener = &x->run.targets[t].after;
        if (!listener->known)
            continue;
        if (x->lab.server) {
            listener->pid = getpid();
            snprintf(listener->process, sizeof listener->process, "backlogctl");
        } else {
            owner_find(listener);
            for (size_t i = 0; i < x->run.targets[t].member_count; i++)
                owner_find(&x->run.targets[t].members[i]);
        }
    }
}

static void merge_accepts(struct experiment *x)
{
    struct error err = {0};
    size_t count;
    const struct server_accept *clients = server_accepts(x->lab.server, &count);
    for (size_t t = 0; t < x->run.target_count; t++)
        if (x->run.targets[t].attempt_count &&
            peers_note_accepts(&x->run.targets[t], clients, count, x->epoch, x->run.elapsed, &err))
            experiment_note(x, &err);
}

/* The exact spread of how long it took from connect() to the moment at `member` of each attempt. */
static void spread_times(struct experiment *x, size_t member, struct spread *out)
{
    size_t room = 0, count = 0;
    for (size_t t = 0; t < x->run.target_count; t++)
        room += x->run.targets[t].attempt_count;
    nsec *samples = malloc((room ? room : 1) * sizeof *samples);
    if (!samples) {
        experiment_note(x, &(struct error){.text = "no memory for the spread of times"});
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

/* A client learns of its SYN-ACK some microseconds after it came, and an accept is noted by another clock than packets: where packets
   were seen, their times count, in rows and timeline alike. */
static void use_exact_times(struct target *target)
{
    for (size_t i = 0; i < target->attempt_count && target->timeline.source == TIMELINE_PACKETS; i++) {
        const struct lane *lane = &target->timeline.lanes[i];
        struct attempt *a = &target->attempts[i];
        if (lane->established != NSEC_NEVER && a->established != NSEC_NEVER)
            a->established = lane->established;
        if (lane->accepted != NSEC_NEVER)
            a->accepted = lane->accepted;
    }
}

static void finish_timeline(struct experiment *x)
{
    struct error err = {0};
    if (!x->recorder)
        return;
    if (recorder_finish(x->recorder, x->run.targets, x->run.target_count, x->epoch, x->run.elapsed, &err))
        experiment_note(x, &err);
    else
        for (size_t t = 0; t < x->run.target_count; t++)
            use_exact_times(&x->run.targets[t]);
}

static void note_wire(struct experiment *x)
{
    struct error err = {0};
    uint64_t lost = x->lab.wire ? wire_lost(x->lab.wire) : 0;
    if (!lost)
        return;
    error_set(&err, ENOBUFS, "the path with the delay had no room for %llu packets and lost them", (unsigned long long)lost);
    experiment_note(x, &err);
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
    int status = lab_open(&x->lab, plan, hooks, err);
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

static bool is_target(const struct run *run, const struct listener *l)
{
    for (size_t t = 0; t < run->target_count; t++) {
        const struct target *target = &run->targets[t];
        if ((target->before.known && !listener_compare_places(l, &target->before)) ||
            (target->after.known && !listener_compare_places(l, &target->after)))
            return true;
    }
    return false;
}

static const struct listener *find_listener(const struct listener_list *list, uint64_t cookie)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->list[i].cookie == cookie)
            return &list->list[i];
    return NULL;
}

/* What the other listeners of the namespace discarded meanwhile: the counters are read within this. One that has gone took its counter
   with it. */
static void sum_others(struct experiment *x)
{
    struct listener_list now = {0}, *before = &x->listeners_before;
    x->run.others = 0;
    x->run.others_known = x->diag.netlink.socket && before->list && !listener_list(&x->diag, &now, &(struct error){0}, NULL);
    for (size_t i = 0; i < now.count; i++) {
        const struct listener *l = &now.list[i], *old = find_listener(before, l->cookie);
        if (has_handshake((enum socket_kind)l->kind) && !is_target(&x->run, l))
            x->run.others += (l->discarded - (old ? old->discarded : 0)) & UINT32_MAX;
    }
    for (size_t i = 0; i < before->count; i++)
        if (has_handshake((enum socket_kind)before->list[i].kind) && !is_target(&x->run, &before->list[i]))
            x->run.others_known = x->run.others_known && find_listener(&now, before->list[i].cookie);
    free(now.list);
}

int experiment_go(struct experiment *x, struct error *err)
{
    int status = x->lab.server ? server_start(x->lab.server, err) : 0;
    if (status)
        return status;
    if (x->diag.netlink.socket)
        listener_list(&x->diag, &x->listeners_before, &(struct error){0}, NULL);
    counters_read(&x->counters_before, NULL);
    x->epoch = clock_now();
    x->progress_due = x->epoch + PROGRESS_PAUSE;
    burst(x, 0);
    later_rounds(x);
    if (x->run.target_count > 1)
        experiment_look(x);
    x->run.signal = x->loop.signal;
    for (size_t t = 0; t < x->run.target_count; t++)
        if (x->run.targets[t].member_count)
            peers_members(&x->diag, &x->run.targets[t], NULL);
    x->run.sysctls.conntrack_count = conntrack_count();
    for (size_t t = 0; t < x->run.target_count && x->diag.netlink.socket && !x->run.private_namespace; t++)
        way_look(&x->diag, &x->run.targets[t]);
    name_owners(x);
    if (x->lab.server) {
        server_stop(x->lab.server);
        merge_accepts(x);
    }
    note_wire(x);
    finish_timeline(x);
    spread_times(x, offsetof(struct attempt, established), &x->run.to_established);
    spread_times(x, offsetof(struct attempt, accepted), &x->run.to_accepted);
    sum_others(x);
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
        free(x->run.targets[t].attempts);
        free(x->run.targets[t].members);
    }
    free(x->listeners_before.list);
    sockdiag_close(&x->diag);
    loop_release(&x->loop);
    lab_close(&x->lab);
    free(x);
}
