/* Stopping by SIGSTOP, for where ptrace is not permitted. The kernel does not undo that when we die, so two processes stand
   for it: the guardian, and a rescuer that continues the targets when the guardian ends. When the rescuer ends first, the
   guardian ends the freeze: at no time does it hang on one process that may be killed. */
#include "freeze_internal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RECHECK NSEC_PER_MSEC
#define LOOKS_A_STOP 20 /* an execve(2) of another thread cancels a stop that has begun: it is sent again after so many looks */
#define CONTINUE_TRIES 3
#define CLEAN_SCANS 2 /* a list of threads may be cut short, and the stop of one traced by others may be for something else */

static int send_signal(const struct freeze_target *target, int number)
{
    return syscall(SYS_pidfd_send_signal, target->pidfd, number, NULL, 0) ? -errno : 0;
}

/* A second way, should the first be refused for good: as long as its pidfd shows no end, the number is the target's. */
static int send_by_number(const struct freeze_target *target, int number)
{
    struct pollfd end = {target->pidfd, POLLIN, 0};
    int ended = poll(&end, 1, 0);
    if (ended > 0)
        return -ESRCH;
    return ended < 0 || kill(target->pid, number) ? -errno : 0;
}

/* Whom a signal did not reach stays ours: the next of the caller, the guardian and the rescuer tries again. */
int freeze_continue(struct freeze_board *board)
{
    int first = 0;
    for (size_t i = 0; i < board->count; i++) {
        int status = 0;
        if (!atomic_load(&board->targets[i].ours))
            continue;
        for (int left = CONTINUE_TRIES; left; left--) {
            status = send_signal(&board->targets[i], SIGCONT);
            if (status && status != -ESRCH)
                status = send_by_number(&board->targets[i], SIGCONT);
            if (!status || status == -ESRCH)
                break;
            nanosleep(&(struct timespec){.tv_nsec = RECHECK}, NULL);
        }
        if (!status || status == -ESRCH)
            atomic_store(&board->targets[i].ours, false); /* afterwards: killed in between, the rescuer does it again */
        else if (!first)
            first = status;
    }
    return first;
}

/* Once all threads have stopped they go on together: one tells for all. */
bool freeze_still_stopped(const struct freeze_board *board)
{
    for (size_t i = 0; i < board->count; i++) {
        pid_t pid = board->targets[i].pid;
        char state = proc_thread_state(pid, pid);
        struct thread_counts counts = {0};
        if (state == 'Z') /* the first thread only, or all of them */
            counts = proc_count(pid);
        if (state != 'T' && state != 't' && (!counts.live || counts.stopped + counts.traced < counts.live))
            return false;
    }
    return true;
}

/* ---- The guardian's part ---- */

static enum freeze_cause await_rescuer(struct guard *guard)
{
    char byte;
    struct pollfd fds[] = {{guard->lifeline, POLLIN, 0}, {guard->caller, POLLIN, 0}, {guard->mate, POLLIN, 0}};
    if (poll(fds, 3, -1) < 0) { /* nothing but an error of memory: signals are blocked */
        guard_fault(guard, FAULT_OURS, errno, 0, 0);
        return CAUSE_FAULT;
    }
    if (fds[0].revents || fds[1].revents)
        return CAUSE_RELEASED;
    if (recv(guard->mate, &byte, 1, 0) == 1)
        return CAUSE_NONE;
    guard_fault(guard, FAULT_RESCUER, ECHILD, 0, 0);
    return CAUSE_FAULT;
}

static int find_running(void *context, pid_t pid, pid_t tid)
{
    char state = proc_thread_state(pid, tid);
    (void)context;
    return state != 'T' && !proc_state_dead(state);
}

