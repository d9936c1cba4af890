/* The live view of watched listeners as lines of text with their styles; somebody else puts them on a screen. */
#include "watch_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Title, header and keys. */
#define AROUND 3

/* ---- The list ---- */

static void add_row(struct frame *frame, const struct watch_layout *layout, const struct listener_history *one, bool selected)
{
    enum frame_style style = watch_style(layout->w, one);
    struct frame_line *line = frame_add(frame, selected ? FRAME_SELECTED : style);
    if (!line)
        return;
    int cells = watch_row(layout, one, line->text), bar = watch_column_at(layout, WATCH_BAR);
    if (!selected && bar >= 0 && bar < cells)
        frame_part(line, bar, layout->width[WATCH_BAR], watch_bar_style(one));
}

static void put_row(struct frame *frame, void *context, size_t i, bool selected)
{
    const struct watch_layout *layout = context;
    add_row(frame, layout, &layout->w->list[i], selected);
}

static void add_rows(struct frame *frame, const struct watch_model *w, const struct frame_view *view, size_t room)
{
    struct watch_layout layout = {.w = w, .utf8 = frame->utf8};
    watch_layout_screen(&layout, frame->columns);
    struct frame_line *header = frame_add(frame, FRAME_HEAD);
    watch_header(&layout, header->text);
    frame_rows(frame, view, w->count, room, put_row, &layout);
}

/* ---- The selected listener ---- */

static void add_name(struct frame *frame, const struct watch_model *w, const struct listener_history *one)
{
    char place[REPORT_PLACE_SIZE], ago[NSEC_TEXT_SIZE], owner[64] = "owner not seen";
    if (one->now.pid && one->now.processes > 1)
        snprintf(owner, sizeof owner, "%s/%d and %" PRIu32 " more", one->now.process, (int)one->now.pid, one->now.processes - 1);
    else if (one->now.pid)
        snprintf(owner, sizeof owner, "%s/%d", one->now.process, (int)one->now.pid);
    nsec since = w->elapsed - one->changed;
    nsec_text(since - since % NSEC_PER_SEC, ago);
    struct frame_line *line = frame_text(frame, FRAME_HEAD, " %s  %s  %s", report_place(&one->now, place),
                                         socket_kind_name((enum socket_kind)one->now.kind), owner);
    if (!line)
        return;
    size_t used = strlen(line->text);
    if (one->state == WATCH_GONE)
        snprintf(line->text + used, sizeof line->text - used, "  GONE %s ago", ago);
    else if (watch_is_new(w, one))
        snprintf(line->text + used, sizeof line->text - used, "  NEW %s ago", ago);
    else if (one->now.group > 1)
        snprintf(line->text + used, sizeof line->text - used, "  %" PRIu32 " of %" PRIu32 " in its reuseport group",
                 one->now.member, one->now.group);
}

static void add_peak(struct frame *frame, const struct watch_model *w, const struct listener_history *one)
{
    char ago[NSEC_TEXT_SIZE], oldest[NSEC_TEXT_SIZE], text[WATCH_TEXT_SIZE];
    nsec since = w->elapsed - one->peak_at;
    since -= since % (since < NSEC_PER_SEC ? NSEC_PER_SEC / 10 : NSEC_PER_SEC);
    size_t room = sizeof text;
    size_t used = (size_t)snprintf(text, room, "queue %" PRIu64 " of %" PRIu64 ", ", one->now.queue, one->now.capacity);
    if (one->peak)
        used += (size_t)snprintf(text + used, room - used, "peak %" PRIu64 " (%" PRIu64 "%%) %s ago", one->peak,
                                 one->now.capacity ? one->peak * 100 / one->now.capacity : 0, nsec_text(since, ago));
    else
        used += (size_t)snprintf(text + used, room - used, "nobody seen waiting yet");
    if (one->now.oldest_known)
        used += (size_t)snprintf(text + used, room - used, ", oldest waits %s",
                                 nsec_text(one->now.oldest_ms * NSEC_PER_MSEC, oldest));
    if (one->now.half_open_known)
        snprintf(text + used, room - used, ", %" PRIu32 " half-open", one->now.half_open);
    frame_folded(frame, FRAME_PLAIN, text);
}

static void add_drops(struct frame *frame, const struct listener_history *one)
{
    char made[INTERVAL_TEXT_SIZE], watched[INTERVAL_TEXT_SIZE], last[INTERVAL_TEXT_SIZE], text[WATCH_TEXT_SIZE];
    if (!one->now.discarded_known) {
        frame_text(frame, FRAME_PLAIN, "  drops are not counted for this kind of socket");
        return;
    }
    snprintf(text, sizeof text, "drops %s since it was made, %s while watched, %s in the last interval",
             interval_text(&one->now.overflows, made), interval_text(&one->overflows, watched),
             interval_text(&one->last.overflows, last));
    frame_folded(frame, one->last.overflows.min ? FRAME_ALARM : FRAME_PLAIN, text);
}

