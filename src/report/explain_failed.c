/* The explanation of what did not get in, or is not what it seems to the client. */
#include "explain.h"

#include <inttypes.h>
#include <string.h>

/* ---- What did not get in ---- */

static void tell_patience(struct explanation *s)
{
    const struct run *run = s->run;
    if (!run->syn_time_count) {
        tell(s, "Such a client hears nothing and sends its SYN again by its own timer, even if there is room earlier.");
        return;
    }
    tell(s, "Such a client hears nothing and sends its SYN again after about");
    for (size_t i = 0; i < run->syn_time_count; i++)
        fprintf(s->out, "%s%" PRIu32, i ? ", " : " ", run->syn_times_s[i]);
    fprintf(s->out, " s, even if there is room earlier; a blocking connect() gives up after about %" PRIu32 " s.",
            run->gives_up_s);
}

void explain_queue_full(struct explanation *s)
{
    char text[SUBJECT_SIZE], in_all[48] = "";
    uint64_t full = s->by_reason[VERDICT_TIMED_OUT][REASON_QUEUE_FULL];
    uint64_t syn_full = s->by_reason[VERDICT_TIMED_OUT][REASON_SYN_QUEUE_FULL];
    const struct interval *dropped = &s->run->overflows;
    if (dropped->known && dropped->min == dropped->max)
        snprintf(in_all, sizeof in_all, " (%" PRIu64 " packet%s dropped in all)", dropped->min, plural(dropped->min));
    if (full)
        tell(s, "The accept queue was full, so the listener dropped the SYNs of %s%s and told nobody.", subject(s, full, text),
             in_all);
    if (syn_full)
        tell(s,
             "The SYN queue was full and no SYN cookie was sent instead, so the kernel dropped the SYNs of %s%s and told nobody.",
             subject(s, syn_full, text), in_all);
    if (full + syn_full)
        tell_patience(s);
}

/* Where connections were carried: the place, and what is known of the listener there. Only conntrack tells by what. */
static void tell_carrier(struct explanation *s, const struct target *target)
{
    char place[ENDPOINT_TEXT_SIZE], holder[96] = "";
    const struct listener *there = &target->carrier;
    bool translated = target->carried_to.family;
    endpoint_text(translated ? &target->carried_to : &target->served, place);
    tell(s, "%s carries them to %s%s:", translated ? "Address translation" : "Something (a redirect rule, a BPF program)", place,
         there->known && there->netns ? ", in another network namespace of this host" : "");
    if (!there->known) {
        tell(s, "no listener was found there from here.");
        return;
    }
    if (there->pid)
        snprintf(holder, sizeof holder, " of %s[%d]", there->process, (int)there->pid);
    tell(s, "the listener%s there has %" PRIu64 " of %" PRIu64 " in its queue%s.", holder, there->queue, there->capacity,
         there->queue >= there->capacity ? ", so it is full, and newcomers are dropped" : "");
    if (there->netns)
        tell(s, "'backlogctl list --all-netns --port %u' shows it.", there->local.port);
}

/* Why SYNs went unanswered, where it was seen of themselves. */
static void explain_seen_silence(struct explanation *s)
{
    char text[SUBJECT_SIZE], address[ENDPOINT_TEXT_SIZE];
    const uint64_t *reasons = s->by_reason[VERDICT_TIMED_OUT];
    if (reasons[REASON_ANSWER_LOST])
        tell(s,
             "%s got no answer although the server's side has the request (SYN_RECV): it answered, and its SYN-ACKs do not come "
             "through. Look at what drops packets on the way back: a firewall's rule, or a route that leads elsewhere.",
             opening(s, reasons[REASON_ANSWER_LOST], text));
    if (reasons[REASON_NO_ROUTE_BACK] && s->silent) {
        endpoint_address_text(&s->silent->unroutable, address);
        tell(s,
             "%s got no answer because this host has no route back to %s, and then the kernel drops the SYN. Look at 'ip route "
             "get "
             "%s' and 'ip rule': bans are made that way, too.",
             opening(s, reasons[REASON_NO_ROUTE_BACK], text), address, address);
    }
    if (reasons[REASON_TRANSLATED] && s->silent) {
        tell(s, "%s got no answer from where the address leads.", opening(s, reasons[REASON_TRANSLATED], text));
        tell_carrier(s, s->silent);
    }
    if (reasons[REASON_LISTENER_GONE])
        tell(s, "%s got no answer; what the listener that has gone did with the SYNs cannot be told any more.",
             opening(s, reasons[REASON_LISTENER_GONE], text));
}

