/* Connections that are accepted. */
#ifndef BPF_ACCEPT_H
#define BPF_ACCEPT_H

#include "maps.h"

/* ---- A connection is accepted ---- */

static __always_inline void count_acceptor(struct trace_slot *slot)
{
    uint64_t task = bpf_get_current_pid_tgid();
    uint32_t tid = task;
    for (int i = 0; i < TRACE_ACCEPTORS; i++) {
        struct trace_acceptor *a = &slot->acceptors[i];
        uint32_t seen = a->tid;
        if (!seen) {
            seen = __sync_val_compare_and_swap(&a->tid, 0, tid);
            if (!seen) {
                a->tgid = task >> 32;
                bpf_get_current_comm(a->comm, sizeof a->comm);
                seen = tid;
            }
        }
        if (seen == tid) {
            a->count++; /* no other thread does */
            return;
        }
    }
    ADD(slot->accepts_others, 1);
}

static __always_inline uint8_t state_of(const struct sock *sk)
{
    uint8_t state = 0;
    if (bpf_rdonly_cast)
        return AS(struct sock, sk)->__sk_common.skc_state;
    bpf_core_read(&state, sizeof state, &sk->__sk_common.skc_state);
    return state;
}

static __always_inline int accepted(const struct sock *sk)
{
    struct trace_waiting *w = waiting_of(sk);
    struct trace_slot *slot = w ? slot_at(w->slot) : 0;
    if (!slot)
        return 0;
    uint64_t now = bpf_ktime_get_ns();
    w->reset = state_of(sk) == STATE_CLOSE; /* its client did that while it waited */
    if (w->seeded) {
        ADD(slot->accepted_seed, 1);
        raise_to(&slot->seed_max, now - w->entered);
    } else {
        ADD(slot->accepted, 1);
        count_wait(slot, now - w->entered);
    }
    if (w->reset)
        ADD(slot->accepted_reset, 1);
    count_acceptor(slot);
    tell(TRACE_EVENT_ACCEPTED, w, sk, now);
    wait_end(w);
    return 1;
}

/* The socket of an MPTCP connection has the one of its first subflow, which was in the queue. */
static __always_inline void accepted_or_first(const struct sock *sk)
{
    const struct mptcp_sock *mptcp = (const void *)sk;
    if (accepted(sk) || !bpf_core_field_exists(mptcp->first) || BPF_CORE_READ(sk, sk_protocol) != IPPROTO_MPTCP)
        return;
    sk = BPF_CORE_READ(mptcp, first);
    if (sk)
        accepted(sk);
}

SEC("fexit/inet_csk_accept")
int BPF_PROG(accept_fexit)
{
    __u64 ret = 0;
    if (!bpf_get_func_ret(ctx, &ret) && ret)
        accepted((const struct sock *)ret);
    return 0;
}

static __always_inline const struct sock *sock_of(struct file *file)
{
    if (!bpf_rdonly_cast) {
        struct socket *socket = BPF_CORE_READ(file, private_data);
        return socket ? BPF_CORE_READ(socket, sk) : 0;
    }
    const struct socket *socket = AS(struct socket, AS(struct file, file)->private_data);
    return socket->sk;
}

/* The descriptor that the system call returns leads to the socket; another thread may have closed it, then that is another or none. */
static __always_inline int accept_returned(long fd)
{
    struct file *file = 0;
    if (fd < 0)
        return 0;
    struct task_struct *task = bpf_get_current_task_btf();
    struct file **files = task->files->fdt->fd;
    if (bpf_probe_read_kernel(&file, sizeof file, files + fd) || !file)
        return 0;
    const struct sock *sk = sock_of(file);
    if (sk)
        accepted_or_first(sk);
    return 0;
}

SEC("tracepoint/syscalls/sys_exit_accept4")
int accept_exit4(struct trace_event_raw_sys_exit *ctx)
{
    return accept_returned(ctx->ret);
}

SEC("tracepoint/syscalls/sys_exit_accept")
int accept_exit(struct trace_event_raw_sys_exit *ctx)
{
    return accept_returned(ctx->ret);
}

#endif
