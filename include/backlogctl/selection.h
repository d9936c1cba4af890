/* The listeners that are meant, judged and in order: what list, resize and measure start from. */
#ifndef BACKLOGCTL_SELECTION_H
#define BACKLOGCTL_SELECTION_H

#include "backlogctl/exact.h"
#include "backlogctl/surveyor.h"

struct selection_plan {
    struct survey_query query;
    struct expectations expect;
    /* As qsort_r(3) wants it, of listeners whose percent and remarks are known; NULL: they stay in the survey's order. */
    int (*order)(const void *a, const void *b, void *context);
    void *context;
    struct exact_traces *exact; /* found; NULL: no trace is asked. The survey points into it */
};

/* Takes a survey into a zeroed struct, judges it (expectations included) and sorts it. 0 or -errno. */
int selection_take(struct survey *survey, const struct selection_plan *plan, struct error *err);

/* Looks at the holders of one listener, which the query finds, among others perhaps; its netns 0 stands for ours. Zeroes *out where it is
   there no more. Costs a survey and some 50 ms. */
void holders_look(const struct survey_query *query, const struct listener *listener, struct holders_look *out);

#endif
