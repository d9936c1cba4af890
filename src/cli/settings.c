/* The option table: names, texts, ranges, and where each value goes. */
#include "backlogctl/series.h"
#include "settings_takes.h"

#include <limits.h>

#define DEFAULT_PORT 60001

const struct settings settings_default = {
    .host = "127.0.0.1",
    .port = DEFAULT_PORT,
    .server = {.backlog = 128, .accept_count = ACCEPT_UNLIMITED},
    .probe = {.arrivals.count = 10, .timeout = 2 * NSEC_PER_SEC},
    .sweep = {.repeat = 1},
    .size = {.checks = 20},
    .watch = {.interval = NSEC_PER_SEC},
    .start = {.wait = 10 * NSEC_PER_SEC},
    .measure = {.freeze.budget = 300 * NSEC_PER_MSEC, .timeout = 5 * NSEC_PER_SEC},
};

static const struct option_spec target[] = {
    {.name = "ipv4", .letter = '4', READS(family, family), .excludes = "ipv6", .help = "use IPv4 only"},
    {.name = "ipv6", .letter = '6', READS(family, family), .excludes = "unix", .help = "use IPv6 only"},
    {.name = "host",
     .letter = 'H',
     .argument = "HOST",
     READS(name, host),
     .excludes = "unix",
     .help = "address or name (default 127.0.0.1); :: takes IPv4 clients too"},
    {.name = "port",
     .letter = 'p',
     .argument = "PORT",
     READS(port, port),
     .min = 0,
     .max = 65535,
     .excludes = "unix",
     .help = "TCP port (default 60001)"},
    {.name = "unix",
     .argument = "PATH",
     READS(name, transport.path),
     .excludes = "ipv4",
     .help = "an AF_UNIX socket instead; @NAME for an abstract one"},
    {0},
};

static const struct option_spec kind[] = {
    {.name = "seqpacket", READS(flag, seqpacket), .needs = "unix", .help = "SOCK_SEQPACKET instead of a stream"},
    {.name = "mptcp", READS(flag, mptcp), .excludes = "unix", .help = "Multipath TCP (IPPROTO_MPTCP)"},
    {.name = "fastopen",
     READS(flag, transport.fastopen),
     .excludes = "unix",
     .help = "TCP Fast Open: after the first connection has fetched a cookie, the others' first data goes with the SYN"},
    {0},
};

static const struct option_spec server[] = {
    {.name = "backlog",
     .letter = 'b',
     .argument = "N",
     READS(backlog, server.backlog),
     .min = INT_MIN,
     .max = INT_MAX,
     .help = "what listen(2) is asked for; a negative one means somaxconn (default 128)"},
    {.name = "reuseport",
     .argument = "K",
     READS(u32, server.reuseport),
     .min = 1,
     .max = REUSEPORT_MAX,
     .excludes = "unix",
     .help = "K listeners share the port by SO_REUSEPORT, each with such a backlog"},
    {.name = "defer-accept",
     .argument = "DUR",
     READS(duration, server.defer_accept),
     .min = NSEC_PER_SEC,
     .max = 3600 * NSEC_PER_SEC,
     .excludes = "unix",
     .help = "TCP_DEFER_ACCEPT: clients enter the queue with their first data, or after this time (whole seconds)"},
    {.name = "accept-delay",
     .letter = 'd',
     .argument = "DUR",
     READS(duration, server.accept_delay),
     .help = "wait this long before each accept (default 0)"},
    {.name = "accept-rate",
     .argument = "N",
     READS(accept_rate, server.accept_delay),
     .min = 1,
     .max = 1000000,
     .excludes = "accept-delay",
     .help = "the same as a number of accepts a second"},
    {.name = "stall",
     .argument = "DUR",
     READS(duration, server.stall),
     .help = "accept nobody for this long, from the first client's arrival on"},
    {.name = "stall-every",
     .argument = "DUR",
     READS(duration, server.stall_every),
     .needs = "stall",
     .help = "... and again each time this is over"},
    {.name = "accept-count",
     .letter = 'a',
     .argument = "N",
     READS(i64, server.accept_count),
     .max = 1000000000,
     .help = "accept N clients, then leave the rest in the queue; 0 never accepts (default: no limit)"},
    {.name = "duration",
     .argument = "DUR",
     READS(duration, server.duration),
     .help = "stop listening after this time (default: until interrupted)"},
    {.name = "greeting", .argument = "TEXT", READS(text, server.greeting), .help = "send this line to every accepted client"},
    {0},
};

