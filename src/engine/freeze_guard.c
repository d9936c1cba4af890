/* The guardian of a freeze: a process that stops others and lets them go, whatever happens. Only async-signal-safe calls. */
#include "freeze_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How much later than the budget the last resort comes. */
#define GRACE (50 * NSEC_PER_MSEC)

/* Nothing tells when a process that is no child has stopped. */
#define STOP_PAUSE (100 * NSEC_PER_USEC)

/* ---- Threads, through /proc ---- */

static size_t put_number(char *out, unsigned value)
{
    char digits[12];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while (value /= 10);
    for (size_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    return count;
}

/* "/proc/PID/task", and with a tid "/proc/PID/task/TID/stat". snprintf may allocate. */
static void put_path(char *out, pid_t pid, pid_t tid)
{
    size_t used = 6;
    memcpy(out, "/proc/", 6);
    used += put_number(out + used, (unsigned)pid);
    memcpy(out + used, "/task", 6);
    used += 5;
    if (!tid)
        return;
    out[used++] = '/';
    used += put_number(out + used, (unsigned)tid);
    memcpy(out + used, "/stat", 6);
}

char guard_state_of(pid_t pid, pid_t tid)
{
    char path[64], text[512];
    put_path(path, pid, tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0)
        close(fd);
    if (got <= 0)
        return 0;
    text[got] = '\0';
    const char *name_end = strrchr(text, ')'); /* the name may hold anything */
    return name_end && name_end[1] == ' ' ? name_end[2] : 0;
}

struct dirent64 {
    ino64_t inode;
    off64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

bool guard_threads(struct guard *guard, pid_t pid, bool (*each)(struct guard *guard, pid_t pid, pid_t tid))
{
    char path[64];
    put_path(path, pid, 0);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool more = true;
    for (long got; more && (got = syscall(SYS_getdents64, fd, guard->dents, FREEZE_DENTS_SIZE)) > 0;)
        for (long at = 0; more && at < got;) {
            const struct dirent64 *entry = (const void *)(guard->dents + at);
            at += entry->length;
            if (entry->name[0] >= '0' && entry->name[0] <= '9')
                more = each(guard, pid, (pid_t)strtol(entry->name, NULL, 10));
        }
    close(fd);
    return true;
}

/* ---- What both ways share ---- */

static nsec deadline(const struct guard *guard)
{
    return guard->shared->first_stop + guard->budget;
}

static void note_first_stop(struct guard *guard)
{
    if (guard->shared->first_stop)
        return;
    guard->shared->first_stop = clock_now();
    nsec last = guard->budget + GRACE;
    struct itimerval timer = {.it_value = {.tv_sec = last / NSEC_PER_SEC, .tv_usec = last % NSEC_PER_SEC / NSEC_PER_USEC}};
    setitimer(ITIMER_REAL, &timer, NULL);
}

static void say_ready(struct guard *guard, enum freeze_state state)
{
    atomic_store(&guard->shared->state, (int)state);
    while (write(guard->ready, "", 1) < 0 && errno == EINTR)
        ;
}

void guard_fail(struct guard *guard, int code, pid_t culprit)
{
    guard->shared->code = code;
    guard->shared->culprit = culprit;
    say_ready(guard, FREEZE_FAILED);
    _exit(1);
}

void guard_wait(struct guard *guard)
{
    say_ready(guard, FREEZE_STOPPED);
    struct pollfd release = {.fd = guard->release, .events = POLLIN};
    for (nsec left; (left = deadline(guard) - clock_now()) > 0;) {
        struct timespec span = {.tv_sec = left / NSEC_PER_SEC, .tv_nsec = left % NSEC_PER_SEC};
        int ready = ppoll(&release, 1, &span, NULL);
        if (ready > 0)
            return;
    }
    guard->shared->expired = true;
}

static void note_release(struct guard *guard)
{
    guard->shared->released = clock_now();
    atomic_store(&guard->shared->state, FREEZE_OVER);
}

/* ---- By ptrace ---- */

static struct tracee *find_tracee(struct guard *guard, pid_t tid)
{
    for (size_t i = 0; i < guard->tracee_count; i++)
        if (guard->tracees[i].tid == tid)
            return &guard->tracees[i];
    return NULL;
}

static void let_go(struct guard *guard)
{
    for (size_t i = 0; i < guard->tracee_count; i++)
        if (!guard->tracees[i].gone)
            ptrace(PTRACE_DETACH, guard->tracees[i].tid, NULL, (void *)(long)guard->tracees[i].signal);
}

/* Whatever was seized before a failure goes on with our end. */
static bool seize(struct guard *guard, pid_t pid, pid_t tid)
{
    if (find_tracee(guard, tid))
        return true;
    if (guard->tracee_count == FREEZE_THREADS_MAX)
        guard_fail(guard, E2BIG, pid);
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL)) {
        char state = guard_state_of(pid, tid);
        if (errno == ESRCH || !state || state == 'Z' || state == 'X')
            return true;
        guard_fail(guard, EPERM, pid);
    }
    note_first_stop(guard);
    guard->tracees[guard->tracee_count++] = (struct tracee){.pid = pid, .tid = tid};
    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
    return true;
}

