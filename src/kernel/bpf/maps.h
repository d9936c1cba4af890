/* The maps of the programs, and how they are counted in. */
#ifndef BPF_MAPS_H
#define BPF_MAPS_H

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "backlogctl/trace_layout.h"
#include "kernel_types.h"

/* From Linux 6.2 on: lets memory be read as that of a type, without a call for each member. */
extern void *bpf_rdonly_cast(const void *object, uint32_t type) __ksym __weak;
#define AS(type, pointer) ((const type *)bpf_rdonly_cast(pointer, bpf_core_type_id_kernel(type)))

/* ---- Maps ---- */

/* The slot of a listener, by its address in the kernel. Not socket storage: the kernel would allocate and free it for each child, which
   alone costs a connection more than all that is done here. */
struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, TRACE_SLOTS_LEAST);
    __type(key, uint64_t);
    __type(value, uint32_t);
} trace_listeners SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, TRACE_SLOTS_LEAST);
    __type(key, uint32_t);
    __type(value, struct trace_slot);
} trace_slots SEC(".maps");

/* Slots that were given back. */
struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, TRACE_SLOTS_LEAST);
    __type(value, uint32_t);
} trace_free SEC(".maps");

/* The first slot of each chain, plus 1. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, TRACE_CHAINS);
    __type(key, uint32_t);
    __type(value, uint64_t);
} trace_chains SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct trace_common);
} trace_common SEC(".maps");

/* Connections in a queue. An array with cells of our own making: a map of the kernel's takes thrice as long. */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, TRACE_BUCKETS);
    __type(key, uint32_t);
    __type(value, struct trace_bucket);
} trace_waiting SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LRU_HASH);
    __uint(max_entries, TRACE_SOURCES);
    __type(key, struct trace_source);
    __type(value, struct trace_source_count);
} trace_sources SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} trace_ring SEC(".maps");

const volatile struct trace_filter filter;

/* ---- Counting ---- */

#define ADD(counter, n) __sync_fetch_and_add(&(counter), (n))
/* So often another CPU can come in between before a maximum is given up. */
#define TRIES 16

static __always_inline int raise_to(uint64_t *highest, uint64_t value)
{
    for (int i = 0; i < TRIES; i++) {
        uint64_t seen = *(volatile uint64_t *)highest;
        if (seen >= value)
            return 0;
        if (__sync_val_compare_and_swap(highest, seen, value) == seen)
            return 1;
    }
    return 0;
}

static __always_inline struct trace_common *common(void)
{
    uint32_t zero = 0;
    return bpf_map_lookup_elem(&trace_common, &zero);
}

static __always_inline struct trace_slot *slot_at(uint32_t slot)
{
    return bpf_map_lookup_elem(&trace_slots, &slot);
}

static __always_inline uint32_t log2_of(uint64_t value)
{
    uint32_t bits = 0;
    if (value >> 32)
        value >>= 32, bits += 32;
    if (value >> 16)
        value >>= 16, bits += 16;
    if (value >> 8)
        value >>= 8, bits += 8;
    if (value >> 4)
        value >>= 4, bits += 4;
    if (value >> 2)
        value >>= 2, bits += 2;
    return bits + (value >> 1 ? 1 : 0);
}

static __always_inline uint32_t wait_bucket(uint64_t wait)
{
    uint64_t us = wait / 1000;
    if (us < TRACE_SUB)
        return us;
    if (us >> TRACE_WAIT_TOP)
        return TRACE_WAITS - 1;
    uint32_t power = log2_of(us);
    return (power - TRACE_SUB_BITS + 1) * TRACE_SUB + ((us >> (power - TRACE_SUB_BITS)) & (TRACE_SUB - 1));
}

static __always_inline void count_wait(struct trace_slot *slot, uint64_t wait)
{
    uint32_t bucket = wait_bucket(wait);
    barrier_var(bucket); /* so that the number which is checked is the one that is used */
    if (bucket < TRACE_WAITS)
        ADD(slot->waits[bucket], 1);
    ADD(slot->wait_sum, wait);
    raise_to(&slot->wait_max, wait);
}

/* Of those that came before this is called: never fewer than there are in the queue. */
static __always_inline uint64_t gone(struct trace_slot *slot)
{
    return slot->accepted + slot->accepted_seed + slot->unseen + slot->left_closed + slot->left_other + slot->unknown;
}

/* ---- Connections in a queue ---- */

