/* Facts about one connection, and about the listener it was aimed at, to a verdict with its evidence. */
#include "backlogctl/judge.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* What the attempts of one target share. */
struct witness {
    const struct target *target;
    enum reason unanswered; /* why a SYN went unanswered, as far as the counters tell of all of them */
    bool lost_possible;     /* cookies were sent and packets dropped, enough for every client without a trace */
    bool other_drops;       /* listeners of the namespace dropped SYNs, and not because a queue was full */
    bool overflows_suffice; /* ListenOverflows has all that were dropped while the queue was full */
    bool syn_queue_drops;   /* full SYN queues alone account for what was dropped beside overflows, and for all that we miss */
    bool repeats_seen;      /* enough SYN-ACKs came to connected clients to be all that they received */
};

/* How many packets the listener dropped during the run; false when nobody knows. */
static bool target_drops(const struct target *target, uint64_t *drops)
{
    const struct listener *before = &target->before, *after = &target->after;
    *drops = 0;
    if (!before->known || !after->known || !before->discarded_known || !after->discarded_known ||
        before->cookie != after->cookie || target->listener_gone || before->members != after->members)
        return false; /* of one that has gone the last figures are older than its end */
    *drops = (after->discarded - before->discarded) & UINT32_MAX;
    return true;
}

/* The client's handshake is complete, whatever it is worth at the server. */
static bool client_is_connected(const struct attempt *a)
{
    return a->state == STATE_ESTABLISHED || a->state == STATE_CLOSE_WAIT || a->state == STATE_FIN_WAIT1 ||
           a->state == STATE_FIN_WAIT2;
}

/* How many of this attempt's SYNs nobody answered. */
static uint64_t unanswered_syns(const struct attempt *a)
{
    bool waiting = a->state == STATE_SYN_SENT || (a->error == ETIMEDOUT && a->established == NSEC_NEVER);
    return a->syn_retransmits + (waiting ? 1u : 0u);
}

static uint64_t all_unanswered_syns(const struct target *target)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < target->attempt_count; i++)
        sum += unanswered_syns(&target->attempts[i]);
    return sum;
}

static uint64_t clients_without_trace(const struct target *target)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < target->attempt_count; i++)
        sum += client_is_connected(&target->attempts[i]) && target->attempts[i].peer == PEER_ABSENT;
    return sum;
}

/* Why SYNs went unanswered, by sums. `alone`: every packet of the namespace belongs to the run; otherwise the same sums can come about
   by others, and only an exact balance with a full queue counts. */
static enum reason reason_by_counters(const struct target *target, const struct counters *counters, bool alone)
{
    if (!target->discarded_known)
        return REASON_NONE;
    if (!target->discarded)
        return REASON_NO_ANSWER;
    if (!counters->known)
        return REASON_NONE;
    /* A repeated SYN that lo itself dropped never came to the listener. */
    uint64_t syns = all_unanswered_syns(target), on_the_way = counters->value[COUNTER_LOOPBACK_DROPPED];
    uint64_t overflows = counters->value[COUNTER_LISTEN_OVERFLOWS], listen_drops = counters->value[COUNTER_LISTEN_DROPS];
    /* Every overflow is one of the drops, but a reading can fall between the two increments. */
    uint64_t other = listen_drops > overflows ? listen_drops - overflows : 0;
    if (target->discarded + on_the_way < syns || overflows + other + on_the_way < syns)
        return REASON_NONE;
    if (!alone)
        return !target->undropped && target->discarded == syns && overflows >= syns &&
                       target->after.queue >= target->after.capacity
                   ? REASON_QUEUE_FULL
                   : REASON_NONE;
    return overflows >= other ? REASON_QUEUE_FULL : REASON_SYN_QUEUE_FULL;
}

/* Clients that received segments, while they sent nothing: repeated SYN-ACKs, or keepalive probes. Each SYN-ACK that comes to a
   connected client counts as TCPSYNChallenge (measured; tcp_validate_incoming in the kernel), a keepalive probe does not. */
