/* A sweep, a search for a size and a server's events, made of the fuzzer's bytes, judged, and printed in every form. */
#include "model.h"
#include "printed.h"

#include "backlogctl/judge.h"
#include "backlogctl/report.h"

#include <stdlib.h>
#include <string.h>

#define VALUES_MAX 5
#define REPEATS_DRAWN 4
#define EVENTS_MAX 8

static char *words[] = {NULL, NULL, NULL};

/* Values as the user typed them; the name is one of an option, or a sysctl's, which has been checked. */
static void draw_axis(struct bytes *bytes, struct axis *axis, size_t n)
{
    snprintf(axis->name, sizeof axis->name, draw_bool(bytes) ? "net.core.key%zu" : "option-%zu", n);
    axis->count = 2 + draw_below(bytes, VALUES_MAX - 1);
    axis->values = calloc(axis->count, sizeof *axis->values);
    MUST(axis->values);
    for (size_t i = 0; i < axis->count; i++)
        if (draw_bool(bytes))
            draw_text(bytes, axis->values[i], sizeof axis->values[i]);
        else
            snprintf(axis->values[i], sizeof axis->values[i], "%lld", (long long)draw_number(bytes));
}

static void draw_trial(struct bytes *bytes, struct trial *t)
{
    uint8_t what = draw_byte(bytes);
    *t = (struct trial){.done = what & 3};
    if (!t->done)
        return;
    if (what & 4) {
        t->error = 1 + draw_byte(bytes);
        draw_text(bytes, t->why, sizeof t->why);
        return;
    }
    for (enum verdict v = 0; v < VERDICT_COUNT; v++)
        t->counts[v] = draw_count(bytes);
    t->kind = (enum socket_kind)draw_below(bytes, KIND_COUNT);
    t->overflows.known = what & 8;
    t->overflows.min = what & 8 ? draw_count(bytes) : 0;
    t->overflows.max = what & 8 ? t->overflows.min + draw_count(bytes) : 0;
    t->capacity = draw_count(bytes), t->backlog = draw_count(bytes), t->longest = draw_count(bytes), t->left = draw_count(bytes);
    t->accepted_p50 = t->accepted_p99 = t->accepted_max = NSEC_NEVER;
    if (what & 16)
        t->accepted_p50 = draw_span(bytes), t->accepted_p99 = draw_span(bytes), t->accepted_max = draw_span(bytes);
    t->last_accept = draw_moment(bytes);
    t->elapsed = draw_span(bytes);
    t->outcome = (enum expectation_outcome)draw_below(bytes, OUTCOME_HELD + 1);
    t->incomplete = what & 32;
}

static void draw_sweep(struct bytes *bytes, struct sweep *s)
{
    uint8_t what = draw_byte(bytes);
    *s = (struct sweep){.kernel = "6.18.0", .started_at = "2026-01-31T12:00:00.000Z", .axis_count = what & 1 ? 2 : 1, .cells = 1};
    words[0] = (char *)(uintptr_t)draw_lasting(bytes);
    words[1] = (char *)(uintptr_t)draw_lasting_or_none(bytes);
    s->words = what & 2 ? words : NULL;
    s->way = (enum backlog_way)draw_below(bytes, BACKLOG_WAY_COUNT);
    s->repeat = 1 + draw_below(bytes, REPEATS_DRAWN);
    s->jobs = 1 + draw_byte(bytes);
    s->elapsed = draw_span(bytes);
    s->signal = what & 4 ? 1 + draw_byte(bytes) % 64 : 0;
    for (size_t a = 0; a < s->axis_count; a++) {
        draw_axis(bytes, &s->axes[a], a);
        s->cells *= s->axes[a].count;
    }
    s->trials = calloc(s->cells * s->repeat, sizeof *s->trials);
    s->middles = calloc(s->cells, sizeof *s->middles);
    MUST(s->trials && s->middles);
    for (size_t i = 0; i < s->cells * s->repeat; i++)
        draw_trial(bytes, &s->trials[i]);
    judge_sweep(s);
    MUST(s->done <= s->cells * s->repeat && s->failed <= s->done);
}

