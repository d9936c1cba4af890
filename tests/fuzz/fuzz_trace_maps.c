/* The maps of a trace that another process runs, written over with the fuzzer's numbers, read, joined with a survey, judged, and printed as
   list does. */
#include "model.h"
#include "printed.h"

#include "backlogctl/judge.h"
#include "backlogctl/report.h"
#include "backlogctl/tracing.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS 3

/* Numbers at any place of a struct. */
static void write_over(struct bytes *bytes, void *out, size_t size)
{
    for (size_t n = draw_byte(bytes) % 24u; n && bytes->left; n--) {
        size_t at = draw_below(bytes, size / 4) * 4, width = draw_bool(bytes) && at + 8 <= size ? 8 : 4;
        uint64_t number = draw_bool(bytes) ? draw_byte(bytes) : draw_number(bytes);
        memcpy((uint8_t *)out + at, &number, width);
    }
}

static void make_slot(struct trace_slot *slot, uint64_t cookie)
{
    *slot = (struct trace_slot){.sk = 1, .cookie = cookie, .begun = 5, .family = 2, .port = 80, .netns = 1, .seeded = 1};
    slot->entered = slot->peak = slot->inside_peak = 3;
    slot->accepted = slot->waits[100] = 2;
    slot->syn = slot->ack = (struct trace_stage){4, 9};
}

static void make_common(struct trace_common *common)
{
    *common = (struct trace_common){.slots = SLOTS};
    common->identity = (struct trace_identity){.magic = TRACE_MAGIC, .layout = TRACE_LAYOUT, .began = 1, .base_count = 1};
    common->identity.bases[0] = (struct trace_base){.netns = 1, .overflows = 2, .known = 1};
    for (int f = 0; f < TRACE_FIGURE_COUNT; f++)
        common->identity.worth[f] = TRACE_EXACT;
}

static void print_list(const struct survey *survey, const struct trace_model *m, int columns)
{
    struct printed printed;
    const struct list_view view = {0};
    const struct report_style style = {.columns = columns};
    FILE *out = print_begin(&printed);
    MUST(!report_survey_json(out, survey));
    print_end(&printed, out);
    must_be_json(&printed);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_survey_text(out, survey, &view, &style));
    print_end(&printed, out);
    must_be_text(&printed, false);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_trace_prometheus(out, m));
    print_end(&printed, out);
    must_be_metrics(&printed);
    print_free(&printed);
}

/* As a survey tells of it. */
static struct survey survey_of(struct listener *listeners, struct netns_facts *facts)
{
    for (size_t i = 0; i < SLOTS; i++)
        listeners[i] = (struct listener){.known = true, .kind = KIND_TCP, .cookie = i + 1, .netns = 1, .group = 1, .member = 1};
    for (size_t i = 0; i < SLOTS; i++)
        listeners[i].local = (struct endpoint){.family = AF_INET, .port = (uint16_t)(80 + i)};
    *facts = (struct netns_facts){.inode = 1, .ours = true, .counters.known = true, .overflows_after = 26};
    return (struct survey){.kernel = "6.18.0",
                           .taken_at = "2026-01-31T12:00:00.000Z",
                           .listeners = listeners,
                           .count = SLOTS,
                           .namespaces = facts,
                           .namespace_count = 1};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct trace_common common;
    static struct trace_slot slots[SLOTS];
    struct bytes bytes = {data, size};
    struct listener listeners[SLOTS];
    struct netns_facts facts;
    struct survey survey = survey_of(listeners, &facts);
    int columns = draw_byte(&bytes);
    draw_charset(&bytes);
    make_common(&common);
    for (size_t i = 0; i < SLOTS; i++) {
        make_slot(&slots[i], i + 1);
        write_over(&bytes, &slots[i], sizeof slots[i]);
    }
    write_over(&bytes, &common, sizeof common);
    struct running_trace running = {.common = &common, .slots = slots, .slot_count = SLOTS, .identity = common.identity};
    if (!trace_identity_is_valid(&running.identity))
        return 0;
    for (int f = 0; f < TRACE_FIGURE_COUNT; f++) {
        enum trace_worth worth = (enum trace_worth)running.identity.worth[f];
        running.hooks.of[f] = (struct trace_hook){worth == TRACE_UNKNOWN ? NULL : "", worth};
    }
    struct tracing tracing = {0};
    const struct survey_query query = {0};
    MUST(!tracing_join(&tracing, &running, &query, NULL) && !tracing_take(&tracing, &survey, NULL));
    judge_trace(&tracing.model);
    survey.traced = &tracing.model;
    judge_survey(&survey);
    print_list(&survey, &tracing.model, columns);
    tracing_release(&tracing);
    return 0;
}
