/* Clients waiting at listeners: the kernel's sockets that nobody has accepted, each given to the listener that it came from. */
#include "waiting.h"

#include "backlogctl/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Ports with a queue, up to which each is asked for by itself: a dump filtered by port is shorter, but still walks all
   sockets. */
#define PORTS_ONE_BY_ONE 4

/* A server that accepts at all has taken somebody after this long. */
#define STILL_SPAN (100 * NSEC_PER_MSEC)

/* What one pass over the children found of a listener, or of the first of its group. */
struct found {
    uint32_t half_open, seen, closed, with_data, oldest_ms;
    struct endpoint oldest_local, oldest_remote;
};

struct search {
    struct sockdiag *sd;
    struct listener *listeners; /* in order */
    size_t count;
    uint16_t port;       /* 0: any */
    int family;          /* of the children that are asked for now, */
    bool counting;       /* whether those are half-open, */
    uint16_t asked;      /* and of which port; 0: all */
    struct found *found; /* one a listener */
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

/* Forgets what the pass that goes on is after. */
static void keep_half(struct found *f, bool counting)
{
    struct found kept = {.half_open = f->half_open};
    if (counting)
        f->half_open = 0;
    else
        *f = kept;
}

/* The kernel interrupted the list, and it comes again from its beginning. */
static void forget(const struct search *s)
{
    for (size_t i = 0; i < s->count; i++) {
        struct found *f = &s->found[i];
        if (s->listeners[i].family == s->family && (!s->asked || s->asked == s->listeners[i].local.port))
            keep_half(f, s->counting);
    }
}

static void each_child(void *context, const struct diag_socket *child)
{
    struct search *s = context;
    struct listener *parent = child ? parent_of(s, child) : NULL;
    if (!child)
        forget(s);
    if (!parent)
        return;
    struct found *f = &s->found[parent - s->listeners];
    if (s->counting) {
        f->half_open++;
    } else if (!child->inode) {
        f->seen++;
        f->closed += child->state == STATE_CLOSE_WAIT;
        f->with_data += child->rqueue > 0;
        if (child->has_info && (child->last_data_sent_ms > f->oldest_ms || !f->oldest_local.family)) {
            f->oldest_ms = child->last_data_sent_ms;
            f->oldest_local = child->local;
            f->oldest_remote = child->remote;
        }
    }
}

/* False when the kernel gave no answer; one that it interrupted counts as far as it came. */
static bool ask_children(struct search *s, int family, uint32_t states, uint16_t port)
{
    struct sockdiag_query query = {.family = family, .states = states, .local_port = port, .want_info = true};
    s->family = family;
    s->counting = states & SOCKDIAG_STATE(STATE_SYN_RECV);
    s->asked = port;
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

static bool find_queued(struct search *s, int family)
{
    uint16_t ports[PORTS_ONE_BY_ONE + 1];
    size_t count = ports_with_queue(s, family, ports);
    bool answered = true;
    if (count > PORTS_ONE_BY_ONE)
        return ask_children(s, family, WAITING, 0);
    for (size_t i = 0; i < count; i++)
        answered &= ask_children(s, family, WAITING, ports[i]);
    return answered;
}

/* ---- What the passes come to. The kernel does not tell whose child one of a reuseport group is ---- */

struct group {
    uint64_t queue;    /* of all its members */
    size_t with_queue; /* members that have one */
};

static struct group group_of(const struct listener *first)
{
    struct group group = {0};
    for (size_t i = 0; i < (first->group > 1 ? first->group : 1); i++) {
        group.queue += first[i].queue;
        group.with_queue += first[i].queue > 0;
    }
    return group;
}

static void fill_in(struct listener *l, const struct listener *first, const struct found *f, uint32_t vanished)
{
    struct group group = group_of(first);
    bool only_one = group.with_queue == 1 || l->group <= 1;
    l->half_open = f->half_open;
    l->half_open_known = l->group <= 1 || !f->half_open;
    l->waiting_known = !l->queue || only_one;
    l->closed = l->queue && only_one ? f->closed : 0;
    l->with_data = l->queue && only_one ? f->with_data : 0;
    l->vanished = l->queue && only_one ? vanished : 0;
    l->oldest_known = l->queue && only_one && f->seen && !vanished;
    l->oldest_ms = l->oldest_known ? f->oldest_ms : 0;
    l->oldest_local = l->oldest_known ? f->oldest_local : (struct endpoint){0};
    l->oldest_remote = f->oldest_remote;
}

static void fill_in_all(struct search *s, int family, const uint32_t *vanished)
{
    for (size_t i = 0; i < s->count; i++) {
        size_t first = i - (s->listeners[i].member ? s->listeners[i].member - 1 : 0);
        if (s->listeners[i].family == family)
            fill_in(&s->listeners[i], &s->listeners[first], &s->found[first], vanished[first]);
    }
}

/* How many in the queue of each listener or group were not seen as sockets. False: none anywhere. */
static bool count_vanished(const struct search *s, int family, uint32_t *vanished)
{
    bool any = false;
    for (size_t i = 0; i < s->count; i++) {
        const struct listener *l = &s->listeners[i];
        if (l->family != family || l->member > 1 || (s->port && s->port != l->local.port))
            continue;
        uint64_t queue = group_of(l).queue;
        uint32_t now = queue > s->found[i].seen ? (uint32_t)(queue - s->found[i].seen) : 0;
        vanished[i] = now < vanished[i] ? now : vanished[i];
        any |= vanished[i] > 0;
    }
    return any;
}

/* The queues as they are now, where they are shorter than they were. */
static void shorten_queues(struct search *s, int family)
{
    for (size_t i = 0; i < s->count; i++) {
        struct listener *l = &s->listeners[i];
        uint64_t queue, discarded;
        if (l->family == family && l->queue && !listener_look(s->sd, l, &queue, &discarded, NULL) && queue < l->queue)
            l->queue = queue;
    }
}

static void forget_queued(struct search *s, int family)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->listeners[i].family == family)
            s->found[i] = (struct found){.half_open = s->found[i].half_open};
}