/* Nothing that was seen proves who dropped these SYNs. */
static void explain_unclear(struct explanation *s, uint64_t unclear)
{
    char text[SUBJECT_SIZE];
    const struct counters *c = &s->run->counters;
    opening(s, unclear, text);
    if (!s->run->asked)
        tell(s, "%s got no answer, and the listener could not be asked (sock_diag).", text);
    else if (s->discarded_known && !s->discarded)
        tell(s, "%s got no answer, and the listener at this address discarded nothing.", text);
    else if (s->discarded_known)
        tell(s,
             "%s got no answer. The listener discarded %" PRIu64
             " packet%s meanwhile, but it cannot be told from here whether these SYNs were among them.",
             text, s->discarded, plural(s->discarded));
    else if (!s->target)
        tell(s, "%s got no answer, and no listener is at this address.", text);
    else
        tell(s, "%s got no answer, and what the listener discarded is not known.", text);
    if (c->known && s->silent && s->silent->local && (!s->run->asked || c->value[COUNTER_LISTEN_OVERFLOWS]))
        tell(s, "In %s network namespace ListenOverflows rose by %" PRIu64 ", by whomever.",
             s->run->merged ? "the observer's" : "this", c->value[COUNTER_LISTEN_OVERFLOWS]);
    tell_causes(s, s->silent, SYMPTOM_SILENCE);
    if (s->silent && s->silent->served.family) {
        tell(s, "Others of this burst were found at another place than they called.");
        tell_carrier(s, s->silent);
    }
}

void explain_silence(struct explanation *s)
{
    char text[SUBJECT_SIZE];
    const uint64_t *reasons = s->by_reason[VERDICT_TIMED_OUT];
    uint64_t unclear = reasons[REASON_NONE];
    explain_seen_silence(s);
    uint64_t near = reasons[REASON_NO_ANSWER] > s->silent_remote ? reasons[REASON_NO_ANSWER] - s->silent_remote : 0;
    if (near)
        tell(s,
             "%s got no answer although the listener dropped nothing: the packets died on the way to it or "
             "back, as a firewall's DROP rule makes them.",
             opening(s, near, text));
    if (s->silent_remote)
        tell(s,
             "%s got no answer from another host: from here a full queue, a firewall and a dead host look the "
             "same.",
             opening(s, s->silent_remote, text));
    if (unclear)
        explain_unclear(s, unclear);
}

void explain_ghosts(struct explanation *s)
{
    char text[SUBJECT_SIZE];
    uint64_t half = told_of(s, VERDICT_HALF_OPEN), lost = told_of(s, VERDICT_LOST);
    bool cookies = s->run->counters.known && s->run->counters.value[COUNTER_SYNCOOKIES_SENT];
    if (half) {
        tell(s, "%s %s half-open: the client is connected, but the server's side still waits for the handshake's last ACK.",
             opening(s, half, text), is_are(half));
        tell_causes(s, s->half_open, SYMPTOM_HALF_OPEN);
    }
    if (lost)
        tell(s,
             "%s %s lost: the client believes it is connected, the server has forgotten it%s, and nothing but "
             "the client's next byte (or a reset) would tell.",
             opening(s, lost, text), is_are(lost),
             cookies ? " (the handshake was answered by a SYN cookie, and its last ACK was dropped)" : "");
}

/* "nobody listens on 127.0.0.1:8080", and who does on this port. */
static void tell_nobody(struct explanation *s, const char *who, uint64_t refused)
{
    const struct listener *other = &s->refusing->other_listener;
    char address[REPORT_PLACE_SIZE], place[REPORT_PLACE_SIZE], holder[64] = "", more[48] = "";
    target_place(s->refusing, address);
    if (!s->refusing->other_places) {
        tell(s, "%s %s refused at once: nobody listens on %s.", who, was_were(refused), address);
        return;
    }
    if (other->pid)
        snprintf(holder, sizeof holder, " (%s, pid %d)", other->process, (int)other->pid);
    if (s->refusing->other_places > 1)
        snprintf(more, sizeof more, ", and %" PRIu32 " more with this port", s->refusing->other_places - 1);
    tell(s, "%s %s refused at once: nobody listens on %s, but %s does%s%s.", who, was_were(refused), address,
         report_place(other, place), holder, more);
}

