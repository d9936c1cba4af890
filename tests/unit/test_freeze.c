/* Freezing processes: everything stops, everything runs again whatever dies, and the targets lose nothing by it. */
#include "backlogctl/fd.h"
#include "backlogctl/freeze.h"

#include "process.h"
#include "suite.h"

#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOBODY 65534
#define LONG_BUDGET (2 * PATIENCE) /* what goes on sooner than that was not continued by the budget */
#define STILL (40 * NSEC_PER_MSEC)
#define COUNTERS 64

static const enum freeze_method methods[] = {FREEZE_PTRACE, FREEZE_STOP};

/* ---- Targets: processes whose threads count in shared memory ---- */

struct shared {
    atomic_ulong counters[COUNTERS];
    atomic_ulong signals, done, errors;
    atomic_int ready;
};

static struct shared *shared_new(void)
{
    void *memory = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ck_assert(memory != MAP_FAILED);
    return memory;
}

static void nap(nsec span)
{
    struct timespec t = {.tv_sec = span / NSEC_PER_SEC, .tv_nsec = span % NSEC_PER_SEC};
    while (nanosleep(&t, &t) && errno == EINTR)
        continue;
}

static void *count(void *counter)
{
    atomic_ulong *mine = counter;
    for (;;) {
        for (int i = 0; i < 100; i++)
            atomic_fetch_add(mine, 1);
        nap(300 * NSEC_PER_USEC);
    }
    return NULL;
}

/* Forks a process with a thread for each of counters[from ... from + threads - 1]; it calls `first` before all. */
static pid_t counting_after(void (*first)(void), struct shared *shared, size_t from, size_t threads)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (first)
        first();
    for (size_t i = 1; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, count, &shared->counters[from + i]))
            _exit(1);
    }
    count(&shared->counters[from]);
    _exit(0);
}

static pid_t counting(struct shared *shared, size_t from, size_t threads)
{
    return counting_after(NULL, shared, from, threads);
}

static void await_motion(struct shared *shared, size_t from, size_t threads)
{
    unsigned long before[COUNTERS];
    for (size_t i = from; i < from + threads; i++)
        before[i] = atomic_load(&shared->counters[i]);
    nsec end = clock_now() + PATIENCE;
    for (size_t i = from; i < from + threads; i++)
        while (atomic_load(&shared->counters[i]) == before[i]) {
            ck_assert_msg(clock_now() < end, "counter %zu does not move", i);
            nap(NSEC_PER_MSEC);
        }
}

static void assert_still(struct shared *shared, size_t from, size_t threads)
{
    unsigned long before[COUNTERS];
    for (size_t i = from; i < from + threads; i++)
        before[i] = atomic_load(&shared->counters[i]);
    nap(STILL);
    for (size_t i = from; i < from + threads; i++)
        ck_assert_msg(atomic_load(&shared->counters[i]) == before[i], "counter %zu moves", i);
}

static void end_target(pid_t pid)
{
    int status;
    ck_assert_msg(waitpid(pid, &status, WNOHANG) == 0, "the target is not our running child any more");
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* The state letter of a process, and the name and parent that it has. */
static char state_of(pid_t pid, char name[64], int *parent)
{
    char path[32], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%*d (%63[^)]) %c %d", name, &state, parent) != 3)
        state = 0;
    if (file)
        fclose(file);
    return state;
}

static void await_state(pid_t pid, char wanted)
{
    char name[64];
    int parent;
    for (nsec end = clock_now() + PATIENCE; state_of(pid, name, &parent) != wanted; nap(NSEC_PER_MSEC))
        ck_assert_msg(clock_now() < end, "%d is not in state %c", (int)pid, wanted);
}

/* Stopped by SIGSTOP with all its threads: the first one is not always the last to stop. */
static void await_stopped(pid_t pid)
{
    char path[32], name[64];
    int parent, moving;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    for (nsec end = clock_now() + PATIENCE;; nap(NSEC_PER_MSEC)) {
        DIR *tasks = opendir(path);
        moving = 0;
        for (struct dirent *entry; (entry = readdir(tasks));)
            moving += atoi(entry->d_name) && state_of(atoi(entry->d_name), name, &parent) != 'T';
        closedir(tasks);
        if (!moving)
            return;
        ck_assert_msg(clock_now() < end, "%d threads of %d are not stopped", moving, (int)pid);
    }
}

/* A child of `of` by name (NULL: any name) but `except`; 0: none. */
static pid_t find_child_of(pid_t of, const char *wanted, pid_t except)
{
    char name[64];
    int parent;
    pid_t found = 0;
    DIR *proc = opendir("/proc");
    for (struct dirent *entry; !found && (entry = readdir(proc));) {
        pid_t pid = atoi(entry->d_name);
        if (pid > 0 && pid != except && state_of(pid, name, &parent) && parent == of && (!wanted || !strcmp(name, wanted)))
            found = pid;
    }
    closedir(proc);
    return found;
}

static pid_t find_child(const char *wanted)
{
    return find_child_of(getpid(), wanted, 0);
}

/* ---- Freezing in tests ---- */

static struct freeze *begin(const pid_t *pids, size_t count, enum freeze_method method, nsec budget)
{
    struct freeze_settings settings = {.budget = budget, .method = method};
    struct error err = {0};
    struct freeze *freeze;
    int status = freeze_begin(&freeze, pids, count, &settings, &err);
    ck_assert_msg(!status, "%s", err.text);
    return freeze;
}

