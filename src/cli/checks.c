/* --tap and --junit: what came of expectations, for the programs that count tests. */
#include "checks.h"

#include "backlogctl/output.h"

#include <errno.h>
#include <string.h>

static int write_junit(FILE *out, void *context)
{
    report_junit(out, context);
    return 0;
}

static int write_tests(const struct settings *settings, const struct checks *checks, struct error *err)
{
    *settings->tests_told = true;
    if (settings->tap) {
        report_tap(stdout, checks);
        errno = 0;
        if (fflush(stdout) || ferror(stdout))
            return error_set(err, errno ? errno : EIO, "cannot write to stdout: %s", strerror(errno ? errno : EIO));
    }
    struct checks copy = *checks;
    return settings->junit ? output_file("--junit", settings->junit, write_junit, &copy, err) : 0;
}

int checks_report(const struct command *command, const struct settings *settings, const struct checks *checks)
{
    struct error err = {0};
    return write_tests(settings, checks, &err) ? say_error(command, &err) : 0;
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
        write_tests(settings, &nothing, NULL); /* why the job failed is said already: that is the one message */
    return exit_status;
}
