/* The stage that a measured process plays on, and the stopwatch. */
#include "measure.h"

#include "backlogctl/fd.h"
#include "backlogctl/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A process that takes longer is ended and counts as failed. */
#define PATIENCE (120 * NSEC_PER_SEC)

/* The kernel clears a run's sockets away at once, but for those whose last packet got lost: they go after a
   minute, and nothing waits for them. */
#define CLEARING (10 * NSEC_PER_SEC)
#define CLEARING_STALLED (300 * NSEC_PER_MSEC)
#define CLEARING_PAUSE (10 * NSEC_PER_MSEC)

/* More than the largest count. */
#define SOMAXCONN_HERE "2000000"

int measure_enter(struct error *err)
{
    int status = netns_enter_private(err);
    return status ? status : sysctl_write("net.core.somaxconn", SOMAXCONN_HERE, err);
}

/* ---- The stage ---- */

/* What both ends of a loopback connection take of the kernel's memory, generously. */
#define BYTES_PER_CONNECTION 10000

/* Running out would end somebody else's process as well as ours. */
static int check_memory(size_t count, struct error *err)
{
    unsigned long long kib = 0, need = (unsigned long long)count * BYTES_PER_CONNECTION;
    char line[128];
    FILE *file = fopen("/proc/meminfo", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1)
            break;
    if (file)
        fclose(file);
    if (!kib || kib * 1024 >= need)
        return 0;
    return error_set(err, ENOMEM, "%zu connections take %llu MB of memory, %llu MB are available", count, need >> 20, kib >> 10);
}

static int open_listener(struct stage *stage, int backlog, struct error *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    stage->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stage->listener < 0 || bind(stage->listener, (struct sockaddr *)&address, size) || listen(stage->listener, backlog) ||
        getsockname(stage->listener, (struct sockaddr *)&address, &size))
        return error_errno(err, "cannot listen");
    stage->port = ntohs(address.sin_port);
    return 0;
}

