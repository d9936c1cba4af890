/* The paragraph under the table: the model's facts in plain words, for someone woken at night or learning. */
#include "explain.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- Gathering ---- */

/* A client that tries addresses in turn keeps the last failure only: a refusal there hides an earlier
 * silence. */
static void gather_hidden(struct explanation *s, const struct row *row)
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

static void gather_target(const struct target **first, const struct row *row, bool is_one)
{
    if (is_one && !*first)
        *first = row->target;
}

/* Not one that the server has forgotten, or does not have yet. */
static bool is_at_server(enum verdict verdict)
{
    return verdict_traits(verdict)->got_through && verdict != VERDICT_LOST && verdict != VERDICT_HALF_OPEN;
}

static void gather_row(struct explanation *s, const struct row *row)
{
    const struct attempt *a = row->deciding;
    s->total++;
    if (a->verdict < VERDICT_COUNT && a->reason < REASON_COUNT)
        s->by_reason[a->verdict][a->reason]++;
    if (a->verdict == VERDICT_TIMED_OUT && !row->target->local)
        s->silent_remote++;
    if (a->verdict == VERDICT_ESTABLISHED && a->evidence == EVIDENCE_PROBE_BYTE && a->acknowledged)
        s->acknowledged++;
    if (is_at_server((enum verdict)a->verdict) && a->syn_retransmits)
        s->syn_repeated++;
    if (a->verdict == VERDICT_LOCAL_ERROR && a->reason == REASON_NONE && !s->odd_error)
        s->odd_error = a;
    bool accepted = a->verdict == VERDICT_CONNECTED || a->accepted != NSEC_NEVER;
    s->accepted += accepted;
    s->reset_accepted += accepted && a->verdict == VERDICT_RESET;
    gather_target(&s->silent, row, a->verdict == VERDICT_TIMED_OUT);
    gather_target(&s->half_open, row, a->verdict == VERDICT_HALF_OPEN);
    gather_target(&s->reset, row, a->verdict == VERDICT_RESET);
    gather_target(&s->elsewhere, row,
                  a->verdict == VERDICT_ESTABLISHED &&
                      (a->reason == REASON_NO_LISTENER || a->reason == REASON_NO_TRACE || a->reason == REASON_TRANSLATED));
    gather_target(&s->refusing, row, a->verdict == VERDICT_REFUSED);
    gather_hidden(s, row);
}

static void gather_queue(struct explanation *s)
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

static void gather(struct explanation *s)
{
    struct rows rows;
    struct row row;
    s->target = target_with_listener(s->run);
    s->discarded_known = s->run->discarded_known;
    s->discarded = s->run->discarded;
    rows_start(&rows, s->run);
    while (rows_next(&rows, &row))
        gather_row(s, &row);
    gather_queue(s);
}

/* ---- The queue ---- */

static void say_asked(struct explanation *s, const struct listener *listener)
{
    int32_t asked = s->run->server.backlog;
    if (!backlog_clamped(asked, listener)) {
        tell(s,
             "listen() was called with a backlog of %" PRId32
             "; the kernel turns newcomers away only when the queue is longer than that, so the accept "
             "queue holds %" PRIu64 ".",
             asked, listener->capacity);
        return;
    }
    tell(s,
         "listen() was called with a backlog of %" PRId32 "%s, and net.core.somaxconn clamped it to %" PRIu64
         " without a word; the kernel turns newcomers away only when the queue is longer than that, so the "
         "accept queue holds %" PRIu64 ".",
         asked, asked < 0 ? ", which means as many as allowed" : "", listener->backlog, listener->capacity);
}

