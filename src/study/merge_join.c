/* Both ends of each connection: who called it, and what the observer saw of it. */
#include "merge_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare_peers(const struct watched *a, const struct watched *b)
{
    int order = (a->family > b->family) - (a->family < b->family);
    if (!order)
        order = memcmp(a->bytes, b->bytes, sizeof a->bytes);
    return order ? order : (a->port > b->port) - (a->port < b->port);
}

/* As qsort(3) wants it; of the same peer the later connection comes last. */
static int compare_sightings(const void *one, const void *other)
{
    const struct watched *a = one, *b = other;
    int order = compare_peers(a, b);
    return order ? order : (a->entered.most > b->entered.most) - (a->entered.most < b->entered.most);
}

/* The sightings of one peer: the first of them, and how many there are. */
static struct watched *find(const struct reports *r, const struct endpoint *source, size_t *count)
{
    struct watched wanted = {.family = (uint8_t)source->family, .port = source->port};
    memcpy(wanted.bytes, source->bytes, sizeof wanted.bytes);
    size_t low = 0, high = r->sighting_count;
    *count = 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_peers(&r->sightings[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + *count < r->sighting_count && !compare_peers(&r->sightings[low + *count], &wanted))
        ++*count;
    return *count ? &r->sightings[low] : NULL;
}

static bool got_through(const struct attempt *a)
{
    return verdict_traits((enum verdict)a->verdict)->got_through;
}

/* ---- Clocks ---- */

/* A point of the observer's clock: nanoseconds since 1970. */
static nsec wall_of(const struct reports *r, const struct watched *s, nsec span)
{
    return r->merged.observers[s->observer].zero + span;
}

/* Until when no listener had dropped a packet: an ACK that is dropped lets a connection enter the queue seconds later, when its client sends
   again, or never. So does a listener that waits for data (TCP_DEFER_ACCEPT). */
static nsec calm_until(const struct observer_facts *o)
{
    if (!o->counters.known || o->counters.value[COUNTER_DEFER_ACCEPT_DROP])
        return 0;
    for (size_t i = 0; i < o->sample_count; i++) {
        size_t first = 0;
        while (o->samples[first].listener != o->samples[i].listener)
            first++;
        if (o->samples[i].discarded != o->samples[first].discarded)
            return o->samples[i].at;
    }
    return o->sample_count ? INT64_MAX : 0;
}

/* A connection enters the queue behind its SYN, and, unless its ACK is dropped, within a round trip of when its client had the answer.
   So each handshake bounds how the clocks are to each other from above, and at least one of those before any drop from below. */
static void bound_clock(const struct reports *r, const struct attempt *a, nsec zero, const struct watched *s,
                        struct clock_shift *shift)
{
    if (a->opened == NSEC_NEVER || a->established == NSEC_NEVER || a->syn_retransmits)
        return;
    if (s->entered.most != NSEC_NEVER) {
        nsec most = wall_of(r, s, s->entered.most) - (zero + a->opened);
        shift->most = !shift->most_known || most < shift->most ? most : shift->most;
        shift->most_known = true;
    }
    if (s->entered.least != NSEC_NEVER && s->entered.most != NSEC_NEVER && s->entered.most < r->observations[s->observer].calm) {
        nsec round_trip = a->established - a->opened;
        nsec least = wall_of(r, s, s->entered.least) - (zero + a->established + round_trip);
        shift->least = !shift->least_known || least < shift->least ? least : shift->least;
        shift->least_known = true;
    }
}

/* Clocks that may agree are taken to; another one is moved to the middle of its bounds. */
static nsec choose_shift(const struct clock_shift *shift)
{
    bool above = shift->least_known && shift->least > 0, below = shift->most_known && shift->most < 0;
    if (!above && !below)
        return 0;
    if (!shift->least_known || !shift->most_known)
        return above ? shift->least : shift->most;
    return shift->least + (shift->most - shift->least) / 2;
}

static void align(const struct reports *r, struct merged_host *host)
{
    for (size_t i = host->first; i < host->first + host->count; i++) {
        const struct attempt *a = &r->attempts[i];
        size_t count;
        const struct watched *s = got_through(a) ? find(r, &a->source, &count) : NULL;
        if (s && count == 1)
            bound_clock(r, a, host->zero, s, &host->shift);
    }
    host->shifted = choose_shift(&host->shift);
}

/* ---- What became of it ---- */

static bool entered_behind(const struct reports *r, const struct watched *s, nsec end)
{
    return s->entered.least != NSEC_NEVER && wall_of(r, s, s->entered.least) >= end;
}

/* What the server's side was when the host looked last: `end`, at the latest, by the observer's clock. */
static enum peer peer_at(const struct reports *r, const struct watched *s, nsec end, bool seen_whole, struct attempt *a)
{
    bool entered_later = entered_behind(r, s, end);
    bool accepted = s->accepted.most != NSEC_NEVER;
    bool accepted_later = accepted && s->accepted.least != NSEC_NEVER && wall_of(r, s, s->accepted.least) >= end;
    bool expired_later = s->closed.least == NSEC_NEVER || wall_of(r, s, s->closed.least) >= end;
    if (s->state == OBSERVED_HALF_OPEN || (entered_later && s->was_half_open))
        return PEER_SYN_RECV;
    if (entered_later) /* answered by a SYN cookie, and its ACK dropped: the server had nothing until its client sent again */
        return seen_whole ? PEER_ABSENT : PEER_UNKNOWN;
    if (s->state == OBSERVED_EXPIRED) {
        a->was_half_open = true;
        return expired_later ? PEER_SYN_RECV : PEER_ABSENT;
    }
    if (accepted && !accepted_later)
        return PEER_ACCEPTED;
    a->was_queued = true;
    return accepted || s->state == OBSERVED_QUEUED ? PEER_QUEUED : PEER_UNKNOWN;
}

/* The address is in the list for sure. */
static size_t source_of(const struct merged_host *host, const struct endpoint *source, size_t *last)
{
    struct endpoint address = *source;
    address.port = 0;
    for (size_t i = 0; i < host->source_count; i++) {
        size_t at = (*last + i) % host->source_count;
        if (endpoint_equal(&host->sources[at], &address)) {
            *last = at + 1;
            return at;
        }
    }
    return host->source_count;
}

/* When a host looked last, by the observer's clock. A clock that seems to be behind may be right, if its packets were held up on the
   way: then what the two say of a connection has to be the same. */
struct look_ends {
    nsec least, most;
    bool seen_whole; /* all that its observer's host had is known */
};

/* A peer's port that was used more than once says nothing, unless all say the same. What comes behind the end of one that was there
   before is not of the burst: with SYN cookies a late ACK of a closed client makes a connection of its own. Returns the one by which
   it was accepted. */
static const struct watched *note_sightings(const struct reports *r, struct attempt *a, struct watched *s, size_t count,
                                            const struct look_ends *ends)
{
    const struct watched *last = NULL;
    enum peer peer = PEER_UNKNOWN;
    for (size_t i = 0; i < count; i++) {
        s[i].told = true;
        if (last && entered_behind(r, &s[i], ends->most))
            continue;
        struct attempt otherwise = *a;
        enum peer one = peer_at(r, &s[i], ends->most, ends->seen_whole, a);
        if (one != peer_at(r, &s[i], ends->least, ends->seen_whole, &otherwise))
            one = PEER_UNKNOWN;
        peer = last && one != peer ? PEER_UNKNOWN : one;
        last = &s[i];
    }
    a->peer = (uint8_t)peer;
    return peer == PEER_ACCEPTED ? last : NULL;
}

/* The moment by which it was accepted, on the axis of the run. */
static void note_accept(const struct reports *r, struct attempt *a, const struct watched *s, nsec zero)
{
    nsec at = wall_of(r, s, s->accepted.most) - zero;
    if (a->opened == NSEC_NEVER || at < a->opened)
        return;
    a->accepted = at;
    if (a->established != NSEC_NEVER && a->established > at)
        a->established = at;
}

static nsec later(nsec span, nsec by)
{
    return span == NSEC_NEVER ? NSEC_NEVER : span + by;
}

static int join_host(struct merge *m, struct merged_host *host, bool seen_whole, nsec zero, struct error *err)
{
    struct reports *r = &m->reports;
    nsec by = host->zero + host->shifted - zero;
    nsec most = host->shift.most_known && host->shift.most > host->shifted ? host->shift.most - host->shifted : 0;
    nsec end = host->zero + host->shifted + most + host->elapsed;
    const struct look_ends ends = {.least = host->zero + host->elapsed + (host->shifted < 0 ? host->shifted : 0),
                                   .most = end,
                                   .seen_whole = seen_whole};
    bool *direct = calloc(host->source_count + 1, sizeof *direct); /* of its addresses: the observer knows them */
    size_t last = 0;
    if (!direct)
        return error_set(err, ENOMEM, "no memory for the addresses of %.80s", host->file);
    for (size_t i = host->first; i < host->first + host->count; i++) {
        struct attempt *a = &r->attempts[i];
        size_t count;
        struct watched *s = find(r, &a->source, &count);
        a->opened = later(a->opened, by);
        a->established = later(a->established, by);
        a->accepted = later(a->accepted, by);
        host->through += got_through(a);
        if (!s)
            continue;
        direct[source_of(host, &a->source, &last)] = true;
        host->matched += got_through(a);
        const struct watched *accepted = note_sightings(r, a, s, count, &ends);
        if (accepted)
            note_accept(r, a, accepted, zero);
    }
    for (size_t i = host->first; i < host->first + host->count && seen_whole; i++) {
        struct attempt *a = &r->attempts[i];
        size_t count;
        if (a->peer == PEER_UNKNOWN && got_through(a) && !find(r, &a->source, &count) &&
            direct[source_of(host, &a->source, &last)])
            a->peer = PEER_ABSENT;
    }
    free(direct);
    return 0;
}

/* Whether each connection of these hosts would be among those that were seen. */
static bool is_seen_whole(const struct merged *merged, const struct merged_host *host)
{
    for (size_t i = 0; i < merged->observer_count; i++) {
        const struct merged_observer *o = &merged->observers[i];
        nsec begin = host->zero + host->shifted;
        if (!o->complete || o->zero > begin || o->zero + o->elapsed < begin + host->elapsed)
            return false;
    }
    return merged->observer_count;
}

static void count_foreign(struct reports *r)
{
    for (size_t i = 0; i < r->sighting_count; i++)
        r->merged.observers[r->sightings[i].observer].foreign += !r->sightings[i].told;
}

int merge_join(struct merge *m, struct error *err)
{
    struct reports *r = &m->reports;
    struct merged *merged = &r->merged;
    nsec zero = INT64_MAX, end = 0;
    if (r->sighting_count)
        qsort(r->sightings, r->sighting_count, sizeof *r->sightings, compare_sightings);
    for (size_t i = 0; i < merged->observer_count; i++)
        r->observations[i].calm = calm_until(&r->observations[i]);
    for (size_t i = 0; i < merged->host_count; i++) {
        struct merged_host *host = &merged->hosts[i];
        if (!is_of_use(host))
            continue;
        align(r, host);
        zero = host->zero + host->shifted < zero ? host->zero + host->shifted : zero;
    }
    for (size_t i = 0; i < merged->host_count; i++) {
        struct merged_host *host = &merged->hosts[i];
        if (!is_of_use(host))
            continue;
        int status = join_host(m, host, is_seen_whole(merged, host), zero, err);
        if (status)
            return status;
        nsec over = host->zero + host->shifted + host->elapsed - zero;
        end = over > end ? over : end;
    }
    count_foreign(r);
    m->zero = zero;
    m->run.elapsed = end;
    clock_stamp_wall(zero, m->run.started_at);
    return 0;
}
