/* What observe reports of a server's connections, against the server's own account: here the test itself listens and connects. */
#include "suite.h"

#include "process.h"
#include "report.h"
#include "servers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT 6001
#define PEER_SIZE 80

/* ---- The server and its clients ---- */

static struct sockaddr_in place(const char *address, int port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    ck_assert_int_eq(inet_pton(AF_INET, address, &name.sin_addr), 1);
    return name;
}

static int listener_on(const char *address, int family, int backlog, bool share)
{
    struct sockaddr_in ipv4 = place(address, PORT);
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(PORT)};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, share ? SO_REUSEPORT : SO_REUSEADDR, &one, sizeof one), 0);
    int status =
        family == AF_INET ? bind(fd, (struct sockaddr *)&ipv4, sizeof ipv4) : bind(fd, (struct sockaddr *)&ipv6, sizeof ipv6);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(listen(fd, backlog), 0);
    return fd;
}

static int listener_at(int family, int backlog, bool share)
{
    return listener_on("127.0.0.1", family, backlog, share);
}

/* From one of many addresses, so that no port is used again. */
static int client(int number)
{
    char address[32];
    struct sockaddr_in there = place("127.0.0.1", PORT);
    snprintf(address, sizeof address, "127.0.0.%d", 2 + number % 200);
    struct sockaddr_in here = place(address, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&here, sizeof here), 0);
    ck_assert_msg(!connect(fd, (struct sockaddr *)&there, sizeof there), "connect: %s", strerror(errno));
    return fd;
}

static int accept_one(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_msg(fd >= 0, "accept: %s", strerror(errno));
    return fd;
}

static void end_with_reset(int fd)
{
    struct linger none = {.l_onoff = 1};
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
    close(fd);
}

static const char *name_text(const struct sockaddr_storage *name, char out[PEER_SIZE])
{
    char address[INET6_ADDRSTRLEN];
    const struct sockaddr_in *ipv4 = (const void *)name;
    const struct sockaddr_in6 *ipv6 = (const void *)name;
    if (name->ss_family == AF_INET)
        snprintf(out, PEER_SIZE, "%s:%d", inet_ntop(AF_INET, &ipv4->sin_addr, address, sizeof address), ntohs(ipv4->sin_port));
    else
        snprintf(out, PEER_SIZE, "[%s]:%d", inet_ntop(AF_INET6, &ipv6->sin6_addr, address, sizeof address),
                 ntohs(ipv6->sin6_port));
    return out;
}

static const char *own_name(int fd, char out[PEER_SIZE])
{
    struct sockaddr_storage name = {0};
    socklen_t size = sizeof name;
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &size), 0);
    return name_text(&name, out);
}

static const char *peer_name_of(int fd, char out[PEER_SIZE])
{
    struct sockaddr_storage name = {0};
    socklen_t size = sizeof name;
    ck_assert_int_eq(getpeername(fd, (struct sockaddr *)&name, &size), 0);
    return name_text(&name, out);
}

/* ---- Observing ---- */

/* Returns when the first look was taken. */
static struct process observe(const char *options)
{
    char command[512], said[512] = "";
    size_t used = 0;
    snprintf(command, sizeof command, "exec %s observe :%d --json %s", BACKLOGCTL, PORT, options);
    struct process process = process_start((const char *[]){"sh", "-c", command, NULL}, NULL);
    while (!strstr(said, "observing")) {
        struct pollfd ready = {.fd = process.err, .events = POLLIN};
        ck_assert_msg(poll(&ready, 1, PATIENCE / NSEC_PER_MSEC) == 1, "it does not begin: %s", said);
        ssize_t got = read(process.err, said + used, sizeof said - 1 - used);
        ck_assert_msg(got > 0, "it does not begin: %s", said);
        used += (size_t)got;
        said[used] = '\0';
    }
    return process;
}

