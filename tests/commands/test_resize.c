/* Another backlog for servers that run, with ss as the oracle. */
#include "suite.h"

#include "report.h"
#include "servers.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Send-Q of every listener on the port by address, in one line. */
static void backlogs_are(const char *expected)
{
    char *seen = shell("ss -Hltn sport = :60001 | LC_ALL=C sort -b -k4,4 | awk '{print $3}' | xargs");
    ck_assert_str_eq(seen, expected);
    free(seen);
}

static struct outcome resize(const char *options, int status)
{
    char command[512];
    snprintf(command, sizeof command, "exec %s resize %s", BACKLOGCTL, options);
    struct outcome outcome = process_run((const char *[]){"sh", "-c", command, NULL}, NULL);
    ck_assert_msg(outcome.status == status, "resize %s: status %d: %s%s", options, outcome.status, outcome.out, outcome.err);
    return outcome;
}

/* Undoes the folding of lines. */
static void unfold(char *text)
{
    char *out = text;
    for (const char *p = text; *p; p++)
        if (strncmp(p, "\n  ", 3))
            *out++ = *p;
        else {
            *out++ = ' ';
            p += 2;
        }
    *out = '\0';
}

static void resize_says(const char *options, int status, const char *words)
{
    struct outcome outcome = resize(options, status);
    unfold(outcome.out);
    ck_assert_msg(strstr(outcome.err, words) || strstr(outcome.out, words), "resize %s: '%s%s' lacks '%s'", options, outcome.out,
                  outcome.err, words);
    outcome_free(&outcome);
}

START_TEST(real_server_gets_another_backlog)
{
    const struct real_server *server = &real_servers[_i];
    struct process process;
    char folder[64], before[24];
    in_private_namespace();
    if (!server_begin(server, &process, folder))
        return;
    snprintf(before, sizeof before, "%ld", server->backlog);
    resize_says("--port 60001 --backlog 300 --dry-run", 0, "would become 300");
    backlogs_are(before);
    resize_says("--port 60001 --backlog 300", 0, "-> 300, holds 301");
    backlogs_are("300");
    server_must_answer(server);
    resize_says("--port 60001 --backlog 100000", 0, "clamped by net.core.somaxconn=4096");
    backlogs_are("4096");
    resize_says("--port 60001 --backlog=-1", 0, "-> 4096");
    set_sysctl("net.core.somaxconn", "16");
    resize_says("--port 60001 --backlog 300", 0, "clamped by net.core.somaxconn=16");
    backlogs_are("16");
    resize_says("--port 60001 --backlog 0", 0, "-> 0, holds 1");
    backlogs_are("0");
    server_must_answer(server);
    server_end(&process, folder);
}
END_TEST

START_TEST(every_member_of_a_group_is_resized)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING "for i in range(3): tcp('127.0.0.1',share=1)" AND_WAIT, &server))
        return;
    resize_says("--port 60001 --backlog 20", 0, "member 3 of 3 backlog 7 -> 20");
    backlogs_are("20 20 20");
    python_end(&server);
}
END_TEST

START_TEST(unix_listeners_are_resized)
{
    struct process server;
    char folder[] = "/tmp/backlogctl-test-XXXXXX", program[2048], options[160];
    in_private_namespace();
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(program, sizeof program, LISTENING "local('%s/s');local('\\0hidden',S.SOCK_SEQPACKET)" AND_WAIT, folder);
    if (!python_begin(program, &server))
        return;
    snprintf(options, sizeof options, "--unix %s/s --backlog 20", folder);
    resize_says(options, 0, "backlog 7 -> 20");
    resize_says("--unix @hidden --backlog 21", 0, "backlog 7 -> 21");
    char *seen = shell("ss -Hlx | awk '/hidden|\\/s /{print $4}' | sort | xargs");
    ck_assert_str_eq(seen, "20 21");
    free(seen);
    python_end(&server);
    free(shell("rm -r %s", folder));
}
END_TEST

/* Those that wait when it gets smaller stay; nobody joins them. */
START_TEST(who_waits_stays)
{
    in_private_namespace();
    struct process server = serve_start((const char *[]){"--backlog", "10", "--accept-count", "0", NULL}, NULL);
    struct process clients =
        process_start((const char *[]){BACKLOGCTL, "probe", "--count", "11", "--timeout", PATIENCE_TEXT, "--json", NULL}, NULL);
    await("ss -Hltn sport = :60001 | grep -q 'LISTEN 11'");
    resize_says("--port 60001 --backlog 3", 0, "queue 11; those that wait stay");
    char *seen = shell("ss -Hltn sport = :60001 | awk '{print $2, $3}'");
    ck_assert_str_eq(seen, "11 3");
    free(seen);
    process_signal(&clients, SIGTERM);
    struct outcome outcome = process_finish(&clients, PATIENCE);
    outcome_free(&outcome);
    free(serve_stop(&server));
}
END_TEST

