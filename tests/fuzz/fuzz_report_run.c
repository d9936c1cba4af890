/* A run made of the fuzzer's bytes, judged, and printed in every form. */
#include "model.h"
#include "printed.h"

#include "backlogctl/judge.h"
#include "backlogctl/presets.h"
#include "backlogctl/report.h"

#include <stdlib.h>
#include <string.h>

#define ATTEMPTS_MAX 24
#define TARGETS_DRAWN 3
#define SYNS_MAX 4
#define POINTS_MAX 24

static void draw_attempt(struct bytes *bytes, struct target *target, struct attempt *out, uint32_t id)
{
    uint8_t what = draw_byte(bytes), more = draw_byte(bytes);
    struct attempt a = {.id = id, .opened = NSEC_NEVER, .established = NSEC_NEVER, .accepted = NSEC_NEVER};
    a.age_ms = what & 1 ? (int32_t)(draw_number(bytes) & INT32_MAX) : -1;
    struct endpoint source = what & 2 ? draw_place(bytes, target->transport.kind) : (struct endpoint){0};
    a.opened = draw_moment(bytes);
    a.established = draw_moment(bytes);
    a.accepted = draw_moment(bytes);
    if (what & 4)
        draw_moment(bytes); /* of nothing any more: the corpus is read as it was written */
    a.error = what & 8 ? (int16_t)(draw_raw(bytes, 2) & INT16_MAX) : 0;
    a.segments_in = (uint16_t)draw_raw(bytes, 2);
    a.state = (uint8_t)draw_below(bytes, STATE_COUNT);
    a.peer = (uint8_t)draw_below(bytes, PEER_COUNT);
    a.syn_retransmits = draw_byte(bytes);
    a.data_retransmits = draw_byte(bytes);
    a.soft_error = what & 16, a.sent = what & 32, a.acknowledged = what & 64, a.replied = what & 128;
    a.was_half_open = more & 1, a.was_queued = more & 2, a.refused_here = more & 4, a.elsewhere = more & 8;
    a.translated = more & 16, a.answered = more & 32, a.drop_full = more & 64, a.drop_open = more & 128;
    *out = a;
    attempt_set_source(target, out, &source);
}

/* As recorder.h promises it. */
static void draw_timeline(struct bytes *bytes, struct target *target)
{
    struct timeline *t = &target->timeline;
    t->source = (enum timeline_source)draw_below(bytes, TIMELINE_SOURCE_COUNT);
    if (t->source == TIMELINE_NONE || !target->attempt_count)
        return;
    t->lanes = calloc(target->attempt_count, sizeof *t->lanes);
    t->syns = calloc(target->attempt_count * SYNS_MAX, sizeof *t->syns);
    t->points = calloc(POINTS_MAX, sizeof *t->points);
    MUST(t->lanes && t->syns && t->points);
    uint32_t syns = 0;
    for (size_t i = 0; i < target->attempt_count; i++) {
        struct lane *lane = &t->lanes[i];
        *lane = (struct lane){.first_syn = syns, .syns = (uint32_t)draw_below(bytes, SYNS_MAX + 1)};
        for (uint32_t s = 0; s < lane->syns; s++)
            t->syns[syns++] = draw_span(bytes);
        lane->established = draw_moment(bytes);
        lane->queued = draw_moment(bytes);
        lane->accepted = draw_moment(bytes);
        lane->closed = draw_moment(bytes);
        lane->failed = draw_moment(bytes);
    }
    t->point_count = draw_below(bytes, POINTS_MAX + 1);
    for (size_t i = 0; i < t->point_count; i++) {
        nsec before = i ? t->points[i - 1].at : 0, at = before + (nsec)draw_raw(bytes, 4);
        t->points[i] = (struct queue_point){at, (uint32_t)draw_number(bytes), (uint32_t)draw_number(bytes)};
    }
    t->end = draw_span(bytes);
    t->missed = draw_number(bytes);
}

