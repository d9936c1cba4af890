/* What running traces know of the listeners of a survey. */
#ifndef BACKLOGCTL_EXACT_H
#define BACKLOGCTL_EXACT_H

#include "backlogctl/tracer_running.h"

/* Zeroed is safe to release. */
struct exact_traces {
    struct running_traces running;
    struct trace_model known; /* of each listener what the trace knows that began first of those which know it */
    struct error lack;        /* why there is none; code 0: there is one */
};

/* Looks for them: before the rights that this takes are given up. */
void exact_find(struct exact_traces *traces);

/* Reads and judges them, right behind a survey of this query, which then points to what is known or says why nothing is. 0 or -errno. */
int exact_take(struct exact_traces *traces, const struct survey_query *query, struct survey *survey, struct error *err);

void exact_release(struct exact_traces *traces);

#endif
