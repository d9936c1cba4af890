/* The flood as a whole: what it needs is made sure of first, then its shards do the work. */
#include "flood_internal.h"

#include "backlogctl/fd.h"
#include "backlogctl/listener.h"
#include "backlogctl/procfs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Descriptors that the rest of the program, or a shard's thread, may need beside its connections. */
#define SPARE_DESCRIPTORS 40

/* Fewer than this a table is not worth a thread. */
#define SMALLEST_SHARD 16

/* What a connection takes: kernel memory of both ends of a loopback connection (measured), and ours. */
#define BYTES_PER_CONNECTION 7900
#define MEMORY_MATTERS_FROM 5000

/* ---- Preparing ---- */

/* How many connections one descriptor table holds, the limit raised as far as it goes towards `wanted`. */
static size_t table_room(size_t wanted)
{
    size_t limit = fd_raise_limit(wanted + SPARE_DESCRIPTORS);
    return limit > SPARE_DESCRIPTORS ? limit - SPARE_DESCRIPTORS : 0;
}

static int check_memory(size_t count, struct error *err)
{
    if (count < MEMORY_MATTERS_FROM)
        return 0;
    int64_t kib = procfs_number("/proc/meminfo", "MemAvailable:");
    uint64_t there = kib > 0 ? (uint64_t)kib * 1024 : 0, need = (uint64_t)count * BYTES_PER_CONNECTION;
    if (!there || there >= need)
        return 0;
    return error_set(err, ENOMEM,
                     "cannot hold %zu connections: they take about %llu MB of memory, %llu MB are available "
                     "(MemAvailable); free some, or ask for fewer",
                     count, (unsigned long long)(need >> 20), (unsigned long long)(there >> 20));
}

/* All descriptors of the system together. */
static int check_files(size_t count, struct error *err)
{
    char text[128];
    unsigned long long used = 0, max = 0;
    procfs_read("/proc/sys/fs/file-nr", text, sizeof text);
    if (sscanf(text, "%llu %*u %llu", &used, &max) != 2 || !max || used + count <= max)
        return 0;
    return error_set(err, ENFILE, "cannot hold %zu connections: fs.file-max is %llu and %llu are in use; raise it", count, max,
                     used);
}

static int plan_shards(struct flood *flood, struct error *err)
{
    size_t count = flood->count, room = table_room(count);
    if (!room || (room < SMALLEST_SHARD && room < count))
        return error_set(err, EMFILE,
                         "cannot hold %zu connections: the limit on open files (RLIMIT_NOFILE) leaves %zu; "
                         "raise it (ulimit -n)",
                         count, room);
    size_t shards = (count + room - 1) / room;
    if (flood->settings.threads > shards)
        shards = flood->settings.threads < count ? flood->settings.threads : count;
    flood->shards = calloc(shards, sizeof *flood->shards);
    if (!flood->shards)
        return error_set(err, ENOMEM, "no memory for %zu threads", shards);
    flood->shard_count = shards;
    for (size_t s = 0; s < shards; s++) {
        size_t first = count * s / shards, end = count * (s + 1) / shards;
        flood->shards[s] = (struct shard){.flood = flood, .first = first, .end = end, .opened = first, .events.fd = -1};
    }
    return 0;
}

static int prepare(struct flood *flood, struct error *err)
{
    int status = sources_plan(&flood->sources, &flood->settings, flood->count, err);
    if (!status)
        status = check_memory(flood->count, err);
    if (!status)
        status = check_files(flood->count, err);
    if (!status)
        status = plan_shards(flood, err);
    if (status)
        return status;
    flood->fds = malloc(flood->count * sizeof *flood->fds);
    if (!flood->fds)
        return error_set(err, ENOMEM, "no memory for %zu connections", flood->count);
    if (flood->shard_count > 1)
        return crew_start(flood, err);
    return shard_init(&flood->shards[0], flood->loop, err);
}

int flood_open(struct flood **out, const struct flood_settings *settings, struct target *target, struct loop *loop,
               struct error *err)
{
    struct flood *flood = calloc(1, sizeof *flood);
    if (!flood)
        return error_set(err, ENOMEM, "no memory");
    flood->settings = *settings;
    flood->loop = loop;
    flood->target = target;
    flood->attempts = target->attempts;
    flood->count = settings->arrivals.count;
    flood->destination_size = transport_address(&settings->transport, &settings->destination, &flood->destination);
    int status = flood->destination_size ? shard_check_transport(flood, err)
                                         : error_set(err, ENAMETOOLONG, "--unix %.40s...: a socket's path has at most 107 bytes",
                                                     settings->transport.path);
    if (!status)
        status = prepare(flood, err);
    if (status) {
        flood_release(flood);
        return status;
    }
    for (size_t i = 0; i < flood->count; i++) {
        flood->fds[i] = -1;
        flood->attempts[i] = attempt_begun(flood->attempts[i].id);
        if (target->failed)
            target->failed[i] = NSEC_NEVER;
    }
    *out = flood;
    return 0;
}