static bool repeats_account_for(const struct target *target, const struct counters *counters)
{
    uint64_t extra = 0;
    for (size_t i = 0; i < target->attempt_count; i++) {
        const struct attempt *a = &target->attempts[i];
        if (client_is_connected(a) && !a->sent && a->segments_in >= 3)
            extra += a->segments_in - 1u;
    }
    return extra && counters->known && counters->value[COUNTER_SYN_CHALLENGE] >= extra;
}

/* What a socket filter of the listener takes, it discards as well, whatever its queue. */
static uint64_t dropped_when_full(const struct target *target)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < target->attempt_count; i++)
        sum += target->attempts[i].drop_full && target->attempts[i].state == STATE_SYN_SENT;
    return sum;
}

static struct witness witness_of(const struct target *target, const struct counters *counters, bool alone)
{
    struct witness w = {.target = target};
    w.unanswered = !target->local ? REASON_NO_ANSWER : reason_by_counters(target, counters, alone);
    if (w.unanswered == REASON_NO_ANSWER && target->local && !alone && target->translation == TRANSLATION_UNKNOWN)
        w.unanswered = REASON_NONE; /* another listener may have dropped them */
    uint64_t traceless = clients_without_trace(target);
    w.lost_possible = target->discarded_known && target->discarded && target->discarded >= traceless + target->late_drops &&
                      counters->known && counters->value[COUNTER_SYNCOOKIES_SENT] >= (alone ? 1 : traceless) &&
                      counters->value[COUNTER_LISTEN_OVERFLOWS] >= (alone ? 0 : traceless) &&
                      (alone || target->seen_direct || target->translation != TRANSLATION_UNKNOWN);
    w.repeats_seen = repeats_account_for(target, counters);
    w.overflows_suffice = !counters->known || counters->value[COUNTER_LISTEN_OVERFLOWS] >= dropped_when_full(target);
    uint64_t overflows = counters->value[COUNTER_LISTEN_OVERFLOWS], drops = counters->value[COUNTER_LISTEN_DROPS];
    uint64_t no_room = counters->value[COUNTER_REQ_QFULL_DROP];
    w.other_drops = counters->known && drops > overflows + no_room;
    w.syn_queue_drops = counters->known && no_room >= all_unanswered_syns(target) && drops <= overflows + no_room;
    return w;
}

/* Its SYN was dropped where the kernel needs a route for the answer. */
static bool has_no_route_back(const struct attempt *a, const struct witness *w)
{
    const struct endpoint *unroutable = &w->target->unroutable;
    if (!unroutable->family || !w->other_drops)
        return false;
    struct endpoint source = attempt_source(w->target, a);
    return unroutable->family == source.family && !memcmp(unroutable->bytes, source.bytes, sizeof source.bytes);
}

/* Why this client's SYN went unanswered: what was seen of itself goes before what the sums tell. */
static enum reason reason_of_silence(const struct attempt *a, const struct witness *w)
{
    const struct target *target = w->target;
    if (a->answered)
        return REASON_ANSWER_LOST;
    if (a->translated)
        return REASON_TRANSLATED;
    if (has_no_route_back(a, w))
        return REASON_NO_ROUTE_BACK;
    if (a->drop_full && !target->undropped && w->overflows_suffice)
        return REASON_QUEUE_FULL;
    if (a->drop_open && !target->undropped && w->syn_queue_drops)
        return REASON_SYN_QUEUE_FULL;
    return w->unanswered == REASON_NONE && target->listener_gone ? REASON_LISTENER_GONE : w->unanswered;
}

static void decide(struct attempt *a, enum verdict verdict, enum reason reason, enum evidence evidence)
{
    a->verdict = (uint8_t)verdict;
    a->reason = (uint8_t)reason;
    a->evidence = (uint8_t)evidence;
}

