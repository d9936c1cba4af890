/* Which reports are of one burst, and which shares of it nobody reported. */
#include "merge_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct merged_host *merge_reference(const struct merge *m)
{
    for (size_t i = 0; i < m->reports.merged.host_count; i++)
        if (is_of_use(&m->reports.merged.hosts[i]))
            return &m->reports.merged.hosts[i];
    return NULL;
}

/* ---- The same burst ---- */

#define WHAT_SIZE 160

static bool differs_in_number(const char *name, uint64_t value, uint64_t wanted, char what[WHAT_SIZE])
{
    if (value != wanted)
        snprintf(what, WHAT_SIZE, "%s is %" PRIu64 ", not %" PRIu64, name, value, wanted);
    return value != wanted;
}

static bool differs_in_span(const char *name, nsec value, nsec wanted, char what[WHAT_SIZE])
{
    char text[NSEC_TEXT_SIZE], other[NSEC_TEXT_SIZE];
    if (value != wanted)
        snprintf(what, WHAT_SIZE, "%s is %s, not %s", name, nsec_text(value, text), nsec_text(wanted, other));
    return value != wanted;
}

static bool differs_in_start(nsec value, nsec wanted, char what[WHAT_SIZE])
{
    char stamp[CLOCK_STAMP_SIZE] = "missing", other[CLOCK_STAMP_SIZE] = "none";
    if (value == wanted)
        return false;
    if (value)
        clock_stamp_wall(value, stamp);
    if (wanted)
        clock_stamp_wall(wanted, other);
    snprintf(what, WHAT_SIZE, "its --start-at is %s, not %s", stamp, other);
    return true;
}

/* Clocks can be wrong by some seconds; without a common start nothing else tells one burst from the next. */
#define TOGETHER (60 * NSEC_PER_SEC)

static bool is_of_another_time(const struct merged_host *host, const struct merged_host *reference, char what[WHAT_SIZE])
{
    char stamp[CLOCK_STAMP_SIZE], other[CLOCK_STAMP_SIZE];
    nsec apart = host->zero > reference->zero ? host->zero - reference->zero : reference->zero - host->zero;
    if (apart <= TOGETHER)
        return false;
    clock_stamp_wall(host->zero, stamp);
    clock_stamp_wall(reference->zero, other);
    snprintf(what, WHAT_SIZE, "it began at %s, not at %s", stamp, other);
    return true;
}

/* Whether it is of another burst than `reference`, and in what. */
static bool differs(const struct merged_host *host, const struct merged_host *reference, char what[WHAT_SIZE])
{
    const struct arrivals *a = &host->probe.arrivals, *b = &reference->probe.arrivals;
    char target[ENDPOINT_TEXT_SIZE], wanted[ENDPOINT_TEXT_SIZE];
    if (!endpoint_equal(&host->target, &reference->target)) {
        snprintf(what, WHAT_SIZE, "its target is %s, not %s", endpoint_text(&host->target, target),
                 endpoint_text(&reference->target, wanted));
        return true;
    }
    return differs_in_number("its number of --segment shares", a->segment.of, b->segment.of, what) ||
           differs_in_number("its --count", a->segment.whole, b->segment.whole, what) ||
           differs_in_number("its --rate", a->rate, b->rate, what) ||
           differs_in_number("its --burst", a->burst, b->burst, what) ||
           differs_in_span("its --every", a->every, b->every, what) ||
           differs_in_span("its --timeout", host->probe.timeout, reference->probe.timeout, what) ||
           differs_in_start(host->probe.start_at, reference->probe.start_at, what) || is_of_another_time(host, reference, what);
}

static bool is_same_report(const struct merged_host *host, const struct merged_host *earlier)
{
    return host->zero == earlier->zero && !strcmp(host->host, earlier->host) && host->connections == earlier->connections &&
           host->source_count == earlier->source_count &&
           (!host->source_count || endpoint_equal(&host->sources[0], &earlier->sources[0]));
}

