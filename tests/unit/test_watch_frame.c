/* The live view as lines of text: any size of screen, any listeners. */
#include "sample_run.h"
#include "suite.h"

#include "backlogctl/report.h"

#include <stdio.h>
#include <string.h>

#define MANY 100
#define ROWS_MAX 200

struct sight {
    struct watch_model w;
    struct netns_facts netns;
    struct listener_history list[MANY];
    size_t order[MANY];
    struct frame frame;
    struct frame_view view;
};

/* `count` listeners on 127.0.0.1:60001 and up, on a screen of that size. */
static struct sight *sight_new(size_t count, size_t rows, int columns, bool utf8)
{
    struct sight *s = calloc(1, sizeof *s);
    ck_assert_ptr_nonnull(s);
    s->netns = (struct netns_facts){.inode = 4026531840u, .ours = true, .somaxconn = 4096};
    s->w = (struct watch_model){.list = s->list,
                                .count = count,
                                .namespaces = &s->netns,
                                .namespace_count = 1,
                                .interval = NSEC_PER_SEC,
                                .took = NSEC_PER_SEC,
                                .elapsed = 70 * NSEC_PER_SEC,
                                .at = "2026-01-31T12:34:56.000Z"};
    for (size_t i = 0; i < count; i++) {
        s->list[i].now = sample_listener(9, 0, 0);
        s->list[i].now.local.port = (uint16_t)(60001 + i);
        s->list[i].now.cookie = i + 1;
        s->list[i].last.samples = 1000;
        s->order[i] = i;
    }
    s->frame = (struct frame){.lines = calloc(rows + 1, sizeof *s->frame.lines), .rows = rows, .columns = columns, .utf8 = utf8};
    ck_assert_ptr_nonnull(s->frame.lines);
    s->view = (struct frame_view){.order = s->order, .count = count, .filter = "", .sort_name = "trouble"};
    return s;
}

static void sight_free(struct sight *s)
{
    free(s->frame.lines);
    free(s);
}

static void draw(struct sight *s)
{
    report_watch_frame(&s->frame, &s->w, &s->view);
}

static bool has(const struct sight *s, const char *part)
{
    for (size_t i = 0; i < s->frame.count; i++)
        if (strstr(s->frame.lines[i].text, part))
            return true;
    return false;
}

static void must_have(const struct sight *s, const char *part)
{
    for (size_t i = 0; i < s->frame.count && !has(s, part); i++)
        printf("%s\n", s->frame.lines[i].text);
    ck_assert_msg(has(s, part), "no '%s'", part);
}

static size_t cells(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xc0) != 0x80;
    return count;
}

static const struct {
    size_t rows;
    int columns;
} sizes[] = {{24, 80}, {8, 40}, {60, 200}, {10, 40}, {30, 100}, {15, 60}, {50, 400}, {200, 41}, {9, 132}};

/* Every line is filled in, rows and heads fit, the selected listener is in view and marked. */
START_TEST(every_size_has_all_it_needs)
{
    for (int utf8 = 0; utf8 < 2; utf8++)
        for (size_t selected = 0; selected < MANY; selected += 33) {
            struct sight *s = sight_new(MANY, sizes[_i].rows, sizes[_i].columns, utf8);
            s->view.selected = selected;
            draw(s);
            ck_assert_uint_eq(s->frame.count, sizes[_i].rows);
            ck_assert_uint_ge(s->frame.listed, 2);
            char port[16];
            snprintf(port, sizeof port, ":%zu", 60001 + selected);
            size_t marked = 0;
            for (size_t i = 0; i < s->frame.count; i++) {
                const struct frame_line *line = &s->frame.lines[i];
                if (i && i <= s->frame.listed + 1)
                    ck_assert_msg(cells(line->text) <= (size_t)sizes[_i].columns, "too wide: '%s'", line->text);
                if (line->style == FRAME_SELECTED) {
                    marked++;
                    ck_assert_msg(strstr(line->text, port) != NULL, "'%s'", line->text);
                }
            }
            ck_assert_uint_eq(marked, 1);
            must_have(s, "address");
            must_have(s, "q quit");
            must_have(s, "12:34:56Z");
            sight_free(s);
        }
}
END_TEST

