/* A sweep as a table, as JSON and as comma-separated values. */
#include "internal.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

bool sweep_has(const struct sweep *sweep, enum sweep_measure measure)
{
    for (size_t cell = 0; cell < sweep->cells; cell++)
        if (sweep->middles[cell][measure].known && sweep->middles[cell][measure].greatest)
            return true;
    return false;
}

bool sweep_shows(const struct sweep *sweep, enum sweep_measure m)
{
    return sweep_has(sweep, m) || m == (enum sweep_measure)VERDICT_LOST || m == (enum sweep_measure)VERDICT_TIMED_OUT;
}

size_t sweep_done_in(const struct sweep *sweep, size_t cell)
{
    size_t done = 0;
    for (size_t i = 0; i < sweep->repeat; i++)
        done += sweep->trials[cell * sweep->repeat + i].done;
    return done;
}

/* ---- Text ---- */

#define SEPARATOR "  "

static void value_text(enum sweep_measure measure, uint64_t value, char out[NSEC_TEXT_SIZE])
{
    if (measure == SWEEP_P99)
        nsec_text((nsec)value, out);
    else
        snprintf(out, NSEC_TEXT_SIZE, "%" PRIu64, value);
}

void sweep_middle_text(const struct sweep *sweep, size_t cell, enum sweep_measure measure, char out[SWEEP_MIDDLE_SIZE])
{
    const struct middle *m = &sweep->middles[cell][measure];
    char median[NSEC_TEXT_SIZE], least[NSEC_TEXT_SIZE], greatest[NSEC_TEXT_SIZE];
    value_text(measure, m->median, median);
    value_text(measure, m->least, least);
    value_text(measure, m->greatest, greatest);
    if (!m->known)
        snprintf(out, SWEEP_MIDDLE_SIZE, "-");
    else if (m->least == m->greatest)
        snprintf(out, SWEEP_MIDDLE_SIZE, "%s", median);
    else
        snprintf(out, SWEEP_MIDDLE_SIZE, "%s (%s..%s)", median, least, greatest);
}

/* `narrow`: the middle alone. */
static void cell_text(const struct sweep *sweep, size_t cell, enum sweep_measure measure, bool narrow,
                      char out[SWEEP_MIDDLE_SIZE])
{
    const struct middle *m = &sweep->middles[cell][measure];
    if (narrow && m->known)
        value_text(measure, m->median, out);
    else
        sweep_middle_text(sweep, cell, measure, out);
}

/* What the whole table takes. */
static int rows_width(const struct sweep *sweep)
{
    char text[ESCAPED_SIZE(AXIS_VALUE_SIZE)];
    int gap = (int)strlen(SEPARATOR), all = -gap;
    for (size_t a = 0; a < sweep->axis_count; a++) {
        int width = (int)strlen(sweep->axes[a].name);
        for (size_t i = 0; i < sweep->axes[a].count; i++) {
            terminal_text(sweep->axes[a].values[i], text, sizeof text);
            int own = (int)terminal_width(text, strlen(text));
            width = own > width ? own : width;
        }
        all += width + gap;
    }
    for (enum sweep_measure m = 0; m < SWEEP_MEASURE_COUNT; m++) {
        int width = (int)strlen(sweep_measure_name(m));
        for (size_t cell = 0; cell < sweep->cells; cell++) {
            sweep_middle_text(sweep, cell, m, text);
            width = (int)strlen(text) > width ? (int)strlen(text) : width;
        }
        all += sweep_shows(sweep, m) ? width + gap : 0;
    }
    return all;
}

static int fill_row(struct libscols_table *table, const struct sweep *sweep, size_t cell, const bool shown[SWEEP_MEASURE_COUNT],
                    bool narrow)
{
    char text[ESCAPED_SIZE(AXIS_VALUE_SIZE)];
    struct libscols_line *line = scols_table_new_line(table, NULL);
    size_t at = 0;
    int status = line ? 0 : -1;
    for (size_t a = 0; a < sweep->axis_count && !status; a++) {
        terminal_text(sweep_value(sweep, cell, a), text, sizeof text);
        status = scols_line_set_data(line, at++, text);
    }
    for (enum sweep_measure m = 0; m < SWEEP_MEASURE_COUNT && !status; m++) {
        if (!shown[m])
            continue;
        cell_text(sweep, cell, m, narrow, text);
        status = scols_line_set_data(line, at++, text);
    }
    return status;
}

static int write_rows(FILE *out, const struct sweep *sweep, const struct report_style *style, bool narrow)
{
    bool shown[SWEEP_MEASURE_COUNT];
    struct libscols_table *table = table_begin(out, style, 1000, SEPARATOR);
    int status = table ? 0 : -1;
    for (size_t a = 0; a < sweep->axis_count && !status; a++)
        status = table_column(table, sweep->axes[a].name, SCOLS_FL_RIGHT);
    for (enum sweep_measure m = 0; m < SWEEP_MEASURE_COUNT && !status; m++) {
        shown[m] = narrow ? sweep_has(sweep, m) : sweep_shows(sweep, m);
        if (shown[m])
            status = table_column(table, sweep_measure_name(m), SCOLS_FL_RIGHT);
    }
    for (size_t cell = 0; cell < sweep->cells && !status; cell++)
        if (sweep_done_in(sweep, cell))
            status = fill_row(table, sweep, cell, shown, narrow);
    return table_end(out, table, !status);
}

