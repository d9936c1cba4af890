/* The pieces of a live view: lines of text with their styles. */
#ifndef BACKLOGCTL_REPORT_FRAME_H
#define BACKLOGCTL_REPORT_FRAME_H

#include "internal.h"

/* ---- frame.c ---- */

/* False: the screen is too small, which the frame says. */
bool frame_begin(struct frame *frame);

/* A line; NULL: there is no room for it. */
struct frame_line *frame_add(struct frame *frame, enum frame_style style);

/* The same with text that is not safe to print. */
__attribute__((format(printf, 3, 4))) struct frame_line *frame_text(struct frame *frame, enum frame_style style,
                                                                    const char *format, ...);

/* Lines of text that is safe to print, and fits, each behind `indent` blanks. The text is cut up. */
void frame_lines(struct frame *frame, enum frame_style style, int indent, char *text);

/* Words that do not fit the line go on in the next one. */
void frame_folded(struct frame *frame, enum frame_style style, const char *text);

/* Some cells of a line in another style; NULL is no line. */
void frame_part(struct frame_line *line, int from, int cells, enum frame_style style);

/* Divides what `around` lines leave between the list, whose room is returned, and the details of the selected listener. */
size_t frame_divide(const struct frame *frame, const struct frame_view *view, size_t around, size_t *details);

struct frame_title {
    const char *command, *at; /* at: of the figures */
    nsec interval;
    const char *how; /* told behind it: " exact", or "" */
    size_t count;    /* of listeners that there are, shown or not */
    const struct netns_facts *namespaces;
    size_t namespace_count;
};
void frame_title(struct frame *frame, const struct frame_view *view, const struct frame_title *title);

/* The rows that fit, the selected one among them; `row` adds one, the i-th listener that there is. `all`: how many there are. */
typedef void frame_row(struct frame *frame, void *context, size_t i, bool selected);
void frame_rows(struct frame *frame, const struct frame_view *view, size_t all, size_t room, frame_row *row, void *context);

/* `more`: what only this command's keys do, "  t totals", or "". */
void frame_keys(struct frame *frame, const struct frame_view *view, const char *more);
void frame_help(struct frame *frame, const char *const *lines, size_t count, size_t room);

/* ---- frame_columns.c ---- */

/* A column of the list. */
struct frame_column {
    const char *head; /* NULL: nothing is at this place */
    int narrow;       /* cells it takes at least */
    int rank;         /* the lower the more important; 0: not shown */
    bool left;
};

/* The width of each of `count` columns on a screen, 0: it has no room there. The more important ones first. Returns the cells that are left. */
int columns_fit(const struct frame_column *columns, size_t count, int room, int *widths);

/* A line of cells, that of heads if `cell` is NULL. Returns its width in cells. */
typedef void column_cell(void *context, size_t column, int width, char out[FRAME_TEXT_SIZE]);
int columns_write(const struct frame_column *columns, size_t count, const int *widths, column_cell *cell, void *context,
                  char out[FRAME_TEXT_SIZE]);

/* The cell where a column begins; -1 when it is not shown. */
int columns_at(const int *widths, size_t column);

/* A number that does not fit is given in thousands, millions and so on. */
void column_number(uint64_t number, int width, char out[FRAME_TEXT_SIZE]);

/* How much of `all` there is, as a bar. */
void column_bar(uint64_t part, uint64_t all, int width, bool utf8, char out[FRAME_TEXT_SIZE]);

#endif