/* Stopped for our sake, by a job-control stop (which lasts on when it is let go), or on the way to a signal's delivery. */
static void note_change(struct guard *guard, pid_t tid, int status)
{
    struct tracee *tracee = find_tracee(guard, tid);
    if (!tracee)
        return;
    if (!WIFSTOPPED(status)) {
        tracee->gone = true;
        return;
    }
    tracee->stopped = true;
    if (status >> 16 != PTRACE_EVENT_STOP)
        tracee->signal = WSTOPSIG(status);
}

static const struct tracee *still_running(const struct guard *guard)
{
    for (size_t i = 0; i < guard->tracee_count; i++)
        if (!guard->tracees[i].stopped && !guard->tracees[i].gone)
            return &guard->tracees[i];
    return NULL;
}

static void await_stops(struct guard *guard)
{
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    for (const struct tracee *running; (running = still_running(guard));) {
        int status;
        pid_t tid = waitpid(-1, &status, __WALL | WNOHANG);
        if (tid > 0) {
            note_change(guard, tid, status);
            continue;
        }
        nsec left = deadline(guard) - clock_now();
        if (left <= 0) {
            let_go(guard); /* those that have stopped; the others with our end */
            guard_fail(guard, ETIMEDOUT, running->pid);
        }
        struct timespec span = {.tv_sec = left / NSEC_PER_SEC, .tv_nsec = left % NSEC_PER_SEC};
        sigtimedwait(&child, NULL, &span);
    }
}

static size_t count_stopped(const struct guard *guard)
{
    size_t count = 0;
    for (size_t i = 0; i < guard->tracee_count; i++)
        count += !guard->tracees[i].gone;
    return count;
}

void guard_by_ptrace(struct guard *guard)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != guard->maker)
        _exit(1);
    /* A thread that still runs may make another: until a round finds no new one and all are stopped. */
    for (size_t before = SIZE_MAX; before != guard->tracee_count;) {
        before = guard->tracee_count;
        for (size_t i = 0; i < guard->count; i++)
            guard_threads(guard, guard->pids[i], seize);
        await_stops(guard);
    }
    guard->shared->threads = count_stopped(guard);
    if (!guard->shared->threads)
        guard_fail(guard, ESRCH, guard->pids[0]);
    guard_wait(guard);
    let_go(guard);
    note_release(guard);
    _exit(0);
}

/* ---- By SIGSTOP ---- */

static void signal_all(const struct guard *guard, int signal)
{
    for (size_t i = 0; i < guard->count; i++)
        if (guard->pidfds[i] >= 0)
            syscall(SYS_pidfd_send_signal, guard->pidfds[i], signal, NULL, 0);
}

/* The guardian's own guardian: when the pipe that the first one holds comes to its end, it continues all once more. */
static pid_t make_second(struct guard *guard, int *alive)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        guard_fail(guard, errno, guard->pids[0]);
    pid_t second = fork();
    if (second < 0)
        guard_fail(guard, errno, guard->pids[0]);
    if (second) {
        close(ends[0]);
        *alive = ends[1];
        return second;
    }
    setsid();
    close(ends[1]);
    close(guard->ready);
    close(guard->release);
    struct pollfd first = {.fd = ends[0], .events = POLLIN};
    nsec until = clock_now() + guard->budget + 2 * GRACE; /* should the first one hang */
    for (nsec left; (left = until - clock_now()) > 0;) {
        struct timespec span = {.tv_sec = left / NSEC_PER_SEC, .tv_nsec = left % NSEC_PER_SEC};
        if (ppoll(&first, 1, &span, NULL) > 0)
            break;
    }
    signal_all(guard, SIGCONT);
    _exit(0);
}

static bool count_if_stopped(struct guard *guard, pid_t pid, pid_t tid)
{
    char state = guard_state_of(pid, tid);
    if (state == 'T' || state == 't')
        guard->shared->threads++;
    else if (state && state != 'Z' && state != 'X')
        guard->shared->culprit = pid;
    return true;
}

static bool all_stopped(struct guard *guard)
{
    guard->shared->threads = 0;
    guard->shared->culprit = 0;
    for (size_t i = 0; i < guard->count; i++)
        guard_threads(guard, guard->pids[i], count_if_stopped);
    return !guard->shared->culprit;
}

static void stop_all(struct guard *guard)
{
    for (size_t i = 0; i < guard->count; i++) {
        if (guard->pidfds[i] < 0)
            continue;
        note_first_stop(guard);
        if (syscall(SYS_pidfd_send_signal, guard->pidfds[i], SIGSTOP, NULL, 0) && errno != ESRCH) {
            signal_all(guard, SIGCONT);
            guard_fail(guard, errno, guard->pids[i]);
        }
    }
    if (!guard->shared->first_stop)
        note_first_stop(guard); /* all stood still before */
    while (!all_stopped(guard)) {
        if (clock_now() > deadline(guard)) {
            signal_all(guard, SIGCONT);
            guard_fail(guard, ETIMEDOUT, guard->shared->culprit);
        }
        nanosleep(&(struct timespec){.tv_nsec = STOP_PAUSE}, NULL);
    }
}

void guard_by_stop(struct guard *guard)
{
    int alive;
    setsid(); /* a kill of the caller's process group misses us */
    pid_t second = make_second(guard, &alive);
    stop_all(guard);
    if (!guard->shared->threads)
        guard_fail(guard, ESRCH, guard->pids[0]);
    guard_wait(guard);
    signal_all(guard, SIGCONT);
    note_release(guard);
    close(alive);
    while (waitpid(second, NULL, 0) < 0 && errno == EINTR)
        ;
    _exit(0);
}
