/* The event loop: epoll for descriptors, one timerfd for all timers, signalfd for SIGINT, SIGTERM and SIGHUP. */
#ifndef BACKLOGCTL_LOOP_H
#define BACKLOGCTL_LOOP_H

#include "backlogctl/clock.h"
#include "backlogctl/error.h"

#include <stdbool.h>
#include <stdint.h>

struct epoll_event;

/* A descriptor that the loop waits for. Embedded in its owner, which outlives the registration. */
struct loop_source {
    void (*ready)(struct loop_source *source, uint32_t events); /* EPOLLIN, ... as epoll_ctl(2) */
    int fd;
};

/* A moment to wait for. Embedded in its owner; zeroed is disarmed. */
struct timer {
    void (*fired)(struct timer *timer);
    nsec due; /* on CLOCK_MONOTONIC */
    struct timer *next;
    bool armed;
};

/* Stays where loop_init found it: the kernel holds pointers into it. */
struct loop {
    int epoll, timerfd;
    struct loop_source clock;
    struct timer *timers;       /* ascending by due */
    nsec timerfd_due;           /* what the timerfd is set to; 0: disarmed */
    struct loop_source signals; /* fd -1: this loop does not take signals */
    int signal;                 /* the first SIGINT, SIGTERM or SIGHUP that came; 0: none */
    bool stopped;
    struct epoll_event *batch; /* what the last wait brought, while it is handled; NULL otherwise */
    int batch_size;
};

/* Blocks SIGINT, SIGTERM and SIGHUP in the calling thread (threads made later inherit that), and ignores SIGPIPE. To be called
   before any thread is made, by a program that gives one loop `take_signals`. */
void loop_block_signals(void);

/* loop_release: whoever still has a source or a timer in the loop must not touch it afterwards. */
int loop_init(struct loop *loop, bool take_signals, struct error *err);
void loop_release(struct loop *loop);

/* `events` as epoll_ctl(2); level-triggered unless it has EPOLLET. A handler may remove any source, its own included, and
   free it: an event of a removed source is never delivered. Removing a source whose fd is -1 does nothing. */
int loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct error *err);
void loop_remove(struct loop *loop, struct loop_source *source);

/* Arms (or moves) a timer; cancelling a disarmed one is fine. A timer is disarmed when it fires. A moment in the past
   fires in this round of the loop or the next, and costs no system call. */
void loop_arm(struct loop *loop, struct timer *timer, nsec due);
void loop_cancel(struct loop *loop, struct timer *timer);

/* Runs until loop_stop, a signal, or `until` (a point in time; NSEC_NEVER: no bound), and handles what is ready once even
   when `until` has passed. A loop_stop before it makes it return at once. Not to be called from a handler.
   0, or -errno of epoll_wait. */
int loop_run(struct loop *loop, nsec until, struct error *err);
void loop_stop(struct loop *loop);

/* Takes a pending signal without waiting: for long stretches of work outside loop_run. Returns loop->signal. */
int loop_poll_signal(struct loop *loop);

#endif
