/* The server against real clients on a private loopback: binding, accepting, conversations, events, its
   thread. */
#include "backlogctl/server.h"

#include "backlogctl/fd.h"
#include "process.h"
#include "scene.h"
#include "suite.h"

#include <arpa/inet.h>
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

static const struct server_settings plain = {.backlog = 128, .accept_count = ACCEPT_UNLIMITED};

/* ---- Addresses ---- */

static struct endpoint endpoint_of(const char *address, uint16_t port)
{
    struct endpoint e = {.family = strchr(address, ':') ? AF_INET6 : AF_INET, .port = port};
    ck_assert_int_eq(inet_pton(e.family, address, e.bytes), 1);
    return e;
}

static bool have_ipv6(void)
{
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool have = fd >= 0;
    fd_close(&fd);
    return have && !access("/proc/sys/net/ipv6", F_OK);
}

/* ---- Servers ---- */

static struct server *open_at(const struct server_settings *settings, const char *const *addresses, size_t count, uint16_t port)
{
    struct endpoint list[4];
    struct error err = {0};
    struct server *server = NULL;
    for (size_t i = 0; i < count; i++)
        list[i] = endpoint_of(addresses[i], port);
    ck_assert_msg(!server_open(&server, settings, list, count, NULL, &err), "%s", err.text);
    return server;
}

static struct server *open_local(const struct server_settings *settings)
{
    static const char *const address[] = {"127.0.0.1"};
    return open_at(settings, address, 1, 0);
}

static struct server *start_local(const struct server_settings *settings)
{
    struct error err = {0};
    struct server *server = open_local(settings);
    ck_assert_msg(!server_start(server, &err), "%s", err.text);
    return server;
}

static struct listener listener_of(const struct server *server, size_t index)
{
    struct listener listener;
    server_listener(server, index, &listener);
    return listener;
}

static struct server_totals totals_of(struct server *server)
{
    struct server_totals totals;
    server_flush(server);
    server_totals(server, &totals);
    return totals;
}

static void scene_open(struct scene *scene, const struct server_settings *settings)
{
    scene_attach(scene, open_local(settings));
}

/* ---- Clients ---- */

static int dial(const struct endpoint *to, bool wait)
{
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(to, &address);
    int fd = socket(to->family, SOCK_STREAM | SOCK_CLOEXEC | (wait ? 0 : SOCK_NONBLOCK), 0);
    ck_assert_msg(fd >= 0, "socket: %s", strerror(errno));
    struct timeval patience = {.tv_sec = PATIENCE / NSEC_PER_SEC};
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int status = connect(fd, (struct sockaddr *)&address, size);
    ck_assert_msg(!status || errno == EINPROGRESS, "connect: %s", strerror(errno));
    return fd;
}

static int client_of(const struct server *server)
{
    struct listener listener = listener_of(server, 0);
    return dial(&listener.local, true);
}

/* Its SYN may be dropped. */
static int hopeful_client_of(const struct server *server)
{
    struct listener listener = listener_of(server, 0);
    return dial(&listener.local, false);
}

static struct endpoint name_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    ck_assert(!getsockname(fd, (struct sockaddr *)&address, &size));
    return endpoint_from_sockaddr(&address);
}

static void say(int fd, const char *bytes, size_t count)
{
    while (count) {
        ssize_t sent = send(fd, bytes, count, MSG_NOSIGNAL);
        ck_assert_msg(sent > 0, "send: %s", strerror(errno));
        bytes += sent;
        count -= (size_t)sent;
    }
}

static void say_text(int fd, const char *text)
{
    say(fd, text, strlen(text));
}

static void hear(int fd, char *out, size_t count)
{
    size_t heard = 0;
    while (heard < count) {
        ssize_t got = recv(fd, out + heard, count - heard, 0);
        ck_assert_msg(got > 0, "recv: %s after %zu of %zu bytes", got ? strerror(errno) : "end", heard, count);
        heard += (size_t)got;
    }
}

static void hear_text(int fd, const char *text)
{
    char heard[256] = "";
    ck_assert_uint_lt(strlen(text), sizeof heard);
    hear(fd, heard, strlen(text));
    ck_assert_str_eq(heard, text);
}

static void hear_end(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    ck_assert_msg(!got, "%s", got > 0 ? "more came" : strerror(errno));
}

/* ---- Conversation ---- */

#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *said;
    size_t said_size;
    const char *heard;
    size_t heard_size;
    bool ends; /* by itself, without the client's end */
} exchanges[] = {
    {BYTES(""), BYTES(""), false},
    {BYTES("Hey\n"), BYTES("Hey!\n"), false},
    {BYTES("Hey\r\n"), BYTES("Hey!\r\n"), false},
    {BYTES("\n"), BYTES("!\n"), false},
    {BYTES("\r\n"), BYTES("!\r\n"), false},
    {BYTES("a\nb\r\nc\n"), BYTES("a!\nb!\r\nc!\n"), false},
    {BYTES("a\rb\n"), BYTES("a\rb!\n"), false},
    {BYTES("a\r\r\n"), BYTES("a\r!\r\n"), false},
    {BYTES("\0x\0\n"), BYTES("\0x\0!\n"), false},
    {BYTES("caf\xc3\xa9\n"), BYTES("caf\xc3\xa9!\n"), false},
    {BYTES("unfinished"), BYTES(""), false},
    {BYTES("a\nunfinished\r"), BYTES("a!\n"), false},
    {BYTES("end"), BYTES(""), false},
    {BYTES("end\n"), BYTES(""), true},
    {BYTES("end\r\n"), BYTES(""), true},
    {BYTES("a\nend\n"), BYTES("a!\n"), true},
    {BYTES("a\nend\nb\n"), BYTES("a!\n"), true},
    {BYTES("END\n"), BYTES("END!\n"), false},
    {BYTES("ends\n"), BYTES("ends!\n"), false},
    {BYTES("en\nd\n"), BYTES("en!\nd!\n"), false},
    {BYTES(" end\n"), BYTES(" end!\n"), false},
    {BYTES("end \n"), BYTES("end !\n"), false},
    {BYTES("end\r\r\n"), BYTES("end\r!\r\n"), false},
    {BYTES("end!\n"), BYTES("end!!\n"), false},
};

