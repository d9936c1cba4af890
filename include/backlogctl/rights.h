/* What this process may do: the rest is given up as soon as the command is known, so that a fault in it can do no more. See
   capabilities(7), prctl(2) of PR_SET_NO_NEW_PRIVS, seccomp(2). */
#ifndef BACKLOGCTL_RIGHTS_H
#define BACKLOGCTL_RIGHTS_H

#include "backlogctl/error.h"

#include <linux/capability.h>
#include <stdbool.h>
#include <stdint.h>

/* A set of capabilities, a bit each. */
#define RIGHT(name) (UINT64_C(1) << CAP_##name)

/* To see who of other users' processes holds a socket. */
#define RIGHTS_SEE (RIGHT(SYS_PTRACE) | RIGHT(DAC_READ_SEARCH))
/* To go to another network namespace. */
#define RIGHTS_ENTER RIGHT(SYS_ADMIN)
/* To write, replace or remove a file in a folder of another user. */
#define RIGHTS_WRITE (RIGHT(DAC_OVERRIDE) | RIGHT(FOWNER) | RIGHT(CHOWN))
/* To open many connections on ways that the kernel tells of: source ports below 1024, devices, the limit of descriptors, conntrack. */
#define RIGHTS_BURST \
    (RIGHT(NET_ADMIN) | RIGHT(NET_RAW) | RIGHT(NET_BIND_SERVICE) | RIGHT(SYS_RESOURCE) | RIGHT(DAC_OVERRIDE) | RIGHTS_ENTER)

/* Gives up all capabilities but those of `wanted` that it has, in every set, and what execve(2) could bring back. The user namespace
   that is made for a lab gives all of them anew, over nothing but that. 0 or -errno. */
int rights_keep(uint64_t wanted, struct error *err);

/* From now on only what reading takes: no process is started, signalled or traced, no socket but of the kernel's own information is
   made, no file is written. Other system calls fail with ENOSYS. Not in a program that a sanitizer watches. 0 or -errno; a kernel without
   seccomp is no error. */
int rights_only_read(unsigned also, struct error *err);
#define RIGHTS_TO_WRITE 1u /* files, too */
#define RIGHTS_TO_MARK 2u  /* to make a socket of TCP that can reach nobody, and to choose a processor: see destroyed_await() */
#define RIGHTS_TO_COUNT 4u /* to ask for, and to write into, what the kernel counts for this process: see tracer.h */

/* Whether this build does that. */
bool rights_can_filter(void);

#endif
