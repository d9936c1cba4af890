/* Runs a program of which one system call fails, in whichever of its threads or children that is: a seccomp filter hands the call
   over to this program, which answers in the kernel's place. No ptrace(2), which the program itself may use.

   inject REPORT CALL WHEN ERRNO PROGRAM [ARGUMENT ...]
     REPORT  a descriptor for the lines below
     CALL    name of a system call; "all" only counts each; "none"
     WHEN    which one of them fails, 1 for the first; "3+": that one and all after it
     ERRNO   with this number

   Lines, as soon as the program has ended:
     count CALL N       with "all": so many of them were made
     at CALL WHAT       the first that failed, and the file that it was about
     reached N          so many failed
     ended WAIT-STATUS
   It ends itself when no process is left of those that the program started.

   Calls count from the marker on that allocations.c makes, so that the loader's are none, and only those of PROGRAM, not those of
   other programs that it executes. */
#include "faults.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *name;
    int number;
} calls[] = {
#define CALL(name) {#name, __NR_##name},
#include "calls.h"
};

#define CALLS (sizeof calls / sizeof *calls)
#define NUMBERS 1024 /* more than there are */
#define OWNERS 64

struct owner {
    pid_t thread;
    bool ours;
};

struct injection {
    FILE *report;
    int call; /* COUNT_ALL, NO_CALL, or its number */
    long when;
    bool and_after;
    int error;
    struct stat program;
    pid_t pid;
    int listener;
    bool armed, ended;
    long seen, failed;
    long counts[NUMBERS];
    char at[512];
    struct owner owners[OWNERS]; /* by thread, so that not every call takes a look into /proc */
};

enum { COUNT_ALL = -1, NO_CALL = -2 };

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
    exit(125);
}

static const char *call_name(int number)
{
    for (size_t i = 0; i < CALLS; i++)
        if (calls[i].number == number)
            return calls[i].name;
    return "unknown";
}

static int call_number(const char *name)
{
    if (!strcmp(name, "all") || !strcmp(name, "none"))
        return *name == 'a' ? COUNT_ALL : NO_CALL;
    for (size_t i = 0; i < CALLS; i++)
        if (!strcmp(calls[i].name, name))
            return calls[i].number;
    errno = EINVAL;
    give_up(name);
}

/* ---- The child: the filter, and then the program ---- */

#define EQUAL_ASKS(number) \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(number), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)

static int set_filter(int call)
{
    struct sock_filter some[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        EQUAL_ASKS(FAULTS_MARKER),
        EQUAL_ASKS(SYS_execve),
        EQUAL_ASKS(call),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_filter all[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF)};
    struct sock_fprog program = {.len = sizeof some / sizeof *some, .filter = some};
    if (call == COUNT_ALL)
        program = (struct sock_fprog){.len = 1, .filter = all};
    unsigned flags = SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    int listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    if (listener < 0 && errno == EACCES && !prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    return listener < 0 ? -errno : listener;
}

/* The child shares our table of descriptors until it executes, for from the filter on it cannot tell us but through memory. */
static void begin(struct injection *in, char **words)
{
    _Atomic int *told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (told == MAP_FAILED)
        give_up("mmap");
    in->pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
    if (in->pid < 0)
        give_up("clone");
    if (!in->pid) {
        const char *preloaded = getenv("FAULTS_PRELOAD");
        if (preloaded)
            setenv("LD_PRELOAD", preloaded, true);
        *told = set_filter(in->call);
        execv(words[0], words);
        _exit(126);
    }
    while (!*told)
        nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
    errno = -*told;
    if (*told < 0)
        give_up("seccomp");
    in->listener = *told;
}

/* ---- Answers ---- */

static bool is_ours(struct injection *in, pid_t thread)
{
    struct owner *owner = &in->owners[(unsigned)thread % OWNERS];
    if (owner->thread != thread) {
        char path[64];
        struct stat program;
        snprintf(path, sizeof path, "/proc/%d/exe", (int)thread);
        owner->ours = !stat(path, &program) && program.st_dev == in->program.st_dev && program.st_ino == in->program.st_ino;
        owner->thread = thread;
    }
    return owner->ours;
}

/* The path that an argument of the call is, or the file behind the descriptor that its first one is. */
static void describe(struct injection *in, const struct seccomp_notif *n)
{
    static const int with_path[][2] = {
        {SYS_openat, 1},     {SYS_readlinkat, 1}, {SYS_faccessat, 1}, {SYS_unlinkat, 1},
        {SYS_mount, 1},      {SYS_statx, 1},      {SYS_execve, 0},    {SYS_renameat2, 1},
#ifdef SYS_newfstatat /* not where time was of 32 bits */
        {SYS_newfstatat, 1},
#endif
#ifdef SYS_open
        {SYS_open, 0},       {SYS_readlink, 0},   {SYS_access, 0},    {SYS_unlink, 0},
        {SYS_mkdir, 0},      {SYS_rename, 0},     {SYS_chmod, 0},     {SYS_rmdir, 0},
#endif
    };
    char path[64], what[256] = "";
    for (size_t i = 0; i < sizeof with_path / sizeof *with_path; i++)
        if (with_path[i][0] == n->data.nr) {
            snprintf(path, sizeof path, "/proc/%d/mem", (int)n->pid);
            int memory = open(path, O_RDONLY | O_CLOEXEC);
            if (memory >= 0 && pread(memory, what, sizeof what - 1, (off_t)n->data.args[with_path[i][1]]) < 0)
                *what = '\0';
            close(memory);
        }
    if (!*what) {
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)n->pid, (int)n->data.args[0]);
        ssize_t length = readlink(path, what, sizeof what - 1);
        what[length > 0 ? length : 0] = '\0';
    }
    for (char *c = what; *c; c++)
        *c = *c < ' ' ? '?' : *c;
    snprintf(in->at, sizeof in->at, "%s %s(%#llx, %#llx, %#llx)", what, call_name(n->data.nr), n->data.args[0], n->data.args[1],
             n->data.args[2]);
}

