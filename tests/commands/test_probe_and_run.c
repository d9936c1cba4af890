/* Options of probe and run, one row each: exit status, and fragments of stdout and stderr. */
#include "suite.h"

#include "report.h"
#include "servers.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARGS(...) ((const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define ARGS_MAX 16

/* A server with backlog 2 that accepts one listens on 127.0.0.1:60001 and on [::1]:60001. */
static const struct option_row {
    const char *args[ARGS_MAX];
    int status;
    const char *out; /* a fragment; NULL: stdout must be empty */
    const char *err; /* a fragment; NULL: stderr must be empty */
} option_rows[] = {
    {{"probe", "-t", "0"}, 0, "10 connections: 1 connected, 3 queued, 6 timed_out\n", NULL},
    {{"probe", "--timeout=0"}, 0, "10 connections: 1 connected", NULL},
    {{"probe", "-t0", "-n2"}, 0, "2 connections: 1 connected, 1 queued\n", NULL},
    {{"probe", "--count", "50", "-t", "0"}, 0, "46 timed_out", NULL},
    {{"probe", "-4", "-t", "0", "-n", "1"}, 0, "probe 127.0.0.1:60001", NULL},
    {{"probe", "-6", "--host", "::1", "-t", "0", "-n", "1"}, 0, "probe [::1]:60001", NULL},
    {{"probe", "-H", "127.0.0.1", "-p", "60002", "-n", "1"}, 0, "1 connection: 1 refused\n", NULL},
    {{"probe", "-j", "-t", "0"}, 0, "\"schema\":\"backlogctl.probe/2\"", NULL},
    {{"probe", "-q", "-t", "0"}, 0, NULL, NULL},
    {{"probe", "-q", "-t", "0", "-e", "queued=4"}, 1, NULL, "expected queued=4, seen 3"},
    {{"probe", "-t", "0", "-e", "queued=3,timed-out=6"}, 0, "expect queued=3: ok\n", NULL},
    {{"probe", "-t", "0", "-e", "queued!=3"}, 1, "expect queued!=3: seen 3, FAILED\n", NULL},
    {{"probe", "-t", "0", "-e", "queued<3"}, 1, "FAILED", NULL},
    {{"probe", "-t", "0", "-e", "queued<=3", "-e", "queued>=3", "-e", "queued>2"}, 0, "expect queued>2: ok", NULL},
    {{"probe", "-t", "0", "-e", "drops=6, queue=3, backlog=2, capacity=3"}, 0, "expect capacity=3: ok", NULL},
    {{"probe", "-p", "60002", "-n", "1", "-e", "queue=0"}, 1, "expect queue=0", NULL},
    {{"probe", "-r", "1000", "-t", "0"}, 0, "1 connected, 3 queued, 6 timed_out", NULL},
    {{"probe", "--send", "Hey", "-n", "1"}, 0, "1 connection: 1 connected\n", NULL},
    {{"probe", "--wait", PATIENCE_TEXT, "-t", "0", "-n", "1"}, 0, "1 connection", NULL},
    {{"probe", "--color", "always", "-t", "0"}, 0, "\033[", NULL},
    {{"probe", "--color", "never", "-t", "0"}, 0, "timed_out", NULL},
    {{"probe", "--allow-remote", "-t", "0", "-n", "1"}, 0, "1 connection", NULL},
    {{"probe", "--help"}, 0, "--expect EXPR", NULL},
    {{"probe", "--version"}, 0, "backlogctl ", NULL},
    {{"--help"}, 0, "probe", NULL},
    {{"--version"}, 0, "backlogctl ", NULL},
    {{"version"}, 0, "backlogctl ", NULL},
    {{"version", "--json"}, 0, "\"system_call_filter\":", NULL},
    {{"--version", "-j"}, 0, "\"schema\":\"backlogctl.version/1\"", NULL},
    {{"probe", "--json", "--version"}, 0, "\"libmnl\":\"", NULL},
    {{"help", "probe"}, 0, "--i-own-this-target ADDR", NULL},
    {{"probe", "-h"}, 0, "\n--help has all options", NULL},
    {{"run", "-t", "0"}, 0, "10 connections: 10 connected\n", NULL},
    /* Over before the patience: when all are accepted, when all have failed, and when each is one or the other. */
    {{"run", "-t", "1h", "-d", "20ms"}, 0, "10 connections: 10 connected\n", NULL},
    {{"run", "-t", "1h", "-b", "3", "-n", "4", "-a", "0", "--duration", "100ms"}, 0, "4 connections: 4 reset\n", NULL},
    {{"run", "-t", "1h", "-b", "3", "-n", "4", "-a", "1", "--duration", "100ms"}, 0, "1 connected, 3 reset\n", NULL},
    /* Half-open ones would be gone after a second. */
    {{"run", "-t", "700ms", "-b", "2", "-a", "0", "--sysctl", "net.ipv4.tcp_synack_retries=0"}, 0, "3 queued, 7 timed_out", NULL},
    {{"run", "-t", "1700ms", "-b", "2", "-n", "20", "-d", "100ms", "--sysctl", "net.ipv4.tcp_synack_retries=0"},
     0,
     "20 connections: ",
     NULL},
    {{"run", "-b", "2", "-a", "1", "-t", "0"}, 0, "1 connected, 3 queued, 6 timed_out", NULL},
    {{"run", "-b", "0", "-a", "0", "-t", "0"}, 0, "1 queued, 9 timed_out", NULL},
    {{"run", "-b", "-1", "-a", "0", "-n", "4k", "-t", "0", "--sysctl", "net.core.somaxconn=100"},
     0,
     "101 queued, 3899 timed_out",
     NULL},
    {{"run", "-H", "::1", "-b", "2", "-a", "0", "-t", "0"}, 0, "3 queued, 7 timed_out", NULL},
    {{"run", "-H", "::", "-b", "2", "-a", "0", "-t", "0"}, 0, "3 queued, 7 timed_out", NULL},
    {{"run", "--greeting", "hello", "-n", "1"}, 0, "1 connected", NULL},
    {{"run", "-d", "50ms", "-n", "3", "-t", PATIENCE_TEXT}, 0, "3 connections: 3 connected\n", NULL},
    {{"run", "-p", "0", "-t", "0", "-n", "1"}, 0, "1 connected", NULL},
    {{"run", "--host-net", "-p", "60003", "-b", "2", "-a", "1", "-t", "0"}, 0, "1 connected, 3 queued, 6 timed_out", NULL},
    {{"run", "--sysctl", "net.core.somaxconn=16", "--sysctl", "net.ipv4.tcp_syncookies=0", "-b", "99", "-a", "0", "-n", "20",
      "-t", "0"},
     0,
     "17 queued, 3 timed_out",
     NULL},
    {{"run", "-n", "300", "-t", "0", "--summary"}, 0, "300 connections: 300 connected\n", NULL},
    {{"run", "-n", "4", "-t", "0", "--source", "127.9.9.1,127.9.9.2"}, 0, "127.9.9.2:", NULL},
    {{"run", "-n", "4", "-t", "0", "--source", "127.9.8.0/30"}, 0, "127.9.8.2:", NULL},
    {{"run", "-n", "300", "-t", "1s", "--threads", "3", "-a", "0", "-e", "connected=0,refused=0"},
     0,
     "3 threads at the same time",
     NULL},
    {{"run", "-n", "500", "-r", "5k", "-t", "1s"}, 0, "asked 5000", NULL},
    {{"run", "--sysctl", "net/core/somaxconn=16", "-b", "99", "-a", "0", "-n", "20", "-t", "0"}, 0, "somaxconn", NULL},
};

