/* A private network namespace for this process, with or without rights, and words for why there is none. */
#include "backlogctl/netns.h"

#include "backlogctl/fd.h"
#include "backlogctl/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- Why not: the settings that forbid namespaces, each with the value that does ---- */

enum { LIMIT_USER, LIMIT_NET, POLICY };

static const struct {
    const char *path;
    int64_t forbids;
    int kind;
} obstacles[] = {
    {"/proc/sys/user/max_user_namespaces", 0, LIMIT_USER},
    {"/proc/sys/user/max_net_namespaces", 0, LIMIT_NET},
    {"/proc/sys/kernel/unprivileged_userns_clone", 0, POLICY},             /* Debian and its kin */
    {"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1, POLICY}, /* Ubuntu */
};

/* Does this obstacle explain a refusal with `code` of unshare(`flags`)? ENOSPC is about limits (also in the
   user namespaces around this one, which cannot be seen), EPERM and EACCES about the rights of who asks. */
static bool explains(size_t i, int code, int flags, int64_t value)
{
    if (obstacles[i].kind == POLICY)
        return (code == EPERM || code == EACCES) && (flags & CLONE_NEWUSER) && value == obstacles[i].forbids;
    if (obstacles[i].kind == LIMIT_USER && !(flags & CLONE_NEWUSER))
        return false;
    return code == ENOSPC && value == obstacles[i].forbids;
}

/* Only who has a name in its user namespace may make another (user_namespaces(7)). */
static bool user_is_mapped(void)
{
    char first[2];
    return procfs_read("/proc/self/uid_map", first, sizeof first) != 0;
}

/* For when no setting explains it. */
static const char *guess(int code)
{
    if (code == ENOSPC)
        return ": the limit of /proc/sys/user/max_user_namespaces or max_net_namespaces is reached, "
               "here or in the container around";
    if (code == EPERM && !user_is_mapped())
        return ": this user has no name in the user namespace it is in (/proc/self/uid_map)";
    return code == EPERM ? ": a sandbox or container forbids it" : "";
}

static int refused(struct error *err, int code, int flags, const char *call)
{
    for (size_t i = 0; i < sizeof obstacles / sizeof *obstacles; i++) {
        int64_t value = procfs_number(obstacles[i].path, "");
        if (explains(i, code, flags, value))
            return error_set(err, code, "cannot make a private network namespace: %s: %s: %s is %" PRId64, call, strerror(code),
                             obstacles[i].path, value);
    }
    return error_set(err, code, "cannot make a private network namespace: %s: %s%s", call, strerror(code), guess(code));
}

/* ---- The namespace ---- */

static int bring_up_loopback(int flags, struct error *err)
{
    struct ifreq request = {.ifr_name = "lo"};
    SCOPED_FD fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return error_errno(err, "cannot open a socket in the private network namespace");
    if (ioctl(fd, SIOCGIFFLAGS, &request))
        return error_errno(err, "cannot find lo in the private network namespace");
    request.ifr_flags |= IFF_UP;
    /* AppArmor lets a user make namespaces and then withholds the rights in them: the refusal comes here. */
    if (ioctl(fd, SIOCSIFFLAGS, &request))
        return refused(err, errno, flags, "bringing up lo");
    return 0;
}

static void write_once(const char *path, const char *text)
{
    SCOPED_FD fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        return; /* the ids then read as those of nobody, and files are made as before */
}

void netns_keep_ids(uid_t uid, gid_t gid)
{
    char map[64];
    snprintf(map, sizeof map, "%u %u 1", (unsigned)uid, (unsigned)uid);
    write_once("/proc/self/uid_map", map);
    write_once("/proc/self/setgroups", "deny");
    snprintf(map, sizeof map, "%u %u 1", (unsigned)gid, (unsigned)gid);
    write_once("/proc/self/gid_map", map);
}

int netns_enter_private(struct error *err)
{
    int flags = CLONE_NEWNET;
    int status = unshare(flags);
    if (status && errno == EPERM) {
        flags = CLONE_NEWUSER | CLONE_NEWNET;
        status = unshare(flags);
    }
    if (status)
        return refused(err, errno, flags,
                       flags & CLONE_NEWUSER ? "unshare(CLONE_NEWUSER|CLONE_NEWNET)" : "unshare(CLONE_NEWNET)");
    return bring_up_loopback(flags, err);
}
