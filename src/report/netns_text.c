/* What binds listeners in each network namespace, in words: the sysctls of most of them once, then what differs, and where something
   was dropped. */
#include "internal.h"

#include <inttypes.h>
#include <stddef.h>
#include <string.h>

static void write_netns_name(FILE *out, const struct netns_facts *facts)
{
    fprintf(out, "netns %" PRIu64, facts->inode);
    if (*facts->name)
        fprintf(out, " (%s)", facts->name);
    else if (facts->pid)
        fprintf(out, " (pid %d)", (int)facts->pid);
}

static const struct {
    const char *key;
    size_t at;
} sysctls[] = {{"somaxconn", offsetof(struct netns_facts, somaxconn)},
               {"tcp_max_syn_backlog", offsetof(struct netns_facts, tcp_max_syn_backlog)},
               {"tcp_syncookies", offsetof(struct netns_facts, tcp_syncookies)},
               {"tcp_abort_on_overflow", offsetof(struct netns_facts, tcp_abort_on_overflow)}};

#define SYSCTLS (sizeof sysctls / sizeof *sysctls)

static int64_t sysctl_of(const struct netns_facts *facts, size_t n)
{
    int64_t value;
    memcpy(&value, (const char *)facts + sysctls[n].at, sizeof value);
    return value;
}

/* Those that differ from those of `usual`, all if it is NULL. */
static bool write_sysctls(FILE *out, const char *before, const struct netns_facts *facts, const struct netns_facts *usual)
{
    bool any = false;
    for (size_t n = 0; n < SYSCTLS; n++) {
        int64_t value = sysctl_of(facts, n);
        if (usual && sysctl_of(usual, n) == value)
            continue;
        if (value >= 0)
            fprintf(out, "%s%s=%" PRId64, any ? ", " : before, sysctls[n].key, value);
        else if (usual)
            fprintf(out, "%s%s unknown", any ? ", " : before, sysctls[n].key);
        any = any || value >= 0 || usual;
    }
    return any;
}

/* Those that are not 0: cookies, full SYN queues, held ACKs. */
static void write_other_counters(FILE *out, const struct counters *counters)
{
    for (enum counter c = 0; c < COUNTER_COUNT; c++)
        if (c != COUNTER_LISTEN_OVERFLOWS && c != COUNTER_LISTEN_DROPS && counters->value[c])
            fprintf(out, ", %s %" PRIu64, counter_name(c), counters->value[c]);
}

static void write_drops_of(FILE *out, const struct netns_facts *facts)
{
    fprintf(out, "ListenOverflows %" PRIu64 ", ListenDrops %" PRIu64, facts->counters.value[COUNTER_LISTEN_OVERFLOWS],
            facts->counters.value[COUNTER_LISTEN_DROPS]);
    if (facts->drops_gone)
        fprintf(out, ", of which at least %" PRIu64 " by listeners that are gone: no living one accounts for them",
                facts->drops_gone);
    write_other_counters(out, &facts->counters);
}

static void write_only_one(FILE *out, const struct netns_facts *facts)
{
    if (facts->ours)
        fputs("this network namespace", out);
    else
        write_netns_name(out, facts);
    bool any = write_sysctls(out, ": ", facts, NULL);
    if (facts->counters.known) {
        fprintf(out, "%ssince it was made: ", any ? "; " : ": ");
        write_drops_of(out, facts);
    }
}

/* ---- Several ---- */

/* Anything at all. */
static bool counted(const struct netns_facts *facts)
{
    uint64_t sum = 0;
    for (enum counter c = 0; c < COUNTER_COUNT && facts->counters.known; c++)
        sum += facts->counters.value[c];
    return sum;
}

static bool same_sysctls(const struct netns_facts *a, const struct netns_facts *b)
{
    for (size_t n = 0; n < SYSCTLS; n++)
        if (sysctl_of(a, n) != sysctl_of(b, n))
            return false;
    return true;
}

static size_t like(const struct survey *survey, const struct netns_facts *facts)
{
    size_t count = 0;
    for (size_t i = 0; i < survey->namespace_count; i++)
        count += same_sysctls(&survey->namespaces[i], facts);
    return count;
}

