/* Pages: what is in them, that they load nothing, and that no name from outside becomes a part of the page. */
#include "sample_run.h"
#include "suite.h"

#include "backlogctl/judge.h"

#include <stdlib.h>
#include <string.h>

#define EVIL "<script>alert(1)</script>\"'&\033[31m\xff\xe2\x80\xae"
#define TAMED "&lt;script&gt;alert(1)&lt;/script&gt;\"'&amp;\\x1b[31m\\xff\\xe2\\x80\\xae"

static char *const line[] = {"run", "--backlog", "2", "it's", "", EVIL, NULL};

static char *page_of_run(void)
{
    FILE *out = catch_begin();
    ck_assert_int_eq(report_html(out, &sample, line), 0);
    return catch_end(out);
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part))
        count++;
    return count;
}

/* What every page keeps to. */
static void assert_page(const char *text)
{
    static const char *const loads[] = {"src=", "href=",   "url(",  "@import", "<link",
                                        "<img", "<iframe", "<base", "<object", "<form"};
    assert_printable(text, "\n");
    ck_assert_ptr_eq(strstr(text, "<!DOCTYPE html>\n"), text);
    assert_has(text, "<meta charset=\"utf-8\" />");
    assert_has(text, "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-");
    assert_has(text, "<meta name=\"viewport\"");
    assert_has(text, "<meta name=\"color-scheme\" content=\"light dark\" />");
    assert_has(text, "@media (prefers-color-scheme: dark)");
    assert_has(text, "@media print");
    for (size_t i = 0; i < COUNT(loads); i++)
        assert_lacks(text, loads[i]);
    ck_assert_uint_eq(count_of(text, "<script"), 1);
    ck_assert_uint_eq(count_of(text, "<table"), count_of(text, "</table>"));
    ck_assert_uint_eq(count_of(text, "<tr"), count_of(text, "</tr>"));
    ck_assert_uint_eq(count_of(text, "<td"), count_of(text, "</td>"));
    ck_assert_uint_eq(count_of(text, "<section"), count_of(text, "</section>"));
    ck_assert_uint_eq(count_of(text, "<div"), count_of(text, "</div>"));
    ck_assert_str_eq(text + strlen(text) - 8, "</html>\n");
}

static void add_timeline(uint32_t count)
{
    static struct queue_point points[] = {{.at = 0}, {.at = NSEC_PER_MSEC, .queue = 3}};
    struct timeline *t = &sample.targets[0].timeline;
    *t = (struct timeline){.source = TIMELINE_PACKETS, .points = points, .point_count = COUNT(points), .end = NSEC_PER_SEC};
    t->lanes = calloc(count, sizeof *t->lanes);
    t->syns = calloc(count, sizeof *t->syns);
    ck_assert(t->lanes && t->syns);
    for (uint32_t i = 0; i < count; i++)
        t->lanes[i] = (struct lane){i, 1, NSEC_PER_MSEC, NSEC_PER_MSEC, NSEC_NEVER, NSEC_NEVER, NSEC_NEVER};
}

static void release_timeline(void)
{
    free(sample.targets[0].timeline.lanes);
    free(sample.targets[0].timeline.syns);
}

START_TEST(a_run_has_all_its_parts)
{
    static const char *const parts[] = {
        "<h1>backlogctl run 127.0.0.1:60001",
        "<section id=\"explanation\">",
        "<p>preset queue: a full queue</p>",
        "<section id=\"expectations\">",
        "<td>queued=2</td>",
        "seen 3, FAILED",
        "<svg role=\"img\"",
        "<title>#1 connected: SYN",
        ">verdict</th>",
        "<td class=\"mark\">timed_out</td>",
        "data-key=\"1\"",
        "<section id=\"listeners\">",
        "ListenOverflows",
        "<td>6.18.0</td>",
        "net.core.somaxconn",
        "net.ipv4.tcp_syncookies",
        "2026-01-31T12:00:00.000000Z",
        "<pre>backlogctl run --backlog 2 ",
    };
    sample_full_queue(10);
    sample_ours(2);
    sample_expect("queued=2", 2, true, 3);
    sample.preset = "queue";
    sample.preset_words = "a full queue";
    sample.counters.value[COUNTER_LISTEN_OVERFLOWS] = 6;
    add_timeline(10);
    char *text = page_of_run(), *words = report_explain(&sample);
    assert_page(text);
    assert_lacks(text, "://");
    for (size_t i = 0; i < COUNT(parts); i++)
        assert_has(text, parts[i]);
    assert_has(text, words);
    free(words);
    free(text);
    release_timeline();
}
END_TEST

