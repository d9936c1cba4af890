/* What happened at a traced listener in some time, from its counts then and now. */
#include "backlogctl/trace_facts.h"

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

struct trace_span trace_span_last(const struct traced *one)
{
    const struct trace_slot *now = &one->slot, *then = &one->before;
    return (struct trace_span){
        .peak = larger(now->interval_peak, larger(one->queue_before, one->looked ? one->now.queue : 0)),
        .entered = now->entered - then->entered,
        .accepted = now->accepted - then->accepted + now->accepted_seed - then->accepted_seed,
        .syn = now->syn.count - then->syn.count,
        .ack = now->ack.count - then->ack.count,
        .syn_queue = now->syn_queue.count - then->syn_queue.count,
        .left = now->left_closed + now->left_other - then->left_closed - then->left_other,
        .unseen = now->unseen - then->unseen,
        .samples = now->accepted - then->accepted,
        .p50 = one->interval_p50,
        .p99 = one->interval_p99,
        .max = one->interval_max,
    };
}

struct trace_span trace_span_all(const struct traced *one)
{
    const struct trace_slot *slot = &one->slot;
    nsec longest = (nsec)slot->wait_max;
    return (struct trace_span){.peak = slot->peak,
                               .entered = slot->entered,
                               .accepted = slot->accepted + slot->accepted_seed + slot->unseen,
                               .syn = slot->syn.count,
                               .ack = slot->ack.count,
                               .syn_queue = slot->syn_queue.count,
                               .left = slot->left_closed + slot->left_other,
                               .unseen = slot->unseen,
                               .samples = slot->accepted,
                               .p50 = one->p50,
                               .p99 = one->p99,
                               .max = {longest, longest}};
}

/* No quantile of two sets together is below the lower or above the higher one of theirs. */
static void add_bounds(struct trace_quantile *to, const struct trace_quantile *other)
{
    to->low = other->low < to->low ? other->low : to->low;
    to->high = other->high > to->high ? other->high : to->high;
}

/* The longest of both is the longer one. */
static void add_longest(struct trace_quantile *to, const struct trace_quantile *other)
{
    to->low = other->low > to->low ? other->low : to->low;
    to->high = other->high > to->high ? other->high : to->high;
}

void trace_span_add(struct trace_span *to, const struct trace_span *other)
{
    if (to->samples && other->samples) {
        add_bounds(&to->p50, &other->p50);
        add_bounds(&to->p99, &other->p99);
        add_longest(&to->max, &other->max);
    } else if (other->samples) {
        to->p50 = other->p50, to->p99 = other->p99, to->max = other->max;
    }
    to->peak = larger(to->peak, other->peak);
    to->entered += other->entered;
    to->accepted += other->accepted;
    to->syn += other->syn;
    to->ack += other->ack;
    to->syn_queue += other->syn_queue;
    to->left += other->left;
    to->unseen += other->unseen;
    to->samples += other->samples;
}

bool trace_span_any(const struct trace_span *span)
{
    return span->entered || span->accepted || span->syn || span->ack || span->syn_queue || span->left || span->unseen;
}
