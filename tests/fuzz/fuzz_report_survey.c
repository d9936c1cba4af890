/* Listeners made of the fuzzer's bytes, judged, and printed as a list, as metrics, as they are watched, resized and measured. */
#include "model.h"
#include "printed.h"

#include "backlogctl/judge.h"
#include "backlogctl/report.h"

#include <stdlib.h>
#include <string.h>

#define LISTENERS_MAX 8
#define HOLDERS_MAX 3
#define NAMESPACES_MAX 3
#define ROWS 30

static void draw_namespace(struct bytes *bytes, struct netns_facts *facts, size_t n)
{
    *facts = (struct netns_facts){.inode = n, .ours = !n && draw_bool(bytes)};
    uint8_t what = draw_byte(bytes);
    if (what & 1)
        draw_text(bytes, facts->name, sizeof facts->name);
    facts->path = what & 2 ? draw_lasting(bytes) : NULL;
    int64_t *const sysctls[] = {&facts->somaxconn, &facts->tcp_max_syn_backlog, &facts->tcp_syncookies,
                                &facts->tcp_abort_on_overflow};
    for (size_t i = 0; i < sizeof sysctls / sizeof *sysctls; i++)
        *sysctls[i] = draw_bool(bytes) ? (int64_t)(uint32_t)draw_number(bytes) : -1;
    facts->pid = what & 4 ? (pid_t)(draw_raw(bytes, 4) & INT32_MAX) : 0;
    facts->counters = draw_counters(bytes);
    facts->overflows_after = facts->counters.value[COUNTER_LISTEN_OVERFLOWS] + draw_byte(bytes);
    facts->discarded = draw_count(bytes);
    facts->span = (struct overflow_span){.known = what & 8, .least = draw_byte(bytes), .others_known = what & 16};
    facts->span.most = facts->span.least + draw_byte(bytes);
    facts->span.others = draw_count(bytes);
}

static void draw_survey(struct bytes *bytes, struct survey *survey)
{
    *survey = (struct survey){.kernel = "6.18.0",
                              .taken_at = "2026-01-31T12:00:00.000Z",
                              .count = draw_below(bytes, LISTENERS_MAX + 1)};
    bool looked = draw_bool(bytes);
    survey->namespace_count = 1 + draw_below(bytes, NAMESPACES_MAX);
    survey->listeners = calloc(survey->count + 1, sizeof *survey->listeners);
    survey->namespaces = calloc(survey->namespace_count, sizeof *survey->namespaces);
    survey->holders = looked ? calloc(survey->count * HOLDERS_MAX + 1, sizeof *survey->holders) : NULL;
    MUST(survey->listeners && survey->namespaces && (survey->holders || !looked));
    for (size_t n = 0; n < survey->namespace_count; n++)
        draw_namespace(bytes, &survey->namespaces[n], n);
    for (size_t i = 0; i < survey->count; i++) {
        struct listener *l = &survey->listeners[i];
        *l = draw_listener(bytes);
        l->holder_first = i * HOLDERS_MAX;
        if (!looked)
            continue;
        l->processes = l->pid ? 1 + l->processes % HOLDERS_MAX : 0;
        for (uint32_t h = 0; h < l->processes; h++)
            survey->holders[l->holder_first + h] = draw_holder(bytes);
    }
    survey->namespaces_closed = draw_count(bytes);
    survey->owners_unseen = draw_count(bytes);
    survey->processes_hidden = draw_count(bytes);
    draw_text(bytes, survey->incomplete, sizeof survey->incomplete);
    survey->expectation_count = draw_expectations(bytes, MEASURES_OF_LISTENER, survey->expectations);
}

static void judge(struct survey *survey)
{
    judge_survey(survey);
    for (size_t i = 0; i < survey->count; i++) {
        struct listener *l = &survey->listeners[i];
        if (survey->holders && l->processes)
            l->causes = judge_holders(survey->holders + l->holder_first, l->processes, l->waits_on);
    }
}

static struct list_view draw_view(struct bytes *bytes)
{
    struct list_view view = {.count = draw_below(bytes, LIST_COLUMNS_MAX + 1)};
    for (size_t i = 0; i < view.count; i++) {
        size_t column = draw_below(bytes, FIGURE_COUNT);
        while (!figure_column_name(column))
            column = (column + 1) % FIGURE_COUNT;
        view.columns[i] = (uint8_t)column;
    }
    return view;
}