static void add_sampling(struct frame *frame, const struct watch_model *w, const struct frame_view *view,
                         const struct listener_history *one)
{
    double hz = watch_hz(w, one);
    char gap[NSEC_TEXT_SIZE], text[WATCH_TEXT_SIZE];
    if (watch_is_exact(one))
        watch_digest_words(text, &one->exact);
    else if (view->not_sampled)
        snprintf(text, sizeof text, "sampled once an interval only: %s", view->not_sampled);
    else if (hz > 0)
        snprintf(text, sizeof text, "sampled at %.0f Hz: a lower bound, as a burst within %s may pass unseen", hz,
                 nsec_text((nsec)((double)NSEC_PER_SEC / hz / 1e5) * 100000 + NSEC_PER_MSEC / 10, gap));
    else
        snprintf(text, sizeof text, "the peak is a lower bound: a burst between two looks may pass unseen");
    frame_folded(frame, FRAME_DIM, text);
    if (!w->not_exact)
        return;
    snprintf(text, sizeof text, "not exact: %s", w->not_exact);
    frame_folded(frame, FRAME_DIM, text);
}

static void add_remarks(struct frame *frame, const struct listener_history *one)
{
    char text[WATCH_TEXT_SIZE];
    for (enum remark r = 0; r < REMARK_COUNT && one->state != WATCH_GONE; r++)
        if (one->now.remarks >> r & 1) {
            snprintf(text, sizeof text, "%s: %s", remark_name(r), remark_meaning(r));
            frame_folded(frame, r <= REMARK_DROPPING || r == REMARK_NOT_ACCEPTING ? FRAME_ALARM : FRAME_PLAIN, text);
        }
}

/* What its holders did at the last look at them, which is told with its age. */
static void add_why(struct frame *frame, const struct watch_model *w, const struct listener_history *one)
{
    struct keep keep;
    if (w->why.cookie != one->now.cookie || w->why.netns != one->now.netns || !w->why.cookie)
        return;
    FILE *memory = keep_begin(&keep);
    if (memory)
        watch_why_words(memory, w);
    char *text = memory ? keep_end(&keep) : NULL;
    if (text)
        frame_folded(frame, FRAME_PLAIN, text);
    free(text);
}

/* The more important lines first, as many as there is room for. */
static void add_details(struct frame *frame, const struct watch_model *w, const struct frame_view *view, size_t room)
{
    size_t whole = frame->rows, end = frame->count + room;
    frame->rows = end;
    if (view->selected < view->count) {
        const struct listener_history *one = &w->list[view->order[view->selected]];
        char spark[WATCH_TEXT_SIZE];
        int width = frame->columns >= 80 ? 60 : 20;
        add_name(frame, w, one);
        add_peak(frame, w, one);
        frame_text(frame, FRAME_PLAIN, "  last minute %s%s%s", frame->utf8 ? "▕" : "|",
                   watch_spark(w, one, width, frame->utf8, spark), frame->utf8 ? "▏" : "|");
        add_drops(frame, one);
        add_sampling(frame, w, view, one);
        add_remarks(frame, one);
        add_why(frame, w, one);
    }
    while (frame->count < end)
        frame_add(frame, FRAME_PLAIN);
    frame->rows = whole;
}

/* ---- Alerts, keys, help ---- */

static void add_alert(struct frame *frame, const struct watch_model *w)
{
    const struct alert *last = NULL;
    char text[REPORT_ALERT_SIZE];
    size_t holding = 0;
    for (size_t i = 0; i < w->alert_count; i++) {
        const struct alert *alert = &w->alerts[i];
        holding += alert->holds;
        if (alert->times && (!last || alert->holds > last->holds || (alert->holds == last->holds && alert->at >= last->at)))
            last = alert;
    }
    bool stamped = last && frame->columns >= 60 && strlen(last->stamp) >= 20;
    if (!last)
        frame_text(frame, FRAME_PLAIN, " no alert so far");
    else
        frame_text(frame, holding ? FRAME_ALARM : FRAME_WARNING, " %s%s%.8s %s", holding ? "ALERT" : "was", stamped ? " " : "",
                   stamped ? last->stamp + 11 : "", report_alert(last, text));
}

static void add_help(struct frame *frame, size_t room)
{
    static const char *const lines[] = {
        "  Up Down j k    choose a listener",          "  PgUp PgDn      a page up, down",
        "  Home End g G   the first, the last",        "  s  r           sort by the next, reverse",
        "  /              filter by address, process", "  Esc            no filter",
        "  p Space   q    pause, go on; quit",         "",
        "  !  full, or dropping connections now",      "  ?  clients wait for a second and more",
        "  +  new    x  gone    -  none, unknown",     "  full   the queue, of what it holds",
        "  holds  connections that its queue holds",   "  peak   longest queue seen; 9+ maybe more",
        "  drops  A..B: somewhere between the two",    "  half   half-open: handshake not complete",
        "  oldest time that the first has waited",     "  last minute    its peaks, now at the right",
        "  remarks +2: two more; ..: a name is cut",   "  The chosen one is looked at some 1000",
        "  times a second, so that bursts between",    "  two screens are seen; the others once.",
    };
    frame_help(frame, lines, sizeof lines / sizeof *lines, room);
}

void report_watch_frame(struct frame *frame, const struct watch_model *w, const struct frame_view *view)
{
    if (!frame_begin(frame))
        return;
    size_t details, room = frame_divide(frame, view, AROUND + (w->alert_count > 0), &details);
    frame_title(frame, view, &(struct frame_title){"watch", w->at, w->interval, "", w->count, w->namespaces, w->namespace_count});
    if (view->help) {
        add_help(frame, frame->rows - 2);
    } else {
        add_rows(frame, w, view, room);
        add_details(frame, w, view, details);
        if (w->alert_count)
            add_alert(frame, w);
    }
    frame_keys(frame, view, "");
}
