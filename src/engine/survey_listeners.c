/* The listeners of one namespace, and who waits at them. */
#include "survey_internal.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ports with a queue, up to which each is asked for by itself: a dump filtered by port is shorter, but still walks all
   sockets. */
#define PORTS_ONE_BY_ONE 4

static struct listener *add_listener(struct surveyor *s)
{
    struct survey *survey = s->survey;
    if (survey->count == s->room) {
        size_t room = s->room ? 2 * s->room : 64;
        struct listener *list = realloc(survey->listeners, room * sizeof *list);
        if (!list) {
            s->out_of_memory = true;
            return NULL;
        }
        survey->listeners = list;
        s->room = room;
    }
    struct listener *listener = &survey->listeners[survey->count++];
    *listener = (struct listener){.known = true, .members = 1, .member = 1, .group = 1, .netns = s->netns};
    return listener;
}

/* ---- Listeners ---- */

static void each_tcp(void *context, const struct diag_socket *socket)
{
    struct surveyor *s = context;
    if (!socket) {
        s->survey->count = s->kept;
        return;
    }
    struct listener *listener = add_listener(s);
    if (!listener)
        return;
    listener->kind = socket->is_mptcp ? KIND_MPTCP : KIND_TCP;
    listener->local = socket->local;
    listener->family = socket->family;
    listener->dual_stack =
        socket->local.family == AF_INET6 && endpoint_is_any(&socket->local) && socket->has_v6only && !socket->v6only;
    listener->interface = socket->interface;
    /* Here, where its number means something: the report is written in another namespace. */
    if (socket->interface && !if_indextoname(socket->interface, listener->device))
        snprintf(listener->device, sizeof listener->device, "%u", socket->interface);
    listener->inode = socket->inode;
    listener->cookie = socket->cookie;
    listener->uid = socket->uid;
    listener->backlog = socket->wqueue;
    listener->capacity = (uint64_t)socket->wqueue + 1;
    listener->queue = socket->rqueue;
    listener->drops = socket->drops;
    listener->drops_known = socket->has_drops;
}

static void each_unix(void *context, const struct unix_listener *socket)
{
    struct surveyor *s = context;
    if (!socket) {
        s->survey->count = s->kept;
        return;
    }
    if (!socket->has_queue)
        return;
    struct listener *listener = add_listener(s);
    if (!listener)
        return;
    *listener = unix_as_listener(socket);
    listener->member = listener->group = 1;
    listener->netns = s->netns;
}

static int list_tcp(struct surveyor *s, int family, struct error *err)
{
    /* The kernel tells of MPTCP only to who asks for info. */
    struct sockdiag_query query = {.family = family, .states = SOCKDIAG_LISTEN, .want_memory = true, .want_info = true};
    s->kept = s->survey->count;
    int status = sockdiag_dump(&s->diag, &query, each_tcp, s, err);
    return status == -EINTR ? 0 : status;
}

static int list_all(struct surveyor *s, struct error *err)
{
    int status = list_tcp(s, AF_INET, err);
    if (!status)
        status = list_tcp(s, AF_INET6, err);
    struct error unix_error = {0};
    s->kept = s->survey->count;
    if (!status && unixdiag_dump(&s->diag, each_unix, s, &unix_error))
        surveyor_note(s, &unix_error);
    if (s->out_of_memory)
        return error_set(err, ENOMEM, "no memory for %zu listeners", s->survey->count);
    return status;
}

static int compare_names(const struct listener *a, const struct listener *b)
{
    uint8_t shorter = a->path_length < b->path_length ? a->path_length : b->path_length;
    int order = memcmp(a->path, b->path, shorter);
    return order ? order : a->path_length - b->path_length;
}

/* IPv4, IPv6, then AF_UNIX; by port, address and device; members of a reuseport group side by side, the oldest first. */
static int compare_places(const struct listener *a, const struct listener *b)
{
    bool a_unix = a->kind >= KIND_UNIX_STREAM, b_unix = b->kind >= KIND_UNIX_STREAM;
    if (a_unix != b_unix)
        return a_unix - b_unix;
    if (a_unix)
        return compare_names(a, b);
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    if (a->local.port != b->local.port)
        return a->local.port < b->local.port ? -1 : 1;
    if (a->local.family != b->local.family)
        return a->local.family < b->local.family ? -1 : 1;
    int order = memcmp(a->local.bytes, b->local.bytes, sizeof a->local.bytes);
    if (!order && a->local.scope != b->local.scope)
        order = a->local.scope < b->local.scope ? -1 : 1;
    if (!order && a->interface != b->interface)
        order = a->interface < b->interface ? -1 : 1;
    return order ? order : (int)a->dual_stack - (int)b->dual_stack;
}

static int compare_listeners(const void *left, const void *right)
{
    const struct listener *a = left, *b = right;
    int order = compare_places(a, b);
    if (!order && a->uid != b->uid)
        order = a->uid < b->uid ? -1 : 1;
    return order ? order : a->cookie < b->cookie ? -1 : a->cookie > b->cookie;
}

/* The kernel puts listeners with the same address, device and owner into one group and lets no others share an address
   (inet_reuseport_add_sock). AF_UNIX has no such thing: equal names are those of sockets without any. */
static bool same_group(const struct listener *a, const struct listener *b)
{
    return a->kind < KIND_UNIX_STREAM && !compare_places(a, b) && a->uid == b->uid;
}

static void number_groups(struct listener *listeners, size_t count)
{
    for (size_t first = 0, end; first < count; first = end) {
        for (end = first + 1; end < count && same_group(&listeners[first], &listeners[end]);)
            end++;
        for (size_t i = first; i < end; i++) {
            listeners[i].member = (uint32_t)(i - first) + 1;
            listeners[i].group = (uint32_t)(end - first);
        }
    }
}

