/* The option table: names, texts, ranges, and where each value goes. */
#include "settings_takes.h"

#include <limits.h>
#include <stddef.h>

#define DEFAULT_PORT 60001

const struct settings settings_default = {
    .host = "127.0.0.1",
    .port = DEFAULT_PORT,
    .server = {.backlog = 128, .accept_count = ACCEPT_UNLIMITED},
    .probe = {.count = 10, .timeout = 2 * NSEC_PER_SEC},
    .sweep = {.repeat = 1},
    .size = {.checks = 20},
    .watch = {.interval = NSEC_PER_SEC},
    .measure = {.freeze.budget = 300 * NSEC_PER_MSEC},
};

#define FIELD(member) .field = offsetof(struct settings, member)

static const struct option_spec target[] = {
    {.name = "ipv4", .letter = '4', .take = take_family, FIELD(family), .excludes = "ipv6", .help = "use IPv4 only"},
    {.name = "ipv6", .letter = '6', .take = take_family, FIELD(family), .excludes = "unix", .help = "use IPv6 only"},
    {.name = "host", .letter = 'H', .argument = "HOST", .take = take_text, FIELD(host), .excludes = "unix",
     .help = "address or name (default 127.0.0.1); :: takes IPv4 clients too"},
    {.name = "port", .letter = 'p', .argument = "PORT", .take = take_port, .min = 0, .max = 65535, FIELD(port), .excludes = "unix",
     .help = "TCP port (default 60001)"},
    {.name = "unix", .argument = "PATH", .take = take_text, FIELD(transport.path), .excludes = "ipv4",
     .help = "an AF_UNIX socket instead; @NAME for an abstract one"},
    {0},
};

static const struct option_spec kind[] = {
    {.name = "seqpacket", .take = take_flag, FIELD(seqpacket), .needs = "unix", .help = "SOCK_SEQPACKET instead of a stream"},
    {.name = "mptcp", .take = take_flag, FIELD(mptcp), .excludes = "unix", .help = "Multipath TCP (IPPROTO_MPTCP)"},
    {.name = "fastopen", .take = take_flag, FIELD(transport.fastopen), .excludes = "unix",
     .help = "TCP Fast Open: after the first connection has fetched a cookie, the others' first data goes with the SYN"},
    {0},
};

static const struct option_spec server[] = {
    {.name = "backlog", .letter = 'b', .argument = "N", .take = take_backlog, .min = INT_MIN, .max = INT_MAX,
     FIELD(server.backlog), .help = "what listen(2) is asked for; a negative one means somaxconn (default 128)"},
    {.name = "reuseport", .argument = "K", .take = take_u32, .min = 1, .max = REUSEPORT_MAX, FIELD(server.reuseport),
     .excludes = "unix", .help = "K listeners share the port by SO_REUSEPORT, each with such a backlog"},
    {.name = "defer-accept", .argument = "DUR", .take = take_duration, .min = NSEC_PER_SEC, .max = 3600 * NSEC_PER_SEC,
     FIELD(server.defer_accept), .excludes = "unix",
     .help = "TCP_DEFER_ACCEPT: clients enter the queue with their first data, or after this time (whole seconds)"},
    {.name = "accept-delay", .letter = 'd', .argument = "DUR", .take = take_duration, FIELD(server.accept_delay),
     .help = "wait this long before each accept (default 0)"},
    {.name = "accept-rate", .argument = "N", .take = take_accept_rate, .min = 1, .max = 1000000, FIELD(server.accept_delay),
     .excludes = "accept-delay", .help = "the same as a number of accepts a second"},
    {.name = "stall", .argument = "DUR", .take = take_duration, FIELD(server.stall),
     .help = "accept nobody for this long, from the first client's arrival on"},
    {.name = "stall-every", .argument = "DUR", .take = take_duration, FIELD(server.stall_every), .needs = "stall",
     .help = "... and again each time this is over"},
    {.name = "accept-count", .letter = 'a', .argument = "N", .take = take_i64, .max = 1000000000,
     FIELD(server.accept_count),
     .help = "accept N clients, then leave the rest in the queue; 0 never accepts (default: no limit)"},
    {.name = "duration", .argument = "DUR", .take = take_duration, FIELD(server.duration),
     .help = "stop listening after this time (default: until interrupted)"},
    {.name = "greeting", .argument = "TEXT", .take = take_text, FIELD(server.greeting),
     .help = "send this line to every accepted client"},
    {0},
};

