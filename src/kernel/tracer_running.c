/* Finds the traces that run, by the programs that they have in the kernel, and reads their maps. */
#include "backlogctl/tracer_running.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backlogctl/fd.h"

/* The program that every trace has, see bpf/trace.bpf.c. It uses both maps, and it took CAP_PERFMON to load it: so who may load
   nothing cannot pass maps of his own off as those of a trace. */
#define PROGRAM "set_state"
#define PROGRAM_MAPS_MAX 16

/* libbpf is not needed for this, so that a build without it reads what another counts. */
static long bpf(int what, union bpf_attr *attr)
{
    return syscall(SYS_bpf, what, attr, sizeof *attr);
}

static int info_of(int fd, void *info, size_t size)
{
    union bpf_attr attr = {0};
    attr.info.bpf_fd = (uint32_t)fd;
    attr.info.info_len = (uint32_t)size;
    attr.info.info = (uintptr_t)info;
    return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) ? -errno : 0;
}

static int open_by_id(int what, uint32_t id)
{
    union bpf_attr attr = {0};
    attr.prog_id = id; /* as map_id */
    return (int)bpf(what, &attr);
}

/* An array of the wanted shape; MAP_FAILED: it is not that. Mapped it cannot change its size, and stays when its owner ends. A descriptor
   that can only read could not be mapped: the kernel takes such a mapping for a private one. */
static void *map_if(const char *name, uint32_t id, size_t value_size, uint32_t *entries)
{
    struct bpf_map_info info = {0};
    SCOPED_FD fd = open_by_id(BPF_MAP_GET_FD_BY_ID, id);
    if (fd < 0 || info_of(fd, &info, sizeof info))
        return MAP_FAILED;
    if (strncmp(info.name, name, sizeof info.name) || info.type != BPF_MAP_TYPE_ARRAY || !(info.map_flags & BPF_F_MMAPABLE) ||
        info.key_size != sizeof(uint32_t) || info.value_size != value_size || !info.max_entries || info.max_entries > *entries)
        return MAP_FAILED;
    *entries = info.max_entries;
    return mmap(NULL, value_size * info.max_entries, PROT_READ, MAP_SHARED, fd, 0);
}

static void release_one(struct running_trace *trace)
{
    if (trace->common)
        munmap((void *)(uintptr_t)trace->common, sizeof *trace->common);
    if (trace->slots)
        munmap((void *)(uintptr_t)trace->slots, sizeof *trace->slots * trace->slot_count);
    for (size_t i = 0; i < TRACE_PROGRAMS_ROOM; i++)
        if (trace->programs[i] > 0)
            close(trace->programs[i]);
    *trace = (struct running_trace){0};
}

#define SLOTS_MAX (1u << 20)

static void map_all(struct running_trace *trace, const uint32_t *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint32_t one = 1, entries = SLOTS_MAX;
        void *memory = trace->common ? MAP_FAILED : map_if("trace_common", ids[i], sizeof *trace->common, &one);
        if (memory != MAP_FAILED)
            trace->common = memory;
        memory = trace->slots ? MAP_FAILED : map_if("trace_slots", ids[i], sizeof *trace->slots, &entries);
        if (memory != MAP_FAILED) {
            trace->slots = memory;
            trace->slot_count = entries;
        }
    }
}

static bool identify(struct running_trace *trace)
{
    if (!trace->common || !trace->slots || __atomic_load_n(&trace->common->identity.magic, __ATOMIC_ACQUIRE) != TRACE_MAGIC)
        return false;
    trace->identity = trace->common->identity;
    if (!trace_identity_is_valid(&trace->identity))
        return false;
    for (enum trace_figure f = 0; f < TRACE_FIGURE_COUNT; f++) {
        enum trace_worth worth = (enum trace_worth)trace->identity.worth[f];
        trace->hooks.of[f] = (struct trace_hook){worth == TRACE_UNKNOWN ? NULL : "", worth};
    }
    for (uint32_t i = 0; i < trace->identity.program_count; i++) {
        int fd = open_by_id(BPF_PROG_GET_FD_BY_ID, trace->identity.programs[i].id);
        trace->programs[i] = fd > 0 ? fd : 0;
    }
    return true;
}