static void print_pictures(const struct sweep *s)
{
    struct printed printed;
    FILE *out = print_begin(&printed);
    report_sweep_csv(out, s);
    print_end(&printed, out);
    must_be_csv(&printed);
    print_free(&printed);
    out = print_begin(&printed);
    report_sweep_svg(out, s);
    print_end(&printed, out);
    must_be_xml(&printed);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_sweep_html(out, s, &(struct expectations){.list = {{.text = "lost=0"}}, .count = 1}, s->words));
    print_end(&printed, out);
    must_be_text(&printed, false);
    must_be_xml(&printed);
    print_free(&printed);
}

static void print_sweep(struct bytes *bytes, const struct report_style *style)
{
    static struct sweep s;
    struct printed printed;
    draw_sweep(bytes, &s);
    FILE *out = print_begin(&printed);
    MUST(!report_sweep_text(out, &s, style));
    report_trials_progress(out, s.done, s.cells * s.repeat, s.elapsed, style);
    print_end(&printed, out);
    must_be_text(&printed, style->color);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_sweep_json(out, &s));
    print_end(&printed, out);
    must_be_json(&printed);
    print_free(&printed);
    print_pictures(&s);
    for (size_t a = 0; a < AXES_MAX; a++)
        free(s.axes[a].values);
    free(s.trials);
    free(s.middles);
}

/* ---- Sizes ---- */

static void draw_arrivals(struct bytes *bytes, struct load *load)
{
    uint8_t what = draw_byte(bytes);
    load->arrivals.count = (uint32_t)draw_number(bytes) % 1000001;
    load->arrivals.rate = what & 1 ? (uint32_t)draw_number(bytes) % 1000001 : 0;
    load->arrivals.burst = what & 2 ? 1 + (uint32_t)draw_number(bytes) % 1000000 : 0;
    load->arrivals.every = what & 2 ? 1 + draw_span(bytes) % (24 * 3600 * NSEC_PER_SEC) : 0;
    load->accept_delay = what & 4 ? draw_span(bytes) % (24 * 3600 * NSEC_PER_SEC) : 0;
    load->stall = what & 8 ? draw_span(bytes) % (24 * 3600 * NSEC_PER_SEC) : 0;
    load->stall_every = load->stall && what & 16 ? load->stall + draw_span(bytes) % (24 * 3600 * NSEC_PER_SEC) : 0;
}

static void draw_steps(struct bytes *bytes, struct sizing *s)
{
    s->step_count = draw_below(bytes, SIZING_STEPS_MAX + 1);
    for (size_t i = 0; i < s->step_count; i++) {
        struct sizing_step *step = &s->steps[i];
        *step = (struct sizing_step){.part = (enum sizing_part)draw_below(bytes, SIZING_PART_COUNT),
                                     .backlog = (uint32_t)draw_number(bytes),
                                     .runs = 1 + draw_byte(bytes),
                                     .dropped_known = i % 3,
                                     .dropped = draw_count(bytes),
                                     .longest_known = draw_bool(bytes),
                                     .longest = draw_count(bytes),
                                     .longest_wait = draw_moment(bytes)};
        step->passed = draw_below(bytes, step->runs + 1);
    }
}

