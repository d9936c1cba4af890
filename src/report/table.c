/* The table of connections: one row each for a small burst, one row for many alike in a large one. */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

struct range {
    nsec min, max; /* NSEC_NEVER: no value */
};

/* Connections that share a row. */
struct group {
    uint32_t first, last; /* ids */
    uint64_t count;
    const struct target *target;
    const struct attempt *sample;
    struct range established, accepted, waiting;
    unsigned retries_min, retries_max;
};

/* With more than ROWS_MAX rows equal neighbours share one, and if that is still too much, all equals do. */
enum folding { FOLD_NOTHING, FOLD_NEIGHBOURS, FOLD_EQUALS };

struct groups {
    struct group *list;
    size_t count, room;
    enum folding folding;
    bool no_memory;
};

static void range_add(struct range *range, nsec value)
{
    if (value == NSEC_NEVER)
        return;
    if (range->min == NSEC_NEVER || value < range->min)
        range->min = value;
    if (value > range->max)
        range->max = value;
}

static void group_add(struct group *group, const struct row *row)
{
    const struct attempt *a = row->deciding;
    group->last = row->id;
    group->count++;
    range_add(&group->established, a->established);
    range_add(&group->accepted, a->accepted);
    range_add(&group->waiting, a->age_ms < 0 ? NSEC_NEVER : a->age_ms * NSEC_PER_MSEC);
    if (a->syn_retransmits < group->retries_min)
        group->retries_min = a->syn_retransmits;
    if (a->syn_retransmits > group->retries_max)
        group->retries_max = a->syn_retransmits;
}

static bool alike(const struct group *group, const struct row *row)
{
    return group->target == row->target && group->sample->verdict == row->deciding->verdict &&
           group->sample->reason == row->deciding->reason && group->sample->evidence == row->deciding->evidence;
}

static struct group *group_for(struct groups *groups, const struct row *row)
{
    size_t oldest = groups->folding == FOLD_EQUALS ? 0 : groups->count ? groups->count - 1 : 0;
    if (groups->folding != FOLD_NOTHING)
        for (size_t i = groups->count; i > oldest; i--)
            if (alike(&groups->list[i - 1], row))
                return &groups->list[i - 1];
    if (groups->count == groups->room) {
        size_t room = groups->room ? 2 * groups->room : ROWS_MAX + 1;
        struct group *list = realloc(groups->list, room * sizeof *list);
        if (!list) {
            groups->no_memory = true;
            return NULL;
        }
        groups->list = list;
        groups->room = room;
    }
    struct group *group = &groups->list[groups->count++];
    *group = (struct group){.first = row->id, .target = row->target, .sample = row->deciding, .retries_min = 255};
    group->established = group->accepted = group->waiting = (struct range){NSEC_NEVER, NSEC_NEVER};
    return group;
}

/* False when memory ran out, or when there are too many rows and folding further would help. */
static bool groups_collect(struct groups *groups, const struct run *run)
{
    struct rows rows;
    struct row row;
    groups->count = 0;
    rows_start(&rows, run);
    while (rows_next(&rows, &row)) {
        struct group *group = group_for(groups, &row);
        if (!group || (groups->count > ROWS_MAX && groups->folding != FOLD_EQUALS))
            return false;
        group_add(group, &row);
    }
    return true;
}

enum column {
    COLUMN_NUMBER,
    COLUMN_COUNT,
    COLUMN_ADDRESS,
    COLUMN_SOURCE,
    COLUMN_VERDICT,
    COLUMN_REASON,
    COLUMN_EVIDENCE,
    COLUMN_ESTABLISHED,
    COLUMN_ACCEPTED,
    COLUMN_WAITING,
    COLUMN_RETRIES,
    COLUMNS
};

static const struct {
    const char *head;
    int flags;
    bool optional; /* left out when it has nothing to say in any row */
} columns[COLUMNS] = {
    [COLUMN_NUMBER] = {"#", SCOLS_FL_RIGHT, false},
    [COLUMN_COUNT] = {"count", SCOLS_FL_RIGHT, false},
    [COLUMN_ADDRESS] = {"address", 0, false},
    [COLUMN_SOURCE] = {"source", SCOLS_FL_RIGHT, true},
    [COLUMN_VERDICT] = {"verdict", 0, false},
    [COLUMN_REASON] = {"reason", SCOLS_FL_TRUNC, true},
    [COLUMN_EVIDENCE] = {"evidence", SCOLS_FL_TRUNC, false},
    [COLUMN_ESTABLISHED] = {"established", SCOLS_FL_RIGHT, true},
    [COLUMN_ACCEPTED] = {"accepted", SCOLS_FL_RIGHT, true},
    [COLUMN_WAITING] = {"waiting", SCOLS_FL_RIGHT, true},
    [COLUMN_RETRIES] = {"retries", SCOLS_FL_RIGHT, false},
};