static void check_exchange(struct server *server, size_t row, bool bytewise)
{
    char heard[64];
    int fd = client_of(server);
    for (size_t i = 0; i < exchanges[row].said_size; i += bytewise ? 1 : exchanges[row].said_size) {
        /* Behind `end` the connection may be gone already. */
        ssize_t sent = send(fd, exchanges[row].said + i, bytewise ? 1 : exchanges[row].said_size, MSG_NOSIGNAL);
        ck_assert(sent > 0 || exchanges[row].ends);
    }
    hear(fd, heard, exchanges[row].heard_size);
    ck_assert_msg(!memcmp(heard, exchanges[row].heard, exchanges[row].heard_size), "row %zu: %.*s", row,
                  (int)exchanges[row].heard_size, heard);
    if (!exchanges[row].ends)
        shutdown(fd, SHUT_WR);
    /* Sent bytewise, what stands behind `end` can come after the close and is answered by a reset. */
    if (!bytewise || !exchanges[row].ends)
        hear_end(fd);
    close(fd);
}

START_TEST(lines_come_back_with_an_exclamation_mark)
{
    in_private_namespace();
    struct server *server = start_local(&plain);
    for (size_t i = 0; i < COUNT(exchanges); i++) {
        check_exchange(server, i, false);
        check_exchange(server, i, true);
    }
    server_stop(server);
    ck_assert_uint_eq(totals_of(server).accepted, 2 * COUNT(exchanges));
    server_release(server);
}
END_TEST

START_TEST(long_lines_come_back_whole)
{
    static const size_t lengths[] = {4095, 4096, 4097, 4098, 4099, 8193, 8194, 8195, 16384, 100000};
    static const char *const tails[] = {"\n", "\r\n", "\r\r\n", "end\n", "\nend\n"};
    in_private_namespace();
    struct server *server = start_local(&plain);
    for (size_t l = 0; l < COUNT(lengths); l++)
        for (size_t t = 0; t < COUNT(tails); t++) {
            size_t length = lengths[l];
            const char *newline = strchr(tails[t], '\n');
            size_t before = (size_t)(newline - tails[t]);
            size_t text = before - (before && newline[-1] == '\r');
            char *line = malloc(length + 16), *heard = malloc(length + 16), *wanted = malloc(length + 16);
            memset(line, 'x', length);
            memcpy(wanted, line, length);
            strcpy(line + length, tails[t]);
            size_t size = length + (size_t)sprintf(wanted + length, "%.*s!%.*s\n", (int)text, tails[t], (int)(before - text),
                                                   tails[t] + text);
            int fd = client_of(server);
            say_text(fd, line);
            hear(fd, heard, size);
            ck_assert_msg(!memcmp(heard, wanted, size), "%zu bytes, tail %zu", length, t);
            shutdown(fd, SHUT_WR);
            hear_end(fd);
            close(fd);
            free(line);
            free(heard);
            free(wanted);
        }
    server_release(server);
}
END_TEST

/* Each client says a letter of each of its lines in turn. */
START_TEST(many_clients_do_not_mix)
{
    enum { CLIENTS = 200, LINES = 5 };
    static const char text[] = "abcdefg";
    in_private_namespace();
    struct server *server = start_local(&plain);
    int fds[CLIENTS];
    for (int c = 0; c < CLIENTS; c++)
        fds[c] = client_of(server);
    for (int line = 0; line < LINES; line++) {
        for (size_t i = 0; i < sizeof text - 1; i++)
            for (int c = 0; c < CLIENTS; c++)
                say(fds[c], text + i, 1);
        for (int c = CLIENTS - 1; c >= 0; c--) {
            char own[32], wanted[64];
            snprintf(own, sizeof own, " %d of %d\n", c, line);
            say_text(fds[c], own);
            snprintf(wanted, sizeof wanted, "%s %d of %d!\n", text, c, line);
            hear_text(fds[c], wanted);
        }
    }
    for (int c = 0; c < CLIENTS; c++) {
        say_text(fds[c], "end\n");
        hear_end(fds[c]);
        close(fds[c]);
    }
    server_stop(server);
    struct server_totals totals = totals_of(server);
    ck_assert_uint_eq(totals.accepted, CLIENTS);
    ck_assert_uint_eq(totals.closed, CLIENTS);
    ck_assert_uint_eq(totals.open, 0);
    server_release(server);
}
END_TEST

/* Fills `out` with a text repeated, in step with byte `from` of the whole. */
static void fill(char *out, size_t size, const char *text, size_t from)
{
    for (size_t i = 0, length = strlen(text); i < size; i++)
        out[i] = text[(from + i) % length];
}

