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

/* The survey was taken before the counts: of what came in between the listener's counter, of 32 bits, knows nothing yet. */
static void judge_drops(struct traced *one)
{
    uint32_t all = (uint32_t)one->now.discarded - (uint32_t)one->slot.drops_begun;
    one->drops_known = one->surveyed;
    one->drops_other =
        one->drops_known && (int32_t)(all - (uint32_t)one->slot.drops_known) > 0 ? all - (uint32_t)one->slot.drops_known : 0;
}

static void look_again(struct trace_witness *w)
{
    w->seen_before = w->seen;
    w->seen = w->gone;
}

static void judge_accounts(struct trace_model *m)
{
    for (size_t i = 0; i < m->account_count; i++) {
        look_again(&m->accounts[i].overflows);
        look_again(&m->accounts[i].syn_queue);
        look_again(&m->accounts[i].children);
    }
    for (size_t i = 0; i < m->count; i++) {
        const struct trace_slot *slot = &m->list[i].slot;
        struct trace_account *account = trace_account_of(m, slot->netns);
        if (!account)
            continue;
        account->overflows.seen += slot->syn.count + slot->ack.count;
        account->syn_queue.seen += slot->syn_queue.count;
        account->children.seen += slot->entered;
    }
}

static void worse(struct traced *one, enum trace_figure figure)
{
    if (one->worth[figure] == TRACE_EXACT)
        one->worth[figure] = TRACE_AT_LEAST;
}

/* Others may be among them. */
static void doubt(struct traced *one, enum trace_figure figure)
{
    if (one->worth[figure] == TRACE_EXACT)
        one->worth[figure] = TRACE_AT_MOST;
    else if (one->worth[figure] == TRACE_AT_LEAST)
        one->worth[figure] = TRACE_UNKNOWN;
}

/* As many were seen as the kernel counts itself. */
static bool is_whole(const struct trace_account *account)
{
    const struct trace_witness *w = account ? &account->children : NULL;
    return w && account->known && account->children_known && w->before == w->base && trace_is_calm(w) &&
           w->seen == trace_risen(w);
}

/* All that came have gone, as far as was seen. */
static bool is_at_rest(const struct trace_slot *s)
{
    return s->entered + s->at_start == s->accepted + s->accepted_seed + s->unseen + s->left_closed + s->left_other + s->unknown;
}

/* Overflows are exact where the namespace's own counter says so. */
static void judge_overflow_worth(const struct trace_model *m, const struct trace_account *account, struct traced *one)
{
    bool no_room = m->full_missing || m->slots_missing, known = account && account->known;
    if (!known || trace_unseen(&account->overflows))
        worse(one, TRACE_SYN), worse(one, TRACE_ACK);
    if (!known || trace_unseen(&account->syn_queue))
        worse(one, TRACE_SYN_QUEUE);
    if (no_room)
        worse(one, TRACE_SYN), worse(one, TRACE_SYN_QUEUE);
    /* Then something is wrong with the account, and nobody knows what: it could hide others that were missed. */
    if (known && trace_has_surplus(&account->overflows))
        one->worth[TRACE_SYN] = one->worth[TRACE_ACK] = TRACE_UNKNOWN;
    if (known && trace_has_surplus(&account->syn_queue))
        one->worth[TRACE_SYN_QUEUE] = TRACE_UNKNOWN;
}

/* A program can have been left out anywhere on this host; that a child was missed the kernel's own count of them tells. */
static void judge_queue_worth(const struct trace_model *m, const struct trace_account *account, struct traced *one)
{
    const struct trace_slot *slot = &one->slot;
    bool migrates = account && account->migrates, whole = is_whole(account);
    bool missed = (m->left_out[TRACE_ENTERED] && !whole) ||
                  (account && account->known && account->children_known && trace_unseen(&account->children));
    one->peak_bounded = !missed && !migrates && !slot->unknown;
    /* Between an addition and the hook an accept() on another processor can have made the queue shorter again. What went to another
       listener's queue is booked at this one still. */
    if (slot->inside_peak > slot->peak || !one->peak_bounded)
        worse(one, TRACE_LENGTH);
    if (missed || migrates)
        worse(one, TRACE_ENTERED), worse(one, TRACE_WAIT);
    if (migrates || (m->left_out[TRACE_LEFT] && !(whole && is_at_rest(slot))))
        worse(one, TRACE_LEFT);
    if (slot->unknown || slot->unseen)
        worse(one, TRACE_WAIT);
    /* Subflows that join a connection are made by its listener, too, and never wait. */
    if (one->now.kind == KIND_MPTCP && slot->unseen)
        doubt(one, TRACE_ENTERED);
}

/* A hook that sees all can still have missed some: for want of room, or of a listener in its list. */
static void judge_worth(const struct trace_model *m, struct traced *one)
{
    const struct trace_account *account = trace_account_of(m, one->slot.netns);
    for (enum trace_figure f = 0; f < TRACE_FIGURE_COUNT; f++)
        one->worth[f] = m->hooks->of[f].name ? m->hooks->of[f].worth : TRACE_UNKNOWN;
    judge_overflow_worth(m, account, one);
    judge_queue_worth(m, account, one);
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
