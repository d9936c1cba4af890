/* The text report: heading, listeners, table, totals, expectations, and what it means. */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Heading ---- */

static void write_destination(FILE *out, const struct run *run)
{
    char text[REPORT_PLACE_SIZE];
    if (run->target_count == 1) {
        fputs(target_place(&run->targets[0], text), out);
        return;
    }
    fputs(run->host ? run->host : "-", out);
    for (size_t t = 0; t < run->target_count; t++)
        fprintf(out, "%s%s", t ? ", " : " (", target_place(&run->targets[t], text));
    if (run->target_count)
        putc(')', out);
}

/* What is not an ordinary TCP socket. */
static void write_kind(FILE *out, const struct run *run)
{
    const struct transport *transport = &run->targets[0].transport;
    if (transport->kind != KIND_TCP)
        fprintf(out, " (%s)", socket_kind_name(transport->kind));
    if (transport->fastopen)
        fputs(" (Fast Open)", out);
    if (run->has_server && run->server.defer_accept)
        fputs(" (deferred accepts)", out);
}

void write_run_heading(FILE *out, const struct run *run)
{
    const struct probe_settings *probe = &run->probe;
    char span[NSEC_TEXT_SIZE];
    fprintf(out, "%s ", run->command);
    if (run->target_count || !run->started.words)
        write_destination(out, run);
    else
        write_command_words(out, run->started.words);
    if (run->private_namespace)
        fputs(" in a private namespace", out);
    if (run->netns)
        fprintf(out, " in netns %s", run->netns);
    if (run->delay)
        fprintf(out, ", %s each way", nsec_text(run->delay, span));
    write_kind(out, run);
    fputs(": ", out);
    if (run->has_server) {
        if (run->server.reuseport)
            fprintf(out, "%" PRIu32 " listeners, each with ", run->server.reuseport);
        fprintf(out, "backlog %" PRId32 ", ", run->server.backlog);
        write_accept_plan(out, &run->server);
        fputs("; ", out);
    }
    if (run->started.words && run->target_count) {
        write_command_words(out, run->started.words);
        fputs("; ", out);
    }
    fprintf(out, "%" PRIu32 " connection%s", probe->arrivals.count, plural(probe->arrivals.count));
    write_segment(out, &probe->arrivals.segment);
    if (probe->arrivals.burst)
        fprintf(out, ", %" PRIu32, probe->arrivals.burst);
    if (probe->arrivals.rate)
        fprintf(out, " at %" PRIu32 " a second", probe->arrivals.rate);
    else if (probe->arrivals.burst || probe->arrivals.count > 1)
        fputs(" at once", out);
    if (probe->arrivals.burst)
        fprintf(out, " every %s", nsec_text(probe->arrivals.every, span));
    if (probe->timeout > 0)
        fprintf(out, ", patience %s", nsec_text(probe->timeout, span));
    else
        fputs(", no patience", out);
    if (probe->start_at) {
        clock_stamp_wall(probe->start_at, span);
        fprintf(out, ", to begin at %s", span);
    }
}

static void write_line_of(FILE *out, void (*write)(FILE *, const struct run *), const struct run *run, int columns)
{
    struct fold fold;
    write(fold_begin(&fold, out, columns, 2), run);
    fold_end(&fold);
}

void report_text_begin(FILE *out, const struct run *run, const struct report_style *style)
{
    write_line_of(out, write_run_heading, run, style->columns);
}

/* ---- Listeners ---- */

static void write_owner(FILE *out, const struct listener *listener)
{
    if (*listener->process)
        fprintf(out, "%s (pid %d), ", listener->process, (int)listener->pid);
    else if (listener->pid)
        fprintf(out, "pid %d, ", (int)listener->pid);
}

static void write_backlog(FILE *out, const struct run *run, const struct listener *listener)
{
    bool clamped = run->has_server && backlog_clamped(run->server.backlog, listener);
    if (listener->members > 1)
        fprintf(out, "%" PRIu32 " sockets (SO_REUSEPORT), backlog %" PRIu64 " in all", listener->members, listener->backlog);
    else if (clamped && run->somaxconn == listener->backlog)
        fprintf(out, "backlog %" PRId32 " -> %" PRIu64 " (clamped by net.core.somaxconn=%" PRIu32 ")", run->server.backlog,
                listener->backlog, run->somaxconn);
    else if (clamped)
        fprintf(out, "backlog %" PRId32 " -> %" PRIu64 " (clamped by net.core.somaxconn)", run->server.backlog,
                listener->backlog);
    else if (!run->has_server && run->somaxconn && listener->backlog == run->somaxconn)
        fprintf(out, "backlog %" PRIu64 " (as net.core.somaxconn)", listener->backlog);
    else
        fprintf(out, "backlog %" PRIu64, listener->backlog);
}

/* During the run: connections, and what else it discarded. */
static void write_dropped(FILE *out, const struct target *target)
{
    char text[INTERVAL_TEXT_SIZE];
    fprintf(out, ", dropped %s", interval_text(&target->overflows, text));
    if (target->discarded > target->overflows.max)
        fprintf(out, ", discarded %" PRIu64 " packet%s in all", target->discarded, plural(target->discarded));
}

static void write_known_listener(FILE *out, const struct run *run, const struct target *target)
{
    const struct listener *listener = &target->after;
    char bound[REPORT_PLACE_SIZE], text[REPORT_PLACE_SIZE];
    fprintf(out, "listener %s", report_place(listener, bound));
    if (strcmp(bound, target_place(target, text)))
        fprintf(out, " for %s", text);
    fputs(": ", out);
    if (!run->has_server) /* else it is this very process */
        write_owner(out, listener);
    write_backlog(out, run, listener);
    fprintf(out, ", holds %" PRIu64 ", queue %" PRIu64 " of %" PRIu64, listener->capacity, listener->queue, listener->capacity);
    if (is_unix(target->transport.kind))
        fputs(" (AF_UNIX drops nobody)", out);
    else if (target->discarded_known)
        write_dropped(out, target);
    else
        fputs(", drops not known", out);
    if (target->listener_gone)
        fputs(", gone or replaced since", out);
}

