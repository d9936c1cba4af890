/* The one word that a command takes beside its options. */
#include "backlogctl/closest.h"
#include "backlogctl/output.h"

#include <stdio.h>
#include <string.h>

int operand_place(const struct command *command, const struct settings *settings)
{
    char text[512] = "", hint[CLOSEST_HINT_SIZE];
    struct closest closest = {.typed = settings->operand ? settings->operand : ""};
    for (size_t n = 0; command->operand_at(n); n++) {
        if (settings->operand && !strcmp(settings->operand, command->operand_at(n)))
            return (int)n;
        closest_try(&closest, command->operand_at(n));
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", n ? ", " : "", command->operand_at(n));
    }
    char why[sizeof text + 128 + sizeof hint];
    if (settings->operand)
        snprintf(why, sizeof why, "unknown %s '%.80s'%s: want %s", command->operand, settings->operand,
                 closest_hint(&closest, "", hint), text);
    else
        snprintf(why, sizeof why, "%s is missing: want %s", command->operand, text);
    say_usage(command, why);
    return -1;
}
