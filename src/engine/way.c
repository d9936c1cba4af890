/* Which way a burst's packets take on this host: conntrack, the listeners of other namespaces, routes. */
#include "backlogctl/way.h"

#include "backlogctl/conntrack.h"
#include "backlogctl/fd.h"
#include "backlogctl/listener.h"
#include "backlogctl/netns.h"
#include "backlogctl/owner.h"
#include "backlogctl/peers.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* ---- Address translation ---- */

/* One that could not be asked for leaves it open for all: then none of them is known to have stayed here. */
static void look_for_translation(struct target *target)
{
    struct netlink nl = {0};
    int status = conntrack_open(&nl, NULL);
    target->translation = TRANSLATION_NONE;
    for (size_t i = 0; i < target->attempt_count && (!status || status == -ENOENT); i++) {
        struct attempt *a = &target->attempts[i];
        struct endpoint to, source = attempt_source(target, a);
        if (!peers_is_untraced(a))
            continue;
        status = conntrack_find(&nl, &source, &target->address, &to);
        a->translated = !status && !endpoint_equal(&to, &target->address);
        if (a->translated) {
            target->translation = TRANSLATION_FOUND;
            target->carried_to = to;
        }
    }
    if (status && status != -ENOENT)
        target->translation = TRANSLATION_UNKNOWN;
    netlink_close(&nl);
}

/* ---- The listener at the other end, which may be in another namespace ---- */

struct search {
    struct target *target;
    const struct endpoint *at;
    uint64_t ours;
    int home;
};

static void look_there(struct search *search)
{
    bool local = false;
    struct sockdiag sd = {0};
    route_is_local(search->at, &local, NULL);
    if (local && !sockdiag_open(&sd, NULL))
        listener_find(&sd, search->at, &search->target->transport, &search->target->carrier, NULL);
    sockdiag_close(&sd);
}

static void visit(void *context, uint64_t inode, pid_t pid, const char *name)
{
    struct search *search = context;
    if (inode == search->ours || search->target->carrier.known)
        return;
    SCOPED_FD fd = pid ? netns_open_pid(pid, NULL) : netns_open_name(name, NULL, NULL);
    if (fd < 0 || netns_enter(fd, 0, NULL))
        return;
    look_there(search);
    if (search->target->carrier.known)
        search->target->carrier.netns = inode;
    netns_enter(search->home, 0, NULL);
}

static void find_carrier(struct sockdiag *sd, struct target *target)
{
    const struct endpoint *at = target->carried_to.family ? &target->carried_to : &target->served;
    bool local = false;
    if (!at->family)
        return;
    route_is_local(at, &local, NULL);
    if (local) {
        listener_find(sd, at, &target->transport, &target->carrier, NULL);
    } else {
        SCOPED_FD home = netns_open_own(NULL);
        if (home >= 0)
            netns_list(visit, &(struct search){target, at, netns_inode(0), home});
    }
    if (target->carrier.known)
        owner_find(&target->carrier);
}

/* ---- One connection ---- */

struct whose {
    const struct endpoint *at;
    uint64_t ours;
    int home;
    bool found;
};

static void ask_whether_there(void *context, uint64_t inode, pid_t pid, const char *name)
{
    struct whose *whose = context;
    if (inode == whose->ours || whose->found)
        return;
    SCOPED_FD fd = pid ? netns_open_pid(pid, NULL) : netns_open_name(name, NULL, NULL);
    if (fd < 0 || netns_enter(fd, 0, NULL))
        return;
    route_is_local(whose->at, &whose->found, NULL);
    netns_enter(whose->home, 0, NULL);
}

static enum whereabouts whose_address(const struct endpoint *at)
{
    bool local = false;
    route_is_local(at, &local, NULL);
    if (local)
        return WAY_HERE;
    SCOPED_FD home = netns_open_own(NULL);
    struct whose whose = {.at = at, .ours = netns_inode(0), .home = home};
    if (home >= 0)
        netns_list(ask_whether_there, &whose);
    return whose.found ? WAY_NAMESPACE : WAY_AWAY;
}

enum whereabouts way_of(const struct target *target, const struct endpoint *source, struct endpoint *to)
{
    struct netlink nl = {0};
    *to = target->address;
    if (conntrack_count() <= 0)
        return WAY_HERE;
    int status = conntrack_open(&nl, NULL);
    if (!status)
        status = conntrack_find(&nl, source, &target->address, to);
    netlink_close(&nl);
    if (status && status != -ENOENT)
        return WAY_UNKNOWN;
    return status || endpoint_equal(to, &target->address) ? WAY_HERE : whose_address(to);
}

/* Where the scout's SYN comes from, as the burst's will; 0 or -errno. */
static int send_scout(int fd, const struct endpoint *address, struct endpoint *source)
{
    struct sockaddr_storage name = {0};
    struct endpoint from = *address;
    from.port = 0;
    socklen_t size = endpoint_to_sockaddr(&from, &name), got = sizeof name;
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof "lo") || bind(fd, (struct sockaddr *)&name, size))
        return -errno;
    endpoint_to_sockaddr(address, &name);
    if (connect(fd, (struct sockaddr *)&name, size) && errno != EINPROGRESS)
        return -errno;
    if (getsockname(fd, (struct sockaddr *)&name, &got))
        return -errno;
    *source = endpoint_from_sockaddr(&name);
    return 0;
}

enum whereabouts way_scout(const struct target *target, struct endpoint *to)
{
    struct endpoint source;
    SCOPED_FD fd = target->address.family == AF_INET ? socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0) : -1;
    *to = target->address;
    return fd < 0 || send_scout(fd, &target->address, &source) ? WAY_UNKNOWN : way_of(target, &source, to);
}

/* ---- The way back ---- */

static void look_for_route_back(struct target *target)
{
    for (size_t i = 0; i < target->attempt_count; i++) {
        const struct attempt *a = &target->attempts[i];
        if (a->state != STATE_SYN_SENT || !a->bound)
            continue;
        struct endpoint source = attempt_source(target, a);
        if (route_back(&target->bound, &source))
            target->unroutable = source;
        return; /* one source stands for all: a burst's have the same kind of address */
    }
}

void way_look(struct sockdiag *sd, struct target *target)
{
    bool any = false;
    if (!target->local || !has_handshake(target->transport.kind))
        return;
    for (size_t i = 0; i < target->attempt_count; i++)
        any |= peers_is_untraced(&target->attempts[i]);
    if (any && conntrack_count() <= 0)
        target->translation = TRANSLATION_NONE;
    else if (any)
        look_for_translation(target);
    look_for_route_back(target);
    find_carrier(sd, target);
}
