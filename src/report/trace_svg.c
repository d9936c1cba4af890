/* A trace as a picture: of each listener the queue, the drops and the waits over time. */
#include "svg.h"
#include "trace_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 960.0
#define EDGE 16.0
#define LEFT 150.0
#define RIGHT 24.0
#define ROOM (WIDTH - LEFT - RIGHT)
#define HEAD 84.0 /* title, words and legend */
#define NAME_HEIGHT 40.0
#define QUEUE_HEIGHT 90.0
#define DROPS_HEIGHT 50.0
#define WAITS_HEIGHT 100.0
#define GAP 10.0
#define AXIS_HEIGHT 44.0
#define PANEL_HEIGHT (NAME_HEIGHT + QUEUE_HEIGHT + GAP + DROPS_HEIGHT + GAP + WAITS_HEIGHT + AXIS_HEIGHT + GAP)

#define SYN_FILL SVG_ORANGE
#define ACK_FILL SVG_PINK

/* One listener's part of the picture. */
struct panel {
    FILE *out;
    const struct trace_model *m;
    const struct traced *one;
    const struct trace_track *track;
    double top;
};

static double x_of(const struct panel *p, nsec at)
{
    double share = p->m->elapsed > 0 ? (double)at / (double)p->m->elapsed : 0;
    return LEFT + ROOM * (share < 0 ? 0 : share > 1 ? 1 : share);
}

static bool known(const struct panel *p, enum trace_figure figure)
{
    return p->one->worth[figure] != TRACE_UNKNOWN;
}

/* "at least ", or "" where it is exact. */
static const char *bound_of(const struct panel *p, enum trace_figure figure)
{
    enum trace_worth worth = p->one->worth[figure];
    return worth == TRACE_AT_LEAST ? "at least " : worth == TRACE_AT_MOST ? "at most " : "";
}

/* ---- The queue ---- */

static uint64_t longest_queue(const struct panel *p)
{
    uint64_t longest = p->one->slot.at_start > 1 ? p->one->slot.at_start : 1;
    for (size_t i = 0; i < p->track->count; i++) {
        const struct trace_point *point = &p->track->points[i];
        longest = point->span.peak > longest ? point->span.peak : longest;
        longest = point->queue > longest ? point->queue : longest;
    }
    return longest;
}

/* Where nothing happens the queue stays as long as it is. */
static void write_steps(const struct panel *p, double bottom, double scale)
{
    char x[SVG_NUMBER_SIZE], y[SVG_NUMBER_SIZE];
    uint64_t rest = p->one->slot.at_start;
    fprintf(p->out, "M%s %s", svg_number(LEFT, x), svg_number(bottom - scale * (double)rest, y));
    for (size_t i = 0; i < p->track->count; i++) {
        const struct trace_point *point = &p->track->points[i];
        fprintf(p->out, " H%s V%s", svg_number(x_of(p, point->from), x),
                svg_number(bottom - scale * (double)point->span.peak, y));
        fprintf(p->out, " H%s", svg_number(x_of(p, point->to), x));
        rest = point->queue;
        if (i + 1 == p->track->count || point[1].from > point->to)
            fprintf(p->out, " V%s", svg_number(bottom - scale * (double)rest, y));
    }
    fprintf(p->out, " H%s", svg_number(LEFT + ROOM, x));
}

/* As long as it listens. */
static nsec end_of(const struct panel *p)
{
    nsec closed = (nsec)p->one->slot.closed;
    return closed > p->m->began ? closed - p->m->began : p->m->elapsed;
}

/* Only as far as it was known. */
static void draw_capacity(const struct panel *p, double bottom, double scale)
{
    char x[SVG_NUMBER_SIZE], y[SVG_NUMBER_SIZE];
    uint64_t before = 0;
    fputs("<path class=\"c\" d=\"", p->out);
    for (size_t i = 0; i < p->track->count; i++) {
        const struct trace_point *point = &p->track->points[i];
        if (!point->capacity || point->capacity == before)
            continue;
        svg_number(x_of(p, point->from), x);
        svg_number(bottom - scale * (double)point->capacity, y);
        if (before)
            fprintf(p->out, " H%s V%s", x, y);
        else
            fprintf(p->out, "M%s %s", svg_number(LEFT, x), y);
        before = point->capacity;
    }
    fprintf(p->out, "%s%s\"/>\n", before ? " H" : "", before ? svg_number(x_of(p, end_of(p)), x) : "");
}

