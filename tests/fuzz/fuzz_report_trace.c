/* What the maps of a trace could hold, made of the fuzzer's bytes, judged, and printed in all forms. */
#include "model.h"
#include "printed.h"

#include "backlogctl/judge.h"
#include "backlogctl/report.h"

#include <string.h>

#define LISTENERS_MAX 4

static void draw_bytes(struct bytes *bytes, void *out, size_t size)
{
    uint8_t *at = out;
    for (size_t i = 0; i < size; i++)
        at[i] = draw_byte(bytes);
}

static struct trace_stage draw_stage(struct bytes *bytes)
{
    return (struct trace_stage){draw_count(bytes), (uint64_t)draw_span(bytes)};
}

static void draw_slot(struct bytes *bytes, struct trace_slot *slot)
{
    *slot = (struct trace_slot){.cookie = draw_count(bytes), .netns = draw_byte(bytes) % 3u, .seeded = draw_bool(bytes)};
    slot->begun = (uint64_t)draw_span(bytes), slot->closed = draw_bool(bytes) ? (uint64_t)draw_span(bytes) : 0;
    uint64_t *const counts[] = {&slot->entered,       &slot->peak,        &slot->inside_peak,   &slot->interval_peak,
                                &slot->at_start,      &slot->accepted,    &slot->accepted_seed, &slot->accepted_reset,
                                &slot->unseen,        &slot->left_closed, &slot->left_other,    &slot->unknown,
                                &slot->accepts_others};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        *counts[i] = draw_bool(bytes) ? draw_count(bytes) : 0;
    slot->peak_at = (uint64_t)draw_span(bytes), slot->seed_max = (uint64_t)draw_span(bytes);
    slot->wait_max = (uint64_t)draw_span(bytes), slot->wait_sum = (uint64_t)draw_span(bytes);
    for (uint8_t n = draw_byte(bytes) % 16; n; n--)
        slot->waits[draw_below(bytes, TRACE_WAITS)] = draw_count(bytes);
    for (uint8_t n = draw_byte(bytes) % 4; n; n--)
        slot->lengths[draw_below(bytes, TRACE_LENGTHS)] = draw_count(bytes);
    slot->syn = draw_stage(bytes), slot->ack = draw_stage(bytes), slot->syn_queue = draw_stage(bytes);
    for (size_t n = draw_below(bytes, TRACE_ACCEPTORS + 1), i = 0; i < n; i++) {
        slot->acceptors[i] =
            (struct trace_acceptor){(uint32_t)draw_number(bytes), (uint32_t)draw_number(bytes), draw_count(bytes), {0}};
        draw_bytes(bytes, slot->acceptors[i].comm, sizeof slot->acceptors[i].comm);
    }
}

static void draw_traced(struct bytes *bytes, struct traced *one)
{
    draw_slot(bytes, &one->slot);
    if (draw_bool(bytes))
        draw_slot(bytes, &one->before); /* may be more: the slot was read while the kernel counted */
    do
        one->now = draw_listener(bytes);
    while (is_unix((enum socket_kind)one->now.kind) && bytes->left);
    if (is_unix((enum socket_kind)one->now.kind))
        one->now = (struct listener){.known = true, .kind = KIND_TCP, .local = {.family = AF_INET}};
    one->surveyed = draw_bool(bytes), one->selected = !draw_bool(bytes);
    one->source_count = draw_below(bytes, TRACE_SOURCES_SHOWN + 1);
    one->sources_known = one->source_count + draw_byte(bytes);
    for (size_t i = 0; i < one->source_count; i++) {
        one->sources[i].address.family = draw_bool(bytes) ? AF_INET : AF_INET6;
        draw_bytes(bytes, one->sources[i].address.bytes, one->sources[i].address.family == AF_INET ? 4 : 16);
        one->sources[i].count =
            (struct trace_source_count){draw_count(bytes), draw_count(bytes), draw_count(bytes), (uint64_t)draw_span(bytes)};
    }
}

static void print_events(struct bytes *bytes, const struct listener *at)
{
    struct printed printed;
    struct trace_event event = {.at = (uint64_t)draw_span(bytes), .wait = (uint64_t)draw_span(bytes)};
    event.kind = (uint32_t)draw_below(bytes, TRACE_EVENT_COUNT);
    event.family = draw_bool(bytes) ? AF_INET : AF_INET6;
    event.port = (uint16_t)draw_number(bytes), event.flags = draw_byte(bytes);
    draw_bytes(bytes, event.address, event.family == AF_INET ? 4 : 16);
    draw_bytes(bytes, event.comm, sizeof event.comm);
    FILE *out = print_begin(&printed);
    report_trace_event_text(out, &event, at);
    print_end(&printed, out);
    must_be_text(&printed, false);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_trace_event_json(out, &event, at));
    print_end(&printed, out);
    must_be_json_lines(&printed);
    print_free(&printed);
}

