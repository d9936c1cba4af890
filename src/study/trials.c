/* Trials side by side: which is prepared, and which has its turn. */
#include "trials.h"

#include "backlogctl/fd.h"
#include "backlogctl/loop.h"

#include "trial.h"

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
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How soon a run that has begun shows what it wants of the processors. What the runs did not want is kept for no longer: saved while all
   wait, it must not be spent by many at once. */
#define LOOK_PAUSE NSEC_PER_MSEC

/* Between two looks passes so many times what one takes. */
#define LOOK_COST 20

/* A run wants a processor while its burst goes out, and for so long after it; later now and then. Then a look takes one part in so many
   of the runs. */
#define BRISK (10 * NSEC_PER_MSEC)
#define LOOK_PARTS 16

struct worker {
    struct pool *pool;
    struct loop_source channel; /* fd -1: idle */
    enum trial_step step;
    pid_t pid;
    int waited;        /* /proc/PID/schedstat: how long it stood in line for a processor; -1: not told */
    nsec turn;         /* when it got it */
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
    unsigned jobs;           /* at most at a time */
    unsigned begun, busiest; /* processes now, and at most until now such that had their turn */
    nsec began;
    struct timer look; /* whether the processors are free for a further run */
    unsigned looks;
    nsec free_from; /* when what the runs wanted so far has been their part of the time */
};

unsigned trials_jobs(unsigned times)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    unsigned jobs = times * (unsigned)CPU_COUNT(&set);
    return jobs < 1 ? 1 : jobs > TRIALS_JOBS_MAX ? TRIALS_JOBS_MAX : jobs;
}

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

/* Who uses a second of a processor, or stands in line for one that long, keeps a further run from its turn for its part of the time: all
   together want no more than the processors have. */
static void note_want(struct worker *w, nsec used, nsec queued)
{
    nsec more = (used > w->used ? used - w->used : 0) + (queued > w->queued ? queued - w->queued : 0);
    w->pool->free_from += more / trials_jobs(1);
    w->used = used > w->used ? used : w->used;
    w->queued = queued > w->queued ? queued : w->queued;
}

/* Of a run that has ended the one or the other is not told any more: then what was seen last stays. The line is that of its first
   thread, which makes the burst. */
static void read_want(const struct worker *w, nsec *used, nsec *queued)
{
    clockid_t clock;
    struct timespec cpu = {0};
    char text[64] = "";
    uint64_t line = 0;
    if (!clock_getcpuclockid(w->pid, &clock))
        clock_gettime(clock, &cpu);
    if (w->waited >= 0 && pread(w->waited, text, sizeof text - 1, 0) > 0)
        sscanf(text, "%*u %" SCNu64, &line);
    *used = (nsec)cpu.tv_sec * NSEC_PER_SEC + cpu.tv_nsec;
    *queued = (nsec)line;
}

static void look_at(struct worker *w)
{
    nsec used, queued;
    read_want(w, &used, &queued);
    note_want(w, used, queued);
}

/* ---- What a child tells ---- */

/* The bytes of its steps, then the result; as read(2). */
static ssize_t hear(struct worker *w)
{
    char step;
    bool result = w->step == TRIAL_FOLLOWING;
    ssize_t n = result ? read(w->channel.fd, (char *)&w->read + w->got, sizeof w->read - w->got) : read(w->channel.fd, &step, 1);
    if (n > 0 && result)
        w->got += (size_t)n;
    else if (n > 0)
        w->step = (enum trial_step)step;
    return n;
}

static void child_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct worker *w = (struct worker *)((char *)source - offsetof(struct worker, channel));
    ssize_t n = 1;
    while (w->got < sizeof w->read && n > 0)
        n = hear(w);
    if (!n || w->got == sizeof w->read || (errno != EAGAIN && errno != EINTR))
        collect(w);
    loop_stop(&w->pool->loop);
}

/* ---- Beginning and ending one ---- */

_Noreturn static void child_main(const struct trials *trials, size_t i, int channel, pid_t parent)
{
    struct experiment_plan plan = {0};
    /* The parent may have gone before the child asked to be told. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    trials->plan(trials->context, i, &plan);
    trial_main(&plan, channel);
}

static int begin(struct worker *w, size_t i, struct error *err)
{
    int ends[2];
    pid_t parent = getpid();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
        return error_errno(err, "cannot begin a run: socketpair");
    fcntl(ends[1], F_SETFL, 0); /* the child may wait for us */
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
    w->step = TRIAL_PREPARING;
    w->used = w->queued = 0;
    w->waited = w->pool->trials->unasked < w->pool->jobs ? open_waited(w->pid) : -1;
    w->channel = (struct loop_source){.ready = child_ready, .fd = ends[0]};
    w->pool->begun++;
    return loop_add(&w->pool->loop, &w->channel, EPOLLIN, err);
}

/* Waits for the child, and keeps what it told. */
static void collect(struct worker *w)
{
    struct pool *pool = w->pool;
    int status = 0;
    loop_remove(&pool->loop, &w->channel);
    fd_close(&w->channel.fd);
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
    pool->begun--;
    if (pool->trials->progress)
        pool->trials->progress(pool->trials->context, pool->done, clock_now() - pool->began);
}

