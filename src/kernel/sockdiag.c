/* Questions to the kernel's sock_diag: one connection, many sockets, or the listener that a SYN reaches. */
#include "diag_internal.h"

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

/* Asks what a segment from `remote` to `local` would reach: a connection, else a listener. */
static void put_lookup(union netlink_request *request, const struct endpoint *local, const struct endpoint *remote,
                       unsigned extensions)
{
    struct inet_diag_req_v2 *body = request_begin(request, local->family, 0);
    body->idiag_ext = (uint8_t)extensions;
    body->idiag_states = UINT32_MAX;
    body->id.idiag_sport = htons(local->port);
    body->id.idiag_dport = htons(remote->port);
    memcpy(body->id.idiag_src, local->bytes, sizeof body->id.idiag_src);
    memcpy(body->id.idiag_dst, remote->bytes, sizeof body->id.idiag_dst);
    /* The device that such a segment comes in by. Sockets bound to none are found whatever it is. */
    body->id.idiag_if = local->scope ? local->scope : LOOPBACK_INDEX;
    body->id.idiag_cookie[0] = body->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
}

static void keep_answer(void *context, const struct nlmsghdr *message)
{
    if (diag_parse(message, message->nlmsg_len, context))
        ((struct diag_socket *)context)->state = STATE_NONE;
}

static int lookup(struct sockdiag *sd, const struct endpoint *local, const struct endpoint *remote, unsigned extensions,
                  struct diag_socket *out, struct error *err)
{
    union netlink_request request;
    put_lookup(&request, local, remote, extensions);
    int status = netlink_ask(&sd->netlink, &request, keep_answer, out, err);
    if (status && status != -ENOENT)
        return error_set(err, -status, "sock_diag cannot look up a connection: %s", strerror(-status));
    return !status && out->state == STATE_NONE ? error_set(err, EBADMSG, "sock_diag's answer makes no sense") : status;
}

int sockdiag_exact(struct sockdiag *sd, const struct endpoint *local, const struct endpoint *remote, struct diag_socket *out,
                   struct error *err)
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
static void put_port_filter(union netlink_request *request, uint16_t port)
{
    const struct inet_diag_bc_op filter[] = {
        {.code = INET_DIAG_BC_S_GE, .yes = 8, .no = 20},
        {.no = port},
        {.code = INET_DIAG_BC_S_LE, .yes = 8, .no = 12},
        {.no = port},
    };
    mnl_attr_put(&request->header, INET_DIAG_REQ_BYTECODE, sizeof filter, filter);
}

static void put_dump(union netlink_request *request, const struct sockdiag_query *query)
{
    struct inet_diag_req_v2 *body = request_begin(request, query->family, NLM_F_DUMP);
    body->idiag_states = query->states;
    if (query->want_info)
        body->idiag_ext |= EXTENSION(INET_DIAG_INFO);
    if (query->want_memory)
        body->idiag_ext |= EXTENSION(INET_DIAG_SKMEMINFO);
    if (query->local_port)
        put_port_filter(request, query->local_port);
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
    int status = netlink_dump(&sd->netlink, &request, each ? visit_message : NULL, &visit, err);
    if (status == -ENOENT)
        return error_set(err, EPROTONOSUPPORT, "this kernel cannot list TCP sockets: no inet_diag, tcp_diag");
    return status;
}

/* ---- The listener ---- */

