/* The model: plain structs and enums that every layer shares. Engine and kernel fill in facts, the judge turns
   facts into verdicts, the report prints. Nothing here owns memory unless it says so. */
#ifndef BACKLOGCTL_MODEL_H
#define BACKLOGCTL_MODEL_H

#include "backlogctl/causes.h"
#include "backlogctl/clock.h"
#include "backlogctl/endpoint.h"
#include "backlogctl/timeline.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MODEL_ENUM(symbol, ...) symbol,

/* ---- Vocabulary: one list each makes the enum and its names, the same in text, JSON, options and man pages ---- */

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
    bool got_through; /* connected as far as the client can tell: it needs no other address */
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
#define EVIDENCES(X)                                                                                      \
    X(EVIDENCE_NONE, "none")                                                                              \
    X(EVIDENCE_PEER_SOCKET, "peer_socket")   /* sock_diag of the server's side of this very connection */ \
    X(EVIDENCE_REPLY, "reply")               /* the application sent bytes */                             \
    X(EVIDENCE_PROBE_BYTE, "probe_byte")     /* what became of bytes that we sent */                      \
    X(EVIDENCE_TCP_INFO, "tcp_info")         /* the client socket's own TCP_INFO */                       \
    X(EVIDENCE_SOCKET_ERROR, "socket_error") /* an errno of the client socket */                          \
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
    X(REASON_NOT_SEEN, "not_seen")             /* the kernel could not be asked */                                             \
    X(REASON_DESCRIPTORS, "descriptors")       /* EMFILE, ENFILE */                                                            \
    X(REASON_PORTS, "ports")                   /* EADDRINUSE, EADDRNOTAVAIL: no free source port */                            \
    X(REASON_ADDRESS, "address")               /* EADDRNOTAVAIL of bind(): no address of this host */                          \
    X(REASON_MEMORY, "memory")                 /* ENOMEM, ENOBUFS */                                                           \
    X(REASON_PERMISSION, "permission")         /* EACCES, EPERM: a local firewall or policy */
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
#define REMARKS(X)                                                                                                    \
    X(REMARK_FULL, "full")                   /* the queue is longer than the backlog: the next SYN is dropped */      \
    X(REMARK_DROPPING, "dropping")           /* it is full and has dropped, or its drops rose while it was watched */ \
    X(REMARK_DROPPED, "dropped")             /* it has dropped, at some time since it was made */                     \
    X(REMARK_NOT_ACCEPTING, "not_accepting") /* a client has waited for so long that nobody seems to accept */        \
    X(REMARK_CLAMPED, "clamped")             /* the effective backlog equals net.core.somaxconn */                    \
    X(REMARK_SMALL, "small")                 /* a backlog that a small burst overflows */
enum remark { REMARKS(MODEL_ENUM) REMARK_COUNT };

/* The word for a value, never NULL ("?" outside the enum). Static storage. */
const char *verdict_name(enum verdict value);
const char *evidence_name(enum evidence value);
const char *reason_name(enum reason value);
const char *peer_name(enum peer value);
const char *tcp_state_name(enum tcp_state value);
const char *counter_name(enum counter value);
const char *socket_kind_name(enum socket_kind value);
const char *remark_name(enum remark value);

/* ---- Facts ---- */

/* A socket's name as the kernel has it, which may be any bytes: a path, or '@' and an abstract name, in which a NUL is ENDPOINT_NUL.
   A path that begins with '@' itself has "./" in front of it. Room for sun_path, all of its bytes NUL. */
#define UNIX_NAME_SIZE 220

/* What connections go over. */
struct transport {
    enum socket_kind kind;
    const char *path; /* AF_UNIX: where the listener is bound, an abstract name with a leading '@'; else NULL */
    bool fastopen;    /* TCP Fast Open (RFC 7413): the first data goes with the SYN, once the server gave a cookie */
};

static inline bool is_unix(enum socket_kind kind)
{
    return kind == KIND_UNIX_STREAM || kind == KIND_UNIX_SEQPACKET;
}

