/* sock_diag and socket owners, asked in a private network namespace and compared with what sockets there
 * really do. */
#include "backlogctl/fd.h"
#include "backlogctl/listener.h"
#include "backlogctl/owner.h"

#include "process.h"
#include "suite.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- Sockets to ask about; libcheck's process ends with each test, and they with it ---- */

enum { DUAL_STACK = 1, REUSEPORT = 2, ON_LOOPBACK_DEVICE = 4, DEFER_ACCEPT = 8 };

static struct endpoint at(const char *address, uint16_t port)
{
    struct endpoint e = {.family = strchr(address, ':') ? AF_INET6 : AF_INET, .port = port};
    ck_assert_int_eq(inet_pton(e.family, address, e.bytes), 1);
    return e;
}

static void set_option(int fd, int level, int name, int value)
{
    ck_assert_msg(!setsockopt(fd, level, name, &value, sizeof value), "setsockopt: %s", strerror(errno));
}

static void bind_to(int fd, const struct endpoint *e)
{
    struct sockaddr_storage address;
    char text[ENDPOINT_TEXT_SIZE];
    socklen_t size = endpoint_to_sockaddr(e, &address);
    ck_assert_msg(!bind(fd, (struct sockaddr *)&address, size), "bind %s: %s", endpoint_text(e, text), strerror(errno));
}

static int listen_at(const char *address, uint16_t port, int backlog, unsigned options)
{
    struct endpoint e = at(address, port);
    int fd = socket(e.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    if (e.family == AF_INET6)
        set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, !(options & DUAL_STACK));
    if (options & REUSEPORT)
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (options & ON_LOOPBACK_DEVICE)
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3), 0);
    if (options & DEFER_ACCEPT)
        set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT,
                   60); /* beyond the test, however long a dump takes on a machine with many sockets */
    bind_to(fd, &e);
    ck_assert_int_eq(listen(fd, backlog), 0);
    return fd;
}

