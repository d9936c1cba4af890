/* Stopping by ptrace(2): PTRACE_SEIZE and PTRACE_INTERRUPT, and a kernel that lets everything go when the guardian ends.

   Stops are looked at with WNOWAIT and never taken. A thread may have stopped with a signal that it was about to get; the
   kernel keeps that signal where wait(2) would fetch it from and clear it. As it stays there, it is delivered even if the
   guardian is killed and the kernel lets the thread go. */
#include "freeze_internal.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#define CLEAN_SCANS 2 /* one list of threads may be cut short by a thread that ends while it is read */
#define FIRST_PAUSE (50 * NSEC_PER_USEC)
#define LONGEST_PAUSE (2 * NSEC_PER_MSEC)
#define SEIZE_TRIES 3
#define LOOK_ONLY (WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL)

/* ---- Taking hold ---- */

static bool is_known(const struct guard *guard, pid_t tid)
{
    return guard->known[tid / 8] >> tid % 8 & 1;
}

static void set_known(struct guard *guard, pid_t tid, bool known)
{
    unsigned char bit = (unsigned char)(1u << tid % 8);
    if (known)
        guard->known[tid / 8] |= bit;
    else
        guard->known[tid / 8] &= (unsigned char)~bit;
}

/* 0, ESRCH: it has ended, or why not. Of one that ends just now it says EPERM, too, and another thread may have its id at once: the
   one that calls execve(2) gets that of the process, and may be ours already. */
static int seize(pid_t pid, pid_t tid)
{
    int code = 0;
    for (int left = SEIZE_TRIES; left; left--) {
        siginfo_t ignored;
        if (!ptrace(PTRACE_SEIZE, tid, NULL, NULL))
            return 0;
        code = errno;
        if (code == ESRCH || proc_state_dead(proc_thread_state(pid, tid)))
            return ESRCH;
        if (code != EPERM)
            break;
        if (!waitid(P_PID, (id_t)tid, &ignored, LOOK_ONLY))
            return 0;
    }
    return code;
}

static int take_thread(void *context, pid_t pid, pid_t tid)
{
    struct guard *guard = context;
    if ((unsigned)tid >= TIDS_MAX || guard->used == TRACEES_MAX)
        return guard_fault(guard, FAULT_ROOM, E2BIG, pid, tid);
    if (guard_late(guard, pid, tid))
        return -1;
    if (is_known(guard, tid))
        return 0;
    if (!guard->deadline && guard_start_budget(guard))
        return -1;
    int code = seize(pid, tid);
    if (code)
        return code == ESRCH ? 0 : guard_fault(guard, FAULT_SEIZE, code, pid, tid);
    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL); /* fails for a thread that has ended, which the look at it will tell */
    guard->tracees[guard->used++] = (struct tracee){.tid = tid, .state = TRACEE_COMING, .target = guard->scanned};
    guard->board->targets[guard->scanned].live++;
    set_known(guard, tid, true);
    return 0;
}

/* How many threads were new, or -1 with a fault. */
static int take_all(struct guard *guard)
{
    size_t before = guard->used;
    for (guard->scanned = 0; guard->scanned < guard->board->count; guard->scanned++) {
        pid_t pid = guard->board->targets[guard->scanned].pid;
        int status = proc_threads(pid, take_thread, guard);
        if (status == -ENOENT || status == -ESRCH)
            return guard_fault(guard, FAULT_GONE, ESRCH, pid, pid);
        if (status)
            return guard_fault(guard, FAULT_LIST, -status, pid, pid);
    }
    return (int)(guard->used - before);
}

/* ---- Looking at them ---- */

static void lose(struct guard *guard, struct tracee *tracee)
{
    tracee->state = TRACEE_GONE;
    guard->board->targets[tracee->target].live--;
    set_known(guard, tracee->tid, false);
}

/* A thread that stopped in poll(2), nanosleep(2) or a futex(2) with a timeout would go on by restart_syscall(2), which its
   seccomp filter may answer by killing it. As if it had stopped in any other call, it is to call the same again: its timeout
   begins anew. Done at once, and it stays so if we are killed. */