static bool is_as_told(const struct option_row *row, const struct outcome *outcome)
{
    return outcome->status == row->status && (row->out ? strstr(outcome->out, row->out) != NULL : !*outcome->out) &&
           (row->err ? strstr(outcome->err, row->err) != NULL : !*outcome->err);
}

/* By the report itself, wherever its lines are folded. */
static bool nobody_was_accepted(const char *report)
{
    char *text = strdup(report);
    for (char *at = text; at && *at; at++)
        *at = *at == '\n' ? ' ' : *at;
    bool found = text && strstr(text, "The server accepted none of");
    free(text);
    return found;
}

/* With these options, at servers that were just started. */
static struct outcome outcome_of(const struct option_row *row)
{
    struct process four = serve_start(ARGS("--backlog", "2", "--accept-count", "1"), NULL);
    struct process six = serve_start(ARGS("--host", "::1", "--backlog", "2", "--accept-count", "1"), NULL);
    const char *argv[ARGS_MAX + 2] = {BACKLOGCTL};
    for (size_t i = 0; i < ARGS_MAX && row->args[i]; i++)
        argv[i + 1] = row->args[i];
    struct outcome outcome = process_run(argv, NULL);
    free(serve_stop(&four));
    free(serve_stop(&six));
    return outcome;
}

