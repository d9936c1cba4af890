/* The judge of one attempt: one row a case of facts and the verdict they deserve; then what is final and what
   is settled. */
#include "suite.h"

#include "backlogctl/judge.h"

#include <errno.h>

/* ---- Facts to one verdict ---- */

/* What surrounds the attempt. Zeroed: a local address with a listener that dropped nothing, readable counters, and a namespace with
   no traffic but the run's. */
struct world {
    bool remote, no_listener, new_listener, listener_after_only, replaced, drops_unknown, counters_unknown;
    bool shared;     /* others send and listen in the namespace, too */
    bool maybe_nat;  /* and it is not known whether connections are translated */
    bool full, gone; /* the listener's queue; the listener, at the end */
    bool undropped, unroutable, grown;
    uint64_t discarded; /* of the listener */
    uint64_t overflows, listen_drops, cookies, loopback_dropped, no_room, challenges;
    size_t silent_others;    /* more clients whose first SYN nobody answered */
    size_t traceless_others; /* more clients that are connected to nobody */
};

struct judged {
    const char *name;
    struct world world;
    struct attempt facts; /* a time of 0 means that it never came; connected clients are established */
    enum verdict verdict;
    enum reason reason;
    enum evidence evidence;
};

#define OTHERS_MAX 8
#define CLIENT(...) .facts = {.state = STATE_ESTABLISHED, __VA_ARGS__}
#define WAITING(...) .facts = {.state = STATE_SYN_SENT, __VA_ARGS__}
#define FAILED(...) .facts = {.state = STATE_CLOSE, __VA_ARGS__}
#define IN(...) .world = {__VA_ARGS__}
#define IS(verdict_, reason_, evidence_) \
    .verdict = VERDICT_##verdict_, .reason = REASON_##reason_, .evidence = EVIDENCE_##evidence_

