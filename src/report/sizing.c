/* How large a backlog must be, in words: the arithmetic, what was measured, and where to set it. */
#include "internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

static void paragraph(FILE *out, const struct report_style *style, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void paragraph(FILE *out, const struct report_style *style, const char *format, ...)
{
    struct fold fold;
    va_list args;
    va_start(args, format);
    vfprintf(fold_begin(&fold, out, words_width(style), 2), format, args);
    va_end(args);
    fold_end(&fold);
}

/* ---- The load and the arithmetic ---- */

#define WORDS_SIZE 200

static void arrivals_text(const struct load *load, char out[WORDS_SIZE])
{
    char every[NSEC_TEXT_SIZE];
    if (load->arrivals.rate)
        snprintf(out, WORDS_SIZE, "%" PRIu32 " client%s a second", load->arrivals.rate, plural(load->arrivals.rate));
    else
        snprintf(out, WORDS_SIZE, "%" PRIu32 " client%s at once, every %s", load->arrivals.burst, plural(load->arrivals.burst),
                 nsec_text(load->arrivals.every, every));
}

static void pace_text(const struct load *load, char out[WORDS_SIZE])
{
    char delay[NSEC_TEXT_SIZE], stall[NSEC_TEXT_SIZE], every[NSEC_TEXT_SIZE];
    int used = load->accept_delay
                   ? snprintf(out, WORDS_SIZE, "a server that accepts one each %s", nsec_text(load->accept_delay, delay))
                   : snprintf(out, WORDS_SIZE, "a server that accepts at once");
    if (load->stall && load->stall_every)
        snprintf(out + used, WORDS_SIZE - (size_t)used, " and stalls for %s every %s", nsec_text(load->stall, stall),
                 nsec_text(load->stall_every, every));
    else if (load->stall)
        snprintf(out + used, WORDS_SIZE - (size_t)used, " and once stalls for %s", nsec_text(load->stall, stall));
}

static void write_server_pace(FILE *out, const struct sizing *s)
{
    char pace[WORDS_SIZE];
    if (!s->words) {
        pace_text(&s->load, pace);
        fputs(pace, out);
        return;
    }
    write_command_words(out, s->words);
    fprintf(out, ", started for each run, its backlog %s", backlog_way_words(s->way));
}

/* The kind of socket, where it is not an ordinary TCP one. */
static void write_sized_kind(FILE *out, const struct sizing *s)
{
    if (s->transport.kind != KIND_TCP)
        fprintf(out, " (%s)", socket_kind_name(s->transport.kind));
    if (s->reuseport > 1)
        fprintf(out, " (%" PRIu32 " listeners by SO_REUSEPORT)", s->reuseport);
}

void write_sized(FILE *out, const struct sizing *s)
{
    char arrivals[WORDS_SIZE];
    arrivals_text(&s->load, arrivals);
    fprintf(out, "size: %s, at ", arrivals);
    write_server_pace(out, s);
    write_sized_kind(out, s);
}

static void write_heading(FILE *out, const struct sizing *s, const struct report_style *style)
{
    struct fold fold;
    write_sized(fold_begin(&fold, out, words_width(style), 2), s);
    fold_end(&fold);
}

static void write_overload(FILE *out, const struct sizing *s, const struct report_style *style)
{
    const struct prediction *p = &s->predicted;
    paragraph(
        out, style,
        "No backlog cures this: %.6g clients come each second, and no more than %.6g can be accepted. The queue grows by %.6g a "
        "second until it is full, whatever its size; a larger backlog only makes each client wait longer before that. Accept "
        "faster, share the load, or turn clients away early.",
        p->arrivals, p->accepts, p->arrivals - p->accepts);
}

static void write_arithmetic(FILE *out, const struct sizing *s, const struct report_style *style)
{
    const struct prediction *p = &s->predicted;
    char emptied[NSEC_TEXT_SIZE], percent[64] = "";
    if (s->words) {
        paragraph(out, style, "arithmetic: %.6g clients a second come on average%s%s", p->arrivals,
                  s->load.arrivals.burst
                      ? ", each burst in the same instant; whatever the server's pace, a burst needs no more than "
                        "a place for each of its clients"
                      : ". How long the queue gets follows from the server's pace, which is measured",
                  ".");
        return;
    }
    if (p->accepts > 0)
        snprintf(percent, sizeof percent, " (%.3g%% of what it can take)", 100 * p->arrivals / p->accepts);
    paragraph(out, style,
              "arithmetic: %.6g clients a second come on average%s. When %s, up to %" PRIu64
              " wait at the same time, and the queue is empty again after %s%s. A queue holds one more than its backlog, so a "
              "backlog of %" PRIu64 " would do if every clock were perfect.",
              p->arrivals, percent,
              s->load.stall            ? "a stall begins just as they come"
              : s->load.arrivals.burst ? "they all come in the same instant"
                                       : "they come evenly",
              p->longest, nsec_text(p->emptied, emptied), p->cut ? " or more (only the first part is looked at)" : "",
              p->longest ? p->longest - 1 : 0);
}

/* ---- Measured ---- */

static void write_measured(FILE *out, const struct sizing *s, const struct report_style *style)
{
    char span[NSEC_TEXT_SIZE], name[SIGNAL_TEXT_SIZE], most[32] = "";
    if (s->longest_most > s->longest_least)
        snprintf(most, sizeof most, " to %" PRIu64, s->longest_most);
    if (s->looks && !s->longest_known)
        paragraph(out, style, "measured: with room for all %" PRIu64 " clients nobody was dropped in %zu runs.",
                  s->predicted.count, s->looks);
    if (s->looks && s->longest_known)
        paragraph(out, style,
                  "measured: with room for all, the longest queue was %" PRIu64 "%s in %zu runs of %" PRIu64 " client%s.",
                  s->longest_least, most, s->looks, s->predicted.count, plural(s->predicted.count));
    if (s->smallest_known)
        paragraph(out, style, "by bisection: %" PRIu32 " is the smallest backlog that dropped nothing in 2 runs.", s->smallest);
    if (s->answered)
        paragraph(
            out, style,
            "checked: %" PRIu32
            ", which is that with a reserve, dropped and lost nobody in %zu run%s; the longest wait until accept() was %s%s.",
            s->backlog, s->checks, plural(s->checks), s->words ? "at most " : "", nsec_text(s->longest_wait, span));
    if (s->signal)
        paragraph(out, style, "interrupted by %s after %zu runs: this is what was known by then", signal_text(s->signal, name),
                  s->runs);
    if (*s->why)
        paragraph(out, style, "not measured: %s.", s->why);
    if (s->calculated)
        paragraph(out, style,
                  "%" PRIu32
                  " is what arithmetic says; a queue can be longer for a moment when the server or this machine is busy. To "
                  "go on: measure again when the machine is idle, with fewer --checks, or take it with a reserve.",
                  s->backlog);
}

static void write_somaxconn(FILE *out, const struct sizing *s, const struct report_style *style)
{
    if (s->somaxconn >= s->backlog)
        paragraph(out, style, "net.core.somaxconn must be at least %" PRIu32 "; here it is %" PRIu32 ", which is enough.",
                  s->backlog, s->somaxconn);
    else
        paragraph(out, style,
                  "net.core.somaxconn must be at least %" PRIu32 "; here it is %" PRIu32
                  " and would clamp the backlog without a word. Before the server starts: sysctl -w net.core.somaxconn=%" PRIu32
                  ", and the same line in /etc/sysctl.d/ to keep it.",
                  s->backlog, s->somaxconn, s->backlog);
}

#define SERVER_WIDTH 10

static void write_note(FILE *out, const char *note, const struct report_style *style)
{
    struct fold fold;
    fprintf(out, "%*s", SERVER_WIDTH, "");
    FILE *line = fold_behind(&fold, out, words_width(style), SERVER_WIDTH + 2, SERVER_WIDTH); /* + 2: behind the parenthesis */
    fprintf(line, "(%s)", note);
    fold_end(&fold);
}

static void write_settings(FILE *out, const struct sizing *s, const struct report_style *style)
{
    fputs("\nWhere to set it:\n", out);
    for (const struct knob *knob = knobs; knob->server; knob++) {
        char line[KNOB_LINE_SIZE];
        knob_line(knob, s->backlog, line);
        fprintf(out, "\n%-11s%s", knob->server, line);
        fputs("\n           ", out);
        paragraph(out, style, "%s", knob->where);
        if (knob->note)
            write_note(out, knob->note, style);
    }
}

void write_sizing_words(FILE *out, const struct sizing *s, const struct report_style *style)
{
    if (s->predicted.overload) {
        write_overload(out, s, style);
        return;
    }
    write_arithmetic(out, s, style);
    write_measured(out, s, style);
    if (s->answered || s->calculated)
        write_somaxconn(out, s, style);
}

void report_sizing_text(FILE *out, const struct sizing *s, const struct report_style *style)
{
    write_heading(out, s, style);
    putc('\n', out);
    bool found = !s->predicted.overload && (s->answered || s->calculated);
    if (found) {
        fputs("backlog ", out);
        char text[16];
        snprintf(text, sizeof text, "%" PRIu32, s->backlog);
        write_colored(out, style, s->answered ? COLOR_GREEN : COLOR_YELLOW, text);
        fputs(s->answered ? "\n\n" : " (by arithmetic, not measured)\n\n", out);
    }
    write_sizing_words(out, s, style);
    if (found)
        write_settings(out, s, style);
}

/* ---- JSON, schema backlogctl.size/2 ---- */

static json_t *load_json(const struct load *load)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "rate", json_known(load->arrivals.rate, load->arrivals.rate), "burst",
                     json_known(load->arrivals.burst, load->arrivals.burst), "every_us",
                     load->arrivals.burst ? json_span(load->arrivals.every) : json_null(), "accept_delay_us",
                     json_span(load->accept_delay), "stall_us", load->stall ? json_span(load->stall) : json_null(),
                     "stall_every_us", load->stall_every ? json_span(load->stall_every) : json_null());
}

