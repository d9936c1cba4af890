/* What each command may do while it works, as the kernel tells it in /proc/PID/status, and what no fault in it could do. */
#include "process.h"
#include "suite.h"

#include "backlogctl/rights.h"

#include <linux/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- /proc/PID/status ---- */

/* The number behind a word of it, such as "CapEff:". */
static uint64_t status_of(pid_t pid, const char *word, int base)
{
    char path[64], line[256];
    uint64_t number = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "no %s", path);
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, word, strlen(word)))
            number = strtoull(line + strlen(word), NULL, base);
    fclose(file);
    return number;
}

/* The system call that it is in. */
static long call_of(pid_t pid)
{
    char path[64], line[64] = "";
    snprintf(path, sizeof path, "/proc/%d/syscall", (int)pid);
    FILE *file = fopen(path, "r");
    if (file && !fgets(line, sizeof line, file))
        *line = '\0';
    if (file)
        fclose(file);
    return *line >= '0' && *line <= '9' ? strtol(line, NULL, 10) : -1;
}

/* ---- Each command ---- */

#define BURST                                                                                                            \
    (1 << CAP_NET_ADMIN | 1 << CAP_NET_RAW | 1 << CAP_NET_BIND_SERVICE | 1 << CAP_SYS_RESOURCE | 1 << CAP_DAC_OVERRIDE | \
     1 << CAP_SYS_ADMIN)
#define SEE (1 << CAP_SYS_PTRACE | 1 << CAP_DAC_READ_SEARCH)
#define ENTER (1 << CAP_SYS_ADMIN)
#define WRITE (1 << CAP_DAC_OVERRIDE | 1 << CAP_FOWNER | 1 << CAP_CHOWN)

#define HELD_FILE "/tmp/backlogctl-test-rights-held.xml"

static const struct {
    const char *args[12];
    uint64_t held;
    bool only_reads;
} rows[] = {
    {{"list"}, SEE | 1 << CAP_NET_ADMIN, true},
    {{"list", "--all-netns", "--json"}, SEE | ENTER | 1 << CAP_NET_ADMIN, true},
    {{"list", "--junit", HELD_FILE, "--expect", "queue>=0"}, SEE | WRITE | 1 << CAP_NET_ADMIN, true},
    {{"watch", "--batch"}, SEE | 1 << CAP_NET_ADMIN, true},
    {{"watch", "--batch", "--exact", "never"}, SEE | 1 << CAP_NET_ADMIN, true},
    {{"list", "--exact", "never"}, SEE | 1 << CAP_NET_ADMIN, true},
    {{"watch", "--batch", "--netns", "/proc/self/ns/net"}, SEE | ENTER | 1 << CAP_NET_ADMIN, true},
    {{"observe", "--port", "60002", "--duration", "10ms"}, SEE | 1 << CAP_NET_ADMIN, true},
    {{"resize", "--port", "60002", "--backlog", "8"}, SEE, false},
    {{"measure", "--port", "60002", "--yes"}, BURST | SEE | 1 << CAP_KILL | 1 << CAP_SYS_NICE, false},
    {{"probe", "--port", "60002", "--count", "1"}, BURST | SEE, false},
    {{"run", "--count", "1"}, BURST | SEE, false},
    {{"run", "--count", "1", "--json", "--", BACKLOGCTL, "serve", "--quiet", "--port", "60003"}, UINT64_MAX, false},
    {{"sweep", "--backlog", "1,2", "--count", "1"}, BURST | SEE, false},
    {{"size", "--rate", "10", "--stall", "100ms", "--checks", "1"}, BURST | SEE, false},
    {{"serve", "--port", "60004"}, BURST | SEE, false},
    {{"serve", "--unix", "@rights"}, BURST | SEE | WRITE, false},
};

/* A pipe that takes no more: who reports into it stays where he is. */
static int full_pipe(const char *path)
{
    char bytes[4096] = "";
    ck_assert_int_eq(mkfifo(path, 0666), 0);
    int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    while (write(fd, bytes, sizeof bytes) > 0)
        continue;
    ck_assert_int_eq(errno, EAGAIN);
    return fd;
}

