/* A share of the burst: its sockets are opened, followed, looked at and closed on one thread. */
#include "flood_internal.h"

#include "backlogctl/fd.h"
#include "backlogctl/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define EVENTS_AT_ONCE 256

/* ---- Following ---- */

void shard_look(struct shard *shard)
{
    struct flood *flood = shard->flood;
    for (size_t i = shard->first; i < shard->opened; i++)
        switch (flood->asks ? flood->asks(flood->asks_context, &flood->attempts[i]) : ASK_ALL) {
        case ASK_NOTHING:
            break;
        case ASK_STATE:
            look_at_state(flood, i);
            break;
        case ASK_ALL:
            look_at(flood, i);
            break;
        }
}

/* The text and a newline. */
static void text_message(const struct flood *flood, struct iovec parts[2], struct msghdr *message)
{
    const char *text = flood->settings.send;
    parts[0] = (struct iovec){.iov_base = (void *)(uintptr_t)text, .iov_len = text ? strlen(text) : 0};
    parts[1] = (struct iovec){.iov_base = (void *)(uintptr_t) "\n", .iov_len = text ? 1 : 0};
    *message = (struct msghdr){.msg_iov = parts, .msg_iovlen = 2};
}

static void send_text(struct flood *flood, size_t i)
{
    struct attempt *a = &flood->attempts[i];
    struct iovec parts[2];
    struct msghdr message;
    if (!flood->settings.send || a->sent || a->state != STATE_ESTABLISHED)
        return;
    text_message(flood, parts, &message);
    a->sent = sendmsg(flood->fds[i], &message, MSG_NOSIGNAL) > 0;
}

/* Bytes are thrown away: that some came is the evidence. */
static void receive(struct flood *flood, size_t i)
{
    struct attempt *a = &flood->attempts[i];
    char discarded[4096];
    ssize_t got;
    while ((got = recv(flood->fds[i], discarded, sizeof discarded, MSG_DONTWAIT)) > 0)
        note_reply(flood, a);
    if (got < 0 && errno != EAGAIN && errno != EINTR)
        note_error(flood, a, errno, false);
}

static void tell_failure(const struct shard *shard, size_t i)
{
    const struct flood *flood = shard->flood;
    const struct attempt *a = &flood->attempts[i];
    if (flood->settings.failed && a->error && !a->soft_error && shard->loop == flood->loop)
        flood->settings.failed(flood->settings.context);
}

static void shard_ready(struct loop_source *source, uint32_t ready)
{
    (void)ready;
    struct shard *shard = (struct shard *)((char *)source - offsetof(struct shard, events));
    struct epoll_event events[EVENTS_AT_ONCE];
    int got = epoll_wait(source->fd, events, EVENTS_AT_ONCE, 0);
    for (int e = 0; e < got; e++) {
        size_t i = events[e].data.u32;
        look_at(shard->flood, i);
        send_text(shard->flood, i);
        if (events[e].events & EPOLLIN)
            receive(shard->flood, i);
        tell_failure(shard, i);
    }
}

/* ---- Opening ---- */

static bool same_address(const struct endpoint *a, const struct endpoint *b)
{
    return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

/* What the kernel chose. 0 or -errno. */
static int read_source(struct flood *flood, size_t i, int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size))
        return -errno;
    struct endpoint source = endpoint_from_sockaddr(&address);
    attempt_set_source(flood->target, &flood->attempts[i], &source);
    return 0;
}

static int open_socket(const struct flood *flood)
{
    return transport_socket(&flood->settings.transport, flood->settings.destination.family);
}

int shard_check_transport(const struct flood *flood, struct error *err)
{
    SCOPED_FD fd = open_socket(flood);
    int code = fd < 0 ? -fd : 0;
    if (code == EPROTONOSUPPORT || code == ENOPROTOOPT || code == EINVAL || code == EAFNOSUPPORT || code == ESOCKTNOSUPPORT)
        return error_set(err, code, "cannot open such a socket (%s): %s; this kernel lacks it, or a sysctl turns it off",
                         socket_kind_name(flood->settings.transport.kind), strerror(code));
    return 0; /* our own limits are each connection's to tell */
}

/* An abstract name that nobody else has: the kernel chooses five digits (autobind, unix(7)). */
static int open_autobound(struct flood *flood, size_t i)
{
    SCOPED_FD fd = open_socket(flood);
    if (fd < 0)
        return fd;
    if (bind(fd, &(struct sockaddr){.sa_family = flood->settings.destination.family}, sizeof(sa_family_t)))
        return -errno;
    int status = read_source(flood, i, fd);
    return status ? status : fd_steal(&fd);
}