static json_t *settings_json(const struct sizing *s)
{
    json_t *array = json_array();
    for (const struct knob *knob = knobs; knob->server && (s->answered || s->calculated); knob++) {
        char line[KNOB_LINE_SIZE];
        knob_line(knob, s->backlog, line);
        json_add(&array, json_pack("{s:s, s:s, s:s, s:s?}", "server", knob->server, "line", line, "documented", knob->where,
                                   "note", knob->note));
    }
    return array;
}

static json_t *steps_json(const struct sizing *s)
{
    json_t *array = json_array();
    for (size_t i = 0; i < s->step_count; i++) {
        const struct sizing_step *step = &s->steps[i];
        json_add(&array,
                 json_pack("{s:s, s:I, s:I, s:I, s:o, s:o, s:o}", "part", sizing_part_name(step->part), "backlog",
                           (json_int_t)step->backlog, "runs", (json_int_t)step->runs, "passed", (json_int_t)step->passed,
                           "dropped_most", json_known(step->dropped_known, step->dropped), "longest_queue",
                           json_known(step->longest_known, step->longest), "longest_wait_us", json_span(step->longest_wait)));
    }
    return array;
}

int report_sizing_json(FILE *out, const struct sizing *s)
{
    const struct prediction *p = &s->predicted;
    char name[SIGNAL_TEXT_SIZE];
    json_t *predicted = json_pack("{s:f, s:o, s:b, s:o, s:o, s:o, s:b}", "arrivals_per_second", p->arrivals, "accepts_per_second",
                                  p->accepts > 0 ? json_real(p->accepts) : json_null(), "overload", p->overload, "longest_queue",
                                  json_known(!p->overload, p->longest), "clients", json_known(!p->overload, p->count),
                                  "emptied_us", p->overload ? json_null() : json_span(p->emptied), "cut", p->cut);
    json_t *measured =
        json_pack("{s:I, s:o, s:o, s:o, s:I, s:I, s:o, s:I}", "looks", (json_int_t)s->looks, "longest_queue_least",
                  json_known(s->longest_known, s->longest_least), "longest_queue_most",
                  json_known(s->longest_known, s->longest_most), "smallest_backlog", json_known(s->smallest_known, s->smallest),
                  "checks", (json_int_t)s->checks, "checks_failed", (json_int_t)s->checks_failed, "longest_wait_us",
                  s->answered ? json_span(s->longest_wait) : json_null(), "runs", (json_int_t)s->runs);
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", "backlogctl.size/2",
                  "version", BACKLOGCTL_VERSION, "kernel", s->kernel, "started_at", s->started_at, "load", load_json(&s->load),
                  "predicted", predicted, "measured", measured, "backlog", json_known(s->answered || s->calculated, s->backlog),
                  "somaxconn", json_known(s->somaxconn, s->somaxconn), "somaxconn_needed",
                  json_known(s->answered || s->calculated, s->backlog), "settings", settings_json(s), "elapsed_us",
                  json_span(s->elapsed), "interrupted_by", s->signal ? json_string(signal_text(s->signal, name)) : json_null(),
                  "why", json_text(*s->why ? s->why : NULL));
    json_put(&object, "answer_by", json_text(s->answered ? "measurement" : s->calculated ? "arithmetic" : NULL));
    json_put(&object, "command", s->words ? json_words(s->words) : json_null());
    json_put(&object, "backlog_by", json_text(s->words ? backlog_way_name(s->way) : NULL));
    json_put(&object, "kind", json_text(socket_kind_name(s->transport.kind)));
    json_put(&object, "reuseport", json_known(s->reuseport, s->reuseport));
    json_put(&object, "steps", steps_json(s));
    return write_json_line(out, object);
}
