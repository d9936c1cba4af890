/* Fills the accept queue of a TCP listener, with the flood. */
#include "capacity_internal.h"

#include "backlogctl/netns.h"
#include "backlogctl/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* While those before it are on their way, the one that is to find the queue full would find room: the kernel looks when its SYN comes. */
static void await_those_before(struct filling *f)
{
    uint64_t queue, discarded;
    nsec until = clock_now() + ARRIVAL_PATIENCE;
    while (!listener_look(&f->diag, &f->m->listener, &queue, &discarded, NULL) && queue < f->m->listener.capacity &&
           clock_now() < until && freeze_goes_on(f->freeze) && !f->loop->signal)
        nanosleep(&(struct timespec){.tv_nsec = LOOK_PAUSE}, NULL);
}

/* On any thread: no descriptor of ours is to be used but that of `diag`, which is kept. */
static bool gate(void *context, size_t opened)
{
    struct filling *f = context;
    if (f->freeze && !f->astray && opened + EXTRA == f->room)
        await_those_before(f);
    return !f->astray && !f->loop->signal && (!f->freeze || (opened < f->room && freeze_goes_on(f->freeze)));
}

#define ACK_PATIENCE (250 * NSEC_PER_MSEC)

/* Its name may lead elsewhere: to a listener that hides it, or by address translation. */
static void check_first(void *context)
{
    struct filling *f = context;
    if (!f->freeze || !freeze_holds(f->freeze))
        return;
    /* On a busy machine its ACK is on the way for a while after the client's handshake is over. */
    nsec until = clock_now() + ACK_PATIENCE;
    do {
        flood_look(f->flood, NULL, NULL);
        f->astray = (f->target.attempts->established != NSEC_NEVER || f->target.attempts->error) && !filling_has_risen(f);
    } while (f->astray && clock_now() < until && freeze_holds(f->freeze) && filling_pause(f));
    if (f->astray && !peers_look(&f->diag, &f->target, true, f->epoch, NULL))
        f->deferred = f->target.attempts->peer == PEER_SYN_RECV;
}

/* Everything stays on this host, and on the device that the listener is bound to. 0 or -errno. */
static int check_way(const struct filling *f, struct error *err)
{
    const struct listener *l = &f->m->listener;
    const struct endpoint address = endpoint_reachable(&l->local);
    bool local = false;
    if (*l->device && strcmp(l->device, "lo"))
        return error_set(err, EHOSTUNREACH,
                         "it takes connections through %s alone, and those of this host come through lo: nothing was stopped",
                         l->device);
    int status = route_is_local(&address, &local, err);
    if (!status && !local)
        return error_set(err, EHOSTUNREACH, "no route from here to its address stays on this host: nothing was stopped");
    return status;
}

static int open_flood(struct filling *f, struct target *target, size_t count, struct flood **flood, struct error *err)
{
    *target = (struct target){.address = endpoint_reachable(&f->m->listener.local), .local = true};
    target->bound = target->address;
    int status = attempts_make(target, count, false, err);
    if (status)
        return status;
    target->attempt_count = count;
    for (size_t i = 0; i < count; i++)
        target->attempts[i].id = (uint32_t)i + 1;
    struct flood_settings settings = {.destination = target->address,
                                      .arrivals.count = (uint32_t)count,
                                      .local = true,
                                      .confinement =
                                          endpoint_is_loopback(&target->address) ? CONFINED_TO_LOOPBACK : CONFINED_TO_ONE_HOP,
                                      .lead = check_first,
                                      .gate = gate,
                                      .kept = netlink_fd(&f->diag.netlink),
                                      .context = f};
    return flood_open(flood, &settings, target, f->loop, err);
}

static int prepare(struct filling *f, struct error *err)
{
    int status = check_way(f, err);
    return status ? status : open_flood(f, &f->target, f->wanted, &f->flood, err);
}

static size_t fill(struct filling *f)
{
    f->epoch = clock_now();
    f->target.attempt_count = flood_burst(f->flood, f->epoch);
    return f->target.attempt_count;
}

/* A dropped SYN is repeated a second later: until then its client is what it was when the server went on. */
static void count(struct filling *f)
{
    flood_look(f->flood, NULL, NULL);
    for (size_t i = 0; i < f->target.attempt_count; i++) {
        const struct attempt *a = &f->target.attempts[i];
        if (a->established != NSEC_NEVER)
            f->m->queued++;
        else if (a->state == STATE_SYN_SENT && !a->error)
            f->m->unanswered++;
        else
            filling_note(f, "a connection failed for another reason than a full queue");
    }
    flood_release(f->flood);
    f->flood = NULL;
}

static bool was_taken(const struct attempt *a)
{
    return a->peer == PEER_ACCEPTED || a->peer == PEER_CLOSED;
}

static nsec serves(struct filling *f, nsec released, nsec patience)
{
    struct target target = {0};
    struct flood *flood = NULL;
    struct error err = {0};
    nsec served = NSEC_NEVER, deadline = clock_now() + patience;
    if (!open_flood(f, &target, 1, &flood, &err) && !flood_burst(flood, f->epoch))
        error_set(&err, EIO, "no fresh connection was tried");
    while (!err.code && served == NSEC_NEVER && clock_now() < deadline) {
        flood_look(flood, NULL, NULL);
        if (!peers_look(&f->diag, &target, true, f->epoch, &err) && was_taken(&target.attempts[0]))
            served = clock_now() - released;
        else if (target.attempts[0].error || !filling_pause(f))
            break;
    }
    int error = target.attempts ? target.attempts[0].error : 0;
    bool turned_away = error == ECONNRESET || (error == ECONNREFUSED && !filling_listens(f));
    if (error && !turned_away)
        error_set(&err, error, "a fresh connection could not be made: %s", strerror(error));
    f->m->untried = served == NSEC_NEVER && !turned_away && (err.code || clock_now() < deadline);
    if (f->m->untried)
        filling_note(f, err.code ? err.text : "a fresh connection could not be followed");
    f->deferred = served == NSEC_NEVER && target.attempts && target.attempts[0].peer == PEER_SYN_RECV;
    flood_release(flood);
    attempts_release(&target);
    return served;
}

static void release(struct filling *f)
{
    flood_release(f->flood);
    attempts_release(&f->target);
}

const struct filling_way filling_tcp = {prepare, fill, count, serves, release};