static void spare_filtered(pid_t pid, pid_t tid)
{
#ifdef __x86_64__
    enum { ERESTARTNOHAND = 514, ERESTART_RESTARTBLOCK = 516 }; /* of the kernel; no program sees them */
    void *result = (void *)offsetof(struct user, regs.rax), *call = (void *)offsetof(struct user, regs.orig_rax);
    if (ptrace(PTRACE_PEEKUSER, tid, result, NULL) == -ERESTART_RESTARTBLOCK && proc_thread_filters(pid, tid) &&
        ptrace(PTRACE_PEEKUSER, tid, call, NULL) != SYS_restart_syscall)
        ptrace(PTRACE_POKEUSER, tid, result, (void *)(intptr_t)-ERESTARTNOHAND);
#else
    (void)pid;
    (void)tid;
#endif
}

/* `closely`: also whether it has ended without our being told, which takes a file of /proc to be read. */
static void look_at(struct guard *guard, struct tracee *tracee, bool closely)
{
    siginfo_t info = {0};
    pid_t pid = guard->board->targets[tracee->target].pid;
    if (waitid(P_PID, (id_t)tracee->tid, &info, LOOK_ONLY)) {
        lose(guard, tracee);
    } else if (!info.si_pid) {
        /* A process's first thread that has ended is not told of until the others have. */
        tracee->state = TRACEE_COMING;
        if (closely && proc_state_dead(proc_thread_state(pid, tracee->tid)))
            lose(guard, tracee);
    } else if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED) {
        if (tracee->state != TRACEE_HELD)
            spare_filtered(pid, tracee->tid);
        tracee->state = TRACEE_HELD;
        tracee->signal = info.si_status >> 8 ? 0 : info.si_status; /* with an event: the interruption, or a group-stop */
    } else {
        waitid(P_PID, (id_t)tracee->tid, &info, WEXITED | WNOHANG | __WALL); /* hands it on to its parent */
        lose(guard, tracee);
    }
}

/* The first one that is not stopped yet; NULL: none. */
static struct tracee *look_at_coming(struct guard *guard, bool closely)
{
    struct tracee *first = NULL;
    for (size_t i = 0; i < guard->used; i++) {
        struct tracee *tracee = &guard->tracees[i];
        if (tracee->state == TRACEE_COMING)
            look_at(guard, tracee, closely);
        if (tracee->state == TRACEE_COMING && !first)
            first = tracee;
    }
    return first;
}

/* In rounds and not by SIGCHLD: of a thousand threads, each would call for a look at all the others. */
static enum freeze_cause await_stops(struct guard *guard)
{
    nsec pause = FIRST_PAUSE;
    struct tracee *coming;
    while ((coming = look_at_coming(guard, pause >= LONGEST_PAUSE))) {
        enum freeze_cause cause = guard_wait(guard, clock_now() + pause);
        pause = pause < LONGEST_PAUSE ? 2 * pause : pause;
        if (cause == CAUSE_BUDGET)
            guard_late(guard, guard->board->targets[coming->target].pid, coming->tid);
        if (cause)
            return cause;
    }
    return CAUSE_NONE;
}

/* ---- The method ---- */

bool freeze_ptrace_holds(struct guard *guard)
{
    bool holds = true;
    for (size_t i = 0; i < guard->used; i++)
        if (guard->tracees[i].state != TRACEE_GONE) {
            look_at(guard, &guard->tracees[i], true);
            holds &= guard->tracees[i].state == TRACEE_HELD;
        }
    return holds;
}

enum freeze_cause freeze_ptrace_stop(struct guard *guard)
{
    struct freeze_board *board = guard->board;
    for (int clean = 0; clean < CLEAN_SCANS; clean++) {
        int found = take_all(guard);
        if (found < 0)
            return CAUSE_FAULT;
        if (found)
            clean = -1;
        enum freeze_cause cause = await_stops(guard);
        if (cause)
            return cause;
        if (!freeze_ptrace_holds(guard)) /* another thread has called execve(2): one that was stopped is gone, its id is not */
            clean = -1;
    }
    for (size_t i = 0; i < board->count; i++) {
        if (!board->targets[i].live)
            guard_fault(guard, FAULT_GONE, ESRCH, board->targets[i].pid, board->targets[i].pid);
        board->threads += board->targets[i].live;
    }
    return board->fault ? CAUSE_FAULT : CAUSE_NONE;
}

/* Those that have not come to their stop cannot be let go; the guardian's end does. */
void freeze_ptrace_release(struct guard *guard)
{
    for (size_t i = 0; i < guard->used; i++)
        if (guard->tracees[i].state == TRACEE_HELD)
            ptrace(PTRACE_DETACH, guard->tracees[i].tid, NULL, (void *)(intptr_t)guard->tracees[i].signal);
}
