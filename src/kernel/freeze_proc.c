/* Threads and their states from /proc, with calls that are safe in the child of a threaded process. */
#include "freeze_internal.h"

#include "backlogctl/procfs.h"

#include <string.h>
#include <unistd.h>

#define PATH_ROOM 64

static char *append(char *at, const char *text)
{
    size_t length = strlen(text);
    memcpy(at, text, length + 1);
    return at + length;
}

static char *append_id(char *at, pid_t id)
{
    char digits[12];
    size_t used = sizeof digits;
    digits[--used] = '\0';
    do {
        digits[--used] = (char)('0' + id % 10);
        id /= 10;
    } while (id > 0);
    return append(at, digits + used);
}

struct threads {
    pid_t pid;
    thread_each *each;
    void *context;
};

static int pass_thread(void *context, int tid)
{
    const struct threads *threads = context;
    return threads->each(threads->context, threads->pid, tid);
}

int proc_threads(pid_t pid, thread_each *each, void *context)
{
    char path[PATH_ROOM];
    append(append_id(append(path, "/proc/"), pid), "/task");
    return procfs_walk_path(path, pass_thread, &(struct threads){pid, each, context});
}

char proc_thread_state(pid_t pid, pid_t tid)
{
    char path[PATH_ROOM], text[128];
    append(append_id(append(append_id(append(path, "/proc/"), pid), "/task/"), tid), "/stat");
    ssize_t got = procfs_read(path, text, sizeof text);
    /* "TID (NAME) STATE ...": a name may hold anything, and is short */
    const char *end = got > 0 ? memrchr(text, ')', (size_t)got) : NULL;
    return end && end + 2 < text + got ? end[2] : '\0';
}

unsigned proc_thread_filters(pid_t pid, pid_t tid)
{
    char path[PATH_ROOM];
    append(append_id(append(append_id(append(path, "/proc/"), pid), "/task/"), tid), "/status");
    int64_t count = procfs_number(path, "Seccomp_filters:");
    if (count < 0)
        count = procfs_number(path, "Seccomp:") == 2;
    return count > 0 ? (unsigned)count : 0;
}

static int find_filter(void *most, pid_t pid, pid_t tid)
{
    return proc_thread_filters(pid, tid) > *(unsigned *)most;
}

bool proc_has_own_filter(pid_t pid)
{
    unsigned ours = proc_thread_filters(getpid(), gettid());
    return proc_threads(pid, find_filter, &ours) > 0;
}

bool proc_state_dead(char state)
{
    return !state || state == 'Z' || state == 'X' || state == 'x';
}

static int count_thread(void *context, pid_t pid, pid_t tid)
{
    struct thread_counts *counts = context;
    char state = proc_thread_state(pid, tid);
    counts->live += !proc_state_dead(state);
    counts->stopped += state == 'T';
    counts->traced += state == 't';
    return 0;
}

struct thread_counts proc_count(pid_t pid)
{
    struct thread_counts counts = {0};
    proc_threads(pid, count_thread, &counts);
    return counts;
}