/* With this budget, or with as much more as it takes here to stop everybody within it. */
static struct freeze *begin_within(pid_t pid, enum freeze_method method, nsec *budget)
{
    for (;; *budget *= 2) {
        struct freeze_settings settings = {.budget = *budget, .method = method};
        struct error err = {0};
        struct freeze *freeze;
        int status = freeze_begin(&freeze, &pid, 1, &settings, &err);
        if (!status)
            return freeze;
        ck_assert_msg(status == -ETIMEDOUT && *budget < PATIENCE, "%s", err.text);
    }
}

static struct freeze_facts end(struct freeze *freeze)
{
    struct freeze_facts facts;
    ck_assert_int_eq(freeze_end(freeze, &facts), 0);
    ck_assert_int_eq(find_child("freeze-guardian"), 0);
    ck_assert_int_eq(find_child("freeze-rescuer"), 0);
    return facts;
}

static void assert_calm(const struct freeze_facts *facts)
{
    ck_assert(!facts->expired && !facts->broken && !facts->died);
}

/* Whether this user may trace here; says why a test is left out. */
static bool can(enum freeze_method method, const char *test)
{
    struct freeze_settings settings = {.budget = NSEC_PER_SEC, .method = method};
    struct error err = {0};
    struct freeze *freeze;
    struct shared *shared = shared_new();
    pid_t pid = counting(shared, 0, 1);
    int status = freeze_begin(&freeze, &pid, 1, &settings, &err);
    if (status)
        printf("skipped: %s: %s\n", test, err.text);
    else
        freeze_end(freeze, NULL);
    end_target(pid);
    munmap(shared, sizeof *shared);
    ck_assert_msg(!status || status == -EPERM || status == -ENOSYS, "%s", err.text);
    return !status;
}

#define NEED(method)            \
    if (!can(method, __func__)) \
    return

START_TEST(all_threads_stop_and_go_on)
{
    enum freeze_method method = methods[_i];
    NEED(method);
    struct shared *shared = shared_new();
    pid_t pid = counting(shared, 0, COUNTERS);
    await_motion(shared, 0, COUNTERS);
    for (int i = 0; i < 5; i++) {
        nsec before = clock_now();
        struct freeze *freeze = begin(&pid, 1, method, LONG_BUDGET);
        assert_still(shared, 0, COUNTERS);
        ck_assert(freeze_holds(freeze));
        struct freeze_facts facts = end(freeze);
        nsec after = clock_now();
        await_motion(shared, 0, COUNTERS);
        assert_calm(&facts);
        ck_assert_int_eq(facts.method, method);
        ck_assert_uint_eq(facts.processes, 1);
        ck_assert_uint_eq(facts.threads, COUNTERS);
        ck_assert(before <= facts.asked && facts.asked <= facts.began);
        ck_assert(facts.lasted >= STILL && facts.lasted <= after - before);
    }
    end_target(pid);
}
END_TEST

START_TEST(all_processes_stop_and_go_on)
{
    NEED(methods[_i]);
    struct shared *shared = shared_new();
    pid_t pids[9];
    for (size_t i = 0; i < 8; i++)
        pids[i] = counting(shared, 8 * i, 8);
    pids[8] = pids[3]; /* named twice */
    await_motion(shared, 0, COUNTERS);
    struct freeze *freeze = begin(pids, 9, methods[_i], LONG_BUDGET);
    assert_still(shared, 0, COUNTERS);
    ck_assert(freeze_holds(freeze) && freeze_goes_on(freeze));
    struct freeze_facts facts = end(freeze);
    await_motion(shared, 0, COUNTERS);
    assert_calm(&facts);
    ck_assert_uint_eq(facts.processes, 8);
    ck_assert_uint_eq(facts.threads, COUNTERS);
    for (size_t i = 0; i < 8; i++)
        end_target(pids[i]);
}
END_TEST

/* ---- It ends ---- */

START_TEST(budget_ends_it_while_the_caller_sleeps)
{
    NEED(methods[_i]);
    struct shared *shared = shared_new();
    pid_t pid = counting(shared, 0, 16);
    await_motion(shared, 0, 16);
    nsec budget = 200 * NSEC_PER_MSEC, before = clock_now();
    struct freeze *freeze = begin_within(pid, methods[_i], &budget);
    await_motion(shared, 0, 16); /* no help from here */
    nsec moving = clock_now();
    ck_assert(!freeze_holds(freeze));
    struct freeze_facts facts = end(freeze);
    ck_assert(facts.expired && !facts.broken && !facts.died);
    ck_assert(facts.lasted >= budget && facts.lasted <= moving - before);
    end_target(pid);
}
END_TEST

/* A guardian that cannot act (here: stopped itself) is killed by its timer, and that lets all go. */
START_TEST(budget_ends_it_without_the_guardian)
{
    NEED(methods[_i]);
    struct shared *shared = shared_new();
    pid_t pid = counting(shared, 0, 16);
    await_motion(shared, 0, 16);
    nsec budget = 300 * NSEC_PER_MSEC;
    struct freeze *freeze = begin_within(pid, methods[_i], &budget);
    pid_t guardian = find_child("freeze-guardian");
    ck_assert_int_gt(guardian, 0); /* a child at least until it is waited for */
    kill(guardian, SIGSTOP);
    await_motion(shared, 0, 16);
    ck_assert(!freeze_holds(freeze));
    struct freeze_facts facts = end(freeze);
    ck_assert(facts.expired && !facts.broken);
    end_target(pid);
}
END_TEST

