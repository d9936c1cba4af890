/* The laboratory of `run`: a private namespace with its sysctls and its path, and a server in it. */
#include "backlogctl/experiment.h"
#include "backlogctl/netns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int set_sysctls(const struct settings *settings, struct error *err)
{
    /* By default only clients speak Fast Open. */
    int status = settings->transport.fastopen ? sysctl_write("net.ipv4.tcp_fastopen", "3", err) : 0;
    for (size_t i = 0; i < settings->sysctls.count && !status; i++) {
        char key[SYSCTL_VALUE_SIZE];
        const char *equals = strchr(settings->sysctls.list[i], '=');
        snprintf(key, sizeof key, "%.*s", (int)(equals - settings->sysctls.list[i]), settings->sysctls.list[i]);
        status = sysctl_write(key, equals + 1, err);
    }
    return status;
}

static int enter(struct lab *lab, const struct settings *settings, struct error *err)
{
    struct error why = {0};
    if (settings->host_net)
        return 0;
    if (netns_enter_private(&why))
        return error_set(err, why.code, "%s. Give --host-net to use this host's network instead", why.text);
    int status = set_sysctls(settings, err);
    return !status && settings->delay ? wire_open(&lab->wire, settings->delay, err) : status;
}

/* The addresses that a server binds: at the path's near end if there is one. Names are resolved outside: the private namespace
   reaches no name server. */
static int choose_addresses(const struct settings *settings, struct endpoint out[TARGETS_MAX], struct error *err)
{
    if (!settings->delay || settings->transport.path)
        return settings_resolve(settings, out, err);
    out[0] = wire_ends(settings->family == AF_INET6 ? AF_INET6 : AF_INET).near;
    out[0].port = settings->port;
    return 1;
}

/* Only what is bound is aimed at: with --host-net another address of the name may be somebody else's. */
static void aim(struct lab *lab, const struct endpoint *addresses, size_t count, const struct error *errors,
                void (*left_out)(void *context, const char *text), void *context)
{
    struct listener first;
    server_listener(lab->server, 0, &first);
    for (size_t i = 0; i < count; i++) {
        if (errors[i].code) {
            if (left_out)
                left_out(context, errors[i].text);
            continue;
        }
        lab->addresses[lab->count] = addresses[i].family == AF_UNIX ? addresses[i] : endpoint_reachable(&addresses[i]);
        lab->addresses[lab->count++].port = first.local.port;
    }
}

int lab_open(struct lab *lab, const struct settings *settings, void (*left_out)(void *context, const char *text), void *context,
             struct error *err)
{
    struct endpoint addresses[TARGETS_MAX];
    struct error errors[TARGETS_MAX] = {0};
    struct server_settings plan = settings->server;
    *lab = (struct lab){0};
    int count = choose_addresses(settings, addresses, err);
    if (count < 0)
        return count;
    loop_block_signals(); /* before the path has a thread */
    int status = enter(lab, settings, err);
    if (status)
        return status;
    plan.transport = settings_transport(settings);
    status = server_open(&lab->server, &plan, addresses, (size_t)count, errors, err);
    if (!status)
        aim(lab, addresses, (size_t)count, errors, left_out, context);
    return status;
}

void lab_close(struct lab *lab)
{
    server_release(lab->server);
    wire_release(lab->wire);
    *lab = (struct lab){0};
}