static void say_found(struct explanation *s, const struct listener *listener)
{
    if (listener->members > 1) {
        tell(s,
             "%" PRIu32 " sockets listen on this port together (SO_REUSEPORT) and hold %" PRIu64
             " connections in all; a hash picks the socket of each connection, so that one can be full while "
             "the others are empty.",
             listener->members, listener->capacity);
        return;
    }
    tell(s,
         "The listener's backlog is %" PRIu64 "; the kernel turns newcomers away only when the queue is "
         "longer than that, so the accept queue holds %" PRIu64 ".",
         listener->backlog, listener->capacity);
    if (s->run->somaxconn && listener->backlog == s->run->somaxconn)
        tell(s, "That is net.core.somaxconn, so the server may have asked for more and been clamped without a "
                "word.");
}

static void say_capacity(struct explanation *s)
{
    if (!s->target)
        return;
    if (s->run->has_server && s->target->after.members <= 1)
        say_asked(s, &s->target->after);
    else
        say_found(s, &s->target->after);
}

/* For certain: what was reset may have been accepted before, and what is established at an unseen place, too. */
static bool nobody_accepted(const struct explanation *s)
{
    return !s->accepted && !told_of(s, VERDICT_RESET) && !told_of(s, VERDICT_ESTABLISHED);
}

static void say_accepted(struct explanation *s)
{
    char text[SUBJECT_SIZE];
    uint64_t queued = told_of(s, VERDICT_QUEUED);
    /* What was reset without a sign of accept() may have been accepted all the same. */
    const char *least = told_of(s, VERDICT_RESET) > s->reset_accepted ? "at least " : "";
    if (s->reset_accepted)
        tell(s, "The server accepted %s%s and reset %" PRIu64 " of them%s", least, subject(s, s->accepted, text),
             s->reset_accepted, queued ? ";" : ".");
    else if (s->accepted)
        tell(s, "The server accepted %s%s%s", least, subject(s, s->accepted, text), queued ? ";" : ".");
    else if (queued && nobody_accepted(s))
        tell(s, "The server accepted none of the connections;");
    /* Neither here nor, for all that its counters tell, by any listener of the namespace. */
    const struct counters *c = &s->run->counters;
    bool dropped = !s->run->overflows.known || s->run->overflows.max || !c->known || c->value[COUNTER_LISTEN_DROPS];
    if (told_of(s, VERDICT_CONNECTED) == s->total && s->total && !dropped)
        tell(s, "Nothing was dropped.");
    if (queued)
        tell(s,
             "%" PRIu64 " wait%s in the accept queue: %s kernel says connected, but no answer comes until the "
             "server calls accept().",
             queued, queued == 1 ? "s" : "", queued == 1 ? "the client's" : "their clients'");
    if (s->elsewhere_queue)
        tell(s,
             "The queue also holds %" PRIu64 " that %s not among these: other clients, or ones that have gone "
             "but keep their place until accept().",
             s->elsewhere_queue, is_are(s->elsewhere_queue));
    if (s->syn_repeated)
        tell(s, "%s got through only after repeating %s SYN, which costs a client a second or more.",
             opening(s, s->syn_repeated, text), s->syn_repeated == 1 ? "its" : "their");
}

/* ---- Traps and advice ---- */

/* An address that turned everybody away at once, before another one was tried. */
static void say_passed_by(struct explanation *s)
{
    char text[REPORT_PLACE_SIZE];
    for (size_t t = 0; t + 1 < s->run->target_count && s->run->targets[t + 1].attempt_count; t++) {
        const struct target *target = &s->run->targets[t];
        size_t refused = 0;
        for (size_t i = 0; i < target->attempt_count; i++)
            refused += target->attempts[i].verdict == VERDICT_REFUSED;
        if (refused && refused == target->attempt_count)
            tell(s, "At %s, tried first, every connection was refused: nobody listens there.", target_place(target, text));
    }
}

