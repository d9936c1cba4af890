/* Watched listeners for a file or a pipe: a block of text, or a JSON object a line (schema backlogctl.watch/1). */
#include "watch_internal.h"

#define SCHEMA "backlogctl.watch/1"

/* Where nothing bounds the width. */
#define WIDE 132

void report_watch_text(FILE *out, const struct watching *w, const size_t *order, size_t count, size_t sampled, const struct report_style *style)
{
    char text[WATCH_TEXT_SIZE];
    int columns = style->columns > 0 ? style->columns : WIDE;
    fprintf(out, "%s  %zu listener%s, net.core.somaxconn %lld\n", w->at, count, plural(count), (long long)w->netns.somaxconn);
    watch_header(text, columns);
    fprintf(out, "%.*s\n", columns, text);
    for (size_t i = 0; i < count; i++) {
        const struct watched *one = &w->list[order[i]];
        watch_row(one, columns, false, text);
        const char *color = one->now.remarks & (1u << REMARK_FULL | 1u << REMARK_DROPPING) ? COLOR_RED
                            : one->state == WATCH_GONE                                  ? COLOR_BLUE
                                                                                        : NULL;
        char shown[WATCH_TEXT_SIZE];
        snprintf(shown, sizeof shown, "%.*s", columns, text);
        if (color)
            write_colored(out, style, color, shown);
        else
            fputs(shown, out);
        putc('\n', out);
    }
    if (w->number == 1 && sampled < count)
        fprintf(out, "(a sampled peak is a lower bound: %s is looked at some 1000 times a second, the others once an interval)\n",
                report_place(&w->list[order[sampled]].now, text));
    putc('\n', out);
}

static json_t *watched_json(const struct watching *w, const struct watched *one)
{
    json_t *object = json_listener(&one->now);
    double seconds = (double)w->interval / NSEC_PER_SEC;
    json_t *more = json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:I, s:f}", "state", watch_state_name(one->state), "peak",
                             (json_int_t)one->peak, "interval_peak", (json_int_t)one->last_peak, "peak_at_us", json_span(one->peak_at),
                             "new_drops", json_known(one->now.drops_known, one->new_drops), "drops_per_second",
                             one->now.drops_known ? json_real(one->drops_per_second) : json_null(), "samples",
                             (json_int_t)one->samples, "sampled_hz", (double)one->samples / seconds);
    json_object_update(object, more);
    json_decref(more);
    return object;
}

void report_watch_json(FILE *out, const struct watching *w, const size_t *order, size_t count)
{
    json_t *listeners = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(listeners, watched_json(w, &w->list[order[i]]));
    write_json_line(out, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "schema", SCHEMA, "event", "interval", "at", w->at,
                                   "elapsed_us", json_span(w->elapsed), "interval_us", json_span(w->interval), "namespace",
                                   json_netns(&w->netns), "listeners", listeners));
}

void report_alert_text(FILE *out, const struct alert *alert)
{
    char text[WATCH_TEXT_SIZE];
    watch_alert_text(alert, text);
    fprintf(out, "%s\n", text);
}

void report_alert_json(FILE *out, const struct alert *alert)
{
    bool anybody = alert->e.measure != MEASURE_LISTENERS;
    write_json_line(out, json_pack("{s:s, s:s, s:s, s:I, s:I, s:o, s:o}", "schema", SCHEMA, "event", "alert", "text", alert->e.text,
                                   "expected", (json_int_t)alert->e.expected, "seen", (json_int_t)alert->e.seen, "elapsed_us",
                                   json_span(alert->at), "listener", anybody ? json_listener(&alert->by) : json_null()));
}
