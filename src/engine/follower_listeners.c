/* The listeners of an observation: whose a connection is, and how their queues do. */
#include "follower_rows.h"

#include <stdlib.h>
#include <string.h>

/* ---- Whose child ---- */

/* How well a listener fits a child, as the kernel prefers them; 0: not at all. An AF_INET6 socket may have addresses of IPv4. */
static int fit(const struct diag_socket *child, const struct endpoint *local, uint16_t family, uint32_t interface)
{
    bool any = endpoint_is_any(local) && (local->family == child->local.family || local->family == AF_INET6);
    if (family != child->family || local->port != child->local.port || (interface && interface != child->interface))
        return 0;
    return endpoint_equal(local, &child->local) ? 3 + (interface != 0) : any ? 1 + (interface != 0) : 0;
}

static int fit_of_rivals(const struct follower *f, const struct diag_socket *child)
{
    int best = 0;
    for (size_t i = 0; i < f->rivals.count; i++) {
        const struct rival *rival = &f->rivals.all[i];
        int one = fit(child, &rival->local, rival->family, rival->interface);
        best = one > best ? one : best;
    }
    return best;
}

/* Of two that fit alike, one that has gone is the worse. */
static int best_of_own(const struct follower *f, const struct diag_socket *child, bool may_be_gone, int *how_well)
{
    int found = -1;
    *how_well = 0;
    for (size_t i = 0; i < f->o->listener_count; i++) {
        const struct observed_listener *l = &f->o->listeners[i];
        int one = l->gone && !may_be_gone ? 0 : 2 * fit(child, &l->facts.local, l->facts.family, l->facts.interface) - l->gone;
        if (one > *how_well) {
            *how_well = one;
            found = (int)i;
        }
    }
    return found;
}

int listener_of_child(struct follower *f, const struct diag_socket *child, bool may_be_gone)
{
    int best, found = best_of_own(f, child, may_be_gone, &best);
    int other = found >= 0 ? 2 * fit_of_rivals(f, child) : 0;
    return other > best || (other && f->o->listeners[found].gone) ? -1 : found;
}

int listener_of_seen(struct follower *f, const struct diag_socket *child, bool *foreign)
{
    int best, found = listener_of_child(f, child, false);
    *foreign = false;
    if (found >= 0)
        return found;
    found = best_of_own(f, child, true, &best);
    *foreign = found >= 0 && fit_of_rivals(f, child);
    return found;
}

bool is_same_place(const struct listener *a, const struct listener *b)
{
    return a->family == b->family && endpoint_equal(&a->local, &b->local) && a->interface == b->interface;
}

bool place_is_gone(const struct follower *f, size_t listener)
{
    const struct listener *first = &f->o->listeners[listener].facts;
    for (size_t i = 0; i < f->o->listener_count; i++)
        if (!f->o->listeners[i].gone && is_same_place(&f->o->listeners[i].facts, first))
            return false;
    return true;
}

/* ---- Who is in the queues ---- */

void listeners_place(struct follower *f)
{
    for (size_t i = 0; i < f->o->listener_count; i++) {
        size_t first = 0;
        while (!is_same_place(&f->o->listeners[first].facts, &f->o->listeners[i].facts))
            first++;
        f->o->listeners[i].place = first;
    }
}

struct observed_listener *place_of(const struct follower *f, size_t listener)
{
    return &f->o->listeners[f->o->listeners[listener].place];
}

static void count_row(const struct follower *f, const struct row_slot *slot, const struct observed *row)
{
    if (row->before || row->state != OBSERVED_QUEUED)
        return;
    struct observed_listener *place = place_of(f, row->listener);
    place->vanished += row->gone;
    place->waiting += !row->gone && slot->look == f->look;
    place->missed += !row->gone && slot->look != f->look;
}

