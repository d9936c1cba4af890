/* backlogctl run: server and burst in one process, in a network namespace of their own. */
#include "backlogctl/experiment.h"
#include "backlogctl/netns.h"
#include "backlogctl/output.h"

#include <stdio.h>
#include <string.h>

static int enter_lab(const struct command *command, const struct settings *settings)
{
    struct error err = {0};
    if (settings->host_net)
        return EXIT_DONE;
    if (netns_enter_private(&err)) {
        say(command, "%s. Give --host-net to use this host's network instead", err.text);
        return EXIT_CANNOT;
    }
    for (size_t i = 0; i < settings->sysctl_count; i++) {
        char key[SYSCTL_VALUE_SIZE];
        const char *equals = strchr(settings->sysctls[i], '=');
        snprintf(key, sizeof key, "%.*s", (int)(equals - settings->sysctls[i]), settings->sysctls[i]);
        if (sysctl_write(key, equals + 1, &err))
            return say_error(command, &err);
    }
    return EXIT_DONE;
}

static int run_run(const struct command *command, const struct settings *settings)
{
    struct endpoint addresses[TARGETS_MAX];
    struct error err = {0}, left_out[TARGETS_MAX] = {0};
    struct server *server = NULL;
    /* Names are resolved outside: the private namespace reaches no name server. */
    int count = endpoint_resolve(settings->host, settings->port, settings->family, addresses, TARGETS_MAX, &err);
    if (count < 0)
        return say_error(command, &err);
    int status = enter_lab(command, settings);
    if (status)
        return status;
    loop_block_signals();
    if (server_open(&server, &settings->server, addresses, (size_t)count, left_out, &err))
        return say_error(command, &err);
    struct listener first;
    server_listener(server, 0, &first);
    /* Only what is bound is aimed at: with --host-net another address of the name may be somebody else's. */
    size_t aimed = 0;
    for (int i = 0; i < count; i++) {
        if (left_out[i].code) {
            say(command, "%s", left_out[i].text);
            continue;
        }
        addresses[aimed] = endpoint_reachable(&addresses[i]);
        addresses[aimed++].port = first.local.port;
    }
    status = experiment_perform(command, settings, addresses, aimed, server);
    server_release(server);
    return status;
}

const struct command command_run = {
    .name = "run",
    .summary = "Run server and burst together in a private network namespace",
    .run = run_run,
    .groups = {&options_server, &options_probe, &options_lab, &options_target, &options_output},
};
