/* Questions to the kernel's sock_diag: one connection, many sockets, or the listener that a SYN reaches. */
#include "backlogctl/sockdiag.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* The kernel fills a dump's messages up to the size of the reader's buffer, and to no more than this. */
#define BUFFER_SIZE 32768

#define DUMP_TRIES 5

/* lo has this index in every network namespace (LOOPBACK_IFINDEX). */
#define LOOPBACK_INDEX 1

#define EXTENSION(attribute) (1u << ((attribute)-1))

/* A question is a header, a request, and for a dump the port filter. */
#define REQUEST_SIZE 128
union request {
    struct nlmsghdr header;
    char bytes[REQUEST_SIZE];
};

/* ---- The conversation with the kernel ---- */

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

/* A fresh socket, for when answers were lost on the old one: their rest must not reach the next question. */
static int reopen_netlink(struct sockdiag *sd, struct error *err)
{
    if (sd->netlink)
        mnl_socket_close(sd->netlink);
    sd->netlink = NULL;
    return open_netlink(sd, err);
}

static struct inet_diag_req_v2 *request_begin(union request *request, int family, uint16_t flags)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(request);
    header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    header->nlmsg_flags = NLM_F_REQUEST | flags;
    struct inet_diag_req_v2 *body = mnl_nlmsg_put_extra_header(header, sizeof *body);
    body->sdiag_family = (uint8_t)family;
    body->sdiag_protocol = IPPROTO_TCP;
    return body;
}

static int request_send(struct sockdiag *sd, union request *request, struct error *err)
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

/* One datagram of the kernel's into sd->buffer: its size or -errno. The kernel answers before the sending (or
   the reading of the message before) returns, so there is no need to wait: if nothing is there, the answer
   was lost. */
