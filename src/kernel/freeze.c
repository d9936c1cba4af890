/* The caller's side of a freeze: starts guardian and rescuer, makes words of their faults, ends and reaps them. */
#include "freeze_internal.h"

#include "backlogctl/fd.h"
#include "backlogctl/procfs.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct freeze {
    enum freeze_method method;
    nsec budget;
    struct freeze_board *board;
    size_t board_size;
    int lifeline;            /* our end; shut down to release */
    int guardian_fd;         /* its pidfd: others may hold copies of its end of the lifeline. -1: an old kernel */
    pid_t guardian, rescuer; /* 0: none */
    bool guardian_killed, over;
};

/* ---- Words ---- */

/* A number of /proc/PID/status; -1 when there is none. */
static int64_t status_number(pid_t pid, const char *key)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    return procfs_number(path, key);
}

#define RIGHTS "CAP_SYS_PTRACE, or the same user, a dumpable process and kernel.yama.ptrace_scope 0"

static int seize_refused(const struct freeze_board *board, struct error *err)
{
    int64_t tracer = status_number(board->pid, "TracerPid:");
    if (tracer > 0)
        return error_set(err, board->code, "ptrace of process %d: %s: process %d traces it already", (int)board->pid,
                         strerror(board->code), (int)tracer);
    return error_set(err, board->code, "ptrace of process %d: %s: it takes " RIGHTS, (int)board->pid, strerror(board->code));
}

/* `late`: the budget was over when the guardian ended. */
static int fault_text(const struct freeze_board *board, bool late, struct error *err)
{
    int pid = (int)board->pid, code = board->code;
    switch (board->fault) {
    case FAULT_NONE:
        if (late)
            return error_set(err, ETIMEDOUT, "the target did not stop within the budget: it runs on; give it longer");
        return error_set(err, ECHILD, "the guardian of the freeze was killed before it had begun");
    case FAULT_OURS:
        return error_set(err, code, "cannot start the guardian of the freeze: %s", strerror(code));
    case FAULT_TIMER:
        return error_set(err, code, "timer_create: %s (RLIMIT_SIGPENDING): no freeze without a timer to end it", strerror(code));
    case FAULT_RESCUER:
        return error_set(err, code, "the rescuer of the freeze was killed before it had begun");
    case FAULT_LIST:
        return error_set(err, code, "cannot list the threads in /proc/%d/task: %s", pid, strerror(code));
    case FAULT_GONE:
        return error_set(err, code, "process %d is gone", pid);
    case FAULT_SEIZE:
        return seize_refused(board, err);
    case FAULT_SIGNAL:
        return error_set(err, code, "SIGSTOP to process %d: %s: it takes the same user or CAP_KILL", pid, strerror(code));
    case FAULT_ROOM:
        return error_set(err, code, "process %d has too many threads to freeze (more than %u in all)", pid, TRACEES_MAX);
    case FAULT_SLOW:
        if (!board->state)
            return error_set(err, code, "process %d did not stop within the budget: it runs on; give it longer", pid);
        return error_set(err, code,
                         "process %d did not stop within the budget (thread %d was in state %c; D cannot be stopped): it runs "
                         "on; give it longer",
                         pid, (int)board->tid, board->state);
    }
    return -code;
}

/* ---- Ends ---- */

static int wait_for(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status; /* of a child that somebody else has reaped: 0 */
}

/* Ends guardian and rescuer, and sees to it that nothing stays stopped. */
static int stop_guarding(struct freeze *freeze)
{
    if (freeze->lifeline >= 0)
        shutdown(freeze->lifeline, SHUT_RDWR); /* reaches it whoever holds copies of our end */
    if (freeze->guardian)
        freeze->guardian_killed = WIFSIGNALED(wait_for(freeze->guardian));
    if (freeze->rescuer)
        wait_for(freeze->rescuer);
    freeze->guardian = freeze->rescuer = 0;
    return freeze->board ? freeze_continue(freeze->board) : 0; /* for when both were killed */
}

/* 0: nobody. */
static pid_t find_still_stopped(const struct freeze_board *board)
{
    for (size_t i = 0; i < board->count; i++)
        if (atomic_load(&board->targets[i].ours))
            return board->targets[i].pid;
    return 0;
}