static json_t *ended(struct process *process, int status)
{
    struct outcome outcome = process_finish(process, PATIENCE);
    ck_assert_msg(outcome.status == status, "status %d: %s", outcome.status, outcome.err);
    json_error_t error;
    json_t *report = json_loads(outcome.out, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(report != NULL, "%s: %s", error.text, outcome.out);
    ck_assert_str_eq(report_text(report, "schema"), "backlogctl.observe/1");
    outcome_free(&outcome);
    return report;
}

static json_t *interrupted(struct process *process)
{
    process_signal(process, SIGINT);
    json_t *report = ended(process, 128 + SIGINT);
    ck_assert_str_eq(report_text(report, "interrupted_by"), "SIGINT");
    return report;
}

static json_t *connections(const json_t *report)
{
    return json_object_get(report, "connections");
}

/* The only row of this client. */
static const json_t *row_of(const json_t *report, const char *peer)
{
    const json_t *row, *found = NULL;
    size_t i;
    json_array_foreach(connections(report), i, row)
    {
        if (strcmp(report_text(row, "peer"), peer))
            continue;
        ck_assert_msg(!found, "two rows of %s", peer);
        found = row;
    }
    ck_assert_msg(found != NULL, "no row of %s", peer);
    return found;
}

static bool is_known(const json_t *row, const char *what)
{
    return json_is_object(json_object_get(row, what));
}

static void has_state(const json_t *report, const char *peer, const char *state, bool accepted, bool closed)
{
    const json_t *row = row_of(report, peer);
    ck_assert_msg(!strcmp(report_text(row, "state"), state), "%s is %s, not %s", peer, report_text(row, "state"), state);
    ck_assert_msg(is_known(row, "accepted_us") == accepted, "%s: accepted", peer);
    ck_assert_msg(is_known(row, "closed_us") == closed, "%s: closed", peer);
}

static bool is_complete(const json_t *report)
{
    bool complete = json_is_true(json_object_get(report, "complete"));
    ck_assert_int_eq(complete, json_is_null(json_object_get(report, "incomplete")));
    return complete;
}

static void lacks(const json_t *report, const char *words)
{
    const char *why = json_string_value(json_object_get(report, "incomplete"));
    ck_assert_msg(why && strstr(why, words), "'%s' lacks '%s'", why ? why : "complete", words);
}

static void pause_for_looks(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 100 * NSEC_PER_MSEC}, NULL);
}

/* ---- Clocks ---- */

static double wall(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static double began_at(const json_t *report)
{
    struct tm utc = {0};
    const char *rest = strptime(report_text(report, "started_at"), "%Y-%m-%dT%H:%M:%S", &utc);
    ck_assert_ptr_nonnull(rest);
    return (double)timegm(&utc) * 1e6 + strtod(rest, NULL) * 1e6;
}

/* For the clock's being slewed, and the rounding of doubles. */
#define TOLERANCE 20000.0

/* ---- What becomes of a connection ---- */

START_TEST(each_state_is_as_the_server_has_it)
{
    char accepted[PEER_SIZE], closed[PEER_SIZE], queued[PEER_SIZE], left[PEER_SIZE];
    in_private_namespace();
    int listener = listener_at(AF_INET, 8, false);
    struct process process = observe("");
    int open = client(1), over = client(2);
    int first = accept_one(listener), second = accept_one(listener);
    int waits = client(3), leaves = client(4);
    own_name(open, accepted), own_name(over, closed), own_name(waits, queued), own_name(leaves, left);
    close(second);
    close(over);
    close(leaves); /* with a FIN: it stays in the queue */
    json_t *report = interrupted(&process);
    ck_assert_uint_eq(json_array_size(connections(report)), 4);
    has_state(report, accepted, "accepted", true, false);
    has_state(report, closed, "closed", true, true);
    has_state(report, queued, "queued", false, false);
    has_state(report, left, "queued", false, false);
    ck_assert_int_eq(report_number(report, "counts.queued"), 2);
    ck_assert_int_eq(report_number(report, "unaccepted"), 0);
    const json_t *one = report_listener(report, 0);
    ck_assert_int_eq(report_number(one, "queue"), 2);
    ck_assert_int_ge(report_number(one, "peak"), 2);
    ck_assert_int_eq(json_is_true(json_object_get(one, "gone")), 0);
    ck_assert_msg(is_complete(report), "%s", json_string_value(json_object_get(report, "incomplete")));
    json_decref(report);
    close(open), close(first), close(waits), close(listener);
}
END_TEST

/* A request that TCP_DEFER_ACCEPT holds is half-open until data comes. */
START_TEST(a_request_is_half_open)
{
    char silent[PEER_SIZE], speaks[PEER_SIZE];
    in_private_namespace();
    int listener = listener_at(AF_INET, 8, false), seconds = 60;
    ck_assert_int_eq(setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds), 0);
    struct process process = observe("");
    int one = client(1), two = client(2);
    own_name(one, silent), own_name(two, speaks);
    ck_assert_int_eq(write(two, "x", 1), 1);
    json_t *report = interrupted(&process);
    has_state(report, silent, "half_open", false, false);
    has_state(report, speaks, "queued", false, false);
    ck_assert(is_known(row_of(report, silent), "half_open_us") && !is_known(row_of(report, silent), "entered_us"));
    ck_assert(is_complete(report));
    json_decref(report);
    close(one), close(two), close(listener);
}
END_TEST

