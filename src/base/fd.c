/* Closing and handing on of file descriptors, and the tables that hold them. */
#include "backlogctl/fd.h"

#include "backlogctl/procfs.h"

#include <errno.h>
#include <limits.h>
#include <linux/close_range.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <unistd.h>

void fd_close(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

int fd_steal(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

size_t fd_raise_limit(size_t wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 0;
    if (limit.rlim_cur >= wanted)
        return limit.rlim_cur;
    int64_t most = procfs_number("/proc/sys/fs/nr_open", ""); /* that a hard limit can be set to, by those who may */
    rlim_t highest = most > 0 ? (rlim_t)most : 0, hard = wanted < highest ? wanted : highest;
    struct rlimit raised = {.rlim_cur = hard, .rlim_max = hard};
    if (hard <= limit.rlim_max || setrlimit(RLIMIT_NOFILE, &raised)) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    return getrlimit(RLIMIT_NOFILE, &limit) ? 0 : limit.rlim_cur;
}

static bool is_kept(int fd, const int *kept, size_t count)
{
    bool found = fd <= STDERR_FILENO;
    for (size_t i = 0; i < count; i++)
        found = found || fd == kept[i];
    return found;
}

int fd_own_table(const int *kept, size_t count)
{
    int highest = STDERR_FILENO;
    for (size_t i = 0; i < count; i++)
        highest = kept[i] > highest ? kept[i] : highest;
    if (close_range((unsigned)highest + 1, UINT_MAX, CLOSE_RANGE_UNSHARE))
        return -errno;
    for (int fd = 0; fd <= highest; fd++)
        if (!is_kept(fd, kept, count))
            close(fd);
    return 0;
}
