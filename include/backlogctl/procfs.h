/* Files of /proc, which are short and made as they are read. */
#ifndef BACKLOGCTL_PROCFS_H
#define BACKLOGCTL_PROCFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads a file up to its end or `size` - 1 bytes; `out` ends with NUL whatever comes. How many bytes, or -errno. Neither allocates
   nor locks: fine in the child of a process with threads. */
ssize_t procfs_read(const char *path, char *out, size_t size);

/* The number behind `key` at the beginning of a line within the first 4 kB, such as "Tgid:"; `key` "": the first of the file. -1
   when there is none. */
int64_t procfs_number(const char *path, const char *key);

#endif