/* The client resets it; a look may not have seen it before. */
START_TEST(a_request_that_expires_is_over)
{
    char gone[PEER_SIZE];
    in_private_namespace();
    int listener = listener_at(AF_INET, 8, false), seconds = 60;
    ck_assert_int_eq(setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds), 0);
    struct process process = observe("--every 1ms");
    int one = client(1);
    own_name(one, gone);
    pause_for_looks();
    end_with_reset(one);
    pause_for_looks();
    json_t *report = interrupted(&process);
    if (json_array_size(connections(report)))
        has_state(report, gone, "expired", false, true);
    ck_assert_msg(is_complete(report), "%s", json_string_value(json_object_get(report, "incomplete")));
    json_decref(report);
    close(listener);
}
END_TEST

/* From the same port as one that its client reset long before: neither is the other. */
START_TEST(a_request_that_was_reset_is_no_later_connection)
{
    in_private_namespace();
    int listener = listener_at(AF_INET, 8, false), seconds = 60, one = 1, fds[2];
    struct sockaddr_in here = place("127.0.0.9", 7777), there = place("127.0.0.1", PORT);
    double again = 0;
    ck_assert_int_eq(setsockopt(listener, IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds), 0);
    struct process process = observe("--every 1ms");
    for (int i = 0; i < 2; i++) {
        again = wall();
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(setsockopt(fds[i], SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
        ck_assert_int_eq(bind(fds[i], (struct sockaddr *)&here, sizeof here), 0);
        ck_assert_int_eq(connect(fds[i], (struct sockaddr *)&there, sizeof there), 0);
        if (i)
            break;
        pause_for_looks();
        end_with_reset(fds[0]);
        pause_for_looks();
    }
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    json_t *report = interrupted(&process), *row;
    size_t i, queued = 0;
    json_array_foreach(connections(report), i, row)
    {
        const json_t *half_open = json_object_get(row, "half_open_us");
        if (strcmp(report_text(row, "state"), "queued"))
            continue;
        queued++;
        ck_assert_msg(!json_is_object(half_open) ||
                          began_at(report) + (double)report_number(half_open, "max") >= again - TOLERANCE,
                      "it has the times of the one before");
    }
    ck_assert_uint_eq(queued, 1);
    json_decref(report);
    close(fds[1]), close(listener);
}
END_TEST

START_TEST(what_was_there_before_is_told_from_what_came)
{
    char old[PEER_SIZE], waits[PEER_SIZE], later[PEER_SIZE];
    in_private_namespace();
    int listener = listener_at(AF_INET, 8, false);
    int clients[3] = {client(1), client(2)};
    int accepted = accept_one(listener);
    own_name(clients[0], old), own_name(clients[1], waits);
    struct process process = observe("");
    clients[2] = client(3);
    own_name(clients[2], later);
    close(accepted); /* of no concern */
    close(accept_one(listener));
    json_t *report = interrupted(&process);
    ck_assert_uint_eq(json_array_size(connections(report)), 2);
    has_state(report, waits, "closed", true, true);
    ck_assert_int_ge(report_number(report, "first_look_us"), 0);
    ck_assert_int_le(report_number(report, "first_look_us"), report_number(report, "last_look_us"));
    has_state(report, later, "queued", false, false);
    ck_assert(json_is_null(json_object_get(json_object_get(row_of(report, waits), "entered_us"), "min")));
    json_decref(report);
    for (size_t i = 0; i < COUNT(clients); i++)
        close(clients[i]);
    close(listener);
}
END_TEST

/* ---- Many ---- */

#define CHURN 4000

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Each lives for less than a look; the server's account is what accept() and getpeername() said. Reports can be lost where the kernel
   gives them little room: then it says so, and there are fewer. */
START_TEST(none_is_missed_at_thousands_a_second)
{
    static char account[CHURN][PEER_SIZE], told[CHURN + 1][PEER_SIZE];
    in_private_namespace();
    int listener = listener_at(AF_INET, 64, false);
    struct process process = observe("");
    for (int i = 0; i < CHURN; i++) {
        int one = client(i), accepted = accept_one(listener);
        peer_name_of(accepted, account[i]);
        close(i % 2 ? one : accepted);
        close(i % 2 ? accepted : one);
    }
    json_t *report = interrupted(&process), *row;
    size_t i, count = json_array_size(connections(report)), at = 0;
    ck_assert_uint_le(count, CHURN);
    json_array_foreach(connections(report), i, row)
    {
        snprintf(told[i], PEER_SIZE, "%s", report_text(row, "peer"));
        ck_assert_str_eq(report_text(row, "state"), "closed");
        ck_assert(is_known(row, "accepted_us"));
    }
    qsort(account, CHURN, PEER_SIZE, compare_names);
    qsort(told, count, PEER_SIZE, compare_names);
    for (i = 0; i < count; i++, at++)
        while (at < CHURN && strcmp(account[at], told[i]))
            at++;
    ck_assert_msg(at <= CHURN, "%s and others were never accepted", told[count - 1]);
    if (count < CHURN)
        lacks(report, "lost");
    json_decref(report);
    close(listener);
}
END_TEST

static void spin(pid_t *pids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pids[i] = fork();
        if (!pids[i]) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (volatile bool forever = true; forever;)
                ;
        }
    }
}

