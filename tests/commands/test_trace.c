/* backlogctl trace against the account of who connects and accepts: this process does both, in a namespace of its own, and knows at
   each moment what the kernel must have seen. */
#include "suite.h"

#include "report.h"

#include "backlogctl/rights.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ARGS(...) ((const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define PORT 7001
#define CLIENTS_MAX 64

/* ---- Sockets ---- */

static struct sockaddr_in at_loopback(uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void set_option(int fd, int level, int name, int value)
{
    ck_assert_int_eq(setsockopt(fd, level, name, &value, sizeof value), 0);
}

static int listener(int backlog, bool shares)
{
    struct sockaddr_in address = at_loopback(PORT);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (shares)
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    return fd;
}

/* One that does not wait; where its last ACK is late, others fill the queue meanwhile. */
static int client(bool late_ack)
{
    struct sockaddr_in address = at_loopback(PORT);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    if (late_ack)
        set_option(fd, IPPROTO_TCP, TCP_QUICKACK, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address))
        ck_assert_int_eq(errno, EINPROGRESS);
    return fd;
}

static void reset(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    close(fd);
}

static long queue_of(int fd)
{
    struct tcp_info info = {0};
    socklen_t length = sizeof info;
    ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    return (long)info.tcpi_unacked;
}

static void await_queue(int fd, long length)
{
    nsec until = clock_now() + PATIENCE;
    while (queue_of(fd) != length && clock_now() < until)
        usleep(100);
    ck_assert_int_eq(queue_of(fd), length);
}

static uint64_t cookie_of(int fd)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof cookie;
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length), 0);
    return cookie;
}

/* ---- The program ---- */

static const char *const command[] = {BACKLOGCTL,          "trace",    "--json", "-i", "100ms", "--netns",
                                      "/proc/self/ns/net", "--events", NULL};

static void begin(void)
{
    in_private_namespace();
    need_trace();
}

static json_t *parse(const char *line)
{
    json_error_t error;
    json_t *record = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(record != NULL, "%s in: %.500s", error.text, line);
    ck_assert_str_eq(report_text(record, "schema"), "backlogctl.trace/1");
    return record;
}

/* It counts from the first record on. */
static struct process trace_start(void)
{
    struct process trace = process_start(command, NULL);
    char *line = process_line(&trace, PATIENCE);
    ck_assert_msg(line != NULL, "no record came");
    json_decref(parse(line));
    free(line);
    return trace;
}

/* Ends it; the summary is the last line. `all` (may be NULL) gets what came before it. */
static json_t *trace_end(struct process *trace, char **all)
{
    process_signal(trace, SIGTERM);
    struct outcome outcome = process_finish(trace, PATIENCE);
    ck_assert_msg(outcome.status == 128 + SIGTERM, "status %d: %s", outcome.status, outcome.err);
    outcome.out[strlen(outcome.out) - 1] = '\0';
    char *last = strrchr(outcome.out, '\n');
    json_t *summary = parse(last ? last + 1 : outcome.out);
    ck_assert_str_eq(report_text(summary, "event"), "summary");
    if (all)
        *all = strdup(outcome.out);
    outcome_free(&outcome);
    return summary;
}

static json_t *traced(const json_t *summary, uint64_t cookie)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(summary, "listeners"), i,
                       one) if ((uint64_t)report_number(one, "cookie") == cookie) return one;
    ck_abort_msg("the listener is not there: %s", json_dumps(summary, 0));
}

/* The kernel's own counter, read before and after the end, has the sum between. */
static void check_account(const json_t *summary, long seen, long before, long after)
{
    ck_assert_msg(before <= seen && seen <= after, "%ld is not between %ld and %ld", seen, before, after);
    json_t *account = json_array_get(json_object_get(summary, "namespaces"), 0);
    ck_assert_int_eq(report_number(account, "missed"), 0);
}

static long overflows_seen(const json_t *one)
{
    return report_number(one, "overflows.syn.count") + report_number(one, "overflows.ack.count");
}

/* ---- Waits ---- */

struct moments {
    uint16_t port;
    nsec before_connect, in_queue, before_accept, accepted;
};

