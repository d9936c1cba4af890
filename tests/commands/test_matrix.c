/* Capacity is min(backlog, somaxconn) + 1, in every cell: backlogs, clamps and address families, against `ss`. */
#include "suite.h"

#include "report.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const long backlogs[] = {-1, 0, 1, 2, 5, 128};
static const long clamps[] = {16, 4096};
static const struct {
    const char *listen_on, *connect_to;
} families[] = {{"127.0.0.1", "127.0.0.1"}, {"::1", "::1"}, {"::", "127.0.0.1"}};

#define CELLS (COUNT(backlogs) * COUNT(clamps) * COUNT(families))
#define BEYOND 5

START_TEST(cell_holds_backlog_plus_one)
{
    size_t cell = (size_t)_i;
    long backlog = backlogs[cell % COUNT(backlogs)];
    long clamp = clamps[cell / COUNT(backlogs) % COUNT(clamps)];
    size_t family = cell / COUNT(backlogs) / COUNT(clamps);
    long effective = backlog < 0 || backlog > clamp ? clamp : backlog;
    char clamp_text[24], backlog_text[24], count_text[24];
    snprintf(clamp_text, sizeof clamp_text, "%ld", clamp);
    snprintf(backlog_text, sizeof backlog_text, "%ld", backlog);
    snprintf(count_text, sizeof count_text, "%ld", effective + 1 + BEYOND);

    in_private_namespace();
    set_sysctl("net.core.somaxconn", clamp_text);
    struct process server = serve_start((const char *[]){"--host", families[family].listen_on, "--backlog", backlog_text,
                                                         "--accept-count", "0", NULL},
                                        NULL);
    json_t *report = report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--host", families[family].connect_to, "--count",
                                                count_text, "--timeout", "0", NULL},
                               NULL, 0);
    ck_assert_int_eq(report_count(report, "queued"), effective + 1);
    ck_assert_int_eq(report_count(report, "timed_out"), BEYOND);
    ck_assert_int_eq(report_number(report, "listener.backlog"), effective);
    ck_assert_int_eq(report_number(report, "listener.capacity"), effective + 1);
    ck_assert_int_eq(report_number(report, "listener.queue"), effective + 1);
    json_decref(report);

    /* The clients have gone, their places in the queue have not: ss still sees them. */
    char *seen = shell("ss -Hltn sport = :60001 | awk '{print $2, $3}'");
    char expected[64];
    snprintf(expected, sizeof expected, "%ld %ld", effective + 1, effective);
    ck_assert_str_eq(seen, expected);
    free(seen);
    free(serve_stop(&server));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("matrix");
    TCase *tcase = tcase_create("cells");
    tcase_add_loop_test(tcase, cell_holds_backlog_plus_one, 0, CELLS);
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