static const struct judged cases[] = {
    /* The server's side was seen. */
    {"accepted", CLIENT(.peer = PEER_ACCEPTED), IS(CONNECTED, NONE, PEER_SOCKET)},
    {"accepted and answered", CLIENT(.peer = PEER_ACCEPTED, .replied = true), IS(CONNECTED, NONE, PEER_SOCKET)},
    {"accepted, half closed", .facts = {.state = STATE_FIN_WAIT2, .peer = PEER_ACCEPTED}, IS(CONNECTED, NONE, PEER_SOCKET)},
    {"closed by the server", .facts = {.state = STATE_CLOSE_WAIT, .peer = PEER_CLOSED}, IS(CONNECTED, NONE, PEER_SOCKET)},
    {"closed by the server, its FIN under way", CLIENT(.peer = PEER_CLOSED), IS(CONNECTED, NONE, PEER_SOCKET)},
    {"closed by the server, its socket gone", .facts = {.state = STATE_CLOSE_WAIT, .peer = PEER_ABSENT},
     IS(CONNECTED, NONE, TCP_INFO)},
    {"closed by a remote server", IN(.remote = true), .facts = {.state = STATE_CLOSE_WAIT}, IS(CONNECTED, NONE, TCP_INFO)},
    {"a close beats a stale queued", .facts = {.state = STATE_CLOSE_WAIT, .peer = PEER_QUEUED}, IS(CONNECTED, NONE, TCP_INFO)},
    {"queued", CLIENT(.peer = PEER_QUEUED), IS(QUEUED, NONE, PEER_SOCKET)},
    {"queued, by the length of the queue", IN(.grown = true), CLIENT(.peer = PEER_QUEUED), IS(QUEUED, NONE, QUEUE_LENGTH)},
    {"queued, our byte acknowledged", CLIENT(.peer = PEER_QUEUED, .sent = true, .acknowledged = true),
     IS(QUEUED, NONE, PEER_SOCKET)},
    {"queued, half closed", .facts = {.state = STATE_FIN_WAIT1, .peer = PEER_QUEUED}, IS(QUEUED, NONE, PEER_SOCKET)},
    {"queued after an ICMP message", CLIENT(.peer = PEER_QUEUED, .error = EHOSTUNREACH), IS(QUEUED, NONE, PEER_SOCKET)},
    {"half open", CLIENT(.peer = PEER_SYN_RECV), IS(HALF_OPEN, NONE, PEER_SOCKET)},
    {"half open among drops and cookies", IN(.discarded = 9, .cookies = 9), CLIENT(.peer = PEER_SYN_RECV),
     IS(HALF_OPEN, NONE, PEER_SOCKET)},
    {"a reply beats a stale queued", CLIENT(.peer = PEER_QUEUED, .replied = true), IS(CONNECTED, NONE, REPLY)},
    {"a reply beats a stale half open", CLIENT(.peer = PEER_SYN_RECV, .replied = true), IS(CONNECTED, NONE, REPLY)},
    {"a reply beats a missing trace", IN(.discarded = 1, .cookies = 1), CLIENT(.peer = PEER_ABSENT, .replied = true),
     IS(CONNECTED, NONE, REPLY)},
    {"a remote server's reply", IN(.remote = true), CLIENT(.replied = true), IS(CONNECTED, NONE, REPLY)},

    /* AF_UNIX */
    {"a full AF_UNIX queue", FAILED(.error = EAGAIN), IS(WOULD_BLOCK, QUEUE_FULL, SOCKET_ERROR)},
    {"no such socket file", FAILED(.error = ENOENT), IS(REFUSED, NO_LISTENER, SOCKET_ERROR)},

    /* No trace at the server: lost only with a second witness. */
    {"lost: cookies and drops", IN(.discarded = 1, .cookies = 1), CLIENT(.peer = PEER_ABSENT), IS(LOST, NONE, PEER_SOCKET)},
    {"lost: a drop for each", IN(.discarded = 3, .cookies = 1, .traceless_others = 2), CLIENT(.peer = PEER_ABSENT),
     IS(LOST, NONE, PEER_SOCKET)},
    {"not a drop for each", IN(.discarded = 2, .cookies = 3, .traceless_others = 2), CLIENT(.peer = PEER_ABSENT),
     IS(ESTABLISHED, NO_TRACE, TCP_INFO)},
    {"cookies without drops", IN(.cookies = 1), CLIENT(.peer = PEER_ABSENT), IS(ESTABLISHED, NO_TRACE, TCP_INFO)},
    {"drops without cookies", IN(.discarded = 1), CLIENT(.peer = PEER_ABSENT), IS(ESTABLISHED, NO_TRACE, TCP_INFO)},
    {"cookies that could not be read", IN(.discarded = 1, .cookies = 1, .counters_unknown = true), CLIENT(.peer = PEER_ABSENT),
     IS(ESTABLISHED, NO_TRACE, TCP_INFO)},
    {"drops that could not be read", IN(.discarded = 1, .cookies = 1, .drops_unknown = true), CLIENT(.peer = PEER_ABSENT),
     IS(ESTABLISHED, NO_TRACE, TCP_INFO)},
    {"drops of another listener", IN(.discarded = 1, .cookies = 1, .replaced = true), CLIENT(.peer = PEER_ABSENT),
     IS(ESTABLISHED, LISTENER_GONE, TCP_INFO)},
    {"lost: was half open, and drops", IN(.discarded = 1), CLIENT(.peer = PEER_ABSENT, .was_half_open = true),
     IS(LOST, NONE, PEER_SOCKET)},
    {"was half open, no drops", CLIENT(.peer = PEER_ABSENT, .was_half_open = true), IS(ESTABLISHED, NO_TRACE, TCP_INFO)},
    {"was half open, drops unknown", IN(.discarded = 1, .drops_unknown = true),
     CLIENT(.peer = PEER_ABSENT, .was_half_open = true), IS(ESTABLISHED, NO_TRACE, TCP_INFO)},
    {"was queued, drops", IN(.discarded = 1), CLIENT(.peer = PEER_ABSENT, .was_queued = true),
     IS(ESTABLISHED, NO_TRACE, TCP_INFO)},

    /* Carried elsewhere, as by DNAT. */
    {"redirected past a listener", CLIENT(.peer = PEER_ABSENT), IS(ESTABLISHED, NO_TRACE, TCP_INFO)},
    {"redirected past a listener, acknowledged", CLIENT(.peer = PEER_ABSENT, .sent = true, .acknowledged = true),
     IS(ESTABLISHED, NO_TRACE, PROBE_BYTE)},
    {"no listener", IN(.no_listener = true), CLIENT(.peer = PEER_ABSENT), IS(ESTABLISHED, NO_LISTENER, TCP_INFO)},
    {"no listener, cookies for others", IN(.no_listener = true, .cookies = 5), CLIENT(.peer = PEER_ABSENT),
     IS(ESTABLISHED, NO_LISTENER, TCP_INFO)},
    {"no listener, acknowledged", IN(.no_listener = true), CLIENT(.peer = PEER_ABSENT, .sent = true, .acknowledged = true),
     IS(ESTABLISHED, NO_LISTENER, PROBE_BYTE)},
    {"no listener, half open elsewhere", IN(.no_listener = true, .challenges = 2), CLIENT(.peer = PEER_ABSENT, .segments_in = 3),
     IS(ESTABLISHED, REPEATED, TCP_INFO)},
    {"a listener came only later", IN(.listener_after_only = true, .cookies = 1, .discarded = 1), CLIENT(.peer = PEER_ABSENT),
     IS(ESTABLISHED, NO_TRACE, TCP_INFO)},

    /* The server's side cannot be asked. */
    {"remote", IN(.remote = true), CLIENT(), IS(ESTABLISHED, REMOTE, TCP_INFO)},
    {"local, not asked", CLIENT(), IS(ESTABLISHED, NOT_SEEN, TCP_INFO)},
    {"local, not asked, cookies and drops", IN(.discarded = 1, .cookies = 1), CLIENT(), IS(ESTABLISHED, NOT_SEEN, TCP_INFO)},
    {"remote, acknowledged", IN(.remote = true), CLIENT(.sent = true, .acknowledged = true), IS(ESTABLISHED, REMOTE, PROBE_BYTE)},
    {"remote, acknowledged at the third try", IN(.remote = true),
     CLIENT(.sent = true, .acknowledged = true, .data_retransmits = 2), IS(ESTABLISHED, REMOTE, PROBE_BYTE)},
    {"remote, repeated twice in vain", IN(.remote = true), CLIENT(.sent = true, .data_retransmits = 2),
     IS(ESTABLISHED, UNACKNOWLEDGED, PROBE_BYTE)},
    {"remote, repeated once", IN(.remote = true), CLIENT(.sent = true, .data_retransmits = 1), IS(ESTABLISHED, REMOTE, TCP_INFO)},
    {"remote, three segments", IN(.remote = true, .challenges = 2), CLIENT(.segments_in = 3),
     IS(ESTABLISHED, REPEATED, TCP_INFO)},
    {"remote, keepalive probes", IN(.remote = true), CLIENT(.segments_in = 3), IS(ESTABLISHED, REMOTE, TCP_INFO)},
    {"remote, one of the segments a keepalive probe", IN(.remote = true, .challenges = 1), CLIENT(.segments_in = 3),
     IS(ESTABLISHED, REMOTE, TCP_INFO)},
    {"remote, two segments", IN(.remote = true), CLIENT(.segments_in = 2), IS(ESTABLISHED, REMOTE, TCP_INFO)},
    {"remote, segments after we sent", IN(.remote = true), CLIENT(.sent = true, .segments_in = 9),
     IS(ESTABLISHED, REMOTE, TCP_INFO)},
    {"local, not asked, three segments", IN(.challenges = 2), CLIENT(.segments_in = 3), IS(ESTABLISHED, REPEATED, TCP_INFO)},
    {"repeats of a listener that has gone", IN(.challenges = 2, .gone = true), CLIENT(.segments_in = 3),
     IS(ESTABLISHED, NOT_SEEN, TCP_INFO)},
    {"ended unseen", FAILED(), IS(ESTABLISHED, NOT_SEEN, TCP_INFO)},
    {"ended unseen, but accepted", FAILED(.accepted = 5), IS(CONNECTED, NOT_SEEN, TCP_INFO)},

    /* Silence, and why. */
    {"a drop for the SYN", IN(.discarded = 1, .overflows = 1, .listen_drops = 1), WAITING(), IS(TIMED_OUT, QUEUE_FULL, DEADLINE)},
    {"a drop for each SYN", IN(.discarded = 3, .overflows = 3, .listen_drops = 3), WAITING(.syn_retransmits = 2),
     IS(TIMED_OUT, QUEUE_FULL, DEADLINE)},
    {"more SYNs than drops", IN(.discarded = 2, .overflows = 3, .listen_drops = 3), WAITING(.syn_retransmits = 2),
     IS(TIMED_OUT, NONE, DEADLINE)},
    {"more SYNs than the namespace counted", IN(.discarded = 3, .overflows = 2, .listen_drops = 2), WAITING(.syn_retransmits = 2),
     IS(TIMED_OUT, NONE, DEADLINE)},
    {"a drop for everybody's SYN", IN(.discarded = 4, .overflows = 4, .listen_drops = 4, .silent_others = 3), WAITING(),
     IS(TIMED_OUT, QUEUE_FULL, DEADLINE)},
    {"not for everybody's SYN", IN(.discarded = 3, .overflows = 3, .listen_drops = 3, .silent_others = 3), WAITING(),
     IS(TIMED_OUT, NONE, DEADLINE)},
    {"a retransmission lost on lo", IN(.discarded = 2, .overflows = 2, .listen_drops = 2, .loopback_dropped = 1),
     WAITING(.syn_retransmits = 2), IS(TIMED_OUT, QUEUE_FULL, DEADLINE)},
    {"two lost on lo, and one unexplained", IN(.discarded = 1, .overflows = 1, .listen_drops = 1, .loopback_dropped = 2),
     WAITING(.syn_retransmits = 3), IS(TIMED_OUT, NONE, DEADLINE)},
    {"the SYN queue", IN(.discarded = 1, .listen_drops = 1), WAITING(), IS(TIMED_OUT, SYN_QUEUE_FULL, DEADLINE)},
    {"more often the SYN queue", IN(.discarded = 3, .overflows = 1, .listen_drops = 3), WAITING(.syn_retransmits = 2),
     IS(TIMED_OUT, SYN_QUEUE_FULL, DEADLINE)},
    {"as often the accept queue", IN(.discarded = 2, .overflows = 1, .listen_drops = 2), WAITING(.syn_retransmits = 1),
     IS(TIMED_OUT, QUEUE_FULL, DEADLINE)},
    {"an overflow not yet among the drops", IN(.discarded = 2, .overflows = 2, .listen_drops = 1), WAITING(.syn_retransmits = 1),
     IS(TIMED_OUT, QUEUE_FULL, DEADLINE)},
    {"no drops", WAITING(), IS(TIMED_OUT, NO_ANSWER, DEADLINE)},
    {"no drops here, overflows elsewhere", IN(.overflows = 9, .listen_drops = 9), WAITING(), IS(TIMED_OUT, NO_ANSWER, DEADLINE)},
    {"no drops, and counters unknown", IN(.counters_unknown = true), WAITING(), IS(TIMED_OUT, NO_ANSWER, DEADLINE)},
    {"remote silence", IN(.remote = true), WAITING(), IS(TIMED_OUT, NO_ANSWER, DEADLINE)},
    {"drops unknown", IN(.drops_unknown = true, .overflows = 1, .listen_drops = 1), WAITING(), IS(TIMED_OUT, NONE, DEADLINE)},
    {"counters unknown", IN(.discarded = 1, .overflows = 1, .listen_drops = 1, .counters_unknown = true), WAITING(),
     IS(TIMED_OUT, NONE, DEADLINE)},
    {"silence without a listener", IN(.no_listener = true), WAITING(), IS(TIMED_OUT, NONE, DEADLINE)},
    {"silence of a replaced listener", IN(.replaced = true, .discarded = 1, .overflows = 1, .listen_drops = 1), WAITING(),
     IS(TIMED_OUT, LISTENER_GONE, DEADLINE)},
    {"silence of one that has gone", IN(.gone = true), WAITING(), IS(TIMED_OUT, LISTENER_GONE, DEADLINE)},
    {"the request is there", WAITING(.answered = true), IS(TIMED_OUT, ANSWER_LOST, DEADLINE)},
    {"the request was there, and overflows", IN(.discarded = 1, .overflows = 1, .listen_drops = 1), WAITING(.answered = true),
     IS(TIMED_OUT, ANSWER_LOST, DEADLINE)},

    /* Silence in a namespace that others use: sums prove nothing but an exact balance. */
    {"shared: its SYN at a full queue", IN(.shared = true, .discarded = 9, .overflows = 9, .listen_drops = 9),
     WAITING(.drop_full = true), IS(TIMED_OUT, QUEUE_FULL, DEADLINE)},
    {"shared: its SYN at a full queue, which has gone since", IN(.shared = true, .gone = true, .overflows = 1, .listen_drops = 1),
     WAITING(.drop_full = true), IS(TIMED_OUT, QUEUE_FULL, DEADLINE)},
    {"shared: its SYN at a full queue, and no overflow: a socket filter", IN(.shared = true, .discarded = 9, .full = true),
     WAITING(.drop_full = true), IS(TIMED_OUT, NONE, DEADLINE)},
    {"shared: another one was not dropped",
     IN(.shared = true, .discarded = 9, .overflows = 9, .listen_drops = 9, .undropped = true), WAITING(.drop_full = true),
     IS(TIMED_OUT, NONE, DEADLINE)},
    {"shared: drops of anybody", IN(.shared = true, .discarded = 9, .overflows = 9, .listen_drops = 9, .full = true), WAITING(),
     IS(TIMED_OUT, NONE, DEADLINE)},
    {"shared: a balance", IN(.shared = true, .discarded = 1, .overflows = 1, .listen_drops = 1, .full = true), WAITING(),
     IS(TIMED_OUT, QUEUE_FULL, DEADLINE)},
    {"shared: a balance, and one that was not dropped",
     IN(.shared = true, .discarded = 1, .overflows = 1, .listen_drops = 1, .full = true, .undropped = true), WAITING(),
     IS(TIMED_OUT, NONE, DEADLINE)},
    {"shared: a balance of an empty queue", IN(.shared = true, .discarded = 1, .overflows = 1, .listen_drops = 1), WAITING(),
     IS(TIMED_OUT, NONE, DEADLINE)},
    {"shared: no drops", IN(.shared = true), WAITING(), IS(TIMED_OUT, NO_ANSWER, DEADLINE)},
    {"shared: no drops here, perhaps elsewhere", IN(.shared = true, .maybe_nat = true), WAITING(), IS(TIMED_OUT, NONE, DEADLINE)},
    {"shared: translated", IN(.shared = true), WAITING(.translated = true), IS(TIMED_OUT, TRANSLATED, DEADLINE)},
    {"shared: the SYN queue", IN(.shared = true, .discarded = 1, .listen_drops = 1, .no_room = 1), WAITING(.drop_open = true),
     IS(TIMED_OUT, SYN_QUEUE_FULL, DEADLINE)},
    {"shared: not the SYN queue", IN(.shared = true, .discarded = 1, .listen_drops = 1), WAITING(.drop_open = true),
     IS(TIMED_OUT, NONE, DEADLINE)},
    {"no route back", IN(.shared = true, .discarded = 1, .listen_drops = 1, .unroutable = true),
     WAITING(.drop_open = true, .bound = true), IS(TIMED_OUT, NO_ROUTE_BACK, DEADLINE)},
    {"no route back, but overflows", IN(.shared = true, .discarded = 1, .overflows = 1, .listen_drops = 1, .unroutable = true),
     WAITING(.drop_full = true, .bound = true), IS(TIMED_OUT, QUEUE_FULL, DEADLINE)},
    {"shared: lost", IN(.shared = true, .discarded = 1, .overflows = 1, .cookies = 1), CLIENT(.peer = PEER_ABSENT),
     IS(LOST, NONE, PEER_SOCKET)},
    {"shared: lost, or translated", IN(.shared = true, .maybe_nat = true, .discarded = 1, .overflows = 1, .cookies = 1),
     CLIENT(.peer = PEER_ABSENT), IS(ESTABLISHED, NO_TRACE, TCP_INFO)},
    {"shared: translated, and cookies", IN(.shared = true, .discarded = 1, .overflows = 1, .cookies = 1),
     CLIENT(.peer = PEER_ABSENT, .translated = true), IS(ESTABLISHED, TRANSLATED, TCP_INFO)},
    {"accepted once, and gone without a trace", IN(.discarded = 1, .cookies = 1), CLIENT(.peer = PEER_ABSENT, .accepted = 5),
     IS(CONNECTED, NONE, PEER_SOCKET)},
    {"no trace of a listener that has gone", IN(.gone = true), CLIENT(.peer = PEER_ABSENT, .was_half_open = true),
     IS(ESTABLISHED, LISTENER_GONE, TCP_INFO)},
    {"a request at another place, whose listener has gone", CLIENT(.peer = PEER_SYN_RECV, .elsewhere = true),
     IS(ESTABLISHED, TRANSLATED, PEER_SOCKET)},
    {"a request of a listener that has gone", IN(.gone = true), CLIENT(.peer = PEER_SYN_RECV),
     IS(ESTABLISHED, LISTENER_GONE, PEER_SOCKET)},
    {"a simultaneous open", .facts = {.state = STATE_SYN_RECV}, IS(TIMED_OUT, NO_ANSWER, DEADLINE)},
    {"the kernel gave up", IN(.discarded = 7, .overflows = 7, .listen_drops = 7),
     FAILED(.error = ETIMEDOUT, .syn_retransmits = 6), IS(TIMED_OUT, QUEUE_FULL, SOCKET_ERROR)},
    {"the kernel gave up, one SYN unexplained", IN(.discarded = 6, .overflows = 6, .listen_drops = 6),
     FAILED(.error = ETIMEDOUT, .syn_retransmits = 6), IS(TIMED_OUT, NONE, SOCKET_ERROR)},
    {"the kernel gave up on a remote one", IN(.remote = true), FAILED(.error = ETIMEDOUT),
     IS(TIMED_OUT, NO_ANSWER, SOCKET_ERROR)},

    /* Errors. */
    {"refused", FAILED(.error = ECONNREFUSED), IS(REFUSED, NONE, SOCKET_ERROR)},
    {"refused, still trying", WAITING(.error = ECONNREFUSED, .soft_error = true), IS(REFUSED, ICMP, SOCKET_ERROR)},
    {"reset", FAILED(.error = ECONNRESET), IS(RESET, NONE, SOCKET_ERROR)},
    {"written to after a reset", FAILED(.error = EPIPE), IS(RESET, NONE, SOCKET_ERROR)},
    {"no route to the host", FAILED(.error = EHOSTUNREACH), IS(UNREACHABLE, NONE, SOCKET_ERROR)},
    {"no route to the network", FAILED(.error = ENETUNREACH), IS(UNREACHABLE, NONE, SOCKET_ERROR)},
    {"host down", FAILED(.error = EHOSTDOWN), IS(UNREACHABLE, NONE, SOCKET_ERROR)},
    {"network down", FAILED(.error = ENETDOWN), IS(UNREACHABLE, NONE, SOCKET_ERROR)},
    {"a router said so, still trying", WAITING(.error = EHOSTUNREACH, .soft_error = true), IS(UNREACHABLE, ICMP, SOCKET_ERROR)},
    {"no descriptors", FAILED(.error = EMFILE), IS(LOCAL_ERROR, DESCRIPTORS, SOCKET_ERROR)},
    {"no descriptors in the system", FAILED(.error = ENFILE), IS(LOCAL_ERROR, DESCRIPTORS, SOCKET_ERROR)},
    {"no address", FAILED(.error = EADDRNOTAVAIL), IS(LOCAL_ERROR, ADDRESS, SOCKET_ERROR)},
    {"port in use", FAILED(.error = EADDRINUSE), IS(LOCAL_ERROR, PORTS, SOCKET_ERROR)},
    {"no memory", FAILED(.error = ENOMEM), IS(LOCAL_ERROR, MEMORY, SOCKET_ERROR)},
    {"no buffers", FAILED(.error = ENOBUFS), IS(LOCAL_ERROR, MEMORY, SOCKET_ERROR)},
    {"administratively prohibited", FAILED(.error = EACCES), IS(UNREACHABLE, ICMP, SOCKET_ERROR)},
    {"a local policy", FAILED(.error = EPERM, .refused_here = true), IS(LOCAL_ERROR, PERMISSION, SOCKET_ERROR)},
    {"no right", FAILED(.error = EACCES, .refused_here = true), IS(LOCAL_ERROR, PERMISSION, SOCKET_ERROR)},
    {"any other error", FAILED(.error = EINVAL), IS(LOCAL_ERROR, NONE, SOCKET_ERROR)},
};

