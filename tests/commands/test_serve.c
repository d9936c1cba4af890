/* backlogctl serve as a whole process, talked to by real clients. */
#include "suite.h"

#include "report.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARGS(...) ((const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

START_TEST(real_clients_talk_to_it)
{
    static const struct {
        const char *program, *talk;
    } clients[] = {
        {"nc", "nc 127.0.0.1 60001"},
        {"telnet", "telnet 127.0.0.1 60001 2>&1"}, /* it throws away what is typed before it is connected */
    };
    if (!program_exists(clients[_i].program)) {
        skip("%s is not installed", clients[_i].program);
    }
    in_private_namespace();
    struct process server = serve_start(ARGS("--greeting", "welcome"), NULL);
    /* Each side waits for the other's words; the client for the end of the connection, which the server's log tells. */
    char *said = shell("f=$(mktemp); ( until grep -q welcome $f; do sleep 0.02; done; echo Hey; until grep -q 'Hey!' $f; do "
                       "sleep 0.02; done; echo end; while ss -Htn state established sport = :60001 | grep -q .; do sleep 0.02; "
                       "done ) | %s >$f; cat $f; rm $f",
                       clients[_i].talk);
    ck_assert_msg(strstr(said, "welcome\n") && strstr(said, "Hey!"), "%s", said);
    ck_assert_ptr_null(strstr(said, "end!"));
    free(said);
    char *events = serve_stop(&server);
    ck_assert_msg(strstr(events, "accepted #1 from 127.0.0.1:"), "%s", events);
    ck_assert_msg(strstr(events, "closed #1"), "%s", events);
    free(events);
}
END_TEST

START_TEST(ready_line_names_what_was_made_of_the_backlog)
{
    static const struct {
        const char *backlog, *says;
    } rows[] = {
        {"2", "listening on 127.0.0.1:60001: backlog 2 asked, 2 effective, holds 3"},
        {"16", "backlog 16 asked, 16 effective, holds 17"},
        {"17", "backlog 17 asked, 16 effective, holds 17, clamped by net.core.somaxconn=16"},
        {"-1", "backlog -1 asked, 16 effective, holds 17, clamped by net.core.somaxconn=16"},
        {"2147483647", "backlog 2147483647 asked, 16 effective, holds 17, clamped by net.core.somaxconn=16"},
        {"0", "backlog 0 asked, 0 effective, holds 1"},
    };
    in_private_namespace();
    set_sysctl("net.core.somaxconn", "16");
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *line;
        struct process server = serve_start(ARGS("--backlog", rows[i].backlog), &line);
        ck_assert_msg(strstr(line, rows[i].says), "%s", line);
        free(line);
        free(serve_stop(&server));
    }
}
END_TEST

START_TEST(port_zero_is_named)
{
    in_private_namespace();
    char *line;
    struct process server = serve_start(ARGS("--port", "0", "--json"), &line);
    json_t *ready = json_loads(line, 0, NULL);
    ck_assert_ptr_nonnull(ready);
    ck_assert_str_eq(report_text(ready, "event"), "listening");
    char *seen = shell("ss -Hltn | awk '{print $4}'"), expected[64];
    snprintf(expected, sizeof expected, "127.0.0.1:%ld", report_number(ready, "port"));
    ck_assert_str_eq(seen, expected);
    free(seen);
    free(line);
    json_decref(ready);
    free(serve_stop(&server));
}
END_TEST