/* Sends `text` again and again until `least` bytes went and then nothing for a while; returns how many went. */
static size_t say_until_stuck(int fd, const char *text, size_t least, size_t most)
{
    char chunk[32768];
    size_t said = 0;
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    while (said < most && poll(&writable, 1, said < least ? (int)(PATIENCE / MSEC) : 300) == 1) {
        fill(chunk, sizeof chunk, text, said);
        ssize_t sent = send(fd, chunk, sizeof chunk, MSG_DONTWAIT | MSG_NOSIGNAL);
        ck_assert(sent > 0 || errno == EAGAIN);
        said += sent > 0 ? (size_t)sent : 0;
    }
    return said;
}

/* Hears `text` again and again to the end of the connection; returns how many bytes it was. */
static size_t hear_all(int fd, const char *text)
{
    char chunk[32768], wanted[32768];
    size_t heard = 0;
    ssize_t got;
    while ((got = recv(fd, chunk, sizeof chunk, 0)) > 0) {
        fill(wanted, (size_t)got, text, heard);
        ck_assert_msg(!memcmp(chunk, wanted, (size_t)got), "other bytes behind %zu", heard);
        heard += (size_t)got;
    }
    ck_assert_msg(!got, "recv: %s", strerror(errno));
    return heard;
}

START_TEST(a_client_that_does_not_read_is_not_read_from)
{
    enum { LITTLE = 1 << 20, FAR_TOO_MUCH = 64 << 20 };
    in_private_namespace();
    struct server *server = start_local(&plain);
    int deaf = client_of(server), other = client_of(server);
    size_t said = say_until_stuck(deaf, "ab\n", LITTLE, FAR_TOO_MUCH);
    ck_assert_uint_ge(said, LITTLE);
    ck_assert_uint_lt(said, FAR_TOO_MUCH);
    say_text(other, "still there?\n");
    hear_text(other, "still there?!\n");
    shutdown(deaf, SHUT_WR);
    ck_assert_uint_eq(hear_all(deaf, "ab!\n"), said / 3 * 4);
    close(deaf);
    close(other);
    server_release(server);
}
END_TEST

/* Says it from another thread. */
struct speech {
    int fd;
    const char *bytes;
    size_t count;
};

static void *give_speech(void *argument)
{
    const struct speech *speech = argument;
    say(speech->fd, speech->bytes, speech->count);
    say_text(speech->fd, "end\nnot this\n");
    return NULL;
}

START_TEST(what_is_owed_is_sent_before_the_end)
{
    enum { LINES = 1 << 20 };
    in_private_namespace();
    struct server *server = start_local(&plain);
    int fd = client_of(server);
    char *lines = malloc(2 * LINES);
    fill(lines, 2 * LINES, "x\n", 0);
    /* Not all of them fit into the sockets: so they are sent from a thread of their own. */
    struct speech speech = {fd, lines, 2 * LINES};
    pthread_t speaker;
    ck_assert(!pthread_create(&speaker, NULL, give_speech, &speech));
    poll(NULL, 0, 100);
    ck_assert_uint_eq(hear_all(fd, "x!\n"), 3 * LINES);
    pthread_join(speaker, NULL);
    close(fd);
    free(lines);
    server_release(server);
}
END_TEST

START_TEST(clients_may_leave_in_any_way)
{
    in_private_namespace();
    struct server *server = start_local(&plain);
    struct linger reset = {.l_onoff = 1};
    for (int i = 0; i < 100; i++) {
        int fd = client_of(server);
        if (i % 2)
            say_text(fd, i % 3 ? "x" : "a line\n");
        if (i % 5 < 2)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(fd);
    }
    int fd = client_of(server);
    say_text(fd, "a\n");
    hear_text(fd, "a!\n");
    ck_assert_uint_ge(server_wait_accepted(server, 101, clock_now() + PATIENCE), 101);
    server_stop(server);
    struct server_totals totals = totals_of(server);
    ck_assert_uint_eq(totals.accepted, 101);
    close(fd);
    server_release(server);
}
END_TEST

START_TEST(a_greeting_comes_first)
{
    in_private_namespace();
    struct server_settings settings = plain;
    settings.greeting = "hello there";
    struct server *server = start_local(&settings);
    int fd = client_of(server);
    hear_text(fd, "hello there\n");
    say_text(fd, "Hey\n");
    hear_text(fd, "Hey!\n");
    close(fd);
    server_release(server);
}
END_TEST

START_TEST(a_greeting_of_any_size_arrives)
{
    enum { SIZE = 20 << 20 };
    in_private_namespace();
    char *greeting = malloc(SIZE + 1);
    memset(greeting, 'g', SIZE);
    greeting[SIZE] = '\0';
    struct server_settings settings = plain;
    settings.greeting = greeting;
    struct server *server = start_local(&settings);
    int fd = client_of(server);
    say_text(fd, "Hey\n");
    char *heard = malloc(SIZE + 1);
    hear(fd, heard, SIZE + 1);
    ck_assert(!memcmp(heard, greeting, SIZE) && heard[SIZE] == '\n');
    hear_text(fd, "Hey!\n");
    say_text(fd, "end\n");
    hear_end(fd);
    close(fd);
    server_release(server);
    free(heard);
    free(greeting);
}
END_TEST

/* ---- Binding ---- */

