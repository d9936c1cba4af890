/* Runs programs as whole processes: pipes to their streams, bounded waiting, nothing left behind. */
#include "process.h"

#include "suite.h"

#include "backlogctl/error.h"
#include "backlogctl/fd.h"
#include "backlogctl/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static const struct process_setup default_setup;

/* ---- Starting ---- */

/* What the new process gets as 0, 1 and 2 (-1: that one is closed), and where it reports a failed start. */
struct child_ends {
    int in, out, err, failure;
};

/* Only async-signal-safe calls from here to the exec, as the test may have threads. */
static int become(const struct process_setup *setup, const struct child_ends *ends, pid_t parent)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    if (dup2(ends->in, STDIN_FILENO) < 0 || dup2(ends->err, STDERR_FILENO) < 0)
        return errno;
    if (ends->out < 0)
        close(STDOUT_FILENO);
    else if (dup2(ends->out, STDOUT_FILENO) < 0)
        return errno;
    if (setup->as_nobody && is_root() &&
        (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
        return errno;
    /* After the change of user, which clears this setting; and the parent may have died before it was
       made. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL))
        return errno;
    return getppid() == parent ? 0 : ESRCH;
}

static _Noreturn void child(const char *const argv[], const struct process_setup *setup, char **environment,
                            const struct child_ends *ends, pid_t parent)
{
    int code = become(setup, ends, parent);
    if (!code) {
        execvpe(argv[0], (char *const *)argv, environment);
        code = errno;
    }
    ssize_t ignored = write(ends->failure, &code, sizeof code);
    (void)ignored;
    _exit(127);
}

/* The test's environment with `add` in front (its entries replace those of the same name). The strings
   are shared. */
static char **environment_with(const char *const *add)
{
    size_t count = 0, added = 0;
    while (environ[count])
        count++;
    while (add && add[added])
        added++;
    char **all = calloc(count + added + 1, sizeof *all);
    ck_assert_ptr_nonnull(all);
    size_t used = 0;
    for (size_t i = 0; i < added; i++)
        all[used++] = (char *)add[i];
    for (size_t i = 0; i < count; i++) {
        size_t name = strcspn(environ[i], "=") + 1;
        size_t j = 0;
        while (j < added && strncmp(environ[i], add[j], name))
            j++;
        if (j == added)
            all[used++] = environ[i];
    }
    return all;
}

static void make_pipe(int *read_end, int *write_end)
{
    int ends[2];
    ck_assert_msg(!pipe2(ends, O_CLOEXEC), "pipe2: %s", strerror(errno));
    *read_end = ends[0];
    *write_end = ends[1];
}

/* 0 once the exec has happened, else the errno of what failed. */
static int start_failure(int failure)
{
    int code = 0;
    ssize_t got;
    do {
        got = read(failure, &code, sizeof code);
    } while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof code ? code : 0;
}

struct process process_start(const char *const argv[], const struct process_setup *setup)
{
    setup = setup ? setup : &default_setup;
    struct process process = {.in = -1, .out = -1, .err = -1};
    SCOPED_FD in = -1;
    SCOPED_FD out = -1;
    SCOPED_FD err = -1;
    SCOPED_FD failure_read = -1;
    SCOPED_FD failure_write = -1;
    if (setup->stdin_pipe)
        make_pipe(&in, &process.in);
    else
        in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (setup->stdout_to)
        out = open(setup->stdout_to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    else if (!setup->stdout_closed)
        make_pipe(&process.out, &out);
    ck_assert_msg(!setup->stdout_to || out >= 0, "open %s: %s", setup->stdout_to, strerror(errno));
    make_pipe(&process.err, &err);
    make_pipe(&failure_read, &failure_write);
    char **environment = environment_with(setup->env);

    struct child_ends ends = {in, out, err, failure_write};
    pid_t parent = getpid();
    process.started = clock_now();
    process.pid = fork();
    if (!process.pid)
        child(argv, setup, environment, &ends, parent);
    free(environment);
    ck_assert_msg(process.pid > 0, "fork: %s", strerror(errno));
    fd_close(&failure_write);
    int code = start_failure(failure_read);
    if (code) {
        waitpid(process.pid, NULL, 0);
        ck_abort_msg("cannot start %s: %s", argv[0], strerror(code));
    }
    return process;
}

void process_signal(const struct process *process, int signal)
{
    ck_assert_msg(!kill(process->pid, signal), "kill: %s", strerror(errno));
}

/* ---- Reading ---- */

struct text {
    char *bytes;
    size_t length, room;
};

static void text_add(struct text *text, const char *bytes, size_t count)
{
    if (text->length + count + 1 > text->room) {
        text->room = 2 * (text->length + count) + 64;
        text->bytes = realloc(text->bytes, text->room);
        ck_assert_ptr_nonnull(text->bytes);
    }
    memcpy(text->bytes + text->length, bytes, count);
    text->length += count;
    text->bytes[text->length] = '\0';
}

/* Milliseconds for poll(2) until `deadline`, rounded up so that it never spins. */
static int milliseconds_until(nsec deadline)
{
    nsec left = deadline - clock_now();
    return left > 0 ? (int)((left + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC) : 0;
}

/* Waits until `fd` can be read (or has ended); false when time is over. */
static bool wait_readable(int fd, nsec deadline)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    for (;;) {
        int ready = poll(&one, 1, milliseconds_until(deadline));
        if (ready >= 0 || errno != EINTR)
            return ready > 0;
    }
}

char *process_line(struct process *process, nsec patience)
{
    nsec deadline = clock_now() + patience;
    struct text line = {0};
    text_add(&line, "", 0);
    /* One byte at a time, so that what follows the line stays in the pipe for process_finish. */
    for (;;) {
        char byte;
        if (!wait_readable(process->out, deadline))
            break;
        ssize_t got = read(process->out, &byte, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 1 && byte != '\n') {
            text_add(&line, &byte, 1);
            continue;
        }
        if (got == 1 || line.length)
            return line.bytes;
        break;
    }
    free(line.bytes);
    return NULL;
}

/* ---- Finishing ---- */

/* Moves what has come on *fd to `text`; closes *fd at its end. */
static void drain(int *fd, struct text *text)
{
    char chunk[65536];
    ssize_t got = read(*fd, chunk, sizeof chunk);
    if (got > 0)
        text_add(text, chunk, (size_t)got);
    else if (!got || errno != EINTR)
        fd_close(fd);
}

/* Both streams to their ends and then the process itself; false when time is over. */
static bool finish_by(struct process *process, struct text *out, struct text *err, nsec deadline)
{
    while (process->out >= 0 || process->err >= 0) {
        struct pollfd streams[] = {{.fd = process->out, .events = POLLIN}, {.fd = process->err, .events = POLLIN}};
        int ready = poll(streams, 2, milliseconds_until(deadline));
        if (!ready)
            return false;
        if (ready < 0)
            continue;
        if (streams[0].revents)
            drain(&process->out, out);
        if (streams[1].revents)
            drain(&process->err, err);
    }
    SCOPED_FD ended = (int)syscall(SYS_pidfd_open, process->pid, 0);
    ck_assert_msg(ended >= 0, "pidfd_open: %s", strerror(errno));
    return wait_readable(ended, deadline);
}

/* JSON goes into the folder BACKLOGCTL_DOCUMENTS, where the environment has it, for tests/schema/schema.py. */
static void keep_document(const struct process *process, const char *text)
{
    const char *folder = getenv("BACKLOGCTL_DOCUMENTS");
    if (!folder || *text != '{')
        return;
    char path[512];
    snprintf(path, sizeof path, "%s/%d-%" PRId64, folder, (int)process->pid, process->started);
    FILE *file = fopen(path, "we");
    if (file) {
        fputs(text, file);
        fclose(file);
    }
}

struct outcome process_finish(struct process *process, nsec patience)
{
    struct text out = {0}, err = {0};
    text_add(&out, "", 0);
    text_add(&err, "", 0);
    fd_close(&process->in);
    bool finished = finish_by(process, &out, &err, clock_now() + patience);
    if (!finished)
        kill(process->pid, SIGKILL);
    int status = 0;
    while (waitpid(process->pid, &status, 0) < 0)
        ck_assert_msg(errno == EINTR, "waitpid: %s", strerror(errno));
    nsec took = clock_now() - process->started;
    fd_close(&process->out);
    fd_close(&process->err);
    keep_document(process, out.bytes);
    process->pid = 0;
    ck_assert_msg(finished, "the process did not end in time; stdout: '%.400s' stderr: '%.400s'", out.bytes, err.bytes);
    return (struct outcome){.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
                            .out = out.bytes,
                            .err = err.bytes,
                            .took = took};
}

struct outcome process_run(const char *const argv[], const struct process_setup *setup)
{
    struct process process = process_start(argv, setup);
    return process_finish(&process, PATIENCE);
}

void outcome_free(struct outcome *outcome)
{
    free(outcome->out);
    free(outcome->err);
    *outcome = (struct outcome){0};
}

/* ---- The test's own surroundings ---- */

bool is_root(void)
{
    unsigned inside = 1, outside, count = 0;
    FILE *map = fopen("/proc/self/uid_map", "re");
    if (map && fscanf(map, "%u %u %u", &inside, &outside, &count) != 3)
        count = 0;
    if (map)
        fclose(map);
    return !geteuid() && !inside && count > NOBODY;
}

bool program_exists(const char *name)
{
    char command[128];
    snprintf(command, sizeof command, "command -v %s >/dev/null", name);
    return system(command) == 0;
}

static void write_line(const char *path, const char *line)
{
    FILE *file = fopen(path, "we");
    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    fputs(line, file);
    ck_assert_msg(!fclose(file), "%s: %s", path, strerror(errno));
}

void in_private_namespace(void)
{
    struct error err = {0};
    char uid_map[32], gid_map[32];
    bool ordinary = geteuid();
    snprintf(uid_map, sizeof uid_map, "0 %u 1", geteuid());
    snprintf(gid_map, sizeof gid_map, "0 %u 1", getegid());
    if (netns_enter_private(&err)) {
        need(forbids_namespaces);
        ck_abort_msg("%s", err.text);
    }
    if (!ordinary)
        return;
    /* Without a name in it nobody could start programs with rights there, or make a namespace inside. */
    write_line("/proc/self/setgroups", "deny");
    write_line("/proc/self/uid_map", uid_map);
    write_line("/proc/self/gid_map", gid_map);
}

void set_sysctl(const char *key, const char *value)
{
    struct error err = {0};
    int status = sysctl_write(key, value, &err);
    if (status == -ENOENT && !strncmp(key, "net.core.", strlen("net.core."))) /* an old kernel, an ordinary user's namespace */
        skip("%s", err.text);
    ck_assert_msg(!status, "%s", err.text);
}
