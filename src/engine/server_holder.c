/* The threads that accept and hold clients, their descriptor tables, and who of them accepts. */
#include "server_holder.h"

#include "backlogctl/fd.h"

#include "server_events.h"
#include "server_record.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define HOLDERS_MOST 1000

/* A table that could not hold so many clients beside a holder's own descriptors is not worth a thread. */
#define WORTHWHILE_ROOM 16
#define OWN_DESCRIPTORS 8

/* A full holder with room for less than this share of its table is used again only when no new one can be
   made: else the role of the accepter would go round with every client that leaves. */
#define LITTLE_SHARE 8

void holders_wake(struct server *server)
{
    eventfd_write(server->news, 1);
}

/* ---- Descriptor tables ---- */

/* A table with copies of the listeners and the eventfds alone. 0 or -errno. */
static int take_own_table(const struct server *server)
{
    int *kept = calloc(server->listener_count + 2, sizeof *kept);
    if (!kept)
        return -ENOMEM;
    for (size_t i = 0; i < server->listener_count; i++)
        kept[i] = server->listeners[i].source.fd;
    kept[server->listener_count] = server->news;
    kept[server->listener_count + 1] = server->told.fd;
    int status = fd_own_table(kept, server->listener_count + 2);
    free(kept);
    return status;
}

/* How many clients a new table could hold. */
static size_t table_room(const struct server *server)
{
    struct rlimit limit;
    size_t own = OWN_DESCRIPTORS + server->listener_count;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < own)
        return 0;
    return limit.rlim_cur - own;
}

/* ---- Who accepts ---- */

int holder_accept(struct holder *holder, struct error *err)
{
    struct server *server = holder->server;
    int status = 0;
    size_t added = 0;
    /* Edge-triggered: each arrival wakes the accepter, also while it takes nobody. Adding tells of those who
       wait. */
    for (; added < server->listener_count && !status; added++)
        status = loop_add(holder->loop, &server->listeners[added].source, EPOLLIN | EPOLLET, err);
    holder->accepting = !status;
    for (size_t i = 0; status && i + 1 < added; i++)
        loop_remove(holder->loop, &server->listeners[i].source);
    return status;
}

static void stop_accepting(struct holder *holder)
{
    struct server *server = holder->server;
    loop_cancel(holder->loop, &holder->pace);
    loop_cancel(holder->loop, &holder->sample);
    for (size_t i = 0; i < server->listener_count && holder->accepting; i++)
        loop_remove(holder->loop, &server->listeners[i].source);
    holder->accepting = false;
}

void holder_close_listeners(struct holder *holder)
{
    struct server *server = holder->server;
    if (holder->listeners_closed)
        return;
    stop_accepting(holder);
    holder->listeners_closed = true;
    for (size_t i = 0; i < server->listener_count && holder->own_table; i++)
        close(server->listeners[i].source.fd);
}

/* Who has most room; with the lock. NULL: nobody has any. */
static struct holder *find_successor(const struct holder *holder)
{
    struct holder *best = NULL;
    for (struct holder *other = holder->server->holders; other; other = other->next)
        if (other != holder && other->room && (!best || other->room > best->room))
            best = other;
    return best;
}

bool holder_hand_over(struct holder *holder, bool full)
{
    struct server *server = holder->server;
    struct holder *made = NULL;
    server_lock(server);
    holder->room = full ? 0 : holder->room;
    server->accepting.crowded = server->accepting.crowded || holder->clients.fresh;
    struct holder *successor = find_successor(holder);
    bool little = !successor || successor->room < table_room(server) / LITTLE_SHARE;
    server_unlock(server);
    if (little && !holder_make(server, NULL, &made, NULL))
        successor = made;
    if (!successor)
        return false;
    stop_accepting(holder);
    server_lock(server);
    server->accepting.accepter = successor;
    server_unlock(server);
    holders_wake(server);
    return true;
}

/* Something has changed, perhaps for another holder. */
static void news_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct holder *holder = (struct holder *)((char *)source - offsetof(struct holder, news));
    struct server *server = holder->server;
    server_lock(server);
    bool stopping = server->stopping, ended = server->ended, mine = server->accepting.accepter == holder;
    bool retry = mine && server->accepting.retry, crowded = server->accepting.crowded;
    server_unlock(server);
    if (ended)
        holder_close_listeners(holder);
    else if (mine && (!holder->accepting || retry))
        loop_arm(holder->loop, &holder->pace, clock_now());
    if (holder->clients.fresh && !mine && !crowded)
        loop_arm(holder->loop, &holder->begin, clock_now());
    if (stopping && holder->threaded)
        loop_stop(holder->loop);
}

/* ---- Making and ending ---- */