START_TEST(a_listener_tells_what_it_is)
{
    static const struct {
        int32_t backlog;
        uint64_t effective;
    } rows[] = {{0, 0}, {1, 1}, {2, 2}, {50, 50}, {51, 50}, {-1, 50}, {INT32_MAX, 50}, {INT32_MIN, 50}};
    in_private_namespace();
    set_sysctl("net.core.somaxconn", "50");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct server_settings settings = plain;
        settings.backlog = rows[i].backlog;
        struct server *server = open_local(&settings);
        ck_assert_uint_eq(server_listener_count(server), 1);
        struct listener listener = listener_of(server, 0);
        ck_assert(listener.known && listener.discarded_known);
        ck_assert_uint_eq(listener.backlog, rows[i].effective);
        ck_assert_uint_eq(listener.capacity, rows[i].effective + 1);
        ck_assert_uint_eq(listener.queue, 0);
        ck_assert_uint_eq(listener.discarded, 0);
        ck_assert_uint_eq(listener.members, 1);
        ck_assert_uint_ne(listener.local.port, 0);
        ck_assert_uint_ne(listener.inode, 0);
        ck_assert_uint_ne(listener.cookie, 0);
        ck_assert_int_eq(listener.pid, getpid());
        ck_assert_str_ne(listener.process, "");
        server_release(server);
    }
}
END_TEST

/* A port range in which the port that the first address picks is taken at the second one half of the time. */
START_TEST(all_addresses_take_the_port_that_one_picks)
{
    static const char *const addresses[] = {"127.0.0.1", "127.0.0.2", "127.0.0.3"};
    in_private_namespace();
    set_sysctl("net.ipv4.ip_local_port_range", "40000 40007");
    struct server *taken = open_at(&plain, addresses + 1, 1, 40001);
    for (int i = 0; i < 20; i++) {
        struct server *server = open_at(&plain, addresses, 3, 0);
        ck_assert_uint_eq(server_listener_count(server), 3);
        for (size_t a = 0; a < 3; a++) {
            struct listener listener = listener_of(server, a);
            struct endpoint wanted = endpoint_of(addresses[a], listener_of(server, 0).local.port);
            ck_assert(endpoint_equal(&listener.local, &wanted));
        }
        server_release(server);
    }
    server_release(taken);
}
END_TEST

START_TEST(a_port_in_use_is_an_error_that_names_it)
{
    in_private_namespace();
    struct server *first = open_local(&plain), *second = NULL;
    struct endpoint local = listener_of(first, 0).local;
    struct error err = {0}, left_out = {0};
    char text[ENDPOINT_TEXT_SIZE];
    ck_assert_int_eq(server_open(&second, &plain, &local, 1, &left_out, &err), -EADDRINUSE);
    ck_assert_ptr_null(second);
    ck_assert_int_eq(err.code, EADDRINUSE);
    ck_assert_int_eq(left_out.code, EADDRINUSE);
    ck_assert_msg(strstr(err.text, endpoint_text(&local, text)), "%s", err.text);
    server_release(second);
    server_release(first);
}
END_TEST

START_TEST(addresses_that_cannot_be_bound_are_left_out)
{
    in_private_namespace();
    struct endpoint addresses[] = {endpoint_of("192.0.2.1", 0), endpoint_of("127.0.0.1", 0), endpoint_of("192.0.2.2", 0)};
    struct error left_out[3], err = {0};
    struct server *server = NULL;
    memset(left_out, 0xff, sizeof left_out);
    ck_assert(!server_open(&server, &plain, addresses, 3, left_out, &err));
    ck_assert_int_eq(left_out[0].code, EADDRNOTAVAIL);
    ck_assert_int_eq(left_out[1].code, 0);
    ck_assert_int_eq(left_out[2].code, EADDRNOTAVAIL);
    ck_assert_msg(strstr(left_out[0].text, "192.0.2.1"), "%s", left_out[0].text);
    ck_assert_uint_eq(server_listener_count(server), 1);
    ck_assert_uint_ne(listener_of(server, 0).local.port, 0);
    server_release(server);
}
END_TEST

START_TEST(ipv6_any_serves_both_families)
{
    static const struct {
        const char *addresses[2];
        size_t count;
        const char *reachable[2], *unreachable;
    } rows[] = {
        {{"::"}, 1, {"127.0.0.1", "::1"}, NULL},
        {{"::1"}, 1, {"::1", "::1"}, "127.0.0.1"},
        {{"127.0.0.1", "::1"}, 2, {"127.0.0.1", "::1"}, "127.0.0.2"},
        {{"0.0.0.0", "::"}, 2, {"127.0.0.1", "::1"}, NULL},
        {{"::", "0.0.0.0"}, 2, {"127.0.0.1", "::1"}, NULL},
    };
    in_private_namespace();
    if (!have_ipv6())
        return;
    for (size_t r = 0; r < COUNT(rows); r++) {
        struct server *server = open_at(&plain, rows[r].addresses, rows[r].count, 0);
        ck_assert_uint_eq(server_listener_count(server), rows[r].count);
        uint16_t port = listener_of(server, 0).local.port;
        ck_assert(!server_start(server, NULL));
        int fds[2];
        struct endpoint names[2];
        for (size_t i = 0; i < 2; i++) {
            struct endpoint to = endpoint_of(rows[r].reachable[i], port);
            fds[i] = dial(&to, true);
            names[i] = name_of(fds[i]);
            say_text(fds[i], "Hey\n");
            hear_text(fds[i], "Hey!\n");
        }
        if (rows[r].unreachable) {
            struct endpoint to = endpoint_of(rows[r].unreachable, port);
            struct sockaddr_storage address;
            socklen_t size = endpoint_to_sockaddr(&to, &address);
            SCOPED_FD fd = socket(to.family, SOCK_STREAM | SOCK_CLOEXEC, 0);
            ck_assert(connect(fd, (struct sockaddr *)&address, size) && errno == ECONNREFUSED);
        }
        server_stop(server);
        size_t count;
        const struct server_accept *accepts = server_accepts(server, &count);
        ck_assert_uint_eq(count, 2);
        for (size_t i = 0; i < 2; i++) {
            ck_assert(endpoint_equal(&accepts[i].peer, &names[i]));
            close(fds[i]);
        }
        server_release(server);
    }
}
END_TEST

