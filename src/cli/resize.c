/* backlogctl resize: another backlog for a server that runs. */
#include "backlogctl/borrow.h"
#include "backlogctl/judge.h"
#include "backlogctl/output.h"
#include "backlogctl/selection.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void resize_one(const struct settings *settings, struct resized *one)
{
    struct error err = {0};
    const struct listener *listener = &one->before;
    int status;
    if (!listener->pid)
        status = error_set(&err, EPERM,
                           "its process cannot be seen: as its user, or as root (CAP_SYS_PTRACE, "
                           "CAP_DAC_READ_SEARCH), it can");
    else if (settings->resize.dry_run)
        status = borrow_check(listener->pid, listener->inode, &err);
    else
        status = borrow_listen(listener->pid, listener->inode, settings->resize.backlog, &err);
    one->changed = !status && !settings->resize.dry_run;
    if (status)
        snprintf(one->error, sizeof one->error, "%s", err.text);
}

/* How the kernel shows them now. */
static void look_again(struct resizing *r, const struct settings *settings)
{
    struct survey survey = {0};
    struct survey_query query = settings->survey;
    query.no_owners = query.no_waiting = true;
    query.process = NULL;
    int status = survey_take(&survey, &query, NULL);
    judge_survey(&survey);
    if (!status)
        for (size_t i = 0; i < r->count; i++)
            for (size_t j = 0; j < survey.count; j++)
                if (r->list[i].changed && survey.listeners[j].cookie == r->list[i].before.cookie) {
                    struct resized *one = &r->list[i];
                    one->after = survey.listeners[j];
                    one->after.pid = one->before.pid;
                    one->after.processes = one->before.processes;
                    memcpy(one->after.process, one->before.process, sizeof one->after.process);
                }
    survey_release(&survey);
}

static int resize_listeners(const struct command *command, const struct settings *settings, const struct survey *survey)
{
    const struct netns_facts *netns = netns_facts_find(survey->namespaces, survey->namespace_count, survey->listeners[0].netns);
    struct resizing r = {.asked = settings->resize.backlog,
                         .dry_run = settings->resize.dry_run,
                         .somaxconn = netns ? netns->somaxconn : -1,
                         .list = calloc(survey->count, sizeof *r.list),
                         .count = survey->count};
    struct report_style style = output_style(settings);
    bool failed = false;
    int status = 0;
    if (!r.list)
        return say_error(command, &(struct error){.code = ENOMEM, .text = "no memory"});
    for (size_t i = 0; i < r.count; i++) {
        r.list[i].before = survey->listeners[i];
        resize_one(settings, &r.list[i]);
        failed = failed || *r.list[i].error;
    }
    look_again(&r, settings);
    if (settings->json)
        status = report_resize_json(stdout, &r);
    else if (!settings->quiet)
        report_resize_text(stdout, &r, &style);
    status = output_report(command, status);
    for (size_t i = 0; i < r.count && !settings->json; i++)
        if (*r.list[i].error && settings->quiet)
            say(command, "%s", r.list[i].error);
    free(r.list);
    return status ? status : failed ? EXIT_CANNOT : EXIT_DONE;
}

static int resize_run(const struct command *command, const struct settings *settings)
{
    struct survey survey = {0};
    struct error err = {0};
    if (!settings->resize.given)
        return say_usage(command, "--backlog is needed: what shall listen(2) be called with?");
    if (!settings->survey.port && !settings->survey.path)
        return say_usage(command, "--port or --unix is needed: which listener?");
    int status = selection_take(&survey, settings, &err);
    if (!status && settings->survey.pid)
        selection_keep_held(&survey, settings->survey.pid);
    if (!status)
        status = survey.count && settings->resize.all ? 0 : selection_is_one(&survey, &err);
    int exit_status = status ? say_error(command, &err) : resize_listeners(command, settings, &survey);
    survey_release(&survey);
    return exit_status;
}

const struct command command_resize = {
    .name = "resize",
    .summary = "Change the backlog of a running server",
    .run = resize_run,
    .groups = {&options_select, &options_resize, &options_output},
};
