/* What the server tells: events go through a queue to the caller's thread, changes of the accept queues are
   sampled. */
#include "server_events.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>

/* Changes of a queue are told this far apart at least: while clients come in crowds, printing must not hold
   up accepting. */
#define CHANGES_PAUSE (10 * NSEC_PER_MSEC)

/* Drops wake nobody, and while a queue is full no arrival does either. */
#define FULL_PAUSE (200 * NSEC_PER_MSEC)

/* The caller gets an event at once, but those that come within this time after others together: to wake its thread and write a line
   costs more than an accept. */
#define TELL_PAUSE NSEC_PER_MSEC

#define FIRST_ROOM 64

/* What a crowd of events has taken beyond this is given back. */
#define KEPT_ROOM 4096

/* ---- To the caller ---- */

static bool grow(struct event_queue *queue)
{
    size_t room = queue->room ? 2 * queue->room : FIRST_ROOM;
    struct server_event *pending = reallocarray(queue->pending, room, sizeof *pending);
    if (!pending)
        return false;
    queue->pending = pending;
    queue->room = room;
    return true;
}

int events_prepare(struct server *server, struct error *err)
{
    struct event_queue *queue = &server->events;
    if (!grow(queue) || !(queue->spare = reallocarray(NULL, FIRST_ROOM, sizeof *queue->spare)))
        return error_set(err, ENOMEM, "no memory for the server's events");
    queue->spare_room = FIRST_ROOM;
    return 0;
}

static void arm_tell(struct holder *holder, nsec now)
{
    nsec due = holder->told_at + TELL_PAUSE;
    if (!holder->tell.armed)
        loop_arm(holder->loop, &holder->tell, due > now ? due : now);
}

/* Without memory for more than FIRST_ROOM at once an event is lost; the figures of the next one are right again. */
void events_tell(struct holder *holder, struct listening *listener, struct server_event event)
{
    struct server *server = listener->server;
    struct event_queue *queue = &server->events;
    listener->told_queue = listener->now.queue;
    if (!server->on_event || (queue->count == queue->room && !grow(queue)))
        return;
    nsec now = clock_now();
    event.at = now - server->began;
    event.local = listener->now.local;
    event.path = server->settings.transport.path;
    event.queue = listener->now.queue;
    event.capacity = listener->now.capacity;
    event.discarded = listener->now.discarded;
    queue->pending[queue->count++] = event;
    if (holder)
        arm_tell(holder, now);
}

size_t events_pending(struct server *server)
{
    if (!server->on_event)
        return 0;
    server_lock(server);
    size_t count = server->events.count;
    server_unlock(server);
    return count;
}

/* What comes meanwhile waits for the next time: the caller's loop has other things to do. */
void events_deliver(struct server *server)
{
    struct event_queue *queue = &server->events;
    server_lock(server);
    struct event_queue taken = *queue;
    *queue = (struct event_queue){.pending = queue->spare, .room = queue->spare_room};
    server_unlock(server);
    for (size_t i = 0; i < taken.count; i++)
        server->on_event(server->context, &taken.pending[i]);
    if (taken.room > KEPT_ROOM) {
        struct server_event *less = reallocarray(taken.pending, FIRST_ROOM, sizeof *less);
        taken.pending = less ? less : taken.pending;
        taken.room = less ? FIRST_ROOM : taken.room;
    }
    server_lock(server);
    queue->spare = taken.pending;
    queue->spare_room = taken.room;
    server_unlock(server);
}

void events_told(struct loop_source *source, uint32_t events)
{
    (void)events;
    eventfd_t count;
    eventfd_read(source->fd, &count);
    events_deliver((struct server *)((char *)source - offsetof(struct server, told)));
}

void events_due(struct timer *tell)
{
    struct holder *holder = (struct holder *)((char *)tell - offsetof(struct holder, tell));
    holder->told_at = clock_now();
    if (holder->threaded)
        eventfd_write(holder->server->told.fd, 1);
    else
        events_deliver(holder->server);
}

/* ---- Looking ---- */

static void look_by(struct holder *holder, nsec due)
{
    bool wanted = holder->server->on_event && holder->accepting;
    if (wanted && (!holder->sample.armed || holder->sample.due > due))
        loop_arm(holder->loop, &holder->sample, due);
}

bool events_read(struct listening *listener)
{
    struct server *server = listener->server;
    bool read = listener_read(listener->source.fd, &listener->now);
    if (listener->now.queue > server->peak_queue)
        server->peak_queue = listener->now.queue;
    return read;
}

static bool has_changed(const struct listening *listener)
{
    return listener->now.queue != listener->told_queue || listener->now.discarded != listener->told_drops;
}

/* Tells what an event of another kind has not told. */
static void tell_changes(struct holder *holder, struct listening *listener)
{
    uint32_t dropped = (uint32_t)listener->now.discarded - (uint32_t)listener->told_drops; /* the kernel's counter may wrap */
    listener->told_drops = listener->now.discarded;
    if (listener->now.queue != listener->told_queue)
        events_tell(holder, listener, (struct server_event){.kind = SERVER_QUEUE});
    if (dropped)
        events_tell(holder, listener, (struct server_event){.kind = SERVER_DROPPED, .number = dropped});
}

void events_look(struct holder *holder, struct listening *listener)
{
    struct server *server = holder->server;
    if (!server->on_event)
        return;
    nsec now = clock_now();
    server_lock(server);
    events_read(listener);
    nsec due = server->changes_told + CHANGES_PAUSE;
    if (listener->now.queue >= listener->now.capacity)
        look_by(holder, now + FULL_PAUSE);
    if (has_changed(listener) && now < due) {
        look_by(holder, due);
    } else if (has_changed(listener)) {
        tell_changes(holder, listener);
        server->changes_told = now;
    }
    server_unlock(server);
}

void events_look_soon(struct holder *holder)
{
    if (holder->server->on_event)
        look_by(holder, clock_now() + CHANGES_PAUSE);
}

void events_sample(struct timer *timer)
{
    struct holder *holder = (struct holder *)((char *)timer - offsetof(struct holder, sample));
    struct server *server = holder->server;
    for (size_t i = 0; i < server->listener_count; i++)
        events_look(holder, &server->listeners[i]);
}

void server_flush(struct server *server)
{
    server_lock(server);
    for (size_t i = 0; i < server->listener_count; i++) {
        events_read(&server->listeners[i]);
        tell_changes(NULL, &server->listeners[i]);
    }
    server_unlock(server);
    if (server->on_event)
        events_deliver(server);
}
