/* Accepting: whose turn it is, what is due, and what happens when there is nothing to take a client with. */
#include "server_accept.h"

#include "server_events.h"
#include "server_holder.h"
#include "server_record.h"

#include <errno.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

/* Accepts, and conversations begun, before the other descriptors have a turn. */
#define AT_ONCE 256

/* While others stand in the queue they come first, and conversations are begun later; but not much later. */
#define BEGIN_PATIENCE (500 * NSEC_PER_MSEC)

/* When to try again without descriptors or memory, if no client leaves before. */
#define STARVED_PAUSE (100 * NSEC_PER_MSEC)

/* How many events may wait for the caller's thread before accepting waits for it: some 6 MB. */
#define EVENTS_MOST 65536
#define EVENTS_PAUSE NSEC_PER_MSEC

static void accept_finished(struct holder *holder, struct listening *last)
{
    struct server *server = holder->server;
    server_lock(server);
    events_tell(holder, last, (struct server_event){.kind = SERVER_STOPPED});
    server_unlock(server);
    accepts_finish(server);
    if (server->settings.full)
        eventfd_write(server->told.fd, 1); /* the caller's thread fills the queues */
}

static bool accept_count_reached(const struct server *server)
{
    int64_t limit = server->settings.accept_count;
    return limit != ACCEPT_UNLIMITED && atomic_load(&server->accepting.accepted) >= (uint64_t)limit;
}

/* Tells it once, however long it lasts. Tries again after a pause, or when a client has gone. */
static void starve(struct holder *holder, struct listening *listener, int code)
{
    struct server *server = holder->server;
    loop_arm(holder->loop, &holder->pace, clock_now() + STARVED_PAUSE);
    if (server->accepting.starved)
        return;
    server_lock(server);
    server->accepting.starved = true;
    server->accepting.retry = false;
    listener_read(listener->source.fd, &listener->now);
    events_tell(holder, listener, (struct server_event){.kind = SERVER_STARVED, .number = (uint64_t)code});
    server_unlock(server);
}

static bool is_starvation(int code)
{
    return code == ENFILE || code == ENOBUFS || code == ENOMEM;
}

/* The queue's length is counted down from the last look; with a delay it is read, since whether someone is
   left decides when the next is due. */
static void tell_accepted(struct holder *holder, struct listening *listener, const struct client *client)
{
    struct server *server = holder->server;
    bool read = server->settings.accept_delay > 0 || server->settings.stall > 0;
    if (!read && !server->on_event && !server->accepting.starved)
        return;
    server_lock(server);
    server->accepting.starved = false;
    if (read)
        listener_read(listener->source.fd, &listener->now);
    else
        listener->now.queue -= listener->now.queue > 0;
    events_tell(holder, listener, (struct server_event){.kind = SERVER_ACCEPTED, .peer = client->peer, .number = client->number});
    server_unlock(server);
}

/* A client that came through `listener`. */
static void take_client(struct holder *holder, struct listening *listener, int fd, const struct sockaddr_storage *address)
{
    struct server *server = holder->server;
    server->accepting.last = clock_now();
    uint64_t number = atomic_load_explicit(&server->accepting.accepted, memory_order_relaxed) + 1;
    struct client client = {
        .fd = fd,
        .listener = (uint32_t)(listener - server->listeners),
        .number = number,
        .peer = endpoint_from_sockaddr(address),
    };
    if (!holder->clients.fresh)
        holder->fresh_since = server->accepting.last;
    clients_add(&holder->clients, &client);
    accepts_record(server, &client.peer, server->accepting.last);
    tell_accepted(holder, listener, &client);
    bool none_left = (server->settings.accept_delay || server->settings.stall) && !listener->now.queue;
    listener->waiting_since = none_left ? NSEC_NEVER : server->accepting.last;
    atomic_store(&server->accepting.accepted, number);
    accepts_note(server);
    if (accept_count_reached(server))
        accept_finished(holder, listener);
}

/* Takes the first of a queue, and notes when there is none or nothing to take it with. A connection that
   ended in the queue (ECONNABORTED and the network errors of accept(2)) leaves it thereby: the next one is
   tried. */