static void print_list(const struct survey *survey, const struct list_view *view, const struct report_style *style)
{
    struct printed printed;
    FILE *out = print_begin(&printed);
    MUST(!report_survey_text(out, survey, view, style));
    print_end(&printed, out);
    must_be_text(&printed, style->color);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_survey_json(out, survey));
    print_end(&printed, out);
    must_be_json(&printed);
    print_free(&printed);
    out = print_begin(&printed);
    report_survey_prometheus(out, survey);
    print_end(&printed, out);
    must_be_metrics(&printed);
    print_free(&printed);
}

static void print_checks(const struct survey *survey)
{
    struct printed printed;
    const struct checks checks = {.command = "list",
                                  .list = survey->expectations,
                                  .count = survey->expectation_count,
                                  .survey = survey,
                                  .started_at = survey->taken_at};
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

/* ---- Resized and measured ---- */

static void print_resizing(struct bytes *bytes, const struct survey *survey, const struct report_style *style)
{
    struct printed printed;
    struct resized list[LISTENERS_MAX] = {0};
    struct resizing resizing = {.asked = (int32_t)draw_raw(bytes, 4), .dry_run = draw_bool(bytes), .list = list};
    resizing.somaxconn = draw_bool(bytes) ? (int64_t)(uint32_t)draw_number(bytes) : -1;
    resizing.survey = survey;
    resizing.count = survey->count;
    for (size_t i = 0; i < survey->count; i++) {
        list[i].before = survey->listeners[i];
        if (draw_bool(bytes))
            list[i].after = survey->listeners[draw_below(bytes, survey->count)];
        list[i].changed = draw_bool(bytes);
        if (!list[i].changed && !resizing.dry_run)
            draw_text(bytes, list[i].error, sizeof list[i].error);
    }
    FILE *out = print_begin(&printed);
    report_resize_text(out, &resizing, style);
    print_end(&printed, out);
    must_be_text(&printed, style->color);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_resize_json(out, &resizing));
    print_end(&printed, out);
    must_be_json(&printed);
    print_free(&printed);
}

static void print_measurement(struct bytes *bytes, const struct survey *survey, const struct report_style *style)
{
    static struct measurement m;
    struct printed printed;
    uint8_t what = draw_byte(bytes);
    m = (struct measurement){.ptraced = what & 1, .expired = what & 2, .full = what & 4, .accepted_known = what & 8};
    m.listener = survey->count ? survey->listeners[0] : draw_listener(bytes);
    m.processes = draw_count(bytes), m.threads = draw_count(bytes);
    m.budget = draw_span(bytes), m.frozen = draw_span(bytes), m.patience = draw_span(bytes);
    m.sent = draw_count(bytes), m.held = draw_count(bytes), m.discarded = draw_count(bytes);
    m.queued = draw_count(bytes), m.unanswered = draw_count(bytes), m.accepted = draw_count(bytes);
    m.drained = draw_moment(bytes), m.served = draw_moment(bytes);
    m.signal = what & 16 ? 1 + draw_byte(bytes) % 64 : 0;
    draw_text(bytes, m.incomplete, sizeof m.incomplete);
    m.expectation_count = draw_expectations(bytes, MEASURES_OF_LISTENER, m.expectations);
    judge_measurement(&m);
    FILE *out = print_begin(&printed);
    report_measurement_text(out, &m, style);
    print_end(&printed, out);
    must_be_text(&printed, style->color);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_measurement_json(out, &m));
    print_end(&printed, out);
    must_be_json(&printed);
    print_free(&printed);
}

/* ---- Watched ---- */

static void draw_history(struct bytes *bytes, const struct listener *listener, struct watch_model *w,
                         struct listener_history *one)
{
    *one = (struct listener_history){.now = *listener, .state = (enum watch_state)draw_below(bytes, WATCH_STATE_COUNT)};
    one->changed = one->state == WATCH_PRESENT ? 0 : w->elapsed - draw_span(bytes) % (w->elapsed + 1);
    one->survey = w->surveys;
    one->peak = draw_count(bytes);
    one->peak_at = w->elapsed - draw_span(bytes) % (w->elapsed + 1);
    one->discarded = draw_count(bytes);
    one->open = (struct watch_span){.peak = draw_count(bytes), .samples = draw_raw(bytes, 4), .discarded = draw_count(bytes)};
    one->last = (struct watch_span){.peak = draw_count(bytes), .samples = draw_raw(bytes, 4), .discarded = draw_count(bytes)};
    one->history_to = (uint32_t)draw_raw(bytes, 2);
    uint32_t seconds = draw_byte(bytes) % (WATCH_HISTORY + 1);
    one->history_from = one->history_to - (seconds < one->history_to ? seconds : one->history_to);
    for (uint32_t at = one->history_from; at < one->history_to; at++)
        one->history[at % WATCH_HISTORY] = (uint32_t)draw_number(bytes);
}