static const struct option_spec probe[] = {
    {.name = "count", .letter = 'n', .argument = "N", .take = take_u32, .min = 1, .max = 1000000, FIELD(probe.count),
     .help = "open N connections (default 10)"},
    {.name = "timeout", .letter = 't', .argument = "DUR", .take = take_duration, FIELD(probe.timeout),
     .help = "patience after the burst; 0 judges as soon as it is out (default 2s)"},
    {.name = "rate", .letter = 'r', .argument = "N", .take = take_u32, .min = 1, .max = 50000, FIELD(probe.rate),
     .excludes = "burst", .help = "open N a second (default: all at once)"},
    {.name = "burst", .argument = "N", .take = take_u32, .min = 1, .max = 1000000, FIELD(probe.burst), .needs = "every",
     .help = "open N at once, and N more each time --every is over"},
    {.name = "every", .argument = "DUR", .take = take_duration, .min = NSEC_PER_MSEC, .max = 3600 * NSEC_PER_SEC, FIELD(probe.every),
     .needs = "burst", .help = "time from one --burst to the next"},
    {.name = "threads", .argument = "N", .take = take_u32, .min = 1, .max = 256, FIELD(probe.threads),
     .help = "open from N threads at the same time (default: in one order, which makes the outcome on loopback exact)"},
    {.name = "source", .argument = "ADDRS", .take = take_sources, .field = 0, .excludes = "delay",
     .help = "connect from these addresses, an equal share from each: ADDR[,ADDR...] or ADDR/PREFIX (default: the "
             "target's own, and on loopback fresh ones above 100 connections)"},
    {.name = "send", .argument = "TEXT", .take = take_text, FIELD(probe.send),
     .help = "send this line on every connection; an answer proves that the application has it"},
    {.name = "wait", .argument = "DUR", .take = take_duration, FIELD(probe.wait),
     .help = "first wait up to DUR until somebody listens, without connecting"},
    {.name = "expect", .letter = 'e', .argument = "EXPR", .take = take_expectations, .max = MEASURES_OF_BURST,
     FIELD(expect),
     .help = "fail with status 1 unless this holds: MEASURE OP NUMBER, comma-separated, such as "
             "connected=1,queued>=3; measures are the verdicts and drops, queue, backlog, capacity; "
             "OP is = != < <= > or >="},
    {.name = "summary", .take = take_flag, FIELD(probe.summary), .help = "no row per connection, in text and JSON"},
    {.name = "allow-remote", .take = take_flag, FIELD(probe.allow_remote),
     .help = "allow a target that is not this host: at most 1000 connections, 1000 a second"},
    {0},
};

static const struct option_spec lab[] = {
    {.name = "preset", .argument = "NAME", .take = take_preset, FIELD(preset),
     .help = "a famous effect with its explanation; options given beside it change it"},
    {.name = "list-presets", .take = take_flag, FIELD(list_presets), .help = "show the presets and the options they stand for"},
    {.name = "delay", .argument = "DUR", .take = take_duration, .min = 0, .max = 10 * NSEC_PER_SEC, FIELD(delay), .excludes = "host-net,unix,host",
     .help = "each packet takes this long on its way: the round-trip time is twice that"},
    {.name = "sysctl", .argument = "KEY=VALUE", .take = take_sysctl, .field = 0, .excludes = "host-net",
     .help = "set a net.* sysctl of the private namespace; repeatable"},
    {.name = "host-net", .take = take_flag, FIELD(host_net),
     .help = "use this host's network instead of a private namespace"},
    {0},
};