static void stop(const pid_t *pids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
}

#define LAST_MAX 60000

static void flood(pid_t *pids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pids[i] = fork();
        if (!pids[i]) {
            char byte;
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (int n = (int)i;; n += (int)count) {
                int one = client(n);
                while (read(one, &byte, 1) > 0)
                    ;
                close(one);
            }
        }
    }
}

/* Accepts and closes until then; when each was accepted. */
static size_t serve(int listener, char account[][PEER_SIZE], double *moments, size_t count, double until)
{
    while (wall() < until && count < LAST_MAX) {
        int accepted = accept_one(listener);
        peer_name_of(accepted, account[count]);
        close(accepted);
        moments[count++] = wall();
    }
    return count;
}

/* The kernel tells of ends late when it has much to do; and here another listener could have made what its counters have. */
START_TEST(the_last_ones_are_not_missed)
{
    static char account[LAST_MAX][PEER_SIZE], told[LAST_MAX][PEER_SIZE];
    static double moments[LAST_MAX];
    pid_t busy[4], clients[3];
    in_private_namespace();
    struct sockaddr_in elsewhere = place("127.0.0.1", PORT + 1);
    int listener = listener_at(AF_INET, 64, false), other = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(other, (struct sockaddr *)&elsewhere, sizeof elsewhere), 0);
    ck_assert_int_eq(listen(other, 8), 0);
    spin(busy, COUNT(busy));
    flood(clients, COUNT(clients));
    struct process process = observe("");
    double began = wall();
    size_t count = serve(listener, account, moments, 0, began + 1e6);
    process_signal(&process, SIGINT);
    count = serve(listener, account, moments, count, began + 1.5e6);
    stop(clients, COUNT(clients));
    stop(busy, COUNT(busy));
    json_t *report = ended(&process, 128 + SIGINT), *row;
    size_t i, rows = 0;
    double last = began_at(report) + (double)report_number(report, "last_look_us");
    json_array_foreach(connections(report), i, row) if (rows < LAST_MAX)
        snprintf(told[rows++], PEER_SIZE, "%s", report_text(row, "peer"));
    qsort(told, rows, PEER_SIZE, compare_names);
    for (i = 0; i < count && is_complete(report); i++)
        ck_assert_msg(moments[i] < began || moments[i] > last - TOLERANCE ||
                          bsearch(account[i], told, rows, PEER_SIZE, compare_names),
                      "%s of %.0f us before the last look is missing", account[i], last - moments[i]);
    json_decref(report);
    close(other), close(listener);
}
END_TEST

