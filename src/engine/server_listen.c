/* The server's listeners: binding several addresses to one port, and what their own descriptors tell. */
#include "server_internal.h"

#include "backlogctl/fd.h"
#include "backlogctl/netns.h"
#include "backlogctl/parse.h"
#include "backlogctl/sockdiag.h"

#include <errno.h>
#include <limits.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
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

/* One that the kernel lacks is told by its name. */
static int refused(struct error *err, const char *text, const char *what)
{
    int code = errno;
    bool lacking = code == ENOPROTOOPT || code == EPROTONOSUPPORT || code == EOPNOTSUPP || code == ESOCKTNOSUPPORT;
    return error_set(err, code, "cannot listen on %s: %s: %s%s", text, what, strerror(code),
                     lacking ? "; this kernel lacks it, or a sysctl turns it off" : "");
}

/* A server answers Fast Open only where a bit of the sysctl says so; the option alone changes nothing. */
static int check_fastopen(const char *text, struct error *err)
{
    char value[SYSCTL_VALUE_SIZE];
    int64_t bits = 0;
    int status = sysctl_read("net.ipv4.tcp_fastopen", value, err);
    if (!status && (parse_integer(value, 0, INT32_MAX, &bits, NULL) || !(bits & 2)))
        status = error_set(err, ENOPROTOOPT,
                           "cannot listen on %s with Fast Open: net.ipv4.tcp_fastopen is %s; set it to 3 (clients "
                           "and servers)",
                           text, value);
    return status;
}

static int set_tcp_options(int fd, const struct server_settings *settings, const char *text, struct error *err)
{
    int seconds = (int)((settings->defer_accept + NSEC_PER_SEC - 1) / NSEC_PER_SEC);
    if (set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1))
        return refused(err, text, "SO_REUSEADDR");
    if (settings->reuseport && set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1))
        return refused(err, text, "SO_REUSEPORT");
    /* The clients inherit it: an answer must not wait for the acknowledgement of the one before. */
    if (set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1))
        return refused(err, text, "TCP_NODELAY");
    if (seconds && set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds))
        return refused(err, text, "TCP_DEFER_ACCEPT");
    /* How many may be accepted before their handshake is complete: as many as the queue holds. */
    if (settings->transport.fastopen &&
        set_option(fd, IPPROTO_TCP, TCP_FASTOPEN,
                   settings->backlog < 0 || settings->backlog == INT_MAX ? INT_MAX : settings->backlog + 1))
        return refused(err, text, "TCP_FASTOPEN");
    return settings->transport.fastopen ? check_fastopen(text, err) : 0;
}

/* Returns a listening socket and tells where it is bound, or -errno. */
static int open_tcp(const struct server_settings *settings, const struct endpoint *address, bool v6only, struct endpoint *bound,
                    struct error *err)
{
    char text[ENDPOINT_TEXT_SIZE];
    struct sockaddr_storage name;
    socklen_t size = endpoint_to_sockaddr(address, &name);
    bool mptcp = settings->transport.kind == KIND_MPTCP;
    endpoint_text(address, text);
    SCOPED_FD fd = socket(address->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, mptcp ? IPPROTO_MPTCP : IPPROTO_TCP);
    if (fd < 0)
        return refused(err, text, mptcp ? "socket(IPPROTO_MPTCP)" : "socket");
    int status = set_tcp_options(fd, settings, text, err);
    if (status)
        return status;
    if (address->family == AF_INET6 && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only))
        return refused(err, text, "IPV6_V6ONLY");
    if (bind(fd, (struct sockaddr *)&name, size))
        return error_errno(err, "cannot listen on %s: bind", text);
    if (listen(fd, settings->backlog))
        return error_errno(err, "cannot listen on %s: listen", text);
    size = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &size))
        return error_errno(err, "cannot listen on %s: getsockname", text);
    *bound = endpoint_from_sockaddr(&name);
    return fd_steal(&fd);
}

static void note_file(struct server *server, const char *path)
{
    struct stat file;
    if (lstat(path, &file))
        return;
    server->made = path;
    server->made_device = file.st_dev;
    server->made_inode = file.st_ino;
}

/* Another server may have removed the file and bound one of its own there. Our socket holds our file, so no other file can have its
   number while a copy of the socket is open. Between the look and the removal another one may still come: unlink(2) cannot be told
   which file is meant. */
void listeners_remove_file(const struct server *server)
{
    struct stat file;
    if (server->made && !lstat(server->made, &file) && file.st_dev == server->made_device && file.st_ino == server->made_inode)
        unlink(server->made);
}