/* Its connections begin with packets, which take their time and can be dropped and seen. Without such a handshake connect() is over
   when it returns: the client is in the queue, or has been told that there is no room. */
static inline bool has_handshake(enum socket_kind kind)
{
    return !is_unix(kind);
}

/* Values of the counters, or the difference of two readings. */
struct counters {
    bool known; /* false: could not be read */
    uint64_t value[COUNTER_COUNT];
};

/* One listening socket, or the members of a SO_REUSEPORT group taken together. */
struct listener {
    bool known;            /* false: no listener was found; all else is then 0 */
    struct endpoint local; /* as bound; may be the any-address */
    uint16_t family;       /* of the socket; an AF_INET6 one may be bound to an IPv4 address */
    uint32_t members;      /* sockets in the reuseport group, else 1; queue, backlog, drops are sums over them */
    uint32_t inode;        /* of the (first) socket */
    uint64_t cookie;       /* the kernel's name of the (first) socket: another value means it was replaced */
    uint64_t backlog;      /* effective, after the clamp by somaxconn (sock_diag idiag_wqueue) */
    uint64_t capacity;     /* connections that the accept queue holds: backlog + 1 a member */
    uint64_t queue;        /* accept-queue length (sock_diag idiag_rqueue) */
    uint64_t drops;        /* sk_drops: packets that this listener dropped since it was made */
    bool drops_known;
    pid_t pid;          /* 0: unknown (no right to see, or not looked up) */
    char process[32];   /* its command name, which may be any bytes; "" when unknown */
    uint32_t processes; /* that hold it: `pid` is the first of them */
    /* Filled in by a survey (surveyor.h) only: */
    uint8_t kind;    /* enum socket_kind */
    bool dual_stack; /* IPv6 any-address that takes IPv4 too */
    bool half_open_known, oldest_known;
    uint32_t half_open;        /* SYN queue: requests in SYN_RECV; of the whole reuseport group */
    uint32_t oldest_ms;        /* how long the first of the queue has waited, 4 ms grain; of the whole reuseport group */
    uint32_t member;           /* 1..group: its place in a reuseport group; `members` is then 1 */
    uint32_t group;            /* sockets of that group; 1: none */
    uint32_t interface;        /* index of the device it is bound to (SO_BINDTODEVICE), 0: any */
    char device[16];           /* its name, which may be any bytes; "" for any */
    uint32_t uid;              /* its owner's user id in our user namespace */
    uint64_t netns;            /* inode number of its network namespace */
    uint64_t pidns;            /* of the pid namespace of `pid`; 0: ours, or unknown */
    char path[UNIX_NAME_SIZE]; /* AF_UNIX: the name as bound, byte by byte, abstract ones with a leading '@', "" for none */
    uint32_t file_inode, file_device; /* AF_UNIX: of the file that bind(2) made, as sock_diag numbers them; 0: none */
    /* Written by the judge: */
    uint32_t percent; /* queue of capacity; over 100 after the backlog was lowered */
    uint32_t remarks; /* bits 1 << enum remark */
};

/* One attempt of one connection at one address: the facts, then what the judge made of them. Times are spans since
   the start of the run, NSEC_NEVER where it did not happen or nobody saw it. */