/* Those that come in while the first looks are taken are no remnants: here nobody has reset anything. */
START_TEST(nobody_has_reset_where_nothing_was)
{
    pid_t clients[3], server;
    in_private_namespace();
    int listener = listener_at(AF_INET, 64, false);
    flood(clients, COUNT(clients));
    server = fork();
    if (!server) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            close(accept_one(listener));
    }
    for (int i = 0; i < 6; i++) {
        struct process process = observe("--duration 1ms");
        json_t *report = ended(&process, 0);
        const char *why = json_string_value(json_object_get(report, "incomplete"));
        ck_assert_msg(!why || !strstr(why, "reset by their clients"), "%s", why);
        json_decref(report);
    }
    stop(clients, COUNT(clients));
    stop(&server, 1);
    close(listener);
}
END_TEST

/* One port again and again is one connection each time. */
START_TEST(a_port_that_is_used_again_is_another_connection)
{
    in_private_namespace();
    int listener = listener_at(AF_INET, 8, false), one = 1;
    struct sockaddr_in here = place("127.0.0.9", 7777), there = place("127.0.0.1", PORT);
    struct process process = observe("");
    for (int i = 0; i < 3; i++) {
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&here, sizeof here), 0);
        ck_assert_int_eq(connect(fd, (struct sockaddr *)&there, sizeof there), 0);
        int accepted = accept_one(listener);
        end_with_reset(fd);
        close(accepted);
    }
    json_t *report = interrupted(&process), *row;
    size_t i;
    ck_assert_uint_eq(json_array_size(connections(report)), 3);
    json_array_foreach(connections(report), i, row)
    {
        ck_assert_str_eq(report_text(row, "peer"), "127.0.0.9:7777");
        ck_assert(is_known(row, "accepted_us"));
    }
    json_decref(report);
    close(listener);
}
END_TEST

/* ---- What cannot be told ---- */

/* Those in the queue die with it, and nobody is said to have accepted them. */
START_TEST(a_queue_dies_with_its_listener)
{
    int clients[4];
    in_private_namespace();
    int listener = listener_at(AF_INET, 3, false);
    struct process process = observe("");
    for (int i = 0; i < 4; i++)
        clients[i] = client(i);
    close(listener);
    json_t *report = interrupted(&process), *row;
    size_t i;
    long cut = 0;
    ck_assert(json_is_true(json_object_get(report_listener(report, 0), "gone")));
    json_array_foreach(connections(report), i, row)
    {
        ck_assert(!is_known(row, "accepted_us"));
        if (!strcmp(report_text(row, "state"), "expired")) /* a look saw its request alone, which had another cookie */
            continue;
        ck_assert_str_eq(report_text(row, "state"), "closed");
        ck_assert_str_eq(report_text(row, "evidence"), "cut");
        cut++;
    }
    ck_assert_int_eq(report_number(report, "unaccepted"), cut);
    if (cut < 4) /* no look saw the others */
        lacks(report, "does not tell their clients' ports");
    json_decref(report);
    for (i = 0; i < 4; i++)
        close(clients[i]);
}
END_TEST

/* So haproxy pauses: shutdown(2), and later listen(2) on the same socket. */
START_TEST(a_listener_that_pauses_goes_on)
{
    char names[4][PEER_SIZE];
    int clients[4], accepted[3];
    in_private_namespace();
    int listener = listener_at(AF_INET, 8, false);
    struct process process = observe("");
    clients[0] = client(0);
    accepted[0] = accept_one(listener);
    ck_assert_int_eq(shutdown(listener, SHUT_RD), 0);
    nanosleep(&(struct timespec){.tv_nsec = 300 * NSEC_PER_MSEC}, NULL); /* for a look in between */
    ck_assert_int_eq(listen(listener, 8), 0);
    for (int i = 1; i < 4; i++)
        clients[i] = client(i);
    for (int i = 1; i < 3; i++)
        accepted[i] = accept_one(listener);
    for (int i = 0; i < 4; i++)
        own_name(clients[i], names[i]);
    json_t *report = interrupted(&process);
    ck_assert_uint_eq(json_array_size(connections(report)), 4);
    for (int i = 0; i < 4; i++) {
        has_state(report, names[i], i < 3 ? "accepted" : "queued", i < 3, false);
        ck_assert(json_is_integer(json_object_get(json_object_get(row_of(report, names[i]), "entered_us"), "min")));
    }
    ck_assert(json_is_false(json_object_get(report_listener(report, 0), "gone")));
    ck_assert_int_eq(report_number(report_listener(report, 0), "queue"), 1);
    ck_assert_msg(is_complete(report), "%s", json_string_value(json_object_get(report, "incomplete")));
    json_decref(report);
    for (int i = 0; i < 4; i++)
        close(clients[i]);
    for (int i = 0; i < 3; i++)
        close(accepted[i]);
    close(listener);
}
END_TEST