static int fill_queue(struct stage *stage, struct error *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(stage->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    for (size_t i = 0; i < FILLING; i++) {
        stage->filling[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (stage->filling[i] < 0 || connect(stage->filling[i], (struct sockaddr *)&address, sizeof address))
            return error_errno(err, "cannot fill the queue");
    }
    if (getsockopt(stage->listener, IPPROTO_TCP, TCP_INFO, &info, &size))
        return error_errno(err, "TCP_INFO");
    if (info.tcpi_unacked != FILLING) /* of a listener: the length of its accept queue */
        return error_set(err, EPROTO, "the queue holds %u, not %d", info.tcpi_unacked, FILLING);
    return 0;
}

int stage_open(struct stage *stage, enum fate fate, size_t count, struct error *err)
{
    *stage = (struct stage){.listener = -1};
    for (size_t i = 0; i < FILLING; i++)
        stage->filling[i] = -1;
    int status = check_memory(count, err);
    if (status)
        return status;
    status = open_listener(stage, fate == FATE_DROPPED ? DROPPING_BACKLOG : (int)count, err);
    return status || fate == FATE_QUEUED ? status : fill_queue(stage, err);
}

/* TCP sockets of this namespace, those in TIME_WAIT included; -1 when it cannot be told. */
static long sockets_left(void)
{
    long inuse = -1, waiting = 0;
    char line[160];
    FILE *file = fopen("/proc/thread-self/net/sockstat", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "TCP: inuse %ld orphan %*d tw %ld", &inuse, &waiting) == 2)
            break;
    if (file)
        fclose(file);
    return inuse < 0 ? -1 : inuse + waiting;
}

void stage_close(struct stage *stage)
{
    for (size_t i = 0; i < FILLING; i++)
        fd_close(&stage->filling[i]);
    fd_close(&stage->listener);
    nsec until = clock_now() + CLEARING, progress = clock_now();
    for (long left = sockets_left(), now; left > 0 && clock_now() < until; left = now) {
        nanosleep(&(struct timespec){.tv_nsec = CLEARING_PAUSE}, NULL);
        now = sockets_left();
        if (now != left)
            progress = clock_now();
        else if (clock_now() - progress > CLEARING_STALLED)
            break;
    }
}

/* ---- The stopwatch ---- */

static void become(const char *const argv[], int out, int err)
{
    int null = open("/dev/null", O_RDONLY);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
        _exit(126);
    if (null > STDERR_FILENO)
        close(null);
    execv(argv[0], (char *const *)(uintptr_t)argv);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* Reads stderr to its end, which comes with the process's own, and keeps the first line. False when it took
   longer than `until`. */
static bool hear_out(int err, nsec until, char *line, size_t size)
{
    char piece[512];
    size_t used = 0;
    for (;;) {
        struct pollfd poll_err = {.fd = err, .events = POLLIN};
        nsec left = until - clock_now();
        if (left <= 0 || poll(&poll_err, 1, (int)(left / NSEC_PER_MSEC) + 1) == 0)
            return false;
        ssize_t got = read(err, piece, sizeof piece);
        if (got == 0 || (got < 0 && errno != EINTR))
            break;
        for (ssize_t i = 0; i < got && used + 1 < size; i++)
            line[used++] = piece[i];
    }
    line[used] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return true;
}

/* A failed expectation is told at the end of the report. */
static void quote_end(int fd, char *text, size_t size)
{
    off_t length = lseek(fd, 0, SEEK_END);
    off_t from = length > (off_t)size - 1 ? length - (off_t)size + 1 : 0;
    ssize_t got = pread(fd, text, size - 1, from);
    text[got > 0 ? got : 0] = '\0';
    for (char *c = text; *c; c++)
        if (*c == '\n')
            *c = ' ';
}

/* Packets dropped since boot because a CPU had too many waiting, in any namespace: the second column. */
static uint64_t packets_lost(void)
{
    uint64_t sum = 0;
    unsigned lost;
    char line[400];
    FILE *file = fopen("/proc/thread-self/net/softnet_stat", "re");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%*x %x", &lost) == 1)
            sum += lost;
    if (file)
        fclose(file);
    return sum;
}

static void note_status(struct sample *out, int status, bool late)
{
    if (late)
        snprintf(out->failure, sizeof out->failure, "late");
    else if (WIFSIGNALED(status))
        snprintf(out->failure, sizeof out->failure, "sig %d", WTERMSIG(status));
    else if (WEXITSTATUS(status))
        snprintf(out->failure, sizeof out->failure, "exit %d", WEXITSTATUS(status));
}

void sample_take(struct sample *out, const char *const argv[])
{
    int ends[2], status = 0;
    SCOPED_FD report = memfd_create("report", MFD_CLOEXEC);
    struct rusage used = {0};
    *out = (struct sample){0};
    if (report < 0 || pipe2(ends, O_CLOEXEC)) {
        snprintf(out->failure, sizeof out->failure, "no pipe");
        return;
    }
    uint64_t lost = packets_lost();
    nsec start = clock_now();
    pid_t pid = fork();
    if (pid == 0)
        become(argv, report, ends[1]);
    fd_close(&ends[1]);
    if (pid < 0) {
        snprintf(out->failure, sizeof out->failure, "no fork");
        fd_close(&ends[0]);
        return;
    }
    bool late = !hear_out(ends[0], start + PATIENCE, out->why, sizeof out->why);
    if (late)
        kill(pid, SIGKILL);
    while (wait4(pid, &status, 0, &used) < 0 && errno == EINTR)
        ;
    out->wall = clock_now() - start;
    out->lost = packets_lost() - lost;
    out->cpu = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * NSEC_PER_SEC +
               (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * NSEC_PER_USEC;
    out->peak = (uint64_t)used.ru_maxrss * 1024;
    fd_close(&ends[0]);
    note_status(out, status, late);
    if (out->failure[0] && !out->why[0])
        quote_end(report, out->why, sizeof out->why);
}
