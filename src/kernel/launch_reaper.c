/* The reaper: starts the command, keeps the last of its output, collects what ends, and ends all with its parent. Only system calls
   here: the process was made beside threads that may hold locks. */
#include "launch_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN_SIZE 4096

pid_t launch_clone(uint64_t flags, int *pidfd)
{
    struct clone_args args = {.flags = flags | (pidfd ? CLONE_PIDFD : 0),
                              .pidfd = (uint64_t)(uintptr_t)pidfd,
                              .exit_signal = SIGCHLD};
    return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

/* ---- The command's process ---- */

static void reset_signals(void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The bare calls: those of the C library would tell other threads, which are not here. */
static int change_user(const struct reaper *r)
{
    if (!r->other_user)
        return 0;
    if (syscall(SYS_setgroups, r->group_count, r->groups) || syscall(SYS_setresgid, r->gid, r->gid, r->gid))
        return -1;
    return (int)syscall(SYS_setresuid, r->uid, r->uid, r->uid);
}

static void keep_streams(const struct reaper *r)
{
    int null = open("/dev/null", O_RDONLY);
    dup2(null, STDIN_FILENO);
    dup2(r->log, STDOUT_FILENO);
    dup2(r->log, STDERR_FILENO);
    /* The one that tells of execvp(3) closes with it. */
    dup3(r->executed, STDERR_FILENO + 1, O_CLOEXEC);
    syscall(SYS_close_range, STDERR_FILENO + 2, ~0U, 0);
}

_Noreturn static void be_command(const struct reaper *r)
{
    setsid();
    reset_signals();
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    keep_streams(r);
    if (change_user(r))
        atomic_store(&r->shared->user_refused, true);
    else
        execvp(r->words[0], r->words);
    atomic_store(&r->shared->exec_error, errno);
    _exit(127);
}

/* ---- The reaper ---- */

static void keep_output(const struct reaper *r)
{
    struct launch_shared *s = r->shared;
    uint64_t at = atomic_load(&s->written) % LAUNCH_TAIL;
    ssize_t n = read(r->output, s->tail + at, LAUNCH_TAIL - at);
    if (n > 0)
        atomic_fetch_add(&s->written, (uint64_t)n);
}

/* Without a pid namespace: those that are our children now; what these leave behind is next. */
static void kill_children(int number)
{
    char path[64], text[CHILDREN_SIZE + 1];
    snprintf(path, sizeof path, "/proc/thread-self/children");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, CHILDREN_SIZE);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    char *end;
    for (char *p = text; *p; p = end) {
        long pid = strtol(p, &end, 10);
        if (end == p)
            break;
        if (*end == ' ' && pid > 1) /* a number that was cut short has nothing behind it */
            kill((pid_t)pid, number);
        end += strspn(end, " ");
    }
}

/* With a pid namespace the kernel does it. */
_Noreturn static void end_all(const struct reaper *r)
{
    while (!r->own_pids) {
        kill_children(SIGKILL);
        if (waitpid(-1, NULL, 0) < 0 && errno == ECHILD)
            break;
    }
    _exit(0);
}

static void terminate(const struct reaper *r, pid_t command)
{
    if (!atomic_load(&r->shared->ended))
        kill(command, SIGTERM);
    else if (r->own_pids)
        kill(-1, SIGTERM);
    else
        kill_children(SIGTERM);
}

/* Returns false when nothing is left. */
static bool reap(const struct reaper *r, pid_t command, bool terminated)
{
    pid_t pid;
    int status;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == command) {
            atomic_store(&r->shared->status, status);
            atomic_store(&r->shared->ended, true);
            eventfd_write(r->news, 1);
            if (terminated)
                return false;
        }
    return !(pid < 0 && errno == ECHILD);
}

static void take_output(struct reaper *r, struct pollfd *ready)
{
    if (ready->revents & POLLIN) {
        keep_output(r);
    } else if (ready->revents) { /* nobody has its other end any more */
        close(r->output);
        ready->fd = r->output = -1;
    }
}

_Noreturn static void look_after(struct reaper *r, pid_t command, int signals)
{
    struct pollfd ready[] = {{.fd = signals, .events = POLLIN}, {.fd = r->lifeline, .events = POLLIN}, {r->output, POLLIN, 0}};
    bool terminated = false;
    for (;;) {
        if (poll(ready, sizeof ready / sizeof *ready, -1) < 0)
            continue;
        take_output(r, &ready[2]);
        if (ready[1].revents) {
            char word;
            if (read(r->lifeline, &word, 1) != 1)
                end_all(r);
            terminate(r, command);
            /* One that had ended leaves others: these have their time. */
            terminated = !atomic_load(&r->shared->ended);
        }
        struct signalfd_siginfo info;
        if (ready[0].revents && read(signals, &info, sizeof info) > 0 && !reap(r, command, terminated)) {
            while (r->output >= 0 && poll(&ready[2], 1, 0) > 0)
                take_output(r, &ready[2]);
            end_all(r);
        }
    }
}

static void mount_proc(const struct reaper *r)
{
    bool own = !mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) &&
               !mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
    atomic_store(&r->shared->host_proc, !own);
}

/* Closes all but what is needed: our parent's files must not be held open here. */
static void keep_descriptors(const struct reaper *r)
{
    const int kept[] = {r->lifeline, r->news, r->executed, r->log, r->output};
    unsigned from = STDERR_FILENO + 1;
    for (;;) {
        unsigned next = ~0U;
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
            if (kept[i] >= (int)from && (unsigned)kept[i] < next)
                next = (unsigned)kept[i];
        if (next > from)
            syscall(SYS_close_range, from, next - (next != ~0U), 0);
        if (next == ~0U)
            break;
        from = next + 1;
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; stream++)
        dup2(null, stream);
}

void reaper_main(const struct reaper *given)
{
    struct reaper reaper = *given, *r = &reaper;
    sigset_t all, ended;
    if (r->own_pids)
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    else
        prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "backlogctl-reap");
    setsid();
    keep_descriptors(r);
    if (r->own_pids)
        mount_proc(r);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    int signals = signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK);
    pid_t command = signals < 0 ? -1 : launch_clone(0, NULL);
    if (!command)
        be_command(r);
    if (command < 0)
        atomic_store(&r->shared->exec_error, errno);
    close(r->executed);
    close(r->log);
    if (command < 0)
        _exit(1);
    look_after(r, command, signals);
}
