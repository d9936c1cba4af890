/* Fills the accept queue of a TCP listener, with the flood. */
#include "capacity_internal.h"

#include "backlogctl/peers.h"

#include <errno.h>
#include <stdlib.h>

static bool gate(void *context, size_t opened)
{
    (void)opened;
    return filling_may_go_on(context);
}

static int open_flood(struct filling *f, struct target *target, size_t count, struct flood **flood, struct error *err)
{
    *target = (struct target){.address = endpoint_reachable(&f->m->listener.local), .local = true};
    target->bound = target->address;
    target->attempts = calloc(count, sizeof *target->attempts);
    if (!target->attempts)
        return error_set(err, ENOMEM, "no memory for %zu connections", count);
    target->attempt_count = count;
    for (size_t i = 0; i < count; i++)
        target->attempts[i].id = (uint32_t)i + 1;
    struct flood_settings settings = {
        .destination = target->address, .arrivals.count = (uint32_t)count, .local = true, .gate = gate, .context = f};
    return flood_open(flood, &settings, target->attempts, f->loop, err);
}

static int prepare(struct filling *f, struct error *err)
{
    return open_flood(f, &f->target, f->wanted, &f->flood, err);
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
    flood_look(f->flood);
    for (size_t i = 0; i < f->target.attempt_count; i++) {
        const struct attempt *a = &f->target.attempts[i];
        if (a->established != NSEC_NEVER)
            f->m->queued++;
        else if (a->state == STATE_SYN_SENT && !a->error)
            f->m->unanswered++;
        else
            filling_note(f, "a connection failed for another reason than a full queue");
    }
    flood_abandon(f->flood);
}

static bool was_taken(const struct attempt *a)
{
    return a->peer == PEER_ACCEPTED || a->peer == PEER_CLOSED;
}

static void count_accepted(struct filling *f)
{
    struct error err = {0};
    flood_look(f->flood);
    if (peers_look(&f->diag, &f->target, f->epoch, &err) || !f->target.looked) {
        filling_note(f, "the server's side of our connections could not be asked for");
        return;
    }
    f->m->accepted_known = true;
    for (size_t i = 0; i < f->target.attempt_count; i++) {
        const struct attempt *a = &f->target.attempts[i];
        /* One that is over has no socket at the server any more: it was accepted and closed, or reset. */
        bool over = a->peer == PEER_ABSENT && a->state != STATE_ESTABLISHED;
        f->m->accepted += a->established != NSEC_NEVER && (was_taken(a) || over);
    }
}

static nsec serves(struct filling *f, nsec released, nsec patience)
{
    struct target target = {0};
    struct flood *flood = NULL;
    struct error err = {0};
    nsec served = NSEC_NEVER, deadline = clock_now() + patience;
    if (open_flood(f, &target, 1, &flood, &err) || !flood_burst(flood, f->epoch))
        filling_note(f, err.code ? err.text : "no fresh connection was tried");
    while (!err.code && served == NSEC_NEVER && clock_now() < deadline) {
        flood_look(flood);
        if (!peers_look(&f->diag, &target, f->epoch, &err) && was_taken(&target.attempts[0]))
            served = clock_now() - released;
        else if (!filling_pause(f))
            break;
    }
    flood_release(flood);
    free(target.attempts);
    return served;
}

static void release(struct filling *f)
{
    flood_release(f->flood);
    free(f->target.attempts);
}

const struct filling_way filling_tcp = {prepare, fill, count, count_accepted, serves, release};
