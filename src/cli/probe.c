/* backlogctl probe: a burst at a server that somebody runs. */
#include "plan.h"

#include "backlogctl/listener.h"
#include "backlogctl/netns.h"
#include "backlogctl/output.h"

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

/* Returns EXIT_DONE, or the exit status after saying why not. */
static int check_remote(const struct command *command, const struct settings *settings, struct experiment_plan *plan)
{
    struct arrivals *arrivals = &plan->probe.arrivals;
    for (size_t i = 0; i < plan->address_count && !plan->transport.path; i++) {
        struct error err = {0};
        char text[ENDPOINT_TEXT_SIZE];
        bool local = false;
        route_is_local(&plan->addresses[i], &local, NULL);
        if (local || endpoint_is_loopback(&plan->addresses[i]))
            continue;
        endpoint_address_text(&plan->addresses[i], text);
        if (!plan->probe.allow_remote) {
            error_set(&err, EINVAL, "--host '%.80s': %s is not an address of this %s: give --allow-remote if it is yours to test",
                      settings->host, text, settings->survey.netns ? "namespace" : "host");
            return say_usage(command, err.text);
        }
        if (arrivals->count > REMOTE_COUNT_MAX || arrivals->rate > REMOTE_RATE_MAX)
            return say_usage(command, "--allow-remote: want a --count of at most 1000 and a --rate of at most 1000 "
                                      "for a target that is not this host");
        if (arrivals->burst > arrivals->every / (NSEC_PER_SEC / REMOTE_RATE_MAX))
            return say_usage(command, "--burst: want at most one for each millisecond of --every (1000 a second) "
                                      "for a target that is not this host");
        if (plan->probe.wait)
            return say_usage(command, "--wait: whether somebody listens can be seen on this host only");
        if (!arrivals->rate)
            arrivals->rate = REMOTE_RATE_MAX;
    }
    return EXIT_DONE;
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
    plan_options(&plan, &settings);
    if (go_there(&plan, &settings, netns, &err))
        return say_error(command, &err);
    for (size_t i = 0; i < plan.address_count && !plan.transport.path; i++)
        plan.addresses[i] = endpoint_reachable(&plan.addresses[i]);
    int status = check_remote(command, &settings, &plan);
    if (!status && plan.probe.wait)
        status = wait_for_listener(command, &plan);
    return status ? status : plan_perform(command, &settings, &plan);
}

const struct command command_probe = {
    .name = "probe",
    .summary = "Open connections at a server and say what became of each",
    .run = probe_run,
    .groups = {&options_target, &options_socket, &options_probe, &options_running, &options_account, &options_checks,
               &options_output},
};
