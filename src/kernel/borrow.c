/* Takes a duplicate of another process's listening socket, and calls listen(2) on it. */
#include "backlogctl/borrow.h"

#include "backlogctl/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Between the reading of a link and the taking of its descriptor the number may get another meaning: then it is looked for
   again. */
#define TRIES 3

#define RIGHTS "its own user may (if it is dumpable), or root: CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH"

static void link_of(uint32_t inode, char out[32])
{
    snprintf(out, 32, "socket:[%u]", inode);
}

static bool leads_to(int directory, const char *name, const char *wanted)
{
    char link[64];
    ssize_t length = readlinkat(directory, name, link, sizeof link - 1);
    if (length <= 0)
        return false;
    link[length] = '\0';
    return !strcmp(link, wanted);
}

/* The number of the socket in the process's descriptor table, or -errno. */
static int find_number(pid_t pid, const char *wanted, struct error *err)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *descriptors = opendir(path);
    if (!descriptors && errno == ENOENT)
        return error_set(err, ESRCH, "process %d is gone", (int)pid);
    if (!descriptors)
        return error_set(err, EPERM, "the descriptors of process %d cannot be read: " RIGHTS, (int)pid);
    int number = -1;
    struct dirent *entry;
    while (number < 0 && (entry = readdir(descriptors)))
        if (leads_to(dirfd(descriptors), entry->d_name, wanted))
            number = atoi(entry->d_name);
    closedir(descriptors);
    return number >= 0 ? number : error_set(err, ENOENT, "process %d does not hold that socket any more", (int)pid);
}

static int open_process(pid_t pid, struct error *err)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0)
        return fd;
    if (errno == ESRCH)
        return error_set(err, ESRCH, "process %d is gone", (int)pid);
    return error_errno(err, "pidfd_open of process %d", (int)pid);
}

static int take_number(int process, pid_t pid, int number, struct error *err)
{
    int fd = (int)syscall(SYS_pidfd_getfd, process, number, 0);
    if (fd >= 0)
        return fd;
    if (errno == EPERM)
        return error_set(err, EPERM, "a socket of process %d cannot be borrowed: " RIGHTS, (int)pid);
    if (errno == ENOSYS)
        return error_set(err, ENOSYS, "this kernel cannot lend sockets: pidfd_getfd(2) came with Linux 5.6");
    return error_errno(err, "pidfd_getfd of process %d", (int)pid);
}

static int borrow(pid_t pid, uint32_t inode, struct error *err)
{
    char wanted[32], name[32];
    link_of(inode, wanted);
    SCOPED_FD process = open_process(pid, err), own = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (process < 0)
        return process;
    for (int tries = 0; tries < TRIES; tries++) {
        int number = find_number(pid, wanted, err);
        if (number < 0)
            return number;
        struct error why = {0};
        SCOPED_FD fd = take_number(process, pid, number, &why);
        if (fd < 0 && why.code != EBADF)
            return error_set(err, why.code, "%s", why.text);
        snprintf(name, sizeof name, "%d", fd);
        if (fd >= 0 && leads_to(own, name, wanted))
            return fd_steal(&fd);
    }
    return error_set(err, EAGAIN, "process %d changes its descriptors too fast: try again", (int)pid);
}

int borrow_listen(pid_t pid, uint32_t inode, int backlog, struct error *err)
{
    SCOPED_FD fd = borrow(pid, inode, err);
    if (fd < 0)
        return fd;
    return listen(fd, backlog) ? error_errno(err, "listen on the socket of process %d", (int)pid) : 0;
}

int borrow_check(pid_t pid, uint32_t inode, struct error *err)
{
    SCOPED_FD fd = borrow(pid, inode, err);
    return fd < 0 ? fd : 0;
}
