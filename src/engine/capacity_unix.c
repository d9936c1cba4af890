/* Fills the queue of a listener without a handshake. A full one answers at once: EAGAIN (unix(7)). */
#include "capacity_internal.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Where clients of that name connect. A path is looked up where the server lives: it may have another root. */
static int make_address(const struct filling *f, struct sockaddr_storage *address, socklen_t *size, struct error *err)
{
    const char *path = f->m->listener.path;
    char there[UNIX_NAME_SIZE + 32];
    *size = 0;
    if (*path != '@') {
        snprintf(there, sizeof there, "/proc/%d/%s%s", (int)f->plan->pids[0], *path == '/' ? "root" : "cwd/", path);
        if (*path != '/' && access(there, F_OK))
            return error_set(err, EINVAL, "'%s' is no full path, and its process has gone to another folder since", path);
        *size = endpoint_unix_sockaddr(there, address);
    }
    if (!*size) /* an abstract name; or there is too long a path, and it is hoped to be the same from here */
        *size = endpoint_unix_sockaddr(path, address);
    return *size ? 0 : error_set(err, ENAMETOOLONG, "'%s' is too long a name", path);
}

/* A descriptor; -errno of socket or connect. */
static int connect_one(const struct filling *f)
{
    struct sockaddr_storage address;
    socklen_t size;
    int status = make_address(f, &address, &size, NULL);
    if (status)
        return status;
    int fd = transport_socket(&(struct transport){.kind = (enum socket_kind)f->m->listener.kind}, f->m->listener.family);
    if (fd < 0)
        return fd;
    if (!connect(fd, (struct sockaddr *)&address, size))
        return fd;
    status = -errno;
    fd_close(&fd);
    return status;
}

static int prepare(struct filling *f, struct error *err)
{
    struct sockaddr_storage address;
    socklen_t size;
    int status = make_address(f, &address, &size, err);
    if (status)
        return status;
    size_t limit = fd_raise_limit(f->wanted + 64);
    if (limit && f->wanted + 64 > limit)
        return error_set(err, EMFILE, "a queue of %zu takes that many open files, and the limit is %zu (ulimit -n)", f->wanted,
                         limit);
    f->fds = malloc(f->wanted * sizeof *f->fds);
    return f->fds ? 0 : error_set(err, ENOMEM, "no memory for %zu connections", f->wanted);
}

static bool is_full(struct filling *f)
{
    uint64_t queue, discarded;
    return !listener_look(&f->diag, &f->m->listener, &queue, &discarded, NULL) && queue >= f->m->listener.capacity;
}

static size_t fill(struct filling *f)
{
    size_t sent = 0;
    while (sent < f->wanted && sent < f->room && filling_may_go_on(f)) {
        int fd = connect_one(f);
        sent++;
        if (fd >= 0) {
            f->fds[f->count++] = fd;
            f->astray = f->count == 1 && !filling_has_risen(f);
            if (f->astray)
                break;
            continue;
        }
        if (fd == -EAGAIN && is_full(f))
            f->m->unanswered++;
        else if (fd == -EAGAIN)
            filling_note(f, "connect() said that its queue is full, and the kernel showed room in it");
        else
            filling_note(f, "a connection failed for another reason than a full queue: may we write to its path?");
        break;
    }
    return sent;
}

static void close_all(struct filling *f)
{
    while (f->count)
        fd_close(&f->fds[--f->count]);
}

static void count(struct filling *f)
{
    f->m->queued = f->count;
    close_all(f);
}

static nsec serves(struct filling *f, nsec released, nsec patience)
{
    SCOPED_FD fd = connect_one(f);
    nsec deadline = clock_now() + patience;
    int status = fd < 0 ? fd : 0;
    f->m->untried = false;
    while (!status && clock_now() < deadline) {
        uint64_t queue, discarded;
        status = listener_look(&f->diag, &f->m->listener, &queue, &discarded, NULL);
        if (!status && !queue)
            return clock_now() - released;
        if (!status && !filling_pause(f))
            status = -EINTR;
    }
    /* Nobody listens, or its queue is full still although it was given time: that is the server's doing. */
    bool full = fd == -EAGAIN && !f->m->drain_unseen && is_full(f);
    f->m->untried = status && !full && filling_listens(f);
    if (f->m->untried)
        filling_note(f, "a fresh connection could not be made or followed");
    return NSEC_NEVER;
}

static void release(struct filling *f)
{
    close_all(f);
    free(f->fds);
}

const struct filling_way filling_unix = {prepare, fill, count, serves, release};
