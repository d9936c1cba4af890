/* Finds the process behind a socket by the links of /proc/PID/fd. */
#include "backlogctl/owner.h"

#include "backlogctl/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The directory `name` in `parent`; NULL when it has gone or is not ours to see. */
static DIR *open_directory(int parent, const char *name)
{
    SCOPED_FD fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    DIR *directory = fdopendir(fd);
    if (directory)
        fd_steal(&fd);
    return directory;
}

/* Whether one of the descriptors below the /proc/PID/fd at `name` is the socket whose link reads `wanted`. */
static bool holds(int proc, const char *name, const char *wanted)
{
    DIR *descriptors = open_directory(proc, name);
    if (!descriptors)
        return false;
    bool found = false;
    struct dirent *entry;
    while (!found && (entry = readdir(descriptors))) {
        char target[64];
        ssize_t length = readlinkat(dirfd(descriptors), entry->d_name, target, sizeof target - 1);
        if (length <= 0)
            continue;
        target[length] = '\0';
        found = !strcmp(target, wanted);
    }
    closedir(descriptors);
    return found;
}

/* A process names itself with any bytes it likes; a terminal and JSON shall get plain ones. */
static void read_name(int proc, const char *pid, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "%.32s/comm", pid);
    SCOPED_FD fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, out, size - 1);
    size_t length = got > 0 ? (size_t)got : 0;
    if (length && out[length - 1] == '\n')
        length--;
    out[length] = '\0';
    for (size_t i = 0; i < length; i++)
        if (out[i] < 0x20 || out[i] > 0x7e)
            out[i] = '?';
}

void owner_find(struct listener *listener)
{
    listener->pid = 0;
    listener->process[0] = '\0';
    DIR *proc = listener->inode ? open_directory(AT_FDCWD, "/proc") : NULL;
    if (!proc)
        return;
    char wanted[32];
    snprintf(wanted, sizeof wanted, "socket:[%u]", listener->inode);
    struct dirent *entry;
    /* Ascending process ids: of a server and the workers that inherited its socket, the server is first. */
    while (!listener->pid && (entry = readdir(proc))) {
        char path[64], *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (end == entry->d_name || *end || pid <= 0)
            continue;
        snprintf(path, sizeof path, "%ld/fd", pid);
        if (holds(dirfd(proc), path, wanted)) {
            listener->pid = (pid_t)pid;
            read_name(dirfd(proc), entry->d_name, listener->process, sizeof listener->process);
        }
    }
    closedir(proc);
}
