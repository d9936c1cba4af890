/* Loads the programs of bpf/trace.bpf.c, attaches them to the hooks that this kernel has, and reads their maps. */
#include "backlogctl/tracer.h"

#include "trace_parts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef BUILT_WITH_LIBBPF

#include "libbpf.h"

#define TEXT_OF(x) #x
#define SONAME(major) "libbpf.so." TEXT_OF(major)
LATE_DEFINE(libbpf, SONAME(LIBBPF_MAJOR_VERSION), LIBBPF_NAMES)

/* Peaks of one listener: before the cut, and behind the cut of the interval before. */
struct cut {
    uint64_t peak, carried;
};

struct tracer {
    struct bpf_object *object;
    struct cut *cuts; /* owned; by slots; NULL: no interval is cut */
    struct trace_hooks hooks;
    struct bpf_link *links[TRACE_PROGRAM_COUNT], *seed;
    struct trace_maps maps;
    int sources;                       /* the descriptor of a map, which the object owns */
    int programs[TRACE_PROGRAM_COUNT]; /* likewise of those that are attached; 0: it is not */
    struct ring_buffer *ring;
    tracer_each_event *each; /* while events are taken in */
    void *context;
};

const char *tracer_lacks(void)
{
    return NULL;
}

const char *tracer_library(void)
{
    return BUILT_WITH_LIBBPF;
}

/* libbpf would write to stderr; what matters comes back as errors. */
static int silent(enum libbpf_print_level level, const char *format, va_list arguments)
{
    (void)level, (void)format, (void)arguments;
    return 0;
}

/* ---- Loading ---- */

static uint32_t room_for(uint64_t listeners)
{
    uint64_t wanted = 2 * listeners;
    return wanted < TRACE_SLOTS_LEAST ? TRACE_SLOTS_LEAST : wanted > TRACE_SLOTS_MOST ? TRACE_SLOTS_MOST : (uint32_t)wanted;
}

static int make_room(struct tracer *t, uint32_t listeners, struct error *err)
{
    static const char *const names[] = {"trace_slots", "trace_listeners", "trace_free"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct bpf_map *map = libbpf.bpf_object__find_map_by_name(t->object, names[i]);
        if (!map || libbpf.bpf_map__set_max_entries(map, listeners))
            return error_set(err, EINVAL, "the programs for the kernel have no %s", names[i]);
    }
    t->maps.slot_count = listeners;
    return 0;
}

static int open_object(struct tracer *t, const struct tracer_query *query, struct error *err)
{
    struct trace_filter filter = {.netns = query->netns, .port = query->port, .events = query->events};
    libbpf.libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
    libbpf.libbpf_set_print(silent);
    t->object = libbpf.bpf_object__open_mem(trace_object, trace_object_size, NULL);
    if (!t->object)
        return error_set(err, errno, "cannot read the programs for the kernel: %s", trace_why(errno));
    struct bpf_map *map = libbpf.bpf_object__find_map_by_name(t->object, ".rodata");
    size_t size = 0;
    void *data = map ? (void *)(uintptr_t)libbpf.bpf_map__initial_value(map, &size) : NULL;
    if (!data || size < sizeof filter)
        return error_set(err, EINVAL, "the programs for the kernel have no settings");
    memcpy(data, &filter, sizeof filter);
    return make_room(t, room_for(query->listeners), err);
}

static int load(struct tracer *t, const bool use[TRACE_PROGRAM_COUNT], struct error *err)
{
    struct bpf_program *program = NULL;
    while ((program = libbpf.bpf_object__next_program(t->object, program)))
        libbpf.bpf_program__set_autoload(program, false);
    for (size_t i = 0; i < TRACE_PROGRAM_COUNT; i++) {
        program = libbpf.bpf_object__find_program_by_name(t->object, trace_programs[i].name);
        if (program && use[i])
            libbpf.bpf_program__set_autoload(program, true);
    }
    if (!libbpf.bpf_object__load(t->object))
        return 0;
    return trace_refused(errno, err);
}

static void forget_object(struct tracer *t)
{
    libbpf.bpf_object__close(t->object);
    t->object = NULL;
}

