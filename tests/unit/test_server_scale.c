/* The server with more clients than one descriptor table holds: its threads take over from each other,
   nothing is lost on the way, and nothing is left behind. */
#include "backlogctl/server.h"

#include "backlogctl/fd.h"
#include "process.h"
#include "scene.h"
#include "suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MSEC NSEC_PER_MSEC

/* A table so small that a few hundred clients fill several. The clients' own descriptors lie above it. */
#define SMALL_TABLE 64
#define CLIENTS_FROM 1000
#define CLIENTS 300

static const struct server_settings plain = {.backlog = 4096, .accept_count = ACCEPT_UNLIMITED};

/* ---- Servers ---- */

static void limit_descriptors(rlim_t soft)
{
    struct rlimit limit;
    ck_assert(!getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = soft ? soft : limit.rlim_max;
    ck_assert(!setrlimit(RLIMIT_NOFILE, &limit));
}

static struct server *open_server(const struct server_settings *settings, size_t count)
{
    struct endpoint addresses[] = {{.family = AF_INET, .bytes = {127, 0, 0, 1}}, {.family = AF_INET, .bytes = {127, 0, 0, 2}}};
    struct error err = {0};
    struct server *server = NULL;
    ck_assert_msg(!server_open(&server, settings, addresses, count, NULL, &err), "%s", err.text);
    return server;
}

static void start(struct server *server)
{
    struct error err = {0};
    ck_assert_msg(!server_start(server, &err), "%s", err.text);
}

static void await_accepted(struct server *server, uint64_t count)
{
    ck_assert_uint_eq(server_wait_accepted(server, count, clock_now() + PATIENCE), count);
}

static struct server_totals totals_of(struct server *server)
{
    struct server_totals totals;
    server_flush(server);
    server_totals(server, &totals);
    return totals;
}

/* Totals as soon as so many conversations have ended. */
static struct server_totals await_closed(struct server *server, uint64_t count)
{
    struct server_totals totals;
    nsec deadline = clock_now() + PATIENCE;
    do {
        poll(NULL, 0, 2);
        server_totals(server, &totals);
    } while (totals.closed < count && clock_now() < deadline);
    ck_assert_uint_eq(totals.closed, count);
    return totals;
}

/* ---- What the process holds ---- */

static size_t entries_of(const char *path)
{
    size_t count = 0;
    DIR *directory = opendir(path);
    ck_assert_msg(directory != NULL, "%s: %s", path, strerror(errno));
    while (readdir(directory))
        count++;
    closedir(directory);
    return count - 2;
}

static size_t thread_count(void)
{
    return entries_of("/proc/self/task");
}

struct holdings {
    size_t threads, descriptors;
};

static struct holdings holdings_now(void)
{
    return (struct holdings){.threads = thread_count(), .descriptors = entries_of("/proc/self/fd")};
}

/* A joined thread takes a moment to leave /proc. */
static void check_holdings(struct holdings before)
{
#ifndef __SANITIZE_THREAD__ /* which begins a thread of its own with the first of ours */
    nsec deadline = clock_now() + PATIENCE;
    while (thread_count() > before.threads && clock_now() < deadline)
        poll(NULL, 0, 1);
    ck_assert_uint_eq(thread_count(), before.threads);
#endif
    ck_assert_uint_eq(entries_of("/proc/self/fd"), before.descriptors);
}

/* ---- Clients ---- */

static int idle_socket(void)
{
    int low = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = fcntl(low, F_DUPFD_CLOEXEC, CLIENTS_FROM);
    ck_assert_msg(low >= 0 && fd >= 0, "socket: %s", strerror(errno));
    close(low);
    struct timeval patience = {.tv_sec = PATIENCE / NSEC_PER_SEC};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

static void dial_on(int fd, const struct server *server, size_t listener)
{
    struct listener to;
    struct sockaddr_storage address;
    server_listener(server, listener, &to);
    socklen_t size = endpoint_to_sockaddr(&to.local, &address);
    ck_assert_msg(!connect(fd, (struct sockaddr *)&address, size), "connect: %s", strerror(errno));
}

/* By turns at each of the listeners. */
static void dial_many(const struct server *server, int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fds[i] = idle_socket();
        dial_on(fds[i], server, i % server_listener_count(server));
    }
}

static void close_many(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fd_close(&fds[i]);
}

static struct endpoint name_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    ck_assert(!getsockname(fd, (struct sockaddr *)&address, &size));
    return endpoint_from_sockaddr(&address);
}

