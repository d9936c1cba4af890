/* backlogctl list: every listener, how full it is, what it dropped, and whose it is. */
#include "checks.h"
#include "select.h"

#include "backlogctl/output.h"

static int print(FILE *out, const struct settings *settings, const struct survey *survey, bool to_file)
{
    struct report_style style =
        to_file ? (struct report_style){.color = settings->color == COLOR_ALWAYS} : output_style(settings);
    if (settings->quiet || settings->tap)
        return 0;
    if (settings->json)
        return report_survey_json(out, survey);
    if (!settings->list.prometheus)
        return report_survey_text(out, survey, &settings->list.view, &style);
    report_survey_prometheus(out, survey);
    return 0;
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

static int list_run(const struct command *command, const struct settings *settings)
{
    struct survey survey = {0};
    struct error err = {0};
    if (settings->list.columns_help) {
        report_columns_help(stdout);
        return output_flush(command);
    }
    int status = select_listeners(&survey, settings, &err) ? say_error(command, &err) : report(command, settings, &survey, &err);
    survey_release(&survey);
    return status;
}

const struct command command_list = {
    .name = "list",
    .summary = "Show every listener: how full its queue is, what it dropped, whose it is",
    .run = list_run,
    .groups = {&options_select, &options_list, &options_checks, &options_output},
};