static const struct {
    enum freeze_method method;
    bool guardian, rescuer;
} killings[] = {{FREEZE_PTRACE, true, false}, {FREEZE_STOP, true, false}, {FREEZE_STOP, false, true}};

START_TEST(killing_our_own_ends_it)
{
    NEED(killings[_i].method);
    struct shared *shared = shared_new();
    pid_t pid = counting(shared, 0, 16);
    await_motion(shared, 0, 16);
    for (int i = 0; i < 10; i++) {
        struct freeze *freeze = begin(&pid, 1, killings[_i].method, LONG_BUDGET);
        assert_still(shared, 0, 16);
        if (killings[_i].guardian)
            kill(find_child("freeze-guardian"), SIGKILL);
        if (killings[_i].rescuer)
            kill(find_child("freeze-rescuer"), SIGKILL);
        await_motion(shared, 0, 16);
        while (freeze_goes_on(freeze)) /* it may be some moments behind */
            nap(NSEC_PER_MSEC);
        ck_assert(!freeze_holds(freeze));
        struct freeze_facts facts = end(freeze);
        ck_assert(facts.broken && !facts.expired && !facts.died);
        await_motion(shared, 0, 16);
    }
    end_target(pid);
}
END_TEST

START_TEST(the_caller_continues_what_both_left)
{
    struct shared *shared = shared_new();
    pid_t pid = counting(shared, 0, 4);
    await_motion(shared, 0, 4);
    struct freeze *freeze = begin(&pid, 1, FREEZE_STOP, LONG_BUDGET);
    pid_t guardian = find_child("freeze-guardian"), rescuer = find_child("freeze-rescuer");
    kill(rescuer, SIGSTOP);
    kill(guardian, SIGKILL);
    kill(rescuer, SIGKILL);
    struct freeze_facts facts = end(freeze);
    ck_assert(facts.broken);
    await_motion(shared, 0, 4);
    end_target(pid);
}
END_TEST

/* Freezes and lets go for ever; what the test kills. */
static _Noreturn void freezing(pid_t target, enum freeze_method method)
{
    struct freeze_settings settings = {.budget = LONG_BUDGET, .method = method};
    struct freeze *freeze;
    setpgid(0, 0);
    for (unsigned i = 0;; i++) {
        if (freeze_begin(&freeze, &target, 1, &settings, NULL))
            _exit(1);
        nap((i * 7 % 5) * NSEC_PER_MSEC);
        freeze_end(freeze, NULL);
    }
}

/* Guardians and rescuers of a dead caller become our children, and end by themselves. */
static void reap_orphans(pid_t target)
{
    for (nsec over = clock_now() + PATIENCE; find_child_of(getpid(), NULL, target); nap(NSEC_PER_MSEC)) {
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
        ck_assert_msg(clock_now() < over, "a guardian outlives its caller");
    }
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), 0); /* the target is our child still, and runs */
}

START_TEST(killing_the_caller_at_any_moment_leaves_all_running)
{
    NEED(methods[_i]);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    struct shared *shared = shared_new();
    pid_t target = counting(shared, 0, 24);
    await_motion(shared, 0, 24);
    srandom((unsigned)clock_now());
    for (int round = 0; round < 40; round++) {
        pid_t caller = fork();
        if (!caller)
            freezing(target, methods[_i]);
        setpgid(caller, caller);
        nap(random() % 12000 * NSEC_PER_USEC);
        kill(round % 2 ? caller : -caller, SIGKILL);
        int status;
        ck_assert_int_eq(waitpid(caller, &status, 0), caller);
        ck_assert(WIFSIGNALED(status)); /* it had not failed before */
        await_motion(shared, 0, 24);
        reap_orphans(target);
        await_motion(shared, 0, 24); /* for good */
    }
    end_target(target);
}
END_TEST

/* Kills the guardian of its parent a little after it has come up. */
static pid_t start_killer(nsec delay)
{
    pid_t parent = getpid(), killer = fork(), guardian = 0;
    if (killer)
        return killer;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (!guardian)
        guardian = find_child_of(parent, "freeze-guardian", 0);
    nap(delay);
    kill(guardian, SIGKILL);
    _exit(0);
}

START_TEST(killing_the_guardian_at_any_moment_leaves_all_running)
{
    NEED(methods[_i]);
    struct freeze_settings settings = {.budget = LONG_BUDGET, .method = methods[_i]};
    struct shared *shared = shared_new();
    pid_t target = counting(shared, 0, 24);
    await_motion(shared, 0, 24);
    for (int round = 0; round < 20; round++) {
        struct freeze *freeze;
        struct error err = {0};
        pid_t killer = start_killer(round * 100 * NSEC_PER_USEC);
        int status = freeze_begin(&freeze, &target, 1, &settings, &err);
        ck_assert_msg(!status || status == -ECHILD, "%s", err.text);
        ck_assert_int_eq(waitpid(killer, NULL, 0), killer);
        await_motion(shared, 0, 24);
        if (!status)
            ck_assert(end(freeze).broken);
        await_motion(shared, 0, 24);
    }
    end_target(target);
}
END_TEST

