/* Keeping a burst on this host: how its sockets are confined, and whether the first connection stayed. */
#include "confinement.h"

#include "backlogctl/conntrack.h"
#include "backlogctl/netns.h"
#include "backlogctl/way.h"

#include <errno.h>

static int refuse(struct error *err, const struct endpoint *address, const struct endpoint *to)
{
    char text[ENDPOINT_TEXT_SIZE], there[ENDPOINT_TEXT_SIZE];
    return error_set(err, EHOSTUNREACH,
                     "%s is translated to %s, which is not an address of this host: give --allow-remote if it is yours to test",
                     endpoint_text(address, text), endpoint_text(to, there));
}

int confinement_choose(struct experiment *x, const struct target *target, struct error *err)
{
    struct endpoint to;
    x->confinement = CONFINED_NOT;
    if (x->run.private_namespace || x->plan->probe.allow_remote || !has_handshake(target->transport.kind) ||
        conntrack_count() < 0)
        return 0;
    if (endpoint_is_loopback(&target->address)) {
        x->confinement = CONFINED_TO_LOOPBACK;
        return 0;
    }
    enum whereabouts way = way_scout(target, &to);
    if (way == WAY_UNKNOWN)
        x->confinement = CONFINED_TO_ONE_HOP;
    return way == WAY_AWAY ? refuse(err, &target->address, &to) : 0;
}

/* A SYN without an answer that a listener here has dropped: on a path without a delay that is done when connect(2) returns. Others may
   have raised the counter of the namespace; then what is confined stays so. */
static bool was_dropped_here(struct experiment *x)
{
    const struct target *target = x->current;
    uint64_t queue, discarded;
    struct counters now;
    if (target->before.known && target->before.members == 1 && target->before.discarded_known &&
        !listener_look(&x->diag, &target->before, &queue, &discarded, NULL))
        return discarded != target->before.discarded;
    return !counters_read(&now, NULL) && now.value[COUNTER_LISTEN_DROPS] != x->counters_before.value[COUNTER_LISTEN_DROPS];
}

static bool has_server_side(struct experiment *x, const struct attempt *first)
{
    struct diag_socket socket;
    struct endpoint source = attempt_source(x->current, first);
    return !sockdiag_exact(&x->diag, &x->current->address, &source, &socket, NULL) && socket.state != STATE_LISTEN;
}

/* Without asking netfilter. What came back through lo came from here. */
static bool is_here(struct experiment *x, const struct attempt *first)
{
    if (first->state == STATE_SYN_SENT)
        return was_dropped_here(x);
    return x->confinement == CONFINED_TO_LOOPBACK || has_server_side(x, first);
}

void confinement_check(struct experiment *x, struct flood *flood)
{
    const struct target *target = x->current;
    const struct attempt *first = &target->attempts[0];
    char text[ENDPOINT_TEXT_SIZE];
    struct endpoint to, source = attempt_source(target, first);
    if (x->confinement == CONFINED_NOT || first->refused_here || is_here(x, first))
        return;
    switch (way_of(target, &source, &to)) {
    case WAY_HERE:
        return;
    case WAY_NAMESPACE:
        flood_set_free(flood);
        return;
    case WAY_AWAY:
        refuse(&x->refused, &target->address, &to);
        break;
    case WAY_UNKNOWN:
        if (first->state != STATE_SYN_SENT) /* a refusal, and the kernel's own is the likely one */
            return;
        error_set(&x->refused, EPERM,
                  "nothing here answers for %s, and whether its packets are translated and leave this host is seen with "
                  "CAP_NET_ADMIN only: give --allow-remote if wherever they go is yours to test",
                  endpoint_text(&target->address, text));
        break;
    }
    flood_stop(flood);
}
