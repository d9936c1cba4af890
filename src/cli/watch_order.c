/* The orders in which watch shows listeners. */
#include "watch_order.h"

#include <string.h>

const struct watch_model *watch_shown(const struct watch_run *run)
{
    return run->live.paused ? &run->still : &run->w;
}

/* ---- Orders: below 0 when a comes first ---- */

static int up(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_address(const struct listener_history *a, const struct listener_history *b)
{
    return live_by_address(&a->now, &b->now);
}

static int by_process(const struct listener_history *a, const struct listener_history *b)
{
    return strcmp(a->now.process, b->now.process);
}

/* The highest first; what nobody knows is 0. */
static int by_figure(enum figure_id figure, const struct listener_history *a, const struct listener_history *b)
{
    return up(figure_value(figure, &b->now).number, figure_value(figure, &a->now).number);
}

static int by_peak(const struct listener_history *a, const struct listener_history *b)
{
    return up(b->peak, a->peak);
}

static int by_rate(const struct listener_history *a, const struct listener_history *b)
{
    int order = up(b->last.overflows.min, a->last.overflows.min);
    return order ? order : up(b->last.overflows.max, a->last.overflows.max);
}

static uint64_t share(const struct listener_history *one)
{
    uint64_t peak = one->last.peak > one->now.queue ? one->last.peak : one->now.queue;
    return one->now.capacity ? peak * 1000 / one->now.capacity : 0;
}

/* Who drops now, then who was fullest in the last interval, then who ever dropped. */
static int by_trouble(const struct listener_history *a, const struct listener_history *b)
{
    int order = by_rate(a, b);
    if (!order)
        order = up(share(b), share(a));
    return order ? order : by_figure(FIGURE_DROPS, a, b);
}

/* The first is replaced by --sort, if that was given. */
static const struct {
    const char *name; /* NULL: the head of the figure's column, */
    int (*compare)(const struct listener_history *a, const struct listener_history *b); /* and its order */
    enum figure_id figure;
} sorts[] = {{"trouble", by_trouble}, {"address", by_address},  {.figure = FIGURE_QUEUE}, {.figure = FIGURE_PERCENT},
             {"peak", by_peak},       {.figure = FIGURE_DROPS}, {"drops/s", by_rate},     {"process", by_process}};
#define SORTS (sizeof sorts / sizeof *sorts)

static int as_chosen(size_t sort, const struct listener_history *a, const struct listener_history *b)
{
    return sorts[sort].compare ? sorts[sort].compare(a, b) : by_figure(sorts[sort].figure, a, b);
}

static int as_given(const struct list_settings *list, const struct listener_history *a, const struct listener_history *b)
{
    for (size_t i = 0; i < list->sort_count; i++) {
        int order = report_compare(list->sort[i].column, &a->now, &b->now);
        if (order)
            return list->sort[i].down ? -order : order;
    }
    return 0;
}

static const struct listener_history *at(void *context, size_t i)
{
    return &watch_shown(context)->list[i];
}

int watch_compare(void *context, size_t a, size_t b)
{
    const struct watch_run *run = context;
    const struct list_settings *list = &run->settings->list;
    bool given = !run->live.sort && list->sort_count;
    return given ? as_given(list, at(context, a), at(context, b)) : as_chosen(run->live.sort, at(context, a), at(context, b));
}

int watch_compare_always(void *context, size_t a, size_t b)
{
    bool one = at(context, a)->state == WATCH_GONE, other = at(context, b)->state == WATCH_GONE;
    return one - other;
}

const char *watch_sort_name(const struct watch_run *run)
{
    size_t sort = run->live.sort;
    if (!sort && run->settings->list.sort_count)
        return "as given";
    return sorts[sort].name ? sorts[sort].name : figures[sorts[sort].figure].column.head;
}

_Static_assert(SORTS == WATCH_SORTS, "WATCH_SORTS");
