/* What a sweep reports: the cells in the middle of their runs, whose server it was, how it ended, and each run as CSV. */
#include "sample_run.h"
#include "suite.h"

#include "backlogctl/judge.h"
#include "backlogctl/sweep.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define VALUES 2
#define REPEAT 3

/* Two backlogs, three runs each; the last one could not be done. */
static struct {
    struct sweep sweep;
    char values[VALUES][AXIS_VALUE_SIZE];
    struct trial trials[VALUES * REPEAT];
    struct middle middles[VALUES][SWEEP_MEASURE_COUNT];
} made;

static struct sweep *make(void)
{
    static const uint64_t lost[] = {0, 4, 2, 1, 1, 0};
    memcpy(made.values, (char[VALUES][AXIS_VALUE_SIZE]){"2", "a \"b\", c"}, sizeof made.values);
    for (size_t i = 0; i < COUNT(made.trials); i++)
        made.trials[i] = (struct trial){.done = true,
                                        .counts = {[VERDICT_LOST] = lost[i], [VERDICT_CONNECTED] = 10 - lost[i]},
                                        .overflows = {true, lost[i], lost[i]},
                                        .accepted_p50 = NSEC_PER_MSEC,
                                        .accepted_p99 = 2 * NSEC_PER_MSEC,
                                        .accepted_max = NSEC_NEVER};
    made.trials[5] = (struct trial){.done = true, .error = 12, .why = "no memory, says \"it\""};
    made.sweep = (struct sweep){.axes = {{.name = "backlog", .values = made.values, .count = VALUES}},
                                .axis_count = 1,
                                .repeat = REPEAT,
                                .trials = made.trials,
                                .cells = VALUES,
                                .done = VALUES * REPEAT,
                                .failed = 1,
                                .elapsed = 3 * NSEC_PER_SEC,
                                .jobs = 2,
                                .middles = made.middles};
    judge_sweep(&made.sweep);
    return &made.sweep;
}

static char *text_of_sweep_in(const struct sweep *sweep, int columns)
{
    FILE *out = catch_begin();
    ck_assert(!report_sweep_text(out, sweep, &(struct report_style){.columns = columns}));
    return catch_end(out);
}

static char *text_of_sweep(const struct sweep *sweep)
{
    return text_of_sweep_in(sweep, 100);
}

START_TEST(runs_that_differ_are_told_by_their_middle)
{
    char *text = text_of_sweep(make());
    assert_has(text, "sweep over backlog 2..a \"b\", c (2), 3 runs each\n");
    assert_has(text, "2 (0..4)");
    assert_has(text, "6 of 6 runs in 3s, up to 2 at a time; the middle of each");
    assert_lacks(text, "interrupted");
    assert_lacks(text, "its backlog");
    free(text);
}
END_TEST

/* A table that is too wide goes without what varies and without columns of zeros, and says so. */
START_TEST(a_narrow_screen_has_whole_lines)
{
    char *text = text_of_sweep_in(make(), 50), *save = NULL;
    assert_lacks(text, "2 (0..4)");
    assert_lacks(text, "timed_out  ");
    assert_has(text, "wider screen");
    assert_has(text, "always 0: timed_out\n");
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        ck_assert_msg(strlen(line) <= 50, "%s", line);
    free(text);
    text = text_of_sweep_in(make(), 0); /* no screen at all */
    assert_has(text, "2 (0..4)");
    assert_has(text, "timed_out");
    free(text);
}
END_TEST

START_TEST(a_started_server_and_an_early_end_are_told)
{
    char *words[] = {"server", "--backlog", "{backlog}", "\033[31m", NULL};
    struct sweep *sweep = make();
    sweep->words = words;
    sweep->signal = SIGINT;
    sweep->trials[4].done = sweep->trials[5].done = false;
    sweep->done = 4;
    char *text = text_of_sweep(sweep);
    assert_has(text, "\nof 'server --backlog {backlog} ");
    assert_has(text, "its backlog ");
    assert_has(text, "4 of 6 runs");
    assert_has(text, "interrupted by SIGINT: the runs that were finished by then are shown\n");
    assert_printable(text, "\n");
    free(text);
}
END_TEST

