/* A traced listener as a row of a table: what blocks of text, the live view and a page have in common. */
#include "trace_internal.h"

#include <inttypes.h>
#include <string.h>

static const struct {
    const char *head;
    enum trace_figure figure; /* that it is */
} columns[TRACED_COLUMNS] = {
    [TRACED_ADDRESS] = {"ADDRESS", TRACE_FIGURE_COUNT},
    [TRACED_PROCESS] = {"PROCESS", TRACE_FIGURE_COUNT},
    [TRACED_PEAK] = {"PEAK", TRACE_LENGTH},
    [TRACED_CAPACITY] = {"CAPACITY", TRACE_FIGURE_COUNT},
    [TRACED_ENTERED] = {"ENTERED", TRACE_ENTERED},
    [TRACED_ACCEPTED] = {"ACCEPTED", TRACE_WAIT},
    [TRACED_P50] = {"P50<", TRACE_WAIT},
    [TRACED_P99] = {"P99<", TRACE_WAIT},
    [TRACED_MAX] = {"MAX", TRACE_WAIT},
    [TRACED_SYN] = {"SYN-LOST", TRACE_SYN},
    [TRACED_ACK] = {"ACK-LOST", TRACE_ACK},
    [TRACED_LEFT] = {"LEFT", TRACE_LEFT},
};

const char *traced_head(enum trace_column column)
{
    return columns[column].head;
}

bool traced_is_text(enum trace_column column)
{
    return column <= TRACED_PROCESS;
}

enum trace_figure traced_figure(enum trace_column column)
{
    return columns[column].figure;
}

const char *trace_worth_words(enum trace_worth worth)
{
    return worth == TRACE_EXACT      ? "exact"
           : worth == TRACE_AT_LEAST ? "at least so many"
           : worth == TRACE_AT_MOST  ? "at most so many"
                                     : "not known here";
}

const char *trace_bounds_text(const struct trace_quantile *q, char out[TRACE_BOUNDS_SIZE])
{
    char low[NSEC_TEXT_SIZE], high[NSEC_TEXT_SIZE];
    nsec_text(q->low, low);
    nsec_text(q->high, high);
    if (strcmp(low, high))
        snprintf(out, TRACE_BOUNDS_SIZE, "%s..%s", low, high);
    else
        snprintf(out, TRACE_BOUNDS_SIZE, "%s", low);
    return out;
}

static enum trace_worth worth_of(enum trace_column column, const struct traced *one)
{
    enum trace_figure figure = columns[column].figure;
    if (column == TRACED_CAPACITY)
        return one->surveyed ? TRACE_EXACT : TRACE_UNKNOWN;
    return figure < TRACE_FIGURE_COUNT ? one->worth[figure] : TRACE_EXACT;
}

/* NULL: it is no wait. */
static const struct trace_quantile *wait_of(enum trace_column column, const struct trace_span *span)
{
    return column == TRACED_P50 ? &span->p50 : column == TRACED_P99 ? &span->p99 : column == TRACED_MAX ? &span->max : NULL;
}

static uint64_t count_of(enum trace_column column, const struct traced *one, const struct trace_span *span)
{
    const uint64_t counts[TRACED_COLUMNS] = {[TRACED_PEAK] = span->peak,       [TRACED_CAPACITY] = one->now.capacity,
                                             [TRACED_ENTERED] = span->entered, [TRACED_ACCEPTED] = span->accepted,
                                             [TRACED_SYN] = span->syn,         [TRACED_ACK] = span->ack,
                                             [TRACED_LEFT] = span->left};
    return counts[column];
}

static void count_cell(enum trace_worth worth, uint64_t count, int width, char out[TRACED_CELL_SIZE])
{
    char number[FRAME_TEXT_SIZE];
    int sign = worth == TRACE_AT_LEAST ? 1 : worth == TRACE_AT_MOST ? 2 : 0;
    column_number(count, width ? width - sign : 24, number);
    snprintf(out, TRACED_CELL_SIZE, "%s%.24s%s", worth == TRACE_AT_MOST ? "<=" : "", worth == TRACE_UNKNOWN ? "?" : number,
             worth == TRACE_AT_LEAST ? "+" : "");
}

void traced_cell(enum trace_column column, const struct traced *one, const struct trace_span *span, int width,
                 char out[TRACED_CELL_SIZE])
{
    char place[REPORT_PLACE_SIZE];
    const struct trace_quantile *wait = wait_of(column, span);
    if (column == TRACED_ADDRESS) {
        terminal_text(report_place(&one->now, place), out, TRACED_CELL_SIZE);
    } else if (column == TRACED_PROCESS) {
        snprintf(place, sizeof place, one->now.pid ? "%s/%d" : "-", one->now.process, (int)one->now.pid);
        terminal_text(place, out, TRACED_CELL_SIZE);
    } else if (wait) {
        char text[NSEC_TEXT_SIZE];
        snprintf(out, TRACED_CELL_SIZE, "%s", span->samples ? nsec_text(wait->high, text) : "-");
    } else {
        count_cell(worth_of(column, one), count_of(column, one, span), width, out);
    }
}

double traced_key(enum trace_column column, const struct traced *one, const struct trace_span *span)
{
    const struct trace_quantile *wait = wait_of(column, span);
    if (wait)
        return span->samples ? (double)wait->high : -1;
    return worth_of(column, one) == TRACE_UNKNOWN ? -1 : (double)count_of(column, one, span);
}
