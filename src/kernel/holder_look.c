/* What a process is seen to do, from /proc/PID and its cgroup's files. */
#include "backlogctl/holder_look.h"

#include "backlogctl/fd.h"
#include "backlogctl/owner.h"
#include "backlogctl/procfs.h"

#include "freeze_internal.h"

#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- Threads ---- */

static const long event_calls[] = {
#ifdef SYS_poll
    SYS_poll,
#endif
#ifdef SYS_select
    SYS_select,
#endif
#ifdef SYS_epoll_wait
    SYS_epoll_wait,
#endif
#ifdef SYS_epoll_pwait2
    SYS_epoll_pwait2,
#endif
    SYS_ppoll,        SYS_pselect6, SYS_epoll_pwait, SYS_io_uring_enter,
};

static bool waits_for_events(long call)
{
    for (size_t i = 0; i < sizeof event_calls / sizeof *event_calls; i++)
        if (event_calls[i] == call)
            return true;
    return false;
}

static bool waits_in_accept(long call)
{
#ifdef SYS_accept
    if (call == SYS_accept)
        return true;
#endif
    return call == SYS_accept4;
}

/* A vfork(2), or a clone(2) like it, sleeps in state D until the child executes something. */
static bool waits_for_child(long call)
{
#ifdef SYS_vfork
    if (call == SYS_vfork)
        return true;
#endif
    return call == SYS_clone || call == SYS_clone3;
}

/* Whether its system calls have the numbers of ours: 32-bit programs have others. */
static bool calls_are_foreign(pid_t pid)
{
    char path[64];
    unsigned char head[EI_CLASS + 1];
    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || read(fd, head, sizeof head) != (ssize_t)sizeof head)
        return false;
    return head[EI_CLASS] != (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32);
}