/* The kernel wipes the peer's port when a server does that. */
START_TEST(a_server_that_resets_makes_it_incomplete)
{
    in_private_namespace();
    int listener = listener_at(AF_INET, 8, false);
    struct process process = observe("");
    for (int i = 0; i < 50; i++) {
        int one = client(i);
        end_with_reset(accept_one(listener));
        close(one);
    }
    json_t *report = interrupted(&process);
    if (json_array_size(connections(report)) < 50)
        lacks(report, "SO_LINGER");
    json_decref(report);
    close(listener);
}
END_TEST

/* Nothing shows those that were reset at once, while they are in the queue or the server keeps them. */
START_TEST(clients_that_reset_make_it_incomplete)
{
    int kept[8];
    in_private_namespace();
    int listener = listener_at(AF_INET, 64, false);
    struct process process = observe("");
    for (size_t i = 0; i < COUNT(kept); i++) {
        end_with_reset(client((int)i));
        kept[i] = accept_one(listener);
    }
    json_t *report = interrupted(&process);
    if (json_array_size(connections(report)) < COUNT(kept))
        lacks(report, "may not have been seen");
    json_decref(report);
    process = observe("");
    end_with_reset(client(100));
    report = interrupted(&process);
    if (!json_array_size(connections(report)))
        lacks(report, "in the queue may have been reset");
    json_decref(report);
    for (size_t i = 0; i < COUNT(kept); i++)
        close(kept[i]);
    close(listener);
}
END_TEST

/* They keep their place until then, and nothing tells that they were accepted: so they are queued no longer than there is room. */
START_TEST(clients_that_reset_are_queued_until_they_are_accepted)
{
    char names[5][PEER_SIZE];
    int clients[5], kept[3];
    in_private_namespace();
    int listener = listener_at(AF_INET, 64, false);
    struct process process = observe("--every 1ms");
    for (int i = 0; i < 5; i++) {
        clients[i] = client(i);
        own_name(clients[i], names[i]);
    }
    pause_for_looks();
    for (int i = 0; i < 3; i++)
        end_with_reset(clients[i]);
    pause_for_looks();
    if (_i)
        for (int i = 0; i < 3; i++)
            kept[i] = accept_one(listener);
    json_t *report = interrupted(&process);
    long queue = report_number(report_listener(report, 0), "queue");
    ck_assert_int_eq(queue, _i ? 2 : 5);
    ck_assert_int_le(report_number(report, "counts.queued"), queue);
    if (json_array_size(connections(report)) == 5) {
        ck_assert_int_eq(report_number(report, "counts.queued"), queue);
        for (int i = 0; i < 5; i++)
            has_state(report, names[i], i < 3 && _i ? "closed" : "queued", false, i < 3);
        ck_assert_int_eq(report_number(report, "unaccepted"), _i ? 3 : 0);
        ck_assert_msg(is_complete(report), "%s", json_string_value(json_object_get(report, "incomplete")));
    } else
        ck_assert(!is_complete(report));
    json_decref(report);
    for (int i = 0; _i && i < 3; i++)
        close(kept[i]);
    close(clients[3]), close(clients[4]), close(listener);
}
END_TEST

START_TEST(another_listener_makes_it_incomplete)
{
    in_private_namespace();
    int listener = listener_at(AF_INET, 8, true);
    struct process process = observe("");
    int other = listener_at(AF_INET, 8, true), one = client(1);
    json_t *report = interrupted(&process);
    lacks(report, "another listener is on the same port");
    json_decref(report);
    process = observe("");
    report = interrupted(&process); /* both are observed */
    ck_assert(is_complete(report));
    ck_assert_uint_eq(json_array_size(json_object_get(report, "listeners")), 2);
    ck_assert_uint_eq(json_array_size(connections(report)), 1);
    json_decref(report);
    close(one), close(other), close(listener);
}
END_TEST

