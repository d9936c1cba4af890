/* Each of the ten verdicts, produced for real in a private namespace. */
#include "suite.h"

#include "report.h"
#include "servers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROBE(...) ((const char *[]){BACKLOGCTL, "probe", "--json", __VA_ARGS__, NULL})
#define RUN(...) ((const char *[]){BACKLOGCTL, "run", "--json", __VA_ARGS__, NULL})

static json_t *row(const json_t *report, size_t index)
{
    json_t *found = json_array_get(json_object_get(report, "connections"), index);
    ck_assert_ptr_nonnull(found);
    return found;
}

static void check_row(const json_t *report, size_t index, const char *verdict, const char *evidence, const char *reason)
{
    const json_t *r = row(report, index);
    ck_assert_str_eq(report_text(r, "verdict"), verdict);
    ck_assert_str_eq(report_text(r, "evidence"), evidence);
    if (reason)
        ck_assert_str_eq(report_text(r, "reason"), reason);
    else
        ck_assert(json_is_null(json_object_get(r, "reason")));
}

/* ---- The main job: connected, queued, timed_out ---- */

START_TEST(main_job)
{
    struct process_setup setup = {.as_nobody = _i == 1};
    if (_i == 1) {
        need(forbids_other_users);
        need(forbids_user_namespaces);
    }
    json_t *report = report_of(RUN("--backlog", "2", "--accept-count", "1", "--count", "10", "--expect",
                                   "connected=1,queued=3,timed_out=6", "--timeout", _i == 2 ? "0" : "2s"),
                               &setup, 0);
    check_row(report, 0, "connected", "peer_socket", NULL);
    for (size_t i = 1; i < 4; i++)
        check_row(report, i, "queued", "peer_socket", NULL);
    long syns = 0; /* a machine that stood still for a second sends more of them */
    for (size_t i = 4; i < 10; i++) {
        check_row(report, i, "timed_out", "deadline", "queue_full");
        ck_assert_int_ge(report_number(row(report, i), "syn_retransmits"), _i == 2 ? 0 : 1);
        syns += 1 + report_number(row(report, i), "syn_retransmits");
    }
    /* lo's input queue is shared by the whole machine: a neighbour's flood may drop a SYN before the listener does. */
    ck_assert_int_eq(report_number(report, "counters.overflows.min") + report_number(report, "counters.LoopbackDropped"), syns);
    json_decref(report);
}
END_TEST

START_TEST(main_job_in_two_processes)
{
    in_private_namespace();
    struct process server;
    json_t *report =
        report_at(&server, (const char *[]){"--backlog", "2", "--accept-count", "1", NULL},
                  PROBE("--count", "10", "--expect", "connected=1,queued=3,timed_out=6", "--timeout", _i ? "0" : "2s"), NULL);
    check_row(report, 0, "connected", "peer_socket", NULL);
    for (size_t i = 1; i < 10; i++) { /* which ones are queued: that depends on when the first was accepted */
        bool queued = !strcmp(report_text(row(report, i), "verdict"), "queued");
        check_row(report, i, queued ? "queued" : "timed_out", queued ? "peer_socket" : "deadline", queued ? NULL : "queue_full");
    }
    json_decref(report);
    free(serve_stop(&server));
}
END_TEST

static const char *const listens[] = {"127.0.0.1", "::", "::ffff:127.0.0.1"};

/* However the target is written, whatever family of socket listens there, and whether its clients are looked up one by one or
   in a dump: the same verdicts. */
START_TEST(mapped_addresses_change_nothing)
{
    static const char *const targets[] = {"127.0.0.1", "::ffff:127.0.0.1"};
    static const char *const counts[] = {"3", "1500"};
    char program[256];
    in_private_namespace();
    snprintf(program, sizeof program,
             "import socket as S,time;s=S.socket(S.AF_INET6 if ':' in '%s' else S.AF_INET);s.setsockopt(S.SOL_SOCKET,"
             "S.SO_REUSEADDR,1);s.bind(('%s',60001));s.listen(2000);print(1,flush=True);time.sleep(7200)",
             listens[_i], listens[_i]);
    for (size_t t = 0; t < COUNT(targets); t++)
        for (size_t c = 0; c < COUNT(counts); c++) {
            struct process server;
            if (!python_begin(program, &server))
                return;
            json_t *report = report_of(PROBE("--host", targets[t], "--count", counts[c], "--timeout", "0"), NULL, 0);
            ck_assert_int_eq(report_count(report, "queued"), atoi(counts[c]));
            ck_assert_str_eq(report_text(report, "target.address"), "127.0.0.1");
            json_decref(report);
            python_end(&server);
        }
}
END_TEST

