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
    bool failed;               /* it could not begin, and has ended */
    struct loop_source orders; /* an eventfd: an order has come, or the burst is interrupted */
    bool ordered;              /* `order` has come and is not taken yet */
    enum order order;
    struct loop loop;
};

struct flood_threads {
    struct loop *loop; /* the caller's */
    struct member *members;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t pending;              /* orders given and not carried out */
    int failed;                  /* errno of a thread that could not begin */
    struct loop_source finished; /* an eventfd for the caller's loop: all orders are carried out */
};

/* ---- On the members' threads ---- */

static void report_done(struct member *member, int failed)
{
    struct flood_threads *flood_threads = member->shard->flood->flood_threads;
    pthread_mutex_lock(&flood_threads->lock);
    member->failed = failed;
    if (failed && !flood_threads->failed)
        flood_threads->failed = failed;
    if (!--flood_threads->pending) {
        eventfd_write(flood_threads->finished.fd, 1);
        pthread_cond_broadcast(&flood_threads->changed);
    }
    pthread_mutex_unlock(&flood_threads->lock);
}

static void carry_out(struct shard *shard, enum order order)
{
    switch (order) {
    case ORDER_BURST_ONE:
        shard_burst(shard, shard->first + 1);
        break;
    case ORDER_SET_FREE:
        shard_set_free(shard);
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

static void order_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct member *member = (struct member *)((char *)source - offsetof(struct member, orders));
    eventfd_t value;
    (void)!eventfd_read(source->fd, &value); /* that it was woken counts, not what is read */
    loop_stop(&member->loop);
}

/* A burst at a rate runs the loop too, and is woken there when it shall end: then there is no order. */
static bool take_order(struct member *member, enum order *order)
{
    struct flood_threads *flood_threads = member->shard->flood->flood_threads;
    pthread_mutex_lock(&flood_threads->lock);
    bool ordered = member->ordered;
    *order = member->order;
    member->ordered = false;
    pthread_mutex_unlock(&flood_threads->lock);
    return ordered;
}

static void *member_main(void *argument)
{
    struct member *member = argument;
    struct shard *shard = member->shard;
    struct flood_threads *flood_threads = shard->flood->flood_threads;
    struct error err = {0};
    int failed = -fd_own_table((int[]){member->orders.fd, flood_threads->finished.fd, shard->flood->settings.kept}, 3);
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

static void finished_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct flood_threads *flood_threads = (struct flood_threads *)((char *)source - offsetof(struct flood_threads, finished));
    eventfd_t value;
    (void)!eventfd_read(flood_threads->finished.fd, &value);
    loop_stop(flood_threads->loop);
}

static bool threads_busy(struct flood_threads *flood_threads)
{
    pthread_mutex_lock(&flood_threads->lock);
    bool busy = flood_threads->pending > 0;
    pthread_mutex_unlock(&flood_threads->lock);
    return busy;
}

static void change_pending(struct flood_threads *flood_threads, int change)
{
    pthread_mutex_lock(&flood_threads->lock);
    flood_threads->pending = (size_t)((ssize_t)flood_threads->pending + change);
    pthread_mutex_unlock(&flood_threads->lock);
}

void crew_give(struct flood *flood, size_t shard, enum order order)
{
    struct member *member = &flood->flood_threads->members[shard];
    pthread_mutex_lock(&flood->flood_threads->lock);
    flood->flood_threads->pending++;
    member->order = order;
    member->ordered = true;
    pthread_mutex_unlock(&flood->flood_threads->lock);
    eventfd_write(member->orders.fd, 1);
}

/* Wakes those whose next connection is not due yet. */
static void interrupt(struct flood *flood)
{
    atomic_store(&flood->interrupted, true);
    for (size_t s = 0; s < flood->shard_count; s++)
        if (flood->flood_threads->members[s].started)
            eventfd_write(flood->flood_threads->members[s].orders.fd, 1);
}

void crew_wait(struct flood *flood)
{
    struct flood_threads *flood_threads = flood->flood_threads;
    while (threads_busy(flood_threads)) {
        if (flood->loop->signal) {
            interrupt(flood);
            pthread_mutex_lock(&flood_threads->lock);
            while (flood_threads->pending)
                pthread_cond_wait(&flood_threads->changed, &flood_threads->lock);
            pthread_mutex_unlock(&flood_threads->lock);
            return;
        }
        loop_run(flood->loop, clock_now() + NSEC_PER_SEC, NULL);
    }
}

static int start_members(struct flood *flood, struct error *err)
{
    int code = 0;
    for (size_t s = 0; s < flood->shard_count && !code; s++) {
        struct member *member = &flood->flood_threads->members[s];
        member->shard = &flood->shards[s];
        member->orders = (struct loop_source){.ready = order_ready, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
        if (member->orders.fd < 0) {
            code = errno;
            break;
        }
        change_pending(flood->flood_threads, 1);
        code = pthread_create(&member->thread, NULL, member_main, member);
        member->started = !code;
        if (code)
            change_pending(flood->flood_threads, -1);
    }
    if (code)
        return error_set(err, code, "cannot start %zu threads: %s (RLIMIT_NPROC, ulimit -u)", flood->shard_count, strerror(code));
    return 0;
}

int crew_start(struct flood *flood, struct error *err)
{
    struct flood_threads *flood_threads = calloc(1, sizeof *flood_threads);
    struct member *members = calloc(flood->shard_count, sizeof *members);
    if (!flood_threads || !members) {
        free(flood_threads);
        free(members);
        return error_set(err, ENOMEM, "no memory for %zu threads", flood->shard_count);
    }
    *flood_threads = (struct flood_threads){.loop = flood->loop,
                                            .members = members,
                                            .lock = PTHREAD_MUTEX_INITIALIZER,
                                            .changed = PTHREAD_COND_INITIALIZER};
    for (size_t s = 0; s < flood->shard_count; s++)
        members[s].orders.fd = -1;
    flood->flood_threads = flood_threads;
    flood_threads->finished = (struct loop_source){.ready = finished_ready, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (flood_threads->finished.fd < 0)
        return error_errno(err, "eventfd");
    int status = loop_add(flood->loop, &flood_threads->finished, EPOLLIN, err);
    if (!status)
        status = start_members(flood, err);
    crew_wait(flood);
    if (!status && flood_threads->failed)
        status = error_set(err, flood_threads->failed, "a thread could not have descriptors of its own: %s",
                           strerror(flood_threads->failed));
    return status;
}

void crew_end(struct flood *flood)
{
    struct flood_threads *flood_threads = flood->flood_threads;
    if (!flood_threads)
        return;
    for (size_t s = 0; s < flood->shard_count; s++)
        if (flood_threads->members[s].started && !flood_threads->members[s].failed)
            crew_give(flood, s, ORDER_END);
    for (size_t s = 0; s < flood->shard_count; s++) {
        struct member *member = &flood_threads->members[s];
        if (member->started)
            pthread_join(member->thread, NULL);
        fd_close(&member->orders.fd);
    }
    if (flood_threads->finished.fd >= 0)
        loop_remove(flood->loop, &flood_threads->finished);
    fd_close(&flood_threads->finished.fd);
    pthread_mutex_destroy(&flood_threads->lock);
    pthread_cond_destroy(&flood_threads->changed);
    free(flood_threads->members);
    free(flood_threads);
    flood->flood_threads = NULL;
}
