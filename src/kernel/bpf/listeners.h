/* Listeners: their slots and marks. */
#ifndef BPF_LISTENERS_H
#define BPF_LISTENERS_H

#include "maps.h"

/* ---- Listeners ---- */

/* The slot of the listener at this address. One that was left behind may be another's by now. */
static __always_inline struct trace_slot *slot_of_address(uint64_t sk, uint32_t *number)
{
    uint32_t *found = bpf_map_lookup_elem(&trace_listeners, &sk);
    struct trace_slot *slot = found ? slot_at(*found) : 0;
    if (!slot || slot->sk != sk)
        return 0;
    *number = *found;
    return slot;
}

static __always_inline struct trace_slot *slot_of(const struct sock *sk, uint32_t *number)
{
    return slot_of_address((unsigned long)sk, number);
}

/* Requests that wait for their last ACK. */
static __always_inline uint32_t syn_queue_of(const struct sock *sk)
{
    const struct inet_connection_sock *icsk = (const void *)sk;
    return BPF_CORE_READ(icsk, icsk_accept_queue.qlen.counter);
}

/* Its SYNs are looked at from now on. User space alone takes one out of a chain, see trace_slots.c. */
static __always_inline void list_full(struct trace_slot *slot, uint32_t number)
{
    uint32_t chain = trace_chain(slot->netns, slot->port);
    uint64_t *first = bpf_map_lookup_elem(&trace_chains, &chain);
    struct trace_common *all = common();
    if (!all || !first || slot->in_full || __sync_val_compare_and_swap(&slot->in_full, 0, 1))
        return;
    for (int i = 0; i < TRIES; i++) {
        uint64_t seen = *(volatile uint64_t *)first;
        slot->next_full = seen;
        if (__sync_val_compare_and_swap(first, seen, number + 1ull) == seen) {
            all->any_full = 1;
            return;
        }
    }
    slot->in_full = 0;
}

static __always_inline int wanted(const struct sock *sk)
{
    if (sk->sk_protocol != IPPROTO_TCP)
        return 0;
    if (filter.port && filter.port != sk->__sk_common.skc_num)
        return 0;
    return !filter.netns || filter.netns == sk->__sk_common.skc_net.net->ns.inum;
}

static __always_inline void describe(struct trace_slot *slot, struct sock *sk)
{
    slot->netns = sk->__sk_common.skc_net.net->ns.inum;
    slot->family = sk->__sk_common.skc_family;
    slot->port = sk->__sk_common.skc_num;
    slot->interface = sk->__sk_common.skc_bound_dev_if;
    if (slot->family == AF_INET6)
        BPF_CORE_READ_INTO(&slot->address, sk, __sk_common.skc_v6_rcv_saddr);
    else
        *(uint32_t *)slot->address = sk->__sk_common.skc_rcv_saddr;
    slot->drops = slot->drops_begun = (uint32_t)sk->sk_drops.counter;
}

static __always_inline struct trace_slot *free_slot(uint32_t *number)
{
    struct trace_common *all = common();
    if (!all)
        return 0;
    if (bpf_map_pop_elem(&trace_free, number))
        *number = ADD(all->slots, 1);
    struct trace_slot *slot = slot_at(*number);
    if (!slot)
        ADD(all->slots_missing, 1);
    return slot;
}

/* Gives a listener a slot; NULL: it has one, or there is none. */
static __always_inline struct trace_slot *mark(struct sock *sk, uint32_t *number)
{
    uint64_t key = (unsigned long)sk, cookie = bpf_get_socket_cookie(sk);
    struct trace_slot *slot = slot_of(sk, number);
    if (slot && slot->cookie == cookie)
        return 0;
    if (slot) /* another socket at the same address, whose end was not seen */
        slot->closed = bpf_ktime_get_ns();
    slot = free_slot(number);
    if (!slot)
        return 0;
    describe(slot, sk);
    slot->cookie = cookie;
    slot->begun = bpf_ktime_get_ns();
    slot->closed = 0;
    slot->sk = key;
    if (bpf_map_update_elem(&trace_listeners, &key, number, BPF_ANY)) {
        struct trace_common *all = common();
        slot->sk = 0;
        bpf_map_push_elem(&trace_free, number, BPF_ANY);
        if (all)
            ADD(all->slots_missing, 1);
        return 0;
    }
    if (!sk->__sk_common.skc_net.net->ipv4.sysctl_tcp_syncookies) /* a full SYN queue drops: each SYN is looked at */
        list_full(slot, *number);
    return slot;
}

static __always_inline void unmark(struct sock *sk)
{
    uint64_t key = (unsigned long)sk;
    uint32_t number;
    struct trace_slot *slot = slot_of(sk, &number);
    if (!slot)
        return;
    slot->closed = bpf_ktime_get_ns();
    bpf_map_delete_elem(&trace_listeners, &key);
}

#endif