static void connect_all(int fd, struct moments *all, int *clients, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sockaddr_in own;
        socklen_t length = sizeof own;
        all[i].before_connect = clock_now();
        clients[i] = client(false);
        await_queue(fd, (long)i + 1);
        all[i].in_queue = clock_now();
        ck_assert_int_eq(getsockname(clients[i], (struct sockaddr *)&own, &length), 0);
        all[i].port = ntohs(own.sin_port);
    }
}

static void accept_all(int fd, struct moments *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        all[i].before_accept = clock_now();
        ck_assert_int_ge(accept4(fd, NULL, NULL, SOCK_CLOEXEC), 0);
        all[i].accepted = clock_now();
    }
}

/* Of each connection: not longer than from before connect(2) to behind accept(2), nor shorter than between these two. */
static void check_wait(const json_t *event, const struct moments *all, size_t count)
{
    long port = report_number(event, "peer_port");
    double wait = json_number_value(json_object_get(event, "wait_us")) * (double)NSEC_PER_USEC;
    for (size_t i = 0; i < count; i++)
        if (all[i].port == port) {
            ck_assert_double_le(wait, (double)(all[i].accepted - all[i].before_connect));
            ck_assert_double_ge(wait, (double)(all[i].before_accept - all[i].in_queue));
            ck_assert_int_eq(report_number(event, "pid"), getpid());
            return;
        }
    ck_abort_msg("nobody came from port %ld", port);
}

static nsec least_wait(const struct moments *one)
{
    return one->before_accept - one->in_queue;
}

static nsec most_wait(const struct moments *one)
{
    return one->accepted - one->before_connect;
}

/* The first has waited longest, and the bounds of each quantile are those of some connection's wait. */
static void check_summary(const json_t *one, const struct moments *all, size_t count)
{
    double max = json_number_value(json_object_get(json_object_get(one, "wait"), "max_us")) * (double)NSEC_PER_USEC;
    nsec least = 0, most = 0;
    for (size_t i = 0; i < count; i++) {
        least = least_wait(&all[i]) > least ? least_wait(&all[i]) : least;
        most = most_wait(&all[i]) > most ? most_wait(&all[i]) : most;
    }
    ck_assert_double_ge(max, (double)least);
    ck_assert_double_le(max, (double)most);
    ck_assert_int_eq(report_number(one, "wait.samples"), (long)count);
    ck_assert_int_eq(report_number(one, "accepted.count"), (long)count);
    ck_assert_int_eq(report_number(one, "entered"), (long)count);
    ck_assert_int_eq(report_number(one, "queue.peak"), (long)count);
    ck_assert_int_eq(report_number(one, "queue.peak_at_most"), (long)count);
    ck_assert_str_eq(report_text(one, "rests_on.length.bound"), "exact");
    ck_assert_str_eq(report_text(one, "rests_on.wait.bound"), "exact");
}

START_TEST(waits_are_those_of_who_connects_and_accepts)
{
    struct moments all[CLIENTS_MAX];
    int clients[CLIENTS_MAX];
    char *lines, *save = NULL;
    size_t told = 0;
    begin();
    int fd = listener(2 * CLIENTS_MAX, false);
    struct process trace = trace_start();
    connect_all(fd, all, clients, CLIENTS_MAX);
    accept_all(fd, all, CLIENTS_MAX);
    json_t *summary = trace_end(&trace, &lines);
    for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        json_t *event = parse(line);
        if (!strcmp(report_text(event, "event"), "accepted")) {
            check_wait(event, all, CLIENTS_MAX);
            told++;
        }
        json_decref(event);
    }
    ck_assert_uint_eq(told, CLIENTS_MAX);
    check_summary(traced(summary, cookie_of(fd)), all, CLIENTS_MAX);
    json_decref(summary);
    free(lines);
}
END_TEST

/* ---- Overflows ---- */