static void write_listener(FILE *out, const struct run *run, const struct target *target)
{
    char text[REPORT_PLACE_SIZE];
    if (target->after.known) {
        write_known_listener(out, run, target);
        return;
    }
    target_place(target, text);
    if (!target->local)
        fprintf(out,
                run->merged ? "listener %s: nobody observed it all the time, so its queue is not known"
                            : "listener %s: not on this host, so its queue cannot be seen",
                text);
    else if (target->before.known)
        fprintf(out, "listener %s: gone", text);
    else if (target->looked)
        fprintf(out, "listener %s: none", text);
    else
        fprintf(out, "listener %s: not seen", text);
}

/* With several addresses each has a fate of its own, which the table's rows cannot show. */
static void write_attempts(FILE *out, const struct target *target)
{
    static const struct report_style plain;
    uint64_t counts[VERDICT_COUNT];
    if (!target->attempt_count) {
        fputs("; not tried", out);
        return;
    }
    count_attempts(target, counts);
    fprintf(out, "; %zu attempt%s: ", target->attempt_count, plural(target->attempt_count));
    write_counts(out, counts, &plain);
}

/* "1: 3 of 3, dropped 12; 2: ..." */
static void write_members(FILE *out, const struct target *target)
{
    for (size_t i = 0; i < target->member_count; i++) {
        const struct listener *m = &target->members[i];
        fprintf(out, "%s %zu: queue %" PRIu64 " of %" PRIu64, i ? ";" : "; each of them:", i + 1, m->queue, m->capacity);
        if (m->discarded)
            fprintf(out, ", discarded %" PRIu64, m->discarded);
    }
}

void write_run_listener(FILE *out, const struct run *run, const struct target *target)
{
    write_listener(out, run, target);
    write_members(out, target);
    if (run->target_count > 1)
        write_attempts(out, target);
}

static void write_listeners(FILE *out, const struct run *run, int columns)
{
    for (size_t t = 0; t < run->target_count; t++) {
        struct fold fold;
        write_run_listener(fold_begin(&fold, out, columns, 2), run, &run->targets[t]);
        fold_end(&fold);
    }
}

/* ---- Totals ---- */

static void write_totals(FILE *out, const struct run *run, const struct report_style *style)
{
    fprintf(out, "%zu connection%s: ", run->connection_count, plural(run->connection_count));
    write_counts(out, run->counts, style);
    putc('\n', out);
}

static void write_counters(FILE *out, const struct run *run)
{
    const char *before = run->merged ? "packets counted in the observer's network namespace, as long as it looked: "
                                     : "packets counted in this network namespace: ";
    for (enum counter c = 0; run->counters.known && c < COUNTER_COUNT; c++)
        if (run->counters.value[c]) {
            fprintf(out, "%s%s %" PRIu64, before, counter_name(c), run->counters.value[c]);
            before = ", ";
        }
}

static bool any_counter(const struct run *run)
{
    for (enum counter c = 0; run->counters.known && c < COUNTER_COUNT; c++)
        if (run->counters.value[c])
            return true;
    return false;
}

static void write_expectations(FILE *out, const struct run *run, const struct report_style *style)
{
    for (size_t i = 0; i < run->expectation_count; i++) {
        fprintf(out, "expect %s: ", run->expectations[i].text);
        write_outcome(out, style, &run->expectations[i]);
        putc('\n', out);
    }
}

static void write_notes(FILE *out, const struct run *run, const struct report_style *style)
{
    char name[SIGNAL_TEXT_SIZE], note[sizeof run->incomplete + 32];
    if (run->signal)
        fprintf(out, "interrupted by %s: this is what was known by then\n", signal_text(run->signal, name));
    if (*run->incomplete) {
        snprintf(note, sizeof note, "evidence is missing: %s", run->incomplete);
        write_folded(out, note, words_width(style), 2);
    }
}

static void write_preset(FILE *out, const struct run *run)
{
    fprintf(out, "preset %s: %s", run->preset, run->preset_words);
}

int report_text_end(FILE *out, const struct run *run, const struct report_style *style)
{
    if (!run->target_count) { /* the server that was started cannot be tested */
        fputs("nothing was sent\n", out);
        write_notes(out, run, style);
        return 0;
    }
    write_listeners(out, run, style->columns);
    if (run->merged)
        write_merged(out, run, style->columns);
    if (run->started.words)
        write_line_of(out, write_started, run, style->columns);
    putc('\n', out);
    int status = 0;
    if (!run->probe.summary) {
        status = write_table(out, run, style);
        putc('\n', out);
    }
    if (!status && run->probe.timeline)
        status = write_timeline(out, run, style);
    write_totals(out, run, style);
    if (pace_tells(run))
        write_line_of(out, write_pace, run, words_width(style));
    if (run->probe.start_at && !run->merged) /* else each host has its own */
        write_line_of(out, write_start, run, words_width(style));
    write_times(out, run, style);
    if (any_counter(run))
        write_line_of(out, write_counters, run, words_width(style));
    write_expectations(out, run, style);
    write_notes(out, run, style);
    if (run->preset) {
        putc('\n', out);
        write_line_of(out, write_preset, run, words_width(style));
    }
    char *words = report_explain(run);
    if (words && *words) {
        putc('\n', out);
        write_folded(out, words, words_width(style), 0);
    }
    status = status || words ? status : -ENOMEM;
    free(words);
    return status;
}