static void hear(int fd, const char *text)
{
    char heard[64] = "";
    size_t length = strlen(text), got = 0;
    while (got < length) {
        ssize_t more = recv(fd, heard + got, length - got, 0);
        ck_assert_msg(more > 0, "recv: %s", more ? strerror(errno) : "end");
        got += (size_t)more;
    }
    ck_assert_str_eq(heard, text);
}

static void say(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Everyone speaks before anyone is answered. */
static void check_conversations(const int *fds, size_t count)
{
    char line[32];
    for (size_t i = 0; i < count; i++) {
        snprintf(line, sizeof line, "I am %zu\n", i);
        say(fds[i], line);
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(line, sizeof line, "I am %zu!\n", i);
        hear(fds[i], line);
    }
}

/* What a client that was not accepted, or whose server has gone, hears at last: 0 for an end, or the errno.
   */
static int last_words(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    ck_assert_int_le(got, 0);
    return got ? errno : 0;
}

static void check_refused(const struct endpoint *to)
{
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(to, &address);
    SCOPED_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(connect(fd, (struct sockaddr *)&address, size) && errno == ECONNREFUSED);
}

/* ---- A server on a loop of the test's own ---- */

/* For more events than are worth keeping. */
struct tally {
    uint64_t accepted, closed, queue;
    bool in_order;
};

static void count_event(void *context, const struct server_event *event)
{
    struct tally *tally = context;
    if (event->kind == SERVER_ACCEPTED)
        tally->in_order = event->number == ++tally->accepted && (tally->in_order || event->number == 1);
    tally->closed += event->kind == SERVER_CLOSED;
    tally->queue = event->queue;
}

/* ---- Holding ---- */

START_TEST(clients_beyond_one_table_are_held_by_further_threads)
{
    in_private_namespace();
    struct holdings before = holdings_now();
    struct server_settings settings = plain;
    settings.greeting = "hello";
    struct server *server = open_server(&settings, 1 + (size_t)_i);
    int fds[CLIENTS];
    dial_many(server, fds, CLIENTS);
    limit_descriptors(SMALL_TABLE);
    start(server);
    await_accepted(server, CLIENTS);
    ck_assert_uint_ge(thread_count(), 1 + CLIENTS / SMALL_TABLE);
    for (size_t i = 0; i < CLIENTS; i++)
        hear(fds[i], "hello\n");
    check_conversations(fds, CLIENTS);
    struct server_totals totals = totals_of(server);
    ck_assert_uint_eq(totals.accepted, CLIENTS);
    ck_assert_uint_eq(totals.open, CLIENTS);
    ck_assert_uint_eq(totals.queue, 0);
    for (size_t i = 0; i < CLIENTS; i += 2)
        say(fds[i], "end\n");
    for (size_t i = 0; i < CLIENTS; i += 2)
        ck_assert_int_eq(last_words(fds[i]), 0);
    ck_assert_uint_eq(await_closed(server, CLIENTS / 2).open, CLIENTS / 2);
    server_release(server);
    close_many(fds, CLIENTS);
    limit_descriptors(0);
    check_holdings(before);
}
END_TEST

START_TEST(accepts_are_recorded_in_order_across_threads)
{
    in_private_namespace();
    struct server *server = open_server(&plain, 1);
    int fds[CLIENTS];
    dial_many(server, fds, CLIENTS);
    limit_descriptors(SMALL_TABLE);
    start(server);
    /* Waited for one by one. */
    for (uint64_t i = 1; i <= CLIENTS; i++)
        ck_assert_uint_ge(server_wait_accepted(server, i, clock_now() + PATIENCE), i);
    server_stop(server);
    size_t count;
    const struct server_accept *accepts = server_accepts(server, &count);
    ck_assert_uint_eq(count, CLIENTS);
    for (size_t i = 0; i < count; i++) {
        struct endpoint name = name_of(fds[i]);
        ck_assert(endpoint_equal(&accepts[i].peer, &name));
        ck_assert(!i || accepts[i].at >= accepts[i - 1].at);
    }
    close_many(fds, CLIENTS);
    server_release(server);
}
END_TEST

START_TEST(threads_that_clients_have_left_accept_again)
{
    in_private_namespace();
    struct server *server = open_server(&plain, 1);
    int fds[CLIENTS];
    dial_many(server, fds, CLIENTS);
    limit_descriptors(SMALL_TABLE);
    start(server);
    await_accepted(server, CLIENTS);
    size_t threads = thread_count();
    for (uint64_t round = 1; round <= 5; round++) {
        /* All but a few of the newest, so that every table has room. */
        for (size_t i = 0; i < CLIENTS - 10; i++)
            shutdown(fds[i], SHUT_WR);
        for (size_t i = 0; i < CLIENTS - 10; i++)
            ck_assert_int_eq(last_words(fds[i]), 0);
        await_closed(server, round * (CLIENTS - 10));
        limit_descriptors(0);
        close_many(fds, CLIENTS - 10);
        dial_many(server, fds, CLIENTS - 10);
        limit_descriptors(SMALL_TABLE);
        await_accepted(server, CLIENTS + round * (CLIENTS - 10));
        check_conversations(fds, CLIENTS);
    }
    /* One more may have been made while the tables were small. */
    ck_assert_uint_le(thread_count(), threads + 1);
    close_many(fds, CLIENTS);
    server_release(server);
}
END_TEST

START_TEST(a_long_queue_is_accepted_first_and_answered_then)
{
    enum { MANY = 5000, TABLE = 2000 };
    struct rlimit limit;
    in_private_namespace();
    set_sysctl("net.core.somaxconn", "16384");
    ck_assert(!getrlimit(RLIMIT_NOFILE, &limit));
    if (limit.rlim_max < CLIENTS_FROM + MANY + 100) {
        skip("the limit on open files is %llu", (unsigned long long)limit.rlim_max);
    }
    struct server_settings settings = plain;
    settings.backlog = 16384;
    settings.greeting = "hello";
    struct server *server = open_server(&settings, 1);
    int *fds = malloc(MANY * sizeof *fds);
    limit_descriptors(0);
    dial_many(server, fds, MANY);
    limit_descriptors(TABLE);
    start(server);
    for (size_t i = 0; i < MANY; i++)
        hear(fds[i], "hello\n");
    check_conversations(fds, MANY);
    ck_assert_uint_eq(server_wait_accepted(server, MANY, 0), MANY);
    close_many(fds, MANY);
    await_closed(server, MANY);
    server_release(server);
    free(fds);
}
END_TEST

START_TEST(a_delay_is_kept_across_threads)
{
    enum { FEW = 3 * SMALL_TABLE };
    in_private_namespace();
    struct server_settings settings = plain;
    settings.accept_delay = MSEC;
    struct server *server = open_server(&settings, 2);
    int fds[FEW];
    dial_many(server, fds, FEW);
    limit_descriptors(SMALL_TABLE);
    start(server);
    await_accepted(server, FEW);
    check_conversations(fds, FEW);
    server_stop(server);
    size_t count;
    const struct server_accept *accepts = server_accepts(server, &count);
    ck_assert_uint_eq(count, FEW);
    for (size_t i = 1; i < count; i++)
        ck_assert_int_ge(accepts[i].at, accepts[i - 1].at + settings.accept_delay);
    close_many(fds, FEW);
    server_release(server);
}
END_TEST

/* ---- Events ---- */

START_TEST(events_of_all_threads_come_in_order_on_the_callers)
{
    in_private_namespace();
    struct holdings before = holdings_now();
    struct server *server = open_server(&plain, 2);
    struct endpoint names[CLIENTS];
    int fds[CLIENTS];
    struct scene *scene = malloc(sizeof *scene);
    dial_many(server, fds, CLIENTS);
    limit_descriptors(SMALL_TABLE);
    scene_attach(scene, server);
    scene_await(scene, SERVER_ACCEPTED, CLIENTS);
    /* The caller's table is full too. */
    limit_descriptors(0);
    ck_assert_uint_gt(thread_count(), 1);
    ck_assert_uint_eq(count_of(scene, SERVER_STARVED), 0);
    for (size_t i = 0; i < CLIENTS; i++)
        names[i] = name_of(fds[i]);
    close_many(fds, CLIENTS);
    scene_await(scene, SERVER_CLOSED, CLIENTS);
    bool accepted[CLIENTS + 1] = {false}, closed[CLIENTS + 1] = {false}, named[CLIENTS] = {false};
    uint64_t last = 0;
    for (size_t i = 0; i < scene->count; i++) {
        const struct server_event *event = &scene->events[i];
        if (event->kind == SERVER_ACCEPTED) {
            ck_assert_uint_eq(event->number, ++last);
            accepted[last] = true;
            for (size_t c = 0; c < CLIENTS; c++)
                named[c] = named[c] || endpoint_equal(&event->peer, &names[c]);
        } else if (event->kind == SERVER_CLOSED) {
            ck_assert(accepted[event->number] && !closed[event->number]);
            closed[event->number] = true;
        }
    }
    for (size_t c = 0; c < CLIENTS; c++)
        ck_assert(named[c]);
    /* The caller's thread holds its share as well. */
    ck_assert_uint_eq(totals_of(server).open, 0);
    scene_close(scene);
    free(scene);
    check_holdings(before);
}
END_TEST

/* With a crowd the caller's thread passes events on, and others accept. */
START_TEST(events_of_a_crowd_are_complete)
{
    enum { CROWD = 3000 };
    in_private_namespace();
    struct server *server = open_server(&plain, 1);
    int *fds = malloc(CROWD * sizeof *fds);
    dial_many(server, fds, CROWD);
    struct tally tally = {0};
    struct loop loop;
    ck_assert(!loop_init(&loop, false, NULL));
    ck_assert(!server_attach(server, &loop, count_event, &tally, NULL));
    nsec deadline = clock_now() + 2 * PATIENCE;
    while (tally.accepted < CROWD && clock_now() < deadline)
        ck_assert(!loop_run(&loop, clock_now() + 2 * MSEC, NULL));
    ck_assert_uint_gt(thread_count(), 1);
    for (int i = 0; i < CROWD; i++)
        say(fds[i], i % 2 ? "Hey\n" : "end\n");
    while (tally.closed < CROWD / 2 && clock_now() < deadline)
        ck_assert(!loop_run(&loop, clock_now() + 2 * MSEC, NULL));
    for (int i = 0; i < CROWD; i++)
        if (i % 2)
            hear(fds[i], "Hey!\n");
    server_stop(server);
    server_flush(server);
    ck_assert(tally.in_order);
    ck_assert_uint_eq(tally.accepted, CROWD);
    ck_assert_uint_eq(tally.closed, CROWD / 2);
    ck_assert_uint_eq(tally.queue, 0);
    ck_assert_uint_eq(totals_of(server).open, CROWD / 2);
    close_many(fds, CROWD);
    server_release(server);
    loop_release(&loop);
    free(fds);
}
END_TEST

START_TEST(changes_of_the_queue_are_sampled_and_the_last_is_told)
{
    in_private_namespace();
    struct server_settings settings = plain;
    settings.accept_count = 0;
    struct server *server = open_server(&settings, 1);
    struct scene *scene = malloc(sizeof *scene);
    scene_attach(scene, server);
    int fds[CLIENTS];
    nsec began = clock_now();
    for (size_t i = 0; i < CLIENTS; i++) {
        dial_many(server, &fds[i], 1);
        ck_assert(!loop_run(&scene->loop, 0, NULL));
    }
    nsec took = clock_now() - began;
    ck_assert(!loop_run(&scene->loop, clock_now() + 50 * MSEC, NULL));
    ck_assert_uint_le(count_of(scene, SERVER_QUEUE), (size_t)(took / (10 * MSEC)) + 3);
    ck_assert_int_eq(scene->events[scene->count - 1].kind, SERVER_QUEUE);
    ck_assert_uint_eq(scene->events[scene->count - 1].queue, CLIENTS);
    close_many(fds, CLIENTS);
    scene_close(scene);
    free(scene);
}
END_TEST

/* The limit falls below what every table has in use, and a new table would not be worth a thread. */
START_TEST(without_room_in_any_table_it_waits_for_a_client_to_leave)
{
    enum { LATE = 3, LOW_LIMIT = 20 };
    in_private_namespace();
    struct server *server = open_server(&plain, 1);
    struct scene *scene = malloc(sizeof *scene);
    int fds[CLIENTS], late[LATE];
    dial_many(server, fds, CLIENTS);
    for (size_t i = 0; i < LATE; i++)
        late[i] = idle_socket();
    limit_descriptors(SMALL_TABLE);
    scene_attach(scene, server);
    scene_await(scene, SERVER_ACCEPTED, CLIENTS);
    limit_descriptors(LOW_LIMIT);
    for (size_t i = 0; i < LATE; i++)
        dial_on(late[i], server, 0);
    scene_await(scene, SERVER_STARVED, 1);
    ck_assert(!loop_run(&scene->loop, clock_now() + 250 * MSEC, NULL));
    ck_assert_uint_eq(count_of(scene, SERVER_STARVED), 1);
    ck_assert_uint_eq(count_of(scene, SERVER_ACCEPTED), CLIENTS);
    /* The first of each table have the low numbers; only they make room. Which tables they are in does not
       matter. */
    close_many(fds, CLIENTS);
    scene_await(scene, SERVER_ACCEPTED, CLIENTS + LATE);
    close_many(late, LATE);
    scene_close(scene);
    free(scene);
}
END_TEST

/* ---- The end ---- */

/* By its duration, with a queue that nobody will take: on a thread of its own, and on the caller's loop. */
START_TEST(the_end_of_the_listeners_reaches_every_table)
{
    enum { TAKEN = CLIENTS - 50 };
    in_private_namespace();
    struct server_settings settings = plain;
    settings.accept_count = TAKEN;
    settings.duration = 1500 * MSEC;
    struct server *server = open_server(&settings, 2);
    struct scene *scene = malloc(sizeof *scene);
    struct listener listeners[2];
    int fds[CLIENTS], reset = 0, open = 0;
    server_listener(server, 0, &listeners[0]);
    server_listener(server, 1, &listeners[1]);
    dial_many(server, fds, CLIENTS);
    limit_descriptors(SMALL_TABLE);
    if (_i) {
        scene_attach(scene, server);
        ck_assert(!loop_run(&scene->loop, clock_now() + PATIENCE, NULL));
        server_flush(server);
        ck_assert_uint_eq(count_of(scene, SERVER_ACCEPTED), TAKEN);
        ck_assert_uint_eq(count_of(scene, SERVER_STOPPED), 1);
    } else {
        start(server);
        ck_assert_uint_eq(server_wait_accepted(server, CLIENTS, clock_now() + PATIENCE), TAKEN);
        struct listener now;
        nsec deadline = clock_now() + PATIENCE;
        do {
            poll(NULL, 0, 2);
            server_listener(server, 1, &now);
        } while (now.known && clock_now() < deadline);
        ck_assert(!now.known);
    }
    limit_descriptors(0);
    check_refused(&listeners[0].local);
    check_refused(&listeners[1].local);
    for (size_t i = 0; i < CLIENTS; i++) {
        char byte;
        ssize_t got = recv(fds[i], &byte, 1, MSG_DONTWAIT);
        reset += got < 0 && errno == ECONNRESET;
        open += got < 0 && errno == EAGAIN;
    }
    ck_assert_int_eq(open, TAKEN);
    ck_assert_int_eq(reset, CLIENTS - TAKEN);
    ck_assert_uint_eq(totals_of(server).open, TAKEN);
    server_release(server);
    if (_i)
        loop_release(&scene->loop);
    for (size_t i = 0; i < CLIENTS; i++)
        last_words(fds[i]);
    close_many(fds, CLIENTS);
    free(scene);
}
END_TEST

START_TEST(clients_stay_connected_from_stop_to_release)
{
    in_private_namespace();
    struct holdings before = holdings_now();
    struct server_settings settings = plain;
    settings.accept_count = CLIENTS - 20;
    struct server *server = open_server(&settings, 1);
    struct listener listener;
    int fds[CLIENTS];
    server_listener(server, 0, &listener);
    dial_many(server, fds, CLIENTS);
    limit_descriptors(SMALL_TABLE);
    start(server);
    await_accepted(server, CLIENTS - 20);
    server_stop(server);
    server_stop(server);
    for (size_t i = 0; i < CLIENTS; i++) {
        char byte;
        ck_assert(recv(fds[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    }
    ck_assert_uint_eq(totals_of(server).queue, 20);
    server_release(server);
    for (size_t i = 0; i < CLIENTS; i++)
        ck_assert_int_eq(last_words(fds[i]), i < CLIENTS - 20 ? 0 : ECONNRESET);
    limit_descriptors(0);
    check_refused(&listener.local);
    close_many(fds, CLIENTS);
    check_holdings(before);
}
END_TEST

/* A thread's table has copies of what it needs alone: what the program closes is closed. */
START_TEST(threads_hold_nothing_of_the_callers)
{
    in_private_namespace();
    int low[2], high[2];
    char byte;
    ck_assert(!pipe2(low, O_CLOEXEC | O_NONBLOCK));
    struct server *server = open_server(&plain, 1);
    ck_assert(!pipe2(high, O_CLOEXEC | O_NONBLOCK));
    int fds[CLIENTS];
    dial_many(server, fds, CLIENTS);
    limit_descriptors(SMALL_TABLE);
    start(server);
    await_accepted(server, CLIENTS);
    close(low[1]);
    close(high[1]);
    ck_assert_int_eq(read(low[0], &byte, 1), 0);
    ck_assert_int_eq(read(high[0], &byte, 1), 0);
    /* Its clients do not count against the caller. */
    int fd = fcntl(0, F_DUPFD_CLOEXEC, 0);
    ck_assert_int_lt(fd, 20);
    close(fd);
    /* And the caller's are really gone when it closes them. */
    close_many(fds, CLIENTS);
    await_closed(server, CLIENTS);
    server_release(server);
    close(low[0]);
    close(high[0]);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("server_scale");
    const TTest *const holding[] = {accepts_are_recorded_in_order_across_threads, threads_that_clients_have_left_accept_again,
                                    a_long_queue_is_accepted_first_and_answered_then, a_delay_is_kept_across_threads,
                                    threads_hold_nothing_of_the_callers};
    const TTest *const events[] = {events_of_all_threads_come_in_order_on_the_callers, events_of_a_crowd_are_complete,
                                   changes_of_the_queue_are_sampled_and_the_last_is_told,
                                   without_room_in_any_table_it_waits_for_a_client_to_leave};
    const TTest *const end[] = {clients_stay_connected_from_stop_to_release};
    suite_add(suite, "holding", holding, COUNT(holding));
    suite_add(suite, "events", events, COUNT(events));
    suite_add(suite, "end", end, COUNT(end));
    TCase *either = tcase_create("either");
    tcase_add_loop_test(either, clients_beyond_one_table_are_held_by_further_threads, 0, 2);
    tcase_add_loop_test(either, the_end_of_the_listeners_reaches_every_table, 0, 2);
    suite_add_tcase(suite, either);
    return suite;
}

SUITE_MAIN(make_suite)
