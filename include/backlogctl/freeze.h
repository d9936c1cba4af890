/* Stops all threads of some processes for a bounded time. Whatever becomes of us meanwhile, they go on: a guardian process of
   ours does the stopping, ends it when we end, and never lets it last longer than the budget; by ptrace(2) the kernel itself
   lets them go when the guardian dies. */
#ifndef BACKLOGCTL_FREEZE_H
#define BACKLOGCTL_FREEZE_H

#include "backlogctl/clock.h"
#include "backlogctl/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum freeze_method {
    FREEZE_AUTO,   /* ptrace where that is permitted, else stop */
    FREEZE_PTRACE, /* PTRACE_SEIZE and PTRACE_INTERRUPT of every thread: nobody else sees it */
    FREEZE_STOP,   /* SIGSTOP, then SIGCONT: the parents of the processes see it; survives the death of all of our processes but
                      the last one of them */
};

struct freeze_settings {
    nsec budget; /* counted from the moment at which the first thread is stopped; > 0 */
    enum freeze_method method;
};

struct freeze_facts {
    enum freeze_method method; /* the one taken */
    size_t processes, threads; /* stopped */
    nsec lasted;               /* from the first stop to the release */
    bool expired;              /* the budget ended it, or the guardian was killed */
};

struct freeze;

/* Returns when every thread is stopped. 0; -EPERM: not allowed (the text names the right), -ESRCH: none of them is there any
   more, -ETIMEDOUT: not all stopped within the budget (and all go on again), -EINVAL: no process, ours, or process 1. */
int freeze_begin(struct freeze **out, const pid_t *pids, size_t count, const struct freeze_settings *settings, struct error *err);

/* Still stopped, and within the budget? About 1 us. */
bool freeze_holds(const struct freeze *freeze);

/* Lets all go on, returns when they do, frees. 0, or -ECHILD when the guardian had been killed: they went on then. */
int freeze_end(struct freeze *freeze, struct freeze_facts *out);

#endif