START_TEST(an_ipv4_server_in_the_form_of_ipv6)
{
    json_t *report = report_of(RUN("--host", "::ffff:127.0.0.1", "--backlog", "2", "--accept-count", "0", "--count", "4",
                                   "--timeout", "0", "--expect", "queued=3"),
                               NULL, 0);
    ck_assert_str_eq(report_text(report, "target.address"), "127.0.0.1");
    json_decref(report);
}
END_TEST

START_TEST(reply_is_evidence)
{
    json_t *report = report_of(RUN("--count", "2", "--send", "Hey", "--timeout", PATIENCE_TEXT), NULL, 0);
    ck_assert_int_eq(report_count(report, "connected"), 2);
    json_decref(report);
}
END_TEST

/* ---- refused, reset, unreachable, local_error ---- */

START_TEST(refused_never_connects_to_itself)
{
    in_private_namespace();
    /* The target's port is one of four ephemeral ports, and nobody listens. */
    set_sysctl("net.ipv4.ip_local_port_range", "60000 60003");
    json_t *report = report_of(PROBE("--count", "3", "--port", "60001", "--host", _i ? "::1" : "127.0.0.1"), NULL, 0);
    ck_assert_int_eq(report_count(report, "refused"), 3);
    check_row(report, 0, "refused", "socket_error", NULL);
    json_decref(report);
}
END_TEST

START_TEST(reset_when_the_listener_goes)
{
    json_t *report = report_of(RUN("--accept-count", "0", "--backlog", "2", "--count", "5", "--duration", "2500ms", "--timeout",
                                   PATIENCE_TEXT),
                               NULL, 0);
    ck_assert_int_eq(report_count(report, "reset"), 3);
    check_row(report, 0, "reset", "socket_error", NULL);
    /* A SYN dropped while the queue was full meets a closed port at its retry. */
    ck_assert_int_eq(report_count(report, "refused"), 2);
    json_decref(report);
}
END_TEST

START_TEST(unreachable_without_a_route)
{
    in_private_namespace();
    json_t *report = report_of(PROBE("--host", "10.99.0.7", "--allow-remote", "--count", "2"), NULL, 0);
    ck_assert_int_eq(report_count(report, "unreachable"), 2);
    check_row(report, 0, "unreachable", "socket_error", NULL);
    json_decref(report);
}
END_TEST

START_TEST(local_error_is_never_the_servers)
{
    /* Four ports, two of them reserved for others: of the three connections that a source should carry, two find one. */
    json_t *report =
        report_of(RUN("--sysctl", "net.ipv4.ip_local_port_range=61000 61003", "--sysctl",
                      "net.ipv4.ip_local_reserved_ports=61000-61001", "--accept-count", "0", "--count", "9", "--timeout", "0"),
                  NULL, 0);
    ck_assert_int_eq(report_count(report, "queued"), 6);
    ck_assert_int_eq(report_count(report, "local_error"), 3);
    check_row(report, 8, "local_error", "socket_error", "ports");
    ck_assert_int_eq(report_count(report, "refused"), 0);
    json_decref(report);
}
END_TEST

/* ---- half_open, lost ---- */

static int listen_on_60001(int backlog)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(60001)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    return fd;
}

START_TEST(half_open_while_the_server_waits_for_the_ack)
{
    in_private_namespace();
    int fd = listen_on_60001(64), seconds = 30;
    ck_assert_int_eq(setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds), 0);
    json_t *report = report_of(PROBE("--count", "4", "--timeout", _i ? "600ms" : "0"), NULL, 0);
    ck_assert_int_eq(report_count(report, "half_open"), 4);
    check_row(report, 0, "half_open", "peer_socket", NULL);
    json_decref(report);
    char *seen = shell("ss -Htan state syn-recv sport = :60001 | wc -l");
    free(seen);
    close(fd);
}
END_TEST

