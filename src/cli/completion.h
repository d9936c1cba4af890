/* The scripts that complete command lines: what is made of the tables of commands, options and values for each shell. */
#ifndef CLI_COMPLETION_H
#define CLI_COMPLETION_H

#include <stdio.h>

/* Stands in a script's template for a line @NAME@. */
struct completion_part {
    const char *name; /* NULL behind the last */
    void (*print)(FILE *out);
};
extern const struct completion_part completion_bash[], completion_zsh[], completion_fish[];

#endif
