/* backlogctl run: server and burst in one process, in a network namespace of their own. */
#include "backlogctl/experiment.h"
#include "backlogctl/output.h"

static void say_left_out(void *context, const char *text)
{
    say(context, "%s", text);
}

static int run_run(const struct command *command, const struct settings *settings)
{
    struct error err = {0};
    struct lab lab;
    int status = lab_open(&lab, settings, say_left_out, (void *)command, &err);
    int exit_status = status ? say_error(command, &err) : experiment_perform(command, settings, &lab);
    lab_close(&lab);
    return exit_status;
}

const struct command command_run = {
    .name = "run",
    .summary = "Run server and burst together in a private network namespace",
    .run = run_run,
    .groups = {&options_server, &options_probe, &options_lab, &options_target, &options_socket, &options_account,
               &options_output},
};
