/* The paragraph under the table: the model's facts in plain words, for someone woken at night or learning. */
#include "internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The facts that sentences are made of. */
struct story {
    FILE *out;
    bool begun;
    const struct run *run;
    const struct target *target; /* the one with a listener; NULL: none */
    uint64_t total;              /* connections judged */
    uint64_t by_reason[VERDICT_COUNT][REASON_COUNT];
    uint64_t silent_remote;   /* timed out towards another host */
    uint64_t acknowledged;    /* established, and what we sent was acknowledged */
    uint64_t syn_repeated;    /* got through, but not with the first SYN */
    uint64_t elsewhere_queue; /* queue entries that are none of our queued connections */
    bool drops_known;
    uint64_t drops;
    const struct attempt *odd_error; /* a local error that no reason names; NULL: none */
    const struct target *refusing;   /* of the first refused connection; NULL: none */
    const struct target *hidden;     /* a silent address, hidden by ... */
    const struct target *hiding;     /* ... the refusal of a later one; NULL: no such thing */
};

/* Sentences are parted by one blank. */
__attribute__((format(printf, 2, 3))) static void say(struct story *s, const char *format, ...)
{
    va_list args;
    if (s->begun)
        putc(' ', s->out);
    s->begun = true;
    va_start(args, format);
    vfprintf(s->out, format, args);
    va_end(args);
}

static uint64_t of(const struct story *s, enum verdict v)
{
    return s->run->counts[v];
}

/* "1 connection", or "all 10 connections" where that is so. */
#define SUBJECT_SIZE 64
static const char *subject(const struct story *s, uint64_t n, char out[SUBJECT_SIZE])
{
    snprintf(out, SUBJECT_SIZE, "%s%" PRIu64 " connection%s", n == s->total && n > 1 ? "all " : "", n,
             plural(n));
    return out;
}

/* The same at the beginning of a sentence. */
static const char *opening(const struct story *s, uint64_t n, char out[SUBJECT_SIZE])
{
    subject(s, n, out);
    if (*out == 'a')
        *out = 'A';
    return out;
}

static const char *is_are(uint64_t n)
{
    return n == 1 ? "is" : "are";
}

static const char *was_were(uint64_t n)
{
    return n == 1 ? "was" : "were";
}

/* ---- Gathering ---- */

/* A client that tries addresses in turn keeps the last failure only: a refusal there hides an earlier
 * silence. */
static void gather_hidden(struct story *s, const struct row *row)
{
    const struct run *run = s->run;
    if (s->hiding || row->deciding->verdict != VERDICT_TIMED_OUT)
        return;
    for (size_t t = run->target_count; t > 0; t--) {
        const struct attempt *last = row->attempts[t - 1];
        if (!last)
            continue;
        if (last != row->deciding && last->verdict == VERDICT_REFUSED && row->target < &run->targets[t - 1]) {
            s->hidden = row->target;
            s->hiding = &run->targets[t - 1];
        }
        return;
    }
}

static bool through(const struct attempt *a)
{
    return a->verdict == VERDICT_CONNECTED || a->verdict == VERDICT_QUEUED ||
           a->verdict == VERDICT_HALF_OPEN || a->verdict == VERDICT_LOST || a->verdict == VERDICT_ESTABLISHED;
}

static void gather_row(struct story *s, const struct row *row)
{
    const struct attempt *a = row->deciding;
    s->total++;
    if (a->verdict < VERDICT_COUNT && a->reason < REASON_COUNT)
        s->by_reason[a->verdict][a->reason]++;
    if (a->verdict == VERDICT_TIMED_OUT && !row->target->local)
        s->silent_remote++;
    if (a->verdict == VERDICT_ESTABLISHED && a->evidence == EVIDENCE_PROBE_BYTE && a->acknowledged)
        s->acknowledged++;
    if (through(a) && a->syn_retransmits)
        s->syn_repeated++;
    if (a->verdict == VERDICT_LOCAL_ERROR && a->reason == REASON_NONE && !s->odd_error)
        s->odd_error = a;
    if (a->verdict == VERDICT_REFUSED && !s->refusing)
        s->refusing = row->target;
    gather_hidden(s, row);
}

