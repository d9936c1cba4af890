/* The plan of an experiment, as the options have it. */
#include "plan.h"

/* The JSON of larger bursts has a timeline only when it is asked for: it takes more room than all the rest. */
#define TIMELINE_UNASKED_MAX 10000

static void plan_start(struct experiment_plan *plan, const struct settings *settings)
{
    const struct start_settings *start = &settings->start;
    plan->start = (struct start_plan){.words = settings->words,
                                      .environment = start->environment,
                                      .user = start->user,
                                      .log = start->log,
                                      .wait = start->wait,
                                      .warm_up = start->warm_up,
                                      .freeze = settings_given(settings, "freeze"),
                                      .freeze_method = start->freeze,
                                      .has_host = settings_given(settings, "host"),
                                      .has_port = settings_given(settings, "port"),
                                      .has_backlog = settings_given(settings, "backlog"),
                                      .family = settings->family};
}

void plan_options(struct experiment_plan *plan, const struct settings *settings)
{
    const struct probe_settings *probe = &settings->probe;
    bool in_json = settings->json && !probe->summary && probe->arrivals.count <= TIMELINE_UNASKED_MAX;
    plan->transport = settings_transport(settings);
    plan->seqpacket = settings->seqpacket;
    plan->probe = *probe;
    plan->expect = settings->expect;
    plan->timeline = probe->timeline || settings->svg || settings->html || in_json || settings->words;
    plan->server = settings->server;
    plan->sysctls = settings->sysctls;
    plan->delay = settings->delay;
    plan->host_net = settings->host_net;
    plan_start(plan, settings);
}

int plan_addresses(struct experiment_plan *plan, const struct settings *settings, struct error *err)
{
    /* The path has addresses of its own, and a server that is started is found where it listens. */
    bool found = settings->words && !settings_given(settings, "host");
    if ((settings->delay || found) && has_handshake(plan->transport.kind)) {
        plan->addresses[0] =
            (struct endpoint){.family = settings->family == AF_INET6 ? AF_INET6 : AF_INET, .port = settings->port};
        plan->address_count = 1;
        return 0;
    }
    int count = settings_resolve(settings, plan->addresses, err);
    plan->address_count = count < 0 ? 0 : (size_t)count;
    return count < 0 ? count : 0;
}
