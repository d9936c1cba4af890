/* This process's network namespace: a private one, its sysctls, counters and addresses. */
#ifndef BACKLOGCTL_NETNS_H
#define BACKLOGCTL_NETNS_H

#include "backlogctl/endpoint.h"
#include "backlogctl/error.h"
#include "backlogctl/listener_facts.h"
#include "backlogctl/survey.h"

/* Moves the calling process, which must have one thread only, into a new network namespace and brings lo up. Without
   CAP_SYS_ADMIN a user namespace is made first (user_namespaces(7)). 0; -EPERM, -ENOSPC, ... when namespaces are
   forbidden here, with a text that names the call and, where one is known, the sysctl that forbids it. */
int netns_enter_private(struct error *err);

/* In the user namespace that was made for it the process is who it was before: an ordinary user may map his own ids alone, and gives up
   setgroups(2) for it (user_namespaces(7)). Without that, and where it fails, all ids there read as nobody's. Where none was made nothing
   changes. */
void netns_keep_ids(uid_t uid, gid_t gid);

/* The number in "net:[4026531840]", what the link /proc/PID/ns/net reads; 0 when it cannot be read. `pid` 0: the calling
   thread's own. */
uint64_t netns_inode(pid_t pid);

/* The calling thread's pid namespace if `pid` is in another: its number; 0: the same, or unknown. */
uint64_t netns_foreign_pidns(pid_t pid);

/* Opens a namespace: that of a process, or what a name says: one of ip-netns(8), a path (with a '/'), pid:N, or container:ID
   (container_find). *inside (may be NULL) becomes the process that such a name leads to, else 0. A descriptor or -errno. */
int netns_open_pid(pid_t pid, struct error *err);
int netns_open_name(const char *name, pid_t *inside, struct error *err);
/* One that a survey found, again. */
int netns_open_facts(const struct netns_facts *facts, struct error *err);

/* That of the calling thread. */
int netns_open_own(struct error *err);

/* Whether a name is one: -EINVAL for pid: without a number, container: without an id. */
int netns_name_check(const char *name, struct error *err);

/* Moves the calling thread into an open network namespace (setns(2): CAP_SYS_ADMIN here and in its user namespace). Without
   that right and with the `pid` (0: none) of a process in it, its user namespace is entered first: who made that may, but
   cannot come back. Staying takes no right. 0 or -errno. */
int netns_enter(int fd, pid_t pid, struct error *err);

/* Opens a namespace by its name and enters it: for who stays there. */
int netns_move(const char *name, struct error *err);

/* Calls `each` once for every network namespace that a process in /proc is in or that has a name in /run/netns, with one such
   process (0: none) and name (NULL: none). Returns how many processes do not let us see theirs (CAP_SYS_PTRACE). */
typedef void netns_each(void *context, uint64_t inode, pid_t pid, const char *name);
size_t netns_list(netns_each *each, void *context);

/* Longest value, with its end: sysctls of net.* are numbers or short lists. */
#define SYSCTL_VALUE_SIZE 256

/* True for keys such as net.core.somaxconn or net/core/somaxconn: begins with net, letters, digits, _ - . / only,
   no empty component, no "..". */
bool sysctl_key_valid(const char *key);

/* Reads or writes /proc/sys/KEY of the calling thread's network namespace. The value read has no newline at its end.
   0 or -errno: -ENOENT no such sysctl here, -EINVAL the kernel does not take that value, -EACCES/-EPERM no right. */
int sysctl_read(const char *key, char out[SYSCTL_VALUE_SIZE], struct error *err);
int sysctl_write(const char *key, const char *value, struct error *err);

/* The number 0..4294967295 that is the value of a sysctl; -1 when there is none or it is none. */
int64_t sysctl_number(const char *key);

/* net.core.somaxconn; 0 when it cannot be read. */
uint32_t sysctl_somaxconn(void);

/* What this kernel called its start (/proc/sys/kernel/random/boot_id): two reports with the same are of one machine, and of one clock. "" when
   it cannot be read. */
#define BOOT_ID_SIZE 40
void boot_id(char out[BOOT_ID_SIZE]);

/* Ephemeral ports, net.ipv4.ip_local_port_range (it serves IPv6 too). */
int sysctl_port_range(uint16_t *low, uint16_t *high, struct error *err);

/* TcpExt counters from /proc/thread-self/net/netstat. A counter unknown to this kernel stays 0. */
int counters_read(struct counters *out, struct error *err);
/* after - before; known only if both are. */
struct counters counters_change(const struct counters *before, const struct counters *after);

/* How often anybody in this namespace called connect(2) so that a SYN went out (Tcp: ActiveOpens of /proc/thread-self/net/snmp, which
   tcp_connect() counts); -1: unknown. */
int64_t counters_connects(void);

/* What happened to connections in this namespace since it was made (Tcp: of /proc/thread-self/net/snmp); false: unknown. */
struct connection_counters {
    uint64_t connects; /* ActiveOpens */
    uint64_t children; /* PassiveOpens: sockets that listeners made (tcp_create_openreq_child) */
    uint64_t resets;   /* AttemptFails and EstabResets: those that ended, on either side, without a FIN of both */
};
bool counters_connections(struct connection_counters *out);

/* What TCP of this namespace sent and received, over IPv4 and IPv6, and whether anything came from elsewhere; false: unknown. */
struct traffic {
    uint64_t segments_in, segments_out; /* Tcp: InSegs (tcp_v4_rcv, behind all filters), OutSegs of /proc/thread-self/net/snmp */
    uint64_t repeated;                  /* RetransSegs, which OutSegs has not */
    uint64_t arrived;                   /* packets that came by other devices than lo (/proc/thread-self/net/dev) */
};
bool traffic_read(struct traffic *out);

/* Whether a packet to `e` stays on this host: RTM_GETROUTE says RTN_LOCAL (rtnetlink(7)). -ENETUNREACH and the like
   when there is no route at all: then *local is false. */
int route_is_local(const struct endpoint *e, bool *local, struct error *err);

/* The device whose route matches packets to `e`, which for an address of this host is the one that has it (RTM_F_FIB_MATCH). 0: none, or
   unknown. */
uint32_t route_device(const struct endpoint *e);

/* Whether a packet from `local` to `remote` has a route, as the answer to a SYN needs one. 0, -ENETUNREACH and the like, or an error
   of asking. */
int route_back(const struct endpoint *local, const struct endpoint *remote);

#endif
