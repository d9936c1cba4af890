/* What the reports of watched listeners share. */
#ifndef REPORT_WATCH_INTERNAL_H
#define REPORT_WATCH_INTERNAL_H

#include "frame.h"

#include "backlogctl/listener_history.h"

#define WATCH_TEXT_SIZE FRAME_TEXT_SIZE

/* What a row of watch has beside the figures of the table, as places among theirs. */
enum watch_place {
    WATCH_MARK = 1,
    WATCH_BAR = 20,
    WATCH_PEAK = 50,
    WATCH_P99 = 55,
    WATCH_RATE = 60,
    WATCH_LOOKS = 100,
    WATCH_SPARK = 130,
    WATCH_PLACES
};

/* The width of each column in cells, by its place; 0: not shown. */
struct watch_layout {
    const struct watch_model *w;
    int width[WATCH_PLACES];
    bool utf8;
};

/* What fits a screen: the more important columns first, then wider ones. */
void watch_layout_screen(struct watch_layout *layout, int columns);
/* The same for lines that stay: without marks, the last minute and remarks, which are told in words. */
void watch_layout_lines(struct watch_layout *layout, int columns);
/* All that a file can hold: as wide as these rows are. Returns the width. */
int watch_layout_file(struct watch_layout *layout, const size_t *order, size_t count);

/* Return the text's width in cells. */
int watch_header(const struct watch_layout *layout, char out[WATCH_TEXT_SIZE]);
int watch_row(const struct watch_layout *layout, const struct listener_history *one, char out[WATCH_TEXT_SIZE]);
/* The cell where a column begins; -1 when it is not shown. */
int watch_column_at(const struct watch_layout *layout, enum watch_place place);

/* How alarming: FRAME_ALARM, FRAME_WARNING, FRAME_NEWS, FRAME_DIM or FRAME_PLAIN. */
enum frame_style watch_style(const struct watch_model *w, const struct listener_history *one);
enum frame_style watch_bar_style(const struct listener_history *one);

/* The last minute, the present second at the right, in `width` cells. Returns out. */
const char *watch_spark(const struct watch_model *w, const struct listener_history *one, int width, bool utf8,
                        char out[WATCH_TEXT_SIZE]);

/* How long ago it came or went is worth a word. */
bool watch_is_new(const struct watch_model *w, const struct listener_history *one);

/* Looks a second in the last interval. */
double watch_hz(const struct watch_model *w, const struct listener_history *one);

/* What it says of itself and what is worth saying, with commas between; "" or "-": nothing. */
void watch_remarks(const struct listener_history *one, char out[LIST_CELL_SIZE]);

/* How many peaks and drops are exact: "(exact: ...)". */
void watch_exact_words(char out[WATCH_TEXT_SIZE], const struct watch_model *w, const size_t *order, size_t count);
/* "counted in the kernel: longest queue 8 (exact), ..." */
void watch_digest_words(char out[WATCH_TEXT_SIZE], const struct trace_digest *exact);
/* Whether its peak is exact. */
bool watch_is_exact(const struct listener_history *one);

/* w->why in words: "why, 3s ago: ...". */
void watch_why_words(FILE *out, const struct watch_model *w);

#endif
