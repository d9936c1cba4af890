/* Counts and listener figures to expectations kept or broken. */
#include "backlogctl/judge.h"

#include <stddef.h>

/* The listener that the measures speak of: of the first address that has one. */
static const struct listener *measured_listener(const struct run *run)
{
    for (size_t t = 0; t < run->target_count; t++)
        if (run->targets[t].after.known)
            return &run->targets[t].after;
    return NULL;
}

static bool measure(const struct run *run, const struct expectation *e, int64_t *seen)
{
    *seen = 0;
    if (e->measure < VERDICT_COUNT) {
        *seen = (int64_t)run->counts[e->measure];
        return true;
    }
    if (e->measure == MEASURE_DROPS) {
        *seen = (int64_t)run->discarded;
        return run->discarded_known;
    }
    const struct listener *listener = measured_listener(run);
    return listener && judge_listener_measure(listener, (enum measure)e->measure, seen);
}

void judge_expectations(struct run *run)
{
    run->ok = true;
    for (size_t i = 0; i < run->expectation_count; i++) {
        struct expectation *e = &run->expectations[i];
        e->seen_known = measure(run, e, &e->seen);
        e->ok = e->seen_known && judge_compare(e->seen, (enum compare)e->compare, e->expected);
        run->ok = run->ok && e->ok;
    }
}
