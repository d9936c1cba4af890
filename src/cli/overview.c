/* What is said of all commands together. */
#include "backlogctl/overview.h"

#include "backlogctl/closest.h"
#include "backlogctl/output.h"

#include <string.h>
#include <unistd.h>

#define SUMMARY_INDENT 13

void overview_print(FILE *out)
{
    int width = output_help_width(fileno(out));
    fprintf(out, "Usage: backlogctl COMMAND [OPTION]...\nSee, test and size TCP listen backlogs.\n\nCommands:\n");
    for (size_t i = 0; command_at(i); i++) {
        fprintf(out, "  %-*s", SUMMARY_INDENT - 2, command_at(i)->name);
        help_fold(out, command_at(i)->summary, SUMMARY_INDENT, width);
    }
    fputs("\nStart with:\n  backlogctl run --backlog 2 --accept-count 1 --count 10\n", out);
    help_fold(out,
              "'backlogctl COMMAND -h' or 'backlogctl help COMMAND' has the options of one; backlogctl(7) explains every "
              "verdict.",
              0, width);
}

int overview_help(int count, char **words)
{
    const char *name = count ? words[0] : "help";
    const struct command *command = command_find(name);
    if (count > 1) {
        say(NULL, "unexpected argument '%.80s': help takes one command. Try 'backlogctl --help'.", words[1]);
        return EXIT_USAGE;
    }
    if (command)
        return output_help(command, true);
    if (strcmp(name, "help") && strcmp(name, "version")) /* those have no options of their own */
        return overview_unknown(name);
    overview_print(stdout);
    return output_flush(NULL);
}

int overview_version(int count, char **words)
{
    bool json = count && (!strcmp(words[0], "--json") || !strcmp(words[0], "-j"));
    if (count > json) {
        say(NULL, "unexpected argument '%.80s': version takes --json or nothing. Try 'backlogctl --help'.", words[json]);
        return EXIT_USAGE;
    }
    return output_version(json);
}

int overview_alone(void)
{
    char *words[] = {(char *)(uintptr_t)command_trouble.name, NULL};
    if (isatty(STDOUT_FILENO))
        return command_main(&command_trouble, 1, words);
    overview_print(stderr);
    return EXIT_USAGE;
}

int overview_unknown(const char *name)
{
    char names[128] = "", hint[CLOSEST_HINT_SIZE];
    struct closest closest = {.typed = name};
    for (size_t i = 0; command_at(i); i++) {
        closest_try(&closest, command_at(i)->name);
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "", command_at(i)->name);
    }
    if (*name)
        say(NULL, "unknown command '%.80s'%s: want %s. Try 'backlogctl --help'.", name, closest_hint(&closest, "", hint), names);
    else
        say(NULL, "no command: want %s. Try 'backlogctl --help'.", names);
    return EXIT_USAGE;
}