START_TEST(what_is_unclear_is_refused)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING "tcp('127.0.0.1');tcp('127.0.0.2');tcp('::1');tcp('127.0.0.1',60002)" AND_WAIT, &server))
        return;
    resize_says("--port 60001 --backlog 20", 3, "3 listeners are meant: 127.0.0.1:60001 (python3");
    backlogs_are("7 7 7");
    resize_says("--port 60001 --host 127.0.0.2 --backlog 20", 0, "127.0.0.2:60001");
    backlogs_are("7 20 7");
    resize_says("--port 60001 --all --backlog 21", 0, "[::1]:60001");
    backlogs_are("21 21 21");
    resize_says("--port 60003 --backlog 20", 3, "no such listener");
    resize_says("--port 60002 --pid 1 --backlog 20", 3, "");
    char options[80];
    snprintf(options, sizeof options, "--port 60002 --pid %d --backlog 22", (int)server.pid);
    resize_says(options, 0, "127.0.0.1:60002");
    python_end(&server);
}
END_TEST

START_TEST(missing_rights_are_named)
{
    struct process server;
    need(forbids_other_users);
    in_private_namespace();
    if (!python_begin(LISTENING "tcp('127.0.0.1')" AND_WAIT, &server))
        return;
    for (int dry = 0; dry < 2; dry++) {
        struct outcome outcome = process_run((const char *[]){BACKLOGCTL, "resize", "--port", "60001", "--backlog", "20",
                                                              dry ? "--dry-run" : NULL, NULL},
                                             &(struct process_setup){.as_nobody = true});
        ck_assert_int_eq(outcome.status, 3);
        ck_assert_msg(strstr(outcome.out, "CAP_SYS_PTRACE") != NULL, "%s%s", outcome.out, outcome.err);
        outcome_free(&outcome);
    }
    backlogs_are("7");
    python_end(&server);
}
END_TEST

START_TEST(json_says_it_all)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING "tcp('127.0.0.1')" AND_WAIT, &server))
        return;
    struct outcome outcome = resize("--port 60001 --backlog 5000 --json", 0);
    json_t *report = json_loads(outcome.out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(report != NULL, "%s", outcome.out);
    ck_assert_str_eq(report_text(report, "schema"), "backlogctl.resize/2");
    ck_assert_int_eq(report_number(report, "effective"), 4096);
    json_t *one = json_array_get(json_object_get(report, "listeners"), 0);
    ck_assert_int_eq(report_number(one, "before.backlog"), 7);
    ck_assert_int_eq(report_number(one, "after.backlog"), 4096);
    ck_assert(json_is_true(json_object_get(report, "clamped")));
    json_decref(report);
    outcome_free(&outcome);
    python_end(&server);
}
END_TEST

START_TEST(what_does_not_help_is_told)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING "tcp('127.0.0.1');client(60001,8)" AND_WAIT, &server))
        return;
    process_signal(&server, SIGSTOP);
    await("grep -q '^State:.T' /proc/%d/status", (int)server.pid);
    resize_says("--port 60001 --backlog 20 --dry-run", 0,
                "It will not help clients of 127.0.0.1:60001 as long as nobody accepts");
    resize_says("--port 60001 --backlog 20", 0, "stopped by a signal (state T)");
    await("%s list --port 60001 | grep -q not_accepting", BACKLOGCTL);
    resize_says("--port 60001 --backlog 0", 0, "as long as nobody accepts");
    resize_says("--port 60001 --backlog 20", 0, "had more in its queue than its backlog allows");
    process_signal(&server, SIGCONT);
    python_end(&server);
    if (!python_begin(LISTENING "tcp('127.0.0.1')" AND_WAIT, &server))
        return;
    struct outcome outcome = resize("--port 60001 --backlog 20", 0);
    ck_assert_msg(!strstr(outcome.out, "help"), "%s", outcome.out);
    outcome_free(&outcome);
    python_end(&server);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {every_member_of_a_group_is_resized, unix_listeners_are_resized, who_waits_stays,
                                  what_is_unclear_is_refused,         missing_rights_are_named,   json_says_it_all,
                                  what_does_not_help_is_told};
    Suite *suite = suite_create("resize");
    TCase *tcase = tcase_create("real servers");
    tcase_add_loop_test(tcase, real_server_gets_another_backlog, 0, REAL_SERVERS);
    suite_add_tcase(suite, tcase);
    suite_add(suite, "listeners", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
