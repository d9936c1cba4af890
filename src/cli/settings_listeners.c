/* The options of those commands that are about listeners that are there already. */
#include "backlogctl/rights.h"

#include "settings_takes.h"

#include <limits.h>

static const struct option_spec list[] = {
    {.name = "columns",
     .argument = "NAMES",
     READS(columns, list),
     .usual = "show these columns; 'help' explains them all",
     .help = "show these columns, comma-separated; 'help' explains them all"},
    {.name = "sort",
     .argument = "NAMES",
     READS(sort, list),
     .usual = "sort by these columns; -NAME downwards",
     .help = "sort by these columns; -NAME downwards (default: the worst first; JSON and metrics: family, port, address)"},
    {.name = "expect",
     .letter = 'e',
     .argument = "EXPR",
     READS(expectations, expect),
     .max = MEASURES_OF_LISTENER,
     .usual = "fail with status 1 unless backlog>=1024,drops=0",
     .help = "fail with status 1 unless this holds for every listener shown, and there is one: MEASURE OP NUMBER, "
             "comma-separated, such as backlog>=1024,drops=0; measures are queue, backlog, capacity, percent, half_open, drops, "
             "oldest_ms, listeners; OP is = != < <= > or >="},
    {.name = "prometheus",
     READS(flag, list.prometheus),
     .excludes = "json",
     .usual = "metrics in the text format of Prometheus",
     .help = "metrics in the text format of Prometheus"},
    {.name = "output",
     .rights = RIGHTS_WRITE,
     .argument = "FILE",
     READS(file, list.output),
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
     .usual = "what listen(2) is called with; needed",
     .help = "what listen(2) is called with; a negative one means somaxconn; needed"},
    {.name = "all",
     READS(flag, resize.all),
     .excludes = "all-netns",
     .usual = "every listener that is selected",
     .help = "every listener that is selected, not only one or one reuseport group"},
    {.name = "dry-run",
     READS(flag, resize.dry_run),
     .usual = "say what would change",
     .help = "say what would change, and whether the rights suffice"},
    {0},
};

static const struct option_spec measure[] = {
    {.name = "budget",
     .argument = "DUR",
     READS(duration, measure.freeze.budget),
     .min = NSEC_PER_MSEC,
     .max = 10 * NSEC_PER_SEC,
     .usual = "stop it for at most this long (default 300ms)",
     .help = "the server stands still for no longer than this (default 300ms)"},
    {.name = "timeout",
     .letter = 't',
     .argument = "DUR",
     READS(duration, measure.timeout),
     .usual = "patience afterwards (default 5s)",
     .help = "patience afterwards: for the server to take in what waits, and to accept one more; each (default 5s)"},
    {.name = "yes",
     .letter = 'y',
     READS(flag, measure.yes),
     .usual = "do not ask: live clients may wait",
     .help = "do not ask: live clients may wait"},
    {.name = "all",
     READS(flag, measure.all),
     .excludes = "tap,junit",
     .usual = "every listener that is selected",
     .help = "every listener that is selected, one after the other"},
    {.name = "with-waiting",
     READS(flag, measure.with_waiting),
     .usual = "also when clients wait in the queue already",
     .help = "also when clients wait in the queue already"},
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
     .usual = "fail with status 1 unless capacity>=1024",
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
     .usual = "time between screens (default 1s)",
     .help = "time between screens, or blocks of output (default 1s)"},
    {.name = "batch",
     READS(flag, watch.batch),
     .usual = "print a block an interval, also on a terminal",
     .help = "print a block an interval, also on a terminal; --json prints a JSON object a line"},
    {.name = "iterations",
     .letter = 'n',
     .argument = "N",
     READS(u32, watch.iterations),
     .min = 1,
     .max = 1000000000,
     .usual = "end after N intervals",
     .help = "end after N intervals"},
    {.name = "duration",
     .argument = "DUR",
     READS(duration, watch.duration),
     .usual = "end after this time",
     .help = "end after this time"},
    {.name = "sort",
     .argument = "NAMES",
     READS(sort, list),
     .usual = "sort by these columns; -NAME downwards",
     .help = "sort by these columns of list; -NAME downwards (default: who drops, then who is fullest); the first row is sampled "
             "fast"},
    {.name = "alert",
     .letter = 'a',
     .argument = "EXPR",
     READS(expectations, watch.alerts),
     .max = MEASURES_OF_WATCH,
     .usual = "status 1 if this ever held, such as queue>=100",
     .help = "say when this begins to hold for any listener, and exit with status 1 if it ever did: MEASURE OP NUMBER, "
             "comma-separated, such as queue>=100,drops_per_second>0; measures are those of list --expect, and peak and "
             "drops_per_second"},
    {0},
};

const struct option_group options_resize = {"The new size", resize};
const struct option_group options_measure = {"The measurement", measure};
static const struct option_spec trace[] = {
    {.name = "interval",
     .letter = 'i',
     .argument = "DUR",
     READS(duration, trace.interval),
     .min = 100 * NSEC_PER_MSEC,
     .max = 3600 * NSEC_PER_SEC,
     .usual = "time between blocks (default 1s)",
     .help = "time between blocks of output (default 1s)"},
    {.name = "duration",
     .argument = "DUR",
     READS(duration, trace.duration),
     .usual = "end after this time",
     .help = "end after this time, with a summary (default: at a signal)"},
    {0},
};

const struct option_group options_trace = {"The trace", trace};
const struct option_group options_watch = {"The view", watch};
const struct option_group options_list = {"The list", list};
