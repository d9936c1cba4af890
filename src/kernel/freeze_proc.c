/* Threads and their states from /proc, with calls that are safe in the child of a threaded process. */
#include "freeze_internal.h"

#include "backlogctl/fd.h"
#include "backlogctl/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define PATH_ROOM 64
#define LIST_ROOM 16384 /* some 600 threads a call: the fewer calls, the less is missed */

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

/* 0 for names that are no number. */
static pid_t read_id(const char *name)
{
    pid_t id = 0;
    for (; *name >= '0' && *name <= '9'; name++)
        id = id * 10 + (*name - '0');
    return *name ? 0 : id;
}

int proc_threads(pid_t pid, thread_each *each, void *context)
{
    char path[PATH_ROOM];
    _Alignas(struct dirent64) char list[LIST_ROOM];
    append(append_id(append(path, "/proc/"), pid), "/task");
    SCOPED_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    ssize_t got;
    while ((got = getdents64(fd, list, sizeof list)) > 0)
        for (ssize_t at = 0; at < got;) {
            const struct dirent64 *entry = (const struct dirent64 *)(list + at);
            pid_t tid = read_id(entry->d_name);
            int status = tid ? each(context, pid, tid) : 0;
            if (status)
                return status;
            at += entry->d_reclen;
        }
    return got < 0 ? -errno : 0;
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