static const struct option_spec vary[] = {
    {.name = "backlog", .letter = 'b', .argument = "VALUES", .take = take_varied, FIELD(sweep),
     .help = "what listen(2) is asked for: N, N..M, N..M..STEP, and several of these with commas between"},
    {.name = "count", .letter = 'n', .argument = "VALUES", .take = take_varied, FIELD(sweep), .help = "connections, likewise"},
    {.name = "accept-delay", .letter = 'd', .argument = "VALUES", .take = take_varied, FIELD(sweep), .excludes = "accept-rate",
     .help = "wait before each accept: durations, likewise, such as 0,1ms,5ms or 0..10ms..2ms"},
    {.name = "rate", .letter = 'r', .argument = "VALUES", .take = take_varied, FIELD(sweep), .excludes = "burst",
     .help = "arrivals a second, likewise"},
    {.name = "sysctl", .argument = "KEY=VALUES", .take = take_varied, FIELD(sweep), .excludes = "host-net",
     .help = "a net.* sysctl of the private namespaces, likewise; repeatable"},
    {0},
};

static const struct option_spec sweep[] = {
    {.name = "repeat", .argument = "N", .take = take_u32, .min = 1, .max = 1000, FIELD(sweep.repeat),
     .help = "run each combination N times; the table shows the middle one (default 1)"},
    {.name = "jobs", .argument = "N", .take = take_u32, .min = 1, .max = 64, FIELD(sweep.jobs),
     .help = "at most N runs side by side (default: one a processor; one in all with a rate, or --host-net)"},
    {.name = "csv", .take = take_flag, FIELD(sweep.csv), .excludes = "json,quiet", .help = "a line of comma-separated values for each run"},
    {.name = "svg", .argument = "FILE", .take = take_text, FIELD(svg), .help = "draw lost, timed_out and the time to accepted into FILE"},
    {0},
};

static const struct option_spec load[] = {
    {.name = "rate", .letter = 'r', .argument = "N", .take = take_u32, .min = 1, .max = 50000, FIELD(probe.rate), .excludes = "burst",
     .help = "N clients come each second"},
    {.name = "burst", .argument = "N", .take = take_u32, .min = 1, .max = 100000, FIELD(probe.burst), .needs = "every",
     .help = "N clients come at once, and N more each time --every is over"},
    {.name = "every", .argument = "DUR", .take = take_duration, .min = NSEC_PER_MSEC, .max = 3600 * NSEC_PER_SEC, FIELD(probe.every),
     .needs = "burst", .help = "time from one --burst to the next"},
    {0},
};

static const struct option_spec pace[] = {
    {.name = "accept-delay", .letter = 'd', .argument = "DUR", .take = take_duration, FIELD(server.accept_delay),
     .help = "what a client takes the server until it can accept the next one (default 0)"},
    {.name = "accept-rate", .argument = "N", .take = take_accept_rate, .min = 1, .max = 1000000, FIELD(server.accept_delay),
     .excludes = "accept-delay", .help = "the same as a number of accepts a second"},
    {.name = "stall", .argument = "DUR", .take = take_duration, FIELD(server.stall),
     .help = "the longest time that the server accepts nobody: a garbage collection, a fork, a slow disk"},
    {.name = "stall-every", .argument = "DUR", .take = take_duration, FIELD(server.stall_every), .needs = "stall",
     .help = "time from the beginning of one stall to the next (default: once)"},
    {0},
};

static const struct option_spec size[] = {
    {.name = "checks", .argument = "N", .take = take_u32, .min = 1, .max = 1000, FIELD(size.checks),
     .help = "run N times with the answer, without a drop, before it is given (default 20)"},
    {.name = "sysctl", .argument = "KEY=VALUE", .take = take_sysctl, .field = 0,
     .help = "set a net.* sysctl of the lab's namespaces; repeatable"},
    {0},
};

static const struct option_spec pictures[] = {
    {.name = "timeline", .take = take_flag, FIELD(probe.timeline), .help = "show when what happened, a lane for each connection"},
    {.name = "svg", .argument = "FILE", .take = take_text, FIELD(svg), .help = "draw that into FILE"},
    {0},
};

