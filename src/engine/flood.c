/* The burst: sockets, source addresses, connects, and what each socket tells afterwards. */
#include "backlogctl/flood.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Sockets that one source address carries before the next one is taken: well below the 28 232 ephemeral ports, where the
   kernel's port search stays short. */
#define CONNECTIONS_PER_SOURCE 8000

/* Up to here every connection comes from the destination's own address, as an ordinary client's would. Above, each run
   takes fresh 127/8 addresses, so that the TIME_WAIT of earlier runs does not narrow the ports. */
#define FEW_CONNECTIONS 100

/* Descriptors that the rest of the program may need beside the flood's. */
#define SPARE_DESCRIPTORS 32

#define EVENTS_AT_ONCE 256

struct flood {
    struct flood_settings settings;
    struct loop *loop;
    nsec epoch;
    struct attempt *attempts;
    size_t count;
    int *fds; /* one an attempt, -1 when closed */
    struct sockaddr_storage destination;
    socklen_t destination_size;
    uint32_t first_source; /* IPv4, host order; 0: the destination's own address */
    struct watch events;   /* the epoll of all sockets, nested in the loop */
};

/* ---- Preparing ---- */

static int reserve_descriptors(size_t count, struct error *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return error_errno(err, "getrlimit(RLIMIT_NOFILE)");
    rlim_t wanted = count + SPARE_DESCRIPTORS;
    if (limit.rlim_cur >= wanted)
        return 0;
    struct rlimit raised = {.rlim_cur = wanted, .rlim_max = limit.rlim_max > wanted ? limit.rlim_max : wanted};
    if (!setrlimit(RLIMIT_NOFILE, &raised))
        return 0;
    return error_set(err, EMFILE,
                     "cannot hold %zu connections: the limit on open files (RLIMIT_NOFILE, ulimit -Hn) is %llu; "
                     "raise it to %llu or ask for fewer",
                     count, (unsigned long long)limit.rlim_max, (unsigned long long)wanted);
}

/* 127.1.0.0 to 127.254.255.0 leaves room for a hundred sources behind the first. */
static uint32_t random_loopback(void)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        random = (uint32_t)clock_now();
    return 0x7f010000u + random % 0x00fd0000u;
}

static void flood_ready(struct watch *watch, uint32_t events);

int flood_open(struct flood **out, const struct flood_settings *settings, struct attempt *attempts, size_t count,
               struct loop *loop, struct error *err)
{
    int status = reserve_descriptors(count, err);
    if (status)
        return status;
    struct flood *flood = calloc(1, sizeof *flood);
    int *fds = malloc((count ? count : 1) * sizeof *fds);
    if (!flood || !fds) {
        free(flood);
        free(fds);
        return error_set(err, ENOMEM, "no memory for %zu connections", count);
    }
    *flood = (struct flood){.settings = *settings, .loop = loop, .attempts = attempts, .count = count, .fds = fds};
    flood->destination_size = endpoint_to_sockaddr(&settings->destination, &flood->destination);
    bool loopback4 = settings->destination.family == AF_INET && endpoint_is_loopback(&settings->destination);
    if (loopback4 && count > FEW_CONNECTIONS)
        flood->first_source = random_loopback();
    for (size_t i = 0; i < count; i++) {
        uint32_t id = attempts[i].id;
        fds[i] = -1;
        attempts[i] = (struct attempt){.id = id,
                                       .opened = NSEC_NEVER,
                                       .established = NSEC_NEVER,
                                       .accepted = NSEC_NEVER,
                                       .failed = NSEC_NEVER,
                                       .age_ms = -1,
                                       .state = STATE_CLOSE};
    }
    flood->events = (struct watch){.ready = flood_ready, .fd = epoll_create1(EPOLL_CLOEXEC)};
    if (flood->events.fd < 0)
        status = error_errno(err, "epoll_create1");
    else
        status = loop_add(loop, &flood->events, EPOLLIN, err);
    if (status) {
        flood_release(flood);
        return status;
    }
    *out = flood;
    return 0;
}

/* ---- What a socket tells ---- */

static nsec since_epoch(const struct flood *flood)
{
    return clock_now() - flood->epoch;
}

