/* Clients waiting at listeners: the kernel's sockets that nobody has accepted, each given to the listener that it came from. */
#include "waiting.h"

#include "backlogctl/clock.h"

#include "queues.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A server that accepts at all has taken somebody in that time, some 100 ms: the looks are no two at the same distance, as those that
   come to it and those that it accepts may be. */
#define STILL_LOOKS 20
#define STILL_GAP(look) ((1 + (look)*7 % 10) * NSEC_PER_MSEC)

/* Passes more, at most, for clients that seem to have vanished: a busy server accepts between the looks at its queue and at its
   sockets. */
#define ROUNDS 4

#define HALF_OPEN (SOCKDIAG_STATE(STATE_SYN_RECV) | SOCKDIAG_STATE(STATE_NEW_SYN_RECV))
#define WAITING (SOCKDIAG_STATE(STATE_ESTABLISHED) | SOCKDIAG_STATE(STATE_CLOSE_WAIT))
#define WAITING_EARLY (WAITING | SOCKDIAG_STATE(STATE_SYN_RECV))

/* What one pass over the children found of a listener, or of the first of its group. */
struct found {
    uint32_t half_open, seen, closed, with_data, oldest_ms;
    uint32_t again; /* of those of the pass before, still in the queue */
    struct endpoint oldest_local, oldest_remote;
};

/* Those in the queue of a listener, or of a group, that no socket shows. */
struct missing {
    uint32_t count; /* for certain, unless: */
    bool unclear;   /* nobody knows */
    bool still;     /* nobody is seen, and the queue did not change for a while */
};

/* Children by their cookies. */
struct children {
    uint64_t *list; /* in order, once the pass is over */
    size_t count, room;
};

struct search {
    struct sockdiag *sd;
    struct listener *listeners; /* in order */
    size_t count;
    uint16_t port;       /* 0: any */
    int family;          /* of the children that are asked for now (AF_UNSPEC: any), */
    bool counting;       /* and whether those are half-open */
    struct found *found; /* one a listener */
    struct missing *missing;
    uint64_t *queues;            /* read again, one a listener */
    struct children now, before; /* of this pass and of the last one */
    bool unclaimed;              /* a child was seen that came from none of the listeners, for all its address tells */
    bool out_of_memory, cut;     /* not all children are known */
    struct error *incomplete;
};

