/* Nothing leaves this host unasked: addresses of its own that translation sends away, addresses that it only pretends to have, and
   the bounds for targets of others. The witness is a counter of netfilter behind all translation, at the device that leads away. */
#include "suite.h"

#include "report.h"
#include "servers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OURS "10.77.0.1"
#define AWAY "10.77.0.9"

static void set_up(const char *command)
{
    char quiet[700];
    snprintf(quiet, sizeof quiet, "{ %s; } >/dev/null 2>&1", command);
    if (system(quiet))
        skip("cannot: %s", command);
}

/* Port 60002 is carried to an address behind a device, where nobody is. */
static void make_network(void)
{
    in_private_namespace();
    set_up("ip link add away type veth peer name peer && ip addr add " OURS
           "/24 dev away && ip link set away up && ip link set peer up && ip neigh add " AWAY
           " lladdr 02:00:00:00:00:09 dev away");
    set_up("nft add table ip t && nft 'add chain ip t out { type nat hook output priority -100; }' && "
           "nft 'add chain ip t post { type filter hook postrouting priority 300; }' && "
           "nft add rule ip t out tcp dport 60002 dnat to " AWAY
           ":80 && nft add rule ip t post oifname away ip protocol tcp counter");
}

static long packets_sent_away(void)
{
    char *text = shell("nft list chain ip t post | sed -n 's/.*packets \\([0-9]*\\) .*/\\1/p'");
    long count = atol(text);
    free(text);
    return count;
}

static void probe_says(const char *const argv[], const struct process_setup *setup, int status, const char *says)
{
    struct outcome outcome = process_run(argv, setup);
    const char *said = outcome.err ? outcome.err : "";
    ck_assert_msg(strstr(said, says) != NULL, "no '%s' in: %s", says, said);
    ck_assert_int_eq(outcome.status, status);
    outcome_free(&outcome);
}

#define PROBE(...) ((const char *[]){BACKLOGCTL, "probe", __VA_ARGS__, NULL})

static const char *const hosts[] = {"127.0.0.1", OURS};

START_TEST(what_is_translated_away_is_not_sent)
{
    make_network();
    probe_says(PROBE("--host", hosts[_i], "--port", "60002", "--count", "3", "--timeout", "0"), NULL, 3,
               "is translated to " AWAY ":80, which is not an address of this host: give --allow-remote");
    probe_says(PROBE("--host", hosts[_i], "--port", "60002", "--count", "9", "--threads", "3", "--timeout", "0"), NULL, 3,
               "is translated to " AWAY ":80");
    ck_assert_int_eq(packets_sent_away(), 0);
}
END_TEST

/* A rule may spare the first connection: what netfilter did with that says nothing of the next ones. */
START_TEST(a_rule_that_spares_the_first_carries_none_away)
{
    make_network();
    set_sysctl("net.ipv4.conf.all.route_localnet", "1");
    set_up("nft add chain ip t raw '{ type filter hook output priority -300; }' && "
           "nft add rule ip t raw ip saddr 127.0.0.1 tcp dport 60003 notrack && "
           "nft add rule ip t raw tcp sport 60003 ip daddr 127.0.0.1 notrack && "
           "nft add rule ip t out tcp dport 60003 dnat to " AWAY ":80");
    struct process server =
        serve_start((const char *[]){"--port", "60003", "--backlog", "100", "--accept-count", "0", NULL}, NULL);
    json_t *report =
        report_of(PROBE("--json", "--port", "60003", "--source", "127.0.0.1,127.0.0.2", "--count", "40", "--timeout", "0"), NULL,
                  0);
    ck_assert_int_eq(report_count(report, "queued"), 20);
    ck_assert_int_eq(report_count(report, "timed_out"), 20);
    json_decref(report);
    free(serve_stop(&server));
    ck_assert_int_eq(packets_sent_away(), 0);
}
END_TEST

/* With the word for it they go: so the counter of the other tests can count. */
START_TEST(what_is_allowed_is_sent)
{
    make_network();
    probe_says(PROBE("--host", OURS, "--port", "60002", "--count", "3", "--timeout", "0", "--allow-remote"), NULL, 0, "");
    ck_assert_int_ge(packets_sent_away(), 3);
}
END_TEST

/* An ordinary user may not ask netfilter. One SYN with a time to live of one hop is what it takes to learn that nothing answers. */
START_TEST(who_cannot_know_is_asked)
{
    need(forbids_other_users);
    make_network();
    const struct process_setup nobody = {.as_nobody = true};
    probe_says(PROBE("--host", hosts[_i], "--port", "60002", "--count", "3", "--timeout", "0"), &nobody, 3,
               "is seen with CAP_NET_ADMIN only: give --allow-remote");
    ck_assert_int_le(packets_sent_away(), _i);
}
END_TEST

/* What a listener here drops is no sign of translation. */
START_TEST(a_full_queue_is_told_all_the_same)
{
    make_network();
    const struct process_setup nobody = {.as_nobody = !forbids_other_users()};
    struct process server =
        serve_start((const char *[]){"--host", "0.0.0.0", "--backlog", "0", "--accept-count", "0", NULL}, NULL);
    json_t *report = report_of(PROBE("--json", "--host", hosts[_i], "--count", "2", "--timeout", "0"), &nobody, 0);
    ck_assert_int_eq(report_count(report, "timed_out"), 1);
    json_decref(report);
    report = report_of(PROBE("--json", "--host", hosts[_i], "--count", "2", "--timeout", "0"), &nobody, 0);
    ck_assert_int_eq(report_count(report, "timed_out"), 2);
    json_decref(report);
    free(serve_stop(&server));
    ck_assert_int_eq(packets_sent_away(), 0);
}
END_TEST

START_TEST(a_server_at_a_strange_address_is_not_aimed_at)
{
    make_network();
    set_sysctl("net.ipv4.ip_nonlocal_bind", "1");
    probe_says((const char *[]){BACKLOGCTL, "run", "--host-net", "--host", AWAY, "--count", "3", "--timeout", "0", NULL}, NULL, 3,
               AWAY " is not an address of this host: packets to it would leave, and none was sent");
    ck_assert_int_eq(packets_sent_away(), 0);
}
END_TEST

START_TEST(who_owns_the_target_has_no_bounds)
{
    make_network();
    probe_says(PROBE("--host", AWAY, "--count", "1001", "--timeout", "0", "--i-own-this-target", "10.77.0.8"), NULL, 2,
               "--i-own-this-target '10.77.0.8': --host '" AWAY "' leads to " AWAY);
    ck_assert_int_eq(packets_sent_away(), 0);
    probe_says(PROBE("--quiet", "--host", AWAY, "--count", "1001", "--timeout", "0", "--i-own-this-target", AWAY), NULL, 0, "");
    ck_assert_int_ge(packets_sent_away(), 1001);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("confined");
    TCase *plain = tcase_create("plain");
    tcase_add_loop_test(plain, what_is_translated_away_is_not_sent, 0, COUNT(hosts));
    tcase_add_loop_test(plain, who_cannot_know_is_asked, 0, COUNT(hosts));
    tcase_add_loop_test(plain, a_full_queue_is_told_all_the_same, 0, COUNT(hosts));
    tcase_add_test(plain, what_is_allowed_is_sent);
    tcase_add_test(plain, a_rule_that_spares_the_first_carries_none_away);
    tcase_add_test(plain, a_server_at_a_strange_address_is_not_aimed_at);
    tcase_add_test(plain, who_owns_the_target_has_no_bounds);
    suite_add_tcase(suite, plain);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
