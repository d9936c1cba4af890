/* Packets that a full accept queue kept out: which they were, whose, and at which listener. */
#ifndef BPF_OVERFLOW_H
#define BPF_OVERFLOW_H

#include "listeners.h"

/* ---- Overflows ---- */

struct peer {
    uint8_t address[16], to[16]; /* compared by eights */
    uint16_t family, port, to_port;
    uint8_t flags;
} __attribute__((aligned(8)));

#define FLAG_SYN 2
#define FLAG_RST 4
#define FLAG_ACK 16

/* The ends of a TCP packet that the listener has seen: the data begin at the TCP header then. False for any other. */
static __always_inline int read_peer(struct sk_buff *skb, struct peer *peer)
{
    unsigned char *head = skb->head;
    uint16_t transport = skb->transport_header, network = skb->network_header;
    struct {
        uint16_t source, dest;
        uint32_t seq, ack;
        uint8_t offset, flags;
    } tcp;
    if (skb->data != head + transport || bpf_probe_read_kernel(&tcp, sizeof tcp, head + transport))
        return 0;
    peer->flags = tcp.flags;
    peer->port = big_endian(tcp.source);
    peer->to_port = big_endian(tcp.dest);
    if (skb->protocol == big_endian(ETH_P_IP)) {
        peer->family = AF_INET;
        return !bpf_probe_read_kernel(peer->address, 4, head + network + 12) &&
               !bpf_probe_read_kernel(peer->to, 4, head + network + 16);
    }
    peer->family = AF_INET6;
    return !bpf_probe_read_kernel(peer->address, 16, head + network + 8) &&
           !bpf_probe_read_kernel(peer->to, 16, head + network + 24);
}

static __always_inline void count_source(uint32_t slot, uint16_t turn, const struct peer *peer, uint64_t now, uint32_t kind)
{
    struct trace_source key = {.slot = slot, .family = peer->family, .turn = turn};
    __builtin_memcpy(key.address, peer->address, 16);
    struct trace_source_count *count = bpf_map_lookup_elem(&trace_sources, &key);
    if (!count) {
        struct trace_source_count fresh = {0};
        struct trace_common *all = common();
        if (!bpf_map_update_elem(&trace_sources, &key, &fresh, BPF_NOEXIST) && all)
            ADD(all->sources, 1);
        count = bpf_map_lookup_elem(&trace_sources, &key);
    }
    if (!count)
        return;
    ADD(*(kind == TRACE_EVENT_SYN_OVERFLOW   ? &count->syn
          : kind == TRACE_EVENT_ACK_OVERFLOW ? &count->ack
                                             : &count->syn_queue),
        1);
    count->last = now;
}

static __always_inline void overflowed(struct trace_slot *slot, uint32_t number, const struct peer *peer, uint32_t kind,
                                       uint64_t drops)
{
    uint64_t now = bpf_ktime_get_ns();
    struct trace_stage *stage = kind == TRACE_EVENT_SYN_OVERFLOW   ? &slot->syn
                                : kind == TRACE_EVENT_ACK_OVERFLOW ? &slot->ack
                                                                   : &slot->syn_queue;
    ADD(stage->count, 1);
    ADD(slot->drops_known, drops);
    stage->last = now;
    count_source(number, slot->turn, peer, now, kind);
    struct trace_event *event = filter.events ? event_begin(kind, number, now) : 0;
    if (!event)
        return;
    event->family = peer->family;
    event->port = peer->port;
    __builtin_memcpy(event->address, peer->address, 16);
    bpf_ringbuf_submit(event, 0);
}

static __always_inline int is_any(const uint8_t *address)
{
    const uint64_t *half = (const void *)address;
    return !half[0] && !half[1];
}

static __always_inline int same(const uint8_t *a, const uint8_t *b)
{
    const uint64_t *x = (const void *)a, *y = (const void *)b;
    return x[0] == y[0] && x[1] == y[1];
}

