/* Another backlog for listeners that are open, and how the kernel shows them then. */
#include "backlogctl/resizer.h"

#include "backlogctl/borrow.h"
#include "backlogctl/judge.h"
#include "backlogctl/owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void resize_one(const struct resize_plan *plan, struct resized *one)
{
    struct error err = {0};
    const struct listener *listener = &one->before;
    int status;
    if (!listener->pid)
        status = owner_unseen(listener, "it", &err);
    else if (plan->dry_run)
        status = borrow_check(listener->pid, listener->inode, &err);
    else
        status = borrow_listen(listener->pid, listener->inode, plan->backlog, &err);
    one->changed = !status && !plan->dry_run;
    if (status)
        snprintf(one->error, sizeof one->error, "%s", err.text);
}

/* How the kernel shows them now. */
static void look_again(struct resizing *r, const struct resize_plan *plan)
{
    struct survey survey = {0};
    struct survey_query query = plan->query;
    query.no_owners = query.no_waiting = true;
    query.process = query.unit = NULL;
    int status = survey_take(&survey, &query, NULL);
    judge_survey(&survey);
    if (!status)
        for (size_t i = 0; i < r->count; i++)
            for (size_t j = 0; j < survey.count; j++)
                if (r->list[i].changed && survey.listeners[j].cookie == r->list[i].before.cookie) {
                    struct resized *one = &r->list[i];
                    one->after = survey.listeners[j];
                    owner_copy(&one->before, &one->after);
                }
    survey_release(&survey);
}

int resizer_run(struct resizing *r, const struct survey *survey, const struct resize_plan *plan, struct error *err)
{
    const struct netns_facts *netns = netns_facts_find(survey->namespaces, survey->namespace_count, survey->listeners[0].netns);
    *r = (struct resizing){.asked = plan->backlog,
                           .dry_run = plan->dry_run,
                           .somaxconn = netns ? netns->somaxconn : -1,
                           .survey = survey,
                           .list = calloc(survey->count, sizeof *r->list),
                           .count = survey->count};
    if (!r->list)
        return error_set(err, ENOMEM, "no memory");
    for (size_t i = 0; i < r->count; i++) {
        r->list[i].before = survey->listeners[i];
        resize_one(plan, &r->list[i]);
    }
    look_again(r, plan);
    return 0;
}
