/* What the counts of a trace are worth, and the quantiles that they give. */
#include "backlogctl/judge.h"

static uint64_t since(uint64_t now, uint64_t before)
{
    return now > before ? now - before : 0;
}

static struct trace_quantile bucket_bounds(unsigned bucket, nsec longest)
{
    struct trace_quantile q = {trace_wait_from(bucket), bucket + 1 < TRACE_WAITS ? trace_wait_from(bucket + 1) : longest};
    q.high = longest && q.high > longest ? longest : q.high; /* nobody waited longer than who waited longest */
    q.low = q.low > q.high ? q.high : q.low;
    return q;
}

/* In which bucket the wait is that so large a share of all do not exceed; {0, 0} where there is none. */
static struct trace_quantile quantile(const struct trace_slot *now, const struct trace_slot *before, double share)
{
    uint64_t all = 0, seen = 0;
    if (now->accepted == before->accepted)
        return (struct trace_quantile){0, 0};
    for (unsigned i = 0; i < TRACE_WAITS; i++)
        all += since(now->waits[i], before->waits[i]);
    if (!all)
        return (struct trace_quantile){0, 0};
    uint64_t rank = (uint64_t)((double)all * share); /* how many have less */
    rank = rank < all ? rank : all - 1;
    unsigned i = 0;
    for (; i < TRACE_WAITS; i++) {
        seen += since(now->waits[i], before->waits[i]);
        if (seen > rank)
            break;
    }
    return bucket_bounds(i, (nsec)now->wait_max);
}

static struct trace_quantile longest(const struct trace_slot *now, const struct trace_slot *before)
{
    struct trace_quantile found = {0, 0};
    if (now->accepted == before->accepted)
        return found;
    for (unsigned i = TRACE_WAITS; i-- > 0;)
        if (now->waits[i] > before->waits[i]) {
            found = bucket_bounds(i, (nsec)now->wait_max);
            break;
        }
    /* It is the longest of all: that is known exactly. */
    if (now->wait_max > before->wait_max)
        found.low = found.high = (nsec)now->wait_max;
    return found;
}

static struct trace_account *account_of(const struct trace_model *m, uint64_t netns)
{
    for (size_t i = 0; i < m->account_count; i++)
        if (m->accounts[i].netns == netns)
            return &m->accounts[i];
    return NULL;
}

/* The survey was taken before the counts: of what came in between the listener's counter, of 32 bits, knows nothing yet. */
static void judge_drops(struct traced *one)
{
    uint32_t all = (uint32_t)one->now.discarded - (uint32_t)one->slot.drops_begun;
    one->drops_known = one->surveyed;
    one->drops_other =
        one->drops_known && (int32_t)(all - (uint32_t)one->slot.drops_known) > 0 ? all - (uint32_t)one->slot.drops_known : 0;
}

static void judge_accounts(struct trace_model *m)
{
    for (size_t i = 0; i < m->account_count; i++)
        m->accounts[i].seen = m->accounts[i].forgotten, m->accounts[i].syn_queue_seen = m->accounts[i].syn_queue_forgotten;
    for (size_t i = 0; i < m->count; i++) {
        struct trace_account *account = account_of(m, m->list[i].slot.netns);
        if (!account)
            continue;
        account->seen += m->list[i].slot.syn.count + m->list[i].slot.ack.count;
        account->syn_queue_seen += m->list[i].slot.syn_queue.count;
    }
    for (size_t i = 0; i < m->account_count; i++) {
        struct trace_account *account = &m->accounts[i];
        account->missed = account->known ? since(account->counted, account->seen) : 0;
        account->syn_queue_missed = account->known ? since(account->syn_queue_counted, account->syn_queue_seen) : 0;
    }
}

static void worse(struct traced *one, enum trace_figure figure)
{
    if (one->worth[figure] == TRACE_EXACT)
        one->worth[figure] = TRACE_AT_LEAST;
}

/* A hook that sees all can still have missed some: for want of room, or of a listener in its list. Overflows are exact where the
   namespace's own counter says so. */
static void judge_worth(const struct trace_model *m, struct traced *one)
{
    const struct trace_account *account = account_of(m, one->slot.netns);
    bool unproven = !account || !account->known || account->missed;
    bool missed = unproven || m->full_missing || m->slots_missing;
    for (enum trace_figure f = 0; f < TRACE_FIGURE_COUNT; f++)
        one->worth[f] = m->hooks->of[f].name ? m->hooks->of[f].worth : TRACE_UNKNOWN;
    if (missed)
        worse(one, TRACE_SYN);
    if (unproven)
        worse(one, TRACE_ACK);
    if (!account || !account->known || account->syn_queue_missed || m->slots_missing || m->full_missing)
        worse(one, TRACE_SYN_QUEUE);
    /* Between an addition and the hook an accept() on another processor can have made the queue shorter again. */
    if (one->slot.inside_peak > one->slot.peak || one->slot.unknown)
        worse(one, TRACE_LENGTH);
    /* Overflows have their witness; but of what came and went there is none. */
    if (m->left_out[TRACE_ENTERED])
        worse(one, TRACE_LENGTH), worse(one, TRACE_ENTERED), worse(one, TRACE_WAIT);
    if (m->left_out[TRACE_LEFT])
        worse(one, TRACE_LEFT);
    if (one->slot.unknown || one->slot.unseen)
        worse(one, TRACE_WAIT);
}

void judge_trace(struct trace_model *m)
{
    static const struct trace_slot nothing;
    judge_accounts(m);
    for (size_t i = 0; i < m->count; i++) {
        struct traced *one = &m->list[i];
        const struct trace_slot *slot = &one->slot;
#define X(name, share) one->name = quantile(slot, &nothing, share);
        TRACE_QUANTILES(X)
#undef X
        one->interval_p50 = quantile(slot, &one->before, 0.5);
        one->interval_p99 = quantile(slot, &one->before, 0.99);
        one->interval_max = longest(slot, &one->before);
        judge_worth(m, one);
        judge_drops(one);
    }
}
