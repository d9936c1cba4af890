/* The conversation by netlink: one question, its answers, a fresh socket when some were lost. */
#include "backlogctl/netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The kernel fills a dump's messages up to the size of the reader's buffer, and to no more than this. */
#define BUFFER_SIZE 32768
#define DUMP_TRIES 5

/* ---- The socket ---- */

static const char *name(const struct netlink *nl)
{
    return nl->family == NETLINK_ROUTE ? "route" : "sock_diag";
}

static void close_socket(struct netlink *nl)
{
    if (nl->socket)
        mnl_socket_close(nl->socket);
    nl->socket = NULL;
}

/* Closes the socket, if any, and opens another: the rest of a lost answer must not reach the next question. */
static int reopen(struct netlink *nl, struct error *err)
{
    close_socket(nl);
    nl->socket = mnl_socket_open2(nl->family, SOCK_CLOEXEC);
    if (!nl->socket)
        return error_errno(err, "cannot open a %s socket", name(nl));
    if (mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) >= 0)
        return 0;
    int status = error_errno(err, "cannot bind a %s socket", name(nl));
    close_socket(nl);
    return status;
}

int netlink_open(struct netlink *nl, int family, struct error *err)
{
    *nl = (struct netlink){.buffer = malloc(BUFFER_SIZE), .family = family};
    int status = nl->buffer ? reopen(nl, err) : error_set(err, ENOMEM, "no memory for the %s buffer", name(nl));
    if (status)
        netlink_close(nl);
    return status;
}

void netlink_close(struct netlink *nl)
{
    close_socket(nl);
    free(nl->buffer);
    *nl = (struct netlink){0};
}

/* ---- Asking ---- */

int netlink_fd(const struct netlink *nl)
{
    return nl->socket ? mnl_socket_get_fd(nl->socket) : -1;
}

void *netlink_request(union netlink_request *request, uint16_t type, uint16_t flags, size_t body_size)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(request);
    header->nlmsg_type = type;
    header->nlmsg_flags = NLM_F_REQUEST | flags;
    return mnl_nlmsg_put_extra_header(header, body_size);
}

