/* A survey, judged and sorted. */
#include "backlogctl/selection.h"

#include "backlogctl/judge.h"

#include <stdlib.h>
#include <string.h>

/* Why nobody accepts, where that is the question. */
static void judge_troubled(struct survey *survey)
{
    survey_look_at_holders(survey, REMARKS_IN_TROUBLE);
    for (size_t i = 0; i < survey->count; i++) {
        struct listener *listener = &survey->listeners[i];
        size_t count;
        if (listener->remarks & REMARKS_IN_TROUBLE && survey_holders(survey, listener, &count))
            listener->causes = judge_holders(survey->holders + listener->holder_first, count, listener->waits_on);
    }
}

int selection_take(struct survey *survey, const struct selection_plan *plan, struct error *err)
{
    survey->expectation_count = plan->expect.count;
    memcpy(survey->expectations, plan->expect.list, sizeof survey->expectations);
    int status = survey_take(survey, &plan->query, err);
    if (!status && plan->exact)
        status = exact_take(plan->exact, &plan->query, survey, err);
    if (status)
        return status;
    judge_survey(survey); /* percent and remarks can be sorted by */
    judge_troubled(survey);
    if (plan->order && survey->count) {
        qsort_r(survey->listeners, survey->count, sizeof *survey->listeners, plan->order, plan->context);
        judge_survey(survey); /* expectations name listeners by their place */
    }
    return 0;
}

static void copy_look(const struct survey *survey, const struct listener *listener, const struct listener *before,
                      struct holders_look *out)
{
    const struct socket_holder *holders = survey_holders(survey, listener, &out->count);
    if (!holders)
        out->count = 0;
    if (out->count > HOLDERS_LOOK_MAX)
        out->count = HOLDERS_LOOK_MAX;
    if (out->count)
        memcpy(out->holders, holders, out->count * sizeof *holders);
    out->shrank = listener->shrank || listener->queue < before->queue;
    out->waits_on = listener->waits_on && !out->shrank;
}

void holders_look(const struct survey_query *query, const struct listener *listener, struct holders_look *out)
{
    struct survey survey = {0};
    struct survey_query quick = *query;
    *out = (struct holders_look){0};
    quick.no_waiting = true;
    if (!survey_take(&survey, &quick, NULL)) {
        for (size_t i = 0; i < survey.count; i++) {
            struct listener *l = &survey.listeners[i];
            bool same = l->cookie == listener->cookie && (!listener->netns || l->netns == listener->netns);
            l->remarks = same ? 1u << REMARK_FULL : 0; /* of the others nobody asks */
        }
        survey_look_at_holders(&survey, 1u << REMARK_FULL);
        for (size_t i = 0; i < survey.count; i++)
            if (survey.listeners[i].remarks)
                copy_look(&survey, &survey.listeners[i], listener, out);
    }
    survey_release(&survey);
}