/* ---- The target loses nothing ---- */

static struct shared *of_handler; /* a handler has no other way to it */

static void on_signal(int number)
{
    (void)number;
    atomic_fetch_add(&of_handler->signals, 1);
}

static pid_t counting_signals(struct shared *shared, int number, size_t threads)
{
    pid_t pid = fork();
    if (pid) {
        while (!atomic_load(&shared->ready))
            nap(NSEC_PER_MSEC);
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    of_handler = shared;
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigaction(number, &action, NULL);
    pthread_t thread;
    for (size_t i = 1; i < threads; i++)
        pthread_create(&thread, NULL, count, &shared->counters[i]);
    atomic_store(&shared->ready, 1);
    count(&shared->counters[0]);
    _exit(0);
}

START_TEST(a_signal_waits_for_the_end)
{
    NEED(methods[_i]);
    struct shared *shared = shared_new();
    pid_t pid = counting_signals(shared, SIGUSR1, 4);
    struct freeze *freeze = begin(&pid, 1, methods[_i], LONG_BUDGET);
    kill(pid, SIGUSR1);
    nap(STILL);
    ck_assert_uint_eq(atomic_load(&shared->signals), 0);
    ck_assert(freeze_holds(freeze));
    struct freeze_facts facts = end(freeze);
    assert_calm(&facts);
    for (nsec over = clock_now() + PATIENCE; !atomic_load(&shared->signals); nap(NSEC_PER_MSEC))
        ck_assert(clock_now() < over);
    await_motion(shared, 0, 4);
    ck_assert_uint_eq(atomic_load(&shared->signals), 1);
    end_target(pid);
}
END_TEST

/* Queued signals rain on the target while it is frozen again and again, and every third guardian is killed: each signal is
   counted, also those at whose delivery a thread was stopped. */
START_TEST(no_signal_is_lost_or_doubled)
{
    enum { SIGNALS = 3000 };
    NEED(methods[_i]);
    struct shared *shared = shared_new();
    pid_t pid = counting_signals(shared, SIGRTMIN, 4);
    pid_t sender = fork();
    if (!sender) {
        for (int i = 0; i < SIGNALS;) {
            if (!sigqueue(pid, SIGRTMIN, (union sigval){.sival_int = i})) {
                i++;
                atomic_fetch_add(&shared->done, 1);
            }
            nap(20 * NSEC_PER_USEC);
        }
        _exit(0);
    }
    for (unsigned round = 0; atomic_load(&shared->done) < SIGNALS; round++) {
        struct freeze *freeze = begin(&pid, 1, methods[_i], LONG_BUDGET);
        if (round % 3 == 0)
            kill(find_child("freeze-guardian"), SIGKILL);
        ck_assert_int_eq(freeze_end(freeze, NULL), 0);
    }
    ck_assert_int_eq(waitpid(sender, NULL, 0), sender);
    for (nsec over = clock_now() + PATIENCE; atomic_load(&shared->signals) < SIGNALS && clock_now() < over;)
        nap(NSEC_PER_MSEC);
    await_motion(shared, 0, 4);
    ck_assert_uint_eq(atomic_load(&shared->signals), SIGNALS);
    end_target(pid);
}
END_TEST

START_TEST(what_was_stopped_stays_stopped)
{
    NEED(methods[_i]);
    struct shared *shared = shared_new();
    pid_t pids[] = {counting(shared, 0, 8), counting(shared, 8, 8)};
    await_motion(shared, 0, 16);
    kill(pids[0], SIGSTOP);
    await_stopped(pids[0]);
    for (int i = 0; i < 5; i++) {
        struct freeze *freeze = begin(pids, 2, methods[_i], LONG_BUDGET);
        assert_still(shared, 0, 16);
        ck_assert(freeze_holds(freeze));
        if (i == 3)
            kill(find_child("freeze-guardian"), SIGKILL);
        freeze_end(freeze, NULL);
        await_motion(shared, 8, 8);
        assert_still(shared, 0, 8);
        await_stopped(pids[0]);
    }
    kill(pids[0], SIGCONT);
    await_motion(shared, 0, 16);
    end_target(pids[0]);
    end_target(pids[1]);
}
END_TEST

#define SLEPT 2 /* `ready`, after its sleep */

struct blocked {
    struct shared *shared;
    int listener, pipe[2], poked[2];
};

static void *in_accept(void *context)
{
    struct blocked *blocked = context;
    int fd = accept(blocked->listener, NULL, NULL);
    atomic_fetch_add(fd >= 0 ? &blocked->shared->done : &blocked->shared->errors, 1);
    return NULL;
}

static void *in_read(void *context)
{
    struct blocked *blocked = context;
    char byte;
    ssize_t got = read(blocked->pipe[0], &byte, 1);
    atomic_fetch_add(got == 1 ? &blocked->shared->done : &blocked->shared->errors, 1);
    return NULL;
}

static void *in_sleep(void *context)
{
    struct blocked *blocked = context;
    struct timespec span = {.tv_nsec = 400 * NSEC_PER_MSEC};
    nsec before = clock_now();
    int status = nanosleep(&span, NULL);
    bool fine = !status && clock_now() - before >= 400 * NSEC_PER_MSEC;
    atomic_store(&blocked->shared->ready, SLEPT);
    atomic_fetch_add(fine ? &blocked->shared->done : &blocked->shared->errors, 1);
    return NULL;
}

/* It may say EINTR after a stop, as signal(7) has it, and no more than once. */
static void *in_epoll(void *context)
{
    struct blocked *blocked = context;
    int epoll = epoll_create1(EPOLL_CLOEXEC), interrupted = 0, got;
    struct epoll_event event = {.events = EPOLLIN};
    epoll_ctl(epoll, EPOLL_CTL_ADD, blocked->poked[0], &event);
    while ((got = epoll_wait(epoll, &event, 1, -1)) < 0 && errno == EINTR)
        interrupted++;
    atomic_fetch_add(got == 1 && interrupted <= 1 ? &blocked->shared->done : &blocked->shared->errors, 1);
    return NULL;
}

static _Noreturn void block_in_calls(struct blocked *blocked)
{
    void *(*const calls[])(void *) = {in_accept, in_read, in_sleep, in_epoll};
    pthread_t thread;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < COUNT(calls); i++)
        pthread_create(&thread, NULL, calls[i], blocked);
    nap(50 * NSEC_PER_MSEC);
    atomic_store(&blocked->shared->ready, 1);
    for (;;)
        pause();
}

