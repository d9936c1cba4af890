/* Asking the kernel for the server's side of each connection: one by one when they are few, by one dump when many. */
#include "backlogctl/peers.h"

#include "backlogctl/netns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What asking costs, measured: one by one a lookup each; by dump what is delivered, and what is passed over on the way,
   since the kernel walks the sockets of all namespaces. */
#define LOOKUP_COST 4500 /* nanoseconds */
#define DUMPED_COST 1700
#define PASSED_COST 350

static bool worth_asking(const struct attempt *a)
{
    return a->state != STATE_SYN_SENT && a->state != STATE_CLOSE && a->state != STATE_NONE;
}

static enum peer peer_of(const struct diag_socket *socket)
{
    switch ((enum tcp_state)socket->state) {
    case STATE_ESTABLISHED:
    case STATE_CLOSE_WAIT:
        return socket->inode ? PEER_ACCEPTED : PEER_QUEUED;
    case STATE_SYN_RECV:
    case STATE_NEW_SYN_RECV:
        return PEER_SYN_RECV;
    case STATE_FIN_WAIT1:
    case STATE_FIN_WAIT2:
    case STATE_TIME_WAIT:
    case STATE_LAST_ACK:
    case STATE_CLOSING:
        return PEER_CLOSED;
    case STATE_NONE:
    case STATE_CLOSE:
    case STATE_SYN_SENT:
    case STATE_LISTEN:
    case STATE_COUNT:
        break;
    }
    return PEER_ABSENT;
}

static void note_peer(struct attempt *a, const struct diag_socket *socket, nsec seen)
{
    a->peer = (uint8_t)peer_of(socket);
    if (a->peer == PEER_SYN_RECV)
        a->was_half_open = true;
    if (a->peer == PEER_QUEUED) {
        a->was_queued = true;
        /* Nothing was ever sent from the child's side, so its last sending is its birth (4 ms grain). */
        a->age_ms = socket->has_info ? (int32_t)socket->last_data_sent_ms : -1;
    }
    if ((a->peer == PEER_ACCEPTED || a->peer == PEER_CLOSED) && a->accepted == NSEC_NEVER)
        a->accepted = seen;
}

static int look_one_by_one(struct sockdiag *sd, struct target *target, nsec seen, struct error *err)
{
    for (size_t i = 0; i < target->attempt_count; i++) {
        struct attempt *a = &target->attempts[i];
        if (!worth_asking(a))
            continue;
        struct diag_socket socket;
        int status = sockdiag_exact(sd, &target->address, &a->source, &socket, err);
        if (status && status != -ENOENT)
            return status;
        a->peer = PEER_ABSENT;
        if (!status)
            note_peer(a, &socket, seen);
    }
    return 0;
}

/* ---- Many: an index of the attempts by their source, then one pass over the kernel's sockets ---- */

struct source_index {
    struct target *target;
    uint32_t *slots; /* attempt number + 1; 0: free */
    size_t mask;
    nsec seen;
};

