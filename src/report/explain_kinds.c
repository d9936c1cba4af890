/* The explanation of what is peculiar to a kind of listener: AF_UNIX, a reuseport group, deferred accepts, Fast Open. */
#include "explain.h"

#include <inttypes.h>

/* How many connections came to a member cannot be told from its queue: that also depends on how fast its process accepts. */
static void explain_members(struct explanation *s)
{
    const struct target *target = s->target;
    const struct listener *fullest = &target->members[0], *emptiest = fullest;
    uint64_t dropping = 0, roomy = 0;
    for (size_t i = 0; i < target->member_count; i++) {
        const struct listener *m = &target->members[i];
        fullest = m->queue > fullest->queue ? m : fullest;
        emptiest = m->queue < emptiest->queue ? m : emptiest;
        dropping += m->discarded && m->queue > m->backlog;
        roomy += m->queue <= m->backlog;
    }
    if (fullest->queue != emptiest->queue) {
        tell(s, "One of the %zu queues holds %" PRIu64 " of %" PRIu64 ", another %" PRIu64 ":", target->member_count,
             fullest->queue, fullest->capacity, emptiest->queue);
        if (fullest->pid && fullest->pid != emptiest->pid && !s->run->has_server)
            tell(s, "the fuller one is held by %s (pid %d).", fullest->process, (int)fullest->pid);
        else
            tell(s, "each is accepted from by itself, so look at the server that is slow, or stuck.");
    }
    /* A member discards other packets, too; one that is full, in a group that has dropped for certain, dropped some for its queue. */
    if (dropping && roomy && target->overflows.min)
        tell(s, "%" PRIu64 " of the %zu dropped newcomers, and %" PRIu64 " still had room: nothing falls back on a sibling.",
             dropping, target->member_count, roomy);
}

static void explain_deferred(struct explanation *s)
{
    char span[NSEC_TEXT_SIZE];
    const struct run *run = s->run;
    if (!run->has_server || !run->server.defer_accept)
        return;
    tell(s,
         "The listener defers accepts (TCP_DEFER_ACCEPT, %s): a client whose handshake is complete stays a request until its "
         "first "
         "data comes or that time is over, and does not count in the accept queue meanwhile.",
         nsec_text(run->server.defer_accept, span));
    if (!run->probe.send)
        tell(s, "These clients sent nothing; --send gives them something to say.");
}

static void explain_fastopen(struct explanation *s)
{
    const struct counters *c = &s->run->counters;
    if (!s->target || !s->target->transport.fastopen || !c->known)
        return;
    uint64_t passive = c->value[COUNTER_FASTOPEN_PASSIVE];
    if (passive)
        tell(s,
             "%" PRIu64
             " SYN%s came with a Fast Open cookie%s: such a connection is in the accept queue at once, before its handshake "
             "is complete.",
             passive, plural(passive), s->run->probe.send ? " and its first data" : "");
    else
        tell(
            s,
            "No SYN came with a valid Fast Open cookie: the first connection fetches one, and those that begin before its answer "
            "have none.");
}

void explain_kind(struct explanation *s)
{
    if (s->target && s->target->member_count)
        explain_members(s);
    explain_deferred(s);
    explain_fastopen(s);
}

void explain_would_block(struct explanation *s)
{
    char text[SUBJECT_SIZE];
    uint64_t n = told_of(s, VERDICT_WOULD_BLOCK);
    if (n)
        tell(
            s,
            "%s %s told at once that the queue is full (EAGAIN): an AF_UNIX listener drops nothing and nothing is tried again by "
            "itself. A blocking connect() waits there until the server accepts, and so hangs with it.",
            opening(s, n, text), was_were(n));
}
