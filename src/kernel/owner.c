/* Finds the process behind a socket by the links of /proc/PID/fd. */
#include "backlogctl/owner.h"

#include "backlogctl/fd.h"
#include "backlogctl/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The inode of a link that reads "socket:[inode]", else 0. */
static uint32_t socket_inode(const char *link)
{
    static const char prefix[] = "socket:[";
    if (strncmp(link, prefix, sizeof prefix - 1))
        return 0;
    return (uint32_t)strtoul(link + sizeof prefix - 1, NULL, 10);
}

static int compare_inodes(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

static const char ring[] = "anon_inode:[io_uring]";

/* True: enough is known of this process. */
typedef bool descriptor_each(void *context, uint32_t inode, pid_t pid, bool registered);

/* Whose sockets are looked for, and for whom. */
struct descriptors {
    int directory; /* /proc/PID/fd */
    pid_t pid;
    descriptor_each *each;
    void *context;
};

/* Since Linux 6.2 the size of /proc/PID/fd is how many there are, which costs a quarter of looking: kernel threads and those that have
   ended have none. Ours has some, if the kernel tells. */
static bool counts_are_told(void)
{
    struct stat own;
    return !stat("/proc/self/fd", &own) && own.st_size > 0;
}

static bool has_none(pid_t pid)
{
    char path[32];
    struct stat fd;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    return !stat(path, &fd) && !fd.st_size;
}

/* A line a registered file: "    1: socket:[4711]". */
static bool walk_ring(const struct descriptors *d, int number)
{
    char path[64], line[256];
    bool enough = false;
    snprintf(path, sizeof path, "/proc/%d/fdinfo/%d", (int)d->pid, number);
    FILE *info = fopen(path, "re");
    while (info && !enough && fgets(line, sizeof line, info)) {
        char *colon = line[0] == ' ' ? strstr(line, ": ") : NULL;
        uint32_t inode = colon ? socket_inode(colon + 2) : 0;
        enough = inode && d->each(d->context, inode, d->pid, true);
    }
    if (info)
        fclose(info);
    return enough;
}

static int walk_descriptor(void *context, int number)
{
    const struct descriptors *d = context;
    char name[16], link[64];
    snprintf(name, sizeof name, "%d", number);
    ssize_t length = readlinkat(d->directory, name, link, sizeof link - 1);
    if (length < 0) /* it has gone; or the process is not ours to see, although its directory may be: so are all the others */
        return errno == EACCES || errno == EPERM ? -errno : 0;
    link[length] = '\0';
    uint32_t inode = socket_inode(link);
    return inode ? d->each(d->context, inode, d->pid, false) : !strcmp(link, ring) && walk_ring(d, number);
}

/* The sockets that a process holds, in whatever way. 0, or -errno when it has gone or is not ours to see. */
static int walk_descriptors(pid_t pid, descriptor_each *each, void *context)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    SCOPED_FD directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    int status = procfs_walk(directory, walk_descriptor, &(struct descriptors){directory, pid, each, context});
    return status == -EACCES || status == -EPERM ? status : 0;
}

struct walk {
    const uint32_t *inodes;
    size_t count, hidden;
    pid_t but; /* not looked into; 0: none */
    bool once; /* a process is told of once; behind that it may have thousands of descriptors */
    bool counted;
    owner_each *each;
    void *context;
};

/* Tells who walks, if it is one of those that he looks for. */
static bool tell(void *context, uint32_t inode, pid_t pid, bool registered)
{
    struct walk *walk = context;
    if (!bsearch(&inode, walk->inodes, walk->count, sizeof inode, compare_inodes))
        return false;
    walk->each(walk->context, inode, pid, registered);
    return walk->once;
}

static int walk_process(void *context, int pid)
{
    struct walk *walk = context;
    int status = pid == walk->but || (walk->counted && has_none(pid)) ? 0 : walk_descriptors(pid, tell, walk);
    walk->hidden += status == -EACCES || status == -EPERM;
    return 0;
}

static size_t walk_processes(struct walk *walk)
{
    walk->counted = counts_are_told();
    if (walk->count)
        procfs_walk_path("/proc", walk_process, walk);
    return walk->hidden;
}

size_t owners_walk(const uint32_t *inodes, size_t count, owner_each *each, void *context)
{
    return walk_processes(&(struct walk){.inodes = inodes, .count = count, .each = each, .context = context});
}