START_TEST(overflows_are_those_of_the_kernel)
{
    int clients[CLIENTS_MAX];
    begin();
    int fd = listener(7, false);
    struct process trace = trace_start();
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        clients[i] = client(i < CLIENTS_MAX / 2);
    await_queue(fd, 8);
    await("[ $(awk '/^TcpExt:/ {for (i = 1; i <= NF; i++) if (names[i] == \"ListenOverflows\") print $i; split($0, names)}' "
          "/proc/%d/net/netstat) -ge %d ]",
          (int)getpid(), 2 * CLIENTS_MAX);
    long before = listen_overflows();
    json_t *summary = trace_end(&trace, NULL), *one = traced(summary, cookie_of(fd));
    long after = listen_overflows();
    check_account(summary, overflows_seen(one), before, after);
    ck_assert_int_gt(report_number(one, "overflows.syn.count"), 0);
    ck_assert_int_gt(report_number(one, "overflows.ack.count"), 0);
    ck_assert_int_eq(report_number(one, "queue.peak"), 8);
    ck_assert_str_eq(report_text(one, "rests_on.syn_overflows.bound"), "exact");
    json_t *source = json_array_get(json_object_get(json_object_get(one, "overflows"), "sources"), 0);
    ck_assert_str_eq(report_text(source, "address"), "127.0.0.1");
    ck_assert_int_eq(report_number(source, "syn") + report_number(source, "ack"), overflows_seen(one));
    ck_assert_int_eq(report_number(one, "left.otherwise") + report_number(one, "left.listener_closed"), 0);
    json_decref(summary);
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        close(clients[i]);
}
END_TEST

#define MEMBERS 4

START_TEST(each_member_of_a_group_has_its_own)
{
    int fds[MEMBERS];
    long seen = 0;
    begin();
    for (size_t i = 0; i < MEMBERS; i++)
        fds[i] = listener(3, true);
    struct process trace = trace_start();
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        client(false);
    for (size_t i = 0; i < MEMBERS; i++)
        await_queue(fds[i], 4);
    long before = listen_overflows();
    json_t *summary = trace_end(&trace, NULL);
    long after = listen_overflows();
    for (size_t i = 0; i < MEMBERS; i++) {
        json_t *one = traced(summary, cookie_of(fds[i]));
        ck_assert_int_eq(report_number(one, "queue.peak"), 4);
        seen += overflows_seen(one);
    }
    check_account(summary, seen, before, after);
    json_decref(summary);
}
END_TEST

/* ---- What leaves otherwise ---- */

START_TEST(those_of_before_are_counted_apart)
{
    int clients[6];
    begin();
    int fd = listener(20, false);
    for (size_t i = 0; i < 6; i++)
        clients[i] = client(false);
    await_queue(fd, 6);
    reset(clients[2]); /* its place stays */
    struct process trace = trace_start();
    for (int i = 0; i < 3; i++)
        client(false);
    await_queue(fd, 9);
    for (int i = 0; i < 9; i++)
        ck_assert_int_ge(accept4(fd, NULL, NULL, SOCK_CLOEXEC), 0);
    json_t *summary = trace_end(&trace, NULL), *one = traced(summary, cookie_of(fd));
    ck_assert_int_eq(report_number(one, "queue.at_start"), 6);
    ck_assert_int_eq(report_number(one, "accepted.waited_before"), 6);
    ck_assert_int_eq(report_number(one, "wait.samples"), 3);
    ck_assert_int_eq(report_number(one, "queue.peak"), 9);
    ck_assert(json_is_true(json_object_get(one, "from_the_beginning")));
    json_decref(summary);
}
END_TEST

START_TEST(reset_ones_are_accepted_and_others_left_behind)
{
    int clients[10];
    begin();
    int fd = listener(20, false);
    uint64_t cookie = cookie_of(fd);
    struct process trace = trace_start();
    for (size_t i = 0; i < COUNT(clients); i++)
        clients[i] = client(false);
    await_queue(fd, 10);
    for (size_t i = 0; i < 4; i++)
        reset(clients[i]);
    await("[ $(ss -Htn state established sport = :%d | wc -l) = 6 ]", PORT);
    for (int i = 0; i < 5; i++)
        ck_assert_int_ge(accept4(fd, NULL, NULL, SOCK_CLOEXEC), 0);
    close(fd);
    json_t *summary = trace_end(&trace, NULL), *one = traced(summary, cookie);
    ck_assert_int_eq(report_number(one, "accepted.count"), 5);
    ck_assert_int_eq(report_number(one, "accepted.reset"), 4);
    ck_assert_int_eq(report_number(one, "left.listener_closed"), 5);
    ck_assert_int_eq(report_number(one, "left.otherwise"), 0);
    ck_assert_int_gt(report_number(one, "closed_us"), 0);
    json_decref(summary);
}
END_TEST