static void accept_one(struct holder *holder, struct listening *listener)
{
    if (clients_reserve(&holder->clients) || accepts_reserve(holder->server)) {
        starve(holder, listener, ENOMEM);
        return;
    }
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    int fd = accept4(listener->source.fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        take_client(holder, listener, fd, &address);
    else if (errno == EAGAIN || errno == EINVAL) /* EINVAL: shut down, it will never be ready again */
        listener->waiting_since = NSEC_NEVER;
    else if (errno == EMFILE && !holder_hand_over(holder, true))
        starve(holder, listener, EMFILE);
    else if (is_starvation(errno))
        starve(holder, listener, errno);
}

/* The listener whose first client has waited longest; NULL when nobody waits. */
static struct listening *longest_waiting(struct server *server)
{
    struct listening *longest = NULL;
    for (size_t i = 0; i < server->listener_count; i++) {
        struct listening *listener = &server->listeners[i];
        if (listener->waiting_since == NSEC_NEVER)
            continue;
        if (!longest || listener->waiting_since < longest->waiting_since)
            longest = listener;
    }
    return longest;
}

/* The end of the stall that `due` falls into, or `due`. */
static nsec after_stall(struct server *server, nsec due)
{
    const struct server_settings *plan = &server->settings;
    if (!plan->stall)
        return due;
    if (!server->accepting.stalls_from)
        server->accepting.stalls_from = due;
    nsec into = due - server->accepting.stalls_from;
    if (plan->stall_every)
        into %= plan->stall_every;
    return into < plan->stall ? due + plan->stall - into : due;
}

/* Accepts what is due and arms `pace` for what is not. True when more is due: than one turn takes, or than
   this table holds. */
static bool accept_batch(struct holder *holder)
{
    struct server *server = holder->server;
    for (int budget = AT_ONCE; holder->accepting; budget--) {
        struct listening *listener = longest_waiting(server);
        if (!listener || holder->pace.armed || atomic_load(&server->accepting.finished))
            return false;
        nsec since = listener->waiting_since, last = server->accepting.last;
        nsec due = after_stall(server, since > last ? since : last) + server->settings.accept_delay;
        due = after_stall(server, due);
        bool paced = server->settings.accept_delay || server->settings.stall;
        if (!budget || (paced && due > clock_now())) {
            loop_arm(holder->loop, &holder->pace, due);
            return !budget;
        }
        accept_one(holder, listener);
    }
    return true;
}

/* Clients that cannot be watched stay for a later time, and no more are accepted until they are. */
static int begin_some(struct holder *holder)
{
    struct server *server = holder->server;
    int status = clients_begin(&holder->clients, AT_ONCE);
    if (status && holder->accepting)
        starve(holder, &server->listeners[0], -status);
    if (holder->clients.fresh)
        loop_arm(holder->loop, &holder->begin, clock_now() + (status ? STARVED_PAUSE : 0));
    return status;
}

/* The queue is empty: holders that were full before may begin their conversations too. */
static void end_crowd(struct server *server)
{
    server_lock(server);
    server->accepting.crowded = false;
    server_unlock(server);
    holders_wake(server);
}

/* While `pace` is armed nothing is due: so an arrival during a delay does not begin it anew. */
static void accept_due(struct holder *holder)
{
    struct server *server = holder->server;
    if (holder->pace.armed || (server->accepting.starved && begin_some(holder)))
        return;
    /* The caller's thread passes events on between its own turns. */
    if (holder->threaded && events_pending(server) >= EVENTS_MOST)
        loop_arm(holder->loop, &holder->pace, clock_now() + EVENTS_PAUSE);
    bool more = accept_batch(holder);
    events_look_soon(holder);
    /* In a crowd the caller's thread has enough to do with passing on events. */
    if (more && holder->accepting && !holder->threaded && server->on_event)
        holder_hand_over(holder, false);
    nsec patience = holder->fresh_since + BEGIN_PATIENCE;
    if (more && holder->clients.fresh && clock_now() < patience)
        loop_arm(holder->loop, &holder->begin, patience);
    else
        begin_some(holder);
    if (!more && holder->accepting && server->accepting.crowded)
        end_crowd(server);
}

static void accept_paced(struct timer *timer)
{
    struct holder *holder = (struct holder *)((char *)timer - offsetof(struct holder, pace));
    struct server *server = holder->server;
    if (!holder->accepting && holder_accept(holder, NULL)) {
        loop_arm(holder->loop, &holder->pace, clock_now() + STARVED_PAUSE);
        return;
    }
    if (server->accepting.starved) {
        server_lock(server);
        server->accepting.retry = false;
        server_unlock(server);
    }
    accept_due(holder);
}

static void accept_begin(struct timer *timer)
{
    begin_some((struct holder *)((char *)timer - offsetof(struct holder, begin)));
}

static void accept_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct listening *listener = (struct listening *)((char *)source - offsetof(struct listening, source));
    struct holder *holder = listener->server->accepting.accepter;
    events_look(holder, listener);
    if (listener->waiting_since == NSEC_NEVER)
        listener->waiting_since = clock_now();
    accept_due(holder);
}

/* Not accepted in its place at once: the slots are being walked, and the accepter may be another thread. */
static void accept_closed(struct clients *clients, const struct client *client)
{
    struct holder *holder = (struct holder *)((char *)clients - offsetof(struct holder, clients));
    struct server *server = holder->server;
    server_lock(server);
    server->closed++;
    if (holder->room != ROOM_UNKNOWN)
        holder->room++;
    bool wake = server->accepting.starved && !server->accepting.retry;
    server->accepting.retry = server->accepting.retry || wake;
    events_tell(holder, &server->listeners[client->listener],
                (struct server_event){.kind = SERVER_CLOSED, .peer = client->peer, .number = client->number});
    server_unlock(server);
    if (wake)
        holders_wake(server);
}

/* ---- Beginning and end ---- */

/* shutdown() acts on the socket itself, whoever has copies of it: the kernel resets what stands in the queue,
   and nobody listens at the port. The holders close their copies; the caller's stay for whoever asks about
   them. */
static void life_over(struct timer *timer)
{
    struct server *server = (struct server *)((char *)timer - offsetof(struct server, life));
    struct holder *first = server->holders;
    accepts_finish(server);
    server_flush(server);
    server_lock(server);
    server->ended = true;
    server_unlock(server);
    for (size_t i = 0; i < server->listener_count; i++)
        shutdown(server->listeners[i].source.fd, SHUT_RDWR);
    holder_close_listeners(first);
    holders_wake(server);
    loop_stop(first->loop);
}

static int begin(struct holder *first, struct error *err)
{
    struct server *server = first->server;
    server->life.fired = life_over;
    server->accepting.accepter = first;
    for (size_t i = 0; i < server->listener_count; i++)
        server->listeners[i].source.ready = accept_ready;
    int status = holder_accept(first, err);
    if (status)
        return status;
    if (server->settings.duration)
        loop_arm(first->loop, &server->life, clock_now() + server->settings.duration);
    if (accept_count_reached(server))
        accept_finished(first, &server->listeners[0]);
    return 0;
}

const struct holder_duties accept_duties = {.begin = begin,
                                            .accept = accept_paced,
                                            .converse = accept_begin,
                                            .closed = accept_closed};
