/* Processes that hold a listening socket: who they are, what they do, why they do not accept. Plain structs and pure functions. */
#ifndef BACKLOGCTL_SOCKET_HOLDER_H
#define BACKLOGCTL_SOCKET_HOLDER_H

#include "backlogctl/vocabulary.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Where a process runs, by its cgroup's path, in bytes of any kind; "" where the path does not tell. */
struct socket_holder_place {
    char unit[64];      /* systemd's: the innermost .service, .scope or .socket that is not a container's own scope */
    char container[65]; /* the innermost one's id of 64 hexadecimal digits (Docker, Podman, containerd, CRI-O), or LXC's name */
    char pod[37];       /* uid of its Kubernetes pod */
};

/* What a process was seen to do, at each of two looks a moment apart. Read only of those that hold a listener in trouble. */
struct holder_state {
    bool known;                            /* it was there, and let us see its threads */
    uint32_t threads;                      /* live ones */
    uint32_t stopped, traced, blocked;     /* of them in state T, t, D (proc_pid_stat(5)), */
    uint32_t running;                      /* R, */
    uint32_t events, futexes, accepts;     /* or in a system call: for events (epoll, poll, select, io_uring), a futex, accept */
    bool calls_known;                      /* which these are is known of every thread: takes the right to trace it */
    bool calls_foreign;                    /* they are not, as it is a 32-bit program on a 64-bit kernel, or the reverse */
    int64_t call;                          /* a thread's that is in none of these: its number; -1: none at both looks */
    uint64_t descriptors, descriptors_max; /* those in use below RLIMIT_NOFILE; max 0: unknown */
    bool frozen;                           /* its cgroup */
    bool memory_full;                      /* its cgroup uses memory.high, or all that it may have (v1: under_oom) */
    uint64_t cpu_periods, cpu_throttled;   /* of its cgroup's CPU quota, since that was made; 0: no quota */
};

struct socket_holder {
    pid_t pid;
    uint64_t pidns;   /* its pid namespace; 0: ours, or unknown */
    char process[32]; /* command name, which may be any bytes; "" when it is gone */
    bool registered;  /* only as a registered file of io_uring: it has no descriptor of the socket */
    bool keeper;      /* socket_holder_is_keeper() */
    struct socket_holder_place place;
    struct holder_state state;
    uint32_t causes; /* by the judge: bits 1 << enum holder_cause */
};

/* Reads /proc/PID/cgroup, of either hierarchy (cgroups(7): lines "number:controllers:path"). What no line tells is "". */
void socket_holder_read_place(const char *cgroup, struct socket_holder_place *out);

/* Whether a command name is this one, of which the kernel keeps 15 bytes (proc_pid_comm(5)): systemd-resolved runs as systemd-resolve. */
bool socket_holder_is_called(const char *process, const char *name);

/* Whether that place is in the unit of this name, whose ".service" may be left out. */
bool socket_holder_in_unit(const struct socket_holder_place *place, const char *unit);

/* Calls `each` with the id of every container that such a file names: an inner one comes behind those around it, and each once
   for every hierarchy. */
typedef void socket_holder_container(void *context, const char *id);
void socket_holder_containers(const char *cgroup, socket_holder_container *each, void *context);

/* Who keeps sockets for others and leaves accepting to them: systemd (socket units) and the like. Its name is shown only where
   nobody else holds the socket. */
bool socket_holder_is_keeper(const char *process);

/* The one whose name stands for all: the first that is no keeper, else the first. `count` is not 0. */
size_t socket_holder_shown(const struct socket_holder *list, size_t count);

/* Two looks at what all do that hold a listener at which clients wait. */
#define HOLDERS_LOOK_MAX 16
struct holders_look {
    struct socket_holder holders[HOLDERS_LOOK_MAX]; /* more are left out; their causes are written by the judge */
    size_t count;                                   /* 0: nobody was asked, or nobody was seen */
    bool waits_on;                                  /* its queue was as full still at the second; */
    bool shrank;                                    /* it was shorter */
};

#endif
