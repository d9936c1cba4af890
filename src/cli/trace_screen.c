/* The live view of trace: what it lists, in which orders, and its frames. */
#include "trace_run.h"

#include <string.h>

static const struct trace_model *shown(const struct trace_run *run)
{
    return run->live.paused ? &run->still : &run->tracing.model;
}

static size_t count(void *context)
{
    return shown(context)->count;
}

static const struct listener *listener(void *context, size_t i)
{
    const struct traced *one = &shown(context)->list[i];
    return one->selected ? &one->now : NULL;
}

/* ---- Orders: the highest first ---- */

static int down(uint64_t a, uint64_t b)
{
    return a > b ? -1 : a < b;
}

static int by_drops(const struct trace_span *a, const struct trace_span *b)
{
    return down(a->syn + a->ack, b->syn + b->ack);
}

static int by_entered(const struct trace_span *a, const struct trace_span *b)
{
    return down(a->entered + a->accepted + a->left, b->entered + b->accepted + b->left);
}

/* Who dropped, then where most happened. */
static int by_happening(const struct trace_span *a, const struct trace_span *b)
{
    int order = by_drops(a, b);
    return order ? order : by_entered(a, b);
}

static int by_peak(const struct trace_span *a, const struct trace_span *b)
{
    return down(a->peak, b->peak);
}

static int by_wait(const struct trace_span *a, const struct trace_span *b)
{
    return down((uint64_t)a->p99.high, (uint64_t)b->p99.high);
}

static int by_address(const struct traced *a, const struct traced *b)
{
    return live_by_address(&a->now, &b->now);
}

static int by_process(const struct traced *a, const struct traced *b)
{
    return strcmp(a->now.process, b->now.process);
}

static const struct {
    const char *name;
    int (*spans)(const struct trace_span *a, const struct trace_span *b); /* of the span that is shown; or */
    int (*listeners)(const struct traced *a, const struct traced *b);
} sorts[] = {
    {"busiest", by_happening, NULL}, {"address", NULL, by_address}, {"peak", by_peak, NULL},       {"entered", by_entered, NULL},
    {"p99", by_wait, NULL},          {"drops", by_drops, NULL},     {"process", NULL, by_process},
};

static int compare(void *context, size_t a, size_t b)
{
    const struct trace_run *run = context;
    const struct traced *one = &shown(run)->list[a], *other = &shown(run)->list[b];
    struct trace_span (*other_span)(const struct traced *) = run->all ? trace_span_last : trace_span_all;
    struct trace_span (*span)(const struct traced *) = run->all ? trace_span_all : trace_span_last;
    size_t sort = run->live.sort;
    if (sorts[sort].listeners)
        return sorts[sort].listeners(one, other);
    struct trace_span first = span(one), second = span(other);
    int order = sorts[sort].spans(&first, &second);
    if (order)
        return order;
    first = other_span(one), second = other_span(other);
    return sorts[sort].spans(&first, &second);
}

/* Those that listen no more stand last, whatever the order. */
static int closed_last(void *context, size_t a, size_t b)
{
    bool one = shown(context)->list[a].slot.closed, other = shown(context)->list[b].slot.closed;
    return one - other;
}

/* ---- The view ---- */

static bool pause_here(void *context)
{
    struct trace_run *run = context;
    return !trace_model_copy(&run->still, &run->tracing.model);
}

static void go_on(void *context)
{
    struct trace_run *run = context;
    trace_model_release(&run->still);
}

static bool key(void *context, int key)
{
    struct trace_run *run = context;
    if (key != 't')
        return false;
    run->all = !run->all;
    return true;
}

static void draw(void *context)
{
    struct trace_run *run = context;
    struct frame_view view = live_view(&run->live, sorts[run->live.sort].name);
    report_trace_frame(&run->live.frame, shown(run), &view, run->all);
}

static void fail(void *context, const struct error *err)
{
    struct trace_run *run = context;
    run->no_screen = true;
    trace_fail(run, err);
}

const struct live_owner trace_live = {
    .count = count,
    .listener = listener,
    .compare = compare,
    .always = closed_last,
    .sorts = sizeof sorts / sizeof *sorts,
    .pause = pause_here,
    .go_on = go_on,
    .key = key,
    .draw = draw,
    .fail = fail,
};
