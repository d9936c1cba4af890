/* The live view of traced listeners as lines of text with their styles. */
#include "trace_internal.h"

#include <stdlib.h>
#include <string.h>

/* Title, header and keys. */
#define AROUND 3

/* ---- The list ---- */

/* Columns behind the mark: each figure of what is asked for, and, where there is room, of the other span. */
enum place { MARK, ADDRESS, BAR, FIRST, SECOND = FIRST + TRACED_COLUMNS, PROCESS = SECOND + TRACED_COLUMNS, PLACES };

#define ADDRESS_WIDE 36
#define PROCESS_WIDE 20
#define BAR_WIDE 12

static const struct {
    enum trace_column column;
    const char *head;
    int narrow, rank, again; /* again: the rank of the other span's; 0: it has none */
} shown[] = {
    {TRACED_PEAK, "peak", 5, 3, 17},         {TRACED_CAPACITY, "holds", 5, 4, 0}, {TRACED_ENTERED, "entered", 7, 8, 18},
    {TRACED_ACCEPTED, "accepted", 8, 9, 19}, {TRACED_P50, "p50<", 6, 11, 22},     {TRACED_P99, "p99<", 6, 7, 20},
    {TRACED_MAX, "max", 6, 10, 21},          {TRACED_SYN, "syn-lost", 8, 5, 15},  {TRACED_ACK, "ack-lost", 8, 6, 16},
    {TRACED_LEFT, "left", 5, 12, 23},
};
#define SHOWN (sizeof shown / sizeof *shown)

struct layout {
    struct frame_column columns[PLACES];
    int widths[PLACES];
    bool utf8, all;
    /* The row: */
    const struct traced *one;
    struct trace_span first, second;
};

static void grow(struct layout *layout, enum place place, int wide, int *left)
{
    int more = layout->widths[place] ? wide - layout->widths[place] : 0;
    more = more < *left ? more : *left;
    if (more > 0) {
        layout->widths[place] += more;
        *left -= more;
    }
}

static void lay_out(struct layout *layout, int columns)
{
    layout->columns[MARK] = (struct frame_column){"", 1, 1, true};
    layout->columns[ADDRESS] = (struct frame_column){"address", 15, 2, true};
    layout->columns[BAR] = (struct frame_column){"full", 6, 13, true};
    layout->columns[PROCESS] = (struct frame_column){"process", 9, 14, true};
    for (size_t i = 0; i < SHOWN; i++) {
        layout->columns[FIRST + shown[i].column] = (struct frame_column){shown[i].head, shown[i].narrow, shown[i].rank, false};
        layout->columns[SECOND + shown[i].column] = (struct frame_column){shown[i].head, shown[i].narrow, shown[i].again, false};
    }
    int left = columns_fit(layout->columns, PLACES, columns, layout->widths);
    grow(layout, ADDRESS, 21, &left);
    grow(layout, PROCESS, PROCESS_WIDE, &left);
    grow(layout, ADDRESS, ADDRESS_WIDE, &left);
    grow(layout, BAR, BAR_WIDE, &left);
}

static void write_cell(void *context, size_t place, int width, char out[FRAME_TEXT_SIZE])
{
    const struct layout *layout = context;
    const struct traced *one = layout->one;
    char cell[LIST_CELL_SIZE];
    if (place == MARK) {
        bool lost = layout->first.syn || layout->first.ack;
        snprintf(out, FRAME_TEXT_SIZE, "%s", one->slot.closed ? "x" : lost ? "!" : " ");
    } else if (place == BAR) {
        column_bar(one->worth[TRACE_LENGTH] == TRACE_UNKNOWN ? 0 : layout->first.peak, one->surveyed ? one->now.capacity : 0,
                   width, layout->utf8, out);
    } else if (place == ADDRESS || place == PROCESS) {
        list_cell(place == ADDRESS ? FIGURE_ADDRESS : FIGURE_PROCESS, &one->now, (size_t)width, cell);
        snprintf(out, FRAME_TEXT_SIZE, "%s", cell);
    } else {
        bool first = place < SECOND;
        traced_cell((enum trace_column)(place - (first ? FIRST : SECOND)), one, first ? &layout->first : &layout->second, width,
                    cell);
        snprintf(out, FRAME_TEXT_SIZE, "%s", cell);
    }
}

static enum frame_style style_of(const struct layout *layout)
{
    if (layout->one->slot.closed)
        return FRAME_DIM;
    if (layout->first.syn || layout->first.ack)
        return FRAME_ALARM;
    uint64_t capacity = layout->one->surveyed ? layout->one->now.capacity : 0;
    if (capacity && layout->first.peak >= (capacity + 1) / 2)
        return FRAME_WARNING;
    return trace_span_any(&layout->first) ? FRAME_PLAIN : FRAME_DIM;
}

struct list {
    struct layout *layout;
    const struct trace_model *m;
};

static void put_row(struct frame *frame, void *context, size_t i, bool selected)
{
    struct layout *layout = ((const struct list *)context)->layout;
    layout->one = &((const struct list *)context)->m->list[i];
    struct trace_span last = trace_span_last(layout->one), all = trace_span_all(layout->one);
    layout->first = layout->all ? all : last;
    layout->second = layout->all ? last : all;
    struct frame_line *line = frame_add(frame, selected ? FRAME_SELECTED : style_of(layout));
    if (line)
        columns_write(layout->columns, PLACES, layout->widths, write_cell, layout, line->text);
}

