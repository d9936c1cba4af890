/* Trials: a child process each, whose result comes through a pipe. A child ends with its parent, and its namespace with it. */
#include "trials.h"

#include "backlogctl/fd.h"
#include "backlogctl/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How soon a run that has begun shows what it wants of the processors. What the runs did not want is kept for no longer: saved while all
   wait, it must not be spent by many at once. */
#define LOOK_PAUSE NSEC_PER_MSEC

/* Between two looks passes so many times what one takes. */
#define LOOK_COST 20

struct worker {
    struct pool *pool;
    struct loop_source result; /* fd -1: idle */
    pid_t pid;
    int waited;        /* /proc/PID/schedstat: how long it stood in line for a processor; -1: not told */
    nsec used, queued; /* of the processors, and for them, as seen last */
    size_t trial;
    size_t got; /* bytes of the result */
    struct trial read;
};

struct pool {
    const struct trials *trials;
    struct loop loop;
    struct worker workers[TRIALS_JOBS_MAX];
    size_t next, done;
    unsigned jobs;          /* at most at a time */
    unsigned busy, busiest; /* now, and at most until now */
    nsec began;
    struct timer look; /* whether the processors are free for a further run */
    nsec free_from;    /* when what the runs wanted so far has been their part of the time */
};

unsigned trials_jobs(unsigned times)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    unsigned jobs = times * (unsigned)CPU_COUNT(&set);
    return jobs < 1 ? 1 : jobs > TRIALS_JOBS_MAX ? TRIALS_JOBS_MAX : jobs;
}

/* ---- In the child ---- */

static uint64_t longest_queue(const struct run *run)
{
    uint64_t longest = 0;
    for (size_t t = 0; t < run->target_count; t++)
        for (size_t i = 0; i < run->targets[t].timeline.point_count; i++)
            if (run->targets[t].timeline.points[i].queue > longest)
                longest = run->targets[t].timeline.points[i].queue;
    return longest;
}

static nsec last_accept(const struct run *run)
{
    nsec last = NSEC_NEVER;
    for (size_t t = 0; t < run->target_count; t++)
        for (size_t i = 0; i < run->targets[t].attempt_count; i++)
            if (run->targets[t].attempts[i].accepted > last)
                last = run->targets[t].attempts[i].accepted;
    return last;
}

static void keep(const struct run *run, struct trial *out)
{
    const struct listener *listener = &run->targets[0].after;
    bool accepted = run->to_accepted.samples;
    *out = (struct trial){.done = !run->signal,
                          .kind = run->targets[0].transport.kind,
                          .capacity = listener->capacity,
                          .backlog = listener->backlog,
                          .left = listener->queue,
                          .longest = longest_queue(run),
                          .accepted_p50 = accepted ? run->to_accepted.p50 : NSEC_NEVER,
                          .accepted_p99 = accepted ? run->to_accepted.p99 : NSEC_NEVER,
                          .accepted_max = accepted ? run->to_accepted.max : NSEC_NEVER,
                          .last_accept = last_accept(run),
                          .elapsed = run->elapsed,
                          .outcome = run->outcome,
                          .incomplete = *run->incomplete};
    /* One by one: the bytes between them, which are written to the parent, stay 0. */
    out->overflows.known = run->overflows.known;
    out->overflows.min = run->overflows.min;
    out->overflows.max = run->overflows.max;
    memcpy(out->counts, run->counts, sizeof out->counts);
}

static void perform(const struct experiment_plan *plan, struct trial *out)
{
    struct error err = {0};
    struct experiment *x;
    int status = experiment_open(&x, plan, NULL, &err);
    if (!status)
        status = experiment_go(x, &err);
    const struct started_server *started = status ? NULL : &experiment_run(x)->started;
    if (started && started->trouble)
        status = error_set(&err, ECHILD, "%s", started->why);
    if (!status) {
        keep(experiment_run(x), out);
    } else {
        *out = (struct trial){.done = true, .error = err.code ? err.code : EIO};
        snprintf(out->why, sizeof out->why, "%.*s", (int)sizeof out->why - 1, err.text);
    }
    experiment_close(x);
}