/* A time of 0 in a row is one that never came. */
static struct attempt completed(struct attempt a, uint32_t id)
{
    bool connected =
        a.state == STATE_ESTABLISHED || a.state == STATE_CLOSE_WAIT || a.state == STATE_FIN_WAIT1 || a.state == STATE_FIN_WAIT2;
    a.id = id;
    a.established = connected ? 1000 : NSEC_NEVER;
    a.accepted = a.accepted ? a.accepted : NSEC_NEVER;
    a.decides = true;
    a.verdict = a.reason = 0xff;
    a.evidence = 0xf;
    return a;
}

static void make_world(struct run *run, struct attempt *attempts, const struct judged *row)
{
    const struct world *world = &row->world;
    struct target *target = &run->targets[0];
    size_t count = 0;
    attempts[count++] = row->facts;
    for (size_t i = 0; i < world->silent_others; i++)
        attempts[count++] = (struct attempt){.state = STATE_SYN_SENT};
    for (size_t i = 0; i < world->traceless_others; i++)
        attempts[count++] = (struct attempt){.state = STATE_ESTABLISHED, .peer = PEER_ABSENT};
    for (size_t i = 0; i < count; i++)
        attempts[i] = completed(attempts[i], (uint32_t)i + 1);
    *target = (struct target){.local = !world->remote, .looked = true, .attempts = attempts, .attempt_count = count};
    target->translation = world->maybe_nat ? TRANSLATION_UNKNOWN : TRANSLATION_NONE;
    target->undropped = world->undropped;
    target->grown = world->grown;
    target->listener_gone = world->gone || world->replaced;
    target->unroutable.family = world->unroutable ? AF_INET : AF_UNSPEC;
    if (!world->remote && !world->no_listener) {
        target->before = (struct listener){.known = true, .cookie = 7, .discarded = 100, .discarded_known = true};
        target->after = target->before;
        target->after.discarded += world->discarded;
        target->after.cookie += world->replaced;
        target->after.discarded_known = !world->drops_unknown;
        target->before.known = !world->listener_after_only;
        target->after.capacity = 3;
        target->after.queue = world->full ? 3 : 0;
    }
    run->target_count = 1;
    run->connection_count = count;
    run->counters.known = !world->counters_unknown;
    run->counters.value[COUNTER_LISTEN_OVERFLOWS] = world->overflows;
    run->counters.value[COUNTER_LISTEN_DROPS] = world->listen_drops;
    run->counters.value[COUNTER_SYNCOOKIES_SENT] = world->cookies;
    run->counters.value[COUNTER_LOOPBACK_DROPPED] = world->loopback_dropped;
    run->counters.value[COUNTER_REQ_QFULL_DROP] = world->no_room;
    run->counters.value[COUNTER_SYN_CHALLENGE] = world->challenges;
    run->private_namespace = run->alone = !world->shared;
}