START_TEST(names_stay_names)
{
    static char *words[] = {"server", EVIL, NULL};
    sample_full_queue(4);
    sample.netns = sample.host = EVIL;
    sample.started = (struct started_server){.words = words, .trouble = STARTED_EXITED};
    snprintf(sample.started.why, sizeof sample.started.why, "it said %s", EVIL);
    snprintf(sample.incomplete, sizeof sample.incomplete, "no %s", EVIL);
    snprintf(sample.targets[0].after.process, sizeof sample.targets[0].after.process, "<b>");
    char *text = page_of_run();
    assert_page(text);
    assert_lacks(text, "<b>,");
    assert_has(text, "in netns " TAMED);
    assert_has(text, "it said " TAMED);
    assert_has(text, "no " TAMED);
    assert_has(text, "&lt;b&gt;");
    assert_has(text, "'it'\\''s' '' '&lt;script&gt;alert(1)&lt;/script&gt;\"'\\''&amp;\\x1b[31m\\xff\\xe2\\x80\\xae'</pre>");
    free(text);
}
END_TEST

START_TEST(a_server_that_was_not_tested_has_a_page)
{
    static char *words[] = {"server", NULL};
    sample_full_queue(4);
    sample.target_count = 0;
    sample.started = (struct started_server){.words = words, .trouble = STARTED_EXITED, .why = "it ended"};
    char *text = page_of_run();
    assert_page(text);
    assert_has(text, "<p>Nothing was sent.</p>");
    assert_has(text, "<p>it ended</p>");
    free(text);
}
END_TEST

/* Rows are shared as in text, and lanes are drawn up to a number. */
START_TEST(a_large_burst_makes_no_large_page)
{
    sample_full_queue(SAMPLE_MANY);
    add_timeline(SAMPLE_MANY);
    char *text = page_of_run();
    assert_page(text);
    ck_assert_uint_lt(strlen(text), 2000000);
    ck_assert_uint_lt(count_of(text, "<tr"), 100);
    assert_has(text, "data-key=\"99996\">99996</td>");
    free(text);
    release_timeline();
}
END_TEST

START_TEST(summaries_have_no_rows)
{
    sample_full_queue(10);
    sample.probe.summary = true;
    char *text = page_of_run();
    assert_page(text);
    assert_lacks(text, ">verdict</th>");
    free(text);
}
END_TEST

#define CELLS 3