void explain_refused(struct explanation *s)
{
    char text[SUBJECT_SIZE], address[REPORT_PLACE_SIZE];
    uint64_t refused = s->by_reason[VERDICT_REFUSED][REASON_NONE] + s->by_reason[VERDICT_REFUSED][REASON_NO_LISTENER],
             icmp = s->by_reason[VERDICT_REFUSED][REASON_ICMP];
    if (icmp)
        tell(s,
             "%s %s refused by an ICMP message while the kernel went on trying: a firewall's REJECT rule does "
             "that.",
             opening(s, icmp, text), was_were(icmp));
    if (!refused || !s->refusing)
        return;
    opening(s, refused, text);
    target_place(s->refusing, address);
    if (s->refusing->listener_gone)
        tell(s, "%s %s refused: the listener at %s has gone.", text, was_were(refused), address);
    else if (!s->refusing->local)
        tell(s, "%s %s refused by the other host: nobody listens on %s, or a firewall answers in its place.", text,
             was_were(refused), address);
    else if (!s->refusing->after.known)
        tell_nobody(s, text, refused);
    else
        tell(s, "%s %s refused although %s has a listener: a firewall, or a listener that was not there yet.", text,
             was_were(refused), address);
}

void explain_failures(struct explanation *s)
{
    char text[SUBJECT_SIZE];
    uint64_t reset = told_of(s, VERDICT_RESET), unreachable = told_of(s, VERDICT_UNREACHABLE);
    if (reset) {
        tell(s, "%s %s reset by the other side.", opening(s, reset, text), was_were(reset));
        tell_causes(s, s->reset, SYMPTOM_RESET);
    }
    if (reset && s->run->pace.sources > 1 && !s->run->probe.sources.text)
        tell(s,
             "They came from %" PRIu32
             " source addresses, and a server may serve one of them only: --source 127.0.0.1 keeps to it.",
             s->run->pace.sources);
    if (unreachable)
        tell(s, "%s found no way to the address: there is no route, or a router on the way said so.",
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

void explain_local_errors(struct explanation *s)
{
    char text[SUBJECT_SIZE], name[ERRNO_TEXT_SIZE];
    const uint64_t *reasons = s->by_reason[VERDICT_LOCAL_ERROR];
    for (size_t i = 0; i < sizeof local_limits / sizeof *local_limits; i++) {
        uint64_t n = reasons[local_limits[i].reason];
        if (n)
            tell(s, "%s could not be opened here: %s.", opening(s, n, text), local_limits[i].words);
    }
    if (s->odd_error)
        tell(s, "%s failed on this side with %s (%s).", opening(s, reasons[REASON_NONE], text),
             errno_text(s->odd_error->error, name), strerror(s->odd_error->error));
    if (told_of(s, VERDICT_LOCAL_ERROR))
        tell(s, "That is our own limit and says nothing about the server.");
}

/* ---- Connected, as far as the client knows ---- */

static const struct {
    enum reason reason;
    const char *words;
} unseen[] = {
    {REASON_NONE, "nothing more is known"},
    {REASON_REMOTE, "the server's side is on another host or in another network namespace, so a queued connection and an "
                    "accepted one look the same; only an answer of the application would tell (--send), or "
                    "a burst sent there (--netns, --container)"},
    {REASON_NO_LISTENER, "no listener is on this local address, so something carries them elsewhere"},
    {REASON_NO_TRACE,
     "a listener is here, yet the kernel shows no sockets of the server for them, and no drops that tell what became of them"},
    {REASON_TRANSLATED, "address translation carries them elsewhere"},
    {REASON_LISTENER_GONE, "the listener has gone, so what it had made of them cannot be told"},
    {REASON_UNACKNOWLEDGED, "what was sent on them was repeated in vain, so the server's side is half-open "
                            "or lost, or the path loses packets"},
    {REASON_REPEATED,
     "its SYN-ACK came again and again, so at first the server's side did not count the client's ACK (half-open: a full queue, "
     "TCP_DEFER_ACCEPT, or a lossy path); whether it does since cannot be told from here"},
    {REASON_NOT_SEEN, "the kernel could not be asked about the server's side"},
};

void explain_established(struct explanation *s)
{
    char text[SUBJECT_SIZE];
    for (size_t i = 0; i < sizeof unseen / sizeof *unseen; i++) {
        uint64_t n = s->by_reason[VERDICT_ESTABLISHED][unseen[i].reason];
        if (n)
            tell(s, "%s %s established as the client sees it: %s.", opening(s, n, text), is_are(n), unseen[i].words);
        if (n && (unseen[i].reason == REASON_NO_LISTENER || unseen[i].reason == REASON_NO_TRACE))
            tell_causes(s, s->elsewhere, SYMPTOM_ELSEWHERE);
        if (n && unseen[i].reason == REASON_TRANSLATED && s->elsewhere)
            tell_carrier(s, s->elsewhere);
    }
    if (s->acknowledged)
        tell(s, "What was sent on %" PRIu64 " of them was acknowledged: the server's kernel really has %s, waiting or accepted.",
             s->acknowledged, s->acknowledged == 1 ? "it" : "them");
}