/* ---- Pace and count ---- */

START_TEST(no_more_than_accept_count_are_accepted)
{
    enum { CLIENTS = 5 };
    static const struct {
        int64_t count;
        uint64_t accepted;
    } rows[] = {{0, 0}, {1, 1}, {3, 3}, {CLIENTS, CLIENTS}, {CLIENTS + 1, CLIENTS}, {ACCEPT_UNLIMITED, CLIENTS}};
    in_private_namespace();
    for (size_t r = 0; r < COUNT(rows); r++) {
        struct server_settings settings = plain;
        settings.accept_count = rows[r].count;
        struct scene scene;
        scene_open(&scene, &settings);
        int fds[CLIENTS];
        for (int i = 0; i < CLIENTS; i++)
            fds[i] = client_of(scene.server);
        scene_await(&scene, SERVER_ACCEPTED, rows[r].accepted);
        scene_run(&scene, 5 * MSEC);
        ck_assert_uint_eq(count_of(&scene, SERVER_ACCEPTED), rows[r].accepted);
        bool reached = rows[r].count != ACCEPT_UNLIMITED && rows[r].count <= CLIENTS;
        ck_assert_uint_eq(count_of(&scene, SERVER_STOPPED), reached);
        struct server_totals totals = totals_of(scene.server);
        ck_assert_uint_eq(totals.accepted, rows[r].accepted);
        ck_assert_uint_eq(totals.open, rows[r].accepted);
        ck_assert_uint_eq(totals.queue, CLIENTS - rows[r].accepted);
        ck_assert_uint_ge(totals.peak_queue, totals.queue);
        for (int i = 0; i < CLIENTS; i++)
            close(fds[i]);
        scene_close(&scene);
    }
}
END_TEST

START_TEST(a_delay_lies_between_accepts)
{
    enum { CLIENTS = 4 };
    const nsec delay = 30 * MSEC;
    in_private_namespace();
    struct server_settings settings = plain;
    settings.accept_delay = delay;
    struct server *server = start_local(&settings);
    nsec began = clock_now();
    int fds[CLIENTS + 1];
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = client_of(server);
    ck_assert_uint_eq(server_wait_accepted(server, CLIENTS, clock_now() + PATIENCE), CLIENTS);
    /* The queue is empty: the next arrival begins its own delay, half way through that of the last accept
       or not. */
    poll(NULL, 0, 15);
    nsec later = clock_now();
    fds[CLIENTS] = client_of(server);
    ck_assert_uint_eq(server_wait_accepted(server, CLIENTS + 1, clock_now() + PATIENCE), CLIENTS + 1);
    server_stop(server);
    size_t count;
    const struct server_accept *accepts = server_accepts(server, &count);
    ck_assert_uint_eq(count, CLIENTS + 1);
    ck_assert_int_ge(accepts[0].at, began + delay);
    for (int i = 1; i < CLIENTS; i++)
        ck_assert_int_ge(accepts[i].at, accepts[i - 1].at + delay);
    ck_assert_int_ge(accepts[CLIENTS].at, later + delay);
    for (int i = 0; i <= CLIENTS; i++) {
        struct endpoint name = name_of(fds[i]);
        ck_assert(endpoint_equal(&accepts[i].peer, &name));
        close(fds[i]);
    }
    server_release(server);
}
END_TEST

START_TEST(an_arrival_during_a_delay_does_not_begin_it_anew)
{
    enum { CLIENTS = 500 };
    in_private_namespace();
    set_sysctl("net.core.somaxconn", "1000");
    struct server_settings settings = plain;
    settings.backlog = CLIENTS;
    settings.accept_delay = 100 * MSEC;
    struct server *server = start_local(&settings);
    int fds[CLIENTS], count = 0;
    /* Begun anew by each arrival, the first delay would last until the last arrival. */
    while (count < CLIENTS && !server_wait_accepted(server, 0, 0)) {
        fds[count++] = client_of(server);
        poll(NULL, 0, 20);
    }
    ck_assert_int_lt(count, CLIENTS);
    while (count)
        close(fds[--count]);
    server_release(server);
}
END_TEST

START_TEST(a_delay_is_shared_by_all_listeners)
{
    static const char *const addresses[] = {"127.0.0.1", "127.0.0.2"};
    const nsec delay = 20 * MSEC;
    in_private_namespace();
    struct server_settings settings = plain;
    settings.accept_delay = delay;
    struct server *server = open_at(&settings, addresses, 2, 0);
    struct endpoint to[] = {listener_of(server, 0).local, listener_of(server, 1).local};
    ck_assert(!server_start(server, NULL));
    int fds[6];
    for (int i = 0; i < 6; i++)
        fds[i] = dial(&to[i / 3], true);
    ck_assert_uint_eq(server_wait_accepted(server, 6, clock_now() + PATIENCE), 6);
    server_stop(server);
    size_t count;
    const struct server_accept *accepts = server_accepts(server, &count);
    ck_assert_uint_eq(count, 6);
    for (size_t i = 1; i < count; i++)
        ck_assert_int_ge(accepts[i].at, accepts[i - 1].at + delay);
    /* Neither starves: the second listener's first client is not behind all of the first's. */
    struct endpoint second = name_of(fds[3]);
    ck_assert(!endpoint_equal(&accepts[3].peer, &second));
    for (int i = 0; i < 6; i++)
        close(fds[i]);
    server_release(server);
}
END_TEST

