/* Following the connections of listeners: looks, and the ends that the kernel tells of in between. */
#include "backlogctl/follower.h"

#include "follower_rows.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

/* Between looks: while things change, and when nothing has for a while; and the part of a processor that they may take. */
#define EVERY (10 * NSEC_PER_MSEC)
#define EVERY_QUIET (100 * NSEC_PER_MSEC)
#define QUIET_AFTER NSEC_PER_SEC
#define SHARE 20

/* A kernel with much to do tells of thousands in a second: they are read together. */
#define DRAIN_PAUSE (2 * NSEC_PER_MSEC)

#define FIRST_LOOKS 8
/* At the end. */
#define SETTLE_LOOKS 8
#define SETTLE_PAUSE (10 * NSEC_PER_MSEC)
/* For the kernel's reports of what has ended: they are late where it has much to do. */
#define TELL_PATIENCE (2 * NSEC_PER_SEC)
/* For those from before the first look, which are of no concern but have to be told apart. */
#define TELL_BEFORE (100 * NSEC_PER_MSEC)

void observation_note(struct observation *o, const char *format, ...)
{
    char text[320];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t used = strlen(o->incomplete);
    if (!strstr(o->incomplete, text))
        snprintf(o->incomplete + used, sizeof o->incomplete - used, "%s%s", used ? "; " : "", text);
}

void observation_release(struct observation *o)
{
    free(o->listeners);
    free(o->samples);
    free(o->locals);
    free(o->rows);
    *o = (struct observation){0};
}

/* ---- Ends ---- */

static void each_end(void *context, const struct diag_socket *socket)
{
    struct follower *f = context;
    f->now = clock_now();
    rows_end(f, socket);
}

static void note_ends(struct follower *f, nsec began, const struct error *err)
{
    if (err->code)
        observation_note(f->o, "%s", err->text);
    f->drained = began;
    if (f->ends.lost)
        observation_note(f->o, "the kernel's reports of ended connections came faster than they were read, and some were lost");
}

static void drain(struct follower *f)
{
    struct error err = {0};
    nsec began = clock_now();
    destroyed_read(&f->ends, each_end, f, &err);
    note_ends(f, began, &err);
    f->now = clock_now();
}

/* Until all that has ended by now has been told. */
static void hear_all(struct follower *f, nsec until)
{
    struct error err = {0};
    nsec began = clock_now();
    f->heard = destroyed_await(&f->ends, until, each_end, f, &err);
    note_ends(f, began, &err);
    f->now = clock_now();
}

static void told(struct loop_source *source, uint32_t events)
{
    struct follower *f = (struct follower *)((char *)source - offsetof(struct follower, told));
    (void)events;
    nsec quiet_since = f->changed;
    drain(f);
    loop_remove(f->loop, source);
    loop_arm(f->loop, &f->drain_due, f->now + DRAIN_PAUSE);
    if (f->changed != quiet_since && f->now - quiet_since >= QUIET_AFTER)
        loop_arm(f->loop, &f->look_due, f->now);
}

static void listen_again(struct timer *timer)
{
    struct follower *f = (struct follower *)((char *)timer - offsetof(struct follower, drain_due));
    if (loop_add(f->loop, &f->told, EPOLLIN, NULL)) /* then they wait for the looks */
        observation_note(f->o, "the kernel's reports of ended connections cannot be waited for");
}

/* ---- Looks ---- */

static void each_child(void *context, const struct diag_socket *child)
{
    struct follower *f = context;
    if (!child) /* it begins again: what was seen was there all the same */
        return;
    f->now = clock_now();
    rows_see(f, child);
}

static int list_children(struct follower *f, struct error *err)
{
    const struct sockdiag_query query = {.family = AF_UNSPEC,
                                         .states = SOCKDIAG_CHILDREN & ~SOCKDIAG_STATE(STATE_TIME_WAIT),
                                         .local = f->ports,
                                         .local_count = f->port_count};
    return sockdiag_dump(&f->diag, &query, each_child, f, err);
}

/* Children before listeners: whoever left the lists at this look, and was in a queue, is in that of a later moment still. */
static int look(struct follower *f, struct error *err)
{
    drain(f);
    uint32_t before = f->look++;
    struct look_span *span = &f->spans[f->look % LOOK_SPANS];
    *span = (struct look_span){.begin = clock_now()};
    if (!before)
        f->first.begin = span->begin; /* what ends while it goes on is told by that from what ended before */
    f->o->looks++;
    f->seen_from = f->o->row_count;
    int status = list_children(f, err);
    nsec end = clock_now();
    if (!status)
        status = listeners_look(f, err);
    if (status) {
        *span = before ? f->spans[before % LOOK_SPANS] : (struct look_span){0};
        return status;
    }
    span->end = end;
    f->o->last_look = span->begin - f->epoch;
    f->nameless = rows_count(f);
    drain(f);
    rows_miss(f);
    return 0;
}