/* One of those whose sysctls most of them have. */
static const struct netns_facts *most_usual(const struct survey *survey)
{
    const struct netns_facts *most = &survey->namespaces[0];
    size_t most_count = 0;
    for (size_t i = 0; i < survey->namespace_count && most_count <= survey->namespace_count / 2; i++) {
        size_t count = like(survey, &survey->namespaces[i]);
        if (count > most_count) {
            most = &survey->namespaces[i];
            most_count = count;
        }
    }
    return most;
}

#define NAMED_MAX 4

/* Those that differ are named where they are few. */
static void write_who(FILE *out, const struct survey *survey, const struct netns_facts *facts, size_t alike, bool usual)
{
    const char *before = "";
    if (alike > 1 && (usual || alike > NAMED_MAX)) {
        if (alike < survey->namespace_count)
            fprintf(out, "%zu of %zu network namespaces", alike, survey->namespace_count);
        else
            fprintf(out, "all %zu network namespaces", alike);
        return;
    }
    for (size_t i = 0; i < survey->namespace_count; i++)
        if (same_sysctls(&survey->namespaces[i], facts)) {
            fputs(before, out);
            write_netns_name(out, &survey->namespaces[i]);
            before = ", ";
        }
}

/* Those of the same sysctls in one line, with those of them that dropped nobody. */
static void write_shared(FILE *out, const struct survey *survey, const struct netns_facts *facts, const struct netns_facts *usual)
{
    size_t alike = like(survey, facts), idle = 0;
    for (size_t i = 0; i < survey->namespace_count; i++) {
        const struct netns_facts *one = &survey->namespaces[i];
        idle += same_sysctls(one, facts) && one->counters.known && !counted(one);
    }
    write_who(out, survey, facts, alike, !usual);
    bool any = write_sysctls(out, ": ", facts, usual);
    if (!idle)
        return;
    fputs(any ? "; " : ": ", out);
    if (idle == alike)
        fprintf(out, "since %s made: ListenOverflows 0, ListenDrops 0", alike == 1 ? "it was" : "they were");
    else
        fprintf(out, "in %zu of them since they were made: ListenOverflows 0, ListenDrops 0", idle);
}

/* Whether a line of its own has something to add to the shared one. */
static bool has_more(const struct netns_facts *facts)
{
    return counted(facts) || !facts->counters.known;
}

static void write_more(FILE *out, const struct netns_facts *facts)
{
    write_netns_name(out, facts);
    fputs(": ", out);
    if (facts->counters.known)
        write_drops_of(out, facts);
    else
        fputs("ListenOverflows and ListenDrops cannot be read", out);
}

static void write_several(FILE *out, const struct survey *survey, int columns)
{
    const struct netns_facts *all = survey->namespaces, *usual = most_usual(survey);
    struct fold fold;
    write_shared(fold_begin(&fold, out, columns, 2), survey, usual, NULL);
    fold_end(&fold);
    for (size_t i = 0; i < survey->namespace_count; i++) {
        bool told = same_sysctls(&all[i], usual);
        for (size_t j = 0; j < i && !told; j++)
            told = same_sysctls(&all[i], &all[j]);
        if (told)
            continue;
        write_shared(fold_begin(&fold, out, columns, 2), survey, &all[i], usual);
        fold_end(&fold);
    }
    bool headed = false;
    for (size_t i = 0; i < survey->namespace_count; i++)
        if (has_more(&all[i])) {
            fputs(headed ? "" : "counted since they were made:\n", out);
            headed = true;
            write_more(fold_begin(&fold, out, columns, 2), &all[i]);
            fold_end(&fold);
        }
}

void write_namespaces(FILE *out, const struct survey *survey, int columns)
{
    struct fold fold;
    if (survey->namespace_count == 1) {
        write_only_one(fold_begin(&fold, out, columns, 2), &survey->namespaces[0]);
        fold_end(&fold);
    } else if (survey->namespace_count) {
        write_several(out, survey, columns);
    }
}