static const struct option_spec output[] = {
    {.name = "json", .letter = 'j', .take = take_flag, FIELD(json), .excludes = "quiet", .help = "report as JSON"},
    {.name = "quiet", .letter = 'q', .take = take_flag, FIELD(quiet), .help = "no report: only the exit status"},
    {.name = "color", .argument = "WHEN", .take = take_color, FIELD(color),
     .help = "auto, always or never (default auto; NO_COLOR is honoured)"},
    {.name = "help", .letter = 'h', .take = take_flag, FIELD(help), .help = "print this help"},
    {.name = "version", .letter = 'V', .take = take_flag, FIELD(version), .help = "print the version"},
    {0},
};

static const struct option_spec choose[] = {
    {.name = "port", .letter = 'p', .argument = "PORT", .take = take_port, .min = 1, .max = 65535, FIELD(survey.port),
     .excludes = "unix", .help = "only listeners on this TCP port"},
    {.name = "host", .letter = 'H', .argument = "ADDR", .take = take_address, FIELD(survey.address), .excludes = "unix",
     .help = "only listeners bound to this address; 0.0.0.0 and :: are addresses too"},
    {.name = "unix", .argument = "PATH", .take = take_text, FIELD(survey.path),
     .help = "only the AF_UNIX listener of this name; @NAME for an abstract one"},
    {.name = "process", .argument = "NAME", .take = take_text, FIELD(survey.process),
     .help = "only listeners of processes with this command name"},
    {.name = "pid", .argument = "PID", .take = take_pid, .min = 1, .max = INT_MAX, FIELD(survey.pid), .excludes = "netns",
     .help = "look into the network namespace of this process; resize and measure take its own listeners only"},
    {.name = "netns", .argument = "NAME", .take = take_text, FIELD(survey.netns), .excludes = "all-netns",
     .help = "look into this network namespace: a name of ip-netns(8), or a path"},
    {.name = "all-netns", .take = take_flag, FIELD(survey.all_netns), .excludes = "pid",
     .help = "look into every network namespace that a process is in or that has a name"},
    {0},
};

static const struct option_spec list[] = {
    {.name = "columns", .argument = "NAMES", .take = take_columns, FIELD(list),
     .help = "show these columns, comma-separated; 'help' explains them all"},
    {.name = "sort", .argument = "NAMES", .take = take_sort, FIELD(list),
     .help = "sort by these columns; -NAME downwards (default: family, port, address)"},
    {.name = "expect", .letter = 'e', .argument = "EXPR", .take = take_expectations, .max = MEASURES_OF_LISTENER, FIELD(expect),
     .help = "fail with status 1 unless this holds for every listener shown, and there is one: MEASURE OP NUMBER, "
             "comma-separated, such as backlog>=1024,drops=0; measures are queue, backlog, capacity, percent, half_open, drops, "
             "oldest_ms, listeners; OP is = != < <= > or >="},
    {.name = "prometheus", .take = take_flag, FIELD(list.prometheus), .excludes = "json",
     .help = "metrics in the text format of Prometheus"},
    {.name = "output", .argument = "FILE", .take = take_text, FIELD(list.output), .excludes = "quiet",
     .help = "write to FILE, put in place by rename: for the textfile collector of node_exporter"},
    {0},
};

static const struct option_spec resize[] = {
    {.name = "backlog", .letter = 'b', .argument = "N", .take = take_resize, .min = INT_MIN, .max = INT_MAX, FIELD(resize),
     .help = "what listen(2) is called with; a negative one means somaxconn; needed"},
    {.name = "all", .take = take_flag, FIELD(resize.all), .excludes = "all-netns",
     .help = "every listener that is selected, not only one or one reuseport group"},
    {.name = "dry-run", .take = take_flag, FIELD(resize.dry_run), .help = "say what would change, and whether the rights suffice"},
    {0},
};