START_TEST(one_that_comes_and_goes_is_seen)
{
    uint64_t cookies[5];
    begin();
    struct process trace = trace_start();
    for (size_t i = 0; i < COUNT(cookies); i++) {
        int fd = listener(5, false), clients[3];
        cookies[i] = cookie_of(fd);
        for (size_t n = 0; n < 3; n++)
            clients[n] = client(false);
        await_queue(fd, 3);
        close(accept4(fd, NULL, NULL, SOCK_CLOEXEC));
        close(fd);
        for (size_t n = 0; n < 3; n++)
            close(clients[n]);
    }
    json_t *summary = trace_end(&trace, NULL);
    for (size_t i = 0; i < COUNT(cookies); i++) {
        json_t *one = traced(summary, cookies[i]);
        ck_assert_int_eq(report_number(one, "entered"), 3);
        ck_assert_int_eq(report_number(one, "accepted.count"), 1);
        ck_assert_int_eq(report_number(one, "left.listener_closed"), 2);
        ck_assert_int_eq(report_number(one, "port"), PORT);
    }
    json_decref(summary);
}
END_TEST

/* ---- The rest ---- */

/* Whether the kernel has it still: another process may trace, too. */
static bool has_program(uint32_t id)
{
    union bpf_attr attr = {.prog_id = id};
    int fd = (int)syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &attr, sizeof attr);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static size_t programs_of(pid_t pid, uint32_t *ids, size_t room)
{
    char *text = shell("sed -n 's/^prog_id:[[:blank:]]*//p' /proc/%d/fdinfo/*", (int)pid), *at = text, *end = text;
    size_t count = 0;
    for (unsigned long id; count < room && (id = strtoul(at, &end, 10)) && end != at; at = end)
        ids[count++] = (uint32_t)id;
    free(text);
    return count;
}

START_TEST(nothing_stays_of_one_that_is_killed)
{
    uint32_t ids[64];
    begin();
    struct process trace = trace_start();
    size_t count = programs_of(trace.pid, ids, COUNT(ids)), left = count;
    ck_assert_uint_gt(count, 0);
    process_signal(&trace, SIGKILL);
    struct outcome outcome = process_finish(&trace, PATIENCE);
    outcome_free(&outcome);
    for (nsec until = clock_now() + PATIENCE; left && clock_now() < until; usleep(left ? 10000 : 0)) {
        left = 0;
        for (size_t i = 0; i < count; i++)
            left += has_program(ids[i]);
    }
    ck_assert_uint_eq(left, 0);
}
END_TEST

static uint64_t effective(pid_t pid)
{
    char *text = shell("sed -n 's/^CapEff:[[:blank:]]*//p' /proc/%d/status", (int)pid);
    uint64_t set = strtoull(text, NULL, 16);
    free(text);
    return set;
}

START_TEST(the_right_to_load_is_given_up)
{
    const uint64_t kept = RIGHTS_SEE | RIGHTS_ENTER | RIGHT(NET_ADMIN) | RIGHT(BPF);
    begin();
    struct process trace = trace_start();
    ck_assert_uint_eq(effective(trace.pid), effective(getpid()) & kept);
    json_decref(trace_end(&trace, NULL));
}
END_TEST

START_TEST(who_may_not_is_told_what_is_missing)
{
    begin();
    if (!is_root())
        skip("only root can try it as somebody else");
    struct outcome outcome =
        process_run(ARGS(BACKLOGCTL, "trace", "--duration", "1s"), &(struct process_setup){.as_nobody = true});
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_ptr_nonnull(strstr(outcome.err, "CAP_BPF and CAP_PERFMON"));
    ck_assert_ptr_nonnull(strstr(outcome.err, "backlogctl watch"));
    ck_assert_str_eq(outcome.out, "");
    outcome_free(&outcome);
}
END_TEST

START_TEST(text_says_what_each_figure_is_worth)
{
    begin();
    listener(5, false);
    struct outcome outcome = process_run(ARGS(BACKLOGCTL, "trace", "--duration", "300ms", "-i", "100ms", "--netns",
                                              "/proc/self/ns/net", "--port", "7001"),
                                         NULL);
    ck_assert_msg(outcome.status == 0, "%s", outcome.err);
    ck_assert_ptr_nonnull(strstr(outcome.out, "something happened at 0 of 1 listener"));
    ck_assert_ptr_nonnull(strstr(outcome.out, "Nothing came to 1 listener."));
    ck_assert_ptr_nonnull(strstr(outcome.out, "these figures rest on: length: "));
    outcome_free(&outcome);
}
END_TEST

