/* sock_diag: what the kernel knows of every TCP socket in this thread's network namespace.
   Facts used here: sock_diag(7), <linux/inet_diag.h>. Everything but the owning process is visible without rights. */
#ifndef BACKLOGCTL_SOCKDIAG_H
#define BACKLOGCTL_SOCKDIAG_H

#include "backlogctl/endpoint.h"
#include "backlogctl/error.h"
#include "backlogctl/transport.h"
#include "backlogctl/netlink.h"

/* One socket as the kernel described it. An attribute that this kernel did not send leaves its "has" false. */
struct diag_socket {
    struct endpoint local, remote;
    uint8_t family;      /* of the socket: AF_INET, or AF_INET6, which may have IPv4 addresses too */
    uint8_t state;       /* enum tcp_state */
    uint8_t retransmits; /* idiag_retrans: of the timer that runs now */
    uint32_t interface;  /* idiag_if: the device it is bound to (SO_BINDTODEVICE), 0: any */
    uint32_t inode;      /* 0: no file: a child not accepted yet, or one that was closed */
    uint32_t uid;
    uint64_t cookie;
    uint32_t rqueue; /* LISTEN: accept-queue length; else unread bytes */
    uint32_t wqueue; /* LISTEN: effective backlog; else unacknowledged bytes */
    bool has_discarded;
    uint32_t discarded; /* INET_DIAG_SKMEMINFO[SK_MEMINFO_DROPS] */
    bool has_info;
    uint32_t last_data_sent_ms; /* tcpi_last_data_sent: for a queued child, its age */
    uint32_t segments_in;       /* tcpi_segs_in; 0 also where this kernel does not tell */
    bool is_whole;              /* INET_DIAG_SHUTDOWN: no request, and no remnant in TIME_WAIT: those have none */
    bool is_transparent;        /* IP_TRANSPARENT, of INET_DIAG_SOCKOPT: connections to other addresses can be led to it */
    bool has_v6only;
    bool v6only;
    bool is_mptcp; /* INET_DIAG_ULP_INFO: the subflow socket of an MPTCP listener or connection */
};

/* Reads one netlink message (header included) as delivered. Touches no socket, so it can be fed anything.
   0; -EBADMSG for a message that is too short, of another type or family, or cut inside its fixed part.
   Attributes shorter or longer than the structs known here are normal: kernels differ. */
int diag_parse(const void *message, size_t length, struct diag_socket *out);

/* A netlink socket for questions. Zeroed is safe to close. Belongs to the namespace of the opening thread.
   sockdiag_open fails with -EPROTONOSUPPORT where the kernel cannot tell of TCP sockets (no inet_diag, tcp_diag). */
struct sockdiag {
    struct netlink netlink;
    struct endpoint arrival; /* the address that was asked for last, and the device that its packets come in by */
    uint32_t arrival_device;
};
int sockdiag_open(struct sockdiag *sd, struct error *err);
void sockdiag_close(struct sockdiag *sd);

/* The socket with exactly this 4-tuple. 0; -ENOENT when there is none (the kernel would answer with the listener
   that such a packet reaches; that answer counts as none); another -errno when the kernel could not be asked.
   An IPv4 pair finds AF_INET and dual-stack AF_INET6 sockets alike.
   -ENOENT is an answer, not an error: it leaves err as it is. */
int sockdiag_exact(struct sockdiag *sd, const struct endpoint *local, const struct endpoint *remote, struct diag_socket *out,
                   struct error *err);

/* The same for many connections, at half the time each. `ends` gives both ends of the one with this number, or false: it is not asked for;
   `found` gets the answer, NULL where there is no such connection. 0, or -errno: then some were not asked. */
struct sockdiag_many {
    size_t count;
    bool (*ends)(void *context, size_t number, struct endpoint *local, struct endpoint *remote);
    void (*found)(void *context, size_t number, const struct diag_socket *socket);
    void *context;
};
int sockdiag_exact_many(struct sockdiag *sd, const struct sockdiag_many *many, struct error *err);