static void note_error(struct flood *flood, struct attempt *a, int error, bool soft)
{
    if (!error || (a->error && !a->soft_error))
        return;
    a->error = (int16_t)error;
    a->soft_error = soft;
    if (a->failed == NSEC_NEVER)
        a->failed = since_epoch(flood);
}

static uint8_t capped8(uint32_t value)
{
    return value > UINT8_MAX ? UINT8_MAX : (uint8_t)value;
}

static uint16_t capped16(uint32_t value)
{
    return value > UINT16_MAX ? UINT16_MAX : (uint16_t)value;
}

/* TCP_INFO grows with the kernel: what an older one does not send stays 0. */
static int read_info(int fd, struct tcp_info *info)
{
    socklen_t size = sizeof *info;
    memset(info, 0, sizeof *info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &size);
}

static void look_at(struct flood *flood, size_t i)
{
    struct attempt *a = &flood->attempts[i];
    struct tcp_info info;
    if (flood->fds[i] < 0 || read_info(flood->fds[i], &info))
        return;
    a->state = info.tcpi_state;
    if (a->state == STATE_SYN_SENT || a->state == STATE_CLOSE) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(flood->fds[i], SOL_SOCKET, SO_ERROR, &error, &size);
        note_error(flood, a, error, a->state == STATE_SYN_SENT);
        if (a->state == STATE_CLOSE && a->soft_error)
            a->soft_error = false;
    } else if (a->established == NSEC_NEVER) {
        a->established = since_epoch(flood);
        if (a->soft_error) {
            a->error = 0;
            a->soft_error = false;
            a->failed = NSEC_NEVER;
        }
    }
    a->segments_in = capped16(info.tcpi_segs_in);
    if (!a->sent) {
        a->syn_retransmits = capped8(info.tcpi_total_retrans);
    } else {
        a->data_retransmits = capped8(info.tcpi_total_retrans - a->syn_retransmits);
        a->acknowledged = a->acknowledged || (info.tcpi_unacked == 0 && info.tcpi_notsent_bytes == 0);
    }
}

void flood_look(struct flood *flood)
{
    for (size_t i = 0; i < flood->count; i++)
        look_at(flood, i);
}

static void send_text(struct flood *flood, size_t i)
{
    struct attempt *a = &flood->attempts[i];
    const char *text = flood->settings.send;
    if (!text || a->sent || a->state != STATE_ESTABLISHED)
        return;
    struct iovec parts[] = {{.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)},
                            {.iov_base = (void *)(uintptr_t) "\n", .iov_len = 1}};
    a->sent = writev(flood->fds[i], parts, 2) > 0;
}

/* Bytes are counted and thrown away: that some came is the evidence. */
static void receive(struct flood *flood, size_t i)
{
    struct attempt *a = &flood->attempts[i];
    char discarded[4096];
    ssize_t got;
    while ((got = recv(flood->fds[i], discarded, sizeof discarded, MSG_DONTWAIT)) > 0) {
        a->replied = true;
        if (a->accepted == NSEC_NEVER)
            a->accepted = since_epoch(flood);
    }
    if (got < 0 && errno != EAGAIN && errno != EINTR)
        note_error(flood, a, errno, false);
}

static void flood_ready(struct watch *watch, uint32_t ready)
{
    (void)ready;
    struct flood *flood = (struct flood *)((char *)watch - offsetof(struct flood, events));
    struct epoll_event events[EVENTS_AT_ONCE];
    int got = epoll_wait(watch->fd, events, EVENTS_AT_ONCE, 0);
    for (int e = 0; e < got; e++) {
        size_t i = events[e].data.u32;
        look_at(flood, i);
        send_text(flood, i);
        if (events[e].events & EPOLLIN)
            receive(flood, i);
    }
}

/* ---- The burst ---- */

static bool same_address(const struct endpoint *a, const struct endpoint *b)
{
    return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

static struct endpoint source_address(const struct flood *flood, size_t i)
{
    struct endpoint source = flood->settings.destination;
    source.port = 0;
    if (flood->first_source) {
        uint32_t address = htonl(flood->first_source + (uint32_t)(i / CONNECTIONS_PER_SOURCE));
        memcpy(source.bytes, &address, sizeof address);
    }
    return source;
}

static int read_source(int fd, struct attempt *a)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size))
        return -errno;
    a->source = endpoint_from_sockaddr(&address);
    return 0;
}

