/* How times are spread: exact quantiles by selection in place, and a histogram. */
#include "backlogctl/judge.h"

#include <stddef.h>

/* A part of the samples: `count` from `first` on, all of them from `low` to `high`. */
struct part {
    nsec *first;
    size_t count;
    nsec low, high;
};

static void swap(nsec *a, nsec *b)
{
    nsec kept = *a;
    *a = *b;
    *b = kept;
}

static nsec median_of_three(nsec a, nsec b, nsec c)
{
    if ((a <= b) == (b <= c))
        return b;
    return (a <= b) == (c <= a) ? a : c;
}

/* Orders a part into samples below, equal to and above the pivot; the equal ones are [*equal, *above). */
static void partition(const struct part *part, nsec pivot, size_t *equal, size_t *above)
{
    size_t below_end = 0, at = 0, above_begin = part->count;
    while (at < above_begin) {
        if (part->first[at] < pivot)
            swap(&part->first[at++], &part->first[below_end++]);
        else if (part->first[at] > pivot)
            swap(&part->first[at], &part->first[--above_begin]);
        else
            at++;
    }
    *equal = below_end;
    *above = above_begin;
}

/* The sample of this rank (from 0); those before it are then no greater, those behind it no smaller. The
   median of three is a good pivot nearly always. After a round in which it was not, the pivot is the middle
   of the values that are left: that halves a 64-bit range, so the poor rounds are at most some 130 in any
   arrangement whatever, while the good ones shrink the part by a quarter each. Samples equal to the pivot
   never come to a further round. */
static nsec select_rank(struct part part, size_t rank)
{
    bool poor = false;
    while (part.low < part.high) {
        nsec pivot = poor ? part.low + (part.high - part.low) / 2
                          : median_of_three(part.first[0], part.first[part.count / 2], part.first[part.count - 1]);
        size_t equal, above, before = part.count;
        partition(&part, pivot, &equal, &above);
        if (rank < equal) {
            part.count = equal;
            part.high = pivot - 1;
        } else if (rank >= above) {
            part.first += above;
            part.count -= above;
            part.low = pivot + 1;
            rank -= above;
        } else {
            return pivot;
        }
        poor = part.count > before - before / 4;
    }
    return part.low;
}

/* The nearest rank, from 0: ceil(percent of count) - 1, without an overflow on the way. */
static size_t nearest_rank(size_t count, unsigned percent)
{
    return count / 100 * percent + (count % 100 * percent + 99) / 100 - 1;
}

static size_t bucket_of(nsec sample)
{
    nsec usec = sample / NSEC_PER_USEC;
    if (usec < 2)
        return 0;
    size_t power = 63 - (size_t)__builtin_clzll((unsigned long long)usec);
    return power < SPREAD_BUCKETS ? power : SPREAD_BUCKETS - 1;
}

static void look_at_each(const nsec *samples, size_t count, struct spread *out)
{
    out->samples = count;
    out->min = out->max = samples[0];
    for (size_t i = 0; i < count; i++) {
        if (samples[i] < out->min)
            out->min = samples[i];
        if (samples[i] > out->max)
            out->max = samples[i];
        out->buckets[bucket_of(samples[i])]++;
    }
}

void judge_spread(nsec *samples, size_t count, struct spread *out)
{
    *out = (struct spread){0};
    if (!count)
        return;
    look_at_each(samples, count, out);
    const struct {
        unsigned percent;
        nsec *value;
    } quantiles[] = {{50, &out->p50}, {90, &out->p90}, {99, &out->p99}};
    /* Ranks ascend, so each selection leaves only the samples from its rank on to the next one. */
    struct part rest = {samples, count, out->min, out->max};
    for (size_t q = 0; q < sizeof quantiles / sizeof *quantiles; q++) {
        size_t skipped = (size_t)(rest.first - samples), rank = nearest_rank(count, quantiles[q].percent);
        *quantiles[q].value = select_rank(rest, rank - skipped);
        rest = (struct part){samples + rank, count - rank, *quantiles[q].value, out->max};
    }
}