static int open_unix(struct server *server, struct error *err)
{
    const struct server_settings *settings = &server->settings;
    const char *path = settings->transport.path;
    struct sockaddr_storage name;
    socklen_t size = endpoint_unix_sockaddr(path, &name);
    if (!size)
        return error_set(err, ENAMETOOLONG, "cannot listen on %.40s...: a socket's path has at most 107 bytes", path);
    int type = settings->transport.kind == KIND_UNIX_SEQPACKET ? SOCK_SEQPACKET : SOCK_STREAM;
    SCOPED_FD fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return refused(err, path, "socket");
    if (bind(fd, (struct sockaddr *)&name, size)) {
        if (errno == EADDRINUSE && *path != '@')
            return error_set(err, EADDRINUSE,
                             "cannot listen on %s: the file exists; another server listens there, or one has left it "
                             "behind: then remove it",
                             path);
        return error_errno(err, "cannot listen on %s: bind", path);
    }
    if (*path != '@')
        note_file(server, path);
    if (listen(fd, settings->backlog))
        return error_errno(err, "cannot listen on %s: listen", path);
    return fd_steal(&fd);
}

static void close_all(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++)
        fd_close(&server->listeners[i].watch.fd);
    server->listener_count = 0;
}

/* `picked`: the port that an earlier address got, 0 before. */
static int open_one(struct server *server, const struct endpoint *addresses, size_t count, size_t i, uint16_t *picked,
                    struct error *err)
{
    struct endpoint address = addresses[i], bound = address;
    if (!address.port)
        address.port = *picked;
    int fd = address.family == AF_UNIX
                 ? open_unix(server, err)
                 : open_tcp(&server->settings, &address, wants_v6only(&address, addresses, count), &bound, err);
    if (fd < 0)
        return fd;
    if (!addresses[i].port)
        *picked = bound.port;
    struct stat file;
    struct listening *listening = &server->listeners[server->listener_count++];
    *listening = (struct listening){.server = server, .watch.fd = fd, .local = bound, .waiting_since = NSEC_NEVER};
    socklen_t size = sizeof listening->cookie;
    if (!fstat(fd, &file))
        listening->inode = (uint32_t)file.st_ino;
    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &listening->cookie, &size);
    return 0;
}

/* One try at all addresses. `errors` gets each address's own. True when the port that the first one picked
   was taken at another one: then a further try can do better. */
static bool open_each(struct server *server, const struct endpoint *addresses, size_t count, struct error *errors)
{
    uint32_t members = server->settings.reuseport ? server->settings.reuseport : 1;
    uint16_t picked = 0;
    bool taken = false;
    for (size_t i = 0; i < count; i++) {
        errors[i] = (struct error){0};
        for (uint32_t member = 0; member < members && !errors[i].code; member++) {
            uint16_t wanted = addresses[i].port ? 0 : picked;
            int status = open_one(server, addresses, count, i, &picked, &errors[i]);
            taken = taken || (wanted && status == -EADDRINUSE);
        }
    }
    return taken;
}

int listeners_open(struct server *server, const struct endpoint *addresses, size_t count, struct error *left_out,
                   struct error *err)
{
    if (!count)
        return error_set(err, EINVAL, "no address to listen on");
    size_t members = server->settings.reuseport ? server->settings.reuseport : 1;
    server->listeners = calloc(count * members, sizeof *server->listeners);
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

/* An AF_UNIX socket does not tell of its queue, but sock_diag does. Asked on a netlink socket of the moment: each thread has a
   descriptor table of its own. It has no counter of drops, for it drops nobody. */
static bool read_unix(struct listening *listener)
{
    struct sockdiag sd = {0};
    struct unix_listener now;
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

/* For a LISTEN socket tcpi_unacked is the accept queue's length and tcpi_sacked its limit (tcp_get_info() in
   the kernel); SO_MEMINFO is what sock_diag sends as INET_DIAG_SKMEMINFO. */
bool listener_read(struct listening *listener)
{
    int fd = listener->watch.fd;
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (listener->local.family == AF_UNIX)
        return read_unix(listener);
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
    const struct transport *transport = &server->settings.transport;
    struct listening now = {.watch.fd = listener->watch.fd,
                            .local = listener->local,
                            .inode = listener->inode,
                            .cookie = listener->cookie};
    *out = (struct listener){0};
    if (!listener_read(&now))
        return;
    *out = (struct listener){
        .known = true,
        .kind = (uint8_t)transport->kind,
        .local = listener->local,
        .family = listener->local.family,
        .inode = listener->inode,
        .cookie = listener->cookie,
        .members = 1,
        .backlog = now.backlog,
        .capacity = listener_capacity(&now),
        .queue = now.queue,
        .drops = now.drops,
        .drops_known = !is_unix(transport->kind),
        .pid = getpid(),
    };
    if (transport->path)
        out->path_length = (uint8_t)snprintf(out->path, sizeof out->path, "%s", transport->path);
    prctl(PR_GET_NAME, out->process);
}
