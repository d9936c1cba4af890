/* A trace for a person: a table of what happened in an interval, and at the end all of it in words. */
#include "trace_internal.h"

#include <inttypes.h>
#include <libsmartcols/libsmartcols.h>
#include <stdlib.h>
#include <string.h>

/* ---- Intervals ---- */

static int fill_table(struct libscols_table *table, const struct trace_model *m)
{
    char cell[TRACED_CELL_SIZE];
    for (enum trace_column c = 0; c < TRACED_COLUMNS; c++)
        if (table_column(table, traced_head(c), traced_is_text(c) ? 0 : SCOLS_FL_RIGHT))
            return -1;
    for (size_t i = 0; i < m->count; i++) {
        struct trace_span span = trace_span_last(&m->list[i]);
        if (!m->list[i].selected || !trace_span_any(&span))
            continue;
        struct libscols_line *line = scols_table_new_line(table, NULL);
        for (enum trace_column c = 0; line && c < TRACED_COLUMNS; c++) {
            traced_cell(c, &m->list[i], &span, 0, cell);
            if (scols_line_set_data(line, c, cell))
                return -1;
        }
        if (!line)
            return -1;
    }
    return 0;
}

int report_trace_text(FILE *out, const struct trace_model *m, const struct report_style *style)
{
    char span[NSEC_TEXT_SIZE];
    size_t active = 0, all = 0;
    for (size_t i = 0; i < m->count; i++) {
        struct trace_span last = trace_span_last(&m->list[i]);
        all += m->list[i].selected;
        active += m->list[i].selected && trace_span_any(&last);
    }
    fprintf(out, "%s, after %s: something happened at %zu of %zu listener%s\n", m->at, nsec_text(m->elapsed, span), active, all,
            plural(all));
    if (!active)
        return 0;
    struct report_style whole = {.color = style->color};
    struct libscols_table *table = table_begin(out, &whole, 400, " ");
    int status = table ? fill_table(table, m) : -1;
    status = table_end(out, table, !status);
    putc('\n', out);
    return status;
}

/* ---- The summary ---- */

struct summary {
    FILE *out;
    const struct trace_model *m;
    const struct traced *one;
    int columns;
};

static void stamp_of(const struct summary *s, uint64_t at, char out[CLOCK_STAMP_SIZE])
{
    (void)s;
    clock_stamp_at((nsec)at, out);
}

/* A line below the listener's. */
static FILE *line_begin(struct fold *fold, const struct summary *s)
{
    putc(' ', s->out);
    return fold_behind(fold, s->out, s->columns, 4, 1);
}

static void write_head(const struct summary *s)
{
    const struct trace_slot *slot = &s->one->slot;
    char place[REPORT_PLACE_SIZE];
    struct fold fold;
    FILE *line = fold_begin(&fold, s->out, s->columns, 2);
    fputs(report_place(&s->one->now, place), line);
    if (s->one->now.pid)
        fprintf(line, " (%s/%d)", s->one->now.process, (int)s->one->now.pid);
    fprintf(line, ": %" PRIu64 " entered the queue", slot->entered);
    if (slot->at_start)
        fprintf(line, ", %" PRIu64 " were in it before", slot->at_start);
    fprintf(line, ", %" PRIu64 " accepted", slot->accepted + slot->accepted_seed + slot->unseen);
    if (slot->accepted_reset)
        fprintf(line, " (%" PRIu64 " of them had been reset by then)", slot->accepted_reset);
    if (slot->closed)
        fputs("; it listens no more", line);
    fold_end(&fold);
}