struct attempt {
    struct endpoint source; /* our end; family AF_UNSPEC before it is bound; AF_UNIX: the abstract name it was given */
    nsec opened;            /* connect() was called */
    nsec established;       /* the handshake was complete as the client sees it: the SYN-ACK's time where packets were captured,
                               else an upper bound (when we learned of it), lowered to an exact `accepted` */
    nsec accepted;          /* accept() had returned it: exact in `run`, the first sighting in `probe` */
    nsec failed;            /* the kernel reported an error */
    uint32_t id;            /* number of the connection in the burst, from 1; the same in every address it tries */
    int32_t age_ms;         /* how long it had waited in the accept queue at the last look; -1 unknown */
    int16_t error;          /* positive errno of connect() or SO_ERROR; 0 none */
    uint16_t segments_in;   /* segments the client received (tcpi_segs_in), capped at 65535 */
    uint8_t state;          /* enum tcp_state of the client's socket */
    uint8_t peer;           /* enum peer */
    uint8_t syn_retransmits;
    uint8_t data_retransmits; /* of what we sent, while unacknowledged */
    bool soft_error : 1;      /* `error` was reported while the kernel went on trying (ICMP) */
    bool sent : 1;            /* we sent bytes on it */
    bool acknowledged : 1;    /* ... and the server's kernel acknowledged them */
    bool replied : 1;         /* the application sent us bytes */
    bool was_half_open : 1;   /* an earlier look saw the server's side in SYN_RECV */
    bool was_queued : 1;      /* an earlier look saw the server's side in the accept queue */
    bool refused_here : 1;    /* connect() itself failed: no packet was sent */
    bool translated : 1;      /* address translation carried it to target->carried_to, or such an address */
    bool answered : 1;        /* a look saw the server's request while the client knew of no answer */
    bool drop_full : 1;       /* the listener discarded a packet while this SYN was sent, its queue being full before and after */
    bool drop_open : 1;       /* the same, its queue being full neither before nor after */
    /* Written by the judge: */
    bool decides : 1; /* this attempt's verdict is the connection's (see judge.h) */
    uint8_t verdict;  /* enum verdict */
    uint8_t reason;   /* enum reason */
    uint8_t evidence; /* enum evidence */
};

/* Whether address translation (netfilter's NAT) carries the connections elsewhere. */
enum translation { TRANSLATION_UNKNOWN, TRANSLATION_NONE, TRANSLATION_FOUND };

/* One address that the burst was aimed at. */
struct target {
    struct endpoint address;
    struct endpoint bound; /* where the server's side of a connection is: the address, unless the path is reflected */
    struct transport transport;
    bool local;             /* an address of this host in this network namespace */
    bool reflected;         /* the path swaps the two addresses of each packet: the server's side has them the other way round */
    bool looked;            /* the server's side was asked for through sock_diag, completely */
    struct listener before; /* when the burst began */
    struct listener after;  /* at the last look; keeps the last known figures if the listener has gone */
    bool listener_gone;     /* there was one before, and it is no longer there, or another took its place */
    bool undropped;         /* a SYN went unanswered, and the listener's counter did not rise while it was sent */
    struct endpoint served; /* where the server's side was found, if that is not `bound`; else its family is AF_UNSPEC */
    uint8_t translation;    /* enum translation */
    struct endpoint carried_to; /* TRANSLATION_FOUND: where to */
    struct endpoint
        unroutable;           /* the source of a client without an answer that the kernel has no route back to; else AF_UNSPEC */
    struct listener carrier;  /* the listener at `served` or `carried_to`, as far as it is on this host */
    struct attempt *attempts; /* ascending id; owned by whoever made the run */
    size_t attempt_count;
    struct listener *members; /* of a reuseport group, each by itself, `drops` during the run; owned as the attempts are */
    size_t member_count;      /* 0: no group */
    struct timeline timeline;
    /* Written by the judge: */
    bool drops_known;               /* the same listener was seen before and after, with its counter */
    uint64_t drops;                 /* packets that it dropped during the run */
    uint32_t causes[SYMPTOM_COUNT]; /* bits 1 << enum cause: what may have caused each symptom, if there is any */
};

/* ---- Settings: what was asked for ---- */

#define ACCEPT_UNLIMITED INT64_C(-1)

#define REUSEPORT_MAX 256

