/* Closing and handing on of file descriptors. */
#include "backlogctl/fd.h"

#include <errno.h>
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
