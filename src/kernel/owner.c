/* Finds the process behind a socket by the links of /proc/PID/fd. */
#include "backlogctl/owner.h"

#include "backlogctl/fd.h"
#include "backlogctl/procfs.h"

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

/* The inode of a link that reads "socket:[inode]", else 0. */
static uint32_t socket_inode(const char *link)
{
    static const char prefix[] = "socket:[";
    if (strncmp(link, prefix, sizeof prefix - 1))
        return 0;
    return (uint32_t)strtoul(link + sizeof prefix - 1, NULL, 10);
}

static int compare_inodes(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

/* The inode of the socket behind a descriptor, 0: it is none. `directory`: of /proc/PID/fd. */
static uint32_t descriptor_inode(DIR *directory, const char *name)
{
    char link[64];
    ssize_t length = readlinkat(dirfd(directory), name, link, sizeof link - 1);
    if (length <= 0)
        return 0;
    link[length] = '\0';
    return socket_inode(link);
}

bool owner_holds(pid_t pid, uint32_t inode)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *descriptors = open_directory(AT_FDCWD, path);
    struct dirent *entry;
    bool found = false;
    while (descriptors && !found && (entry = readdir(descriptors)))
        found = descriptor_inode(descriptors, entry->d_name) == inode;
    if (descriptors)
        closedir(descriptors);
    return found;
}

struct walk {
    const uint32_t *inodes;
    size_t count, hidden;
    owner_each *each;
    void *context;
    int proc;
};

static void walk_process(struct walk *walk, pid_t pid)
{
    char path[32];
    snprintf(path, sizeof path, "%d/fd", (int)pid);
    DIR *descriptors = open_directory(walk->proc, path);
    if (!descriptors) {
        walk->hidden += errno == EACCES || errno == EPERM;
        return;
    }
    struct dirent *entry;
    while ((entry = readdir(descriptors))) {
        uint32_t inode = descriptor_inode(descriptors, entry->d_name);
        if (inode && bsearch(&inode, walk->inodes, walk->count, sizeof inode, compare_inodes))
            walk->each(walk->context, inode, pid);
    }
    closedir(descriptors);
}

size_t owners_walk(const uint32_t *inodes, size_t count, owner_each *each, void *context)
{
    DIR *proc = count ? open_directory(AT_FDCWD, "/proc") : NULL;
    if (!proc)
        return 0;
    struct walk walk = {inodes, count, 0, each, context, dirfd(proc)};
    struct dirent *entry;
    while ((entry = readdir(proc))) { /* ascending process ids */
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (end != entry->d_name && !*end && pid > 0)
            walk_process(&walk, (pid_t)pid);
    }
    closedir(proc);
    return walk.hidden;
}

void owner_name(pid_t pid, char out[OWNER_NAME_SIZE])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    ssize_t got = procfs_read(path, out, OWNER_NAME_SIZE);
    size_t length = got > 0 ? (size_t)got : 0;
    if (length && out[length - 1] == '\n')
        length--;
    out[length] = '\0';
}

struct holders {
    struct listener *listener;
    pid_t last;
};

static void note_owner(void *context, uint32_t inode, pid_t pid)
{
    struct holders *holders = context;
    (void)inode;
    if (!holders->listener->pid)
        holders->listener->pid = pid;
    holders->listener->processes += pid != holders->last;
    holders->last = pid;
}

void owner_find(struct listener *listener)
{
    listener->pid = 0;
    listener->processes = 0;
    listener->process[0] = '\0';
    struct holders holders = {.listener = listener};
    if (listener->inode)
        owners_walk(&listener->inode, 1, note_owner, &holders);
    if (listener->pid)
        owner_name(listener->pid, listener->process);
}