/* Over the columns of the other span, if it has any. */
static void add_spans(struct frame *frame, const struct layout *layout)
{
    static const char *const words[] = {"in the last interval:", "since the beginning:"};
    int first = columns_at(layout->widths, FIRST + TRACED_PEAK), second = -1;
    for (size_t i = 0; i < TRACED_COLUMNS && second < 0; i++)
        second = columns_at(layout->widths, SECOND + i);
    if (second < 0)
        frame_text(frame, FRAME_HEAD, "  %s", words[layout->all]);
    else
        frame_text(frame, FRAME_HEAD, "%*s%-*s%s", first, "", second - first, words[layout->all], words[!layout->all]);
}

static void add_rows(struct frame *frame, const struct trace_model *m, const struct frame_view *view, bool all, size_t listeners,
                     size_t room)
{
    struct layout layout = {.utf8 = frame->utf8, .all = all};
    struct list list = {&layout, m};
    lay_out(&layout, frame->columns);
    add_spans(frame, &layout);
    struct frame_line *header = frame_add(frame, FRAME_HEAD);
    columns_write(layout.columns, PLACES, layout.widths, NULL, NULL, header->text);
    frame_rows(frame, view, listeners, room, put_row, &list);
}

/* ---- The selected listener ---- */

static void add_name(struct frame *frame, const struct traced *one)
{
    char place[REPORT_PLACE_SIZE], owner[64] = "owner not seen";
    if (one->now.pid)
        snprintf(owner, sizeof owner, "%s/%d", one->now.process, (int)one->now.pid);
    frame_text(frame, FRAME_HEAD, " %s  %s%s", report_place(&one->now, place), owner,
               one->slot.closed ? "  LISTENS NO MORE" : "");
}

static void add_details(struct frame *frame, const struct trace_model *m, const struct frame_view *view, size_t room)
{
    size_t whole = frame->rows, end = frame->count + room;
    frame->rows = end;
    if (view->selected < view->count) {
        struct keep keep;
        const struct traced *one = &m->list[view->order[view->selected]];
        add_name(frame, one);
        FILE *memory = keep_begin(&keep);
        if (memory)
            write_traced(memory, m, one, frame->columns - 1, TRACED_ON_SCREEN);
        char *text = memory ? keep_end(&keep) : NULL;
        if (text)
            frame_lines(frame, FRAME_PLAIN, 0, text);
        else
            frame_text(frame, FRAME_PLAIN, "  no memory for what there is to say of it");
        free(text);
    }
    while (frame->count < end)
        frame_add(frame, FRAME_PLAIN);
    frame->rows = whole;
}

/* What was not seen, in a line; malloc'ed. NULL: nothing was lost. */
static char *losses_of(const struct trace_model *m)
{
    struct keep keep;
    FILE *memory = keep_begin(&keep);
    if (memory)
        write_trace_losses(memory, m, 0);
    char *text = memory ? keep_end(&keep) : NULL;
    for (char *end = text ? strchr(text, '\n') : NULL; end; end = strchr(end, '\n'))
        *end = end[1] ? ';' : '\0';
    if (text && *text)
        return text;
    free(text);
    return NULL;
}

/* ---- Help ---- */

static void add_help(struct frame *frame, size_t room)
{
    static const char *const lines[] = {
        "  Up Down j k    choose a listener",
        "  PgUp PgDn      a page up, down",
        "  Home End g G   the first, the last",
        "  s  r           sort by the next, reverse",
        "  t              last interval, or all",
        "  /              filter by address, process",
        "  Esc            no filter",
        "  p Space   q    pause, go on; quit",
        "",
        "  !  dropped packets   x  listens no more",
        "  peak   longest queue, each addition seen",
        "  holds  connections that its queue holds",
        "  p50< p99<  half, 99 of 100 waited less",
        "  max    the longest wait until accepted",
        "  syn-lost ack-lost  packets dropped on the",
        "         full queue: first, last of handshakes",
        "  left   gone without being accepted",
        "  9+  at least   <=9  at most   ?  not known",
        "  The list goes on; at the end comes the",
        "  summary of all, as without a screen.",
    };
    frame_help(frame, lines, sizeof lines / sizeof *lines, room);
}

void report_trace_frame(struct frame *frame, const struct trace_model *m, const struct frame_view *view, bool all)
{
    if (!frame_begin(frame))
        return;
    char *losses = losses_of(m);
    size_t listeners = 0, details, room = frame_divide(frame, view, AROUND + 1 + (losses != NULL), &details);
    for (size_t i = 0; i < m->count; i++)
        listeners += m->list[i].selected;
    frame_title(frame, view,
                &(struct frame_title){"trace", m->at, m->interval, "", listeners, m->namespaces, m->namespace_count});
    if (view->help) {
        add_help(frame, frame->rows - 2);
    } else {
        add_rows(frame, m, view, all, listeners, room);
        add_details(frame, m, view, details);
        struct frame_line *line = losses ? frame_add(frame, FRAME_WARNING) : NULL;
        if (line)
            snprintf(line->text, sizeof line->text, " %s", losses);
    }
    free(losses);
    frame_keys(frame, view, all ? "  t last" : "  t all");
}
