/* All commands: their names, and what is said where none is named. */
#ifndef BACKLOGCTL_OVERVIEW_H
#define BACKLOGCTL_OVERVIEW_H

#include "backlogctl/options.h"

/* Each with its summary. */
void overview_print(FILE *out);

/* The help of the command that is named in the words behind "help", or of all. Returns the exit status. */
int overview_help(int count, char **words);

/* The version, with the words behind it: --json or nothing. Returns the exit status. */
int overview_version(int count, char **words);

/* No word at all: on a terminal what is wrong with the listeners here now, else all commands on stderr, as no use of any. Returns the
   exit status. */
int overview_alone(void);

/* Says that there is no such command, and which there are; returns EXIT_USAGE. */
int overview_unknown(const char *name);

#endif