static void label_queue(const struct panel *p, double top, double bottom, double scale, uint64_t capacity, bool drawn)
{
    char label[96];
    if (!capacity)
        snprintf(label, sizeof label, "holds: not known");
    else
        snprintf(label, sizeof label, drawn ? "holds %" PRIu64 : "would hold %" PRIu64, capacity);
    svg_text(p->out, LEFT - 8, drawn ? bottom - scale * (double)capacity + 4 : top + 12, "end", "t", label);
    const struct trace_slot *slot = &p->one->slot;
    if (p->one->worth[TRACE_LENGTH] == TRACE_AT_LEAST && p->one->peak_bounded && slot->inside_peak > slot->peak)
        snprintf(label, sizeof label, "longest: %" PRIu64 " to %" PRIu64, slot->peak, slot->inside_peak);
    else if (known(p, TRACE_LENGTH))
        snprintf(label, sizeof label, "longest: %s%" PRIu64, bound_of(p, TRACE_LENGTH), slot->peak);
    else
        snprintf(label, sizeof label, "as sampled, no more");
    svg_text(p->out, EDGE, bottom - 18, "start", "s", label);
    svg_text(p->out, EDGE, bottom - 4, "start", "t", "accept queue");
}

static void draw_queue(const struct panel *p, double top)
{
    char x[SVG_NUMBER_SIZE], y[SVG_NUMBER_SIZE];
    uint64_t longest = longest_queue(p), capacity = p->one->surveyed ? p->one->now.capacity : 0, holds = capacity;
    for (size_t i = 0; i < p->track->count; i++)
        holds = p->track->points[i].capacity > holds ? p->track->points[i].capacity : holds;
    /* A capacity far beyond what was needed is told, not drawn: the line would lie flat. */
    bool drawn = holds && capacity && holds / 20 <= longest;
    uint64_t most = drawn && holds > longest ? holds : longest;
    double bottom = top + QUEUE_HEIGHT, scale = (QUEUE_HEIGHT - 10) / (double)most;
    svg_line(p->out, LEFT, bottom, LEFT + ROOM, bottom, "l");
    fprintf(p->out, "<path fill=\"" SVG_BLUE "\" fill-opacity=\"0.4\" d=\"");
    write_steps(p, bottom, scale);
    fprintf(p->out, " V%s H%s Z\"/>\n<path class=\"k\" d=\"", svg_number(bottom, y), svg_number(LEFT, x));
    write_steps(p, bottom, scale);
    fputs("\"/>\n", p->out);
    if (drawn)
        draw_capacity(p, bottom, scale);
    label_queue(p, top, bottom, scale, capacity, drawn);
}

/* ---- Drops ---- */

/* "at least 12 SYNs". Returns out. */
#define STAGE_TEXT_SIZE 64
static const char *stage_text(const struct panel *p, enum trace_figure figure, uint64_t count, char out[STAGE_TEXT_SIZE])
{
    const char *what = figure == TRACE_SYN ? "SYN" : "last ACK";
    if (known(p, figure))
        snprintf(out, STAGE_TEXT_SIZE, "%s%" PRIu64 " %s%s", bound_of(p, figure), count, what, plural(count));
    else
        snprintf(out, STAGE_TEXT_SIZE, "%ss: not known", what);
    return out;
}

static void draw_bar(const struct panel *p, const struct trace_point *point, double bottom, double scale)
{
    double from = x_of(p, point->from), width = x_of(p, point->to) - from;
    double syn = scale * (double)point->span.syn, ack = scale * (double)point->span.ack;
    width = width > 1.2 ? width - 0.2 : 1;
    /* What is not 0 at all is seen. */
    syn = point->span.syn && syn < 1 ? 1 : syn, ack = point->span.ack && ack < 1 ? 1 : ack;
    if (point->span.syn)
        svg_rect(p->out, from, bottom - syn, width, syn, SYN_FILL);
    if (point->span.ack)
        svg_rect(p->out, from, bottom - syn - ack, width, ack, ACK_FILL);
}

