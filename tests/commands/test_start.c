/* Several hosts that begin together, each with its share of a burst: here several processes at one server. */
#include "suite.h"

#include "report.h"
#include "servers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHARES 3

static struct process begin_share(const char *segment, const char *at, const char *index)
{
    const char *const argv[] = {"env", index,       BACKLOGCTL, "probe",     "--json", "--count",    "10", "--rate",
                                "30",  "--timeout", "0",        "--segment", segment,  "--start-at", at,   NULL};
    return process_start(argv, NULL);
}

static json_t *end_share(struct process *process)
{
    struct outcome outcome = process_finish(process, PATIENCE);
    ck_assert_msg(outcome.status == 0, "%s", outcome.err);
    json_t *report = json_loads(outcome.out, 0, NULL);
    ck_assert_ptr_nonnull(report);
    outcome_free(&outcome);
    return report;
}

static const char *text_of(const json_t *report, const char *object, const char *member)
{
    return json_string_value(json_object_get(json_object_get(report, object), member));
}

/* The server's own account: everybody came. */
#define ACCEPT_TEN                                                             \
    LISTENING "tcp('127.0.0.1',b=64);print('ready',flush=True)\n"              \
              "C=[L[0].accept() for i in range(10)];print('ten',flush=True)\n" \
              "signal.pause()"

START_TEST(shares_add_up_and_begin_together)
{
    static const char *const segments[SHARES] = {"1/3", "/3", "/3"};
    static const char *const indexes[SHARES] = {"NOTHING=1", "JOB_COMPLETION_INDEX=1", "PARALLEL_SEQ=3"};
    static const int counts[SHARES] = {4, 3, 3};
    struct process server, shares[SHARES];
    in_private_namespace();
    if (!python_begin(ACCEPT_TEN, &server))
        return;
    char *at = shell("date -u -d '+1 second' +%%Y-%%m-%%dT%%H:%%M:%%S.%%NZ | tr -d '\n'");
    for (size_t i = 0; i < SHARES; i++)
        shares[i] = begin_share(segments[i], at, indexes[i]);
    for (size_t i = 0; i < SHARES; i++) {
        json_t *report = end_share(&shares[i]);
        ck_assert_int_eq(json_array_size(json_object_get(report, "connections")), (size_t)counts[i]);
        ck_assert_int_eq(report_number(report, "options.count"), 10);
        ck_assert_int_eq(report_number(report, "options.segment.index"), (long)i + 1);
        ck_assert_int_eq(report_number(report, "options.segment.count"), counts[i]);
        ck_assert_int_eq(report_number(report, "start.clock_set"), 0);
        ck_assert_int_ge(report_number(report, "start.late_us"), 0);
        const char *began = json_string_value(json_object_get(report, "started_at")), *due = text_of(report, "start", "at");
        ck_assert_msg(!strncmp(due, at, strlen("2026-01-31T12:00:00.123456")), "%s, asked for %s", due, at);
        ck_assert_msg(strcmp(began, due) >= 0, "begun at %s, before %s", began, due);
        json_decref(report);
    }
    char *line = process_line(&server, PATIENCE);
    ck_assert_str_eq(line, "ten");
    free(line);
    free(at);
    python_end(&server);
}
END_TEST

/* On a busy machine the others may not be through before it is time: false then. */
static bool others_come_before(const char *at)
{
    struct process waiting =
        process_start((const char *[]){BACKLOGCTL, "probe", "--json", "--count", "2", "--timeout", "0", "--start-at", at, NULL},
                      NULL);
    char *over = shell("%s probe -q --count 8 --timeout 0; date -u +%%Y-%%m-%%dT%%H:%%M:%%S.%%N", BACKLOGCTL);
    json_t *report = end_share(&waiting);
    bool before = strcmp(over, json_string_value(json_object_get(report, "started_at"))) < 0;
    if (before)
        ck_assert_int_le(report_number(report, "counters.discarded"), 2);
    json_decref(report);
    free(over);
    return before;
}

/* What others do while it waits is no part of the run: their drops are not. */
START_TEST(what_comes_before_is_not_counted)
{
    static const char *const times[] = {"+1s", "+3s", "+9s", "+27s"};
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING "tcp('127.0.0.1',b=1)" AND_WAIT, &server))
        return;
    size_t i = 0;
    while (i < COUNT(times) && !others_come_before(times[i]))
        i++;
    ck_assert_msg(i < COUNT(times), "eight connections took half a minute");
    python_end(&server);
}
END_TEST

START_TEST(a_signal_ends_the_waiting)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING "tcp('127.0.0.1')" AND_WAIT, &server))
        return;
    struct process waiting =
        process_start((const char *[]){BACKLOGCTL, "probe", "--timeout", "0", "--start-at", "+1h", NULL}, NULL);
    char *line = process_line(&waiting, PATIENCE);
    ck_assert_msg(strstr(line, "to begin at 2") != NULL, "%s", line);
    free(line);
    process_signal(&waiting, SIGINT);
    struct outcome outcome = process_finish(&waiting, PATIENCE);
    ck_assert_int_eq(outcome.status, 128 + SIGINT);
    ck_assert_msg(strstr(outcome.out, "interrupted before the first connection") != NULL, "%s", outcome.out);
    outcome_free(&outcome);
    python_end(&server);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {shares_add_up_and_begin_together, what_comes_before_is_not_counted, a_signal_ends_the_waiting};
    Suite *suite = suite_create("start");
    suite_add(suite, "plain", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN(make_suite)