/* ---- One order for all ---- */

static void everywhere(struct flood *flood, enum order order, void (*on_this_thread)(struct shard *))
{
    if (!flood->flood_threads) {
        on_this_thread(&flood->shards[0]);
        return;
    }
    for (size_t s = 0; s < flood->shard_count; s++)
        crew_give(flood, s, order);
    crew_wait(flood);
}

/* On one thread nothing follows but inside loop_run, so it need not be stopped. */
static void follow_here(struct shard *shard)
{
    shard_follow(shard, true);
}

void flood_look(struct flood *flood, flood_asks *asks, const void *context)
{
    flood->asks = asks;
    flood->asks_context = context;
    everywhere(flood, ORDER_LOOK, shard_look);
}

void flood_pause(struct flood *flood)
{
    if (flood->flood_threads)
        everywhere(flood, ORDER_PAUSE, NULL);
}

void flood_resume(struct flood *flood)
{
    everywhere(flood, ORDER_FOLLOW, follow_here);
}

void flood_abandon(struct flood *flood)
{
    everywhere(flood, ORDER_ABANDON, shard_abandon);
}

/* ---- The burst ---- */

static void burst_here(struct flood *flood)
{
    struct shard *shard = &flood->shards[0];
    shard_follow(shard, true);
    if (flood->settings.lead) {
        shard_burst(shard, 1);
        flood->settings.lead(flood->settings.context);
    }
    shard_burst(shard, shard->end);
}

void flood_stop(struct flood *flood)
{
    atomic_store(&flood->interrupted, true);
}

void flood_set_free(struct flood *flood)
{
    if (!flood->flood_threads) {
        shard_set_free(&flood->shards[0]);
        return;
    }
    crew_give(flood, 0, ORDER_SET_FREE);
    crew_wait(flood);
}

/* One after the other, unless they were asked for at the same time. */
static void burst_by_crew(struct flood *flood)
{
    bool together = flood->settings.threads > 1;
    if (flood->settings.lead) {
        crew_give(flood, 0, ORDER_BURST_ONE);
        crew_wait(flood);
        flood->settings.lead(flood->settings.context);
    }
    for (size_t s = 0; s < flood->shard_count && !atomic_load(&flood->interrupted) && !loop_poll_signal(flood->loop); s++) {
        crew_give(flood, s, ORDER_BURST);
        if (!together)
            crew_wait(flood);
    }
    crew_wait(flood);
}

size_t flood_burst(struct flood *flood, nsec epoch)
{
    flood->epoch = epoch;
    flood->start = clock_now();
    if (loop_poll_signal(flood->loop)) /* it may have come while nobody waited on the loop */
        return 0;
    if (flood->flood_threads)
        burst_by_crew(flood);
    else
        burst_here(flood);
    size_t end = 0;
    for (size_t s = 0; s < flood->shard_count; s++)
        if (flood->shards[s].opened > flood->shards[s].first)
            end = flood->shards[s].opened;
    return end;
}

struct pace flood_pace(const struct flood *flood)
{
    struct pace pace = {.threads = (uint32_t)flood->shard_count, .sources = flood->sources.used};
    nsec first = INT64_MAX, last = 0;
    size_t opened = 0;
    for (size_t s = 0; s < flood->shard_count; s++) {
        const struct shard *shard = &flood->shards[s];
        if (shard->opened == shard->first)
            continue;
        opened += shard->opened - shard->first;
        first = shard->first_open < first ? shard->first_open : first;
        last = shard->last_open > last ? shard->last_open : last;
        pace.worst_late = shard->worst_late > pace.worst_late ? shard->worst_late : pace.worst_late;
    }
    if (opened > 1 && last > first) {
        pace.took = last - first;
        pace.rate = (double)(opened - 1) * NSEC_PER_SEC / (double)pace.took;
    }
    return pace;
}

uint64_t flood_established(const struct flood *flood)
{
    return atomic_load_explicit(&flood->established, memory_order_relaxed);
}

/* ---- The end ---- */

void flood_release(struct flood *flood)
{
    if (!flood)
        return;
    if (flood->flood_threads)
        crew_end(flood);
    else if (flood->shards && flood->fds)
        shard_close(&flood->shards[0]);
    free(flood->shards);
    free(flood->fds);
    free(flood);
}