static void say_traps(struct explanation *s)
{
    char refusing[REPORT_PLACE_SIZE], silent[REPORT_PLACE_SIZE];
    for (size_t t = 0; t < s->run->target_count; t++)
        if (s->run->targets[t].listener_gone && s->refusing != &s->run->targets[t])
            tell(s, "The listener at %s went away or was replaced during the run.", target_place(&s->run->targets[t], silent));
    if (s->hiding)
        tell(s,
             "A client such as telnet tries the addresses in turn and reports the last failure: its "
             "\"connection refused\" from %s hides %s at %s.",
             target_place(s->hiding, refusing),
             s->by_reason[VERDICT_TIMED_OUT][REASON_QUEUE_FULL] ? "the full queue" : "the silence",
             target_place(s->hidden, silent));
}

/* What the processes do that hold the listener. */
static void say_why(struct explanation *s)
{
    struct listener at = {.shrank = s->run->stuck.shrank};
    if (!s->run->stuck.count)
        return;
    tell(s, "Its holders:");
    putc(' ', s->out);
    write_holder_causes(s->out, &at, s->run->stuck.holders, s->run->stuck.count);
}

static void advise_more_room(struct explanation *s)
{
    if (nobody_accepted(s)) { /* a longer queue would fill, too */
        tell(s, "To go on: find out what keeps the server from calling accept(); no longer queue helps while it does not.");
        say_why(s);
        return;
    }
    const struct listener *listener = &s->target->after;
    bool at_limit = (s->run->somaxconn && listener->backlog / (listener->members ? listener->members : 1) >= s->run->somaxconn) ||
                    (s->run->has_server && backlog_clamped(s->run->server.backlog, listener));
    if (at_limit)
        tell(s, "To go on: let the server accept faster, or raise net.core.somaxconn and then the backlog; "
                "both count from the next listen() only.");
    else if (s->run->somaxconn)
        tell(s,
             "To go on: let the server accept faster, or raise its backlog, up to net.core.somaxconn (%" PRIu32
             "); it counts from the next listen() only.",
             s->run->somaxconn);
    else
        tell(s, "To go on: let the server accept faster, or raise its backlog and, if need be, "
                "net.core.somaxconn.");
}

static void say_advice(struct explanation *s)
{
    uint64_t full = s->by_reason[VERDICT_TIMED_OUT][REASON_QUEUE_FULL];
    if (s->target && !s->target->listener_gone &&
        (full || told_of(s, VERDICT_WOULD_BLOCK) || told_of(s, VERDICT_LOST) || (s->syn_repeated && s->run->overflows.max)))
        advise_more_room(s);
    else if (s->by_reason[VERDICT_TIMED_OUT][REASON_SYN_QUEUE_FULL])
        tell(s, s->run->sysctls.syncookies == 0 ? "To go on: set net.ipv4.tcp_syncookies=1."
                                                : "To go on: raise the backlog and net.ipv4.tcp_max_syn_backlog.");
    else if (told_of(s, VERDICT_QUEUED)) {
        tell(s, "To go on: find out what keeps the server from calling accept().");
        say_why(s);
    } else if (told_of(s, VERDICT_REFUSED) == s->total && s->total && !s->target && s->refusing && s->refusing->local)
        tell(s, s->refusing->other_places ? "To go on: connect to where it listens, or let it listen on this address, too."
                                          : "To go on: start the server, or let --wait 10s wait for its listener.");
}

char *report_explain(const struct run *run)
{
    struct keep keep;
    struct explanation s = {.run = run, .out = keep_begin(&keep)};
    if (!s.out)
        return NULL;
    gather(&s);
    /* What is wrong, */
    explain_queue_full(&s);
    explain_would_block(&s);
    explain_silence(&s);
    explain_ghosts(&s);
    explain_refused(&s);
    explain_failures(&s);
    explain_local_errors(&s);
    explain_established(&s);
    say_passed_by(&s);
    say_traps(&s);
    say_accepted(&s);
    /* why, */
    say_capacity(&s);
    explain_kind(&s);
    /* and what to do. */
    say_advice(&s);
    return keep_end(&keep);
}