static void gather_queue(struct story *s)
{
    uint64_t ours = 0;
    if (!s->target || s->target->listener_gone || !s->target->looked)
        return;
    for (size_t t = 0; t < s->run->target_count; t++) {
        uint64_t counts[VERDICT_COUNT];
        if (s->run->targets[t].after.cookie != s->target->after.cookie)
            continue;
        count_attempts(&s->run->targets[t], counts);
        ours += counts[VERDICT_QUEUED];
    }
    if (s->target->after.queue > ours)
        s->elsewhere_queue = s->target->after.queue - ours;
}

static void gather(struct story *s)
{
    struct rows rows;
    struct row row;
    s->target = target_with_listener(s->run);
    s->drops_known = s->run->drops_known;
    s->drops = s->run->drops;
    rows_start(&rows, s->run);
    while (rows_next(&rows, &row))
        gather_row(s, &row);
    gather_queue(s);
}

/* ---- The queue ---- */

static void say_asked(struct story *s, const struct listener *listener)
{
    int32_t asked = s->run->server.backlog;
    if (!backlog_clamped(asked, listener)) {
        say(s,
            "listen() was called with a backlog of %" PRId32
            "; the kernel turns newcomers away only when the queue is longer than that, so the accept "
            "queue holds %" PRIu64 ".",
            asked, listener->capacity);
        return;
    }
    say(s,
        "listen() was called with a backlog of %" PRId32 "%s, and net.core.somaxconn clamped it to %" PRIu64
        " without a word; the kernel turns newcomers away only when the queue is longer than that, so the "
        "accept queue holds %" PRIu64 ".",
        asked, asked < 0 ? ", which means as many as allowed" : "", listener->backlog, listener->capacity);
}

static void say_found(struct story *s, const struct listener *listener)
{
    if (listener->members > 1) {
        say(s,
            "%" PRIu32 " sockets listen on this port together (SO_REUSEPORT) and hold %" PRIu64
            " connections in all; a hash picks the socket of each connection, so that one can be full while "
            "the others are empty.",
            listener->members, listener->capacity);
        return;
    }
    say(s,
        "The listener's backlog is %" PRIu64 "; the kernel turns newcomers away only when the queue is "
        "longer than that, so the accept queue holds %" PRIu64 ".",
        listener->backlog, listener->capacity);
    if (s->run->somaxconn && listener->backlog == s->run->somaxconn)
        say(s, "That is net.core.somaxconn, so the server may have asked for more and been clamped without a "
               "word.");
}

static void say_capacity(struct story *s)
{
    if (!s->target)
        return;
    if (s->run->has_server && s->target->after.members <= 1)
        say_asked(s, &s->target->after);
    else
        say_found(s, &s->target->after);
}

static void say_accepted(struct story *s)
{
    char text[SUBJECT_SIZE];
    uint64_t connected = of(s, VERDICT_CONNECTED), queued = of(s, VERDICT_QUEUED);
    if (connected)
        say(s, "The server accepted %s%s", subject(s, connected, text), queued ? ";" : ".");
    else if (queued)
        say(s, "The server accepted none of them;");
    if (queued)
        say(s,
            "%" PRIu64 " wait%s in the accept queue: %s kernel says connected, but no answer comes until the "
            "server calls accept().",
            queued, queued == 1 ? "s" : "", queued == 1 ? "the client's" : "their clients'");
    if (s->elsewhere_queue)
        say(s,
            "The queue also holds %" PRIu64 " that %s not among these: other clients, or ones that have gone "
            "but keep their place until accept().",
            s->elsewhere_queue, is_are(s->elsewhere_queue));
    if (s->syn_repeated)
        say(s, "%s got through only after repeating %s SYN, which costs a client a second or more.",
            opening(s, s->syn_repeated, text), s->syn_repeated == 1 ? "its" : "their");
}

/* ---- What did not get in ---- */

