/* The netlink sockets of the library, answered by the fuzzer. The linker leads its calls here (--wrap, ld(1)). */
#include "fake_netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <string.h>
#include <sys/socket.h>

#if defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#if defined SANITIZED || defined __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#define PORT 4711
#define DESCRIPTOR 0x7fff0000

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags);
int __wrap_mnl_socket_bind(struct mnl_socket *socket, unsigned groups, pid_t pid);
int __wrap_mnl_socket_close(struct mnl_socket *socket);
int __wrap_mnl_socket_get_fd(const struct mnl_socket *socket);
unsigned __wrap_mnl_socket_get_portid(const struct mnl_socket *socket);
ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *request, size_t size);
ssize_t __wrap_recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from, socklen_t *from_size);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout);

static struct {
    struct bytes answers;
    size_t asked;
    uint32_t sequence;    /* of the question that is answered */
    uint32_t first, last; /* of those that came together */
    int open;
} kernel;

void fake_netlink_begin(struct bytes answers)
{
    MUST(!kernel.open); /* nobody forgets to close one */
    kernel.answers = answers;
    kernel.asked = 0;
}

size_t fake_netlink_asked(void)
{
    return kernel.asked;
}

struct mnl_socket *__wrap_mnl_socket_open2(int bus, int flags)
{
    (void)bus, (void)flags;
    kernel.open++;
    return (struct mnl_socket *)(void *)&kernel;
}

int __wrap_mnl_socket_bind(struct mnl_socket *socket, unsigned groups, pid_t pid)
{
    (void)socket, (void)groups, (void)pid;
    return 0;
}

int __wrap_mnl_socket_close(struct mnl_socket *socket)
{
    (void)socket;
    kernel.open--;
    return 0;
}

int __wrap_mnl_socket_get_fd(const struct mnl_socket *socket)
{
    (void)socket;
    return DESCRIPTOR;
}

unsigned __wrap_mnl_socket_get_portid(const struct mnl_socket *socket)
{
    (void)socket;
    return PORT;
}

ssize_t __wrap_mnl_socket_sendto(const struct mnl_socket *socket, const void *request, size_t size)
{
    struct nlmsghdr header = {0};
    (void)socket;
    MUST(kernel.open && size);
    for (size_t at = 0; at < size; at += NLMSG_ALIGN((size_t)header.nlmsg_len)) {
        MUST(size - at >= sizeof header);
        memcpy(&header, (const uint8_t *)request + at, sizeof header);
        MUST(header.nlmsg_len >= sizeof header && header.nlmsg_len <= size - at && header.nlmsg_flags & NLM_F_REQUEST);
        MUST(!at || header.nlmsg_seq == kernel.last + 1);
        kernel.first = at ? kernel.first : header.nlmsg_seq;
        kernel.last = header.nlmsg_seq;
        kernel.asked++;
    }
    kernel.sequence = kernel.first;
    return (ssize_t)size;
}

static void address_to_us(uint8_t *datagram, size_t size)
{
    struct nlmsghdr header;
    for (size_t at = 0; size - at >= sizeof header;) {
        memcpy(&header, datagram + at, sizeof header);
        header.nlmsg_seq = kernel.sequence;
        header.nlmsg_pid = PORT;
        memcpy(datagram + at, &header, sizeof header);
        size_t step = NLMSG_ALIGN((size_t)header.nlmsg_len);
        if (step < sizeof header || step > size - at)
            return;
        at += step;
    }
}

ssize_t __wrap_recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from, socklen_t *from_size)
{
    (void)flags;
    MUST(fd == DESCRIPTOR && *from_size >= sizeof(struct sockaddr_nl));
    ASAN_UNPOISON_MEMORY_REGION(buffer, size);
    if (!kernel.answers.left) {
        errno = EAGAIN;
        return -1;
    }
    uint8_t kind = draw_byte(&kernel.answers);
    struct bytes part = draw_part(&kernel.answers);
    struct sockaddr_nl sender = {.nl_family = AF_NETLINK, .nl_pid = kind & ANSWER_STRANGE ? 1 : 0};
    memcpy(from, &sender, sizeof sender);
    *from_size = sizeof sender;
    if (kind & ANSWER_FAILS) {
        errno = part.left ? part.at[0] : ECONNREFUSED;
        errno = errno ? errno : EINTR;
        return -1;
    }
    size_t got = part.left < size ? part.left : size;
    if (got)
        memcpy(buffer, part.at, got);
    if (kind & ANSWER_TO_US)
        address_to_us(buffer, got);
    ASAN_POISON_MEMORY_REGION((uint8_t *)buffer + got, size - got);
    return kind & ANSWER_TOO_LONG ? (ssize_t)size + 1 : (ssize_t)got;
}

/* One answer a question, in their order, until the fuzzer has none. */
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout)
{
    int got = 0;
    MUST(!timeout);
    for (; (unsigned)got < count; got++) {
        struct msghdr *header = &messages[got].msg_hdr;
        MUST(header->msg_iovlen == 1);
        ssize_t size = __wrap_recvfrom(fd, header->msg_iov->iov_base, header->msg_iov->iov_len, flags, header->msg_name,
                                       &header->msg_namelen);
        if (size < 0)
            break;
        if ((size_t)size > header->msg_iov->iov_len) /* what is cut fills its place */
            ASAN_UNPOISON_MEMORY_REGION(header->msg_iov->iov_base, header->msg_iov->iov_len);
        messages[got].msg_len = (unsigned)size < header->msg_iov->iov_len ? (unsigned)size : (unsigned)header->msg_iov->iov_len;
        kernel.sequence += kernel.sequence < kernel.last;
    }
    return got ? got : -1;
}
