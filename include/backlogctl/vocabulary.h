/* The words that every layer shares: one list each makes the enum and its names, the same in text, JSON, options and man pages. */
#ifndef BACKLOGCTL_VOCABULARY_H
#define BACKLOGCTL_VOCABULARY_H

#include <stdbool.h>

#define MODEL_ENUM(symbol, ...) symbol,

/* When no further waiting changes a verdict. */
enum finality { FINAL_NEVER, FINAL_WITH_SOCKET /* once the client's socket no longer tries */, FINAL_AT_ONCE };

/* What a verdict is to a person: the report chooses the colour. */
enum hue { HUE_GOOD, HUE_WAITING, HUE_GHOST, HUE_BAD, HUE_OURS, HUE_OPEN };

/* What became of a connection; backlogctl(7) explains each. The columns are struct verdict_traits. */
#define VERDICTS(X)                                                                                                         \
    X(VERDICT_CONNECTED, "connected", true, FINAL_AT_ONCE, 3, HUE_GOOD, "accept() returned it")                             \
    X(VERDICT_QUEUED, "queued", true, FINAL_NEVER, 3, HUE_WAITING, "complete, waits in the accept queue")                   \
    X(VERDICT_HALF_OPEN, "half_open", true, FINAL_NEVER, 3, HUE_WAITING,                                                    \
      "the client is connected, the server still waits for its ACK")                                                        \
    X(VERDICT_LOST, "lost", true, FINAL_NEVER, 3, HUE_GHOST, "the client is connected, the server has forgotten it")        \
    X(VERDICT_TIMED_OUT, "timed_out", false, FINAL_WITH_SOCKET, 2, HUE_BAD, "no answer to its SYN while we waited")         \
    X(VERDICT_WOULD_BLOCK, "would_block", false, FINAL_AT_ONCE, 1, HUE_BAD, "AF_UNIX: told at once that the queue is full") \
    X(VERDICT_REFUSED, "refused", false, FINAL_AT_ONCE, 1, HUE_BAD, "nobody listens there")                                 \
    X(VERDICT_RESET, "reset", false, FINAL_AT_ONCE, 2, HUE_BAD, "was connected, then the peer reset it")                    \
    X(VERDICT_UNREACHABLE, "unreachable", false, FINAL_AT_ONCE, 1, HUE_BAD, "no route, or a router said so")                \
    X(VERDICT_LOCAL_ERROR, "local_error", false, FINAL_AT_ONCE, 1, HUE_OURS,                                                \
      "our side ran out of something; says nothing about the server")                                                       \
    X(VERDICT_ESTABLISHED, "established", true, FINAL_NEVER, 3, HUE_OPEN,                                                   \
      "complete as the client sees it, and no evidence to say more")
enum verdict { VERDICTS(MODEL_ENUM) VERDICT_COUNT };

struct verdict_traits {
    const char *name;
    bool got_through; /* connected as far as the client can tell, the lost included: it needs no other address */
    enum finality final;
    int weight; /* of a connection's attempts at several addresses the one of the greatest weight decides */
    enum hue hue;
    const char *meaning;
};

/* The columns of the list; outside the enum those of `established`, which claims least. */
#define VERDICT_TRAITS(symbol, ...) {__VA_ARGS__},
static inline const struct verdict_traits *verdict_traits(enum verdict v)
{
    static const struct verdict_traits traits[] = {VERDICTS(VERDICT_TRAITS)};
    return &traits[v < VERDICT_COUNT ? v : VERDICT_ESTABLISHED];
}

/* What a verdict rests on. */
#define EVIDENCES(X)                                                                                                  \
    X(EVIDENCE_NONE, "none")                                                                                          \
    X(EVIDENCE_PEER_SOCKET, "peer_socket")   /* sock_diag of the server's side of this very connection */             \
    X(EVIDENCE_QUEUE_LENGTH, "queue_length") /* the queue grew by all who are connected, and nobody else was there */ \
    X(EVIDENCE_REPLY, "reply")               /* the application sent bytes */                                         \
    X(EVIDENCE_PROBE_BYTE, "probe_byte")     /* what became of bytes that we sent */                                  \
    X(EVIDENCE_TCP_INFO, "tcp_info")         /* the client socket's own TCP_INFO */                                   \
    X(EVIDENCE_SOCKET_ERROR, "socket_error") /* an errno of the client socket */                                      \
    X(EVIDENCE_DEADLINE, "deadline")         /* the patience ended and nothing had come */
enum evidence { EVIDENCES(MODEL_ENUM) EVIDENCE_COUNT };