enum source_form { SOURCE_WHOLE, SOURCE_PORT, SOURCE_LEFT_OUT };

/* What gives way when the table is wider than the screen: the first of these that fits is taken. */
static const struct squeeze {
    enum source_form source;
    bool upper_ends; /* of ranges only */
    bool no_evidence;
} squeezes[] = {
    {SOURCE_WHOLE, false, false},   {SOURCE_PORT, false, false},    {SOURCE_LEFT_OUT, false, false},
    {SOURCE_LEFT_OUT, true, false}, {SOURCE_LEFT_OUT, false, true}, {SOURCE_LEFT_OUT, true, true},
};
#define SQUEEZE_COUNT (sizeof squeezes / sizeof *squeezes)

struct layout {
    const struct groups *groups;
    const struct squeeze *squeeze;
    unsigned escapes; /* bits of enum escape */
    bool shown[COLUMNS];
    size_t width;          /* of the whole table */
    const char *separator; /* two blanks between columns where there is room, else one */
};

#define CELL_SIZE ESCAPED_SIZE(ENDPOINT_TEXT_SIZE)

static void range_text(const struct range *range, bool short_form, char out[CELL_SIZE])
{
    char low[NSEC_TEXT_SIZE], high[NSEC_TEXT_SIZE];
    if (range->min == NSEC_NEVER) {
        snprintf(out, CELL_SIZE, "-");
        return;
    }
    nsec_text(range->min, low);
    nsec_text(range->max, high);
    if (!strcmp(low, high))
        snprintf(out, CELL_SIZE, "%s", high);
    else if (short_form)
        snprintf(out, CELL_SIZE, "<=%s", high);
    else
        snprintf(out, CELL_SIZE, "%s..%s", low, high);
}

static void number_text(const struct groups *groups, const struct group *group, char out[CELL_SIZE])
{
    if (groups->folding == FOLD_NOTHING)
        snprintf(out, CELL_SIZE, "%" PRIu32, group->first);
    else if (group->first == group->last)
        snprintf(out, CELL_SIZE, "#%" PRIu32, group->first);
    else
        snprintf(out, CELL_SIZE, "#%" PRIu32 "-#%" PRIu32, group->first, group->last);
}

static void source_text(const struct endpoint *source, bool port_only, unsigned escapes, char out[CELL_SIZE])
{
    char text[ENDPOINT_TEXT_SIZE];
    if (source->family == AF_UNSPEC)
        snprintf(out, CELL_SIZE, "-");
    else if (port_only)
        snprintf(out, CELL_SIZE, ":%u", source->port);
    else
        escape_text(endpoint_text(source, text), escapes, out, CELL_SIZE);
}

static void cell_text(const struct layout *layout, const struct group *group, enum column column, char out[CELL_SIZE])
{
    const struct attempt *a = group->sample;
    struct endpoint source = attempt_source(group->target, a);
    bool short_ranges = layout->squeeze->upper_ends;
    char text[ENDPOINT_TEXT_SIZE];
    switch (column) {
    case COLUMN_NUMBER:
        return number_text(layout->groups, group, out);
    case COLUMN_COUNT:
        snprintf(out, CELL_SIZE, "%" PRIu64, group->count);
        return;
    case COLUMN_ADDRESS:
        escape_text(endpoint_address_text(&group->target->address, text), layout->escapes, out, CELL_SIZE);
        return;
    case COLUMN_SOURCE:
        return source_text(&source, layout->squeeze->source == SOURCE_PORT, layout->escapes, out);
    case COLUMN_VERDICT:
        snprintf(out, CELL_SIZE, "%s", verdict_name((enum verdict)a->verdict));
        return;
    case COLUMN_REASON:
        snprintf(out, CELL_SIZE, "%s", a->reason == REASON_NONE ? "-" : reason_name((enum reason)a->reason));
        return;
    case COLUMN_EVIDENCE:
        snprintf(out, CELL_SIZE, "%s", a->evidence == EVIDENCE_NONE ? "-" : evidence_name((enum evidence)a->evidence));
        return;
    case COLUMN_ESTABLISHED:
        return range_text(&group->established, short_ranges, out);
    case COLUMN_ACCEPTED:
        return range_text(&group->accepted, short_ranges, out);
    case COLUMN_WAITING:
        return range_text(&group->waiting, short_ranges, out);
    case COLUMN_RETRIES:
        if (group->retries_min == group->retries_max)
            snprintf(out, CELL_SIZE, "%u", group->retries_max);
        else
            snprintf(out, CELL_SIZE, "%u..%u", group->retries_min, group->retries_max);
        return;
    case COLUMNS:
        break;
    }
    *out = '\0';
}

