/* A value and what is expected of it: what every expectation and alert comes down to. */
#include "backlogctl/figures.h"
#include "backlogctl/judge.h"

bool judge_listener_measure(const struct listener *listener, enum measure measure, int64_t *seen)
{
    enum figure_id figure = measure_figure(measure);
    *seen = 0;
    if (figure == FIGURE_COUNT)
        return false;
    struct figure_value value = figure_value(figure, listener);
    *seen = (int64_t)value.number;
    return value.state != FIGURE_UNKNOWN; /* nobody was found waiting: 0 */
}

bool judge_compare(int64_t seen, enum compare compare, int64_t expected)
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
