/* Counts and listener figures to expectations kept or broken. */
#include "backlogctl/judge.h"

#include "backlogctl/merged.h"

#include <stddef.h>

/* The listener that the measures speak of: of the first address that has one. */
static const struct listener *measured_listener(const struct run *run)
{
    for (size_t t = 0; t < run->target_count; t++)
        if (run->targets[t].after.known)
            return &run->targets[t].after;
    return NULL;
}

/* What nobody reported may be any of these. */
static uint64_t most_of(const struct run *run, uint64_t count)
{
    uint64_t more = run->merged ? run->merged->unreported : 0;
    return more < (uint64_t)INT64_MAX - count ? count + more : INT64_MAX;
}

static struct interval measure(const struct run *run, const struct expectation *e)
{
    if (e->measure < VERDICT_COUNT)
        return (struct interval){true, run->counts[e->measure], most_of(run, run->counts[e->measure])};
    if (e->measure == MEASURE_DROPS)
        return run->overflows;
    const struct listener *listener = measured_listener(run);
    return listener ? judge_listener_measure(listener, (enum measure)e->measure) : (struct interval){0};
}

/* The kernel was asked, and nobody listens there: that has no queue, where an unknown one may have any. */
static bool nobody_listens(const struct run *run)
{
    for (size_t t = 0; t < run->target_count; t++)
        if (!run->targets[t].local || run->targets[t].before.known || run->targets[t].after.known)
            return false;
    return run->asked && run->target_count;
}

void judge_expectations(struct run *run)
{
    run->outcome = OUTCOME_HELD;
    for (size_t i = 0; i < run->expectation_count; i++) {
        struct interval seen = measure(run, &run->expectations[i]);
        judge_expected(&run->expectations[i], &seen);
        if (!seen.known && nobody_listens(run))
            run->expectations[i].outcome = OUTCOME_FAILED;
        run->outcome = outcome_worse(run->outcome, (enum expectation_outcome)run->expectations[i].outcome);
    }
}
