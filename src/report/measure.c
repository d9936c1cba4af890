/* What a measurement found. */
#include "internal.h"

#include <inttypes.h>
#include <stdlib.h>

static void write_capacity(FILE *out, const struct measurement *m)
{
    char place[REPORT_PLACE_SIZE];
    fprintf(out, "%s ", report_place(&m->listener, place));
    if (m->listener.pid)
        fprintf(out, "(%s/%d) ", m->listener.process, (int)m->listener.pid);
    if (m->exact)
        fprintf(out, "holds %" PRIu64 ": backlog %" PRIu64 " and one more, as it should", m->held, m->listener.backlog);
    else if (m->beside)
        fprintf(out,
                "holds %" PRIu64 ": backlog %" PRIu64 " and one more, as it should, and %" PRIu32
                " that came at the same moment on another processor, which the kernel lets in, too",
                m->held, m->listener.backlog, m->beside);
    else if (m->full)
        fprintf(out, "holds %" PRIu64 ", although its backlog %" PRIu64 " promises %" PRIu64, m->held, m->listener.backlog,
                m->listener.backlog + 1);
    else
        fprintf(out, "holds at least %" PRIu64 " (backlog %" PRIu64 "): it was not seen full", m->held, m->listener.backlog);
}

static void write_evidence(FILE *out, const struct measurement *m)
{
    char span[NSEC_TEXT_SIZE];
    fprintf(out,
            "evidence: with %zu process%s (%zu thread%s) stopped by %s for %s, %" PRIu64 " of %" PRIu64
            " connections of ours were queued",
            m->processes, m->processes == 1 ? "" : "es", m->threads, plural(m->threads), m->ptraced ? "ptrace" : "SIGSTOP",
            nsec_text(m->frozen, span), m->queued, m->sent);
    if (m->listener.queue)
        fprintf(out, " behind %" PRIu64 " that waited already", m->listener.queue);
    fprintf(out, ", %" PRIu64 " %s", m->unanswered,
            m->listener.kind >= KIND_UNIX_STREAM ? "told EAGAIN"
            : m->unanswered == 1                 ? "was dropped"
                                                 : "were dropped");
    if (m->listener.kind < KIND_UNIX_STREAM)
        fprintf(out, " (the listener discarded %" PRIu64 " packet%s, which stay%s in its and the namespace's counters)",
                m->discarded, plural(m->discarded), m->discarded == 1 ? "s" : "");
}

static void write_aftermath(FILE *out, const struct measurement *m)
{
    char span[NSEC_TEXT_SIZE];
    if (m->drain_unseen)
        fputs("whether the queue was taken in could not be seen", out);
    else if (m->drained == NSEC_NEVER)
        fprintf(out, "NOT DRAINED: the queue was not taken in within %s", nsec_text(m->patience, span));
    else
        fprintf(out, "taken in %s after the release", nsec_text(m->drained, span));
    if (m->accepted_known)
        fprintf(out, ", %" PRIu64 " of %" PRIu64 " accepted", m->accepted, m->queued);
    if (m->untried)
        fputs("; no fresh connection could be tried", out);
    else if (m->served == NSEC_NEVER)
        fputs("; a fresh connection was NOT accepted: look at the server", out);
    else
        fprintf(out, "; it serves again: a fresh connection was accepted at %s", nsec_text(m->served, span));
}

static void write_line(FILE *out, void (*write)(FILE *, const struct measurement *), const struct measurement *m,
                       const struct report_style *style)
{
    struct fold fold;
    write(fold_begin(&fold, out, words_width(style), 2), m);
    fold_end(&fold);
}

static void write_expectations(FILE *out, const struct measurement *m)
{
    for (size_t i = 0; i < m->expectation_count; i++) {
        fprintf(out, "expect %s: ", m->expectations[i].text);
        write_outcome(out, &(struct report_style){0}, &m->expectations[i]);
        putc('\n', out);
    }
}

void report_measurement_text(FILE *out, const struct measurement *m, const struct report_style *style)
{
    write_line(out, write_capacity, m, style);
    write_line(out, write_evidence, m, style);
    write_line(out, write_aftermath, m, style);
    if (*m->incomplete)
        terminal_printf(out, "not complete: %s", m->incomplete), putc('\n', out);
    write_expectations(out, m);
}

int report_measurement_json(FILE *out, const struct measurement *m)
{
    json_t *expectations = json_array();
    for (size_t i = 0; i < m->expectation_count; i++)
        json_add(&expectations, json_expectation(&m->expectations[i]));
    json_t *freeze = json_pack("{s:s, s:I, s:I, s:o, s:o, s:b}", "method", m->ptraced ? "ptrace" : "stop", "processes",
                               (json_int_t)m->processes, "threads", (json_int_t)m->threads, "budget_us", json_span(m->budget),
                               "frozen_us", json_span(m->frozen), "expired", (int)m->expired);
    char name[SIGNAL_TEXT_SIZE];
    return write_json_line(
        out, json_pack("{s:s, s:s, s:o, s:o, s:o, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
                       "schema", "backlogctl.measure/2", "version", BACKLOGCTL_VERSION, "listener", json_listener(&m->listener),
                       "freeze", freeze, "capacity", json_known(m->full, m->held), "full", (int)m->full, "exact", (int)m->exact,
                       "beside", (json_int_t)m->beside, "held", (json_int_t)m->held, "sent", (json_int_t)m->sent, "queued",
                       (json_int_t)m->queued, "unanswered", (json_int_t)m->unanswered, "discarded",
                       json_known(m->listener.kind < KIND_UNIX_STREAM, m->discarded), "accepted",
                       json_known(m->accepted_known, m->accepted), "drained_us", json_span(m->drained), "served_us",
                       json_span(m->served), "interrupted_by", m->signal ? json_text(signal_text(m->signal, name)) : json_null(),
                       "incomplete", *m->incomplete ? json_text(m->incomplete) : json_null(), "expectations", expectations, "ok",
                       json_outcome(m->outcome)));
}
