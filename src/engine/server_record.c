/* The record of accepts, and waiting for them. */
#include "server_record.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>

#define FIRST_ROOM 256

/* ---- On the accepter's thread ---- */

/* Grows like the clients' slots, without a copy. */
int accepts_reserve(struct server *server)
{
    if (!server->accepting.recording || server->accepting.record_count < server->accepting.record_room)
        return 0;
    size_t room = server->accepting.record_room ? 2 * server->accepting.record_room : FIRST_ROOM;
    struct server_accept *accepts = reallocarray(server->accepting.record, room, sizeof *accepts);
    if (!accepts)
        return -ENOMEM;
    server->accepting.record = accepts;
    server->accepting.record_room = room;
    return 0;
}

void accepts_record(struct server *server, const struct endpoint *peer, nsec at)
{
    if (server->accepting.recording)
        server->accepting.record[server->accepting.record_count++] = (struct server_accept){.peer = *peer, .at = at};
}

static void wake(struct server *server)
{
    server_lock(server);
    pthread_cond_broadcast(&server->accepting.reached);
    if (server->accepting.stopped)
        eventfd_write(server->told.fd, 1);
    server_unlock(server);
}

/* Takes the lock only if somebody waits for this count. Both sides are sequentially consistent: either this
   load sees `wanted`, or the one who stored it sees `accepted` as it is now and does not wait. */
void accepts_note(struct server *server)
{
    if (atomic_load(&server->accepting.wanted) <= atomic_load(&server->accepting.accepted))
        wake(server);
}

void accepts_finish(struct server *server)
{
    atomic_store(&server->accepting.finished, true);
    wake(server);
}

/* ---- On the thread that started it ---- */

int waiting_init(struct server *server, struct error *err)
{
    pthread_condattr_t attributes;
    int code = pthread_condattr_init(&attributes);
    if (code)
        return error_set(err, code, "pthread_condattr_init: error %d", code);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    /* None of these fails on Linux: they take no memory and no descriptor. */
    pthread_cond_init(&server->accepting.reached, &attributes);
    pthread_cond_init(&server->changed, NULL);
    pthread_mutex_init(&server->lock, NULL);
    pthread_condattr_destroy(&attributes);
    atomic_store(&server->accepting.wanted, NOBODY_WAITS);
    return 0;
}

void waiting_release(struct server *server)
{
    pthread_cond_destroy(&server->accepting.reached);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
}

uint64_t server_accepted(const struct server *server)
{
    return atomic_load(&server->accepting.accepted);
}

uint64_t server_wait_accepted(struct server *server, uint64_t count, nsec deadline)
{
    uint64_t accepted = atomic_load(&server->accepting.accepted);
    if (accepted >= count || !server->accepting.recording)
        return accepted;
    struct timespec until = {.tv_sec = deadline / NSEC_PER_SEC, .tv_nsec = deadline % NSEC_PER_SEC};
    int code = 0;
    server_lock(server);
    atomic_store(&server->accepting.wanted, count);
    while (atomic_load(&server->accepting.accepted) < count && !atomic_load(&server->accepting.finished) && !code)
        code = deadline == NSEC_NEVER ? pthread_cond_wait(&server->accepting.reached, &server->lock)
                                      : pthread_cond_timedwait(&server->accepting.reached, &server->lock, &until);
    atomic_store(&server->accepting.wanted, NOBODY_WAITS);
    server_unlock(server);
    return atomic_load(&server->accepting.accepted);
}

static void reached(struct loop_source *told, uint32_t events)
{
    (void)events;
    struct server *server = (struct server *)((char *)told - offsetof(struct server, told));
    eventfd_t count;
    eventfd_read(told->fd, &count);
    loop_stop(server->accepting.stopped);
}

int server_stop_loop(struct server *server, struct loop *loop, uint64_t count, struct error *err)
{
    struct accepting *accepting = &server->accepting;
    if (!accepting->stopped) {
        server->told.ready = reached;
        int status = loop_add(loop, &server->told, EPOLLIN, err);
        if (status)
            return status;
    }
    atomic_store(&accepting->wanted, count);
    server_lock(server);
    if (!accepting->stopped && (atomic_load(&accepting->finished) || atomic_load(&accepting->accepted) >= count))
        eventfd_write(server->told.fd, 1);
    accepting->stopped = loop;
    server_unlock(server);
    return 0;
}

const struct server_accept *server_accepts(const struct server *server, size_t *count)
{
    *count = server->accepting.record_count;
    return server->accepting.record;
}
