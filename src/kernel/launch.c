/* Starting a command under a reaper, and ending it: the parent's side. */
#include "launch_internal.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define TERM_PATIENCE_MS 2000
#define KILL_PATIENCE_MS 5000
#define GROUPS_MOST 256

struct launch {
    struct launch_shared *shared;
    struct loop *loop;
    struct loop_source news, reaper; /* eventfd and pidfd */
    pid_t pid;
    bool shares_pids;
    int lifeline, log;
};

/* ---- Who it runs as ---- */

static int find_user(const char *name, struct reaper *r, gid_t groups[GROUPS_MOST], struct error *err)
{
    char *end;
    unsigned long number = strtoul(name, &end, 10);
    errno = 0;
    struct passwd *user = getpwnam(name);
    if (!user && *name && !*end)
        user = getpwuid((uid_t)number);
    if (!user)
        return error_set(err, ENOENT, "--user '%.64s': no such user", name);
    int count = GROUPS_MOST;
    if (getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0)
        return error_set(err, E2BIG, "--user '%.64s' is in more than %d groups", name, GROUPS_MOST);
    r->other_user = true;
    r->uid = user->pw_uid;
    r->gid = user->pw_gid;
    r->groups = groups;
    r->group_count = (size_t)count;
    return 0;
}

/* ---- Beginning ---- */

struct ends {
    int lifeline[2], executed[2], output[2];
};

static void close_ends(struct ends *e)
{
    for (int i = 0; i < 2; i++) {
        fd_close(&e->lifeline[i]);
        fd_close(&e->executed[i]);
        fd_close(&e->output[i]);
    }
}

static int open_ends(struct launch *l, struct ends *e, struct error *err)
{
    *e = (struct ends){{-1, -1}, {-1, -1}, {-1, -1}};
    l->news.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->news.fd < 0 || pipe2(e->lifeline, O_CLOEXEC) || pipe2(e->executed, O_CLOEXEC) ||
        (l->log < 0 && pipe2(e->output, O_CLOEXEC)))
        return error_errno(err, "cannot start the command: pipe");
    l->shared = mmap(NULL, sizeof *l->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (l->shared == MAP_FAILED) {
        l->shared = NULL;
        return error_errno(err, "cannot start the command: mmap");
    }
    return 0;
}

/* In a pid namespace, or else without one if that may be. */
static int make_reaper(struct launch *l, struct reaper *r, bool may_share, struct error *err)
{
    r->own_pids = true;
    l->pid = launch_clone(CLONE_NEWPID | CLONE_NEWNS, &l->reaper.fd);
    if (l->pid < 0 && may_share) {
        r->own_pids = false;
        l->pid = launch_clone(0, &l->reaper.fd);
    }
    if (!l->pid)
        reaper_main(r);
    l->shares_pids = !r->own_pids;
    if (l->pid > 0)
        return 0;
    l->reaper.fd = -1;
    return error_set(err, errno,
                     "cannot make a pid namespace for the command: clone3: %s: root may, and --host-net goes on without one",
                     strerror(errno));
}

static int begin(struct launch *l, const struct launch_settings *s, struct ends *e, struct error *err)
{
    gid_t groups[GROUPS_MOST];
    struct reaper reaper = {.shared = l->shared,
                            .words = s->words,
                            .lifeline = e->lifeline[0],
                            .news = l->news.fd,
                            .executed = e->executed[1],
                            .log = s->log < 0 ? e->output[1] : s->log,
                            .output = e->output[0]};
    int status = s->user ? find_user(s->user, &reaper, groups, err) : 0;
    char **ours = environ;
    if (s->environment)
        environ = (char **)(uintptr_t)s->environment; /* execvp looks into its PATH */
    if (!status)
        status = make_reaper(l, &reaper, s->may_share_pids, err);
    environ = ours;
    if (status)
        return status;
    l->lifeline = fd_steal(&e->lifeline[1]);
    fd_close(&e->executed[1]);
    char none;
    while (read(e->executed[0], &none, 1) < 0 && errno == EINTR)
        ;
    return 0;
}