static void must_hold(pid_t pid, uint64_t wanted)
{
    uint64_t mine = status_of(getpid(), "CapPrm:", 16);
    ck_assert_uint_eq(status_of(pid, "CapPrm:", 16), mine & wanted);
    ck_assert_uint_eq(status_of(pid, "CapEff:", 16), mine & wanted);
    if (wanted == UINT64_MAX)
        return;
    ck_assert_uint_eq(status_of(pid, "CapInh:", 16), 0);
    ck_assert_uint_eq(status_of(pid, "CapAmb:", 16), 0);
    if (wanted && mine >> CAP_SETPCAP & 1) /* who narrows it must have that */
        ck_assert_uint_eq(status_of(pid, "CapBnd:", 16), status_of(getpid(), "CapBnd:", 16) & wanted);
    ck_assert_uint_eq(status_of(pid, "NoNewPrivs:", 10), 1);
}

static void look_at_command(const char *const args[], uint64_t held, bool only_reads)
{
    const char *const server[] = {BACKLOGCTL, "serve", "--port", "60002", NULL};
    const char *argv[14] = {BACKLOGCTL};
    char path[64];
    snprintf(path, sizeof path, "/tmp/backlogctl-test-%d", (int)getpid());
    int pipe = full_pipe(path);
    const struct process_setup setup = {.stdout_to = path};
    for (size_t i = 0; args[i]; i++)
        argv[i + 1] = args[i];
    struct process other = process_start(server, NULL);
    free(process_line(&other, PATIENCE));
    struct process process = process_start(argv, &setup);
    for (nsec end = clock_now() + PATIENCE; call_of(process.pid) != SYS_write && clock_now() < end; usleep(1000))
        ck_assert_int_eq(waitpid(process.pid, NULL, WNOHANG), 0);
    unlink(path);
    unlink(HELD_FILE);
    must_hold(process.pid, held);
#if !defined(__SANITIZE_ADDRESS__) && !defined(BACKLOGCTL_UNFILTERED)
    ck_assert_uint_eq(status_of(process.pid, "Seccomp:", 10), only_reads ? 2 : status_of(getpid(), "Seccomp:", 10));
#else
    (void)only_reads;
#endif
    process_signal(&process, SIGKILL);
    struct outcome outcome = process_finish(&process, PATIENCE);
    outcome_free(&outcome);
    process_signal(&other, SIGTERM);
    outcome = process_finish(&other, PATIENCE);
    outcome_free(&outcome);
    close(pipe);
}

START_TEST(a_command_holds_what_it_needs)
{
    in_private_namespace();
    look_at_command(rows[_i].args, rows[_i].held, rows[_i].only_reads);
}
END_TEST

/* An ordinary user has nothing to give up, but the filter is his, too. */
START_TEST(nobody_holds_nothing)
{
    const char *const argv[] = {BACKLOGCTL, "list", NULL};
    char path[64];
    need(forbids_other_users);
    snprintf(path, sizeof path, "/tmp/backlogctl-test-%d", (int)getpid());
    int pipe = full_pipe(path);
    chmod(path, 0666);
    struct process process = process_start(argv, &(struct process_setup){.stdout_to = path, .as_nobody = true});
    for (nsec end = clock_now() + PATIENCE; call_of(process.pid) != SYS_write && clock_now() < end; usleep(1000))
        ck_assert_int_eq(waitpid(process.pid, NULL, WNOHANG), 0);
    unlink(path);
    must_hold(process.pid, 0);
    process_signal(&process, SIGKILL);
    struct outcome outcome = process_finish(&process, PATIENCE);
    outcome_free(&outcome);
    close(pipe);
}
END_TEST

/* ---- What is given up ---- */

START_TEST(no_program_brings_it_back)
{
    char path[64], line[256];
    uint64_t effective = 1;
    snprintf(path, sizeof path, "/tmp/backlogctl-test-%d", (int)getpid());
    pid_t child = fork();
    if (!child) {
        if (rights_keep(0, NULL) || !freopen(path, "w", stdout))
            _exit(1);
        execlp("cat", "cat", "/proc/self/status", (char *)NULL);
        _exit(127);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    FILE *file = fopen(path, "r");
    ck_assert(file != NULL);
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, "CapEff:", 7))
            effective = strtoull(line + 7, NULL, 16);
    fclose(file);
    unlink(path);
    ck_assert_uint_eq(effective, 0);
}
END_TEST

/* Whether it was refused by the filter. */
static bool refused(long result)
{
    return result < 0 && errno == ENOSYS;
}

/* One of TCP, that reaches nobody. */
static bool marks_are_allowed(bool marks)
{
    char address[128] = {0};
    int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
    if (!marks)
        return refused(tcp);
    return tcp >= 0 && refused(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_MPTCP)) &&
           refused(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) && refused(connect(tcp, (void *)address, sizeof address)) &&
           refused(sendto(tcp, "", 1, MSG_FASTOPEN, NULL, 0)) && refused(sendmsg(tcp, &(struct msghdr){0}, MSG_FASTOPEN));
}