/* In the order of their beginning. */
static void add(struct running_traces *traces, struct running_trace *trace)
{
    size_t place = traces->count;
    if (place == RUNNING_TRACES_MAX) {
        traces->unreadable++;
        release_one(trace);
        return;
    }
    for (; place && traces->list[place - 1].identity.began > trace->identity.began; place--)
        traces->list[place] = traces->list[place - 1];
    traces->list[place] = *trace;
    traces->count++;
}

/* 0, also when it is no trace or has just ended; or -errno. */
static int look_at_program(struct running_traces *traces, uint32_t id)
{
    struct bpf_prog_info info = {0};
    struct running_trace trace = {0};
    uint32_t maps[PROGRAM_MAPS_MAX] = {0};
    SCOPED_FD fd = open_by_id(BPF_PROG_GET_FD_BY_ID, id);
    info.nr_map_ids = PROGRAM_MAPS_MAX;
    info.map_ids = (uintptr_t)maps;
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno;
    int status = info_of(fd, &info, sizeof info);
    if (status || info.type != BPF_PROG_TYPE_TRACING || strncmp(info.name, PROGRAM, sizeof info.name))
        return status;
    map_all(&trace, maps, info.nr_map_ids < PROGRAM_MAPS_MAX ? info.nr_map_ids : PROGRAM_MAPS_MAX);
    if (identify(&trace)) {
        add(traces, &trace);
        return 0;
    }
    traces->unreadable += !trace.common || trace.common->identity.magic; /* one that only begins has none yet */
    release_one(&trace);
    return 0;
}

static int refused(int code, struct error *err)
{
    if (code == EPERM || code == EACCES)
        return error_set(err, code, "no right to look for a running trace: that takes CAP_SYS_ADMIN (or root)");
    if (code == ENOSYS || code == EINVAL)
        return error_set(err, ENOSYS, "this kernel tells nothing of a running trace: it has no bpf(2)");
    return error_set(err, code, "cannot look for a running trace: %s", strerror(code));
}

int running_traces_open(struct running_traces *out, struct error *err)
{
    uint32_t id = 0;
    int failed = 0;
    for (;;) {
        union bpf_attr attr = {0};
        attr.start_id = id;
        if (bpf(BPF_PROG_GET_NEXT_ID, &attr))
            break;
        id = attr.next_id;
        int status = look_at_program(out, id);
        failed = failed ? failed : -status;
    }
    if (errno != ENOENT)
        return refused(errno, err);
    return failed && !out->count ? refused(failed, err) : 0;
}

void running_traces_release(struct running_traces *traces)
{
    for (size_t i = 0; i < traces->count; i++)
        release_one(&traces->list[i]);
    traces->count = 0;
}

/* As tracer_read does; where it is not told, it may have been. */
static void read_left_out(const struct running_trace *trace, struct trace_counts *out)
{
    memset(out->left_out, 0, sizeof out->left_out);
    for (uint32_t i = 0; i < trace->identity.program_count; i++) {
        struct bpf_prog_info info = {0};
        bool told = trace->programs[i] && !info_of(trace->programs[i], &info, sizeof info);
        out->left_out[trace->identity.programs[i].figure] += told ? info.recursion_misses : 1;
    }
    out->left_out[TRACE_LENGTH] = out->left_out[TRACE_ENTERED];
    out->left_out[TRACE_SYN_QUEUE] = out->left_out[TRACE_SYN];
}

int running_trace_read(const struct running_trace *trace, struct trace_counts *out, struct error *err)
{
    uint32_t taken = *(const volatile uint32_t *)&trace->common->slots;
    uint32_t count = taken < trace->slot_count ? taken : trace->slot_count;
    struct trace_slot *slots = realloc(out->slots, (count + 1) * sizeof *slots);
    if (!slots)
        return error_set(err, ENOMEM, "no memory for %u listeners", count);
    out->slots = slots;
    out->count = 0;
    out->common = *trace->common;
    for (uint32_t i = 0; i < count; i++) {
        slots[out->count] = trace->slots[i];
        if (!slots[out->count].sk) /* free */
            continue;
        if (trace_slot_is_valid(&slots[out->count])) {
            out->count++;
            continue;
        }
        out->common.slots_missing++;
    }
    read_left_out(trace, out);
    return 0;
}
