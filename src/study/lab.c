/* The laboratory: a private namespace with its sysctls and its path, and a server in it. */
#include "experiment_internal.h"

#include "backlogctl/netns.h"

#include "started.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int set_sysctls(const struct experiment_plan *plan, struct error *err)
{
    if (plan->unclamped)
        sysctl_write("net.core.somaxconn", "1000000", NULL);
    /* By default only clients speak Fast Open. */
    int status = plan->transport.fastopen ? sysctl_write("net.ipv4.tcp_fastopen", "3", err) : 0;
    for (size_t i = 0; i < plan->sysctls.count && !status; i++) {
        char key[SYSCTL_VALUE_SIZE];
        const char *equals = strchr(plan->sysctls.list[i], '=');
        snprintf(key, sizeof key, "%.*s", (int)(equals - plan->sysctls.list[i]), plan->sysctls.list[i]);
        status = sysctl_write(key, equals + 1, err);
    }
    return status;
}

static int enter(struct lab *lab, const struct experiment_plan *plan, struct error *err)
{
    struct error why = {0};
    uid_t uid = geteuid();
    gid_t gid = getegid();
    if (plan->host_net)
        return 0;
    if (netns_enter_private(&why))
        return error_set(err, why.code, "%s%s", why.text,
                         plan->only_private ? ": root may"
                                            : ": root may, and --host-net goes on without one, in this host's network");
    if (plan->start.words)
        netns_keep_ids(uid, gid);
    int status = set_sysctls(plan, err);
    return !status && plan->delay ? wire_open(&lab->wire, plan->delay, err) : status;
}

/* The addresses that the server binds: the path's near end if there is one. */
static size_t choose_addresses(const struct experiment_plan *plan, struct endpoint out[TARGETS_MAX])
{
    memcpy(out, plan->addresses, sizeof plan->addresses);
    if (!plan->delay || !has_handshake(plan->transport.kind))
        return plan->address_count;
    out[0] = wire_ends(plan->addresses[0].family).near;
    out[0].port = plan->addresses[0].port;
    return 1;
}

/* Only what is bound is aimed at: with host_net another address of the name may be somebody else's. */
static void aim(struct lab *lab, const struct endpoint *addresses, size_t count, const struct error *errors,
                const struct experiment_hooks *hooks)
{
    struct listener first;
    server_listener(lab->server, 0, &first);
    for (size_t i = 0; i < count; i++) {
        if (errors[i].code) {
            if (hooks && hooks->left_out)
                hooks->left_out(hooks->context, errors[i].text);
            continue;
        }
        lab->addresses[lab->count] = endpoint_reachable(&addresses[i]);
        lab->addresses[lab->count++].port = first.local.port;
    }
}

/* A server that is started says itself where it listens. Aimed at is nothing if it cannot be tested. */
static int start_server(struct lab *lab, const struct experiment_plan *plan, struct loop *loop, struct started_server *facts,
                        struct error *err)
{
    struct listener listener;
    struct endpoint address;
    int status = started_open(&lab->started, plan, loop, facts, &listener, &address, err);
    if (status || facts->trouble || !listener.known)
        return status;
    lab->count = 1;
    if (!has_handshake((enum socket_kind)listener.kind)) {
        snprintf(lab->path, sizeof lab->path, "%s", listener.path);
        lab->transport = (struct transport){.kind = listener.kind, .path = lab->path};
        lab->addresses[0] = (struct endpoint){.family = AF_UNIX};
        return 0;
    }
    lab->addresses[0] = address;
    if (!plan->delay)
        return 0;
    lab->addresses[0] = wire_ends(address.family).near;
    lab->addresses[0].port = listener.local.port;
    if (!endpoint_is_any(&listener.local) && !endpoint_equal(&listener.local, &lab->addresses[0])) {
        started_fail_unreachable(lab->started, &listener, &lab->addresses[0]);
        lab->count = 0;
    }
    return 0;
}

static int open_server(struct lab *lab, const struct experiment_plan *plan, const struct experiment_hooks *hooks,
                       struct error *err)
{
    struct endpoint addresses[TARGETS_MAX];
    struct error errors[TARGETS_MAX] = {0};
    struct server_settings server = plan->server;
    size_t count = choose_addresses(plan, addresses);
    server.transport = plan->transport;
    int status = server_open(&lab->server, &server, addresses, count, errors, err);
    if (!status)
        aim(lab, addresses, count, errors, hooks);
    return status;
}

int lab_open(struct lab *lab, const struct experiment_plan *plan, const struct experiment_hooks *hooks, struct loop *loop,
             struct started_server *facts, struct error *err)
{
    *lab = (struct lab){.transport = plan->transport};
    if (!plan->lab) {
        memcpy(lab->addresses, plan->addresses, sizeof lab->addresses);
        lab->count = plan->address_count;
        return 0;
    }
    int status = enter(lab, plan, err);
    if (status)
        return status;
    return plan->start.words ? start_server(lab, plan, loop, facts, err) : open_server(lab, plan, hooks, err);
}

void lab_close(struct lab *lab)
{
    server_release(lab->server);
    started_close(lab->started);
    wire_release(lab->wire);
    *lab = (struct lab){0};
}