static void draw_watch(struct bytes *bytes, const struct survey *survey, struct watch_model *w)
{
    *w = (struct watch_model){.at = "2026-01-31T12:00:00.000Z", .count = survey->count, .namespaces = survey->namespaces};
    w->namespace_count = survey->namespace_count;
    w->surveys = 1 + draw_byte(bytes);
    w->interval = NSEC_PER_MSEC + draw_span(bytes), w->took = NSEC_PER_MSEC + draw_span(bytes), w->elapsed = draw_span(bytes);
    w->interval_began = draw_span(bytes) % (w->elapsed + 1);
    w->number = draw_count(bytes);
    w->owners_unseen = survey->owners_unseen, w->processes_hidden = survey->processes_hidden;
    memcpy(w->incomplete, survey->incomplete, sizeof w->incomplete);
    w->list = calloc(w->count + 1, sizeof *w->list);
    MUST(w->list);
    for (size_t i = 0; i < w->count; i++)
        draw_history(bytes, &survey->listeners[i], w, &w->list[i]);
    w->why.look = draw_look(bytes);
    if (w->count) {
        w->why.cookie = w->list[0].now.cookie;
        w->why.netns = w->list[0].now.netns;
    }
    struct expectation expectations[EXPECTATIONS_MAX];
    w->alert_count = draw_expectations(bytes, MEASURES_OF_WATCH, expectations);
    for (size_t i = 0; i < w->alert_count; i++)
        w->alerts[i] = (struct alert){.e = expectations[i]};
    judge_watch(w);
}

/* The text of the live view is what a terminal is given. */
static void print_frame(struct bytes *bytes, const struct watch_model *w, const size_t *order)
{
    static struct frame_line lines[ROWS];
    char filter[64];
    struct frame frame = {.lines = lines, .rows = FRAME_ROWS_MIN + draw_byte(bytes) % (ROWS - FRAME_ROWS_MIN + 1)};
    frame.columns = FRAME_COLUMNS_MIN + draw_byte(bytes);
    frame.utf8 = draw_bool(bytes);
    const struct frame_view view = {.order = order,
                                    .count = w->count,
                                    .selected = w->count ? draw_below(bytes, w->count) : 0,
                                    .filter = draw_text(bytes, filter, sizeof filter),
                                    .sort_name = "queue",
                                    .not_sampled = draw_lasting_or_none(bytes),
                                    .typing = draw_bool(bytes),
                                    .paused = draw_bool(bytes),
                                    .reverse = draw_bool(bytes),
                                    .help = draw_bool(bytes)};
    report_watch_frame(&frame, w, &view);
    MUST(frame.count <= frame.rows);
    for (size_t i = 0; i < frame.count; i++) {
        MUST(memchr(lines[i].text, '\0', sizeof lines[i].text) && !strchr(lines[i].text, '\n'));
        must_be_text(&(struct printed){lines[i].text, strlen(lines[i].text)}, false);
    }
}

static void print_watch(struct bytes *bytes, const struct survey *survey, const struct report_style *style)
{
    static struct watch_model w;
    size_t order[LISTENERS_MAX];
    struct printed printed;
    draw_watch(bytes, survey, &w);
    for (size_t i = 0; i < w.count; i++)
        order[i] = w.count - 1 - i;
    FILE *out = print_begin(&printed);
    report_watch_text(out, &w, order, w.count, draw_below(bytes, LISTENERS_MAX), style);
    for (size_t i = 0; i < w.alert_count; i++)
        report_alert_text(out, &w.alerts[i], style);
    print_end(&printed, out);
    must_be_text(&printed, style->color);
    print_free(&printed);
    out = print_begin(&printed);
    MUST(!report_watch_json(out, &w, order, w.count));
    for (size_t i = 0; i < w.alert_count; i++)
        MUST(!report_alert_json(out, &w.alerts[i]));
    print_end(&printed, out);
    must_be_json_lines(&printed);
    print_free(&printed);
    print_frame(bytes, &w, order);
    free(w.list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct survey survey;
    struct bytes bytes = {data, size};
    struct report_style style = {.color = draw_bool(&bytes), .columns = draw_byte(&bytes)};
    draw_charset(&bytes);
    uint8_t forms = draw_byte(&bytes);
    struct list_view view = draw_view(&bytes);
    draw_survey(&bytes, &survey);
    judge(&survey);
    print_list(&survey, &view, &style);
    print_checks(&survey);
    if (forms & 1)
        print_resizing(&bytes, &survey, &style);
    if (forms & 2)
        print_measurement(&bytes, &survey, &style);
    if (forms & 4)
        print_watch(&bytes, &survey, &style);
    free(survey.listeners);
    free(survey.holders);
    free(survey.namespaces);
    return 0;
}