START_TEST(a_sweep_has_all_its_runs)
{
    char values[CELLS][AXIS_VALUE_SIZE] = {"1ms", "<i>", "500us"};
    struct trial trials[2 * CELLS] = {0};
    struct middle middles[CELLS][SWEEP_MEASURE_COUNT];
    static const struct expectations expect = {.list = {{.text = "lost<=3"}}, .count = 1};
    struct sweep sweep = {.kernel = "6.18.0",
                          .started_at = "2026-01-31T12:00:00.000Z",
                          .fixed = "--send " EVIL,
                          .axes = {{.name = "accept-delay", .values = values, .count = CELLS}},
                          .axis_count = 1,
                          .repeat = 2,
                          .trials = trials,
                          .cells = CELLS,
                          .middles = middles};
    for (size_t i = 0; i < COUNT(trials); i++) {
        trials[i] = (struct trial){.done = true, .outcome = i % 2 ? OUTCOME_HELD : OUTCOME_FAILED, .accepted_p50 = NSEC_NEVER};
        trials[i].accepted_p99 = trials[i].accepted_max = NSEC_NEVER;
        trials[i].counts[VERDICT_LOST] = 7 - i;
    }
    trials[5].error = 1;
    snprintf(trials[5].why, sizeof trials[5].why, "%s", EVIL);
    judge_sweep(&sweep);
    FILE *out = catch_begin();
    ck_assert_int_eq(report_sweep_html(out, &sweep, &expect, line), 0);
    char *text = catch_end(out);
    assert_page(text);
    assert_lacks(text, "://");
    assert_has(text, "<td data-key=\"0\">1ms</td>");
    assert_has(text, "<td data-key=\"1\">&lt;i&gt;</td>"); /* by its place, which is what its option makes of it */
    assert_has(text, "<p>lost&lt;=3: held in 2 of 6 runs</p>");
    assert_has(text, "With --send " TAMED ".");
    assert_has(text, "<td>" TAMED "</td>");
    assert_has(text, "<section id=\"combinations\">");
    ck_assert_uint_eq(count_of(strstr(text, "<section id=\"runs\">"), "<tr"), 1 + COUNT(trials) + 3);
    free(text);
}
END_TEST

START_TEST(a_size_has_all_its_steps)
{
    struct sizing s = {.load = {.arrivals = {.burst = 10, .every = NSEC_PER_SEC}},
                       .kernel = "6.18.0",
                       .started_at = "2026-01-31T12:00:00.000Z",
                       .answered = true,
                       .backlog = 9,
                       .somaxconn = 4096,
                       .steps = {{SIZING_LOOK, 10, 5, 5, true, 0, true, 10, NSEC_PER_MSEC},
                                 {SIZING_BISECTION, 5, 1, 0, true, 4, true, 6, NSEC_NEVER},
                                 {SIZING_BISECTION, 7, 1, 0, false, 0, false, 0, NSEC_NEVER},
                                 {SIZING_CHECK, 9, 20, 20, true, 0, true, 10, 2 * NSEC_PER_MSEC}},
                       .step_count = 4};
    FILE *out = catch_begin();
    ck_assert_int_eq(report_sizing_html(out, &s, line), 0);
    char *text = catch_end(out);
    assert_page(text);
    assert_has(text, "<tr class=\"bad\"><td class=\"right\" data-key=\"2\">2</td><td class=\"mark\">bisection</td>");
    assert_has(text,
               "<tr class=\"bad\"><td class=\"right\" data-key=\"3\">3</td><td class=\"mark\">bisection</td><td class=\"right\" "
               "data-key=\"7\">7</td><td class=\"right\" data-key=\"1\">1</td><td class=\"right\" data-key=\"0\">0</td>"
               "<td class=\"right\" data-key=\"-1\">-</td>"); /* unknown is not 0 */
    assert_has(text, "step 4, backlog 9: 20 of 20 runs dropped and lost nobody");
    assert_has(text, "listen 80 backlog=9;");
    assert_has(text, "<p>net.core.somaxconn must be at least 9; here it is 4096, which is enough.</p>");
    free(text);
    s.predicted.overload = true;
    s.step_count = 0;
    out = catch_begin();
    ck_assert_int_eq(report_sizing_html(out, &s, NULL), 0);
    text = catch_end(out);
    assert_page(text);
    assert_has(text, "<p>No backlog cures this:");
    free(text);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {
        a_run_has_all_its_parts,           names_stay_names,       a_server_that_was_not_tested_has_a_page,
        a_large_burst_makes_no_large_page, summaries_have_no_rows, a_sweep_has_all_its_runs,
        a_size_has_all_its_steps};
    Suite *suite = suite_create("pages");
    suite_add(suite, "plain", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN(make_suite)
