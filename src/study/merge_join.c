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

struct watched *merge_find(const struct reports *r, const struct endpoint *source, size_t *count)
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

static void bound_above(struct clock_shift *shift, nsec most)
{
    shift->most = !shift->most_known || most < shift->most ? most : shift->most;
    shift->most_known = true;
}

static void bound_below(struct clock_shift *shift, nsec least)
{
    shift->least = !shift->least_known || least > shift->least ? least : shift->least;
    shift->least_known = true;
}

/* Until when no listener had dropped a packet: where the last ACK of a handshake is dropped, a connection may enter the queue seconds later,
   when its client sends again, or closes. */
static nsec calm_until(const struct observer_facts *o)
{
    for (size_t i = 0; i < o->sample_count; i++) {
        size_t first = 0;
        while (o->samples[first].listener != o->samples[i].listener)
            first++;
        if (o->samples[i].discarded != o->samples[first].discarded)
            return o->samples[i].at;
    }
    return o->sample_count ? INT64_MAX : 0;
}

/* How long after its client had the answer something of a connection must have been at the server: nothing, as its request is; but of
   a cookie the server keeps nothing, and then it is the ACK, within a round trip, if that was not dropped. NSEC_NEVER: nobody knows. */
static nsec server_lag(const struct reports *r, const struct attempt *a, const struct merged_host *host, const struct watched *s)
{
    const struct observer_facts *o = &r->observations[s->observer];
    if (s->half_open || (o->counters.known && !o->counters.value[COUNTER_SYNCOOKIES_SENT]))
        return 0;
    bool prompt = s->entered.most != NSEC_NEVER && s->entered.most < o->calm && !host->sends;
    return prompt ? a->established - a->opened : NSEC_NEVER;
}

/* Nothing is there before it was begun. And what a look did not show was not there yet. */
static void bound_clock(const struct reports *r, const struct attempt *a, const struct merged_host *host, const struct watched *s,
                        struct clock_shift *shift)
{
    if (a->opened == NSEC_NEVER || a->established == NSEC_NEVER)
        return;
    nsec lag = server_lag(r, a, host, s);
    if (s->present != NSEC_NEVER)
        bound_above(shift, wall_of(r, s, s->present) - (host->zero + a->opened));
    if (s->absent != NSEC_NEVER && lag != NSEC_NEVER)
        bound_below(shift, wall_of(r, s, s->absent) - (host->zero + a->established + lag));
}

/* Clocks that may agree are taken to; another one is moved to the middle of its bounds. */
static nsec choose_shift(const struct clock_shift *shift)
{
    bool above = shift->least_known && shift->least > 0, below = shift->most_known && shift->most < 0;
    if ((!above && !below) || (shift->least_known && shift->most_known && shift->least > shift->most))
        return 0;
    if (!shift->least_known || !shift->most_known)
        return above ? shift->least : shift->most;
    return shift->least + (shift->most - shift->least) / 2;
}

/* Ports are used again: a burst of another time would find its likes among those that were seen, and its clock would be called wrong. */
static bool was_observed_then(const struct reports *r, const struct merged_host *host)
{
    for (size_t i = 0; i < r->merged.observer_count; i++) {
        const struct merged_observer *o = &r->merged.observers[i];
        if (!*o->trouble && host->zero >= o->zero + r->observations[i].first_look && host->zero <= o->zero + o->elapsed)
            return true;
    }
    return false;
}

/* By how much their clocks can differ for other reasons than what was seen: not at all on one machine, else by the errors that both kernels
   tell of. NSEC_NEVER: nobody knows. */
static nsec clock_difference(const struct merged *merged, const struct merged_host *host)
{
    nsec most = NSEC_NEVER;
    for (size_t i = 0; i < merged->observer_count; i++) {
        const struct merged_observer *o = &merged->observers[i];
        if (*o->trouble)
            continue;
        bool one_machine = *o->boot && !strcmp(o->boot, host->boot);
        if (!one_machine && (!o->clock.synchronised || !host->start.clock.synchronised))
            return NSEC_NEVER;
        nsec one = one_machine ? 0 : o->clock.error + host->start.clock.error;
        most = one > most ? one : most;
    }
    return most;
}

