/* backlogctl size: the smallest backlog at which nothing is dropped or lost, measured in the lab. */
#include "plan.h"

#include "backlogctl/output.h"
#include "backlogctl/rights.h"
#include "backlogctl/series.h"

struct result {
    const struct settings *settings;
    const struct sizing *sizing;
};

static int write_page(FILE *out, void *context)
{
    const struct result *result = context;
    return report_sizing_html(out, result->sizing, result->settings->line);
}

static int report(const struct command *command, const struct settings *settings, const struct sizing *s)
{
    struct report_style style = output_style(settings);
    int status = 0;
    if (settings->json)
        status = report_sizing_json(stdout, s);
    else if (!settings->quiet)
        report_sizing_text(stdout, s, &style);
    status = output_report(command, status);
    if (status)
        return status;
    struct error err = {0};
    struct result result = {settings, s};
    if (settings->html && output_file("--html", settings->html, write_page, &result, &err))
        return say_error(command, &err);
    if (s->signal)
        return EXIT_SIGNAL + s->signal;
    if (s->answered)
        return EXIT_DONE;
    if (*s->why)
        say(command, "not measured: %s", s->why);
    return s->predicted.overload ? EXIT_EXPECTATION : EXIT_CANNOT;
}

static int size_run(const struct command *command, const struct settings *settings)
{
    struct error err = {0};
    struct size_plan plan = {.run.lab = true, .run.only_private = true, .checks = settings->size.checks};
    struct sizing sizing = {0};
    struct trials_line line;
    if (!settings->probe.arrivals.rate && !settings->probe.arrivals.burst)
        return say_usage(command, "who comes? Give --rate N, or --burst N and --every DUR");
    if (settings->sysctls.count == SYSCTLS_MAX)
        return say_usage(command, "--sysctl: one fewer, please: the lab sets net.core.somaxconn itself");
    plan_options(&plan.run, settings);
    if (plan_addresses(&plan.run, settings, &err) || output_file_check("--html", settings->html, &err))
        return say_error(command, &err);
    int status = series_size(&sizing, &plan, trials_line_begin(&line), &err);
    trials_line_end(&line);
    return status ? say_error(command, &err) : report(command, settings, &sizing);
}

const struct command command_size = {
    .name = "size",
    .summary = "Find the smallest backlog that takes a load without a drop",
    .rights = RIGHTS_BURST | RIGHTS_SEE,
    .run = size_run,
    .own_server = &options_pace,
    .groups = {&options_load, &options_pace, &options_size, &options_target, &options_socket, &options_start, &options_output},
};
