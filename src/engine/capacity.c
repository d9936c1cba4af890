/* Measures a running server's accept queue: freeze, fill, count, release, and see that it serves again. */
#include "capacity_internal.h"

#include "backlogctl/owner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool filling_pause(struct filling *f)
{
    return !loop_run(f->loop, clock_now() + LOOK_PAUSE, NULL) && !f->loop->signal;
}

void filling_note(struct filling *f, const char *text)
{
    if (!*f->m->incomplete)
        snprintf(f->m->incomplete, sizeof f->m->incomplete, "%.*s", (int)sizeof f->m->incomplete - 1, text);
}

bool filling_may_go_on(const struct filling *f)
{
    return !f->loop->signal && (!f->freeze || freeze_holds(f->freeze));
}

bool filling_has_risen(struct filling *f)
{
    uint64_t queue, discarded;
    return listener_look(&f->diag, &f->m->listener, &queue, &discarded, NULL) || queue > f->m->held || !filling_may_go_on(f);
}

bool filling_listens(struct filling *f)
{
    uint64_t queue, discarded;
    return listener_look(&f->diag, &f->m->listener, &queue, &discarded, NULL) != -ENOENT;
}

static int look(struct filling *f, uint64_t *queue, uint64_t *drops)
{
    struct error err = {0};
    int status = listener_look(&f->diag, &f->m->listener, queue, drops, &err);
    if (status)
        filling_note(f, status == -ENOENT ? "the listener has gone meanwhile" : err.text);
    return status;
}

/* Connections of ours say nothing, so such a listener's queue cannot be filled by them. */
static int refuse_deferred(struct error *err)
{
    return error_set(
        err, EOPNOTSUPP,
        "it keeps a trial connection as a half-open request, as TCP_DEFER_ACCEPT does until the client sends something: "
        "its queue cannot be filled from here, and nothing was measured");
}

/* What waits in a queue that nobody takes from stays there for good. 0 or -errno. */
static int see_it_accept(struct filling *f, struct error *err)
{
    uint64_t longest = f->m->listener.queue, queue = longest, discarded;
    nsec begin = clock_now();
    char span[NSEC_TEXT_SIZE];
    while (queue && queue >= longest && clock_now() < begin + f->m->patience && filling_pause(f)) {
        longest = queue;
        if (look(f, &queue, &discarded))
            return error_set(err, ESRCH, "%s: nothing was stopped", f->m->incomplete);
    }
    if (f->loop->signal || queue < longest)
        return 0;
    if (queue)
        return error_set(err, EBUSY, "its queue of %llu has not moved within %s, nobody accepts from it: nothing was stopped",
                         (unsigned long long)queue, nsec_text(f->m->patience, span));
    if (f->way->serves(f, begin, f->m->patience) != NSEC_NEVER || f->loop->signal)
        return 0;
    if (f->deferred)
        return refuse_deferred(err);
    if (f->m->untried)
        return error_set(err, EAGAIN, "whether it accepts could not be tried, and nothing was stopped: %s", f->m->incomplete);
    return error_set(err, EBUSY,
                     "it has not accepted one trial connection within %s, and would not accept more: nothing was stopped",
                     nsec_text(f->m->patience, span));
}

static nsec wait_for_drain(struct filling *f, nsec released)
{
    uint64_t queue, discarded;
    for (nsec now = released; now < released + f->m->patience; now = clock_now()) {
        int status = look(f, &queue, &discarded);
        f->m->drain_unseen = status && status != -ENOENT;
        if (status)
            return NSEC_NEVER;
        if (queue <= f->m->listener.queue)
            return clock_now() - released;
        if (!filling_pause(f))
            break;
    }
    f->m->drain_unseen = clock_now() < released + f->m->patience;
    return NSEC_NEVER;
}

static int await_arrivals(struct filling *f, uint64_t *drops)
{
    nsec until = clock_now() + ARRIVAL_PATIENCE;
    int status = look(f, &f->m->held, drops);
    while (!status && !f->astray && f->m->held < f->m->listener.capacity && clock_now() < until && filling_may_go_on(f) &&
           filling_pause(f))
        status = look(f, &f->m->held, drops);
    return status;
}

/* No answer is evidence of a full queue only as far as the listener dropped what was asked. */
static void check_unanswered(struct filling *f)
{
    struct measurement *m = f->m;
    if (!m->full || !m->listener.discarded_known || m->held >= m->listener.capacity || m->unanswered <= m->discarded)
        return;
    m->full = false;
    filling_note(f, "connections went unanswered that it has not dropped: this machine was too busy to bring them to it in time");
}

/* What happens while the server stands still. */
static void fill(struct filling *f)
{
    uint64_t drops_before, drops_after;
    struct measurement *m = f->m;
    if (look(f, &m->held, &drops_before))
        return;
    m->listener.queue = m->held;
    f->room = (m->listener.capacity > m->held ? m->listener.capacity - m->held : 0) + EXTRA;
    m->sent = f->way->fill(f);
    if (!await_arrivals(f, &drops_after)) {
        m->discarded = drops_after - drops_before;
        m->full = freeze_holds(f->freeze); /* to the end of the count */
    }
    f->way->count(f);
    check_unanswered(f);
}

