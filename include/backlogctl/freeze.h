/* Stops all threads of some processes for a bounded time.

   A guardian, a child process, does it. Whatever happens to the caller or the guardian, SIGKILL at any moment included, the
   targets go on running: the kernel lets tracees go when their tracer ends (ptrace(2)), and with FREEZE_STOP a rescuer, a
   second child, continues them when the guardian ends. Both have process groups of their own: what is sent to the caller's
   group or terminal misses them. Only FREEZE_STOP has a gap: who kills guardian and rescuer at one stroke, as cgroup.kill
   does, and the caller too, leaves the targets stopped until somebody sends SIGCONT.

   A process with a seccomp filter that kills it for restart_syscall(2) dies of any stop, by whomever, in poll(2), nanosleep(2)
   and a futex(2) with a timeout. FREEZE_PTRACE saves it on x86-64, unless the guardian is killed between the stop of a thread
   and its next step; FREEZE_AUTO stops no process that has a filter in another way.

   Targets notice little: epoll_wait(2) and the other calls that signal(7) lists ("interruption by stop signals") may return
   EINTR. FREEZE_STOP can be seen: their parents get SIGCHLD, and they themselves SIGCONT. */
#ifndef BACKLOGCTL_FREEZE_H
#define BACKLOGCTL_FREEZE_H

#include "backlogctl/clock.h"
#include "backlogctl/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum freeze_method {
    FREEZE_AUTO,   /* ptrace, and where that is not permitted the stop signal */
    FREEZE_PTRACE, /* PTRACE_SEIZE and PTRACE_INTERRUPT: CAP_SYS_PTRACE, or the same user, a dumpable process and
                      kernel.yama.ptrace_scope 0 */
    FREEZE_STOP,   /* SIGSTOP and SIGCONT: the same user or CAP_KILL */
};

struct freeze_settings {
    nsec budget; /* > 0: the longest time from the first thread stopped until all are let go */
    enum freeze_method method;
};

struct freeze_facts {
    enum freeze_method method; /* never FREEZE_AUTO */
    size_t processes, threads; /* that were stopped */
    nsec asked;                /* the first thread was told to stop, CLOCK_MONOTONIC: the budget counts from here */
    nsec began;                /* all were stopped */
    nsec lasted;               /* from `asked` until all were let go; an upper bound when the guardian was killed */
    bool expired;              /* the budget ended it */
    bool broken;               /* ended before freeze_end, and not by the budget: a target died or was continued by somebody, or
                                  a process of ours was killed */
    size_t died;               /* targets that are gone at the end */
    pid_t still_stopped;       /* no SIGCONT reached this one, of us all; 0: nobody */
};

struct freeze;

/* Returns once every thread of the `count` processes is stopped. Processes that were stopped before stay so afterwards. May be
   called from any thread; another with the same descriptor table may end it. Costs one or two forks.
   0, or, with nothing left stopped: -EINVAL no process, our own, process 1, no budget; -ESRCH one is gone, or its id is a
   thread's by now; -EPERM no right, the text names what is missing; -EACCES FREEZE_AUTO: the filter of a process may kill it;
   -ETIMEDOUT the budget ended before all were stopped (uninterruptible sleep); -ENOSYS, -ENOMEM, -EAGAIN, -EMFILE, ... */
int freeze_begin(struct freeze **out, const pid_t *pids, size_t count, const struct freeze_settings *settings, struct error *err);

/* False once it has ended by itself: the budget is over, or it is broken. What was seen before it said true was seen with all
   of them stopped. Does not wait. */
bool freeze_holds(struct freeze *freeze);

/* The same for threads of the caller with a descriptor table of their own, in which freeze_holds would ask strangers. It may still say
   true for a moment after the end: what was seen before is no evidence until freeze_holds has been asked. */
bool freeze_goes_on(const struct freeze *freeze);

/* Lets all go, returns after that and frees. `out` may be NULL, `freeze` too (then nothing is done). 0, also when it had ended
   before or a target died; -errno when a process could not be continued. */
int freeze_end(struct freeze *freeze, struct freeze_facts *out);

#endif
