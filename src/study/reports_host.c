/* The report of one host that sent: probe --json. */
#include "report_values.h"
#include "reports_internal.h"

#include "backlogctl/parse.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char *verdict_word(unsigned n)
{
    return verdict_name((enum verdict)n);
}

static const char *reason_word(unsigned n)
{
    return reason_name((enum reason)n);
}

static const char *evidence_word(unsigned n)
{
    return evidence_name((enum evidence)n);
}

/* Hosts use their addresses in turn, so the one behind the last is likely. */
static int note_source(struct merged_host *host, const struct endpoint *source, struct error *err)
{
    struct endpoint address = *source;
    address.port = 0;
    if (!address.family)
        return 0;
    for (size_t i = 0; i < host->source_count; i++) {
        size_t at = (host->source_last + 1 + i) % host->source_count;
        if (endpoint_equal(&host->sources[at], &address)) {
            host->source_last = at;
            return 0;
        }
    }
    struct endpoint *list = reports_room(host->sources, host->source_count, &host->source_room, sizeof *list, err);
    if (!list)
        return -ENOMEM;
    host->sources = list;
    host->sources[host->source_count++] = address;
    return 0;
}

/* What the client's socket must have been for such a verdict. */
static void guess_state(struct attempt *a, enum verdict verdict, enum reason reason, enum evidence evidence)
{
    if (verdict_traits(verdict)->got_through)
        a->state = evidence == EVIDENCE_TCP_INFO && verdict == VERDICT_CONNECTED ? STATE_CLOSE_WAIT : STATE_ESTABLISHED;
    else
        a->state = verdict == VERDICT_TIMED_OUT && !a->error ? STATE_SYN_SENT : STATE_CLOSE;
    a->replied = evidence == EVIDENCE_REPLY;
    a->sent = a->acknowledged = evidence == EVIDENCE_PROBE_BYTE && reason != REASON_UNACKNOWLEDGED;
}

/* It is not one of them until it is counted. NULL: no memory. */
static struct attempt *next_attempt(struct reports *r, const struct endpoint *source, struct error *err)
{
    struct attempt *attempts = reports_room(r->attempts, r->attempt_count, &r->attempt_room, sizeof *attempts, err);
    if (!attempts)
        return NULL;
    r->attempts = attempts;
    struct endpoint *sources = reports_room(r->sources, r->attempt_count, &r->source_room, sizeof *sources, err);
    if (!sources)
        return NULL;
    r->sources = sources;
    sources[r->attempt_count] = *source;
    return &attempts[r->attempt_count];
}

int host_read_row(struct reports *r, struct merged_host *host, const json_t *row, struct error *err)
{
    if (json_object_get(row, "attempts"))
        return error_set(err, EBADMSG, "its burst tried several addresses of a name: reports of one address can be merged");
    unsigned verdict = read_word(json_object_get(row, "verdict"), verdict_word, VERDICT_COUNT);
    unsigned evidence = read_word(json_object_get(row, "evidence"), evidence_word, EVIDENCE_COUNT);
    unsigned reason = read_word(json_object_get(row, "reason"), reason_word, REASON_COUNT);
    if (verdict == VERDICT_COUNT || evidence == EVIDENCE_COUNT)
        return error_set(err, EBADMSG, "a connection has no verdict or no evidence that this version knows");
    struct endpoint source = read_endpoint(json_object_get(row, "source"));
    struct attempt *a = next_attempt(r, &source, err);
    if (!a || note_source(host, &source, err))
        return -ENOMEM;
    nsec age = read_span(json_object_get(row, "age_us"));
    *a = (struct attempt){.id = (uint32_t)(r->attempt_count + 1),
                          .opened = read_span(json_object_get(row, "opened_us")),
                          .established = read_span(json_object_get(row, "established_us")),
                          .accepted = read_span(json_object_get(row, "accepted_us")),
                          .age_ms = age == NSEC_NEVER ? -1 : (int32_t)(age / NSEC_PER_MSEC),
                          .syn_retransmits = (uint8_t)read_count(json_object_get(row, "syn_retransmits"), UINT8_MAX),
                          .error = (int16_t)read_errno(json_object_get(row, "error")),
                          .verdict = (uint8_t)verdict,
                          .reason = (uint8_t)(reason == REASON_COUNT ? REASON_NONE : reason),
                          .evidence = (uint8_t)evidence,
                          .bound = source.family != AF_UNSPEC,
                          .told = true};
    guess_state(a, (enum verdict)verdict, (enum reason)reason, (enum evidence)evidence);
    r->attempt_count++;
    host->counts[verdict]++;
    return 0;
}