static nsec pause_for(const struct follower *f, nsec price)
{
    nsec every = f->o->settings.every ? f->o->settings.every : EVERY, quiet = every > EVERY_QUIET ? every : EVERY_QUIET;
    if (f->now - f->changed >= QUIET_AFTER)
        every = quiet;
    return f->o->settings.every || every > price * SHARE ? every : price * SHARE;
}

static void look_fired(struct timer *timer)
{
    struct follower *f = (struct follower *)((char *)timer - offsetof(struct follower, look_due));
    struct error err = {0};
    nsec began = clock_now(), used = clock_thread();
    f->failed = look(f, &err) != 0; /* the next one makes up for it */
    nsec ended = clock_now(), next = began + pause_for(f, clock_thread() - used);
    loop_arm(f->loop, &f->look_due, next > ended ? next : ended);
}

/* ---- Beginning and end ---- */

static int keep_ports(struct follower *f, struct error *err)
{
    for (size_t i = 0; i < f->o->listener_count; i++) {
        uint16_t port = f->o->listeners[i].facts.local.port;
        bool known = false;
        for (size_t p = 0; p < f->port_count; p++)
            known |= f->ports[p].low == port;
        if (!known && f->port_count == FOLLOWER_PORTS_MAX)
            return error_set(err, E2BIG, "listeners of more than %d ports are selected: choose fewer", FOLLOWER_PORTS_MAX);
        if (!known)
            f->ports[f->port_count++] = (struct port_range){port, port};
    }
    return 0;
}

static int open_both(struct follower *f, struct error *err)
{
    uint16_t ports[FOLLOWER_PORTS_MAX];
    for (size_t p = 0; p < f->port_count; p++)
        ports[p] = f->ports[p].low;
    int status = sockdiag_open(&f->diag, err);
    struct error why = {0};
    if (!status && destroyed_open(&f->ends, ports, f->port_count, &why))
        observation_note(f->o, "%s: a connection that came and went between two looks is not known", why.text);
    return status;
}

/* A jiffy, 1 to 10 ms, and the part of a millisecond that is cut off. */
static nsec kernel_grain(void)
{
    struct timespec jiffy = {.tv_nsec = 10 * NSEC_PER_MSEC};
    clock_getres(CLOCK_MONOTONIC_COARSE, &jiffy);
    return jiffy.tv_sec * NSEC_PER_SEC + jiffy.tv_nsec + NSEC_PER_MSEC;
}

/* What was reset ever, so many can have been at most. */
static uint64_t count_nameless(const struct follower *f)
{
    struct connection_counters now;
    bool known = f->nameless && counters_connections(&now);
    return known && now.resets < f->nameless ? now.resets : f->nameless;
}

/* The first look, and others if the queues seem to hold what it did not show: some may just have come in. Those have rows since; the others
   may have been accepted meanwhile. */
static int first_looks(struct follower *f, struct error *err)
{
    uint64_t nameless = 1, first = 0;
    size_t rows = 0;
    int rivals = listeners_look(f, err);
    if (rivals)
        return rivals;
    for (int i = 0; i < FIRST_LOOKS && nameless; i++) {
        int status = look(f, err);
        if (status)
            return status;
        uint64_t now = count_nameless(f);
        nameless = i && nameless < now ? nameless : now;
        if (!i) {
            first = now, rows = f->o->row_count;
            f->first = f->spans[f->look % LOOK_SPANS], f->o->first_look = f->first.end - f->epoch;
        }
    }
    uint64_t came = f->o->row_count - rows, unexplained = first > came ? first - came : 0;
    nameless = nameless > unexplained ? nameless : unexplained;
    if (nameless)
        observation_note(f->o, "up to %llu in the queue may have been reset by their clients before the first look",
                         (unsigned long long)nameless);
    struct connection_counters now;
    if (f->opens_known && counters_connections(&now))
        f->opens_slack = now.children - f->opens.children;
    return 0;
}

/* Those that have gone since they were chosen are known by the first look. */
static int check_any(const struct follower *f, struct error *err)
{
    for (size_t i = 0; i < f->o->listener_count; i++)
        if (!f->o->listeners[i].gone)
            return 0;
    return error_set(err, ENOENT, "the listener has gone before the observation began");
}

int follower_begin(struct follower *f, struct observation *o, struct loop *loop, nsec epoch, struct error *err)
{
    *f = (struct follower){.o = o, .loop = loop, .epoch = epoch, .ends.fd = -1, .told.fd = -1, .grain = kernel_grain()};
    f->look_due.fired = look_fired;
    f->drain_due.fired = listen_again;
    int status = keep_ports(f, err);
    listeners_place(f);
    if (!status)
        status = open_both(f, err);
    if (!status) {
        hear_all(f, clock_now() + TELL_BEFORE);
        f->opens_known = counters_connections(&f->opens);
        status = first_looks(f, err);
    }
    f->changed = f->now;
    return status ? status : check_any(f, err);
}