START_TEST(facts_to_verdict)
{
    const struct judged *row = &cases[_i];
    struct attempt attempts[OTHERS_MAX];
    struct run run = {0};
    make_world(&run, attempts, row);
    for (int round = 1; round <= 2; round++) { /* judging again says the same */
        judge_run(&run);
        const struct attempt *a = &attempts[0];
        ck_assert_msg(a->verdict == row->verdict && a->reason == row->reason && a->evidence == row->evidence,
                      "%s: %s, %s, %s, not %s, %s, %s", row->name, verdict_name(a->verdict), reason_name(a->reason),
                      evidence_name(a->evidence), verdict_name(row->verdict), reason_name(row->reason),
                      evidence_name(row->evidence));
        ck_assert_msg(a->decides, "%s: does not decide", row->name);
        uint64_t sum = 0;
        for (size_t v = 0; v < VERDICT_COUNT; v++)
            sum += run.counts[v];
        ck_assert_msg(sum == run.connection_count && run.counts[row->verdict], "%s: counts", row->name);
    }
}
END_TEST

/* No word of the vocabulary is one that the judge never says. */
START_TEST(every_word_is_reached)
{
    bool verdicts[VERDICT_COUNT] = {0}, reasons[REASON_COUNT] = {0}, evidences[EVIDENCE_COUNT] = {0};
    evidences[EVIDENCE_NONE] = true; /* the one that is said of nothing judged */
    for (size_t i = 0; i < COUNT(cases); i++)
        verdicts[cases[i].verdict] = reasons[cases[i].reason] = evidences[cases[i].evidence] = true;
    for (size_t i = 0; i < VERDICT_COUNT; i++)
        ck_assert_msg(verdicts[i], "no row is %s", verdict_name((enum verdict)i));
    for (size_t i = 0; i < REASON_COUNT; i++)
        ck_assert_msg(reasons[i], "no row has reason %s", reason_name((enum reason)i));
    for (size_t i = 0; i < EVIDENCE_COUNT; i++)
        ck_assert_msg(evidences[i], "no row has evidence %s", evidence_name((enum evidence)i));
}
END_TEST

