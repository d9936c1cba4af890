/* A survey as a table, with what is worth saying in words below it. */
#include "internal.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

/* Listeners that a remark names before it only counts them. */
#define NAMED_MAX 4

/* ---- The table ---- */

struct list_layout {
    const struct survey *survey;
    uint8_t columns[LIST_COLUMNS_MAX];
    size_t count, width;
};

/* The widest cell; 0 when no row has anything to say. */
static size_t cell_width(const struct survey *survey, size_t column)
{
    size_t width = 0;
    bool empty = true;
    char cell[LIST_CELL_SIZE];
    for (size_t i = 0; i < survey->count; i++) {
        list_columns[column].text(&survey->listeners[i], cell);
        empty = empty && !strcmp(cell, "-");
        if (strlen(cell) > width)
            width = strlen(cell);
    }
    return empty ? 0 : width;
}

/* The usual columns, without those that say nothing in any row. */
static bool shown_by_itself(const struct survey *survey, size_t column)
{
    if (!strcmp(list_columns[column].name, "netns"))
        return survey->namespace_count > 1;
    return list_columns[column].usual && (!survey->count || cell_width(survey, column));
}

static void layout_choose(struct list_layout *layout, const struct list_view *view)
{
    if (view->count) {
        memcpy(layout->columns, view->columns, view->count);
        layout->count = view->count;
    } else {
        for (size_t c = 0; c < report_column_count(); c++)
            if (shown_by_itself(layout->survey, c))
                layout->columns[layout->count++] = (uint8_t)c;
    }
    for (size_t i = 0; i < layout->count; i++) {
        size_t head = strlen(list_columns[layout->columns[i]].head), cells = cell_width(layout->survey, layout->columns[i]);
        layout->width += (cells > head ? cells : head) + 1;
    }
}

static const char *row_color(const struct listener *listener)
{
    if (listener->remarks & (1u << REMARK_FULL | 1u << REMARK_DROPPING | 1u << REMARK_NOT_ACCEPTING))
        return COLOR_RED;
    return listener->remarks & 1u << REMARK_DROPPED ? COLOR_YELLOW : NULL;
}

static int fill_rows(struct libscols_table *table, const struct list_layout *layout)
{
    char cell[LIST_CELL_SIZE];
    for (size_t i = 0; i < layout->survey->count; i++) {
        const struct listener *listener = &layout->survey->listeners[i];
        struct libscols_line *line = scols_table_new_line(table, NULL);
        const char *color = row_color(listener);
        if (!line || (color && scols_line_set_color(line, color)))
            return -1;
        for (size_t c = 0; c < layout->count; c++) {
            list_columns[layout->columns[c]].text(listener, cell);
            if (scols_line_set_data(line, c, cell))
                return -1;
        }
    }
    return 0;
}

static int print_list(FILE *out, const struct list_layout *layout, const struct report_style *style)
{
    struct libscols_table *table = table_begin(out, style, layout->width, " ");
    int status = table ? 0 : -1;
    for (size_t c = 0; c < layout->count && !status; c++) {
        const struct list_column *column = &list_columns[layout->columns[c]];
        int flags = (column->number ? SCOLS_FL_RIGHT : 0) | (column->yields ? SCOLS_FL_TRUNC : 0);
        status = scols_table_new_column(table, column->head, 0, flags) ? 0 : -1;
    }
    if (!status)
        status = fill_rows(table, layout);
    if (!status)
        status = scols_print_table(table);
    scols_unref_table(table);
    return status;
}

/* ---- In words ---- */

static const char *const meanings[REMARK_COUNT] = {
    [REMARK_FULL] = "new clients get no answer (AF_UNIX: EAGAIN, or they wait) until the application accepts",
    [REMARK_DROPPING] = "connections are being dropped; the clients try again after 1s, 2s and so on",
    [REMARK_DROPPED] = "connections were dropped at some time since the listener was made, see drops; watch shows when",
    [REMARK_NOT_ACCEPTING] = "clients have waited for a second and more: the application is stuck, overloaded or stopped",
    [REMARK_CLAMPED] = "the backlog equals net.core.somaxconn, so the application may have asked for more: raise that sysctl, "
                       "then restart the server or use resize",
    [REMARK_SMALL] = "a small backlog: a burst of more connections than that overflows it, see resize",
};

const char *remark_meaning(enum remark remark)
{
    return meanings[remark];
}

static void write_remark(FILE *out, const struct survey *survey, enum remark remark)
{
    char place[LIST_CELL_SIZE];
    size_t count = 0;
    for (size_t i = 0; i < survey->count; i++)
        count += survey->listeners[i].remarks >> remark & 1;
    fprintf(out, "%s (%zu):", remark_name(remark), count);
    size_t named = 0;
    for (size_t i = 0; i < survey->count && named < NAMED_MAX; i++)
        if (survey->listeners[i].remarks >> remark & 1)
            fprintf(out, "%s %s", named++ ? "," : "", report_place(&survey->listeners[i], place));
    if (count > named)
        fprintf(out, " and %zu more", count - named);
    fprintf(out, ": %s.", meanings[remark]);
}

static void write_netns_name(FILE *out, const struct netns_facts *facts)
{
    fprintf(out, "netns %" PRIu64, facts->inode);
    if (*facts->name)
        fprintf(out, " (%s)", facts->name);
    else if (facts->pid)
        fprintf(out, " (pid %d)", (int)facts->pid);
}