/* A kernel that has a hook may still refuse the program for it: which, shows each by itself. How many more are refused. */
static size_t find_refused(struct tracer *t, const struct tracer_query *query, const bool use[TRACE_PROGRAM_COUNT],
                           bool refused[TRACE_PROGRAM_COUNT])
{
    size_t found = 0;
    for (size_t i = 0; i < TRACE_PROGRAM_COUNT; i++) {
        bool alone[TRACE_PROGRAM_COUNT] = {false};
        alone[i] = use[i];
        forget_object(t);
        if (!use[i] || (!open_object(t, query, NULL) && !load(t, alone, NULL)))
            continue;
        refused[i] = true;
        found++;
    }
    return found;
}

/* Chooses and loads, without those that turn out to be refused. */
static int load_best(struct tracer *t, const struct tracer_query *query, bool use[TRACE_PROGRAM_COUNT], struct error *err)
{
    bool refused[TRACE_PROGRAM_COUNT] = {false};
    for (;;) {
        struct error why = {0};
        memset(use, 0, TRACE_PROGRAM_COUNT * sizeof *use);
        t->hooks = (struct trace_hooks){0};
        int status = open_object(t, query, err);
        if (!status)
            status = trace_choose(refused, use, &t->hooks, err);
        if (status || !(status = load(t, use, &why)))
            return status;
        if (trace_is_starved(-status) || !find_refused(t, query, use, refused))
            return error_set(err, why.code, "%s", why.text);
        forget_object(t);
    }
}

static int attach(struct tracer *t, const bool use[TRACE_PROGRAM_COUNT], struct error *err)
{
    for (size_t i = 0; i < TRACE_PROGRAM_COUNT; i++) {
        struct bpf_program *program = libbpf.bpf_object__find_program_by_name(t->object, trace_programs[i].name);
        if (!use[i] || !program || trace_programs[i].figure == TRACE_SEED)
            continue;
        t->links[i] = libbpf.bpf_program__attach(program);
        t->programs[i] = t->links[i] ? libbpf.bpf_program__fd(program) : 0;
        if (t->links[i])
            continue;
        if (trace_is_vital(trace_programs[i].figure))
            return error_errno(err, "cannot attach to %s", trace_programs[i].hook);
        t->hooks.of[trace_programs[i].figure] = (struct trace_hook){0};
    }
    return 0;
}

/* An array that may be mapped: reading it takes no system call. */
static void *map_array(struct tracer *t, const char *name, size_t size, struct error *err)
{
    int fd = libbpf.bpf_object__find_map_fd_by_name(t->object, name);
    void *memory = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory != MAP_FAILED)
        return memory;
    error_errno(err, "cannot map %s", name);
    return NULL;
}

static int map_all(struct tracer *t, bool no_sources, struct error *err)
{
    struct trace_maps *maps = &t->maps;
    maps->slots = map_array(t, "trace_slots", maps->slot_count * sizeof *maps->slots, err);
    maps->common = maps->slots ? map_array(t, "trace_common", sizeof *maps->common, err) : NULL;
    maps->chains = maps->common ? map_array(t, "trace_chains", TRACE_CHAINS * sizeof *maps->chains, err) : NULL;
    maps->free_slots = libbpf.bpf_object__find_map_fd_by_name(t->object, "trace_free");
    t->sources = no_sources ? -1 : libbpf.bpf_object__find_map_fd_by_name(t->object, "trace_sources");
    return maps->chains ? 0 : -err->code;
}

static void unmap(void *memory, size_t size)
{
    if (memory)
        munmap(memory, size);
}

static int take_event(void *context, void *data, size_t size)
{
    struct tracer *t = context;
    if (size >= sizeof(struct trace_event))
        t->each(t->context, data);
    return 0;
}

static int open_ring(struct tracer *t, struct error *err)
{
    t->ring = libbpf.ring_buffer__new(libbpf.bpf_object__find_map_fd_by_name(t->object, "trace_ring"), take_event, t, NULL);
    return t->ring ? 0 : error_errno(err, "cannot map the ring of events");
}