static void write_server(FILE *out, const struct sweep *sweep, const struct report_style *style)
{
    struct fold fold;
    FILE *line = fold_begin(&fold, out, words_width(style), 2);
    fputs("of ", line);
    write_command_words(line, sweep->words);
    fprintf(line, ", its backlog %s", backlog_way_words(sweep->way));
    fold_end(&fold);
}

static void write_fixed(FILE *out, const struct sweep *sweep, const struct report_style *style)
{
    struct fold fold;
    FILE *line = fold_begin(&fold, out, words_width(style), 2);
    fputs("with ", line);
    fputs(sweep->fixed, line); /* folded lines are made safe */
    fold_end(&fold);
}

static void write_heading(FILE *out, const struct sweep *sweep, const struct report_style *style)
{
    struct fold fold;
    FILE *line = fold_begin(&fold, out, words_width(style), 2);
    fputs("sweep over ", line);
    for (size_t a = 0; a < sweep->axis_count; a++) {
        const struct axis *axis = &sweep->axes[a];
        fprintf(line, "%s%s %s..%s (%zu)", a ? " and " : "", axis->name, axis->values[0], axis->values[axis->count - 1],
                axis->count);
    }
    fprintf(line, ", %zu run%s each", sweep->repeat, plural(sweep->repeat));
    fold_end(&fold);
}

static void write_ending(FILE *out, const struct sweep *sweep, const struct report_style *style, bool narrow)
{
    char span[NSEC_TEXT_SIZE], name[SIGNAL_TEXT_SIZE];
    struct fold fold;
    putc('\n', out);
    FILE *line = fold_begin(&fold, out, words_width(style), 2);
    fprintf(line, "%zu of %zu runs in %s, up to %u at a time", sweep->done, sweep->cells * sweep->repeat,
            nsec_text(sweep->elapsed, span), sweep->jobs);
    if (sweep->repeat > 1)
        fputs(narrow ? "; the middle of each: a wider screen or a file shows the least and the greatest, too"
                     : "; the middle of each, with the least and the greatest where they differ",
              line);
    size_t told = 0;
    for (enum sweep_measure m = 0; m < SWEEP_MEASURE_COUNT && narrow; m++)
        if (sweep_shows(sweep, m) && !sweep_has(sweep, m))
            fprintf(line, "%s%s", told++ ? ", " : "; always 0: ", sweep_measure_name(m));
    fold_end(&fold);
    if (sweep->signal)
        fprintf(out, "interrupted by %s: the runs that were finished by then are shown\n", signal_text(sweep->signal, name));
}

int report_sweep_text(FILE *out, const struct sweep *sweep, const struct report_style *style)
{
    write_heading(out, sweep, style);
    if (*sweep->fixed)
        write_fixed(out, sweep, style);
    if (sweep->words)
        write_server(out, sweep, style);
    fputc('\n', out);
    bool narrow = style->columns > 0 && rows_width(sweep) > style->columns;
    int status = write_rows(out, sweep, style, narrow);
    write_ending(out, sweep, style, narrow);
    return status;
}

/* ---- JSON, schema backlogctl.sweep/2 ---- */

