/* A trace as a live view, a picture and a page: any size of screen, any worth of the figures, any name. */
#include "sample_run.h"
#include "suite.h"

#include "backlogctl/judge.h"
#include "backlogctl/report.h"
#include "backlogctl/trace_history.h"

#include <stdio.h>
#include <string.h>

#define MANY 30
#define EVIL "<b>&\"'\033[31m"
#define TAMED "&lt;b&gt;&amp;\"'\\x1b[31m"

static struct trace_hooks hooks;
static struct traced list[MANY];
static struct trace_account account;
static struct netns_facts netns;
static struct trace_model model;
static struct trace_point points[MANY][2];
static struct trace_track tracks[MANY];
static struct trace_history history;

static void add_listener(size_t i)
{
    struct traced *one = &list[i];
    *one = (struct traced){.now = sample_listener(9, 0, 0), .surveyed = true, .selected = true, .looked = true};
    one->now.local.port = (uint16_t)(60001 + i);
    one->now.cookie = one->slot.cookie = i + 1;
    one->now.pid = 4711;
    memcpy(one->now.process, "nginx", 6);
    one->slot.netns = 7;
    one->slot.entered = 100 + i, one->slot.accepted = 90, one->slot.peak = one->slot.inside_peak = 10;
    one->slot.interval_peak = 4, one->slot.syn.count = 12, one->slot.left_closed = 3;
    one->slot.waits[200] = 90, one->slot.wait_max = (uint64_t)trace_wait_from(200) + 5;
    one->before.entered = 98 + i, one->before.syn.count = 7, one->before.accepted = 90, one->before.waits[200] = 90;
    one->before.left_closed = 3;
    points[i][0] = (struct trace_point){.to = NSEC_PER_SEC, .capacity = 10, .queue = 2, .span = {.peak = 10, .syn = 12}};
    points[i][1] =
        (struct trace_point){.from = 3 * NSEC_PER_SEC, .to = 4 * NSEC_PER_SEC, .capacity = 10, .span = {.samples = 90}};
    points[i][1].span.p50 = points[i][1].span.p99 = (struct trace_quantile){NSEC_PER_MSEC, 2 * NSEC_PER_MSEC};
    points[i][1].span.max = (struct trace_quantile){3 * NSEC_PER_MSEC, 3 * NSEC_PER_MSEC};
    tracks[i] = (struct trace_track){.points = points[i], .count = 2, .room = 2, .width = 1};
}

/* `count` listeners on 127.0.0.1:60001 and up, at each of which something happened. */
static void begin(size_t count)
{
    for (enum trace_figure f = 0; f < TRACE_FIGURE_COUNT; f++)
        hooks.of[f] = (struct trace_hook){"tp_btf/any", TRACE_EXACT};
    account = (struct trace_account){.netns = 7, .known = true};
    netns = (struct netns_facts){.inode = 4026531840u, .ours = true, .somaxconn = 4096};
    model = (struct trace_model){.at = "2026-01-31T12:34:56.000Z",
                                 .began_at = "2026-01-31T12:34:46.000Z",
                                 .kernel = "6.18.0",
                                 .interval = NSEC_PER_SEC,
                                 .elapsed = 10 * NSEC_PER_SEC,
                                 .hooks = &hooks,
                                 .list = list,
                                 .count = count,
                                 .accounts = &account,
                                 .account_count = 1,
                                 .namespaces = &netns,
                                 .namespace_count = 1};
    history = (struct trace_history){.tracks = tracks, .count = count, .limit = TRACE_POINTS, .room = 2 * count};
    for (size_t i = 0; i < count; i++)
        add_listener(i);
    judge_trace(&model);
}

/* ---- The live view ---- */

static struct frame frame;
static size_t order[MANY];

static void draw(size_t rows, int columns, struct frame_view view, bool all)
{
    free(frame.lines);
    frame = (struct frame){.lines = calloc(rows + 1, sizeof *frame.lines), .rows = rows, .columns = columns};
    ck_assert_ptr_nonnull(frame.lines);
    for (size_t i = 0; i < MANY; i++)
        order[i] = i;
    view.order = order;
    view.count = model.count;
    view.filter = view.filter ? view.filter : "";
    view.sort_name = "busiest";
    report_trace_frame(&frame, &model, &view, all);
}

static bool has(const char *part)
{
    for (size_t i = 0; i < frame.count; i++)
        if (strstr(frame.lines[i].text, part))
            return true;
    return false;
}

static void must_have(const char *part)
{
    for (size_t i = 0; i < frame.count && !has(part); i++)
        printf("%s\n", frame.lines[i].text);
    ck_assert_msg(has(part), "no '%s'", part);
}

static const struct {
    size_t rows;
    int columns;
} sizes[] = {{24, 80}, {8, 40}, {60, 200}, {10, 40}, {30, 100}, {15, 60}, {50, 400}, {200, 41}, {9, 132}};

