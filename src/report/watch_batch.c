/* Watched listeners for a file or a pipe: a block of text, or a JSON object a line (schema backlogctl.watch/2). */
#include "watch_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA "backlogctl.watch/2"

/* ---- Text ---- */

static const char *color_of(const struct watch_model *w, const struct listener_history *one)
{
    enum frame_style style = watch_style(w, one);
    return style == FRAME_ALARM     ? COLOR_RED
           : style == FRAME_WARNING ? COLOR_YELLOW
           : style == FRAME_NEWS    ? COLOR_GREEN
           : style == FRAME_DIM     ? COLOR_BLUE
                                    : NULL;
}

static void write_heading(FILE *out, const struct watch_model *w, size_t count, const struct report_style *style)
{
    char span[NSEC_TEXT_SIZE];
    struct fold fold;
    FILE *line = fold_begin(&fold, out, style->columns, 2);
    fprintf(line, "%s, after %s: ", w->at, nsec_text(w->elapsed, span));
    if (count)
        fprintf(line, "%zu listener%s", count, plural(count));
    else
        fputs("no listener", line);
    if (w->namespace_count == 1 && w->namespaces[0].somaxconn >= 0)
        fprintf(line, ", net.core.somaxconn %" PRId64, w->namespaces[0].somaxconn);
    fputs(w->exact ? ", exact" : ", sampled", line);
    fold_end(&fold);
}

/* Below the row, where the screen is too narrow for them. */
static void write_remarks(FILE *out, const struct listener_history *one, const struct report_style *style)
{
    char remarks[LIST_CELL_SIZE];
    struct fold fold;
    watch_remarks(one, remarks);
    if (!*remarks || !strcmp(remarks, "-"))
        return;
    putc(' ', out);
    FILE *line = fold_behind(&fold, out, style->columns, 2, 1);
    for (const char *c = remarks; *c; c++)
        fputs(*c == ',' ? ", " : (char[]){*c, '\0'}, line);
    fold_end(&fold);
}

/* As long as it is news: the next blocks do not repeat it. */
static void write_why(FILE *out, const struct watch_model *w, const struct report_style *style)
{
    struct fold fold;
    const struct listener_history *one = NULL;
    char place[REPORT_PLACE_SIZE];
    for (size_t i = 0; i < w->count; i++)
        if (w->why.cookie && w->list[i].now.cookie == w->why.cookie && w->list[i].now.netns == w->why.netns)
            one = &w->list[i];
    if (!one || w->why.at < w->elapsed)
        return;
    FILE *line = fold_begin(&fold, out, words_width(style), 2);
    fprintf(line, "%s: ", report_place(&one->now, place));
    watch_why_words(line, w);
    fold_end(&fold);
}

/* Once is enough: the first block says what holds for all. */
static void write_notes(FILE *out, const struct watch_model *w, const size_t *order, size_t count, size_t sampled,
                        const struct report_style *style)
{
    char place[REPORT_PLACE_SIZE], text[WATCH_TEXT_SIZE];
    if (w->number != 1)
        return;
    if (w->exact && count)
        watch_exact_words(text, w, order, count), write_folded(out, text, style->columns, 2);
    if (w->not_exact) {
        snprintf(text, sizeof text, "(sampled, as %s)", w->not_exact);
        write_folded(out, text, style->columns, 2);
    }
    if (!w->exact && sampled < count) {
        snprintf(text, sizeof text, "(a sampled peak is a lower bound: %s was sampled at %.0f Hz, the others once an interval)",
                 report_place(&w->list[order[sampled]].now, place), watch_hz(w, &w->list[order[sampled]]));
        write_folded(out, text, style->columns, 2);
    }
    if (*w->incomplete) {
        snprintf(text, sizeof text, "(evidence is missing: %s)", w->incomplete);
        write_folded(out, text, style->columns, 2);
    }
    if (w->owners_unseen && w->processes_hidden) {
        snprintf(text, sizeof text, "(the process of %zu listener%s is not shown: as root it is)", w->owners_unseen,
                 plural(w->owners_unseen));
        write_folded(out, text, style->columns, 2);
    }
}

