/* Which process holds a socket: /proc/PID/fd links to "socket:[inode]" (proc(5)). */
#ifndef BACKLOGCTL_OWNER_H
#define BACKLOGCTL_OWNER_H

#include "backlogctl/model.h"

/* Fills in listener->pid and ->process from its inode. Leaves them empty when no visible process holds it: seeing
   another user's descriptors takes CAP_SYS_PTRACE (and CAP_DAC_READ_SEARCH). */
void owner_find(struct listener *listener);

#endif
