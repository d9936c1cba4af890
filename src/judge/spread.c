/* How times are spread: exact quantiles of the sorted samples, and a histogram. */
#include "backlogctl/judge.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
    nsec x = *(const nsec *)a, y = *(const nsec *)b;
    return (x > y) - (x < y);
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

void judge_spread(nsec *samples, size_t count, struct spread *out)
{
    *out = (struct spread){0};
    if (!count)
        return;
    qsort(samples, count, sizeof *samples, compare);
    out->samples = count;
    out->min = samples[0];
    out->p50 = samples[nearest_rank(count, 50)];
    out->p90 = samples[nearest_rank(count, 90)];
    out->p99 = samples[nearest_rank(count, 99)];
    out->max = samples[count - 1];
    for (size_t i = 0; i < count; i++)
        out->buckets[bucket_of(samples[i])]++;
}
