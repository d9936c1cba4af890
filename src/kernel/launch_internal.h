/* What the parent and the reaper share. */
#ifndef KERNEL_LAUNCH_INTERNAL_H
#define KERNEL_LAUNCH_INTERNAL_H

#include "backlogctl/launch.h"

#include <stdatomic.h>
#include <stdint.h>

#define LAUNCH_TAIL 8192 /* bytes of output that are kept */

/* In memory that both map. */
struct launch_shared {
    atomic_int exec_error; /* an errno value */
    atomic_int status;     /* as wait(2) has it */
    atomic_bool ended;     /* ... once this is set */
    atomic_bool user_refused;
    atomic_bool host_proc;
    atomic_uint_least64_t written; /* bytes, the last LAUNCH_TAIL of which are in `tail` */
    char tail[LAUNCH_TAIL];
};

/* What the reaper is given; its descriptors are copies of the parent's. */
struct reaper {
    struct launch_shared *shared;
    char *const *words;
    bool own_pids;
    int lifeline; /* reads LAUNCH_TERMINATE, and the end when the parent has gone */
    int news;     /* an eventfd for the parent: the command has ended */
    int executed; /* a pipe's end that closes when the command was executed, or could not be */
    int log;      /* where the command writes */
    int output;   /* what it writes comes back here; -1: it goes to a file */
    bool other_user;
    uid_t uid;
    gid_t gid;
    const gid_t *groups;
    size_t group_count;
};

#define LAUNCH_TERMINATE 'T'

/* A child process with these CLONE_NEW flags, by the bare system call: it has this thread alone and must not use what another thread
   may have locked (malloc). As fork(2). *pidfd may be NULL. */
pid_t launch_clone(uint64_t flags, int *pidfd);

/* Called in the child that launch_clone made. */
_Noreturn void reaper_main(const struct reaper *given);

#endif
