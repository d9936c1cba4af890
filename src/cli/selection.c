/* A survey of what the options select, judged and sorted. */
#include "backlogctl/selection.h"

#include "backlogctl/judge.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *left, const void *right, void *context)
{
    const struct list_settings *list = context;
    for (size_t i = 0; i < list->sort_count; i++) {
        int order = report_column_compare(list->sort[i].column, left, right);
        if (order)
            return list->sort[i].down ? -order : order;
    }
    const struct listener *a = left, *b = right;
    return a->cookie < b->cookie ? -1 : a->cookie > b->cookie;
}

int selection_take(struct survey *survey, const struct settings *settings, struct error *err)
{
    survey->expectation_count = settings->expect.count;
    memcpy(survey->expectations, settings->expect.list, sizeof survey->expectations);
    int status = survey_take(survey, &settings->survey, err);
    if (status)
        return status;
    judge_survey(survey); /* percent and remarks can be sorted by */
    if (settings->list.sort_count && survey->count) {
        struct list_settings list = settings->list;
        qsort_r(survey->listeners, survey->count, sizeof *survey->listeners, compare, &list);
        judge_survey(survey); /* expectations name listeners by their place */
    }
    return 0;
}