int tracer_open(struct tracer **out, const struct tracer_query *query, struct error *err)
{
    bool use[TRACE_PROGRAM_COUNT] = {false};
    int status = libbpf_load(err);
    if (status)
        return status;
    struct tracer *t = calloc(1, sizeof *t);
    if (!t)
        return error_set(err, ENOMEM, "no memory");
    status = load_best(t, query, use, err);
    if (!status)
        status = map_all(t, query->no_sources, err);
    if (!status && query->events)
        status = open_ring(t, err);
    if (!status)
        status = attach(t, use, err);
    if (status)
        tracer_close(t);
    else
        *out = t;
    return status;
}

void tracer_close(struct tracer *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < TRACE_PROGRAM_COUNT; i++)
        libbpf.bpf_link__destroy(t->links[i]);
    libbpf.bpf_link__destroy(t->seed);
    unmap(t->maps.slots, t->maps.slot_count * sizeof *t->maps.slots);
    unmap(t->maps.common, sizeof *t->maps.common);
    unmap(t->maps.chains, TRACE_CHAINS * sizeof *t->maps.chains);
    libbpf.ring_buffer__free(t->ring);
    free(t->cuts);
    libbpf.bpf_object__close(t->object);
    free(t);
}

const struct trace_hooks *tracer_hooks(const struct tracer *t)
{
    return &t->hooks;
}

/* ---- What is there at the beginning ---- */

int tracer_seed(struct tracer *t, struct error *err)
{
    char rest[64];
    struct bpf_program *program = libbpf.bpf_object__find_program_by_name(t->object, "seed");
    if (!t->seed)
        t->seed = libbpf.bpf_program__attach_iter(program, NULL);
    if (!t->seed)
        return error_errno(err, "cannot attach to iter/tcp");
    int fd = libbpf.bpf_iter_create(libbpf.bpf_link__fd(t->seed));
    if (fd < 0)
        return error_errno(err, "cannot walk the sockets of this namespace");
    ssize_t got;
    do {
        got = read(fd, rest, sizeof rest);
    } while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
    int status = got < 0 ? error_errno(err, "cannot walk the sockets of this namespace") : 0;
    close(fd);
    return status;
}

void tracer_announce(struct tracer *t, const struct trace_identity *identity)
{
    struct trace_identity *out = &t->maps.common->identity;
    *out = *identity;
    out->layout = TRACE_LAYOUT;
    for (enum trace_figure f = 0; f < TRACE_FIGURE_COUNT; f++)
        out->worth[f] = t->hooks.of[f].name ? t->hooks.of[f].worth : TRACE_UNKNOWN;
    for (size_t i = 0; i < TRACE_PROGRAM_COUNT && out->program_count < TRACE_PROGRAMS_ROOM; i++) {
        struct bpf_prog_info info = {0};
        uint32_t size = sizeof info;
        if (t->programs[i] && !libbpf.bpf_obj_get_info_by_fd(t->programs[i], &info, &size))
            out->programs[out->program_count++] = (struct trace_program_id){info.id, trace_programs[i].figure};
    }
    __atomic_store_n(&out->magic, TRACE_MAGIC, __ATOMIC_RELEASE);
}

void tracer_note_full(struct tracer *t, uint32_t slot)
{
    if (slot < trace_slots_taken(&t->maps))
        trace_slots_note_full(&t->maps, slot);
}

/* What was counted there has a place of its own, for others that read. */
static void note_gone(struct trace_identity *identity, const struct trace_slot *slot)
{
    uint32_t i = 0;
    while (i < identity->base_count && identity->bases[i].netns != slot->netns)
        i++;
    if (i == TRACE_BASES)
        return;
    if (i == identity->base_count) {
        identity->bases[i] = (struct trace_base){.netns = slot->netns, .known = 1};
        __atomic_store_n(&identity->base_count, i + 1, __ATOMIC_RELEASE);
    }
    identity->bases[i].gone += slot->syn.count + slot->ack.count;
    identity->bases[i].syn_queue_gone += slot->syn_queue.count;
}

bool tracer_give_back(struct tracer *t, uint32_t slot)
{
    if (t->cuts)
        t->cuts[slot] = (struct cut){0};
    struct trace_slot before = t->maps.slots[slot];
    bool given = trace_slots_give_back(&t->maps, slot);
    if (before.sk && !t->maps.slots[slot].sk)
        note_gone(&t->maps.common->identity, &before);
    return given;
}