/* The width of a column, or 0 when it is not to be shown. */
static size_t column_width(const struct layout *layout, enum column column)
{
    size_t width = strlen(columns[column].head);
    bool empty = columns[column].optional;
    char cell[CELL_SIZE];
    for (size_t i = 0; i < layout->groups->count; i++) {
        cell_text(layout, &layout->groups->list[i], column, cell);
        empty = empty && !strcmp(cell, "-"); /* NOLINT(clang-analyzer-unix.Malloc): write_table frees the list of groups */
        size_t own = terminal_width(cell, strlen(cell));
        width = own > width ? own : width;
    }
    return empty ? 0 : width;
}

static bool column_wanted(const struct layout *layout, const struct run *run, enum column column)
{
    bool folded = layout->groups->folding != FOLD_NOTHING;
    switch (column) {
    case COLUMN_COUNT:
        return folded;
    case COLUMN_ADDRESS:
        return run->target_count > 1;
    case COLUMN_SOURCE:
        return !folded && layout->squeeze->source != SOURCE_LEFT_OUT;
    case COLUMN_EVIDENCE:
        return !layout->squeeze->no_evidence;
    case COLUMN_NUMBER:
    case COLUMN_VERDICT:
    case COLUMN_REASON:
    case COLUMN_ESTABLISHED:
    case COLUMN_ACCEPTED:
    case COLUMN_WAITING:
    case COLUMN_RETRIES:
    case COLUMNS:
        break;
    }
    return true;
}

static bool layout_fits(struct layout *layout, const struct run *run, int screen)
{
    size_t count = 0, width = 0;
    for (enum column c = 0; c < COLUMNS; c++) {
        size_t own = column_wanted(layout, run, c) ? column_width(layout, c) : 0;
        layout->shown[c] = own;
        count += own ? 1 : 0;
        width += own;
    }
    size_t gaps = count ? count - 1 : 0;
    bool roomy = screen <= 0 || width + 2 * gaps <= (size_t)screen;
    layout->separator = roomy ? "  " : " ";
    layout->width = width + (roomy ? 2 * gaps : gaps);
    return screen <= 0 || layout->width <= (size_t)screen;
}

static struct layout layout_choose(const struct groups *groups, const struct run *run, unsigned escapes, int screen)
{
    struct layout layout = {.groups = groups, .escapes = escapes};
    for (size_t i = 0; i < SQUEEZE_COUNT; i++) {
        layout.squeeze = &squeezes[i];
        if (layout_fits(&layout, run, screen))
            break;
    }
    return layout;
}

static int fill_line(struct libscols_line *line, const struct layout *layout, const struct group *group)
{
    char cell[CELL_SIZE];
    int status = 0;
    size_t at = 0;
    for (enum column c = 0; c < COLUMNS && !status; c++) {
        if (!layout->shown[c])
            continue;
        cell_text(layout, group, c, cell);
        status = scols_line_set_data(line, at, cell);
        if (!status && c == COLUMN_VERDICT)
            status = scols_cell_set_color(scols_line_get_cell(line, at), verdict_color((enum verdict)group->sample->verdict));
        at++;
    }
    return status;
}

static int fill_table(struct libscols_table *table, const struct layout *layout)
{
    for (enum column c = 0; c < COLUMNS; c++)
        if (layout->shown[c] && table_column(table, columns[c].head, columns[c].flags))
            return -1;
    for (size_t i = 0; i < layout->groups->count; i++) {
        struct libscols_line *line = scols_table_new_line(table, NULL);
        if (!line || fill_line(line, layout, &layout->groups->list[i]))
            return -1;
    }
    return 0;
}

