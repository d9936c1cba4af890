/* Which listeners watch shows, in which order, and which of them is selected. */
#include "watch_order.h"

#include "backlogctl/escape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct watch_model *watch_shown(const struct watch_run *run)
{
    return run->paused ? &run->still : &run->w;
}

/* ---- Orders: below 0 when a comes first ---- */

static int up(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int by_address(const struct listener_history *a, const struct listener_history *b)
{
    bool a_named = !has_handshake((enum socket_kind)a->now.kind), b_named = !has_handshake((enum socket_kind)b->now.kind);
    return a_named != b_named ? a_named - b_named : report_compare(FIGURE_ADDRESS, &a->now, &b->now);
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

static int compare(const void *left, const void *right, void *context)
{
    const struct watch_run *run = context;
    const struct watch_model *w = watch_shown(run);
    const struct listener_history *a = &w->list[*(const size_t *)left], *b = &w->list[*(const size_t *)right];
    const struct list_settings *list = &run->settings->list;
    if ((a->state == WATCH_GONE) != (b->state == WATCH_GONE))
        return a->state == WATCH_GONE ? 1 : -1;
    int order = !run->sort && list->sort_count ? as_given(list, a, b) : as_chosen(run->sort, a, b);
    order = run->reverse ? -order : order;
    if (!order)
        order = by_address(a, b);
    return order ? order : up(a->now.cookie, b->now.cookie);
}

const char *watch_sort_name(const struct watch_run *run)
{
    if (!run->sort && run->settings->list.sort_count)
        return "as given";
    return sorts[run->sort].name ? sorts[run->sort].name : figures[sorts[run->sort].figure].column.head;
}

void watch_next_sort(struct watch_run *run)
{
    run->sort = (run->sort + 1) % SORTS;
    run->reverse = false;
}

/* ---- Selection ---- */

static bool matches(const struct watch_run *run, const struct listener *listener)
{
    char place[REPORT_PLACE_SIZE], shown[REPORT_PLACE_SIZE], process[ESCAPED_SIZE(sizeof listener->process)];
    terminal_text(report_place(listener, place), shown, sizeof shown);
    terminal_text(listener->process, process, sizeof process);
    return !*run->filter || strcasestr(shown, run->filter) || strcasestr(process, run->filter);
}

static void select_place(struct watch_run *run, size_t place)
{
    const struct watch_model *w = watch_shown(run);
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
    const struct watch_model *w = watch_shown(run);
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
