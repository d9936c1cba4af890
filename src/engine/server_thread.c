/* The server on a thread of its own: starting, stopping, and waiting for its accepts. */
#include "server_internal.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define FIRST_ROOM 256

/* ---- On the server's thread ---- */

int thread_reserve_accept(struct server *server)
{
    struct server_thread *thread = &server->thread;
    if (!thread->started || thread->accept_count < thread->accept_room)
        return 0;
    size_t room = thread->accept_room ? 2 * thread->accept_room : FIRST_ROOM;
    struct server_accept *accepts = reallocarray(thread->accepts, room, sizeof *accepts);
    if (!accepts)
        return -ENOMEM;
    thread->accepts = accepts;
    thread->accept_room = room;
    return 0;
}

void thread_record_accept(struct server *server, const struct endpoint *peer, nsec at)
{
    struct server_thread *thread = &server->thread;
    if (thread->started)
        thread->accepts[thread->accept_count++] = (struct server_accept){.peer = *peer, .at = at};
}

static void wake(struct server_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    pthread_cond_broadcast(&thread->reached);
    pthread_mutex_unlock(&thread->lock);
}

/* Takes the lock only if somebody waits for this count. Both sides are sequentially consistent: either this load sees
   `wanted`, or the one who stored it sees `accepted` as it is now and does not wait. */
void thread_note_accepted(struct server *server)
{
    struct server_thread *thread = &server->thread;
    if (thread->started && atomic_load(&thread->wanted) <= atomic_load(&server->accepted))
        wake(thread);
}

void thread_note_finished(struct server *server)
{
    if (server->thread.started)
        wake(&server->thread);
}

static void stop_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    struct server_thread *thread = (struct server_thread *)((char *)watch - offsetof(struct server_thread, stop));
    loop_stop(&thread->loop);
}

/* Errors of epoll_wait end it; there is nobody to tell, and a server that accepts no more is what the client sees. */
static void *serve(void *argument)
{
    struct server *server = argument;
    loop_run(&server->thread.loop, NSEC_NEVER, NULL);
    atomic_store(&server->finished, true);
    thread_note_finished(server);
    return NULL;
}

/* ---- On the thread that started it ---- */

static int init_waiting(struct server_thread *thread, struct error *err)
{
    pthread_condattr_t attributes;
    int code = pthread_condattr_init(&attributes);
    if (code)
        return error_set(err, code, "pthread_condattr_init: error %d", code);
    code = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (!code)
        code = pthread_cond_init(&thread->reached, &attributes);
    pthread_condattr_destroy(&attributes);
    if (code)
        return error_set(err, code, "pthread_cond_init: error %d", code);
    code = pthread_mutex_init(&thread->lock, NULL);
    if (code) {
        pthread_cond_destroy(&thread->reached);
        return error_set(err, code, "pthread_mutex_init: error %d", code);
    }
    atomic_store(&thread->wanted, NOBODY_WAITS);
    return 0;
}

/* Signals belong to the thread that started the server: none may be delivered here. */
static int create_thread(struct server *server, struct error *err)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&server->thread.id, NULL, serve, server);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!code)
        return 0;
    errno = code;
    return error_errno(err, "pthread_create");
}

static int prepare_loop(struct server *server, struct error *err)
{
    struct server_thread *thread = &server->thread;
    int status = loop_init(&thread->loop, false, err);
    if (status)
        return status;
    thread->stop = (struct watch){.ready = stop_ready, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (thread->stop.fd < 0)
        return error_errno(err, "eventfd");
    status = loop_add(&thread->loop, &thread->stop, EPOLLIN, err);
    return status ? status : server_attach(server, &thread->loop, NULL, NULL, err);
}

static void release_loop(struct server *server)
{
    server_detach(server);
    if (server->thread.stop.ready)
        fd_close(&server->thread.stop.fd);
    loop_release(&server->thread.loop);
}

int server_start(struct server *server, struct error *err)
{
    struct server_thread *thread = &server->thread;
    int status = init_waiting(thread, err);
    if (status)
        return status;
    thread->started = true;
    status = prepare_loop(server, err);
    if (!status)
        status = create_thread(server, err);
    if (status) {
        thread->started = false;
        release_loop(server);
        pthread_cond_destroy(&thread->reached);
        pthread_mutex_destroy(&thread->lock);
    }
    return status;
}

void server_stop(struct server *server)
{
    struct server_thread *thread = &server->thread;
    if (!thread->started)
        return;
    eventfd_write(thread->stop.fd, 1);
    pthread_join(thread->id, NULL);
    thread->started = false;
    release_loop(server);
    pthread_cond_destroy(&thread->reached);
    pthread_mutex_destroy(&thread->lock);
}

uint64_t server_wait_accepted(struct server *server, uint64_t count, nsec deadline)
{
    struct server_thread *thread = &server->thread;
    uint64_t accepted = atomic_load(&server->accepted);
    if (accepted >= count || !thread->started)
        return accepted;
    struct timespec until = {.tv_sec = deadline / NSEC_PER_SEC, .tv_nsec = deadline % NSEC_PER_SEC};
    int code = 0;
    pthread_mutex_lock(&thread->lock);
    atomic_store(&thread->wanted, count);
    while ((accepted = atomic_load(&server->accepted)) < count && !atomic_load(&server->finished) && !code)
        code = deadline == NSEC_NEVER ? pthread_cond_wait(&thread->reached, &thread->lock)
                                      : pthread_cond_timedwait(&thread->reached, &thread->lock, &until);
    atomic_store(&thread->wanted, NOBODY_WAITS);
    pthread_mutex_unlock(&thread->lock);
    return atomic_load(&server->accepted);
}

const struct server_accept *server_accepts(const struct server *server, size_t *count)
{
    *count = server->thread.accept_count;
    return server->thread.accepts;
}
