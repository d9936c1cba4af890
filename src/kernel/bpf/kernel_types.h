/* The kernel's own types, as far as they are used: members are found by name in the running kernel's BTF (CO-RE). */
#ifndef BPF_KERNEL_TYPES_H
#define BPF_KERNEL_TYPES_H

#include <stdbool.h>

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_MPTCP 262
#define STATE_ESTABLISHED 1
#define STATE_SYN_RECV 3
#define STATE_FIN_WAIT1 4
#define STATE_CLOSE 7
#define STATE_LAST_ACK 9
#define STATE_LISTEN 10
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd

#define big_endian(x) __builtin_bswap16(x)
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#undef big_endian
#define big_endian(x) (x)
#endif

/* ---- The kernel's own, as far as it is used ---- */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
    unsigned int inum;
};
struct netns_ipv4 {
    uint8_t sysctl_tcp_syncookies;
};
struct net {
    struct ns_common ns;
    struct netns_ipv4 ipv4;
};
typedef struct {
    struct net *net;
} possible_net_t;
struct in6_addr {
    uint8_t in6_u[16];
};
struct sock_common {
    uint16_t skc_family;
    volatile uint8_t skc_state;
    int skc_bound_dev_if;
    uint16_t skc_dport, skc_num;
    uint32_t skc_daddr, skc_rcv_saddr;
    struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
    possible_net_t skc_net;
};
typedef struct {
    int counter;
} atomic_t;
struct socket;
struct sock {
    struct sock_common __sk_common;
    uint32_t sk_ack_backlog, sk_max_ack_backlog;
    uint16_t sk_protocol;
    atomic_t sk_drops;
    struct socket *sk_socket;
};
struct list_head {
    struct list_head *next;
};
struct tcp_sock {
    struct list_head tsq_node;
};
struct request_sock {
    struct request_sock *dl_next;
    struct sock *sk;
};
struct request_sock_queue {
    struct request_sock *rskq_accept_head;
    atomic_t qlen;
};
struct inet_connection_sock {
    struct request_sock_queue icsk_accept_queue;
};
struct mptcp_sock {
    struct sock *first;
};
struct socket {
    struct sock *sk;
};
struct file {
    void *private_data;
    const void *f_op;
};
struct fdtable {
    unsigned int max_fds;
    struct file **fd;
};
struct files_struct {
    struct fdtable *fdt;
};
struct task_struct {
    struct files_struct *files;
};
struct sk_buff {
    uint16_t protocol, network_header, transport_header;
    int skb_iif;
    unsigned char *head, *data;
    unsigned long _skb_refdst;
};
struct net_device {
    possible_net_t nd_net;
};
struct dst_entry {
    struct net_device *dev;
};
struct bpf_iter__tcp {
    struct sock_common *sk_common;
};
struct trace_event_raw_sys_exit {
    long ret;
};

#pragma clang attribute pop

enum skb_drop_reason___overflow { SKB_DROP_REASON_TCP_LISTEN_OVERFLOW___overflow = 1, SKB_DROP_REASON_NO_SOCKET___overflow };

#endif
