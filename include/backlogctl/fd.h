/* File descriptors: closed when their scope ends unless handed on; how many there may be, and whose they are. */
#ifndef BACKLOGCTL_FD_H
#define BACKLOGCTL_FD_H

#include <stddef.h>

/* Closes *fd unless it is negative, and sets it to -1. errno is kept. */
void fd_close(int *fd);

/* Hands a descriptor on: returns *fd and leaves -1 behind. */
int fd_steal(int *fd);

/* SCOPED_FD fd = open(...): closed at the end of the scope. Start from -1 where no descriptor is held yet. */
#define SCOPED_FD __attribute__((cleanup(fd_close))) int

/* ---- Descriptor tables: RLIMIT_NOFILE bounds one table, and a thread may have one of its own (unshare(2)) ---- */

/* Raises the limit on open files towards `wanted` (SIZE_MAX: as far as it goes): the soft one to the hard one, and the hard
   one where that is allowed, up to fs.nr_open. Returns the limit then in force; 0 when it cannot be read. */
size_t fd_raise_limit(size_t wanted);

/* Gives the calling thread a table of its own with copies of the standard streams and of `kept` alone, at the same numbers:
   any other copy would hold open what its owner closes. 0 or -errno (-ENOSYS: a kernel before 5.9; -EPERM: a filter of
   system calls); then the table is the shared one still, and nothing was closed. */
int fd_own_table(const int *kept, size_t count);

#endif