int follower_start(struct follower *f, struct error *err)
{
    f->told = (struct loop_source){.ready = told, .fd = f->ends.fd};
    loop_arm(f->loop, &f->look_due, f->first.begin + pause_for(f, 0));
    return f->ends.buffer ? loop_add(f->loop, &f->told, EPOLLIN, err) : 0;
}

/* Sockets that listeners made since the first look, as far as they are known. */
static uint64_t count_known(const struct follower *f)
{
    return f->found + f->peerless + f->stillborn;
}

/* So many may have become sockets without being seen, for all that the namespace counted before the last look; `known`: those that were
   known then. Where the kernel has told all ends, these are at most those that were reset at once, and the server has them open still;
   and at least those that no other listener can have made. Where it has not, all the rest may be late. */
static uint64_t count_unseen(const struct follower *f, const struct connection_counters *then, uint64_t known)
{
    uint64_t children = then->children - f->opens.children, resets = then->resets - f->opens.resets;
    uint64_t surely = count_known(f) + f->opens_slack + f->found_maybe;
    uint64_t unseen = children > known ? children - known : 0, untold = f->alone && children > surely ? children - surely : 0;
    if (!f->heard)
        return unseen;
    uint64_t reset = unseen < resets ? unseen : resets;
    return reset > untold ? reset : untold;
}

static void note_unseen(struct follower *f, uint64_t unseen)
{
    if (f->heard)
        observation_note(
            f->o,
            "up to %llu connections may not have been seen, as those that their clients reset at once: the counters of "
            "the namespace (PassiveOpens, EstabResets) leave room for them",
            (unsigned long long)unseen);
    else
        observation_note(
            f->o,
            "up to %llu connections may not have been seen, for the kernel's reports of ended ones can be late, and it "
            "is not known whether all have come: the namespace's counter PassiveOpens leaves room for them",
            (unsigned long long)unseen);
}

/* Until two looks agree. The first of them counts as the last: a socket that a processor was about to destroy then, and that was in no
   list any more, has been told of by the end. */
static void settle(struct follower *f, struct error *err)
{
    uint64_t nameless = UINT64_MAX, unseen = UINT64_MAX;
    nsec until = clock_now() + TELL_PATIENCE, confirmed = 0;
    for (int i = 0; i < SETTLE_LOOKS; i++) {
        *err = (struct error){0};
        struct connection_counters then;
        bool counted = f->opens_known && counters_connections(&then);
        uint64_t known = count_known(f);
        f->failed = look(f, err) != 0;
        uint64_t nameless_now = count_nameless(f);
        hear_all(f, until);
        uint64_t unseen_now = counted ? count_unseen(f, &then, known) : 0;
        nameless = nameless_now < nameless ? nameless_now : nameless;
        unseen = unseen_now < unseen || !f->heard ? unseen_now : unseen;
        confirmed = i ? confirmed : f->o->last_look;
        if (i && !f->failed && !f->unsettled && !nameless && !unseen)
            break;
        nanosleep(&(struct timespec){.tv_nsec = SETTLE_PAUSE}, NULL);
    }
    f->o->last_look = confirmed;
    if (nameless)
        observation_note(f->o, "up to %llu in the queue may have been reset by their clients before a look saw them",
                         (unsigned long long)nameless);
    if (unseen && !nameless)
        note_unseen(f, unseen);
}

void follower_end(struct follower *f)
{
    struct error err = {0};
    loop_cancel(f->loop, &f->look_due);
    loop_cancel(f->loop, &f->drain_due);
    loop_remove(f->loop, &f->told);
    settle(f, &err);
    if (f->failed)
        observation_note(f->o, "the last look was not whole: %s", err.text);
    if (f->peerless)
        observation_note(
            f->o,
            "%llu connections that no look saw, unless as a request that seems to have expired, ended so that the kernel "
            "does not tell their clients' ports: the server reset them (SO_LINGER), or closed its listener",
            (unsigned long long)f->peerless);
    rows_settle(f);
    listeners_end(f);
}

void follower_release(struct follower *f)
{
    if (!f->loop)
        return;
    loop_cancel(f->loop, &f->look_due);
    loop_cancel(f->loop, &f->drain_due);
    loop_remove(f->loop, &f->told);
    destroyed_close(&f->ends);
    sockdiag_close(&f->diag);
    free(f->table.slots);
    free(f->rivals.all);
    free(f->rivals_before.all);
    *f = (struct follower){0};
}
