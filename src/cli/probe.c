/* backlogctl probe: a burst at a server that somebody runs. */
#include "plan.h"
#include "segment.h"

#include "backlogctl/listener.h"
#include "backlogctl/netns.h"
#include "backlogctl/output.h"
#include "backlogctl/rights.h"
#include "backlogctl/target.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Bounds for a target that is not this host. */
#define REMOTE_COUNT_MAX 1000
#define REMOTE_RATE_MAX 1000

#define NETNS_TEXT_SIZE 96

/* Nothing tells that somebody began to listen, so it is asked for this often. */
#define LISTENER_PAUSE (20 * NSEC_PER_MSEC)

/* Goes to the namespace that the burst is to be sent in. What it is called: `name`, NULL if it is this one. */
static int enter(struct settings *settings, char name[NETNS_TEXT_SIZE], struct error *err)
{
    const struct survey_query *where = &settings->survey;
    if (where->pid)
        snprintf(name, NETNS_TEXT_SIZE, "pid:%d", (int)where->pid);
    if (where->container)
        snprintf(name, NETNS_TEXT_SIZE, "container:%.80s", where->container);
    settings->survey.netns = *name ? name : where->netns;
    return settings->survey.netns ? netns_move(settings->survey.netns, err) : 0;
}

static bool is_here(const struct endpoint *address)
{
    bool local = endpoint_is_loopback(address);
    if (!local)
        route_is_local(address, &local, NULL);
    return local;
}

static bool is_owned(const struct probe_settings *probe, const struct endpoint *address)
{
    return probe->owned.family == address->family && !memcmp(probe->owned.bytes, address->bytes, sizeof address->bytes);
}

/* What may be sent to a target that may be somebody else's; NULL: that much. */
static const char *too_much(struct arrivals *arrivals)
{
    if (arrivals->count > REMOTE_COUNT_MAX || arrivals->rate > REMOTE_RATE_MAX)
        return "--allow-remote: want a --count of at most 1000 and a --rate of at most 1000; for more, repeat the target's "
               "address with "
               "--i-own-this-target";
    if (arrivals->burst > arrivals->every / (NSEC_PER_SEC / REMOTE_RATE_MAX))
        return "--burst: want at most one for each millisecond of --every (1000 a second) with --allow-remote; for more, repeat "
               "the "
               "target's address with --i-own-this-target";
    if (!arrivals->rate)
        arrivals->rate = REMOTE_RATE_MAX;
    return NULL;
}

static int check_owned(const struct command *command, const struct settings *settings, const struct experiment_plan *plan)
{
    struct error err = {0};
    char text[ENDPOINT_TEXT_SIZE], given[ENDPOINT_TEXT_SIZE];
    for (size_t i = 0; i < plan->address_count; i++)
        if (is_owned(&plan->probe, &plan->addresses[i]))
            return EXIT_DONE;
    error_set(&err, EINVAL, "--i-own-this-target '%s': --host '%.80s' leads to %s",
              endpoint_address_text(&plan->probe.owned, given), settings->host, endpoint_address_text(&plan->addresses[0], text));
    return say_usage(command, err.text);
}

/* Where address translation leads is not known yet, so the bounds hold for every target that it was asked for. Returns EXIT_DONE, or
   the exit status after saying why not. */
static int check_remote(const struct command *command, const struct settings *settings, struct experiment_plan *plan)
{
    struct probe_settings *probe = &plan->probe;
    bool owned = probe->owned.family != 0;
    if (plan->transport.path)
        return EXIT_DONE;
    if (owned && check_owned(command, settings, plan))
        return EXIT_USAGE;
    for (size_t i = 0; i < plan->address_count; i++) {
        struct error err = {0};
        char text[ENDPOINT_TEXT_SIZE], hint[TARGET_HINT_SIZE];
        const struct endpoint *address = &plan->addresses[i];
        bool local = is_here(address);
        owned = owned && is_owned(probe, address);
        if (!local && !probe->allow_remote && !is_owned(probe, address)) {
            error_set(&err, EINVAL,
                      "--host '%.80s': %s is not an address of this %s%s: give --allow-remote if it is yours to test",
                      settings->host, endpoint_address_text(address, text), settings->survey.netns ? "namespace" : "host",
                      target_port_hint(settings->operand ? settings->operand : "", hint));
            return say_usage(command, err.text);
        }
        if (!local && probe->wait)
            return say_usage(command, "--wait: whether somebody listens can be seen on this host only");
    }
    probe->allow_remote = probe->allow_remote || probe->owned.family;
    const char *refusal = probe->allow_remote && !owned ? too_much(&probe->arrivals) : NULL;
    return refusal ? say_usage(command, refusal) : EXIT_DONE;
}