int tracer_events_fd(const struct tracer *t)
{
    return t->ring ? libbpf.ring_buffer__epoll_fd(t->ring) : -1;
}

int tracer_events_take(struct tracer *t, tracer_each_event *each, void *context, struct error *err)
{
    t->each = each;
    t->context = context;
    int taken = t->ring ? libbpf.ring_buffer__consume(t->ring) : 0;
    return taken < 0 ? error_set(err, -taken, "cannot read the ring of events: %s", strerror(-taken)) : 0;
}

const struct trace_slot *tracer_slot(const struct tracer *t, uint32_t slot)
{
    return slot < t->maps.slot_count ? &t->maps.slots[slot] : NULL;
}

/* ---- Reading ---- */

static int read_sources(const struct tracer *t, struct trace_counts *out, struct error *err)
{
    struct trace_source key, *last = NULL;
    out->source_count = 0;
    if (t->sources < 0)
        return 0;
    if (!out->sources)
        out->sources = calloc(TRACE_SOURCES, sizeof *out->sources);
    if (!out->sources)
        return error_set(err, ENOMEM, "no memory");
    if (!t->maps.common->sources)
        return 0;
    while (out->source_count < TRACE_SOURCES && !libbpf.bpf_map_get_next_key(t->sources, last, &key)) {
        struct trace_source_row *row = &out->sources[out->source_count];
        row->source = key;
        last = &row->source;
        out->source_count += !libbpf.bpf_map_lookup_elem(t->sources, &key, &row->count);
    }
    return 0;
}

static uint64_t take_peak(const struct tracer *t, uint32_t slot)
{
    return __atomic_exchange_n(&t->maps.slots[slot].interval_peak, 0, __ATOMIC_SEQ_CST);
}

static uint64_t higher(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void tracer_cut(struct tracer *t)
{
    if (!t->cuts)
        t->cuts = calloc(t->maps.slot_count, sizeof *t->cuts);
    for (uint32_t i = 0; i < trace_slots_taken(&t->maps) && t->cuts; i++)
        t->cuts[i].peak = higher(t->cuts[i].carried, take_peak(t, i));
}

/* Where an interval was cut, what came since then is carried into the next one. */
static uint64_t peak_of(struct tracer *t, uint32_t slot)
{
    uint64_t peak = take_peak(t, slot);
    if (!t->cuts)
        return peak;
    t->cuts[slot].carried = peak;
    return higher(t->cuts[slot].peak, peak);
}

/* A program that a packet interrupts is not run for that packet: the kernel lets none be active twice on one processor. */
static void read_left_out(const struct tracer *t, struct trace_counts *out)
{
    memset(out->left_out, 0, sizeof out->left_out);
    for (size_t i = 0; i < TRACE_PROGRAM_COUNT; i++) {
        struct bpf_prog_info info = {0};
        uint32_t size = sizeof info;
        if (!t->programs[i])
            continue;
        bool known = !libbpf.bpf_obj_get_info_by_fd(t->programs[i], &info, &size);
        out->left_out[trace_programs[i].figure] += known ? info.recursion_misses : 1; /* or nothing would be known to be exact */
    }
    out->left_out[TRACE_LENGTH] = out->left_out[TRACE_ENTERED];
    out->left_out[TRACE_SYN_QUEUE] = out->left_out[TRACE_SYN];
}

int tracer_read(struct tracer *t, struct trace_counts *out, struct error *err)
{
    uint32_t count = trace_slots_taken(&t->maps);
    struct trace_slot *slots = realloc(out->slots, (count + 1) * sizeof *slots);
    if (!slots)
        return error_set(err, ENOMEM, "no memory for %u listeners", count);
    out->slots = slots;
    out->count = count;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t peak = peak_of(t, i);
        slots[i] = t->maps.slots[i];
        slots[i].interval_peak = peak;
    }
    out->common = *t->maps.common;
    read_left_out(t, out);
    return read_sources(t, out, err);
}

#endif
