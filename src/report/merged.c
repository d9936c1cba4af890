/* Whose reports a merged one was made of: as text and as JSON. */
#include "internal.h"

#include "backlogctl/merged.h"

#include <inttypes.h>
#include <stdlib.h>

#define SOURCES_SHOWN 3
#define SHARES_SHOWN 20
#define HOSTS_SHOWN 100 /* each in a line of its own; JSON has all */

/* ---- Text ---- */

struct host_line {
    const struct run *run;
    const struct merged_host *host;
    const struct merged_observer *observer;
};

static void write_name(FILE *out, const char *host, const char *file)
{
    if (*host)
        fprintf(out, "%s (%s)", host, file);
    else
        fputs(file, out);
}

static void write_sources(FILE *out, const struct merged_host *host)
{
    char text[ENDPOINT_TEXT_SIZE];
    for (size_t i = 0; i < host->source_count && i < SOURCES_SHOWN; i++)
        fprintf(out, "%s%s", i ? ", " : " from ", endpoint_address_text(&host->sources[i], text));
    if (host->source_count > SOURCES_SHOWN)
        fprintf(out, " and %zu more addresses", host->source_count - SOURCES_SHOWN);
}

/* How far its clock can be ahead of the observer's, as the handshakes bound it. */
static void write_bounds(FILE *out, const struct clock_shift *shift)
{
    nsec least = -shift->most, most = -shift->least;
    char low[NSEC_TEXT_SIZE], high[NSEC_TEXT_SIZE];
    bool ahead = shift->most_known && least > 0, behind = shift->least_known && most < 0;
    if (!shift->least_known || !shift->most_known)
        fprintf(out, "is at least %s %s the observer's", nsec_text(ahead ? least : -most, low), ahead ? "AHEAD of" : "BEHIND");
    else if (least > most)
        fputs("has no place beside the observer's: some of what was found is not of this burst, and nothing was taken from it",
              out);
    else if (ahead)
        fprintf(out, "is %s to %s AHEAD of the observer's", nsec_text(least, low), nsec_text(most, high));
    else if (behind)
        fprintf(out, "is %s to %s BEHIND the observer's, or its packets were held up by as much on the way",
                nsec_text(-most, low), nsec_text(-least, high));
    else
        fprintf(out, "agrees with the observer's, or is at most %s behind or %s ahead", nsec_text(-least, low),
                nsec_text(most, high));
}

static void write_clock(FILE *out, const struct merged_host *host)
{
    const struct clock_shift *shift = &host->shift;
    char span[NSEC_TEXT_SIZE];
    if (!host->shifted && (!shift->least_known || !shift->most_known)) {
        fputs("; nothing tells how its clock is to the observer's", out);
        return;
    }
    if (clock_is_bound(shift) && !shift->least && !shift->most) {
        fputs("; its clock is the observer's: they are one machine", out);
        return;
    }
    fputs("; its clock ", out);
    write_bounds(out, shift);
    if (host->shifted)
        fprintf(out, "%s; its times here are moved by %s%s", host->shifted < 0 ? ", so it began early by as much" : "",
                host->shifted < 0 ? "-" : "", nsec_text(host->shifted < 0 ? -host->shifted : host->shifted, span));
}

static void write_host(FILE *out, const struct host_line *line)
{
    const struct merged_host *host = line->host;
    char span[NSEC_TEXT_SIZE], name[SIGNAL_TEXT_SIZE];
    write_name(out, host->host, host->file);
    if (host->probe.arrivals.segment.of)
        fprintf(out, ", share %" PRIu32 " of %" PRIu32, host->probe.arrivals.segment.index, host->probe.arrivals.segment.of);
    fprintf(out, ": %" PRIu64 " connection%s", host->connections, plural(host->connections));
    write_sources(out, host);
    if (host->signal)
        fprintf(out, ", interrupted by %s", signal_text(host->signal, name));
    if (host->probe.start_at && host->start.late != NSEC_NEVER)
        fprintf(out, ", begun %s late by its own clock", nsec_text(host->start.late, span));
    if (!line->run->merged->observer_count)
        return;
    if (host->other_time) {
        fputs("; by the clocks as they stand what was observed is of another time than its connections, so nothing was taken "
              "from it",
              out);
        return;
    }
    write_clock(out, host);
    if (host->through && !host->matched && host->rows)
        fprintf(out,
                "; NONE of its %" PRIu64 " connections that got through is among those that were observed: its addresses may be "
                "translated on the way, another server may have them, or this one has lost them all, or had them before it was "
                "observed; what became of them cannot be told",
                host->through);
    else if (host->through > host->matched && host->rows)
        fprintf(out, "; %" PRIu64 " of its %" PRIu64 " connections that got through were not seen by the observer",
                host->through - host->matched, host->through);
}

