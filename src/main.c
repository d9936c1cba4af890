/* backlogctl: see, test and size TCP listen backlogs. The table of commands and their dispatch. */
#include "backlogctl/output.h"

#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct command *const commands[] = {&command_run,    &command_probe,   &command_serve, &command_list, &command_watch,
                                                 &command_resize, &command_measure, &command_sweep, &command_size};

#define COMMANDS (sizeof commands / sizeof *commands)

static void usage(FILE *out)
{
    fprintf(out, "Usage: backlogctl COMMAND [OPTION]...\nSee, test and size TCP listen backlogs.\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out, "\nStart with: backlogctl run --backlog 2 --accept-count 1 --count 10\n"
                 "'backlogctl COMMAND --help' lists the options; backlogctl(7) explains every verdict.\n");
}

/* A closed 0, 1 or 2 would become the number of a socket: what is written there would reach a peer. Closed ones are held
   open with /dev/null. Returns whether stdout was there. */
static bool hold_standard_streams(void)
{
    bool stdout_open = fcntl(STDOUT_FILENO, F_GETFD) != -1;
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
    return stdout_open;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (!strcmp(commands[i]->name, name))
            return commands[i];
    return NULL;
}

int main(int argc, char **argv)
{
    setlocale(LC_CTYPE, ""); /* what the terminal can show; numbers are written the same everywhere */
    if (!hold_standard_streams()) {
        say(NULL, "stdout is closed: there is nowhere to report to (use --quiet >/dev/null for the exit status alone)");
        return EXIT_CANNOT;
    }
    const char *word = argc > 1 ? argv[1] : "";
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help")) {
        usage(stdout);
        return output_flush(NULL);
    }
    if (!strcmp(word, "--version") || !strcmp(word, "-V"))
        return output_version();
    const struct command *command = find_command(word);
    if (!command) {
        char names[128] = "";
        for (size_t i = 0; i < COMMANDS; i++)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", i ? ", " : "", commands[i]->name);
        say(NULL,
            *word ? "unknown command '%.80s': want %s. Try 'backlogctl --help'."
                  : "no command%s: want %s. Try 'backlogctl --help'.",
            word, names);
        return EXIT_USAGE;
    }
    return command_main(command, argc - 1, argv + 1);
}