static void write_queue(const struct summary *s)
{
    const struct trace_slot *slot = &s->one->slot;
    char stamp[CLOCK_STAMP_SIZE];
    struct fold fold;
    FILE *line = line_begin(&fold, s);
    if (s->one->worth[TRACE_LENGTH] == TRACE_UNKNOWN) {
        fputs("queue: this kernel has no hook that tells its length", line);
    } else {
        fprintf(line, "queue: %" PRIu64 " at the most", slot->peak);
        if (s->one->surveyed)
            fprintf(line, " (it holds %" PRIu64 ")", s->one->now.capacity);
        stamp_of(s, slot->peak_at, stamp);
        if (slot->peak)
            fprintf(line, ", at %s", stamp);
        if (s->one->worth[TRACE_LENGTH] == TRACE_EXACT)
            fputs(" (exact)", line);
        else if (s->one->peak_bounded)
            fprintf(line, " (as seen; for a moment it may have been %" PRIu64 ")", slot->inside_peak);
        else
            fputs(" (at least)", line);
        if (slot->entered)
            fputs("; its length as each came:", line);
        for (unsigned i = 0; i < TRACE_LENGTHS; i++)
            if (slot->lengths[i] && i)
                fprintf(line, " %" PRIu64 "..%" PRIu64 ": %" PRIu64, UINT64_C(1) << i, (UINT64_C(2) << i) - 1, slot->lengths[i]);
            else if (slot->lengths[i])
                fprintf(line, " 1: %" PRIu64, slot->lengths[i]);
    }
    fold_end(&fold);
}

static void write_waits(const struct summary *s)
{
    const struct traced *one = s->one;
    const struct trace_slot *slot = &one->slot;
    char text[TRACE_BOUNDS_SIZE], span[NSEC_TEXT_SIZE];
    struct fold fold;
    FILE *line = line_begin(&fold, s);
    fputs("wait until accepted:", line);
    if (one->worth[TRACE_WAIT] == TRACE_UNKNOWN)
        fputs(
            " not known, as neither inet_csk_accept() nor the system calls (a readable /sys/kernel/tracing) can be followed here",
            line);
    else if (!slot->accepted)
        fputs(" none was both seen to come and accepted", line);
    else
        fprintf(line, " p50 %s,", trace_bounds_text(&one->p50, text)),
            fprintf(line, " p90 %s,", trace_bounds_text(&one->p90, text)),
            fprintf(line, " p99 %s,", trace_bounds_text(&one->p99, text)),
            fprintf(line, " max %s (%s)", nsec_text((nsec)slot->wait_max, span),
                    one->worth[TRACE_WAIT] == TRACE_EXACT ? "exact" : "of those that were seen");
    if (slot->accepted_seed)
        fprintf(line, "; %" PRIu64 " that waited before the tracing began: at least %s", slot->accepted_seed,
                nsec_text((nsec)slot->seed_max, span));
    if (slot->unseen)
        fprintf(line, "; %" PRIu64 " accepted%s, as was noticed when they were closed: their waits are not known", slot->unseen,
                one->worth[TRACE_WAIT] == TRACE_UNKNOWN ? ""
                : one->now.kind == KIND_MPTCP ? " by a call that cannot be seen here (io_uring), or joined a connection (MPTCP)"
                                              : " by a call that cannot be seen here (io_uring)");
    if (slot->unknown)
        fprintf(line, "; of %" PRIu64 " the coming was not kept, as too many waited", slot->unknown);
    fold_end(&fold);
}

#define LABELS 36
#define BAR_MOST 40

/* Powers of two in a line each. */
static void write_histogram(const struct summary *s)
{
    uint64_t sums[TRACE_WAIT_TOP + 2] = {0}, highest = 0;
    uint64_t bar = s->columns > 0 && s->columns < LABELS + BAR_MOST
                       ? (uint64_t)(s->columns > LABELS + 3 ? s->columns - LABELS : 3)
                       : BAR_MOST;
    char low[NSEC_TEXT_SIZE], high[NSEC_TEXT_SIZE], label[2 * NSEC_TEXT_SIZE + 4];
    for (unsigned i = 0; i < TRACE_WAITS; i++)
        sums[i / TRACE_SUB] += s->one->slot.waits[i];
    for (unsigned i = 0; i < TRACE_WAITS / TRACE_SUB + 1; i++)
        highest = sums[i] > highest ? sums[i] : highest;
    for (unsigned i = 0; i < TRACE_WAITS / TRACE_SUB + 1 && highest; i++) {
        if (!sums[i])
            continue;
        nsec_text(trace_wait_from(i * TRACE_SUB), low);
        nsec_text(trace_wait_from((i + 1) * TRACE_SUB), high);
        snprintf(label, sizeof label, "%s..%s", low, high);
        fprintf(s->out, "    %18s %10" PRIu64 "  ", label, sums[i]);
        for (uint64_t n = 0; n < (sums[i] * bar + highest - 1) / highest; n++)
            putc('#', s->out);
        putc('\n', s->out);
    }
}

