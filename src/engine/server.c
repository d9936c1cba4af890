/* The server: accepts at its pace, holds the clients, and tells what happens at its listeners. */
#include "server_internal.h"

#include "backlogctl/fd.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Accepts before the other descriptors have a turn. */
#define ACCEPTS_AT_ONCE 256

/* When to try again without descriptors or memory, if no client leaves before. */
#define STARVED_PAUSE (100 * NSEC_PER_MSEC)

/* Drops wake nobody, and while a queue is full no arrival does either. */
#define SAMPLE_PAUSE (200 * NSEC_PER_MSEC)

/* ---- Telling ---- */

static void tell(struct listening *listener, struct server_event event)
{
    struct server *server = listener->server;
    listener->told_queue = listener->queue;
    if (!server->on_event)
        return;
    event.at = clock_now() - server->began;
    event.local = listener->local;
    event.queue = listener->queue;
    event.capacity = listener_capacity(listener);
    event.drops = listener->drops;
    server->on_event(server->context, &event);
}

/* Reads a listener's figures. Nobody to tell: its peak alone matters. */
static void look_at(struct listening *listener)
{
    struct server *server = listener->server;
    listener_read(listener);
    if (listener->queue > server->peak_queue)
        server->peak_queue = listener->queue;
    bool full = listener->watch.fd >= 0 && listener->queue >= listener_capacity(listener);
    if (full && server->on_event && server->loop && !server->sample.armed)
        loop_arm(server->loop, &server->sample, clock_now() + SAMPLE_PAUSE);
}

/* Tells what an event of another kind has not told. */
static void tell_changes(struct listening *listener)
{
    uint32_t dropped = listener->drops - listener->told_drops; /* the kernel's counter may wrap */
    listener->told_drops = listener->drops;
    if (listener->queue != listener->told_queue)
        tell(listener, (struct server_event){.kind = SERVER_QUEUE});
    if (dropped)
        tell(listener, (struct server_event){.kind = SERVER_DROPPED, .number = dropped});
}

void server_flush(struct server *server)
{
    for (size_t i = 0; i < server->listener_count; i++) {
        look_at(&server->listeners[i]);
        tell_changes(&server->listeners[i]);
    }
}

static void sample_fired(struct timer *timer)
{
    server_flush((struct server *)((char *)timer - offsetof(struct server, sample)));
}

/* ---- Accepting ---- */

static void finish(struct server *server, struct listening *last)
{
    atomic_store(&server->finished, true);
    loop_cancel(server->loop, &server->pace);
    tell(last, (struct server_event){.kind = SERVER_STOPPED});
    thread_note_finished(server);
}

static bool count_reached(const struct server *server)
{
    int64_t limit = server->settings.accept_count;
    return limit != ACCEPT_UNLIMITED && atomic_load(&server->accepted) >= (uint64_t)limit;
}

/* Tells it once, however long it lasts. Tries again after a pause, or when a client has gone. */
static void starve(struct listening *listener, int code)
{
    struct server *server = listener->server;
    loop_arm(server->loop, &server->pace, clock_now() + STARVED_PAUSE);
    if (server->starved)
        return;
    server->starved = true;
    look_at(listener);
    tell(listener, (struct server_event){.kind = SERVER_STARVED, .number = (uint64_t)code});
}