static void draw_target(struct bytes *bytes, struct run *run, struct target *target, uint32_t first)
{
    uint8_t what = draw_byte(bytes), more = draw_byte(bytes);
    target->transport.kind = (enum socket_kind)draw_below(bytes, KIND_COUNT);
    target->transport.path = is_unix(target->transport.kind) ? draw_lasting(bytes) : NULL;
    target->transport.fastopen = what & 1 && !target->transport.path;
    target->address = target->bound = draw_place(bytes, target->transport.kind);
    target->local = what & 2, target->reflected = what & 4, target->looked = what & 8;
    if (what & 16)
        target->before = target->after = draw_listener(bytes);
    if (what & 32)
        target->after = draw_listener(bytes);
    target->listener_gone = what & 64, target->undropped = what & 128;
    if (more & 1)
        target->served = draw_place(bytes, KIND_TCP);
    if (more & 2)
        target->carried_to = draw_place(bytes, KIND_TCP);
    if (more & 4)
        target->unroutable = draw_place(bytes, KIND_TCP);
    if (more & 8)
        target->carrier = draw_listener(bytes);
    if (more & 16)
        target->other_listener = draw_listener(bytes);
    target->other_places = more & 16 ? 1 + draw_byte(bytes) : 0;
    target->translation = (uint8_t)draw_below(bytes, TRANSLATION_FOUND + 1);
    target->attempt_count = first <= run->connection_count ? run->connection_count + 1 - first : 0;
    target->attempts = calloc(target->attempt_count + 1, sizeof *target->attempts);
    target->sources = calloc(target->attempt_count + 1, sizeof *target->sources); /* of any family */
    target->member_count = more & 32 ? 2 + draw_below(bytes, 3) : 0;
    target->members = calloc(target->member_count + 1, sizeof *target->members);
    MUST(target->attempts && target->sources && target->members);
    for (size_t i = 0; i < target->attempt_count; i++)
        draw_attempt(bytes, target, &target->attempts[i], first + (uint32_t)i);
    for (size_t i = 0; i < target->member_count; i++)
        target->members[i] = draw_listener(bytes);
    draw_timeline(bytes, target);
}

static nsec sample_at(const void *samples, size_t i)
{
    return ((const nsec *)samples)[i];
}

static void draw_spread(struct bytes *bytes, struct spread *spread)
{
    nsec samples[ATTEMPTS_MAX], at = 0;
    size_t count = draw_below(bytes, ATTEMPTS_MAX);
    for (size_t i = 0; i < count; i++)
        samples[i] = at += (nsec)draw_raw(bytes, draw_byte(bytes) & 7);
    judge_spread(sample_at, samples, count, spread);
}

static void draw_server(struct bytes *bytes, struct run *run)
{
    struct server_settings *s = &run->server;
    *s = (struct server_settings){.transport = run->targets[0].transport, .backlog = (int32_t)draw_raw(bytes, 4)};
    s->reuseport = draw_byte(bytes);
    s->accept_delay = draw_bool(bytes) ? draw_span(bytes) : 0;
    s->accept_count = draw_bool(bytes) ? draw_positive(bytes) : ACCEPT_UNLIMITED;
    s->full = draw_bool(bytes);
    s->stall = draw_bool(bytes) ? draw_span(bytes) : 0;
    s->stall_every = s->stall && draw_bool(bytes) ? draw_span(bytes) : 0;
    s->defer_accept = draw_bool(bytes) ? draw_span(bytes) : 0;
    s->duration = draw_bool(bytes) ? draw_span(bytes) : 0;
    s->greeting = draw_lasting_or_none(bytes);
}