static int send_stops(struct guard *guard)
{
    struct freeze_board *board = guard->board;
    if (guard_start_budget(guard))
        return -1;
    for (size_t i = 0; i < board->count; i++) {
        struct freeze_target *target = &board->targets[i];
        if (!proc_threads(target->pid, find_running, NULL))
            continue;                      /* stopped by others (or dead): not ours to continue */
        atomic_store(&target->ours, true); /* first: killed in between, a SIGCONT too many does no harm */
        int status = send_signal(target, SIGSTOP);
        if (status) {
            atomic_store(&target->ours, false);
            return guard_fault(guard, status == -ESRCH ? FAULT_GONE : FAULT_SIGNAL, -status, target->pid, target->pid);
        }
    }
    return 0;
}

struct survey {
    struct guard *guard;
    size_t live;
};

/* Ends the list at the first thread that is not stopped: the next look has to go through all of them anyway. */
static int survey_thread(void *context, pid_t pid, pid_t tid)
{
    struct survey *survey = context;
    char state = proc_thread_state(pid, tid);
    if (guard_late(survey->guard, pid, tid))
        return -1;
    if (proc_state_dead(state))
        return 0;
    survey->live++;
    return state != 'T' && state != 't';
}

/* 1: all are stopped, 0: not yet, -1: a fault. */
static int survey_all(struct guard *guard)
{
    struct freeze_board *board = guard->board;
    board->threads = 0;
    for (size_t i = 0; i < board->count; i++) {
        struct survey survey = {.guard = guard};
        pid_t pid = board->targets[i].pid;
        int status = proc_threads(pid, survey_thread, &survey);
        if (status == -ENOENT || status == -ESRCH || (!status && !survey.live))
            return guard_fault(guard, FAULT_GONE, ESRCH, pid, pid);
        if (status < 0)
            return guard_fault(guard, FAULT_LIST, -status, pid, pid);
        if (status)
            return 0;
        board->threads += survey.live;
    }
    return 1;
}

static void send_again(const struct freeze_board *board)
{
    for (size_t i = 0; i < board->count; i++)
        if (atomic_load(&board->targets[i].ours))
            send_signal(&board->targets[i], SIGSTOP);
}

enum freeze_cause freeze_stop_stop(struct guard *guard)
{
    enum freeze_cause cause = await_rescuer(guard);
    if (cause)
        return cause;
    if (send_stops(guard))
        return CAUSE_FAULT;
    for (int clean = 0, looks = 1; clean < CLEAN_SCANS; looks++) {
        if (looks % LOOKS_A_STOP == 0)
            send_again(guard->board);
        int stopped = survey_all(guard);
        if (stopped < 0)
            return CAUSE_FAULT;
        clean = stopped ? clean + 1 : 0;
        cause = stopped ? CAUSE_NONE : guard_wait(guard, clock_now() + RECHECK);
        if (cause == CAUSE_BUDGET)
            guard_late(guard, guard->board->targets[0].pid, 0);
        if (cause)
            return cause;
    }
    return CAUSE_NONE;
}

bool freeze_stop_holds(struct guard *guard)
{
    return freeze_still_stopped(guard->board);
}

void freeze_stop_release(struct guard *guard)
{
    freeze_continue(guard->board);
}

/* ---- The rescuer ---- */

_Noreturn void freeze_rescuer(struct freeze_board *board, int mate, int guardian, const int *kept, size_t count)
{
    char byte;
    struct pollfd fds[] = {{mate, POLLIN, 0}, {guardian, POLLIN, 0}};
    if (!freeze_leave_caller(RESCUER_NAME, kept, count) && send(mate, "", 1, MSG_NOSIGNAL) == 1)
        while (poll(fds, 2, -1) < 0 && recv(mate, &byte, 1, MSG_DONTWAIT) < 0) /* no memory to wait with: look now and then */
            nanosleep(&(struct timespec){.tv_nsec = RECHECK}, NULL);
    freeze_continue(board);
    if (!board->let_go) /* the guardian was killed */
        board->let_go = clock_now();
    _exit(0);
}