/* Of the lower half, which alone the verifier lets us compute with. */
static __always_inline uint32_t bucket_number(uint64_t sk)
{
    uint32_t half = sk;
    asm volatile("%0 = %1" : "=w"(half) : "w"(half));
    return ((half >> 6) * 0x9e3779b1u >> 15) & (TRACE_BUCKETS - 1);
}

static __always_inline struct trace_waiting *find_in(uint32_t number, uint64_t sk)
{
    struct trace_bucket *bucket = bpf_map_lookup_elem(&trace_waiting, &number);
    if (!bucket)
        return 0;
    for (int i = 0; i < TRACE_CELLS; i++)
        if (bucket->cells[i].sk == sk)
            return &bucket->cells[i];
    return 0;
}

static __always_inline struct trace_waiting *waiting_of(const struct sock *sk)
{
    uint64_t key = (unsigned long)sk;
    uint32_t number = bucket_number(key);
    struct trace_waiting *w = find_in(number, key);
    struct trace_common *all = w ? 0 : common();
    return all && all->spilled ? find_in(number ^ 1, key) : w;
}

static __always_inline struct trace_waiting *take_in(uint32_t number, uint64_t sk)
{
    struct trace_bucket *bucket = bpf_map_lookup_elem(&trace_waiting, &number);
    if (!bucket)
        return 0;
    for (int i = 0; i < TRACE_CELLS; i++)
        if (!bucket->cells[i].sk && !__sync_val_compare_and_swap(&bucket->cells[i].sk, 0, sk))
            return &bucket->cells[i];
    return 0;
}

/* A cell for a socket that has just been made, so that nobody else looks for it yet. */
static __always_inline struct trace_waiting *wait_begin(uint64_t sk, uint32_t slot, uint64_t now, uint16_t seeded)
{
    uint32_t number = bucket_number(sk);
    struct trace_waiting *w = find_in(number, sk);
    struct trace_slot *before = w ? slot_at(w->slot) : 0;
    if (before) /* of another socket at the same address, whose end was not seen */
        ADD(before->unseen, 1);
    if (!w)
        w = take_in(number, sk);
    struct trace_common *all = w ? 0 : common();
    if (all) {
        w = take_in(number ^ 1, sk);
        if (w)
            ADD(all->spilled, 1);
    }
    if (!w)
        return 0;
    w->entered = now;
    w->slot = slot;
    w->seeded = seeded;
    w->reset = 0;
    return w;
}

static __always_inline void wait_end(struct trace_waiting *w)
{
    w->sk = 0;
}

/* ---- Events ---- */

static __always_inline struct trace_event *event_begin(uint32_t kind, uint32_t slot, uint64_t at)
{
    struct trace_event *event = bpf_ringbuf_reserve(&trace_ring, sizeof *event, 0);
    if (!event) {
        struct trace_common *all = common();
        if (all)
            ADD(all->events_lost, 1);
        return 0;
    }
    __builtin_memset(event, 0, sizeof *event);
    event->kind = kind;
    event->slot = slot;
    event->at = at;
    return event;
}

/* The peer of a socket that the program may not read itself. */
static __always_inline void event_peer(struct trace_event *event, const struct sock *sk)
{
    uint16_t port = BPF_CORE_READ(sk, __sk_common.skc_dport);
    event->family = BPF_CORE_READ(sk, __sk_common.skc_family);
    event->port = big_endian(port);
    if (event->family == AF_INET6)
        BPF_CORE_READ_INTO(&event->address, sk, __sk_common.skc_v6_daddr);
    else
        *(uint32_t *)event->address = BPF_CORE_READ(sk, __sk_common.skc_daddr);
}

static __always_inline void tell(uint32_t kind, const struct trace_waiting *w, const struct sock *sk, uint64_t at)
{
    if (!filter.events)
        return;
    struct trace_event *event = event_begin(kind, w->slot, at);
    if (!event)
        return;
    event_peer(event, sk);
    event->wait = kind == TRACE_EVENT_ENTERED ? 0 : at - w->entered;
    event->flags = (w->seeded ? TRACE_EVENT_SEEDED : 0) | (w->reset ? TRACE_EVENT_RESET : 0);
    if (kind == TRACE_EVENT_ACCEPTED) {
        uint64_t task = bpf_get_current_pid_tgid();
        event->tid = task;
        event->tgid = task >> 32;
        bpf_get_current_comm(event->comm, sizeof event->comm);
    }
    bpf_ringbuf_submit(event, 0);
}

#endif