static void judge_error(struct attempt *a, const struct witness *w)
{
    enum reason reason = a->soft_error ? REASON_ICMP : REASON_NONE;
    switch (a->error) {
    case EAGAIN: /* of a connect() without a handshake that may not wait; nothing was dropped, nothing is tried again */
        return decide(a, VERDICT_WOULD_BLOCK, REASON_QUEUE_FULL, EVIDENCE_SOCKET_ERROR);
    case ENOENT: /* no such socket file */
        return decide(a, VERDICT_REFUSED, REASON_NO_LISTENER, EVIDENCE_SOCKET_ERROR);
    case ECONNREFUSED:
        return decide(a, VERDICT_REFUSED, reason, EVIDENCE_SOCKET_ERROR);
    case ECONNRESET:
    case EPIPE:
        return decide(a, VERDICT_RESET, REASON_NONE, EVIDENCE_SOCKET_ERROR);
    case ETIMEDOUT:
        return decide(a, VERDICT_TIMED_OUT, reason_of_silence(a, w), EVIDENCE_SOCKET_ERROR);
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
        return decide(a, VERDICT_UNREACHABLE, reason, EVIDENCE_SOCKET_ERROR);
    case EMFILE:
    case ENFILE:
        return decide(a, VERDICT_LOCAL_ERROR, REASON_DESCRIPTORS, EVIDENCE_SOCKET_ERROR);
    case EADDRNOTAVAIL: /* bind() says so of the address, connect() of the ports; only for a local target do we bind */
        return decide(a, VERDICT_LOCAL_ERROR, w->target->local ? REASON_ADDRESS : REASON_PORTS, EVIDENCE_SOCKET_ERROR);
    case EADDRINUSE:
        return decide(a, VERDICT_LOCAL_ERROR, REASON_PORTS, EVIDENCE_SOCKET_ERROR);
    case ENOMEM:
    case ENOBUFS:
        return decide(a, VERDICT_LOCAL_ERROR, REASON_MEMORY, EVIDENCE_SOCKET_ERROR);
    case EACCES: /* of connect() a policy of ours; later an ICMP message: administratively prohibited */
    case EPERM:
        return a->refused_here ? decide(a, VERDICT_LOCAL_ERROR, REASON_PERMISSION, EVIDENCE_SOCKET_ERROR)
                               : decide(a, VERDICT_UNREACHABLE, REASON_ICMP, EVIDENCE_SOCKET_ERROR);
    default:
        return decide(a, VERDICT_LOCAL_ERROR, REASON_NONE, EVIDENCE_SOCKET_ERROR);
    }
}

/* A connection whose server side cannot be seen from here: what the client's own socket tells. */
static void judge_from_client(struct attempt *a, const struct witness *w, enum reason reason)
{
    if (a->sent && a->acknowledged)
        return decide(a, VERDICT_ESTABLISHED, reason, EVIDENCE_PROBE_BYTE);
    if (a->sent && a->data_retransmits >= 2)
        return decide(a, VERDICT_ESTABLISHED, REASON_UNACKNOWLEDGED, EVIDENCE_PROBE_BYTE);
    /* Nothing sent, nothing received but the SYN-ACK, again and again: our ACK did not count over there. One repeat may
       be a lost packet; each repeat is answered by a new ACK, so two are no accident. But the last of those may have counted. */
    if (!a->sent && a->segments_in >= 3 && w->repeats_seen && !w->target->listener_gone)
        return decide(a, VERDICT_ESTABLISHED, REASON_REPEATED, EVIDENCE_TCP_INFO);
    decide(a, VERDICT_ESTABLISHED, reason, EVIDENCE_TCP_INFO);
}

static void judge_without_trace(struct attempt *a, const struct witness *w)
{
    if (a->accepted != NSEC_NEVER)
        decide(a, VERDICT_CONNECTED, REASON_NONE,
               EVIDENCE_PEER_SOCKET); /* an earlier look saw it, and its socket has gone since */
    else if (!w->target->before.known && !w->target->after.known)
        judge_from_client(a, w, a->translated ? REASON_TRANSLATED : REASON_NO_LISTENER);
    else if (!a->was_queued && !a->translated && (w->lost_possible || (a->was_half_open && w->target->discarded)))
        decide(a, VERDICT_LOST, REASON_NONE, EVIDENCE_PEER_SOCKET);
    else
        judge_from_client(a, w,
                          a->translated              ? REASON_TRANSLATED
                          : w->target->listener_gone ? REASON_LISTENER_GONE
                                                     : REASON_NO_TRACE);
}

