/* The conversation with sock_diag: one question, its answers, a fresh socket when some were lost. */
#include "diag_internal.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <string.h>

#define DUMP_TRIES 5

static int open_netlink(struct sockdiag *sd, struct error *err)
{
    sd->netlink = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    if (!sd->netlink)
        return error_errno(err, "cannot open a sock_diag socket");
    if (mnl_socket_bind(sd->netlink, 0, MNL_SOCKET_AUTOPID) < 0) {
        error_errno(err, "cannot bind a sock_diag socket");
        int status = -errno;
        mnl_socket_close(sd->netlink);
        sd->netlink = NULL;
        return status;
    }
    return 0;
}

int diag_reopen(struct sockdiag *sd, struct error *err)
{
    if (sd->netlink)
        mnl_socket_close(sd->netlink);
    sd->netlink = NULL;
    return open_netlink(sd, err);
}

void *diag_request(union diag_request *request, size_t body_size, uint16_t flags)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(request);
    header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    header->nlmsg_flags = NLM_F_REQUEST | flags;
    return mnl_nlmsg_put_extra_header(header, body_size);
}

static int request_send(struct sockdiag *sd, union diag_request *request, struct error *err)
{
    if (!sd->netlink)
        return error_set(err, EBADF, "the sock_diag socket is not open");
    request->header.nlmsg_seq = ++sd->sequence;
    ssize_t sent;
    do {
        sent = mnl_socket_sendto(sd->netlink, request, request->header.nlmsg_len);
    } while (sent < 0 && errno == EINTR);
    return sent < 0 ? error_errno(err, "cannot ask sock_diag") : 0;
}

/* The kernel answers before the sending (or the reading of the message before) returns, so there is no need to wait: if
   nothing is there, the answer was lost. */
static ssize_t answer_receive(struct sockdiag *sd)
{
    for (;;) {
        struct sockaddr_nl sender = {0};
        socklen_t size = sizeof sender;
        ssize_t got = recvfrom(mnl_socket_get_fd(sd->netlink), sd->buffer, DIAG_BUFFER_SIZE, MSG_DONTWAIT | MSG_TRUNC,
                               (struct sockaddr *)&sender, &size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN ? -ENOBUFS : -errno;
        if (size != sizeof sender || sender.nl_pid)
            continue; /* another process's, not the kernel's */
        return got > DIAG_BUFFER_SIZE ? -EMSGSIZE : got;
    }
}

static bool answer_is_ours(const struct sockdiag *sd, const struct nlmsghdr *message)
{
    return message->nlmsg_seq == sd->sequence && message->nlmsg_pid == mnl_socket_get_portid(sd->netlink);
}

static int answer_status(const struct nlmsghdr *message)
{
    int status = 0;
    if (mnl_nlmsg_get_payload_len(message) >= sizeof status)
        memcpy(&status, mnl_nlmsg_get_payload(message), sizeof status);
    return status > 0 ? -status : status;
}

/* True when the datagram held the answer; *status is then its outcome. */
static bool answered(const struct sockdiag *sd, ssize_t size, diag_each *each, void *context, int *status)
{
    int left = (int)size;
    for (const struct nlmsghdr *message = sd->buffer; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
        if (!answer_is_ours(sd, message))
            continue;
        if (message->nlmsg_type == NLMSG_ERROR)
            *status = answer_status(message);
        else
            each(context, message, (size_t)left);
        return true;
    }
    return false;
}

int diag_one(struct sockdiag *sd, union diag_request *request, diag_each *each, void *context, struct error *err)
{
    int status = request_send(sd, request, err);
    if (status)
        return status;
    ssize_t size;
    do {
        size = answer_receive(sd);
        if (size < 0)
            status = (int)size;
    } while (size >= 0 && !answered(sd, size, each, context, &status));
    if (size < 0)
        diag_reopen(sd, err);
    return status;
}

/* ---- Dumps ---- */

struct dump {
    diag_each *each;
    void *context;
    bool interrupted, done;
    int status;
};

static void dump_datagram(const struct sockdiag *sd, ssize_t size, struct dump *dump)
{
    int left = (int)size;
    for (const struct nlmsghdr *message = sd->buffer; !dump->done && mnl_nlmsg_ok(message, left);
         message = mnl_nlmsg_next(message, &left)) {
        if (!answer_is_ours(sd, message))
            continue;
        dump->interrupted |= message->nlmsg_flags & NLM_F_DUMP_INTR;
        if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
            dump->done = true;
            dump->status = answer_status(message);
        } else if (dump->each) {
            dump->each(dump->context, message, (size_t)left);
        }
    }
}

/* One try: 0, -EINTR when the kernel says it was interrupted, -ENOBUFS when messages were lost, or -errno. */
static int dump_once(struct sockdiag *sd, union diag_request *request, diag_each *each, void *context, struct error *err)
{
    struct dump dump = {.each = each, .context = context};
    int status = request_send(sd, request, err);
    if (status)
        return status;
    while (!dump.done) {
        ssize_t size = answer_receive(sd);
        if (size < 0) {
            status = diag_reopen(sd, err);
            return status ? status : (int)size;
        }
        dump_datagram(sd, size, &dump);
    }
    return dump.status ? dump.status : dump.interrupted ? -EINTR : 0;
}

int diag_dump(struct sockdiag *sd, union diag_request *request, diag_each *each, void *context, struct error *err)
{
    int status = 0;
    for (int tries = 0; tries < DUMP_TRIES; tries++) {
        if (tries && each)
            each(context, NULL, 0);
        status = dump_once(sd, request, each, context, err);
        if (status != -EINTR && status != -ENOBUFS)
            break;
    }
    if (status == -EINTR || status == -ENOBUFS)
        return error_set(err, EINTR, "the kernel interrupted the list of sockets %d times: it may be incomplete", DUMP_TRIES);
    if (status && status != -ENOENT)
        return error_set(err, -status, "sock_diag cannot list sockets: %s", strerror(-status));
    return status;
}