int launch_begin(struct launch **out, const struct launch_settings *settings, struct error *err)
{
    struct ends ends;
    struct launch *l = calloc(1, sizeof *l);
    *out = NULL;
    if (!l)
        return error_set(err, ENOMEM, "no memory");
    l->lifeline = l->news.fd = l->reaper.fd = -1;
    l->log = settings->log;
    int status = open_ends(l, &ends, err);
    if (!status)
        status = begin(l, settings, &ends, err);
    close_ends(&ends);
    if (status)
        launch_end(l);
    else
        *out = l;
    return status;
}

/* ---- Meanwhile ---- */

static void command_ended(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct launch *l = (struct launch *)((char *)source - offsetof(struct launch, news));
    eventfd_t count;
    eventfd_read(source->fd, &count);
    loop_stop(l->loop);
}

static void all_ended(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct launch *l = (struct launch *)((char *)source - offsetof(struct launch, reaper));
    loop_remove(l->loop, source); /* a pidfd stays ready */
    loop_stop(l->loop);
}

int launch_watch(struct launch *l, struct loop *loop, struct error *err)
{
    l->loop = loop;
    l->news.ready = command_ended;
    l->reaper.ready = all_ended;
    int status = loop_add(loop, &l->news, EPOLLIN, err);
    return status ? status : loop_add(loop, &l->reaper, EPOLLIN, err);
}

static bool has_ended(const struct launch *l, int patience_ms)
{
    struct pollfd one = {.fd = l->reaper.fd, .events = POLLIN};
    int n;
    do
        n = poll(&one, 1, patience_ms);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

void launch_look(const struct launch *l, struct launch_state *out)
{
    bool gone = has_ended(l, 0); /* before the rest is read: what it has written by then is all */
    int code = atomic_load(&l->shared->exec_error);
    *out = (struct launch_state){.gone = gone, .shares_pids = l->shares_pids, .host_proc = atomic_load(&l->shared->host_proc)};
    if (code) {
        out->end = LAUNCH_NOT_STARTED;
        out->user_refused = atomic_load(&l->shared->user_refused);
        out->code = code;
    } else if (atomic_load(&l->shared->ended)) {
        int status = atomic_load(&l->shared->status);
        out->end = WIFSIGNALED(status) ? LAUNCH_KILLED : LAUNCH_EXITED;
        out->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    }
}

static size_t read_log(int log, char *out, size_t room)
{
    off_t end = lseek(log, 0, SEEK_END);
    if (end <= 0)
        return 0;
    size_t count = (uint64_t)end < room ? (size_t)end : room;
    ssize_t n = pread(log, out, count, end - (off_t)count);
    return n > 0 ? (size_t)n : 0;
}

size_t launch_output(const struct launch *l, char *out, size_t room)
{
    uint64_t written = atomic_load(&l->shared->written);
    size_t count = written < LAUNCH_TAIL ? (size_t)written : LAUNCH_TAIL;
    if (l->log >= 0)
        return read_log(l->log, out, room);
    count = count < room ? count : room;
    for (size_t i = 0; i < count; i++)
        out[i] = l->shared->tail[(written - count + i) % LAUNCH_TAIL];
    return count;
}

/* ---- The end ---- */

static void end_reaper(struct launch *l)
{
    static const char word = LAUNCH_TERMINATE;
    if (!has_ended(l, 0) && write(l->lifeline, &word, 1) == 1)
        has_ended(l, TERM_PATIENCE_MS);
    fd_close(&l->lifeline); /* the reaper ends all, and itself */
    if (!has_ended(l, KILL_PATIENCE_MS))
        syscall(SYS_pidfd_send_signal, l->reaper.fd, SIGKILL, NULL, 0); /* somebody has stopped it */
    while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

void launch_end(struct launch *l)
{
    if (!l)
        return;
    if (l->loop) {
        loop_remove(l->loop, &l->news);
        loop_remove(l->loop, &l->reaper);
    }
    if (l->pid > 0)
        end_reaper(l);
    fd_close(&l->lifeline);
    fd_close(&l->news.fd);
    fd_close(&l->reaper.fd);
    if (l->shared)
        munmap(l->shared, sizeof *l->shared);
    free(l);
}