static ssize_t answer_receive(struct sockdiag *sd)
{
    for (;;) {
        struct sockaddr_nl sender = {0};
        socklen_t size = sizeof sender;
        ssize_t got = recvfrom(mnl_socket_get_fd(sd->netlink), sd->buffer, BUFFER_SIZE,
                               MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&sender, &size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return errno == EAGAIN ? -ENOBUFS : -errno;
        if (size != sizeof sender || sender.nl_pid)
            continue; /* another process's, not the kernel's */
        return got > BUFFER_SIZE ? -EMSGSIZE : got;
    }
}

/* An answer to an earlier question may still be in the socket when that question failed half-way. */
static bool answer_is_ours(const struct sockdiag *sd, const struct nlmsghdr *message)
{
    return message->nlmsg_seq == sd->sequence && message->nlmsg_pid == mnl_socket_get_portid(sd->netlink);
}

/* The errno value, 0 or negative, that NLMSG_ERROR and NLMSG_DONE begin with. */
static int answer_status(const struct nlmsghdr *message)
{
    int status = 0;
    if (mnl_nlmsg_get_payload_len(message) >= sizeof status)
        memcpy(&status, mnl_nlmsg_get_payload(message), sizeof status);
    return status > 0 ? -status : status;
}

int sockdiag_open(struct sockdiag *sd, struct error *err)
{
    *sd = (struct sockdiag){.buffer = malloc(BUFFER_SIZE)};
    if (!sd->buffer)
        return error_set(err, ENOMEM, "no memory for the sock_diag buffer");
    int status = open_netlink(sd, err);
    if (!status) {
        /* A kernel without tcp_diag says ENOENT to everything, which an exact lookup would take for "no such
           connection". A dump that finds nothing shows the difference. */
        struct sockdiag_query nothing = {
            .family = AF_INET, .states = SOCKDIAG_LISTEN, .local_port = UINT16_MAX};
        status = sockdiag_dump(sd, &nothing, NULL, NULL, err);
    }
    if (status)
        sockdiag_close(sd);
    return status;
}

void sockdiag_close(struct sockdiag *sd)
{
    if (sd->netlink)
        mnl_socket_close(sd->netlink);
    free(sd->buffer);
    *sd = (struct sockdiag){0};
}

/* ---- One connection ---- */

/* Asks what a segment from `remote` to `local` would reach: a connection, else a listener. */
static int ask_lookup(struct sockdiag *sd, const struct endpoint *local, const struct endpoint *remote,
                      unsigned extensions, struct error *err)
{
    union request request;
    struct inet_diag_req_v2 *body = request_begin(&request, local->family, 0);
    body->idiag_ext = (uint8_t)extensions;
    body->idiag_states = UINT32_MAX;
    body->id.idiag_sport = htons(local->port);
    body->id.idiag_dport = htons(remote->port);
    memcpy(body->id.idiag_src, local->bytes, sizeof body->id.idiag_src);
    memcpy(body->id.idiag_dst, remote->bytes, sizeof body->id.idiag_dst);
    /* The device that such a segment comes in by. Sockets bound to none are found whatever it is. */
    body->id.idiag_if = local->scope ? local->scope : LOOPBACK_INDEX;
    body->id.idiag_cookie[0] = body->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    return request_send(sd, &request, err);
}

/* True when the datagram held the answer; *status is then its outcome. */
static bool lookup_answered(const struct sockdiag *sd, ssize_t size, struct diag_socket *out, int *status)
{
    int left = (int)size;
    for (const struct nlmsghdr *message = sd->buffer; mnl_nlmsg_ok(message, left);
         message = mnl_nlmsg_next(message, &left)) {
        if (!answer_is_ours(sd, message))
            continue;
        if (message->nlmsg_type == NLMSG_ERROR)
            *status = answer_status(message);
        else
            *status = diag_parse(message, (size_t)left, out);
        return true;
    }
    return false;
}

static int lookup(struct sockdiag *sd, const struct endpoint *local, const struct endpoint *remote,
                  unsigned extensions, struct diag_socket *out, struct error *err)
{
    int status = ask_lookup(sd, local, remote, extensions, err);
    if (status)
        return status;
    ssize_t size;
    do {
        size = answer_receive(sd);
        if (size < 0)
            status = (int)size;
    } while (size >= 0 && !lookup_answered(sd, size, out, &status));
    if (size < 0)
        reopen_netlink(sd, err);
    if (status && status != -ENOENT)
        return error_set(err, -status, "sock_diag cannot look up a connection: %s", strerror(-status));
    return status;
}

int sockdiag_exact(struct sockdiag *sd, const struct endpoint *local, const struct endpoint *remote,
                   struct diag_socket *out, struct error *err)
{
    struct endpoint ours = endpoint_unmapped(local), theirs = endpoint_unmapped(remote);
    if (ours.family != theirs.family)
        return -ENOENT;
    int status = lookup(sd, &ours, &theirs, EXTENSION(INET_DIAG_INFO), out, err);
    return !status && out->state == STATE_LISTEN ? -ENOENT : status;
}

/* ---- Many sockets ---- */

/* local port >= port and <= port. There is an operation for "equal" too, but older kernels refuse it. Each
   operation is two words; a jump is counted in bytes, and one that leads past the end says no. */
static void put_port_filter(union request *request, uint16_t port)
{
    const struct inet_diag_bc_op filter[] = {
        {.code = INET_DIAG_BC_S_GE, .yes = 8, .no = 20},
        {.no = port},
        {.code = INET_DIAG_BC_S_LE, .yes = 8, .no = 12},
        {.no = port},
    };
    mnl_attr_put(&request->header, INET_DIAG_REQ_BYTECODE, sizeof filter, filter);
}

static int ask_dump(struct sockdiag *sd, const struct sockdiag_query *query, struct error *err)
{
    union request request;
    struct inet_diag_req_v2 *body = request_begin(&request, query->family, NLM_F_DUMP);
    body->idiag_states = query->states;
    if (query->want_info)
        body->idiag_ext |= EXTENSION(INET_DIAG_INFO);
    if (query->want_memory)
        body->idiag_ext |= EXTENSION(INET_DIAG_SKMEMINFO);
    if (query->local_port)
        put_port_filter(&request, query->local_port);
    return request_send(sd, &request, err);
}

struct dump {
    sockdiag_each *each;
    void *context;
    bool interrupted, done;
    int status;
};

static void dump_datagram(const struct sockdiag *sd, ssize_t size, struct dump *dump)
{
    int left = (int)size;
    for (const struct nlmsghdr *message = sd->buffer; !dump->done && mnl_nlmsg_ok(message, left);
         message = mnl_nlmsg_next(message, &left)) {
        struct diag_socket socket;
        if (!answer_is_ours(sd, message))
            continue;
        dump->interrupted |= message->nlmsg_flags & NLM_F_DUMP_INTR;
        if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
            dump->done = true;
            dump->status = answer_status(message);
        } else if (!diag_parse(message, (size_t)left, &socket) && dump->each) {
            dump->each(dump->context, &socket);
        }
    }
}

