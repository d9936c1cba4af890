/* Looking at both ends of a burst's connections, until nothing changes any more or the patience ends. */
#include "experiment_internal.h"

#include "backlogctl/judge.h"
#include "backlogctl/netns.h"
#include "backlogctl/peers.h"

#include <errno.h>
#include <stdio.h>

/* Two looks this far apart that agree are final: softirq work on another CPU (RPS) is over by then. */
#define SETTLE_PAUSE (20 * NSEC_PER_MSEC)
#define SETTLE_LOOKS 10

/* A client may hold its final ACK for 200 ms (delayed ACK): a half-open connection is one that still is after this. */
#define HALF_OPEN_PAUSE (250 * NSEC_PER_MSEC)

/* Looks while we wait begin at the first pause and double up to the longest; a look never takes over a fifth of the time. */
#define FIRST_PAUSE NSEC_PER_MSEC
#define LONGEST_PAUSE (10 * NSEC_PER_MSEC)

/* Our own server tells when it accepted. Then, without a timeline, a look only shows whether all is over, which may be told this part of
   the time late. */
#define LATE_PART 16

/* ... and with nobody beside the run nothing is lost between two looks this far apart: the server keeps a half-open connection for seven
   seconds, where it sends its SYN-ACK twice again at least, else for one (reqsk_timer_handler in the kernel). */
#define HALF_OPEN_LIFE (3 * NSEC_PER_SEC)
#define HALF_OPEN_LIFE_LEAST (500 * NSEC_PER_MSEC)
#define REPEATS_OF_LIFE 2

/* A SYN-ACK is repeated after a second for the first time (RFC 6298). */
#define FIRST_REPEAT (900 * NSEC_PER_MSEC)

/* A burst this large takes longer to look at than an interrupted user should wait. */
#define LOOK_WHEN_INTERRUPTED 200000

void experiment_note(struct experiment *x, const struct error *err)
{
    if (!x->run.incomplete[0])
        snprintf(x->run.incomplete, sizeof x->run.incomplete, "%.*s", (int)sizeof x->run.incomplete - 1, err->text);
}

/* What a look need not ask. */
struct told {
    bool alone;
    bool silence; /* the listener's drops are the SYNs without an answer */
    nsec young;   /* who was opened later has had no time to be sent a SYN-ACK again */
};

/* Since before the listener was looked at for the first time, and whether what we know of the connections still holds. */
static bool was_nobody_else(const struct experiment *x, const struct target *target)
{
    return x->solitude.known && x->run.target_count == 1 && !target->reflected && has_handshake(target->transport.kind) &&
           solitude_lasted(&x->solitude, target->attempts, target->attempt_count);
}

/* Its state as connect() left it may be old by now. */
static enum flood_question ask_who_waits(const void *context, const struct attempt *a)
{
    (void)context;
    return a->state == STATE_SYN_SENT ? ASK_STATE : ASK_NOTHING;
}

/* The listener's counter rose while its SYN was sent, and it was sent once. */
static bool is_told_by_drop(const struct told *told, const struct attempt *a)
{
    return a->state == STATE_SYN_SENT && !a->error && (told->alone || (a->drop_full && !a->syn_retransmits));
}

/* In the queue: nobody is there who could send to it, or close. */
static bool is_told_by_peer(const struct told *told, const struct attempt *a)
{
    return a->state == STATE_ESTABLISHED && a->peer == PEER_QUEUED && a->opened >= told->young && !a->sent;
}

static enum flood_question ask_what_is_open(const void *context, const struct attempt *a)
{
    const struct told *told = context;
    bool dropped = told->silence && is_told_by_drop(told, a) && a->peer == PEER_UNKNOWN;
    return dropped || is_told_by_peer(told, a) ? ASK_NOTHING : ASK_ALL;
}

/* Whether the server's side need not be asked for those without an answer: each SYN is one of the drops. Over a path with a delay some
   may be under way, and dropped ACKs be as many. */
