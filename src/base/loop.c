/* The event loop: rounds of epoll_wait, timers in a sorted list behind one timerfd, signals as a
   descriptor. */
#include "backlogctl/loop.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* A loop has a handful of watches: crowds of clients sit behind a nested epoll of their owner. */
#define EVENTS_AT_ONCE 16

/* ---- Signals ---- */

static void ending_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP); /* one that is ignored (nohup) never comes */
}

void loop_block_signals(void)
{
    sigset_t set;
    ending_signals(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void take_signal(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct loop *loop = (struct loop *)((char *)source - offsetof(struct loop, signals));
    struct signalfd_siginfo info;
    while (read(source->fd, &info, sizeof info) == (ssize_t)sizeof info)
        if (!loop->signal)
            loop->signal = (int)info.ssi_signo;
}

int loop_poll_signal(struct loop *loop)
{
    if (loop->signals.fd >= 0 && !loop->signal)
        take_signal(&loop->signals, 0);
    return loop->signal;
}

/* ---- Timers ---- */

void loop_cancel(struct loop *loop, struct timer *timer)
{
    if (!timer->armed)
        return;
    struct timer **link = &loop->timers;
    while (*link != timer)
        link = &(*link)->next;
    *link = timer->next;
    timer->next = NULL;
    timer->armed = false;
}

void loop_arm(struct loop *loop, struct timer *timer, nsec due)
{
    loop_cancel(loop, timer);
    struct timer **link = &loop->timers;
    while (*link && (*link)->due <= due)
        link = &(*link)->next;
    *timer = (struct timer){.fired = timer->fired, .due = due, .next = *link, .armed = true};
    *link = timer;
}

/* Fires what is due. Only as many as were due on entry: a timer that is armed again for the past waits for
   the next round, so that it cannot keep the descriptors from their turn. */
static void fire_due(struct loop *loop)
{
    nsec now = clock_now();
    size_t due = 0;
    for (const struct timer *timer = loop->timers; timer && timer->due <= now; timer = timer->next)
        due++;
    for (; due && loop->timers && loop->timers->due <= now; due--) {
        struct timer *timer = loop->timers;
        loop_cancel(loop, timer);
        timer->fired(timer);
    }
}

static void clock_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct loop *loop = (struct loop *)((char *)source - offsetof(struct loop, clock));
    uint64_t expirations;
    if (read(source->fd, &expirations, sizeof expirations) == (ssize_t)sizeof expirations)
        loop->timerfd_due = 0;
}

static bool is_due(const struct loop *loop)
{
    return loop->timers && loop->timers->due <= clock_now();
}

/* Sets the timerfd to the first timer. Done once a round, and only where it is waited for, so that arming and cancelling cost no
   system call, nor do timers for at once. */
static int set_clock(struct loop *loop, struct error *err)
{
    nsec due = 0;
    if (loop->timers)
        due = loop->timers->due > 0 ? loop->timers->due : 1; /* 0 would disarm it */
    if (due == loop->timerfd_due)
        return 0;
    struct itimerspec setting = {.it_value = {.tv_sec = due / NSEC_PER_SEC, .tv_nsec = due % NSEC_PER_SEC}};
    if (timerfd_settime(loop->timerfd, TFD_TIMER_ABSTIME, &setting, NULL))
        return error_errno(err, "timerfd_settime");
    loop->timerfd_due = due;
    return 0;
}

/* ---- Descriptors ---- */

int loop_add(struct loop *loop, struct loop_source *source, uint32_t events, struct error *err)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, source->fd, &event))
        return error_errno(err, "epoll_ctl(EPOLL_CTL_ADD, %d)", source->fd);
    return 0;
}

void loop_remove(struct loop *loop, struct loop_source *source)
{
    if (source->fd < 0)
        return;
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
    for (int i = 0; loop->batch && i < loop->batch_size; i++)
        if (loop->batch[i].data.ptr == source)
            loop->batch[i].data.ptr = NULL;
}

/* ---- Running ---- */

/* The whole batch is handled even when one handler stops the loop: an edge-triggered event would not come
   again. */
static int run_round(struct loop *loop, struct error *err)
{
    struct epoll_event events[EVENTS_AT_ONCE];
    bool at_once = is_due(loop);
    int status = at_once ? 0 : set_clock(loop, err);
    if (status)
        return status;
    int got = epoll_wait(loop->epoll, events, EVENTS_AT_ONCE, at_once ? 0 : -1);
    if (got < 0)
        return errno == EINTR ? 0 : error_errno(err, "epoll_wait");
    loop->batch = events;
    loop->batch_size = got;
    for (int i = 0; i < got; i++) {
        struct loop_source *source = events[i].data.ptr;
        if (source)
            source->ready(source, events[i].events);
    }
    loop->batch = NULL;
    if (is_due(loop))
        fire_due(loop);
    return 0;
}

/* The end of a loop_run as a timer like any other. */
struct bound {
    struct timer timer;
    bool over;
};

static void bound_reached(struct timer *timer)
{
    struct bound *bound = (struct bound *)((char *)timer - offsetof(struct bound, timer));
    bound->over = true;
}

int loop_run(struct loop *loop, nsec until, struct error *err)
{
    struct bound bound = {.timer.fired = bound_reached};
    int status = 0;
    if (until != NSEC_NEVER)
        loop_arm(loop, &bound.timer, until);
    while (!status && !loop->stopped && !loop->signal && !bound.over)
        status = run_round(loop, err);
    loop_cancel(loop, &bound.timer);
    loop->stopped = false;
    return status;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

/* ---- Making and ending ---- */

static int open_descriptors(struct loop *loop, bool take_signals, struct error *err)
{
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0)
        return error_errno(err, "epoll_create1");
    loop->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->timerfd < 0)
        return error_errno(err, "timerfd_create");
    loop->clock.fd = loop->timerfd;
    int status = loop_add(loop, &loop->clock, EPOLLIN, err);
    if (status || !take_signals)
        return status;
    sigset_t set;
    ending_signals(&set);
    loop->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (loop->signals.fd < 0)
        return error_errno(err, "signalfd");
    return loop_add(loop, &loop->signals, EPOLLIN, err);
}

int loop_init(struct loop *loop, bool take_signals, struct error *err)
{
    *loop = (struct loop){
        .epoll = -1,
        .timerfd = -1,
        .clock = {.ready = clock_ready, .fd = -1},
        .signals = {.ready = take_signal, .fd = -1},
    };
    int status = open_descriptors(loop, take_signals, err);
    if (status)
        loop_release(loop);
    return status;
}

void loop_release(struct loop *loop)
{
    /* A zeroed loop holds no descriptors; its zeros do not mean standard input. */
    if (!loop->clock.ready)
        return;
    fd_close(&loop->signals.fd);
    fd_close(&loop->timerfd);
    fd_close(&loop->epoll);
    *loop = (struct loop){0};
}