/* "NUMBER ARGUMENTS...", "running", or "-1 SP PC" outside of any call (proc_pid_syscall(5)). */
static void note_call(struct holder_state *state, pid_t pid, pid_t tid, char letter)
{
    char path[64], text[256], *end;
    snprintf(path, sizeof path, "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
    if (procfs_read(path, text, sizeof text) <= 0) {
        state->calls_known = false;
        return;
    }
    long call = strtol(text, &end, 10);
    if (end == text || call < 0)
        return;
    state->blocked -= letter == 'D' && waits_for_child(call);
    if (waits_for_events(call))
        state->events++;
    else if (waits_in_accept(call))
        state->accepts++;
    else if (call == SYS_futex)
        state->futexes++;
    else
        state->call = call;
}

static int note_thread(void *context, pid_t pid, pid_t tid)
{
    struct holder_state *state = context;
    char letter = proc_thread_state(pid, tid);
    if (proc_state_dead(letter))
        return 0;
    state->threads++;
    state->stopped += letter == 'T';
    state->traced += letter == 't';
    state->blocked += letter == 'D';
    state->running += letter == 'R';
    if (!state->calls_foreign)
        note_call(state, pid, tid, letter);
    return 0;
}

/* ---- Descriptors ---- */

struct descriptors {
    uint64_t limit;
    uint32_t count;
};

static int note_descriptor(void *context, int number)
{
    struct descriptors *descriptors = context;
    descriptors->count += (uint64_t)number < descriptors->limit;
    return 0;
}

/* Since Linux 6.2 the size of /proc/PID/fd is how many there are. All of these are below the limit where the table of descriptors
   (FDSize, proc_pid_status(5)) is no longer than that. 0: they have to be counted. */
static uint32_t count_at_once(const char *directory, pid_t pid, uint64_t limit)
{
    char path[64];
    struct stat fd;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    int64_t slots = procfs_number(path, "FDSize:");
    return slots > 0 && (uint64_t)slots <= limit && !stat(directory, &fd) && fd.st_size > 0 ? (uint32_t)fd.st_size : 0;
}

static void note_descriptors(struct holder_state *state, pid_t pid)
{
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/limits", (int)pid);
    if (procfs_read(path, text, sizeof text) <= 0)
        return;
    static const char key[] = "Max open files";
    const char *line = strstr(text, key);
    uint64_t limit = line ? strtoull(line + sizeof key - 1, NULL, 10) : 0; /* "unlimited" reads as 0 */
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    struct descriptors descriptors = {.limit = limit, .count = count_at_once(path, pid, limit)};
    if (!limit || (!descriptors.count && procfs_walk_path(path, note_descriptor, &descriptors)))
        return;
    state->descriptors = descriptors.count;
    state->descriptors_max = limit;
}

/* ---- The cgroup ---- */

/* The path in the hierarchy of a controller ("" is the unified one); false when there is none, or it lies outside of what we see. */
static bool cgroup_path(const char *cgroup, const char *controller, char *out, size_t size)
{
    size_t length = strlen(controller);
    for (const char *line = cgroup; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL;
        if (!path)
            return false;
        bool found = !length && path == names + 1;
        for (const char *name = names + 1; name < path && length && !found; name += strcspn(name, ",:") + 1)
            found = strcspn(name, ",:") == length && !memcmp(name, controller, length);
        if (found) {
            snprintf(out, size, "%.*s", (int)strcspn(path + 1, "\n"), path + 1);
            return !strstr(out, "/..");
        }
    }
    return false;
}

/* Reads a file of the process's cgroup there, or `above` levels above it; false when there is none. */
static bool cgroup_read(const char *cgroup, const char *controller, const char *file, int above, char *text, size_t size)
{
    char path[PATH_MAX], name[PATH_MAX + 128];
    static const char *const unified[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    if (!cgroup_path(cgroup, controller, path, sizeof path))
        return false;
    for (; above > 0; above--) {
        char *slash = strrchr(path, '/');
        if (!slash || !path[1])
            return false;
        slash[slash == path] = '\0';
    }
    for (size_t i = 0; i < (*controller ? 1 : 2); i++) {
        if (*controller)
            snprintf(name, sizeof name, "/sys/fs/cgroup/%s%s/%s", controller, path, file);
        else
            snprintf(name, sizeof name, "%s%s/%s", unified[i], path, file);
        if (procfs_read(name, text, size) > 0)
            return true;
    }
    return false;
}

/* The number behind `key` and a blank; `none` when there is none. */
static uint64_t number_of(const char *text, const char *key, uint64_t none)
{
    const char *at = strstr(text, key);
    return at && at[strlen(key)] == ' ' ? strtoull(at + strlen(key), NULL, 10) : none;
}

/* A quota above it holds it back as well. */
#define LEVELS_MOST 16

static void note_quota(struct holder_state *state, const char *cgroup, const char *controller)
{
    char text[1024];
    for (int above = 0; above < LEVELS_MOST && !state->cpu_throttled; above++) {
        if (!cgroup_read(cgroup, controller, "cpu.stat", above, text, sizeof text))
            continue;
        state->cpu_periods = number_of(text, "nr_periods", 0);
        state->cpu_throttled = number_of(text, "nr_throttled", 0);
    }
}

static void note_memory(struct holder_state *state, const char *cgroup)
{
    char text[1024], current[64];
    for (int above = 0; above < LEVELS_MOST && !state->memory_full; above++) {
        if (!cgroup_read(cgroup, "", "memory.current", above, current, sizeof current))
            continue;
        uint64_t used = strtoull(current, NULL, 10);
        if (cgroup_read(cgroup, "", "memory.high", above, text, sizeof text) && *text != 'm')
            state->memory_full = used >= strtoull(text, NULL, 10);
    }
    if (cgroup_read(cgroup, "memory", "memory.oom_control", 0, text, sizeof text))
        state->memory_full = state->memory_full || number_of(text, "under_oom", 0);
}

static void note_cgroup(struct holder_state *state, pid_t pid)
{
    char path[64], cgroup[4096], text[1024];
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    if (procfs_read(path, cgroup, sizeof cgroup) <= 0)
        return;
    if (cgroup_read(cgroup, "", "cgroup.events", 0, text, sizeof text))
        state->frozen = number_of(text, "frozen", 0);
    if (cgroup_read(cgroup, "freezer", "freezer.state", 0, text, sizeof text))
        state->frozen = state->frozen || !strncmp(text, "FROZEN", 6);
    note_quota(state, cgroup, "");
    if (!state->cpu_throttled)
        note_quota(state, cgroup, "cpu");
    note_memory(state, cgroup);
}

struct holder_state holder_look(pid_t pid)
{
    struct holder_state state = {.calls_foreign = calls_are_foreign(pid), .call = -1};
    state.calls_known = !state.calls_foreign;
    state.known = !proc_threads(pid, note_thread, &state) && state.threads;
    if (!state.known)
        return (struct holder_state){.call = -1};
    note_descriptors(&state, pid);
    note_cgroup(&state, pid);
    return state;
}

struct workers {
    struct listener *listener;
    bool at_work;
};

static int note_worker(void *context, pid_t pid, pid_t tid)
{
    struct workers *workers = context;
    char letter = proc_thread_state(pid, tid);
    workers->at_work = letter == 'R' || letter == 'D';
    return workers->at_work;
}

static void note_workers(void *context, uint32_t inode, pid_t pid, bool registered)
{
    struct workers *workers = context;
    (void)inode, (void)registered;
    if (pid == getpid())
        return;
    owner_note(workers->listener, pid);
    if (!workers->at_work)
        proc_threads(pid, note_worker, workers);
}

bool holders_at_work(struct listener *listener)
{
    struct workers workers = {.listener = listener};
    owner_forget(listener);
    owners_each(listener->inode, note_workers, &workers);
    return workers.at_work || !listener->processes;
}

static uint32_t less(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

struct holder_state holder_look_both(const struct holder_state *before, const struct holder_state *now)
{
    struct holder_state both = *now;
    both.known = before->known && now->known;
    both.stopped = less(before->stopped, now->stopped);
    both.traced = less(before->traced, now->traced);
    both.blocked = less(before->blocked, now->blocked);
    both.running = less(before->running, now->running);
    both.events = less(before->events, now->events);
    both.futexes = less(before->futexes, now->futexes);
    both.accepts = less(before->accepts, now->accepts);
    both.calls_known = before->calls_known && now->calls_known;
    /* One that was seen to wait for connections at one of the looks only leaves open what the others wait for. */
    if (before->call != now->call || before->events != now->events || before->accepts != now->accepts)
        both.call = -1;
    if (before->descriptors < both.descriptors)
        both.descriptors = before->descriptors;
    both.frozen = before->frozen && now->frozen;
    both.memory_full = before->memory_full && now->memory_full;
    return both;
}
