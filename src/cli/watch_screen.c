/* The live view of watch: what it lists, and its frames. */
#include "watch_screen.h"

#include "watch_order.h"

static size_t count(void *run)
{
    return watch_shown(run)->count;
}

static const struct listener *listener(void *run, size_t i)
{
    return &watch_shown(run)->list[i].now;
}

static void aim(void *run)
{
    watch_aim(run);
}

static bool pause_here(void *context)
{
    struct watch_run *run = context;
    return !watcher_copy(&run->still, &run->w);
}

static void go_on(void *context)
{
    struct watch_run *run = context;
    watcher_release(&run->still);
}

static void draw(void *context)
{
    struct watch_run *run = context;
    struct frame_view view = live_view(&run->live, watch_sort_name(run));
    view.not_sampled = run->not_sampled.code ? run->not_sampled.text : NULL;
    report_watch_frame(&run->live.frame, watch_shown(run), &view);
}

static void fail(void *run, const struct error *err)
{
    watch_fail(run, err);
}

const struct live_owner watch_live = {
    .count = count,
    .listener = listener,
    .compare = watch_compare,
    .always = watch_compare_always,
    .sorts = WATCH_SORTS,
    .aim = aim,
    .pause = pause_here,
    .go_on = go_on,
    .draw = draw,
    .fail = fail,
};
