/* One watched listener as a row of text; what batch output and the live view share. */
#include "watch_internal.h"

#include <inttypes.h>
#include <string.h>

/* Eighths of a character cell, from nothing to all of it. */
static const char *const spark_utf8[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char spark_ascii[] = " _.:-=+*#";

#define LEVELS 8

/* ---- Cells: text at most `width` wide ---- */

typedef void cell_text(const struct watch_layout *layout, const struct listener_history *one, int width,
                       char out[WATCH_TEXT_SIZE]);

bool watch_is_new(const struct watch_model *w, const struct listener_history *one)
{
    return one->changed && w->elapsed - one->changed <= WATCH_NEWS_SPAN;
}

static void text_mark(const struct watch_layout *layout, const struct listener_history *one, int width, char out[WATCH_TEXT_SIZE])
{
    (void)width;
    uint32_t remarks = one->now.remarks;
    const char *mark = one->state == WATCH_GONE                                ? "x"
                       : remarks & (1u << REMARK_FULL | 1u << REMARK_DROPPING) ? "!"
                       : remarks & 1u << REMARK_NOT_ACCEPTING                  ? "?"
                       : watch_is_new(layout->w, one)                          ? "+"
                                                                               : " ";
    snprintf(out, WATCH_TEXT_SIZE, "%s", mark);
}

static void text_bar(const struct watch_layout *layout, const struct listener_history *one, int width, char out[WATCH_TEXT_SIZE])
{
    column_bar(one->now.queue, one->now.capacity, width, layout->utf8, out);
}

static void text_peak(const struct watch_layout *layout, const struct listener_history *one, int width, char out[WATCH_TEXT_SIZE])
{
    bool bound = layout->w->exact && !watch_is_exact(one); /* among those that are exact */
    char number[WATCH_TEXT_SIZE];
    column_number(one->peak, width - bound, number);
    snprintf(out, WATCH_TEXT_SIZE, "%.*s%s", width, number, bound ? "+" : "");
}

static void text_p99(const struct watch_layout *layout, const struct listener_history *one, int width, char out[WATCH_TEXT_SIZE])
{
    char span[NSEC_TEXT_SIZE];
    (void)layout;
    bool known = one->exact.known && one->exact.worth[TRACE_WAIT] != TRACE_UNKNOWN && one->exact.interval_waits;
    snprintf(out, WATCH_TEXT_SIZE, "%.*s", width, known ? nsec_text(one->exact.interval_p99.high, span) : "-");
}

static void text_rate(const struct watch_layout *layout, const struct listener_history *one, int width, char out[WATCH_TEXT_SIZE])
{
    double rate = one->last.least_a_second;
    (void)layout;
    if (!one->last.overflows.known)
        snprintf(out, WATCH_TEXT_SIZE, "-");
    else if (one->last.overflows.min != one->last.overflows.max)
        snprintf(out, WATCH_TEXT_SIZE, "%" PRIu64 "..%" PRIu64, (uint64_t)one->last.least_a_second,
                 (uint64_t)(one->last.most_a_second + 0.999)); /* a little is not nothing */
    else if (rate > 0 && rate < 9.95)
        snprintf(out, WATCH_TEXT_SIZE, "%.1f", rate < 0.1 ? 0.1 : rate); /* a little is not nothing */
    else
        column_number((uint64_t)(rate + 0.5), width, out);
}

double watch_hz(const struct watch_model *w, const struct listener_history *one)
{
    return w->took > 0 ? (double)one->last.samples * NSEC_PER_SEC / (double)w->took : 0;
}

static void text_samples(const struct watch_layout *layout, const struct listener_history *one, int width,
                         char out[WATCH_TEXT_SIZE])
{
    (void)layout;
    column_number(one->last.samples, width, out);
}

static uint32_t second_peak(const struct listener_history *one, int64_t second)
{
    if (second < 0 || second < one->history_from || second >= one->history_to)
        return 0;
    return one->history[second % WATCH_HISTORY];
}

const char *watch_spark(const struct watch_model *w, const struct listener_history *one, int width, bool utf8,
                        char out[WATCH_TEXT_SIZE])
{
    int64_t now = w->elapsed / NSEC_PER_SEC, group = (WATCH_HISTORY + width - 1) / width;
    size_t used = 0;
    *out = '\0';
    for (int cell = width; cell-- > 0;) {
        uint64_t longest = 0;
        for (int64_t back = cell * group; back < (cell + 1) * group && back < WATCH_HISTORY; back++)
            if (second_peak(one, now - back) > longest)
                longest = second_peak(one, now - back);
        uint64_t level = one->now.capacity ? (longest * LEVELS + one->now.capacity - 1) / one->now.capacity : 0;
        level = level > LEVELS ? LEVELS : level;
        used += utf8 ? (size_t)snprintf(out + used, WATCH_TEXT_SIZE - used, "%s", spark_utf8[level])
                     : (size_t)snprintf(out + used, WATCH_TEXT_SIZE - used, "%c", spark_ascii[level]);
    }
    return out;
}

static void text_spark(const struct watch_layout *layout, const struct listener_history *one, int width,
                       char out[WATCH_TEXT_SIZE])
{
    watch_spark(layout->w, one, width, layout->utf8, out);
}

void watch_remarks(const struct listener_history *one, char out[LIST_CELL_SIZE])
{
    char remarks[LIST_CELL_SIZE];
    const char *state = one->state == WATCH_PRESENT ? "" : watch_state_name(one->state);
    figure_text(FIGURE_REMARKS, &one->now, remarks);
    if (!strcmp(remarks, "-") && *state)
        *remarks = '\0';
    snprintf(out, LIST_CELL_SIZE, "%s%s%.*s", state, *state && *remarks ? "," : "", LIST_CELL_SIZE / 2, remarks);
}

static void put_remarks(const struct listener_history *one, int width, char out[WATCH_TEXT_SIZE])
{
    char cell[LIST_CELL_SIZE];
    watch_remarks(one, cell);
    remarks_cut(cell, (size_t)width);
    snprintf(out, WATCH_TEXT_SIZE, "%.*s", width, cell);
}

static void put_figure(enum figure_id figure, const struct listener_history *one, int width, char out[WATCH_TEXT_SIZE])
{
    struct figure_value value = figure_value(figure, &one->now);
    char cell[LIST_CELL_SIZE];
    if (figures[figure].form == AS_REMARKS)
        put_remarks(one, width, out);
    else if (figures[figure].form == AS_NUMBER && value.state == FIGURE_KNOWN)
        column_number(value.number, width, out);
    else
        list_cell(figure, &one->now, (size_t)width, cell), snprintf(out, WATCH_TEXT_SIZE, "%s", cell);
}

/* ---- Columns ---- */

struct column {
    const char *head; /* NULL: nothing is at this place */
    int narrow;       /* cells it takes at least */
    int rank;         /* the lower the more important; 0: not on a screen */
    bool left;
    cell_text *text; /* NULL: the figure's */
    enum figure_id figure;
};

static struct column column_at(const struct watch_layout *layout, int place)
{
    static const struct column p99 = {"p99<", 7, 9, false, text_p99};
    static const struct column own[WATCH_PLACES] = {
        [WATCH_MARK] = {"", 1, 1, true, text_mark},           [WATCH_BAR] = {"full", 6, 5, true, text_bar},
        [WATCH_PEAK] = {"peak", 6, 3, false, text_peak},      [WATCH_RATE] = {"drops/s", 7, 4, false, text_rate},
        [WATCH_LOOKS] = {"looks", 6, 0, false, text_samples}, [WATCH_SPARK] = {"last minute", 12, 10, true, text_spark},
    };
    for (enum figure_id f = 0; f < FIGURE_COUNT; f++)
        if (figures[f].watch.place && figures[f].watch.place == place)
            return (struct column){.head = figures[f].watch.head,
                                   .narrow = figures[f].watch.narrow,
                                   .rank = figures[f].watch.rank,
                                   .left = figure_is_text(f),
                                   .figure = f};
    return place == WATCH_P99 && layout->w->exact ? p99 : own[place];
}

static void put_cell(const struct watch_layout *layout, const struct column *column, const struct listener_history *one,
                     int width, char out[WATCH_TEXT_SIZE])
{
    if (column->text)
        column->text(layout, one, width, out);
    else
        put_figure(column->figure, one, width, out);
}

static void shapes_of(const struct watch_layout *layout, struct frame_column shapes[WATCH_PLACES])
{
    for (int place = 0; place < WATCH_PLACES; place++) {
        struct column column = column_at(layout, place);
        shapes[place] = (struct frame_column){column.head, column.narrow, column.rank, column.left};
    }
}

/* What else a column takes when there is room. */
static int room_for(int place, int wanted, int left)
{
    if (place == WATCH_SPARK) /* whole groups of seconds */
        return left >= 48 ? 48 : left >= 18 ? 18 : left >= 8 ? 8 : left >= 3 ? 3 : 0;
    return wanted < left ? wanted : left;
}

static void lay_out(struct watch_layout *layout, int columns, bool lines)
{
    const int address = figures[FIGURE_ADDRESS].watch.place, remarks = figures[FIGURE_REMARKS].watch.place;
    const struct {
        int place, wide;
    } growing[] = {{address, 21},  {figures[FIGURE_PROCESS].watch.place, 20}, {remarks, 24}, {address, 36}, {WATCH_SPARK, 60},
                   {WATCH_BAR, 12}};
    struct frame_column shapes[WATCH_PLACES];
    shapes_of(layout, shapes);
    for (int place = 0; place < WATCH_PLACES && lines; place++)
        if (place == WATCH_MARK || place == WATCH_SPARK || place == remarks)
            shapes[place].rank = 0;
    int left = columns_fit(shapes, WATCH_PLACES, columns, layout->width);
    for (size_t i = 0; i < sizeof growing / sizeof *growing; i++) {
        int *width = &layout->width[growing[i].place], more = growing[i].wide - *width;
        if (!*width || more <= 0 || left <= 0)
            continue;
        more = room_for(growing[i].place, more, left);
        *width += more;
        left -= more;
    }
}

void watch_layout_screen(struct watch_layout *layout, int columns)
{
    lay_out(layout, columns, false);
}

void watch_layout_lines(struct watch_layout *layout, int columns)
{
    lay_out(layout, columns, true);
}

int watch_layout_file(struct watch_layout *layout, const size_t *order, size_t count)
{
    char text[WATCH_TEXT_SIZE];
    int all = -1; /* before the first is no gap */
    for (int place = 0; place < WATCH_PLACES; place++) {
        struct column column = column_at(layout, place);
        int *width = &layout->width[place];
        *width = column.head && place != WATCH_MARK && place != WATCH_SPARK ? column.narrow : 0;
        bool grows = *width && !column.text && column.left;
        if (grows)
            *width = (int)strlen(column.head); /* what the longest of these texts takes */
        for (size_t o = 0; o < count && grows; o++) {
            put_cell(layout, &column, &layout->w->list[order[o]], LIST_CELL_SIZE, text);
            int own = (int)terminal_width(text, strlen(text));
            *width = own > *width ? own : *width;
        }
        all += *width ? *width + 1 : 0;
    }
    return all;
}

int watch_column_at(const struct watch_layout *layout, enum watch_place place)
{
    return columns_at(layout->width, place);
}

struct cells {
    const struct watch_layout *layout;
    const struct listener_history *one;
};

static void write_cell(void *context, size_t place, int width, char out[WATCH_TEXT_SIZE])
{
    const struct cells *row = context;
    struct column column = column_at(row->layout, (int)place);
    put_cell(row->layout, &column, row->one, width, out);
}

/* `one` NULL: the heads. */
static int write_cells(const struct watch_layout *layout, const struct listener_history *one, char out[WATCH_TEXT_SIZE])
{
    struct frame_column shapes[WATCH_PLACES];
    struct cells row = {layout, one};
    shapes_of(layout, shapes);
    return columns_write(shapes, WATCH_PLACES, layout->width, one ? write_cell : NULL, &row, out);
}

int watch_header(const struct watch_layout *layout, char out[WATCH_TEXT_SIZE])
{
    return write_cells(layout, NULL, out);
}

int watch_row(const struct watch_layout *layout, const struct listener_history *one, char out[WATCH_TEXT_SIZE])
{
    return write_cells(layout, one, out);
}

enum frame_style watch_style(const struct watch_model *w, const struct listener_history *one)
{
    if (one->state == WATCH_GONE)
        return FRAME_DIM;
    if (one->now.remarks & (1u << REMARK_FULL | 1u << REMARK_DROPPING | 1u << REMARK_NOT_ACCEPTING))
        return FRAME_ALARM;
    if (watch_is_new(w, one))
        return FRAME_NEWS;
    return one->now.percent >= 50 ? FRAME_WARNING : FRAME_PLAIN;
}

enum frame_style watch_bar_style(const struct listener_history *one)
{
    if (one->now.queue > one->now.backlog)
        return FRAME_ALARM;
    return one->now.percent >= 50 ? FRAME_WARNING : one->now.queue ? FRAME_GOOD : FRAME_DIM;
}

void watch_why_words(FILE *out, const struct watch_model *w)
{
    char span[NSEC_TEXT_SIZE];
    nsec age = w->elapsed > w->why.at ? w->elapsed - w->why.at : 0;
    age -= age % NSEC_PER_SEC;
    if (age)
        fprintf(out, "why, %s ago: ", nsec_text(age, span));
    else
        fputs("why: ", out);
    write_holder_causes(out, &(struct listener){.shrank = w->why.look.shrank}, w->why.look.holders, w->why.look.count);
}