static void draw_point(struct bytes *bytes, struct trace_point *point, nsec from)
{
    struct trace_span *span = &point->span;
    *point = (struct trace_point){.from = from, .to = from + (nsec)draw_byte(bytes) * NSEC_PER_SEC};
    point->queue = draw_count(bytes), point->capacity = draw_bool(bytes) ? draw_count(bytes) : 0;
    uint64_t *const counts[] = {&span->peak, &span->entered, &span->accepted, &span->syn,
                                &span->ack,  &span->left,    &span->samples};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        *counts[i] = draw_bool(bytes) ? draw_count(bytes) : 0;
    struct trace_quantile *const waits[] = {&span->p50, &span->p99, &span->max};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++)
        *waits[i] = (struct trace_quantile){draw_span(bytes), draw_span(bytes)};
}

#define POINTS 4

static void print_pictures(struct bytes *bytes, const struct trace_model *m)
{
    static struct trace_point points[LISTENERS_MAX][POINTS];
    struct trace_track tracks[LISTENERS_MAX];
    struct trace_history history = {.tracks = tracks, .count = m->count};
    struct printed printed;
    for (size_t i = 0; i < m->count; i++) {
        tracks[i] = (struct trace_track){.points = points[i],
                                         .count = draw_below(bytes, POINTS + 1),
                                         .room = POINTS,
                                         .width = 1 + draw_byte(bytes)};
        for (size_t n = 0; n < tracks[i].count; n++)
            draw_point(bytes, &points[i][n], n ? points[i][n - 1].to : 0);
    }
    FILE *out = print_begin(&printed);
    report_trace_svg(out, m, &history);
    print_end(&printed, out);
    must_be_xml(&printed);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_trace_html(out, m, &history, NULL));
    print_end(&printed, out);
    must_be_xml(&printed);
    print_free(&printed);
}

static void print_frame(struct bytes *bytes, const struct trace_model *m)
{
    static struct frame_line lines[64];
    struct frame frame = {.lines = lines, .rows = 1 + draw_below(bytes, 63), .columns = 1 + draw_byte(bytes)};
    size_t order[LISTENERS_MAX], count = 0;
    struct printed printed;
    for (size_t i = 0; i < m->count; i++)
        if (m->list[i].selected)
            order[count++] = i;
    const struct frame_view view = {.order = order,
                                    .count = count,
                                    .selected = count ? draw_below(bytes, count) : 0,
                                    .filter = "",
                                    .sort_name = "busiest",
                                    .help = draw_bool(bytes)};
    report_trace_frame(&frame, m, &view, draw_bool(bytes));
    FILE *out = print_begin(&printed);
    for (size_t i = 0; i < frame.count; i++)
        fprintf(out, "%s\n", frame.lines[i].text);
    print_end(&printed, out);
    must_be_text(&printed, false);
    print_free(&printed);
}

static void print_all(const struct trace_model *m, const struct report_style *style)
{
    struct printed printed;
    FILE *out = print_begin(&printed);
    MUST(!report_trace_text(out, m, style));
    report_trace_summary_text(out, m, style);
    print_end(&printed, out);
    must_be_text(&printed, style->color);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_trace_json(out, m, false));
    print_end(&printed, out);
    must_be_json_lines(&printed);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_trace_prometheus(out, m));
    print_end(&printed, out);
    must_be_metrics(&printed);
    print_free(&printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct traced list[LISTENERS_MAX];
    struct bytes bytes = {data, size};
    struct report_style style = {.color = draw_bool(&bytes), .columns = draw_byte(&bytes)};
    draw_charset(&bytes);
    struct trace_hooks hooks = {0};
    for (enum trace_figure f = 0; f < TRACE_FIGURE_COUNT; f++)
        if (!draw_bool(&bytes))
            hooks.of[f] = (struct trace_hook){"tp_btf/any", (enum trace_worth)draw_below(&bytes, TRACE_WORTH_COUNT)};
    struct trace_account account = {.netns = draw_byte(&bytes) % 3u,
                                    .known = draw_bool(&bytes),
                                    .overflows = {.now = draw_count(&bytes)}};
    struct trace_model m = {.at = "2026-01-31T12:00:00.000Z", .began_at = "2026-01-31T12:00:00.000Z", .kernel = "6.18.0"};
    m.hooks = &hooks, m.list = list, m.accounts = &account, m.account_count = 1;
    m.elapsed = draw_span(&bytes), m.took = draw_span(&bytes), m.number = draw_count(&bytes);
    m.slots_missing = draw_byte(&bytes), m.full_missing = draw_byte(&bytes), m.sources_lost = draw_byte(&bytes);
    m.count = draw_below(&bytes, LISTENERS_MAX + 1);
    memset(list, 0, sizeof list);
    for (size_t i = 0; i < m.count; i++)
        draw_traced(&bytes, &list[i]);
    judge_trace(&m);
    print_all(&m, &style);
    print_pictures(&bytes, &m);
    print_frame(&bytes, &m);
    if (m.count)
        print_events(&bytes, &list[0].now);
    return 0;
}
