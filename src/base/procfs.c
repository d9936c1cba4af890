/* Reading files of /proc. */
#include "backlogctl/procfs.h"

#include "backlogctl/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIST_ROOM 16384 /* some 600 entries a call: the fewer calls, the less is missed */

ssize_t procfs_read(const char *path, char *out, size_t size)
{
    size_t used = 0;
    ssize_t got = 0;
    *out = '\0';
    SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while (used < size - 1 && (got = read(fd, out + used, size - 1 - used)) > 0)
        used += (size_t)got;
    out[used] = '\0';
    return got < 0 ? -errno : (ssize_t)used;
}

/* -1 for names that are no number. */
static int read_number(const char *name)
{
    int number = 0;
    for (; *name >= '0' && *name <= '9' && number < INT_MAX / 10; name++)
        number = number * 10 + (*name - '0');
    return *name ? -1 : number;
}

int procfs_walk(int directory, procfs_each *each, void *context)
{
    _Alignas(struct dirent64) char list[LIST_ROOM];
    ssize_t got;
    while ((got = getdents64(directory, list, sizeof list)) > 0)
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const struct dirent64 *)(list + at);
            int number = read_number(entry->d_name);
            int status = number >= 0 ? each(context, number) : 0;
            if (status)
                return status;
            at += entry->d_reclen;
        }
    return got < 0 ? -errno : 0;
}

int procfs_walk_path(const char *path, procfs_each *each, void *context)
{
    SCOPED_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -errno : procfs_walk(fd, each, context);
}

int64_t procfs_number(const char *path, const char *key)
{
    char text[4096], *end;
    size_t length = strlen(key);
    if (procfs_read(path, text, sizeof text) < 0)
        return -1;
    const char *line = text;
    while (strncmp(line, key, length)) {
        line = strchr(line, '\n');
        if (!line)
            return -1;
        line++;
    }
    long long value = strtoll(line + length, &end, 10);
    return end != line + length ? value : -1;
}