START_TEST(every_size_has_all_it_needs)
{
    begin(MANY);
    for (size_t selected = 0; selected < MANY; selected += 29)
        for (int all = 0; all < 2; all++) {
            draw(sizes[_i].rows, sizes[_i].columns, (struct frame_view){.selected = selected}, all);
            ck_assert_uint_eq(frame.count, sizes[_i].rows);
            char port[16];
            size_t marked = 0;
            snprintf(port, sizeof port, ":%zu", 60001 + selected);
            for (size_t i = 0; i < frame.count; i++) {
                const struct frame_line *line = &frame.lines[i];
                if (i && i + 1 < frame.count)
                    ck_assert_msg(strlen(line->text) <= (size_t)sizes[_i].columns, "too wide: '%s'", line->text);
                if (line->style == FRAME_SELECTED) {
                    marked++;
                    ck_assert_msg(strstr(line->text, port) != NULL, "'%s'", line->text);
                }
            }
            ck_assert_uint_eq(marked, 1);
            must_have("address");
            must_have("peak");
            must_have("q quit");
            must_have("12:34:56Z");
            must_have(all ? "since the beginning:" : "in the last interval:");
        }
}
END_TEST

START_TEST(rows_have_the_span_that_is_asked_for)
{
    begin(3);
    draw(24, 80, (struct frame_view){0}, false);
    must_have("127.0.0.1:60001      4    10       2        0      -      -        5        0");
    must_have("since the beginning: 100 entered, 90 accepted, 12 SYNs lost, 0 ACKs lost, 3");
    must_have("queue: 10 at the most (it holds 10)");
    must_have("t all");
    draw(24, 80, (struct frame_view){0}, true);
    must_have("127.0.0.1:60001     10    10     100       90");
    must_have("t last");
    draw(40, 200, (struct frame_view){0}, true);
    must_have("127.0.0.1:60001");
    must_have("in the last interval:");
    must_have("nginx/4711");
    must_have("dropped on the full queue: 12 SYNs");
    must_have("########");
}
END_TEST

START_TEST(bounds_are_told)
{
    begin(2);
    account.overflows.now = 100; /* more than was seen */
    hooks.of[TRACE_ACK].name = NULL;
    hooks.of[TRACE_WAIT].worth = TRACE_AT_MOST;
    list[0].slot.inside_peak = 11;
    list[1].surveyed = false;
    list[1].slot.closed = 5;
    model.slots_missing = 3;
    judge_trace(&model);
    draw(24, 80, (struct frame_view){0}, true);
    must_have("  10+    10     100     <=90");
    must_have("      12+        ?");
    must_have(" 3 listeners were not traced, as there were too many");
    must_have("x 127.0.0.1:60002");
    must_have("     ?     ");
    draw(24, 80, (struct frame_view){.selected = 1}, true);
    must_have("LISTENS NO MORE");
}
END_TEST

START_TEST(states_of_the_view_are_told)
{
    begin(1);
    draw(24, 80, (struct frame_view){.paused = true, .reverse = true}, false);
    must_have("PAUSED");
    must_have("-busiest");
    draw(24, 80, (struct frame_view){.help = true}, false);
    must_have("any key goes back");
    must_have("9+  at least");
    draw(7, 80, (struct frame_view){0}, false);
    must_have("too small: want 40x8");
    model.count = 0;
    draw(24, 80, (struct frame_view){0}, false);
    must_have("no listener");
    ck_assert_uint_eq(frame.count, 24);
}
END_TEST

START_TEST(no_name_breaks_the_screen)
{
    begin(1);
    strcpy(list[0].now.process, "\033[2J\\x\377");
    memset(list[0].slot.acceptors[0].comm, '\033', sizeof list[0].slot.acceptors[0].comm);
    list[0].slot.acceptors[0].tid = 1, list[0].slot.acceptors[0].tgid = 1;
    draw(40, 200, (struct frame_view){0}, false);
    for (size_t i = 0; i < frame.count; i++)
        assert_printable(frame.lines[i].text, "");
    must_have("accepted by: \\x1b");
    must_have("\\x1b[2J\\x5cx\\xff/4711");
}
END_TEST

/* ---- The picture and the page ---- */

static char *picture(void)
{
    FILE *out = catch_begin();
    report_trace_svg(out, &model, &history);
    return catch_end(out);
}

static char *page(void)
{
    static char *const line[] = {"trace", "--html", EVIL, NULL};
    FILE *out = catch_begin();
    ck_assert_int_eq(report_trace_html(out, &model, &history, line), 0);
    return catch_end(out);
}