static void say_queue_full(struct story *s)
{
    char text[SUBJECT_SIZE];
    uint64_t full = s->by_reason[VERDICT_TIMED_OUT][REASON_QUEUE_FULL];
    uint64_t syn_full = s->by_reason[VERDICT_TIMED_OUT][REASON_SYN_QUEUE_FULL];
    if (full)
        say(s,
            "The accept queue was full, so the listener dropped the SYNs of %s (%" PRIu64
            " packet%s dropped in all) and told nobody.",
            subject(s, full, text), s->drops, plural(s->drops));
    if (syn_full)
        say(s,
            "The SYN queue was full and no SYN cookie was sent instead, so the kernel dropped the SYNs of %s "
            "(%" PRIu64 " packet%s dropped in all) and told nobody.",
            subject(s, syn_full, text), s->drops, plural(s->drops));
    if (full + syn_full)
        say(s, "Such a client hears nothing and sends its SYN again after 1, 2, 3, 4, 5 s and later by its "
               "own timer, even if there is room earlier; by default a blocking connect() gives up after "
               "about 2 minutes.");
}

static void say_silence(struct story *s)
{
    char text[SUBJECT_SIZE];
    const uint64_t *reasons = s->by_reason[VERDICT_TIMED_OUT];
    uint64_t unclear = reasons[REASON_NONE];
    uint64_t near =
        reasons[REASON_NO_ANSWER] > s->silent_remote ? reasons[REASON_NO_ANSWER] - s->silent_remote : 0;
    if (near)
        say(s,
            "%s got no answer although the listener dropped nothing: the packets died on the way to it or "
            "back, as a firewall's DROP rule makes them.",
            opening(s, near, text));
    if (s->silent_remote)
        say(s,
            "%s got no answer from another host: from here a full queue, a firewall and a dead host look the "
            "same.",
            opening(s, s->silent_remote, text));
    if (unclear && s->drops_known)
        say(s,
            "%s got no answer; the listener dropped %" PRIu64
            " packet%s, but its drops do not account for all unanswered SYNs, so a full queue is not the "
            "whole story.",
            opening(s, unclear, text), s->drops, plural(s->drops));
    else if (unclear && !s->target)
        say(s, "%s got no answer, and no listener was seen there: something on the way dropped the SYNs.",
            opening(s, unclear, text));
    else if (unclear)
        say(s,
            "%s got no answer; the listener's drops are not known, so nobody can say who dropped the SYNs.",
            opening(s, unclear, text));
}

static void say_ghosts(struct story *s)
{
    char text[SUBJECT_SIZE];
    uint64_t half = of(s, VERDICT_HALF_OPEN), lost = of(s, VERDICT_LOST);
    bool cookies = s->run->counters.known && s->run->counters.value[COUNTER_SYNCOOKIES_SENT];
    if (half)
        say(s,
            "%s %s half-open: the client is connected, but the server's side still waits for the handshake's "
            "last ACK, which was dropped on a full queue or is held by TCP_DEFER_ACCEPT.",
            opening(s, half, text), is_are(half));
    if (lost)
        say(s,
            "%s %s lost: the client believes it is connected, the server has forgotten it%s, and nothing but "
            "the client's next byte (or a reset) would tell.",
            opening(s, lost, text), is_are(lost),
            cookies ? " (the handshake was answered by a SYN cookie, and its last ACK was dropped)" : "");
}

static void say_refused(struct story *s)
{
    char text[SUBJECT_SIZE], address[ENDPOINT_TEXT_SIZE];
    uint64_t refused = s->by_reason[VERDICT_REFUSED][REASON_NONE],
             icmp = s->by_reason[VERDICT_REFUSED][REASON_ICMP];
    if (icmp)
        say(s,
            "%s %s refused by an ICMP message while the kernel went on trying: a firewall's REJECT rule does "
            "that.",
            opening(s, icmp, text), was_were(icmp));
    if (!refused || !s->refusing)
        return;
    opening(s, refused, text);
    endpoint_text(&s->refusing->address, address);
    if (s->refusing->listener_gone)
        say(s, "%s %s refused: the listener at %s has gone.", text, was_were(refused), address);
    else if (!s->refusing->local)
        say(s, "%s %s refused by the other host: nobody listens on %s, or a firewall answers in its place.",
            text, was_were(refused), address);
    else if (!s->refusing->after.known)
        say(s, "%s %s refused at once: nobody listens on %s.", text, was_were(refused), address);
    else
        say(s, "%s %s refused although %s has a listener: a firewall, or a listener that was not there yet.",
            text, was_were(refused), address);
}

