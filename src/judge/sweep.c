/* What the repetitions of a cell come to. */
#include "backlogctl/judge.h"

#include <stdlib.h>

static bool value_of(const struct trial *t, enum sweep_measure measure, uint64_t *value)
{
    if (!t->done || t->error)
        return false;
    if (measure == SWEEP_P99) {
        *value = (uint64_t)t->accepted_p99;
        return t->accepted_p99 != NSEC_NEVER;
    }
    *value = measure == SWEEP_DROPS ? t->overflows.max : t->counts[measure];
    return measure != SWEEP_DROPS || t->overflows.known;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static struct middle middle_of(const struct trial *trials, size_t count, enum sweep_measure measure)
{
    uint64_t values[REPEAT_MAX];
    size_t known = 0;
    for (size_t i = 0; i < count && known < REPEAT_MAX; i++)
        known += value_of(&trials[i], measure, &values[known]);
    if (!known)
        return (struct middle){0};
    qsort(values, known, sizeof *values, compare);
    return (struct middle){.known = true, .least = values[0], .median = values[(known - 1) / 2], .greatest = values[known - 1]};
}

void judge_sweep(struct sweep *sweep)
{
    sweep->done = sweep->failed = 0;
    sweep->outcome = OUTCOME_HELD;
    for (size_t i = 0; i < sweep->cells * sweep->repeat; i++) {
        const struct trial *t = &sweep->trials[i];
        sweep->done += t->done;
        sweep->failed += t->done && t->error;
        if (t->done && !t->error)
            sweep->outcome = outcome_worse(sweep->outcome, t->outcome);
    }
    for (size_t cell = 0; cell < sweep->cells; cell++)
        for (enum sweep_measure m = 0; m < SWEEP_MEASURE_COUNT; m++)
            sweep->middles[cell][m] = middle_of(&sweep->trials[cell * sweep->repeat], sweep->repeat, m);
}
