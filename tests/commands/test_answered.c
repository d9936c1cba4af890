/* Who answered, and who did not: firewalls, translation, devices and other people's traffic beside the listener that was called. */
#include "suite.h"

#include "report.h"
#include "servers.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBE(...) ((const char *[]){BACKLOGCTL, "probe", "--json", __VA_ARGS__, NULL})

/* One command of nft(8) or ip(8), in the namespace of the test. */
static void set_up(const char *command)
{
    char quiet[512];
    snprintf(quiet, sizeof quiet, "{ %s; } >/dev/null 2>&1", command);
    if (system(quiet))
        skip("cannot: %s", command);
}

static void end(struct process *process)
{
    process_signal(process, SIGKILL);
    struct outcome outcome = process_finish(process, PATIENCE);
    outcome_free(&outcome);
}

static void check_rows(const json_t *report, size_t from, const char *verdict, const char *reason)
{
    const json_t *rows = json_object_get(report, "connections");
    for (size_t i = from; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i), *why = json_object_get(row, "reason");
        ck_assert_str_eq(report_text(row, "verdict"), verdict);
        ck_assert_msg(reason ? json_is_string(why) && !strcmp(json_string_value(why), reason) : json_is_null(why), "row %zu: %s",
                      i, json_is_string(why) ? json_string_value(why) : "no reason");
    }
}

static void check_words(const json_t *report, const char *has, const char *lacks)
{
    const char *words = report_text(report, "explanation");
    ck_assert_msg(strstr(words, has) != NULL, "no '%s' in: %s", has, words);
    ck_assert_msg(!lacks || !strstr(words, lacks), "'%s' in: %s", lacks, words);
}

static struct process server_with(const char *backlog)
{
    return serve_start((const char *[]){"--backlog", backlog, "--accept-count", "0", NULL}, NULL);
}

/* The address that is called has a healthy listener, or none: the one that redirected connections come to is full. */
START_TEST(redirected_to_a_full_listener)
{
    in_private_namespace();
    set_up("nft add table ip t && nft 'add chain ip t out { type nat hook output priority -100; }' && nft add rule ip t out tcp "
           "dport 60002 redirect to :60001");
    struct process server = server_with("1"), decoy = {0};
    if (_i)
        decoy = serve_start((const char *[]){"--port", "60002", "--backlog", "99", NULL}, NULL);
    json_t *report = report_of(PROBE("--port", "60002", "--count", "4", "--timeout", "0"), NULL, 0);
    ck_assert_int_eq(report_count(report, "queued"), 2);
    check_rows(report, 2, "timed_out", "translated");
    const json_t *target = json_array_get(json_object_get(report, "targets"), 0);
    ck_assert_int_eq(report_number(target, "elsewhere.port"), 60001);
    ck_assert_int_eq(report_number(target, "elsewhere.listener.queue"), 2);
    check_words(report, "carries them to 127.0.0.1:60001: the listener of backlogctl", "firewall");
    json_decref(report);
    free(serve_stop(&server));
    if (_i)
        free(serve_stop(&decoy));
}
END_TEST

/* A firewall drops our SYNs, while others overflow another listener of the namespace. */
START_TEST(a_firewall_beside_somebody_elses_full_queue)
{
    in_private_namespace();
    set_up(
        "nft add table ip t && nft 'add chain ip t in { type filter hook input priority 0; }' && nft add rule ip t in ip saddr "
        "127.0.0.9 drop");
    struct process healthy = serve_start((const char *[]){"--backlog", "99", NULL}, NULL);
    struct process full = serve_start((const char *[]){"--port", "60002", "--backlog", "0", "--accept-count", "0", NULL}, NULL);
    struct process others = process_start((const char *[]){BACKLOGCTL, "probe", "--port", "60002", "--count", "40", "--timeout",
                                                           PATIENCE_TEXT, "--json", NULL},
                                          NULL);
    json_t *seen = NULL;
    do { /* until the others overflow it while we look */
        json_decref(seen);
        seen = report_of(PROBE("--source", "127.0.0.9", "--count", "2", "--timeout", "1500ms"), NULL, 0);
    } while (!report_number(seen, "counters.ListenOverflows"));
    check_rows(seen, 0, "timed_out", "no_answer");
    check_words(seen, "although the listener dropped nothing", "queue was full");
    json_decref(seen);
    end(&others);
    free(serve_stop(&healthy));
    free(serve_stop(&full));
}
END_TEST

/* A full queue and a firewall at the same listener: the SYNs that the firewall dropped are not the queue's. */
START_TEST(a_firewall_beside_our_full_queue)
{
    in_private_namespace();
    set_up(
        "nft add table ip t && nft 'add chain ip t in { type filter hook input priority 0; }' && nft add rule ip t in ip saddr "
        "127.0.0.9 drop");
    struct process server = server_with("1");
    json_t *filled = report_of(PROBE("--count", "3", "--timeout", "0"), NULL, 0);
    check_rows(filled, 2, "timed_out", "queue_full");
    json_t *report = report_of(PROBE("--source", "127.0.0.9", "--count", "4", "--timeout", "0"), NULL, 0);
    check_rows(report, 0, "timed_out", "no_answer");
    json_decref(report);
    json_decref(filled);
    free(serve_stop(&server));
}
END_TEST

START_TEST(answers_that_do_not_come_through)
{
    in_private_namespace();
    set_up("nft add table ip t && nft 'add chain ip t out { type filter hook output priority 0; }' && nft add rule ip t out ip "
           "daddr "
           "127.0.0.9 tcp sport 60001 drop");
    struct process server = server_with("5");
    json_t *report = report_of(PROBE("--source", "127.0.0.9", "--count", "2", "--timeout", "0"), NULL, 0);
    check_rows(report, 0, "timed_out", "answer_lost");
    check_words(report, "SYN_RECV", "queue was full");
    json_decref(report);
    free(serve_stop(&server));
}
END_TEST