struct server_settings {
    struct transport transport;
    uint32_t reuseport;   /* listeners that share each address by SO_REUSEPORT; 0: one, without that option */
    nsec defer_accept;    /* TCP_DEFER_ACCEPT, whole seconds; 0: off */
    int32_t backlog;      /* as given to listen(2): -2147483648..2147483647 */
    nsec accept_delay;    /* before each accept; 0: none */
    int64_t accept_count; /* accepts before stopping; ACCEPT_UNLIMITED or 0.. */
    nsec stall;           /* it accepts nobody for so long, first when the first client comes; 0: never */
    nsec stall_every;     /* ... and again so long after the beginning of each stall; 0: once */
    nsec duration;        /* life of the listener; 0: no bound */
    const char *greeting; /* sent to each accepted client, with a newline; NULL: none */
};

#define SOURCES_MAX 16

/* Addresses to connect from. */
struct source_list {
    const char *text; /* as typed; NULL: none were given, they are chosen for the target */
    struct endpoint_range ranges[SOURCES_MAX];
    size_t count;
};

/* How clients come. */
struct arrivals {
    uint32_t count; /* 1..1 000 000; 0 in a load: without end */
    uint32_t rate;  /* so many a second, evenly, scheduled against the start; 0: all at once, or: */
    uint32_t burst; /* so many at once, and as many again each time `every` is over; 0: no such bursts. With a rate, too: those of
                       a burst at that rate, which has to bring them out within `every` */
    nsec every;     /* 0: once */
};

/* When the i-th comes, counted from 0: a span since the first. */
static inline nsec arrival_due(const struct arrivals *arrivals, uint64_t i)
{
    uint64_t bursts = arrivals->burst ? i / arrivals->burst : 0, behind = arrivals->burst ? i % arrivals->burst : i;
    nsec within = arrivals->rate ? (nsec)((double)behind * NSEC_PER_SEC / arrivals->rate) : 0;
    return (nsec)bursts * arrivals->every + within;
}

struct probe_settings {
    struct arrivals arrivals;
    nsec timeout;     /* patience after the burst; 0: judge at once */
    const char *send; /* sent on each established connection, with a newline; NULL: nothing */
    nsec wait;        /* how long to wait for a listener first; 0: not */
    bool allow_remote;
    bool summary;     /* no row per connection in the report */
    bool timeline;    /* record when what happened, and show it in the text report */
    uint32_t threads; /* threads that open at the same time; 0 or 1: one order */
    struct source_list sources;
};

/* How a time is spread over the connections: exact quantiles of all samples, and a histogram. */
#define SPREAD_BUCKETS 28
struct spread {
    uint64_t samples;             /* 0: all else is 0 */
    nsec min, p50, p90, p99, max; /* nearest rank: the smallest sample that at least that share does not exceed */
    /* [i]: spans from 2^i us to below 2^(i+1) us; [0] also the shorter ones, the last the longer */
    uint64_t buckets[SPREAD_BUCKETS];
};

/* How the burst went out. */
struct pace {
    nsec took;        /* from the first connect() to the return of the last */
    double rate;      /* connections a second that were really begun; 0: fewer than two */
    nsec worst_late;  /* --rate: how far the latest connect() was behind its schedule */
    uint32_t threads; /* that carried the burst, one after the other or at the same time */
    uint32_t sources; /* source addresses used */
};

/* ---- The run as a whole: what every report prints ---- */

enum compare { COMPARE_EQ, COMPARE_NE, COMPARE_LT, COMPARE_LE, COMPARE_GT, COMPARE_GE };

struct expectation {
    char text[48];   /* normalised, as "timed_out>=6" */
    uint8_t measure; /* enum measure, see figures.h */
    uint8_t compare;
    int64_t expected;
    /* Written by the judge: */
    bool seen_known; /* false: nobody knows the value; then it does not hold */
    int64_t seen;
    bool ok;
    size_t broken;    /* of listeners: how many do not keep it, */
    size_t broken_by; /* and the index of the first of them: `seen` is its */
};

#define EXPECTATIONS_MAX 32
struct expectations {
    struct expectation list[EXPECTATIONS_MAX];
    size_t count;
};

#define TARGETS_MAX ENDPOINTS_MAX

