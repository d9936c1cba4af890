/* Which listeners watch shows, in which order, and which of them is selected. */
#include "watch_order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct watching *watch_shown(const struct watch_run *run)
{
    return run->paused ? &run->still : &run->w;
}

/* ---- Orders: below 0 when a comes first ---- */

static int up(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_name(const struct watched *a, const struct watched *b, const char *column)
{
    return report_column_compare((size_t)report_column_find(column), &a->now, &b->now);
}

static int by_address(const struct watched *a, const struct watched *b)
{
    return by_name(a, b, "address");
}

static int by_process(const struct watched *a, const struct watched *b)
{
    return strcmp(a->now.process, b->now.process);
}

static int by_queue(const struct watched *a, const struct watched *b)
{
    return up(b->now.queue, a->now.queue);
}

static int by_percent(const struct watched *a, const struct watched *b)
{
    return up(b->now.percent, a->now.percent);
}

static int by_peak(const struct watched *a, const struct watched *b)
{
    return up(b->peak, a->peak);
}

static int by_drops(const struct watched *a, const struct watched *b)
{
    return up(b->now.drops, a->now.drops);
}

static int by_rate(const struct watched *a, const struct watched *b)
{
    return up(b->last.drops, a->last.drops);
}

static uint64_t share(const struct watched *one)
{
    uint64_t peak = one->last.peak > one->now.queue ? one->last.peak : one->now.queue;
    return one->now.capacity ? peak * 1000 / one->now.capacity : 0;
}

/* Who drops now, then who was fullest in the last interval, then who ever dropped. */
static int by_trouble(const struct watched *a, const struct watched *b)
{
    int order = by_rate(a, b);
    if (!order)
        order = up(share(b), share(a));
    return order ? order : by_drops(a, b);
}

/* The first is replaced by --sort, if that was given. */
static const struct {
    const char *name;
    int (*compare)(const struct watched *a, const struct watched *b);
} sorts[] = {{"trouble", by_trouble}, {"address", by_address}, {"queue", by_queue},  {"full", by_percent},
             {"peak", by_peak},       {"drops", by_drops},     {"drops/s", by_rate}, {"process", by_process}};
#define SORTS (sizeof sorts / sizeof *sorts)

static int as_given(const struct list_settings *list, const struct watched *a, const struct watched *b)
{
    for (size_t i = 0; i < list->sort_count; i++) {
        int order = report_column_compare(list->sort[i].column, &a->now, &b->now);
        if (order)
            return list->sort[i].down ? -order : order;
    }
    return 0;
}

static int compare(const void *left, const void *right, void *context)
{
    const struct watch_run *run = context;
    const struct watching *w = watch_shown(run);
    const struct watched *a = &w->list[*(const size_t *)left], *b = &w->list[*(const size_t *)right];
    const struct list_settings *list = &run->settings->list;
    if ((a->state == WATCH_GONE) != (b->state == WATCH_GONE))
        return a->state == WATCH_GONE ? 1 : -1;
    int order = !run->sort && list->sort_count ? as_given(list, a, b) : sorts[run->sort].compare(a, b);
    order = run->reverse ? -order : order;
    if (!order)
        order = by_address(a, b);
    return order ? order : up(a->now.cookie, b->now.cookie);
}

const char *watch_sort_name(const struct watch_run *run)
{
    return !run->sort && run->settings->list.sort_count ? "as given" : sorts[run->sort].name;
}

void watch_next_sort(struct watch_run *run)
{
    run->sort = (run->sort + 1) % SORTS;
    run->reverse = false;
}

/* ---- Selection ---- */

static bool matches(const struct watch_run *run, const struct listener *listener)
{
    char place[REPORT_PLACE_SIZE];
    return !*run->filter || strcasestr(report_place(listener, place), run->filter) || strcasestr(listener->process, run->filter);
}

static void select_place(struct watch_run *run, size_t place)
{
    const struct watching *w = watch_shown(run);
    run->place = place;
    run->cookie = place < run->shown ? w->list[run->order[place]].now.cookie : 0;
    run->netns = place < run->shown ? w->list[run->order[place]].now.netns : 0;
}

void watch_choose(struct watch_run *run, size_t place)
{
    run->chosen = run->shown;
    select_place(run, place);
    watch_aim(run);
}

int watch_arrange(struct watch_run *run)
{
    const struct watching *w = watch_shown(run);
    size_t *order = realloc(run->order, (w->count + 1) * sizeof *order), place = 0;
    if (!order)
        return -ENOMEM;
    run->order = order;
    run->shown = 0;
    for (size_t i = 0; i < w->count; i++)
        if (matches(run, &w->list[i].now))
            run->order[run->shown++] = i;
    qsort_r(run->order, run->shown, sizeof *run->order, compare, run);
    bool found = false;
    for (size_t i = 0; i < run->shown && run->chosen && !found; i++) {
        const struct listener *listener = &w->list[run->order[i]].now;
        found = listener->cookie == run->cookie && listener->netns == run->netns;
        place = found ? i : 0;
    }
    run->chosen = found;
    select_place(run, place);
    watch_aim(run);
    return 0;
}