static void draw_drops(const struct panel *p, double top)
{
    double most = 0, bottom = top + DROPS_HEIGHT;
    char label[STAGE_TEXT_SIZE];
    for (size_t i = 0; i < p->track->count; i++) {
        double drops = (double)p->track->points[i].span.syn + (double)p->track->points[i].span.ack;
        most = drops > most ? drops : most;
    }
    svg_line(p->out, LEFT, bottom, LEFT + ROOM, bottom, "l");
    if (most > 0) {
        snprintf(label, sizeof label, "%.0f", most);
        svg_line(p->out, LEFT, top + 6, LEFT + ROOM, top + 6, "l");
        svg_text(p->out, LEFT - 8, top + 10, "end", "s", label);
    }
    for (size_t i = 0; i < p->track->count && most > 0; i++)
        draw_bar(p, &p->track->points[i], bottom, (DROPS_HEIGHT - 6) / most);
    svg_text(p->out, EDGE, bottom - 32, "start", "s", "dropped");
    svg_text(p->out, EDGE, bottom - 18, "start", "t", stage_text(p, TRACE_SYN, p->one->slot.syn.count, label));
    svg_text(p->out, EDGE, bottom - 4, "start", "t", stage_text(p, TRACE_ACK, p->one->slot.ack.count, label));
}

/* ---- Waits ---- */

/* A logarithmic scale, in tenfold steps of a microsecond. */
struct scale {
    double bottom, height;
    nsec from, to;
};

/* How many tenfolds it is, by straight lines in between: a picture needs no more. */
static double tenfolds(nsec wait)
{
    double whole = 0, rest = wait > NSEC_PER_USEC ? (double)wait / NSEC_PER_USEC : 1;
    for (; rest >= 10; rest /= 10)
        whole++;
    return whole + (rest < 2 ? 0.301 * (rest - 1) : rest < 5 ? 0.301 + 0.1327 * (rest - 2) : 0.699 + 0.0602 * (rest - 5));
}

static double y_of(const struct scale *scale, nsec wait)
{
    return scale->bottom -
           scale->height * (tenfolds(wait) - tenfolds(scale->from)) / (tenfolds(scale->to) - tenfolds(scale->from));
}

static struct scale scale_of(const struct panel *p, double top)
{
    nsec least = 0, most = 0, from = NSEC_PER_USEC;
    bool any = false;
    for (size_t i = 0; i < p->track->count; i++) {
        const struct trace_span *span = &p->track->points[i].span;
        if (!span->samples)
            continue;
        least = !any || span->p50.low < least ? span->p50.low : least;
        any = true;
        most = span->max.high > most ? span->max.high : most;
    }
    while (from * 10 <= least && from < 1000 * NSEC_PER_SEC)
        from *= 10;
    nsec to = from * 10;
    while (to < most && to < 100000 * NSEC_PER_SEC)
        to *= 10;
    return (struct scale){top + WAITS_HEIGHT, WAITS_HEIGHT - 10, from, to};
}

/* From the lower to the upper bound: where it is between them is not known. */
static void draw_wait(const struct panel *p, const struct scale *scale, const struct trace_point *point,
                      const struct trace_quantile *q, const char *fill, double least)
{
    double from = x_of(p, point->from), width = x_of(p, point->to) - from;
    double high = y_of(scale, q->high), height = y_of(scale, q->low) - high;
    double more = height < least ? least - height : 0;
    svg_rect(p->out, from, high - more / 2, width > 1.5 ? width - 0.5 : 1.5, height + more, fill);
}

static void draw_waits(const struct panel *p, double top)
{
    char text[NSEC_TEXT_SIZE];
    struct scale scale = scale_of(p, top);
    svg_text(p->out, EDGE, scale.bottom - 32, "start", "t", "wait until");
    svg_text(p->out, EDGE, scale.bottom - 18, "start", "t", "accepted");
    if (p->one->worth[TRACE_WAIT] != TRACE_EXACT)
        svg_text(p->out, EDGE, scale.bottom - 4, "start", "s", known(p, TRACE_WAIT) ? "where seen" : "not known");
    for (nsec at = scale.from; at <= scale.to; at *= 10) {
        svg_line(p->out, LEFT, y_of(&scale, at), LEFT + ROOM, y_of(&scale, at), "l");
        svg_text(p->out, LEFT - 8, y_of(&scale, at) + 4, "end", "s", nsec_text(at, text));
    }
    for (size_t i = 0; i < p->track->count; i++) {
        const struct trace_point *point = &p->track->points[i];
        if (!point->span.samples)
            continue;
        draw_wait(p, &scale, point, &point->span.max, SVG_GREY, 4);
        draw_wait(p, &scale, point, &point->span.p99, SVG_GREEN, 2);
        draw_wait(p, &scale, point, &point->span.p50, SVG_BLUE, 2);
    }
}

