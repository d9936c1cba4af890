/* What the queue of a running server really holds, and that it goes on whatever happens to the measuring. */
#include "suite.h"

#include "report.h"
#include "servers.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define KILLS 20
#define KILLS_OF_STOP 8 /* the second way is for where ptrace is not allowed */

static json_t *measure(const char *options, int status)
{
    char command[512];
    snprintf(command, sizeof command, "exec %s measure --json --yes --budget 10s --timeout " PATIENCE_TEXT " %s", BACKLOGCTL,
             options);
    struct outcome outcome = process_run((const char *[]){"sh", "-c", command, NULL}, NULL);
    ck_assert_msg(outcome.status == status, "measure %s: status %d: %s%s", options, outcome.status, outcome.out, outcome.err);
    json_t *report = json_loads(outcome.out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(report != NULL, "%s", outcome.out);
    outcome_free(&outcome);
    return report;
}

static const char *const methods[] = {"ptrace", "stop"};

START_TEST(real_server_holds_its_backlog_and_one)
{
    const struct real_server *server = &real_servers[_i / 2];
    struct process process;
    char folder[64], options[80];
    in_private_namespace();
    if (!server_begin(server, &process, folder))
        return;
    snprintf(options, sizeof options, "--port 60001 --freeze %s", methods[_i % 2]);
    json_t *report = measure(options, 0);
    ck_assert_int_eq(report_number(report, "capacity"), server->backlog + 1);
    ck_assert_int_eq(report_number(report, "queued"), server->backlog + 1);
    ck_assert_int_eq(report_number(report, "accepted"), server->backlog + 1);
    ck_assert_int_ge(report_number(report, "unanswered"), 1);
    ck_assert_int_eq(report_number(report, "freeze.processes"), (long)server->processes);
    ck_assert_str_eq(report_text(report, "freeze.method"), methods[_i % 2]);
    ck_assert(json_is_true(json_object_get(report, "exact")));
    json_decref(report);
    server_must_answer(server);
    server_end(&process, folder);
}
END_TEST

/* Clients that come all the time, some of them while the server stands still: each is answered. */
START_TEST(every_request_is_answered_afterwards)
{
    const struct real_server *server = &real_servers[_i];
    struct process process;
    char folder[64], command[512];
    in_private_namespace();
    if (!server_begin(server, &process, folder))
        return;
    free(shell("%s resize --port 60001 --backlog 2000 --quiet", BACKLOGCTL));
    snprintf(command, sizeof command,
             "exec %s probe --json --count 300 --rate 500 --timeout " PATIENCE_TEXT " --send '%s' --source 127.0.0.1 "
             "--expect connected=300", /* redis denies itself to other sources, 127.0.0.2 too */
             BACKLOGCTL, server->request);
    struct process clients = process_start((const char *[]){"sh", "-c", command, NULL}, NULL);
    for (int i = 0; i < 3; i++) {
        usleep(100000);
        json_decref(measure("--port 60001 --with-waiting", 0));
    }
    struct outcome outcome = process_finish(&clients, PATIENCE);
    ck_assert_msg(!outcome.status, "status %d %s %.600s", outcome.status, outcome.err, outcome.out);
    outcome_free(&outcome);
    server_must_answer(server);
    server_end(&process, folder);
}
END_TEST

/* The letters of the states of all processes that hold the listener. */
static void nobody_stands_still(void)
{
    await("s=$(for p in $(ss -Hltnp sport = :60001 | grep -o 'pid=[0-9]*' | cut -d= -f2); do "
          "sed 's/.*) //' /proc/$p/task/*/stat | cut -c1; done); case \"$s\" in *T*|*t*|'') false;; esac");
}

START_TEST(killed_measurements_leave_a_serving_server)
{
    const struct real_server *server = &real_servers[_i / 2];
    struct process process;
    char folder[64];
    in_private_namespace();
    if (!server_begin(server, &process, folder))
        return;
    free(shell("%s resize --port 60001 --backlog 2000 --quiet", BACKLOGCTL));
    for (unsigned i = 0; i < (_i % 2 ? KILLS_OF_STOP : KILLS); i++) {
        struct process victim =
            process_start((const char *[]){BACKLOGCTL, "measure", "--port", "60001", "--yes", "--with-waiting", "--budget", "10s",
                                           "--freeze", methods[_i % 2], NULL},
                          NULL);
        usleep((i * 7919 % KILLS) * 3000 + 500); /* from before the freeze to after it, in no order */
        process_signal(&victim, SIGKILL);
        struct outcome outcome = process_finish(&victim, PATIENCE);
        outcome_free(&outcome);
        nobody_stands_still();
        server_must_answer(server);
    }
    server_end(&process, folder);
}
END_TEST

START_TEST(budget_is_kept)
{
    struct process process;
    char folder[64];
    in_private_namespace();
    if (!server_begin(&real_servers[1], &process, folder))
        return;
    free(shell("%s resize --port 60001 --backlog 4096 --quiet", BACKLOGCTL));
    /* With a longer one where the budget was over before it even stood still: where that takes longer, filling does too. */
    json_t *report = NULL;
    for (int budget = 5; !report; budget += 1 + budget / 4) {
        char text[16];
        snprintf(text, sizeof text, "%dms", budget);
        struct outcome outcome =
            process_run((const char *[]){BACKLOGCTL, "measure", "--json", "--yes", "--port", "60001", "--budget", text, NULL},
                        NULL);
        ck_assert_int_eq(outcome.status, 3);
        report = json_loads(outcome.out, JSON_REJECT_DUPLICATES, NULL);
        outcome_free(&outcome);
    }
    ck_assert_msg(json_is_true(json_object_get(json_object_get(report, "freeze"), "expired")), "%s",
                  report_text(report, "incomplete"));
    ck_assert(json_is_null(json_object_get(report, "capacity")));
    ck_assert_ptr_nonnull(strstr(report_text(report, "incomplete"), "--budget"));
    ck_assert_int_le(report_number(report, "held"), 4097);
    json_decref(report);
    server_must_answer(&real_servers[1]);
    server_end(&process, folder);
}
END_TEST

START_TEST(interrupted_measurement_lets_go)
{
    struct process process;
    char folder[64];
    in_private_namespace();
    if (!server_begin(&real_servers[1], &process, folder))
        return;
    for (int i = 0; i < 8; i++) {
        /* With what the one before may have left in the queue. */
        struct process victim =
            process_start((const char *[]){BACKLOGCTL, "measure", "--port", "60001", "--yes", "--with-waiting", "--json", NULL},
                          NULL);
        usleep((useconds_t)i * 1500);
        process_signal(&victim, SIGINT);
        struct outcome outcome = process_finish(&victim, PATIENCE);
        ck_assert_msg(outcome.status == 128 + SIGINT || !outcome.status, "status %d %s", outcome.status, outcome.err);
        outcome_free(&outcome);
        nobody_stands_still();
    }
    server_must_answer(&real_servers[1]);
    server_end(&process, folder);
}
END_TEST

START_TEST(unix_queue_is_measured)
{
    static const char *const types[] = {"SOCK_STREAM", "SOCK_SEQPACKET"};
    struct process server;
    char program[2048];
    in_private_namespace();
    snprintf(program, sizeof program, LISTENING "local('\\0measured',S.%s)" AND_ACCEPT, types[_i]);
    if (!python_begin(program, &server))
        return;
    json_t *report = measure("--unix @measured", 0);
    ck_assert_int_eq(report_number(report, "capacity"), 8);
    ck_assert_int_eq(report_number(report, "accepted"), 8);
    ck_assert(json_is_null(json_object_get(report, "discarded")));
    json_decref(report);
    python_end(&server);
}
END_TEST

START_TEST(waiting_clients_are_respected)
{
    in_private_namespace();
    struct process server = serve_start((const char *[]){"--backlog", "5", "--accept-count", "0", NULL}, NULL);
    free(shell("%s probe --count 2 --timeout 0 --quiet", BACKLOGCTL));
    struct outcome outcome = process_run((const char *[]){BACKLOGCTL, "measure", "--port", "60001", "--yes", NULL}, NULL);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_msg(strstr(outcome.err, "give --with-waiting") != NULL, "%s", outcome.err);
    outcome_free(&outcome);
    free(serve_stop(&server));
    server = serve_start((const char *[]){"--backlog", "5", "--accept-delay", "300ms", NULL}, NULL);
    for (bool with_waiting = false; !with_waiting;) { /* again where it was so late that nobody waited any more */
        free(shell("%s probe --count 6 --timeout 0 --quiet", BACKLOGCTL));
        json_t *report = measure("--port 60001 --with-waiting", 0);
        ck_assert_int_eq(report_number(report, "capacity"), 6);
        with_waiting = report_number(report, "queued") < 6;
        json_decref(report);
    }
    free(serve_stop(&server));
}
END_TEST

START_TEST(nothing_is_done_unasked)
{
    struct process process;
    char folder[64];
    in_private_namespace();
    if (!server_begin(&real_servers[1], &process, folder))
        return;
    struct outcome outcome = process_run((const char *[]){BACKLOGCTL, "measure", "--port", "60001", NULL}, NULL);
    ck_assert_int_eq(outcome.status, 2);
    ck_assert_msg(strstr(outcome.err, "--yes") != NULL, "%s", outcome.err);
    outcome_free(&outcome);
    char *said =
        shell("echo n | script -qec '%s measure --port 60001 --budget 10s --timeout 120s; echo status $?' /dev/null", BACKLOGCTL);
    ck_assert_msg(strstr(said, "\nGo on? [y/N]") && strstr(said, "status 3") && !strstr(said, "\\x"), "%s", said);
    free(said);
    said =
        shell("echo y | script -qec '%s measure --port 60001 --budget 10s --timeout 120s; echo status $?' /dev/null", BACKLOGCTL);
    ck_assert_msg(strstr(said, "holds 512") && strstr(said, "status 0"), "%s", said);
    free(said);
    json_decref(measure("--port 60001 --expect capacity=512", 0));
    json_decref(measure("--port 60001 --expect 'capacity>512'", 1));
    server_end(&process, folder);
}
END_TEST

/* While the question waits for its answer, the process that it names closes its socket; a child of it goes on. */
START_TEST(who_was_asked_about_must_still_be_there)
{
    struct process server;
    char *line = NULL;
    in_private_namespace();
    if (!python_begin(
            "import os,signal,socket,time\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK,[signal.SIGUSR1]);s=socket.socket();s.bind(('127.0.0.1',60001));s.listen(7)"
            "\n"
            "if not os.fork():\n while os.getppid()!=1: time.sleep(0.01)\n os._exit(0)\n"
            "print('ready',flush=True);signal.sigwait([signal.SIGUSR1]);s.close();print('closed',flush=True);time.sleep(7200)\n",
            &server))
        return;
    struct process measuring =
        process_start((const char *[]){"script", "-qec", BACKLOGCTL " measure --port 60001; echo status $?", "/dev/null", NULL},
                      &(struct process_setup){.stdin_pipe = true});
    while ((line = process_line(&measuring, PATIENCE)) && !strstr(line, "EINTR"))
        free(line);
    ck_assert_ptr_nonnull(line);
    free(line);
    process_signal(&server, SIGUSR1);
    line = process_line(&server, PATIENCE);
    ck_assert_str_eq(line, "closed");
    free(line);
    ck_assert_int_eq(write(measuring.in, "y\n", 2), 2);
    struct outcome outcome = process_finish(&measuring, PATIENCE);
    ck_assert_msg(strstr(outcome.out, "any more: nothing was stopped") && strstr(outcome.out, "status 3"), "%s", outcome.out);
    outcome_free(&outcome);
    python_end(&server);
}
END_TEST

/* A worker that --pid names is not the lowest number among those that hold the listener. */
START_TEST(a_worker_is_measured_by_its_number)
{
    struct process server;
    char command[160];
    in_private_namespace();
    if (!python_begin("import os,socket\n"
                      "s=socket.socket();s.bind(('127.0.0.1',60001));s.listen(7)\n"
                      "if os.fork(): os.wait()\n"
                      "print('ready',flush=True)\n"
                      "while True: s.accept()[0].close()\n",
                      &server))
        return;
    snprintf(command, sizeof command,
             "%s measure --port 60001 --yes --budget 10s --timeout " PATIENCE_TEXT " --pid $(pgrep -P %d)", BACKLOGCTL,
             (int)server.pid);
    free(shell("%s", command));
    free(shell("pkill -P %d", (int)server.pid));
    python_end(&server);
}
END_TEST

/* Its name leads from here to nobody, or to another server. */
START_TEST(device_of_others_is_refused)
{
    struct process server;
    in_private_namespace();
    free(shell("ip link add d0 type veth peer name d1 && ip link set d0 up"));
    if (!python_begin(LISTENING "s=S.socket();s.setsockopt(1,25,b'd0\\0');s.bind(('0.0.0.0',60001));s.listen(7)" AND_WAIT,
                      &server))
        return;
    struct outcome outcome = process_run((const char *[]){BACKLOGCTL, "measure", "--port", "60001", "--yes", NULL}, NULL);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_msg(strstr(outcome.err, "through d0 alone") != NULL, "%s", outcome.err);
    outcome_free(&outcome);
    python_end(&server);
}
END_TEST

/* Children that hold the socket come and go. */
START_TEST(forking_server_is_measured)
{
    struct process server;
    in_private_namespace();
    if (!python_begin("import os,signal,socket,threading,time\n"
                      "signal.signal(signal.SIGCHLD,signal.SIG_IGN)\n"
                      "s=socket.socket();s.bind(('127.0.0.1',60001));s.listen(7)\n"
                      "def a():\n while 1: s.accept()\n"
                      "threading.Thread(target=a,daemon=True).start();print('ready',flush=True)\n"
                      "while 1:\n if not os.fork(): time.sleep(0.002);os._exit(0)\n time.sleep(0.004)\n",
                      &server))
        return;
    for (int i = 0; i < 5; i++) {
        json_t *report = measure("--port 60001", 0);
        ck_assert_int_eq(report_number(report, "capacity"), 8);
        json_decref(report);
    }
    python_end(&server);
}
END_TEST

/* Its connections are then made by threads with descriptor tables of their own, which cannot ask the guardian's descriptors. */
START_TEST(more_is_measured_than_descriptors_are_allowed)
{
    struct process server;
    in_private_namespace();
    need_program("setpriv");
    if (!python_begin(LISTENING "tcp('127.0.0.1',b=200)" AND_ACCEPT, &server))
        return;
    for (size_t i = 0; i < COUNT(methods); i++) {
        struct outcome outcome = process_run(
            (const char *[]){"setpriv", "--bounding-set", "-sys_resource", "sh", "-c",
                             "ulimit -n 64; exec \"$0\" measure --port 60001 --yes --budget 10s --timeout " PATIENCE_TEXT
                             " --expect capacity=201 --freeze \"$1\"",
                             BACKLOGCTL, methods[i], NULL},
            NULL);
        ck_assert_msg(outcome.status == 0, "%s%s", outcome.out, outcome.err);
        outcome_free(&outcome);
    }
    python_end(&server);
}
END_TEST

START_TEST(groups_are_refused)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING "[tcp('127.0.0.1',share=1) for i in '12']" AND_WAIT, &server))
        return;
    struct outcome outcome = process_run((const char *[]){BACKLOGCTL, "measure", "--port", "60001", "--yes", NULL}, NULL);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_msg(strstr(outcome.err, "SO_REUSEPORT") != NULL, "%s", outcome.err);
    outcome_free(&outcome);
    python_end(&server);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {budget_is_kept,
                                  interrupted_measurement_lets_go,
                                  waiting_clients_are_respected,
                                  nothing_is_done_unasked,
                                  who_was_asked_about_must_still_be_there,
                                  a_worker_is_measured_by_its_number,
                                  more_is_measured_than_descriptors_are_allowed,
                                  groups_are_refused,
                                  device_of_others_is_refused,
                                  forking_server_is_measured};
    Suite *suite = suite_create("measure");
    TCase *tcase = tcase_create("real servers");
    tcase_add_loop_test(tcase, real_server_holds_its_backlog_and_one, 0, 2 * REAL_SERVERS);
    tcase_add_loop_test(tcase, every_request_is_answered_afterwards, 0, REAL_SERVERS);
    tcase_add_loop_test(tcase, killed_measurements_leave_a_serving_server, 0, 2 * REAL_SERVERS);
    tcase_add_loop_test(tcase, unix_queue_is_measured, 0, 2);
    suite_add_tcase(suite, tcase);
    suite_add(suite, "care", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
