/* What the options select, in the order that they want. */
#include "select.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int compare(const void *left, const void *right, void *context)
{
    const struct list_settings *list = context;
    for (size_t i = 0; i < list->sort_count; i++) {
        int order = report_compare(list->sort[i].column, left, right);
        if (order)
            return list->sort[i].down ? -order : order;
    }
    int order = report_compare(FIGURE_ADDRESS, left, right);
    const struct listener *a = left, *b = right;
    if (order)
        return order;
    return a->cookie < b->cookie ? -1 : a->cookie > b->cookie;
}

/* What nobody will see is not looked for. */
static struct survey_query query_for(const struct settings *settings)
{
    struct survey_query query = settings->survey;
    const struct list_settings *list = &settings->list;
    unsigned needs = NEEDS_NOTHING;
    if (settings->json || list->prometheus || !list->view.count)
        return query;
    for (size_t i = 0; i < list->view.count; i++)
        needs |= figures[list->view.columns[i]].needs;
    for (size_t i = 0; i < list->sort_count; i++)
        needs |= figures[list->sort[i].column].needs;
    for (size_t i = 0; i < settings->expect.count; i++)
        needs |= measure_needs(settings->expect.list[i].measure);
    query.no_owners = !(needs & NEEDS_OWNERS) && !query.process;
    query.no_waiting = !(needs & NEEDS_WAITING);
    return query;
}

int select_listeners(struct survey *survey, const struct settings *settings, struct error *err)
{
    struct selection_plan plan = {.query = query_for(settings),
                                  .expect = settings->expect,
                                  .order = settings->list.sort_count ? compare : NULL,
                                  .context = (void *)&settings->list};
    return selection_take(survey, &plan, err);
}

#define NAMED_MAX 3

int select_is_one(const struct survey *survey, struct error *err)
{
    if (!survey->count)
        return error_set(err, ENOENT, "no such listener here: 'backlogctl list' shows those that there are");
    if (survey->count == survey->listeners[0].group || survey->count == 1)
        return 0;
    char names[200] = "";
    for (size_t i = 0; i < survey->count && i < NAMED_MAX; i++) {
        char name[REPORT_PLACE_SIZE];
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%.40s (%.20s/%d)", i ? ", " : "",
                 report_place(&survey->listeners[i], name), survey->listeners[i].process, (int)survey->listeners[i].pid);
    }
    /* --unix excludes --host. */
    return error_set(err, EEXIST, "%zu listeners are meant: %s%s: give %s--process or --pid to choose one", survey->count, names,
                     survey->count > NAMED_MAX ? " ..." : "",
                     has_handshake((enum socket_kind)survey->listeners[0].kind) ? "--host, " : "");
}
