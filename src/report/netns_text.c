/* What binds listeners in each network namespace, in words. Those that dropped nobody and do not differ share a line. */
#include "internal.h"

#include <inttypes.h>

static void write_netns_name(FILE *out, const struct netns_facts *facts)
{
    fprintf(out, "netns %" PRIu64, facts->inode);
    if (*facts->name)
        fprintf(out, " (%s)", facts->name);
    else if (facts->pid)
        fprintf(out, " (pid %d)", (int)facts->pid);
}

static void write_sysctl(FILE *out, const char **before, const char *key, int64_t value)
{
    if (value < 0)
        return;
    fprintf(out, "%s%s=%" PRId64, *before, key, value);
    *before = ", ";
}

/* Those that are not 0: cookies, full SYN queues, held ACKs. */
static void write_other_counters(FILE *out, const struct counters *counters)
{
    for (enum counter c = 0; c < COUNTER_COUNT; c++)
        if (c != COUNTER_LISTEN_OVERFLOWS && c != COUNTER_LISTEN_DROPS && counters->value[c])
            fprintf(out, ", %s %" PRIu64, counter_name(c), counters->value[c]);
}

/* `alike`: how many namespaces it is about. */
static void write_namespace(FILE *out, const struct survey *survey, const struct netns_facts *facts, size_t alike)
{
    const char *before = ": "; /* of a sysctl; a comma comes before the next one */
    if (alike > 1) {
        fprintf(out, "%zu network namespaces", alike);
    } else if (survey->namespace_count == 1 && facts->ours) {
        fputs("this network namespace: ", out);
        before = "";
    } else {
        write_netns_name(out, facts);
    }
    write_sysctl(out, &before, "somaxconn", facts->somaxconn);
    write_sysctl(out, &before, "tcp_max_syn_backlog", facts->tcp_max_syn_backlog);
    write_sysctl(out, &before, "tcp_syncookies", facts->tcp_syncookies);
    write_sysctl(out, &before, "tcp_abort_on_overflow", facts->tcp_abort_on_overflow);
    if (!facts->counters.known)
        return;
    fprintf(out, "%s since %s made: ListenOverflows %" PRIu64 ", ListenDrops %" PRIu64, *before ? ";" : "",
            alike > 1 ? "they were" : "it was", facts->counters.value[COUNTER_LISTEN_OVERFLOWS],
            facts->counters.value[COUNTER_LISTEN_DROPS]);
    if (facts->drops_gone)
        fprintf(out, ", of which at least %" PRIu64 " by listeners that are gone: no living one accounts for them",
                facts->drops_gone);
    write_other_counters(out, &facts->counters);
}

/* Anything at all. */
static bool counted(const struct netns_facts *facts)
{
    uint64_t sum = 0;
    for (enum counter c = 0; c < COUNTER_COUNT && facts->counters.known; c++)
        sum += facts->counters.value[c];
    return sum;
}

static bool share_a_line(const struct netns_facts *a, const struct netns_facts *b)
{
    return !counted(a) && !counted(b) && a->counters.known == b->counters.known && a->somaxconn == b->somaxconn &&
           a->tcp_max_syn_backlog == b->tcp_max_syn_backlog && a->tcp_syncookies == b->tcp_syncookies &&
           a->tcp_abort_on_overflow == b->tcp_abort_on_overflow;
}

void write_namespaces(FILE *out, const struct survey *survey, int columns)
{
    const struct netns_facts *all = survey->namespaces;
    for (size_t i = 0; i < survey->namespace_count; i++) {
        size_t alike = 1;
        bool told = false;
        for (size_t j = 0; j < i && !told; j++)
            told = share_a_line(&all[i], &all[j]);
        if (told)
            continue;
        for (size_t j = i + 1; j < survey->namespace_count; j++)
            alike += share_a_line(&all[i], &all[j]);
        struct fold fold;
        write_namespace(fold_begin(&fold, out, columns, 2), survey, &all[i], alike);
        fold_end(&fold);
    }
}
