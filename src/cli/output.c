/* Messages, colours, and the care that a report really arrives. */
#include "backlogctl/escape.h"
#include "backlogctl/output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
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
    strcpy(last_said, text);
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

int output_flush(const struct command *command)
{
    errno = 0;
    if (!fflush(stdout) && !ferror(stdout))
        return 0;
    say(command, "cannot write to stdout: %s", strerror(errno ? errno : EIO));
    return EXIT_CANNOT;
}

int output_report(const struct command *command, int status)
{
    if (!status)
        return output_flush(command);
    say(command, "no memory for the report");
    return EXIT_CANNOT;
}

int output_version(void)
{
    printf("backlogctl %s\n", BACKLOGCTL_VERSION);
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