static void write_observer(FILE *out, const struct host_line *line)
{
    const struct merged_observer *o = line->observer;
    char span[NSEC_TEXT_SIZE];
    fputs("observed at ", out);
    write_name(out, o->host, o->file);
    fprintf(out, " for %s: %" PRIu64 " connection%s", nsec_text(o->elapsed, span), o->connections, plural(o->connections));
    if (o->foreign)
        fprintf(out, ", %" PRIu64 " of them not found in these reports", o->foreign);
    fprintf(out, "; its queue was %" PRIu64 " long at the longest that was seen", o->peak);
    if (!o->complete)
        fprintf(out, "; NOT ALL was seen: %s", o->incomplete);
}

static void write_uncovered(FILE *out, const struct host_line *line)
{
    (void)line;
    fputs("the listener's figures at the time of the burst are not known: it takes one observer of it, from before the burst to "
          "behind "
          "its end, and for each host a connection that both ends saw, by which its clock is known",
          out);
}

static void write_useless(FILE *out, const struct host_line *line)
{
    fputs("NOT COUNTED: ", out);
    write_name(out, line->observer->host, line->observer->file);
    fprintf(out, ": %s", line->observer->trouble);
}

static void write_trouble(FILE *out, const struct host_line *line)
{
    fputs("NOT COUNTED: ", out);
    write_name(out, line->host->host, line->host->file);
    fprintf(out, ": %s", line->host->trouble);
}

static void write_absent(FILE *out, const struct host_line *line)
{
    const struct merged *m = line->run->merged;
    fprintf(out, "NOT REPORTED: %s ", m->absent_count == 1 ? "share" : "shares");
    for (size_t i = 0; i < m->absent_count && i < SHARES_SHOWN; i++)
        fprintf(out, "%s%" PRIu32, i ? ", " : "", m->absent[i]);
    if (m->absent_count > SHARES_SHOWN)
        fprintf(out, " and %zu more", m->absent_count - SHARES_SHOWN);
    fprintf(out, " of %" PRIu32 ", with %" PRIu64 " connection%s", m->segments, m->unreported, plural(m->unreported));
}

static void write_folded_line(FILE *out, void (*write)(FILE *, const struct host_line *), const struct host_line *line,
                              int columns)
{
    struct fold fold;
    write(fold_begin(&fold, out, columns, 2), line);
    fold_end(&fold);
}

void write_merged(FILE *out, const struct run *run, int columns)
{
    const struct merged *m = run->merged;
    char span[NSEC_TEXT_SIZE];
    size_t used = 0, shown = 0;
    for (size_t i = 0; i < m->host_count; i++)
        used += !*m->hosts[i].trouble;
    fprintf(out, "hosts that sent: %zu", used);
    if (used > 1 && m->apart != NSEC_NEVER)
        fprintf(out, ", their first connections within %s of each other", nsec_text(m->apart, span));
    putc('\n', out);
    for (size_t i = 0; i < m->host_count; i++) {
        const struct host_line line = {.run = run, .host = &m->hosts[i]};
        if (!*line.host->trouble && shown++ < HOSTS_SHOWN)
            write_folded_line(out, write_host, &line, columns);
    }
    if (shown > HOSTS_SHOWN)
        fprintf(out, "and %zu more: --json has all\n", shown - HOSTS_SHOWN);
    for (size_t i = 0; i < m->observer_count; i++)
        write_folded_line(out, *m->observers[i].trouble ? write_useless : write_observer,
                          &(struct host_line){.run = run, .observer = &m->observers[i]}, columns);
    if (m->observer_count && !m->covered)
        write_folded_line(out, write_uncovered, &(struct host_line){.run = run}, columns);
    for (size_t i = 0; i < m->host_count; i++)
        if (*m->hosts[i].trouble)
            write_folded_line(out, write_trouble, &(struct host_line){.run = run, .host = &m->hosts[i]}, columns);
    if (m->absent_count)
        write_folded_line(out, write_absent, &(struct host_line){.run = run}, columns);
    else if (m->unreported == UNREPORTED_UNKNOWN)
        fputs("NOT REPORTED: some connections, nobody knows how many\n", out);
}

