/* AF_UNIX listeners: found by the file or name that they are bound to. */
#include "listener_internal.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct listener listener_of_unix(const struct unix_listener *socket)
{
    struct listener listener = {
        .known = socket->has_queue,
        .kind = socket->type == SOCK_SEQPACKET ? KIND_UNIX_SEQPACKET : KIND_UNIX_STREAM,
        .local.family = AF_UNIX,
        .family = AF_UNIX,
        .members = 1,
        .inode = socket->inode,
        .cookie = socket->cookie,
        .uid = socket->uid,
        .backlog = socket->backlog,
        .capacity = (uint64_t)socket->backlog + 1,
        .queue = socket->queue,
        .file_inode = socket->file_inode,
        .file_device = socket->file_device,
    };
    memcpy(listener.path, socket->path, sizeof listener.path);
    return listener;
}

/* ---- Which file ---- */

/* An abstract name with a leading '@', or a path and the file that it leads to now. */
struct place {
    const char *path;
    uint32_t inode, device; /* 0: no socket's file is there */
};

/* sock_diag cuts a file's number to 32 bits, and numbers devices with 20 bits for the minor. */
static void note_file(const struct stat *file, uint32_t *inode, uint32_t *device)
{
    *inode = (uint32_t)file->st_ino;
    *device = major(file->st_dev) << 20 | minor(file->st_dev);
}

static struct place place_at(const char *path)
{
    struct place place = {.path = path};
    struct stat file;
    if (*path != '@' && !stat(path, &file) && S_ISSOCK(file.st_mode))
        note_file(&file, &place.inode, &place.device);
    return place;
}

/* The better, the higher. */
enum fit { ELSEWHERE, SAME_NAME, SAME_FILE };

static enum fit fit_of(const struct place *place, const struct listener *listener)
{
    if (listener->family != AF_UNIX)
        return ELSEWHERE;
    bool same_device = listener->file_inode && listener->file_device == place->device;
    if (same_device && listener->file_inode == place->inode)
        return SAME_FILE;
    bool abstract = *place->path == '@';
    return !strcmp(listener->path, place->path) && !same_device && !(abstract && listener->file_inode) ? SAME_NAME : ELSEWHERE;
}

size_t listener_keep_at(const char *path, struct listener *list, size_t count)
{
    struct place place = place_at(path);
    enum fit best = SAME_NAME;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        enum fit fit = fit_of(&place, &list[i]);
        if (fit > best) {
            best = fit;
            kept = 0;
        }
        if (fit == best)
            list[kept++] = list[i];
    }
    return kept;
}

/* ---- The one that a client reaches ---- */

struct search {
    struct place place;
    enum fit best;
    struct listener *out;
};

static void each_candidate(void *context, const struct unix_listener *socket)
{
    struct search *search = context;
    if (!socket) {
        *search->out = (struct listener){0};
        search->best = ELSEWHERE;
        return;
    }
    struct listener listener = listener_of_unix(socket);
    enum fit fit = fit_of(&search->place, &listener);
    if (fit <= search->best)
        return;
    search->best = fit;
    *search->out = listener;
}

static int find(struct sockdiag *sd, const struct endpoint *destination, const struct transport *transport, struct listener *out,
                struct error *err)
{
    (void)destination;
    struct search search = {.place = place_at(transport->path), .out = out};
    *out = (struct listener){0};
    if (*transport->path != '@' && !search.place.inode)
        return 0; /* nor does connect(2) find one */
    return unixdiag_dump(sd, each_candidate, &search, err);
}

static int members(struct sockdiag *sd, const struct endpoint *destination, struct listener *out, size_t room, size_t *count,
                   struct error *err)
{
    (void)sd, (void)destination, (void)out, (void)room, (void)err;
    *count = 0;
    return 0;
}