/* One try: 0, -EINTR when the kernel says it was interrupted, -ENOBUFS when messages were lost, or -errno. */
static int dump_once(struct sockdiag *sd, const struct sockdiag_query *query, sockdiag_each *each,
                     void *context, struct error *err)
{
    struct dump dump = {.each = each, .context = context};
    int status = ask_dump(sd, query, err);
    if (status)
        return status;
    while (!dump.done) {
        ssize_t size = answer_receive(sd);
        if (size < 0) {
            status = reopen_netlink(sd, err);
            return status ? status : (int)size;
        }
        dump_datagram(sd, size, &dump);
    }
    return dump.status ? dump.status : dump.interrupted ? -EINTR : 0;
}

int sockdiag_dump(struct sockdiag *sd, const struct sockdiag_query *query, sockdiag_each *each, void *context,
                  struct error *err)
{
    int status = 0;
    for (int tries = 0; tries < DUMP_TRIES; tries++) {
        if (tries && each)
            each(context, NULL);
        status = dump_once(sd, query, each, context, err);
        if (status != -EINTR && status != -ENOBUFS)
            break;
    }
    if (status == -EINTR || status == -ENOBUFS)
        return error_set(err, EINTR,
                         "the kernel interrupted the list of sockets %d times: it may be incomplete",
                         DUMP_TRIES);
    if (status == -ENOENT)
        return error_set(err, EPROTONOSUPPORT, "this kernel cannot list TCP sockets: no inet_diag, tcp_diag");
    if (status)
        return error_set(err, -status, "sock_diag cannot list sockets: %s", strerror(-status));
    return 0;
}

/* ---- The listener ---- */

struct group {
    const struct diag_socket *reached;
    struct listener *sum;
};

/* The kernel puts listeners with the same address, device and owner into one group (inet_reuseport_add_sock),
   and lets no others share an address. */
static bool same_group(const struct diag_socket *a, const struct diag_socket *b)
{
    return a->family == b->family && endpoint_equal(&a->local, &b->local) && a->interface == b->interface &&
           a->v6only == b->v6only && a->uid == b->uid;
}

static void each_listener(void *context, const struct diag_socket *socket)
{
    struct group *group = context;
    struct listener *sum = group->sum;
    if (!socket) {
        *sum = (struct listener){0};
        return;
    }
    if (!same_group(socket, group->reached))
        return;
    /* The order of a dump changes as members come; the lowest cookie stays while that member lives. */
    if (!sum->known || socket->cookie < sum->cookie) {
        sum->inode = socket->inode;
        sum->cookie = socket->cookie;
    }
    sum->drops_known = socket->has_drops && (sum->drops_known || !sum->known);
    sum->known = true;
    sum->local = socket->local;
    sum->members++;
    sum->backlog += socket->wqueue;
    sum->capacity += (uint64_t)socket->wqueue + 1;
    sum->queue += socket->rqueue;
    sum->drops += socket->drops;
}

int sockdiag_listener(struct sockdiag *sd, const struct endpoint *destination, struct listener *out,
                      struct error *err)
{
    *out = (struct listener){0};
    struct endpoint local = endpoint_unmapped(destination);
    local = endpoint_reachable(&local);
    /* No connection has port 0, so the kernel's lookup comes to the listener that it prefers. */
    struct endpoint nobody = local;
    nobody.port = 0;
    struct diag_socket reached;
    int status = lookup(sd, &local, &nobody, 0, &reached, err);
    if (status)
        return status == -ENOENT ? 0 : status;
    if (reached.state != STATE_LISTEN)
        return 0;
    struct group group = {.reached = &reached, .sum = out};
    struct sockdiag_query query = {.family = reached.family,
                                   .states = SOCKDIAG_LISTEN,
                                   .local_port = reached.local.port,
                                   .want_memory = true};
    return sockdiag_dump(sd, &query, each_listener, &group, err);
}