/* The first listener that is not before this one. */
static size_t find_place(const struct search *s, const struct listener *key)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (listener_compare_places(&s->listeners[middle], key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Of those at an address, the one that a child there came from: the first of its group, one bound to its device rather than one to
   none. NULL: none of them. */
static struct listener *parent_at(const struct search *s, const struct diag_socket *child, const struct endpoint *address)
{
    const struct listener key = {.family = child->family, .local = *address};
    struct listener *best = NULL;
    for (size_t i = find_place(s, &key); i < s->count; i += s->listeners[i].group ? s->listeners[i].group : 1) {
        struct listener *l = &s->listeners[i];
        if (l->family != child->family || !endpoint_equal(&l->local, address))
            break;
        if (l->interface && l->interface == child->interface)
            return l;
        best = best || l->interface ? best : l;
    }
    return best;
}

/* The listener (first of its group) that a child came from, as the kernel prefers them: the exact address, then any; NULL: it is
   gone. An AF_INET6 socket may have addresses of IPv4. */
static struct listener *parent_of(const struct search *s, const struct diag_socket *child)
{
    static const uint16_t families[] = {AF_INET, AF_INET6};
    struct listener *parent = parent_at(s, child, &child->local), *best = NULL;
    for (size_t f = 0; f < 2 && !parent; f++) {
        const struct endpoint any = {.family = families[f], .port = child->local.port};
        struct listener *other = parent_at(s, child, &any);
        if (!best || (other && other->interface && !best->interface))
            best = other;
    }
    return parent ? parent : best;
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
        if (s->family == AF_UNSPEC || s->family == s->listeners[i].family)
            keep_half(f, s->counting);
    }
}

static int compare_cookies(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static bool was_there(const struct children *before, uint64_t cookie)
{
    return before->count && bsearch(&cookie, before->list, before->count, sizeof cookie, compare_cookies);
}

static void remember(struct search *s, uint64_t cookie)
{
    struct children *now = &s->now;
    if (now->count == now->room) {
        size_t room = now->room ? 2 * now->room : 256;
        uint64_t *list = realloc(now->list, room * sizeof *list);
        s->out_of_memory = s->out_of_memory || !list;
        if (!list)
            return;
        now->list = list;
        now->room = room;
    }
    now->list[now->count++] = cookie;
}

static void note_queued(struct search *s, struct found *f, const struct diag_socket *child)
{
    f->seen++;
    f->again += was_there(&s->before, child->cookie);
    f->closed += child->state == STATE_CLOSE_WAIT;
    f->with_data += child->rqueue > 0;
    remember(s, child->cookie);
    if (child->has_info && (child->last_data_sent_ms > f->oldest_ms || !f->oldest_local.family)) {
        f->oldest_ms = child->last_data_sent_ms;
        f->oldest_local = child->local;
        f->oldest_remote = child->remote;
    }
}

/* By Fast Open a connection comes into the queue with its SYN: a socket in SYN_RECV, where a request is none and has no tcp_info. */
static bool is_request(const struct diag_socket *child)
{
    return child->state == STATE_NEW_SYN_RECV || (child->state == STATE_SYN_RECV && !child->has_info);
}

static void each_child(void *context, const struct diag_socket *child)
{
    struct search *s = context;
    if (!child) {
        forget(s);
        return;
    }
    if (is_request(child) ? !s->counting : s->counting || child->inode)
        return;
    struct listener *parent = parent_of(s, child);
    if (!parent)
        s->unclaimed = s->unclaimed || !s->counting;
    else if (s->counting)
        s->found[parent - s->listeners].half_open++;
    else
        note_queued(s, &s->found[parent - s->listeners], child);
}

/* Of all ports where no ranges are given. False when the kernel gave no answer; one that it interrupted counts as far as it came. */
static bool ask_children(struct search *s, int family, uint32_t states, const struct port_range *ranges, size_t count)
{
    struct sockdiag_query query = {.family = family, .states = states, .local = ranges, .local_count = count, .want_info = true};
    s->family = family;
    s->counting = !(states & WAITING);
    int status = sockdiag_dump(s->sd, &query, each_child, s, s->incomplete);
    s->cut = s->cut || status == -EINTR;
    return !status || status == -EINTR;
}

/* The ports of one family with a queue, and up to `gap` others between two of them. More than PORT_RANGES_MAX: they do not fit. */
static size_t ranges_with_queue(const struct search *s, int family, int gap, struct port_range ranges[PORT_RANGES_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < s->count && count <= PORT_RANGES_MAX; i++) {
        const struct listener *l = &s->listeners[i];
        if (l->family != family || !l->queue || (s->port && s->port != l->local.port))
            continue;
        if (count && l->local.port - ranges[count - 1].high <= gap + 1)
            ranges[count - 1].high = l->local.port;
        else if (count++ < PORT_RANGES_MAX)
            ranges[count - 1] = (struct port_range){l->local.port, l->local.port};
    }
    return count;
}

/* The kernel walks all sockets, and hands out those of these ports: most are the clients', or have long been accepted. */
static bool find_queued(struct search *s, int family)
{
    struct port_range ranges[PORT_RANGES_MAX];
    size_t count = ranges_with_queue(s, family, 0, ranges);
    for (int gap = 1; count > PORT_RANGES_MAX; gap *= 2)
        count = ranges_with_queue(s, family, gap, ranges);
    return !count || ask_children(s, family, WAITING, ranges, count);
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

static void fill_in(struct listener *l, const struct group *group, const struct found *f, const struct missing *missing)
{
    bool only_one = (group->with_queue == 1 || l->group <= 1) && !missing->unclear;
    uint32_t vanished = missing->count;
    l->half_open = f->half_open;
    l->half_open_known = l->group <= 1 || !f->half_open;
    l->waiting_known = !l->queue || only_one;
    l->closed = l->queue && only_one ? f->closed : 0;
    l->with_data = l->queue && only_one ? f->with_data : 0;
    l->vanished = l->queue && only_one ? vanished : 0;
    l->unmoved = l->queue && l->group <= 1 && missing->still && !missing->unclear;
    l->oldest_known = l->queue && only_one && f->seen && !vanished;
    l->oldest_ms = l->oldest_known ? f->oldest_ms : 0;
    l->oldest_local = l->oldest_known ? f->oldest_local : (struct endpoint){0};
    l->oldest_remote = f->oldest_remote;
}

/* The first of its group. */
static size_t first_of(const struct search *s, size_t i)
{
    return i - (s->listeners[i].member ? s->listeners[i].member - 1 : 0);
}

static void fill_in_all(struct search *s, int family)
{
    struct group group = {0};
    for (size_t i = 0; i < s->count; i++) {
        size_t first = first_of(s, i);
        if (first == i)
            group = group_of(&s->listeners[i]);
        if (s->listeners[i].family == family)
            fill_in(&s->listeners[i], &group, &s->found[first], &s->missing[first]);
    }
}

/* The first of a group, or one alone, that is asked for. */
static bool stands(const struct search *s, size_t i, int family)
{
    const struct listener *l = &s->listeners[i];
    return l->family == family && l->member <= 1 && (!s->port || s->port == l->local.port);
}

/* How many of the queue are not to be seen: what a queue held before its sockets were looked at is at least what they are later. */
static bool count_missing(const struct search *s, int family)
{
    bool any = false;
    for (size_t i = 0; i < s->count; i++) {
        if (!stands(s, i, family))
            continue;
        uint64_t queue = group_of(&s->listeners[i]).queue;
        s->missing[i].count = queue > s->found[i].seen ? (uint32_t)(queue - s->found[i].seen) : 0;
        any |= s->missing[i].count > 0;
    }
    return any;
}

/* Connections to one address may have come to the listener of all addresses, before another one began to listen on that alone. */
static bool may_have_taken(const struct listener *l, const struct listener *other)
{
    return l->family == other->family && l->local.port == other->local.port &&
           (!l->interface || l->interface == other->interface) &&
           (endpoint_is_any(&l->local) || endpoint_equal(&l->local, &other->local));
}

/* Of those in order from the first on that may have taken something of it. */
static bool is_near(const struct listener *other, const struct listener *l)
{
    return other->family == l->family && other->local.port == l->local.port &&
           (endpoint_is_any(&l->local) || endpoint_equal(&other->local, &l->local));
}

/* Whose sockets they are is not known where some of one listener's are missing, and may be among another's; nor where there are some
   that were carried to a listener of another address or port (TPROXY, a BPF program). */
static void note_unclear(const struct search *s, int family)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct listener *l = &s->listeners[i];
        if (!stands(s, i, family) || !s->missing[i].count)
            continue;
        s->missing[i].unclear = s->missing[i].unclear || s->unclaimed;
        struct listener key = {.family = l->family, .local.port = l->local.port};
        if (!endpoint_is_any(&l->local))
            key.local = l->local;
        for (size_t j = find_place(s, &key); j < s->count && is_near(&s->listeners[j], l); j++)
            if (j != i && stands(s, j, family) && s->found[j].seen && may_have_taken(l, &s->listeners[j]))
                s->missing[i].unclear = s->missing[j].unclear = true;
    }
}

/* The queues as they are now, where they are shorter than they were. */
static void shorten_queues(struct search *s, int family)
{
    queues_read(s->sd, family, s->listeners, s->count, s->queues);
    for (size_t i = 0; i < s->count; i++) {
        struct listener *l = &s->listeners[i];
        if (l->family != family || !l->queue)
            continue;
        struct missing *missing = &s->missing[first_of(s, i)];
        missing->still = missing->still && s->queues[i] == l->queue; /* not where it is not told */
        l->queue = s->queues[i] < l->queue ? s->queues[i] : l->queue;
    }
}

/* Where nobody is seen in a queue that is not empty: looks for long enough at whether it changes. */
static void watch_unseen(struct search *s, int family)
{
    bool any = false;
    for (size_t i = 0; i < s->count; i++) {
        s->missing[i].still = stands(s, i, family) && s->missing[i].count && !s->found[i].seen;
        any |= s->missing[i].still;
    }
    for (int look = 0; look < STILL_LOOKS && any; look++) {
        nanosleep(&(struct timespec){.tv_nsec = STILL_GAP(look)}, NULL);
        shorten_queues(s, family);
    }
}

static void begin_pass(struct search *s, int family)
{
    struct children last = s->before;
    s->before = s->now;
    s->now = (struct children){.list = last.list, .room = last.room};
    s->unclaimed = s->cut = false;
    if (s->before.count)
        qsort(s->before.list, s->before.count, sizeof *s->before.list, compare_cookies);
    for (size_t i = 0; i < s->count; i++)
        if (s->listeners[i].family == family)
            s->found[i] = (struct found){.half_open = s->found[i].half_open};
}

/* Of a listener or group, at the pass before: who was seen in its queue, and who of them had been seen in the pass before that. */
struct earlier {
    uint32_t seen, lasting;
};

/* Clients are accepted in order, and a pass sees who was in the queue when it began. So nobody who was in a queue when that was read has
   been accepted by the pass behind it, if all who were seen in the pass before are still there (none in front of them was), and one of
   them was there before that pass began (none behind it was): who is not seen then has vanished. Where nobody was seen, that the queue
   is still has to do. */
static bool round_proves(struct search *s, int family, const struct earlier *earlier)
{
    bool proves = true;
    for (size_t i = 0; i < s->count; i++) {
        if (!stands(s, i, family))
            continue;
        struct missing *missing = &s->missing[i];
        missing->still = missing->still && missing->count && !s->found[i].seen;
        bool stayed = s->found[i].again == earlier[i].seen && (earlier[i].lasting || missing->still);
        missing->unclear = missing->count && (!stayed || s->out_of_memory || s->cut);
        proves &= !s->missing[i].unclear;
    }
    return proves;
}

/* A queue was read before its sockets, and a server may have accepted in between. */
static bool look_again(struct search *s, int family, struct earlier *earlier)
{
    bool answered = true, proved = false;
    for (int round = 0; round < ROUNDS && answered && !proved; round++) {
        for (size_t i = 0; i < s->count; i++)
            earlier[i] = (struct earlier){s->found[i].seen, s->found[i].again};
        watch_unseen(s, family);
        shorten_queues(s, family);
        begin_pass(s, family);
        answered = ask_children(s, family, WAITING_EARLY, NULL, 0);
        count_missing(s, family);
        proved = round_proves(s, family, earlier);
    }
    note_unclear(s, family);
    return answered;
}

static bool find_of_family(struct search *s, int family, struct earlier *earlier)
{
    s->before.count = s->now.count = 0;
    bool answered = find_queued(s, family);
    return answered && count_missing(s, family) ? look_again(s, family, earlier) : answered;
}

/* A socket has the family of its listener: where no listener has it, there is no socket to be found. */
static bool has_family(const struct search *s, int family)
{
    for (size_t i = 0; i < s->count; i++)
        if (s->listeners[i].family == family)
            return true;
    return false;
}

/* False when the kernel gave no answer. */
static bool find_half_open(struct search *s)
{
    const struct port_range only = {s->port, s->port};
    bool v4 = has_family(s, AF_INET), v6 = has_family(s, AF_INET6);
    if (!v4 && !v6)
        return true;
    return ask_children(s, v4 && v6 ? AF_UNSPEC : v4 ? AF_INET : AF_INET6, HALF_OPEN, &only, s->port != 0);
}

void waiting_find(struct sockdiag *sd, struct listener *listeners, size_t count, uint16_t port, struct error *incomplete)
{
    static const int families[] = {AF_INET, AF_INET6};
    struct search s = {.sd = sd, .listeners = listeners, .count = count, .port = port, .incomplete = incomplete};
    s.found = calloc(count, sizeof *s.found);
    s.missing = calloc(count, sizeof *s.missing);
    s.queues = calloc(count, sizeof *s.queues);
    struct earlier *earlier = calloc(count, sizeof *earlier);
    bool known = s.found && s.missing && s.queues && earlier && find_half_open(&s);
    for (size_t f = 0; f < 2 && known; f++)
        if (has_family(&s, families[f]) && find_of_family(&s, families[f], earlier))
            fill_in_all(&s, families[f]);
    if (!s.found || !s.missing || !s.queues || !earlier || s.out_of_memory)
        error_set(incomplete, ENOMEM, "no memory to look for who waits");
    free(s.found);
    free(s.missing);
    free(s.queues);
    free(earlier);
    free(s.now.list);
    free(s.before.list);
}

int waiting_note_compare(const void *left, const void *right)
{
    const struct waiting_note *a = left, *b = right;
    if (a->cookie != b->cookie)
        return a->cookie < b->cookie ? -1 : 1;
    return a->netns < b->netns ? -1 : a->netns > b->netns;
}

void waiting_follow(struct sockdiag *sd, struct listener *listeners, size_t count, const struct waiting_note *notes,
                    size_t note_count)
{
    for (size_t i = 0; i < count; i++) {
        struct listener *l = &listeners[i];
        struct diag_socket child;
        const struct waiting_note key = {.cookie = l->cookie, .netns = l->netns};
        const struct waiting_note *note =
            note_count && l->queue ? bsearch(&key, notes, note_count, sizeof key, waiting_note_compare) : NULL;
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