/* Why, where the kernel gives a reason. */
#define REASONS(X)                                                                                                             \
    X(REASON_NONE, "none")                                                                                                     \
    X(REASON_QUEUE_FULL, "queue_full")         /* the listener's drops account for every unanswered SYN */                     \
    X(REASON_SYN_QUEUE_FULL, "syn_queue_full") /* the same, and it was the SYN queue (tcp_syncookies=0) */                     \
    X(REASON_NO_ANSWER, "no_answer")           /* the listener dropped nothing: the SYN died on the way */                     \
    X(REASON_ANSWER_LOST, "answer_lost")       /* the server has the request: its SYN-ACKs do not come through */              \
    X(REASON_NO_ROUTE_BACK, "no_route_back")   /* the listener's host has no route to the client: it drops its SYN */          \
    X(REASON_TRANSLATED, "translated")         /* address translation carried the SYN to another address */                    \
    X(REASON_ICMP, "icmp")                     /* an ICMP message said so; the kernel went on trying */                        \
    X(REASON_REMOTE, "remote")                 /* the server's side is on another host or namespace */                         \
    X(REASON_NO_LISTENER, "no_listener")       /* a local address without a listener: carried elsewhere */                     \
    X(REASON_LISTENER_GONE, "listener_gone")   /* the listener was closed, or another took its place, in the middle */         \
    X(REASON_NO_TRACE, "no_trace")             /* a listener is here, yet neither socket nor drop: redirected? */              \
    X(REASON_UNACKNOWLEDGED, "unacknowledged") /* what we sent was repeated twice in vain: half-open, lost, or a lossy path */ \
    X(REASON_REPEATED, "repeated")       /* SYN-ACKs came again: half-open then, and who knows whether there was room since */ \
    X(REASON_NOT_SEEN, "not_seen")       /* the kernel could not be asked */                                                   \
    X(REASON_DESCRIPTORS, "descriptors") /* EMFILE, ENFILE */                                                                  \
    X(REASON_PORTS, "ports")             /* EADDRINUSE, EADDRNOTAVAIL: no free source port */                                  \
    X(REASON_ADDRESS, "address")         /* EADDRNOTAVAIL of bind(): no address of this host */                                \
    X(REASON_MEMORY, "memory")           /* ENOMEM, ENOBUFS */                                                                 \
    X(REASON_PERMISSION, "permission")   /* EACCES, EPERM: a local firewall or policy */
enum reason { REASONS(MODEL_ENUM) REASON_COUNT };

/* Where the server's side of a connection stands, from sock_diag of the exact reversed 4-tuple. */
#define PEERS(X)                                                                                       \
    X(PEER_UNKNOWN, "unknown")   /* not asked, or cannot be asked from here */                         \
    X(PEER_ABSENT, "absent")     /* the kernel has no such socket */                                   \
    X(PEER_SYN_RECV, "syn_recv") /* a request: the handshake's last ACK was dropped or is under way */ \
    X(PEER_QUEUED, "queued")     /* ESTABLISHED or CLOSE_WAIT without an inode: not accepted yet */    \
    X(PEER_ACCEPTED, "accepted") /* ESTABLISHED or CLOSE_WAIT with an inode: accept() returned it */   \
    X(PEER_CLOSED, "closed")     /* any later state: accepted, then closed by the server */
enum peer { PEERS(MODEL_ENUM) PEER_COUNT };

/* The kernel's TCP states with the kernel's numbers (include/net/tcp_states.h). */
#define TCP_STATES(X)                   \
    X(STATE_NONE, "none")               \
    X(STATE_ESTABLISHED, "established") \
    X(STATE_SYN_SENT, "syn_sent")       \
    X(STATE_SYN_RECV, "syn_recv")       \
    X(STATE_FIN_WAIT1, "fin_wait1")     \
    X(STATE_FIN_WAIT2, "fin_wait2")     \
    X(STATE_TIME_WAIT, "time_wait")     \
    X(STATE_CLOSE, "close")             \
    X(STATE_CLOSE_WAIT, "close_wait")   \
    X(STATE_LAST_ACK, "last_ack")       \
    X(STATE_LISTEN, "listen")           \
    X(STATE_CLOSING, "closing")         \
    X(STATE_NEW_SYN_RECV, "new_syn_recv")
enum tcp_state { TCP_STATES(MODEL_ENUM) STATE_COUNT };

/* Counters of the network namespace that bear on a backlog (TcpExt of /proc/net/netstat); they count packets. */
#define COUNTERS(X)                                                                                                    \
    X(COUNTER_LISTEN_OVERFLOWS, "ListenOverflows")                                                                     \
    X(COUNTER_LISTEN_DROPS, "ListenDrops")                                                                             \
    X(COUNTER_SYNCOOKIES_SENT, "SyncookiesSent")                                                                       \
    X(COUNTER_SYNCOOKIES_RECV, "SyncookiesRecv")                                                                       \
    X(COUNTER_SYNCOOKIES_FAILED, "SyncookiesFailed")                                                                   \
    X(COUNTER_REQ_QFULL_DO_COOKIES, "TCPReqQFullDoCookies")                                                            \
    X(COUNTER_REQ_QFULL_DROP, "TCPReqQFullDrop")                                                                       \
    X(COUNTER_DEFER_ACCEPT_DROP, "TCPDeferAcceptDrop")                                                                 \
    X(COUNTER_FASTOPEN_ACTIVE, "TCPFastOpenActive")   /* SYNs whose data was acknowledged */                           \
    X(COUNTER_FASTOPEN_PASSIVE, "TCPFastOpenPassive") /* connections that a listener made from such a SYN */           \
    X(COUNTER_FASTOPEN_OVERFLOW, "TCPFastOpenListenOverflow")                                                          \
    X(COUNTER_SYN_CHALLENGE, "TCPSYNChallenge")    /* SYN-ACKs repeated to a client that is connected, among others */ \
    X(COUNTER_LOOPBACK_DROPPED, "LoopbackDropped") /* lo's rx drops (/proc/net/dev): its input queue was full */