/* Sysctls of the run's network namespace that its reports reason with; -1: unknown, or this kernel has no such. */
struct run_sysctls {
    int64_t abort_on_overflow, syncookies, syn_retries, syn_linear_timeouts; /* net.ipv4.tcp_... */
    int64_t conntrack_count;                                                 /* connections that netfilter tracks */
};

#define SYN_TIMES 8

struct run {
    const char *command;               /* "probe" or "run" */
    const char *preset, *preset_words; /* its name, and what it shows; NULL: none */
    const char *host;                  /* as typed */
    char kernel[72];                   /* release, as uname -r */
    char started_at[CLOCK_STAMP_SIZE];
    struct probe_settings probe;
    struct server_settings server; /* only when has_server */
    bool has_server;               /* the server was ours: asked backlog and exact accept times are known */
    bool private_namespace;
    nsec delay;         /* of the path, one way; 0: none but loopback's */
    uint32_t somaxconn; /* of this network namespace; 0: unknown */
    struct run_sysctls sysctls;
    bool asked;                         /* the kernel could be asked about sockets (sock_diag) */
    struct target targets[TARGETS_MAX]; /* in the order tried; those never tried have no attempts */
    size_t target_count;
    size_t connection_count;  /* connections begun; fewer than asked only when interrupted */
    nsec elapsed;             /* from the first connect to the last look */
    struct counters counters; /* change during the run */
    struct pace pace;
    struct spread to_established; /* from connect() to established, of every connection that came so far */
    struct spread to_accepted;    /* from connect() to accepted */
    struct expectation expectations[EXPECTATIONS_MAX];
    size_t expectation_count;
    int signal;           /* ended early by this signal; 0: not */
    char incomplete[160]; /* why evidence is missing, "" when it is complete */
    /* Written by the judge: */
    uint64_t counts[VERDICT_COUNT];  /* one a connection: of its deciding attempt */
    bool drops_known;                /* of at least one listener */
    uint64_t drops;                  /* packets dropped by the listeners during the run, each listener counted once */
    uint32_t syn_times_s[SYN_TIMES]; /* when a client without an answer sends its SYN again, seconds after the first, */
    size_t syn_time_count;           /* so many; 0: unknown */
    uint32_t gives_up_s;             /* and when connect(2) fails */
    bool ok;                         /* every expectation held */
};

/* What happened at a server of ours. */
#define SERVER_EVENTS(X)                                                                       \
    X(SERVER_ACCEPTED, "accepted") /* accept() returned a client */                            \
    X(SERVER_CLOSED, "closed")     /* a conversation ended */                                  \
    X(SERVER_QUEUE, "queue")       /* the accept queue's length changed */                     \
    X(SERVER_DROPPED, "dropped")   /* the listener's drop counter rose */                      \
    X(SERVER_STOPPED, "stopped")   /* accept_count was reached: the rest stays in the queue */ \
    X(SERVER_STARVED, "starved")   /* no descriptor or memory for another client: accepts again when there is */
enum server_event_kind { SERVER_EVENTS(MODEL_ENUM) SERVER_EVENT_COUNT };
const char *server_event_name(enum server_event_kind value);

struct server_event {
    enum server_event_kind kind;
    nsec at;               /* since the server began to listen */
    struct endpoint local; /* the listener's address */
    const char *path;      /* AF_UNIX: its path; as long as the server's settings */
    struct endpoint peer;  /* accepted, closed: the client */
    uint64_t number;       /* accepted, closed: the client's number from 1; dropped: how many more;
                              starved: the errno */
    uint64_t queue;        /* accept-queue length after the event */
    uint64_t capacity;
    uint64_t drops; /* of this listener since it was made */
};

/* A server's life in numbers. */
struct server_totals {
    uint64_t accepted, closed, open; /* conversations */
    uint64_t queue, drops;           /* over all listeners */
    uint64_t peak_queue;             /* highest length seen at any event: a lower bound */
};

#endif