/* A queue was read before its sockets, and a server may have accepted in between: what seems to have vanished has, if it still seems
   so after another pass, and a while later where that is all there is in a queue. */
static bool find_of_family(struct search *s, int family, uint32_t *vanished)
{
    bool answered = ask_children(s, family, HALF_OPEN, s->port);
    answered &= find_queued(s, family);
    if (!answered || !count_vanished(s, family, vanished))
        return answered;
    for (int again = 0; again < 2 && answered; again++) {
        bool alone = false;
        for (size_t i = 0; i < s->count; i++)
            alone |= s->listeners[i].family == family && vanished[i] && vanished[i] == group_of(&s->listeners[i]).queue;
        if (again && !alone)
            break;
        if (again)
            nanosleep(&(struct timespec){.tv_nsec = STILL_SPAN}, NULL);
        shorten_queues(s, family);
        forget_queued(s, family);
        answered = find_queued(s, family);
        count_vanished(s, family, vanished);
        for (size_t i = 0; i < s->count && again; i++)
            if (s->listeners[i].family == family && s->listeners[i].group <= 1)
                s->listeners[i].unmoved = vanished[i] && vanished[i] == s->listeners[i].queue;
    }
    return answered;
}

void waiting_find(struct sockdiag *sd, struct listener *listeners, size_t count, uint16_t port, struct error *incomplete)
{
    static const int families[] = {AF_INET, AF_INET6};
    struct search s = {.sd = sd, .listeners = listeners, .count = count, .port = port, .incomplete = incomplete};
    s.found = calloc(count, sizeof *s.found);
    uint32_t *vanished = malloc(count * sizeof *vanished);
    if (s.found && vanished) {
        memset(vanished, 0xff, count * sizeof *vanished);
        for (size_t f = 0; f < 2; f++)
            if (find_of_family(&s, families[f], vanished))
                fill_in_all(&s, families[f], vanished);
    } else {
        error_set(incomplete, ENOMEM, "no memory to look for who waits");
    }
    free(s.found);
    free(vanished);
}

void waiting_follow(struct sockdiag *sd, struct listener *listeners, size_t count, const struct waiting_note *notes,
                    size_t note_count)
{
    for (size_t i = 0; i < count; i++) {
        struct listener *l = &listeners[i];
        struct diag_socket child;
        const struct waiting_note *note = NULL;
        for (size_t n = 0; n < note_count && l->queue && !note; n++)
            note = notes[n].cookie == l->cookie && notes[n].netns == l->netns ? &notes[n] : NULL;
        if (!note || sockdiag_exact(sd, &note->local, &note->remote, &child, NULL))
            continue;
        bool waits = child.state == STATE_ESTABLISHED || child.state == STATE_CLOSE_WAIT;
        if (!waits || child.inode || !child.has_info)
            continue;
        l->oldest_known = true;
        l->oldest_ms = child.last_data_sent_ms;
        l->oldest_local = note->local;
        l->oldest_remote = note->remote;
    }
}
