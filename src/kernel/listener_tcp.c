/* TCP listeners, MPTCP's among them: a reuseport group can stand behind one address. */
#include "diag_internal.h"
#include "listener_internal.h"

#include "backlogctl/fd.h"
#include "backlogctl/netns.h"
#include "backlogctl/parse.h"

#include <errno.h>
#include <limits.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* What a listener holds is one more than its backlog: the kernel drops only when the queue is longer. */
struct listener listener_of_tcp(const struct diag_socket *socket)
{
    bool any = socket->local.family == AF_INET6 && endpoint_is_any(&socket->local);
    return (struct listener){
        .known = true,
        .kind = socket->is_mptcp ? KIND_MPTCP : KIND_TCP,
        .local = socket->local,
        .family = socket->family,
        .dual_stack = any && socket->has_v6only && !socket->v6only,
        .interface = socket->interface,
        .members = 1,
        .inode = socket->inode,
        .cookie = socket->cookie,
        .uid = socket->uid,
        .backlog = socket->wqueue,
        .capacity = (uint64_t)socket->wqueue + 1,
        .queue = socket->rqueue,
        .discarded = socket->discarded,
        .discarded_known = socket->has_discarded,
    };
}

/* In the namespace where its number means something: the report may be written in another one. */
static void name_device(struct listener *listener)
{
    if (listener->interface && !device_name(listener->interface, listener->device))
        snprintf(listener->device, sizeof listener->device, "%u", listener->interface);
}

/* ---- The one that a SYN reaches ---- */

struct group {
    struct diag_socket reached;
    struct listener *sum;
    struct listener *members; /* NULL: only the sum is wanted */
    size_t room, count;
};

/* The kernel puts listeners with the same address, device and owner into one group (inet_reuseport_add_sock),
   and lets no others share an address. */
static bool same_group(const struct diag_socket *a, const struct diag_socket *b)
{
    return a->family == b->family && endpoint_equal(&a->local, &b->local) && a->interface == b->interface &&
           a->v6only == b->v6only && a->uid == b->uid;
}

/* In the order of their cookies, which the kernel counts up. */
static void keep_member(struct group *group, const struct listener *member)
{
    size_t at = group->count;
    if (at == group->room)
        return;
    for (; at && group->members[at - 1].cookie > member->cookie; at--)
        group->members[at] = group->members[at - 1];
    group->count++;
    group->members[at] = *member;
}

static void each_of_port(void *context, const struct diag_socket *socket)
{
    struct group *group = context;
    if (!socket) {
        *group->sum = (struct listener){0};
        group->count = 0;
        return;
    }
    if (!same_group(socket, &group->reached))
        return;
    struct listener member = listener_of_tcp(socket);
    name_device(&member);
    listener_add_member(group->sum, &member);
    if (group->members)
        keep_member(group, &member);
}

static int find_group(struct sockdiag *sd, const struct endpoint *destination, struct group *group, struct error *err)
{
    *group->sum = (struct listener){0};
    /* No connection has port 0, so the kernel's lookup comes to the listener that it prefers. */
    struct endpoint local = endpoint_reachable(destination), nobody = local;
    nobody.port = 0;
    int status = diag_lookup(sd, &local, &nobody, 0, &group->reached, err);
    if (status)
        return status == -ENOENT ? 0 : status;
    if (group->reached.state != STATE_LISTEN)
        return 0;
    struct sockdiag_query query = {.family = group->reached.family,
                                   .states = SOCKDIAG_LISTEN,
                                   .local_port = group->reached.local.port,
                                   .want_memory = true};
    return sockdiag_dump(sd, &query, each_of_port, group, err);
}

static int find(struct sockdiag *sd, const struct endpoint *destination, const struct transport *transport, struct listener *out,
                struct error *err)
{
    (void)transport;
    struct group group = {.sum = out};
    return find_group(sd, destination, &group, err);
}

static int members(struct sockdiag *sd, const struct endpoint *destination, struct listener *out, size_t room, size_t *count,
                   struct error *err)
{
    struct listener sum;
    struct group group = {.sum = &sum, .members = out, .room = room};
    int status = find_group(sd, destination, &group, err);
    *count = !status && group.count > 1 ? group.count : 0;
    return status;
}

/* ---- One that is known ---- */

struct search {
    uint64_t cookie;
    struct diag_socket found;
};

static void each_candidate(void *context, const struct diag_socket *socket)
{
    struct search *search = context;
    if (!socket)
        search->found.cookie = 0;
    else if (socket->cookie == search->cookie)
        search->found = *socket;
}

static int search_by_port(struct sockdiag *sd, const struct listener *listener, struct diag_socket *out, struct error *err)
{
    struct search search = {.cookie = listener->cookie};
    struct sockdiag_query query = {.family = listener->family,
                                   .states = SOCKDIAG_LISTEN,
                                   .local_port = listener->local.port,
                                   .want_memory = true};
    int status = sockdiag_dump(sd, &query, each_candidate, &search, err);
    *out = search.found;
    return status ? status : search.found.cookie ? 0 : -ENOENT;
}

static int look(struct sockdiag *sd, const struct listener *listener, uint64_t *queue, uint64_t *drops, struct error *err)
{
    struct diag_socket now;
    int status = -ENOENT;
    if (listener->group <= 1)
        status = diag_listener_by_cookie(sd, listener, &now);
    if (status) /* members of a group, and listeners that another one hides */
        status = search_by_port(sd, listener, &now, err);
    if (status)
        return status;
    *queue = now.rqueue;
    *drops = now.discarded;
    return 0;
}