static __always_inline int may_reach(const struct trace_slot *slot, const struct peer *peer, uint32_t netns)
{
    if (slot->closed || !slot->sk || slot->port != peer->to_port || slot->netns != netns)
        return 0;
    if (is_any(slot->address))
        return slot->family == AF_INET6 || slot->family == peer->family;
    return slot->family != peer->family || same(slot->address, peer->to); /* an IPv4 address of an IPv6 socket is let in */
}

/* One of the packets that the listener's counter has more than we know of. Each such packet is taken once. */
static __always_inline int take_drop(struct trace_slot *slot, uint32_t drops)
{
    for (int i = 0; i < TRIES; i++) {
        uint64_t seen = *(volatile uint64_t *)&slot->drops;
        if ((int32_t)(drops - (uint32_t)seen) <= 0)
            return 0;
        if (__sync_val_compare_and_swap(&slot->drops, seen, seen + 1) == seen)
            return 1;
    }
    return 0;
}

static __always_inline uint32_t netns_of(struct sk_buff *skb)
{
    struct dst_entry *dst = (void *)(skb->_skb_refdst & ~7ul);
    return dst ? BPF_CORE_READ(dst, dev, nd_net.net, ns.inum) : 0;
}

struct search {
    struct peer peer;
    uint32_t netns, next; /* slot plus 1; 0: none */
};

/* What keeps a SYN out there, in the order in which tcp_conn_request() looks; TRACE_EVENT_COUNT: nothing of both. */
static __always_inline uint32_t kept_out(const struct sock *sk)
{
    uint32_t most = BPF_CORE_READ(sk, sk_max_ack_backlog);
    if (!BPF_CORE_READ(sk, __sk_common.skc_net.net, ipv4.sysctl_tcp_syncookies) && syn_queue_of(sk) > most)
        return TRACE_EVENT_SYN_QUEUE_FULL;
    return BPF_CORE_READ(sk, sk_ack_backlog) > most ? TRACE_EVENT_SYN_OVERFLOW : TRACE_EVENT_COUNT;
}

/* One listener of the chain. 1: enough is known. */
static long look_at_full(uint32_t index, void *context)
{
    struct search *s = context;
    uint32_t number = s->next - 1;
    struct trace_slot *slot = s->next ? slot_at(number) : 0;
    if (!slot)
        return 1;
    s->next = slot->next_full;
    if (!may_reach(slot, &s->peer, s->netns))
        return 0;
    const struct sock *sk = (const struct sock *)slot->sk;
    uint32_t kind = kept_out(sk);
    if (kind == TRACE_EVENT_COUNT || !take_drop(slot, BPF_CORE_READ(sk, sk_drops.counter)))
        return 0;
    overflowed(slot, number, &s->peer, kind, 1);
    s->next = 0;
    return 1;
}

/* A SYN that a full queue keeps out is freed as one that is done with. Which listener it reached is told by its port, and by
   the listener's counter of drops, which has just risen. */
SEC("tp_btf/consume_skb")
int BPF_PROG(syn_consumed, struct sk_buff *skb)
{
    struct search s = {0};
    struct trace_common *all = common();
    if (!all || !all->any_full || !skb->skb_iif)
        return 0;
    if (skb->protocol != big_endian(ETH_P_IP) && skb->protocol != big_endian(ETH_P_IPV6))
        return 0;
    if (!read_peer(skb, &s.peer) || (s.peer.flags & (FLAG_SYN | FLAG_ACK | FLAG_RST)) != FLAG_SYN)
        return 0;
    s.netns = netns_of(skb);
    uint32_t chain = trace_chain(s.netns, s.peer.to_port);
    uint64_t *first = bpf_map_lookup_elem(&trace_chains, &chain);
    s.next = first ? *first : 0;
    if (!s.next)
        return 0;
    bpf_loop(TRACE_CHAIN_LOOKS, look_at_full, &s, 0);
    if (s.next)
        ADD(all->full_missing, 1);
    return 0;
}