START_TEST(events_are_one_json_object_a_line)
{
    in_private_namespace();
    struct process server = serve_start(ARGS("--json", "--backlog", "1", "--accept-count", "1"), NULL);
    free(shell("%s probe --count 6 --timeout 500ms --quiet", BACKLOGCTL));
    /* One was accepted, perhaps after the last of them had come: then only one waits. */
    await("%s list --quiet --port 60001 --expect 'queue>=1,discarded>=3' 2>/dev/null", BACKLOGCTL);
    char *events = serve_stop(&server), *save = NULL;
    int accepted = 0, queue = 0;
    long dropped = 0;
    for (char *line = strtok_r(events, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        json_t *event = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_msg(event != NULL, "%s", line);
        const char *kind = report_text(event, "event");
        accepted += !strcmp(kind, "accepted");
        queue += !strcmp(kind, "queue");
        if (!strcmp(kind, "dropped"))
            dropped = report_number(event, "discarded");
        json_decref(event);
    }
    ck_assert_int_eq(accepted, 1);
    ck_assert_int_ge(queue, 1);
    ck_assert_int_ge(dropped, 3);
    free(events);
}
END_TEST

START_TEST(signals_end_it_with_a_summary)
{
    static const int signals[] = {SIGINT, SIGTERM};
    in_private_namespace();
    struct process server = serve_start(ARGS("--accept-count", "0"), NULL);
    free(shell("%s probe --count 2 --timeout 0 --quiet", BACKLOGCTL));
    process_signal(&server, signals[_i]);
    struct outcome outcome = process_finish(&server, PATIENCE);
    ck_assert_int_eq(outcome.status, 128 + signals[_i]);
    ck_assert_msg(strstr(outcome.out, "accepted 0"), "%s", outcome.out);
    ck_assert_str_eq(outcome.err, "");
    outcome_free(&outcome);
}
END_TEST

START_TEST(duration_ends_it)
{
    in_private_namespace();
    struct outcome outcome = process_run(ARGS(BACKLOGCTL, "serve", "--duration", "100ms"), NULL);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_int_ge(outcome.took, 100 * NSEC_PER_MSEC);
    outcome_free(&outcome);
    char *span = shell("%s serve --json --duration 100ms | sed -n 's/.*\"elapsed_us\":\\([0-9]*\\).*/\\1/p'", BACKLOGCTL);
    ck_assert_int_ge(atol(span), 100000);
    free(span);
}
END_TEST

START_TEST(quiet_says_nothing)
{
    in_private_namespace();
    struct outcome outcome = process_run(ARGS(BACKLOGCTL, "serve", "--quiet", "--duration", "50ms"), NULL);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_str_eq(outcome.out, "");
    ck_assert_str_eq(outcome.err, "");
    outcome_free(&outcome);
}
END_TEST

START_TEST(accepts_come_after_the_delay)
{
    in_private_namespace();
    struct process server = serve_start(ARGS("--accept-delay", "200ms", "--json"), NULL);
    json_t *report = report_of(ARGS(BACKLOGCTL, "probe", "--json", "--count", "3", "--timeout", PATIENCE_TEXT), NULL, 0);
    for (size_t i = 0; i < 3; i++) {
        const json_t *row = json_array_get(json_object_get(report, "connections"), i);
        ck_assert_str_eq(report_text(row, "verdict"), "connected");
        ck_assert_int_ge(report_number(row, "accepted_us"), (long)(i + 1) * 200000 - 10000);
    }
    json_decref(report);
    free(serve_stop(&server));
}
END_TEST

START_TEST(works_as_an_ordinary_user)
{
    need(forbids_other_users);
    in_private_namespace();
    struct process_setup nobody = {.as_nobody = true};
    struct process server;
    json_t *report = report_at(&server, ARGS("--backlog", "2", "--accept-count", "1"),
                               ARGS(BACKLOGCTL, "probe", "--json", "--timeout", "0", "--expect",
                                    "connected=1,queued=3,timed_out=6,drops=6,queue=3,backlog=2,capacity=3"),
                               &nobody);
    json_decref(report);
    free(serve_stop(&server));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("serve");
    TCase *tcase = tcase_create("process");
    tcase_add_loop_test(tcase, real_clients_talk_to_it, 0, 2);
    tcase_add_test(tcase, ready_line_names_what_was_made_of_the_backlog);
    tcase_add_test(tcase, port_zero_is_named);
    tcase_add_test(tcase, events_are_one_json_object_a_line);
    tcase_add_loop_test(tcase, signals_end_it_with_a_summary, 0, 2);
    tcase_add_test(tcase, duration_ends_it);
    tcase_add_test(tcase, quiet_says_nothing);
    tcase_add_test(tcase, accepts_come_after_the_delay);
    tcase_add_test(tcase, works_as_an_ordinary_user);
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
