/* A value and what is expected of it: what every expectation and alert comes down to. */
#include "backlogctl/figures.h"
#include "backlogctl/judge.h"

struct interval judge_listener_measure(const struct listener *listener, enum measure measure)
{
    enum figure_id figure = measure_figure(measure);
    if (figure == FIGURE_COUNT)
        return (struct interval){0};
    struct figure_value value = figure_value(figure, listener);
    if (value.state == FIGURE_UNKNOWN)
        return (struct interval){0};
    /* Where there is none, such as nobody who waits, it is 0. */
    return (struct interval){true, value.number, figures[figure].form == AS_INTERVAL ? value.most : value.number};
}

static bool holds(int64_t seen, enum compare compare, int64_t expected)
{
    switch (compare) {
    case COMPARE_EQ:
        return seen == expected;
    case COMPARE_NE:
        return seen != expected;
    case COMPARE_LT:
        return seen < expected;
    case COMPARE_LE:
        return seen <= expected;
    case COMPARE_GT:
        return seen > expected;
    case COMPARE_GE:
        return seen >= expected;
    }
    return false;
}

/* It holds for each number within the bounds, for none of them, or for some. Where it holds for both ends, only != and == can be
   otherwise in between. */
enum expectation_outcome judge_compare_interval(const struct interval *seen, enum compare compare, int64_t expected)
{
    if (!seen->known)
        return OUTCOME_OPEN;
    int64_t min = (int64_t)seen->min, max = (int64_t)seen->max;
    bool low = holds(min, compare, expected), high = holds(max, compare, expected);
    bool inside = min < expected && expected < max;
    if (inside && (compare == COMPARE_EQ || compare == COMPARE_NE))
        return OUTCOME_OPEN;
    return low && high ? OUTCOME_HELD : low || high ? OUTCOME_OPEN : OUTCOME_FAILED;
}

void judge_expected(struct expectation *e, const struct interval *seen)
{
    e->seen_known = seen->known;
    e->seen = (int64_t)seen->min;
    e->seen_max = (int64_t)seen->max;
    e->outcome = (uint8_t)judge_compare_interval(seen, (enum compare)e->compare, e->expected);
}
