/* How times are spread: exact quantiles, and a histogram. */
#include "backlogctl/judge.h"

#define PARTS 4096

/* The nearest rank, from 0: ceil(percent of count) - 1, without an overflow on the way. */
static size_t nearest_rank(size_t count, unsigned percent)
{
    return count / 100 * percent + (count % 100 * percent + 99) / 100 - 1;
}

static size_t bucket_of(nsec span)
{
    nsec usec = span / NSEC_PER_USEC;
    if (usec < 2)
        return 0;
    size_t power = 63 - (size_t)__builtin_clzll((unsigned long long)usec);
    return power < SPREAD_BUCKETS ? power : SPREAD_BUCKETS - 1;
}

/* The span of that rank among those from `low` on, none of which is above `high`. To sort a million would take a copy of them: instead
   they are counted in equal parts of that range, then in parts of the one that has it. */
static nsec span_of_rank(spread_span *span, const void *context, size_t count, size_t rank, nsec low, nsec high)
{
    while (low < high) {
        uint32_t counts[PARTS] = {0};
        unsigned shift = 0;
        while ((high - low) >> shift >= PARTS)
            shift++;
        for (size_t i = 0; i < count; i++) {
            nsec one = span(context, i);
            if (one >= low && one <= high)
                counts[(one - low) >> shift]++;
        }
        size_t part = 0;
        while (rank >= counts[part])
            rank -= counts[part++];
        nsec width = (INT64_C(1) << shift) - 1;
        low += (nsec)part << shift;
        high = high - low > width ? low + width : high;
    }
    return low;
}

void judge_spread(spread_span *span, const void *context, size_t count, struct spread *out)
{
    *out = (struct spread){0};
    for (size_t i = 0; i < count; i++) {
        nsec one = span(context, i);
        if (one == NSEC_NEVER)
            continue;
        out->min = !out->samples || one < out->min ? one : out->min;
        out->max = one > out->max ? one : out->max;
        out->samples++;
        out->buckets[bucket_of(one)]++;
    }
    if (!out->samples)
        return;
    out->p50 = span_of_rank(span, context, count, nearest_rank(out->samples, 50), out->min, out->max);
    out->p90 = span_of_rank(span, context, count, nearest_rank(out->samples, 90), out->min, out->max);
    out->p99 = span_of_rank(span, context, count, nearest_rank(out->samples, 99), out->min, out->max);
}

/* ---- Of a run ---- */

static const struct attempt *attempt_at(const struct run *run, size_t i)
{
    const struct target *target = run->targets;
    for (; i >= target->attempt_count; target++)
        i -= target->attempt_count;
    return &target->attempts[i];
}

static nsec from_opened(const struct attempt *a, nsec moment)
{
    if (moment == NSEC_NEVER || a->opened == NSEC_NEVER)
        return NSEC_NEVER;
    return moment > a->opened ? moment - a->opened : 0;
}

static nsec to_established(const void *run, size_t i)
{
    const struct attempt *a = attempt_at(run, i);
    return from_opened(a, a->established);
}

static nsec to_accepted(const void *run, size_t i)
{
    const struct attempt *a = attempt_at(run, i);
    return from_opened(a, a->accepted);
}

void judge_times(struct run *run)
{
    size_t count = 0;
    for (size_t t = 0; t < run->target_count; t++)
        count += run->targets[t].attempt_count;
    judge_spread(to_established, run, count, &run->to_established);
    judge_spread(to_accepted, run, count, &run->to_accepted);
}
