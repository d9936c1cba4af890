/* What the reports of traced listeners share. */
#ifndef REPORT_TRACE_INTERNAL_H
#define REPORT_TRACE_INTERNAL_H

#include "frame.h"

#include "backlogctl/trace_history.h"

/* ---- trace_cells.c: a listener as a row ---- */

enum trace_column {
    TRACED_ADDRESS,
    TRACED_PROCESS,
    TRACED_PEAK,
    TRACED_CAPACITY,
    TRACED_ENTERED,
    TRACED_ACCEPTED,
    TRACED_P50,
    TRACED_P99,
    TRACED_MAX,
    TRACED_SYN,
    TRACED_ACK,
    TRACED_LEFT,
    TRACED_COLUMNS
};

#define TRACED_CELL_SIZE REPORT_PLACE_SIZE

const char *traced_head(enum trace_column column);
bool traced_is_text(enum trace_column column);

/* The cell, safe to print; a number as wide as `width` at the most, 0: any. "?" is not known, "9+" at least 9, "<=9" at most. */
void traced_cell(enum trace_column column, const struct traced *one, const struct trace_span *span, int width,
                 char out[TRACED_CELL_SIZE]);

/* What the column is as a number to sort by; what is not known is -1. */
double traced_key(enum trace_column column, const struct traced *one, const struct trace_span *span);

/* Which figure the column's worth is that of; TRACE_FIGURE_COUNT: of none. */
enum trace_figure traced_figure(enum trace_column column);

/* "exact", "at least so many"; in a sentence. */
const char *trace_worth_words(enum trace_worth worth);

/* "4.35ms..4.61ms", or one of both where they are the same. Returns out. */
#define TRACE_BOUNDS_SIZE (2 * NSEC_TEXT_SIZE + 4)
const char *trace_bounds_text(const struct trace_quantile *q, char out[TRACE_BOUNDS_SIZE]);

/* ---- trace_text.c: a listener in words ---- */

/* Its name and all that is known of it, a paragraph for each part; on a screen without the name, what matters most first. */
enum traced_form { TRACED_SUMMARY, TRACED_ON_SCREEN };
void write_traced(FILE *out, const struct trace_model *m, const struct traced *one, int columns, enum traced_form form);
/* What holds for all: accounts, losses, hooks. */
void write_trace_notes(FILE *out, const struct trace_model *m, int columns);
/* What of it all was not seen: nothing where nothing was lost. */
void write_trace_losses(FILE *out, const struct trace_model *m, int columns);

/* Whether there is anything to be told of it. */
bool traced_tells(const struct traced *one);

/* ---- trace_svg.c ---- */

/* Listeners that a picture has: those with most drops, then with most connections. */
#define TRACE_DRAWN 12

/* More drops, then more connections. */
bool trace_is_busier(const struct traced *a, const struct traced *b);

/* Which these are, of the `all` at which something happened; returns how many. */
size_t trace_drawn(const struct trace_model *m, const struct trace_history *history, size_t drawn[TRACE_DRAWN], size_t *all);

/* Listeners at which something happened that there was no room to keep. */
size_t trace_missed(const struct trace_model *m, const struct trace_history *history);

#endif