static const struct option_spec full[] = {
    {.name = "full",
     READS(flag, server.full),
     .excludes = "reuseport,defer-accept,fastopen",
     .help = "accept nobody and keep the queue full with clients of its own, so that every connect() times out (on an AF_UNIX "
             "socket it blocks, or fails with EAGAIN); ready when it is full; with --accept-count, accept N first"},
    {0},
};

static const struct option_spec probe[] = {
    {.name = "count",
     .letter = 'n',
     .argument = "N",
     READS(u32, probe.arrivals.count),
     .min = 1,
     .max = 1000000,
     .help = "open N connections (default 10)"},
    {.name = "timeout",
     .letter = 't',
     .argument = "DUR",
     READS(duration, probe.timeout),
     .help = "patience after the burst; 0 judges as soon as it is out (default 2s)"},
    {.name = "rate",
     .letter = 'r',
     .argument = "N",
     READS(u32, probe.arrivals.rate),
     .min = 1,
     .max = 50000,
     .excludes = "burst",
     .help = "open N a second (default: all at once)"},
    {.name = "burst",
     .argument = "N",
     READS(u32, probe.arrivals.burst),
     .min = 1,
     .max = 1000000,
     .needs = "every",
     .help = "open N at once, and N more each time --every is over"},
    {.name = "every",
     .argument = "DUR",
     READS(duration, probe.arrivals.every),
     .min = NSEC_PER_MSEC,
     .max = 3600 * NSEC_PER_SEC,
     .needs = "burst",
     .help = "time from one --burst to the next"},
    {.name = "threads",
     .argument = "N",
     READS(u32, probe.threads),
     .min = 1,
     .max = 256,
     .help = "open from N threads at the same time (default: in one order, which makes the outcome on loopback exact)"},
    {.name = "source",
     .argument = "ADDRS",
     READS(sources, probe.sources),
     .excludes = "delay",
     .help = "connect from these addresses, an equal share from each: ADDR[,ADDR...] or ADDR/PREFIX (default: the "
             "target's own, and on loopback fresh ones above 100 connections)"},
    {.name = "send",
     .argument = "TEXT",
     READS(text, probe.send),
     .help = "send this line on every connection; an answer proves that the application has it"},
    {.name = "expect",
     .letter = 'e',
     .argument = "EXPR",
     READS(expectations, expect),
     .max = MEASURES_OF_BURST,
     .help = "fail with status 1 unless this holds: MEASURE OP NUMBER, comma-separated, such as "
             "connected=1,queued>=3; measures are the verdicts and drops, queue, backlog, capacity; "
             "OP is = != < <= > or >="},
    {0},
};

static const struct option_spec lab[] = {
    {.name = "preset",
     .argument = "NAME",
     READS(preset, preset),
     .help = "a famous effect with its explanation; options given beside it change it"},
    {.name = "list-presets", READS(flag, list_presets), .help = "show the presets and the options they stand for"},
    {.name = "delay",
     .argument = "DUR",
     READS(duration, delay),
     .min = 0,
     .max = 10 * NSEC_PER_SEC,
     .excludes = "host-net,unix,host",
     .help = "each packet takes this long on its way: the round-trip time is twice that"},
    {.name = "sysctl",
     .argument = "KEY=VALUE",
     READS(sysctl, sysctls),
     .excludes = "host-net",
     .help = "set a net.* sysctl of the private namespace; repeatable"},
    {.name = "host-net", READS(flag, host_net), .help = "use this host's network instead of a private namespace"},
    {0},
};

static const struct option_spec vary[] = {
    {.name = "backlog",
     .letter = 'b',
     .argument = "VALUES",
     READS(varied, sweep),
     .help = "what listen(2) is asked for: N, N..M, N..M..STEP, and several of these with commas between"},
    {.name = "count", .letter = 'n', .argument = "VALUES", READS(varied, sweep), .help = "connections, likewise"},
    {.name = "accept-delay",
     .letter = 'd',
     .argument = "VALUES",
     READS(varied, sweep),
     .excludes = "accept-rate",
     .help = "wait before each accept: durations, likewise, such as 0,1ms,5ms or 0..10ms..2ms"},
    {.name = "rate",
     .letter = 'r',
     .argument = "VALUES",
     READS(varied, sweep),
     .excludes = "burst",
     .help = "arrivals a second, likewise"},
    {.name = "sysctl",
     .argument = "KEY=VALUES",
     READS(varied, sweep),
     .excludes = "host-net",
     .help = "a net.* sysctl of the private namespaces, likewise; repeatable"},
    {0},
};