START_TEST(blocking_calls_go_on)
{
    NEED(methods[_i]);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = sizeof address;
    struct blocked blocked = {.shared = shared_new(), .listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ck_assert(!bind(blocked.listener, (struct sockaddr *)&address, sizeof(sa_family_t)) && !listen(blocked.listener, 5));
    ck_assert(!pipe2(blocked.pipe, O_CLOEXEC) && !pipe2(blocked.poked, O_CLOEXEC));
    ck_assert(!getsockname(blocked.listener, (struct sockaddr *)&address, &size));
    pid_t pid = fork();
    if (!pid)
        block_in_calls(&blocked);
    while (!atomic_load(&blocked.shared->ready))
        nap(NSEC_PER_MSEC);
    struct freeze *freeze = begin(&pid, 1, methods[_i], LONG_BUDGET);
    nap(100 * NSEC_PER_MSEC);
    struct freeze_facts facts = end(freeze);
    assert_calm(&facts);
    /* One fewer only where the freeze came so late that the sleep was over. */
    ck_assert(facts.threads == 5 || (facts.threads == 4 && atomic_load(&blocked.shared->ready) == SLEPT));
    nap(20 * NSEC_PER_MSEC);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(!connect(client, (struct sockaddr *)&address, size));
    ck_assert(write(blocked.pipe[1], "", 1) == 1 && write(blocked.poked[1], "", 1) == 1);
    for (nsec over = clock_now() + PATIENCE; atomic_load(&blocked.shared->done) < 4 && clock_now() < over;)
        nap(NSEC_PER_MSEC);
    ck_assert_uint_eq(atomic_load(&blocked.shared->errors), 0);
    ck_assert_uint_eq(atomic_load(&blocked.shared->done), 4);
    end_target(pid);
}
END_TEST

/* ---- Targets that change ---- */

static void *brief(void *counter)
{
    atomic_fetch_add((atomic_ulong *)counter, 1);
    return NULL;
}

static void *churn(void *counter)
{
    pthread_t threads[4];
    for (;;) {
        for (size_t i = 0; i < COUNT(threads); i++)
            if (pthread_create(&threads[i], NULL, brief, counter))
                _exit(1);
        for (size_t i = 0; i < COUNT(threads); i++)
            pthread_join(threads[i], NULL);
    }
    return NULL;
}

START_TEST(threads_may_come_and_go)
{
    NEED(methods[_i]);
    struct shared *shared = shared_new();
    pid_t pid = fork();
    if (!pid) {
        pthread_t thread;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (int i = 1; i < 4; i++)
            pthread_create(&thread, NULL, churn, &shared->counters[i]);
        churn(&shared->counters[0]);
    }
    await_motion(shared, 0, 4);
    for (int i = 0; i < 30; i++) {
        struct freeze *freeze = begin(&pid, 1, methods[_i], LONG_BUDGET);
        assert_still(shared, 0, 4);
        ck_assert(freeze_holds(freeze));
        struct freeze_facts facts = end(freeze);
        assert_calm(&facts);
        ck_assert_uint_ge(facts.threads, 4);
        await_motion(shared, 0, 4);
    }
    end_target(pid);
}
END_TEST

START_TEST(the_first_thread_may_have_ended)
{
    NEED(methods[_i]);
    struct shared *shared = shared_new();
    pid_t pid = fork();
    if (!pid) {
        pthread_t thread;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        pthread_create(&thread, NULL, count, &shared->counters[0]);
        pthread_exit(NULL);
    }
    await_motion(shared, 0, 1);
    await_state(pid, 'Z');
    struct freeze *freeze = begin(&pid, 1, methods[_i], LONG_BUDGET);
    assert_still(shared, 0, 1);
    ck_assert(freeze_holds(freeze));
    struct freeze_facts facts = end(freeze);
    assert_calm(&facts);
    ck_assert_uint_eq(facts.threads, 1);
    await_motion(shared, 0, 1);
    end_target(pid);
}
END_TEST

START_TEST(a_target_may_die)
{
    NEED(methods[_i]);
    struct shared *shared = shared_new();
    pid_t pids[] = {counting(shared, 0, 8), counting(shared, 8, 8)};
    await_motion(shared, 0, 16);
    struct freeze *freeze = begin(pids, 2, methods[_i], LONG_BUDGET);
    kill(pids[0], SIGKILL);
    int status;
    ck_assert_int_eq(waitpid(pids[0], &status, 0), pids[0]);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    for (nsec over = clock_now() + PATIENCE; freeze_holds(freeze); nap(NSEC_PER_MSEC))
        ck_assert(clock_now() < over);
    await_motion(shared, 8, 8);
    struct freeze_facts facts = end(freeze);
    ck_assert(facts.broken && !facts.expired);
    ck_assert_uint_eq(facts.died, 1);
    end_target(pids[1]);
}
END_TEST

START_TEST(somebody_may_continue_it)
{
    struct shared *shared = shared_new();
    pid_t pid = counting(shared, 0, 8);
    await_motion(shared, 0, 8);
    struct freeze *freeze = begin(&pid, 1, FREEZE_STOP, LONG_BUDGET);
    kill(pid, SIGCONT);
    await_motion(shared, 0, 8);
    ck_assert(!freeze_holds(freeze));
    nap(100 * NSEC_PER_MSEC); /* the guardian sees it too */
    ck_assert(end(freeze).broken);
    end_target(pid);
}
END_TEST

START_TEST(sigcont_does_not_end_a_traced_freeze)
{
    NEED(FREEZE_PTRACE);
    struct shared *shared = shared_new();
    pid_t pid = counting(shared, 0, 8);
    await_motion(shared, 0, 8);
    struct freeze *freeze = begin(&pid, 1, FREEZE_PTRACE, LONG_BUDGET);
    kill(pid, SIGCONT);
    assert_still(shared, 0, 8);
    ck_assert(freeze_holds(freeze));
    kill(pid, SIGSTOP);
    assert_still(shared, 0, 8);
    struct freeze_facts facts = end(freeze);
    assert_calm(&facts);
    await_state(pid, 'T'); /* that stop was somebody's wish */
    kill(pid, SIGCONT);
    await_motion(shared, 0, 8);
    end_target(pid);
}
END_TEST

/* ---- The caller ---- */

static atomic_bool busy_end;

static void *allocate(void *context)
{
    (void)context;
    while (!atomic_load(&busy_end))
        for (size_t size = 1; size < 100000; size *= 3)
            free(malloc(size));
    return NULL;
}

START_TEST(a_threaded_caller_may_freeze)
{
    NEED(methods[_i]);
    struct shared *shared = shared_new();
    pthread_t threads[3];
    pid_t pid = counting(shared, 0, 8);
    for (size_t i = 0; i < COUNT(threads); i++)
        ck_assert(!pthread_create(&threads[i], NULL, allocate, NULL));
    for (int i = 0; i < 20; i++) {
        struct freeze *freeze = begin(&pid, 1, methods[_i], LONG_BUDGET);
        ck_assert(freeze_holds(freeze));
        end(freeze);
    }
    atomic_store(&busy_end, true);
    for (size_t i = 0; i < COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    await_motion(shared, 0, 8);
    end_target(pid);
}
END_TEST

struct job {
    pid_t pid;
    enum freeze_method method;
    struct freeze *freeze;
};

static void *begin_in_thread(void *context)
{
    struct job *job = context;
    job->freeze = begin(&job->pid, 1, job->method, LONG_BUDGET);
    return NULL;
}

START_TEST(the_thread_that_began_may_end)
{
    NEED(methods[_i]);
    struct shared *shared = shared_new();
    struct job job = {.pid = counting(shared, 0, 8), .method = methods[_i]};
    pthread_t thread;
    await_motion(shared, 0, 8);
    pthread_create(&thread, NULL, begin_in_thread, &job);
    pthread_join(thread, NULL);
    assert_still(shared, 0, 8);
    ck_assert(freeze_holds(job.freeze));
    /* A copy of our descriptors elsewhere does not hold the targets. */
    pid_t copy = fork();
    if (!copy) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    end(job.freeze);
    await_motion(shared, 0, 8);
    end_target(copy);
    end_target(job.pid);
}
END_TEST

START_TEST(terminal_signals_miss_the_guardian)
{
    NEED(methods[_i]);
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGALRM, SIGPIPE};
    struct shared *shared = shared_new();
    pid_t pid = counting(shared, 0, 8);
    await_motion(shared, 0, 8);
    struct freeze *freeze = begin(&pid, 1, methods[_i], LONG_BUDGET);
    pid_t guardian = find_child("freeze-guardian"), rescuer = find_child("freeze-rescuer");
    ck_assert(guardian && getpgid(guardian) == guardian && !rescuer == (methods[_i] == FREEZE_PTRACE));
    for (size_t i = 0; i < COUNT(numbers); i++) {
        kill(guardian, numbers[i]);
        if (rescuer)
            kill(rescuer, numbers[i]);
    }
    assert_still(shared, 0, 8);
    ck_assert(freeze_holds(freeze));
    struct freeze_facts facts = end(freeze);
    assert_calm(&facts);
    end_target(pid);
}
END_TEST

/* A reader of our stdout sees its end when we end, not when the guardian does; and nothing of ours is left open. */
START_TEST(nothing_of_ours_is_held_open)
{
    NEED(methods[_i]);
    struct shared *shared = shared_new();
    char byte;
    int ends[2], fds = 0;
    pid_t pid = counting(shared, 0, 1);
    ck_assert(!pipe2(ends, O_CLOEXEC));
    for (int round = 0; round < 2; round++) {
        int open_now = 0;
        DIR *directory = opendir("/proc/self/fd");
        while (readdir(directory))
            open_now++;
        closedir(directory);
        ck_assert(!round || open_now == fds);
        fds = open_now;
        struct freeze *freeze = begin(&pid, 1, methods[_i], LONG_BUDGET);
        if (round)
            fd_close(&ends[1]);
        if (round)
            ck_assert_int_eq(read(ends[0], &byte, 1), 0);
        end(freeze);
    }
    end_target(pid);
}
END_TEST

/* ---- Errors ---- */

static void assert_refused(const pid_t *pids, size_t count, struct freeze_settings settings, int code, const char *word)
{
    struct error err = {0};
    struct freeze *freeze = (struct freeze *)&err;
    int status = freeze_begin(&freeze, pids, count, &settings, &err);
    ck_assert_msg(status == -code && err.code == code && strstr(err.text, word), "%d: %s", status, err.text);
    ck_assert_ptr_null(freeze);
    ck_assert_int_eq(find_child("freeze-guardian"), 0);
    ck_assert_int_eq(find_child("freeze-rescuer"), 0);
}

START_TEST(errors_say_what_is_wrong)
{
    struct freeze_settings settings = {.budget = NSEC_PER_SEC, .method = methods[_i]};
    struct shared *shared = shared_new();
    char path[32], name[64];
    int parent;
    pid_t pids[] = {counting(shared, 0, 2), getpid()}, one = 1, dead = fork(), thread = 0;
    if (!dead)
        _exit(0);
    await_motion(shared, 0, 2);
    assert_refused(pids, 0, settings, EINVAL, "no process");
    assert_refused(pids, 2, settings, EINVAL, "itself");
    assert_refused(&one, 1, settings, EINVAL, "process 1 ");
    assert_refused(&(pid_t){-5}, 1, settings, EINVAL, "-5");
    assert_refused(pids, 1, (struct freeze_settings){.method = methods[_i]}, EINVAL, "budget");
    snprintf(path, sizeof path, "/proc/%d/task", (int)pids[0]);
    DIR *tasks = opendir(path);
    for (struct dirent *entry; (entry = readdir(tasks));)
        if (atoi(entry->d_name) && atoi(entry->d_name) != pids[0])
            thread = atoi(entry->d_name);
    closedir(tasks);
    assert_refused(&thread, 1, settings, ESRCH, "of a thread of");
    await_state(dead, 'Z');
    if (can(methods[_i], __func__))
        assert_refused((pid_t[]){pids[0], dead}, 2, settings, ESRCH, "is gone");
    await_motion(shared, 0, 2);
    ck_assert(state_of(pids[0], name, &parent) != 'T');
    waitpid(dead, NULL, 0);
    assert_refused(&dead, 1, settings, ESRCH, "is gone");
    ck_assert_int_eq(freeze_end(NULL, NULL), 0);
    end_target(pids[0]);
}
END_TEST

static void become_nobody(void)
{
    if (!geteuid())
        ck_assert(!setgroups(0, NULL) && !setresgid(NOBODY, NOBODY, NOBODY) && !setresuid(NOBODY, NOBODY, NOBODY));
}

START_TEST(ordinary_users_may_not_freeze_roots)
{
    struct freeze_settings settings = {.budget = NSEC_PER_SEC};
    need(forbids_other_users);
    struct shared *shared = shared_new();
    pid_t pid = counting(shared, 0, 2);
    await_motion(shared, 0, 2);
    become_nobody();
    settings.method = FREEZE_PTRACE;
    assert_refused(&pid, 1, settings, EPERM, "CAP_SYS_PTRACE");
    settings.method = FREEZE_STOP;
    assert_refused(&pid, 1, settings, EPERM, "CAP_KILL");
    settings.method = FREEZE_AUTO;
    assert_refused(&pid, 1, settings, EPERM, "CAP_SYS_PTRACE, or the same user");
    await_motion(shared, 0, 2); /* it ends with this process: PR_SET_PDEATHSIG */
}
END_TEST

/* From here on no child of ours, and not we, can send this signal in one of the ways that the freeze has. */
static void forbid_signal(int number)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pidfd_send_signal, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_kill, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = COUNT(code), .filter = code};
    ck_assert(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) && !prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