/* ---- A listener ---- */

static void draw_axis(const struct panel *p, double top, double bottom)
{
    char text[NSEC_TEXT_SIZE];
    nsec end = p->m->elapsed > 0 ? p->m->elapsed : 1, step = axis_step(end, 10);
    for (nsec at = 0; at <= end; at += step) {
        svg_line(p->out, x_of(p, at), top, x_of(p, at), bottom + 5, "l");
        svg_text(p->out, x_of(p, at), bottom + 18, at ? "middle" : "start", "t", nsec_text(at, text));
    }
    svg_text(p->out, LEFT + ROOM, bottom + 34, "end", "s", "time since the trace began");
}

/* What a pointer that rests on it is told, and who hears the picture. */
static void write_point(const struct panel *p, const struct trace_point *point)
{
    const struct trace_span *span = &point->span;
    char text[TRACE_BOUNDS_SIZE], from[NSEC_TEXT_SIZE], stage[STAGE_TEXT_SIZE];
    fprintf(p->out, "<title>%s to %s: ", nsec_text(point->from, from), nsec_text(point->to, text));
    if (known(p, TRACE_LENGTH))
        fprintf(p->out, "queue up to %s%" PRIu64 ", ", bound_of(p, TRACE_LENGTH), span->peak);
    fprintf(p->out, "%" PRIu64 " entered, %" PRIu64 " accepted, ", span->entered, span->accepted + span->unseen);
    fprintf(p->out, "%s, ", stage_text(p, TRACE_SYN, span->syn, stage));
    fprintf(p->out, "%s dropped, %" PRIu64 " left", stage_text(p, TRACE_ACK, span->ack, stage), span->left);
    if (span->samples) {
        fprintf(p->out, "; waited p50 %s, ", trace_bounds_text(&span->p50, text));
        fprintf(p->out, "p99 %s, ", trace_bounds_text(&span->p99, text));
        fprintf(p->out, "max %s", trace_bounds_text(&span->max, text));
    }
    fputs("</title>", p->out);
}

static void draw_points(const struct panel *p, double top, double bottom)
{
    for (size_t i = 0; i < p->track->count; i++) {
        const struct trace_point *point = &p->track->points[i];
        char a[SVG_NUMBER_SIZE], b[SVG_NUMBER_SIZE], c[SVG_NUMBER_SIZE], d[SVG_NUMBER_SIZE];
        double from = x_of(p, point->from), width = x_of(p, point->to) - from;
        fprintf(p->out, "<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" fill-opacity=\"0\">", svg_number(from, a),
                svg_number(top, b), svg_number(width > 1 ? width : 1, c), svg_number(bottom - top, d));
        write_point(p, point);
        fputs("</rect>\n", p->out);
    }
}

static void draw_panel(const struct panel *p)
{
    char place[REPORT_PLACE_SIZE], text[REPORT_PLACE_SIZE + 256];
    double queue = p->top + NAME_HEIGHT, drops = queue + QUEUE_HEIGHT + GAP, waits = drops + DROPS_HEIGHT + GAP;
    snprintf(text, sizeof text, p->one->now.pid ? "%s  %s/%d" : "%s", report_place(&p->one->now, place), p->one->now.process,
             (int)p->one->now.pid);
    fputs("<g>\n", p->out);
    svg_text(p->out, EDGE, p->top + 14, "start", "h", text);
    snprintf(text, sizeof text, "%s%" PRIu64 " connections entered, %s%" PRIu64 " accepted, %" PRIu64 " left otherwise%s",
             bound_of(p, TRACE_ENTERED), p->one->slot.entered, bound_of(p, TRACE_WAIT), trace_span_all(p->one).accepted,
             trace_span_all(p->one).left, p->one->slot.closed ? "; it listens no more" : "");
    if (p->one->slot.syn_queue.count)
        snprintf(text + strlen(text), sizeof text - strlen(text), "; %s%" PRIu64 " SYNs dropped on the full SYN queue",
                 bound_of(p, TRACE_SYN_QUEUE), p->one->slot.syn_queue.count);
    svg_text(p->out, EDGE, p->top + 31, "start", "s", text);
    if (p->track->width > 1) {
        snprintf(text, sizeof text, "each column: up to %" PRIu64 " intervals, their longest queue, their sums", p->track->width);
        svg_text(p->out, LEFT + ROOM, p->top + 31, "end", "s", text);
    }
    draw_axis(p, queue, waits + WAITS_HEIGHT);
    draw_queue(p, queue);
    draw_drops(p, drops);
    draw_waits(p, waits);
    draw_points(p, queue, waits + WAITS_HEIGHT);
    fputs("</g>\n", p->out);
}

