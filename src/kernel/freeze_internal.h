/* What the sides of a freeze share: the caller (freeze.c), its guardian (freeze_guard.c) with the two methods
   (freeze_ptrace.c, freeze_stop.c), and the rescuer (freeze_stop.c).

   Guardian and rescuer are forked from a process that may have threads: they call nothing that allocates or locks. */
#ifndef FREEZE_INTERNAL_H
#define FREEZE_INTERNAL_H

#include "backlogctl/freeze.h"

#include <stdatomic.h>
#include <time.h>

#define GUARDIAN_NAME "freeze-guardian"
#define RESCUER_NAME "freeze-rescuer"

/* Whether a process with a seccomp filter is safe from it when it is stopped by ptrace; see freeze_ptrace.c. */
#ifdef __x86_64__
#define FREEZE_SPARES_FILTERED true
#else
#define FREEZE_SPARES_FILTERED false
#endif

/* ---- The board: memory shared by all sides ---- */

enum freeze_cause {
    CAUSE_NONE,
    CAUSE_RELEASED, /* by the caller, or it is dead */
    CAUSE_BUDGET,
    CAUSE_BROKEN,
    CAUSE_FAULT, /* never frozen; the board has the fault */
};

/* What failed in the guardian: words are made of it by the caller. */
enum freeze_fault {
    FAULT_NONE,
    FAULT_OURS,  /* making itself a guardian */
    FAULT_TIMER, /* timer_create(2) */
    FAULT_RESCUER,
    FAULT_LIST, /* reading /proc/PID/task */
    FAULT_GONE,
    FAULT_SEIZE,  /* ptrace(2) */
    FAULT_SIGNAL, /* pidfd_send_signal(2) */
    FAULT_ROOM,   /* more threads than we have room for */
    FAULT_SLOW,   /* the budget ended first */
};

struct freeze_target {
    pid_t pid;
    int pidfd;        /* FREEZE_STOP; the same number in all sides */
    size_t live;      /* threads held */
    atomic_bool ours; /* may have been stopped by us and has not been continued: whoever survives sends SIGCONT */
};

/* Written by the guardian. Read by others after its first byte, or when it has ended; atomics at any time. */
struct freeze_board {
    enum freeze_fault fault;
    int code; /* a positive errno value */
    pid_t pid, tid;
    char state; /* FAULT_SLOW: of that thread, 0: unknown */
    size_t threads;
    nsec asked, began, let_go; /* 0: not yet */
    atomic_int ended;          /* enum freeze_cause, set before the first target is let go */
    size_t count;
    struct freeze_target targets[];
};

/* ---- The guardian ---- */

struct tracee {
    pid_t tid;
    int signal; /* that it was about to get when it stopped; 0: none */
    enum { TRACEE_COMING, TRACEE_HELD, TRACEE_GONE } state;
    size_t target;
};

#define TRACEES_MAX (1u << 18)
#define TIDS_MAX (1u << 22) /* PID_MAX_LIMIT of the kernel */

struct guard {
    struct freeze_board *board;
    enum freeze_method method;
    nsec budget;
    nsec deadline;          /* 0: nothing is stopped yet */
    int lifeline;           /* a byte goes to the caller when all are stopped; any event from there means release */
    int caller;             /* its pidfd: others may hold copies of its end of the lifeline. -1: an old kernel */
    int mate;               /* FREEZE_STOP: to the rescuer; a byte comes when it watches. -1: none */
    int signals;            /* SIGCHLD of tracees, once all are stopped; -1: not yet */
    struct tracee *tracees; /* FREEZE_PTRACE: room for TRACEES_MAX, touched as needed */
    unsigned char *known;   /* a bit for each of TIDS_MAX: is in `tracees` and not gone */
    size_t used, scanned;   /* tracees; the target whose threads are being listed */
};

/* Makes a process just forked independent of the caller: own process group, default signals, all blocked, `kept` (ascending) the
   only descriptors. 0 or -errno. */
int freeze_leave_caller(const char *name, const int *kept, size_t count);

/* The guardian's life, after the fork. */
_Noreturn void freeze_guardian(struct guard *guard, const int *kept, size_t count);

/* To be called before the first thread is stopped: from here the budget counts, and the kernel's timer kills the guardian soon
   after it. 0 or -1 with a fault. */
int guard_start_budget(struct guard *guard);

/* Waits until `until`, an event of a tracee, or the end of it all. CAUSE_NONE: go on. */
enum freeze_cause guard_wait(struct guard *guard, nsec until);

/* Records a fault; the first one stays. Returns -1. */
int guard_fault(struct guard *guard, enum freeze_fault fault, int code, pid_t pid, pid_t tid);

/* Records FAULT_SLOW when the budget is over; to be asked before it is said that all are stopped, and in long lists. `tid` 0:
   no thread in particular. */
bool guard_late(struct guard *guard, pid_t pid, pid_t tid);

/* ---- The methods: stop returns CAUSE_NONE once every thread is stopped ---- */

enum freeze_cause freeze_ptrace_stop(struct guard *guard);
bool freeze_ptrace_holds(struct guard *guard);
void freeze_ptrace_release(struct guard *guard);

enum freeze_cause freeze_stop_stop(struct guard *guard);
bool freeze_stop_holds(struct guard *guard);
void freeze_stop_release(struct guard *guard);

/* For the caller too: whether every target is stopped still and none is gone; SIGCONT to those that we had stopped. */
bool freeze_still_stopped(const struct freeze_board *board);
int freeze_continue(struct freeze_board *board);

/* The rescuer's life: continues the targets when the guardian ends. */
_Noreturn void freeze_rescuer(struct freeze_board *board, int mate, int guardian, const int *kept, size_t count);

/* ---- /proc without allocation (freeze_proc.c) ---- */

/* Calls `each` for the threads of a process until it returns other than 0, and returns that; -errno when they cannot be
   listed. Threads that come or go meanwhile may be missed, and others with them. */
typedef int thread_each(void *context, pid_t pid, pid_t tid);
int proc_threads(pid_t pid, thread_each *each, void *context);

/* The state letter of proc_pid_stat(5); 0 when the thread is gone. */
char proc_thread_state(pid_t pid, pid_t tid);
bool proc_state_dead(char state);

/* How many seccomp filters a thread has, before Linux 5.10 whether it has any; 0 when it is gone. */
unsigned proc_thread_filters(pid_t pid, pid_t tid);

/* Whether a thread of the process has more filters than the caller: those that a container gives are everybody's in it. */
bool proc_has_own_filter(pid_t pid);

/* Counts the threads of a process that are not dead, and of those the stopped ones. */
struct thread_counts {
    size_t live, stopped /* T */, traced /* t */;
};
struct thread_counts proc_count(pid_t pid);

#endif
