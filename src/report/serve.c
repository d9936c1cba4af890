/* What serve says: the ready line, an event a line, and the summary. */
#include "emit.h"
#include "internal.h"

#include <errno.h>
#include <inttypes.h>

/* ---- Text ---- */

static void write_ready(FILE *out, const struct listener *listener, const struct server_settings *settings, uint32_t somaxconn)
{
    char text[NSEC_TEXT_SIZE];
    fprintf(out, ": backlog %" PRId32 " asked, %" PRIu64 " effective, holds %" PRIu64, settings->backlog, listener->backlog,
            listener->capacity);
    if (backlog_clamped(settings->backlog, listener)) {
        fputs(", clamped by net.core.somaxconn", out);
        if (somaxconn)
            fprintf(out, "=%" PRIu32, somaxconn);
    }
    fputs(", ", out);
    write_accept_plan(out, settings);
    if (settings->full)
        fputs(settings->accept_count ? ", and is kept full then" : ", is kept full", out);
    if (settings->duration > 0)
        fprintf(out, ", ends after %s", nsec_text(settings->duration, text));
}

void report_ready_text(FILE *out, const struct listener *listener, const struct server_settings *settings, uint32_t somaxconn,
                       const struct report_style *style)
{
    char address[REPORT_PLACE_SIZE];
    struct fold fold;
    report_place(listener, address);
    if (style->columns <= 0) { /* for scripts: every byte of the name */
        terminal_printf(out, "listening on %s", address);
        write_ready(out, listener, settings, somaxconn);
        putc('\n', out);
        return;
    }
    FILE *line = fold_begin(&fold, out, style->columns, 2);
    fprintf(line, "listening on %s", address);
    write_ready(line, listener, settings, somaxconn);
    fold_end(&fold);
}

static const char *event_color(enum server_event_kind kind)
{
    switch (kind) {
    case SERVER_ACCEPTED:
        return COLOR_GREEN;
    case SERVER_QUEUE:
        return COLOR_YELLOW;
    case SERVER_DROPPED:
    case SERVER_STARVED:
    case SERVER_FULL:
        return COLOR_RED;
    case SERVER_CLOSED:
    case SERVER_STOPPED:
    case SERVER_EVENT_COUNT:
        break;
    }
    return "";
}

/* What follows the event's name, up to the queue's length. */
static void emit_details(struct emitter *e, const struct server_event *event)
{
    switch (event->kind) {
    case SERVER_ACCEPTED:
    case SERVER_CLOSED:
        EMIT(e, " #");
        emit_number(e, event->number);
        emit_text(e, event->kind == SERVER_ACCEPTED ? " from " : " of ");
        emit_endpoint(e, &event->peer);
        EMIT(e, ", queue");
        break;
    case SERVER_DROPPED:
        EMIT(e, " ");
        emit_number(e, event->number);
        emit_text(e, event->number == 1 ? " packet, " : " packets, ");
        emit_number(e, event->discarded);
        EMIT(e, " in all, queue");
        break;
    case SERVER_STOPPED:
        EMIT(e, " accepting, the rest stays in the queue,");
        break;
    case SERVER_FULL:
        EMIT(e, " from now on, queue");
        break;
    case SERVER_STARVED:
        emit_text(e, event->number == EMFILE || event->number == ENFILE ? " of descriptors" : " of memory");
        EMIT(e, ", accepts again when there is some, queue");
        break;
    case SERVER_QUEUE:
    case SERVER_EVENT_COUNT:
        break;
    }
}

/* "+0.012s  " */
static void emit_stamp(struct emitter *e, nsec at)
{
    uint64_t msec = (uint64_t)(at / NSEC_PER_MSEC);
    const char digits[] = {'.', (char)('0' + msec / 100 % 10), (char)('0' + msec / 10 % 10), (char)('0' + msec % 10)};
    EMIT(e, "+");
    emit_number(e, msec / 1000);
    emit_bytes(e, digits, sizeof digits);
    EMIT(e, "s  ");
}

