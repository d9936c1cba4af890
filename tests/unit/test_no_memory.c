/* Reports for which memory runs out: each allocation fails once, and what comes of it is the whole report or an error. */
#include "sample_run.h"
#include "suite.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- Allocations that fail ---- */

static long left = -1; /* allocations until one fails; negative: none does */
static bool ran_out;

static bool fails(void)
{
    bool now = left >= 0 && left-- == 0;
    ran_out = ran_out || now;
    if (now)
        errno = ENOMEM;
    return now;
}

#ifdef __SANITIZE_ADDRESS__
/* The sanitizer's own allocator cannot be stood in for: then only jansson's allocations fail. */
static void *json_alloc(size_t size)
{
    return fails() ? NULL : malloc(size);
}

static void prepare(void)
{
    json_set_alloc_funcs(json_alloc, free);
}
#else
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *old, size_t size);

/* These take the place of libc's, in libraries too. */
void *malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

/* libsmartcols 2.38 prints on without the cell that it has no memory for, and says nothing: that cannot be told from outside. */
static bool is_table_library(const void *caller)
{
    Dl_info info;
    return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "libsmartcols");
}

void *realloc(void *old, size_t size)
{
    if (is_table_library(__builtin_return_address(0)))
        return __libc_realloc(old, size);
    return fails() ? NULL : __libc_realloc(old, size);
}

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
    int status = report_json_begin(out, &sample);
    return status ? status : report_json_end(out, &sample);
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
    {"serve --json", serve_json, false},
};

/* ---- The tests ---- */

/* What the report writes when the n-th of its allocations fails; malloc'ed. *status is what it returns. */
static char *written(size_t report, long n, int *status)
{
    static char buffer[BUFSIZ];
    FILE *out = tmpfile();
    ck_assert_ptr_nonnull(out);
    setvbuf(out, buffer, _IOFBF, sizeof buffer);
    ran_out = false;
    left = n;
    *status = reports[report].report(out);
    left = -1;
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
    long n = 0;
    prepare();
    make_run();
    char *whole = written((size_t)_i, -1, &status);
    ck_assert_int_eq(status, 0);
    if (reports[_i].words)
        squeeze(whole);
    for (ran_out = true; ran_out; n++) {
        char *text = written((size_t)_i, n, &status);
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
