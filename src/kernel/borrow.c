/* Borrows a listening socket from the process that holds it: found by its link, checked by its link, listened on, closed. */
#include "backlogctl/borrow.h"

#include "backlogctl/fd.h"
#include "backlogctl/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ATTEMPTS 8 /* a server that closes and opens descriptors all the time is followed that often */
#define LINK_SIZE 64

struct borrowing {
    pid_t pid;
    uint32_t inode;
    int pidfd;
    char link[LINK_SIZE]; /* what links to the socket read */
};

/* ---- Why not ---- */

static int gone(const struct borrowing *b, struct error *err)
{
    return error_set(err, ESRCH, "process %d is gone", (int)b->pid);
}

static bool has_ended(const struct borrowing *b)
{
    struct pollfd one = {.fd = b->pidfd, .events = POLLIN};
    return poll(&one, 1, 0) > 0;
}

static int not_held(const struct borrowing *b, struct error *err)
{
    if (has_ended(b))
        return gone(b, err);
    return error_set(err, ENOENT, "process %d holds no socket %" PRIu32 " (any more): look for its owner again", (int)b->pid,
                     b->inode);
}

static int unreadable(const struct borrowing *b, int code, struct error *err)
{
    return error_set(err, code,
                     "cannot read /proc/%d/fd: %s: it takes the same user and a dumpable process, or CAP_SYS_PTRACE and "
                     "CAP_DAC_READ_SEARCH",
                     (int)b->pid, strerror(code));
}

static int refused(const struct borrowing *b, struct error *err)
{
    int scope = (int)procfs_number("/proc/sys/kernel/yama/ptrace_scope", ""); /* -1: there is no Yama */
    if (scope > 0)
        return error_set(err, EPERM,
                         "pidfd_getfd of process %d: %s: it takes CAP_SYS_PTRACE, as kernel.yama.ptrace_scope is %d "
                         "(0: the same user and a dumpable process would do)",
                         (int)b->pid, strerror(EPERM), scope);
    return error_set(err, EPERM,
                     "pidfd_getfd of process %d: %s: it takes the same user and a dumpable process, or CAP_SYS_PTRACE (a "
                     "sandbox may forbid it all the same)",
                     (int)b->pid, strerror(EPERM));
}

static int too_old(const char *call, struct error *err)
{
    return error_set(err, ENOSYS, "%s: this kernel does not have it: borrowing a socket takes Linux 5.6", call);
}

/* ---- Finding and checking ---- */

static int open_process(struct borrowing *b, struct error *err)
{
    b->pidfd = b->pid > 0 ? (int)syscall(SYS_pidfd_open, b->pid, 0) : -1;
    if (b->pidfd >= 0)
        return 0;
    if (b->pid <= 0 || errno == EINVAL)
        return error_set(err, EINVAL, "%d is not the id of a process", (int)b->pid);
    if (errno == ESRCH)
        return gone(b, err);
    return errno == ENOSYS ? too_old("pidfd_open", err) : error_errno(err, "pidfd_open of process %d", (int)b->pid);
}

static bool reads(int directory, const char *name, const char *wanted)
{
    char link[LINK_SIZE];
    ssize_t length = readlinkat(directory, name, link, sizeof link - 1);
    if (length <= 0)
        return false;
    link[length] = '\0';
    errno = 0;
    return !strcmp(link, wanted);
}

struct finding {
    const struct borrowing *b;
    int directory, number, denied; /* denied: 0, or why a link could not be read */
};

static int find_link(void *context, int number)
{
    struct finding *finding = context;
    char name[16];
    snprintf(name, sizeof name, "%d", number);
    if (reads(finding->directory, name, finding->b->link))
        finding->number = number;
    else if (errno == EACCES || errno == EPERM)
        finding->denied = errno;
    return finding->number >= 0;
}

/* The number of a descriptor of the socket in the other process. */
static int find_number(const struct borrowing *b, struct error *err)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)b->pid);
    SCOPED_FD directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0 && (errno == EACCES || errno == EPERM))
        return unreadable(b, errno, err);
    if (directory < 0)
        return errno == ENOENT || errno == ESRCH ? gone(b, err) : error_errno(err, "open %s", path);
    struct finding finding = {.b = b, .directory = directory, .number = -1};
    procfs_walk(directory, find_link, &finding);
    if (finding.number < 0)
        return finding.denied ? unreadable(b, finding.denied, err) : not_held(b, err);
    return finding.number;
}

/* By the link alone: a call on it could disturb a stranger, should the number have been closed and used again. */
static bool is_the_socket(const struct borrowing *b, int fd)
{
    char path[48]; /* thread-self: the thread may have a table of its own */
    snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
    return reads(AT_FDCWD, path, b->link);
}

/* A duplicate, which is CLOEXEC (pidfd_getfd(2)), or -errno. */
static int duplicate(const struct borrowing *b, struct error *err)
{
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        int number = find_number(b, err);
        if (number < 0)
            return number;
        SCOPED_FD fd = (int)syscall(SYS_pidfd_getfd, b->pidfd, number, 0);
        if (fd >= 0 && is_the_socket(b, fd))
            return fd_steal(&fd);
        if (fd >= 0 || errno == EBADF)
            continue;
        if (errno == EPERM)
            return refused(b, err);
        if (errno == ENOSYS)
            return too_old("pidfd_getfd", err);
        return errno == ESRCH ? gone(b, err) : error_errno(err, "pidfd_getfd of process %d", (int)b->pid);
    }
    return error_set(err, ESTALE, "process %d moves socket %" PRIu32 " between descriptors: try again", (int)b->pid, b->inode);
}

static int borrow(pid_t pid, uint32_t inode, struct error *err)
{
    struct borrowing b = {.pid = pid, .inode = inode, .pidfd = -1};
    if (!inode)
        return error_set(err, EINVAL, "0 is not the inode of a socket");
    int status = open_process(&b, err);
    if (status)
        return status;
    snprintf(b.link, sizeof b.link, "socket:[%" PRIu32 "]", inode);
    int fd = duplicate(&b, err);
    fd_close(&b.pidfd);
    return fd;
}

int borrow_check(pid_t pid, uint32_t inode, struct error *err)
{
    SCOPED_FD fd = borrow(pid, inode, err);
    return fd < 0 ? fd : 0;
}

int borrow_listen(pid_t pid, uint32_t inode, int backlog, struct error *err)
{
    SCOPED_FD fd = borrow(pid, inode, err);
    if (fd < 0)
        return fd;
    if (listen(fd, backlog))
        return error_errno(err, "listen(%d) on socket %" PRIu32 " of process %d", backlog, inode, (int)pid);
    return 0;
}