static const char *promtool(void)
{
    const char *path = getenv("BACKLOGCTL_PROMTOOL");
    return path && *path ? path : program_exists("promtool") ? "promtool" : NULL;
}

START_TEST(metrics_are_taken)
{
    begin();
    int fd = listener(5, false);
    struct process trace =
        process_start(ARGS("sh", "-c",
                           "exec " BACKLOGCTL
                           " trace -i 100ms --prometheus --output /tmp/backlogctl-$$.prom --netns /proc/self/ns/net"),
                      NULL);
    char path[64];
    snprintf(path, sizeof path, "/tmp/backlogctl-%d.prom", (int)trace.pid);
    await("[ -s %s ]", path);
    client(false);
    await("grep -q '^backlogctl_trace_queue_peak{.*} 1$' %s", path);
    ck_assert_int_ge(accept4(fd, NULL, NULL, SOCK_CLOEXEC), 0);
    await("grep -q '^backlogctl_trace_accept_wait_seconds_count{.*} 1$' %s", path);
    process_signal(&trace, SIGTERM);
    struct outcome outcome = process_finish(&trace, PATIENCE);
    ck_assert_msg(outcome.status == 128 + SIGTERM, "%d %s", outcome.status, outcome.err);
    if (promtool()) {
        char *said = shell("%s check metrics <%s 2>&1", promtool(), path);
        ck_assert_str_eq(said, "");
        free(said);
    } else {
        printf("promtool is not installed (BACKLOGCTL_PROMTOOL or PATH)\n");
    }
    unlink(path);
    outcome_free(&outcome);
}
END_TEST

/* ---- Pictures ---- */

/* Of one trace: all that the JSON says is in the picture and the page, and no file beside them is left. */
START_TEST(pictures_say_what_the_summary_says)
{
    char folder[] = "/tmp/backlogctl-trace-XXXXXX";
    begin();
    int fd = listener(3, false);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
    struct process trace = process_start(ARGS(BACKLOGCTL, "trace", "--json", "-i", "100ms", "--netns", "/proc/self/ns/net",
                                              "--svg", "svg", "--html", "html"),
                                         NULL);
    char *line = process_line(&trace, PATIENCE);
    ck_assert_msg(line != NULL, "no record came");
    free(line);
    for (size_t i = 0; i < 20; i++)
        client(i % 2);
    await_queue(fd, 4);
    await("[ $(awk '/^TcpExt:/ {for (i = 1; i <= NF; i++) if (names[i] == \"ListenOverflows\") print $i; split($0, names)}' "
          "/proc/%d/net/netstat) -ge 20 ]",
          (int)getpid());
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_ge(accept4(fd, NULL, NULL, SOCK_CLOEXEC), 0);
    json_t *summary = trace_end(&trace, NULL);
    ck_assert_int_eq(json_dump_file(summary, "summary", 0), 0);
    json_decref(summary);
    char *said = shell("python3 " SOURCE_DIR "/tests/commands/trace_svg.py svg summary && python3 " SOURCE_DIR
                       "/tests/commands/html_page.py html; ls -A | tr '\\n' ' '");
    ck_assert_msg(strstr(said, "1 listeners agree\na page with ") && strstr(said, "\nhtml summary svg "), "%s", said);
    free(said);
    free(shell("rm -r %s", folder));
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {waits_are_those_of_who_connects_and_accepts,
                                  overflows_are_those_of_the_kernel,
                                  each_member_of_a_group_has_its_own,
                                  those_of_before_are_counted_apart,
                                  reset_ones_are_accepted_and_others_left_behind,
                                  one_that_comes_and_goes_is_seen,
                                  nothing_stays_of_one_that_is_killed,
                                  the_right_to_load_is_given_up,
                                  who_may_not_is_told_what_is_missing,
                                  text_says_what_each_figure_is_worth,
                                  metrics_are_taken,
                                  pictures_say_what_the_summary_says};
    Suite *suite = suite_create("trace");
    suite_add(suite, "traces", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