static void release(struct freeze *freeze)
{
    for (size_t i = 0; freeze->board && i < freeze->board->count; i++)
        fd_close(&freeze->board->targets[i].pidfd);
    if (freeze->board)
        munmap(freeze->board, freeze->board_size);
    fd_close(&freeze->lifeline);
    fd_close(&freeze->guardian_fd);
    free(freeze);
}

/* ---- Beginning ---- */

static struct freeze *freeze_new(const pid_t *pids, size_t count, nsec budget, enum freeze_method method, struct error *err)
{
    struct freeze *freeze = malloc(sizeof *freeze);
    if (!freeze) {
        error_set(err, ENOMEM, "no memory for a freeze");
        return NULL;
    }
    *freeze = (struct freeze){.method = method, .budget = budget, .lifeline = -1, .guardian_fd = -1};
    freeze->board_size = sizeof *freeze->board + count * sizeof *freeze->board->targets;
    freeze->board = mmap(NULL, freeze->board_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (freeze->board == MAP_FAILED) {
        error_errno(err, "mmap for a freeze of %zu processes", count);
        freeze->board = NULL;
        release(freeze);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        size_t same = 0; /* one named twice is one */
        while (same < freeze->board->count && freeze->board->targets[same].pid != pids[i])
            same++;
        if (same == freeze->board->count)
            freeze->board->targets[freeze->board->count++] = (struct freeze_target){.pid = pids[i], .pidfd = -1};
    }
    return freeze;
}

static int open_targets(struct freeze_board *board, struct error *err)
{
    for (size_t i = 0; i < board->count; i++) {
        struct freeze_target *target = &board->targets[i];
        target->pidfd = (int)syscall(SYS_pidfd_open, target->pid, 0);
        if (target->pidfd < 0 && errno == ESRCH)
            return error_set(err, ESRCH, "process %d is gone", (int)target->pid);
        if (target->pidfd < 0)
            return error_errno(err, "pidfd_open of process %d", (int)target->pid);
    }
    return 0;
}

static int compare_fds(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* The descriptors that a child keeps, ascending, malloc'ed: those in `fds` that are open, and the targets'. */
static int *list_kept(const struct freeze_board *board, const int *fds, size_t fd_count, size_t *count)
{
    int *kept = calloc(fd_count + board->count, sizeof *kept);
    *count = 0;
    for (size_t i = 0; kept && i < fd_count + board->count; i++) {
        int fd = i < fd_count ? fds[i] : board->targets[i - fd_count].pidfd;
        if (fd >= 0)
            kept[(*count)++] = fd;
    }
    if (kept)
        qsort(kept, *count, sizeof *kept, compare_fds);
    return kept;
}

/* The child has all signals blocked from the start: none of the caller's handlers ever runs in it. */
static pid_t fork_blocked(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = fork();
    if (pid)
        pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid;
}

static void *map_private(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static int fork_guardian(struct freeze *freeze, struct guard *guard, struct error *err)
{
    const size_t tracees_size = TRACEES_MAX * sizeof *guard->tracees, known_size = TIDS_MAX / 8;
    const int fds[] = {guard->lifeline, guard->caller, guard->mate};
    size_t count;
    int status = 0, *kept = list_kept(freeze->board, fds, 3, &count);
    guard->tracees = map_private(tracees_size);
    guard->known = map_private(known_size);
    if (!kept || !guard->tracees || !guard->known) {
        status = error_set(err, ENOMEM, "no memory for the guardian of a freeze");
    } else {
        freeze->guardian = fork_blocked();
        if (!freeze->guardian)
            freeze_guardian(guard, kept, count);
        if (freeze->guardian < 0) {
            freeze->guardian = 0;
            status = error_errno(err, "fork of the guardian");
        }
    }
    if (guard->tracees)
        munmap(guard->tracees, tracees_size);
    if (guard->known)
        munmap(guard->known, known_size);
    free(kept);
    return status;
}

/* After the guardian, which waits for it: so it has the guardian's pidfd. */
static int fork_rescuer(struct freeze *freeze, int mate, struct error *err)
{
    const int fds[] = {mate, freeze->guardian_fd};
    size_t count;
    int *kept = list_kept(freeze->board, fds, 2, &count);
    if (!kept)
        return error_set(err, ENOMEM, "no memory for the rescuer of a freeze");
    freeze->rescuer = fork_blocked();
    if (!freeze->rescuer)
        freeze_rescuer(freeze->board, mate, freeze->guardian_fd, kept, count);
    int status = freeze->rescuer < 0 ? error_errno(err, "fork of the rescuer") : 0;
    if (status)
        freeze->rescuer = 0;
    free(kept);
    return status;
}

static int make_pair(int *first, int *second, struct error *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return error_errno(err, "socketpair for a freeze");
    *first = ends[0];
    *second = ends[1];
    return 0;
}

static int start(struct freeze *freeze, struct error *err)
{
    SCOPED_FD lifeline = -1;
    SCOPED_FD guardians_mate = -1;
    SCOPED_FD rescuers_mate = -1;
    SCOPED_FD caller = (int)syscall(SYS_pidfd_open, getpid(), 0); /* may fail: see struct guard */
    bool watched = freeze->method == FREEZE_STOP;
    int status = make_pair(&freeze->lifeline, &lifeline, err);
    if (!status && watched)
        status = make_pair(&guardians_mate, &rescuers_mate, err);
    if (!status && watched)
        status = open_targets(freeze->board, err);
    if (status)
        return status;
    struct guard guard = {.board = freeze->board,
                          .method = freeze->method,
                          .budget = freeze->budget,
                          .lifeline = lifeline,
                          .caller = caller,
                          .mate = guardians_mate,
                          .signals = -1};
    status = fork_guardian(freeze, &guard, err);
    if (status)
        return status;
    freeze->guardian_fd = (int)syscall(SYS_pidfd_open, freeze->guardian, 0);
    return watched ? fork_rescuer(freeze, rescuers_mate, err) : 0;
}

/* Waits for the guardian's byte, or its end. */
static int await_frozen(struct freeze *freeze, struct error *err)
{
    char byte;
    struct pollfd fds[] = {{freeze->lifeline, POLLIN, 0}, {freeze->guardian_fd, POLLIN, 0}};
    while (poll(fds, 2, -1) < 0)
        if (errno != EINTR)
            return error_errno(err, "poll of the guardian");
    if (recv(freeze->lifeline, &byte, 1, MSG_DONTWAIT) == 1)
        return 0;
    stop_guarding(freeze); /* the board is complete when the guardian has ended */
    bool late = freeze->board->asked && clock_now() - freeze->board->asked >= freeze->budget;
    return fault_text(freeze->board, late, err);
}

static int attempt(struct freeze **out, const pid_t *pids, size_t count, nsec budget, enum freeze_method method,
                   struct error *err)
{
    struct freeze *freeze = freeze_new(pids, count, budget, method, err);
    if (!freeze)
        return -ENOMEM;
    int status = start(freeze, err);
    if (!status)
        status = await_frozen(freeze, err);
    if (!status) {
        *out = freeze;
        return 0;
    }
    stop_guarding(freeze);
    pid_t left = find_still_stopped(freeze->board);
    if (left) {
        *err = (struct error){0}; /* that matters more */
        status = error_set(err, ECHILD, "process %d is still stopped: kill -CONT %d", (int)left, (int)left);
    }
    release(freeze);
    return status;
}

static int check_request(const pid_t *pids, size_t count, const struct freeze_settings *settings, struct error *err)
{
    if (!count || settings->budget <= 0)
        return error_set(err, EINVAL, count ? "a freeze needs a time budget" : "no process to freeze");
    for (size_t i = 0; i < count; i++) {
        int pid = (int)pids[i];
        if (pid <= 1)
            return error_set(err, EINVAL, pid == 1 ? "process %d is not to be frozen" : "%d is not the id of a process", pid);
        int64_t process = status_number(pids[i], "Tgid:");
        if (process < 0)
            return error_set(err, ESRCH, "process %d is gone, or /proc hides it", pid);
        if (process == getpid())
            return error_set(err, EINVAL, "process %d is this program itself", pid);
        if (process != pid)
            return error_set(err, ESRCH, "process %d is gone: the id is that of a thread of process %d", pid, (int)process);
    }
    return 0;
}

/* After any stop its filter may kill the process, see freeze.h: it is not stopped unasked where we cannot prevent that. */
static int check_filters(const pid_t *pids, size_t count, enum freeze_method method, struct error *err)
{
    if (method == FREEZE_PTRACE && FREEZE_SPARES_FILTERED)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (proc_has_own_filter(pids[i]))
            return error_set(
                err, EACCES,
                "process %d has a seccomp filter, which may kill it when it goes on after %s: --freeze %s takes the risk",
                (int)pids[i], method == FREEZE_PTRACE ? "a stop" : "SIGSTOP", method == FREEZE_PTRACE ? "ptrace" : "stop");
    return 0;
}

int freeze_begin(struct freeze **out, const pid_t *pids, size_t count, const struct freeze_settings *settings, struct error *err)
{
    struct error first = {0}, second = {0};
    bool automatic = settings->method == FREEZE_AUTO;
    *out = NULL;
    int status = check_request(pids, count, settings, err);
    if (!status && automatic)
        status = check_filters(pids, count, FREEZE_PTRACE, err);
    if (status)
        return status;
    status = attempt(out, pids, count, settings->budget, automatic ? FREEZE_PTRACE : settings->method, &first);
    if (!status)
        return 0;
    if (!automatic || (status != -EPERM && status != -EACCES && status != -ENOSYS))
        return error_set(err, -status, "%s", first.text);
    status = check_filters(pids, count, FREEZE_STOP, err);
    if (status)
        return status;
    status = attempt(out, pids, count, settings->budget, FREEZE_STOP, &second);
    if (!status)
        return 0;
    if (status == -EPERM)
        return error_set(err, EPERM,
                         "cannot stop the target: it takes " RIGHTS "; SIGSTOP takes the same user or CAP_KILL (%.120s)",
                         first.text);
    return error_set(err, -status, "%s", second.text);
}

/* ---- Holding and ending ---- */

bool freeze_holds(struct freeze *freeze)
{
    /* After its byte the guardian sends nothing: any event is its end. It closes them before the kernel lets go. */
    struct pollfd fds[] = {{freeze->lifeline, POLLIN, 0}, {freeze->guardian_fd, POLLIN, 0}};
    if (!freeze->over && freeze->method == FREEZE_STOP)
        freeze->over = !freeze_still_stopped(freeze->board);
    if (!freeze->over)
        freeze->over = atomic_load(&freeze->board->ended) || poll(fds, 2, 0) > 0;
    return !freeze->over;
}

bool freeze_goes_on(const struct freeze *freeze)
{
    siginfo_t end = {0};
    return !atomic_load(&freeze->board->ended) && !waitid(P_PID, (id_t)freeze->guardian, &end, WEXITED | WNOHANG | WNOWAIT) &&
           !end.si_pid;
}

static size_t count_dead(const struct freeze_board *board)
{
    size_t dead = 0;
    for (size_t i = 0; i < board->count; i++)
        dead += !proc_count(board->targets[i].pid).live;
    return dead;
}

int freeze_end(struct freeze *freeze, struct freeze_facts *out)
{
    if (!freeze)
        return 0;
    bool held = freeze_holds(freeze); /* we may see it before the guardian does */
    int status = stop_guarding(freeze);
    const struct freeze_board *board = freeze->board;
    nsec let_go = board->let_go ? board->let_go : clock_now();
    /* Not having come so far by its deadline, it was killed by its timer. */
    bool late = freeze->guardian_killed && let_go - board->asked >= freeze->budget;
    int cause = atomic_load(&board->ended);
    if (out)
        *out = (struct freeze_facts){
            .method = freeze->method,
            .processes = board->count,
            .threads = board->threads,
            .asked = board->asked,
            .began = board->began,
            .lasted = let_go - board->asked,
            .expired = cause == CAUSE_BUDGET || (!cause && late),
            .broken = cause == CAUSE_BROKEN || (cause == CAUSE_RELEASED && !held) || (!cause && !late),
            .died = count_dead(board),
            .still_stopped = find_still_stopped(board),
        };
    release(freeze);
    return status;
}
