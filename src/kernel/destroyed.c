/* Being told of sockets that are destroyed. */
#include "backlogctl/destroyed.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A message has 380 bytes today, and takes 5 kB of the queue. What does not fit is lost, so there is room for some 25 thousand;
   without CAP_NET_ADMIN only for as many as net.core.rmem_max allows. */
#define DATAGRAM_SIZE 4096
#define QUEUE_SIZE (64 << 20)
/* They may come faster than they are read. */
#define AT_ONCE 65536

/* Only messages with one of these source ports: a host has many sockets. And those of none, as our own are. A filter sees the message
   from its header on. */
static int filter(int fd, const uint16_t *ports, size_t count)
{
    struct sock_filter program[DESTROYED_PORTS_MAX + 4];
    if (count > DESTROYED_PORTS_MAX)
        return 0;
    size_t used = 0;
    program[used++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_H | BPF_ABS, NLMSG_HDRLEN + offsetof(struct inet_diag_msg, id.idiag_sport));
    for (size_t i = 0; i < count; i++)
        program[used++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ports[i], (uint8_t)(count - i + 1), 0);
    program[used++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
    program[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
    program[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
    struct sock_fprog whole = {(unsigned short)used, program};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &whole, sizeof whole);
}

static void make_room(int fd)
{
    int size = QUEUE_SIZE;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

static int join(int fd)
{
    static const int groups[] = {SKNLGRP_INET_TCP_DESTROY, SKNLGRP_INET6_TCP_DESTROY};
    struct sockaddr_nl own = {.nl_family = AF_NETLINK};
    if (bind(fd, (struct sockaddr *)&own, sizeof own))
        return -1;
    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &groups[i], sizeof groups[i]))
            return -1;
    return 0;
}

int destroyed_open(struct destroyed *d, const uint16_t *ports, size_t count, struct error *err)
{
    *d = (struct destroyed){.fd = -1, .buffer = malloc(DATAGRAM_SIZE)};
    if (!d->buffer)
        return error_set(err, ENOMEM, "no memory for the end of connections");
    d->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
    int status = d->fd < 0 ? error_errno(err, "cannot open a sock_diag socket") : 0;
    if (!status && filter(d->fd, ports, count))
        status = error_errno(err, "cannot choose which ends of connections to be told of");
    if (!status)
        make_room(d->fd);
    if (!status && join(d->fd))
        status = error_errno(err, "the kernel does not tell of the end of connections");
    if (status)
        destroyed_close(d);
    return status;
}

void destroyed_close(struct destroyed *d)
{
    if (d->buffer)
        fd_close(&d->fd);
    free(d->buffer);
    *d = (struct destroyed){.fd = -1};
}

size_t destroyed_parse(const void *datagram, size_t size, sockdiag_each *each, void *context)
{
    size_t count = 0, at = 0;
    struct nlmsghdr header;
    while (size - at >= sizeof header) {
        memcpy(&header, (const char *)datagram + at, sizeof header);
        if (header.nlmsg_len < sizeof header || header.nlmsg_len > size - at)
            break;
        struct diag_socket socket;
        if (!diag_parse((const char *)datagram + at, header.nlmsg_len, &socket)) {
            each(context, &socket);
            count++;
        }
        size_t length = NLMSG_ALIGN((size_t)header.nlmsg_len);
        if (length > size - at)
            break;
        at += length;
    }
    return count;
}

int destroyed_read(struct destroyed *d, sockdiag_each *each, void *context, struct error *err)
{
    for (size_t left = d->buffer ? AT_ONCE : 0; left; left--) {
        struct sockaddr_nl sender = {0};
        socklen_t size = sizeof sender;
        ssize_t got = recvfrom(d->fd, d->buffer, DATAGRAM_SIZE, MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&sender, &size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == ENOBUFS) {
            d->lost = true;
            continue;
        }
        if (got < 0)
            return errno == EAGAIN ? 0 : error_errno(err, "cannot read the end of connections");
        if (size != sizeof sender || sender.nl_pid)
            continue; /* another process's, not the kernel's */
        if (got > DATAGRAM_SIZE)
            d->lost = true; /* none is so long */
        else
            destroyed_parse(d->buffer, (size_t)got, each, context);
    }
    return 0;
}

/* ---- Waiting for all of them ---- */

/* Sockets of our own, by their cookies, whose ends have not been told yet. */
struct awaited {
    uint64_t marks[CPU_SETSIZE];
    size_t left;
    sockdiag_each *each;
    void *context;
};

static void each_awaited(void *context, const struct diag_socket *socket)
{
    struct awaited *a = context;
    for (size_t i = 0; i < a->left && !socket->local.port; i++)
        if (a->marks[i] == socket->cookie) {
            a->marks[i] = a->marks[--a->left];
            return;
        }
    a->each(a->context, socket);
}

/* One that never had an address, so nothing is sent; the kernel destroys it on this processor before close() returns. */
static bool destroy_one(uint64_t *cookie)
{
    socklen_t size = sizeof *cookie;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    bool known = fd >= 0 && !getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &size);
    fd_close(&fd);
    return known;
}

/* Whether there is one on each processor that is online. */
static bool destroy_on_each(struct awaited *a)
{
    cpu_set_t own;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (online < 1 || sched_getaffinity(0, sizeof own, &own))
        return false;
    for (size_t p = 0; p < CPU_SETSIZE && a->left < (size_t)online; p++) {
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(p, &one);
        if (!sched_setaffinity(0, sizeof one, &one) && destroy_one(&a->marks[a->left]))
            a->left++;
    }
    return !sched_setaffinity(0, sizeof own, &own) && a->left == (size_t)online;
}

bool destroyed_await(struct destroyed *d, nsec until, sockdiag_each *each, void *context, struct error *err)
{
    struct awaited a = {.each = each, .context = context};
    if (!d->buffer)
        return false;
    bool whole = destroy_on_each(&a);
    for (;;) {
        if (destroyed_read(d, each_awaited, &a, err))
            return false;
        nsec left = until - clock_now();
        if (!a.left || d->lost || left <= 0)
            return whole && !a.left && !d->lost;
        poll(&(struct pollfd){.fd = d->fd, .events = POLLIN}, 1, (int)(left / NSEC_PER_MSEC) + 1);
    }
}