static json_t *trial_json(const struct trial *t)
{
    json_t *counts = json_object();
    for (enum verdict v = 0; v < VERDICT_COUNT; v++)
        json_put(&counts, verdict_name(v), json_integer((json_int_t)t->counts[v]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "error", json_text(t->error ? t->why : NULL),
                     "counts", t->error ? (json_decref(counts), json_null()) : counts, "overflows", json_interval(&t->overflows),
                     "backlog", json_known(t->capacity, t->backlog), "capacity", json_known(t->capacity, t->capacity),
                     "p50_accepted_us", json_span_exact(t->error ? NSEC_NEVER : t->accepted_p50), "p99_accepted_us",
                     json_span_exact(t->error ? NSEC_NEVER : t->accepted_p99), "max_accepted_us",
                     json_span_exact(t->error ? NSEC_NEVER : t->accepted_max), "elapsed_us", json_span(t->elapsed), "incomplete",
                     t->incomplete, "ok", json_outcome(t->outcome));
}

static json_t *cell_json(const struct sweep *sweep, size_t cell)
{
    json_t *values = json_object(), *runs = json_array();
    for (size_t a = 0; a < sweep->axis_count; a++)
        json_put(&values, sweep->axes[a].name, json_text(sweep_value(sweep, cell, a)));
    for (size_t i = 0; i < sweep->repeat; i++)
        if (sweep->trials[cell * sweep->repeat + i].done)
            json_add(&runs, trial_json(&sweep->trials[cell * sweep->repeat + i]));
    return json_pack("{s:o, s:o}", "values", values, "runs", runs);
}

static json_t *axes_json(const struct sweep *sweep)
{
    json_t *axes = json_array();
    for (size_t a = 0; a < sweep->axis_count; a++) {
        json_t *values = json_array();
        for (size_t i = 0; i < sweep->axes[a].count; i++)
            json_add(&values, json_text(sweep->axes[a].values[i]));
        json_add(&axes, json_pack("{s:s, s:o}", "name", sweep->axes[a].name, "values", values));
    }
    return axes;
}

int report_sweep_json(FILE *out, const struct sweep *sweep)
{
    char name[SIGNAL_TEXT_SIZE];
    json_t *cells = json_array();
    for (size_t cell = 0; cell < sweep->cells; cell++)
        json_add(&cells, cell_json(sweep, cell));
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:I, s:o, s:I, s:I, s:o, s:i, s:o, s:o}", "schema", "backlogctl.sweep/2", "version",
                  BACKLOGCTL_VERSION, "kernel", sweep->kernel, "started_at", sweep->started_at, "axes", axes_json(sweep),
                  "repeat", (json_int_t)sweep->repeat, "cells", cells, "done", (json_int_t)sweep->done, "failed",
                  (json_int_t)sweep->failed, "elapsed_us", json_span(sweep->elapsed), "jobs", (int)sweep->jobs, "interrupted_by",
                  sweep->signal ? json_string(signal_text(sweep->signal, name)) : json_null(), "ok",
                  json_outcome(sweep->outcome));
    json_put(&object, "command", sweep->words ? json_words(sweep->words) : json_null());
    json_put(&object, "backlog_by", json_text(sweep->words ? backlog_way_name(sweep->way) : NULL));
    return write_json_line(out, object);
}

/* ---- CSV ---- */

static void write_span(FILE *out, nsec span)
{
    putc(',', out);
    if (span != NSEC_NEVER)
        fprintf(out, "%" PRId64, (int64_t)(span / NSEC_PER_USEC));
}

/* A field of text: quoted, as RFC 4180 says, unless it is of a kind that needs no quotes. */
static void write_field(FILE *out, const char *text)
{
    char safe[ESCAPED_SIZE(512)];
    escape_text(text, ESCAPE_UNPRINTABLE, safe, sizeof safe);
    if (!strpbrk(safe, ",\"\r\n")) {
        fputs(safe, out);
        return;
    }
    putc('"', out);
    for (const char *at = safe; *at; at++) {
        if (*at == '"')
            putc('"', out);
        putc(*at, out);
    }
    putc('"', out);
}

static void write_trial(FILE *out, const struct trial *t)
{
    for (enum verdict v = 0; v < VERDICT_COUNT; v++)
        fprintf(out, t->error ? "," : ",%" PRIu64, t->counts[v]);
    fprintf(out, t->overflows.known ? ",%" PRIu64 : ",", t->overflows.max);
    write_span(out, t->error ? NSEC_NEVER : t->accepted_p50);
    write_span(out, t->error ? NSEC_NEVER : t->accepted_p99);
    write_span(out, t->error ? NSEC_NEVER : t->accepted_max);
    putc(',', out);
    write_field(out, t->error ? t->why : "");
    fputs("\r\n", out);
}

void report_sweep_csv(FILE *out, const struct sweep *sweep)
{
    for (size_t a = 0; a < sweep->axis_count; a++)
        write_field(out, sweep->axes[a].name), putc(',', out);
    fputs("run", out);
    for (enum verdict v = 0; v < VERDICT_COUNT; v++)
        fprintf(out, ",%s", verdict_name(v));
    fputs(",drops,p50_accepted_us,p99_accepted_us,max_accepted_us,error\r\n", out);
    for (size_t i = 0; i < sweep->cells * sweep->repeat; i++) {
        if (!sweep->trials[i].done)
            continue;
        for (size_t a = 0; a < sweep->axis_count; a++)
            write_field(out, sweep_value(sweep, i / sweep->repeat, a)), putc(',', out);
        fprintf(out, "%zu", i % sweep->repeat + 1);
        write_trial(out, &sweep->trials[i]);
    }
}

/* ---- Progress ---- */

#define BAR_LENGTH 20

void report_trials_progress(FILE *out, size_t done, size_t count, nsec elapsed, const struct report_style *style)
{
    char line[160], bar[BAR_LENGTH + 1], left[NSEC_TEXT_SIZE];
    size_t filled = count ? done * BAR_LENGTH / count : 0;
    memset(bar, '.', BAR_LENGTH);
    memset(bar, '#', filled);
    bar[BAR_LENGTH] = '\0';
    nsec rest = done ? elapsed / (nsec)done * (nsec)(count - done) : 0;
    rest -= rest % (NSEC_PER_SEC / 10);
    snprintf(line, sizeof line, "[%s] %zu of %zu runs, %s left", bar, done, count, nsec_text(rest, left));
    fprintf(out, "%.*s", style->columns > 0 ? style->columns : (int)sizeof line, line);
}
