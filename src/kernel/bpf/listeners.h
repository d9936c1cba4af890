/* Listeners: their slots and marks. */
#ifndef BPF_LISTENERS_H
#define BPF_LISTENERS_H

#include "maps.h"

/* ---- Listeners ---- */

static __always_inline void list_full(struct trace_slot *slot, uint32_t number)
{
    struct trace_common *all = common();
    if (!all || __sync_val_compare_and_swap(&slot->in_full, 0, 1))
        return;
    uint32_t place = ADD(all->full_count, 1);
    if (place < TRACE_FULL)
        all->full[place] = number;
    else
        ADD(all->full_missing, 1);
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
    slot->drops = sk->sk_drops.counter;
}

/* Gives a listener a slot; NULL: it has one, or there is none. */
static __always_inline struct trace_slot *mark(struct sock *sk, uint32_t *number)
{
    struct mark fresh = {0};
    struct trace_common *all = common();
    if (!all || bpf_sk_storage_get(&trace_marks, sk, 0, 0))
        return 0;
    *number = ADD(all->slots, 1);
    struct trace_slot *slot = slot_at(*number);
    if (!slot) {
        ADD(all->slots_missing, 1);
        return 0;
    }
    describe(slot, sk);
    slot->cookie = bpf_get_socket_cookie(sk);
    slot->begun = bpf_ktime_get_ns();
    fresh.slot = *number;
    if (!bpf_sk_storage_get(&trace_marks, sk, &fresh, BPF_SK_STORAGE_GET_F_CREATE))
        return 0;
    return slot;
}

static __always_inline void unmark(struct sock *sk)
{
    struct mark *m = bpf_sk_storage_get(&trace_marks, sk, 0, 0);
    struct trace_slot *slot = m ? slot_at(m->slot) : 0;
    if (!slot)
        return;
    slot->closed = bpf_ktime_get_ns();
    bpf_sk_storage_delete(&trace_marks, sk);
}

#endif