START_TEST(eighty_by_twenty_four_shows_it_all)
{
    struct sight *s = sight_new(3, 24, 80, false);
    struct listener_history *one = &s->list[1];
    one->now.queue = 5;
    one->now.percent = 50;
    one->now.discarded = 12;
    one->now.pid = 1234;
    one->now.processes = 3;
    memcpy(one->now.process, "nginx", 6);
    one->peak = 10;
    one->peak_at = 56 * NSEC_PER_SEC;
    one->discarded = 7;
    one->last.discarded = 2;
    one->now.overflows = (struct interval){true, 0, 12};
    one->overflows = (struct interval){true, 7, 7};
    one->last.overflows = (struct interval){true, 2, 2};
    one->last.least_a_second = one->last.most_a_second = 2;
    one->history_from = 10;
    one->history_to = 71;
    one->history[70 % WATCH_HISTORY] = 10;
    one->history[69 % WATCH_HISTORY] = 5;
    one->now.remarks = 1u << REMARK_DROPPING;
    s->view.selected = 1;
    draw(s);
    static const char *const parts[] = {"somaxconn 4096",
                                        "netns 4026531840",
                                        "every 1s",
                                        "3 listeners",
                                        "nginx/1234 and 2 more",
                                        "peak 10 (100%) 14s ago",
                                        "queue 5 of 10",
                                        "12 since it was made, 7 while watched, 2 in the last",
                                        "sampled at 1000 Hz: a lower bound, as a burst within",
                                        "may pass unseen",
                                        "[##  ]",
                                        "last minute",
                                        "-#|",
                                        "dropping: Connections were dropped on its full queue just now",
                                        "trouble"};
    for (size_t i = 0; i < COUNT(parts); i++)
        must_have(s, parts[i]);
    for (size_t i = 0; i < s->frame.count; i++) {
        ck_assert_msg(cells(s->frame.lines[i].text) <= 80, "%s", s->frame.lines[i].text);
        for (const char *p = s->frame.lines[i].text; *p; p++)
            ck_assert_msg(*p >= ' ' && *p <= '~', "%s", s->frame.lines[i].text);
    }
    sight_free(s);
}
END_TEST

START_TEST(blocks_where_the_terminal_can)
{
    struct sight *s = sight_new(1, 24, 80, true);
    s->list[0].now.queue = 10;
    s->list[0].history_from = 69;
    s->list[0].history_to = 71;
    s->list[0].history[70 % WATCH_HISTORY] = 10;
    s->list[0].history[69 % WATCH_HISTORY] = 1;
    draw(s);
    must_have(s, "██████");
    must_have(s, "▁█▏");
    sight_free(s);
}
END_TEST

START_TEST(small_screens_say_so)
{
    static const struct {
        size_t rows;
        int columns;
    } small[] = {{7, 80}, {24, 39}, {1, 1}};
    for (size_t i = 0; i < COUNT(small); i++) {
        struct sight *s = sight_new(3, small[i].rows, small[i].columns, false);
        draw(s);
        ck_assert_uint_eq(s->frame.count, 1);
        must_have(s, "too small: want 40x8");
        sight_free(s);
    }
}
END_TEST

START_TEST(nobody_listens)
{
    struct sight *s = sight_new(0, 24, 80, false);
    draw(s);
    must_have(s, "no listener");
    ck_assert_uint_eq(s->frame.count, 24);
    s->w.count = 3;
    s->view.filter = "nginx";
    draw(s);
    must_have(s, "nothing matches 'nginx'");
    must_have(s, "0 of 3 listeners");
    s->w.namespace_count = 0;
    draw(s);
    sight_free(s);
}
END_TEST

/* The end of an address tells more than its beginning; no name breaks a column. */
START_TEST(long_names_are_cut)
{
    struct sight *s = sight_new(1, 24, 80, false);
    struct listener *l = &s->list[0].now;
    l->kind = KIND_UNIX_STREAM;
    l->discarded_known = false;
    memset(l->path, 'x', sizeof l->path - 1);
    memcpy(l->path + sizeof l->path - 10, "/the.sock", 10);
    memset(l->process, 'p', sizeof l->process - 1);
    l->pid = 4194304;
    l->queue = l->capacity = 4000000000u;
    l->backlog = l->capacity - 1;
    s->list[0].peak = UINT64_MAX / 2;
    draw(s);
    must_have(s, "/the.sock");
    must_have(s, "4000M");
    ck_assert_uint_le(cells(s->frame.lines[2].text), 80);
    must_have(s, "drops are not counted");
    sight_free(s);
}
END_TEST