static int signal_of(const json_t *value)
{
    const char *text = json_string_value(value);
    for (int number = 1; text && !strncmp(text, "SIG", 3) && number < NSIG; number++) {
        const char *name = sigabbrev_np(number);
        if (name && !strcmp(name, text + 3))
            return number;
    }
    return 0;
}

static void read_settings(struct merged_host *host, const json_t *options)
{
    struct arrivals *arrivals = &host->probe.arrivals;
    const json_t *segment = json_object_get(options, "segment");
    nsec every = read_span(json_object_get(options, "every_us"));
    arrivals->count = (uint32_t)read_count(json_object_get(options, "count"), UINT32_MAX);
    arrivals->rate = (uint32_t)read_count(json_object_get(options, "rate"), UINT32_MAX);
    arrivals->burst = (uint32_t)read_count(json_object_get(options, "burst"), UINT32_MAX);
    arrivals->every = every == NSEC_NEVER ? 0 : every;
    if (json_is_object(segment)) {
        arrivals->segment = (struct segment){.index = (uint32_t)read_count(json_object_get(segment, "index"), UINT32_MAX),
                                             .of = (uint32_t)read_count(json_object_get(segment, "of"), UINT32_MAX),
                                             .whole = arrivals->count};
        arrivals->count = (uint32_t)read_count(json_object_get(segment, "count"), UINT32_MAX);
    }
    nsec timeout = read_span(json_object_get(options, "timeout_us"));
    host->probe.timeout = timeout == NSEC_NEVER ? 0 : timeout;
    host->sends = json_is_string(json_object_get(options, "send"));
    host->probe.allow_remote = json_is_true(json_object_get(options, "allow_remote"));
}

static void read_start(struct merged_host *host, const json_t *start)
{
    const char *at = json_string_value(json_object_get(start, "at"));
    if (!at || !parse_rfc3339(at, &host->probe.start_at))
        return;
    host->start = (struct run_start){.late = read_span(json_object_get(start, "late_us")),
                                     .clock_set = (uint32_t)read_count(json_object_get(start, "clock_set"), UINT32_MAX),
                                     .clock = read_clock(start)};
}

static void read_figures(struct merged_host *host, const json_t *members)
{
    const json_t *pace = json_object_get(members, "pace"), *times = json_object_get(members, "times");
    nsec took = read_span(json_object_get(pace, "took_us")), late = read_span(json_object_get(pace, "worst_late_us"));
    host->pace = (struct pace){.took = took,
                               .worst_late = late == NSEC_NEVER ? 0 : late,
                               .threads = (uint32_t)read_count(json_object_get(pace, "threads"), UINT32_MAX)};
    host->to_established = read_spread(json_object_get(times, "established"));
    host->to_accepted = read_spread(json_object_get(times, "accepted"));
    host->last_look = read_span(json_object_get(members, "last_look_us"));
    host->elapsed = read_span(json_object_get(members, "elapsed_us"));
    host->signal = signal_of(json_object_get(members, "interrupted_by"));
    read_text(json_object_get(members, "incomplete"), host->incomplete, sizeof host->incomplete);
}

#define COUNT_MAX 1000000 /* of one burst */

/* The rows have to be those that its totals count: a document can be whole and still not say the same twice. */
static bool read_counts(struct merged_host *host, const json_t *counts)
{
    bool same = true;
    for (unsigned v = 0; v < VERDICT_COUNT; v++) {
        uint64_t told = read_count(json_object_get(counts, verdict_word(v)), COUNT_MAX);
        same = same && (!host->rows || told == host->counts[v]);
        host->counts[v] = told;
        host->connections += told;
    }
    return same && host->connections <= COUNT_MAX;
}

void host_read(struct reports *r, struct merged_host *host, size_t first, const json_t *members, char why[TROUBLE_SIZE])
{
    const char *started = json_string_value(json_object_get(members, "started_at"));
    host->target = read_place(json_object_get(members, "target"));
    read_settings(host, json_object_get(members, "options"));
    read_start(host, json_object_get(members, "start"));
    read_figures(host, members);
    host->rows = json_is_array(json_object_get(members, "connections"));
    host->first = first;
    host->count = r->attempt_count - first;
    if (!host->target.port)
        snprintf(why, TROUBLE_SIZE, "its target is not an address and a port");
    if (!*why && (!started || !parse_rfc3339(started, &host->zero) || host->elapsed == NSEC_NEVER))
        snprintf(why, TROUBLE_SIZE, "it does not say when it was made");
    const struct segment *segment = &host->probe.arrivals.segment;
    if (!*why && segment->of && (segment->of > SEGMENTS_MAX || !segment->index || segment->index > segment->of))
        snprintf(why, TROUBLE_SIZE, "its --segment makes no sense");
    if (!read_counts(host, json_object_get(members, "counts")) && !*why)
        snprintf(why, TROUBLE_SIZE, "its totals are not those of its connections");
}