START_TEST(who_could_not_be_continued_is_named)
{
    struct freeze_facts facts;
    struct shared *shared = shared_new();
    pid_t pid = counting(shared, 0, 2);
    await_motion(shared, 0, 2);
    forbid_signal(SIGCONT);
    struct freeze *freeze = begin(&pid, 1, FREEZE_STOP, LONG_BUDGET);
    ck_assert_int_eq(freeze_end(freeze, &facts), -EPERM);
    ck_assert_int_eq(facts.still_stopped, pid);
    ck_assert(!syscall(SYS_tkill, pid, SIGCONT));
    await_motion(shared, 0, 2);
    end_target(pid);
}
END_TEST

/* A process that may be signalled but not traced. */
START_TEST(auto_stops_what_it_may_not_trace)
{
    become_nobody();
    struct shared *shared = shared_new();
    prctl(PR_SET_DUMPABLE, 0);
    pid_t pid = counting(shared, 0, 8);
    await_motion(shared, 0, 8);
    assert_refused(&pid, 1, (struct freeze_settings){.budget = NSEC_PER_SEC, .method = FREEZE_PTRACE}, EPERM, "dumpable");
    struct freeze *freeze = begin(&pid, 1, FREEZE_AUTO, LONG_BUDGET);
    assert_still(shared, 0, 8);
    ck_assert(freeze_holds(freeze));
    struct freeze_facts facts = end(freeze);
    assert_calm(&facts);
    ck_assert_int_eq(facts.method, FREEZE_STOP);
    await_motion(shared, 0, 8);
    end_target(pid);
}
END_TEST

