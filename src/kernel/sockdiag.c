/* Questions to the kernel's sock_diag: what a segment would reach, one connection, many sockets. */
#include "diag_internal.h"

#include "backlogctl/netns.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>

/* lo has this index in every network namespace (LOOPBACK_IFINDEX). */
#define LOOPBACK_INDEX 1

#define EXTENSION(attribute) (1u << ((attribute)-1))

static struct inet_diag_req_v2 *request_begin(union netlink_request *request, int family, uint16_t flags)
{
    struct inet_diag_req_v2 *body = netlink_request(request, SOCK_DIAG_BY_FAMILY, flags, sizeof *body);
    body->sdiag_family = (uint8_t)family;
    body->sdiag_protocol = IPPROTO_TCP;
    return body;
}

int unixdiag_open(struct sockdiag *sd, struct error *err)
{
    return netlink_open(&sd->netlink, NETLINK_SOCK_DIAG, err);
}

int sockdiag_open(struct sockdiag *sd, struct error *err)
{
    int status = unixdiag_open(sd, err);
    if (!status) {
        /* A kernel without tcp_diag says ENOENT to everything, which an exact lookup would take for "no such
           connection". A dump that finds nothing shows the difference. */
        struct sockdiag_query nothing = {.family = AF_INET, .states = SOCKDIAG_LISTEN, .local_port = UINT16_MAX};
        status = sockdiag_dump(sd, &nothing, NULL, NULL, err);
    }
    if (status)
        sockdiag_close(sd);
    return status;
}

void sockdiag_close(struct sockdiag *sd)
{
    netlink_close(&sd->netlink);
}

/* ---- One connection ---- */

/* The device that a segment to `local` comes in by, which decides which listeners bound to a device it reaches. One from this host comes
   by lo, yet counts as come by the device that has the address. */
static uint32_t arrival_device(struct sockdiag *sd, const struct endpoint *local)
{
    if (local->scope)
        return local->scope;
    if (endpoint_is_loopback(local))
        return LOOPBACK_INDEX;
    if (sd->arrival.family != local->family || memcmp(sd->arrival.bytes, local->bytes, sizeof local->bytes)) {
        sd->arrival = *local;
        sd->arrival_device = route_device(local);
    }
    return sd->arrival_device ? sd->arrival_device : LOOPBACK_INDEX;
}

