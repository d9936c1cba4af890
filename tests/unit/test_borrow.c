/* Listening again on the socket of another process, with and without rights, and every way in which it is refused. */
#include "backlogctl/borrow.h"
#include "backlogctl/clock.h"
#include "backlogctl/fd.h"

#include "process.h"
#include "suite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
#define BACKLOG 5

/* A server that holds the only descriptor but the test's own copy. */
struct held {
    pid_t pid;
    int copy;
    uint32_t inode;
};

static void become_nobody(void)
{
    if (!geteuid())
        ck_assert(!setgroups(0, NULL) && !setresgid(NOBODY, NOBODY, NOBODY) && !setresuid(NOBODY, NOBODY, NOBODY));
    prctl(PR_SET_DUMPABLE, 1); /* or its own files in /proc are root's */
}

static uint32_t inode_of(int fd)
{
    struct stat status;
    ck_assert_int_eq(fstat(fd, &status), 0);
    return (uint32_t)status.st_ino;
}

static int listen_tcp(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof address) && !listen(fd, BACKLOG));
    return fd;
}

static int listen_unix(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX}; /* the kernel names it */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) && !listen(fd, BACKLOG));
    return fd;
}

static int backlog_of(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size), 0);
    return (int)info.tcpi_sacked; /* of a listener: its backlog */
}

/* How many clients a unix socket queues before connect(2) would block: one more than its backlog. */
static int unix_queue(int listener)
{
    struct sockaddr_un address;
    socklen_t size = sizeof address;
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    for (int count = 0;; count++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (connect(fd, (struct sockaddr *)&address, size)) {
            ck_assert_int_eq(errno, EAGAIN);
            close(fd);
            return count;
        }
    }
}

/* The way into a private namespace, or to another user, takes being dumpable; a server begun by exec would be. */
static _Noreturn void serve(bool dumpable, int ready)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, dumpable);
    ssize_t ignored = write(ready, "", 1);
    (void)ignored;
    for (;;)
        pause();
}

static struct held hold(int listener, bool dumpable)
{
    struct held held = {.copy = listener, .inode = inode_of(listener)};
    int ready[2];
    char byte;
    ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
    held.pid = fork();
    if (!held.pid)
        serve(dumpable, ready[1]);
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return held;
}