START_TEST(auto_traces_where_it_may)
{
    NEED(FREEZE_PTRACE);
    struct shared *shared = shared_new();
    pid_t pid = counting(shared, 0, 8);
    struct freeze_facts facts = end(begin(&pid, 1, FREEZE_AUTO, LONG_BUDGET));
    ck_assert_int_eq(facts.method, FREEZE_PTRACE);
    end_target(pid);
}
END_TEST

/* ---- Filters that forbid what the kernel does after a stop ---- */

static void forbid_restart(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_restart_syscall, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = COUNT(code), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
        _exit(1);
}

static void forbid_restart_and_tracing(void)
{
    forbid_restart();
    prctl(PR_SET_DUMPABLE, 0);
}

#ifdef __x86_64__
START_TEST(a_filter_does_not_kill_who_was_traced)
{
    NEED(FREEZE_PTRACE);
    struct shared *shared = shared_new();
    pid_t pid = counting_after(forbid_restart, shared, 0, 8); /* which sleep, most of the time */
    await_motion(shared, 0, 8);
    for (int i = 0; i < 20; i++) {
        struct freeze *freeze = begin(&pid, 1, i % 2 ? FREEZE_AUTO : FREEZE_PTRACE, LONG_BUDGET);
        assert_still(shared, 0, 8);
        if (i % 3 == 0)
            kill(find_child("freeze-guardian"), SIGKILL);
        freeze_end(freeze, NULL);
        await_motion(shared, 0, 8);
    }
    end_target(pid);
}
END_TEST
#endif

