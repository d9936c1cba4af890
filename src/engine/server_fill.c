/* Fills the server's accept queues with clients of its own and keeps them full, so that nobody else gets in. */
#include "server_fill.h"

#include "backlogctl/fd.h"

#include "server_events.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A client that has closed, or was reset, keeps its place until accept(): nothing that happens to a client makes room. A further
   listen() with a longer backlog does (backlogctl resize), and that wakes nobody. */
#define FILL_PAUSE (100 * NSEC_PER_MSEC)

/* On loopback the handshake is over when connect(2) returns, or very soon. */
#define HANDSHAKE_PATIENCE_MSEC 1000

/* For what else is opened meanwhile. */
#define SPARE_DESCRIPTORS 64

int fill_check(const struct server *server, struct error *err)
{
    size_t wanted = SPARE_DESCRIPTORS;
    for (size_t i = 0; i < server->listener_count; i++)
        wanted += (size_t)server->listeners[i].now.capacity;
    size_t limit = fd_raise_limit(wanted);
    if (limit && wanted > limit)
        return error_set(err, EMFILE, "a full queue takes %zu open files, and the limit is %zu (ulimit -n)", wanted, limit);
    return 0;
}

static int keep_client(struct filler *filler, int *fd, struct error *err)
{
    if (filler->count == filler->room) {
        size_t room = filler->room ? 2 * filler->room : 64;
        int *clients = reallocarray(filler->clients, room, sizeof *clients);
        if (!clients)
            return error_set(err, ENOMEM, "no memory for %zu clients", room);
        filler->clients = clients;
        filler->room = room;
    }
    filler->clients[filler->count++] = fd_steal(fd);
    return 0;
}

/* 0: established. */
static int finish_handshake(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int code = 0;
    socklen_t size = sizeof code;
    int ready = poll(&wait, 1, HANDSHAKE_PATIENCE_MSEC);
    if (!ready)
        return -ETIMEDOUT;
    return ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) ? -errno : -code;
}

/* -ETIMEDOUT or, without a handshake, -EAGAIN: there was no room for it. */
static int connect_one(struct server *server, const struct listening *listener, struct error *err)
{
    const struct transport *transport = &server->settings.transport;
    const struct endpoint destination = endpoint_reachable(&listener->now.local);
    struct sockaddr_storage address;
    socklen_t size = transport_address(transport, &destination, &address);
    SCOPED_FD fd = transport_socket(transport, address.ss_family);
    int status = fd < 0 ? fd : 0;
    if (!status && connect(fd, (struct sockaddr *)&address, size))
        status = errno == EINPROGRESS ? finish_handshake(fd) : -errno;
    if (status)
        return error_set(err, -status, "cannot fill the queue, client %zu: %s", server->filler.count + 1, strerror(-status));
    return keep_client(&server->filler, &fd, err);
}

/* How many more its queue takes; -errno when the kernel does not say. */
static int64_t room_left(struct listening *listener, struct error *err)
{
    struct server *server = listener->server;
    server_lock(server);
    bool read = events_read(listener);
    int64_t left = (int64_t)listener->now.capacity - (int64_t)listener->now.queue;
    server_unlock(server);
    if (!read)
        return error_set(err, EOPNOTSUPP, "cannot fill the queue: the kernel does not tell its length");
    return left > 0 ? left : 0;
}

/* Others may come meanwhile, so the kernel is asked after each round whether it is full. */
static int fill_one(struct listening *listener, struct error *err)
{
    int status = 0;
    for (;;) {
        struct error why = {0};
        int64_t left = room_left(listener, err);
        if (left <= 0)
            return (int)left;
        if (status)
            return status; /* no room, said connect(), and yet it is not full */
        while (left-- && !status)
            status = connect_one(listener->server, listener, &why);
        if (status)
            error_set(err, why.code, "%s", why.text);
        if (status && status != -ETIMEDOUT && status != -EAGAIN)
            return status;
    }
}

int fill_queues(struct server *server, struct error *err)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        struct error why = {0};
        int status = fill_one(&server->listeners[i], &why);
        if (status)
            return error_set(err, -status, "%s", why.text);
    }
    return 0;
}

static void look_again(struct timer *timer)
{
    struct server *server = (struct server *)((char *)timer - offsetof(struct server, filler.look));
    fill_keep(server);
}

void fill_keep(struct server *server)
{
    struct filler *filler = &server->filler;
    server_lock(server);
    bool ended = server->ended;
    server_unlock(server);
    if (ended)
        return;
    if (fill_queues(server, &filler->failure)) {
        loop_stop(server->loop);
        return;
    }
    for (size_t i = 0; !filler->full && i < server->listener_count; i++) {
        server_lock(server);
        events_tell(server->holders, &server->listeners[i], (struct server_event){.kind = SERVER_FULL});
        server_unlock(server);
    }
    filler->full = true;
    filler->look.fired = look_again;
    loop_arm(server->loop, &filler->look, clock_now() + FILL_PAUSE);
}

void fill_release(struct server *server)
{
    struct filler *filler = &server->filler;
    if (server->loop)
        loop_cancel(server->loop, &filler->look);
    while (filler->count)
        fd_close(&filler->clients[--filler->count]);
    free(filler->clients);
}