/* ---- Final, got through ---- */

static const struct {
    const char *name;
    struct attempt attempt;
    bool final, got_through;
} ends[] = {
    {"connected", {.verdict = VERDICT_CONNECTED, .state = STATE_ESTABLISHED}, true, true},
    {"queued", {.verdict = VERDICT_QUEUED, .state = STATE_ESTABLISHED}, false, true},
    {"half open", {.verdict = VERDICT_HALF_OPEN, .state = STATE_ESTABLISHED}, false, true},
    {"lost", {.verdict = VERDICT_LOST, .state = STATE_ESTABLISHED}, false, true},
    {"established", {.verdict = VERDICT_ESTABLISHED, .state = STATE_ESTABLISHED}, false, true},
    {"timed out, trying", {.verdict = VERDICT_TIMED_OUT, .state = STATE_SYN_SENT}, false, false},
    {"timed out", {.verdict = VERDICT_TIMED_OUT, .state = STATE_CLOSE}, true, false},
    {"refused", {.verdict = VERDICT_REFUSED, .state = STATE_CLOSE}, true, false},
    {"refused, trying", {.verdict = VERDICT_REFUSED, .state = STATE_SYN_SENT, .soft_error = true}, false, false},
    {"reset", {.verdict = VERDICT_RESET, .state = STATE_CLOSE}, true, false},
    {"unreachable", {.verdict = VERDICT_UNREACHABLE, .state = STATE_CLOSE}, true, false},
    {"unreachable, trying", {.verdict = VERDICT_UNREACHABLE, .state = STATE_SYN_SENT, .soft_error = true}, false, false},
    {"local error", {.verdict = VERDICT_LOCAL_ERROR}, true, false},
};

