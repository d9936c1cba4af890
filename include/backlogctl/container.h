/* Containers of Docker, Podman, containerd, CRI-O and LXC, as the cgroup paths of their processes tell (socket_holder.h). */
#ifndef BACKLOGCTL_CONTAINER_H
#define BACKLOGCTL_CONTAINER_H

#include "backlogctl/error.h"
#include "backlogctl/socket_holder.h"

struct container {
    pid_t *pids; /* owned; its processes, and those of containers within it, as far as /proc shows them */
    size_t count;
    pid_t first; /* the oldest of its own: what it was started with, and whose network namespace is the container's */
};

/* Finds the container whose id is `id` or, if none is, the only one whose id begins so, into a zeroed struct. Reads the cgroup of
   every process. 0; -ENOENT none, -EEXIST several begin so: the text lists some, -ENOMEM. */
int container_find(const char *id, struct container *out, struct error *err);

/* NULL list is fine. */
void container_release(struct container *container);

#endif