/* What is counted can be asked for, and nothing else. */
static bool counts_are_allowed(bool counts)
{
    union bpf_attr attr = {0};
    bool asked = refused(syscall(SYS_bpf, BPF_OBJ_GET_INFO_BY_FD, &attr, sizeof attr)),
         written = refused(syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof attr));
    return asked == !counts && written == !counts && refused(syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr)) &&
           refused(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr)) &&
           refused(syscall(SYS_bpf, BPF_MAP_GET_FD_BY_ID, &attr, sizeof attr));
}

static int try_all(unsigned also)
{
    bool writes = also & RIGHTS_TO_WRITE, marks = also & RIGHTS_TO_MARK;
    char path[64];
    snprintf(path, sizeof path, "/tmp/backlogctl-test-%d", (int)getpid());
    if (rights_only_read(also, NULL))
        return 1;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (writes ? fd < 0 || unlink(path) : !refused(fd))
        return 2;
    if (open("/proc/self/status", O_RDONLY | O_CLOEXEC) < 0)
        return 3;
    if (!refused(socket(AF_INET, SOCK_STREAM, 0)) || !refused(socket(AF_UNIX, SOCK_STREAM, 0)) ||
        !refused(socket(AF_PACKET, SOCK_RAW, 0)))
        return 4;
    if (!marks_are_allowed(marks))
        return 9;
    if (!counts_are_allowed(also & RIGHTS_TO_COUNT))
        return 10;
    if (socket(AF_NETLINK, SOCK_RAW, 0) < 0)
        return 5;
    if (!refused(fork()) || !refused(kill(getppid(), 0)) || !refused(execl("/bin/true", "true", (char *)NULL)))
        return 6;
    if (!refused(syscall(SYS_ptrace, 0, 0, 0, 0)) || !refused(syscall(SYS_process_vm_writev, 1, NULL, 0, NULL, 0, 0)) ||
        !refused(listen(0, 1)) || !refused(connect(0, NULL, 0)))
        return 7;
    return kill(getpid(), 0) ? 8 : 0;
}

START_TEST(who_only_reads_can_do_nothing_else)
{
#if defined(__SANITIZE_ADDRESS__) || defined(BACKLOGCTL_UNFILTERED)
    skip("a program that a sanitizer watches, or whose lines are counted, has no filter of system calls");
#endif
    pid_t child = fork();
    if (!child)
        _exit(try_all((unsigned)_i));
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(WEXITSTATUS(status), 0);
    ck_assert(WIFEXITED(status));
}
END_TEST

static const char *const reading[][10] = {
    {"list"},
    {"list", "--all-netns", "--json"},
    {"list", "--netns", "pid:1", "--prometheus"},
    {"list", "--prometheus", "--output", "/tmp/backlogctl-test-rights.prom"},
    {"list", "--junit", "/tmp/backlogctl-test-rights.xml", "--expect", "listeners>=0"},
    {"watch", "--batch", "--iterations", "2", "--interval", "10ms"},
    {"watch", "--json", "--iterations", "2", "--interval", "10ms", "--alert", "queue>=1"},
    {"watch", "--batch", "--iterations", "2", "--interval", "100ms", "--exact", "auto"},
};

/* The filter has all that they call. */
START_TEST(the_filter_refuses_nothing_that_is_needed)
{
    const char *argv[16] = {"strace", "-f", "-qq", "-e", "status=failed", BACKLOGCTL};
    need_program("strace");
    for (size_t i = 0; reading[_i][i]; i++)
        argv[6 + i] = reading[_i][i];
    struct outcome outcome = process_run(argv, NULL);
    ck_assert_msg(!strstr(outcome.err, "ENOSYS"), "%s", outcome.err);
    outcome_free(&outcome);
    unlink("/tmp/backlogctl-test-rights.prom");
    unlink("/tmp/backlogctl-test-rights.xml");
}
END_TEST

static Suite *rights_suite(void)
{
    Suite *suite = suite_create("rights");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, a_command_holds_what_it_needs, 0, COUNT(rows));
    tcase_add_test(tcase, nobody_holds_nothing);
    tcase_add_test(tcase, no_program_brings_it_back);
    tcase_add_loop_test(tcase, who_only_reads_can_do_nothing_else, 0, 8);
    tcase_add_loop_test(tcase, the_filter_refuses_nothing_that_is_needed, 0, COUNT(reading));
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(rights_suite)
