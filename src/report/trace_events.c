/* Single events of a trace, a line each. */
#include "internal.h"

#include <inttypes.h>
#include <string.h>

static struct endpoint peer_of(const struct trace_event *event)
{
    struct endpoint peer = {.family = event->family, .port = event->port};
    memcpy(peer.bytes, event->address, sizeof peer.bytes);
    return endpoint_unmapped(&peer);
}

static const char *words_of(enum trace_event_kind kind)
{
    switch (kind) {
    case TRACE_EVENT_ENTERED:
        return "in the queue: ";
    case TRACE_EVENT_ACCEPTED:
        return "accepted: ";
    case TRACE_EVENT_LEFT:
        return "left the queue unaccepted: ";
    case TRACE_EVENT_SYN_OVERFLOW:
        return "queue full, SYN dropped: ";
    case TRACE_EVENT_ACK_OVERFLOW:
        return "queue full, last ACK dropped: ";
    case TRACE_EVENT_SYN_QUEUE_FULL:
        return "SYN queue full, SYN dropped: ";
    case TRACE_EVENT_COUNT:
        break;
    }
    return "";
}

static bool has_wait(const struct trace_event *event)
{
    return event->kind == TRACE_EVENT_ACCEPTED || event->kind == TRACE_EVENT_LEFT;
}

void report_trace_event_text(FILE *out, const struct trace_event *event, const struct listener *at)
{
    char stamp[CLOCK_STAMP_SIZE], place[REPORT_PLACE_SIZE], peer[ENDPOINT_TEXT_SIZE], span[NSEC_TEXT_SIZE];
    struct endpoint from = peer_of(event);
    clock_stamp_at((nsec)event->at, stamp);
    fprintf(out, "%s ", stamp);
    terminal_printf(out, "%s %s%s", report_place(at, place), words_of((enum trace_event_kind)event->kind),
                    event->kind == TRACE_EVENT_LEFT ? endpoint_address_text(&from, peer) : endpoint_text(&from, peer));
    if (has_wait(event))
        fprintf(out, " after %s%s", event->flags & TRACE_EVENT_SEEDED ? "at least " : "", nsec_text((nsec)event->wait, span));
    if (event->flags & TRACE_EVENT_RESET)
        fputs(", reset by then", out);
    if (event->kind == TRACE_EVENT_ACCEPTED)
        terminal_printf(out, ", by %.15s/%" PRIu32, event->comm, event->tgid);
    putc('\n', out);
}

int report_trace_event_json(FILE *out, const struct trace_event *event, const struct listener *at)
{
    char stamp[CLOCK_STAMP_SIZE], comm[sizeof event->comm + 1] = "";
    struct endpoint from = peer_of(event);
    bool accepted = event->kind == TRACE_EVENT_ACCEPTED;
    memcpy(comm, event->comm, sizeof event->comm);
    clock_stamp_at((nsec)event->at, stamp);
    json_t *object = json_pack("{s:s, s:s, s:s, s:o, s:I, s:I, s:o, s:o}", "schema", "backlogctl.trace/1", "event",
                               trace_event_name((enum trace_event_kind)event->kind), "at", stamp, "address",
                               json_address(&at->local), "port", (json_int_t)at->local.port, "netns", (json_int_t)at->netns,
                               "peer", json_address(&from), "peer_port", json_known(event->kind != TRACE_EVENT_LEFT, from.port));
    json_merge(&object, json_pack("{s:o, s:b, s:b, s:o, s:o, s:o}", "wait_us",
                                  has_wait(event) ? json_span_exact((nsec)event->wait) : json_null(), "at_least",
                                  has_wait(event) && event->flags & TRACE_EVENT_SEEDED, "reset", event->flags & TRACE_EVENT_RESET,
                                  "process", accepted ? json_text(comm) : json_null(), "pid", json_known(accepted, event->tgid),
                                  "thread", json_known(accepted, event->tid)));
    return write_json_line(out, object);
}