static void say_failures(struct story *s)
{
    char text[SUBJECT_SIZE];
    uint64_t reset = of(s, VERDICT_RESET), unreachable = of(s, VERDICT_UNREACHABLE);
    if (reset)
        say(s,
            "%s %s reset by the other side: a server that closes in a hurry does that, and so does "
            "net.ipv4.tcp_abort_on_overflow=1 when the queue is full.",
            opening(s, reset, text), was_were(reset));
    if (reset && s->run->pace.sources > 1 && !s->run->probe.source)
        say(s, "They came from %" PRIu32 " source addresses, and a server may serve one of them only: --source 127.0.0.1 keeps to it.",
            s->run->pace.sources);
    if (unreachable)
        say(s, "%s found no way to the address: there is no route, or a router on the way said so.",
            opening(s, unreachable, text));
}

/* ---- Our own limits ---- */

static const struct {
    enum reason reason;
    const char *words;
} local_limits[] = {
    {REASON_DESCRIPTORS, "file descriptors ran out (RLIMIT_NOFILE; ulimit -n shows and raises it)"},
    {REASON_PORTS, "source ports ran out (net.ipv4.ip_local_port_range)"},
    {REASON_ADDRESS, "the address to connect from is not one of this host's"},
    {REASON_MEMORY, "the kernel had no memory for the socket"},
    {REASON_PERMISSION, "a local firewall or policy forbids it"},
};

static void say_local_errors(struct story *s)
{
    char text[SUBJECT_SIZE], name[ERRNO_TEXT_SIZE];
    const uint64_t *reasons = s->by_reason[VERDICT_LOCAL_ERROR];
    for (size_t i = 0; i < sizeof local_limits / sizeof *local_limits; i++) {
        uint64_t n = reasons[local_limits[i].reason];
        if (n)
            say(s, "%s could not be opened here: %s.", opening(s, n, text), local_limits[i].words);
    }
    if (s->odd_error)
        say(s, "%s failed on this side with %s (%s).", opening(s, reasons[REASON_NONE], text),
            errno_text(s->odd_error->error, name), strerror(s->odd_error->error));
    if (of(s, VERDICT_LOCAL_ERROR))
        say(s, "That is our own limit and says nothing about the server.");
}

/* ---- Connected, as far as the client knows ---- */

static const struct {
    enum reason reason;
    const char *words;
} unseen[] = {
    {REASON_NONE, "nothing more is known"},
    {REASON_REMOTE,
     "the server's side is on another host or in another network namespace, so a queued connection and an "
     "accepted one look the same; only an answer of the application would tell (--send)"},
    {REASON_NO_LISTENER, "no listener is on this local address, so something carries them elsewhere, as "
                         "published container ports and other address translation do"},
    {REASON_NO_TRACE, "a listener is here, yet the kernel shows neither the server's sockets nor drops that "
                      "explain it; perhaps they are carried elsewhere"},
    {REASON_UNACKNOWLEDGED, "what was sent on them was repeated in vain, so the server's side is half-open "
                            "or lost, or the path loses packets"},
    {REASON_NOT_SEEN, "the kernel could not be asked about the server's side"},
};

static void say_established(struct story *s)
{
    char text[SUBJECT_SIZE];
    for (size_t i = 0; i < sizeof unseen / sizeof *unseen; i++) {
        uint64_t n = s->by_reason[VERDICT_ESTABLISHED][unseen[i].reason];
        if (n)
            say(s, "%s %s established as the client sees it: %s.", opening(s, n, text), is_are(n),
                unseen[i].words);
    }
    if (s->acknowledged)
        say(s,
            "What was sent on %" PRIu64
            " of them was acknowledged: the server's kernel really has %s, waiting or accepted.",
            s->acknowledged, s->acknowledged == 1 ? "it" : "them");
}

