/* Changes the backlog of a socket that another process listens on, through a duplicate of its descriptor
   (pidfd_open(2), pidfd_getfd(2); Linux 5.6). */
#ifndef BACKLOGCTL_BORROW_H
#define BACKLOGCTL_BORROW_H

#include "backlogctl/error.h"

#include <stdint.h>
#include <sys/types.h>

/* Calls listen(`backlog`) on the listening socket `inode` that process `pid` holds. Nothing else is ever called on the
   duplicate but close(2): never shutdown(2), which would end the server's own. The kernel cuts the backlog to
   net.core.somaxconn of the socket's namespace (listen(2)), a negative one too: it is taken as unsigned.
   Of a unix socket it also makes the caller's process, user and group what clients get from SO_PEERCRED (unix(7)).
   0, or: -ESRCH the process is gone; -ENOENT it does not hold that socket (any more); -ESTALE its descriptors changed faster
   than they could be followed; -EACCES, -EPERM no right, the text names what is missing; -EINVAL no process id or no
   inode; -ENOSYS a kernel before 5.6; -EMFILE, ... of our own table. */
int borrow_listen(pid_t pid, uint32_t inode, int backlog, struct error *err);

/* Does everything but the listen. The same errors. */
int borrow_check(pid_t pid, uint32_t inode, struct error *err);

#endif
