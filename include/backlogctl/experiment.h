/* The experiment that `probe` and `run` share: burst, looks, verdicts, report. */
#ifndef BACKLOGCTL_EXPERIMENT_H
#define BACKLOGCTL_EXPERIMENT_H

#include "backlogctl/options.h"
#include "backlogctl/server.h"
#include "backlogctl/wire.h"

/* What the burst is aimed at, and over what. */
struct lab {
    struct endpoint addresses[TARGETS_MAX]; /* where the server's side is; tried in turn, as telnet tries them */
    size_t count;
    struct server *server; /* a server of ours that is open but not started, or NULL */
    struct wire *wire;     /* a path with a delay, or NULL */
};

/* Makes the private namespace that the settings ask for, with its sysctls and its path, and opens the server in it. Addresses that
   could not be bound are told by `left_out` (may be NULL). The process must have one thread only, unless settings->host_net.
   0 or -errno; lab_close whatever it returned. */
int lab_open(struct lab *lab, const struct settings *settings, void (*left_out)(void *context, const char *text), void *context,
             struct error *err);
void lab_close(struct lab *lab);

/* Aims the burst that the settings ask for at the lab, and reports. Returns the exit status of the program. */
int experiment_perform(const struct command *command, const struct settings *settings, const struct lab *lab);

#endif