static void print_sizing(struct bytes *bytes, const struct report_style *style)
{
    struct printed printed;
    uint8_t what = draw_byte(bytes);
    struct sizing s = {.kernel = "6.18.0",
                       .started_at = "2026-01-31T12:00:00.000Z",
                       .longest_known = what & 1,
                       .smallest_known = what & 2};
    draw_arrivals(bytes, &s.load);
    words[0] = (char *)(uintptr_t)draw_lasting(bytes);
    words[1] = NULL;
    s.words = what & 4 ? words : NULL;
    s.way = (enum backlog_way)draw_below(bytes, BACKLOG_WAY_COUNT);
    s.reuseport = draw_byte(bytes);
    s.transport.kind = (enum socket_kind)draw_below(bytes, KIND_COUNT);
    s.transport.path = is_unix(s.transport.kind) ? draw_lasting(bytes) : NULL;
    s.looks = draw_byte(bytes), s.checks = draw_byte(bytes), s.runs = draw_byte(bytes);
    s.checks_failed = draw_below(bytes, s.checks + 1);
    s.longest_least = draw_count(bytes);
    s.longest_most = s.longest_least + draw_count(bytes);
    s.smallest = (uint32_t)draw_number(bytes), s.backlog = (uint32_t)draw_number(bytes);
    s.answered = what & 8, s.calculated = what & 16 && !s.answered;
    s.longest_wait = draw_span(bytes), s.elapsed = draw_span(bytes);
    s.somaxconn = (uint32_t)draw_number(bytes);
    s.signal = what & 32 ? 1 + draw_byte(bytes) % 64 : 0;
    if (!s.answered)
        draw_text(bytes, s.why, sizeof s.why);
    if (what & 64)
        judge_predict(&s.load, &s.predicted);
    draw_steps(bytes, &s);
    FILE *out = print_begin(&printed);
    report_sizing_text(out, &s, style);
    print_end(&printed, out);
    must_be_text(&printed, style->color);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_sizing_json(out, &s));
    print_end(&printed, out);
    must_be_json(&printed);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_sizing_html(out, &s, words));
    print_end(&printed, out);
    must_be_text(&printed, false);
    must_be_xml(&printed);
    print_free(&printed);
}

/* ---- A server's own words ---- */

static struct server_event draw_event(struct bytes *bytes, const struct listener *l)
{
    return (struct server_event){.kind = (enum server_event_kind)draw_below(bytes, SERVER_EVENT_COUNT),
                                 .at = draw_span(bytes),
                                 .local = l->local,
                                 .path = is_unix(l->kind) ? l->path : NULL,
                                 .peer = draw_place(bytes, (enum socket_kind)l->kind),
                                 .number = draw_number(bytes) & INT32_MAX,
                                 .queue = draw_count(bytes),
                                 .capacity = draw_count(bytes),
                                 .discarded = draw_count(bytes)};
}

static void print_server(struct bytes *bytes, const struct report_style *style)
{
    struct printed text, json;
    struct listener l = draw_listener(bytes);
    const struct server_settings settings = {.transport = {.kind = (enum socket_kind)l.kind,
                                                           .path = is_unix(l.kind) ? l.path : NULL},
                                             .backlog = (int32_t)draw_raw(bytes, 4),
                                             .accept_count = draw_bool(bytes) ? draw_positive(bytes) : ACCEPT_UNLIMITED,
                                             .accept_delay = draw_span(bytes),
                                             .greeting = draw_lasting_or_none(bytes)};
    const struct server_totals totals = {draw_count(bytes), draw_count(bytes), draw_count(bytes),
                                         draw_count(bytes), draw_count(bytes), draw_count(bytes)};
    uint32_t somaxconn = (uint32_t)draw_number(bytes);
    FILE *to_text = print_begin(&text), *to_json = print_begin(&json);
    report_ready_text(to_text, &l, &settings, somaxconn, style);
    MUST(!report_ready_json(to_json, &l, &settings, somaxconn));
    for (size_t count = draw_below(bytes, EVENTS_MAX); count; count--) {
        struct server_event event = draw_event(bytes, &l);
        report_event_text(to_text, &event, style);
        report_event_json(to_json, &event);
    }
    report_totals_text(to_text, &totals, draw_span(bytes), style);
    MUST(!report_totals_json(to_json, &totals, draw_span(bytes)));
    print_end(&text, to_text);
    print_end(&json, to_json);
    must_be_text(&text, style->color);
    must_be_json_lines(&json);
    print_free(&text);
    print_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const prints[])(struct bytes * bytes, const struct report_style *style) = {print_sweep, print_sizing,
                                                                                             print_server};
    struct bytes bytes = {data, size};
    struct report_style style = {.color = draw_bool(&bytes), .columns = draw_byte(&bytes)};
    draw_charset(&bytes);
    prints[draw_below(&bytes, 3)](&bytes, &style);
    return 0;
}
