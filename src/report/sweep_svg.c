/* A sweep as a picture: lines over one axis, heat maps over two. */
#include "svg.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 960.0
#define LEFT 90.0
#define RIGHT 30.0
#define ROOM (WIDTH - LEFT - RIGHT)
#define HEAD 70.0
#define PANEL 190.0 /* height of a plot */
#define GAP 60.0
#define LABELS_MOST 16

/* What is drawn, with its colour. */
static const struct shown {
    enum sweep_measure measure;
    const char *words, *fill;
} shown[] = {
    {(enum sweep_measure)VERDICT_LOST, "lost", SVG_PINK},
    {(enum sweep_measure)VERDICT_TIMED_OUT, "timed_out", SVG_ORANGE},
    {SWEEP_P99, "p99 of the time to accepted", SVG_BLUE},
};
enum { SHOWN = sizeof shown / sizeof *shown };

static uint64_t greatest(const struct sweep *sweep, enum sweep_measure measure)
{
    uint64_t most = 0;
    for (size_t cell = 0; cell < sweep->cells; cell++)
        if (sweep->middles[cell][measure].known && sweep->middles[cell][measure].greatest > most)
            most = sweep->middles[cell][measure].greatest;
    return most;
}

static const char *value_text(enum sweep_measure measure, uint64_t value, char out[NSEC_TEXT_SIZE])
{
    if (measure == SWEEP_P99)
        return nsec_text((nsec)value, out);
    snprintf(out, NSEC_TEXT_SIZE, "%" PRIu64, value);
    return out;
}

/* "lost: backlog 3: 5 (4..6)" */
static void write_value_title(FILE *out, const struct sweep *sweep, size_t cell, const struct shown *what)
{
    const struct middle *m = &sweep->middles[cell][what->measure];
    char text[NSEC_TEXT_SIZE];
    fprintf(out, "<title>%s", what->words);
    for (size_t a = 0; a < sweep->axis_count; a++) {
        fputs(a ? ", " : " at ", out);
        markup_text(out, sweep->axes[a].name);
        putc(' ', out);
        markup_text(out, sweep_value(sweep, cell, a));
    }
    fprintf(out, ": %s", value_text(what->measure, m->median, text));
    if (m->least != m->greatest) {
        fprintf(out, " (%s", value_text(what->measure, m->least, text));
        fprintf(out, "..%s)", value_text(what->measure, m->greatest, text));
    }
    fputs("</title>", out);
}

/* ---- One axis ---- */

static double x_of(const struct sweep *sweep, size_t i)
{
    return LEFT + ROOM * (double)i / (double)(sweep->axes[0].count > 1 ? sweep->axes[0].count - 1 : 1);
}

static void draw_values(FILE *out, const struct sweep *sweep, double bottom)
{
    size_t count = sweep->axes[0].count, step = (count + LABELS_MOST - 1) / LABELS_MOST;
    for (size_t i = 0; i < count; i += step) {
        svg_line(out, x_of(sweep, i), bottom, x_of(sweep, i), bottom + 5, "l");
        svg_text(out, x_of(sweep, i), bottom + 18, "middle", "t", sweep->axes[0].values[i]);
    }
    svg_text(out, LEFT + ROOM, bottom + 34, "end", "s", sweep->axes[0].name);
}

static void draw_scale(FILE *out, double top, double bottom, enum sweep_measure measure, uint64_t most)
{
    char text[NSEC_TEXT_SIZE];
    uint64_t step = (uint64_t)axis_step((nsec)(most ? most : 1), 5);
    for (uint64_t v = 0; v <= most; v += step) {
        double y = bottom - (bottom - top) * (double)v / (double)(most ? most : 1);
        svg_line(out, LEFT, y, LEFT + ROOM, y, "l");
        svg_text(out, LEFT - 8, y + 4, "end", "t", value_text(measure, v, text));
    }
}

/* A dot for each value, and a line to the next where there is one. */
static void draw_line(FILE *out, const struct sweep *sweep, const struct shown *what, double top, double bottom, uint64_t most)
{
    double x = 0, y = 0;
    bool before = false;
    for (size_t cell = 0; cell < sweep->cells; cell++) {
        const struct middle *m = &sweep->middles[cell][what->measure];
        char a[SVG_NUMBER_SIZE], b[SVG_NUMBER_SIZE], c[SVG_NUMBER_SIZE], d[SVG_NUMBER_SIZE];
        double nx = x_of(sweep, cell), ny = bottom - (bottom - top) * (double)m->median / (double)(most ? most : 1);
        if (m->known && before)
            fprintf(out, "<line x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\" stroke=\"%s\" stroke-width=\"2\"/>\n", svg_number(x, a),
                    svg_number(y, b), svg_number(nx, c), svg_number(ny, d), what->fill);
        if (m->known) {
            fprintf(out, "<circle cx=\"%s\" cy=\"%s\" r=\"3\" fill=\"%s\">", svg_number(nx, a), svg_number(ny, b), what->fill);
            write_value_title(out, sweep, cell, what);
            fputs("</circle>\n", out);
        }
        before = m->known;
        x = nx;
        y = ny;
    }
}