static void write_stage(FILE *line, const struct summary *s, enum trace_figure figure, const struct trace_stage *stage,
                        const char *what)
{
    char stamp[CLOCK_STAMP_SIZE];
    if (s->one->worth[figure] == TRACE_UNKNOWN) {
        fprintf(line, "%ss: not known, this kernel has no hook for them", what);
        return;
    }
    fprintf(line, "%" PRIu64 " %s%s", stage->count, what, plural(stage->count));
    stamp_of(s, stage->last, stamp);
    if (stage->count)
        fprintf(line, ", the last at %s", stamp);
    fprintf(line, " (%s)", trace_worth_words(s->one->worth[figure]));
}

static void write_overflows(const struct summary *s)
{
    const struct traced *one = s->one;
    char address[ENDPOINT_TEXT_SIZE];
    struct fold fold;
    FILE *line = line_begin(&fold, s);
    fputs("dropped on the full queue: ", line);
    write_stage(line, s, TRACE_SYN, &one->slot.syn, "SYN");
    fputs("; ", line);
    write_stage(line, s, TRACE_ACK, &one->slot.ack, "last ACK");
    if (one->slot.syn_queue.count) {
        fputs("; on the full SYN queue: ", line);
        write_stage(line, s, TRACE_SYN_QUEUE, &one->slot.syn_queue, "SYN");
    }
    if (one->drops_other)
        fprintf(line, "; %" PRIu64 " otherwise", one->drops_other);
    for (size_t i = 0; i < one->source_count; i++)
        fprintf(line, "%s %s (%" PRIu64 ")", i ? "," : "; from", endpoint_address_text(&one->sources[i].address, address),
                one->sources[i].count.syn + one->sources[i].count.ack + one->sources[i].count.syn_queue);
    if (one->sources_known > one->source_count)
        fprintf(line, " and %" PRIu64 " more", one->sources_known - one->source_count);
    fold_end(&fold);
}

static void write_left(const struct summary *s)
{
    const struct trace_slot *slot = &s->one->slot;
    if (!slot->left_closed && !slot->left_other)
        return;
    struct fold fold;
    FILE *line = line_begin(&fold, s);
    fputs("left the queue without being accepted: ", line);
    if (slot->left_closed)
        fprintf(line, "%" PRIu64 " as the listener was closed%s", slot->left_closed, slot->left_other ? ", " : "");
    if (slot->left_other)
        fprintf(line, "%" PRIu64 " otherwise", slot->left_other);
    fold_end(&fold);
}

static void write_acceptors(const struct summary *s)
{
    const struct trace_slot *slot = &s->one->slot;
    if (!slot->acceptors[0].tid)
        return;
    struct fold fold;
    FILE *line = line_begin(&fold, s);
    fputs("accepted by:", line);
    for (unsigned i = 0; i < TRACE_ACCEPTORS && slot->acceptors[i].tid; i++) {
        const struct trace_acceptor *a = &slot->acceptors[i];
        fprintf(line, "%s %.15s/%" PRIu32, i ? "," : "", a->comm, a->tgid);
        if (a->tid != a->tgid)
            fprintf(line, " (thread %" PRIu32 ")", a->tid);
        fprintf(line, " %" PRIu64, a->count);
    }
    if (slot->accepts_others)
        fprintf(line, ", others %" PRIu64, slot->accepts_others);
    fold_end(&fold);
}

