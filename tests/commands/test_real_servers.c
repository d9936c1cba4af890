/* Servers that this program did not start: nginx, redis and python, stopped with SIGSTOP so that their queues fill. */
#include "suite.h"

#include "report.h"
#include "servers.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

START_TEST(stopped_server_queues_up_to_its_capacity)
{
    const struct real_server *server = &real_servers[_i];
    struct process process;
    char folder[64], count[24];
    in_private_namespace();
    if (!server_begin(server, &process, folder))
        return;
    char *pids = shell("ss -Hltnp sport = :60001 | grep -o 'pid=[0-9]*' | cut -d= -f2 | xargs");
    ck_assert_str_ne(pids, "");
    free(shell("kill -STOP %s", pids));
    snprintf(count, sizeof count, "%ld", server->backlog + 1 + 40);
    json_t *report =
        report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--count", count, "--timeout", "0", NULL}, NULL, 0);
    ck_assert_int_eq(report_count(report, "queued"), server->backlog + 1);
    ck_assert_int_eq(report_count(report, "timed_out"), 40);
    ck_assert_int_eq(report_number(report, "listener.capacity"), server->backlog + 1);
    ck_assert_ptr_nonnull(strstr(server->program, report_text(report, "listener.process")));
    json_decref(report);
    char *seen = shell("ss -Hltn sport = :60001 | awk '{print $2, $3}'"), expected[64];
    snprintf(expected, sizeof expected, "%ld %ld", server->backlog + 1, server->backlog);
    ck_assert_str_eq(seen, expected);
    free(seen);
    /* It goes on, takes what waited, and answers again. */
    free(shell("kill -CONT %s", pids));
    free(pids);
    server_must_answer(server);
    server_end(&process, folder);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("real servers");
    TCase *tcase = tcase_create("stopped");
    tcase_add_loop_test(tcase, stopped_server_queues_up_to_its_capacity, 0, REAL_SERVERS);
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