#define SOCKDIAG_STATE(s) (1u << (s))
#define SOCKDIAG_LISTEN SOCKDIAG_STATE(STATE_LISTEN)
/* Not all bits: newer kernels take 13 (TCP_BOUND_INACTIVE) for a reason to walk another table, of no use here. */
#define SOCKDIAG_CHILDREN ((SOCKDIAG_STATE(STATE_COUNT) - 1) & ~SOCKDIAG_LISTEN)

/* Ports, both included. */
struct port_range {
    uint16_t low, high;
};
#define PORT_RANGES_MAX 32 /* so many fit into a question */

struct sockdiag_query {
    int family;      /* AF_INET, AF_INET6, or AF_UNSPEC: both, in one walk of the kernel's tables */
    uint32_t states; /* SOCKDIAG_STATE bits */
    /* Filtered in the kernel (INET_DIAG_REQ_BYTECODE), by one of these: */
    uint16_t local_port;              /* 0: any */
    const struct port_range *local;   /* in one of these, ... */
    size_t local_count;               /* ... at most PORT_RANGES_MAX; 0: any */
    uint16_t remote_low, remote_high; /* ports, both included; 0: any */
    bool want_info;                   /* INET_DIAG_INFO too */
    bool want_memory;                 /* INET_DIAG_SKMEMINFO too */
};

/* Calls `each` for every matching socket. A dump that the kernel interrupted (NLM_F_DUMP_INTR, ENOBUFS) is asked
   again up to four times; before each new try `each` is called with NULL: forget what came so far.
   0, or -EINTR when every try was interrupted (the last try's sockets were delivered all the same), or -errno. */
typedef void sockdiag_each(void *context, const struct diag_socket *socket);
int sockdiag_dump(struct sockdiag *sd, const struct sockdiag_query *query, sockdiag_each *each, void *context, struct error *err);

/* ---- AF_UNIX: <linux/unix_diag.h> ---- */

/* As sockdiag_open, for questions about AF_UNIX sockets alone: cheaper, and no kernel is too old for it. */
int unixdiag_open(struct sockdiag *sd, struct error *err);

/* A listening stream or seqpacket socket. */
struct unix_listener {
    uint8_t type; /* SOCK_STREAM or SOCK_SEQPACKET */
    uint32_t inode;
    uint64_t cookie;
    uint32_t queue, backlog;          /* UNIX_DIAG_RQLEN: connections that wait, and the effective backlog */
    bool has_queue;                   /* false: this kernel did not tell them */
    uint32_t uid;                     /* UNIX_DIAG_UID; of the one who made it */
    uint32_t file_inode, file_device; /* UNIX_DIAG_VFS; 0: none */
    char path[UNIX_NAME_SIZE];        /* as struct listener's */
};

/* As diag_parse, for one AF_UNIX message. -ENOENT: a socket that does not listen. */
int unix_parse(const void *message, size_t length, struct unix_listener *out);

/* Calls `each` for every AF_UNIX listener, as sockdiag_dump does. -EPROTONOSUPPORT: no unix_diag in this kernel. */
typedef void unixdiag_each(void *context, const struct unix_listener *listener);
int unixdiag_dump(struct sockdiag *sd, unixdiag_each *each, void *context, struct error *err);

/* The connected AF_UNIX sockets that have a name, each with its peer's inode: 0 while nobody has accepted it. */
struct unix_client {
    struct endpoint name; /* as endpoint_from_sockaddr gives it */
    uint32_t peer_inode;
    bool has_peer;
};
typedef void unixdiag_each_client(void *context, const struct unix_client *client);
int unixdiag_clients(struct sockdiag *sd, unixdiag_each_client *each, void *context, struct error *err);

/* The same as unixdiag_dump for one of them, by its inode and cookie. -ENOENT when it is there no more. */
int unixdiag_exact(struct sockdiag *sd, uint32_t inode, uint64_t cookie, struct unix_listener *out, struct error *err);

#endif
