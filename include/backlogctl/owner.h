/* Which processes hold a socket: /proc/PID/fd links to "socket:[inode]" (proc(5)). Seeing the descriptors of another user's
   processes takes CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH. */
#ifndef BACKLOGCTL_OWNER_H
#define BACKLOGCTL_OWNER_H

#include "backlogctl/error.h"
#include "backlogctl/listener_facts.h"

/* Calls `each` for every process that holds one of the sockets in `inodes` (ascending, no 0), processes in ascending order,
   and again for each further descriptor of the same socket. `registered`: it is a registered file of an io_uring of the process
   (io_uring_register(2)), which may have no descriptor of it; kernels tell so in the ring's fdinfo since about 6.0. Returns how many processes could not be looked into. */
typedef void owner_each(void *context, uint32_t inode, pid_t pid, bool registered);
size_t owners_walk(const uint32_t *inodes, size_t count, owner_each *each, void *context);

/* The same for one socket, and once for a process: what it has behind that is not read. A server that has thousands of clients mostly
   has its listener before them. `registered` may be true of one that has a descriptor, too. */
size_t owners_each(uint32_t inode, owner_each *each, void *context);

/* Whether a process holds a socket now; false also when it is gone or hidden from us. */
bool owner_holds(pid_t pid, uint32_t inode);

/* Calls `each` for every socket that a process holds, and again for each further descriptor of it. 0; -ESRCH there is no such
   process, -EACCES we may not look. */
int owner_sockets(pid_t pid, owner_each *each, void *context, struct error *err);

/* Who a process is: its command name and place, both empty when it is gone. 0, or why there is no name: -ENOENT, -ESRCH: it is
   gone. */
int owner_read(pid_t pid, struct socket_holder *out);

/* The command name of a process, which may be any bytes; "" when it is gone. */
#define OWNER_NAME_SIZE 32
int owner_name(pid_t pid, char out[OWNER_NAME_SIZE]);

/* Fills in listener->pid, ->process and ->processes from its inode: of a server and the workers that inherited its socket,
   the server, of a service and the systemd that keeps its socket, the service. Leaves them empty when no visible process holds it. */
void owner_find(struct listener *listener);

/* Its parts: nobody holds it; and one more does. Copies who holds it. */
void owner_forget(struct listener *listener);
void owner_note(struct listener *listener, pid_t pid);
void owner_copy(const struct listener *from, struct listener *to);

/* The same, with our own process only if nobody else holds it: we may hold thousands of other sockets. */
void owner_find_other(struct listener *listener);

/* Says why nobody was found who holds the listener, which is at `place`. Returns -EPERM when it is another user's and processes are
   hidden from us, else -ESRCH: it is held by no process, in another pid namespace, or by one that was at execve(2), which has no
   descriptors for a moment. */
int owner_unseen(const struct listener *listener, const char *place, struct error *err);

#endif
