/* Files of /proc, which are short and made as they are read. */
#ifndef BACKLOGCTL_PROCFS_H
#define BACKLOGCTL_PROCFS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads a file up to its end or `size` - 1 bytes; `out` ends with NUL whatever comes. How many bytes, or -errno. Neither allocates
   nor locks: fine in the child of a process with threads. */
ssize_t procfs_read(const char *path, char *out, size_t size);

/* Calls `each` for every entry of an open directory that is a number (processes, threads, descriptors; ascending), until it returns
   anything but 0, and returns that; -errno, also where there are entries for some. Neither allocates nor locks. */
typedef int procfs_each(void *context, int number);
int procfs_walk(int directory, procfs_each *each, void *context);

/* The same of a directory by its path; -errno when it cannot be opened. */
int procfs_walk_path(const char *path, procfs_each *each, void *context);

/* The number behind `key` at the beginning of a line within the first 4 kB, such as "Tgid:"; `key` "": the first of the file. -1
   when there is none. */
int64_t procfs_number(const char *path, const char *key);

#endif