size_t owners_each(uint32_t inode, owner_each *each, void *context)
{
    return walk_processes(&(struct walk){.inodes = &inode, .count = 1, .once = true, .each = each, .context = context});
}

int owner_name(pid_t pid, char out[OWNER_NAME_SIZE])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    ssize_t got = procfs_read(path, out, OWNER_NAME_SIZE);
    size_t length = got > 0 ? (size_t)got : 0;
    if (length && out[length - 1] == '\n')
        length--;
    out[length] = '\0';
    return got < 0 ? (int)got : 0;
}

struct sockets {
    owner_each *each;
    void *context;
};

static bool tell_all(void *context, uint32_t inode, pid_t pid, bool registered)
{
    const struct sockets *sockets = context;
    sockets->each(sockets->context, inode, pid, registered);
    return false;
}

int owner_sockets(pid_t pid, owner_each *each, void *context, struct error *err)
{
    int status = walk_descriptors(pid, tell_all, &(struct sockets){each, context});
    if (status == -ENOENT)
        return error_set(err, ESRCH, "there is no process %d", (int)pid);
    if (status)
        return error_set(err, -status, "cannot see what process %d holds (another user's takes CAP_SYS_PTRACE): %s", (int)pid,
                         strerror(-status));
    return 0;
}

static bool is_it(void *context, uint32_t inode, pid_t pid, bool registered)
{
    uint32_t *wanted = context;
    (void)pid, (void)registered;
    if (inode == *wanted)
        *wanted = 0; /* found */
    return !*wanted;
}

bool owner_holds(pid_t pid, uint32_t inode)
{
    uint32_t wanted = inode;
    return inode && !walk_descriptors(pid, is_it, &wanted) && !wanted;
}

int owner_read(pid_t pid, struct socket_holder *out)
{
    char path[64], cgroup[4096];
    *out = (struct socket_holder){.pid = pid};
    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    int status = owner_name(pid, out->process);
    out->keeper = socket_holder_is_keeper(out->process);
    if (procfs_read(path, cgroup, sizeof cgroup) > 0)
        socket_holder_read_place(cgroup, &out->place);
    return status;
}

void owner_forget(struct listener *listener)
{
    listener->pid = 0;
    listener->processes = 0;
    listener->process[0] = '\0';
}

void owner_note(struct listener *listener, pid_t pid)
{
    if (!listener->processes++ || socket_holder_is_keeper(listener->process)) {
        char name[OWNER_NAME_SIZE];
        owner_name(pid, name);
        if (listener->pid && socket_holder_is_keeper(name))
            return;
        listener->pid = pid;
        memcpy(listener->process, name, sizeof name);
    }
}

void owner_copy(const struct listener *from, struct listener *to)
{
    to->pid = from->pid;
    to->processes = from->processes;
    memcpy(to->process, from->process, sizeof to->process);
}

static void note_owner(void *context, uint32_t inode, pid_t pid, bool registered)
{
    (void)inode, (void)registered;
    owner_note(context, pid);
}

static void find_owner(struct listener *listener, pid_t but)
{
    owner_forget(listener);
    struct walk walk = {
        .inodes = &listener->inode, .count = 1, .but = but, .once = true, .each = note_owner, .context = listener};
    if (listener->inode)
        walk_processes(&walk);
}

void owner_find(struct listener *listener)
{
    find_owner(listener, 0);
}

void owner_find_other(struct listener *listener)
{
    find_owner(listener, getpid());
    if (!listener->pid)
        find_owner(listener, 0);
}

static void ignore(void *context, uint32_t inode, pid_t pid, bool registered)
{
    (void)context, (void)inode, (void)pid, (void)registered;
}

int owner_unseen(const struct listener *listener, const char *place, struct error *err)
{
    const uint32_t none = UINT32_MAX;
    size_t hidden = owners_walk(&none, 1, ignore, NULL);
    if (hidden && listener->uid != geteuid())
        return error_set(err, EPERM,
                         "the process behind %s cannot be seen by this user: its own user and root can (CAP_SYS_PTRACE, "
                         "CAP_DAC_READ_SEARCH)",
                         place);
    return error_set(
        err, ESRCH,
        "no process of this pid namespace was seen to hold %s: one at execve() is unseen for a moment, so try again; "
        "%s",
        place,
        hidden ? "one that is not dumpable, or of another pid namespace, root can see"
               : "one of another pid namespace is seen from there, or from the host");
}