START_TEST(finality)
{
    struct attempt attempts[2] = {ends[_i].attempt, {.verdict = VERDICT_CONNECTED, .state = STATE_ESTABLISHED}};
    struct target target = {.attempts = attempts, .attempt_count = 1};
    ck_assert_msg(judge_is_final(&target) == ends[_i].final, "%s", ends[_i].name);
    ck_assert_msg(verdict_traits((enum verdict)attempts[0].verdict)->got_through == ends[_i].got_through, "%s: got through",
                  ends[_i].name);
    target.attempt_count = 2;
    ck_assert_msg(judge_is_final(&target) == ends[_i].final, "%s, before a connected one", ends[_i].name);
    attempts[1] = attempts[0];
    attempts[0] = (struct attempt){.verdict = VERDICT_CONNECTED, .state = STATE_ESTABLISHED};
    ck_assert_msg(judge_is_final(&target) == ends[_i].final, "%s, behind a connected one", ends[_i].name);
    target.attempt_count = 0;
    ck_assert(judge_is_final(&target));
}
END_TEST

/* ---- Settled ---- */

static const struct {
    struct judged row;
    bool not_looked, settled;
} looks[] = {
    {{"accepted", CLIENT(.peer = PEER_ACCEPTED)}, .settled = true},
    {{"queued", CLIENT(.peer = PEER_QUEUED)}, .settled = true},
    {{"closed", CLIENT(.peer = PEER_CLOSED)}, .settled = true},
    {{"not looked", CLIENT(.peer = PEER_QUEUED)}, .not_looked = true},
    {{"half open", CLIENT(.peer = PEER_SYN_RECV)}},
    {{"absent", CLIENT(.peer = PEER_ABSENT)}},
    {{"unknown", CLIENT()}},
    {{"absent at a close", .facts = {.state = STATE_CLOSE_WAIT, .peer = PEER_ABSENT}}},
    {{"refused", FAILED(.error = ECONNREFUSED)}, .settled = true},
    {{"refused without a listener", IN(.no_listener = true), FAILED(.error = ECONNREFUSED)}, .settled = true},
    {{"each SYN a drop", IN(.discarded = 3), WAITING(.syn_retransmits = 2)}, .settled = true},
    {{"more SYNs than drops", IN(.discarded = 2), WAITING(.syn_retransmits = 2)}},
    {{"more drops than SYNs", IN(.discarded = 4), WAITING(.syn_retransmits = 2)}},
    {{"drops unknown", IN(.discarded = 3, .drops_unknown = true), WAITING(.syn_retransmits = 2)}},
    {{"a drop for everybody's SYN", IN(.discarded = 3, .silent_others = 2), WAITING()}, .settled = true},
    {{"not for everybody's SYN", IN(.discarded = 2, .silent_others = 2), WAITING()}},
    {{"queued at the second SYN", IN(.discarded = 1), CLIENT(.peer = PEER_QUEUED, .syn_retransmits = 1)}, .settled = true},
    {{"queued at the second SYN, no drop", CLIENT(.peer = PEER_QUEUED, .syn_retransmits = 1)}},
    {{"one traceless beside it", IN(.traceless_others = 1), CLIENT(.peer = PEER_QUEUED)}},
    {{"gave up, drops agree", IN(.discarded = 7), FAILED(.error = ETIMEDOUT, .syn_retransmits = 6)}, .settled = true},
};

START_TEST(settledness)
{
    struct attempt attempts[OTHERS_MAX];
    struct run run = {0};
    make_world(&run, attempts, &looks[_i].row);
    run.targets[0].looked = !looks[_i].not_looked;
    ck_assert_msg(judge_is_settled(&run.targets[0]) == looks[_i].settled, "%s", looks[_i].row.name);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {every_word_is_reached};
    Suite *suite = suite_create("judge");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *rows = tcase_create("table rows");
    tcase_add_loop_test(rows, facts_to_verdict, 0, COUNT(cases));
    tcase_add_loop_test(rows, finality, 0, COUNT(ends));
    tcase_add_loop_test(rows, settledness, 0, COUNT(looks));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
