/* A command that runs for as long as somebody wants it to, and leaves no process behind.

   It is the child of a reaper, which is the first process of a pid namespace (pid_namespaces(7)): when the reaper ends, the kernel
   ends all that the command has started, whatever it did to get away (double forks, sessions of its own). The reaper ends with its
   parent: by PR_SET_PDEATHSIG and because a pipe of the parent's is closed then. The command sees a /proc of its own pid namespace,
   where one may be mounted. */
#ifndef BACKLOGCTL_LAUNCH_H
#define BACKLOGCTL_LAUNCH_H

#include "backlogctl/error.h"
#include "backlogctl/loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct launch_settings {
    char *const *words;       /* the program, looked up in PATH, and its arguments; NULL at the end */
    char *const *environment; /* NULL at the end; NULL: this process's own */
    const char *user;         /* whose rights it has, a name or a number; NULL: as this process. Takes CAP_SETUID */
    int log;                  /* its stdout and stderr, open for reading too; -1: only the last of it is kept */
    bool may_share_pids;      /* where no pid namespace is to be had the reaper ends what it finds as its descendants: who forks
                                 faster than it kills can get away */
};

enum launch_end {
    LAUNCH_RUNS,
    LAUNCH_NOT_STARTED, /* execvp(3) failed: `code` is an errno value */
    LAUNCH_EXITED,      /* `code` is its status */
    LAUNCH_KILLED,      /* `code` is the signal's number */
};

struct launch_state {
    enum launch_end end; /* of the command itself */
    int code;
    bool user_refused; /* not started because it could not become that user */
    bool gone;         /* nothing that it started runs any more */
    bool shares_pids;  /* no pid namespace was to be had */
    bool host_proc;    /* no /proc of its own could be mounted */
};

struct launch;

/* Starts it: in a session of its own, with /dev/null as stdin, no descriptor of ours, no ambient capability, signals as in a fresh
   process; in the namespaces, the directory and with the limits of this process. Returns when it has been executed, or could not be
   (launch_look tells). 0 or -errno: no such user, no right, no process could be made. The settings need not outlive the call. */
int launch_begin(struct launch **out, const struct launch_settings *settings, struct error *err);

/* From then on the loop stops (loop_stop) when the command ends, and when all that it started has. launch_end first, loop_release
   then. 0 or -errno. */
int launch_watch(struct launch *launch, struct loop *loop, struct error *err);

void launch_look(const struct launch *launch, struct launch_state *out);

/* The last of what it wrote, as it wrote it, at most `room` bytes. Returns how many. */
size_t launch_output(const struct launch *launch, char *out, size_t room);

/* SIGTERM to the command (to all that it started if it has ended itself), SIGKILL to all that is left when it ends or after two seconds.
   Returns when nothing is left, and frees. NULL is fine. */
void launch_end(struct launch *launch);

#endif
