/* The guardian: a process that stops the targets, waits for the end of the freeze, and lets them go. */
#include "freeze_internal.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KILL_SLACK (50 * NSEC_PER_MSEC)   /* for letting go of many thousands of threads by hand */
#define STOP_RECHECK (20 * NSEC_PER_MSEC) /* nobody tells us that a stopped process goes on */

static const struct {
    enum freeze_cause (*stop)(struct guard *guard);
    bool (*holds)(struct guard *guard);
    void (*release)(struct guard *guard);
} methods[] = {
    [FREEZE_PTRACE] = {freeze_ptrace_stop, freeze_ptrace_holds, freeze_ptrace_release},
    [FREEZE_STOP] = {freeze_stop_stop, freeze_stop_holds, freeze_stop_release},
};

/* ---- Leaving the caller ---- */

/* Without close_range(2), before 5.9, they stay open: for no longer than the budget. */
static void close_others(const int *kept, size_t count)
{
    unsigned from = 0;
    for (size_t i = 0; i < count; i++) {
        if ((unsigned)kept[i] > from)
            syscall(SYS_close_range, from, (unsigned)kept[i] - 1, 0);
        from = (unsigned)kept[i] + 1;
    }
    syscall(SYS_close_range, from, UINT_MAX, 0);
}

/* To be in time on a busy machine, where that is permitted. */
static void gain_priority(void)
{
    const struct sched_param lowest = {.sched_priority = sched_get_priority_min(SCHED_RR)};
    if (sched_setscheduler(0, SCHED_RR, &lowest))
        setpriority(PRIO_PROCESS, 0, PRIO_MIN);
}

/* A group of its own is enough: a session of its own would put it into a new group of the scheduler's, too (sched(7),
   autogroups), where on a busy machine it has been seen to wait for seconds before it ran. */
int freeze_leave_caller(const char *name, const int *kept, size_t count)
{
    for (int number = 1; number < NSIG; number++) /* all are blocked since before the fork: no handler has run here */
        signal(number, SIG_DFL);
    if (setpgid(0, 0))
        return -errno;
    prctl(PR_SET_NAME, name);
    close_others(kept, count);
    gain_priority();
    return 0;
}

/* ---- What the methods use ---- */

int guard_fault(struct guard *guard, enum freeze_fault fault, int code, pid_t pid, pid_t tid)
{
    struct freeze_board *board = guard->board;
    if (!board->fault) {
        board->fault = fault;
        board->code = code;
        board->pid = pid;
        board->tid = tid;
    }
    return -1;
}

bool guard_late(struct guard *guard, pid_t pid, pid_t tid)
{
    if (!guard->deadline || clock_now() < guard->deadline)
        return false;
    guard_fault(guard, FAULT_SLOW, ETIMEDOUT, pid, tid);
    if (tid && !guard->board->state)
        guard->board->state = proc_thread_state(pid, tid);
    return true;
}

int guard_start_budget(struct guard *guard)
{
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
    nsec now = clock_now(), end = now + guard->budget + KILL_SLACK;
    struct itimerspec due = {.it_value = {.tv_sec = end / NSEC_PER_SEC, .tv_nsec = end % NSEC_PER_SEC}};
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, TIMER_ABSTIME, &due, NULL))
        return guard_fault(guard, FAULT_TIMER, errno, 0, 0);
    guard->board->asked = now;
    guard->deadline = now + guard->budget;
    return 0;
}

enum freeze_cause guard_wait(struct guard *guard, nsec until)
{
    struct pollfd fds[] = {{guard->lifeline, POLLIN, 0},
                           {guard->caller, POLLIN, 0},
                           {guard->mate, POLLIN, 0},
                           {guard->signals, POLLIN, 0}};
    struct signalfd_siginfo ignored;
    nsec end = until < guard->deadline ? until : guard->deadline, left = end - clock_now();
    left = left > 0 ? left : 0;
    struct timespec timeout = {.tv_sec = left / NSEC_PER_SEC, .tv_nsec = left % NSEC_PER_SEC};
    if (ppoll(fds, sizeof fds / sizeof *fds, &timeout, NULL) > 0) {
        if (fds[0].revents || fds[1].revents)
            return CAUSE_RELEASED;
        if (fds[2].revents)
            return CAUSE_BROKEN;
        while (read(guard->signals, &ignored, sizeof ignored) > 0)
            continue;
    }
    return clock_now() < guard->deadline ? CAUSE_NONE : CAUSE_BUDGET;
}

/* ---- Its life ---- */

static enum freeze_cause hold(struct guard *guard)
{
    nsec recheck = guard->method == FREEZE_STOP ? STOP_RECHECK : guard->budget;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    guard->signals = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (guard->signals < 0) /* no memory: the death of a target would go unseen */
        return CAUSE_BROKEN;
    for (;;) {
        enum freeze_cause cause = guard_wait(guard, clock_now() + recheck);
        if (cause)
            return cause;
        if (!methods[guard->method].holds(guard))
            return CAUSE_BROKEN;
    }
}

static enum freeze_cause prepare(struct guard *guard, const int *kept, size_t count)
{
    int status = freeze_leave_caller(GUARDIAN_NAME, kept, count);
    if (status)
        guard_fault(guard, FAULT_OURS, -status, 0, 0);
    return status ? CAUSE_FAULT : CAUSE_NONE;
}

_Noreturn void freeze_guardian(struct guard *guard, const int *kept, size_t count)
{
    struct freeze_board *board = guard->board;
    enum freeze_cause cause = prepare(guard, kept, count);
    if (!cause)
        cause = methods[guard->method].stop(guard);
    if (!cause && guard_late(guard, board->targets[0].pid, 0))
        cause = CAUSE_BUDGET;
    if (!cause) {
        board->began = clock_now();
        cause = send(guard->lifeline, "", 1, MSG_NOSIGNAL) == 1 ? hold(guard) : CAUSE_RELEASED;
    }
    atomic_store(&board->ended, cause);
    methods[guard->method].release(guard);
    board->let_go = clock_now();
    _exit(0); /* the kernel lets go what is left */
}
