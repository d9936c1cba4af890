/* Reports for which memory runs out: each allocation fails once, and what comes of it is the whole report or an error. */
#include "sample_run.h"
#include "suite.h"

#include "../faults/faults.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#ifdef __SANITIZE_ADDRESS__
/* The sanitizer's own allocator cannot be stood in for: then only jansson's allocations fail. */
static long left = -1, failed;

static void *json_alloc(size_t size)
{
    bool fails = left >= 0 && left-- == 0;
    failed += fails;
    return fails ? NULL : malloc(size);
}

static void prepare(void)
{
    json_set_alloc_funcs(json_alloc, free);
}

void faults_allocations(long count, int and_after)
{
    (void)and_after;
    left = count;
    failed = 0;
}

long faults_failed(void)
{
    return failed;
}
#else
static void prepare(void)
{
}
#endif

/* ---- What is reported ---- */

static const struct report_style style = {.columns = 80};

static struct queue_point points[] = {{.at = 0},
                                      {.at = 40 * NSEC_PER_USEC, .queue = 3},
                                      {.at = NSEC_PER_MSEC, .queue = 3, .discarded = 3}};

static void make_run(void)
{
    sample_full_queue(6);
    sample_ours(2);
    sample_times();
    sample_expect("queued=2", 2, true, 3);
    sample.probe.timeline = true;
    sample.preset = "queue";
    sample.preset_words = "a full queue";
    sample.signal = 2;
    strcpy(sample.incomplete, "no right");
    struct timeline *t = &sample.targets[0].timeline;
    *t = (struct timeline){.source = TIMELINE_PACKETS, .points = points, .point_count = COUNT(points), .end = NSEC_PER_SEC};
    t->lanes = calloc(6, sizeof *t->lanes);
    t->syns = calloc(6, sizeof *t->syns);
    for (uint32_t i = 0; i < 6; i++) {
        const struct attempt *a = &sample.targets[0].attempts[i];
        t->lanes[i] = (struct lane){.first_syn = i,
                                    .syns = 1,
                                    .established = a->established,
                                    .queued = a->established,
                                    .accepted = a->accepted,
                                    .closed = NSEC_NEVER,
                                    .failed = NSEC_NEVER};
    }
}

static int run_json(FILE *out)
{
    return report_json(out, &sample);
}

static int run_text(FILE *out)
{
    report_text_begin(out, &sample, &style);
    return report_text_end(out, &sample, &style);
}

static int run_svg(FILE *out)
{
    return report_timeline_svg(out, &sample);
}

static char *const line[] = {"run", "--html", "x", NULL};

static int run_html(FILE *out)
{
    return report_html(out, &sample, line);
}

static char values[2][AXIS_VALUE_SIZE] = {"1", "2"};
static struct trial trials[2] = {{.done = true}, {.done = true, .error = 1, .why = "no right"}};
static struct middle middles[2][SWEEP_MEASURE_COUNT];
static const struct sweep sweep = {.axes = {{.name = "backlog", .values = values, .count = 2}},
                                   .axis_count = 1,
                                   .repeat = 1,
                                   .trials = trials,
                                   .cells = 2,
                                   .middles = middles};

static int sweep_json(FILE *out)
{
    return report_sweep_json(out, &sweep);
}

static int sweep_text(FILE *out)
{
    return report_sweep_text(out, &sweep, &style);
}

static int sweep_html(FILE *out)
{
    static const struct expectations expect = {.list = {{.text = "lost=0"}}, .count = 1};
    return report_sweep_html(out, &sweep, &expect, line);
}

static const struct sizing sizing = {
    .load = {.arrivals.rate = 10}, .answered = true, .backlog = 3, .looks = 1, .why = "no right"};

static int sizing_json(FILE *out)
{
    return report_sizing_json(out, &sizing);
}

static int sizing_text(FILE *out)
{
    report_sizing_text(out, &sizing, &style);
    return 0;
}

static int sizing_html(FILE *out)
{
    return report_sizing_html(out, &sizing, line);
}

static struct listener listeners[2] = {
    {.known = true, .kind = KIND_UNIX_STREAM, .path = "/tmp/socket", .queue = 5, .capacity = 5, .percent = 100},
    {.known = true, .local = {.family = AF_INET, .port = 80}, .pid = 1, .process = "nginx", .remarks = 1 << REMARK_FULL}};
static struct netns_facts netns = {.ours = true, .counters.known = true, .somaxconn = 4096};
static const struct survey survey = {.listeners = listeners,
                                     .count = 2,
                                     .namespaces = &netns,
                                     .namespace_count = 1,
                                     .owners_unseen = 1,
                                     .incomplete = "no right",
                                     .expectations = {{.text = "queue<5", .broken = 1}},
                                     .expectation_count = 1};

static int survey_json(FILE *out)
{
    return report_survey_json(out, &survey);
}

static int survey_text(FILE *out)
{
    return report_survey_text(out, &survey, &(struct list_view){0}, &style);
}

static struct resized resized[2] = {{.error = "no right"}, {.changed = true, .after.known = true}};
static const struct resizing resizing = {.list = resized, .count = 2, .asked = 10, .somaxconn = 4096};