/* Asks what a segment from `remote` to `local` would reach: a connection, else a listener. */
static void put_lookup(union netlink_request *request, const struct endpoint *local, const struct endpoint *remote,
                       uint32_t device, unsigned extensions)
{
    struct inet_diag_req_v2 *body = request_begin(request, local->family, 0);
    body->idiag_ext = (uint8_t)extensions;
    body->idiag_states = UINT32_MAX;
    body->id.idiag_sport = htons(local->port);
    body->id.idiag_dport = htons(remote->port);
    memcpy(body->id.idiag_src, local->bytes, sizeof body->id.idiag_src);
    memcpy(body->id.idiag_dst, remote->bytes, sizeof body->id.idiag_dst);
    body->id.idiag_if = device; /* sockets bound to none are found whatever it is */
    body->id.idiag_cookie[0] = body->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

static void keep_answer(void *context, const struct nlmsghdr *message)
{
    if (diag_parse(message, message->nlmsg_len, context))
        ((struct diag_socket *)context)->state = STATE_NONE;
}

/* 0, -ENOENT, or what is wrong. */
static int understand(int status, const struct diag_socket *answer, struct error *err)
{
    if (status && status != -ENOENT)
        return error_set(err, -status, "sock_diag cannot look up a connection: %s", strerror(-status));
    return !status && answer->state == STATE_NONE ? error_set(err, EBADMSG, "sock_diag's answer makes no sense") : status;
}

int diag_lookup(struct sockdiag *sd, const struct endpoint *local, const struct endpoint *remote, unsigned extensions,
                struct diag_socket *out, struct error *err)
{
    union netlink_request request;
    put_lookup(&request, local, remote, arrival_device(sd, local), extensions);
    /* What stays so was not answered. Only now, as the addresses may be those of an earlier answer. */
    *out = (struct diag_socket){0};
    return understand(netlink_ask(&sd->netlink, &request, keep_answer, out, err), out, err);
}

int sockdiag_exact(struct sockdiag *sd, const struct endpoint *local, const struct endpoint *remote, struct diag_socket *out,
                   struct error *err)
{
    if (local->family != remote->family)
        return -ENOENT;
    int status = diag_lookup(sd, local, remote, EXTENSION(INET_DIAG_INFO), out, err);
    return !status && out->state == STATE_LISTEN ? -ENOENT : status;
}

/* ---- Many connections ---- */

struct lookups {
    const struct sockdiag_many *many;
    size_t numbers[NETLINK_BATCH]; /* of the connections asked for */
    bool told[NETLINK_BATCH];
    int status;
    struct error *err;
};

static void tell(struct lookups *lookups, size_t i, int status, const struct diag_socket *socket)
{
    lookups->told[i] = true;
    if (status && status != -ENOENT)
        lookups->status = status;
    else
        lookups->many->found(lookups->many->context, lookups->numbers[i],
                             status || socket->state == STATE_LISTEN ? NULL : socket);
}

static void each_lookup(void *context, size_t i, const struct nlmsghdr *message, int status)
{
    struct lookups *lookups = context;
    struct diag_socket socket = {0};
    if (message)
        keep_answer(&socket, message);
    tell(lookups, i, understand(status, &socket, lookups->err), &socket);
}

/* One whose answer was lost is asked for by itself. */
static int ask_lookups(struct sockdiag *sd, struct lookups *lookups, struct netlink_batch *batch)
{
    const struct sockdiag_many *many = lookups->many;
    memset(lookups->told, 0, sizeof lookups->told);
    int status = batch->count ? netlink_ask_batch(&sd->netlink, batch, each_lookup, lookups, lookups->err) : 0;
    for (size_t i = 0; i < batch->count && !status && !lookups->status; i++) {
        struct endpoint local, remote;
        struct diag_socket socket;
        if (!lookups->told[i] && many->ends(many->context, lookups->numbers[i], &local, &remote))
            tell(lookups, i, sockdiag_exact(sd, &local, &remote, &socket, lookups->err), &socket);
    }
    batch->count = batch->used = 0;
    return status ? status : lookups->status;
}

int sockdiag_exact_many(struct sockdiag *sd, const struct sockdiag_many *many, struct error *err)
{
    struct netlink_batch batch = {0};
    struct lookups lookups = {.many = many, .err = err};
    int status = 0;
    for (size_t i = 0; i < many->count && !status; i++) {
        struct endpoint local, remote;
        union netlink_request request;
        if (!many->ends(many->context, i, &local, &remote))
            continue;
        put_lookup(&request, &local, &remote, arrival_device(sd, &local), EXTENSION(INET_DIAG_INFO));
        lookups.numbers[batch.count] = i;
        netlink_batch_add(&batch, &request);
        if (batch.count == NETLINK_BATCH)
            status = ask_lookups(sd, &lookups, &batch);
    }
    return status ? status : ask_lookups(sd, &lookups, &batch);
}

int diag_listener_by_cookie(struct sockdiag *sd, const struct listener *listener, struct diag_socket *out)
{
    union netlink_request request;
    *out = (struct diag_socket){0};
    put_lookup(&request, &listener->local, &(struct endpoint){0},
               listener->interface ? listener->interface : listener->local.scope, EXTENSION(INET_DIAG_SKMEMINFO));
    struct inet_diag_req_v2 *body = mnl_nlmsg_get_payload(&request.header);
    body->id.idiag_cookie[0] = (uint32_t)listener->cookie;
    body->id.idiag_cookie[1] = (uint32_t)(listener->cookie >> 32);
    int status = netlink_ask(&sd->netlink, &request, keep_answer, out, NULL);
    return status ? status : out->state == STATE_LISTEN ? 0 : -ENOENT;
}

/* ---- Many sockets ---- */

/* A port >= low and <= high, of one of the ranges. There is an operation for "equal" too, but older kernels refuse it. An operation is
   two words, a jump one; it is counted in bytes. To the end says yes, past it no. The kernel refuses a way on that no row of "yes" from
   the beginning comes by. */
#define RANGE_OPS 5
static void put_port_filter(union netlink_request *request, uint8_t at_least, uint8_t at_most, const struct port_range *ranges,
                            size_t count)
{
    struct inet_diag_bc_op filter[PORT_RANGES_MAX * RANGE_OPS];
    const size_t word = sizeof *filter, words = count * RANGE_OPS - 1; /* behind the last there is no jump */
    for (size_t i = 0; i < count; i++) {
        struct inet_diag_bc_op *op = filter + i * RANGE_OPS;
        size_t left = (words - i * RANGE_OPS) * word, next = i + 1 < count ? RANGE_OPS * word : left + word;
        op[0] = (struct inet_diag_bc_op){.code = at_least, .yes = 8, .no = (uint16_t)next};
        op[1] = (struct inet_diag_bc_op){.no = ranges[i].low};
        op[2] = (struct inet_diag_bc_op){.code = at_most, .yes = 8, .no = (uint16_t)(next - 2 * word)};
        op[3] = (struct inet_diag_bc_op){.no = ranges[i].high};
        if (i + 1 < count)
            op[4] = (struct inet_diag_bc_op){.code = INET_DIAG_BC_JMP, .yes = 4, .no = (uint16_t)(left - 4 * word)};
    }
    mnl_attr_put(&request->header, INET_DIAG_REQ_BYTECODE, words * word, filter);
}

/* Of both families only the older question can be asked: SOCK_DIAG_BY_FAMILY takes one (sock_diag_rcv_msg, inet_diag_dump_compat). */
static void put_states(union netlink_request *request, int family, uint32_t states, unsigned extensions)
{
    if (family != AF_UNSPEC) {
        struct inet_diag_req_v2 *body = request_begin(request, family, NLM_F_DUMP);
        body->idiag_states = states;
        body->idiag_ext = (uint8_t)extensions;
        return;
    }
    struct inet_diag_req *body = netlink_request(request, TCPDIAG_GETSOCK, NLM_F_DUMP, sizeof *body);
    body->idiag_states = states;
    body->idiag_ext = (uint8_t)extensions;
}

static void put_dump(union netlink_request *request, const struct sockdiag_query *query)
{
    put_states(request, query->family, query->states,
               (query->want_info ? EXTENSION(INET_DIAG_INFO) : 0) | (query->want_memory ? EXTENSION(INET_DIAG_SKMEMINFO) : 0));
    const struct port_range one = {query->local_port, query->local_port}, remote = {query->remote_low, query->remote_high};
    if (query->local_port)
        put_port_filter(request, INET_DIAG_BC_S_GE, INET_DIAG_BC_S_LE, &one, 1);
    else if (query->local_count)
        put_port_filter(request, INET_DIAG_BC_S_GE, INET_DIAG_BC_S_LE, query->local, query->local_count);
    else if (query->remote_high)
        put_port_filter(request, INET_DIAG_BC_D_GE, INET_DIAG_BC_D_LE, &remote, 1);
}

struct visit {
    sockdiag_each *each;
    void *context;
};

static void visit_message(void *context, const struct nlmsghdr *message)
{
    const struct visit *visit = context;
    struct diag_socket socket;
    if (!message)
        visit->each(visit->context, NULL);
    else if (!diag_parse(message, message->nlmsg_len, &socket))
        visit->each(visit->context, &socket);
}

int sockdiag_dump(struct sockdiag *sd, const struct sockdiag_query *query, sockdiag_each *each, void *context, struct error *err)
{
    union netlink_request request;
    put_dump(&request, query);
    struct visit visit = {each, context};
    struct error why = {0};
    int status = netlink_dump(&sd->netlink, &request, each ? visit_message : NULL, &visit, &why);
    if (status == -ENOENT || status == -EOPNOTSUPP) /* the latter to the older question */
        return error_set(err, EPROTONOSUPPORT, "this kernel cannot list TCP sockets: no inet_diag, tcp_diag");
    return status ? error_set(err, why.code, "%s", why.text) : 0;
}
