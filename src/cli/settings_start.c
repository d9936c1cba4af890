/* The options of a server that is started, and of tests. */
#include "backlogctl/rights.h"

#include "settings_takes.h"

static const struct option_spec start[] = {
    {.name = "wait",
     .argument = "DUR",
     READS(duration, start.wait),
     .min = NSEC_PER_MSEC,
     .max = 3600 * NSEC_PER_SEC,
     .help = "wait so long for COMMAND to listen (default 10s)"},
    {.name = "warm-up", .argument = "DUR", READS(duration, start.warm_up), .help = "then let it settle for this time"},
    {.name = "env",
     .argument = "NAME=VALUE",
     READS(environment, start.environment),
     .help = "a variable of its environment; repeatable; {backlog} and {port} are replaced in its arguments and here"},
    {.name = "user", .argument = "NAME", READS(user, start.user), .help = "run it as this user; takes root"},
    {.name = "server-log",
     .argument = "FILE",
     READS(file, start.log),
     .help = "write its output there (default: the last of it is shown when it fails)"},
    {.name = "freeze",
     .argument = "HOW",
     READS(freeze, start.freeze),
     .usual = "COMMAND stands still during the burst",
     .help = "it stands still during the burst, so that its queue is counted exactly: auto, ptrace or stop"},
    {0},
};

static const struct option_spec checks[] = {
    {.name = "tap",
     READS(flag, tap),
     .excludes = "json,quiet,prometheus,output",
     .needs = "expect",
     .help = "no report, but each expectation as a test, in the Test Anything Protocol"},
    {.name = "junit",
     .rights = RIGHTS_WRITE,
     .argument = "FILE",
     READS(file, junit),
     .needs = "expect",
     .help = "write the same into FILE, as JUnit's XML"},
    {0},
};

const struct option_group options_checks = {"For programs that count tests", checks};
const struct option_group options_start = {"A server that is started: -- COMMAND", start};