/* Sleeps 500 ms from the first arrival, then accepts as fast as it can. */
static pid_t sleepy_server(int listener, atomic_long **accepted)
{
    *accepted = mmap(NULL, sizeof **accepted, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(*accepted != MAP_FAILED);
    pid_t pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct pollfd ready = {.fd = listener, .events = POLLIN};
    poll(&ready, 1, -1);
    usleep(500000);
    for (;;)
        if (accept(listener, NULL, NULL) >= 0)
            atomic_fetch_add(*accepted, 1);
}

static void end_server(pid_t server)
{
    kill(server, SIGKILL);
    ck_assert_int_eq(waitpid(server, NULL, 0), server);
}

START_TEST(lost_connections_are_named)
{
    in_private_namespace();
    int fd = listen_on_60001(4);
    atomic_long *accepted;
    pid_t server = 0;
    json_t *report = NULL;
    long lost = 0, connected = 0;
    /* On a busy machine a whole burst can come so slowly that each SYN finds the queue full already. */
    for (nsec end = clock_now() + PATIENCE; !lost && clock_now() < end;) {
        if (server)
            end_server(server);
        json_decref(report);
        server = sleepy_server(fd, &accepted);
        report = report_of(PROBE("--count", "40", "--timeout", "4s"), NULL, 0);
        lost = report_count(report, "lost");
        connected = report_count(report, "connected");
    }
    ck_assert_msg(lost > 0, "connected %ld: %s", connected, report_text(report, "explanation"));
    ck_assert_int_eq(report_count(report, "queued"), 0);
    ck_assert_int_eq(report_number(report, "listener.queue"), 0);
    ck_assert_int_ge(report_number(report, "counters.SyncookiesSent"), lost);
    size_t index;
    json_t *r;
    json_array_foreach(json_object_get(report, "connections"), index, r) if (!strcmp(report_text(r, "verdict"), "lost"))
        ck_assert(json_is_integer(json_object_get(r, "established_us")));
    json_decref(report);
    /* The oracle: the server's own count of what accept() returned. */
    ck_assert_int_eq(atomic_load(accepted), connected);
    end_server(server);
    close(fd);
}
END_TEST

START_TEST(nothing_is_lost_without_syn_cookies)
{
    in_private_namespace();
    set_sysctl("net.ipv4.tcp_syncookies", "0");
    int fd = listen_on_60001(4);
    atomic_long *accepted;
    pid_t server = sleepy_server(fd, &accepted);
    json_t *report = report_of(PROBE("--count", "40", "--timeout", "4s"), NULL, 0);
    ck_assert_int_eq(report_count(report, "lost"), 0);
    ck_assert_int_ge(report_count(report, "connected"), 5);
    json_decref(report);
    end_server(server);
    close(fd);
}
END_TEST

/* ---- established: the server's side cannot be seen ---- */

/* Another namespace with the address 10.9.0.2, joined by a veth pair; lives as long as the returned process. */
static struct process other_host(void)
{
    struct process other = process_start((const char *[]){"unshare", "-n", "sleep", "infinity", NULL}, NULL);
    await("[ \"$(readlink /proc/%d/ns/net)\" != \"$(readlink /proc/self/ns/net)\" ]", other.pid);
    free(shell("ip link add va type veth peer name vb netns %d && ip addr add 10.9.0.1/24 dev va && ip link set va up && "
               "nsenter -t %d -n sh -c 'ip addr add 10.9.0.2/24 dev vb && ip link set vb up && ip link set lo up'",
               other.pid, other.pid));
    /* Until the kernel has seen to both ends, what is sent is dropped. */
    await("ip -o link show va | grep -q 'state UP' && nsenter -t %d -n ip -o link show vb | grep -q 'state UP'", other.pid);
    return other;
}

static void end(struct process *process)
{
    process_signal(process, SIGKILL);
    struct outcome outcome = process_finish(process, PATIENCE);
    outcome_free(&outcome);
}

static struct process serve_there(const struct process *other, const char *host, const char *accept_count)
{
    char pid[16];
    snprintf(pid, sizeof pid, "%d", other->pid);
    struct process server = process_start((const char *[]){"nsenter", "-t", pid, "-n", BACKLOGCTL, "serve", "--host", host,
                                                           "--backlog", "2", "--accept-count", accept_count, NULL},
                                          NULL);
    char *line = process_line(&server, PATIENCE);
    ck_assert_ptr_nonnull(line);
    free(line);
    return server;
}

START_TEST(established_when_the_server_is_elsewhere)
{
    in_private_namespace();
    struct process other = other_host(), server = serve_there(&other, "10.9.0.2", "0");
    json_t *report = report_of(PROBE("--host", "10.9.0.2", "--allow-remote", "--count", "5", "--timeout", "2s"), NULL, 0);
    /* Three wait in its queue; of those whose SYN was answered before that was full, the ACK was dropped there. */
    ck_assert_int_ge(report_count(report, "established"), 3);
    ck_assert_int_eq(report_count(report, "established") + report_count(report, "timed_out"), 5);
    check_row(report, 0, "established", "tcp_info", "remote");
    ck_assert(json_is_null(json_object_get(report, "listener")));
    json_decref(report);
    end(&server);

    /* Bytes tell more: acknowledged is not yet accepted, but an answer is proof. */
    server = serve_there(&other, "10.9.0.2", "1");
    report =
        report_of(PROBE("--host", "10.9.0.2", "--allow-remote", "--count", "3", "--send", "Hey", "--timeout", "3s"), NULL, 0);
    check_row(report, 0, "connected", "reply", NULL);
    check_row(report, 1, "established", "probe_byte", "remote");
    json_decref(report);
    end(&server);
    end(&other);
}
END_TEST

/* A burst at another host goes out at the rate that is allowed there, and the report says so. */
START_TEST(a_burst_at_another_host_is_paced)
{
    in_private_namespace();
    struct process other = other_host(), server = serve_there(&other, "10.9.0.2", "0");
    const char *const burst[] = {BACKLOGCTL,       "probe",     "--host", "10.9.0.2", "--port", "60001",
                                 "--allow-remote", "--count",   "40",     "--burst",  "20",     "--every",
                                 "30ms",           "--timeout", "0",      NULL};
    struct outcome outcome = process_run(burst, NULL);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_msg(strstr(outcome.out, "40 connections, 20 at 1000 a second every 30ms") != NULL, "%s", outcome.out);
    outcome_free(&outcome);
    json_t *report =
        report_of(PROBE("--host", "10.9.0.2", "--allow-remote", "--count", "40", "--burst", "20", "--every", "30ms"), NULL, 0);
    ck_assert_int_eq(report_number(report, "options.rate"), 1000);
    ck_assert_int_ge(report_number(report, "elapsed_us"), 49000); /* the last is the twentieth of the second burst */
    json_decref(report);
    end(&server);
    end(&other);
}
END_TEST

/* A listener is here, but address translation carries the connection past it into the other namespace. */
START_TEST(established_when_translation_carries_it_away)
{
    in_private_namespace();
    if (system("nft add table ip t 2>/dev/null && nft 'add chain ip t out { type nat hook output priority -100; }' "
               "2>/dev/null && nft add rule ip t out ip daddr 10.9.0.1 tcp dport 60001 dnat to 10.9.0.2:60001 2>/dev/null")) {
        skip("this kernel or machine has no nftables NAT");
    }
    struct process other = other_host(), there = serve_there(&other, "10.9.0.2", "0");
    struct process here = serve_start((const char *[]){"--host", "10.9.0.1", "--backlog", "2", NULL}, NULL);
    json_t *report = report_of(PROBE("--host", "10.9.0.1", "--count", "2", "--timeout", "1s"), NULL, 0);
    ck_assert_msg(report_count(report, "established") == 2, "%s", json_dumps(report, 0));
    check_row(report, 0, "established", "tcp_info", "translated");
    json_decref(report);
    free(serve_stop(&here));
    /* Without any listener here it is the same. */
    report = report_of(PROBE("--host", "10.9.0.1", "--count", "2", "--timeout", "0"), NULL, 0);
    check_row(report, 0, "established", "tcp_info", "translated");
    json_decref(report);
    end(&there);
    end(&other);
}
END_TEST

/* ---- Names with several addresses ---- */

/* getaddrinfo reads /etc/hosts, so the name is given one of its own: in a mount namespace, which takes root. */
static json_t *probe_by_name(const char *hosts, const char *args)
{
    char *out = shell("printf '%s' >hosts.$$ && unshare -m sh -c 'mount --bind hosts.'$$' /etc/hosts && exec %s probe --json "
                      "--host two.test %s'; s=$?; rm hosts.$$; exit $s",
                      hosts, BACKLOGCTL, args);
    json_t *report = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(report != NULL, "%s", out);
    free(out);
    return report;
}

static const struct {
    const char *hosts; /* its addresses in the order tried; somebody listens on 127.0.0.1 only */
    const char *says;
} names[] = {
    {"::1 two.test\\n127.0.0.1 two.test\\n", "At [::1]:60001, tried first, every connection was refused"},
    {"127.0.0.1 two.test\\n127.0.0.2 two.test\\n", "\"connection refused\" from 127.0.0.2:60001 hides the full queue"},
};

START_TEST(every_address_of_a_name_has_its_fate)
{
    need(forbids_other_users);
    need(forbids_mounts);
    in_private_namespace();
    struct process server;
    json_t *report = NULL;
    for (nsec end = clock_now() + PATIENCE;;) {
        server = serve_start((const char *[]){"--backlog", "2", "--accept-count", "1", NULL}, NULL);
        report = probe_by_name(names[_i].hosts, "--count 6 --timeout 900ms");
        if (report_count(report, "queued") == 3 || clock_now() > end)
            break;
        json_decref(report); /* the first client was accepted only when others had been dropped already */
        free(serve_stop(&server));
    }
    ck_assert_int_eq(report_count(report, "timed_out"), 2);
    ck_assert_int_eq(report_count(report, "refused"), 0);
    const json_t *attempts = json_object_get(row(report, 5), "attempts");
    ck_assert_uint_eq(json_array_size(attempts), 2);
    int refused = 0, timed_out = 0;
    for (size_t i = 0; i < 2; i++) {
        refused += !strcmp(report_text(json_array_get(attempts, i), "verdict"), "refused");
        timed_out += !strcmp(report_text(json_array_get(attempts, i), "verdict"), "timed_out");
    }
    ck_assert_int_eq(refused, 1);
    ck_assert_int_eq(timed_out, 1);
    ck_assert_msg(strstr(report_text(report, "explanation"), names[_i].says), "%s", report_text(report, "explanation"));
    json_decref(report);
    free(serve_stop(&server));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("verdicts");
    TCase *tcase = tcase_create("real");
    tcase_add_loop_test(tcase, main_job, 0, 3);
    tcase_add_loop_test(tcase, main_job_in_two_processes, 0, 2);
    tcase_add_loop_test(tcase, mapped_addresses_change_nothing, 0, COUNT(listens));
    tcase_add_test(tcase, an_ipv4_server_in_the_form_of_ipv6);
    tcase_add_test(tcase, reply_is_evidence);
    tcase_add_loop_test(tcase, refused_never_connects_to_itself, 0, 2);
    tcase_add_test(tcase, reset_when_the_listener_goes);
    tcase_add_test(tcase, unreachable_without_a_route);
    tcase_add_test(tcase, local_error_is_never_the_servers);
    tcase_add_loop_test(tcase, half_open_while_the_server_waits_for_the_ack, 0, 2);
    tcase_add_test(tcase, lost_connections_are_named);
    tcase_add_test(tcase, nothing_is_lost_without_syn_cookies);
    tcase_add_test(tcase, established_when_the_server_is_elsewhere);
    tcase_add_test(tcase, a_burst_at_another_host_is_paced);
    tcase_add_test(tcase, established_when_translation_carries_it_away);
    tcase_add_loop_test(tcase, every_address_of_a_name_has_its_fate, 0, COUNT(names));
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