static int send_bytes(struct netlink *nl, const void *bytes, size_t size, struct error *err)
{
    if (!nl->socket)
        return error_set(err, EBADF, "the sock_diag socket is not open");
    ssize_t sent;
    do {
        sent = mnl_socket_sendto(nl->socket, bytes, size);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? error_errno(err, "cannot ask %s", name(nl)) : 0;
}

static int send_request(struct netlink *nl, union netlink_request *request, struct error *err)
{
    request->header.nlmsg_seq = ++nl->sequence;
    return send_bytes(nl, request, request->header.nlmsg_len, err);
}

/* The kernel answers before the sending (or the reading of the message before) returns, so there is no need to wait: if
   nothing is there, the answer was lost. */
static ssize_t receive(struct netlink *nl)
{
    for (;;) {
        struct sockaddr_nl sender = {0};
        socklen_t size = sizeof sender;
        ssize_t got = recvfrom(mnl_socket_get_fd(nl->socket), nl->buffer, BUFFER_SIZE, MSG_DONTWAIT | MSG_TRUNC,
                               (struct sockaddr *)&sender, &size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN ? -ENOBUFS : -errno;
        if (size != sizeof sender || sender.nl_pid)
            continue; /* another process's, not the kernel's */
        return got > BUFFER_SIZE ? -EMSGSIZE : got;
    }
}

/* ---- Answers ---- */

struct answer {
    bool is_list;
    netlink_each *each;
    void *context;
    bool interrupted, done;
    int status;
};

/* Of all errno values; what is beyond is none. */
#define ERRNO_MOST 4095

static int error_of(const struct nlmsghdr *message)
{
    int status = 0;
    if (mnl_nlmsg_get_payload_len(message) >= sizeof status)
        memcpy(&status, mnl_nlmsg_get_payload(message), sizeof status);
    if (status < -ERRNO_MOST || status > ERRNO_MOST)
        return -EBADMSG;
    return status > 0 ? -status : status;
}

/* The message at this place of a datagram of `size` bytes; NULL: no whole one. libmnl 1.0.4 takes a length of 2^31 or more for a
   negative number, which any datagram has room for. */
static const struct nlmsghdr *message_at(const void *datagram, size_t at, size_t size)
{
    if (at > size || size - at < sizeof(struct nlmsghdr))
        return NULL;
    const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)((const char *)datagram + at);
    return message->nlmsg_len >= sizeof *message && message->nlmsg_len <= size - at ? message : NULL;
}

static void read_datagram(const struct netlink *nl, size_t size, struct answer *answer)
{
    const struct nlmsghdr *message;
    for (size_t at = 0; !answer->done && (message = message_at(nl->buffer, at, size));
         at += NLMSG_ALIGN((size_t)message->nlmsg_len)) {
        if (message->nlmsg_seq != nl->sequence || message->nlmsg_pid != mnl_socket_get_portid(nl->socket))
            continue; /* to an earlier question */
        bool end = message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR;
        answer->interrupted |= message->nlmsg_flags & NLM_F_DUMP_INTR;
        answer->done = end || !answer->is_list;
        if (end)
            answer->status = error_of(message);
        else if (answer->each)
            answer->each(answer->context, message);
    }
}

/* 0, -EINTR when the kernel says that a list was interrupted, -ENOBUFS when messages were lost, or -errno. */
static int converse(struct netlink *nl, union netlink_request *request, struct answer *answer, struct error *err)
{
    int status = send_request(nl, request, err);
    if (status)
        return status;
    while (!answer->done) {
        ssize_t size = receive(nl);
        if (size < 0) {
            status = reopen(nl, err);
            return status ? status : (int)size;
        }
        read_datagram(nl, (size_t)size, answer);
    }
    return answer->status ? answer->status : answer->interrupted ? -EINTR : 0;
}

int netlink_ask(struct netlink *nl, union netlink_request *request, netlink_each *each, void *context, struct error *err)
{
    struct answer answer = {.each = each, .context = context};
    return converse(nl, request, &answer, err);
}

int netlink_dump(struct netlink *nl, union netlink_request *request, netlink_each *each, void *context, struct error *err)
{
    int status = 0;
    for (int tries = 0; tries < DUMP_TRIES; tries++) {
        struct answer answer = {.is_list = true, .each = each, .context = context};
        if (tries && each)
            each(context, NULL);
        status = converse(nl, request, &answer, err);
        if (status != -EINTR && status != -ENOBUFS)
            break;
    }
    if (status == -EINTR || status == -ENOBUFS)
        return error_set(err, EINTR, "the kernel interrupted the list of sockets %d times: it may be incomplete", DUMP_TRIES);
    if (status && status != -ENOENT)
        return error_set(err, -status, "%s cannot list sockets: %s", name(nl), strerror(-status));
    return status;
}

/* ---- Many questions at once ---- */

void netlink_batch_add(struct netlink_batch *batch, const union netlink_request *request)
{
    memcpy(batch->bytes + batch->used, request, request->header.nlmsg_len);
    batch->used += NLMSG_ALIGN((size_t)request->header.nlmsg_len);
    batch->count++;
}

/* Returns the number of the first. */
static uint32_t number_questions(struct netlink *nl, struct netlink_batch *batch)
{
    uint32_t first = nl->sequence + 1;
    for (size_t at = 0; at < batch->used;) {
        struct nlmsghdr *header = (struct nlmsghdr *)(void *)(batch->bytes + at);
        header->nlmsg_seq = ++nl->sequence;
        at += NLMSG_ALIGN((size_t)header->nlmsg_len);
    }
    return first;
}

_Static_assert(NETLINK_BATCH *NETLINK_ANSWER_BYTES <= BUFFER_SIZE, "the answers to a batch fit into the buffer");

struct answers {
    struct mmsghdr headers[NETLINK_BATCH];
    struct iovec parts[NETLINK_BATCH];
    struct sockaddr_nl senders[NETLINK_BATCH];
};

/* As many answers as are there, at most `most`. How many, or -errno. */
static int receive_answers(struct netlink *nl, struct answers *answers, size_t most)
{
    for (size_t i = 0; i < most; i++) {
        answers->parts[i] = (struct iovec){(char *)nl->buffer + i * NETLINK_ANSWER_BYTES, NETLINK_ANSWER_BYTES};
        answers->headers[i].msg_hdr = (struct msghdr){.msg_iov = &answers->parts[i],
                                                      .msg_iovlen = 1,
                                                      .msg_name = &answers->senders[i],
                                                      .msg_namelen = sizeof answers->senders[i]};
    }
    int got;
    do {
        got = recvmmsg(mnl_socket_get_fd(nl->socket), answers->headers, (unsigned)most, MSG_DONTWAIT, NULL);
    } while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* NULL: it is cut, to an earlier question, or another process's. */
static const struct nlmsghdr *answer_at(const struct netlink *nl, const struct answers *answers, size_t i, uint32_t first,
                                        size_t count)
{
    const struct mmsghdr *header = &answers->headers[i];
    const struct nlmsghdr *message = message_at((const char *)nl->buffer + i * NETLINK_ANSWER_BYTES, 0, header->msg_len);
    bool kernel = header->msg_hdr.msg_namelen == sizeof answers->senders[i] && !answers->senders[i].nl_pid;
    return message && kernel && message->nlmsg_pid == mnl_socket_get_portid(nl->socket) && message->nlmsg_seq - first < count
               ? message
               : NULL;
}

int netlink_ask_batch(struct netlink *nl, struct netlink_batch *batch, netlink_each_answer *each, void *context,
                      struct error *err)
{
    struct answers answers;
    uint32_t first = number_questions(nl, batch);
    size_t told = 0;
    int status = send_bytes(nl, batch->bytes, batch->used, err), got;
    while (!status && told < batch->count && (got = receive_answers(nl, &answers, batch->count)) > 0)
        for (int i = 0; i < got; i++) {
            const struct nlmsghdr *message = answer_at(nl, &answers, (size_t)i, first, batch->count);
            if (!message)
                continue;
            bool refused = message->nlmsg_type == NLMSG_ERROR;
            each(context, message->nlmsg_seq - first, refused ? NULL : message, refused ? error_of(message) : 0);
            told++;
        }
    return !status && told < batch->count ? reopen(nl, err) : status; /* what comes late must not reach the next question */
}