static const struct option_spec sweep[] = {
    {.name = "repeat",
     .argument = "N",
     READS(u32, sweep.repeat),
     .min = 1,
     .max = REPEAT_MAX,
     .help = "run each combination N times; the table shows the middle one (default 1)"},
    {.name = "jobs",
     .argument = "N",
     READS(u32, sweep.jobs),
     .min = 1,
     .max = TRIALS_JOBS_MAX,
     .help = "at most N runs side by side (default: one a processor, four if all are small; one in all with a schedule, a socket "
             "file or --host-net)"},
    {.name = "csv", READS(flag, sweep.csv), .excludes = "json,quiet", .help = "a line of comma-separated values for each run"},
    {.name = "svg", .argument = "FILE", READS(text, svg), .help = "draw lost, timed_out and the time to accepted into FILE"},
    {0},
};

static const struct option_spec load[] = {
    {.name = "rate",
     .letter = 'r',
     .argument = "N",
     READS(u32, probe.arrivals.rate),
     .min = 1,
     .max = 50000,
     .excludes = "burst",
     .help = "N clients come each second"},
    {.name = "burst",
     .argument = "N",
     READS(u32, probe.arrivals.burst),
     .min = 1,
     .max = 100000,
     .needs = "every",
     .help = "N clients come at once, and N more each time --every is over"},
    {.name = "every",
     .argument = "DUR",
     READS(duration, probe.arrivals.every),
     .min = NSEC_PER_MSEC,
     .max = 3600 * NSEC_PER_SEC,
     .needs = "burst",
     .help = "time from one --burst to the next"},
    {0},
};

static const struct option_spec pace[] = {
    {.name = "reuseport",
     .argument = "K",
     READS(u32, server.reuseport),
     .min = 1,
     .max = REUSEPORT_MAX,
     .excludes = "unix",
     .help = "K listeners share the port by SO_REUSEPORT; the backlog is that of each"},
    {.name = "accept-delay",
     .letter = 'd',
     .argument = "DUR",
     READS(duration, server.accept_delay),
     .help = "what a client takes the server until it can accept the next one (default 0)"},
    {.name = "accept-rate",
     .argument = "N",
     READS(accept_rate, server.accept_delay),
     .min = 1,
     .max = 1000000,
     .excludes = "accept-delay",
     .help = "the same as a number of accepts a second"},
    {.name = "stall",
     .argument = "DUR",
     READS(duration, server.stall),
     .help = "the longest time that the server accepts nobody: a garbage collection, a fork, a slow disk"},
    {.name = "stall-every",
     .argument = "DUR",
     READS(duration, server.stall_every),
     .needs = "stall",
     .help = "time from the beginning of one stall to the next (default: once)"},
    {0},
};

static const struct option_spec size[] = {
    {.name = "checks",
     .argument = "N",
     READS(u32, size.checks),
     .min = 1,
     .max = 1000,
     .help = "run N times with the answer, without a drop, before it is given (default 20)"},
    {.name = "sysctl",
     .argument = "KEY=VALUE",
     READS(sysctl, sysctls),
     .help = "set a net.* sysctl of the lab's namespaces; repeatable"},
    {0},
};

static const struct option_spec account[] = {
    {.name = "summary", READS(flag, probe.summary), .help = "no row per connection, in text and JSON"},
    {.name = "timeline", READS(flag, probe.timeline), .help = "show when what happened, a lane for each connection"},
    {.name = "svg", .argument = "FILE", READS(text, svg), .help = "draw that into FILE"},
    {0},
};

static const struct option_spec output[] = {
    {.name = "json", .letter = 'j', READS(flag, json), .excludes = "quiet", .help = "report as JSON"},
    {.name = "quiet", .letter = 'q', READS(flag, quiet), .help = "no report: only the exit status"},
    {.name = "color",
     .argument = "WHEN",
     READS(color, color),
     .help = "auto, always or never (default auto; NO_COLOR is honoured)"},
    {.name = "help", .letter = 'h', READS(flag, help), .help = "print this help"},
    {.name = "version", .letter = 'V', READS(flag, version), .help = "print the version"},
    {0},
};

