/* Fast looks at one listener: a periodic timerfd, and one question to sock_diag each time it fires. */
#include "backlogctl/watcher.h"

#include "backlogctl/fd.h"
#include "backlogctl/listener.h"
#include "backlogctl/netns.h"
#include "backlogctl/surveyor.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* The part of a core that looking may take, and where nothing changes. Waking up is most of the price, and depends on the machine: 5 us
   on busy bare metal, 35 us on an idle virtual one. */
#define SHARE 0.016
#define SHARE_QUIET 0.003
#define QUIET_AFTER NSEC_PER_SEC
#define QUIET_AT_FIRST (NSEC_PER_SEC / 4) /* as long as it takes to learn the price */
#define PERIOD_MAX (50 * NSEC_PER_MSEC)
#define PERIOD_STEP (100 * NSEC_PER_USEC)
/* The price is the cheapest of so many stretches of looks: in the others there was something else to do. */
#define STRETCHES 6
#define LOOKS 64

/* ---- Where to ask ---- */

static int open_there(struct sampler *sampler, const struct netns_facts *facts, struct error *err)
{
    SCOPED_FD there = netns_open_facts(facts, err);
    SCOPED_FD back = there < 0 ? -1 : netns_open_own(err);
    if (there < 0 || back < 0)
        return there < 0 ? there : back;
    int status = netns_enter(there, 0, err);
    if (status)
        return status;
    status = netns_inode(0) == facts->inode ? sockdiag_open(&sampler->diag, err)
                                            : error_set(err, ESRCH, "that network namespace is no longer there");
    struct error lost = {0};
    if (netns_enter(back, 0, &lost)) {
        sockdiag_close(&sampler->diag);
        return error_set(err, EXDEV, "cannot come back: %s", lost.text);
    }
    return status;
}

/* A sock_diag socket asks about the namespace that it was opened in, for ever. */
static int open_diag(struct sampler *sampler, const struct netns_facts *facts, struct error *err)
{
    if (sampler->netns == facts->inode)
        return 0;
    sockdiag_close(&sampler->diag);
    sampler->netns = 0;
    int status = netns_inode(0) == facts->inode ? sockdiag_open(&sampler->diag, err) : open_there(sampler, facts, err);
    if (!status)
        sampler->netns = facts->inode;
    return status;
}

/* ---- Looking ---- */

static int set_period(struct sampler *sampler, nsec period, struct error *err)
{
    struct timespec every = {.tv_sec = period / NSEC_PER_SEC, .tv_nsec = period % NSEC_PER_SEC};
    struct itimerspec setting = {.it_interval = every, .it_value = every};
    if (timerfd_settime(sampler->tick.fd, 0, &setting, NULL))
        return error_errno(err, "timerfd_settime");
    sampler->period = period;
    return 0;
}

static nsec period_for_price(const struct sampler *sampler)
{
    nsec wanted = (nsec)((double)sampler->price / (sampler->quiet ? SHARE_QUIET : SHARE));
    wanted = (wanted + PERIOD_STEP - 1) / PERIOD_STEP * PERIOD_STEP;
    return wanted < SAMPLER_PERIOD ? SAMPLER_PERIOD : wanted > PERIOD_MAX ? PERIOD_MAX : wanted;
}

static void choose_period(struct sampler *sampler)
{
    nsec wanted = period_for_price(sampler);
    nsec change = wanted > sampler->period ? wanted - sampler->period : sampler->period - wanted;
    if (change > sampler->period / 10)
        set_period(sampler, wanted, NULL);
}

/* Counts a look; at the end of a stretch, what it cost. Seldom looks do not tell: there is something else to do in each stretch. */
static void think_over(struct sampler *sampler)
{
    if (sampler->quiet || ++sampler->looks % LOOKS)
        return;
    nsec used = clock_thread(), price = used - sampler->used;
    sampler->used = used;
    if (sampler->looks == LOOKS || price < sampler->cheapest)
        sampler->cheapest = price;
    if (sampler->looks < STRETCHES * LOOKS && sampler->price)
        return;
    sampler->looks %= STRETCHES * LOOKS;
    sampler->price = sampler->cheapest / LOOKS;
    choose_period(sampler);
}

static void begin_stretch(struct sampler *sampler)
{
    sampler->looks = 0;
    sampler->used = clock_thread();
}

/* Once the price is known: what is looked at seldom does not tell it. */
static void note_change(struct sampler *sampler, uint64_t queue, uint64_t discarded)
{
    nsec now = clock_now();
    if (queue != sampler->queue || discarded != sampler->discarded)
        sampler->changed = now;
    sampler->queue = queue;
    sampler->discarded = discarded;
    bool quiet = sampler->price && now - sampler->changed >= QUIET_AFTER;
    if (quiet == sampler->quiet)
        return;
    sampler->quiet = quiet;
    begin_stretch(sampler);
    choose_period(sampler);
}

static void tick(struct loop_source *source, uint32_t events)
{
    struct sampler *sampler = (struct sampler *)((char *)source - offsetof(struct sampler, tick));
    uint64_t expirations, queue, discarded;
    (void)events;
    if (read(source->fd, &expirations, sizeof expirations) != (ssize_t)sizeof expirations)
        return;
    int status = listener_look(&sampler->diag, &sampler->target, &queue, &discarded, NULL);
    think_over(sampler);
    if (!status)
        note_change(sampler, queue, discarded);
    if (!status)
        sampler->seen(sampler->context, &sampler->target, queue, discarded);
    else if (status == -ENOENT)
        sampler_rest(sampler); /* it has gone: the next survey tells */
}

static int start(struct sampler *sampler, struct error *err)
{
    sampler->tick = (struct loop_source){.ready = tick, .fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)};
    if (sampler->tick.fd < 0)
        return error_errno(err, "timerfd_create");
    int status = set_period(sampler, sampler->period, err);
    if (!status)
        status = loop_add(sampler->loop, &sampler->tick, EPOLLIN, err);
    if (status)
        fd_close(&sampler->tick.fd);
    return status;
}

/* Fast at first; what a look costs depends on the target. */
static void begin(struct sampler *sampler, const struct listener *target, bool same)
{
    sampler->quiet = false;
    sampler->period = sampler->price ? period_for_price(sampler) : sampler->period ? sampler->period : SAMPLER_PERIOD;
    sampler->price = same ? sampler->price : 0;
    sampler->queue = target->queue;
    sampler->discarded = target->discarded;
    sampler->changed = clock_now() - QUIET_AFTER + QUIET_AT_FIRST;
    begin_stretch(sampler);
}

int sampler_aim(struct sampler *sampler, const struct listener *target, const struct netns_facts *facts, struct error *err)
{
    bool same = sampler->target.cookie == target->cookie && sampler->target.netns == target->netns;
    bool resting = !sampler->tick.ready || sampler->tick.fd < 0;
    sampler->target = *target; /* its group may have changed */
    if (same && !resting)
        return 0;
    int status = open_diag(sampler, facts, err);
    begin(sampler, target, same);
    if (!status)
        status = resting ? start(sampler, err) : set_period(sampler, sampler->period, err);
    if (status)
        sampler_rest(sampler);
    return status;
}

void sampler_rest(struct sampler *sampler)
{
    if (!sampler->tick.ready)
        return;
    loop_remove(sampler->loop, &sampler->tick);
    fd_close(&sampler->tick.fd);
}

void sampler_release(struct sampler *sampler)
{
    sampler_rest(sampler);
    sockdiag_close(&sampler->diag);
    *sampler = (struct sampler){0};
}