static void let_go(struct held *held)
{
    ck_assert_int_eq(kill(held->pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(held->pid, NULL, 0), held->pid);
    fd_close(&held->copy);
}

static int open_count(void)
{
    int count = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static void assert_borrowed(pid_t pid, uint32_t inode, int backlog)
{
    struct error err = {0};
    int before = open_count();
    ck_assert_msg(!borrow_listen(pid, inode, backlog, &err), "%s", err.text);
    ck_assert_int_eq(open_count(), before);
}

static void assert_refused(pid_t pid, uint32_t inode, int code, const char *word)
{
    struct error err = {0}, dry = {0};
    int before = open_count();
    ck_assert_int_eq(borrow_listen(pid, inode, 7, &err), -code);
    ck_assert_msg(err.code == code && strstr(err.text, word), "%d: %s", err.code, err.text);
    ck_assert_int_eq(borrow_check(pid, inode, &dry), -code);
    ck_assert_str_eq(dry.text, err.text);
    ck_assert_int_eq(open_count(), before);
}

/* ---- What works ---- */

static void change_backlogs(void)
{
    static const int backlogs[] = {1, 4000, 0, 17, 100000};
    struct error err = {0};
    in_private_namespace();
    set_sysctl("net.core.somaxconn", "5000");
    struct held held = hold(listen_tcp(), true);
    ck_assert_msg(!borrow_check(held.pid, held.inode, &err), "%s", err.text);
    ck_assert_int_eq(backlog_of(held.copy), BACKLOG);
    for (size_t i = 0; i < COUNT(backlogs); i++) {
        assert_borrowed(held.pid, held.inode, backlogs[i]);
        ck_assert_int_eq(backlog_of(held.copy), backlogs[i] < 5000 ? backlogs[i] : 5000);
    }
    let_go(&held);
}

START_TEST(backlog_of_a_tcp_socket_changes)
{
    change_backlogs();
}
END_TEST

START_TEST(backlog_changes_without_rights)
{
    become_nobody();
    change_backlogs();
}
END_TEST

START_TEST(listener_goes_on_with_its_queue)
{
    in_private_namespace();
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    struct held held = hold(listen_tcp(), true);
    getsockname(held.copy, (struct sockaddr *)&address, &size);
    for (int i = 0; i < 3; i++) {
        int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_eq(connect(client, (struct sockaddr *)&address, size), 0);
        assert_borrowed(held.pid, held.inode, 1 + i);
    }
    for (int i = 0; i < 3; i++)
        ck_assert_int_ge(accept4(held.copy, NULL, NULL, SOCK_CLOEXEC), 0);
    let_go(&held);
}
END_TEST

START_TEST(backlog_of_a_unix_socket_changes)
{
    struct held held = hold(listen_unix(), true);
    ck_assert_int_eq(unix_queue(held.copy), BACKLOG + 1);
    assert_borrowed(held.pid, held.inode, 9);
    ck_assert_int_eq(unix_queue(held.copy), 9 - BACKLOG); /* on top of those there */
    let_go(&held);
}
END_TEST

/* A kernel fact that the header tells: what clients see of a unix server after that. */
START_TEST(unix_clients_then_see_the_borrower)
{
    struct ucred who;
    socklen_t size = sizeof(struct sockaddr_un), who_size = sizeof who;
    struct sockaddr_un address;
    int listener = listen_unix(), status;
    struct held held = hold(listener, true);
    getsockname(listener, (struct sockaddr *)&address, &size);
    pid_t borrower = fork();
    if (!borrower)
        _exit(borrow_listen(held.pid, held.inode, 9, NULL) ? 1 : 0);
    ck_assert(waitpid(borrower, &status, 0) == borrower && !status);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(getsockopt(client, SOL_SOCKET, SO_PEERCRED, &who, &who_size), 0);
    ck_assert_msg(who.pid == borrower || !who.pid, "SO_PEERCRED says %d", (int)who.pid);
    let_go(&held);
}
END_TEST

static _Noreturn void swap_all_the_time(int listener, int stranger)
{
    enum { ONE = 100, OTHER, SPARE };
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 1);
    dup2(listener, ONE);
    dup2(stranger, OTHER);
    close(listener);
    close(stranger);
    for (;;) {
        dup2(ONE, SPARE);
        dup2(OTHER, ONE);
        dup2(SPARE, OTHER);
        close(SPARE);
    }
}

/* One number is now the one socket, now the other: what is listened on is the one that was meant, or none. */
START_TEST(reused_numbers_are_never_listened_on)
{
    in_private_namespace();
    int listener = listen_tcp(), stranger = listen_tcp(), done = 0;
    uint32_t inode = inode_of(listener);
    pid_t server = fork();
    if (!server)
        swap_all_the_time(listener, stranger);
    for (nsec began = clock_now(), now = began; now < began + (done ? NSEC_PER_SEC : PATIENCE); now = clock_now()) {
        int status = borrow_listen(server, inode, 33, NULL);
        ck_assert_msg(!status || status == -ESTALE || status == -ENOENT || (geteuid() && status == -EACCES), "%s",
                      strerror(-status));
        done += !status;
    }
    ck_assert_int_gt(done, 0);
    ck_assert_int_eq(backlog_of(listener), 33);
    ck_assert_int_eq(backlog_of(stranger), BACKLOG);
    ck_assert_int_eq(kill(server, SIGKILL), 0);
    ck_assert_int_eq(waitpid(server, NULL, 0), server);
}
END_TEST

/* ---- What does not ---- */

START_TEST(errors_say_what_is_wrong)
{
    struct held held = hold(listen_unix(), true);
    assert_refused(held.pid, 1, ENOENT, "holds no socket 1");
    assert_refused(held.pid, 0, EINVAL, "inode");
    assert_refused(0, held.inode, EINVAL, "not the id");
    assert_refused(-3, held.inode, EINVAL, "not the id");
    kill(held.pid, SIGKILL);
    siginfo_t info;
    waitid(P_PID, (id_t)held.pid, &info, WEXITED | WNOWAIT); /* a zombie */
    if (geteuid()) {
        int status = borrow_check(held.pid, held.inode, NULL); /* its descriptors belong to root then */
        ck_assert(status == -ESRCH || status == -EACCES);
    } else {
        assert_refused(held.pid, held.inode, ESRCH, "is gone");
    }
    waitpid(held.pid, NULL, 0);
    assert_refused(held.pid, held.inode, ESRCH, "is gone");
    fd_close(&held.copy);
}
END_TEST

START_TEST(ordinary_users_may_not_borrow_from_root)
{
    need(forbids_other_users);
    struct held held = hold(listen_unix(), true);
    become_nobody();
    assert_refused(held.pid, held.inode, EACCES, "CAP_SYS_PTRACE");
    assert_refused(held.pid, held.inode, EACCES, "CAP_DAC_READ_SEARCH");
    close(held.copy); /* the server ends with this process: PR_SET_PDEATHSIG */
}
END_TEST

START_TEST(undumpable_servers_are_out_of_reach)
{
    become_nobody();
    struct held held = hold(listen_unix(), false);
    assert_refused(held.pid, held.inode, EACCES, "dumpable");
    let_go(&held);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {
        backlog_of_a_tcp_socket_changes,  backlog_changes_without_rights,          listener_goes_on_with_its_queue,
        backlog_of_a_unix_socket_changes, unix_clients_then_see_the_borrower,      reused_numbers_are_never_listened_on,
        errors_say_what_is_wrong,         ordinary_users_may_not_borrow_from_root, undumpable_servers_are_out_of_reach,
    };
    Suite *suite = suite_create("borrow");
    suite_add(suite, "plain", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN(make_suite)
