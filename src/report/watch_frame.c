/* The live view of watched listeners as lines of text with a style each; somebody else puts them on a screen. */
#include "watch_internal.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

/* Lines around the rows: title and header above; selection, history, remark, alert and keys below. */
#define ABOVE 2
#define BELOW 5

static struct frame_line *add(struct frame *frame, enum frame_style style)
{
    if (frame->count == frame->rows)
        return NULL;
    struct frame_line *line = &frame->lines[frame->count++];
    line->style = style;
    line->text[0] = '\0';
    return line;
}

__attribute__((format(printf, 3, 4))) static void add_text(struct frame *frame, enum frame_style style, const char *format, ...)
{
    struct frame_line *line = add(frame, style);
    if (!line)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(line->text, sizeof line->text, format, args);
    va_end(args);
}

static void add_title(struct frame *frame, const struct watching *w, const struct watch_view *view)
{
    char interval[NSEC_TEXT_SIZE], time[16];
    snprintf(time, sizeof time, "%.8s", strlen(w->at) > 19 ? w->at + 11 : "");
    add_text(frame, FRAME_TITLE, "backlogctl watch%s%s  %s UTC  every %s  somaxconn %" PRId64 "  %zu of %zu listeners%s%s", *w->netns.name ? " " : "",
             w->netns.name, time, nsec_text(w->interval, interval), w->netns.somaxconn, view->count, w->count,
             view->paused ? "  PAUSED" : "", w->owners_unseen ? "  (some processes hidden)" : "");
}

static enum frame_style style_of(const struct watched *one, bool selected)
{
    if (selected)
        return FRAME_SELECTED;
    if (one->state == WATCH_GONE)
        return FRAME_DIM;
    if (one->now.remarks & (1u << REMARK_FULL | 1u << REMARK_DROPPING | 1u << REMARK_NOT_ACCEPTING))
        return FRAME_ALARM;
    return one->state == WATCH_APPEARED ? FRAME_NEWS : FRAME_PLAIN;
}

static void add_rows(struct frame *frame, const struct watching *w, const struct watch_view *view, size_t room)
{
    size_t top = view->selected >= room ? view->selected - room + 1 : 0;
    for (size_t i = 0; i < room; i++) {
        size_t at = top + i;
        struct frame_line *line = add(frame, at < view->count ? style_of(&w->list[view->order[at]], at == view->selected) : FRAME_PLAIN);
        if (line && at < view->count)
            watch_row(&w->list[view->order[at]], frame->columns, frame->utf8, line->text);
        else if (line && !i)
            snprintf(line->text, sizeof line->text, "%s%s", *view->filter ? "no listener matches the filter: " : "no listener here", view->filter);
    }
}

static void add_selection(struct frame *frame, const struct watching *w, const struct watched *one)
{
    char place[REPORT_PLACE_SIZE], ago[NSEC_TEXT_SIZE], spark[WATCH_TEXT_SIZE], remarks[LIST_CELL_SIZE];
    double hz = w->interval > 0 ? (double)one->samples * NSEC_PER_SEC / (double)w->interval : 0;
    nsec since = w->elapsed - one->peak_at;
    if (one->peak)
        add_text(frame, FRAME_BOLD, "%s: peak %" PRIu64 " of %" PRIu64 " %s ago, sampled %.0f/s: shorter bursts may pass unseen, so a lower bound",
                 report_place(&one->now, place), one->peak, one->now.capacity, nsec_text(since - since % (NSEC_PER_SEC / 10), ago), hz);
    else
        add_text(frame, FRAME_BOLD, "%s: nobody seen waiting yet, sampled %.0f/s: shorter bursts may pass unseen",
                 report_place(&one->now, place), hz);
    add_text(frame, FRAME_PLAIN, "last minute |%s| of %" PRIu64,
             watch_spark(one, (uint32_t)(w->elapsed / NSEC_PER_SEC), frame->utf8, spark), one->now.capacity);
    text_of_remarks(&one->now, remarks);
    add_text(frame, FRAME_PLAIN, "backlog %" PRIu64 ", %" PRIu32 " half-open, %" PRIu64 " new drops%s%s%s", one->now.backlog,
             one->now.half_open, one->new_drops, strcmp(remarks, "-") ? "; " : "", strcmp(remarks, "-") ? remarks : "",
             one->state == WATCH_GONE ? "; GONE: nobody listens there any more" : "");
}

static void add_alerts(struct frame *frame, const struct watching *w)
{
    const struct alert *last = NULL;
    size_t holding = 0;
    for (size_t i = 0; i < w->alert_count; i++) {
        holding += w->alerts[i].holds;
        if (w->alerts[i].ever && (!last || w->alerts[i].at >= last->at))
            last = &w->alerts[i];
    }
    struct frame_line *line = add(frame, holding ? FRAME_ALARM : FRAME_PLAIN);
    if (line && last)
        watch_alert_text(last, line->text);
    else if (line && w->alert_count)
        snprintf(line->text, sizeof line->text, "no alert so far");
}

static void add_keys(struct frame *frame, const struct watch_view *view)
{
    if (view->typing)
        add_text(frame, FRAME_TITLE, "filter: %s_  (Enter keeps it, Esc shows all)", view->filter);
    else
        add_text(frame, FRAME_TITLE, "q quit  j/k move  s sort: %s%s  r reverse  / filter%s%s  p pause", view->reverse ? "-" : "",
                 view->sort_name, *view->filter ? ": " : "", view->filter);
}

void report_watch_frame(struct frame *frame, const struct watching *w, const struct watch_view *view)
{
    frame->count = 0;
    if (frame->rows < FRAME_ROWS_MIN || frame->columns < FRAME_COLUMNS_MIN) {
        add_text(frame, FRAME_PLAIN, "too small: want %dx%d", FRAME_COLUMNS_MIN, FRAME_ROWS_MIN);
        return;
    }
    add_title(frame, w, view);
    struct frame_line *header = add(frame, FRAME_BOLD);
    watch_header(header->text, frame->columns);
    add_rows(frame, w, view, frame->rows - ABOVE - BELOW);
    if (view->selected < view->count) {
        add_selection(frame, w, &w->list[view->order[view->selected]]);
    } else {
        for (int i = 0; i < 3; i++)
            add(frame, FRAME_PLAIN);
    }
    add_alerts(frame, w);
    add_keys(frame, view);
}