/* write(2) into an eventfd can fail for no reason but that it is full, and then who is to be woken is awake. */
static bool cannot_fail(const struct seccomp_notif *n)
{
    char path[64], what[64] = "";
    if (n->data.nr != SYS_write)
        return false;
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)n->pid, (int)n->data.args[0]);
    return readlink(path, what, sizeof what - 1) > 0 && !strcmp(what, "anon_inode:[eventfd]");
}

static bool fails(struct injection *in, const struct seccomp_notif *n)
{
    int number = n->data.nr;
    if (!in->armed || !is_ours(in, (pid_t)n->pid) || cannot_fail(n))
        return false;
    if (number >= 0 && number < NUMBERS)
        in->counts[number]++;
    if (number != in->call || ++in->seen < in->when || (in->seen > in->when && !in->and_after))
        return false;
    if (!in->failed++)
        describe(in, n);
    return true;
}

static void answer(struct injection *in)
{
    union {
        struct seccomp_notif notif;
        char room[512]; /* a later kernel's may be longer */
    } asked = {.room = {0}};
    union {
        struct seccomp_notif_resp resp;
        char room[512];
    } reply = {.room = {0}};
    if (ioctl(in->listener, SECCOMP_IOCTL_NOTIF_RECV, &asked.notif))
        return; /* it was killed meanwhile */
    const struct seccomp_notif *n = &asked.notif;
    reply.resp.id = n->id;
    if (n->data.nr == FAULTS_MARKER)
        in->armed = in->armed || is_ours(in, (pid_t)n->pid);
    else if (fails(in, n))
        reply.resp.error = -in->error;
    else
        reply.resp.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    if (n->data.nr == SYS_execve)
        memset(in->owners, 0, sizeof in->owners);
    ioctl(in->listener, SECCOMP_IOCTL_NOTIF_SEND, &reply.resp);
}

/* ---- The end ---- */

static void report(struct injection *in, int status)
{
    for (int i = 0; i < NUMBERS && in->call == COUNT_ALL; i++)
        if (in->counts[i])
            fprintf(in->report, "count %s %ld\n", call_name(i), in->counts[i]);
    if (in->failed)
        fprintf(in->report, "at %s\n", in->at);
    fprintf(in->report, "reached %ld\nended %d\n", in->failed, status);
    fclose(in->report);
    in->ended = true;
}

static void look_for_end(struct injection *in)
{
    int status;
    if (!in->ended && waitpid(in->pid, &status, WNOHANG) == in->pid)
        report(in, status);
}

static void supervise(struct injection *in)
{
    int child = (int)syscall(SYS_pidfd_open, in->pid, 0);
    if (child < 0)
        give_up("pidfd_open");
    struct pollfd fds[] = {{.fd = in->listener, .events = POLLIN}, {.fd = child, .events = POLLIN}};
    while (!in->ended || !(fds[0].revents & (POLLHUP | POLLERR))) {
        fds[1].fd = in->ended ? -1 : child;
        fds[0].fd = fds[0].revents & (POLLHUP | POLLERR) ? -1 : in->listener;
        short gone = fds[0].revents & (POLLHUP | POLLERR);
        poll(fds, 2, -1);
        fds[0].revents = (short)(fds[0].revents | gone);
        if (fds[0].revents & POLLIN)
            answer(in);
        if (fds[1].revents)
            look_for_end(in);
    }
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        fputs("Usage: inject REPORT CALL WHEN ERRNO PROGRAM [ARGUMENT ...]\n", stderr);
        return 2;
    }
    int out = atoi(argv[1]);
    char *rest;
    struct injection in = {.call = call_number(argv[2]), .when = strtol(argv[3], &rest, 10), .error = atoi(argv[4])};
    in.and_after = *rest == '+';
    if (fcntl(out, F_SETFD, FD_CLOEXEC) || !(in.report = fdopen(out, "w")))
        give_up("the report");
    if (stat(argv[5], &in.program))
        give_up(argv[5]);
    begin(&in, argv + 5);
    supervise(&in);
    return 0;
}
