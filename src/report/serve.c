/* What serve says: the ready line, an event a line, and the summary. */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>

/* ---- Text ---- */

void report_ready_text(FILE *out, const struct listener *listener, const struct server_settings *settings,
                       uint32_t somaxconn)
{
    char text[NSEC_TEXT_SIZE], address[ENDPOINT_TEXT_SIZE];
    fprintf(out, "listening on %s: backlog %" PRId32 " asked, %" PRIu64 " effective, holds %" PRIu64,
            endpoint_text(&listener->local, address), settings->backlog, listener->backlog,
            listener->capacity);
    if (backlog_clamped(settings->backlog, listener)) {
        fputs(", clamped by net.core.somaxconn", out);
        if (somaxconn)
            fprintf(out, "=%" PRIu32, somaxconn);
    }
    fputs(", ", out);
    write_accept_plan(out, settings);
    if (settings->duration > 0)
        fprintf(out, ", ends after %s", nsec_text(settings->duration, text));
    putc('\n', out);
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
        return COLOR_RED;
    case SERVER_CLOSED:
    case SERVER_STOPPED:
    case SERVER_EVENT_COUNT:
        break;
    }
    return "";
}

/* What follows the event's name, up to the queue's length. */
static void write_event_details(FILE *out, const struct server_event *event)
{
    char peer[ENDPOINT_TEXT_SIZE];
    switch (event->kind) {
    case SERVER_ACCEPTED:
        fprintf(out, " #%" PRIu64 " from %s, queue", event->number, endpoint_text(&event->peer, peer));
        break;
    case SERVER_CLOSED:
        fprintf(out, " #%" PRIu64 " of %s, queue", event->number, endpoint_text(&event->peer, peer));
        break;
    case SERVER_DROPPED:
        fprintf(out, " %" PRIu64 " packet%s, %" PRIu64 " in all, queue", event->number, plural(event->number),
                event->drops);
        break;
    case SERVER_STOPPED:
        fputs(" accepting, the rest stays in the queue,", out);
        break;
    case SERVER_STARVED:
        fprintf(out, " of %s, accepts again when there is some, queue",
                event->number == EMFILE || event->number == ENFILE ? "descriptors" : "memory");
        break;
    case SERVER_QUEUE:
    case SERVER_EVENT_COUNT:
        break;
    }
}

void report_event_text(FILE *out, const struct server_event *event, const struct report_style *style)
{
    fprintf(out, "+%.3fs  ", (double)event->at / NSEC_PER_SEC);
    if (*event_color(event->kind))
        write_colored(out, style, event_color(event->kind), server_event_name(event->kind));
    else
        fputs(server_event_name(event->kind), out);
    write_event_details(out, event);
    fprintf(out, " %" PRIu64 " of %" PRIu64 "%s\n", event->queue, event->capacity,
            event->queue >= event->capacity && event->capacity ? " (full)" : "");
}

void report_totals_text(FILE *out, const struct server_totals *totals, nsec elapsed)
{
    char text[NSEC_TEXT_SIZE];
    fprintf(out,
            "after %s: accepted %" PRIu64 ", closed %" PRIu64 ", open %" PRIu64 "; queue %" PRIu64
            " left, at least %" PRIu64 " at its peak; dropped %" PRIu64 " packet%s\n",
            nsec_text(elapsed, text), totals->accepted, totals->closed, totals->open, totals->queue,
            totals->peak_queue, totals->drops, plural(totals->drops));
}

/* ---- JSON ---- */

void report_ready_json(FILE *out, const struct listener *listener, const struct server_settings *settings,
                       uint32_t somaxconn)
{
    write_json_line(out,
                    json_pack("{s:s, s:o, s:o, s:i, s:i, s:I, s:I, s:o, s:b, s:o, s:o, s:o, s:o}", "event",
                              "listening", "family", json_family(&listener->local), "address",
                              json_address(&listener->local), "port", (int)listener->local.port, "asked",
                              (int)settings->backlog, "backlog", (json_int_t)listener->backlog, "capacity",
                              (json_int_t)listener->capacity, "somaxconn", json_known(somaxconn, somaxconn),
                              "clamped", backlog_clamped(settings->backlog, listener), "accept_count",
                              json_known(settings->accept_count >= 0, (uint64_t)settings->accept_count),
                              "accept_delay_us", json_span(settings->accept_delay), "duration_us",
                              settings->duration > 0 ? json_span(settings->duration) : json_null(),
                              "greeting", json_text(settings->greeting)));
}

void report_event_json(FILE *out, const struct server_event *event)
{
    json_t *object = json_pack("{s:s, s:o, s:o, s:I, s:I, s:I}", "event", server_event_name(event->kind),
                               "at_us", json_span(event->at), "listener", json_endpoint(&event->local),
                               "queue", (json_int_t)event->queue, "capacity", (json_int_t)event->capacity,
                               "drops", (json_int_t)event->drops);
    if (event->kind == SERVER_ACCEPTED || event->kind == SERVER_CLOSED) {
        json_object_set_new(object, "peer", json_endpoint(&event->peer));
        json_object_set_new(object, "number", json_integer((json_int_t)event->number));
    } else if (event->kind == SERVER_DROPPED) {
        json_object_set_new(object, "dropped", json_integer((json_int_t)event->number));
    } else if (event->kind == SERVER_STARVED) {
        char name[ERRNO_TEXT_SIZE];
        json_object_set_new(object, "error", json_text(errno_text((int)event->number, name)));
    }
    write_json_line(out, object);
}

void report_totals_json(FILE *out, const struct server_totals *totals, nsec elapsed)
{
    write_json_line(out, json_pack("{s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "event", "totals",
                                   "elapsed_us", json_span(elapsed), "accepted", (json_int_t)totals->accepted,
                                   "closed", (json_int_t)totals->closed, "open", (json_int_t)totals->open,
                                   "queue", (json_int_t)totals->queue, "peak_queue",
                                   (json_int_t)totals->peak_queue, "drops", (json_int_t)totals->drops));
}