START_TEST(states_are_said)
{
    struct sight *s = sight_new(3, 24, 80, false);
    s->list[0].state = WATCH_GONE;
    s->list[0].changed = 67 * NSEC_PER_SEC;
    s->list[1].changed = 66 * NSEC_PER_SEC;
    s->view.paused = true;
    s->view.not_sampled = "no right";
    draw(s);
    must_have(s, "GONE 3s ago");
    must_have(s, "PAUSED");
    must_have(s, "once an interval only: no right");
    ck_assert_int_eq(s->frame.lines[2].text[0], 'x');
    ck_assert_int_eq(s->frame.lines[3].text[0], '+');
    ck_assert_int_eq(s->frame.lines[3].style, FRAME_NEWS);
    s->view.selected = 1;
    s->view.typing = true;
    s->view.filter = "60";
    draw(s);
    must_have(s, "NEW 4s ago");
    must_have(s, "filter: 60_");
    ck_assert_int_eq(s->frame.lines[2].style, FRAME_DIM);
    s->view.typing = false;
    s->view.help = true;
    draw(s);
    must_have(s, "any key goes back");
    must_have(s, "sort by the next, reverse");
    sight_free(s);
}
END_TEST

START_TEST(alerts_are_in_view)
{
    struct sight *s = sight_new(1, 8, 40, false);
    s->w.alert_count = 1;
    s->w.alerts[0].e = (struct expectation){.text = "queue>=5", .seen_known = true, .seen = 7, .seen_max = 7};
    draw(s);
    must_have(s, "no alert so far");
    s->w.alerts[0].times = 1;
    s->w.alerts[0].holds = true;
    s->w.alerts[0].by = s->list[0].now;
    memcpy(s->w.alerts[0].stamp, s->w.at, sizeof s->w.at);
    draw(s);
    must_have(s, "ALERT queue>=5: 127.0.0.1:60001 had 7");
    s->w.alerts[0].holds = false;
    draw(s);
    must_have(s, " was queue>=5");
    ck_assert_uint_eq(s->frame.count, 8);
    sight_free(s);
}
END_TEST

/* In a file a row is a line, however wide; on a screen no line is wider, and what a row has no room for is told below it. */
START_TEST(batch_lines_fit_the_screen)
{
    static const int widths[] = {40, 60, 80, 120, 200, 0};
    struct sight *s = sight_new(3, 24, 80, false);
    s->w.number = 1;
    s->list[1].now.remarks = 1u << REMARK_FULL | 1u << REMARK_NOT_ACCEPTING | 1u << REMARK_GIVEN_UP | 1u << REMARK_OLD_LIMIT;
    snprintf(s->list[2].now.process, sizeof s->list[2].now.process, "gunicorn-worker");
    s->list[2].now.pid = 123456;
    for (size_t i = 0; i < COUNT(widths); i++) {
        FILE *out = catch_begin();
        report_watch_text(out, &s->w, s->order, 3, 0, &(struct report_style){.columns = widths[i]});
        char *text = catch_end(out), *save = NULL;
        assert_has(text, i < 4 ? "not_accepting, given_up" : "full,not_accepting,given_up,old_limit");
        assert_has(text, "127.0.0.1:60002 ");
        for (char *line = strtok_r(text, "\n", &save); line && widths[i]; line = strtok_r(NULL, "\n", &save))
            ck_assert_msg(strlen(line) <= (size_t)widths[i], "%d: %s", widths[i], line);
        free(text);
    }
    sight_free(s);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {
        eighty_by_twenty_four_shows_it_all,
        blocks_where_the_terminal_can,
        small_screens_say_so,
        nobody_listens,
        long_names_are_cut,
        states_are_said,
        alerts_are_in_view,
        batch_lines_fit_the_screen,
    };
    Suite *suite = suite_create("watch frame");
    suite_add(suite, "frames", tests, COUNT(tests));
    TCase *tcase = tcase_create("sizes");
    tcase_add_loop_test(tcase, every_size_has_all_it_needs, 0, COUNT(sizes));
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN(make_suite)