int surveyor_list(struct surveyor *s, struct error *err)
{
    int status = list_all(s, err);
    struct listener *here = s->survey->listeners + s->here;
    size_t count = s->survey->count - s->here;
    if (status || !count)
        return status;
    qsort(here, count, sizeof *here, compare_listeners);
    number_groups(here, count);
    return 0;
}

/* ---- Who waits ---- */

/* The listener (first of its group) of this namespace that a child came from; NULL: it is gone. */
static struct listener *parent_of(const struct surveyor *s, const struct diag_socket *child)
{
    struct listener key = {.family = child->family, .local.port = child->local.port};
    size_t low = s->here, high = s->survey->count;
    while (low < high) { /* the first listener that is not before the any-address of that port */
        size_t middle = low + (high - low) / 2;
        if (compare_places(&s->survey->listeners[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    struct listener *best = NULL;
    int best_score = 0;
    for (struct listener *l = &s->survey->listeners[low]; l < &s->survey->listeners[s->survey->count]; l++) {
        if (l->kind >= KIND_UNIX_STREAM || l->family != child->family || l->local.port != child->local.port)
            break;
        if (l->interface && l->interface != child->interface)
            continue;
        /* As the kernel prefers them: the exact address, then the device. The first of a group stands for it. */
        bool exact = endpoint_equal(&l->local, &child->local);
        int score = !exact && !endpoint_is_any(&l->local) ? 0 : 1 + 2 * exact + (l->interface != 0);
        if (score > best_score) {
            best = l;
            best_score = score;
        }
    }
    return best;
}

/* The kernel interrupted the list of half-open requests, and it comes again from its beginning. */
static void forget_half_open(const struct surveyor *s)
{
    for (size_t i = s->here; i < s->survey->count; i++)
        if (s->survey->listeners[i].family == s->family)
            s->survey->listeners[i].half_open = 0;
}

static void each_child(void *context, const struct diag_socket *child)
{
    struct surveyor *s = context;
    struct listener *parent = child ? parent_of(s, child) : NULL;
    if (!child && s->counting)
        forget_half_open(s);
    if (!parent)
        return;
    if (child->state == STATE_SYN_RECV || child->state == STATE_NEW_SYN_RECV)
        parent->half_open++;
    else if (!child->inode && child->has_info && child->last_data_sent_ms >= parent->oldest_ms) {
        parent->oldest_ms = child->last_data_sent_ms;
        parent->oldest_known = true;
    }
}

/* False when the kernel gave no answer; one that it interrupted counts as far as it came. */
static bool ask_children(struct surveyor *s, int family, uint32_t states, uint16_t port)
{
    struct error err = {0};
    struct sockdiag_query query = {.family = family, .states = states, .local_port = port, .want_info = true};
    s->family = family;
    s->counting = states & SOCKDIAG_STATE(STATE_SYN_RECV);
    int status = sockdiag_dump(&s->diag, &query, each_child, s, &err);
    if (status)
        surveyor_note(s, &err);
    return !status || status == -EINTR;
}

#define HALF_OPEN (SOCKDIAG_STATE(STATE_SYN_RECV) | SOCKDIAG_STATE(STATE_NEW_SYN_RECV))
#define WAITING (SOCKDIAG_STATE(STATE_ESTABLISHED) | SOCKDIAG_STATE(STATE_CLOSE_WAIT))

/* The ports of one family with a queue, up to PORTS_ONE_BY_ONE + 1 of them. */
static size_t ports_with_queue(const struct surveyor *s, int family, uint16_t ports[PORTS_ONE_BY_ONE + 1])
{
    size_t count = 0;
    for (size_t i = s->here; i < s->survey->count && count <= PORTS_ONE_BY_ONE; i++) {
        const struct listener *l = &s->survey->listeners[i];
        if (l->kind >= KIND_UNIX_STREAM || l->family != family || !l->queue)
            continue;
        if ((!s->query->port || s->query->port == l->local.port) && (!count || ports[count - 1] != l->local.port))
            ports[count++] = l->local.port;
    }
    return count;
}

/* What was found for the first of a reuseport group is the group's: the kernel does not tell whose child one is. */
static void spread_over_groups(struct surveyor *s, const bool answered[2])
{
    for (size_t i = s->here; i < s->survey->count; i++) {
        struct listener *l = &s->survey->listeners[i];
        const struct listener *first = l - (l->member - 1);
        l->half_open = first->half_open;
        l->half_open_known = l->kind < KIND_UNIX_STREAM && answered[l->family == AF_INET6];
        l->oldest_ms = first->oldest_ms;
        l->oldest_known = first->oldest_known;
    }
}

void surveyor_find_waiting(struct surveyor *s)
{
    static const int families[] = {AF_INET, AF_INET6};
    bool answered[2];
    if (s->query->no_waiting || s->query->path)
        return;
    for (size_t f = 0; f < 2; f++) {
        uint16_t ports[PORTS_ONE_BY_ONE + 1];
        size_t count = ports_with_queue(s, families[f], ports);
        answered[f] = ask_children(s, families[f], HALF_OPEN, s->query->port);
        if (count > PORTS_ONE_BY_ONE)
            answered[f] &= ask_children(s, families[f], WAITING, 0);
        else
            for (size_t i = 0; i < count; i++)
                answered[f] &= ask_children(s, families[f], WAITING, ports[i]);
    }
    spread_over_groups(s, answered);
}