static bool silence_is_told(const struct target *target, const struct told *told)
{
    if (target->reflected || !judge_silence_is_dropped(target))
        return false;
    for (size_t i = 0; i < target->attempt_count; i++)
        if (target->attempts[i].state == STATE_SYN_SENT && !is_told_by_drop(told, &target->attempts[i]))
            return false;
    return true;
}

/* Between the two parts of a look a client may have been connected, whose server's side nobody has asked for. */
static bool any_just_connected(const struct target *target)
{
    for (size_t i = 0; i < target->attempt_count; i++)
        if (target->attempts[i].state == STATE_ESTABLISHED && target->attempts[i].peer == PEER_UNKNOWN)
            return true;
    return false;
}

/* The server's side before those that it may tell of: they are not asked again, which would double what a look costs. */
static void look_at_both_ends(struct experiment *x, size_t t)
{
    struct error err = {0};
    struct target *target = &x->run.targets[t];
    struct told told = {.alone = x->run.alone, .young = clock_now() - x->epoch - FIRST_REPEAT};
    bool seen = x->diag.netlink.socket && target->local;
    if (seen) {
        peers_look_at_listener(&x->diag, target);
        bool nobody_else = was_nobody_else(x, target);
        told.alone = told.alone || nobody_else;
        if (!nobody_else)
            flood_look(x->floods[t], ask_who_waits, NULL);
        told.silence = silence_is_told(target, &told);
        seen = (nobody_else && told.silence && peers_fill_the_queue(target, x->epoch)) ||
               !peers_look(&x->diag, target, !told.silence, x->epoch, &err);
    }
    if (err.code)
        experiment_note(x, &err);
    told.silence = told.silence && judge_silence_is_dropped(target);
    flood_look(x->floods[t], seen ? ask_what_is_open : NULL, &told);
    if (seen && any_just_connected(target))
        peers_look(&x->diag, target, false, x->epoch, NULL);
}

static void look_at_target(struct experiment *x, size_t t)
{
    struct error err = {0};
    if (x->loop.signal && x->run.targets[t].attempt_count > LOOK_WHEN_INTERRUPTED) {
        error_set(&err, EINTR, "interrupted before the server's side of so many connections was asked for");
        experiment_note(x, &err);
        flood_pause(x->floods[t]);
        return;
    }
    flood_pause(x->floods[t]);
    look_at_both_ends(x, t);
    if (x->recorder)
        recorder_look(x->recorder, &x->run.targets[t], clock_now() - x->epoch);
}

