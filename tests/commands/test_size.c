/* size: its answer drops nothing in further runs, less of it does; an overload is told. */
#include "suite.h"

#include "report.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Beside others that take all CPUs the pace of a load may be out of reach: `size` then says so, with the answer of arithmetic. */
static json_t *size_of(const char *const argv[], int status)
{
    struct outcome outcome = process_run(argv, NULL);
    json_t *report = json_loads(outcome.out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(report != NULL, "status %d: %.400s\n%.800s", outcome.status, outcome.err, outcome.out);
    const char *why = json_string_value(json_object_get(report, "why"));
    if (outcome.status == 3 && why && strstr(why, "this machine cannot keep the pace")) {
        ck_assert_str_eq(report_text(report, "answer_by"), "arithmetic");
        ck_assert_int_gt(report_number(report, "measured.runs"), 0);
        skip("%s", why);
    }
    ck_assert_msg(outcome.status == status, "status %d: %.400s\n%.800s", outcome.status, outcome.err, outcome.out);
    ck_assert_str_eq(report_text(report, "schema"), "backlogctl.size/2");
    outcome_free(&outcome);
    return report;
}

/* Every run belongs to a step, and the last of them is the check that held. */
static void assert_steps(const json_t *report, long answer)
{
    const json_t *steps = json_object_get(report, "steps"), *step, *last = NULL;
    long runs = 0;
    size_t i;
    json_array_foreach(steps, i, step)
    {
        runs += report_number(step, "runs");
        ck_assert_int_le(report_number(step, "passed"), report_number(step, "runs"));
        last = step;
    }
    ck_assert_int_eq(runs, report_number(report, "measured.runs"));
    ck_assert_str_eq(report_text(json_array_get(steps, 0), "part"), "look");
    ck_assert_str_eq(report_text(last, "part"), "check");
    ck_assert_int_eq(report_number(last, "backlog"), answer);
    ck_assert_int_eq(report_number(last, "passed"), 20);
    ck_assert_int_eq(report_number(last, "dropped_most"), 0);
    ck_assert_int_eq(report_number(last, "longest_wait_us"), report_number(report, "measured.longest_wait_us"));
}

/* Runs of the same load by `sweep`, and how many of them dropped anything. */
static long runs_that_dropped(long backlog, long runs)
{
    char *said =
        shell(BACKLOGCTL " sweep --backlog %ld --count 200,200 --accept-delay 1ms --timeout 3s --jobs 1 --repeat %ld --csv | "
                         "awk -F, 'NR > 1 {dropped += $14 > 0} END {print NR - 1, dropped + 0}'",
              backlog, runs / 2);
    long seen, dropped;
    ck_assert_msg(sscanf(said, "%ld %ld", &seen, &dropped) == 2, "%s", said);
    ck_assert_int_eq(seen, runs);
    free(said);
    return dropped;
}

START_TEST(the_answer_holds_and_less_does_not)
{
    json_t *report =
        size_of((const char *[]){BACKLOGCTL, "size", "--burst", "200", "--every", "1s", "--accept-delay", "1ms", "--json", NULL},
                0);
    long answer = report_number(report, "backlog");
    ck_assert_int_ge(answer + 1, report_number(report, "measured.longest_queue_least"));
    ck_assert_int_le(answer, 199);
    ck_assert_int_ge(answer, report_number(report, "measured.smallest_backlog"));
    ck_assert_int_eq(report_number(report, "measured.checks"), 20);
    ck_assert_int_eq(report_number(report, "predicted.longest_queue"), 200);
    ck_assert_int_eq(report_number(report, "somaxconn_needed"), answer);
    ck_assert_uint_eq(json_array_size(json_object_get(report, "settings")), 21);
    assert_steps(report, answer);
    long half = report_number(report, "measured.smallest_backlog") / 2; /* the next runs may find more time than those did */
    json_decref(report);
    ck_assert_int_eq(runs_that_dropped(answer, 20), 0);
    ck_assert_int_gt(runs_that_dropped(half, 4), 0);
}
END_TEST

/* During a stall of 100 ms 50 come; a tenth of that must not suffice. */
START_TEST(a_stall_is_what_counts)
{
    json_t *report = size_of((const char *[]){BACKLOGCTL, "size", "--rate", "500", "--accept-rate", "2000", "--stall", "100ms",
                                              "--stall-every", "2s", "--checks", "5", "--json", NULL},
                             0);
    ck_assert_int_ge(report_number(report, "backlog"), 45);
    ck_assert_int_ge(report_number(report, "measured.smallest_backlog"), 40);
    ck_assert_int_ge(report_number(report, "measured.longest_wait_us"), 90000);
    json_decref(report);
}
END_TEST

START_TEST(an_overload_is_told)
{
    json_t *report = size_of((const char *[]){BACKLOGCTL, "size", "--rate", "2000", "--accept-delay", "1ms", "--json", NULL}, 1);
    ck_assert(json_is_true(json_object_get(json_object_get(report, "predicted"), "overload")));
    ck_assert(json_is_null(json_object_get(report, "backlog")));
    ck_assert_int_eq(report_number(report, "measured.runs"), 0);
    json_decref(report);
    char *said = shell(BACKLOGCTL " size --burst 10 --every 1s --stall 2s --stall-every 1s || [ $? -eq 1 ]");
    ck_assert_msg(strstr(said, "No backlog cures this"), "%s", said);
    free(said);
}
END_TEST

START_TEST(every_server_has_its_line)
{
    static const char *const lines[] = {"backlog=",
                                        "tcp-backlog ",
                                        "server.listen(",
                                        "backlog = ",
                                        "listen = ",
                                        "max_connections = ",
                                        "new ServerSocket(",
                                        "net.Listen(",
                                        "https://nginx.org/",
                                        "net.core.somaxconn must be at least",
                                        "tcpBacklog: ",
                                        "TcpSocket::",
                                        "uvicorn --backlog ",
                                        "socket.listen.backlog.size=",
                                        "tcp_backlog_size: ",
                                        "Backlog=",
                                        "--sysctl net.core.somaxconn=",
                                        "name: net.core.somaxconn, value: \"",
                                        "ListenBacklog ",
                                        "memcached -b "};
    char *said = shell(BACKLOGCTL " size --burst 5 --every 1s --checks 1");
    for (size_t i = 0; i < COUNT(lines); i++)
        ck_assert_msg(strstr(said, lines[i]), "no '%s' in %s", lines[i], said);
    free(said);
}
END_TEST

/* What is offered where no namespace can be made is there: `size` always makes one. */
START_TEST(only_options_that_exist_are_offered)
{
    need(forbids_user_namespaces);
    static const char *const commands[] = {"size --burst 5 --every 1s", "run --count 1"};
    for (size_t i = 0; i < COUNT(commands); i++) {
        char *said = shell("unshare --user --map-root-user sh -c 'echo 0 >/proc/sys/user/max_net_namespaces;echo 0 "
                           ">/proc/sys/user/max_user_namespaces;%s %s 2>&1';true",
                           BACKLOGCTL, commands[i]);
        ck_assert_msg(strstr(said, "cannot make a private network namespace") != NULL, "%s", said);
        ck_assert_msg(!strstr(said, "--host-net") == !i, "%s", said);
        free(said);
    }
}
END_TEST

START_TEST(an_interrupted_size_says_so)
{
    struct process size = process_start((const char *[]){BACKLOGCTL, "size", "--burst", "200", "--every", "1s", "--accept-delay",
                                                         "2ms", "--json", NULL},
                                        NULL);
    await("[ \"$(cat /proc/%d/task/*/children)\" ]", (int)size.pid); /* its first run: by then it hears signals */
    process_signal(&size, SIGTERM);
    struct outcome outcome = process_finish(&size, PATIENCE);
    ck_assert_int_eq(outcome.status, 143);
    ck_assert_msg(strstr(outcome.out, "\"interrupted_by\":\"SIGTERM\""), "%s", outcome.out);
    ck_assert_ptr_nonnull(strstr(outcome.out, "\"backlog\":null"));
    outcome_free(&outcome);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {
        the_answer_holds_and_less_does_not,  a_stall_is_what_counts,     an_overload_is_told, every_server_has_its_line,
        only_options_that_exist_are_offered, an_interrupted_size_says_so};
    Suite *suite = suite_create("size");
    suite_add(suite, "plain", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
