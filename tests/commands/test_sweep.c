/* sweep: every combination once, in namespaces of its own; table, JSON, CSV and picture; an end before the end. */
#include "suite.h"

#include "report.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static json_t *sweep_of(const char *const argv[], int status)
{
    struct outcome outcome = process_run(argv, NULL);
    ck_assert_msg(outcome.status == status, "status %d: %s", outcome.status, outcome.err);
    json_t *report = json_loads(outcome.out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(report != NULL, "%.800s", outcome.out);
    ck_assert_str_eq(report_text(report, "schema"), "backlogctl.sweep/2");
    outcome_free(&outcome);
    return report;
}

static const json_t *run_of(const json_t *report, size_t cell, size_t run)
{
    return json_array_get(json_object_get(json_array_get(json_object_get(report, "cells"), cell), "runs"), run);
}

/* What `run` says of a backlog is what the sweep says of it. */
START_TEST(cells_are_runs)
{
    json_t *report = sweep_of((const char *[]){BACKLOGCTL, "sweep", "--json", "--backlog", "0,2..4", "--count", "3,10",
                                               "--accept-count", "0", "--timeout", "0", NULL},
                              0);
    static const long backlogs[] = {0, 2, 3, 4}, counts[] = {3, 10};
    ck_assert_uint_eq(json_array_size(json_object_get(report, "cells")), 8);
    for (size_t cell = 0; cell < 8; cell++) {
        long capacity = backlogs[cell / 2] + 1, count = counts[cell % 2], queued = count < capacity ? count : capacity;
        const json_t *run = run_of(report, cell, 0),
                     *values = json_object_get(json_array_get(json_object_get(report, "cells"), cell), "values");
        ck_assert_int_eq(atol(report_text(values, "backlog")), backlogs[cell / 2]);
        ck_assert_int_eq(atol(report_text(values, "count")), count);
        ck_assert_int_eq(report_count(run, "queued"), queued);
        ck_assert_int_eq(report_count(run, "timed_out"), count - queued);
        ck_assert_int_eq(report_number(run, "overflows.max"), count - queued);
        ck_assert_int_eq(report_number(run, "capacity"), capacity);
    }
    ck_assert_int_eq(report_number(report, "done"), 8);
    json_decref(report);
}
END_TEST

/* A sysctl per cell, in its own namespace: cookies make the difference between lost and not. */
START_TEST(sysctls_vary)
{
    json_t *report = sweep_of((const char *[]){BACKLOGCTL, "sweep", "--json", "--sysctl", "net.ipv4.tcp_syncookies=0,1",
                                               "--sysctl", "net.core.somaxconn=1", "--backlog", "5", "--accept-delay", "100ms",
                                               "--count", "8", "--timeout", "2500ms", "--repeat", "2", NULL},
                              0);
    for (size_t run = 0; run < 2; run++) {
        ck_assert_int_eq(report_count(run_of(report, 0, run), "lost"), 0);
        ck_assert_int_ge(report_count(run_of(report, 1, run), "lost"), 1);
        ck_assert_int_eq(report_number(run_of(report, 1, run), "backlog"), 1);
    }
    json_decref(report);
}
END_TEST

/* A large sweep: 65 backlogs of 100 connections. How long it took is told, not judged. */
START_TEST(sixty_five_backlogs)
{
    struct outcome outcome =
        process_run((const char *[]){BACKLOGCTL, "sweep", "--backlog", "0..64", "--count", "100", "--timeout", "0",
                                     "--accept-count", "0", "--csv", "--expect", "queued>=1", NULL},
                    NULL);
    ck_assert_int_eq(outcome.status, 0);
    printf("65 backlogs x 100 connections: %lld ms\n", (long long)(outcome.took / NSEC_PER_MSEC));
    size_t lines = 0;
    for (char *line = outcome.out; *line; line += strcspn(line, "\n") + 1, lines++) {
        long backlog, run, queued;
        ck_assert_msg(line[strcspn(line, "\n") - 1] == '\r', "no CRLF");
        if (lines && sscanf(line, "%ld,%ld,%*d,%ld", &backlog, &run, &queued) == 3) {
            ck_assert_int_eq(backlog, (long)lines - 1);
            ck_assert_int_eq(queued, backlog + 1);
        }
    }
    ck_assert_uint_eq(lines, 66);
    outcome_free(&outcome);
}
END_TEST

START_TEST(an_expectation_is_one_of_every_run)
{
    struct outcome outcome = process_run((const char *[]){BACKLOGCTL, "sweep", "-q", "--backlog", "1,2,3", "--accept-count", "0",
                                                          "--count", "5", "--timeout", "0", "--expect", "queued>=3", NULL},
                                         NULL);
    ck_assert_int_eq(outcome.status, 1);
    outcome_free(&outcome);
}
END_TEST

/* What is finished is kept, and no run stays behind. */
START_TEST(an_interrupted_sweep_reports_what_it_has)
{
    in_private_namespace();
    struct process sweep = process_start((const char *[]){BACKLOGCTL, "sweep", "--json", "--backlog", "1..40", "--accept-delay",
                                                          "10ms", "--count", "20", "--timeout", "1s", "--jobs", "2", NULL},
                                         NULL);
    /* Until one of the first two runs has ended. */
    await("first=$(cat /proc/%d/task/*/children) && [ \"$first\" ] && while [ -d /proc/${first%%%% *} ]; do sleep 0.02; done",
          (int)sweep.pid);
    process_signal(&sweep, SIGINT);
    struct outcome outcome = process_finish(&sweep, PATIENCE);
    ck_assert_msg(outcome.status == 130, "status %d: %s", outcome.status, outcome.err);
    json_t *report = json_loads(outcome.out, 0, NULL);
    ck_assert_ptr_nonnull(report);
    long done = report_number(report, "done"), runs = 0;
    for (size_t cell = 0; cell < 40; cell++)
        runs += (long)json_array_size(json_object_get(json_array_get(json_object_get(report, "cells"), cell), "runs"));
    ck_assert_int_eq(done, runs);
    ck_assert_int_ge(done, 1);
    ck_assert_int_lt(done, 40);
    ck_assert_str_eq(report_text(report, "interrupted_by"), "SIGINT");
    json_decref(report);
    outcome_free(&outcome);
    /* Its children were killed and waited for before it ended. */
    char *left = shell("ps -o pid= --ppid %d | wc -l", (int)sweep.pid);
    ck_assert_str_eq(left, "0");
    free(left);
}
END_TEST

static const char *const pictured[] = {"--backlog 0..8", "--backlog 0..8..2 --count 5,10,20 --repeat 2",
                                       "--accept-delay 0..2ms..1ms --rate 100,200"};

START_TEST(the_picture_is_well_formed)
{
    char folder[] = "/tmp/backlogctl-test-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    char *said =
        shell(BACKLOGCTL " sweep %s --timeout 0 -q --svg %s/s.svg && python3 -c 'import sys, xml.etree.ElementTree as x\n"
                         "r = x.parse(sys.argv[1]).getroot()\n"
                         "t = [e.text for e in r.iter() if e.tag.endswith(\"}title\")]\n"
                         "print(len(t), t[1])' %s/s.svg && rm -r %s",
              pictured[_i], folder, folder, folder);
    long titles = 0;
    ck_assert_msg(sscanf(said, "%ld lost at ", &titles) == 1, "%s", said);
    ck_assert_int_ge(titles, 10);
    free(said);
}
END_TEST

START_TEST(a_run_that_fails_is_told)
{
    struct outcome outcome =
        process_run((const char *[]){BACKLOGCTL, "sweep", "--sysctl", "net.no.such=1,2", "--timeout", "0", NULL}, NULL);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_msg(strstr(outcome.err, "2 of 2 runs could not be done; the first: "), "%s", outcome.err);
    outcome_free(&outcome);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {cells_are_runs,
                                  sysctls_vary,
                                  sixty_five_backlogs,
                                  an_expectation_is_one_of_every_run,
                                  an_interrupted_sweep_reports_what_it_has,
                                  a_run_that_fails_is_told};
    Suite *suite = suite_create("sweep");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *rows = tcase_create("rows");
    tcase_add_loop_test(rows, the_picture_is_well_formed, 0, COUNT(pictured));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
