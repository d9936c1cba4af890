/* backlogctl resize: another backlog for a server that runs. */
#include "select.h"

#include "backlogctl/output.h"
#include "backlogctl/resizer.h"
#include "backlogctl/rights.h"

#include <stdlib.h>

static int resize_listeners(const struct command *command, const struct settings *settings, const struct survey *survey)
{
    const struct resize_plan plan = {.query = settings->survey,
                                     .backlog = settings->resize.backlog,
                                     .dry_run = settings->resize.dry_run};
    struct report_style style = output_style(settings);
    struct resizing r = {0};
    struct error err = {0};
    char place[REPORT_PLACE_SIZE];
    bool failed = false;
    int status = 0;
    if (resizer_run(&r, survey, &plan, &err))
        return say_error(command, &err);
    if (settings->json)
        status = report_resize_json(stdout, &r);
    else if (!settings->quiet)
        report_resize_text(stdout, &r, &style);
    status = output_report(command, status);
    for (size_t i = 0; i < r.count; i++) {
        failed = failed || *r.list[i].error;
        if (*r.list[i].error)
            say(command, "%s: %s", report_place(&r.list[i].before, place), r.list[i].error);
    }
    free(r.list);
    return status ? status : failed ? EXIT_CANNOT : EXIT_DONE;
}

static int resize_run(const struct command *command, const struct settings *settings)
{
    struct survey survey = {0};
    struct error err = {0};
    if (!settings->resize.given)
        return say_usage(command, "--backlog is needed: what listen(2) is to be called with");
    if (select_check(command, settings))
        return EXIT_USAGE;
    int exit_status = select_listeners(&survey, settings, NULL, &err)
                          ? say_error(command, &err)
                          : select_is_one(command, settings, &survey, settings->resize.all);
    if (!exit_status)
        exit_status = resize_listeners(command, settings, &survey);
    survey_release(&survey);
    return exit_status;
}

const struct command command_resize = {
    .name = "resize",
    .summary = "Change the backlog of a running server",
    .rights = RIGHTS_SEE,
    .run = resize_run,
    .target = TARGET_LISTENER,
    .groups = {&options_select, &options_resize, &options_output},
};
