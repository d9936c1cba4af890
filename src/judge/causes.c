/* The table of causes. */
#include "backlogctl/judge.h"

#include <stddef.h>

/* Facts that bear on causes. Each is true, false or unknown. */
enum cause_fact {
    FACT_ALONE,          /* every packet of the namespace belongs to the run */
    FACT_LOCAL,          /* the server's side is in this namespace, and its counters are those that were read */
    FACT_OVERFLOWED,     /* ListenOverflows rose */
    FACT_DISCARDED,      /* the listener's own counter of discarded packets rose */
    FACT_DEFERRED,       /* TCPDeferAcceptDrop rose */
    FACT_NO_ROOM,        /* TCPReqQFullDrop rose */
    FACT_ABORTS,         /* net.ipv4.tcp_abort_on_overflow is on */
    FACT_ALL_ACCEPTED,   /* each of the connections in question had been accepted before */
    FACT_LISTENER_GONE,  /* the listener was closed or replaced in the middle */
    FACT_TRACKED,        /* netfilter tracks connections here, so it may translate addresses */
    FACT_NOT_TRANSLATED, /* it was asked, and does not translate these */
    FACT_COUNT
};

struct cause_facts {
    uint32_t known, true_; /* bits 1 << enum cause_fact; one that is not known is not true */
};

#define LONGEST_GAP 120 /* seconds: TCP_RTO_MAX */

#define F(fact) (1u << FACT_##fact)

static const struct {
    enum symptom symptom;
    enum cause cause;
    uint32_t needs;   /* refuted when one of these is known to be false, */
    uint32_t refuted; /* or one of these to be true */
} table[] = {
    {SYMPTOM_HALF_OPEN, CAUSE_FULL_QUEUE, F(OVERFLOWED) | F(DISCARDED), 0},
    {SYMPTOM_HALF_OPEN, CAUSE_DEFER_ACCEPT, F(DEFERRED), 0},
    {SYMPTOM_HALF_OPEN, CAUSE_ACK_LOST, 0, F(ALONE)},
    {SYMPTOM_RESET, CAUSE_SERVER_RESET, 0, 0},
    {SYMPTOM_RESET, CAUSE_ABORT_ON_OVERFLOW, F(ABORTS) | F(OVERFLOWED), F(ALL_ACCEPTED)},
    {SYMPTOM_RESET, CAUSE_CLOSED_LISTENER, F(LISTENER_GONE), F(ALL_ACCEPTED)},
    {SYMPTOM_SILENCE, CAUSE_FULL_QUEUE, F(OVERFLOWED) | F(DISCARDED), 0},
    {SYMPTOM_SILENCE, CAUSE_SYN_QUEUE, F(NO_ROOM) | F(DISCARDED), 0},
    {SYMPTOM_SILENCE, CAUSE_LISTENER_FILTER, F(DISCARDED), F(ALONE)},
    {SYMPTOM_SILENCE, CAUSE_FIREWALL, 0, F(ALONE)},
    {SYMPTOM_SILENCE, CAUSE_TRANSLATION, F(LOCAL) | F(TRACKED), F(ALONE) | F(NOT_TRANSLATED)},
    {SYMPTOM_ELSEWHERE, CAUSE_TRANSLATION, F(TRACKED), F(NOT_TRANSLATED)},
    {SYMPTOM_ELSEWHERE, CAUSE_BELOW, 0, F(ALONE)},
};

static void set(struct cause_facts *facts, enum cause_fact fact, bool known, bool value)
{
    facts->known |= known ? 1u << fact : 0;
    facts->true_ |= known && value ? 1u << fact : 0;
}

/* Of those that were reset. */
static bool resets_were_accepted(const struct target *target)
{
    for (size_t i = 0; i < target->attempt_count; i++)
        if (target->attempts[i].verdict == VERDICT_RESET && target->attempts[i].accepted == NSEC_NEVER)
            return false;
    return true;
}

static struct cause_facts facts_of(const struct run *run, const struct target *target)
{
    struct cause_facts facts = {0};
    const struct counters *c = &run->counters;
    bool counted = c->known && target->local; /* those of another host are not to be seen */
    set(&facts, FACT_ALONE, true, run->alone);
    set(&facts, FACT_LOCAL, true, target->local);
    set(&facts, FACT_OVERFLOWED, counted, c->value[COUNTER_LISTEN_OVERFLOWS]);
    set(&facts, FACT_DISCARDED, target->local && target->discarded_known, target->discarded);
    set(&facts, FACT_DEFERRED, counted, c->value[COUNTER_DEFER_ACCEPT_DROP]);
    set(&facts, FACT_NO_ROOM, counted, c->value[COUNTER_REQ_QFULL_DROP]);
    set(&facts, FACT_ABORTS, target->local && run->sysctls.abort_on_overflow >= 0, run->sysctls.abort_on_overflow > 0);
    set(&facts, FACT_ALL_ACCEPTED, true, resets_were_accepted(target));
    set(&facts, FACT_LISTENER_GONE, target->local, target->listener_gone);
    set(&facts, FACT_TRACKED, !run->merged, run->sysctls.conntrack_count > 0);
    set(&facts, FACT_NOT_TRANSLATED, target->translation != TRANSLATION_UNKNOWN, target->translation == TRANSLATION_NONE);
    return facts;
}

static uint32_t causes_of(enum symptom symptom, const struct cause_facts *facts)
{
    uint32_t left = 0, false_ = facts->known & ~facts->true_;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].symptom == symptom && !(table[i].needs & false_) && !(table[i].refuted & facts->true_))
            left |= 1u << table[i].cause;
    return left;
}

/* What the kernel lets either sysctl be (MAX_TCP_SYNCNT). */
#define SYN_COUNT_MOST 127

static uint32_t at_most(uint32_t value, uint32_t most)
{
    return value < most ? value : most;
}

size_t judge_syn_times(uint32_t retries, uint32_t linear, uint32_t *times_s, size_t room, uint32_t *gives_up_s)
{
    size_t count = 0;
    uint32_t at = 0, gap = 1;
    linear = at_most(linear, SYN_COUNT_MOST);
    uint32_t sent = at_most(retries, SYN_COUNT_MOST) + linear;
    for (uint32_t i = 0; i <= sent; i++) {
        at += gap;
        if (i < sent && count < room)
            times_s[count++] = at;
        if (i >= linear)
            gap = gap < LONGEST_GAP / 2 ? 2 * gap : LONGEST_GAP;
    }
    *gives_up_s = at;
    return count;
}

void judge_causes(struct run *run)
{
    for (size_t t = 0; t < run->target_count; t++) {
        struct target *target = &run->targets[t];
        struct cause_facts facts = facts_of(run, target);
        for (enum symptom s = 0; s < SYMPTOM_COUNT; s++)
            target->causes[s] = causes_of(s, &facts);
    }
    if (run->stuck.count)
        judge_holders(run->stuck.holders, run->stuck.count, run->stuck.waits_on);
    run->syn_time_count = 0;
    if (run->sysctls.syn_retries >= 0)
        run->syn_time_count =
            judge_syn_times((uint32_t)run->sysctls.syn_retries,
                            run->sysctls.syn_linear_timeouts > 0 ? (uint32_t)run->sysctls.syn_linear_timeouts : 0,
                            run->syn_times_s, SYN_TIMES, &run->gives_up_s);
}
