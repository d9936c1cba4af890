/* Asking the kernel for the server's side of each connection. */
#include "backlogctl/peers.h"

#include "backlogctl/listener.h"

#include "source_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Also of a client without an answer: its request may be there, and the answers do not come through. */
static bool worth_asking(const struct attempt *a)
{
    return a->state != STATE_CLOSE && a->state != STATE_NONE;
}

static bool is_answered(const struct attempt *a)
{
    return worth_asking(a) && a->state != STATE_SYN_SENT;
}

static enum peer peer_of(const struct diag_socket *socket)
{
    switch ((enum tcp_state)socket->state) {
    case STATE_ESTABLISHED:
    case STATE_CLOSE_WAIT:
        return socket->inode ? PEER_ACCEPTED : PEER_QUEUED;
    case STATE_SYN_RECV: /* with an inode: accept() returned it before the handshake was over (TCP Fast Open) */
    case STATE_NEW_SYN_RECV:
        return socket->inode ? PEER_ACCEPTED : PEER_SYN_RECV;
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

/* It was accepted before this sighting. */
static void note_accepted(struct attempt *a, nsec epoch)
{
    if (a->accepted == NSEC_NEVER)
        a->accepted = clock_now() - epoch;
}

/* Of a client that is not connected nothing is to be expected at the server. */
static void forget_peer(struct attempt *a)
{
    a->peer = a->state == STATE_SYN_SENT ? PEER_UNKNOWN : PEER_ABSENT;
}

static void note_peer(struct attempt *a, const struct diag_socket *socket, nsec epoch)
{
    a->peer = (uint8_t)peer_of(socket);
    if (a->peer == PEER_SYN_RECV)
        a->was_half_open = true;
    if (a->state == STATE_SYN_SENT)
        a->answered = true;
    if (a->peer == PEER_QUEUED) {
        a->was_queued = true;
        /* Nothing was ever sent from the child's side, so its last sending is its birth (4 ms grain). */
        a->age_ms = socket->has_info ? (int32_t)socket->last_data_sent_ms : -1;
    }
    if (a->peer == PEER_ACCEPTED || a->peer == PEER_CLOSED)
        note_accepted(a, epoch);
}

/* The two ends of a connection as the server's side has them. */
static void server_side(const struct target *target, const struct attempt *a, struct endpoint *local, struct endpoint *remote)
{
    *local = target->bound;
    *remote = attempt_source(target, a);
    if (target->reflected)
        memcpy(remote->bytes, target->address.bytes, sizeof remote->bytes);
}

/* The client that the server's side knows as `remote`. Behind a reflecting path all clients have one address, the listener's. */
static struct endpoint client_of(const struct target *target, const struct endpoint *remote)
{
    struct endpoint client = *remote;
    if (target->reflected)
        memcpy(client.bytes, target->bound.bytes, sizeof client.bytes);
    return client;
}

struct peers {
    struct target *target;
    attempt_picks *wanted;
    nsec epoch;
};

static bool both_ends(void *context, size_t i, struct endpoint *local, struct endpoint *remote)
{
    const struct peers *peers = context;
    struct attempt *a = &peers->target->attempts[i];
    if (!peers->wanted(a))
        return false;
    forget_peer(a);
    server_side(peers->target, a, local, remote);
    return local->family == remote->family;
}

static void note_found(void *context, size_t i, const struct diag_socket *socket)
{
    const struct peers *peers = context;
    if (socket)
        note_peer(&peers->target->attempts[i], socket, peers->epoch);
}

/* One by one: a dump of all walks the kernel's table, which is that of all network namespaces, for longer than a thousand such questions
   take, and takes for each socket that it finds as long as one of them. */
static int look_at_children(struct sockdiag *sd, struct target *target, attempt_picks *wanted, nsec epoch, struct error *err)
{
    struct peers peers = {target, wanted, epoch};
    return sockdiag_exact_many(sd, &(struct sockdiag_many){target->attempt_count, both_ends, note_found, &peers}, err);
}

/* ---- Elsewhere: where a packet filter redirects connections, the server's side has our source as its peer, and another end than the
   one that we called ---- */

bool peers_is_untraced(const struct attempt *a)
{
    return worth_asking(a) && a->bound && (a->peer == PEER_ABSENT || a->peer == PEER_UNKNOWN);
}

static bool is_traceless(const struct attempt *a)
{
    return worth_asking(a) && a->peer == PEER_ABSENT;
}

/* Nothing but a living socket is proof: one that has closed may be left from an earlier connection from the same port. */
static void each_elsewhere(void *context, const struct diag_socket *socket)
{
    struct source_index *index = context;
    enum peer peer = socket ? peer_of(socket) : PEER_ABSENT;
    if (peer == PEER_ABSENT || peer == PEER_CLOSED)
        return;
    struct attempt *a = source_index_find(index, &socket->remote);
    if (!a)
        return;
    note_peer(a, socket, index->epoch);
    a->elsewhere = true;
    index->target->served = socket->local;
}

static size_t count(const struct target *target, attempt_picks *wanted)
{
    size_t picked = 0;
    for (size_t i = 0; i < target->attempt_count; i++)
        picked += wanted(&target->attempts[i]);
    return picked;
}

static int look_elsewhere(struct sockdiag *sd, struct target *target, nsec epoch, struct error *err)
{
    struct source_index index;
    struct sockdiag_query query = {.family = target->address.family,
                                   .states = SOCKDIAG_CHILDREN,
                                   .remote_low = UINT16_MAX,
                                   .want_info = true};
    if (target->reflected || target->sole || !count(target, is_traceless))
        return 0;
    int status = source_index_build(&index, target, peers_is_untraced, err);
    if (status)
        return status;
    index.epoch = epoch;
    for (size_t i = 0; i < target->attempt_count; i++) {
        uint16_t port = attempt_source(target, &target->attempts[i]).port;
        if (!peers_is_untraced(&target->attempts[i]))
            continue;
        query.remote_low = port < query.remote_low ? port : query.remote_low;
        query.remote_high = port > query.remote_high ? port : query.remote_high;
    }
    status = sockdiag_dump(sd, &query, each_elsewhere, &index, err);
    if (!status && target->address.family == AF_INET) {
        query.family = AF_INET6;
        status = sockdiag_dump(sd, &query, each_elsewhere, &index, err);
    }
    free(index.slots);
    return status;
}

/* ---- Without a handshake: the client's peer has an inode once accept() has given it one ---- */

static bool is_connected(const struct attempt *a)
{
    return a->state == STATE_ESTABLISHED;
}

static void forget_peers(struct target *target)
{
    for (size_t i = 0; i < target->attempt_count; i++)
        if (worth_asking(&target->attempts[i]))
            forget_peer(&target->attempts[i]);
}

static void each_client(void *context, const struct unix_client *client)
{
    struct source_index *index = context;
    if (!client) {
        forget_peers(index->target);
        return;
    }
    struct attempt *a = source_index_find(index, &client->name);
    if (!a)
        return;
    a->peer = client->peer_inode ? PEER_ACCEPTED : PEER_QUEUED;
    if (a->peer == PEER_ACCEPTED) {
        note_accepted(a, index->epoch);
        return;
    }
    a->was_queued = true;
    a->age_ms = (int32_t)((clock_now() - index->epoch - a->established) / NSEC_PER_MSEC); /* since connect() returned */
}

static int look_at_clients(struct sockdiag *sd, struct target *target, nsec epoch, struct error *err)
{
    struct source_index index;
    int status = source_index_build(&index, target, is_connected, err);
    if (status)
        return status;
    index.epoch = epoch;
    forget_peers(target);
    status = unixdiag_clients(sd, each_client, &index, err);
    free(index.slots);
    return status;
}

void peers_look_at_listener(struct sockdiag *sd, struct target *target)
{
    struct listener now;
    if (listener_find(sd, &target->bound, &target->transport, &now, NULL))
        return;
    target->listener_gone = target->before.known && (!now.known || now.cookie != target->before.cookie);
    if (now.known)
        target->after = now;
}

int peers_members(struct sockdiag *sd, struct target *target, struct error *err)
{
    size_t count;
    struct listener *now = calloc(REUSEPORT_MAX, sizeof *now);
    if (!now)
        return error_set(err, ENOMEM, "no memory for the members of a reuseport group");
    int status = listener_members(sd, &target->bound, &target->transport, now, REUSEPORT_MAX, &count, err);
    for (size_t i = 0; i < count && !status; i++)
        for (size_t old = 0; old < target->member_count; old++)
            if (target->members[old].cookie == now[i].cookie)
                now[i].discarded -= target->members[old].discarded;
    free(target->members);
    target->members = now;
    target->member_count = status ? 0 : count;
    return status;
}

static int look_at_tcp(struct sockdiag *sd, struct target *target, attempt_picks *wanted, nsec epoch, struct error *err)
{
    int status = look_at_children(sd, target, wanted, epoch, err);
    return status ? status : look_elsewhere(sd, target, epoch, err);
}

int peers_look(struct sockdiag *sd, struct target *target, bool unanswered, nsec epoch, struct error *err)
{
    if (!target->local)
        return 0;
    int status = has_handshake(target->transport.kind)
                     ? look_at_tcp(sd, target, unanswered ? worth_asking : is_answered, epoch, err)
                     : look_at_clients(sd, target, epoch, err);
    peers_look_at_listener(sd, target);
    target->looked = !status;
    target->grown = false;
    return status;
}

/* Of fewer each is looked up, which then takes less than a tenth of a run. */
#define MANY 256

bool peers_fill_the_queue(struct target *target, nsec epoch)
{
    const struct listener *before = &target->before, *after = &target->after;
    size_t connected = count(target, is_connected);
    if (connected < MANY || !before->known || target->listener_gone || before->members != 1 || after->members != 1 ||
        after->queue - before->queue != connected)
        return false;
    nsec now = clock_now() - epoch;
    for (size_t i = 0; i < target->attempt_count; i++) {
        struct attempt *a = &target->attempts[i];
        if (!is_connected(a))
            continue;
        a->peer = PEER_QUEUED;
        a->was_queued = true;
        a->age_ms = (int32_t)((now - a->established) / NSEC_PER_MSEC);
    }
    target->looked = target->grown = true;
    return true;
}

static bool was_established(const struct attempt *a)
{
    return a->established != NSEC_NEVER;
}

/* The run ends with its last look, and the listener's queue and the verdict rest on that: an accept that it did not see yet is no
   part of the run. */
static bool is_part_of_run(const struct attempt *a, nsec accepted, nsec end)
{
    switch ((enum peer)a->peer) {
    case PEER_ACCEPTED:
    case PEER_CLOSED:
        return true;
    case PEER_QUEUED:
    case PEER_SYN_RECV:
        return false;
    case PEER_UNKNOWN:
    case PEER_ABSENT:
    case PEER_COUNT:
        break;
    }
    return accepted <= end;
}

int peers_note_accepts(struct target *target, const struct server_accept *clients, size_t count, nsec epoch, nsec end,
                       struct error *err)
{
    struct source_index index;
    int status = source_index_build(&index, target, was_established, err);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++) {
        struct endpoint peer = client_of(target, &clients[i].peer);
        struct attempt *a = source_index_find(&index, &peer);
        nsec at = clients[i].at - epoch;
        if (!a || !is_part_of_run(a, at, end))
            continue;
        if (a->peer != PEER_CLOSED)
            a->peer = PEER_ACCEPTED; /* a look that could not tell, or came when all was over */
        a->accepted = at;
        if (a->established > at) /* then we learned of it late */
            a->established = at;
    }
    free(index.slots);
    return 0;
}
