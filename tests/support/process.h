/* Runs programs as whole processes and keeps what they said. Every process started here is ended here. */
#ifndef TESTS_PROCESS_H
#define TESTS_PROCESS_H

#include "backlogctl/clock.h"

#include <stdbool.h>
#include <sys/types.h>

/* How to start it. Zeroed: as this user, in this namespace, stdin from /dev/null, stdout and stderr captured. */
struct process_setup {
    bool as_nobody;        /* uid and gid 65534, no groups; nothing changes unless is_root() */
    bool stdin_pipe;       /* the test writes to process.in */
    const char *stdout_to; /* a path instead of the pipe, such as "/dev/full" */
    bool stdout_closed;
    const char *const *env; /* "NAME=value" to add, NULL at the end */
};

struct process {
    pid_t pid;
    int in, out, err; /* our ends; -1 where there is none */
    nsec started;
};

/* argv[0] is looked up in PATH; argv ends with NULL. Fails the test when it cannot be started. */
struct process process_start(const char *const argv[], const struct process_setup *setup);

/* The next line of stdout, without its newline, within `patience`; NULL at its end or when time is over. malloc'ed. */
char *process_line(struct process *process, nsec patience);

void process_signal(const struct process *process, int signal);

struct outcome {
    int status;      /* exit status, or 128 + signal */
    char *out, *err; /* everything captured (after what process_line took), NUL-terminated, malloc'ed */
    nsec took;
};

/* Closes its stdin, reads both streams to their ends and waits. Kills the process and fails the test after `patience`. */
struct outcome process_finish(struct process *process, nsec patience);

/* Start and finish, within PATIENCE. */
struct outcome process_run(const char *const argv[], const struct process_setup *setup);
void outcome_free(struct outcome *outcome);

/* Root who can become another user; not one who is root only in a user namespace of the test's. */
bool is_root(void);

/* Whether a program is in PATH. */
bool program_exists(const char *name);

/* The test itself moves into a private network namespace with lo up (libcheck forks each test, so it ends with it). An
   ordinary user is root in there, as in a container without rights outside. Skips the test where that is forbidden. */
void in_private_namespace(void);

/* Writes a sysctl of that namespace; fails the test when it cannot. */
void set_sysctl(const char *key, const char *value);

#endif