void report_watch_text(FILE *out, const struct watch_model *w, const size_t *order, size_t count, size_t sampled,
                       const struct report_style *style)
{
    char text[WATCH_TEXT_SIZE];
    struct watch_layout layout = {.w = w};
    bool narrow = watch_layout_file(&layout, order, count) > style->columns && style->columns > 0;
    if (narrow)
        watch_layout_lines(&layout, style->columns);
    write_heading(out, w, count, style);
    if (count) {
        watch_header(&layout, text);
        fprintf(out, "%s\n", text);
    }
    for (size_t i = 0; i < count; i++) {
        const struct listener_history *one = &w->list[order[i]];
        const char *color = color_of(w, one);
        watch_row(&layout, one, text);
        if (color)
            write_colored(out, style, color, text);
        else
            fputs(text, out);
        putc('\n', out);
        if (narrow)
            write_remarks(out, one, style);
    }
    write_why(out, w, style);
    write_notes(out, w, order, count, sampled, style);
    putc('\n', out);
}

const char *report_alert(const struct alert *alert, char out[REPORT_ALERT_SIZE])
{
    char place[REPORT_PLACE_SIZE] = "there";
    if (alert->by.known)
        report_place(&alert->by, place);
    char seen[INTERVAL_TEXT_SIZE];
    interval_text(&(struct interval){alert->e.seen_known, (uint64_t)alert->e.seen, (uint64_t)alert->e.seen_max}, seen);
    snprintf(out, REPORT_ALERT_SIZE, "%s: %s %s %s", alert->e.text, place, alert->by.known ? "had" : "were", seen);
    return out;
}

void report_alert_text(FILE *out, const struct alert *alert, const struct report_style *style)
{
    char text[REPORT_ALERT_SIZE];
    const char *word = alert->open_news ? "UNDECIDED" : "ALERT";
    struct fold fold;
    fprintf(out, "%s ", alert->stamp);
    write_colored(out, style, alert->open_news ? COLOR_YELLOW : COLOR_RED, word);
    FILE *line = fold_behind(&fold, out, style->columns, 2, (int)(strlen(alert->stamp) + 1 + strlen(word)));
    fputs(report_alert(alert, text), line);
    fold_end(&fold);
}

/* ---- JSON ---- */

static json_t *rates_json(const struct listener_history *one)
{
    if (!one->last.overflows.known)
        return json_null();
    return json_pack("{s:f, s:f}", "min", one->last.least_a_second, "max", one->last.most_a_second);
}

/* Of the interval in which it was asked. */
static json_t *why_json(const struct watch_model *w, const struct listener_history *one)
{
    struct keep keep;
    if (!w->why.cookie || one->now.cookie != w->why.cookie || one->now.netns != w->why.netns || w->why.at < w->elapsed)
        return json_null();
    FILE *memory = keep_begin(&keep);
    if (memory)
        write_holder_causes(memory, &(struct listener){.shrank = w->why.look.shrank}, w->why.look.holders, w->why.look.count);
    char *text = memory ? keep_end(&keep) : NULL;
    json_t *object = json_pack("{s:o, s:o, s:o}", "at_us", json_span(w->why.at), "causes", json_holder_causes(one->now.causes),
                               "text", json_text(text));
    free(text);
    return object;
}

static json_t *known_json(const struct listener_history *one, enum trace_figure figure, uint64_t value)
{
    return json_known(one->exact.known && one->exact.worth[figure] != TRACE_UNKNOWN, value);
}

