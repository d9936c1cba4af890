/* Messages, colours, and the care that a report really arrives. */
#include "checks.h"

#include "backlogctl/escape.h"
#include "backlogctl/output.h"
#include "backlogctl/presets.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

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

/* An option of a server of our own, which says nothing of one that is started; its backlog does. */
static const struct option_spec *server_option(const struct command *command, const char *word)
{
    for (const struct option_spec *spec = command->own_server->options; spec->name; spec++)
        if (!strncmp(word, "--", 2) && !strcmp(word + 2, spec->name) && strcmp(spec->name, "backlog"))
            return spec;
    return NULL;
}

/* The preset's words come first, so that those of the command line count. */
static int parse_with_preset(const struct command *command, int count, char **words, struct settings *settings, struct error *err)
{
    const struct preset *preset = preset_find(settings->preset);
    char **all = calloc((size_t)count + PRESET_WORDS_MAX + 1, sizeof *all);
    int used = 0;
    if (!all)
        return error_set(err, ENOMEM, "no memory");
    all[used++] = words[0];
    for (size_t i = 0; preset->words[i]; i++) {
        const struct option_spec *left_out = settings->words ? server_option(command, preset->words[i]) : NULL;
        if (left_out)
            i += left_out->argument != NULL;
        else
            all[used++] = (char *)(uintptr_t)preset->words[i];
    }
    for (int i = 1; i < count; i++)
        all[used++] = words[i];
    *settings = settings_default;
    int status = options_parse(command, used, all, settings, err);
    settings->probe.timeline = settings->probe.timeline || preset->timeline;
    free(all);
    return status;
}

int command_main(const struct command *command, int count, char **words)
{
    struct settings settings = settings_default;
    struct error err = {0};
    if (options_parse(command, count, words, &settings, &err) ||
        (settings.preset && parse_with_preset(command, count, words, &settings, &err)))
        return say_usage(command, err.text);
    if (settings.version)
        return output_version();
    if (settings.list_presets) {
        presets_print(stdout);
        return output_flush(command);
    }
    if (settings.help) {
        options_help(command, stdout);
        return output_flush(command);
    }
    struct error junit_err = {0};
    if (output_file_check("--junit", settings.junit, &junit_err))
        return say_error(command, &junit_err);
    return checks_finish(command, &settings, command->run(command, &settings));
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