void experiment_look(struct experiment *x)
{
    struct counters now;
    x->run.last_look = clock_now() - x->epoch;
    for (size_t t = 0; t < x->run.target_count; t++)
        if (x->floods[t])
            look_at_target(x, t);
    x->run.elapsed = clock_now() - x->epoch; /* of the connections nothing is seen after it */
    struct error err = {0};
    if (counters_read(&now, &err))
        experiment_note(x, &err);
    x->run.counters = counters_change(&x->counters_before, &now);
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

/* The thread that carries packets over a path with a delay may be late: an ACK that is still with it is not lost. */
static bool any_on_the_way(const struct experiment *x, const struct target *target)
{
    for (size_t i = 0; i < target->attempt_count && x->lab.wire; i++)
        if (peers_is_untraced(&target->attempts[i]))
            return true;
    return false;
}

/* Waits on the loop, and tells how it stands. */
static void wait_until(struct experiment *x, nsec until)
{
    bool progress = x->hooks && x->hooks->progress;
    for (size_t t = 0; t < x->run.target_count; t++)
        if (x->floods[t])
            flood_resume(x->floods[t]);
    while (!x->loop.signal && clock_now() < until) {
        nsec next = until;
        if (progress && x->progress_due < next)
            next = x->progress_due;
        if (loop_run(&x->loop, next, NULL))
            return;
        if (progress && clock_now() >= x->progress_due) {
            x->hooks->progress(x->hooks->context, &x->run, clock_now() - x->epoch);
            x->progress_due = clock_now() + PROGRESS_PAUSE;
        }
    }
}

void experiment_settle(struct experiment *x, const struct target *target)
{
    for (int looks = 0; looks < SETTLE_LOOKS && !x->loop.signal && !judge_is_settled(target); looks++) {
        uint64_t before = signature(target);
        wait_until(x, clock_now() + SETTLE_PAUSE + 2 * x->run.delay);
        experiment_look(x);
        if (signature(target) == before)
            break;
    }
    if ((any_half_open(target) || any_on_the_way(x, target)) && !x->loop.signal) {
        wait_until(x, clock_now() + HALF_OPEN_PAUSE);
        experiment_look(x);
    }
}

static nsec longest_pause(const struct experiment *x, nsec followed)
{
    nsec late = x->lab.server && !x->recorder ? followed / LATE_PART : 0;
    return late > LONGEST_PAUSE ? late : LONGEST_PAUSE;
}

/* ---- Our own server, with nobody beside the run and nobody who watches it ---- */

/* What the server does not tell is to be seen at the end. */
static bool is_told(const struct experiment *x, const struct target *target)
{
    bool watched = x->hooks && x->hooks->progress;
    return x->run.alone && x->lab.server && !x->lab.wire && !x->recorder && !watched && x->diag.netlink.socket &&
           flood_pace(x->floods[target - x->run.targets]).threads == 1;
}

/* Each that is not accepted must have failed before all are final. */
static uint64_t accepts_to_come(const struct experiment *x, const struct target *target)
{
    uint64_t left = x->accepted_before + target->attempt_count;
    for (size_t i = 0; i < target->attempt_count; i++)
        left -= target->attempts[i].error && !target->attempts[i].soft_error;
    return left;
}

/* Since *known were connected more are, and not all were accepted or wait in the queue: of such only the server's side tells. */
static bool any_beyond_queue(struct experiment *x, size_t t, uint64_t *known)
{
    uint64_t connected = flood_established(x->floods[t]), accepted = server_accepted(x->lab.server) - x->accepted_before;
    bool more = connected > *known;
    *known = connected;
    if (more)
        peers_look_at_listener(&x->diag, &x->run.targets[t]);
    return more && connected > accepted + x->run.targets[t].after.queue;
}

static nsec half_open_life(const struct experiment *x)
{
    bool usual = !x->plan->server.defer_accept && sysctl_number("net.ipv4.tcp_synack_retries") >= REPEATS_OF_LIFE;
    return usual ? HALF_OPEN_LIFE : HALF_OPEN_LIFE_LEAST;
}

/* Until all may be final. On one thread the sockets are followed since the burst. */
static void await_accepts(struct experiment *x, const struct target *target, nsec deadline)
{
    size_t t = (size_t)(target - x->run.targets);
    uint64_t known = 0;
    nsec pause = half_open_life(x), now = clock_now(), look = now + pause;
    for (; !x->loop.signal && now < deadline; now = clock_now()) {
        uint64_t left = accepts_to_come(x, target);
        if (server_stop_loop(x->lab.server, &x->loop, left, NULL) || server_accepted(x->lab.server) >= left)
            return;
        if (loop_run(&x->loop, look < deadline ? look : deadline, NULL))
            return;
        if (clock_now() < look)
            continue;
        if (any_beyond_queue(x, t, &known))
            experiment_look(x);
        look = clock_now() + pause;
    }
}

void experiment_follow(struct experiment *x, const struct target *target)
{
    nsec start = clock_now(), deadline = start + x->plan->probe.timeout;
    nsec pause = FIRST_PAUSE;
    if (is_told(x, target))
        await_accepts(x, target, deadline);
    for (;;) {
        nsec began = clock_now();
        experiment_look(x);
        nsec cost = clock_now() - began;
        if (x->loop.signal || judge_is_final(target) || clock_now() >= deadline)
            break;
        nsec now = clock_now(), next = now + (pause > 4 * cost ? pause : 4 * cost), longest = longest_pause(x, now - start);
        wait_until(x, next < deadline ? next : deadline);
        pause = pause * 2 < longest ? pause * 2 : longest;
    }
    experiment_settle(x, target);
}