uint64_t rows_count(struct follower *f)
{
    uint64_t nameless = 0;
    for (size_t i = 0; i < f->o->listener_count; i++) {
        struct observed_listener *l = &f->o->listeners[i];
        l->queued = l->waiting = l->vanished = l->missed = 0;
        place_of(f, i)->queued += l->gone ? 0 : l->facts.queue; /* the place is before it */
    }
    for (size_t i = 0; i < f->table.room; i++)
        if (f->table.slots[i].row)
            count_row(f, &f->table.slots[i], &f->o->rows[f->table.slots[i].row - 1]);
    for (size_t i = 0; i < f->o->listener_count; i++) {
        struct observed_listener *place = &f->o->listeners[i];
        uint64_t known = place->waiting + place->vanished;
        place->crowded = place->vanished && known > place->queued ? place->crowded + 1 : 0;
        known += place->missed;
        nameless += place->queued > known ? place->queued - known : 0;
    }
    return nameless;
}

/* ---- What the kernel lists ---- */

struct listing {
    struct follower *f;
    bool out_of_memory;
};

static void keep_rival(struct listing *listing, const struct diag_socket *socket)
{
    struct rivals *rivals = &listing->f->rivals;
    if (rivals->count == rivals->room) {
        size_t room = rivals->room ? 2 * rivals->room : 16;
        struct rival *all = realloc(rivals->all, room * sizeof *all);
        listing->out_of_memory |= !all;
        if (!all)
            return;
        rivals->all = all;
        rivals->room = room;
    }
    rivals->all[rivals->count++] = (struct rival){socket->cookie, socket->local, socket->family, socket->interface};
}

/* Whether there are addresses whose connections either could have. */
static bool overlaps(const struct listener *l, const struct rival *rival)
{
    if (l->family != rival->family || l->local.port != rival->local.port)
        return false;
    return endpoint_is_any(&l->local) || endpoint_is_any(&rival->local) || endpoint_equal(&l->local, &rival->local);
}

bool has_rival(const struct follower *f, const struct observed *row)
{
    const struct listener *l = &f->o->listeners[row->listener].facts;
    const struct endpoint *local = &f->o->locals[row->local];
    for (size_t i = 0; i < f->rivals.count; i++) {
        const struct rival *rival = &f->rivals.all[i];
        if (overlaps(l, rival) && (endpoint_is_any(&rival->local) || endpoint_equal(&rival->local, local)))
            return true;
    }
    return false;
}

/* The kernel lists them in about the same order each time. */
static bool is_among(const struct rivals *rivals, uint64_t cookie, size_t guess)
{
    for (size_t i = 0; i < rivals->count; i++)
        if (rivals->all[(guess + i) % rivals->count].cookie == cookie)
            return true;
    return false;
}

/* Whose a connection is tells its address, unless they are at the same. But of the moment when one of them came or went the other can
   have it, too. */
static bool are_mixed(const struct observed_listener *l, const struct rivals *some, const struct rivals *others)
{
    for (size_t i = 0; i < some->count; i++) {
        const struct rival *rival = &some->all[i];
        if (!overlaps(&l->facts, rival))
            continue;
        if (l->gone || l->back_at || !is_among(others, rival->cookie, i))
            return true;
        if (endpoint_equal(&l->facts.local, &rival->local) && l->facts.interface == rival->interface)
            return true;
    }
    return false;
}

static void note_rivals(struct follower *f)
{
    for (size_t i = 0; i < f->o->listener_count; i++) {
        const struct observed_listener *l = &f->o->listeners[i];
        if (are_mixed(l, &f->rivals, f->look ? &f->rivals_before : &f->rivals) ||
            (f->look && are_mixed(l, &f->rivals_before, &f->rivals)))
            observation_note(f->o,
                             "another listener is on the same port, as of a SO_REUSEPORT group, or begun or ended meanwhile, and "
                             "which of the connections are its own cannot be told in each case");
    }
}

void note_bound(struct follower *f, const struct diag_socket *socket)
{
    const struct rival bound = {socket->cookie, socket->local, socket->family, socket->interface};
    bool suspect = false;
    for (size_t i = 0; i < f->o->listener_count; i++) {
        if (f->o->listeners[i].facts.cookie == bound.cookie)
            return;
        suspect |= overlaps(&f->o->listeners[i].facts, &bound);
    }
    if (suspect && !is_among(&f->rivals, bound.cookie, 0) && !is_among(&f->rivals_before, bound.cookie, 0))
        observation_note(f->o,
                         "another socket that was bound to the port ended between two looks: if it was a listener, which of the "
                         "connections are its own cannot be told");
}