static void draw_lines(FILE *out, const struct sweep *sweep)
{
    uint64_t most = 0;
    for (size_t i = 0; i < 2; i++)
        most = greatest(sweep, shown[i].measure) > most ? greatest(sweep, shown[i].measure) : most;
    double top = HEAD + 30, bottom = top + PANEL;
    draw_scale(out, top, bottom, shown[0].measure, most);
    svg_text(out, LEFT, top - 10, "start", "s", "connections");
    for (size_t i = 0; i < 2; i++)
        draw_line(out, sweep, &shown[i], top, bottom, most);
    draw_values(out, sweep, bottom);
    top = bottom + GAP + 20;
    bottom = top + PANEL;
    draw_scale(out, top, bottom, SWEEP_P99, greatest(sweep, SWEEP_P99));
    svg_text(out, LEFT, top - 10, "start", "s", shown[2].words);
    draw_line(out, sweep, &shown[2], top, bottom, greatest(sweep, SWEEP_P99));
    draw_values(out, sweep, bottom);
}

/* ---- Two axes ---- */

#define CELL_MOST 26.0

static double cell_height(const struct sweep *sweep)
{
    double height = 2 * PANEL / (double)sweep->axes[0].count;
    return height < CELL_MOST ? height : CELL_MOST;
}

static double map_height(const struct sweep *sweep)
{
    return cell_height(sweep) * (double)sweep->axes[0].count + GAP + 20;
}

static void draw_cell(FILE *out, const struct sweep *sweep, const struct shown *what, size_t cell, double x, double y,
                      double width, double height, uint64_t most)
{
    const struct middle *m = &sweep->middles[cell][what->measure];
    char a[SVG_NUMBER_SIZE], b[SVG_NUMBER_SIZE], c[SVG_NUMBER_SIZE], d[SVG_NUMBER_SIZE], e[SVG_NUMBER_SIZE], text[NSEC_TEXT_SIZE];
    if (!m->known)
        return;
    /* What is not 0 at all is seen. */
    double share = most && m->median ? 0.12 + 0.88 * (double)m->median / (double)most : 0.02;
    fprintf(out, "<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" fill=\"%s\" fill-opacity=\"%s\">", svg_number(x, a),
            svg_number(y, b), svg_number(width - 1, c), svg_number(height - 1, d), what->fill, svg_number(share, e));
    write_value_title(out, sweep, cell, what);
    fputs("</rect>\n", out);
    if (width >= 44 && height >= 16)
        svg_text(out, x + width / 2, y + height / 2 + 4, "middle", svg_class_on(what->fill, share),
                 value_text(what->measure, m->median, text));
}

static void draw_map(FILE *out, const struct sweep *sweep, const struct shown *what, double top)
{
    size_t rows = sweep->axes[0].count, columns = sweep->axes[1].count;
    double width = ROOM / (double)columns, height = cell_height(sweep);
    double bottom = top + height * (double)rows;
    size_t column_step = (columns + LABELS_MOST - 1) / LABELS_MOST, row_step = (size_t)(14 / height) + 1;
    char most[NSEC_TEXT_SIZE], legend[NSEC_TEXT_SIZE + 64];
    snprintf(legend, sizeof legend, "palest: 0, deepest: %s; no field: no value",
             value_text(what->measure, greatest(sweep, what->measure), most));
    svg_text(out, LEFT, top - 8, "start", "h", what->words);
    svg_text(out, LEFT + ROOM, top - 8, "end", "s", legend);
    for (size_t row = 0; row < rows; row++) {
        if (row % row_step == 0)
            svg_text(out, LEFT - 8, top + height * ((double)row + 0.5) + 4, "end", "t", sweep->axes[0].values[row]);
        for (size_t column = 0; column < columns; column++)
            draw_cell(out, sweep, what, row * columns + column, LEFT + width * (double)column, top + height * (double)row, width,
                      height, greatest(sweep, what->measure));
    }
    for (size_t column = 0; column < columns; column += column_step)
        svg_text(out, LEFT + width * ((double)column + 0.5), bottom + 15, "middle", "t", sweep->axes[1].values[column]);
    svg_text(out, 16, top - 8, "start", "s", sweep->axes[0].name);
    svg_text(out, LEFT + ROOM, bottom + 31, "end", "s", sweep->axes[1].name);
}

/* ---- The whole ---- */

static void write_title(char *out, size_t size, const struct sweep *sweep)
{
    size_t used = (size_t)snprintf(out, size, "backlogctl sweep over %.90s", sweep->axes[0].name);
    if (sweep->axis_count > 1)
        snprintf(out + used, size - used, " and %.90s", sweep->axes[1].name);
}

void draw_sweep(FILE *out, enum svg_form form, const struct sweep *sweep)
{
    char title[256], description[256 + SWEEP_FIXED_SIZE];
    bool maps = sweep->axis_count > 1;
    double height = maps ? HEAD + (double)SHOWN * map_height(sweep) : HEAD + 30 + 2 * PANEL + GAP + 20 + GAP;
    write_title(title, sizeof title, sweep);
    snprintf(description, sizeof description, "%zu of %zu runs%s%s%s", sweep->done, sweep->cells * sweep->repeat,
             sweep->repeat > 1 ? "; each value is the middle one of its repetitions" : "", *sweep->fixed ? ", with " : "",
             sweep->fixed);
    svg_begin(out, form, WIDTH, height, title, description);
    svg_text(out, 16, 26, "start", "h", title);
    svg_text(out, 16, 45, "start", "s", description);
    if (maps) {
        for (size_t i = 0; i < SHOWN; i++)
            draw_map(out, sweep, &shown[i], HEAD + 20 + map_height(sweep) * (double)i);
    } else {
        double x = LEFT;
        for (size_t i = 0; i < SHOWN; i++)
            x = svg_legend(out, x, 68, shown[i].fill, shown[i].words);
        draw_lines(out, sweep);
    }
    svg_end(out);
}

void report_sweep_svg(FILE *out, const struct sweep *sweep)
{
    draw_sweep(out, SVG_FILE, sweep);
}