/* ---- Traps and advice ---- */

/* An address that turned everybody away at once, before another one was tried. */
static void say_passed_by(struct story *s)
{
    char text[ENDPOINT_TEXT_SIZE];
    for (size_t t = 0; t + 1 < s->run->target_count && s->run->targets[t + 1].attempt_count; t++) {
        const struct target *target = &s->run->targets[t];
        size_t refused = 0;
        for (size_t i = 0; i < target->attempt_count; i++)
            refused += target->attempts[i].verdict == VERDICT_REFUSED;
        if (refused && refused == target->attempt_count)
            say(s, "At %s, tried before, every connection was refused: nobody listens there.",
                endpoint_text(&target->address, text));
    }
}

static void say_traps(struct story *s)
{
    char refusing[ENDPOINT_TEXT_SIZE], silent[ENDPOINT_TEXT_SIZE];
    for (size_t t = 0; t < s->run->target_count; t++)
        if (s->run->targets[t].listener_gone && s->refusing != &s->run->targets[t])
            say(s, "The listener at %s went away or was replaced during the run.",
                endpoint_text(&s->run->targets[t].address, silent));
    if (s->hiding)
        say(s,
            "A client such as telnet tries the addresses in turn and reports the last failure: its "
            "\"connection refused\" from %s hides %s at %s.",
            endpoint_text(&s->hiding->address, refusing),
            s->by_reason[VERDICT_TIMED_OUT][REASON_QUEUE_FULL] ? "the full queue" : "the silence",
            endpoint_text(&s->hidden->address, silent));
}

static void advise_more_room(struct story *s)
{
    const struct listener *listener = &s->target->after;
    bool at_limit = (s->run->somaxconn &&
                     listener->backlog / (listener->members ? listener->members : 1) >= s->run->somaxconn) ||
                    (s->run->has_server && backlog_clamped(s->run->server.backlog, listener));
    if (at_limit)
        say(s, "To go on: let the server accept faster, or raise net.core.somaxconn and then the backlog; "
               "both count from the next listen() only.");
    else if (s->run->somaxconn)
        say(s,
            "To go on: let the server accept faster, or raise its backlog, up to net.core.somaxconn (%" PRIu32
            "); it counts from the next listen() only.",
            s->run->somaxconn);
    else
        say(s, "To go on: let the server accept faster, or raise its backlog and, if need be, "
               "net.core.somaxconn.");
}

static void say_advice(struct story *s)
{
    uint64_t full = s->by_reason[VERDICT_TIMED_OUT][REASON_QUEUE_FULL];
    if (s->target && !s->target->listener_gone &&
        (full || of(s, VERDICT_LOST) || (s->syn_repeated && s->drops_known && s->drops)))
        advise_more_room(s);
    else if (s->by_reason[VERDICT_TIMED_OUT][REASON_SYN_QUEUE_FULL])
        say(s, "To go on: set net.ipv4.tcp_syncookies=1, or raise the backlog and "
               "net.ipv4.tcp_max_syn_backlog.");
    else if (of(s, VERDICT_QUEUED))
        say(s, "To go on: find out what keeps the server from calling accept().");
    else if (of(s, VERDICT_REFUSED) == s->total && s->total && !s->target && s->refusing &&
             s->refusing->local)
        say(s, "To go on: start the server, or let --wait 10s wait for its listener.");
    else if (of(s, VERDICT_CONNECTED) == s->total && s->total && s->drops_known && !s->drops)
        say(s, "Nothing was dropped.");
}

char *report_explain(const struct run *run)
{
    char *text = NULL;
    size_t size;
    struct story s = {.run = run, .out = open_memstream(&text, &size)};
    if (!s.out)
        return NULL;
    gather(&s);
    say_capacity(&s);
    say_accepted(&s);
    say_queue_full(&s);
    say_silence(&s);
    say_ghosts(&s);
    say_refused(&s);
    say_failures(&s);
    say_local_errors(&s);
    say_established(&s);
    say_passed_by(&s);
    say_traps(&s);
    say_advice(&s);
    if (fclose(s.out)) {
        free(text);
        return NULL;
    }
    return text;
}
