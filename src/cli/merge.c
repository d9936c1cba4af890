/* backlogctl merge: reports of several hosts become one. */
#include "plan.h"

#include "backlogctl/merge.h"
#include "backlogctl/output.h"

static int merge_command(const struct command *command, const struct settings *settings)
{
    struct error err = {0};
    const struct merge_plan plan = {.files = settings->words,
                                    .hosts = settings->merge.hosts,
                                    .expect = settings->expect,
                                    .timeline = settings->probe.timeline || settings->svg || settings->html,
                                    .summary = settings->probe.summary};
    struct merge *merge = NULL;
    int status = perform_check_files(settings, &err);
    if (!status)
        status = merge_open(&merge, &plan, &err);
    status = status ? say_error(command, &err) : perform_report(command, settings, merge_run(merge));
    merge_close(merge);
    return status;
}

const struct command command_merge = {
    .name = "merge",
    .summary = "Join the reports of several hosts about one burst",
    .run = merge_command,
    .files = "files with the reports of probe --json and observe --json",
    .groups = {&options_merge, &options_account, &options_checks, &options_output},
};