static int open_socket(const struct flood *flood)
{
    int fd = socket(flood->settings.destination.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

/* A socket bound to an ephemeral port of the i-th source. connect() alone could pick the target's own port as its source:
   with nobody listening there, TCP's simultaneous open would then connect the socket to itself. So the port is chosen
   first, and the one that must not be is held aside until another is found. Returns the descriptor or -errno. */
static int open_bound(struct flood *flood, size_t i)
{
    struct attempt *a = &flood->attempts[i];
    struct endpoint source = source_address(flood, i);
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(&source, &address);
    SCOPED_FD held = -1;
    for (;;) {
        SCOPED_FD fd = open_socket(flood);
        if (fd < 0)
            return fd;
        if (bind(fd, (struct sockaddr *)&address, size))
            return -errno;
        int status = read_source(fd, a);
        if (status)
            return status;
        const struct endpoint *destination = &flood->settings.destination;
        if (a->source.port != destination->port || !same_address(&a->source, destination))
            return fd_steal(&fd);
        if (held >= 0)
            return -EADDRNOTAVAIL;
        held = fd_steal(&fd);
    }
}

static void follow(struct flood *flood, size_t i)
{
    const struct attempt *a = &flood->attempts[i];
    if (!flood->settings.follow || a->state == STATE_CLOSE)
        return;
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u32 = (uint32_t)i};
    if (a->state == STATE_SYN_SENT)
        event.events |= EPOLLOUT;
    if (epoll_ctl(flood->events.fd, EPOLL_CTL_ADD, flood->fds[i], &event))
        flood->attempts[i].error = (int16_t)errno;
}

static void open_one(struct flood *flood, size_t i)
{
    struct attempt *a = &flood->attempts[i];
    a->opened = since_epoch(flood);
    int fd = flood->settings.local ? open_bound(flood, i) : open_socket(flood);
    if (fd < 0) {
        note_error(flood, a, -fd, false);
        return;
    }
    flood->fds[i] = fd;
    a->opened = since_epoch(flood);
    if (connect(fd, (struct sockaddr *)&flood->destination, flood->destination_size) && errno != EINPROGRESS) {
        note_error(flood, a, errno, false);
        fd_close(&flood->fds[i]);
        return;
    }
    if (!flood->settings.local)
        read_source(fd, a);
    look_at(flood, i);
    send_text(flood, i);
    follow(flood, i);
}

size_t flood_burst(struct flood *flood, nsec epoch)
{
    flood->epoch = epoch;
    nsec start = clock_now();
    for (size_t i = 0; i < flood->count; i++) {
        if (flood->settings.rate && i) {
            /* Due by the start, not by the connection before: a late one does not delay the rest. */
            nsec due = start + (nsec)((double)i * NSEC_PER_SEC / flood->settings.rate);
            if (due > clock_now())
                loop_run(flood->loop, due, NULL);
        }
        if (i && flood->settings.gate)
            flood->settings.gate(flood->settings.gate_context, i);
        if (i % 64 == 63 || flood->settings.rate)
            loop_poll_signal(flood->loop);
        if (flood->loop->signal)
            return i;
        open_one(flood, i);
    }
    return flood->count;
}

/* ---- The end ---- */

void flood_abandon(struct flood *flood)
{
    for (size_t i = 0; i < flood->count; i++)
        if (flood->attempts[i].established == NSEC_NEVER)
            fd_close(&flood->fds[i]);
}

void flood_release(struct flood *flood)
{
    if (!flood)
        return;
    if (flood->events.fd >= 0) {
        loop_remove(flood->loop, &flood->events);
        fd_close(&flood->events.fd);
    }
    struct linger abort = {.l_onoff = 1, .l_linger = 0};
    for (size_t i = 0; i < flood->count; i++) {
        enum verdict verdict = (enum verdict)flood->attempts[i].verdict;
        if (flood->fds[i] >= 0 && (verdict == VERDICT_LOST || verdict == VERDICT_HALF_OPEN))
            setsockopt(flood->fds[i], SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
        fd_close(&flood->fds[i]);
    }
    free(flood->fds);
    free(flood);
}