START_TEST(the_listener_ends_with_its_duration)
{
    const nsec duration = 500 * MSEC;
    in_private_namespace();
    struct server_settings settings = plain;
    settings.duration = duration;
    nsec began = clock_now();
    struct server *server = open_local(&settings);
    struct endpoint local = listener_of(server, 0).local;
    int fd = client_of(server);
    struct scene scene;
    scene_attach(&scene, server);
    ck_assert(!loop_run(&scene.loop, clock_now() + PATIENCE, NULL));
    ck_assert_int_ge(clock_now(), began + duration);
    ck_assert_int_lt(clock_now(), began + PATIENCE);
    ck_assert_uint_eq(count_of(&scene, SERVER_ACCEPTED), 1);
    ck_assert(!listener_of(scene.server, 0).known);
    struct sockaddr_storage address;
    socklen_t size = endpoint_to_sockaddr(&local, &address);
    SCOPED_FD late = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(connect(late, (struct sockaddr *)&address, size) && errno == ECONNREFUSED);
    ck_assert_uint_eq(totals_of(scene.server).open, 1);
    close(fd);
    scene_close(&scene);
}
END_TEST

/* What the caller does between making a server and serving does not shorten its life. */
START_TEST(a_duration_begins_with_serving)
{
    const nsec duration = 50 * MSEC;
    in_private_namespace();
    struct server_settings settings = plain;
    settings.duration = duration;
    struct scene scene;
    struct server *server = open_local(&settings);
    nanosleep(&(struct timespec){.tv_nsec = 2 * duration}, NULL);
    nsec began = clock_now();
    scene_attach(&scene, server);
    ck_assert(!loop_run(&scene.loop, began + PATIENCE, NULL));
    ck_assert_int_ge(clock_now(), began + duration);
    ck_assert(!listener_of(scene.server, 0).known);
    scene_close(&scene);
}
END_TEST

/* ---- Events ---- */

START_TEST(events_tell_of_the_queue_and_its_drops)
{
    in_private_namespace();
    struct server_settings settings = {.backlog = 1, .accept_count = 0};
    struct scene scene;
    scene_open(&scene, &settings);
    ck_assert_uint_eq(count_of(&scene, SERVER_STOPPED), 1);
    int fds[4];
    for (size_t i = 0; i < 2; i++) {
        fds[i] = client_of(scene.server);
        scene_await(&scene, SERVER_QUEUE, i + 1);
        const struct server_event *event = event_of(&scene, SERVER_QUEUE, i);
        ck_assert_uint_eq(event->queue, i + 1);
        ck_assert_uint_eq(event->capacity, 2);
        ck_assert_uint_eq(event->discarded, 0);
        ck_assert(event->at >= 0 && event->at < PATIENCE);
    }
    for (size_t i = 2; i < 4; i++)
        fds[i] = hopeful_client_of(scene.server);
    /* Nothing wakes the server for a drop: it looks by itself while the queue is full. */
    scene_await(&scene, SERVER_DROPPED, 1);
    const struct server_event *dropped = event_of(&scene, SERVER_DROPPED, 0);
    ck_assert_uint_ge(dropped->number, 1);
    ck_assert_uint_eq(dropped->discarded, dropped->number);
    if (dropped->number == 1) /* the other SYN was still on its way */
        scene_await(&scene, SERVER_DROPPED, 2);
    ck_assert_uint_eq(dropped->queue, 2);
    struct server_totals totals = totals_of(scene.server);
    ck_assert_uint_eq(totals.queue, 2);
    ck_assert_uint_eq(totals.peak_queue, 2);
    ck_assert_uint_ge(totals.discarded, 2);
    uint64_t told = 0;
    for (size_t i = 0; i < count_of(&scene, SERVER_DROPPED); i++)
        told += event_of(&scene, SERVER_DROPPED, i)->number;
    ck_assert_uint_eq(told, totals.discarded);
    ck_assert_uint_eq(count_of(&scene, SERVER_QUEUE), 2);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    scene_close(&scene);
}
END_TEST

START_TEST(a_flush_tells_what_no_event_told)
{
    in_private_namespace();
    struct server_settings settings = {.backlog = 0, .accept_count = 0};
    struct scene scene;
    scene_open(&scene, &settings);
    int first = client_of(scene.server), second = hopeful_client_of(scene.server);
    for (nsec end = clock_now() + PATIENCE; !listener_of(scene.server, 0).discarded;)
        ck_assert_int_lt(clock_now(), end);
    close(second); /* it sends no other SYN */
    uint64_t drops = listener_of(scene.server, 0).discarded;
    ck_assert_uint_eq(scene.count, 1);
    server_flush(scene.server);
    ck_assert_uint_eq(count_of(&scene, SERVER_QUEUE), 1);
    ck_assert_uint_eq(event_of(&scene, SERVER_QUEUE, 0)->queue, 1);
    ck_assert_uint_eq(count_of(&scene, SERVER_DROPPED), 1);
    ck_assert_uint_eq(event_of(&scene, SERVER_DROPPED, 0)->number, drops);
    server_flush(scene.server);
    ck_assert_uint_eq(scene.count, 3);
    close(first);
    scene_close(&scene);
}
END_TEST

