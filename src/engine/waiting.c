/* Who waits at listeners: the kernel's sockets that nobody has accepted, each given to the listener that it came from. */
#include "waiting.h"

#include <errno.h>

/* Ports with a queue, up to which each is asked for by itself: a dump filtered by port is shorter, but still walks all
   sockets. */
#define PORTS_ONE_BY_ONE 4

struct search {
    struct sockdiag *sd;
    struct listener *listeners; /* in order */
    size_t count;
    uint16_t port; /* 0: any */
    int family;    /* of the children that are asked for now, */
    bool counting; /* and whether those are half-open */
    struct error *incomplete;
};

/* The listener (first of its group) that a child came from; NULL: it is gone. */
static struct listener *parent_of(const struct search *s, const struct diag_socket *child)
{
    struct listener key = {.family = child->family, .local.port = child->local.port};
    size_t low = 0, high = s->count;
    while (low < high) { /* the first listener that is not before the any-address of that port */
        size_t middle = low + (high - low) / 2;
        if (listener_compare_places(&s->listeners[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    struct listener *best = NULL;
    int best_score = 0;
    for (struct listener *l = &s->listeners[low]; l < &s->listeners[s->count]; l++) {
        if (l->family != child->family || l->local.port != child->local.port)
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
static void forget_half_open(const struct search *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->listeners[i].family == s->family)
            s->listeners[i].half_open = 0;
}

static void each_child(void *context, const struct diag_socket *child)
{
    struct search *s = context;
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
static bool ask_children(struct search *s, int family, uint32_t states, uint16_t port)
{
    struct sockdiag_query query = {.family = family, .states = states, .local_port = port, .want_info = true};
    s->family = family;
    s->counting = states & SOCKDIAG_STATE(STATE_SYN_RECV);
    int status = sockdiag_dump(s->sd, &query, each_child, s, s->incomplete);
    return !status || status == -EINTR;
}

#define HALF_OPEN (SOCKDIAG_STATE(STATE_SYN_RECV) | SOCKDIAG_STATE(STATE_NEW_SYN_RECV))
#define WAITING (SOCKDIAG_STATE(STATE_ESTABLISHED) | SOCKDIAG_STATE(STATE_CLOSE_WAIT))

/* The ports of one family with a queue, up to PORTS_ONE_BY_ONE + 1 of them. */
static size_t ports_with_queue(const struct search *s, int family, uint16_t ports[PORTS_ONE_BY_ONE + 1])
{
    size_t count = 0;
    for (size_t i = 0; i < s->count && count <= PORTS_ONE_BY_ONE; i++) {
        const struct listener *l = &s->listeners[i];
        if (l->family != family || !l->queue)
            continue;
        if ((!s->port || s->port == l->local.port) && (!count || ports[count - 1] != l->local.port))
            ports[count++] = l->local.port;
    }
    return count;
}

static bool find_of_family(struct search *s, int family)
{
    uint16_t ports[PORTS_ONE_BY_ONE + 1];
    size_t count = ports_with_queue(s, family, ports);
    bool answered = ask_children(s, family, HALF_OPEN, s->port);
    if (count > PORTS_ONE_BY_ONE)
        answered &= ask_children(s, family, WAITING, 0);
    else
        for (size_t i = 0; i < count; i++)
            answered &= ask_children(s, family, WAITING, ports[i]);
    return answered;
}

/* What was found for the first of a reuseport group is the group's: the kernel does not tell whose child one is. */
static void spread_over_groups(const struct search *s, int family, bool answered)
{
    for (size_t i = 0; i < s->count; i++) {
        struct listener *l = &s->listeners[i];
        const struct listener *first = l - (l->member - 1);
        if (l->family != family)
            continue;
        l->half_open = first->half_open;
        l->half_open_known = answered;
        l->oldest_ms = first->oldest_ms;
        l->oldest_known = first->oldest_known;
    }
}

void waiting_find(struct sockdiag *sd, struct listener *listeners, size_t count, uint16_t port, struct error *incomplete)
{
    static const int families[] = {AF_INET, AF_INET6};
    struct search s = {.sd = sd, .listeners = listeners, .count = count, .port = port, .incomplete = incomplete};
    for (size_t f = 0; f < 2; f++)
        spread_over_groups(&s, families[f], find_of_family(&s, families[f]));
}