/* A row of a screen has not room for all of it. */
static void write_span(const struct summary *s, const char *when, const struct trace_span *span)
{
    char cell[TRACED_CELL_SIZE], text[TRACE_BOUNDS_SIZE];
    static const struct {
        enum trace_column column;
        const char *words;
    } counts[] = {{TRACED_ENTERED, "entered"}, {TRACED_ACCEPTED, "accepted"}, {TRACED_SYN, "SYNs lost"},
                  {TRACED_ACK, "ACKs lost"},   {TRACED_LEFT, "left"},         {TRACED_PEAK, "in the queue at the most"}};
    struct fold fold;
    FILE *line = line_begin(&fold, s);
    fputs(when, line);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        traced_cell(counts[i].column, s->one, span, 0, cell);
        fprintf(line, "%s %s %s", i ? "," : ":", cell, counts[i].words);
    }
    if (span->syn_queue)
        fprintf(line, ", %" PRIu64 " SYNs lost on the full SYN queue", span->syn_queue);
    if (span->samples) {
        fprintf(line, "; waited p50 %s,", trace_bounds_text(&span->p50, text));
        fprintf(line, " p99 %s,", trace_bounds_text(&span->p99, text));
        fprintf(line, " max %s", trace_bounds_text(&span->max, text));
    }
    fold_end(&fold);
}

static void write_spans(const struct summary *s)
{
    const struct trace_span last = trace_span_last(s->one), all = trace_span_all(s->one);
    write_span(s, "in the last interval", &last);
    write_span(s, "since the beginning", &all);
}

void write_traced(FILE *out, const struct trace_model *m, const struct traced *one, int columns, enum traced_form form)
{
    const struct summary s = {.out = out, .m = m, .one = one, .columns = columns};
    static void (*const parts[][8])(const struct summary *) = {
        [TRACED_SUMMARY] = {write_head, write_queue, write_waits, write_histogram, write_overflows, write_left, write_acceptors},
        [TRACED_ON_SCREEN] = {write_spans, write_queue, write_overflows, write_waits, write_left, write_acceptors,
                              write_histogram},
    };
    for (size_t i = 0; i < sizeof *parts / sizeof **parts && parts[form][i]; i++)
        parts[form][i](&s);
}

bool traced_tells(const struct traced *one)
{
    struct trace_span all = trace_span_all(one);
    return trace_span_any(&all) || one->slot.at_start;
}

static void write_note(const struct summary *s, const char *text)
{
    write_folded(s->out, text, s->columns, 2);
}

/* How much a counter rose, beside what was seen. */
static void write_witness(const struct summary *s, const char *counter, const struct trace_witness *w)
{
    char text[400];
    snprintf(text, sizeof text, "%s rose by %" PRIu64 " meanwhile; seen were %" PRIu64 "%s", counter, trace_risen(w), w->seen,
             trace_unseen(w)        ? ": some were missed, or belong to listeners that are not traced"
             : trace_has_surplus(w) ? ": that is more than there were"
                                    : "");
    if (trace_risen(w) || w->seen)
        write_note(s, text);
}

static void write_accounts(const struct summary *s)
{
    char text[400];
    for (size_t i = 0; i < s->m->account_count; i++) {
        const struct trace_account *a = &s->m->accounts[i];
        if (!a->known)
            continue;
        snprintf(text, sizeof text, "ListenOverflows of network namespace %" PRIu64, a->netns);
        write_witness(s, text, &a->overflows);
        snprintf(text, sizeof text, "TCPReqQFullDrop of network namespace %" PRIu64, a->netns);
        write_witness(s, text, &a->syn_queue);
        if (a->children_known && trace_unseen(&a->children)) {
            snprintf(text, sizeof text, "PassiveOpens of network namespace %" PRIu64, a->netns);
            write_witness(s, text, &a->children);
        }
        snprintf(text, sizeof text,
                 "SyncookiesFailed of network namespace %" PRIu64 " rose by %" PRIu64 ": last ACKs that had no valid cookie",
                 a->netns, a->cookies_failed);
        if (a->cookies_failed)
            write_note(s, text);
        snprintf(text, sizeof text,
                 "TCPDeferAcceptDrop of network namespace %" PRIu64 " rose by %" PRIu64
                 ": ACKs without data, which TCP_DEFER_ACCEPT waits for",
                 a->netns, a->deferred);
        if (a->deferred)
            write_note(s, text);
    }
}