START_TEST(events_tell_of_every_client)
{
    enum { CLIENTS = 3 };
    in_private_namespace();
    struct scene scene;
    scene_open(&scene, &plain);
    struct endpoint local = listener_of(scene.server, 0).local;
    int fds[CLIENTS];
    struct endpoint names[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        fds[i] = client_of(scene.server);
        names[i] = name_of(fds[i]);
    }
    scene_await(&scene, SERVER_ACCEPTED, CLIENTS);
    for (size_t i = 0; i < CLIENTS; i++) {
        const struct server_event *event = event_of(&scene, SERVER_ACCEPTED, i);
        ck_assert_uint_eq(event->number, i + 1);
        ck_assert(endpoint_equal(&event->peer, &names[i]));
        ck_assert(endpoint_equal(&event->local, &local));
        ck_assert_uint_eq(event->queue, CLIENTS - i - 1);
    }
    /* Left in another order than they came, one by a reset, which leaves no name behind. */
    static const size_t order[CLIENTS] = {1, 2, 0};
    struct linger reset = {.l_onoff = 1};
    setsockopt(fds[2], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    for (size_t i = 0; i < CLIENTS; i++) {
        close(fds[order[i]]);
        scene_await(&scene, SERVER_CLOSED, i + 1);
        const struct server_event *event = event_of(&scene, SERVER_CLOSED, i);
        ck_assert_uint_eq(event->number, order[i] + 1);
        ck_assert(endpoint_equal(&event->peer, &names[order[i]]));
    }
    struct server_totals totals = totals_of(scene.server);
    ck_assert_uint_eq(totals.accepted, CLIENTS);
    ck_assert_uint_eq(totals.closed, CLIENTS);
    ck_assert_uint_eq(totals.open, 0);
    /* A slot is used again, a number is not. */
    int fd = client_of(scene.server);
    scene_await(&scene, SERVER_ACCEPTED, CLIENTS + 1);
    ck_assert_uint_eq(event_of(&scene, SERVER_ACCEPTED, CLIENTS)->number, CLIENTS + 1);
    close(fd);
    scene_close(&scene);
}
END_TEST

static rlim_t set_descriptor_limit(rlim_t limit)
{
    struct rlimit now;
    ck_assert(!getrlimit(RLIMIT_NOFILE, &now));
    rlim_t before = now.rlim_cur;
    now.rlim_cur = limit;
    ck_assert(!setrlimit(RLIMIT_NOFILE, &now));
    return before;
}

START_TEST(without_descriptors_it_waits_and_goes_on)
{
    enum { CLIENTS = 4 };
    in_private_namespace();
    struct scene scene;
    scene_open(&scene, &plain);
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        fds[i] = client_of(scene.server);
    int next = fcntl(0, F_DUPFD_CLOEXEC, 0);
    close(next);
    /* Room for one. */
    rlim_t before = set_descriptor_limit((rlim_t)next + 1);
    scene_await(&scene, SERVER_STARVED, 1);
    scene_run(&scene, 250 * MSEC);
    ck_assert_uint_eq(count_of(&scene, SERVER_STARVED), 1);
    ck_assert_uint_eq(event_of(&scene, SERVER_STARVED, 0)->number, EMFILE);
    ck_assert_uint_eq(event_of(&scene, SERVER_STARVED, 0)->queue, CLIENTS - 1);
    ck_assert_uint_eq(count_of(&scene, SERVER_ACCEPTED), 1);
    /* When that one leaves there is room for another; without waiting for the pause to be over. */
    say_text(fds[0], "end\n");
    scene_await(&scene, SERVER_ACCEPTED, 2);
    scene_await(&scene, SERVER_STARVED, 2);
    set_descriptor_limit(before);
    scene_await(&scene, SERVER_ACCEPTED, CLIENTS);
    for (int i = 1; i < CLIENTS; i++) {
        say_text(fds[i], "end\n");
        scene_await(&scene, SERVER_CLOSED, (size_t)i + 1);
    }
    for (int i = 0; i < CLIENTS; i++)
        close(fds[i]);
    scene_close(&scene);
}
END_TEST

/* ---- The thread ---- */

START_TEST(waiting_ends_with_the_accept_waited_for)
{
    enum { CLIENTS = 300 };
    in_private_namespace();
    struct server *server = start_local(&plain);
    ck_assert_uint_eq(server_wait_accepted(server, 0, 0), 0);
    nsec until = clock_now() + 20 * MSEC;
    ck_assert_uint_eq(server_wait_accepted(server, 1, until), 0);
    ck_assert_int_ge(clock_now(), until);
    nsec times[CLIENTS];
    int fds[CLIENTS];
    for (uint64_t i = 0; i < CLIENTS; i++) {
        times[i] = clock_now();
        fds[i] = client_of(server);
        uint64_t accepted = server_wait_accepted(server, i + 1, i % 2 ? NSEC_NEVER : clock_now() + PATIENCE);
        ck_assert_uint_eq(accepted, i + 1);
    }
    server_stop(server);
    size_t count;
    const struct server_accept *accepts = server_accepts(server, &count);
    ck_assert_uint_eq(count, CLIENTS);
    for (size_t i = 0; i < count; i++) {
        struct endpoint name = name_of(fds[i]);
        ck_assert(endpoint_equal(&accepts[i].peer, &name));
        ck_assert_int_ge(accepts[i].at, times[i]);
        ck_assert(i + 1 == count || accepts[i].at <= times[i + 1]);
        close(fds[i]);
    }
    ck_assert_uint_eq(server_wait_accepted(server, CLIENTS + 1, NSEC_NEVER), CLIENTS);
    server_release(server);
}
END_TEST

START_TEST(waiting_ends_when_nothing_more_can_come)
{
    static const struct {
        int64_t count;
        nsec duration;
    } rows[] = {{0, 0}, {2, 0}, {ACCEPT_UNLIMITED, 500 * NSEC_PER_MSEC}};
    in_private_namespace();
    for (size_t r = 0; r < COUNT(rows); r++) {
        struct server_settings settings = plain;
        settings.accept_count = rows[r].count;
        settings.duration = rows[r].duration;
        struct server *server = open_local(&settings);
        int fds[3];
        for (int i = 0; i < 3; i++)
            fds[i] = client_of(server);
        ck_assert(!server_start(server, NULL));
        uint64_t expected = rows[r].count == ACCEPT_UNLIMITED ? 3 : (uint64_t)rows[r].count;
        ck_assert_uint_eq(server_wait_accepted(server, 4, NSEC_NEVER), expected);
        for (int i = 0; i < 3; i++)
            close(fds[i]);
        server_release(server);
    }
}
END_TEST

/* Clients come meanwhile, and one more than it waits for. */
START_TEST(a_loop_stops_by_the_accept_waited_for)
{
    enum { CLIENTS = 3 };
    in_private_namespace();
    struct loop loop;
    ck_assert_int_eq(loop_init(&loop, false, NULL), 0);
    struct server *server = start_local(&plain);
    ck_assert_int_eq(server_stop_loop(server, &loop, 1, NULL), 0);
    ck_assert_int_eq(server_stop_loop(server, &loop, CLIENTS, NULL), 0);
    int fds[CLIENTS + 1];
    for (int i = 0; i <= CLIENTS; i++)
        fds[i] = client_of(server);
    ck_assert_int_eq(loop_run(&loop, NSEC_NEVER, NULL), 0);
    ck_assert_uint_ge(server_accepted(server), CLIENTS);
    ck_assert_uint_eq(server_wait_accepted(server, CLIENTS + 1, clock_now() + PATIENCE), CLIENTS + 1);
    for (int i = 0; i <= CLIENTS; i++)
        close(fds[i]);
    loop_release(&loop);
    server_release(server);
}
END_TEST

START_TEST(a_loop_stops_when_nothing_more_can_come)
{
    in_private_namespace();
    struct loop loop;
    struct server_settings settings = plain;
    settings.duration = 100 * MSEC;
    ck_assert_int_eq(loop_init(&loop, false, NULL), 0);
    struct server *server = start_local(&settings);
    ck_assert_int_eq(server_stop_loop(server, &loop, 1, NULL), 0);
    ck_assert_int_eq(loop_run(&loop, NSEC_NEVER, NULL), 0);
    ck_assert_uint_eq(server_accepted(server), 0);
    loop_release(&loop);
    server_release(server);
}
END_TEST

START_TEST(stopping_keeps_the_listeners_open)
{
    in_private_namespace();
    struct server *server = start_local(&plain);
    server_stop(server);
    server_stop(server);
    int fd = client_of(server);
    ck_assert_uint_eq(listener_of(server, 0).queue, 1);
    ck_assert_uint_eq(totals_of(server).queue, 1);
    ck_assert_uint_eq(totals_of(server).accepted, 0);
    close(fd);
    server_release(server);
    server_release(NULL);
    /* Neither started nor attached. */
    server_release(open_local(&plain));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("server");
    const TTest *const conversation[] = {lines_come_back_with_an_exclamation_mark,
                                         long_lines_come_back_whole,
                                         many_clients_do_not_mix,
                                         a_client_that_does_not_read_is_not_read_from,
                                         what_is_owed_is_sent_before_the_end,
                                         clients_may_leave_in_any_way,
                                         a_greeting_comes_first,
                                         a_greeting_of_any_size_arrives};
    const TTest *const binding[] = {a_listener_tells_what_it_is, all_addresses_take_the_port_that_one_picks,
                                    a_port_in_use_is_an_error_that_names_it, addresses_that_cannot_be_bound_are_left_out,
                                    ipv6_any_serves_both_families};
    const TTest *const pace[] = {no_more_than_accept_count_are_accepted,
                                 a_delay_lies_between_accepts,
                                 an_arrival_during_a_delay_does_not_begin_it_anew,
                                 a_delay_is_shared_by_all_listeners,
                                 the_listener_ends_with_its_duration,
                                 a_duration_begins_with_serving};
    const TTest *const events[] = {events_tell_of_the_queue_and_its_drops, a_flush_tells_what_no_event_told,
                                   events_tell_of_every_client, without_descriptors_it_waits_and_goes_on};
    const TTest *const thread[] = {waiting_ends_with_the_accept_waited_for, waiting_ends_when_nothing_more_can_come,
                                   a_loop_stops_by_the_accept_waited_for, a_loop_stops_when_nothing_more_can_come,
                                   stopping_keeps_the_listeners_open};
    suite_add(suite, "conversation", conversation, COUNT(conversation));
    suite_add(suite, "binding", binding, COUNT(binding));
    suite_add(suite, "pace", pace, COUNT(pace));
    suite_add(suite, "events", events, COUNT(events));
    suite_add(suite, "thread", thread, COUNT(thread));
    return suite;
}

SUITE_MAIN(make_suite)