/* Binds to the source's port if it is free, else to any: then that becomes 0. 0 or -errno. */
static int bind_source(int fd, struct endpoint *source)
{
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(source, &address);
    if (!bind(fd, (const struct sockaddr *)&address, size))
        return 0;
    if (!source->port || errno != EADDRINUSE)
        return -errno;
    source->port = 0;
    return bind_source(fd, source);
}

/* 0 or -errno. */
static int bind_attempt(struct flood *flood, size_t i, int fd, struct endpoint *source)
{
    int status = bind_source(fd, source);
    if (status || !source->port)
        return status ? status : read_source(flood, i, fd);
    attempt_set_source(flood->target, &flood->attempts[i], source);
    return 0;
}

/* A socket bound to an ephemeral port of its source. connect() alone could pick the target's own port as its source: with
   nobody listening there, TCP's simultaneous open would then connect the socket to itself. So the port is chosen first,
   and the one that must not be is held aside until another is found. Returns the descriptor or -errno. */
static int open_with_port(struct flood *flood, size_t i, struct endpoint source)
{
    const struct endpoint *destination = &flood->settings.destination;
    SCOPED_FD held = -1;
    for (;;) {
        SCOPED_FD fd = open_socket(flood);
        if (fd < 0)
            return fd;
        int status = bind_attempt(flood, i, fd, &source);
        if (status)
            return status;
        struct endpoint bound = attempt_source(flood->target, &flood->attempts[i]);
        if (bound.port != destination->port || !same_address(&bound, destination))
            return fd_steal(&fd);
        if (held >= 0)
            return -EADDRINUSE;
        held = fd_steal(&fd);
        source.port = 0;
    }
}

/* A remote target cannot be ourselves: connect() chooses the port, which only has to be free for that target. */
static int open_with_address(struct flood *flood, struct endpoint source)
{
    SCOPED_FD fd = open_socket(flood);
    int one = 1;
    if (fd < 0)
        return fd;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    int status = bind_source(fd, &source);
    return status ? status : fd_steal(&fd);
}

static int open_bound(struct flood *flood, size_t i)
{
    if (flood->sources.autobind)
        return open_autobound(flood, i);
    if (!flood->sources.bind)
        return open_socket(flood);
    struct endpoint source = sources_endpoint(&flood->sources, i);
    return flood->sources.bind_port ? open_with_port(flood, i, source) : open_with_address(flood, source);
}

static void watch_socket(struct shard *shard, size_t i)
{
    struct flood *flood = shard->flood;
    struct attempt *a = &flood->attempts[i];
    if (!flood->settings.follow || a->state == STATE_CLOSE)
        return;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u32 = (uint32_t)i};
    if (a->state == STATE_SYN_SENT)
        event.events |= EPOLLOUT;
    if (epoll_ctl(shard->events.fd, EPOLL_CTL_ADD, flood->fds[i], &event))
        note_error(flood, a, errno, false);
}

/* Fast Open sends the first data, or an empty one, with the SYN; without a cookie it asks for one and begins like any other.
   Without a handshake connect() is over when it returns. 0 or an errno. */
static int begin_connection(struct flood *flood, size_t i, int fd)
{
    struct attempt *a = &flood->attempts[i];
    struct sockaddr *destination = (struct sockaddr *)&flood->destination;
    int status = -1;
    if (flood->settings.transport.fastopen) {
        struct iovec parts[2];
        struct msghdr message;
        text_message(flood, parts, &message);
        message.msg_name = destination;
        message.msg_namelen = flood->destination_size;
        ssize_t sent = sendmsg(fd, &message, MSG_FASTOPEN | MSG_NOSIGNAL);
        a->sent = sent > 0;
        status = sent < 0 ? -1 : 0;
    } else {
        status = connect(fd, destination, flood->destination_size);
    }
    if (status && errno != EINPROGRESS)
        return errno;
    if (flood->sources.autobind) {
        a->state = STATE_ESTABLISHED;
        note_established(flood, a);
    }
    return 0;
}

/* -1: as many hops as usual. */
static int set_hops(int family, int fd, int hops)
{
    int status = family == AF_INET ? setsockopt(fd, IPPROTO_IP, IP_TTL, &hops, sizeof hops)
                                   : setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops);
    return status ? -errno : 0;
}

static int confine(enum confinement confinement, int family, int fd)
{
    switch (confinement) {
    case CONFINED_TO_LOOPBACK:
        return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof "lo") ? -errno : 0;
    case CONFINED_TO_ONE_HOP:
        return set_hops(family, fd, 1);
    case CONFINED_NOT:
        break;
    }
    return 0;
}

