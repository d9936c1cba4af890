/* backlogctl list: every listener, how full it is, what it dropped, and whose it is. */
#include "checks.h"
#include "select.h"

#include "backlogctl/judge.h"
#include "backlogctl/output.h"
#include "backlogctl/rights.h"

#include <unistd.h>

static int print(FILE *out, const struct settings *settings, const struct survey *survey, bool to_file)
{
    struct report_style style = {.color = settings->color == COLOR_ALWAYS};
    if (!to_file)
        style = output_style(settings);
    if (settings->quiet || settings->tap)
        return 0;
    if (settings->json)
        return report_survey_json(out, survey);
    if (!settings->list.prometheus)
        return report_survey_text(out, survey, &settings->list.view, &style);
    report_survey_prometheus(out, survey);
    return survey->traced ? report_trace_prometheus(out, survey->traced) : 0;
}

/* A running trace is asked for what it counted; with `always` it is an error that there is none. */
static int find_traces(const struct command *command, const struct settings *settings, struct exact_traces *exact,
                       struct error *err)
{
    if (settings->exact == EXACT_NEVER)
        return 0;
    exact_find(exact);
    int status = command_settle(command, settings, err);
    if (!status && settings->exact == EXACT_ALWAYS && exact->lack.code)
        return error_set(err, exact->lack.code, "%s", exact->lack.text);
    return status;
}

struct printing {
    const struct settings *settings;
    const struct survey *survey;
};

static int print_to_file(FILE *out, void *context)
{
    const struct printing *p = context;
    return print(out, p->settings, p->survey, true);
}

static int report(const struct command *command, const struct settings *settings, const struct survey *survey, struct error *err)
{
    if (!survey->count && !settings->quiet)
        select_say_none(command, settings, &settings->expect);
    if (settings->list.output) {
        struct printing printing = {settings, survey};
        if (output_file("--output", settings->list.output, print_to_file, &printing, err))
            return say_error(command, err);
    } else {
        int status = output_report(command, print(stdout, settings, survey, false));
        if (status)
            return status;
    }
    const struct checks checks = {.command = command->name,
                                  .list = survey->expectations,
                                  .count = survey->expectation_count,
                                  .survey = survey,
                                  .started_at = survey->taken_at};
    if (settings->quiet || settings->list.prometheus)
        checks_say_broken(command, &checks);
    int status = checks_report(command, settings, &checks);
    return status ? status : output_status(survey->outcome);
}

/* A trace may be of other network namespaces alone. */
static bool knows_any(const struct survey *survey)
{
    for (size_t i = 0; i < survey->count; i++)
        if (trace_find(survey->traced, &survey->listeners[i]))
            return true;
    return false;
}

static int list_run(const struct command *command, const struct settings *settings)
{
    struct survey survey = {0};
    struct exact_traces exact = {0};
    struct error err = {0};
    if (settings->list.columns_help) {
        struct report_style style = output_style(settings);
        report_columns_help(stdout, &style);
        return output_flush(command);
    }
    bool failed = find_traces(command, settings, &exact, &err) ||
                  select_listeners(&survey, settings, settings->exact == EXACT_NEVER ? NULL : &exact, &err);
    if (settings->exact == EXACT_AUTO && !knows_any(&survey))
        survey.traced = NULL;
    int status = failed ? say_error(command, &err) : report(command, settings, &survey, &err);
    survey_release(&survey);
    exact_release(&exact);
    return status;
}

const struct command command_list = {
    .name = "list",
    .summary = "Show every listener: how full its queue is, what it dropped, whose it is",
    .rights = RIGHTS_SEE | RIGHT(NET_ADMIN),
    .rights_first = RIGHT(SYS_ADMIN),
    .settles = true,
    .only_reads = true,
    .also = RIGHTS_TO_COUNT,
    .run = list_run,
    .target = TARGET_LISTENER,
    .groups = {&options_select, &options_list, &options_checks, &options_output},
};

/* ---- backlogctl alone ---- */

/* What is not over, and no mere warning. */
#define WRONG_NOW \
    (REMARKS_IN_TROUBLE | 1u << REMARK_DROPPING | 1u << REMARK_SYN_QUEUE_FULL | 1u << REMARK_GIVEN_UP | 1u << REMARK_LOWERED)

static int trouble_run(const struct command *command, const struct settings *settings)
{
    struct survey survey = {0};
    struct error err = {0};
    struct report_style style = output_style(settings);
    if (select_listeners(&survey, settings, NULL, &err))
        return say_error(command, &err);
    size_t kept = 0, all = survey.count;
    for (size_t i = 0; i < all; i++)
        if (survey.listeners[i].remarks & WRONG_NOW)
            survey.listeners[kept++] = survey.listeners[i];
    survey.count = kept;
    int status = kept ? report_survey_text(stdout, &survey, &settings->list.view, &style) : 0;
    printf("%s%zu of %zu listeners here %s in trouble now.\n", kept ? "\n" : "", kept, all, kept == 1 ? "is" : "are");
    help_fold(stdout, "'backlogctl list' shows all, 'backlogctl --help' the commands.", 0, output_help_width(STDOUT_FILENO));
    survey_release(&survey);
    return output_report(command, status);
}

const struct command command_trouble = {
    .name = "list",
    .summary = "Show the listeners that are in trouble now",
    .rights = RIGHTS_SEE | RIGHT(NET_ADMIN),
    .only_reads = true,
    .run = trouble_run,
    .groups = {&options_select, &options_list, &options_checks, &options_output},
};
