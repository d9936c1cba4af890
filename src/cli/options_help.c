/* The help of a command, made of the table of its options. */
#include "backlogctl/options.h"

#include <string.h>

#define HELP_INDENT 28
#define HELP_WIDTH_MIN 50

void help_fold(FILE *out, const char *text, int indent, int width)
{
    int column = indent;
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > width) {
            fprintf(out, "\n%*s", indent, "");
            column = indent;
        }
        column += fprintf(out, "%s%.*s", column > indent ? " " : "", length, text);
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct option_spec *spec, const char *help, int width)
{
    int used = spec->letter ? fprintf(out, "  -%c, --%s", spec->letter, spec->name) : fprintf(out, "      --%s", spec->name);
    if (spec->argument)
        used += fprintf(out, " %s", spec->argument);
    if (used + 2 > HELP_INDENT)
        fprintf(out, "\n%*s", HELP_INDENT, "");
    else
        fprintf(out, "%*s", HELP_INDENT - used, "");
    help_fold(out, help, HELP_INDENT, width);
}

static const char *const targets[] = {
    [TARGET_NONE] = "",
    [TARGET_PEER] = "TARGET is PORT, HOST, HOST:PORT, [ADDR]:PORT, a URL, service:NAME, /PATH or @NAME.",
    [TARGET_LISTEN] = "TARGET is PORT, HOST, HOST:PORT, [ADDR]:PORT, service:NAME, /PATH or @NAME.",
    [TARGET_LISTENER] =
        "TARGET is PORT, HOST:PORT, [ADDR]:PORT, a URL, /PATH, @NAME, pid:N, an address as list prints it, or the "
        "name of a process, unit, container or service; process:NAME, unit:NAME, container:ID and service:NAME "
        "tell these apart.",
};

static void print_usage(const struct command *command, int width, FILE *out)
{
    char line[160];
    snprintf(line, sizeof line, "backlogctl %s [OPTION]...%s%s", command->name,
             command->own_server ? " [-- COMMAND [ARG]...]"
             : command->target   ? " [TARGET]"
             : command->files    ? " FILE..."
             : command->operand  ? " "
                                 : "",
             command->operand ? command->operand : "");
    help_fold(out, line, fprintf(out, "Usage: "), width);
    snprintf(line, sizeof line, "%s.", command->summary);
    help_fold(out, line, 0, width);
    if (command->target)
        help_fold(out, targets[command->target], 0, width);
}

void options_help_short(const struct command *command, int width, FILE *out)
{
    width = width < HELP_WIDTH_MIN ? HELP_WIDTH_MIN : width;
    print_usage(command, width, out);
    fputc('\n', out);
    for (size_t g = 0; command->groups[g]; g++)
        for (const struct option_spec *spec = command->groups[g]->options; spec->name; spec++)
            if (spec->usual && !option_is_hidden(command, spec))
                print_option(out, spec, spec->usual, width);
    char line[128];
    snprintf(line, sizeof line, "--help has all options, backlogctl-%s(1) explains them.", command->name);
    fputc('\n', out);
    help_fold(out, line, 0, width);
}

void options_help(const struct command *command, int width, FILE *out)
{
    width = width < HELP_WIDTH_MIN ? HELP_WIDTH_MIN : width;
    print_usage(command, width, out);
    for (size_t g = 0; command->groups[g]; g++) {
        fprintf(out, "\n%s:\n", command->groups[g]->title);
        for (const struct option_spec *spec = command->groups[g]->options; spec->name; spec++)
            if (!option_is_hidden(command, spec))
                print_option(out, spec, spec->help, width);
    }
    fputc('\n', out);
    help_fold(out, "Durations carry a unit (250ms, 2s, 1m); counts accept k (10k).", 0, width);
    help_fold(out,
              "Exit status: 0 done and every expectation held, 1 an expectation did not hold, 4 none failed and one cannot be "
              "decided, 2 usage, 3 could not do the job, 128+n ended by signal n.",
              0, width);
    fprintf(out, "See backlogctl-%s(1).\n", command->name);
}