START_TEST(auto_sends_no_stop_to_who_has_a_filter)
{
    struct freeze_settings settings = {.budget = LONG_BUDGET};
    become_nobody();
    struct shared *shared = shared_new();
    pid_t pid = counting_after(forbid_restart_and_tracing, shared, 0, 2);
    await_motion(shared, 0, 2);
    assert_refused(&pid, 1, settings, EACCES, "seccomp filter");
    await_motion(shared, 0, 2);
    end_target(pid);
    /* A filter that we have, too, is not its own. */
    forbid_signal(SIGUSR2);
    prctl(PR_SET_DUMPABLE, 0);
    pid = counting(shared, 0, 2);
    await_motion(shared, 0, 2);
    struct freeze_facts facts = end(begin(&pid, 1, FREEZE_AUTO, LONG_BUDGET));
    ck_assert_int_eq(facts.method, FREEZE_STOP);
    await_motion(shared, 0, 2);
    end_target(pid);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const with_each[] = {
        all_threads_stop_and_go_on,
        all_processes_stop_and_go_on,
        budget_ends_it_while_the_caller_sleeps,
        budget_ends_it_without_the_guardian,
        killing_the_caller_at_any_moment_leaves_all_running,
        killing_the_guardian_at_any_moment_leaves_all_running,
        a_signal_waits_for_the_end,
        no_signal_is_lost_or_doubled,
        what_was_stopped_stays_stopped,
        blocking_calls_go_on,
        threads_may_come_and_go,
        the_first_thread_may_have_ended,
        a_target_may_die,
        a_threaded_caller_may_freeze,
        the_thread_that_began_may_end,
        terminal_signals_miss_the_guardian,
        nothing_of_ours_is_held_open,
        errors_say_what_is_wrong,
    };
    const TTest *const once[] = {
        the_caller_continues_what_both_left,
        somebody_may_continue_it,
        sigcont_does_not_end_a_traced_freeze,
        ordinary_users_may_not_freeze_roots,
        who_could_not_be_continued_is_named,
        auto_stops_what_it_may_not_trace,
        auto_traces_where_it_may,
#ifdef __x86_64__
        a_filter_does_not_kill_who_was_traced,
#endif
        auto_sends_no_stop_to_who_has_a_filter,
    };
    Suite *suite = suite_create("freeze");
    TCase *each = tcase_create("each method");
    for (size_t i = 0; i < COUNT(with_each); i++)
        tcase_add_loop_test(each, with_each[i], 0, COUNT(methods));
    tcase_add_loop_test(each, killing_our_own_ends_it, 0, COUNT(killings));
    suite_add_tcase(suite, each);
    suite_add(suite, "once", once, COUNT(once));
    return suite;
}

SUITE_MAIN(make_suite)