/* The ACK of a cookie has no reason of its own: there the queue must be full, too, and an accept() on another processor may have made
   room meanwhile. Where the kernel has none for others either, all on a full queue count. */
static __always_inline int is_overflow(int reason, const struct sock *sk)
{
    int full = sk->sk_ack_backlog > sk->sk_max_ack_backlog;
    if (!bpf_core_enum_value_exists(enum skb_drop_reason___overflow, SKB_DROP_REASON_TCP_LISTEN_OVERFLOW___overflow))
        return full;
    if (reason == (int)bpf_core_enum_value(enum skb_drop_reason___overflow, SKB_DROP_REASON_TCP_LISTEN_OVERFLOW___overflow))
        return 1;
    return full && reason == (int)bpf_core_enum_value(enum skb_drop_reason___overflow, SKB_DROP_REASON_NO_SOCKET___overflow);
}

/* The drop of a request's ACK is counted twice. Where the kernel has no reason for it, most are of requests. */
static __always_inline int is_of_cookie(int reason)
{
    return bpf_core_enum_value_exists(enum skb_drop_reason___overflow, SKB_DROP_REASON_TCP_LISTEN_OVERFLOW___overflow) &&
           reason == (int)bpf_core_enum_value(enum skb_drop_reason___overflow, SKB_DROP_REASON_NO_SOCKET___overflow);
}

/* The last ACK of a handshake. */
SEC("tp_btf/kfree_skb")
int BPF_PROG(ack_dropped, struct sk_buff *skb, void *location, int reason, struct sock *sk)
{
    struct peer peer = {0};
    if (!sk || sk->__sk_common.skc_state != STATE_LISTEN)
        return 0;
    uint32_t number;
    struct trace_slot *slot = slot_of(sk, &number);
    if (!slot)
        return 0;
    /* Of any other packet, as the reset of a half-open client, it is accounted for: no SYN is to be taken for it. */
    if (!is_overflow(reason, sk) || !read_peer(skb, &peer) || (peer.flags & (FLAG_SYN | FLAG_ACK | FLAG_RST)) != FLAG_ACK) {
        take_drop(slot, sk->sk_drops.counter);
        return 0;
    }
    slot->drops = (uint32_t)sk->sk_drops.counter;
    overflowed(slot, number, &peer, TRACE_EVENT_ACK_OVERFLOW, is_of_cookie(reason) ? 1 : 2);
    return 0;
}

/* Before Linux 6.11: the child is not made as the queue is full. */
static __always_inline void no_child(struct sock *sk, struct sk_buff *skb, const void *request, const struct sock *child)
{
    struct peer peer = {0};
    uint32_t number;
    struct trace_slot *slot = child ? 0 : slot_of(sk, &number);
    if (!slot || sk->sk_ack_backlog <= sk->sk_max_ack_backlog || !read_peer(skb, &peer))
        return;
    slot->drops =
        sk->sk_drops.counter + (request ? 1 : 0); /* in a moment that of a request is counted again, that of a cookie is not */
    overflowed(slot, number, &peer, TRACE_EVENT_ACK_OVERFLOW, request ? 2 : 1);
}

SEC("fexit/tcp_v4_syn_recv_sock")
int BPF_PROG(ack_no_child4, struct sock *sk, struct sk_buff *skb, struct request_sock *request, struct dst_entry *dst,
             struct request_sock *unhash, bool *own, struct sock *ret)
{
    no_child(sk, skb, unhash, ret);
    return 0;
}

/* For IPv4 it calls the other. */
SEC("fexit/tcp_v6_syn_recv_sock")
int BPF_PROG(ack_no_child6, struct sock *sk, struct sk_buff *skb, struct request_sock *request, struct dst_entry *dst,
             struct request_sock *unhash, bool *own, struct sock *ret)
{
    if (skb->protocol != big_endian(ETH_P_IP))
        no_child(sk, skb, unhash, ret);
    return 0;
}

#endif
