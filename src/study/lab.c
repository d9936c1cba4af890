/* The laboratory: a private namespace with its sysctls and its path, and a server in it. */
#include "experiment_internal.h"

#include "backlogctl/netns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int set_sysctls(const struct experiment_plan *plan, struct error *err)
{
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
    if (plan->host_net)
        return 0;
    if (netns_enter_private(&why))
        return error_set(err, why.code, "%s%s", why.text,
                         plan->only_private ? "" : ". Give --host-net to use this host's network instead");
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

int lab_open(struct lab *lab, const struct experiment_plan *plan, const struct experiment_hooks *hooks, struct error *err)
{
    struct endpoint addresses[TARGETS_MAX];
    struct error errors[TARGETS_MAX] = {0};
    struct server_settings server = plan->server;
    *lab = (struct lab){0};
    loop_block_signals(); /* before the path has a thread */
    size_t count = choose_addresses(plan, addresses);
    if (!plan->lab) {
        memcpy(lab->addresses, addresses, sizeof lab->addresses);
        lab->count = count;
        return 0;
    }
    int status = enter(lab, plan, err);
    if (status)
        return status;
    server.transport = plan->transport;
    status = server_open(&lab->server, &server, addresses, count, errors, err);
    if (!status)
        aim(lab, addresses, count, errors, hooks);
    return status;
}

void lab_close(struct lab *lab)
{
    server_release(lab->server);
    wire_release(lab->wire);
    *lab = (struct lab){0};
}
