/* --tap and --junit: what came of expectations, for the programs that count tests. */
#include "checks.h"

#include "backlogctl/output.h"

static int write_junit(FILE *out, void *context)
{
    report_junit(out, context);
    return 0;
}

int checks_report(const struct command *command, const struct settings *settings, const struct checks *checks)
{
    struct error err = {0};
    if (!settings->tap && !settings->junit)
        return 0;
    *settings->tests_told = true;
    if (settings->tap) {
        report_tap(stdout, checks);
        int status = output_flush(command);
        if (status)
            return status;
    }
    struct checks copy = *checks;
    return settings->junit && output_file("--junit", settings->junit, write_junit, &copy, &err) ? say_error(command, &err) : 0;
}

void checks_say_broken(const struct command *command, const struct checks *checks)
{
    char text[REPORT_BROKEN_SIZE];
    for (size_t i = 0; i < checks->count; i++)
        if (checks->list[i].outcome != OUTCOME_HELD)
            say(command, "%s", report_broken(checks, &checks->list[i], text));
}

int checks_finish(const struct command *command, const struct settings *settings, int exit_status)
{
    const struct checks nothing = {.command = command->name, .cannot = output_last_said()};
    if (!*settings->tests_told && exit_status == EXIT_CANNOT)
        checks_report(command, settings, &nothing);
    return exit_status;
}