void report_event_text(FILE *out, const struct server_event *event, const struct report_style *style)
{
    struct emitter e;
    bool colored = style->color && *event_color(event->kind);
    emit_begin(&e, out);
    emit_stamp(&e, event->at);
    emit_text(&e, colored ? event_color(event->kind) : "");
    emit_text(&e, server_event_name(event->kind));
    emit_text(&e, colored ? COLOR_NONE : "");
    emit_details(&e, event);
    EMIT(&e, " ");
    emit_number(&e, event->queue);
    EMIT(&e, " of ");
    emit_number(&e, event->capacity);
    emit_text(&e, event->queue >= event->capacity && event->capacity ? " (full)\n" : "\n");
    emit_flush(&e);
}

void report_totals_text(FILE *out, const struct server_totals *totals, nsec elapsed, const struct report_style *style)
{
    char text[NSEC_TEXT_SIZE];
    struct fold fold;
    fprintf(fold_begin(&fold, out, style->columns, 2),
            "after %s: accepted %" PRIu64 ", closed %" PRIu64 ", open %" PRIu64 "; queue %" PRIu64 " left, at least %" PRIu64
            " at its peak; discarded %" PRIu64 " packet%s",
            nsec_text(elapsed, text), totals->accepted, totals->closed, totals->open, totals->queue, totals->peak_queue,
            totals->discarded, plural(totals->discarded));
    fold_end(&fold);
}

/* ---- JSON ---- */

int report_ready_json(FILE *out, const struct listener *listener, const struct server_settings *settings, uint32_t somaxconn)
{
    json_t *object =
        json_pack("{s:s, s:s, s:o, s:o, s:i, s:I, s:I, s:o, s:b, s:o, s:o, s:o, s:o, s:b}", "event", "listening", "kind",
                  socket_kind_name((enum socket_kind)listener->kind), "family", json_family(&listener->local), "address",
                  json_address(&listener->local), "asked", (int)settings->backlog, "backlog", (json_int_t)listener->backlog,
                  "capacity", (json_int_t)listener->capacity, "somaxconn", json_known(somaxconn, somaxconn), "clamped",
                  backlog_clamped(settings->backlog, listener), "accept_count",
                  json_known(settings->accept_count >= 0, (uint64_t)settings->accept_count), "accept_delay_us",
                  json_span(settings->accept_delay), "duration_us",
                  settings->duration > 0 ? json_span(settings->duration) : json_null(), "greeting", json_text(settings->greeting),
                  "full", settings->full && !settings->accept_count);
    json_add_listener_place(&object, listener);
    return write_json_line(out, object);
}

/* The members that only one kind of event has. */
static void emit_json_details(struct emitter *e, const struct server_event *event)
{
    char name[ERRNO_TEXT_SIZE];
    if (event->kind == SERVER_ACCEPTED || event->kind == SERVER_CLOSED) {
        EMIT(e, ",\"peer\":");
        emit_json_endpoint(e, &event->peer);
        EMIT(e, ",\"number\":");
        emit_number(e, event->number);
    } else if (event->kind == SERVER_DROPPED) {
        EMIT(e, ",\"dropped\":");
        emit_number(e, event->number);
    } else if (event->kind == SERVER_STARVED) {
        EMIT(e, ",\"error\":");
        emit_json_word(e, errno_text((int)event->number, name));
    }
}

void report_event_json(FILE *out, const struct server_event *event)
{
    struct emitter e;
    emit_begin(&e, out);
    EMIT(&e, "{\"event\":");
    emit_json_word(&e, server_event_name(event->kind));
    EMIT(&e, ",\"at_us\":");
    emit_json_span(&e, event->at);
    EMIT(&e, ",\"listener\":");
    if (event->path)
        emit_json_word(&e, event->path);
    else
        emit_json_endpoint(&e, &event->local);
    EMIT(&e, ",\"queue\":");
    emit_number(&e, event->queue);
    EMIT(&e, ",\"capacity\":");
    emit_number(&e, event->capacity);
    EMIT(&e, ",\"discarded\":");
    emit_number(&e, event->discarded);
    emit_json_details(&e, event);
    EMIT(&e, "}\n");
    emit_flush(&e);
}

int report_totals_json(FILE *out, const struct server_totals *totals, nsec elapsed)
{
    return write_json_line(out, json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "event", "totals", "elapsed_us",
                                          json_span(elapsed), "accepted", (json_int_t)totals->accepted, "closed",
                                          (json_int_t)totals->closed, "open", (json_int_t)totals->open, "queue",
                                          (json_int_t)totals->queue, "peak_queue", (json_int_t)totals->peak_queue, "discarded",
                                          (json_int_t)totals->discarded));
}