static int listener_exists(struct sockdiag *sd, const struct experiment_plan *plan, struct error *err)
{
    for (size_t i = 0; i < plan->address_count; i++) {
        struct listener listener;
        int status = listener_find(sd, &plan->addresses[i], &plan->transport, &listener, err);
        if (status || listener.known)
            return status ? status : 1;
    }
    return 0;
}

static int wait_for_listener(const struct command *command, const struct experiment_plan *plan)
{
    struct error err = {0};
    struct sockdiag sd = {0};
    char text[ENDPOINT_TEXT_SIZE], span[NSEC_TEXT_SIZE];
    int found = sockdiag_open(&sd, &err);
    nsec until = clock_now() + plan->probe.wait;
    while (!found && !(found = listener_exists(&sd, plan, &err)) && clock_now() < until)
        nanosleep(&(struct timespec){.tv_nsec = LISTENER_PAUSE}, NULL);
    sockdiag_close(&sd);
    if (found < 0)
        return say_error(command, &err);
    if (found)
        return EXIT_DONE;
    say(command, "nobody listens on %s after --wait %s: is the server started, and there?",
        plan->transport.path ? plan->transport.path : endpoint_text(&plan->addresses[0], text),
        nsec_text(plan->probe.wait, span));
    return EXIT_CANNOT;
}

/* Names are resolved here, where there is a resolver; a zone names a device of the namespace. */
static int go_there(struct experiment_plan *plan, struct settings *settings, char name[NETNS_TEXT_SIZE], struct error *err)
{
    bool has_zone = strchr(settings->host, '%') != NULL;
    int status = has_zone ? 0 : plan_addresses(plan, settings, err);
    if (!status)
        status = enter(settings, name, err);
    return !status && has_zone ? plan_addresses(plan, settings, err) : status;
}

static int probe_run(const struct command *command, const struct settings *given)
{
    struct settings settings = *given;
    struct experiment_plan plan = {0};
    struct error err = {0};
    char netns[NETNS_TEXT_SIZE] = "";
    if (!settings.port)
        return say_usage(command, "--port '0': out of range: want 1 to 65535");
    if (segment_apply(&settings, &err))
        return say_usage(command, err.text);
    plan_options(&plan, &settings);
    bool host_alone = settings.operand && !plan.transport.path && !settings_given(&settings, "port");
    int went = go_there(&plan, &settings, netns, &err);
    if (went && host_alone && !strpbrk(settings.operand, ".:")) { /* it may be the name of a process */
        say(command, "%s; a word alone is a host here: 'backlogctl list' shows who listens, and where", err.text);
        return EXIT_CANNOT;
    }
    if (went)
        return say_error(command, &err);
    for (size_t i = 0; i < plan.address_count && !plan.transport.path; i++)
        plan.addresses[i] = endpoint_reachable(&plan.addresses[i]);
    int status = check_remote(command, &settings, &plan);
    if (!status && host_alone && !settings.quiet)
        say(command, "port %u, for neither the target '%s' nor --port names one", settings.port, settings.operand);
    if (!status && plan.probe.wait)
        status = wait_for_listener(command, &plan);
    return status ? status : plan_perform(command, &settings, &plan);
}

const struct command command_probe = {
    .name = "probe",
    .summary = "Open connections at a server and say what became of each",
    .rights = RIGHTS_BURST | RIGHTS_SEE,
    .run = probe_run,
    .target = TARGET_PEER,
    .groups = {&options_target, &options_socket, &options_probe, &options_running, &options_account, &options_checks,
               &options_output},
};