static int open_holder(struct holder *holder, struct loop *loop, struct error *err)
{
    struct server *server = holder->server;
    holder->loop = loop ? loop : &holder->own_loop;
    int status = loop ? 0 : loop_init(&holder->own_loop, false, err);
    if (!status)
        status = clients_open(&holder->clients, server->greeting, server->greeting_length, server->duties->closed, err);
    if (!status)
        status = loop_add(holder->loop, &holder->clients.source, EPOLLIN, err);
    if (!status)
        status = loop_add(holder->loop, &holder->news, EPOLLIN | EPOLLET, err);
    return status;
}

static void close_holder(struct holder *holder)
{
    clients_release(&holder->clients);
    loop_release(&holder->own_loop);
}

/* With the lock. */
static void add_holder(struct holder *holder)
{
    struct holder **link = &holder->server->holders;
    while (*link)
        link = &(*link)->next;
    *link = holder;
    holder->server->holder_count++;
}

static void report_ready(struct holder *holder, int status, const struct error *err)
{
    struct server *server = holder->server;
    server_lock(server);
    holder->status = status;
    holder->error = *err;
    holder->ready = true;
    server->serving += !status;
    pthread_cond_broadcast(&server->changed);
    server_unlock(server);
}

/* The first holder shares the caller's table where it cannot have its own; a further one would be of no use
   then. */
static int prepare_thread(struct holder *holder, struct error *err)
{
    struct server *server = holder->server;
    int status = take_own_table(server);
    holder->own_table = !status;
    if (status && server->holder_count)
        return error_set(err, -status, "close_range: %s", strerror(-status));
    status = open_holder(holder, NULL, err);
    if (!status && !server->holder_count)
        status = server->duties->begin(holder, err);
    if (status)
        return status;
    server_lock(server);
    add_holder(holder);
    server_unlock(server);
    return 0;
}

/* When it has stopped, the clients stay connected until the server is released. Errors of epoll_wait end a
   holder; there is nobody to tell, and a server that accepts no more is what the client sees. */
static void *hold(void *argument)
{
    struct holder *holder = argument;
    struct server *server = holder->server;
    struct error err = {0};
    int status = prepare_thread(holder, &err);
    report_ready(holder, status, &err);
    if (!status) {
        loop_run(holder->loop, NSEC_NEVER, NULL);
        if (holder->accepting)
            accepts_finish(server);
        server_lock(server);
        server->serving--;
        pthread_cond_broadcast(&server->changed);
        while (!server->releasing)
            pthread_cond_wait(&server->changed, &server->lock);
        server_unlock(server);
    }
    close_holder(holder);
    return NULL;
}

static int start_thread(struct holder *holder, struct error *err)
{
    struct server *server = holder->server;
    int code = pthread_create(&holder->id, NULL, hold, holder);
    if (code) {
        errno = code;
        return error_errno(err, "pthread_create");
    }
    /* It copies this thread's table: nothing may be opened or closed here meanwhile. */
    server_lock(server);
    while (!holder->ready)
        pthread_cond_wait(&server->changed, &server->lock);
    server_unlock(server);
    if (!holder->status)
        return 0;
    pthread_join(holder->id, NULL);
    return error_set(err, -holder->status, "%s", holder->error.text);
}

/* Takes it out of the caller's loop. */
static void holder_detach(struct holder *holder)
{
    stop_accepting(holder);
    loop_cancel(holder->loop, &holder->begin);
    loop_cancel(holder->loop, &holder->tell);
    if (holder->clients.source.ready)
        loop_remove(holder->loop, &holder->clients.source);
    loop_remove(holder->loop, &holder->news);
    close_holder(holder);
}

int holder_make(struct server *server, struct loop *loop, struct holder **out, struct error *err)
{
    bool further = server->holder_count > 0;
    if (further && (server->holder_count >= HOLDERS_MOST || table_room(server) < WORTHWHILE_ROOM))
        return error_set(err, EMFILE, "no room for another thread's descriptors");
    struct holder *holder = calloc(1, sizeof *holder);
    if (!holder)
        return error_set(err, ENOMEM, "no memory for a thread's clients");
    *holder = (struct holder){
        .server = server,
        .news = {.ready = news_ready, .fd = server->news},
        .pace.fired = server->duties->accept,
        .sample.fired = events_sample,
        .begin.fired = server->duties->converse,
        .tell.fired = events_due,
        .room = ROOM_UNKNOWN,
        .threaded = !loop,
    };
    int status = loop ? open_holder(holder, loop, err) : start_thread(holder, err);
    if (status && loop)
        holder_detach(holder);
    if (status) {
        free(holder);
        return status;
    }
    if (loop)
        add_holder(holder);
    *out = holder;
    return 0;
}

void holders_release(struct server *server)
{
    server_lock(server);
    server->releasing = true;
    pthread_cond_broadcast(&server->changed);
    server_unlock(server);
    while (server->holders) {
        struct holder *holder = server->holders;
        server->holders = holder->next;
        if (holder->threaded)
            pthread_join(holder->id, NULL);
        else
            holder_detach(holder);
        free(holder);
    }
    server->holder_count = 0;
}
