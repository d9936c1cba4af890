/* Freezes processes: makes the guardian that does it, and ends it. */
#include "freeze_internal.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct freeze {
    struct guard guard;
    enum freeze_method method;
    pid_t guardian;
    int release, ready; /* our ends */
};

static void freeze_free(struct freeze *freeze)
{
    struct guard *guard = &freeze->guard;
    fd_close(&freeze->release);
    fd_close(&freeze->ready);
    fd_close(&guard->release);
    fd_close(&guard->ready);
    for (size_t i = 0; guard->pidfds && i < guard->count; i++)
        fd_close(&guard->pidfds[i]);
    if (guard->shared)
        munmap(guard->shared, sizeof *guard->shared);
    free(guard->pidfds);
    free(guard->tracees);
    free(guard->dents);
    free(freeze);
}

static int make_pipe(int *read_end, int *write_end, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC))
        return error_errno(err, "pipe2");
    *read_end = ends[0];
    *write_end = ends[1];
    return 0;
}

/* A process that stands still already is not ours to continue. */
static int open_processes(struct guard *guard, struct error *err)
{
    for (size_t i = 0; i < guard->count; i++) {
        char state = guard_state_of(guard->pids[i], guard->pids[i]);
        if (state == 'T' || state == 't')
            continue;
        guard->pidfds[i] = (int)syscall(SYS_pidfd_open, guard->pids[i], 0);
        if (guard->pidfds[i] < 0 && errno != ESRCH)
            return error_errno(err, "pidfd_open of process %d", (int)guard->pids[i]);
    }
    return 0;
}

static int prepare(struct freeze *freeze, struct error *err)
{
    struct guard *guard = &freeze->guard;
    guard->shared = mmap(NULL, sizeof *guard->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (guard->shared == MAP_FAILED) {
        guard->shared = NULL;
        return error_errno(err, "mmap");
    }
    guard->tracees = malloc(FREEZE_THREADS_MAX * sizeof *guard->tracees);
    guard->dents = malloc(FREEZE_DENTS_SIZE);
    guard->pidfds = malloc(guard->count * sizeof *guard->pidfds);
    if (!guard->tracees || !guard->dents || !guard->pidfds)
        return error_set(err, ENOMEM, "no memory for the freeze");
    for (size_t i = 0; i < guard->count; i++)
        guard->pidfds[i] = -1;
    int status = make_pipe(&guard->release, &freeze->release, err);
    if (!status)
        status = make_pipe(&freeze->ready, &guard->ready, err);
    if (!status && freeze->method == FREEZE_STOP)
        status = open_processes(guard, err);
    return status;
}

/* What interrupts the caller, such as a Ctrl-C, is the caller's to handle. SIGALRM is the guardian's last resort. */
static _Noreturn void live_as_guardian(struct freeze *freeze)
{
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGALRM);
    sigprocmask(SIG_SETMASK, &all, NULL);
    signal(SIGALRM, SIG_DFL);
    close(freeze->release);
    close(freeze->ready);
    if (freeze->method == FREEZE_STOP)
        guard_by_stop(&freeze->guard);
    guard_by_ptrace(&freeze->guard);
}

static int explain_failure(const struct freeze_shared *shared, enum freeze_method method, struct error *err)
{
    if (shared->code == EPERM && method == FREEZE_PTRACE)
        return error_set(err, EPERM, "process %d cannot be stopped by ptrace: it takes the same user, and CAP_SYS_PTRACE or "
                                     "kernel.yama.ptrace_scope 0, and no other tracer", (int)shared->culprit);
    if (shared->code == EPERM)
        return error_set(err, EPERM, "process %d cannot be stopped: it takes the same user, or CAP_KILL", (int)shared->culprit);
    if (shared->code == ESRCH)
        return error_set(err, ESRCH, "the processes are gone");
    if (shared->code == ETIMEDOUT)
        return error_set(err, ETIMEDOUT, "process %d did not stop within the budget, and goes on", (int)shared->culprit);
    return error_set(err, shared->code ? shared->code : ECHILD, "the guardian of the freeze failed: %s", strerror(shared->code));
}

static int begin(struct freeze **out, const pid_t *pids, size_t count, nsec budget, enum freeze_method method, struct error *err)
{
    struct freeze *freeze = calloc(1, sizeof *freeze);
    if (!freeze)
        return error_set(err, ENOMEM, "no memory for the freeze");
    freeze->method = method;
    freeze->release = freeze->ready = freeze->guard.release = freeze->guard.ready = -1;
    freeze->guard.pids = pids;
    freeze->guard.count = count;
    freeze->guard.budget = budget;
    freeze->guard.maker = getpid();
    int status = prepare(freeze, err);
    if (!status) {
        freeze->guardian = fork();
        if (!freeze->guardian)
            live_as_guardian(freeze);
        if (freeze->guardian < 0)
            status = error_errno(err, "fork");
    }
    if (status) {
        freeze_free(freeze);
        return status;
    }
    fd_close(&freeze->guard.release);
    fd_close(&freeze->guard.ready);
    char byte;
    while (read(freeze->ready, &byte, 1) < 0 && errno == EINTR)
        ;
    if (freeze->guard.shared->state == FREEZE_STOPPED || freeze->guard.shared->state == FREEZE_OVER) {
        *out = freeze;
        return 0;
    }
    fd_close(&freeze->release);
    waitpid(freeze->guardian, NULL, 0);
    status = explain_failure(freeze->guard.shared, method, err);
    freeze_free(freeze);
    return status;
}

int freeze_begin(struct freeze **out, const pid_t *pids, size_t count, const struct freeze_settings *settings, struct error *err)
{
    *out = NULL;
    for (size_t i = 0; i < count; i++)
        if (pids[i] <= 1 || pids[i] == getpid())
            return error_set(err, EINVAL, "process %d cannot be stopped by us", (int)pids[i]);
    if (!count || settings->budget <= 0)
        return error_set(err, EINVAL, "nothing to stop");
    if (settings->method != FREEZE_AUTO)
        return begin(out, pids, count, settings->budget, settings->method, err);
    struct error why = {0};
    int status = begin(out, pids, count, settings->budget, FREEZE_PTRACE, &why);
    if (status == -EPERM)
        return begin(out, pids, count, settings->budget, FREEZE_STOP, err);
    return status ? error_set(err, why.code, "%s", why.text) : 0;
}

bool freeze_holds(const struct freeze *freeze)
{
    const struct freeze_shared *shared = freeze->guard.shared;
    struct pollfd ready = {.fd = freeze->ready};
    return atomic_load(&shared->state) == FREEZE_STOPPED && clock_now() < shared->first_stop + freeze->guard.budget &&
           poll(&ready, 1, 0) == 0; /* else the guardian is dead */
}

int freeze_end(struct freeze *freeze, struct freeze_facts *out)
{
    const struct freeze_shared *shared = freeze->guard.shared;
    int ended;
    fd_close(&freeze->release);
    while (waitpid(freeze->guardian, &ended, 0) < 0 && errno == EINTR)
        ;
    bool killed = shared->state != FREEZE_OVER;
    *out = (struct freeze_facts){.method = freeze->method,
                                 .processes = freeze->guard.count,
                                 .threads = shared->threads,
                                 .lasted = (killed ? clock_now() : shared->released) - shared->first_stop,
                                 .expired = killed || shared->expired};
    freeze_free(freeze);
    return killed ? -ECHILD : 0;
}