START_TEST(option_does_what_it_says)
{
    const struct option_row *row = &option_rows[_i];
    in_private_namespace();
    struct outcome outcome = outcome_of(row);
    /* Again where the server, by the report itself, had no time to accept anybody: "1 connected" is not to be had then. */
    for (nsec end = clock_now() + PATIENCE;
         !is_as_told(row, &outcome) && nobody_was_accepted(outcome.out) && clock_now() < end;) {
        outcome_free(&outcome);
        outcome = outcome_of(row);
    }
    ck_assert_msg(is_as_told(row, &outcome), "status %d\n%s%s", outcome.status, outcome.out, outcome.err);
    if (strcmp(row->args[0], "probe") == 0 && row->out && !strstr(row->out, "\033"))
        ck_assert_ptr_null(strchr(outcome.out, '\033'));
    outcome_free(&outcome);
}
END_TEST

static void await_accept(struct process *server)
{
    for (bool accepted = false; !accepted;) {
        char *line = process_line(server, PATIENCE);
        ck_assert_msg(line != NULL, "nobody was accepted");
        accepted = strstr(line, "accepted #1") != NULL;
        free(line);
    }
}

START_TEST(interrupted_reports_what_is_known)
{
    in_private_namespace();
    struct process server = serve_start(ARGS("--backlog", "2", "--accept-count", "1"), NULL);
    struct process probe = process_start(ARGS(BACKLOGCTL, "probe", "--json", "--timeout", PATIENCE_TEXT), NULL);
    await_accept(&server);
    /* And three wait, and the other six have sent their second SYN. */
    await("%s list --quiet --port 60001 --host 127.0.0.1 --expect 'queue=3,discarded>=12' 2>/dev/null", BACKLOGCTL);
    process_signal(&probe, _i ? SIGTERM : SIGINT);
    struct outcome outcome = process_finish(&probe, PATIENCE);
    ck_assert_int_eq(outcome.status, 128 + (_i ? SIGTERM : SIGINT));
    json_t *report = json_loads(outcome.out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(report != NULL, "%s", outcome.out);
    ck_assert_int_eq(report_count(report, "connected"), 1);
    ck_assert_int_eq(report_count(report, "queued"), 3);
    /* Where the server accepts after the burst, their second SYNs find its queue with room for one, and get past that check together. */
    long past = report_count(report, "half_open") + report_count(report, "lost");
    ck_assert_int_eq(report_count(report, "timed_out") + past, 6);
    const json_t *accepted = json_object_get(json_object_get(report, "times"), "accepted");
    const json_t *took = json_object_get(json_object_get(report, "pace"), "took_us");
    ck_assert(!past || json_number_value(json_object_get(accepted, "min_us")) > json_number_value(took));
    json_decref(report);
    outcome_free(&outcome);
    free(serve_stop(&server));
}
END_TEST

START_TEST(wait_sees_a_listener_that_comes_late)
{
    in_private_namespace();
    struct process probe =
        process_start(ARGS(BACKLOGCTL, "probe", "--wait", PATIENCE_TEXT, "--count", "1", "--expect", "connected=1"), NULL);
    usleep(200000);
    struct process server = serve_start(ARGS("--backlog", "2"), NULL);
    struct outcome outcome = process_finish(&probe, PATIENCE);
    ck_assert_msg(outcome.status == 0, "%s%s", outcome.out, outcome.err);
    outcome_free(&outcome);
    free(serve_stop(&server));
}
END_TEST

START_TEST(too_many_for_the_descriptor_limit_is_said_first)
{
    struct process_setup nobody = {.as_nobody = true};
    in_private_namespace();
    struct outcome outcome = process_run(ARGS("sh", "-c", "ulimit -n 50; exec \"$0\" probe --count 100", BACKLOGCTL), &nobody);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_str_eq(outcome.out, "");
    ck_assert_msg(strstr(outcome.err, "RLIMIT_NOFILE"), "%s", outcome.err);
    outcome_free(&outcome);
}
END_TEST

/* Where the limit on open files makes threads with descriptor tables of their own, what is asked of the kernel between two connections
   must not go to the connection that has the number there. */
START_TEST(nothing_is_said_to_the_server_unasked)
{
    struct process server;
    in_private_namespace();
    need_program("setpriv");
    if (!python_begin(LISTENING "s=tcp('127.0.0.1',b=4);print('ready',flush=True)\n"
                                "import sys;sys.stdin.read();n=0\n"
                                "for i in range(5):\n c=s.accept()[0]\n"
                                " while True:\n  d=c.recv(4096)\n  if not d: break\n  n+=len(d)\n"
                                "print(n,'bytes')",
                      &server))
        return;
    struct outcome outcome =
        process_run(ARGS("setpriv", "--bounding-set", "-sys_resource", "sh", "-c",
                         "ulimit -n 64; exec \"$0\" probe --json --count 200 --timeout 0 --expect queued=5", BACKLOGCTL),
                    NULL);
    ck_assert_msg(outcome.status == 0, "%s%s", outcome.out, outcome.err);
    outcome_free(&outcome);
    outcome = process_finish(&server, PATIENCE);
    ck_assert_str_eq(outcome.out, "0 bytes\n");
    outcome_free(&outcome);
}
END_TEST

/* util-linux's script gives the program a terminal, and prints what it says there. */
START_TEST(a_terminal_sees_how_it_stands)
{
    need_program("script");
    char command[512];
    snprintf(command, sizeof command, "%s run --backlog 2 --accept-count 1 --timeout 3s%s", BACKLOGCTL, _i ? " 2>/dev/null" : "");
    struct outcome outcome = process_run(ARGS("script", "-qec", command, "/dev/null"), NULL);
    ck_assert_int_eq(outcome.status, 0);
    /* It goes to stderr alone: without that terminal nothing of it is seen. */
    bool seen = strstr(outcome.out, "so far: 1 connected, 3 queued, 6 timed_out") != NULL;
    ck_assert_msg(seen == !_i, "%s", outcome.out);
    ck_assert_ptr_nonnull(strstr(outcome.out, "10 connections: "));
    outcome_free(&outcome);
}
END_TEST

/* A namespace of namespaces where none may be made. */
START_TEST(forbidden_namespaces_name_the_way_out)
{
    need(forbids_other_users);
    need(forbids_user_namespaces);
    struct process_setup nobody = {.as_nobody = true};
    struct outcome outcome = process_run(ARGS("unshare", "-U", "-r", "sh", "-c",
                                              "echo 0 >/proc/sys/user/max_net_namespaces && exec \"$0\" run -n 1", BACKLOGCTL),
                                         &nobody);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_str_eq(outcome.out, "");
    ck_assert_msg(strstr(outcome.err, "--host-net"), "%s", outcome.err);
    ck_assert_msg(strstr(outcome.err, "max_net_namespaces"), "%s", outcome.err);
    outcome_free(&outcome);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("options");
    TCase *tcase = tcase_create("process");
    tcase_add_loop_test(tcase, option_does_what_it_says, 0, COUNT(option_rows));
    tcase_add_loop_test(tcase, interrupted_reports_what_is_known, 0, 2);
    tcase_add_test(tcase, wait_sees_a_listener_that_comes_late);
    tcase_add_test(tcase, too_many_for_the_descriptor_limit_is_said_first);
    tcase_add_test(tcase, nothing_is_said_to_the_server_unasked);
    tcase_add_loop_test(tcase, a_terminal_sees_how_it_stands, 0, 2);
    tcase_add_test(tcase, forbidden_namespaces_name_the_way_out);
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