static void write_hooks(const struct summary *s)
{
    struct fold fold;
    FILE *line = fold_begin(&fold, s->out, s->columns, 2);
    fputs("these figures rest on:", line);
    for (enum trace_figure f = 0; f < TRACE_FIGURE_COUNT; f++)
        fprintf(line, "%s %s: %s", f ? "," : "", trace_figure_name(f),
                s->m->hooks->of[f].name ? s->m->hooks->of[f].name : "nothing");
    fold_end(&fold);
}

static void write_forgotten(const struct summary *s)
{
    const struct trace_forgotten *f = &s->m->forgotten;
    char text[400];
    if (!f->listeners)
        return;
    snprintf(text, sizeof text,
             "%" PRIu64 " more listener%s came and went, and are told together: %" PRIu64 " entered the queue, %" PRIu64
             " accepted, %" PRIu64 " left it otherwise, %" PRIu64 " SYNs and %" PRIu64 " last ACKs dropped",
             f->listeners, f->listeners == 1 ? "" : "s", f->entered, f->accepted, f->left, f->syn, f->ack);
    write_note(s, text);
}

void write_trace_losses(FILE *out, const struct trace_model *m, int columns)
{
    char text[400];
    const struct {
        uint64_t count;
        const char *words;
    } losses[] = {
        {m->slots_missing, "listeners were not traced, as there were too many"},
        {m->full_missing, "SYNs were not looked for at every full listener on their port, as there were too many"},
        {m->sources_lost, "addresses of dropped packets were forgotten again, as there were too many"},
        {m->events_lost, "events were lost"},
        {m->left_out[TRACE_ENTERED] + m->left_out[TRACE_LEFT], "times the kernel left out a program that sees connections come "
                                                               "and go, as a packet had interrupted it: what it may have "
                                                               "missed is called at least"},
        {m->not_seeded, "network namespaces could not be entered: what listened there before is not traced"},
    };
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++)
        if (losses[i].count) {
            snprintf(text, sizeof text, "%" PRIu64 " %s", losses[i].count, losses[i].words);
            write_folded(out, text, columns, 2);
        }
    if (*m->incomplete) {
        snprintf(text, sizeof text, "(evidence is missing: %s)", m->incomplete);
        write_folded(out, text, columns, 2);
    }
}

void write_trace_notes(FILE *out, const struct trace_model *m, int columns)
{
    const struct summary s = {.out = out, .m = m, .columns = columns};
    write_forgotten(&s);
    write_accounts(&s);
    write_trace_losses(out, m, columns);
    write_hooks(&s);
}

void report_trace_summary_text(FILE *out, const struct trace_model *m, const struct report_style *style)
{
    char span[NSEC_TEXT_SIZE];
    size_t idle = 0;
    fprintf(out, "Traced for %s, until %s:\n", nsec_text(m->elapsed, span), m->at);
    for (size_t i = 0; i < m->count; i++) {
        const struct traced *one = &m->list[i];
        if (one->selected && traced_tells(one))
            write_traced(out, m, one, words_width(style), TRACED_SUMMARY);
        else
            idle += one->selected;
    }
    if (idle)
        fprintf(out, "Nothing came to %zu listener%s.\n", idle, idle == 1 ? "" : "s");
    write_trace_notes(out, m, words_width(style));
}