/* Between two looks it takes over, or is there and gone again. */
START_TEST(a_listener_that_came_or_went_makes_it_incomplete)
{
    in_private_namespace();
    int listener = listener_at(AF_INET, 8, true), any = listener_on("0.0.0.0", AF_INET, 8, true);
    struct process process = observe("--host 127.0.0.1 --every 10s");
    close(listener);
    int one = client(1), accepted = accept_one(any);
    json_t *report = interrupted(&process);
    lacks(report, "another listener is on the same port");
    json_decref(report);
    close(one), close(accepted);
    process = observe("--host 0.0.0.0 --every 10s");
    close(listener_at(AF_INET, 8, true));
    report = interrupted(&process);
    lacks(report, "if it was a listener");
    json_decref(report);
    close(any);
}
END_TEST

/* It is at an address of its own, and the kernel prefers it there: what it has is its own, also when it has gone. */
START_TEST(connections_of_another_listener_are_not_taken_over)
{
    in_private_namespace();
    int any = listener_on("0.0.0.0", AF_INET, 8, true), other = listener_at(AF_INET, 8, true);
    int before = client(1), later = 0;
    struct process process = observe("--host 0.0.0.0 --every 1ms");
    if (_i) {
        later = client(2);
        int first = accept_one(other), second = accept_one(other);
        pause_for_looks();
        close(other);
        pause_for_looks();
        close(first), close(second), close(later);
    }
    json_t *report = interrupted(&process);
    ck_assert_uint_eq(json_array_size(connections(report)), 0);
    if (_i)
        lacks(report, "another listener is on the same port");
    else
        ck_assert_msg(is_complete(report), "%s", json_string_value(json_object_get(report, "incomplete")));
    json_decref(report);
    if (!_i)
        close(other);
    close(before), close(any);
}
END_TEST

/* ---- Addresses ---- */

START_TEST(a_client_is_named_by_its_own_family)
{
    char ipv4[PEER_SIZE], ipv6[PEER_SIZE];
    struct sockaddr_in6 there = {.sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    in_private_namespace();
    if (access("/proc/net/if_inet6", F_OK)) {
        printf("skipped: this kernel has no IPv6\n");
        return;
    }
    int listener = listener_at(AF_INET6, 8, false);
    struct process process = observe("");
    int one = client(1), two = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(two, (struct sockaddr *)&there, sizeof there), 0);
    own_name(one, ipv4), own_name(two, ipv6);
    json_t *report = interrupted(&process);
    ck_assert_uint_eq(json_array_size(connections(report)), 2);
    ck_assert_str_eq(report_text(row_of(report, ipv4), "local"), "127.0.0.1:6001");
    ck_assert_str_eq(report_text(row_of(report, ipv6), "local"), "[::1]:6001");
    json_decref(report);
    close(one), close(two), close(listener);
}
END_TEST

/* ---- When ---- */

/* It happened between `from` and `to`. */
static void holds_moment(const json_t *report, const json_t *row, const char *what, double from, double to)
{
    const json_t *moments = json_object_get(row, what);
    double zero = began_at(report), min = json_number_value(json_object_get(moments, "min")),
           max = json_number_value(json_object_get(moments, "max"));
    ck_assert_msg(zero + min <= to + TOLERANCE && zero + max >= from - TOLERANCE && min <= max,
                  "%s: %.0f to %.0f, was %.0f to %.0f", what, min, max, from - zero, to - zero);
}

START_TEST(times_hold_what_happened)
{
    char peer[PEER_SIZE];
    in_private_namespace();
    int listener = listener_at(AF_INET, 8, false);
    struct process process = observe("--every 1ms");
    double times[6];
    times[0] = wall();
    int one = client(1);
    times[1] = wall();
    own_name(one, peer);
    nanosleep(&(struct timespec){.tv_nsec = 60 * NSEC_PER_MSEC}, NULL);
    times[2] = wall();
    int accepted = accept_one(listener);
    times[3] = wall();
    nanosleep(&(struct timespec){.tv_nsec = 60 * NSEC_PER_MSEC}, NULL);
    times[4] = wall();
    close(accepted);
    close(one);
    times[5] = wall();
    json_t *report = interrupted(&process);
    const json_t *row = row_of(report, peer);
    holds_moment(report, row, "entered_us", times[0], times[1]);
    holds_moment(report, row, "accepted_us", times[2], times[3]);
    holds_moment(report, row, "closed_us", times[4], times[5]);
    json_decref(report);
    close(listener);
}
END_TEST