static int look(struct sockdiag *sd, const struct listener *listener, uint64_t *queue, uint64_t *drops, struct error *err)
{
    struct unix_listener now;
    int status = unixdiag_exact(sd, listener->inode, listener->cookie, &now, err);
    (void)drops;
    *queue = status ? 0 : now.queue;
    return status;
}

/* ---- All ---- */

struct listing {
    struct listener_list *out;
    size_t before;
    bool out_of_memory;
};

static void each_listener(void *context, const struct unix_listener *socket)
{
    struct listing *listing = context;
    if (!socket) {
        listing->out->count = listing->before;
        return;
    }
    struct listener listener = listener_of_unix(socket);
    if (listener.known)
        listing->out_of_memory |= !listener_append(listing->out, &listener);
}

static int list(struct sockdiag *sd, struct listener_list *out, struct error *incomplete, struct error *err)
{
    struct listing listing = {.out = out, .before = out->count};
    unixdiag_dump(sd, each_listener, &listing, incomplete);
    return listing.out_of_memory ? error_set(err, ENOMEM, "no memory for %zu listeners", out->count) : 0;
}

/* ---- One of our own ---- */

static int make(const struct server_settings *settings, const struct endpoint *address, bool v6only, struct listener *out,
                struct error *err)
{
    (void)v6only;
    const char *path = settings->transport.path;
    struct sockaddr_storage name;
    struct stat file;
    socklen_t size = endpoint_unix_sockaddr(path, &name);
    if (!size)
        return error_set(err, ENAMETOOLONG, "cannot listen on %.40s...: a socket's path has at most 107 bytes", path);
    SCOPED_FD fd = transport_socket(&settings->transport, AF_UNIX);
    if (fd < 0)
        return listener_refused(err, path, "socket");
    if (bind(fd, (struct sockaddr *)&name, size)) {
        if (errno == EADDRINUSE && *path != '@')
            return error_set(err, EADDRINUSE, "cannot listen on %s: the file exists%s", path,
                             !lstat(path, &file) && !S_ISSOCK(file.st_mode)
                                 ? ", and is no socket: choose another path"
                                 : "; another server listens there, or one has left it behind: then remove it");
        return error_errno(err, "cannot listen on %s: bind", path);
    }
    out->local = *address;
    out->family = AF_UNIX;
    snprintf(out->path, sizeof out->path, "%s", path);
    if (*path != '@' && !lstat(path, &file))
        note_file(&file, &out->file_inode, &out->file_device);
    if (listen(fd, settings->backlog)) {
        int status = error_errno(err, "cannot listen on %s: listen", path);
        listener_remove_file(out);
        return status;
    }
    listener_own(fd, out);
    return fd_steal(&fd);
}

/* Such a socket does not tell of its queue, but sock_diag does. Asked on a netlink socket of the moment: each thread has a
   descriptor table of its own. It has no counter of drops, for it drops nobody. */
static bool read_figures(int fd, struct listener *listener)
{
    struct sockdiag sd = {0};
    struct unix_listener now;
    (void)fd;
    if (unixdiag_open(&sd, NULL))
        return false;
    int status = unixdiag_exact(&sd, listener->inode, listener->cookie, &now, NULL);
    sockdiag_close(&sd);
    if (status || !now.has_queue)
        return false;
    listener->queue = now.queue;
    listener->backlog = now.backlog;
    return true;
}

/* Another server may have removed the file and bound one of its own there. Our socket holds our file, so no other file can have its
   number while a copy of the socket is open. Between the look and the removal another one may still come: unlink(2) cannot be told
   which file is meant. */
static void remove_file(const struct listener *listener)
{
    struct stat file;
    uint32_t inode, device;
    if (!listener->file_inode || lstat(listener->path, &file))
        return;
    note_file(&file, &inode, &device);
    if (inode == listener->file_inode && device == listener->file_device)
        unlink(listener->path);
}

const struct listener_operations listener_operations_unix = {
    .find = find, .members = members, .look = look, .list = list, .make = make, .read = read_figures, .remove_file = remove_file};