/* ---- Whose turn it is ---- */

static unsigned count(const struct pool *pool, enum trial_step from, enum trial_step to)
{
    unsigned counted = 0;
    for (const struct worker *w = pool->workers; w < pool->workers + TRIALS_JOBS_MAX; w++)
        counted += w->channel.fd >= 0 && w->step >= from && w->step <= to;
    return counted;
}

static void look_again(struct timer *timer)
{
    loop_stop(&((struct pool *)((char *)timer - offsetof(struct pool, look)))->loop);
}

static bool is_looked_at(const struct pool *pool, unsigned j, nsec now)
{
    const struct worker *w = &pool->workers[j];
    bool brisk = w->step == TRIAL_BURSTING || now - w->turn < BRISK || j % LOOK_PARTS == pool->looks % LOOK_PARTS;
    return w->channel.fd >= 0 && w->step >= TRIAL_BURSTING && brisk;
}

/* Whether what the runs want of the processors leaves room for another. Asked once a pause. */
static bool processors_are_free(struct pool *pool)
{
    nsec began = clock_now();
    if (pool->free_from < began - LOOK_PAUSE)
        pool->free_from = began - LOOK_PAUSE;
    pool->looks++;
    for (unsigned j = 0; j < TRIALS_JOBS_MAX; j++)
        if (is_looked_at(pool, j, began))
            look_at(&pool->workers[j]);
    bool are = pool->free_from <= began;
    nsec now = clock_now(), pause = LOOK_COST * (now - began);
    nsec next = now + (pause > LOOK_PAUSE ? pause : LOOK_PAUSE);
    loop_arm(&pool->loop, &pool->look, next > pool->free_from ? next : pool->free_from);
    return are;
}

static bool may_perform(struct pool *pool)
{
    const struct trials *trials = pool->trials;
    if (pool->loop.signal || count(pool, TRIAL_BURSTING, TRIAL_BURSTING) >= trials->bursts)
        return false;
    if (count(pool, TRIAL_BURSTING, TRIAL_FOLLOWING) < trials->unasked)
        return true;
    return !pool->look.armed && processors_are_free(pool);
}

static struct worker *first_prepared(struct pool *pool)
{
    struct worker *first = NULL;
    for (struct worker *w = pool->workers; w < pool->workers + TRIALS_JOBS_MAX; w++)
        if (w->channel.fd >= 0 && w->step == TRIAL_PREPARED && (!first || w->trial < first->trial))
            first = w;
    return first;
}

/* What it used until now is nothing that another run suffers from. */
static void give_turns(struct pool *pool)
{
    struct worker *w;
    while ((w = first_prepared(pool)) && may_perform(pool)) {
        read_want(w, &w->used, &w->queued);
        w->turn = clock_now();
        w->step = TRIAL_BURSTING;
        if (write(w->channel.fd, "", 1) != 1) /* it has ended, or would wait for ever: its channel tells */
            kill(w->pid, SIGKILL);
        unsigned performing = count(pool, TRIAL_BURSTING, TRIAL_FOLLOWING);
        pool->busiest = performing > pool->busiest ? performing : pool->busiest;
    }
}

/* A further one is prepared while others burst, as many as there are processors. */
static bool may_prepare(struct pool *pool)
{
    const struct trials *trials = pool->trials;
    if (pool->next == trials->count || pool->begun >= pool->jobs || pool->loop.signal)
        return false;
    if (trials->enough && trials->enough(trials->context))
        return false;
    return pool->begun < trials->unasked || count(pool, TRIAL_PREPARING, TRIAL_PREPARED) < trials_jobs(1);
}

static struct worker *idle_worker(struct pool *pool)
{
    struct worker *w = pool->workers;
    while (w->channel.fd >= 0)
        w++;
    return w;
}

static size_t go_on(struct pool *pool, int *status, struct error *err)
{
    give_turns(pool);
    while (!*status && may_prepare(pool)) {
        struct error why = {0};
        unsigned before = pool->begun;
        int code = begin(idle_worker(pool), pool->next, &why);
        if (!code)
            pool->next++;
        else if (before && pool->begun == before)
            pool->jobs = before;
        else
            *status = error_set(err, why.code, "%s", why.text);
    }
    return pool->begun;
}

static void end_children(struct pool *pool)
{
    for (size_t j = 0; j < TRIALS_JOBS_MAX; j++)
        if (pool->workers[j].channel.fd >= 0) {
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
        pool->workers[j] = (struct worker){.pool = pool, .channel.fd = -1, .waited = -1};
    loop_block_signals();
    int status = loop_init(&pool->loop, true, err);
    while (!status && !pool->loop.signal && go_on(pool, &status, err))
        status = status ? status : loop_run(&pool->loop, NSEC_NEVER, err);
    end_children(pool);
    *signal = pool->loop.signal;
    if (trials->most)
        *trials->most = pool->busiest;
    loop_release(&pool->loop);
    free(pool);
    return status;
}
