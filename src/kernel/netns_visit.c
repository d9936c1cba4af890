/* Network namespaces of others: found, opened, entered. */
#include "backlogctl/netns.h"

#include "backlogctl/container.h"
#include "backlogctl/fd.h"
#include "backlogctl/parse.h"
#include "backlogctl/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where ip-netns(8) keeps names. */
#define NAMES "/run/netns"

/* The number of a link such as "net:[4026531840]"; 0 with errno set when there is none. */
static uint64_t link_number(const char *path)
{
    char link[64];
    ssize_t length = readlink(path, link, sizeof link - 1);
    if (length <= 0)
        return 0;
    link[length] = '\0';
    const char *bracket = strchr(link, '[');
    return bracket ? strtoull(bracket + 1, NULL, 10) : 0;
}

static uint64_t namespace_of(pid_t pid, const char *kind)
{
    char path[64];
    if (pid)
        snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, kind);
    else
        snprintf(path, sizeof path, "/proc/thread-self/ns/%s", kind);
    return link_number(path);
}

uint64_t netns_inode(pid_t pid)
{
    return namespace_of(pid, "net");
}

uint64_t netns_foreign_pidns(pid_t pid)
{
    uint64_t theirs = namespace_of(pid, "pid");
    return theirs == namespace_of(0, "pid") ? 0 : theirs;
}

int netns_open_pid(pid_t pid, struct error *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    if (errno == ENOENT)
        return error_set(err, ESRCH, "there is no process %d", (int)pid);
    return error_errno(err, "cannot open the network namespace of process %d (another user's takes CAP_SYS_PTRACE)", (int)pid);
}

/* What follows `prefix` in a name; NULL: it begins otherwise. */
static const char *behind(const char *name, const char *prefix)
{
    size_t length = strlen(prefix);
    return strncmp(name, prefix, length) ? NULL : name + length;
}

#define PID_PREFIX "pid:"
#define CONTAINER_PREFIX "container:"

int netns_name_check(const char *name, struct error *err)
{
    int64_t pid;
    const char *number = behind(name, PID_PREFIX), *id = behind(name, CONTAINER_PREFIX);
    if (number && parse_integer(number, 1, INT_MAX, &pid, NULL))
        return error_set(err, EINVAL, "want the number of a process behind " PID_PREFIX);
    if (id && !*id)
        return error_set(err, EINVAL, "want the id of a container behind " CONTAINER_PREFIX);
    return 0;
}

/* The process that a name names or, of a container, one that stands for it; 0: neither. Or -errno. */
static pid_t process_named(const char *name, struct error *err)
{
    const char *number = behind(name, PID_PREFIX), *id = behind(name, CONTAINER_PREFIX);
    int status = netns_name_check(name, err);
    if (status || number)
        return status ? status : (pid_t)strtol(number, NULL, 10);
    if (!id)
        return 0;
    struct container container = {0};
    status = container_find(id, &container, err);
    pid_t first = container.first;
    container_release(&container);
    return status ? status : first;
}

int netns_open_name(const char *name, pid_t *inside, struct error *err)
{
    char path[512];
    pid_t pid = process_named(name, err);
    if (inside)
        *inside = pid > 0 ? pid : 0;
    if (pid)
        return pid < 0 ? pid : netns_open_pid(pid, err);
    snprintf(path, sizeof path, strchr(name, '/') ? "%s" : NAMES "/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : error_errno(err, "cannot open the network namespace %.200s", path);
}

int netns_open_own(struct error *err)
{
    return netns_open_name("/proc/thread-self/ns/net", NULL, err);
}

int netns_open_facts(const struct netns_facts *facts, struct error *err)
{
    return facts->path  ? netns_open_name(facts->path, NULL, err)
           : facts->pid ? netns_open_pid(facts->pid, err)
                        : netns_open_name(facts->name, NULL, err);
}

/* The user namespace of who can be entered by anybody who made it. */
static int enter_user_namespace(pid_t pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
    SCOPED_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -1 : setns(fd, CLONE_NEWUSER);
}

int netns_enter(int fd, pid_t pid, struct error *err)
{
    struct stat status;
    if (!fstat(fd, &status) && status.st_ino == netns_inode(0))
        return 0; /* without a right */
    if (!setns(fd, CLONE_NEWNET))
        return 0;
    if (errno == EINVAL)
        return error_set(err, EINVAL, "that is no network namespace");
    if (errno == EPERM && pid && !enter_user_namespace(pid) && !setns(fd, CLONE_NEWNET))
        return 0;
    return error_set(err, EPERM, "cannot enter that network namespace: it takes CAP_SYS_ADMIN");
}

int netns_move(const char *name, struct error *err)
{
    pid_t pid;
    SCOPED_FD fd = netns_open_name(name, &pid, err);
    return fd < 0 ? fd : netns_enter(fd, pid, err);
}

/* ---- All of them ---- */

struct namespace_list {
    struct {
        uint64_t inode;
        pid_t pid;
        char name[64];
    } * list;
    size_t count, room, hidden; /* hidden: so many processes could not be looked into */
};

static void namespace_list_add(struct namespace_list *namespace_list, uint64_t inode, pid_t pid, const char *name)
{
    for (size_t i = 0; i < namespace_list->count; i++)
        if (namespace_list->list[i].inode == inode) {
            if (name && !*namespace_list->list[i].name)
                snprintf(namespace_list->list[i].name, sizeof namespace_list->list[i].name, "%.63s", name);
            return;
        }
    if (namespace_list->count == namespace_list->room) {
        size_t room = namespace_list->room ? 2 * namespace_list->room : 16;
        void *list = realloc(namespace_list->list, room * sizeof *namespace_list->list);
        if (!list)
            return;
        namespace_list->list = list;
        namespace_list->room = room;
    }
    namespace_list->list[namespace_list->count].inode = inode;
    namespace_list->list[namespace_list->count].pid = pid;
    snprintf(namespace_list->list[namespace_list->count].name, sizeof namespace_list->list[0].name, "%.63s", name ? name : "");
    namespace_list->count++;
}

static int namespace_list_process(void *context, int pid)
{
    struct namespace_list *namespace_list = context;
    uint64_t inode = netns_inode(pid);
    if (inode)
        namespace_list_add(namespace_list, inode, pid, NULL);
    else
        namespace_list->hidden += errno == EACCES || errno == EPERM;
    return 0;
}

static void namespace_list_names(struct namespace_list *namespace_list)
{
    DIR *names = opendir(NAMES);
    struct dirent *entry;
    while (names && (entry = readdir(names))) {
        struct stat status;
        if (entry->d_name[0] != '.' && !fstatat(dirfd(names), entry->d_name, &status, 0))
            namespace_list_add(namespace_list, status.st_ino, 0, entry->d_name);
    }
    if (names)
        closedir(names);
}

size_t netns_list(netns_each *each, void *context)
{
    struct namespace_list namespace_list = {0};
    procfs_walk_path("/proc", namespace_list_process, &namespace_list);
    namespace_list_names(&namespace_list);
    for (size_t i = 0; i < namespace_list.count; i++)
        each(context, namespace_list.list[i].inode, namespace_list.list[i].pid,
             *namespace_list.list[i].name ? namespace_list.list[i].name : NULL);
    free(namespace_list.list);
    return namespace_list.hidden;
}
