/* Reading files of /proc. */
#include "backlogctl/procfs.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