_Noreturn static void child_main(const struct trials *trials, size_t i, int result, pid_t parent)
{
    struct experiment_plan plan = {0};
    struct trial trial = {0};
    /* The parent may have gone before the child asked to be told. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    trials->plan(trials->context, i, &plan);
    perform(&plan, &trial);
    for (size_t sent = 0; sent < sizeof trial;) {
        ssize_t n = write(result, (const char *)&trial + sent, sizeof trial - sent);
        if (n < 0 && errno != EINTR)
            _exit(1);
        sent += n > 0 ? (size_t)n : 0;
    }
    _exit(0);
}

/* ---- In the parent ---- */

static void collect(struct worker *w);

static int open_waited(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

nsec trials_cpu(const struct rusage *usage)
{
    return (nsec)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * NSEC_PER_SEC +
           (nsec)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) * NSEC_PER_USEC;
}

/* A run that uses a second more of the processors, or stands in line for one, keeps them from others for its part of the time. */
static void note_want(struct worker *w, nsec used, nsec queued)
{
    nsec more = (used > w->used ? used - w->used : 0) + (queued > w->queued ? queued - w->queued : 0);
    w->pool->free_from += TRIALS_BUSY_PART * more / trials_jobs(1);
    w->used = used > w->used ? used : w->used;
    w->queued = queued > w->queued ? queued : w->queued;
}

/* Of a run that has ended the one or the other is not told any more: then what was seen last stays. The line is that of its first
   thread, which makes the namespace and the burst. */
static void look_at(struct worker *w)
{
    clockid_t clock;
    struct timespec used = {0};
    char text[64] = "";
    uint64_t queued = 0;
    if (!clock_getcpuclockid(w->pid, &clock))
        clock_gettime(clock, &used);
    if (w->waited >= 0 && pread(w->waited, text, sizeof text - 1, 0) > 0)
        sscanf(text, "%*u %" SCNu64, &queued);
    note_want(w, (nsec)used.tv_sec * NSEC_PER_SEC + used.tv_nsec, (nsec)queued);
}

static void result_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct worker *w = (struct worker *)((char *)source - offsetof(struct worker, result));
    ssize_t n;
    while ((n = read(source->fd, (char *)&w->read + w->got, sizeof w->read - w->got)) > 0)
        w->got += (size_t)n;
    if (!n || w->got == sizeof w->read || (errno != EAGAIN && errno != EINTR))
        collect(w);
}

static int begin(struct worker *w, size_t i, struct error *err)
{
    int ends[2];
    pid_t parent = getpid();
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
        return error_errno(err, "cannot begin a run: pipe");
    fcntl(ends[1], F_SETFL, 0); /* the child may wait for us to read */
    w->pid = fork();
    if (w->pid < 0) {
        int status = error_errno(err, "cannot begin a run: fork");
        close(ends[0]);
        close(ends[1]);
        return status;
    }
    if (!w->pid) {
        close(ends[0]);
        child_main(w->pool->trials, i, ends[1], parent);
    }
    close(ends[1]);
    w->trial = i;
    w->got = 0;
    w->used = w->queued = 0;
    w->waited = w->pool->trials->unasked < w->pool->jobs ? open_waited(w->pid) : -1;
    w->result = (struct loop_source){.ready = result_ready, .fd = ends[0]};
    w->pool->busy++;
    return loop_add(&w->pool->loop, &w->result, EPOLLIN, err);
}