static int resize_json(FILE *out)
{
    return report_resize_json(out, &resizing);
}

static int resize_text(FILE *out)
{
    report_resize_text(out, &resizing, &style);
    return 0;
}

static const struct measurement measurement = {.expectation_count = 1};

static int measure_json(FILE *out)
{
    return report_measurement_json(out, &measurement);
}

static int measure_text(FILE *out)
{
    report_measurement_text(out, &measurement, &style);
    return 0;
}

static int watch_json(FILE *out)
{
    struct listener_history one = {.now = listeners[1]};
    struct watch_model w = {.list = &one, .count = 1, .namespaces = &netns, .namespace_count = 1, .alert_count = 1};
    w.alerts[0].by = one.now;
    int status = report_watch_json(out, &w, &(size_t){0}, 1);
    return status ? status : report_alert_json(out, &w.alerts[0]);
}

static int serve_json(FILE *out)
{
    static const struct server_settings settings = {.greeting = "hello", .backlog = 5};
    int status = report_ready_json(out, &listeners[1], &settings, 4096);
    return status ? status : report_totals_json(out, &(struct server_totals){0}, NSEC_PER_SEC);
}

static int trace_html(FILE *out)
{
    static const struct trace_hooks hooks = {.of = {{"tp_btf/any", TRACE_EXACT}}};
    static struct traced one = {.surveyed = true, .selected = true, .slot = {.entered = 3, .syn = {.count = 2}}};
    static struct trace_point point = {.to = NSEC_PER_SEC, .span = {.entered = 3, .syn = 2}};
    static struct trace_track track = {.points = &point, .count = 1, .room = 1, .width = 1};
    const struct trace_model m = {.hooks = &hooks, .list = &one, .count = 1, .elapsed = NSEC_PER_SEC};
    const struct trace_history history = {.tracks = &track, .count = 1};
    one.now = listeners[1];
    return report_trace_html(out, &m, &history, line);
}

static const struct {
    const char *name;
    int (*report)(FILE *out);
    bool words; /* which may be folded elsewhere when memory is short */
} reports[] = {
    {"run --json", run_json, false},     {"run", run_text, true},
    {"run --svg", run_svg, false},       {"sweep --json", sweep_json, false},
    {"sweep", sweep_text, true},         {"size --json", sizing_json, false},
    {"size", sizing_text, true},         {"list --json", survey_json, false},
    {"list", survey_text, true},         {"resize --json", resize_json, false},
    {"resize", resize_text, true},       {"measure --json", measure_json, false},
    {"measure", measure_text, true},     {"watch --json", watch_json, false},
    {"serve --json", serve_json, false}, {"run --html", run_html, false},
    {"trace --html", trace_html, true},  {"sweep --html", sweep_html, false},
    {"size --html", sizing_html, false},
};

/* ---- The tests ---- */

/* What the report writes when the n-th of its allocations fails; malloc'ed. *status is what it returns, *ran_out
   whether there were so many. */
static char *written(size_t report, long n, int *status, bool *ran_out)
{
    static char buffer[BUFSIZ];
    FILE *out = tmpfile();
    ck_assert_ptr_nonnull(out);
    setvbuf(out, buffer, _IOFBF, sizeof buffer);
    faults_allocations(n, false);
    *status = reports[report].report(out);
    *ran_out = faults_failed() > 0;
    faults_allocations(-1, false);
    long size = ftell(out);
    char *text = calloc(1, (size_t)size + 1);
    rewind(out);
    ck_assert_uint_eq(fread(text, 1, (size_t)size, out), size);
    fclose(out);
    return text;
}

/* One blank for many, newlines too. */
static void squeeze(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++) {
        bool blank = *from == ' ' || *from == '\n';
        if (!blank || (to > text && to[-1] != ' '))
            *to++ = blank ? ' ' : *from;
    }
    while (to > text && to[-1] == ' ')
        to--;
    *to = '\0';
}

START_TEST(a_report_is_whole_or_an_error)
{
    int status;
    bool ran_out;
    long n = 0;
    prepare();
    make_run();
    char *whole = written((size_t)_i, -1, &status, &ran_out);
    ck_assert_int_eq(status, 0);
    if (reports[_i].words)
        squeeze(whole);
    for (ran_out = true; ran_out; n++) {
        char *text = written((size_t)_i, n, &status, &ran_out);
        if (reports[_i].words)
            squeeze(text);
        ck_assert_msg(!status || status == -ENOMEM, "%s: status %d", reports[_i].name, status);
        ck_assert_msg(status || !strcmp(text, whole), "%s: allocation %ld fails, status 0, and this is not whole:\n%s",
                      reports[_i].name, n, text);
        ck_assert_msg(ran_out || !status, "%s: no allocation fails, but the report does", reports[_i].name);
        free(text);
    }
#ifndef __SANITIZE_ADDRESS__
    ck_assert_int_gt(n, 1);
#endif
    free(whole);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("no memory");
    TCase *rows = tcase_create("reports");
    tcase_add_loop_test(rows, a_report_is_whole_or_an_error, 0, COUNT(reports));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
