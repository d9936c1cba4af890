/* Measuring a server's queue: whom it stops, and whom it lets go. */
#include "backlogctl/capacity.h"
#include "backlogctl/listener.h"
#include "backlogctl/sockdiag.h"

#include "process.h"
#include "suite.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const enum freeze_method methods[] = {FREEZE_PTRACE, FREEZE_STOP};

/* A process that does nothing but hold the descriptors that there are now. */
static pid_t idle_process(void)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        pause();
}

/* A server that does nothing but accept. */
static pid_t accepting_process(int fd)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        close(accept(fd, NULL, NULL));
}

static void end_idle(pid_t pid)
{
    int status;
    ck_assert_int_eq(waitpid(pid, &status, WNOHANG | WUNTRACED | WCONTINUED) >= 0, 1);
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}

/* Runs again, or never stopped. */
static void must_not_stand_still(pid_t pid)
{
    char path[40], state = 'T';
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    for (nsec end = clock_now() + 20 * NSEC_PER_SEC; state == 'T' || state == 't';) {
        FILE *file = fopen(path, "re");
        ck_assert(file && fscanf(file, "%*d (%*[^)]) %c", &state) == 1);
        fclose(file);
        ck_assert_msg(clock_now() < end, "process %d stands still", (int)pid);
    }
}

/* An id may be another process's by the time that it is stopped: that one is let go, and nothing is sent to the server. */
START_TEST(who_does_not_hold_the_listener_is_let_go)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(60001)};
    struct endpoint there = {.family = AF_INET, .bytes = {127, 0, 0, 1}, .port = 60001};
    struct measurement m = {0};
    struct sockdiag diag = {0};
    struct loop loop;
    struct error err = {0};
    uint64_t queue, discarded;
    in_private_namespace();
    const pid_t bystander = idle_process();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(!bind(fd, (struct sockaddr *)&address, sizeof address) && !listen(fd, 7));
    ck_assert_int_eq(sockdiag_open(&diag, &err), 0);
    ck_assert_int_eq(listener_find(&diag, &there, &(struct transport){0}, &m.listener, &err), 0);
    ck_assert_int_eq(loop_init(&loop, false, &err), 0);
    const pid_t pids[] = {accepting_process(fd), bystander};
    struct capacity_plan plan = {.pids = pids,
                                 .pid_count = 2,
                                 .freeze = {.budget = 30 * NSEC_PER_SEC, .method = methods[_i]},
                                 .patience = PATIENCE};
    ck_assert_int_eq(capacity_measure(&m, &plan, &loop, &err), -ESRCH);
    ck_assert_msg(strstr(err.text, "does not hold the listener any more") != NULL, "%s", err.text);
    must_not_stand_still(pids[0]);
    must_not_stand_still(pids[1]);
    ck_assert_int_eq(listener_look(&diag, &m.listener, &queue, &discarded, &err), 0);
    ck_assert_uint_eq(queue, 0);
    end_idle(pids[0]);
    end_idle(pids[1]);
    loop_release(&loop);
    sockdiag_close(&diag);
    close(fd);
}
END_TEST

/* Where nobody accepts, connections of ours would stay for good: no more than the one that was tried, and nobody is stopped. */
START_TEST(nothing_is_sent_where_nobody_accepts)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(60001)};
    struct endpoint there = {.family = AF_INET, .bytes = {127, 0, 0, 1}, .port = 60001};
    struct measurement m = {0};
    struct sockdiag diag = {0};
    struct loop loop;
    struct error err = {0};
    uint64_t queue, discarded;
    in_private_namespace();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(!bind(fd, (struct sockaddr *)&address, sizeof address) && !listen(fd, 7));
    ck_assert_int_eq(sockdiag_open(&diag, &err), 0);
    ck_assert_int_eq(loop_init(&loop, false, &err), 0);
    const pid_t holder = idle_process();
    const struct capacity_plan plan = {.pids = &holder,
                                       .pid_count = 1,
                                       .freeze = {.budget = 30 * NSEC_PER_SEC, .method = FREEZE_PTRACE},
                                       .patience = 20 * NSEC_PER_MSEC};
    for (int i = 0; i < 2; i++) { /* the second time the first one's trial waits */
        err = (struct error){0};
        ck_assert_int_eq(listener_find(&diag, &there, &(struct transport){0}, &m.listener, &err), 0);
        ck_assert_int_eq(capacity_measure(&m, &plan, &loop, &err), -EBUSY);
        ck_assert_msg(strstr(err.text, i ? "has not moved" : "one trial connection") != NULL, "%s", err.text);
        ck_assert_int_eq(listener_look(&diag, &m.listener, &queue, &discarded, &err), 0);
        ck_assert_uint_eq(queue, 1);
    }
    end_idle(holder);
    loop_release(&loop);
    sockdiag_close(&diag);
    close(fd);
}
END_TEST