/* ---- Which are drawn ---- */

bool trace_is_busier(const struct traced *a, const struct traced *b)
{
    uint64_t drops = a->slot.syn.count + a->slot.ack.count, others = b->slot.syn.count + b->slot.ack.count;
    return drops != others ? drops > others : a->slot.entered > b->slot.entered;
}

size_t trace_drawn(const struct trace_model *m, const struct trace_history *history, size_t drawn[TRACE_DRAWN], size_t *all)
{
    size_t count = 0;
    *all = 0;
    for (size_t i = 0; i < m->count && i < history->count; i++) {
        if (!m->list[i].selected || !history->tracks[i].count)
            continue;
        size_t place = count;
        ++*all;
        while (place && trace_is_busier(&m->list[i], &m->list[drawn[place - 1]]))
            place--;
        if (place == TRACE_DRAWN)
            continue;
        count = count < TRACE_DRAWN ? count + 1 : count;
        memmove(&drawn[place + 1], &drawn[place], (count - 1 - place) * sizeof *drawn);
        drawn[place] = i;
    }
    return count;
}

size_t trace_missed(const struct trace_model *m, const struct trace_history *history)
{
    size_t missed = 0;
    for (size_t i = 0; i < m->count && i < history->count; i++)
        missed += m->list[i].selected && history->tracks[i].missed;
    return missed;
}

/* ---- The whole ---- */

static void draw_legend(FILE *out)
{
    static const struct {
        const char *fill, *words;
    } rows[] = {{SVG_BLUE, "longest queue; wait: p50"},
                {SVG_GREEN, "p99"},
                {SVG_GREY, "longest"},
                {SYN_FILL, "SYNs dropped"},
                {ACK_FILL, "last ACKs dropped"}};
    double x = EDGE;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        x = svg_legend(out, x, 66, rows[i].fill, rows[i].words);
    svg_line(out, x, 62, x + 22, 62, "c");
    svg_text(out, x + 28, 66, "start", "t", "what the queue holds");
}

void draw_trace(FILE *out, enum svg_form form, const struct trace_model *m, const struct trace_history *history)
{
    size_t drawn[TRACE_DRAWN], all, listeners = 0, count = trace_drawn(m, history, drawn, &all),
                                    missed = trace_missed(m, history);
    char title[160], description[256], span[NSEC_TEXT_SIZE];
    for (size_t i = 0; i < m->count; i++)
        listeners += m->list[i].selected;
    snprintf(title, sizeof title, "backlogctl trace: something happened at %zu of %zu listener%s in %s", all + missed, listeners,
             plural(listeners), nsec_text(m->elapsed, span));
    size_t used = (size_t)snprintf(description, sizeof description, "from %s to %s", m->began_at, m->at);
    if (count < all)
        used += (size_t)snprintf(description + used, sizeof description - used,
                                 "; %zu listeners with fewer drops and connections are left out", all - count);
    if (missed)
        snprintf(description + used, sizeof description - used, "; of %zu there was no room to keep the intervals", missed);
    svg_begin(out, form, WIDTH, HEAD + PANEL_HEIGHT * (double)count, title, description);
    svg_text(out, EDGE, 26, "start", "h", title);
    svg_text(out, EDGE, 45, "start", "s", description);
    if (count)
        draw_legend(out);
    for (size_t i = 0; i < count; i++) {
        struct panel panel = {out, m, &m->list[drawn[i]], &history->tracks[drawn[i]], HEAD + PANEL_HEIGHT * (double)i};
        draw_panel(&panel);
    }
    svg_end(out);
}

void report_trace_svg(FILE *out, const struct trace_model *m, const struct trace_history *history)
{
    draw_trace(out, SVG_FILE, m, history);
}
