/* backlogctl serve --full: whoever connects meets silence, whatever program it is. */
#include "suite.h"

#include "report.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ARGS(...) ((const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

/* Shell commands, $0 is the host. Each program ends with a status of its own for a timeout. */
static const struct {
    const char *program, *connects;
    int status;
} clients[] = {
    {"nc", "timeout 3 nc -z $0 60001", 124},
    {"curl", "curl -s --connect-timeout 1 http://$0:60001/", 28},
    {"python3",
     "python3 -c 'import socket,sys\n"
     "try: socket.create_connection((sys.argv[1].strip(\"[]\"),60001),timeout=1)\n"
     "except TimeoutError: sys.exit(77)' $0",
     77},
};

/* Ten of them, at the same time. */
static void all_time_out(size_t which, const char *host)
{
    const char *command = clients[which].connects;
    if (!program_exists(clients[which].program))
        skip("%s is not installed", clients[which].program);
    struct process running[10];
    for (size_t i = 0; i < COUNT(running); i++)
        running[i] = process_start(ARGS("sh", "-c", command, host), NULL);
    for (size_t i = 0; i < COUNT(running); i++) {
        struct outcome outcome = process_finish(&running[i], PATIENCE);
        ck_assert_msg(outcome.status == clients[which].status, "%s: status %d, %s%s", command, outcome.status, outcome.out,
                      outcome.err);
        outcome_free(&outcome);
    }
}

static void assert_figures(const char *expected)
{
    char *seen = shell("ss -Hltn sport = :60001 | awk '{print $2, $3}' | uniq");
    ck_assert_str_eq(seen, expected);
    free(seen);
}

START_TEST(clients_time_out)
{
    static const char *const bound[] = {"127.0.0.1", "::1", "::"}, *const hosts[] = {"127.0.0.1", "[::1]", "127.0.0.1"};
    in_private_namespace();
    size_t place = (size_t)_i / COUNT(clients), which = (size_t)_i % COUNT(clients);
    struct process server = serve_start(ARGS("--full", "--host", bound[place]), NULL);
    assert_figures("129 128");
    all_time_out(which, which ? hosts[place] : place == 1 ? "::1" : "127.0.0.1");
    assert_figures("129 128");
    char *events = serve_stop(&server);
    ck_assert_msg(strstr(events, "accepted 0,"), "%s", events);
    free(events);
}
END_TEST

/* A full accept queue is looked at before anything that these decide. */
START_TEST(sysctls_do_not_matter)
{
    static const struct {
        const char *key, *value, *says;
    } rows[] = {
        {"net.ipv4.tcp_syncookies", "0", ""},
        {"net.ipv4.tcp_syncookies", "2", ""},
        {"net.ipv4.tcp_abort_on_overflow", "1", "net.ipv4.tcp_abort_on_overflow is 1: "},
    };
    in_private_namespace();
    set_sysctl(rows[_i].key, rows[_i].value);
    struct process server = serve_start(ARGS("--full", "--backlog", "2"), NULL);
    all_time_out(2, "127.0.0.1");
    process_signal(&server, SIGTERM);
    struct outcome outcome = process_finish(&server, PATIENCE);
    ck_assert_int_eq(outcome.status, 128 + SIGTERM);
    ck_assert_msg(*rows[_i].says ? strstr(outcome.err, rows[_i].says) != NULL : !*outcome.err, "%s", outcome.err);
    outcome_free(&outcome);
}
END_TEST

START_TEST(any_backlog_is_full_when_it_is_ready)
{
    static const struct {
        const char *backlog, *option, *figures;
    } rows[] = {{"0", "-4", "1 0"}, {"5", "--mptcp", "6 5"}, {"-1", "-4", "4097 4096"}};
    in_private_namespace();
    if (!strcmp(rows[_i].option, "--mptcp") && access("/proc/sys/net/mptcp/enabled", F_OK))
        skip("this kernel has no MPTCP");
    char *line;
    struct process server = serve_start(ARGS("--full", "--json", "--backlog", rows[_i].backlog, rows[_i].option), &line);
    json_t *ready = json_loads(line, 0, NULL);
    ck_assert_msg(ready && json_is_true(json_object_get(ready, "full")), "%s", line);
    assert_figures(rows[_i].figures);
    char *events = serve_stop(&server);
    ck_assert_ptr_null(strstr(events, "\"event\":\"listening\""));
    free(events);
    free(line);
    json_decref(ready);
}
END_TEST

