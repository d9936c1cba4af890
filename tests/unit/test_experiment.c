/* An experiment by itself, at an address of this host where nobody listens; and whether it was alone. */
#include "process.h"
#include "suite.h"

#include "backlogctl/experiment.h"
#include "backlogctl/solitude.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What began before the burst is not the start of the run, however long it took. */
START_TEST(starts_at_the_zero_of_its_times)
{
    static struct experiment_plan plan = {
        .addresses = {{.family = AF_INET, .port = 1, .bytes = {127, 0, 0, 1}}},
        .address_count = 1,
        .probe = {.arrivals.count = 1},
    };
    struct experiment *x;
    struct error err = {0};
    char before[CLOCK_STAMP_SIZE], after[CLOCK_STAMP_SIZE];
    ck_assert_msg(experiment_open(&x, &plan, NULL, &err) == 0, "%s", err.text);
    usleep(5000);
    clock_stamp_at(clock_now(), before);
    ck_assert_int_eq(experiment_go(x, &err), 0);
    const struct run *run = experiment_run(x);
    clock_stamp_at(clock_now() - run->elapsed, after);
    ck_assert_msg(strcmp(before, run->started_at) <= 0, "%s, %s", before, run->started_at);
    ck_assert_msg(strcmp(run->started_at, after) <= 0, "%s, %s", run->started_at, after);
    ck_assert_uint_eq(run->connection_count, 1);
    experiment_close(x);
}
END_TEST

/* ---- Whether anybody else was there ---- */

static int a_listener(struct sockaddr_in *address, int backlog)
{
    socklen_t size = sizeof *address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    ck_assert(fd >= 0 && !bind(fd, (struct sockaddr *)address, size) && !listen(fd, backlog));
    ck_assert(!getsockname(fd, (struct sockaddr *)address, &size));
    return fd;
}

/* As connect(2) leaves it on a path without a delay. */
static int call(const struct sockaddr_in *address, uint8_t state, struct attempt *attempt)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    ck_assert(connect(fd, (const struct sockaddr *)address, sizeof *address) && errno == EINPROGRESS);
    *attempt = (struct attempt){.state = state};
    return fd;
}

enum { CALLS = 8, ROOM = 3 };

/* A queue with room for three: the others get no answer. */
static struct solitude eight_calls(struct sockaddr_in *address, int fds[CALLS], struct attempt attempts[CALLS])
{
    struct solitude solitude;
    in_private_namespace();
    a_listener(address, ROOM - 1);
    solitude_begin(&solitude);
    ck_assert(solitude.known);
    for (int i = 0; i < CALLS; i++)
        fds[i] = call(address, i < ROOM ? STATE_ESTABLISHED : STATE_SYN_SENT, &attempts[i]);
    return solitude;
}

START_TEST(nobody_else_was_there)
{
    struct sockaddr_in address;
    struct attempt attempts[CALLS];
    int fds[CALLS];
    struct solitude solitude = eight_calls(&address, fds, attempts);
    ck_assert(solitude_lasted(&solitude, attempts, CALLS));
    /* What we know is old: one of them is connected by now; or had been, and is no more. */
    attempts[0].state = STATE_SYN_SENT;
    ck_assert(!solitude_lasted(&solitude, attempts, CALLS));
    attempts[0].state = STATE_CLOSE;
    ck_assert(!solitude_lasted(&solitude, attempts, CALLS));
    attempts[0].state = STATE_ESTABLISHED;
    ck_assert(solitude_lasted(&solitude, attempts, CALLS));
    attempts[0].sent = true;
    ck_assert(!solitude_lasted(&solitude, attempts, CALLS));
}
END_TEST

static const struct {
    const char *name;
    int backlog; /* of the other's listener; -1: it is ours */
    bool closes;
} others[] = {{"another client of ours", -1, false}, {"a client elsewhere", 4, false}, {"one of ours closes", 0, true}};

START_TEST(somebody_else_was_there)
{
    struct sockaddr_in address, other;
    struct attempt attempts[CALLS], one;
    int fds[CALLS];
    struct solitude solitude = eight_calls(&address, fds, attempts);
    ck_assert(solitude_lasted(&solitude, attempts, CALLS));
    if (others[_i].closes)
        close(fds[0]);
    else if (others[_i].backlog >= 0)
        a_listener(&other, others[_i].backlog);
    if (!others[_i].closes)
        call(others[_i].backlog >= 0 ? &other : &address, STATE_SYN_SENT, &one);
    ck_assert_msg(!solitude_lasted(&solitude, attempts, CALLS), "%s", others[_i].name);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("experiment");
    const TTest *const tests[] = {starts_at_the_zero_of_its_times, nobody_else_was_there};
    suite_add(suite, "start", tests, COUNT(tests));
    TCase *rows = tcase_create("rows");
    tcase_add_loop_test(rows, somebody_else_was_there, 0, COUNT(others));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