struct libscols_table *table_begin(FILE *out, const struct report_style *style, size_t width, const char *separator)
{
    struct libscols_table *table = scols_new_table();
    if (!table)
        return NULL;
    /* Where nothing bounds the width, the table's own is given: the library would look for a terminal else. */
    if (scols_table_set_stream(table, out) || scols_table_set_column_separator(table, separator) ||
        scols_table_enable_noencoding(table, 1) || /* the cells are safe, and hold backslashes */
        scols_table_enable_colors(table, style->color) || scols_table_set_termforce(table, SCOLS_TERMFORCE_ALWAYS) ||
        scols_table_set_termwidth(table, style->columns > 0 ? (size_t)style->columns : width + 1)) {
        scols_unref_table(table);
        return NULL;
    }
    return table;
}

int table_column(struct libscols_table *table, const char *head, int flags)
{
    struct libscols_column *column = scols_table_new_column(table, head, 0, flags);
    return column && scols_column_get_name(column) ? 0 : -1;
}

int table_end(FILE *out, struct libscols_table *table, bool filled)
{
    int status = filled && !scols_print_table(table) ? 0 : -ENOMEM;
    scols_unref_table(table);
    return ferror(out) ? 0 : status; /* a write error is told as such */
}

static int print_table(FILE *out, const struct layout *layout, const struct report_style *style)
{
    struct libscols_table *table = table_begin(out, style, layout->width, layout->separator);
    int status = table ? fill_table(table, layout) : -1;
    return table_end(out, table, !status);
}

/* 0 or -ENOMEM; groups->list is malloc'ed all the same. */
static int collect(struct groups *groups, const struct run *run)
{
    *groups = (struct groups){.folding = FOLD_NOTHING};
    bool collected = groups_collect(groups, run);
    while (!collected && !groups->no_memory && groups->folding < FOLD_EQUALS) {
        groups->folding++;
        collected = groups_collect(groups, run);
    }
    return collected ? 0 : -ENOMEM;
}

int write_table(FILE *out, const struct run *run, const struct report_style *style)
{
    struct groups groups;
    int status = collect(&groups, run);
    struct layout layout = layout_choose(&groups, run, terminal_escapes(), style->columns);
    if (!status && groups.count)
        status = print_table(out, &layout, style);
    free(groups.list);
    return status;
}

/* ---- The same for others ---- */

/* What a cell is sorted by where that is no text: its number, or where its range begins. */
static bool cell_key(const struct group *group, enum column column, double *key)
{
    switch (column) {
    case COLUMN_NUMBER:
        return *key = group->first, true;
    case COLUMN_COUNT:
        return *key = (double)group->count, true;
    case COLUMN_ESTABLISHED:
        return *key = (double)group->established.min, true;
    case COLUMN_ACCEPTED:
        return *key = (double)group->accepted.min, true;
    case COLUMN_WAITING:
        return *key = (double)group->waiting.min, true;
    case COLUMN_RETRIES:
        return *key = group->retries_min, true;
    case COLUMN_ADDRESS:
    case COLUMN_SOURCE:
    case COLUMN_VERDICT:
    case COLUMN_REASON:
    case COLUMN_EVIDENCE:
    case COLUMNS:
        break;
    }
    return false;
}

static void visit_row(const struct layout *layout, const struct group *group, const struct table_visitor *visitor)
{
    char text[CELL_SIZE];
    visitor->row(visitor->context, (enum verdict)group->sample->verdict);
    for (enum column c = 0; c < COLUMNS; c++) {
        if (!layout->shown[c])
            continue;
        struct table_cell cell = {.text = text, .right = columns[c].flags & SCOLS_FL_RIGHT, .verdict = c == COLUMN_VERDICT};
        cell_text(layout, group, c, text);
        cell.has_key = cell_key(group, c, &cell.key);
        visitor->cell(visitor->context, &cell);
    }
}

int visit_table(const struct run *run, const struct table_visitor *visitor)
{
    struct groups groups;
    int status = collect(&groups, run);
    struct layout layout = layout_choose(&groups, run, ESCAPE_UNPRINTABLE, 0);
    for (enum column c = 0; c < COLUMNS && !status; c++)
        if (layout.shown[c])
            visitor->head(visitor->context, columns[c].head, columns[c].flags & SCOLS_FL_RIGHT);
    for (size_t i = 0; i < groups.count && !status; i++)
        visit_row(&layout, &groups.list[i], visitor);
    free(groups.list);
    return status;
}
