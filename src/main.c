/* backlogctl: see, test and size TCP listen backlogs. Which command was meant, and its beginning. */
#include "backlogctl/output.h"
#include "backlogctl/overview.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

int main(int argc, char **argv)
{
    signal(SIGXFSZ, SIG_IGN); /* write(2) fails then, and says why */
    setlocale(LC_CTYPE, "");  /* what the terminal can show; numbers are written the same everywhere */
    if (!hold_standard_streams()) {
        say(NULL, "stdout is closed: there is nowhere to report to (use --quiet >/dev/null for the exit status alone)");
        return EXIT_CANNOT;
    }
    const char *word = argc > 1 ? argv[1] : "";
    if (!strcmp(word, "--help") || !strcmp(word, "-h") || !strcmp(word, "help"))
        return overview_help(argc - 2, argv + 2);
    if (!strcmp(word, "--version") || !strcmp(word, "-V") || !strcmp(word, "version"))
        return overview_version(argc - 2, argv + 2);
    if (argc < 2)
        return overview_alone();
    const struct command *command = command_find(word);
    if (!command)
        return overview_unknown(word);
    return command_main(command, argc - 1, argv + 1);
}