static const struct option_spec measure[] = {
    {.name = "budget", .argument = "DUR", .take = take_duration, .min = NSEC_PER_MSEC, .max = 10 * NSEC_PER_SEC,
     FIELD(measure.freeze.budget), .help = "the server stands still for no longer than this (default 300ms)"},
    {.name = "yes", .letter = 'y', .take = take_flag, FIELD(measure.yes), .help = "do not ask: live clients may wait"},
    {.name = "with-waiting", .take = take_flag, FIELD(measure.with_waiting), .help = "also when clients wait in the queue already"},
    {.name = "freeze", .argument = "HOW", .take = take_freeze, FIELD(measure.freeze.method),
     .help = "auto, ptrace or stop: by ptrace(2), or by SIGSTOP and SIGCONT, which parents and supervisors see (default auto: "
             "ptrace where that is allowed)"},
    {.name = "expect", .letter = 'e', .argument = "EXPR", .take = take_expectations, .max = MEASURES_OF_LISTENER, FIELD(expect),
     .help = "fail with status 1 unless this holds, such as capacity>=1024: MEASURE OP NUMBER, comma-separated; capacity is what "
             "was counted"},
    {0},
};

static const struct option_spec watch[] = {
    {.name = "interval", .letter = 'i', .argument = "DUR", .take = take_duration, .min = 100 * NSEC_PER_MSEC,
     .max = 3600 * NSEC_PER_SEC, FIELD(watch.interval), .help = "time between screens, or blocks of output (default 1s)"},
    {.name = "batch", .take = take_flag, FIELD(watch.batch),
     .help = "print a block an interval, also on a terminal; --json prints a JSON object a line"},
    {.name = "iterations", .letter = 'n', .argument = "N", .take = take_u32, .min = 1, .max = 1000000000, FIELD(watch.iterations),
     .help = "end after N intervals"},
    {.name = "duration", .argument = "DUR", .take = take_duration, FIELD(watch.duration), .help = "end after this time"},
    {.name = "sort", .argument = "NAMES", .take = take_sort, FIELD(list),
     .help = "sort by these columns of list; -NAME downwards (default: who drops, then who is fullest); the first row is sampled fast"},
    {.name = "alert", .letter = 'a', .argument = "EXPR", .take = take_expectations, .max = MEASURES_OF_WATCH, FIELD(watch.alerts),
     .help = "say when this begins to hold for any listener, and exit with status 1 if it ever did: MEASURE OP NUMBER, "
             "comma-separated, such as queue>=100,drops_per_second>0; measures are those of list --expect, and peak and "
             "drops_per_second"},
    {0},
};

struct transport settings_transport(const struct settings *settings)
{
    struct transport transport = settings->transport;
    if (transport.path)
        transport.kind = settings->seqpacket ? KIND_UNIX_SEQPACKET : KIND_UNIX_STREAM;
    else if (settings->mptcp)
        transport.kind = KIND_MPTCP;
    return transport;
}

int settings_resolve(const struct settings *settings, struct endpoint out[ENDPOINTS_MAX], struct error *err)
{
    if (!settings->transport.path)
        return endpoint_resolve(settings->host, settings->port, settings->family, out, ENDPOINTS_MAX, err);
    out[0] = (struct endpoint){.family = AF_UNIX};
    return 1;
}

const struct option_group options_target = {"Where", target};
const struct option_group options_socket = {"The kind of socket", kind};
const struct option_group options_server = {"The server", server};
const struct option_group options_probe = {"The burst", probe};
const struct option_group options_vary = {"What varies", vary};
const struct option_group options_sweep = {"The sweep", sweep};
const struct option_group options_load = {"Who comes", load};
const struct option_group options_pace = {"The server", pace};
const struct option_group options_size = {"The measurement", size};
const struct option_group options_pictures = {"Over time", pictures};
const struct option_group options_lab = {"The lab", lab};
const struct option_group options_output = {"Output", output};
const struct option_group options_select = {"Which listeners", choose};
const struct option_group options_resize = {"The new size", resize};
const struct option_group options_measure = {"The measurement", measure};
const struct option_group options_watch = {"The view", watch};
const struct option_group options_list = {"The list", list};