static json_t *watched_json(const struct watch_model *w, const struct listener_history *one)
{
    json_t *object = json_listener(&one->now);
    bool known = one->now.discarded_known;
    json_t *more =
        json_pack("{s:s, s:o, s:I, s:o, s:I, s:o, s:o, s:o, s:o, s:I, s:o}", "state", watch_state_name(one->state), "changed_us",
                  json_span(one->changed ? one->changed : NSEC_NEVER), "peak", (json_int_t)one->peak, "peak_at_us",
                  json_span(one->peak ? one->peak_at : NSEC_NEVER), "interval_peak", (json_int_t)one->last.peak,
                  "interval_overflows", json_interval(&one->last.overflows), "new_overflows", json_interval(&one->overflows),
                  "drops_per_second", rates_json(one), "interval_discarded", json_known(known, one->last.discarded), "samples",
                  (json_int_t)one->last.samples, "sampled_hz", json_real((double)(int64_t)(watch_hz(w, one) * 10 + 0.5) / 10));
    json_merge(&object, more);
    json_put(&object, "why", why_json(w, one));
    json_put(&object, "trace", json_traced(&one->exact));
    json_merge(&object, json_pack("{s:o, s:o, s:o, s:o}", "interval_waits",
                                  known_json(one, TRACE_WAIT, one->exact.interval_waits), "interval_wait_p99_us",
                                  json_trace_bounds(one->exact.interval_waits, &one->exact, &one->exact.interval_p99),
                                  "interval_syn_overflows", known_json(one, TRACE_SYN, one->exact.interval_syn),
                                  "interval_ack_overflows", known_json(one, TRACE_ACK, one->exact.interval_ack)));
    return object;
}

static json_t *alerts_json(const struct watch_model *w)
{
    json_t *list = json_array();
    for (size_t i = 0; i < w->alert_count; i++) {
        const struct alert *alert = &w->alerts[i];
        json_add(&list, json_pack("{s:s, s:I, s:b, s:b, s:I}", "text", alert->e.text, "expected", (json_int_t)alert->e.expected,
                                  "holds", (int)alert->holds, "undecided", (int)alert->open, "times", (json_int_t)alert->times));
    }
    return list;
}

int report_watch_json(FILE *out, const struct watch_model *w, const size_t *order, size_t count)
{
    json_t *listeners = json_array(), *namespaces = json_array();
    for (size_t i = 0; i < count; i++)
        json_add(&listeners, watched_json(w, &w->list[order[i]]));
    for (size_t i = 0; i < w->namespace_count; i++)
        json_add(&namespaces, json_netns(&w->namespaces[i]));
    return write_json_line(out, json_pack("{s:s, s:s, s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:I, s:I, s:o, s:b, s:o}", "schema",
                                          SCHEMA, "event", "interval", "at", w->at, "elapsed_us", json_span(w->elapsed),
                                          "interval_us", json_span(w->took), "number", (json_int_t)w->number, "listeners",
                                          listeners, "namespaces", namespaces, "alerts", alerts_json(w), "owners_unseen",
                                          (json_int_t)w->owners_unseen, "processes_hidden", (json_int_t)w->processes_hidden,
                                          "incomplete", *w->incomplete ? json_text(w->incomplete) : json_null(), "exact",
                                          (int)w->exact, "not_exact", w->not_exact ? json_text(w->not_exact) : json_null()));
}

int report_alert_json(FILE *out, const struct alert *alert)
{
    return write_json_line(
        out, json_pack("{s:s, s:s, s:s, s:o, s:s, s:I, s:o, s:o, s:o, s:I, s:o}", "schema", SCHEMA, "event",
                       alert->open_news ? "undecided" : "alert", "at", alert->stamp, "elapsed_us", json_span(alert->at), "text",
                       alert->e.text, "expected", (json_int_t)alert->e.expected, "seen",
                       alert->e.seen_known && alert->e.seen == alert->e.seen_max ? json_integer(alert->e.seen) : json_null(),
                       "seen_min", alert->e.seen_known ? json_integer(alert->e.seen) : json_null(), "seen_max",
                       alert->e.seen_known ? json_integer(alert->e.seen_max) : json_null(), "times", (json_int_t)alert->times,
                       "listener", alert->by.known ? json_listener(&alert->by) : json_null()));
}
