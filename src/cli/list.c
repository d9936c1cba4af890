/* backlogctl list: every listener, how full it is, what it dropped, and whose it is. */
#include "select.h"

#include "backlogctl/output.h"

static void print(FILE *out, const struct settings *settings, const struct survey *survey, bool to_file)
{
    struct report_style style =
        to_file ? (struct report_style){.color = settings->color == COLOR_ALWAYS} : output_style(settings);
    if (settings->quiet)
        return;
    if (settings->list.prometheus)
        report_survey_prometheus(out, survey);
    else if (settings->json)
        report_survey_json(out, survey);
    else
        report_survey_text(out, survey, &settings->list.view, &style);
}

struct printing {
    const struct settings *settings;
    const struct survey *survey;
};

static void print_to_file(FILE *out, void *context)
{
    const struct printing *p = context;
    print(out, p->settings, p->survey, true);
}

/* Without a report the reason for status 1 would be nowhere. */
static void say_broken(const struct command *command, const struct survey *survey)
{
    for (size_t i = 0; i < survey->expectation_count; i++) {
        const struct expectation *e = &survey->expectations[i];
        if (!e->ok && e->seen_known)
            say(command, "expected %s, seen %lld", e->text, (long long)e->seen);
        else if (!e->ok)
            say(command, "expected %s, but %s", e->text,
                !survey->count ? "no listener was selected"
                : e->broken    ? "nobody knows"
                               : "AF_UNIX listeners have none");
    }
}

static int report(const struct command *command, const struct settings *settings, const struct survey *survey, struct error *err)
{
    if (settings->list.output) {
        struct printing printing = {settings, survey};
        if (output_file("--output", settings->list.output, print_to_file, &printing, err))
            return say_error(command, err);
    } else {
        print(stdout, settings, survey, false);
        int status = output_flush(command);
        if (status)
            return status;
    }
    if (settings->quiet || settings->list.prometheus)
        say_broken(command, survey);
    return survey->ok ? EXIT_DONE : EXIT_EXPECTATION;
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
    .groups = {&options_select, &options_list, &options_output},
};
