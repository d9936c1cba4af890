/* The options of a merge. */
#include "settings_takes.h"

static const struct option_spec merge[] = {
    {.name = "hosts",
     .argument = "N",
     READS(u32, merge.hosts),
     .min = 1,
     .max = SEGMENTS_MAX,
     .usual = "N hosts sent: with fewer reports counts are bounds",
     .help = "N hosts sent: where fewer reports can be used, what is counted is a lower bound (default: as many as --segment of "
             "the reports says)"},
    {.name = "expect",
     .letter = 'e',
     .argument = "EXPR",
     READS(expectations, expect),
     .max = MEASURES_OF_BURST,
     .usual = "fail with status 1 unless connected=1,queued>=3",
     .help = "fail with status 1 unless this holds of all hosts together: MEASURE OP NUMBER, comma-separated, as for probe"},
    {0},
};

const struct option_group options_merge = {"The merge", merge};
