/* Several traces may run: each is judged by itself, and of each listener the longest is told. */
#include "backlogctl/exact.h"

#include "backlogctl/judge.h"
#include "backlogctl/tracing.h"

#include <errno.h>
#include <stdlib.h>

void exact_find(struct exact_traces *traces)
{
    if (running_traces_open(&traces->running, &traces->lack) || traces->running.count)
        return;
    if (traces->running.unreadable)
        error_set(&traces->lack, EPROTO,
                  "a trace runs, but what it counts cannot be read: is it of another version of this program?");
    else
        error_set(&traces->lack, ENOENT, "no trace is running: begin one with 'backlogctl trace'");
}

static int add_new(struct trace_model *known, const struct trace_model *m, struct error *err)
{
    struct traced *list = realloc(known->list, (known->count + m->count + 1) * sizeof *list);
    if (!list)
        return error_set(err, ENOMEM, "no memory for %zu listeners", known->count + m->count);
    known->list = list;
    size_t end = known->count; /* where none of this trace stands yet */
    for (size_t i = 0; i < m->count; i++) {
        const struct listener key = {.cookie = m->list[i].slot.cookie, .netns = m->list[i].slot.netns};
        if (!trace_find(known, &key))
            list[end++] = m->list[i];
    }
    known->count = end;
    return trace_model_index(known) ? error_set(err, ENOMEM, "no memory for %zu listeners", end) : 0;
}

int exact_take(struct exact_traces *traces, const struct survey_query *query, struct survey *survey, struct error *err)
{
    int status = 0;
    for (size_t i = 0; i < traces->running.count && !status; i++) {
        struct tracing tracing = {0};
        status = tracing_join(&tracing, &traces->running.list[i], query, err);
        if (!status)
            status = tracing_take(&tracing, survey, err);
        if (!status) {
            judge_trace(&tracing.model);
            status = add_new(&traces->known, &tracing.model, err);
        }
        tracing_release(&tracing);
    }
    traces->known.namespaces = survey->namespaces;
    traces->known.namespace_count = survey->namespace_count;
    survey->traced = traces->running.count ? &traces->known : NULL;
    survey->no_trace = traces->lack.code ? traces->lack.text : NULL;
    return status;
}

void exact_release(struct exact_traces *traces)
{
    running_traces_release(&traces->running);
    free(traces->known.list);
    free(traces->known.order);
    *traces = (struct exact_traces){0};
}