/* Without waiting: on loopback all that can happen has happened when connect() returns. */
static int connect_to(const struct endpoint *destination, struct endpoint *source)
{
    struct sockaddr_storage address;
    int fd = socket(destination->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    socklen_t size = endpoint_to_sockaddr(destination, &address);
    if (connect(fd, (struct sockaddr *)&address, size))
        ck_assert_int_eq(errno, EINPROGRESS);
    size = sizeof address;
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *source = endpoint_from_sockaddr(&address);
    return fd;
}

static void connect_many(const struct endpoint *destination, int count)
{
    for (int i = 0; i < count; i++) {
        struct endpoint source;
        connect_to(destination, &source);
    }
}

static uint64_t inode_of(int fd)
{
    struct stat status;
    ck_assert_int_eq(fstat(fd, &status), 0);
    return status.st_ino;
}

static void pause_for(nsec span)
{
    nanosleep(&(struct timespec){.tv_sec = span / NSEC_PER_SEC, .tv_nsec = span % NSEC_PER_SEC}, NULL);
}

/* ---- Asking, where every failure to ask fails the test ---- */

static struct sockdiag open_diag(void)
{
    struct sockdiag sd;
    struct error err = {0};
    in_private_namespace();
    ck_assert_msg(!sockdiag_open(&sd, &err), "%s", err.text);
    return sd;
}

static struct listener ask_listener(struct sockdiag *sd, const struct endpoint *destination)
{
    struct listener listener;
    struct error err = {0};
    ck_assert_msg(!listener_find(sd, destination, &(struct transport){0}, &listener, &err), "%s", err.text);
    return listener;
}

/* The state of the connection, STATE_NONE when there is none. */
static enum tcp_state ask_exact(struct sockdiag *sd, const struct endpoint *local, const struct endpoint *remote,
                                struct diag_socket *out)
{
    struct error err = {0};
    int status = sockdiag_exact(sd, local, remote, out, &err);
    ck_assert_msg(!status || status == -ENOENT, "%s", err.text);
    ck_assert_int_eq(err.code, 0);
    return status ? STATE_NONE : (enum tcp_state)out->state;
}

/* Asks until the state is this one: a FIN may be acknowledged 40 ms late. */
static enum tcp_state await_state(struct sockdiag *sd, const struct endpoint *local, const struct endpoint *remote,
                                  enum tcp_state wanted, struct diag_socket *out)
{
    nsec until = clock_now() + PATIENCE;
    enum tcp_state state;
    while ((state = ask_exact(sd, local, remote, out)) != wanted && clock_now() < until)
        pause_for(5 * NSEC_PER_MSEC);
    return state;
}

/* ---- The listener that a SYN reaches ---- */

#define LISTENERS_MAX 4
static const struct {
    const char *name;
    struct {
        const char *address;
        int backlog;
        unsigned options;
    } listeners[LISTENERS_MAX];
    const char *destination;
    const char *reached; /* address of the listener, NULL: none */
    uint32_t members;
    uint64_t backlog;
} choices[] = {
    {"nobody", {{0}}, "127.0.0.1", NULL},
    {"exact address", {{"127.0.0.1", 3, 0}}, "127.0.0.1", "127.0.0.1", 1, 3},
    {"another address", {{"127.0.0.1", 3, 0}}, "127.0.0.2", NULL},
    {"any-address", {{"0.0.0.0", 3, 0}}, "127.0.0.2", "0.0.0.0", 1, 3},
    {"exact before any", {{"0.0.0.0", 3, REUSEPORT}, {"127.0.0.1", 5, REUSEPORT}}, "127.0.0.1", "127.0.0.1", 1, 5},
    {"any beside exact", {{"0.0.0.0", 3, REUSEPORT}, {"127.0.0.1", 5, REUSEPORT}}, "127.0.0.9", "0.0.0.0", 1, 3},
    {"exact before any, IPv6", {{"::", 3, REUSEPORT}, {"::1", 5, REUSEPORT}}, "::1", "::1", 1, 5},
    {"dual-stack by IPv4", {{"::", 3, DUAL_STACK}}, "127.0.0.1", "::", 1, 3},
    {"dual-stack by IPv6", {{"::", 3, DUAL_STACK}}, "::1", "::", 1, 3},
    {"IPv6 only by IPv4", {{"::", 3, 0}}, "127.0.0.1", NULL},
    {"IPv4 by IPv6", {{"0.0.0.0", 3, 0}}, "::1", NULL},
    {"own family first", {{"::", 3, DUAL_STACK | REUSEPORT}, {"0.0.0.0", 5, REUSEPORT}}, "127.0.0.1", "0.0.0.0", 1, 5},
    {"own family first, other order",
     {{"0.0.0.0", 5, REUSEPORT}, {"::", 3, DUAL_STACK | REUSEPORT}},
     "127.0.0.1",
     "0.0.0.0",
     1,
     5},
    {"families apart", {{"0.0.0.0", 5, 0}, {"::", 3, 0}}, "::1", "::", 1, 3},
    {"exact dual-stack before any",
     {{"0.0.0.0", 5, REUSEPORT}, {"::ffff:127.0.0.1", 3, DUAL_STACK | REUSEPORT}},
     "127.0.0.1",
     "127.0.0.1",
     1,
     3},
    {"mapped destination", {{"127.0.0.1", 3, 0}}, "::ffff:127.0.0.1", "127.0.0.1", 1, 3},
    {"both mapped", {{"::ffff:127.0.0.1", 3, DUAL_STACK}}, "::ffff:127.0.0.1", "127.0.0.1", 1, 3},
    {"mapped any-address", {{"::ffff:0.0.0.0", 3, DUAL_STACK}}, "127.0.0.1", "0.0.0.0", 1, 3},
    {"any-address as destination", {{"127.0.0.1", 3, 0}}, "0.0.0.0", "127.0.0.1", 1, 3},
    {"any-address as destination, IPv6", {{"::1", 3, 0}}, "::", "::1", 1, 3},
    {"bound to the device", {{"127.0.0.1", 3, ON_LOOPBACK_DEVICE}}, "127.0.0.1", "127.0.0.1", 1, 3},
    {"reuseport group",
     {{"127.0.0.1", 3, REUSEPORT}, {"127.0.0.1", 4, REUSEPORT}, {"127.0.0.1", 5, REUSEPORT}},
     "127.0.0.1",
     "127.0.0.1",
     3,
     12},
    {"reuseport group, IPv6", {{"::1", 3, REUSEPORT}, {"::1", 0, REUSEPORT}, {"::", 5, REUSEPORT}}, "::1", "::1", 2, 3},
    {"dual-stack reuseport group beside an IPv4 one",
     {{"::", 3, DUAL_STACK | REUSEPORT}, {"::", 4, DUAL_STACK | REUSEPORT}, {"0.0.0.0", 9, REUSEPORT}},
     "::1",
     "::",
     2,
     7},
};

START_TEST(listener_is_the_one_that_a_syn_reaches)
{
    struct sockdiag sd = open_diag();
    uint16_t port = (uint16_t)(6000 + _i);
    for (size_t i = 0; i < LISTENERS_MAX && choices[_i].listeners[i].address; i++)
        listen_at(choices[_i].listeners[i].address, port, choices[_i].listeners[i].backlog, choices[_i].listeners[i].options);
    struct endpoint typed = at(choices[_i].destination, port), destination = endpoint_unmapped(&typed), source;
    struct listener found = ask_listener(&sd, &destination);
    ck_assert_msg(found.known == (choices[_i].reached != NULL), "%s: known %d", choices[_i].name, found.known);

    /* The kernel itself must agree: a connection is queued exactly there, or is refused. */
    struct diag_socket peer;
    int client = connect_to(&destination, &source);
    struct endpoint reachable = endpoint_reachable(&destination);
    bool arrived = ask_exact(&sd, &reachable, &source, &peer) != STATE_NONE;
    ck_assert_msg(arrived == found.known, "%s: arrived %d", choices[_i].name, arrived);
    fd_close(&client);
    if (found.known) {
        struct endpoint bound = at(choices[_i].reached, port);
        ck_assert_msg(endpoint_equal(&found.local, &bound), "%s: address", choices[_i].name);
        ck_assert_uint_eq(found.members, choices[_i].members);
        ck_assert_uint_eq(found.backlog, choices[_i].backlog);
        ck_assert_uint_eq(found.capacity, choices[_i].backlog + choices[_i].members);
        ck_assert_uint_eq(found.queue, 0);
        ck_assert_msg(ask_listener(&sd, &destination).queue == 1, "%s: the connection went elsewhere", choices[_i].name);
    }
    sockdiag_close(&sd);
}
END_TEST

/* The line of `ss -ltn` for a listener with these figures. */
static void assert_ss_agrees(uint64_t queue, uint64_t backlog, const char *local)
{
    char expected[128];
    struct outcome ss = process_run((const char *[]){"ss", "-ltnH", NULL}, NULL);
    unsigned long seen_queue, seen_backlog;
    char seen_local[64];
    ck_assert_msg(sscanf(ss.out, "LISTEN %lu %lu %63s", &seen_queue, &seen_backlog, seen_local) == 3, "ss: '%s'", ss.out);
    snprintf(expected, sizeof expected, "%lu %lu %s", (unsigned long)queue, (unsigned long)backlog, local);
    ck_assert_msg(seen_queue == queue && seen_backlog == backlog && !strcmp(seen_local, local), "ss says '%s', not %s", ss.out,
                  expected);
    outcome_free(&ss);
}

START_TEST(listener_has_the_kernels_figures)
{
    struct sockdiag sd = open_diag();
    struct endpoint destination = at("127.0.0.1", 6001);
    int fd = listen_at("127.0.0.1", 6001, 2, 0);
    struct listener before = ask_listener(&sd, &destination);
    connect_many(&destination, 5);
    struct listener full = ask_listener(&sd, &destination);
    ck_assert_uint_eq(full.queue, 3);
    ck_assert_uint_eq(full.backlog, 2);
    ck_assert_uint_eq(full.capacity, 3);
    ck_assert(full.discarded_known);
    ck_assert_uint_eq(full.discarded, 2);
    ck_assert_uint_eq(full.inode, inode_of(fd));
    ck_assert_uint_ne(full.cookie, 0);
    ck_assert_uint_eq(full.cookie, before.cookie);
    ck_assert_int_eq(full.pid, 0);
    assert_ss_agrees(3, 2, "127.0.0.1:6001");

    ck_assert_int_eq(listen(fd, 1 << 20), 0);
    ck_assert_uint_eq(ask_listener(&sd, &destination).backlog, 4096);
    fd_close(&fd);
    ck_assert(!ask_listener(&sd, &destination).known);
    listen_at("127.0.0.1", 6001, 2, REUSEPORT);
    ck_assert_uint_ne(ask_listener(&sd, &destination).cookie, before.cookie);
    sockdiag_close(&sd);
}
END_TEST

/* ---- Exact lookups ---- */

static const struct {
    const char *listens, *destination;
    unsigned options;
    int family; /* of the child */
} pairs[] = {
    {"127.0.0.1", "127.0.0.1", 0, AF_INET},
    {"0.0.0.0", "127.3.2.1", 0, AF_INET},
    {"::1", "::1", 0, AF_INET6},
    {"::", "::1", DUAL_STACK, AF_INET6},
    {"::", "127.0.0.1", DUAL_STACK, AF_INET6},
    {"127.0.0.1", "127.0.0.1", ON_LOOPBACK_DEVICE, AF_INET},
    {"::1", "::1", ON_LOOPBACK_DEVICE, AF_INET6},
};

START_TEST(exact_follows_a_connection_through_its_life)
{
    struct sockdiag sd = open_diag();
    struct endpoint local = at(pairs[_i].destination, 6001), remote;
    struct diag_socket seen;
    int listener = listen_at(pairs[_i].listens, 6001, 2, pairs[_i].options);
    int client = connect_to(&local, &remote);
    pause_for(60 * NSEC_PER_MSEC);
    ck_assert_int_eq(ask_exact(&sd, &local, &remote, &seen), STATE_ESTABLISHED);
    ck_assert_uint_eq(seen.inode, 0);
    ck_assert_int_eq(seen.family, pairs[_i].family);
    ck_assert(seen.has_info && seen.last_data_sent_ms >= 50 && seen.last_data_sent_ms < 30000);
    ck_assert(endpoint_equal(&seen.local, &local));
    ck_assert_int_eq(ask_exact(&sd, &seen.local, &seen.remote, &seen), STATE_ESTABLISHED);

    int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_eq(ask_exact(&sd, &local, &remote, &seen), STATE_ESTABLISHED);
    ck_assert_uint_eq(seen.inode, inode_of(accepted));
    fd_close(&accepted);
    ck_assert_int_eq(await_state(&sd, &local, &remote, STATE_FIN_WAIT2, &seen), STATE_FIN_WAIT2);
    ck_assert_uint_eq(seen.inode, 0);
    fd_close(&client);
    ck_assert_int_eq(await_state(&sd, &local, &remote, STATE_TIME_WAIT, &seen), STATE_TIME_WAIT);

    /* The kernel answers these with the listener. */
    struct endpoint other = remote;
    other.port ^= 1;
    ck_assert_int_eq(ask_exact(&sd, &local, &other, &seen), STATE_NONE);
    fd_close(&listener);
    ck_assert_int_eq(ask_exact(&sd, &local, &other, &seen), STATE_NONE);
    sockdiag_close(&sd);
}
END_TEST

START_TEST(exact_finds_requests_and_ended_children)
{
    struct sockdiag sd = open_diag();
    struct endpoint local = at("127.0.0.1", 6001), remote;
    struct diag_socket seen;
    for (unsigned dual = 0; dual < 2; dual++) {
        local.port++;
        listen_at(dual ? "::" : "127.0.0.1", local.port, 4, DEFER_ACCEPT | (dual ? DUAL_STACK : 0));
        connect_to(&local, &remote);
        ck_assert_int_eq(ask_exact(&sd, &local, &remote, &seen), STATE_SYN_RECV);
        ck_assert_uint_eq(seen.inode, 0);
    }
    listen_at("127.0.0.1", 6010, 4, 0);
    local.port = 6010;
    int client = connect_to(&local, &remote);
    fd_close(&client);
    ck_assert_int_eq(ask_exact(&sd, &local, &remote, &seen), STATE_CLOSE_WAIT);
    ck_assert_uint_eq(seen.inode, 0);
    sockdiag_close(&sd);
}
END_TEST

START_TEST(exact_of_mixed_families_is_absent)
{
    struct sockdiag sd = open_diag();
    struct endpoint four = at("127.0.0.1", 6001), six = at("::1", 6001);
    struct diag_socket seen;
    ck_assert_int_eq(ask_exact(&sd, &four, &six, &seen), STATE_NONE);
    sockdiag_close(&sd);
}
END_TEST

/* An answer to a question that nobody waited for must not be taken for the answer to the next one. */
START_TEST(stale_answers_are_left_aside)
{
    struct sockdiag sd = open_diag();
    struct endpoint local = at("127.0.0.1", 6001), wanted, other;
    struct diag_socket seen;
    listen_at("127.0.0.1", 6001, 4, 0);
    connect_to(&local, &other);
    connect_to(&local, &wanted);

    union {
        struct nlmsghdr header;
        char bytes[256];
    } request;
    struct nlmsghdr *header = mnl_nlmsg_put_header(&request);
    header->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    header->nlmsg_flags = NLM_F_REQUEST;
    header->nlmsg_seq = sd.netlink.sequence;
    struct inet_diag_req_v2 *body = mnl_nlmsg_put_extra_header(header, sizeof *body);
    *body = (struct inet_diag_req_v2){.sdiag_family = AF_INET, .sdiag_protocol = IPPROTO_TCP};
    body->id.idiag_sport = htons(local.port);
    body->id.idiag_dport = htons(other.port);
    memcpy(body->id.idiag_src, local.bytes, 4);
    memcpy(body->id.idiag_dst, other.bytes, 4);
    body->id.idiag_cookie[0] = body->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    for (int i = 0; i < 3; i++)
        ck_assert_int_gt(mnl_socket_sendto(sd.netlink.socket, header, header->nlmsg_len), 0);

    ck_assert_int_eq(ask_exact(&sd, &local, &wanted, &seen), STATE_ESTABLISHED);
    ck_assert_uint_eq(seen.remote.port, wanted.port);
    ck_assert_uint_eq(ask_listener(&sd, &local).queue, 2);
    sockdiag_close(&sd);
}
END_TEST

/* ---- Many at once ---- */

#define MANY 100

struct many {
    struct endpoint local, remotes[MANY];
    int asked[MANY], found[MANY], absent[MANY];
};

/* Each third is there no more, each fifth is not asked for. */
static bool ends_of(void *context, size_t i, struct endpoint *local, struct endpoint *remote)
{
    struct many *many = context;
    *local = many->local;
    *remote = many->remotes[i];
    if (i % 3 == 0)
        remote->port = 1;
    many->asked[i]++;
    return i % 5;
}

static void note_found(void *context, size_t i, const struct diag_socket *socket)
{
    struct many *many = context;
    many->found[i] += socket != NULL;
    many->absent[i] += socket == NULL;
    if (!socket)
        return;
    ck_assert_int_eq(socket->state, STATE_ESTABLISHED);
    ck_assert_uint_eq(socket->remote.port, many->remotes[i].port);
    ck_assert(socket->has_info);
}

/* With a receive buffer that has room for few answers the others are asked for again, one by one. */
START_TEST(many_are_found_at_once)
{
    struct sockdiag sd = open_diag();
    struct many many = {.local = at("127.0.0.1", 6001)};
    struct error err = {0};
    listen_at("127.0.0.1", 6001, MANY, 0);
    for (size_t i = 0; i < MANY; i++)
        connect_to(&many.local, &many.remotes[i]);
    if (_i)
        ck_assert_int_eq(setsockopt(netlink_fd(&sd.netlink), SOL_SOCKET, SO_RCVBUF, &(int){1}, sizeof(int)), 0);
    ck_assert_msg(!sockdiag_exact_many(&sd, &(struct sockdiag_many){MANY, ends_of, note_found, &many}, &err), "%s", err.text);
    for (size_t i = 0; i < MANY; i++) {
        ck_assert_int_eq(many.found[i], i % 5 && i % 3);
        ck_assert_int_eq(many.absent[i], i % 5 && i % 3 == 0);
    }
    int asked = 0;
    for (size_t i = 0; i < MANY; i++)
        asked += many.asked[i];
    ck_assert(_i ? asked > MANY : asked == MANY);
    sockdiag_close(&sd);
}
END_TEST

START_TEST(closed_sockdiag_is_an_error)
{
    struct sockdiag sd = {0};
    struct endpoint e = at("127.0.0.1", 6001);
    struct diag_socket seen;
    struct listener listener;
    struct error err = {0};
    ck_assert_int_eq(sockdiag_exact(&sd, &e, &e, &seen, &err), -EBADF);
    ck_assert_int_eq(listener_find(&sd, &e, &(struct transport){0}, &listener, NULL), -EBADF);
    ck_assert_str_ne(err.text, "");
    sockdiag_close(&sd);
}
END_TEST

/* ---- Dumps ---- */

struct tally {
    int total, by_state[STATE_COUNT], without_info, without_drops;
    uint16_t port; /* every socket must have it */
    bool ports_seen[65536];
    int distinct;
};

static void count_socket(void *context, const struct diag_socket *socket)
{
    struct tally *tally = context;
    ck_assert_ptr_nonnull(socket);
    ck_assert_uint_lt(socket->state, STATE_COUNT);
    ck_assert(!tally->port || socket->local.port == tally->port);
    tally->total++;
    tally->by_state[socket->state]++;
    tally->without_info += !socket->has_info;
    tally->without_drops += !socket->has_discarded;
    tally->distinct += !tally->ports_seen[socket->remote.port];
    tally->ports_seen[socket->remote.port] = true;
}

static struct tally *dump(struct sockdiag *sd, const struct sockdiag_query *query)
{
    struct tally *tally = calloc(1, sizeof *tally);
    struct error err = {0};
    ck_assert_ptr_nonnull(tally);
    tally->port = query->local_port;
    ck_assert_msg(!sockdiag_dump(sd, query, count_socket, tally, &err), "%s", err.text);
    return tally;
}

/* On port 6001 four children (queued, accepted, TIME_WAIT, SYN_RECV of a deferring listener), on 6002 and
 * 60001 others. */
static void make_children(void)
{
    struct endpoint local = at("127.0.0.1", 6001), elsewhere = at("127.0.0.2", 6001), source;
    int listener = listen_at("127.0.0.1", 6001, 8, 0);
    int client = connect_to(&local, &source);
    int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    fd_close(&accepted);
    fd_close(&client);
    connect_to(&local, &source);
    ck_assert_int_ge(accept4(listener, NULL, NULL, SOCK_CLOEXEC), 0);
    connect_to(&local, &source);
    listen_at("127.0.0.2", 6001, 8, DEFER_ACCEPT);
    connect_to(&elsewhere, &source);
    for (uint16_t port = 6000; port <= 6002; port += 2) {
        local.port = port;
        listen_at("127.0.0.1", port, 8, 0);
        connect_many(&local, 3);
    }
}

static const struct {
    struct sockdiag_query query;
    int total, established, syn_recv, time_wait, listen;
} queries[] = {
    {{.family = AF_INET, .states = SOCKDIAG_CHILDREN, .local_port = 6001, .want_info = true}, 4, 2, 1, 1, 0},
    {{.family = AF_INET, .states = SOCKDIAG_LISTEN, .local_port = 6001, .want_memory = true}, 2, 0, 0, 0, 2},
    {{.family = AF_INET,
      .states = SOCKDIAG_LISTEN | SOCKDIAG_CHILDREN,
      .local_port = 6001,
      .want_info = true,
      .want_memory = true},
     6,
     2,
     1,
     1,
     2},
    {{.family = AF_INET, .states = SOCKDIAG_STATE(STATE_TIME_WAIT), .local_port = 6001}, 1, 0, 0, 1, 0},
    {{.family = AF_INET, .states = SOCKDIAG_STATE(STATE_SYN_RECV), .local_port = 6001}, 1, 0, 1, 0, 0},
    {{.family = AF_INET, .states = SOCKDIAG_STATE(STATE_ESTABLISHED), .local_port = 6002}, 3, 3, 0, 0, 0},
    {{.family = AF_INET, .states = SOCKDIAG_CHILDREN, .local_port = 6003}, 0, 0, 0, 0, 0},
    {{.family = AF_INET, .states = SOCKDIAG_LISTEN}, 4, 0, 0, 0, 4},
    {{.family = AF_UNSPEC, .states = SOCKDIAG_LISTEN, .want_memory = true}, 4, 0, 0, 0, 4},
    {{.family = AF_UNSPEC, .states = SOCKDIAG_CHILDREN, .local_port = 6001, .want_info = true}, 4, 2, 1, 1, 0},
    {{.family = AF_INET6, .states = SOCKDIAG_LISTEN | SOCKDIAG_CHILDREN, .local_port = 6001}, 0, 0, 0, 0, 0},
    {{.family = AF_INET, .states = SOCKDIAG_CHILDREN, .local = (const struct port_range[]){{6001, 6001}}, .local_count = 1},
     4,
     2,
     1,
     1,
     0},
    {{.family = AF_INET,
      .states = SOCKDIAG_LISTEN,
      .local = (const struct port_range[]){{1, 5999}, {6001, 6001}, {6002, 6100}},
      .local_count = 3},
     3,
     0,
     0,
     0,
     3},
    {{.family = AF_INET,
      .states = SOCKDIAG_LISTEN,
      .local = (const struct port_range[]){{6000, 6000}, {6002, 6003}},
      .local_count = 2},
     2,
     0,
     0,
     0,
     2},
};

START_TEST(dump_gives_what_was_asked_for)
{
    struct sockdiag sd = open_diag();
    make_children();
    for (size_t i = 0; i < COUNT(queries); i++) {
        struct tally *tally = dump(&sd, &queries[i].query);
        ck_assert_msg(tally->total == queries[i].total, "query %zu: %d sockets", i, tally->total);
        ck_assert_int_eq(tally->by_state[STATE_ESTABLISHED], queries[i].established);
        ck_assert_int_eq(tally->by_state[STATE_SYN_RECV], queries[i].syn_recv);
        ck_assert_int_eq(tally->by_state[STATE_TIME_WAIT], queries[i].time_wait);
        ck_assert_int_eq(tally->by_state[STATE_LISTEN], queries[i].listen);
        /* Requests and TIME_WAIT have neither attribute. */
        int bare = queries[i].syn_recv + queries[i].time_wait;
        ck_assert_int_eq(tally->without_info, queries[i].query.want_info ? bare : tally->total);
        ck_assert_int_eq(tally->without_drops, queries[i].query.want_memory ? bare : tally->total);
        free(tally);
    }
    sockdiag_close(&sd);
}
END_TEST

/* Many times what one message holds. */
START_TEST(dump_of_many_gives_each_once)
{
    const int many = 1500;
    struct sockdiag sd = open_diag();
    struct endpoint local = at("127.0.0.1", 6001);
    struct sockdiag_query query = {AF_INET, SOCKDIAG_CHILDREN, 6001, .want_info = true, .want_memory = true};
    struct rlimit limit = {.rlim_cur = (rlim_t)many + 100, .rlim_max = RLIM_INFINITY};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    listen_at("127.0.0.1", 6001, many, 0);
    connect_many(&local, many);
    for (int round = 0; round < 3; round++) {
        struct tally *tally = dump(&sd, &query);
        ck_assert_int_eq(tally->total, many);
        ck_assert_int_eq(tally->distinct, many);
        ck_assert_int_eq(tally->without_info + tally->without_drops, 0);
        free(tally);
    }
    ck_assert_uint_eq(ask_listener(&sd, &local).queue, (uint64_t)many);
    sockdiag_close(&sd);
}
END_TEST

START_TEST(refused_dump_is_an_error)
{
    struct sockdiag sd = open_diag();
    struct sockdiag_query query = {.family = UINT8_MAX, .states = SOCKDIAG_LISTEN};
    struct error err = {0};
    ck_assert_int_lt(sockdiag_dump(&sd, &query, NULL, NULL, &err), 0);
    ck_assert_str_ne(err.text, "");
    /* The next question is answered all the same. */
    free(dump(&sd, &(struct sockdiag_query){.family = AF_INET, .states = SOCKDIAG_LISTEN}));
    sockdiag_close(&sd);
}
END_TEST

/* ---- The owner ---- */

START_TEST(owner_is_found)
{
    struct sockdiag sd = open_diag();
    struct endpoint local = at("127.0.0.1", 6001);
    listen_at("127.0.0.1", 6001, 2, 0);
    ck_assert_int_eq(prctl(PR_SET_NAME, "a b\n\033\xff[c]"), 0);
    struct listener listener = ask_listener(&sd, &local);
    owner_find(&listener);
    ck_assert_int_eq(listener.pid, getpid());
    ck_assert_str_eq(listener.process, "a b\n\033\xff[c]");
    sockdiag_close(&sd);
}
END_TEST

START_TEST(owner_of_nothing_is_empty)
{
    static const uint32_t inodes[] = {0, UINT32_MAX};
    for (size_t i = 0; i < COUNT(inodes); i++) {
        struct listener listener = {.inode = inodes[i], .pid = 17, .process = "stale"};
        owner_find(&listener);
        ck_assert_int_eq(listener.pid, 0);
        ck_assert_str_eq(listener.process, "");
    }
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {
        listener_has_the_kernels_figures,
        exact_finds_requests_and_ended_children,
        exact_of_mixed_families_is_absent,
        stale_answers_are_left_aside,
        closed_sockdiag_is_an_error,
        dump_gives_what_was_asked_for,
        dump_of_many_gives_each_once,
        refused_dump_is_an_error,
        owner_is_found,
        owner_of_nothing_is_empty,
    };
    Suite *suite = suite_create("kernel");
    suite_add(suite, "sockets", tests, COUNT(tests));
    TCase *rows = tcase_create("rows");
    tcase_add_loop_test(rows, many_are_found_at_once, 0, 2);
    tcase_add_loop_test(rows, listener_is_the_one_that_a_syn_reaches, 0, COUNT(choices));
    tcase_add_loop_test(rows, exact_follows_a_connection_through_its_life, 0, COUNT(pairs));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