static void keep_sample(struct follower *f, size_t listener, bool always)
{
    struct observation *o = f->o;
    const struct listener *facts = &o->listeners[listener].facts;
    struct observed_listener *l = &o->listeners[listener];
    if (!always && l->sampled && l->sampled_queue == facts->queue && l->sampled_discarded == facts->discarded)
        return;
    if (o->sample_count == o->sample_room) {
        size_t room = o->sample_room ? 2 * o->sample_room : 256;
        struct observed_sample *samples = realloc(o->samples, room * sizeof *samples);
        if (!samples) {
            observation_note(o, "memory ran out");
            return;
        }
        o->samples = samples;
        o->sample_room = room;
    }
    o->samples[o->sample_count++] = (struct observed_sample){.at = f->now - f->epoch,
                                                             .queue = facts->queue,
                                                             .discarded = facts->discarded,
                                                             .listener = (uint32_t)listener};
    l->sampled = true;
    l->sampled_queue = facts->queue;
    l->sampled_discarded = facts->discarded;
    f->changed = f->now;
}

/* The kernel's counter has 32 bits and begins again. */
static void note_figures(struct observed_listener *l, const struct diag_socket *socket)
{
    if (socket->has_discarded)
        l->discarded += (uint32_t)(socket->discarded - (uint32_t)l->facts.discarded);
    l->facts.queue = socket->rqueue;
    l->facts.backlog = socket->wqueue;
    l->facts.capacity = (uint64_t)socket->wqueue + 1;
    l->facts.discarded = socket->discarded;
    if (l->peak < socket->rqueue)
        l->peak = socket->rqueue;
    l->seen = true;
}

static void each_listener(void *context, const struct diag_socket *socket)
{
    struct listing *listing = context;
    struct observation *o = listing->f->o;
    if (!socket) {
        listing->f->rivals.count = 0;
        return;
    }
    for (size_t i = 0; i < o->listener_count; i++)
        if (o->listeners[i].facts.cookie == socket->cookie) {
            note_figures(&o->listeners[i], socket);
            if (socket->is_transparent)
                observation_note(
                    o, "a listener is transparent (IP_TRANSPARENT): connections to other ports, which are not looked at, "
                       "can be led to it");
            return;
        }
    keep_rival(listing, socket);
}

/* It went, or came back: shutdown(2) ends a listener, whose queue dies with it, and listen(2) makes the same socket listen again. */
static void change(struct follower *f, struct observed_listener *l)
{
    l->gone = !l->seen;
    if (l->gone)
        l->gone_at = f->now, l->gone_look = f->spans[f->look % LOOK_SPANS].begin;
    else
        l->back_at = f->now;
    f->changed = f->now;
}

static void exchange_rivals(struct follower *f)
{
    struct rivals last = f->rivals;
    f->rivals = f->rivals_before;
    f->rivals_before = last;
}

int listeners_look(struct follower *f, struct error *err)
{
    struct listing listing = {.f = f};
    exchange_rivals(f);
    f->rivals.count = 0;
    for (size_t i = 0; i < f->o->listener_count; i++)
        f->o->listeners[i].seen = false;
    const struct sockdiag_query query = {
        .family = AF_UNSPEC, .states = SOCKDIAG_LISTEN, .local = f->ports, .local_count = f->port_count, .want_memory = true};
    int status = sockdiag_dump(&f->diag, &query, each_listener, &listing, err);
    f->now = clock_now();
    for (size_t i = 0; i < f->o->listener_count && !status; i++) {
        struct observed_listener *l = &f->o->listeners[i];
        if (l->gone == l->seen)
            change(f, l);
        if (l->seen)
            keep_sample(f, i, false);
    }
    if (status)
        exchange_rivals(f);
    else
        note_rivals(f);
    if (listing.out_of_memory)
        observation_note(f->o, "memory ran out");
    return status;
}

void listeners_end(struct follower *f)
{
    for (size_t i = 0; i < f->o->listener_count; i++)
        keep_sample(f, i, true);
}
