/* A listening socket of another process, borrowed for a moment (pidfd_open(2), pidfd_getfd(2)). */
#ifndef BACKLOGCTL_BORROW_H
#define BACKLOGCTL_BORROW_H

#include "backlogctl/error.h"

#include <stdint.h>
#include <sys/types.h>

/* Calls listen(2) with `backlog` on the listening socket `inode` that process `pid` holds. Nothing else is ever called on the
   duplicate of its descriptor but close(2): shutdown(2) would end the server's own. 0; -ESRCH no such process, -ENOENT it
   does not hold that socket, -EPERM no right to (the text names what it takes), -ENOSYS a kernel before 5.6. */
int borrow_listen(pid_t pid, uint32_t inode, int backlog, struct error *err);

/* The same up to the listen(2), which it leaves out: whether the rights suffice. */
int borrow_check(pid_t pid, uint32_t inode, struct error *err);

#endif