static void draw_started(struct bytes *bytes, struct started_server *s)
{
    static char *words[4];
    for (size_t i = 0; i < 3; i++)
        words[i] = (char *)(uintptr_t)draw_lasting(bytes);
    s->words = words;
    s->log = draw_lasting_or_none(bytes);
    s->wait = draw_span(bytes);
    s->way = (enum backlog_way)draw_below(bytes, BACKLOG_WAY_COUNT);
    s->backlog = (int32_t)draw_raw(bytes, 4);
    s->listened = draw_moment(bytes);
    s->other_listeners = draw_number(bytes);
    s->trouble = (enum started_trouble)draw_below(bytes, STARTED_TROUBLE_COUNT);
    s->code = (int)(draw_raw(bytes, 4) & INT32_MAX);
    s->place_count = draw_below(bytes, 3);
    for (size_t i = 0; i < s->place_count; i++)
        s->places[i] = draw_listener(bytes);
    if (s->trouble != STARTED_FINE)
        draw_text(bytes, s->why, sizeof s->why);
    uint8_t what = draw_byte(bytes);
    s->daemon = what & 1, s->shares_pids = what & 2, s->host_proc = what & 4, s->frozen = what & 8, s->ptraced = what & 16;
    s->frozen_for = draw_span(bytes);
    s->held = draw_count(bytes);
    struct bytes output = draw_part(bytes);
    s->output_length = output.left < sizeof s->output ? output.left : sizeof s->output;
    if (s->output_length)
        memcpy(s->output, output.at, s->output_length);
}

static void draw_probe(struct bytes *bytes, struct probe_settings *probe)
{
    uint8_t what = draw_byte(bytes);
    probe->arrivals = (struct arrivals){.count = 1 + (uint32_t)draw_number(bytes) % 1000000};
    probe->arrivals.rate = what & 1 ? (uint32_t)draw_number(bytes) : 0;
    probe->arrivals.burst = what & 2 ? (uint32_t)draw_number(bytes) : 0;
    probe->arrivals.every = what & 2 ? draw_span(bytes) : 0;
    probe->timeout = draw_span(bytes);
    probe->wait = what & 4 ? draw_span(bytes) : 0;
    probe->send = draw_lasting_or_none(bytes);
    probe->summary = what & 8, probe->timeline = what & 16, probe->allow_remote = what & 32;
    probe->threads = draw_byte(bytes);
    probe->sources.text = draw_lasting_or_none(bytes);
}

static void draw_environment(struct bytes *bytes, struct run *run)
{
    uint8_t what = draw_byte(bytes);
    run->host = draw_lasting(bytes);
    run->netns = draw_lasting_or_none(bytes);
    run->netns_inode = draw_number(bytes);
    const struct preset *preset = preset_at(draw_below(bytes, 16));
    run->preset = preset ? preset->name : NULL;
    run->preset_words = preset ? preset->explanation : NULL;
    run->private_namespace = what & 1, run->alone = what & 2, run->asked = what & 4, run->others_known = what & 8;
    run->delay = what & 16 ? draw_span(bytes) : 0;
    run->somaxconn = (uint32_t)draw_number(bytes);
    int64_t *const sysctls[] = {&run->sysctls.abort_on_overflow, &run->sysctls.syncookies, &run->sysctls.syn_retries,
                                &run->sysctls.syn_linear_timeouts, &run->sysctls.conntrack_count};
    for (size_t i = 0; i < sizeof sysctls / sizeof *sysctls; i++)
        *sysctls[i] = draw_bool(bytes) ? (int64_t)(uint32_t)draw_number(bytes) : -1;
    run->elapsed = draw_span(bytes);
    run->counters = draw_counters(bytes);
    run->others = draw_count(bytes);
    run->pace = (struct pace){.took = draw_span(bytes), .worst_late = draw_span(bytes), .threads = draw_byte(bytes)};
    run->pace.rate = (double)draw_count(bytes) / (1 + draw_byte(bytes));
    run->pace.sources = (uint32_t)draw_number(bytes);
    run->signal = what & 32 ? 1 + draw_byte(bytes) % 64 : 0;
    if (what & 64)
        draw_text(bytes, run->incomplete, sizeof run->incomplete);
    run->stuck = draw_look(bytes);
}