struct group {
    const struct diag_socket *reached;
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
static void keep_member(struct group *group, const struct diag_socket *socket)
{
    size_t at = group->count;
    if (at == group->room)
        return;
    for (; at && group->members[at - 1].cookie > socket->cookie; at--)
        group->members[at] = group->members[at - 1];
    group->count++;
    group->members[at] = (struct listener){.known = true,
                                           .local = socket->local,
                                           .members = 1,
                                           .inode = socket->inode,
                                           .cookie = socket->cookie,
                                           .backlog = socket->wqueue,
                                           .capacity = (uint64_t)socket->wqueue + 1,
                                           .queue = socket->rqueue,
                                           .drops = socket->drops,
                                           .drops_known = socket->has_drops};
}

static void each_listener(void *context, const struct diag_socket *socket)
{
    struct group *group = context;
    struct listener *sum = group->sum;
    if (!socket) {
        *sum = (struct listener){0};
        group->count = 0;
        return;
    }
    if (!same_group(socket, group->reached))
        return;
    /* The order of a dump changes as members come; the lowest cookie stays while that member lives. */
    if (!sum->known || socket->cookie < sum->cookie) {
        sum->inode = socket->inode;
        sum->cookie = socket->cookie;
    }
    if (group->members)
        keep_member(group, socket);
    sum->drops_known = socket->has_drops && (sum->drops_known || !sum->known);
    sum->known = true;
    sum->kind = socket->is_mptcp ? KIND_MPTCP : KIND_TCP;
    sum->local = socket->local;
    sum->members++;
    sum->backlog += socket->wqueue;
    sum->capacity += (uint64_t)socket->wqueue + 1;
    sum->queue += socket->rqueue;
    sum->drops += socket->drops;
}

static int find_group(struct sockdiag *sd, const struct endpoint *destination, struct group *group, struct error *err)
{
    *group->sum = (struct listener){0};
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
    group->reached = &reached;
    struct sockdiag_query query = {.family = reached.family,
                                   .states = SOCKDIAG_LISTEN,
                                   .local_port = reached.local.port,
                                   .want_memory = true};
    return sockdiag_dump(sd, &query, each_listener, group, err);
}

int sockdiag_listener(struct sockdiag *sd, const struct endpoint *destination, struct listener *out, struct error *err)
{
    struct group group = {.sum = out};
    return find_group(sd, destination, &group, err);
}

int sockdiag_members(struct sockdiag *sd, const struct endpoint *destination, struct listener *out, size_t room, size_t *count,
                     struct error *err)
{
    struct listener sum;
    struct group group = {.sum = &sum, .members = out, .room = room};
    int status = find_group(sd, destination, &group, err);
    *count = !status && group.count > 1 ? group.count : 0;
    return status;
}

int sockdiag_reached(struct sockdiag *sd, const struct endpoint *destination, const struct transport *transport,
                     struct listener *out, struct error *err)
{
    return transport->path ? unixdiag_listener(sd, transport->path, out, err) : sockdiag_listener(sd, destination, out, err);
}

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
    struct sockdiag_query query = {.family = listener->local.family,
                                   .states = SOCKDIAG_LISTEN,
                                   .local_port = listener->local.port,
                                   .want_memory = true};
    int status = sockdiag_dump(sd, &query, each_candidate, &search, err);
    *out = search.found;
    return status ? status : search.found.cookie ? 0 : -ENOENT;
}

int sockdiag_socket(struct sockdiag *sd, const struct listener *listener, struct diag_socket *out, struct error *err)
{
    if (listener->group <= 1) {
        union netlink_request request;
        put_lookup(&request, &listener->local, &(struct endpoint){0}, EXTENSION(INET_DIAG_SKMEMINFO));
        struct inet_diag_req_v2 *body = mnl_nlmsg_get_payload(&request.header);
        body->id.idiag_if = listener->interface ? listener->interface : listener->local.scope;
        body->id.idiag_cookie[0] = (uint32_t)listener->cookie;
        body->id.idiag_cookie[1] = (uint32_t)(listener->cookie >> 32);
        if (!netlink_ask(&sd->netlink, &request, keep_answer, out, NULL) && out->state == STATE_LISTEN)
            return 0;
    }
    /* Members of a group, and listeners that another one hides. */
    return search_by_port(sd, listener, out, err);
}

int sockdiag_look(struct sockdiag *sd, const struct listener *listener, uint64_t *queue, uint64_t *drops, struct error *err)
{
    struct diag_socket tcp = {0};
    struct unix_listener local = {0};
    bool by_path = is_unix((enum socket_kind)listener->kind);
    int status =
        by_path ? unixdiag_exact(sd, listener->inode, listener->cookie, &local, err) : sockdiag_socket(sd, listener, &tcp, err);
    *queue = status ? 0 : by_path ? local.queue : tcp.rqueue;
    *drops = status ? 0 : tcp.drops;
    return status;
}
