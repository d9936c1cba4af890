/* The shards' threads. The limit on open files counts one descriptor table, and a thread may have one of its own: so a
   process may hold any number, a table at a time. Orders come one by one through an eventfd. */
#include "flood_internal.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct member {
    struct shard *shard;
    pthread_t thread;
    bool started;
    bool failed;         /* it could not begin, and has ended */
    struct watch orders; /* an eventfd: an order has come, or the burst is interrupted */
    bool ordered;        /* `order` has come and is not taken yet */
    enum order order;
    struct loop loop;
};

struct crew {
    struct loop *loop; /* the caller's */
    struct member *members;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t pending;        /* orders given and not carried out */
    int failed;            /* errno of a thread that could not begin */
    struct watch finished; /* an eventfd for the caller's loop: all orders are carried out */
};

/* ---- On the members' threads ---- */

static void report_done(struct member *member, int failed)
{
    struct crew *crew = member->shard->flood->crew;
    pthread_mutex_lock(&crew->lock);
    member->failed = failed;
    if (failed && !crew->failed)
        crew->failed = failed;
    if (!--crew->pending) {
        eventfd_write(crew->finished.fd, 1);
        pthread_cond_broadcast(&crew->changed);
    }
    pthread_mutex_unlock(&crew->lock);
}

static void carry_out(struct shard *shard, enum order order)
{
    switch (order) {
    case ORDER_BURST_ONE:
        shard_burst(shard, shard->first + 1);
        break;
    case ORDER_BURST:
        shard_burst(shard, shard->end);
        shard_follow(shard, true);
        break;
    case ORDER_LOOK:
        shard_follow(shard, false);
        shard_look(shard);
        break;
    case ORDER_PAUSE:
        shard_follow(shard, false);
        break;
    case ORDER_FOLLOW:
        shard_follow(shard, true);
        break;
    case ORDER_ABANDON:
        shard_abandon(shard);
        break;
    case ORDER_END:
        shard_close(shard);
        break;
    }
}

static void order_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    struct member *member = (struct member *)((char *)watch - offsetof(struct member, orders));
    eventfd_t value;
    if (eventfd_read(watch->fd, &value))
        return;
    loop_stop(&member->loop);
}

/* A burst at a rate runs the loop too, and is woken there when it shall end: then there is no order. */
static bool take_order(struct member *member, enum order *order)
{
    struct crew *crew = member->shard->flood->crew;
    pthread_mutex_lock(&crew->lock);
    bool ordered = member->ordered;
    *order = member->order;
    member->ordered = false;
    pthread_mutex_unlock(&crew->lock);
    return ordered;
}

static void *member_main(void *argument)
{
    struct member *member = argument;
    struct shard *shard = member->shard;
    struct crew *crew = shard->flood->crew;
    struct error err = {0};
    int failed = -fd_own_table((int[]){member->orders.fd, crew->finished.fd}, 2);
    if (!failed)
        failed = -loop_init(&member->loop, false, &err);
    if (!failed)
        failed = -shard_init(shard, &member->loop, &err);
    if (!failed)
        failed = -loop_add(&member->loop, &member->orders, EPOLLIN, &err);
    if (failed)
        loop_release(&member->loop);
    report_done(member, failed);
    for (bool over = failed; !over;) {
        enum order order;
        if (loop_run(&member->loop, NSEC_NEVER, NULL))
            break;
        if (!take_order(member, &order))
            continue;
        carry_out(shard, order);
        over = order == ORDER_END;
        if (over)
            loop_release(&member->loop);
        report_done(member, 0);
    }
    return NULL;
}

/* ---- On the caller's thread ---- */

static void finished_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    struct crew *crew = (struct crew *)((char *)watch - offsetof(struct crew, finished));
    eventfd_t value;
    if (!eventfd_read(crew->finished.fd, &value))
        loop_stop(crew->loop);
}

static bool crew_busy(struct crew *crew)
{
    pthread_mutex_lock(&crew->lock);
    bool busy = crew->pending > 0;
    pthread_mutex_unlock(&crew->lock);
    return busy;
}

