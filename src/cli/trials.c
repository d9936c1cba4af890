/* Trials: a child process each, whose result comes through a pipe. A child ends with its parent, and its namespace with it. */
#include "backlogctl/trials.h"

#include "backlogctl/fd.h"
#include "backlogctl/loop.h"
#include "experiment_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct worker {
    struct crew *crew;
    struct watch result; /* fd -1: idle */
    pid_t pid;
    size_t trial;
    size_t got; /* bytes of the result */
    struct trial read;
};

struct crew {
    const struct trials *trials;
    struct loop loop;
    struct worker workers[TRIALS_JOBS_MAX];
    size_t next, done;
    nsec began;
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
                          .drops_known = run->drops_known,
                          .drops = run->drops,
                          .capacity = listener->capacity,
                          .backlog = listener->backlog,
                          .left = listener->queue,
                          .longest = longest_queue(run),
                          .accepted_p50 = accepted ? run->to_accepted.p50 : NSEC_NEVER,
                          .accepted_p99 = accepted ? run->to_accepted.p99 : NSEC_NEVER,
                          .accepted_max = accepted ? run->to_accepted.max : NSEC_NEVER,
                          .last_accept = last_accept(run),
                          .elapsed = run->elapsed,
                          .ok = run->ok,
                          .incomplete = *run->incomplete};
    memcpy(out->counts, run->counts, sizeof out->counts);
}

static void perform(const struct command *command, const struct settings *settings, struct trial *out)
{
    struct error err = {0};
    struct lab lab = {0};
    struct experiment *x = calloc(1, sizeof *x);
    int status = x ? lab_open(&lab, settings, NULL, NULL, &err) : error_set(&err, ENOMEM, "no memory");
    if (!status) {
        *x = (struct experiment){.command = command, .settings = settings};
        status = experiment_begin(x, &lab, &err);
        if (!status)
            status = experiment_go(x, &err);
        if (!status)
            keep(&x->run, out);
        experiment_end(x);
    }
    if (status) {
        *out = (struct trial){.done = true, .error = err.code ? err.code : EIO};
        snprintf(out->why, sizeof out->why, "%.*s", (int)sizeof out->why - 1, err.text);
    }
    lab_close(&lab);
    free(x);
}

_Noreturn static void child_main(const struct trials *trials, size_t i, int result, pid_t parent)
{
    struct settings settings = settings_default;
    struct trial trial = {0};
    /* The parent may have gone before the child asked to be told. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    trials->settings(trials->context, i, &settings);
    perform(&command_run, &settings, &trial);
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

static void result_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    struct worker *w = (struct worker *)((char *)watch - offsetof(struct worker, result));
    ssize_t n;
    while ((n = read(watch->fd, (char *)&w->read + w->got, sizeof w->read - w->got)) > 0)
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
        child_main(w->crew->trials, i, ends[1], parent);
    }
    close(ends[1]);
    w->trial = i;
    w->got = 0;
    w->result = (struct watch){.ready = result_ready, .fd = ends[0]};
    return loop_add(&w->crew->loop, &w->result, EPOLLIN, err);
}

/* Reads what the pipe still has, and waits for the child. */
static void collect(struct worker *w)
{
    struct crew *crew = w->crew;
    int status = 0;
    loop_remove(&crew->loop, &w->result);
    fd_close(&w->result.fd);
    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        ;
    struct trial *out = &crew->trials->out[w->trial];
    if (w->got == sizeof w->read) {
        *out = w->read;
    } else if (!crew->loop.signal) {
        *out = (struct trial){.done = true, .error = ECHILD};
        snprintf(out->why, sizeof out->why, "the run's process ended (%s %d) before it had a result",
                 WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    }
    crew->done++;
    if (crew->trials->progress)
        crew->trials->progress(crew->trials->context, crew->done, clock_now() - crew->began);
    loop_stop(&crew->loop);
}

static size_t begin_more(struct crew *crew, int *status, struct error *err)
{
    const struct trials *trials = crew->trials;
    size_t busy = 0;
    for (unsigned j = 0; j < trials->jobs; j++) {
        struct worker *w = &crew->workers[j];
        bool more =
            crew->next < trials->count && !crew->loop.signal && !*status && !(trials->enough && trials->enough(trials->context));
        if (w->result.fd < 0 && more)
            *status = begin(w, crew->next++, err);
        busy += w->result.fd >= 0;
    }
    return busy;
}

static void end_children(struct crew *crew)
{
    for (size_t j = 0; j < TRIALS_JOBS_MAX; j++)
        if (crew->workers[j].result.fd >= 0) {
            kill(crew->workers[j].pid, SIGKILL);
            collect(&crew->workers[j]);
        }
}

int trials_run(const struct trials *trials, int *signal, struct error *err)
{
    struct crew *crew = calloc(1, sizeof *crew);
    if (!crew)
        return error_set(err, ENOMEM, "no memory");
    crew->trials = trials;
    crew->began = clock_now();
    for (size_t j = 0; j < TRIALS_JOBS_MAX; j++)
        crew->workers[j] = (struct worker){.crew = crew, .result.fd = -1};
    loop_block_signals();
    int status = loop_init(&crew->loop, true, err);
    while (!status && !crew->loop.signal && begin_more(crew, &status, err))
        status = status ? status : loop_run(&crew->loop, NSEC_NEVER, err);
    end_children(crew);
    *signal = crew->loop.signal;
    loop_release(&crew->loop);
    free(crew);
    return status;
}