static const struct option_spec list[] = {
    {.name = "columns",
     .argument = "NAMES",
     READS(columns, list),
     .help = "show these columns, comma-separated; 'help' explains them all"},
    {.name = "sort",
     .argument = "NAMES",
     READS(sort, list),
     .help = "sort by these columns; -NAME downwards (default: family, port, address)"},
    {.name = "expect",
     .letter = 'e',
     .argument = "EXPR",
     READS(expectations, expect),
     .max = MEASURES_OF_LISTENER,
     .help = "fail with status 1 unless this holds for every listener shown, and there is one: MEASURE OP NUMBER, "
             "comma-separated, such as backlog>=1024,drops=0; measures are queue, backlog, capacity, percent, half_open, drops, "
             "oldest_ms, listeners; OP is = != < <= > or >="},
    {.name = "prometheus", READS(flag, list.prometheus), .excludes = "json", .help = "metrics in the text format of Prometheus"},
    {.name = "output",
     .argument = "FILE",
     READS(text, list.output),
     .excludes = "quiet",
     .help = "write to FILE, put in place by rename: for the textfile collector of node_exporter"},
    {0},
};

static const struct option_spec resize[] = {
    {.name = "backlog",
     .letter = 'b',
     .argument = "N",
     READS(resize, resize),
     .min = INT_MIN,
     .max = INT_MAX,
     .help = "what listen(2) is called with; a negative one means somaxconn; needed"},
    {.name = "all",
     READS(flag, resize.all),
     .excludes = "all-netns",
     .help = "every listener that is selected, not only one or one reuseport group"},
    {.name = "dry-run", READS(flag, resize.dry_run), .help = "say what would change, and whether the rights suffice"},
    {0},
};

static const struct option_spec measure[] = {
    {.name = "budget",
     .argument = "DUR",
     READS(duration, measure.freeze.budget),
     .min = NSEC_PER_MSEC,
     .max = 10 * NSEC_PER_SEC,
     .help = "the server stands still for no longer than this (default 300ms)"},
    {.name = "timeout",
     .letter = 't',
     .argument = "DUR",
     READS(duration, measure.timeout),
     .help = "patience afterwards: for the server to take in what waits, and to accept one more; each (default 5s)"},
    {.name = "yes", .letter = 'y', READS(flag, measure.yes), .help = "do not ask: live clients may wait"},
    {.name = "with-waiting", READS(flag, measure.with_waiting), .help = "also when clients wait in the queue already"},
    {.name = "freeze",
     .argument = "HOW",
     READS(freeze, measure.freeze.method),
     .help = "auto, ptrace or stop: by ptrace(2), or by SIGSTOP and SIGCONT, which parents and supervisors see (default auto: "
             "ptrace where that is allowed)"},
    {.name = "expect",
     .letter = 'e',
     .argument = "EXPR",
     READS(expectations, expect),
     .max = MEASURES_OF_LISTENER,
     .help = "fail with status 1 unless this holds, such as capacity>=1024: MEASURE OP NUMBER, comma-separated; capacity is what "
             "was counted"},
    {0},
};

static const struct option_spec watch[] = {
    {.name = "interval",
     .letter = 'i',
     .argument = "DUR",
     READS(duration, watch.interval),
     .min = 100 * NSEC_PER_MSEC,
     .max = 3600 * NSEC_PER_SEC,
     .help = "time between screens, or blocks of output (default 1s)"},
    {.name = "batch",
     READS(flag, watch.batch),
     .help = "print a block an interval, also on a terminal; --json prints a JSON object a line"},
    {.name = "iterations",
     .letter = 'n',
     .argument = "N",
     READS(u32, watch.iterations),
     .min = 1,
     .max = 1000000000,
     .help = "end after N intervals"},
    {.name = "duration", .argument = "DUR", READS(duration, watch.duration), .help = "end after this time"},
    {.name = "sort",
     .argument = "NAMES",
     READS(sort, list),
     .help = "sort by these columns of list; -NAME downwards (default: who drops, then who is fullest); the first row is sampled "
             "fast"},
    {.name = "alert",
     .letter = 'a',
     .argument = "EXPR",
     READS(expectations, watch.alerts),
     .max = MEASURES_OF_WATCH,
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
const struct option_group options_full = {"A queue that stays full", full};
const struct option_group options_probe = {"The burst", probe};
const struct option_group options_vary = {"What varies", vary};
const struct option_group options_sweep = {"The sweep", sweep};
const struct option_group options_load = {"Who comes", load};
const struct option_group options_pace = {"The server", pace};
const struct option_group options_size = {"The measurement", size};
const struct option_group options_account = {"The report", account};
const struct option_group options_lab = {"The lab", lab};
const struct option_group options_output = {"Output", output};
const struct option_group options_resize = {"The new size", resize};
const struct option_group options_measure = {"The measurement", measure};
const struct option_group options_watch = {"The view", watch};
const struct option_group options_list = {"The list", list};
