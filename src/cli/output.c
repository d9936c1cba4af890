/* Messages, colours, and the care that a report really arrives. */
#include "backlogctl/escape.h"
#include "backlogctl/output.h"
#include "backlogctl/rights.h"
#include "backlogctl/tracer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

/* As errno: for who hears only that something was said. */
static char last_said[TERMINAL_PRINTF_SIZE];

const char *output_last_said(void)
{
    return last_said;
}

void say(const struct command *command, const char *format, ...)
{
    char text[TERMINAL_PRINTF_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    memcpy(last_said, text, sizeof last_said);
    fprintf(stderr, "backlogctl%s%s: ", command ? " " : "", command ? command->name : "");
    terminal_put(stderr, text);
    fputc('\n', stderr);
}

int output_status(enum expectation_outcome outcome)
{
    return outcome == OUTCOME_HELD ? EXIT_DONE : outcome == OUTCOME_OPEN ? EXIT_UNDECIDED : EXIT_EXPECTATION;
}

int say_error(const struct command *command, const struct error *err)
{
    say(command, "%s", err->text);
    return EXIT_CANNOT;
}

int say_usage(const struct command *command, const char *text)
{
    say(command, "%s. Try 'backlogctl%s%s --help'.", text, command ? " " : "", command ? command->name : "");
    return EXIT_USAGE;
}

int say_refusal(const struct command *command, const struct error *err)
{
    return err->code == ENOMEM ? say_error(command, err) : say_usage(command, err->text);
}

int output_flush(const struct command *command)
{
    int earlier = ferror(stdout) && errno ? errno : EIO; /* of a report that is longer than the buffer */
    errno = 0;
    /* Also of nothing: what cannot be written to is found out before any traffic. */
    if (!fflush(stdout) && !ferror(stdout) && write(STDOUT_FILENO, "", 0) >= 0)
        return 0;
    say(command, "cannot write to stdout: %s", strerror(errno ? errno : earlier));
    return EXIT_CANNOT;
}

int output_report(const struct command *command, int status)
{
    if (!status)
        return output_flush(command);
    say(command, "no memory for the report");
    return EXIT_CANNOT;
}

#define WIDTH_ELSEWHERE 79

int output_help_width(int fd)
{
    int columns = output_columns(fd);
    return columns > 0 ? columns - 1 : WIDTH_ELSEWHERE;
}

int output_help(const struct command *command, bool all)
{
    if (all)
        options_help(command, output_help_width(STDOUT_FILENO), stdout);
    else
        options_help_short(command, output_help_width(STDOUT_FILENO), stdout);
    return output_flush(command);
}

int output_version(bool json)
{
    struct utsname system;
    uname(&system);
    if (json)
        return output_report(NULL, report_version_json(stdout, system.release, rights_can_filter(), tracer_library()));
    printf("backlogctl %s\n", BACKLOGCTL_VERSION);
    if (tracer_lacks())
        printf("without trace: %s\n", tracer_lacks());
    return output_flush(NULL);
}

int output_columns(int fd)
{
    struct winsize size = {0};
    if (!isatty(fd))
        return 0;
    return ioctl(fd, TIOCGWINSZ, &size) || !size.ws_col ? 80 : size.ws_col;
}

struct report_style output_style(const struct settings *settings)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    bool terminal = isatty(STDOUT_FILENO) && term && strcmp(term, "dumb");
    bool automatic = terminal && !(no_color && *no_color);
    return (struct report_style){
        .color = settings->color == COLOR_ALWAYS || (settings->color == COLOR_AUTO && automatic),
        .columns = output_columns(STDOUT_FILENO),
    };
}
