/* Traces accept queues: keeps what the kernel counts (tracer.h) together with what surveys tell of the listeners. */
#ifndef BACKLOGCTL_TRACING_H
#define BACKLOGCTL_TRACING_H

#include "backlogctl/trace_history.h"
#include "backlogctl/tracer_running.h"
#include "backlogctl/watcher.h"

/* Zeroed is safe to release. */
struct tracing {
    struct tracer *tracer;               /* NULL: another process traces, */
    const struct running_trace *running; /* the caller's */
    struct periodic_survey survey;
    struct trace_counts counts;
    struct trace_model model;
    uint32_t *by_slot; /* owned; the place in the model's list of the listener that has this slot, plus 1; 0: none */
    size_t slots;
    bool no_sources; /* set before it begins: as in struct tracer_query */
    bool refused;    /* tracing_begin failed as this kernel, or this build, does not let us */
};

/* Attaches, and finds who listens already; from then on the kernel counts. 0, or -errno as of survey_take and tracer_open. */
int tracing_begin(struct tracing *tracing, const struct survey_query *query, bool events, struct error *err);

/* Reads the trace of another process instead: what it counted since it began. 0 or -ENOMEM. */
int tracing_join(struct tracing *tracing, const struct running_trace *running, const struct survey_query *query,
                 struct error *err);

/* Ends an interval: the model as it is now, not yet judged. 0 or -errno. The same with a survey that was just taken. */
int tracing_look(struct tracing *tracing, struct error *err);
int tracing_take(struct tracing *tracing, const struct survey *survey, struct error *err);

/* Detaches. The model stays as it is until it is released. */
void tracing_end(struct tracing *tracing);
void tracing_release(struct tracing *tracing);

/* The listener of an event, as far as it is known by now; false: it is not meant. */
bool tracing_listener(const struct tracing *tracing, const struct trace_event *event, struct listener *out);

/* A copy that stands still: 0 or -ENOMEM. */
int trace_model_copy(struct trace_model *copy, const struct trace_model *m);
void trace_model_release(struct trace_model *m);

/* ---- trace_history.c ---- */

/* Takes in the interval that has ended, judged. 0 or -ENOMEM. */
int trace_history_take(struct trace_history *history, const struct trace_model *m);
void trace_history_release(struct trace_history *history);

#endif