/* What the clocks themselves promise, unless the handshakes refute it. */
static void bound_by_clocks(const struct merged *merged, struct merged_host *host)
{
    struct clock_shift *shift = &host->shift;
    nsec most = clock_difference(merged, host);
    if (most == NSEC_NEVER || (shift->least_known && shift->least > most) || (shift->most_known && shift->most < -most))
        return;
    bound_below(shift, -most);
    bound_above(shift, most);
}

static void align(const struct reports *r, struct merged_host *host)
{
    host->other_time = r->merged.observer_count && !was_observed_then(r, host);
    for (size_t i = host->first; i < host->first + host->count && !host->other_time; i++) {
        const struct attempt *a = &r->attempts[i];
        size_t count;
        const struct watched *s = got_through(a) ? merge_find(r, reports_source(r, a), &count) : NULL;
        if (s && count == 1)
            bound_clock(r, a, host, s, &host->shift);
    }
    if (!host->other_time)
        bound_by_clocks(&r->merged, host);
    host->shifted = choose_shift(&host->shift);
    /* Hosts that were to begin at one moment did, by their own clocks. Without that, another burst is as likely as a wrong clock. */
    if (host->shifted && !host->probe.start_at) {
        host->other_time = true;
        host->shifted = 0;
        host->shift = (struct clock_shift){0};
    }
}

/* ---- What became of it ---- */

struct span_of_time merge_on_observers_clock(const struct merged_host *host, nsec span)
{
    const struct clock_shift *shift = &host->shift;
    return (struct span_of_time){shift->least_known ? host->zero + span + (shift->least < 0 ? shift->least : 0) : INT64_MIN,
                                 shift->most_known ? host->zero + span + shift->most : INT64_MAX};
}

static bool is_before(const struct reports *r, const struct watched *s, nsec moment, nsec than)
{
    return moment != NSEC_NEVER && wall_of(r, s, moment) <= than;
}

static bool is_behind(const struct reports *r, const struct watched *s, nsec moment, nsec than)
{
    return moment != NSEC_NEVER && wall_of(r, s, moment) >= than;
}

/* Whether it can be the connection of this attempt: there between its beginning and the host's last look. */
static bool is_of_that_time(const struct reports *r, const struct watched *s, const struct span_of_time *begin,
                            const struct span_of_time *end)
{
    nsec over = s->closed.most, first = s->entered.most;
    if (over != NSEC_NEVER && wall_of(r, s, over) < begin->least)
        return false;
    if (!s->half_open && first != NSEC_NEVER && wall_of(r, s, first) < begin->least)
        return false;
    return s->absent == NSEC_NEVER || wall_of(r, s, s->absent) <= end->most;
}

struct joining {
    struct reports *reports;
    struct merged_host *host;
    nsec by;                 /* the axis of the run begins so long before the host's */
    struct span_of_time end; /* when the host looked last */
    nsec round_trip;         /* the longest of those that sent one SYN; INT64_MAX: there is none */
    bool whole;              /* each connection of it would be among those that were seen */
    bool *direct;            /* of its addresses: the observer saw connections of it */
    size_t last;
};

/* A look showed nothing of it when its ACK had long come, and been dropped: of a SYN cookie the server keeps nothing. A client that sends
   nothing then comes back by its FIN alone, which is behind its last look. */
static bool came_by_fin(const struct joining *j, const struct watched *s, const struct attempt *a)
{
    if (s->half_open || j->host->sends || a->established == NSEC_NEVER || a->opened == NSEC_NEVER)
        return false;
    nsec own = a->established - a->opened, round_trip = a->syn_retransmits && own > j->round_trip ? j->round_trip : own;
    struct span_of_time acknowledged = merge_on_observers_clock(j->host, a->established + round_trip);
    return is_behind(j->reports, s, s->absent, acknowledged.most);
}

/* What the server's side was when the host looked last, which was within `end`; unknown where it changed about then, or where the observer
   did not look for so long. */
