/* The table of commands, in the order of the help. */
#include "backlogctl/options.h"

#include <string.h>

static const struct command *const commands[] = {&command_run,        &command_probe, &command_serve,   &command_list,
                                                 &command_watch,      &command_trace, &command_observe, &command_resize,
                                                 &command_measure,    &command_sweep, &command_size,    &command_merge,
                                                 &command_completion, &command_schema};

#define COMMANDS (sizeof commands / sizeof *commands)

const struct command *command_at(size_t n)
{
    return n < COMMANDS ? commands[n] : NULL;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (!strcmp(commands[i]->name, name))
            return commands[i];
    return NULL;
}
