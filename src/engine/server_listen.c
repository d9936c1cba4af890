/* The server's listeners: binding several addresses to one port, and what their own descriptors tell. */
#include "server_internal.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* How often another port is tried when the one that the first address picked is taken at a further
   address. */
#define PORT_TRIES 16

/* ---- Binding ---- */

/* An IPv6 any-address takes IPv4 clients too, unless it would then stand in the way of an IPv4 address of
   the list. */
static bool wants_v6only(const struct endpoint *address, const struct endpoint *addresses, size_t count)
{
    if (!endpoint_is_any(address))
        return true;
    for (size_t i = 0; i < count; i++)
        if (addresses[i].family == AF_INET)
            return true;
    return false;
}

static int set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

/* Returns a listening socket and tells where it is bound, or -errno. */
static int open_listener(const struct endpoint *address, bool v6only, int backlog, struct endpoint *bound,
                         struct error *err)
{
    char text[ENDPOINT_TEXT_SIZE];
    struct sockaddr_storage name;
    socklen_t size = endpoint_to_sockaddr(address, &name);
    endpoint_text(address, text);
    SCOPED_FD fd = socket(address->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return error_errno(err, "cannot listen on %s: socket", text);
    if (set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1))
        return error_errno(err, "cannot listen on %s: SO_REUSEADDR", text);
    if (address->family == AF_INET6 && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only))
        return error_errno(err, "cannot listen on %s: IPV6_V6ONLY", text);
    /* The clients inherit it: an answer must not wait for the acknowledgement of the one before. */
    if (set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1))
        return error_errno(err, "cannot listen on %s: TCP_NODELAY", text);
    if (bind(fd, (struct sockaddr *)&name, size))
        return error_errno(err, "cannot listen on %s: bind", text);
    if (listen(fd, backlog))
        return error_errno(err, "cannot listen on %s: listen", text);
    size = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &size))
        return error_errno(err, "cannot listen on %s: getsockname", text);
    *bound = endpoint_from_sockaddr(&name);
    return fd_steal(&fd);
}

static void close_all(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++)
        fd_close(&server->listeners[i].watch.fd);
    server->listener_count = 0;
}

/* One try at all addresses. `errors` gets each address's own. True when the port that the first one picked
   was taken at another one: then a further try can do better. */
static bool open_each(struct server *server, const struct endpoint *addresses, size_t count,
                      struct error *errors)
{
    uint16_t picked = 0;
    bool taken = false;
    for (size_t i = 0; i < count; i++) {
        struct endpoint address = addresses[i], bound;
        bool picks = !address.port;
        if (picks)
            address.port = picked;
        errors[i] = (struct error){0};
        int fd = open_listener(&address, wants_v6only(&address, addresses, count), server->settings.backlog,
                               &bound, &errors[i]);
        if (fd < 0) {
            taken = taken || (picks && picked && fd == -EADDRINUSE);
            continue;
        }
        picked = picks ? bound.port : picked;
        server->listeners[server->listener_count++] =
            (struct listening){.server = server, .watch.fd = fd, .local = bound, .waiting_since = NSEC_NEVER};
    }
    return taken;
}

int listeners_open(struct server *server, const struct endpoint *addresses, size_t count,
                   struct error *left_out, struct error *err)
{
    if (!count)
        return error_set(err, EINVAL, "no address to listen on");
    server->listeners = calloc(count, sizeof *server->listeners);
    struct error *errors = calloc(count, sizeof *errors);
    if (!server->listeners || !errors) {
        free(errors);
        return error_set(err, ENOMEM, "no memory for %zu listeners", count);
    }
    /* Every client takes a descriptor, and nothing here uses select(2). What remains bounds each table (server_holder.c). */
    fd_raise_limit(SIZE_MAX);
    for (int tries = 1; open_each(server, addresses, count, errors) && tries < PORT_TRIES; tries++)
        close_all(server);
    int status = 0;
    if (!server->listener_count)
        status = error_set(err, errors[0].code, "%s", errors[0].text);
    if (left_out)
        memcpy(left_out, errors, count * sizeof *errors);
    free(errors);
    for (size_t i = 0; i < server->listener_count; i++)
        listener_read(&server->listeners[i]);
    return status;
}

/* ---- Figures ---- */

/* For a LISTEN socket tcpi_unacked is the accept queue's length and tcpi_sacked its limit (tcp_get_info() in
   the kernel); SO_MEMINFO is what sock_diag sends as INET_DIAG_SKMEMINFO. */
bool listener_read(struct listening *listener)
{
    int fd = listener->watch.fd;
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) || info.tcpi_state != STATE_LISTEN)
        return false;
    listener->queue = info.tcpi_unacked;
    listener->backlog = info.tcpi_sacked;
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    size = sizeof memory;
    if (!getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size))
        listener->drops = memory[SK_MEMINFO_DROPS];
    return true;
}

uint64_t listener_capacity(const struct listening *listener)
{
    return (uint64_t)listener->backlog + 1;
}

size_t server_listener_count(const struct server *server)
{
    return server->listener_count;
}

void server_listener(const struct server *server, size_t index, struct listener *out)
{
    /* The server's thread may be writing its figures: only what never changes is taken from there. */
    const struct listening *listener = &server->listeners[index];
    struct listening now = {.watch.fd = listener->watch.fd};
    *out = (struct listener){0};
    if (!listener_read(&now))
        return;
    *out = (struct listener){
        .known = true,
        .local = listener->local,
        .members = 1,
        .backlog = now.backlog,
        .capacity = listener_capacity(&now),
        .queue = now.queue,
        .drops = now.drops,
        .drops_known = true,
        .pid = getpid(),
    };
    struct stat file;
    socklen_t size = sizeof out->cookie;
    if (!fstat(now.watch.fd, &file))
        out->inode = (uint32_t)file.st_ino;
    getsockopt(now.watch.fd, SOL_SOCKET, SO_COOKIE, &out->cookie, &size);
    prctl(PR_GET_NAME, out->process);
}
