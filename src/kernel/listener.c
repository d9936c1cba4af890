/* Listeners of every kind: which operations each has, and what is common to all. */
#include "listener_internal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    int type, protocol;
    const struct listener_operations *operations;
} kinds[KIND_COUNT] = {
    [KIND_TCP] = {SOCK_STREAM, IPPROTO_TCP, &listener_operations_tcp},
    [KIND_MPTCP] = {SOCK_STREAM, IPPROTO_MPTCP, &listener_operations_tcp},
    [KIND_UNIX_STREAM] = {SOCK_STREAM, 0, &listener_operations_unix},
    [KIND_UNIX_SEQPACKET] = {SOCK_SEQPACKET, 0, &listener_operations_unix},
};

/* ---- Those that are there ---- */

int listener_find(struct sockdiag *sd, const struct endpoint *destination, const struct transport *transport,
                  struct listener *out, struct error *err)
{
    return kinds[transport->kind].operations->find(sd, destination, transport, out, err);
}

int listener_members(struct sockdiag *sd, const struct endpoint *destination, const struct transport *transport,
                     struct listener *out, size_t room, size_t *count, struct error *err)
{
    return kinds[transport->kind].operations->members(sd, destination, out, room, count, err);
}

int listener_look(struct sockdiag *sd, const struct listener *listener, uint64_t *queue, uint64_t *drops, struct error *err)
{
    *queue = *drops = 0;
    return kinds[listener->kind].operations->look(sd, listener, queue, drops, err);
}

bool listener_takes(const struct listener *listener, const struct transport *transport)
{
    return kinds[listener->kind].type == kinds[transport->kind].type;
}

/* ---- All of them ---- */

bool listener_append(struct listener_list *out, const struct listener *listener)
{
    if (out->count == out->room) {
        size_t room = out->room ? 2 * out->room : 64;
        struct listener *list = realloc(out->list, room * sizeof *list);
        if (!list)
            return false;
        out->list = list;
        out->room = room;
    }
    out->list[out->count++] = *listener;
    return true;
}

int listener_compare_places(const struct listener *a, const struct listener *b)
{
    bool a_named = a->family == AF_UNIX, b_named = b->family == AF_UNIX;
    if (a_named != b_named)
        return a_named - b_named;
    if (a_named)
        return strcmp(a->path, b->path);
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    if (a->local.port != b->local.port)
        return a->local.port < b->local.port ? -1 : 1;
    if (a->local.family != b->local.family)
        return a->local.family < b->local.family ? -1 : 1;
    int order = memcmp(a->local.bytes, b->local.bytes, sizeof a->local.bytes);
    if (!order && a->local.scope != b->local.scope)
        order = a->local.scope < b->local.scope ? -1 : 1;
    if (!order && a->interface != b->interface)
        order = a->interface < b->interface ? -1 : 1;
    return order ? order : (int)a->dual_stack - (int)b->dual_stack;
}

int listener_compare(const struct listener *a, const struct listener *b)
{
    int order = listener_compare_places(a, b);
    if (!order && a->uid != b->uid)
        order = a->uid < b->uid ? -1 : 1;
    return order ? order : a->cookie < b->cookie ? -1 : a->cookie > b->cookie;
}

static int compare(const void *left, const void *right)
{
    return listener_compare(left, right);
}

/* The kernel puts listeners with the same address, device and owner into one group and lets no others share an address
   (inet_reuseport_add_sock). AF_UNIX has no such thing: equal names are those of sockets without any. */
static bool same_group(const struct listener *a, const struct listener *b)
{
    return a->family != AF_UNIX && !listener_compare_places(a, b) && a->uid == b->uid;
}

static void number_groups(struct listener *listeners, size_t count)
{
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && same_group(&listeners[first], &listeners[end]);)
            end++;
        for (size_t i = first; i < end; i++) {
            listeners[i].member = (uint32_t)(i - first) + 1;
            listeners[i].group = (uint32_t)(end - first);
        }
    }
}

static void put_in_order(struct listener_list *out, size_t before)
{
    if (out->count == before)
        return;
    qsort(out->list + before, out->count - before, sizeof *out->list, compare);
    number_groups(out->list + before, out->count - before);
}

int listener_list(struct sockdiag *sd, struct listener_list *out, struct error *incomplete, struct error *err)
{
    size_t before = out->count;
    int status = 0;
    for (int kind = 0; kind < KIND_COUNT && !status; kind++)
        if (!kind || kinds[kind].operations != kinds[kind - 1].operations)
            status = kinds[kind].operations->list(sd, out, incomplete, err);
    if (!status)
        put_in_order(out, before);
    return status;
}

int listener_list_tcp(struct sockdiag *sd, struct listener_list *out, struct error *err)
{
    size_t before = out->count;
    int status = kinds[KIND_TCP].operations->list(sd, out, NULL, err);
    if (!status)
        put_in_order(out, before);
    return status;
}

/* The order of a dump changes as members come; the lowest cookie stays while that member lives. */
void listener_add_member(struct listener *sum, const struct listener *member)
{
    if (!sum->known) {
        *sum = *member;
        return;
    }
    if (member->cookie < sum->cookie) {
        sum->inode = member->inode;
        sum->cookie = member->cookie;
    }
    sum->discarded_known = sum->discarded_known && member->discarded_known;
    sum->members++;
    sum->backlog += member->backlog;
    sum->capacity += member->capacity;
    sum->queue += member->queue;
    sum->discarded = sum->discarded_known ? sum->discarded + member->discarded : 0;
}

/* ---- One of our own, and its clients ---- */

int listener_refused(struct error *err, const char *place, const char *what)
{
    int code = errno;
    bool lacking = code == ENOPROTOOPT || code == EPROTONOSUPPORT || code == EOPNOTSUPP || code == ESOCKTNOSUPPORT;
    return error_set(err, code, "cannot listen on %s: %s: %s%s", place, what, strerror(code),
                     lacking ? "; this kernel lacks it, or a sysctl turns it off" : "");
}

void listener_own(int fd, struct listener *out)
{
    struct stat file;
    socklen_t size = sizeof out->cookie;
    if (!fstat(fd, &file))
        out->inode = (uint32_t)file.st_ino;
    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &out->cookie, &size);
    out->members = 1;
    out->pid = getpid();
    prctl(PR_GET_NAME, out->process);
    out->known = listener_read(fd, out);
}

int listener_make(const struct server_settings *settings, const struct endpoint *address, bool v6only, struct listener *out,
                  struct error *err)
{
    *out = (struct listener){.kind = (uint8_t)settings->transport.kind};
    return kinds[out->kind].operations->make(settings, address, v6only, out, err);
}

bool listener_read(int fd, struct listener *listener)
{
    if (!kinds[listener->kind].operations->read(fd, listener))
        return false;
    listener->capacity = listener->backlog + 1;
    return true;
}

void listener_remove_file(const struct listener *listener)
{
    if (kinds[listener->kind].operations->remove_file)
        kinds[listener->kind].operations->remove_file(listener);
}

int transport_socket(const struct transport *transport, int family)
{
    int fd = socket(family, kinds[transport->kind].type | SOCK_NONBLOCK | SOCK_CLOEXEC, kinds[transport->kind].protocol);
    return fd < 0 ? -errno : fd;
}

socklen_t transport_address(const struct transport *transport, const struct endpoint *destination, struct sockaddr_storage *out)
{
    return transport->path ? endpoint_unix_sockaddr(transport->path, out) : endpoint_to_sockaddr(destination, out);
}