/* Reads what the pipe still has, and waits for the child. */
static void collect(struct worker *w)
{
    struct pool *pool = w->pool;
    int status = 0;
    loop_remove(&pool->loop, &w->result);
    fd_close(&w->result.fd);
    struct rusage usage = {0};
    fd_close(&w->waited);
    while (wait4(w->pid, &status, 0, &usage) < 0 && errno == EINTR)
        ;
    note_want(w, trials_cpu(&usage), 0);
    struct trial *out = &pool->trials->out[w->trial];
    if (w->got == sizeof w->read) {
        *out = w->read;
    } else if (!pool->loop.signal) {
        *out = (struct trial){.done = true, .error = ECHILD};
        snprintf(out->why, sizeof out->why, "the run's process ended (%s %d) before it had a result",
                 WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    pool->done++;
    pool->busy--;
    if (pool->trials->progress)
        pool->trials->progress(pool->trials->context, pool->done, clock_now() - pool->began);
    loop_stop(&pool->loop);
}

static void look_again(struct timer *timer)
{
    loop_stop(&((struct pool *)((char *)timer - offsetof(struct pool, look)))->loop);
}

/* Whether what the runs want of the processors leaves room for another. Asked once a pause. */
static bool processors_are_free(struct pool *pool)
{
    nsec began = clock_now();
    if (pool->free_from < began - LOOK_PAUSE)
        pool->free_from = began - LOOK_PAUSE;
    for (unsigned j = 0; j < TRIALS_JOBS_MAX; j++)
        if (pool->workers[j].result.fd >= 0)
            look_at(&pool->workers[j]);
    bool are = pool->free_from <= began;
    nsec now = clock_now(), pause = LOOK_COST * (now - began);
    nsec next = now + (pause > LOOK_PAUSE ? pause : LOOK_PAUSE);
    loop_arm(&pool->loop, &pool->look, next > pool->free_from ? next : pool->free_from);
    return are;
}

static bool may_begin(struct pool *pool)
{
    const struct trials *trials = pool->trials;
    if (pool->next == trials->count || pool->busy >= pool->jobs || pool->loop.signal)
        return false;
    if (trials->enough && trials->enough(trials->context))
        return false;
    if (pool->busy < trials->unasked)
        return true;
    return !pool->look.armed && processors_are_free(pool);
}

static struct worker *idle_worker(struct pool *pool)
{
    struct worker *w = pool->workers;
    while (w->result.fd >= 0)
        w++;
    return w;
}

static size_t begin_more(struct pool *pool, int *status, struct error *err)
{
    while (!*status && may_begin(pool)) {
        struct error why = {0};
        unsigned before = pool->busy;
        int code = begin(idle_worker(pool), pool->next, &why);
        if (!code)
            pool->next++;
        else if (before && pool->busy == before)
            pool->jobs = before;
        else
            *status = error_set(err, why.code, "%s", why.text);
        if (pool->busy > pool->busiest)
            pool->busiest = pool->busy;
    }
    return pool->busy;
}

static void end_children(struct pool *pool)
{
    for (size_t j = 0; j < TRIALS_JOBS_MAX; j++)
        if (pool->workers[j].result.fd >= 0) {
            kill(pool->workers[j].pid, SIGKILL);
            collect(&pool->workers[j]);
        }
}

int trials_run(const struct trials *trials, int *signal, struct error *err)
{
    struct pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return error_set(err, ENOMEM, "no memory");
    pool->trials = trials;
    pool->jobs = trials->jobs;
    pool->began = clock_now();
    pool->look.fired = look_again;
    for (size_t j = 0; j < TRIALS_JOBS_MAX; j++)
        pool->workers[j] = (struct worker){.pool = pool, .result.fd = -1, .waited = -1};
    loop_block_signals();
    int status = loop_init(&pool->loop, true, err);
    while (!status && !pool->loop.signal && begin_more(pool, &status, err))
        status = status ? status : loop_run(&pool->loop, NSEC_NEVER, err);
    end_children(pool);
    *signal = pool->loop.signal;
    if (trials->most)
        *trials->most = pool->busiest;
    loop_release(&pool->loop);
    free(pool);
    return status;
}