enum counter { COUNTERS(MODEL_ENUM) COUNTER_COUNT };

/* What kind of socket listens. */
#define SOCKET_KINDS(X)                                                                          \
    X(KIND_TCP, "tcp")                                                                           \
    X(KIND_MPTCP, "mptcp") /* figures are those of its TCP subflow socket, where the queue is */ \
    X(KIND_UNIX_STREAM, "unix_stream")                                                           \
    X(KIND_UNIX_SEQPACKET, "unix_seqpacket")
enum socket_kind { SOCKET_KINDS(MODEL_ENUM) KIND_COUNT };

/* What is worth saying of a listener. */
#define REMARKS(X)                                                                                                          \
    X(REMARK_FULL, "full")                         /* the queue is longer than the backlog: the next SYN is dropped */      \
    X(REMARK_DROPPING, "dropping")                 /* it is full and has dropped, or its drops rose while it was watched */ \
    X(REMARK_DROPPED, "dropped")                   /* it has dropped, before the last interval */                           \
    X(REMARK_MAY_HAVE_DROPPED, "may_have_dropped") /* since it was made, for all that the counters tell */                  \
    X(REMARK_NOT_ACCEPTING, "not_accepting")       /* a client has waited for so long that nobody seems to accept */        \
    X(REMARK_SYN_QUEUE_FULL, "syn_queue_full")     /* as many half-open requests as the SYN queue holds */                  \
    X(REMARK_GIVEN_UP, "given_up")                 /* clients in the queue have closed or reset their connections */        \
    X(REMARK_LOWERED, "lowered")                   /* the queue is longer than the backlog allows */                        \
    X(REMARK_CLAMPED, "clamped")                   /* the effective backlog equals net.core.somaxconn */                    \
    X(REMARK_OLD_LIMIT, "old_limit") /* it equals what somaxconn was by default in older kernels, and is now more */        \
    X(REMARK_SMALL, "small")         /* a backlog that a small burst overflows */
enum remark { REMARKS(MODEL_ENUM) REMARK_COUNT };

/* Why a process that holds a listener does not accept, the certain ones first. */
#define HOLDER_CAUSES(X)                                                                                    \
    X(HOLDER_STOPPED, "stopped")         /* by a signal */                                                  \
    X(HOLDER_TRACED, "traced")           /* stopped by a debugger */                                        \
    X(HOLDER_FROZEN, "frozen")           /* its cgroup is */                                                \
    X(HOLDER_DESCRIPTORS, "descriptors") /* none is left: accept() fails with EMFILE */                     \
    X(HOLDER_BLOCKED, "blocked")         /* in uninterruptible sleep */                                     \
    X(HOLDER_MEMORY, "memory")           /* its cgroup has none left */                                     \
    X(HOLDER_THROTTLED, "throttled")     /* by its cgroup's CPU quota */                                    \
    X(HOLDER_IDLE, "idle")               /* waits for events, though clients wait: at a limit of its own */ \
    X(HOLDER_ELSEWHERE, "elsewhere")     /* waits in another call: blocked there, or no server */           \
    X(HOLDER_BUSY, "busy")               /* its threads run */
enum holder_cause { HOLDER_CAUSES(MODEL_ENUM) HOLDER_CAUSE_COUNT };

/* With one of these, bits 1 << enum holder_cause, a process accepts, too slowly. */
#define HOLDER_CAUSES_SLOW (1u << HOLDER_THROTTLED | 1u << HOLDER_BUSY)

/* The word for a value, never NULL ("?" outside the enum). Static storage. */
const char *verdict_name(enum verdict value);
const char *evidence_name(enum evidence value);
const char *reason_name(enum reason value);
const char *peer_name(enum peer value);
const char *tcp_state_name(enum tcp_state value);
const char *counter_name(enum counter value);
const char *socket_kind_name(enum socket_kind value);
const char *remark_name(enum remark value);
const char *holder_cause_name(enum holder_cause value);

/* Whether address translation (netfilter's NAT) carries the connections elsewhere. */
enum translation { TRANSLATION_UNKNOWN, TRANSLATION_NONE, TRANSLATION_FOUND };

#endif
