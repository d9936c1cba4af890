/* What the repetitions of a cell come to. */
#include "backlogctl/judge.h"

static bool value_of(const struct trial *t, enum sweep_measure measure, uint64_t *value)
{
    if (!t->done || t->error)
        return false;
    if (measure == SWEEP_P99) {
        *value = (uint64_t)t->accepted_p99;
        return t->accepted_p99 != NSEC_NEVER;
    }
    *value = measure == SWEEP_DROPS ? t->drops : t->counts[measure];
    return measure != SWEEP_DROPS || t->drops_known;
}

/* The n-th smallest by counting who is smaller: repetitions are few, and nothing is to be allocated. */
static uint64_t nth(const struct trial *trials, size_t count, enum sweep_measure measure, size_t n)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value, other;
        size_t below = 0, equal = 0;
        if (!value_of(&trials[i], measure, &value))
            continue;
        for (size_t j = 0; j < count; j++)
            if (value_of(&trials[j], measure, &other)) {
                below += other < value;
                equal += other == value;
            }
        if (below <= n && n < below + equal)
            return value;
    }
    return 0;
}

static struct middle middle_of(const struct trial *trials, size_t count, enum sweep_measure measure)
{
    size_t known = 0;
    uint64_t value;
    for (size_t i = 0; i < count; i++)
        known += value_of(&trials[i], measure, &value);
    if (!known)
        return (struct middle){0};
    return (struct middle){.known = true,
                           .least = nth(trials, count, measure, 0),
                           .median = nth(trials, count, measure, (known - 1) / 2),
                           .greatest = nth(trials, count, measure, known - 1)};
}

void judge_sweep(struct sweep *sweep)
{
    sweep->done = sweep->failed = 0;
    sweep->ok = true;
    for (size_t i = 0; i < sweep->cells * sweep->repeat; i++) {
        const struct trial *t = &sweep->trials[i];
        sweep->done += t->done;
        sweep->failed += t->done && t->error;
        sweep->ok = sweep->ok && (!t->done || t->error || t->ok);
    }
    for (size_t cell = 0; cell < sweep->cells; cell++)
        for (enum sweep_measure m = 0; m < SWEEP_MEASURE_COUNT; m++)
            sweep->middles[cell][m] = middle_of(&sweep->trials[cell * sweep->repeat], sweep->repeat, m);
}
