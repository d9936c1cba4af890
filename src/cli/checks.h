/* --tap and --junit: what came of expectations, for the programs that count tests. */
#ifndef CLI_CHECKS_H
#define CLI_CHECKS_H

#include "backlogctl/options.h"

/* Writes them if they are wanted: on stdout, and into the file. 0, or the exit status after saying why not. */
int checks_report(const struct command *command, const struct settings *settings, const struct checks *checks);

/* Says which do not hold: without a report the reason for status 1 would be nowhere. */
void checks_say_broken(const struct command *command, const struct checks *checks);

/* The end of a command: who counts tests is told when the job could not be done and nothing was reported. Returns the exit status. */
int checks_finish(const struct command *command, const struct settings *settings, int exit_status);

#endif
