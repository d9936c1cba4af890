/* The experiment that `probe` and `run` share: burst, looks, verdicts, report. */
#ifndef BACKLOGCTL_EXPERIMENT_H
#define BACKLOGCTL_EXPERIMENT_H

#include "backlogctl/options.h"
#include "backlogctl/server.h"

/* Aims the burst that the settings ask for at `addresses` in turn, as telnet tries them, and reports. `server` is a
   server of ours that is open but not started, or NULL. Returns the exit status of the program. */
int experiment_perform(const struct command *command, const struct settings *settings,
                       const struct endpoint *addresses, size_t count, struct server *server);

#endif