/* ---- All ---- */

struct listing {
    struct listener_list *out;
    size_t before;
    bool out_of_memory;
};

static void each_listener(void *context, const struct diag_socket *socket)
{
    struct listing *listing = context;
    if (!socket) {
        listing->out->count = listing->before;
        return;
    }
    struct listener listener = listener_of_tcp(socket);
    name_device(&listener);
    listing->out_of_memory |= !listener_append(listing->out, &listener);
}

static int list(struct sockdiag *sd, struct listener_list *out, struct error *incomplete, struct error *err)
{
    /* The kernel tells of MPTCP only to who asks for info. */
    const struct sockdiag_query query = {.family = AF_UNSPEC, .states = SOCKDIAG_LISTEN, .want_memory = true, .want_info = true};
    struct listing listing = {.out = out, .before = out->count};
    struct error why = {0};
    int status = sockdiag_dump(sd, &query, each_listener, &listing, &why);
    if (status)
        error_set(status == -EINTR ? incomplete : err, why.code, "%s", why.text);
    if (status && status != -EINTR)
        return status;
    return listing.out_of_memory ? error_set(err, ENOMEM, "no memory for %zu listeners", out->count) : 0;
}

/* ---- One of our own ---- */

static int set_option(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

/* A server answers Fast Open only where a bit of the sysctl says so; the option alone changes nothing. */
static int check_fastopen(const char *place, struct error *err)
{
    char value[SYSCTL_VALUE_SIZE];
    int64_t bits = 0;
    int status = sysctl_read("net.ipv4.tcp_fastopen", value, err);
    if (!status && (parse_integer(value, 0, INT32_MAX, &bits, NULL) || !(bits & 2)))
        status = error_set(err, ENOPROTOOPT,
                           "cannot listen on %s with Fast Open: net.ipv4.tcp_fastopen is %s; set it to 3 (clients "
                           "and servers)",
                           place, value);
    return status;
}

static int set_options(int fd, const struct server_settings *settings, const char *place, struct error *err)
{
    int seconds = (int)((settings->defer_accept + NSEC_PER_SEC - 1) / NSEC_PER_SEC);
    if (set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1))
        return listener_refused(err, place, "SO_REUSEADDR");
    if (settings->reuseport && set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1))
        return listener_refused(err, place, "SO_REUSEPORT");
    /* The clients inherit it: an answer must not wait for the acknowledgement of the one before. */
    if (set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1))
        return listener_refused(err, place, "TCP_NODELAY");
    if (seconds && set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds))
        return listener_refused(err, place, "TCP_DEFER_ACCEPT");
    /* How many may be accepted before their handshake is complete: as many as the queue holds. */
    if (settings->transport.fastopen &&
        set_option(fd, IPPROTO_TCP, TCP_FASTOPEN,
                   settings->backlog < 0 || settings->backlog == INT_MAX ? INT_MAX : settings->backlog + 1))
        return listener_refused(err, place, "TCP_FASTOPEN");
    return settings->transport.fastopen ? check_fastopen(place, err) : 0;
}

static int make(const struct server_settings *settings, const struct endpoint *address, bool v6only, struct listener *out,
                struct error *err)
{
    char place[ENDPOINT_TEXT_SIZE];
    struct sockaddr_storage name;
    socklen_t size = endpoint_to_sockaddr(address, &name);
    endpoint_text(address, place);
    SCOPED_FD fd = transport_socket(&settings->transport, address->family);
    if (fd < 0)
        return listener_refused(err, place, settings->transport.kind == KIND_MPTCP ? "socket(IPPROTO_MPTCP)" : "socket");
    int status = set_options(fd, settings, place, err);
    if (status)
        return status;
    if (address->family == AF_INET6 && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only))
        return listener_refused(err, place, "IPV6_V6ONLY");
    if (bind(fd, (struct sockaddr *)&name, size))
        return error_errno(err, "cannot listen on %s: bind", place);
    if (listen(fd, settings->backlog))
        return error_errno(err, "cannot listen on %s: listen", place);
    size = sizeof name;
    if (getsockname(fd, (struct sockaddr *)&name, &size))
        return error_errno(err, "cannot listen on %s: getsockname", place);
    out->local = endpoint_from_sockaddr(&name);
    out->family = address->family;
    out->discarded_known = true;
    listener_own(fd, out);
    return fd_steal(&fd);
}

/* For a LISTEN socket tcpi_unacked is the accept queue's length and tcpi_sacked its limit (tcp_get_info() in
   the kernel); SO_MEMINFO is what sock_diag sends as INET_DIAG_SKMEMINFO. */
static bool read_figures(int fd, struct listener *listener)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) || info.tcpi_state != STATE_LISTEN)
        return false;
    listener->queue = info.tcpi_unacked;
    listener->backlog = info.tcpi_sacked;
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    size = sizeof memory;
    if (!getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size))
        listener->discarded = memory[SK_MEMINFO_DROPS];
    return true;
}

const struct listener_operations listener_operations_tcp = {
    .find = find, .members = members, .look = look, .list = list, .make = make, .read = read_figures};