static enum peer peer_at(const struct joining *j, const struct watched *s, struct attempt *a)
{
    const struct reports *r = j->reports;
    const struct span_of_time *end = &j->end;
    const struct merged_observer *o = &r->merged.observers[s->observer];
    bool looked = o->zero + o->elapsed >= end->most;
    if (s->state == OBSERVED_EXPIRED) {
        a->was_half_open = true;
        return is_behind(r, s, s->closed.least, end->most)   ? PEER_SYN_RECV
               : is_before(r, s, s->closed.most, end->least) ? PEER_ABSENT
                                                             : PEER_UNKNOWN;
    }
    if (s->entered.most == NSEC_NEVER)
        return s->state == OBSERVED_HALF_OPEN && looked ? PEER_SYN_RECV : PEER_UNKNOWN;
    if (is_behind(r, s, s->entered.least, end->most))
        return s->half_open ? PEER_SYN_RECV : PEER_UNKNOWN;
    if (!is_before(r, s, s->entered.most, end->least))
        return j->whole && came_by_fin(j, s, a) ? PEER_ABSENT : PEER_UNKNOWN;
    if (s->accepted.most != NSEC_NEVER)
        return is_before(r, s, s->accepted.most, end->least)   ? PEER_ACCEPTED
               : is_behind(r, s, s->accepted.least, end->most) ? PEER_QUEUED
                                                               : PEER_UNKNOWN;
    bool lasted = s->state == OBSERVED_QUEUED && looked && s->closed.most == NSEC_NEVER;
    return lasted || is_behind(r, s, s->closed.least, end->most) ? PEER_QUEUED : PEER_UNKNOWN;
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

/* The moment by which it was accepted, on the host's own axis. */
static void note_accept(const struct reports *r, struct attempt *a, const struct watched *s, const struct merged_host *host)
{
    nsec at = wall_of(r, s, s->accepted.most) - host->zero - host->shifted;
    if (a->opened == NSEC_NEVER || at < a->opened)
        return;
    a->accepted = at;
    if (a->established != NSEC_NEVER && a->established > at)
        a->established = at;
}

/* A peer's port that was used more than once in that time says nothing, unless all say the same. True: it was seen. */
static bool join(struct joining *j, struct attempt *a)
{
    size_t count, fitting = 0;
    struct watched *s = merge_find(j->reports, reports_source(j->reports, a), &count), *last = NULL;
    struct span_of_time begin = merge_on_observers_clock(j->host, a->opened == NSEC_NEVER ? 0 : a->opened);
    enum peer peer = PEER_UNKNOWN;
    bool known = false; /* under its own address: a FIN that comes when all is over tells that, too */
    for (size_t i = 0; i < count; i++) {
        bool over = is_before(j->reports, &s[i], s[i].closed.most, begin.least); /* a connection before */
        known = known || !over;
        if (!is_of_that_time(j->reports, &s[i], &begin, &j->end))
            continue;
        enum peer one = peer_at(j, &s[i], a);
        peer = fitting++ && one != peer ? PEER_UNKNOWN : one;
        a->answered = a->answered || (s[i].half_open && !got_through(a));
        last = &s[i];
    }
    if (known)
        j->direct[source_of(j->host, reports_source(j->reports, a), &j->last)] = true;
    if (!fitting)
        return false;
    for (size_t i = 0; i < count; i++)
        s[i].told = true; /* also what a late packet made, when the client had closed */
    a->peer = (uint8_t)peer;
    if (fitting == 1 && peer == PEER_ACCEPTED)
        note_accept(j->reports, a, last, j->host);
    return true;
}

static nsec later(nsec span, nsec by)
{
    return span == NSEC_NEVER ? NSEC_NEVER : span + by;
}

static void join_attempts(struct joining *j)
{
    struct merged_host *host = j->host;
    bool contradictory = host->shift.least_known && host->shift.most_known && host->shift.least > host->shift.most;
    for (size_t i = host->first; i < host->first + host->count; i++) {
        struct attempt *a = &j->reports->attempts[i];
        bool seen = !host->other_time && !contradictory && join(j, a);
        host->through += got_through(a);
        host->matched += seen && got_through(a);
    }
}

/* Whether anything of it was at the server by then. What came behind that is not: with SYN cookies the FIN of a client makes a connection
   of one whose ACK was dropped. */
static bool was_there(const struct joining *j, const struct attempt *a)
{
    size_t count;
    const struct watched *s = merge_find(j->reports, reports_source(j->reports, a), &count);
    for (size_t i = 0; i < count; i++)
        if (s[i].absent == NSEC_NEVER || wall_of(j->reports, &s[i], s[i].absent) < j->end.most)
            return true;
    return false;
}

/* Who is not among those that were seen is not there, if all of its address would be. */
static void note_absent(struct joining *j)
{
    for (size_t i = j->host->first; i < j->host->first + j->host->count; i++) {
        struct attempt *a = &j->reports->attempts[i];
        if (a->peer == PEER_UNKNOWN && got_through(a) && !was_there(j, a) &&
            j->direct[source_of(j->host, reports_source(j->reports, a), &j->last)])
            a->peer = PEER_ABSENT;
    }
}

static void move_to_axis(struct joining *j)
{
    for (size_t i = j->host->first; i < j->host->first + j->host->count; i++) {
        struct attempt *a = &j->reports->attempts[i];
        a->opened = later(a->opened, j->by);
        a->established = later(a->established, j->by);
        a->accepted = later(a->accepted, j->by);
    }
}

/* Whether each connection of this host would be among those that were seen. */
static bool is_seen_whole(const struct reports *r, const struct merged_host *host)
{
    struct span_of_time begin = merge_on_observers_clock(host, 0), end = merge_on_observers_clock(host, host->elapsed);
    size_t used = 0;
    for (size_t i = 0; i < r->merged.observer_count && clock_is_bound(&host->shift); i++) {
        const struct merged_observer *o = &r->merged.observers[i];
        if (*o->trouble)
            continue;
        used++;
        if (!o->complete || o->zero + r->observations[i].first_look > begin.least || o->zero + o->elapsed < end.most)
            return false;
    }
    return used;
}

static nsec longest_round_trip(const struct reports *r, const struct merged_host *host)
{
    nsec longest = NSEC_NEVER;
    for (size_t i = host->first; i < host->first + host->count; i++) {
        const struct attempt *a = &r->attempts[i];
        if (!a->syn_retransmits && a->opened != NSEC_NEVER && a->established != NSEC_NEVER &&
            a->established - a->opened > longest)
            longest = a->established - a->opened;
    }
    return longest == NSEC_NEVER ? INT64_MAX : longest;
}

/* Clocks further apart are not worth a figure, and what a host tells takes up to a year: an attempt holds the sum of both. */
#define LONGEST_WAY (10 * 365 * 24 * INT64_C(3600) * NSEC_PER_SEC)

static int join_host(struct merge *m, struct merged_host *host, struct error *err)
{
    nsec by = host->zero + host->shifted - m->zero;
    struct joining j = {.reports = &m->reports,
                        .host = host,
                        .by = by < LONGEST_WAY ? by : LONGEST_WAY,
                        .end = merge_on_observers_clock(host, host->elapsed),
                        .round_trip = longest_round_trip(&m->reports, host),
                        .whole = is_seen_whole(&m->reports, host),
                        .direct = calloc(host->source_count + 1, sizeof *j.direct)};
    if (!j.direct)
        return error_set(err, ENOMEM, "no memory for the addresses of %.80s", host->file);
    join_attempts(&j);
    if (j.whole)
        note_absent(&j);
    move_to_axis(&j);
    free(j.direct);
    return 0;
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
    int status = 0;
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
    m->zero = zero;
    for (size_t i = 0; i < merged->host_count && !status; i++) {
        struct merged_host *host = &merged->hosts[i];
        if (!is_of_use(host))
            continue;
        status = join_host(m, host, err);
        nsec over = host->zero + host->shifted + host->elapsed - zero;
        end = over > end ? over : end;
    }
    count_foreign(r);
    m->run.elapsed = end;
    clock_stamp_wall(zero, m->run.started_at);
    return status;
}
