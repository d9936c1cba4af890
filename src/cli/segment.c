/* --segment: which share of a burst is ours, and what it has. */
#include "segment.h"

#include "backlogctl/parse.h"

#include "settings_takes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How those that start a job in many places tell each which it is. */
static const struct {
    const char *index, *of; /* variables of the environment */
    uint32_t first;         /* what the index counts from */
} starters[] = {
    {"JOB_COMPLETION_INDEX", NULL, 0}, /* an Indexed Job of Kubernetes */
    {"SLURM_PROCID", "SLURM_NTASKS", 0},
    {"PARALLEL_SEQ", NULL, 1}, /* GNU parallel */
};

#define STARTERS "JOB_COMPLETION_INDEX, SLURM_PROCID, PARALLEL_SEQ"

static int number_of(const char *variable, int64_t min, int64_t *out, struct error *err)
{
    struct error why = {0};
    if (parse_integer(getenv(variable), min, SEGMENTS_MAX, out, &why))
        return error_set(err, EINVAL, "%s is '%.40s': %s", variable, getenv(variable), why.text);
    return 0;
}

/* What the environment says: the index, and how many there are where `of` is 0. */
static int from_environment(int64_t *index, int64_t *of, struct error *err)
{
    for (size_t i = 0; i < sizeof starters / sizeof *starters; i++) {
        if (!getenv(starters[i].index))
            continue;
        int status = number_of(starters[i].index, starters[i].first, index, err);
        *index += 1 - (int64_t)starters[i].first;
        if (status || *of)
            return status;
        if (!starters[i].of || !getenv(starters[i].of))
            return error_set(err, EINVAL, "%s is set, but not of how many: want /N", starters[i].index);
        return number_of(starters[i].of, 1, of, err);
    }
    return error_set(err, EINVAL, "want I/N, or one of %s in the environment", STARTERS);
}

int take_segment(const struct option_spec *spec, const char *text, void *field, struct error *err)
{
    (void)spec;
    char first[24];
    int64_t index = 0, of = 0;
    const char *slash = strchr(text, '/');
    int status = 0;
    if (strcmp(text, "auto") && (!slash || slash - text >= (ptrdiff_t)sizeof first))
        return error_set(err, EINVAL, "want I/N, such as 2/8, or /N or auto");
    if (slash)
        status = parse_integer(slash + 1, 1, SEGMENTS_MAX, &of, err);
    if (!status && slash && slash > text) {
        snprintf(first, sizeof first, "%.*s", (int)(slash - text), text);
        status = parse_integer(first, 1, of, &index, err);
    } else if (!status) {
        status = from_environment(&index, &of, err);
    }
    if (!status && index > of)
        status = error_set(err, ERANGE, "this is number %" PRId64 " of %" PRId64, index, of);
    if (!status)
        *(option_segment *)field = (struct segment){.index = (uint32_t)index, .of = (uint32_t)of};
    return status;
}

/* A part of them in a row, so that no two segments have one in common. */
static int share_sources(struct source_list *sources, const struct segment *segment, struct error *err)
{
    struct source_list share = {.text = sources->text};
    uint64_t all = 0, passed = 0;
    for (size_t i = 0; i < sources->count; i++)
        all += sources->ranges[i].count;
    uint64_t from = all * (segment->index - 1) / segment->of, end = all * segment->index / segment->of;
    if (all && all < segment->of)
        return error_set(err, EINVAL, "--segment: --source has %" PRIu64 " addresses, want one for each of %" PRIu32 " segments",
                         all, segment->of);
    for (size_t i = 0; i < sources->count; passed += sources->ranges[i++].count) {
        uint64_t low = from > passed ? from - passed : 0, high = end > passed ? end - passed : 0;
        high = high < sources->ranges[i].count ? high : sources->ranges[i].count;
        if (low < high)
            share.ranges[share.count++] =
                (struct endpoint_range){endpoint_behind(&sources->ranges[i].first, low), (uint32_t)(high - low)};
    }
    *sources = share;
    return 0;
}

int segment_apply(struct settings *settings, struct error *err)
{
    struct arrivals *arrivals = &settings->probe.arrivals;
    struct segment *segment = &arrivals->segment;
    if (!segment->of)
        return 0;
    segment->whole = arrivals->count;
    if (arrivals->count < segment->index)
        return error_set(err, EINVAL,
                         "--segment %" PRIu32 "/%" PRIu32 ": of %" PRIu32 " connections (--count) none is left for it",
                         segment->index, segment->of, arrivals->count);
    arrivals->count = (arrivals->count - segment->index) / segment->of + 1;
    return share_sources(&settings->probe.sources, segment, err);
}