START_TEST(it_begins_and_ends_at_a_time)
{
    in_private_namespace();
    int listener = listener_at(AF_INET, 8, false);
    struct process process = observe("--start-at +50ms --duration 200ms");
    json_t *report = ended(&process, 0);
    ck_assert_int_ge(report_number(report, "elapsed_us"), 200000);
    ck_assert_int_eq(report_number(report, "options.duration_us"), 200000);
    ck_assert_int_eq(report_number(report, "start.clock_set"), 0);
    ck_assert_int_ge(report_number(report, "start.late_us"), 0);
    ck_assert(json_is_null(json_object_get(report, "interrupted_by")));
    ck_assert_uint_ge(json_array_size(json_object_get(report, "samples")), 2);
    json_decref(report);
    close(listener);
}
END_TEST

/* ---- Elsewhere ---- */

static void says(const char *options, int status, const char *words)
{
    char command[512];
    snprintf(command, sizeof command, "exec %s observe %s", BACKLOGCTL, options);
    struct outcome outcome = process_run((const char *[]){"sh", "-c", command, NULL}, NULL);
    ck_assert_msg(outcome.status == status && (strstr(outcome.out, words) || strstr(outcome.err, words)), "%s: %d: %s%s", options,
                  outcome.status, outcome.out, outcome.err);
    outcome_free(&outcome);
}

START_TEST(the_text_tells_the_totals)
{
    in_private_namespace();
    int listener = listener_at(AF_INET, 8, false), one = client(1);
    says(":6001 --duration 50ms", 0, "connections: 1 queued");
    says(":6001 --duration 50ms", 0, "complete: no other connection was made here");
    says(":6001 --duration 50ms", 0, "accepted before it are not among them");
    says(":6001 --duration 50ms --quiet", 0, "");
    close(one), close(listener);
}
END_TEST

START_TEST(a_socket_without_addresses_is_refused)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING "local('\\0observed')" AND_WAIT, &server))
        return;
    says("--unix @observed", 3, "@observed is an AF_UNIX socket, whose clients have no addresses");
    python_end(&server);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const states[] = {each_state_is_as_the_server_has_it, a_request_is_half_open, a_request_that_expires_is_over,
                                   a_request_that_was_reset_is_no_later_connection, what_was_there_before_is_told_from_what_came};
    const TTest *const many[] = {none_is_missed_at_thousands_a_second, the_last_ones_are_not_missed,
                                 nobody_has_reset_where_nothing_was, a_port_that_is_used_again_is_another_connection};
    const TTest *const limits[] = {a_queue_dies_with_its_listener,           a_listener_that_pauses_goes_on,
                                   a_server_that_resets_makes_it_incomplete, clients_that_reset_make_it_incomplete,
                                   another_listener_makes_it_incomplete,     a_listener_that_came_or_went_makes_it_incomplete};
    const TTest *const rest[] = {a_client_is_named_by_its_own_family, times_hold_what_happened, it_begins_and_ends_at_a_time,
                                 the_text_tells_the_totals, a_socket_without_addresses_is_refused};
    Suite *suite = suite_create("observe");
    suite_add(suite, "states", states, COUNT(states));
    suite_add(suite, "many", many, COUNT(many));
    suite_add(suite, "limits", limits, COUNT(limits));
    TCase *queued = tcase_create("queued");
    tcase_add_loop_test(queued, clients_that_reset_are_queued_until_they_are_accepted, 0, 2);
    suite_add_tcase(suite, queued);
    TCase *others = tcase_create("others");
    tcase_add_loop_test(others, connections_of_another_listener_are_not_taken_over, 0, 2);
    suite_add_tcase(suite, others);
    suite_add(suite, "rest", rest, COUNT(rest));
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