START_TEST(no_route_back_to_the_client)
{
    in_private_namespace();
    set_up("ip addr add 10.9.9.9/32 dev lo && ip rule add pref 10 lookup local && ip rule add pref 5 from 127.0.0.1 to 10.9.9.9 "
           "blackhole && ip rule del pref 0");
    struct process server = server_with("5");
    json_t *report = report_of(PROBE("--source", "10.9.9.9", "--count", "2", "--timeout", "0"), NULL, 0);
    check_rows(report, 0, "timed_out", "no_route_back");
    check_words(report, "no route back to 10.9.9.9", "syncookies");
    json_decref(report);
    free(serve_stop(&server));
}
END_TEST

START_TEST(the_last_ack_is_lost)
{
    in_private_namespace();
    set_up(
        "nft add table ip t && nft 'add chain ip t in { type filter hook input priority 0; }' && nft add rule ip t in tcp dport "
        "60001 'tcp flags & (syn|ack) == ack' drop");
    struct process server = server_with("5");
    json_t *report = report_of(PROBE("--count", "2", "--timeout", "0"), NULL, 0);
    check_rows(report, 0, "half_open", NULL);
    check_words(report, "lost on the way to the server", "queue was full");
    check_words(report, "half-open", "DEFER");
    json_decref(report);
    free(serve_stop(&server));
}
END_TEST

/* The address of a device is reached by lo, and yet it is the device's listener that answers. */
START_TEST(a_listener_bound_to_a_device)
{
    struct process server;
    in_private_namespace();
    set_up("ip link add va type veth peer name vb && ip addr add 10.9.1.1/24 dev va && ip link set va up && ip link set vb up");
    await("ip -o link show va | grep -q 'state UP'"); /* until then what is sent there is dropped */
    if (!python_begin(LISTENING "tcp('',b=9,device='va');tcp('',b=2,device='lo')" AND_WAIT, &server))
        return;
    static const struct {
        const char *host, *device;
        int backlog;
    } ends[] = {{"10.9.1.1", "va", 9}, {"127.0.0.1", "lo", 2}};
    for (size_t i = 0; i < COUNT(ends); i++) {
        json_t *report = report_of(PROBE("--host", ends[i].host, "--count", "2", "--timeout", "0"), NULL, 0);
        ck_assert_int_eq(report_count(report, "queued"), 2);
        ck_assert_str_eq(report_text(report, "listener.device"), ends[i].device);
        ck_assert_int_eq(report_number(report, "listener.backlog"), ends[i].backlog);
        json_decref(report);
    }
    python_end(&server);
}
END_TEST

/* Refused where nobody listens: by whom the port is used elsewhere. An AF_UNIX socket and another port are none of that, and the two
   members of a group are one place. */
START_TEST(who_listens_at_the_port_elsewhere)
{
    static const struct {
        const char *program, *host, *says, *lacks, *address, *device;
    } rows[] = {
        {"local('\\0x60001');tcp('127.0.0.1',p=60002)", "127.0.0.1", "nobody listens on 127.0.0.1:60001. To go on: start", "but",
         NULL, NULL},
        {"tcp('',device='va')", "127.0.0.1", "on 127.0.0.1:60001, but 0.0.0.0%va:60001 does (", "more", "0.0.0.0", "va"},
        {"tcp('127.0.0.2',share=1);tcp('127.0.0.2',share=1)", "127.0.0.1", "but 127.0.0.2:60001 does (", "more", "127.0.0.2",
         NULL},
        {"tcp('127.0.0.2');tcp('::1')", "127.0.0.1", ", and 1 more with this port", "--wait", "127.0.0.2", NULL},
        {"tcp('')", "::1", "on [::1]:60001, but 0.0.0.0:60001 does (", "more", "0.0.0.0", NULL},
    };
    in_private_namespace();
    set_up("ip link add va type veth peer name vb && ip addr add 10.9.1.1/24 dev va && ip link set va up && ip link set vb up");
    await("ip -o link show va | grep -q 'state UP'"); /* until then what is sent there is dropped */
    for (size_t i = 0; i < COUNT(rows); i++) {
        char program[2048];
        struct process server;
        snprintf(program, sizeof program, LISTENING "%s" AND_WAIT, rows[i].program);
        if (!python_begin(program, &server))
            return;
        json_t *report = report_of(PROBE("--host", rows[i].host, "--count", "2"), NULL, 0);
        ck_assert_int_eq(report_count(report, "refused"), 2);
        check_words(report, rows[i].says, rows[i].lacks);
        const json_t *other = json_object_get(json_array_get(json_object_get(report, "targets"), 0), "other_listener");
        if (rows[i].address)
            ck_assert_str_eq(report_text(other, "address"), rows[i].address);
        else
            ck_assert(json_is_null(other));
        if (rows[i].device)
            ck_assert_str_eq(report_text(other, "device"), rows[i].device);
        json_decref(report);
        python_end(&server);
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("answered");
    TCase *tcase = tcase_create("real");
    tcase_add_loop_test(tcase, redirected_to_a_full_listener, 0, 2);
    tcase_add_test(tcase, a_firewall_beside_somebody_elses_full_queue);
    tcase_add_test(tcase, a_firewall_beside_our_full_queue);
    tcase_add_test(tcase, answers_that_do_not_come_through);
    tcase_add_test(tcase, no_route_back_to_the_client);
    tcase_add_test(tcase, the_last_ack_is_lost);
    tcase_add_test(tcase, a_listener_bound_to_a_device);
    tcase_add_test(tcase, who_listens_at_the_port_elsewhere);
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
