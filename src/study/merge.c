/* Reports of several hosts to one run. */
#include "merge_internal.h"

#include "backlogctl/judge.h"
#include "backlogctl/recorder.h"

#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int read_all(struct merge *m, struct error *err)
{
    int status = 0;
    snprintf(m->reports.version, sizeof m->reports.version, "%s", BACKLOGCTL_VERSION);
    for (char *const *file = m->plan->files; *file && !status; file++)
        status = reports_read(&m->reports, *file, err);
    return status;
}

/* ---- The run ---- */

static void describe_burst(struct merge *m)
{
    const struct merged *merged = &m->reports.merged;
    const struct merged_host *reference = merge_reference(m);
    struct arrivals *arrivals = &m->run.probe.arrivals;
    uint64_t count = 0, rate = 0;
    m->run.probe = reference->probe;
    m->run.probe.summary = m->plan->summary || !m->reports.attempt_count;
    for (size_t i = 0; i < merged->host_count; i++) {
        const struct merged_host *host = &merged->hosts[i];
        if (!is_of_use(host))
            continue;
        m->run.connection_count += host->connections;
        count += host->probe.arrivals.count;
        rate += host->probe.arrivals.rate;
    }
    bool shares = arrivals->segment.of;
    arrivals->count = (uint32_t)(shares ? arrivals->segment.whole : count);
    arrivals->rate = (uint32_t)(shares ? arrivals->rate : rate);
    arrivals->segment = (struct segment){0};
}

static void describe_pace(struct merge *m)
{
    struct merged *merged = &m->reports.merged;
    struct pace *pace = &m->run.pace;
    nsec first = INT64_MAX, last_first = 0, last = 0;
    bool moved = false; /* by the middle of bounds, which is no measurement */
    for (size_t i = 0; i < merged->host_count; i++) {
        const struct merged_host *host = &merged->hosts[i];
        nsec begin = host->zero + host->shifted - m->zero;
        if (!is_of_use(host) || !host->connections || host->pace.took == NSEC_NEVER)
            continue;
        first = begin < first ? begin : first;
        last_first = begin > last_first ? begin : last_first;
        moved = moved || host->shifted;
        last = begin + host->pace.took > last ? begin + host->pace.took : last;
        pace->worst_late = host->pace.worst_late > pace->worst_late ? host->pace.worst_late : pace->worst_late;
        pace->threads = host->pace.threads > pace->threads ? host->pace.threads : pace->threads;
        pace->sources += (uint32_t)host->source_count;
        m->run.last_look = begin + host->last_look > m->run.last_look ? begin + host->last_look : m->run.last_look;
    }
    merged->apart = moved ? NSEC_NEVER : last_first > first ? last_first - first : 0;
    pace->took = last > first ? last - first : 0;
    pace->rate = m->run.connection_count > 1 && pace->took > 0
                     ? (double)(m->run.connection_count - 1) * NSEC_PER_SEC / (double)pace->took
                     : 0;
}

/* What is missing in one of them is missing in all of it; the first such is told, and how many there are. */
static void note_missing(struct merge *m)
{
    const struct merged *merged = &m->reports.merged;
    size_t more = 0;
    for (size_t i = 0; i < merged->host_count + merged->observer_count; i++) {
        const struct merged_host *host = i < merged->host_count ? &merged->hosts[i] : NULL;
        const struct merged_observer *observer = host ? NULL : &merged->observers[i - merged->host_count];
        const char *why = host ? host->incomplete : observer->complete || *observer->trouble ? "" : observer->incomplete;
        if (!*why)
            continue;
        if (!*m->run.incomplete)
            snprintf(m->run.incomplete, sizeof m->run.incomplete, "%.40s: %.80s", host ? host->file : observer->file, why);
        else
            more++;
    }
    size_t used = strlen(m->run.incomplete);
    if (more)
        snprintf(m->run.incomplete + used, sizeof m->run.incomplete - used, ", and more in %zu other reports", more);
}

static void add_bucket_by_bucket(struct spread *sum, const struct spread *one)
{
    if (!one->samples)
        return;
    sum->min = !sum->samples || one->min < sum->min ? one->min : sum->min;
    sum->max = one->max > sum->max ? one->max : sum->max;
    sum->p50 = sum->p90 = sum->p99 = NSEC_NEVER; /* buckets do not tell them */
    sum->samples += one->samples;
    for (size_t i = 0; i < SPREAD_BUCKETS; i++)
        sum->buckets[i] += one->buckets[i];
}

/* Reports without rows have totals and histograms alone. */
static void add_totals(struct merge *m)
{
    for (size_t i = 0; i < m->reports.merged.host_count; i++) {
        const struct merged_host *host = &m->reports.merged.hosts[i];
        if (!is_of_use(host) || host->rows)
            continue;
        for (size_t v = 0; v < VERDICT_COUNT; v++)
            m->run.counts[v] += host->counts[v];
        add_bucket_by_bucket(&m->run.to_established, &host->to_established);
        add_bucket_by_bucket(&m->run.to_accepted, &host->to_accepted);
    }
}

static void describe(struct merge *m)
{
    struct run *run = &m->run;
    note_machine(run);
    run->sysctls = (struct run_sysctls){-1, -1, -1, -1, -1};
    run->target_count = 1;
    run->targets[0] = (struct target){.address = merge_reference(m)->target,
                                      .bound = merge_reference(m)->target,
                                      .attempts = m->reports.attempts,
                                      .sources = m->reports.sources,
                                      .attempt_count = m->reports.attempt_count};
    run->expectation_count = m->plan->expect.count;
    memcpy(run->expectations, m->plan->expect.list, sizeof run->expectations);
    endpoint_address_text(&run->targets[0].address, m->host);
    run->host = m->host;
    describe_burst(m);
    note_missing(m);
}

static int join(struct merge *m, struct error *err)
{
    merge_observers(m);
    int status = merge_join(m, err);
    if (status)
        return status;
    merge_listener(m);
    describe_pace(m);
    if (m->plan->timeline) {
        m->run.probe.timeline = true;
        status = merge_timeline(m, err);
    }
    judge_run(&m->run);
    judge_causes(&m->run);
    judge_times(&m->run);
    add_totals(m);
    judge_expectations(&m->run);
    return status;
}

static int say_useless(const struct merged *merged, struct error *err)
{
    const struct merged_host *first = merged->hosts;
    if (!merged->host_count)
        return error_set(err, EINVAL, "there is no report of a host that sent: want those of probe --json, too");
    if (merged->host_count == 1)
        return error_set(err, EINVAL, "%.100s cannot be used: %.240s", first->file, first->trouble);
    return error_set(err, EINVAL, "none of the %zu reports can be used; the first is %.100s: %.240s", merged->host_count,
                     first->file, first->trouble);
}

int merge_open(struct merge **out, const struct merge_plan *plan, struct error *err)
{
    struct merge *m = calloc(1, sizeof *m);
    *out = m;
    if (!m)
        return error_set(err, ENOMEM, "no memory");
    m->plan = plan;
    int status = read_all(m, err);
    if (!status)
        status = merge_hosts(m, err);
    if (status)
        return status;
    m->run.merged = &m->reports.merged;
    if (!merge_reference(m))
        return say_useless(&m->reports.merged, err);
    describe(m);
    return join(m, err);
}

struct run *merge_run(struct merge *m)
{
    return &m->run;
}

void merge_close(struct merge *m)
{
    if (!m)
        return;
    timeline_release(&m->run.targets[0].timeline);
    reports_release(&m->reports); /* the attempts are among them */
    free(m);
}