static void judge_connected_client(struct attempt *a, const struct witness *w)
{
    enum peer peer = (enum peer)a->peer;
    if (peer == PEER_ACCEPTED || peer == PEER_CLOSED)
        return decide(a, VERDICT_CONNECTED, REASON_NONE, EVIDENCE_PEER_SOCKET);
    if (a->replied)
        return decide(a, VERDICT_CONNECTED, REASON_NONE, EVIDENCE_REPLY);
    /* Only an application closes: the kernel resets what was never accepted. */
    if (a->state == STATE_CLOSE_WAIT)
        return decide(a, VERDICT_CONNECTED, REASON_NONE, EVIDENCE_TCP_INFO);
    switch (peer) {
    case PEER_QUEUED:
        return decide(a, VERDICT_QUEUED, REASON_NONE, w->target->grown ? EVIDENCE_QUEUE_LENGTH : EVIDENCE_PEER_SOCKET);
    case PEER_SYN_RECV:
        /* Nobody is left to make a connection of the request. */
        if (a->elsewhere && !w->target->carrier.known)
            return decide(a, VERDICT_ESTABLISHED, REASON_TRANSLATED, EVIDENCE_PEER_SOCKET);
        if (!a->elsewhere && w->target->listener_gone)
            return decide(a, VERDICT_ESTABLISHED, REASON_LISTENER_GONE, EVIDENCE_PEER_SOCKET);
        return decide(a, VERDICT_HALF_OPEN, REASON_NONE, EVIDENCE_PEER_SOCKET);
    case PEER_ABSENT:
        return judge_without_trace(a, w);
    case PEER_UNKNOWN:
    case PEER_ACCEPTED:
    case PEER_CLOSED:
    case PEER_COUNT:
        return judge_from_client(a, w, w->target->local ? REASON_NOT_SEEN : REASON_REMOTE);
    }
}

/* Where nobody saw the server's side, who made the connection knows most of it. Of silence the listener's counters tell. */
static bool stands_as_told(const struct attempt *a, const struct witness *w)
{
    if (a->error && a->error != ETIMEDOUT)
        return true;
    if (client_is_connected(a))
        return a->peer == PEER_UNKNOWN;
    bool seen_by_its_host = a->reason != REASON_NONE && a->reason != REASON_NO_ANSWER;
    return seen_by_its_host || (!w->target->discarded_known && !a->answered);
}

static void judge_attempt(struct attempt *a, const struct witness *w)
{
    if (a->told && stands_as_told(a, w))
        return;
    if (client_is_connected(a))
        judge_connected_client(a, w);
    else if (a->error)
        judge_error(a, w);
    else if (a->state == STATE_SYN_SENT || a->state == STATE_SYN_RECV)
        decide(a, VERDICT_TIMED_OUT, reason_of_silence(a, w), EVIDENCE_DEADLINE);
    else
        /* Closed, and the error was not to be had: accepted if anyone saw that, else we do not know. */
        decide(a, a->accepted != NSEC_NEVER ? VERDICT_CONNECTED : VERDICT_ESTABLISHED, REASON_NOT_SEEN, EVIDENCE_TCP_INFO);
}

bool judge_is_final(const struct target *target)
{
    for (size_t i = 0; i < target->attempt_count; i++) {
        const struct attempt *a = &target->attempts[i];
        switch (verdict_traits((enum verdict)a->verdict)->final) {
        case FINAL_NEVER:
            return false;
        case FINAL_WITH_SOCKET:
            if (a->state == STATE_SYN_SENT)
                return false;
            break;
        case FINAL_AT_ONCE:
            if (a->soft_error)
                return false;
            break;
        }
    }
    return true;
}

bool judge_silence_is_dropped(const struct target *target)
{
    uint64_t discarded;
    return target_drops(target, &discarded) && discarded == all_unanswered_syns(target);
}

bool judge_is_settled(const struct target *target)
{
    if (!target->looked)
        return false;
    for (size_t i = 0; i < target->attempt_count; i++) {
        const struct attempt *a = &target->attempts[i];
        if (client_is_connected(a) && (a->peer == PEER_ABSENT || a->peer == PEER_SYN_RECV || a->peer == PEER_UNKNOWN))
            return false;
    }
    return !all_unanswered_syns(target) || judge_silence_is_dropped(target);
}

/* A later address decides over an earlier one: what got through beats everything, a listener's silence or reset beats
   the answer of an address where nobody listens (that answer is what misleads people about a full queue). */
