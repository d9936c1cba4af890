/* Programs for the kernel's tracepoints: what happens in accept queues. They count in maps (trace_layout.h); see tracer.h for which hook
   tells what. */
#include "accept.h"
#include "listeners.h"
#include "overflow.h"

/* Programs of the MIT licence alone may not read kernel memory. */
char _license[] SEC("license") = "Dual MIT/GPL";

/* ---- A child comes, and a listener comes or goes ---- */

/* Whose child it is: it has just been copied from its listener, and with it the empty list there, which points to itself. What is no
   listener that we know is not found. */
static __always_inline struct trace_slot *slot_of_parent(struct sock *child, uint32_t *number)
{
    struct tcp_sock *tcp = bpf_skc_to_tcp_sock(child);
    if (!tcp)
        return 0;
    return slot_of_address((unsigned long)tcp->tsq_node.next - bpf_core_field_offset(struct tcp_sock, tsq_node), number);
}

static __always_inline void enter(struct sock *sk)
{
    uint32_t number;
    struct trace_slot *slot = slot_of_parent(sk, &number);
    if (!slot)
        return;
    uint64_t before = gone(slot);
    uint64_t came = ADD(slot->entered, 1) + 1 + slot->at_start;
    struct trace_waiting *w = wait_begin((unsigned long)sk, number, bpf_ktime_get_ns(), 0);
    if (!w) {
        ADD(slot->unknown, 1);
        return;
    }
    if (came > before)
        raise_to(&slot->inside_peak, came - before);
    tell(TRACE_EVENT_ENTERED, w, sk, w->entered);
}

struct lengths {
    uint32_t length, most, drops;
};

static __always_inline struct lengths lengths_of(const struct sock *listener)
{
    if (!bpf_rdonly_cast)
        return (struct lengths){BPF_CORE_READ(listener, sk_ack_backlog), BPF_CORE_READ(listener, sk_max_ack_backlog),
                                BPF_CORE_READ(listener, sk_drops.counter)};
    const struct sock *sk = AS(struct sock, listener);
    return (struct lengths){sk->sk_ack_backlog, sk->sk_max_ack_backlog, sk->sk_drops.counter};
}

/* The first that happens to a child behind its being added to the queue; with TCP Fast Open a packet later. One that was accepted before
   that is not counted here, as the queue is shorter again. */
static __always_inline void added(const struct sock *child)
{
    struct trace_waiting *w = waiting_of(child);
    uint32_t number = w ? w->slot : 0;
    struct trace_slot *slot = w ? slot_at(number) : 0;
    if (!slot)
        return;
    const struct sock *listener = (const struct sock *)slot->sk;
    struct lengths now = lengths_of(listener);
    uint32_t bucket = log2_of(now.length);
    barrier_var(bucket);
    if (now.length && bucket < TRACE_LENGTHS)
        ADD(slot->lengths[bucket], 1);
    if (raise_to(&slot->peak, now.length))
        slot->peak_at = bpf_ktime_get_ns();
    raise_to(&slot->interval_peak, now.length);
    if (now.length > now.most)
        list_full(slot, number);
    else if (!slot->in_full || syn_queue_of(listener) <= now.most)
        slot->drops = now.drops;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(set_state, struct sock *sk, int old, int state)
{
    uint32_t number;
    if (old == STATE_LISTEN) {
        if (state == STATE_SYN_RECV)
            enter(sk);
        else
            unmark(sk);
    } else if (old == STATE_SYN_RECV) {
        if (state == STATE_ESTABLISHED)
            added(sk);
    } else if (state == STATE_LISTEN) {
        struct trace_slot *slot = wanted(sk) ? mark(sk, &number) : 0;
        if (slot) {
            slot->tgid = bpf_get_current_pid_tgid() >> 32;
            bpf_get_current_comm(slot->comm, sizeof slot->comm);
        }
    }
    return 0;
}

/* What the listener leaves behind when it is closed is disconnected first, and has no peer any more. Nothing else ends a connection in
   the queue; so one that has a peer was accepted, though the hook of accept did not see that. */
SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(destroy, struct sock *sk)
{
    struct trace_waiting *w = waiting_of(sk);
    struct trace_slot *slot = w ? slot_at(w->slot) : 0;
    if (!slot)
        return 0;
    if (sk->__sk_common.skc_dport)
        ADD(slot->unseen, 1);
    else if (slot->closed)
        ADD(slot->left_closed, 1);
    else
        ADD(slot->left_other, 1);
    if (!sk->__sk_common.skc_dport && filter.events)
        tell(TRACE_EVENT_LEFT, w, sk, bpf_ktime_get_ns());
    wait_end(w);
    return 0;
}

/* ---- What is there at the beginning ---- */

struct seeding {
    uint32_t slot;
    uint32_t count;
    uint64_t now;
    struct request_sock *next;
};

static long seed_one(uint32_t index, void *context)
{
    struct seeding *s = context;
    struct request_sock *request = s->next;
    if (!request)
        return 1;
    const struct sock *sk = BPF_CORE_READ(request, sk);
    s->next = BPF_CORE_READ(request, dl_next);
    /* One that came meanwhile is known already. */
    if (sk && !waiting_of(sk) && wait_begin((unsigned long)sk, s->slot, s->now, 1))
        s->count++;
    return 0;
}

/* Each listener of the namespace in which the iterator was opened. The kernel holds its lock meanwhile, so nobody accepts from it. */
SEC("iter/tcp")
int seed(struct bpf_iter__tcp *ctx)
{
    struct sock_common *common_part = ctx->sk_common;
    uint32_t number;
    if (!common_part || common_part->skc_state != STATE_LISTEN)
        return 0;
    struct sock *sk = (struct sock *)bpf_skc_to_tcp_sock(common_part);
    if (!sk || !wanted(sk))
        return 0;
    struct trace_slot *slot = mark(sk, &number);
    if (!slot)
        return 0;
    struct inet_connection_sock *icsk = (void *)sk;
    struct seeding s = {.slot = number, .now = bpf_ktime_get_ns()};
    s.next = BPF_CORE_READ(icsk, icsk_accept_queue.rskq_accept_head);
    slot->seeded = 1;
    bpf_loop(1 << 20, seed_one, &s, 0);
    slot->at_start = s.count;
    raise_to(&slot->inside_peak, slot->entered + s.count);
    uint32_t length = sk->sk_ack_backlog;
    if (raise_to(&slot->peak, length))
        slot->peak_at = s.now;
    raise_to(&slot->interval_peak, length);
    if (length > sk->sk_max_ack_backlog)
        list_full(slot, number);
    return 0;
}