/* connect() of a fresh socket; 0 or errno. */
static int connect_to(const char *path, int type, const struct timeval *patience)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    memcpy(address.sun_path, path, strlen(path));
    if (*path == '@')
        *address.sun_path = '\0';
    SCOPED_FD fd = socket(AF_UNIX, type, 0);
    ck_assert_int_ge(fd, 0);
    if (patience)
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, patience, sizeof *patience), 0);
    return connect(fd, (struct sockaddr *)&address, size) ? errno : 0;
}

START_TEST(without_a_handshake_it_blocks_or_says_eagain)
{
    static const char *const paths[] = {"full.sock", "@full"};
    static const struct timeval patience = {.tv_usec = 200000};
    char folder[] = "/tmp/backlogctl-full-XXXXXX";
    in_private_namespace();
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    const char *path = paths[_i / 2];
    int type = _i % 2 ? SOCK_SEQPACKET : SOCK_STREAM;
    struct process server =
        serve_start(_i % 2 ? ARGS("--full", "--unix", path, "--seqpacket") : ARGS("--full", "--unix", path), NULL);
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(connect_to(path, type | SOCK_NONBLOCK, NULL), EAGAIN);
    nsec began = clock_now();
    ck_assert_int_eq(connect_to(path, type, &patience), EAGAIN);
    ck_assert_int_ge(clock_now() - began, 200 * NSEC_PER_MSEC);
    char *seen = shell("ss -Hlx | awk '$5 ~ /full/ {print $3, $4}'");
    ck_assert_str_eq(seen, "129 128");
    free(seen);
    free(serve_stop(&server));
    ck_assert_int_eq(rmdir(folder), 0); /* no file is left */
}
END_TEST

START_TEST(with_an_accept_count_it_serves_these_first)
{
    in_private_namespace();
    char *line;
    struct process server = serve_start(ARGS("--full", "--json", "--backlog", "3", "--accept-count", "2"), &line);
    ck_assert_ptr_nonnull(strstr(line, "\"full\":false"));
    free(line);
    assert_figures("0 3");
    json_t *report =
        report_of(ARGS(BACKLOGCTL, "probe", "--json", "--count", "2", "--send", "Hey", "--expect", "connected=2"), NULL, 0);
    json_decref(report);
    for (bool full = false; !full; free(line)) {
        line = process_line(&server, PATIENCE);
        ck_assert_ptr_nonnull(line);
        full = strstr(line, "\"event\":\"full\"") != NULL;
    }
    assert_figures("4 3");
    all_time_out(2, "127.0.0.1");
    char *events = serve_stop(&server);
    ck_assert_ptr_null(strstr(events, "\"event\":\"full\"")); /* told once */
    free(events);
}
END_TEST

START_TEST(a_longer_queue_is_filled_too)
{
    in_private_namespace();
    struct process server = serve_start(ARGS("--full", "--backlog", "3"), NULL);
    free(shell("%s resize --quiet --port 60001 --backlog 7", BACKLOGCTL));
    await("ss -Hltn sport = :60001 | grep -q 'LISTEN 8 *7 '");
    all_time_out(2, "127.0.0.1");
    free(serve_stop(&server));
}
END_TEST

/* A promise that cannot be kept is not made, or ends with the reason. */
START_TEST(a_queue_that_cannot_be_filled_ends_it)
{
    static const char *const drop = "nft 'add table inet t; add chain inet t c { type filter hook input priority 0; }; "
                                    "add rule inet t c tcp dport 60001 drop'";
    need_program("nft");
    in_private_namespace();
    struct outcome outcome;
    if (_i) {
        struct process server = serve_start(ARGS("--full", "--backlog", "2"), NULL);
        free(shell("%s && %s resize --quiet --port 60001 --backlog 7", drop, BACKLOGCTL));
        outcome = process_finish(&server, PATIENCE);
    } else {
        free(shell("%s", drop));
        outcome = process_run(ARGS(BACKLOGCTL, "serve", "--full", "--backlog", "2"), NULL);
        ck_assert_str_eq(outcome.out, "");
    }
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_msg(strstr(outcome.err, "cannot fill the queue, client "), "%s", outcome.err);
    outcome_free(&outcome);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("serve --full");
    TCase *tcase = tcase_create("process");
    tcase_add_loop_test(tcase, clients_time_out, 0, 3 * (int)COUNT(clients));
    tcase_add_loop_test(tcase, sysctls_do_not_matter, 0, 3);
    tcase_add_loop_test(tcase, any_backlog_is_full_when_it_is_ready, 0, 3);
    tcase_add_loop_test(tcase, without_a_handshake_it_blocks_or_says_eagain, 0, 4);
    tcase_add_test(tcase, with_an_accept_count_it_serves_these_first);
    tcase_add_test(tcase, a_longer_queue_is_filled_too);
    tcase_add_loop_test(tcase, a_queue_that_cannot_be_filled_ends_it, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
