/* The table of a listener's figures agrees with itself, and whoever prints a listener prints what the table says. */
#include "sample_run.h"
#include "suite.h"

#include "backlogctl/figures.h"

#include <stdio.h>
#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && !strcmp(text + length - end_length, end);
}

/* No two rows share what has to be one's own. */
START_TEST(rows_are_told_apart)
{
    for (size_t a = 0; a < FIGURE_COUNT; a++)
        for (size_t b = 0; b < a; b++) {
            const struct figure *x = &figures[a], *y = &figures[b];
            const char *left = figure_column_name(a), *right = figure_column_name(b);
            ck_assert_str_ne(x->key, y->key);
            ck_assert_msg(!left || !right || strcmp(left, right), "two columns %s", left);
            ck_assert_msg(!x->metric.name || !y->metric.name || strcmp(x->metric.name, y->metric.name), "%s", x->key);
            ck_assert_msg(!x->label.name || !y->label.name || strcmp(x->label.name, y->label.name), "%s", x->key);
            ck_assert_msg(!x->watch.place || x->watch.place != y->watch.place, "%s and %s: one place", x->key, y->key);
            ck_assert_msg(!x->column.leaves || x->column.leaves != y->column.leaves, "%s and %s: one turn", x->key, y->key);
            ck_assert_msg(!x->column.shrinks || x->column.shrinks != y->column.shrinks, "%s and %s: one turn", x->key, y->key);
        }
}
END_TEST

START_TEST(each_row_is_whole)
{
    const struct figure *f = &figures[_i];
    ck_assert_ptr_nonnull(f->value);
    ck_assert_ptr_nonnull(f->key);
    ck_assert_int_lt(f->part, FIGURE_PARTS);
    ck_assert(!f->column.head == !f->column.help);
    ck_assert_uint_le(f->column.leaves, FIGURE_COUNT);
    ck_assert_uint_le(f->column.shrinks, FIGURE_COUNT);
    ck_assert(!f->column.shrinks || f->column.shrinks_to >= 3); /* room for ".." and a character */
    ck_assert(!f->watch.place == !f->watch.head);
    ck_assert(!f->watch.place || f->watch.narrow >= strlen(f->watch.head) || f->watch.rank);
    if (f->metric.name) {
        bool counter = !strcmp(f->metric.type, "counter");
        ck_assert(!strncmp(f->metric.name, "backlogctl_listener_", strlen("backlogctl_listener_")) && *f->metric.help);
        ck_assert(counter || !strcmp(f->metric.type, "gauge"));
        ck_assert_int_eq(ends_with(f->metric.name, "_total"), counter);
        ck_assert_int_eq(ends_with(f->metric.name, "_seconds"), f->form == AS_MSEC);
    }
    ck_assert_int_eq(measure_figure(VERDICT_COUNT + (size_t)_i), _i);
    ck_assert_str_eq(measure_name(VERDICT_COUNT + (size_t)_i), f->measure ? f->measure : f->key);
}
END_TEST

/* One listener of which everything is known. */
static struct listener whole(void)
{
    struct listener l = sample_listener(128, 3, 7);
    l.half_open_known = l.oldest_known = l.waiting_known = true;
    l.overflows = (struct interval){true, 2, 7};
    l.half_open = 2;
    l.oldest_ms = 1500;
    l.member = 2;
    l.group = 4;
    l.pid = 4711;
    l.processes = 3;
    l.pidns = l.netns = 4026531840u;
    l.inode = 99;
    memcpy(l.process, "nginx", 6);
    memcpy(l.device, "eth0", 5);
    l.place = (struct socket_holder_place){.unit = "web.service", .container = "box", .pod = "p"};
    return l;
}

/* Every row is a member of list's and watch's JSON, and there is no other, but in list's the holders and the trace. */
START_TEST(json_is_the_table)
{
    struct listener l = whole();
    struct netns_facts netns = {.ours = true, .somaxconn = 4096};
    struct survey survey = {.listeners = &l, .count = 1, .namespaces = &netns, .namespace_count = 1};
    FILE *out = catch_begin();
    report_survey_json(out, &survey);
    char *text = catch_end(out);
    json_t *report = json_parse(text), *one = json_array_get(member(report, "listeners"), 0);
    ck_assert_uint_eq(json_object_size(one), FIGURE_COUNT + 2);
    ck_assert(json_is_null(member(one, "holders"))); /* nobody looked for them */
    for (size_t f = 0; f < FIGURE_COUNT; f++)
        ck_assert_msg(f == FIGURE_PATH || !json_is_null(member(one, figures[f].key)), "%s is null", figures[f].key);
    assert_integer(one, "oldest_ms", 1500);
    assert_text(one, "process", "nginx");
    json_decref(report);
    free(text);
}
END_TEST

/* And a metric of Prometheus, a head of watch, where the row says so. */
START_TEST(the_others_are_the_table)
{
    struct listener_history one = {.now = whole()};
    struct netns_facts netns = {.ours = true, .somaxconn = 4096};
    struct survey survey = {.listeners = &one.now, .count = 1, .namespaces = &netns, .namespace_count = 1};
    struct watch_model w = {.list = &one, .count = 1, .namespaces = &netns, .namespace_count = 1};
    FILE *out = catch_begin();
    report_survey_prometheus(out, &survey);
    char *metrics = catch_end(out);
    out = catch_begin();
    report_watch_text(out, &w, &(size_t){0}, 1, 0, &(struct report_style){0});
    char *rows = catch_end(out);
    for (size_t f = 0; f < FIGURE_COUNT; f++) {
        char line[128];
        snprintf(line, sizeof line, "\n%s{", figures[f].metric.name ? figures[f].metric.name : "");
        if (figures[f].metric.name)
            assert_has(metrics, line);
        snprintf(line, sizeof line, "%s=\"", figures[f].label.name ? figures[f].label.name : "");
        if (figures[f].label.name && figures[f].label.when != LABEL_OF_UNIX)
            assert_has(metrics, line);
        if (figures[f].watch.head)
            assert_has(rows, figures[f].watch.head);
    }
    free(metrics);
    free(rows);
}
END_TEST

/* What nobody knows, what is none and what is 0 are three things. */
START_TEST(unknown_is_not_none)
{
    struct listener l = {.known = true, .queue = 1};
    ck_assert_int_eq(figure_value(FIGURE_OLDEST, &l).state, FIGURE_UNKNOWN);
    ck_assert_int_eq(figure_value(FIGURE_HALF_OPEN, &l).state, FIGURE_UNKNOWN);
    l.half_open_known = l.waiting_known = true;
    ck_assert_int_eq(figure_value(FIGURE_OLDEST, &l).state, FIGURE_NONE);
    ck_assert_int_eq(figure_value(FIGURE_HALF_OPEN, &l).state, FIGURE_KNOWN);
    l.vanished = 1; /* and who knows how long it had waited */
    ck_assert_int_eq(figure_value(FIGURE_OLDEST, &l).state, FIGURE_UNKNOWN);
    l.oldest_known = true;
    ck_assert_int_eq(figure_value(FIGURE_OLDEST, &l).state, FIGURE_KNOWN);
    ck_assert_int_eq(figure_value(FIGURE_DROPS, &l).state, FIGURE_UNKNOWN);
    ck_assert_int_eq(figure_value(FIGURE_PROCESS, &l).state, FIGURE_UNKNOWN);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {rows_are_told_apart, json_is_the_table, the_others_are_the_table, unknown_is_not_none};
    Suite *suite = suite_create("figures");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *rows = tcase_create("rows");
    tcase_add_loop_test(rows, each_row_is_whole, 0, FIGURE_COUNT);
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