static bool is_starvation(int code)
{
    return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

/* A client for whom there is no memory or no epoll watch is let go again. */
static void keep_client(struct listening *listener, const struct client *client)
{
    struct server *server = listener->server;
    int status = clients_add(&server->clients, client);
    if (!status) {
        server->starved = false;
        return;
    }
    server->closed++;
    tell(listener, (struct server_event){.kind = SERVER_CLOSED, .peer = client->peer, .number = client->number});
    starve(listener, -status);
}

/* A client that came through `listener`. */
static void take_client(struct listening *listener, int fd, const struct sockaddr_storage *address)
{
    struct server *server = listener->server;
    server->last_accept = clock_now();
    uint64_t number = atomic_load_explicit(&server->accepted, memory_order_relaxed) + 1;
    struct endpoint peer = endpoint_from_sockaddr(address);
    struct client client = {
        .fd = fd,
        .listener = (uint32_t)(listener - server->listeners),
        .number = number,
        .peer = endpoint_unmapped(&peer),
    };
    thread_record_accept(server, &client.peer, server->last_accept);
    atomic_store(&server->accepted, number);
    thread_note_accepted(server);
    /* Without a delay a look every batch does; with one, whether someone is left decides when the next is due. */
    if (server->on_event || server->settings.accept_delay)
        look_at(listener);
    listener->waiting_since = server->last_accept;
    if (server->settings.accept_delay && !listener->queue)
        listener->waiting_since = NSEC_NEVER;
    tell(listener, (struct server_event){.kind = SERVER_ACCEPTED, .peer = client.peer, .number = number});
    tell_changes(listener);
    keep_client(listener, &client);
    if (count_reached(server))
        finish(server, listener);
}

/* Takes the first of a queue, and notes when there is none or nothing to take it with. A connection that ended in the queue
   (ECONNABORTED and the network errors of accept(2)) leaves it thereby: the next one is tried. */
static void accept_one(struct listening *listener)
{
    struct server *server = listener->server;
    if (clients_reserve(&server->clients) || thread_reserve_accept(server)) {
        starve(listener, ENOMEM);
        return;
    }
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    address.ss_family = AF_UNSPEC;
    int fd = accept4(listener->watch.fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        take_client(listener, fd, &address);
    else if (errno == EAGAIN || errno == EINVAL) /* EINVAL: somebody shut it down, it will never be ready again */
        listener->waiting_since = NSEC_NEVER;
    else if (is_starvation(errno))
        starve(listener, errno);
}

/* The listener whose first client has waited longest; NULL when nobody waits. */
static struct listening *longest_waiting(struct server *server)
{
    struct listening *longest = NULL;
    for (size_t i = 0; i < server->listener_count; i++) {
        struct listening *listener = &server->listeners[i];
        if (listener->watch.fd < 0 || listener->waiting_since == NSEC_NEVER)
            continue;
        if (!longest || listener->waiting_since < longest->waiting_since)
            longest = listener;
    }
    return longest;
}

/* Accepts all that is due and arms `pace` for what is not. While that is armed nothing is due: so an arrival during a delay
   does not begin it anew. */
static void accept_due(struct server *server)
{
    for (int budget = ACCEPTS_AT_ONCE; !atomic_load(&server->finished) && !server->pace.armed; budget--) {
        struct listening *listener = longest_waiting(server);
        if (!listener)
            return;
        nsec from = listener->waiting_since > server->last_accept ? listener->waiting_since : server->last_accept;
        nsec due = from + server->settings.accept_delay;
        if (!budget || (server->settings.accept_delay && due > clock_now()))
            loop_arm(server->loop, &server->pace, due);
        else
            accept_one(listener);
    }
}

static void pace_fired(struct timer *timer)
{
    accept_due((struct server *)((char *)timer - offsetof(struct server, pace)));
}

static void listener_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    struct listening *listener =
        (struct listening *)((char *)watch - offsetof(struct listening, watch));
    look_at(listener);
    tell_changes(listener);
    if (listener->waiting_since == NSEC_NEVER)
        listener->waiting_since = clock_now();
    accept_due(listener->server);
}

static void client_closed(struct clients *clients, const struct client *client)
{
    struct server *server = (struct server *)((char *)clients - offsetof(struct server, clients));
    struct listening *listener = &server->listeners[client->listener];
    server->closed++;
    if (server->on_event) {
        look_at(listener);
        tell(listener, (struct server_event){.kind = SERVER_CLOSED, .peer = client->peer, .number = client->number});
        tell_changes(listener);
    }
    /* Not at once: the slots are being walked. */
    if (server->starved && !atomic_load(&server->finished))
        loop_arm(server->loop, &server->pace, clock_now());
}

/* ---- Life ---- */

static void life_over(struct timer *timer)
{
    struct server *server = (struct server *)((char *)timer - offsetof(struct server, life));
    server_flush(server);
    atomic_store(&server->finished, true);
    loop_cancel(server->loop, &server->pace);
    loop_cancel(server->loop, &server->sample);
    for (size_t i = 0; i < server->listener_count; i++) {
        loop_remove(server->loop, &server->listeners[i].watch);
        fd_close(&server->listeners[i].watch.fd);
    }
    thread_note_finished(server);
    loop_stop(server->loop);
}

int server_open(struct server **out, const struct server_settings *settings, const struct endpoint *addresses,
                size_t count, struct error *left_out, struct error *err)
{
    *out = NULL;
    struct server *server = calloc(1, sizeof *server);
    if (!server)
        return error_set(err, ENOMEM, "no memory for a server");
    server->settings = *settings;
    int status = clients_open(&server->clients, settings->greeting, client_closed, err);
    if (!status)
        status = listeners_open(server, addresses, count, left_out, err);
    if (status) {
        server_release(server);
        return status;
    }
    server->began = clock_now();
    *out = server;
    return 0;
}

int server_attach(struct server *server, struct loop *loop, server_listen_event *on_event, void *context,
                  struct error *err)
{
    server->loop = loop;
    server->on_event = on_event;
    server->context = context;
    server->pace.fired = pace_fired;
    server->sample.fired = sample_fired;
    server->life.fired = life_over;
    int status = loop_add(loop, &server->clients.watch, EPOLLIN, err);
    /* Edge-triggered: each arrival wakes the server, also while it takes nobody. */
    for (size_t i = 0; i < server->listener_count && !status; i++) {
        server->listeners[i].watch.ready = listener_ready;
        status = loop_add(loop, &server->listeners[i].watch, EPOLLIN | EPOLLET, err);
    }
    if (status)
        return status;
    if (server->settings.duration)
        loop_arm(loop, &server->life, server->began + server->settings.duration);
    if (count_reached(server))
        finish(server, &server->listeners[0]);
    return 0;
}

void server_detach(struct server *server)
{
    if (!server->loop)
        return;
    loop_cancel(server->loop, &server->pace);
    loop_cancel(server->loop, &server->sample);
    loop_cancel(server->loop, &server->life);
    loop_remove(server->loop, &server->clients.watch);
    for (size_t i = 0; i < server->listener_count; i++)
        loop_remove(server->loop, &server->listeners[i].watch);
    server->loop = NULL;
}

void server_totals(const struct server *server, struct server_totals *out)
{
    uint64_t accepted = atomic_load(&server->accepted);
    *out = (struct server_totals){
        .accepted = accepted,
        .closed = server->closed,
        .open = accepted - server->closed,
        .peak_queue = server->peak_queue,
    };
    for (size_t i = 0; i < server->listener_count; i++) {
        out->queue += server->listeners[i].queue;
        out->drops += server->listeners[i].drops;
    }
}

void server_release(struct server *server)
{
    if (!server)
        return;
    server_stop(server);
    server_detach(server);
    clients_release(&server->clients);
    for (size_t i = 0; i < server->listener_count; i++)
        fd_close(&server->listeners[i].watch.fd);
    free(server->listeners);
    free(server->thread.accepts);
    free(server);
}