static void write_sysctl(FILE *out, const char **before, const char *key, int64_t value)
{
    if (value < 0)
        return;
    fprintf(out, "%s%s %" PRId64, *before, key, value);
    *before = ", ";
}

static void write_namespace(FILE *out, const struct survey *survey, const struct netns_facts *facts)
{
    const char *before = "";
    if (survey->namespace_count > 1 || !facts->ours) {
        write_netns_name(out, facts);
        before = ": ";
    }
    write_sysctl(out, &before, "net.core.somaxconn", facts->somaxconn);
    write_sysctl(out, &before, "net.ipv4.tcp_max_syn_backlog", facts->tcp_max_syn_backlog);
    write_sysctl(out, &before, "tcp_syncookies", facts->tcp_syncookies);
    write_sysctl(out, &before, "tcp_abort_on_overflow", facts->tcp_abort_on_overflow);
    if (!facts->counters.known)
        return;
    fprintf(out, "%sListenOverflows %" PRIu64 ", ListenDrops %" PRIu64 " since it was made", *before ? "; " : "",
            facts->counters.value[COUNTER_LISTEN_OVERFLOWS], facts->counters.value[COUNTER_LISTEN_DROPS]);
    if (facts->drops_gone)
        fprintf(out, ", %" PRIu64 " of which no listener that is there accounts for (those had been dropped by listeners that are gone)",
                facts->drops_gone);
}

static void write_missing(FILE *out, const struct survey *survey)
{
    if (survey->owners_unseen && survey->processes_hidden)
        fprintf(out,
                "the process of %zu listener%s is not shown: %zu processes of other users cannot be looked into; as root "
                "(CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH) they can",
                survey->owners_unseen, plural(survey->owners_unseen), survey->processes_hidden);
    else if (survey->owners_unseen)
        fprintf(out, "no process in /proc holds %zu of the listeners: the kernel itself does, or a process in another pid namespace",
                survey->owners_unseen);
}

static void write_closed(FILE *out, const struct survey *survey)
{
    if (survey->namespaces_closed)
        fprintf(out, "%zu network namespace%s could not be entered: as root (CAP_SYS_ADMIN) they can", survey->namespaces_closed,
                plural(survey->namespaces_closed));
}

/* A line made by one of the above, folded; nothing when it has nothing to say. */
struct line {
    FILE *out, *memory;
    char *text;
    size_t size;
    const struct report_style *style;
};

static FILE *line_begin(struct line *line, FILE *out, const struct report_style *style)
{
    *line = (struct line){.out = out, .style = style};
    line->memory = open_memstream(&line->text, &line->size);
    return line->memory;
}

static void line_end(struct line *line)
{
    if (line->memory && !fclose(line->memory) && line->size)
        write_folded(line->out, line->text, words_width(line->style), 2);
    free(line->text);
}

static void write_expectation(FILE *out, const struct survey *survey, const struct expectation *e)
{
    char place[LIST_CELL_SIZE];
    fprintf(out, "expect %s: ", e->text);
    if (e->ok)
        fputs("ok", out);
    else if (!survey->count && e->measure != MEASURE_LISTENERS)
        fputs("FAILED, no listener was selected", out);
    else if (e->measure == MEASURE_LISTENERS)
        fprintf(out, "FAILED, seen %" PRId64, e->seen);
    else if (e->seen_known)
        fprintf(out, "FAILED, %s has %" PRId64, report_place(&survey->listeners[e->broken_by], place), e->seen);
    else
        fprintf(out, "FAILED, not known of %s", report_place(&survey->listeners[e->broken_by], place));
    if (e->broken > 1)
        fprintf(out, ", and %zu more do not keep it", e->broken - 1);
}

static void write_words(FILE *out, const struct survey *survey, const struct report_style *style)
{
    struct line line;
    uint32_t remarks = 0;
    for (size_t i = 0; i < survey->count; i++)
        remarks |= survey->listeners[i].remarks;
    for (enum remark r = 0; r < REMARK_COUNT; r++)
        if (remarks >> r & 1 && line_begin(&line, out, style)) {
            write_remark(line.memory, survey, r);
            line_end(&line);
        }
    if (remarks)
        putc('\n', out);
    for (size_t i = 0; i < survey->namespace_count; i++)
        if (line_begin(&line, out, style)) {
            write_namespace(line.memory, survey, &survey->namespaces[i]);
            line_end(&line);
        }
    if (line_begin(&line, out, style)) {
        write_missing(line.memory, survey);
        line_end(&line);
    }
    if (line_begin(&line, out, style)) {
        write_closed(line.memory, survey);
        line_end(&line);
    }
    if (*survey->incomplete && line_begin(&line, out, style)) {
        fprintf(line.memory, "evidence is missing: %s", survey->incomplete);
        line_end(&line);
    }
}

void report_survey_text(FILE *out, const struct survey *survey, const struct list_view *view, const struct report_style *style)
{
    struct list_layout layout = {.survey = survey};
    layout_choose(&layout, view);
    if (!survey->count)
        fputs("no listener\n", out);
    else if (print_list(out, &layout, style))
        fputs("(no memory for the table of listeners)\n", out);
    putc('\n', out);
    write_words(out, survey, style);
    for (size_t i = 0; i < survey->expectation_count; i++) {
        struct line line;
        if (!line_begin(&line, out, style))
            continue;
        write_expectation(line.memory, survey, &survey->expectations[i]);
        line_end(&line);
    }
}