static void draw_run(struct bytes *bytes, struct run *run)
{
    uint8_t what = draw_byte(bytes);
    *run = (struct run){.kernel = "6.18.0", .command = what & 1 ? "run" : "probe", .started_at = "2026-01-31T12:00:00.000000Z"};
    run->target_count = what & 2 ? 1 + draw_below(bytes, TARGETS_DRAWN) : 1;
    run->connection_count = draw_below(bytes, ATTEMPTS_MAX + 1);
    for (size_t t = 0; t < run->target_count; t++)
        draw_target(bytes, run, &run->targets[t], t ? 1 + (uint32_t)draw_below(bytes, ATTEMPTS_MAX) : 1);
    draw_probe(bytes, &run->probe);
    draw_environment(bytes, run);
    run->has_server = what & 4;
    if (run->has_server)
        draw_server(bytes, run);
    else if (what & 8)
        draw_started(bytes, &run->started);
    if (run->started.words && what & 16)
        run->connection_count = 0;
    draw_spread(bytes, &run->to_established);
    draw_spread(bytes, &run->to_accepted);
    run->expectation_count = draw_expectations(bytes, MEASURES_OF_BURST, run->expectations);
}

static void release(struct run *run)
{
    for (size_t t = 0; t < TARGETS_MAX; t++) {
        attempts_release(&run->targets[t]);
        free(run->targets[t].members);
        free(run->targets[t].timeline.lanes);
        free(run->targets[t].timeline.syns);
        free(run->targets[t].timeline.points);
    }
}

static void judge(struct run *run)
{
    judge_run(run);
    judge_causes(run);
    judge_holders(run->stuck.holders, run->stuck.count, run->stuck.waits_on);
    judge_expectations(run);
    uint64_t sum = 0;
    for (enum verdict v = 0; v < VERDICT_COUNT; v++)
        sum += run->counts[v];
    MUST(sum <= run->connection_count);
}

static void print_text(const struct run *run, const struct report_style *style)
{
    struct printed printed;
    FILE *out = print_begin(&printed);
    report_text_begin(out, run, style);
    MUST(!report_text_end(out, run, style));
    report_progress(out, run, run->elapsed, style);
    print_end(&printed, out);
    must_be_text(&printed, style->color);
    print_free(&printed);
}

static void print_machine(const struct run *run)
{
    struct printed printed;
    FILE *out = print_begin(&printed);
    MUST(!report_json(out, run));
    print_end(&printed, out);
    must_be_json(&printed);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_timeline_svg(out, run));
    print_end(&printed, out);
    must_be_xml(&printed);
    print_free(&printed);
    char *line[] = {"run", (char *)(uintptr_t)run->host, NULL};
    out = print_begin(&printed);
    MUST(!report_html(out, run, line));
    print_end(&printed, out);
    must_be_text(&printed, false);
    must_be_xml(&printed);
    print_free(&printed);
}

static void print_checks(const struct run *run, const char *cannot)
{
    struct printed printed;
    const struct checks checks = {.command = run->command,
                                  .list = run->expectations,
                                  .count = run->expectation_count,
                                  .run = run,
                                  .started_at = run->started_at,
                                  .took = run->elapsed,
                                  .cannot = cannot};
    FILE *out = print_begin(&printed);
    report_junit(out, &checks);
    print_end(&printed, out);
    must_be_xml(&printed);
    print_free(&printed);
    out = print_begin(&printed);
    report_tap(out, &checks);
    print_end(&printed, out);
    must_be_text(&printed, false);
    print_free(&printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct run run;
    struct bytes bytes = {data, size};
    struct report_style style = {.color = draw_bool(&bytes), .columns = draw_byte(&bytes)};
    draw_charset(&bytes);
    draw_run(&bytes, &run);
    judge(&run);
    print_text(&run, &style);
    print_machine(&run);
    print_checks(&run, draw_lasting_or_none(&bytes));
    release(&run);
    return 0;
}
