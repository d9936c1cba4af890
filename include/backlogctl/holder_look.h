/* Looks at what a process does that holds a listener: its threads, descriptors and cgroup, from /proc and /sys/fs/cgroup. */
#ifndef BACKLOGCTL_HOLDER_LOOK_H
#define BACKLOGCTL_HOLDER_LOOK_H

#include "backlogctl/listener_facts.h"
#include "backlogctl/socket_holder.h"

/* One look. What cannot be seen for want of rights stays unknown; `known` is false for a process that is gone. Some 20 us a thread.
   The system calls take the right to trace it (ptrace(2), PTRACE_MODE_ATTACH), the descriptors that to see it. */
struct holder_state holder_look(pid_t pid);

/* Finds the listener's processes but our own, and whether a thread of any of them runs, waits for a CPU or for a disk, so that it may be
   about to accept. True too when nobody can be seen who holds it. */
bool holders_at_work(struct listener *listener);

/* What holds at both looks. */
struct holder_state holder_look_both(const struct holder_state *before, const struct holder_state *now);

#endif