/* RFC 4180: quotes around what has commas or quotes, and those doubled. */
START_TEST(csv_has_a_line_for_each_run)
{
    struct sweep *sweep = make();
    sweep->trials[1].done = false;
    FILE *out = catch_begin();
    report_sweep_csv(out, sweep);
    char *text = catch_end(out);
    assert_has(text, "backlog,run,");
    assert_has(text, "\r\n2,1,");
    assert_lacks(text, "\r\n2,2,");
    assert_has(text, "\r\n\"a \"\"b\"\", c\",1,");
    assert_has(text, ",1000,2000,,\r\n");
    assert_has(text, ",,,,\"no memory, says \"\"it\"\"\"\r\n");
    free(text);
}
END_TEST

/* ---- Heat maps ---- */

#define SHADES 12

/* Rows of two columns: losses from 0 on. */
static char *svg_of_shades(void)
{
    static struct middle middles[SHADES * 2][SWEEP_MEASURE_COUNT];
    static struct trial trials[SHADES * 2];
    static char rows[SHADES][AXIS_VALUE_SIZE], columns[2][AXIS_VALUE_SIZE] = {"1", "2"};
    for (size_t i = 0; i < COUNT(trials); i++) {
        snprintf(rows[i / 2], sizeof rows[0], "%zu", i / 2);
        trials[i] = (struct trial){.done = true,
                                   .counts = {[VERDICT_LOST] = i, [VERDICT_CONNECTED] = SHADES},
                                   .overflows = {true, i, i},
                                   .accepted_p50 = (nsec)i * NSEC_PER_MSEC,
                                   .accepted_p99 = (nsec)i * NSEC_PER_MSEC,
                                   .accepted_max = (nsec)i * NSEC_PER_MSEC};
    }
    struct sweep sweep = {.axes = {{.name = "backlog", .values = rows, .count = SHADES},
                                   {.name = "count", .values = columns, .count = 2}},
                          .axis_count = 2,
                          .repeat = 1,
                          .trials = trials,
                          .cells = SHADES * 2,
                          .done = SHADES * 2,
                          .jobs = 1,
                          .middles = middles};
    judge_sweep(&sweep);
    FILE *out = catch_begin();
    report_sweep_svg(out, &sweep);
    return catch_end(out);
}

/* WCAG 2: relative luminance of one colour over another. */
static double luminance(unsigned fill, double opacity, unsigned ground)
{
    static const double weights[] = {0.2126, 0.7152, 0.0722};
    double sum = 0;
    for (int i = 0; i < 3; i++) {
        unsigned shift = 16 - 8 * (unsigned)i;
        double c = (opacity * (fill >> shift & 255) + (1 - opacity) * (ground >> shift & 255)) / 255;
        sum += weights[i] * (c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4));
    }
    return sum;
}

static double contrast(double a, double b)
{
    return a > b ? (a + 0.05) / (b + 0.05) : (b + 0.05) / (a + 0.05);
}

/* The number in a cell is readable on its fill, on light and on dark ground. */
START_TEST(every_cell_is_readable)
{
    char *svg = svg_of_shades();
    size_t cells = 0;
    for (const char *at = svg; (at = strstr(at, " fill=\"#")); at++) {
        unsigned fill;
        double opacity;
        char class[3];
        const char *end = strchr(at, '\n');
        if (sscanf(at, " fill=\"#%6x\" fill-opacity=\"%lf\"", &fill, &opacity) != 2)
            continue;
        ck_assert_msg(sscanf(end, "\n<text class=\"%2[bw]\"", class) == 1, "%.200s", at);
        const double seen[] = {luminance(fill, opacity, 0xffffff), luminance(fill, opacity, 0x1c1c1e)};
        for (size_t i = 0; i < 2; i++)
            ck_assert_msg(contrast(seen[i], class[i] == 'w') >= 4.5, "%.2f: %.200s", contrast(seen[i], class[i] == 'w'), at);
        cells++;
    }
    ck_assert_uint_ge(cells, (size_t)2 * SHADES * 2);
    free(svg);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {runs_that_differ_are_told_by_their_middle, a_narrow_screen_has_whole_lines,
                                  a_started_server_and_an_early_end_are_told, csv_has_a_line_for_each_run,
                                  every_cell_is_readable};
    Suite *suite = suite_create("report sweep");
    suite_add(suite, "all", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN(make_suite)