START_TEST(a_picture_has_all_of_it)
{
    static const char *const parts[] = {
        "something happened at 2 of 2 listeners in 10s",
        "127.0.0.1:60001  nginx/4711",
        "100 connections entered, 90 accepted, 3 left otherwise",
        ">holds 10<",
        ">longest: 10<",
        ">12 SYNs<",
        ">0 last ACKs<",
        "<title>0 to 1s: queue up to 10, 0 entered, 0 accepted, 12 SYNs, 0 last ACKs dropped, 0 left</title>",
        "<title>3s to 4s: queue up to 0, 0 entered, 0 accepted, 0 SYNs, 0 last ACKs dropped, 0 left; waited p50 1ms..2ms, p99 "
        "1ms..2ms, max 3ms</title>",
        ">1ms<",
        ">time since the trace began<",
    };
    begin(2);
    char *text = picture();
    assert_printable(text, "\n");
    for (size_t i = 0; i < COUNT(parts); i++)
        assert_has(text, parts[i]);
    assert_lacks(text, "left out");
    assert_lacks(text, "each column");
    assert_lacks(text, "nan");
    free(text);
    tracks[0].width = 8;
    text = picture();
    assert_has(text, "each column: up to 8 intervals");
    free(text);
}
END_TEST

START_TEST(a_picture_says_what_its_figures_are_worth)
{
    begin(1);
    account.overflows.now = 100;
    list[0].slot.inside_peak = 12;
    hooks.of[TRACE_ACK].name = NULL;
    hooks.of[TRACE_WAIT].worth = TRACE_AT_LEAST;
    list[0].surveyed = false;
    judge_trace(&model);
    char *text = picture();
    assert_has(text, ">longest: 10 to 12<");
    assert_has(text, ">at least 12 SYNs<");
    assert_has(text, ">last ACKs: not known<");
    assert_has(text, ">holds: not known<");
    assert_has(text, ">where seen<");
    assert_has(text, "at least 90 accepted");
    free(text);
    hooks.of[TRACE_LENGTH].name = NULL;
    list[0].slot.unknown = 1;
    judge_trace(&model);
    text = picture();
    assert_has(text, ">as sampled, no more<");
    assert_lacks(text, "queue up to");
    free(text);
}
END_TEST

START_TEST(the_busiest_are_drawn)
{
    begin(MANY);
    list[17].slot.syn.count = 13;
    list[3].selected = false;
    tracks[4].count = 0;
    judge_trace(&model);
    char *text = picture();
    assert_has(text, "something happened at 28 of 29 listeners");
    assert_has(text, "16 listeners with fewer drops and connections are left out");
    const char *first = strstr(text, "127.0.0.1:600"), *names[] = {":60018", ":60030", ":60029"};
    for (size_t i = 0; i < COUNT(names); i++) {
        ck_assert_msg(first && !strncmp(first + 9, names[i], 6), "%.30s", first);
        first = strstr(first + 1, "127.0.0.1:600");
    }
    assert_lacks(text, "127.0.0.1:60004");
    assert_lacks(text, "127.0.0.1:60001");
    free(text);
    text = page();
    assert_has(text, "Of 28 listeners the 12 with most drops, then connections, are drawn");
    assert_has(text, "<td>127.0.0.1:60001</td>");
    const char *row = strstr(text, "<td>127.0.0.1:");
    ck_assert_msg(row && !strncmp(row + 14, "60018<", 6), "%.30s", row);
    free(text);
}
END_TEST

START_TEST(a_page_has_all_of_it)
{
    static const char *const parts[] = {"<h1>backlogctl trace</h1>",
                                        "Something happened at 2 of 2 listeners in 10s",
                                        "<svg role=\"img\"",
                                        "<td>127.0.0.1:60001</td>",
                                        "queue: 10 at the most",
                                        "these figures rest on:",
                                        "at most 600 points of a listener",
                                        "<pre>backlogctl trace --html",
                                        "6.18.0"};
    begin(2);
    char *text = page();
    for (size_t i = 0; i < COUNT(parts); i++)
        assert_has(text, parts[i]);
    free(text);
}
END_TEST

START_TEST(no_name_becomes_markup)
{
    begin(1);
    strcpy(list[0].now.process, EVIL);
    char *text = picture();
    assert_printable(text, "\n");
    assert_has(text, TAMED);
    assert_lacks(text, "<b>");
    free(text);
    text = page();
    assert_printable(text, "\n");
    assert_has(text, TAMED);
    assert_lacks(text, "<b>&");
    free(text);
}
END_TEST

START_TEST(of_nothing_there_is_a_picture)
{
    begin(0);
    char *text = picture();
    assert_has(text, "something happened at 0 of 0 listeners");
    free(text);
    text = page();
    assert_has(text, "Something happened at 0 of 0 listeners");
    assert_lacks(text, "<svg");
    free(text);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {
        rows_have_the_span_that_is_asked_for,
        bounds_are_told,
        states_of_the_view_are_told,
        no_name_breaks_the_screen,
        a_picture_has_all_of_it,
        a_picture_says_what_its_figures_are_worth,
        the_busiest_are_drawn,
        a_page_has_all_of_it,
        no_name_becomes_markup,
        of_nothing_there_is_a_picture,
    };
    Suite *suite = suite_create("trace reports");
    suite_add(suite, "reports", tests, COUNT(tests));
    TCase *tcase = tcase_create("sizes");
    tcase_add_loop_test(tcase, every_size_has_all_it_needs, 0, COUNT(sizes));
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN(make_suite)
