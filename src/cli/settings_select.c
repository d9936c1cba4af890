/* The options that choose among what runs already: listeners, and the namespace of a burst. */
#include "settings_takes.h"

#include <limits.h>

static const struct option_spec choose[] = {
    {.name = "port",
     .letter = 'p',
     .argument = "PORT",
     READS(port, survey.port),
     .min = 1,
     .max = 65535,
     .excludes = "unix",
     .help = "only listeners on this TCP port"},
    {.name = "host",
     .letter = 'H',
     .argument = "ADDR",
     READS(address, survey.address),
     .excludes = "unix",
     .help = "only listeners bound to this address; 0.0.0.0 and :: are addresses too"},
    {.name = "unix",
     .argument = "PATH",
     READS(name, survey.path),
     .help = "only the AF_UNIX listener at this path; @NAME for an abstract one"},
    {.name = "process",
     .argument = "NAME",
     READS(name, survey.process),
     .help = "only listeners that a process with this command name holds, also beside others"},
    {.name = "pid",
     .argument = "PID",
     READS(pid, survey.pid),
     .min = 1,
     .max = INT_MAX,
     .excludes = "netns,container",
     .help = "only listeners that this process holds, in whatever network namespace"},
    {.name = "container",
     .argument = "ID",
     READS(name, survey.container),
     .excludes = "netns",
     .help = "only listeners that a process of this container holds, in whatever network namespace; the beginning of its id "
             "suffices"},
    {.name = "netns",
     .argument = "NAME",
     READS(netns, survey.netns),
     .excludes = "all-netns",
     .help = "look into this network namespace: a name of ip-netns(8), a path, or pid:N or container:ID for that of a process or "
             "container"},
    {.name = "all-netns",
     READS(flag, survey.all_netns),
     .excludes = "pid,container",
     .help = "look into every network namespace that a process is in or that has a name"},
    {0},
};

/* For a server that is there already, whoever started it. */
static const struct option_spec running[] = {
    {.name = "wait",
     .argument = "DUR",
     READS(duration, probe.wait),
     .help = "first wait up to DUR until somebody listens, without connecting"},
    {.name = "allow-remote",
     READS(flag, probe.allow_remote),
     .help = "allow a target that is not this host: at most 1000 connections, 1000 a second"},
    {.name = "netns",
     .argument = "NAME",
     READS(netns, survey.netns),
     .excludes = "pid,container",
     .help = "send the burst in this network namespace: a name of ip-netns(8), a path, or pid:N or container:ID for that of a "
             "process or container"},
    {.name = "pid",
     .argument = "PID",
     READS(pid, survey.pid),
     .min = 1,
     .max = INT_MAX,
     .excludes = "container",
     .help = "the same as --netns pid:PID"},
    {.name = "container", .argument = "ID", READS(name, survey.container), .help = "the same as --netns container:ID"},
    {0},
};

const struct option_group options_select = {"Which listeners", choose};
const struct option_group options_running = {"A server that runs already", running};