/* With a socket, or -errno. */
static void begin_attempt(struct shard *shard, size_t i, int fd)
{
    struct flood *flood = shard->flood;
    struct attempt *a = &flood->attempts[i];
    a->opened = since_epoch(flood);
    if (fd < 0) {
        note_error(flood, a, -fd, false);
        return;
    }
    flood->fds[i] = fd;
    int error = -confine(flood->settings.confinement, flood->settings.destination.family, fd);
    if (!error)
        error = begin_connection(flood, i, fd);
    if (error) {
        note_error(flood, a, error, false);
        a->refused_here = true;
        fd_close(&flood->fds[i]);
        return;
    }
    if (!flood->sources.bind_port && !flood->sources.autobind)
        read_source(flood, i, fd);
    look_at_state(flood, i);
    send_text(flood, i);
    watch_socket(shard, i);
}

static void open_one(struct shard *shard, size_t i)
{
    begin_attempt(shard, i, open_bound(shard->flood, i));
}

/* What was bound to lo was discarded there: from the same source it is begun anew. */
void shard_set_free(struct shard *shard)
{
    struct flood *flood = shard->flood;
    size_t i = shard->first;
    struct endpoint source = attempt_source(flood->target, &flood->attempts[i]);
    bool discarded = flood->settings.confinement == CONFINED_TO_LOOPBACK;
    flood->settings.confinement = CONFINED_NOT;
    if (!discarded) {
        set_hops(flood->settings.destination.family, flood->fds[i], -1);
        return;
    }
    fd_close(&flood->fds[i]);
    flood->attempts[i] = attempt_begun(flood->attempts[i].id);
    begin_attempt(shard, i, open_with_port(flood, i, source));
}

/* Due by the start and not by the connection before: a late one does not delay the rest. */
static void wait_for_turn(struct shard *shard, size_t i)
{
    struct flood *flood = shard->flood;
    nsec due = flood->start + arrival_due(&flood->settings.arrivals, i);
    nsec now = clock_now();
    while (now < due && !shard->loop->signal && !atomic_load(&flood->interrupted)) {
        if (loop_run(shard->loop, due, NULL))
            break;
        now = clock_now();
    }
    if (now - due > shard->worst_late)
        shard->worst_late = now - due;
}

void shard_burst(struct shard *shard, size_t end)
{
    struct flood *flood = shard->flood;
    const struct arrivals *arrivals = &flood->settings.arrivals;
    for (size_t i = shard->opened; i < end; i++) {
        if (arrivals->rate || (arrivals->burst && (arrivals->segment.of || i % arrivals->burst == 0)))
            wait_for_turn(shard, i);
        if (i && flood->settings.gate && flood->settings.threads <= 1 && !flood->settings.gate(flood->settings.context, i))
            atomic_store(&flood->interrupted, true);
        if (i % 64 == 63 && loop_poll_signal(shard->loop))
            atomic_store(&flood->interrupted, true);
        if (shard->loop->signal || atomic_load_explicit(&flood->interrupted, memory_order_relaxed))
            break;
        open_one(shard, i);
        shard->opened = i + 1;
        if (flood->attempts[i].state == STATE_SYN_SENT && flood->settings.silent && flood->settings.threads <= 1)
            flood->settings.silent(flood->settings.context, i);
    }
    if (shard->opened > shard->first) {
        shard->first_open = flood->attempts[shard->first].opened;
        shard->last_open = flood->attempts[shard->opened - 1].opened;
    }
}

/* ---- Beginning and end ---- */

int shard_init(struct shard *shard, struct loop *loop, struct error *err)
{
    shard->loop = loop;
    shard->events = (struct loop_source){.ready = shard_ready, .fd = epoll_create1(EPOLL_CLOEXEC)};
    if (shard->events.fd < 0)
        return error_errno(err, "epoll_create1");
    return 0;
}

void shard_follow(struct shard *shard, bool on)
{
    if (on == shard->following || !shard->flood->settings.follow)
        return;
    if (on && loop_add(shard->loop, &shard->events, EPOLLIN, NULL))
        return;
    if (!on)
        loop_remove(shard->loop, &shard->events);
    shard->following = on;
}

void shard_abandon(struct shard *shard)
{
    struct flood *flood = shard->flood;
    for (size_t i = shard->first; i < shard->opened; i++)
        if (flood->attempts[i].established == NSEC_NEVER)
            fd_close(&flood->fds[i]);
}

void shard_close(struct shard *shard)
{
    struct flood *flood = shard->flood;
    struct linger abort = {.l_onoff = 1, .l_linger = 0};
    shard_follow(shard, false);
    fd_close(&shard->events.fd);
    for (size_t i = shard->first; i < shard->opened; i++) {
        if (flood->fds[i] >= 0 && flood->settings.reset && flood->settings.reset(&flood->attempts[i]))
            setsockopt(flood->fds[i], SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
        fd_close(&flood->fds[i]);
    }
}