/* ---- JSON ---- */

/* Also below 0, which no span of a run is. */
static json_t *shift_json(nsec span)
{
    return json_integer((json_int_t)(span / NSEC_PER_USEC));
}

static json_t *bounds_json(const struct clock_shift *shift)
{
    return json_pack("{s:o, s:o}", "min", shift->least_known ? shift_json(shift->least) : json_null(), "max",
                     shift->most_known ? shift_json(shift->most) : json_null());
}

static json_t *sources_json(const struct merged_host *host)
{
    json_t *list = json_array();
    for (size_t i = 0; i < host->source_count; i++)
        json_add(&list, json_address(&host->sources[i]));
    return list;
}

static json_t *host_json(const struct run *run, const struct merged_host *host)
{
    char name[SIGNAL_TEXT_SIZE], stamp[CLOCK_STAMP_SIZE];
    const struct segment *segment = &host->probe.arrivals.segment;
    const struct clock_quality *clock = &host->start.clock;
    bool started = host->probe.start_at, observed = run->merged->observer_count;
    json_t *object =
        json_pack("{s:o, s:o, s:o}", "file", json_text(host->file), "host", json_text(*host->host ? host->host : NULL), "trouble",
                  json_text(*host->trouble ? host->trouble : NULL));
    if (*host->trouble)
        return object;
    clock_stamp_wall(host->zero, stamp);
    json_put(&object, "share", json_known(segment->of, segment->index));
    json_put(&object, "connections", json_integer((json_int_t)host->connections));
    json_put(&object, "first_id", json_known(host->rows && host->count, host->first + 1));
    json_put(&object, "sources", sources_json(host));
    json_put(&object, "started_at", json_string(stamp));
    json_put(&object, "late_us", json_span(started ? host->start.late : NSEC_NEVER));
    json_put(&object, "clock_set", json_known(started, host->start.clock_set));
    json_put(&object, "synchronised", started && clock->known ? json_boolean(clock->synchronised) : json_null());
    json_put(&object, "clock_error_us", json_span(started && clock->synchronised ? clock->error : NSEC_NEVER));
    json_put(&object, "got_through", json_known(observed && host->rows, host->through));
    json_put(&object, "matched", json_known(observed && host->rows, host->matched));
    json_put(&object, "shift_us", observed ? bounds_json(&host->shift) : json_null());
    json_put(&object, "shifted_us", shift_json(host->shifted));
    json_put(&object, "interrupted_by", host->signal ? json_text(signal_text(host->signal, name)) : json_null());
    json_put(&object, "incomplete", json_text(*host->incomplete ? host->incomplete : NULL));
    return object;
}

static json_t *observer_json(const struct merged_observer *o)
{
    char stamp[CLOCK_STAMP_SIZE];
    clock_stamp_wall(o->zero, stamp);
    json_t *object = json_pack("{s:o, s:o, s:o}", "file", json_text(o->file), "host", json_text(*o->host ? o->host : NULL),
                               "trouble", json_text(*o->trouble ? o->trouble : NULL));
    if (*o->trouble)
        return object;
    json_merge(&object, json_pack("{s:s, s:o, s:I, s:I, s:I, s:b, s:o}", "started_at", stamp, "elapsed_us", json_span(o->elapsed),
                                  "connections", (json_int_t)o->connections, "foreign", (json_int_t)o->foreign, "peak",
                                  (json_int_t)o->peak, "complete", (int)o->complete, "incomplete",
                                  json_text(*o->incomplete ? o->incomplete : NULL)));
    return object;
}

json_t *merged_json(const struct run *run)
{
    const struct merged *m = run->merged;
    if (!m)
        return json_null();
    json_t *hosts = json_array(), *observers = json_array(), *absent = json_array();
    for (size_t i = 0; i < m->host_count; i++)
        json_add(&hosts, host_json(run, &m->hosts[i]));
    for (size_t i = 0; i < m->observer_count; i++)
        json_add(&observers, observer_json(&m->observers[i]));
    for (size_t i = 0; i < m->absent_count; i++)
        json_add(&absent, json_integer(m->absent[i]));
    return json_pack("{s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "hosts", hosts, "observers", observers, "covered", (int)m->covered,
                     "apart_us", json_span(m->apart), "shares", json_known(m->segments, m->segments), "absent", absent,
                     "unreported", json_known(m->unreported != UNREPORTED_UNKNOWN, m->unreported));
}