/* A process that was found holding the listener may have let go of it since, or have ended and left its id to another. Once
   it stands still neither can happen unseen: freeze_holds tells of its end. 0 or -ESRCH. */
static int check_holders(const struct filling *f, struct error *err)
{
    for (size_t i = 0; i < f->plan->pid_count; i++)
        if (!owner_holds(f->plan->pids[i], f->m->listener.inode))
            return error_set(err, ESRCH,
                             "process %d does not hold the listener any more: it was let go at once, and nothing was measured",
                             (int)f->plan->pids[i]);
    return 0;
}

struct newcomer {
    const struct capacity_plan *plan;
    pid_t pid;
};

static void note_newcomer(void *context, uint32_t inode, pid_t pid, bool registered)
{
    struct newcomer *newcomer = context;
    (void)inode, (void)registered;
    for (size_t i = 0; i < newcomer->plan->pid_count; i++)
        if (newcomer->plan->pids[i] == pid)
            return;
    newcomer->pid = pid;
}

/* Somebody accepted while the known holders stood still: one that came between the look for them and their stop. 0 or -ESRCH. */
static int check_newcomers(const struct filling *f, struct error *err)
{
    struct newcomer newcomer = {.plan = f->plan};
    owners_each(f->m->listener.inode, note_newcomer, &newcomer);
    if (!newcomer.pid)
        return 0;
    return error_set(err, ESRCH, "process %d, which came meanwhile, accepts from it, too: nothing was measured",
                     (int)newcomer.pid);
}

static void freeze_and_fill(struct filling *f, struct error *err)
{
    struct measurement *m = f->m;
    struct freeze_facts facts;
    if (freeze_begin(&f->freeze, f->plan->pids, f->plan->pid_count, &f->plan->freeze, err))
        return;
    if (!check_holders(f, err))
        fill(f);
    if (f->deferred)
        refuse_deferred(err);
    else if (f->astray)
        error_set(err, EHOSTUNREACH,
                  "a first connection did not get into its queue: another server answers there, or a process that cannot be seen "
                  "accepts from it, too; nothing was measured");
    int status = freeze_end(f->freeze, &facts);
    f->freeze = NULL;
    if (facts.still_stopped) {
        *err = (struct error){0}; /* that matters more */
        error_set(err, ECHILD, "process %d is still stopped: kill -CONT %d", (int)facts.still_stopped, (int)facts.still_stopped);
    } else if (status) {
        filling_note(f, "the end of the freeze could not be confirmed: see that the server runs");
    }
    m->ptraced = facts.method == FREEZE_PTRACE;
    m->processes = facts.processes;
    m->threads = facts.threads;
    m->frozen = facts.lasted;
    m->expired = facts.expired;
    m->full &= !f->loop->signal;
    if (m->full && !m->unanswered)
        check_newcomers(f, err);
    if (m->expired)
        filling_note(f, "the budget ended the freeze before the queue was counted: a longer --budget may do");
    else if (facts.broken && !m->full && !f->loop->signal)
        filling_note(f, "it did not stand still to the end: somebody let it go on or killed it, or the guardian of the freeze");
}

static void see_it_serve(struct filling *f)
{
    struct measurement *m = f->m;
    nsec released = clock_now();
    if (m->full && !m->unanswered)
        filling_note(f, "it took in everybody: another process, which cannot be seen from here, accepts from it, too");
    m->full = m->full && m->unanswered;
    m->drained = wait_for_drain(f, released);
    if (!f->loop->signal)
        m->served = f->way->serves(f, released, m->patience);
    /* First come, first accepted: who came after ours was accepted, or nobody is left. */
    m->accepted_known = m->served != NSEC_NEVER || (m->drained != NSEC_NEVER && !m->listener.queue);
    m->accepted = m->accepted_known ? m->queued : 0;
    m->signal = f->loop->signal;
}

int capacity_measure(struct measurement *m, const struct capacity_plan *plan, struct loop *loop, struct error *err)
{
    struct filling f = {.m = m, .plan = plan, .loop = loop};
    f.way = has_handshake((enum socket_kind)m->listener.kind) ? &filling_tcp : &filling_unix;
    f.wanted = (size_t)m->listener.capacity + EXTRA;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    m->processors = processors > 0 ? (uint32_t)processors : 1;
    m->budget = plan->freeze.budget;
    m->patience = plan->patience;
    m->drained = m->served = NSEC_NEVER;
    int status = sockdiag_open(&f.diag, err);
    if (!status)
        status = f.way->prepare(&f, err);
    if (!status && !plan->accepts)
        status = see_it_accept(&f, err);
    if (!status && loop->signal) {
        m->signal = loop->signal;
    } else if (!status) {
        struct error freeze_error = {0};
        freeze_and_fill(&f, &freeze_error);
        if (freeze_error.code)
            status = error_set(err, freeze_error.code, "%s", freeze_error.text);
        else
            see_it_serve(&f);
    }
    f.way->release(&f);
    sockdiag_close(&f.diag);
    return status;
}
