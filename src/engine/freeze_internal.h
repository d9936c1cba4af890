/* What the guardian process and its maker share. */
#ifndef ENGINE_FREEZE_INTERNAL_H
#define ENGINE_FREEZE_INTERNAL_H

#include "backlogctl/freeze.h"

#include <stdatomic.h>

#define FREEZE_THREADS_MAX 65536
#define FREEZE_DENTS_SIZE 32768

enum freeze_state { FREEZE_STARTING, FREEZE_STOPPED, FREEZE_OVER, FREEZE_FAILED };

/* In memory that both processes see. */
struct freeze_shared {
    _Atomic int state;
    int code;          /* FAILED: a positive errno */
    pid_t culprit;     /* the process that it is about */
    nsec first_stop;   /* 0: none yet */
    nsec released;
    size_t threads;
    bool expired;
};

struct tracee {
    pid_t pid, tid;
    int signal;   /* was about to be delivered: handed on with the release */
    bool stopped, gone;
};

/* Everything that the guardian uses is made before it is: after a fork of a process with threads nothing can be allocated. */
struct guard {
    struct freeze_shared *shared;
    nsec budget;
    const pid_t *pids;
    int *pidfds;           /* FREEZE_STOP: one a process, -1: was stopped already */
    size_t count;
    struct tracee *tracees; /* FREEZE_THREADS_MAX */
    size_t tracee_count;
    char *dents;            /* FREEZE_DENTS_SIZE */
    int release;            /* at its end the maker wants the end, or is dead */
    int ready;              /* a byte: stopped, or failed */
    pid_t maker;
};

/* The lives of the guardian; they end with _exit. */
_Noreturn void guard_by_ptrace(struct guard *guard);
_Noreturn void guard_by_stop(struct guard *guard);

/* Says that the freeze stands, waits for the end of the release pipe or of the budget, and notes which it was. */
void guard_wait(struct guard *guard);
_Noreturn void guard_fail(struct guard *guard, int code, pid_t culprit);

/* Calls `each` for every thread of a process, without allocating; it returns false to end that. False: the process is gone. */
bool guard_threads(struct guard *guard, pid_t pid, bool (*each)(struct guard *guard, pid_t pid, pid_t tid));

/* The letter of a thread's state in /proc/PID/task/TID/stat, 0 when it is gone. */
char guard_state_of(pid_t pid, pid_t tid);

#endif