/* What it has in common with an earlier one: all of it, or a share that two hosts have sent, which was meant for one of them. */
static void compare(struct merged_host *host, const struct merged_host *earlier)
{
    const struct segment *share = &host->probe.arrivals.segment;
    host->harmless = is_same_report(host, earlier);
    if (host->harmless)
        snprintf(host->trouble, sizeof host->trouble, "its connections are counted already, in %.120s", earlier->file);
    host->twice = !host->harmless && share->of && share->index == earlier->probe.arrivals.segment.index;
    if (host->twice)
        snprintf(host->trouble, sizeof host->trouble,
                 "its share %" PRIu32 " of %" PRIu32 " was sent by two hosts: the other is in %.80s, and is counted",
                 share->index, share->of, earlier->file);
}

static void check(struct merge *m, struct merged_host *host)
{
    const struct merged_host *reference = merge_reference(m);
    char what[WHAT_SIZE];
    if (host != reference && differs(host, reference, what)) {
        snprintf(host->trouble, sizeof host->trouble, "it is not of the same burst as %.40s: %s", reference->file, what);
        return;
    }
    for (const struct merged_host *h = m->reports.merged.hosts; h < host && is_of_use(host); h++)
        if (is_of_use(h))
            compare(host, h);
}

/* ---- Nobody reported ---- */

static int find_absent(struct merged *merged, const struct segment *segment, struct error *err)
{
    uint64_t missing = 0;
    merged->segments = segment->of;
    uint8_t *seen = calloc((size_t)segment->of + 1, 1);
    merged->absent = calloc(segment->of, sizeof *merged->absent);
    if (!seen || !merged->absent) {
        free(seen);
        return error_set(err, ENOMEM, "no memory for %" PRIu32 " shares", segment->of);
    }
    for (size_t i = 0; i < merged->host_count; i++)
        if (is_of_use(&merged->hosts[i]) && merged->hosts[i].probe.arrivals.segment.index <= segment->of)
            seen[merged->hosts[i].probe.arrivals.segment.index] = 1;
    for (uint32_t index = 1; index <= segment->of; index++)
        if (!seen[index]) {
            merged->absent[merged->absent_count++] = index;
            missing += segment->whole >= index ? (segment->whole - index) / segment->of + 1 : 0;
        }
    free(seen);
    merged->unreported = missing;
    for (size_t i = 0; i < merged->host_count; i++)
        merged->unreported += merged->hosts[i].twice ? merged->hosts[i].connections : 0;
    return 0;
}

/* Without shares nothing tells how many there should be, but that somebody said so. */
static void count_absent(struct merged *merged, uint32_t wanted)
{
    size_t hosts = 0, troubles = 0;
    for (size_t i = 0; i < merged->host_count; i++) {
        hosts += is_of_use(&merged->hosts[i]);
        troubles += !is_of_use(&merged->hosts[i]) && !merged->hosts[i].harmless;
    }
    merged->unreported = (wanted ? hosts < wanted : troubles) ? UNREPORTED_UNKNOWN : 0;
}

/* ---- */

static void take_out(struct merge *m)
{
    struct reports *r = &m->reports;
    size_t kept = 0;
    for (size_t i = 0; i < r->merged.host_count; i++) {
        struct merged_host *host = &r->merged.hosts[i];
        if (!is_of_use(host)) {
            host->count = 0;
            continue;
        }
        memmove(&r->attempts[kept], &r->attempts[host->first], host->count * sizeof *r->attempts);
        memmove(&r->sources[kept], &r->sources[host->first], host->count * sizeof *r->sources);
        host->first = kept;
        kept += host->count;
    }
    r->attempt_count = kept;
    for (size_t i = 0; i < kept; i++)
        r->attempts[i].id = (uint32_t)i + 1;
}

int merge_hosts(struct merge *m, struct error *err)
{
    struct merged *merged = &m->reports.merged;
    for (size_t i = 0; i < merged->host_count; i++)
        if (is_of_use(&merged->hosts[i]))
            check(m, &merged->hosts[i]);
    const struct merged_host *reference = merge_reference(m);
    if (m->reports.attempts)
        take_out(m);
    if (reference && reference->probe.arrivals.segment.of)
        return find_absent(merged, &reference->probe.arrivals.segment, err);
    count_absent(merged, m->plan->hosts);
    return 0;
}