static bool decides_over(const struct attempt *a, const struct attempt *best)
{
    int weight = verdict_traits((enum verdict)a->verdict)->weight;
    int least = verdict_traits((enum verdict)best->verdict)->weight;
    return weight > least || (weight == 1 && least == 1);
}

static void mark_deciding(struct run *run)
{
    size_t at[TARGETS_MAX] = {0}, last = 0; /* of a merge some connections have no rows */
    for (size_t t = 0; t < run->target_count; t++)
        if (run->targets[t].attempt_count && run->targets[t].attempts[run->targets[t].attempt_count - 1].id > last)
            last = run->targets[t].attempts[run->targets[t].attempt_count - 1].id;
    for (uint32_t id = 1; id <= last && id <= run->connection_count; id++) {
        struct attempt *best = NULL;
        for (size_t t = 0; t < run->target_count; t++) {
            struct target *target = &run->targets[t];
            if (at[t] >= target->attempt_count || target->attempts[at[t]].id != id)
                continue;
            struct attempt *a = &target->attempts[at[t]++];
            a->decides = false;
            if (a->opened == NSEC_NEVER && !a->error)
                continue; /* an interrupted burst never came to it */
            if (!best || decides_over(a, best))
                best = a;
        }
        if (best) {
            best->decides = true;
            run->counts[best->verdict]++;
        }
    }
}

/* Two addresses of one name may be served by one dual-stack listener. */
static bool listener_counted(const struct run *run, size_t t)
{
    for (size_t i = 0; i < t; i++)
        if (run->targets[i].discarded_known && run->targets[i].after.cookie == run->targets[t].after.cookie)
            return true;
    return false;
}

/* What the listeners but this one discarded during the run: a bound for their overflows. */
static struct overflow_span span_of(const struct run *run, size_t t)
{
    uint64_t overflows = run->counters.value[COUNTER_LISTEN_OVERFLOWS];
    struct overflow_span span = {.known = run->counters.known,
                                 .least = overflows,
                                 .most = overflows,
                                 .others_known = run->others_known,
                                 .others = run->others};
    for (size_t i = 0; i < run->target_count; i++) {
        const struct target *other = &run->targets[i];
        uint64_t more;
        if (i == t || !other->after.known || other->after.cookie == run->targets[t].after.cookie || listener_counted(run, i))
            continue;
        span.others_known = span.others_known && target_drops(other, &more);
        span.others += span.others_known ? more : 0;
    }
    return span;
}

static void sum_overflows(struct run *run)
{
    run->overflows = (struct interval){0};
    for (size_t t = 0; t < run->target_count; t++) {
        struct target *target = &run->targets[t];
        struct overflow_span span = span_of(run, t);
        target->overflows = target->discarded_known ? judge_overflows(target->discarded, &span) : (struct interval){0};
        target->overflows.min -= target->late_drops < target->overflows.min ? target->late_drops : target->overflows.min;
        if (!target->discarded_known || listener_counted(run, t))
            continue;
        run->overflows = run->overflows.known ? judge_sum(run->overflows, target->overflows) : target->overflows;
    }
    if (run->counters.known && run->overflows.max > run->counters.value[COUNTER_LISTEN_OVERFLOWS])
        run->overflows.max = run->counters.value[COUNTER_LISTEN_OVERFLOWS];
}

static void sum_drops(struct run *run)
{
    run->discarded_known = false;
    run->discarded = 0;
    for (size_t t = 0; t < run->target_count; t++) {
        struct target *target = &run->targets[t];
        target->discarded_known = target_drops(target, &target->discarded);
        if (target->discarded_known && !listener_counted(run, t)) {
            run->discarded_known = true;
            run->discarded += target->discarded;
        }
    }
}

void judge_run(struct run *run)
{
    sum_drops(run);
    sum_overflows(run);
    for (size_t v = 0; v < VERDICT_COUNT; v++)
        run->counts[v] = 0;
    for (size_t t = 0; t < run->target_count; t++) {
        struct target *target = &run->targets[t];
        struct witness w = witness_of(target, &run->counters, run->alone);
        for (size_t i = 0; i < target->attempt_count; i++)
            judge_attempt(&target->attempts[i], &w);
    }
    mark_deciding(run);
}