/* A name that leads to another server: its queue is not filled in the place of the one that stands still. */
START_TEST(another_server_is_not_filled)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY), .sin_port = htons(60001)};
    struct endpoint there = {.family = AF_INET, .bytes = {127, 0, 0, 2}, .port = 60001};
    struct measurement m = {0};
    struct sockdiag diag = {0};
    struct listener other;
    struct loop loop;
    struct error err = {0};
    uint64_t queue, discarded;
    int fds[2];
    in_private_namespace();
    for (int i = 0; i < 2; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert(!setsockopt(fds[i], SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int)));
        ck_assert(!bind(fds[i], (struct sockaddr *)&address, sizeof address) && !listen(fds[i], 7));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK); /* hides the first one */
    }
    ck_assert_int_eq(sockdiag_open(&diag, &err), 0);
    ck_assert_int_eq(listener_find(&diag, &there, &(struct transport){0}, &m.listener, &err), 0);
    there.bytes[3] = 1;
    ck_assert_int_eq(listener_find(&diag, &there, &(struct transport){0}, &other, &err), 0);
    ck_assert_int_eq(loop_init(&loop, false, &err), 0);
    ck_assert(m.listener.inode != other.inode);
    const pid_t holder = idle_process();
    const struct capacity_plan plan = {.pids = &holder,
                                       .pid_count = 1,
                                       .freeze = {.budget = 30 * NSEC_PER_SEC, .method = FREEZE_PTRACE},
                                       .patience = NSEC_PER_SEC,
                                       .accepts = true};
    ck_assert_int_eq(capacity_measure(&m, &plan, &loop, &err), -EHOSTUNREACH);
    ck_assert_int_eq(listener_look(&diag, &other, &queue, &discarded, &err), 0);
    ck_assert_uint_le(queue, 1);
    must_not_stand_still(holder);
    end_idle(holder);
    loop_release(&loop);
    sockdiag_close(&diag);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

/* A server that waits for its clients' first word accepts, though not ours: that is no server that accepts nobody, nor another one. */
START_TEST(deferred_accepts_are_told_apart)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(60001)};
    struct endpoint there = {.family = AF_INET, .bytes = {127, 0, 0, 1}, .port = 60001};
    struct measurement m = {0};
    struct sockdiag diag = {0};
    struct loop loop;
    struct error err = {0};
    in_private_namespace();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(!setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &(int){600}, sizeof(int)));
    ck_assert(!bind(fd, (struct sockaddr *)&address, sizeof address) && !listen(fd, 7));
    ck_assert_int_eq(sockdiag_open(&diag, &err), 0);
    ck_assert_int_eq(loop_init(&loop, false, &err), 0);
    const pid_t holder = accepting_process(fd);
    const struct capacity_plan plan = {.pids = &holder,
                                       .pid_count = 1,
                                       .freeze = {.budget = 30 * NSEC_PER_SEC, .method = FREEZE_PTRACE},
                                       .patience = 300 * NSEC_PER_MSEC,
                                       .accepts = _i};
    ck_assert_int_eq(listener_find(&diag, &there, &(struct transport){0}, &m.listener, &err), 0);
    ck_assert_int_eq(capacity_measure(&m, &plan, &loop, &err), -EOPNOTSUPP);
    ck_assert_msg(strstr(err.text, "TCP_DEFER_ACCEPT") != NULL, "%s", err.text);
    must_not_stand_still(holder);
    end_idle(holder);
    loop_release(&loop);
    sockdiag_close(&diag);
    close(fd);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("capacity");
    TCase *tcase = tcase_create("holders");
    tcase_add_loop_test(tcase, who_does_not_hold_the_listener_is_let_go, 0, COUNT(methods));
    tcase_add_test(tcase, nothing_is_sent_where_nobody_accepts);
    tcase_add_test(tcase, another_server_is_not_filled);
    tcase_add_loop_test(tcase, deferred_accepts_are_told_apart, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN(make_suite)
