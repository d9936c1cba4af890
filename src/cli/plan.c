/* The plan of an experiment, as the options have it. */
#include "plan.h"

/* The JSON of larger bursts has a timeline only when it is asked for: it takes more room than all the rest. */
#define TIMELINE_UNASKED_MAX 10000

void plan_options(struct experiment_plan *plan, const struct settings *settings)
{
    const struct probe_settings *probe = &settings->probe;
    bool in_json = settings->json && !probe->summary && probe->arrivals.count <= TIMELINE_UNASKED_MAX;
    plan->transport = settings_transport(settings);
    plan->seqpacket = settings->seqpacket;
    plan->probe = *probe;
    plan->expect = settings->expect;
    plan->timeline = probe->timeline || settings->svg || in_json;
    plan->server = settings->server;
    plan->sysctls = settings->sysctls;
    plan->delay = settings->delay;
    plan->host_net = settings->host_net;
}

int plan_addresses(struct experiment_plan *plan, const struct settings *settings, struct error *err)
{
    /* The path has addresses of its own. */
    if (settings->delay && has_handshake(plan->transport.kind)) {
        plan->addresses[0] =
            (struct endpoint){.family = settings->family == AF_INET6 ? AF_INET6 : AF_INET, .port = settings->port};
        plan->address_count = 1;
        return 0;
    }
    int count = settings_resolve(settings, plan->addresses, err);
    plan->address_count = count < 0 ? 0 : (size_t)count;
    return count < 0 ? count : 0;
}
