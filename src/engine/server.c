/* The server's life, from the first listen to the end. */
#include "backlogctl/server.h"

#include "backlogctl/fd.h"

#include "server_accept.h"
#include "server_events.h"
#include "server_fill.h"
#include "server_holder.h"
#include "server_listen.h"
#include "server_record.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void caller_ready(struct loop_source *source, uint32_t events)
{
    struct server *server = (struct server *)((char *)source - offsetof(struct server, told));
    events_told(source, events);
    if (server->settings.full && atomic_load(&server->accepting.finished) && !server->filler.look.armed)
        fill_keep(server);
}

/* Who never accepts is full before anybody knows of it. */
static int fill(struct server *server, struct error *err)
{
    int status = fill_check(server, err);
    if (status || server->settings.accept_count)
        return status;
    status = fill_queues(server, err);
    server->filler.full = !status;
    for (size_t i = 0; i < server->listener_count; i++)
        server->listeners[i].told_queue = server->listeners[i].now.queue;
    return status;
}

static int prepare(struct server *server, struct error *err)
{
    const char *greeting = server->settings.greeting;
    server->told = (struct loop_source){.ready = caller_ready, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    server->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (server->told.fd < 0 || server->news < 0)
        return error_errno(err, "eventfd");
    if (!greeting)
        return 0;
    server->greeting_length = strlen(greeting) + 1;
    server->greeting = malloc(server->greeting_length);
    if (!server->greeting)
        return error_set(err, ENOMEM, "no memory for the greeting");
    memcpy(server->greeting, greeting, server->greeting_length - 1);
    server->greeting[server->greeting_length - 1] = '\n';
    return 0;
}

int server_open(struct server **out, const struct server_settings *settings, const struct endpoint *addresses, size_t count,
                struct error *left_out, struct error *err)
{
    *out = NULL;
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        return error_set(err, ENOMEM, "no memory for a server");
    server->settings = *settings;
    server->duties = &accept_duties;
    server->told.fd = server->news = -1;
    int status = waiting_init(server, err);
    if (status) {
        free(server);
        return status;
    }
    status = listeners_open(server, addresses, count, left_out, err);
    if (!status)
        status = prepare(server, err);
    if (!status && settings->full)
        status = fill(server, err);
    if (status) {
        server_release(server);
        return status;
    }
    server->began = clock_now();
    *out = server;
    return 0;
}

int server_attach(struct server *server, struct loop *loop, server_listen_event *on_event, void *context, struct error *err)
{
    struct holder *first;
    server->on_event = on_event;
    server->context = context;
    int status = on_event ? events_prepare(server, err) : 0;
    if (!status)
        status = holder_make(server, loop, &first, err);
    if (!status)
        status = loop_add(loop, &server->told, EPOLLIN, err);
    if (status)
        return status;
    server->loop = loop;
    status = server->duties->begin(first, err);
    if (!status && on_event)
        events_deliver(server);
    return status;
}

int server_start(struct server *server, struct error *err)
{
    struct holder *first;
    server->accepting.recording = true;
    int status = holder_make(server, NULL, &first, err);
    if (status)
        server->accepting.recording = false;
    return status;
}

int server_failure(const struct server *server, struct error *err)
{
    const struct error *failure = &server->filler.failure;
    return failure->code ? error_set(err, failure->code, "%s", failure->text) : 0;
}

void server_stop(struct server *server)
{
    server_lock(server);
    server->stopping = true;
    server_unlock(server);
    accepts_finish(server);
    holders_wake(server);
    server_lock(server);
    while (server->serving)
        pthread_cond_wait(&server->changed, &server->lock);
    server_unlock(server);
}

void server_totals(const struct server *server, struct server_totals *out)
{
    server_lock(server);
    uint64_t accepted = atomic_load(&server->accepting.accepted);
    *out = (struct server_totals){
        .accepted = accepted,
        .closed = server->closed,
        .open = accepted - server->closed,
        .peak_queue = server->peak_queue,
    };
    for (size_t i = 0; i < server->listener_count; i++) {
        out->queue += server->listeners[i].now.queue;
        out->discarded += server->listeners[i].now.discarded;
    }
    server_unlock(server);
}

void server_release(struct server *server)
{
    if (!server)
        return;
    server_stop(server);
    if (server->loop) {
        loop_cancel(server->loop, &server->life);
        loop_remove(server->loop, &server->told);
    }
    for (size_t i = 0; i < server->listener_count; i++)
        listener_remove_file(&server->listeners[i].now);
    holders_release(server);
    for (size_t i = 0; i < server->listener_count; i++)
        fd_close(&server->listeners[i].source.fd);
    fd_close(&server->told.fd);
    fd_close(&server->news);
    waiting_release(server);
    fill_release(server);
    free(server->events.pending);
    free(server->events.spare);
    free(server->listeners);
    free(server->greeting);
    free(server->accepting.record);
    free(server);
}