static void change_pending(struct crew *crew, int change)
{
    pthread_mutex_lock(&crew->lock);
    crew->pending = (size_t)((ssize_t)crew->pending + change);
    pthread_mutex_unlock(&crew->lock);
}

void crew_give(struct flood *flood, size_t shard, enum order order)
{
    struct member *member = &flood->crew->members[shard];
    pthread_mutex_lock(&flood->crew->lock);
    flood->crew->pending++;
    member->order = order;
    member->ordered = true;
    pthread_mutex_unlock(&flood->crew->lock);
    eventfd_write(member->orders.fd, 1);
}

/* Wakes those whose next connection is not due yet. */
static void interrupt(struct flood *flood)
{
    atomic_store(&flood->interrupted, true);
    for (size_t s = 0; s < flood->shard_count; s++)
        if (flood->crew->members[s].started)
            eventfd_write(flood->crew->members[s].orders.fd, 1);
}

void crew_wait(struct flood *flood)
{
    struct crew *crew = flood->crew;
    while (crew_busy(crew)) {
        if (flood->loop->signal) {
            interrupt(flood);
            pthread_mutex_lock(&crew->lock);
            while (crew->pending)
                pthread_cond_wait(&crew->changed, &crew->lock);
            pthread_mutex_unlock(&crew->lock);
            return;
        }
        loop_run(flood->loop, clock_now() + NSEC_PER_SEC, NULL);
    }
}

static int start_members(struct flood *flood, struct error *err)
{
    int code = 0;
    for (size_t s = 0; s < flood->shard_count && !code; s++) {
        struct member *member = &flood->crew->members[s];
        member->shard = &flood->shards[s];
        member->orders = (struct watch){.ready = order_ready, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
        if (member->orders.fd < 0) {
            code = errno;
            break;
        }
        change_pending(flood->crew, 1);
        code = pthread_create(&member->thread, NULL, member_main, member);
        member->started = !code;
        if (code)
            change_pending(flood->crew, -1);
    }
    if (code)
        return error_set(err, code, "cannot start %zu threads: %s (RLIMIT_NPROC, ulimit -u)", flood->shard_count, strerror(code));
    return 0;
}

int crew_start(struct flood *flood, struct error *err)
{
    struct crew *crew = calloc(1, sizeof *crew);
    struct member *members = calloc(flood->shard_count, sizeof *members);
    if (!crew || !members) {
        free(crew);
        free(members);
        return error_set(err, ENOMEM, "no memory for %zu threads", flood->shard_count);
    }
    *crew = (struct crew){.loop = flood->loop,
                          .members = members,
                          .lock = PTHREAD_MUTEX_INITIALIZER,
                          .changed = PTHREAD_COND_INITIALIZER};
    for (size_t s = 0; s < flood->shard_count; s++)
        members[s].orders.fd = -1;
    flood->crew = crew;
    crew->finished = (struct watch){.ready = finished_ready, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (crew->finished.fd < 0)
        return error_errno(err, "eventfd");
    int status = loop_add(flood->loop, &crew->finished, EPOLLIN, err);
    if (!status)
        status = start_members(flood, err);
    crew_wait(flood);
    if (!status && crew->failed)
        status = error_set(err, crew->failed, "a thread could not have descriptors of its own: %s", strerror(crew->failed));
    return status;
}

void crew_end(struct flood *flood)
{
    struct crew *crew = flood->crew;
    if (!crew)
        return;
    for (size_t s = 0; s < flood->shard_count; s++)
        if (crew->members[s].started && !crew->members[s].failed)
            crew_give(flood, s, ORDER_END);
    for (size_t s = 0; s < flood->shard_count; s++) {
        struct member *member = &crew->members[s];
        if (member->started)
            pthread_join(member->thread, NULL);
        fd_close(&member->orders.fd);
    }
    if (crew->finished.fd >= 0)
        loop_remove(flood->loop, &crew->finished);
    fd_close(&crew->finished.fd);
    pthread_mutex_destroy(&crew->lock);
    pthread_cond_destroy(&crew->changed);
    free(crew->members);
    free(crew);
    flood->crew = NULL;
}
