/* backlogctl run: server and burst in one process, in a network namespace of their own. */
#include "plan.h"

#include "backlogctl/output.h"
#include "backlogctl/rights.h"

static int run_run(const struct command *command, const struct settings *settings)
{
    struct error err = {0};
    struct experiment_plan plan = {.lab = true};
    plan_options(&plan, settings);
    return plan_addresses(&plan, settings, &err) ? say_error(command, &err) : plan_perform(command, settings, &plan);
}

const struct command command_run = {
    .name = "run",
    .summary = "Run server and burst together in a private network namespace",
    .rights = RIGHTS_BURST | RIGHTS_SEE,
    .run = run_run,
    .own_server = &options_server,
    .groups = {&options_server, &options_probe, &options_lab, &options_start, &options_target, &options_socket, &options_account,
               &options_checks, &options_output},
};