static size_t source_hash(const struct endpoint *source)
{
    uint64_t hash = source->port;
    for (size_t i = 0; i < sizeof source->bytes; i += 4) {
        uint32_t word;
        memcpy(&word, source->bytes + i, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return (size_t)hash;
}

static bool same_source(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

/* Indexes the attempts that `wanted` picks. */
static int index_build(struct source_index *index, struct target *target, bool (*wanted)(const struct attempt *),
                       struct error *err)
{
    size_t size = 16;
    while (size < target->attempt_count * 2)
        size *= 2;
    *index = (struct source_index){.target = target, .mask = size - 1, .slots = calloc(size, sizeof *index->slots)};
    if (!index->slots)
        return error_set(err, ENOMEM, "no memory to index %zu connections", target->attempt_count);
    for (size_t i = 0; i < target->attempt_count; i++) {
        if (!wanted(&target->attempts[i]))
            continue;
        size_t at = source_hash(&target->attempts[i].source) & index->mask;
        while (index->slots[at])
            at = (at + 1) & index->mask;
        index->slots[at] = (uint32_t)i + 1;
    }
    return 0;
}

static struct attempt *index_find(const struct source_index *index, const struct endpoint *source)
{
    for (size_t at = source_hash(source) & index->mask; index->slots[at]; at = (at + 1) & index->mask) {
        struct attempt *a = &index->target->attempts[index->slots[at] - 1];
        if (same_source(&a->source, source))
            return a;
    }
    return NULL;
}

static void forget_peers(struct target *target)
{
    for (size_t i = 0; i < target->attempt_count; i++)
        if (worth_asking(&target->attempts[i]))
            target->attempts[i].peer = PEER_ABSENT;
}

static void each_child(void *context, const struct diag_socket *socket)
{
    struct source_index *index = context;
    if (!socket) {
        forget_peers(index->target);
        return;
    }
    struct endpoint local = endpoint_unmapped(&socket->local), remote = endpoint_unmapped(&socket->remote);
    if (!same_source(&local, &index->target->address))
        return;
    struct attempt *a = index_find(index, &remote);
    if (a)
        note_peer(a, socket, index->seen);
}

/* A dual-stack listener's children are IPv6 sockets, whatever the client speaks; an IPv4 listener has none of those. */
static bool needs_both_dumps(const struct target *target)
{
    return target->address.family == AF_INET && !(target->before.known && target->before.local.family == AF_INET);
}

static bool dump_is_cheaper(const struct target *target, uint64_t asked)
{
    uint64_t passes = needs_both_dumps(target) ? 2 : 1;
    return asked * LOOKUP_COST > asked * DUMPED_COST + passes * sockets_allocated() * PASSED_COST;
}

static int look_by_dump(struct sockdiag *sd, struct target *target, nsec seen, struct error *err)
{
    struct source_index index;
    int status = index_build(&index, target, worth_asking, err);
    if (status)
        return status;
    index.seen = seen;
    forget_peers(target);
    struct sockdiag_query query = {.family = target->address.family,
                                   .states = SOCKDIAG_CHILDREN,
                                   .local_port = target->address.port,
                                   .want_info = true};
    status = sockdiag_dump(sd, &query, each_child, &index, err);
    if (!status && needs_both_dumps(target)) {
        query.family = AF_INET6;
        status = sockdiag_dump(sd, &query, each_child, &index, err);
    }
    free(index.slots);
    return status;
}

static void look_at_listener(struct sockdiag *sd, struct target *target)
{
    struct listener now;
    if (sockdiag_listener(sd, &target->address, &now, NULL))
        return;
    target->listener_gone = target->before.known && (!now.known || now.cookie != target->before.cookie);
    if (now.known)
        target->after = now;
}

int peers_look(struct sockdiag *sd, struct target *target, nsec epoch, struct error *err)
{
    if (!target->local)
        return 0;
    size_t asked = 0;
    for (size_t i = 0; i < target->attempt_count; i++)
        asked += worth_asking(&target->attempts[i]);
    nsec seen = clock_now() - epoch;
    int status = dump_is_cheaper(target, asked) ? look_by_dump(sd, target, seen, err)
                                                : look_one_by_one(sd, target, seen, err);
    look_at_listener(sd, target);
    target->looked = !status;
    return status;
}

static bool was_established(const struct attempt *a)
{
    return a->established != NSEC_NEVER;
}

int peers_note_accepts(struct target *target, const struct server_accept *clients, size_t count, nsec epoch,
                       struct error *err)
{
    struct source_index index;
    int status = index_build(&index, target, was_established, err);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++) {
        struct endpoint peer = endpoint_unmapped(&clients[i].peer);
        struct attempt *a = index_find(&index, &peer);
        if (a)
            a->accepted = clients[i].at - epoch;
    }
    free(index.slots);
    return 0;
}
