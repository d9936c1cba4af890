/* Looks at what those do that hold listeners in trouble. */
#include "backlogctl/fd.h"
#include "backlogctl/holder_look.h"
#include "backlogctl/listener.h"
#include "backlogctl/netns.h"
#include "backlogctl/surveyor.h"

#include <stdlib.h>
#include <time.h>

/* What passes in a moment (a page from disk) is not seen twice. */
#define LOOK_AGAIN (50 * NSEC_PER_MSEC)

/* A process may hold thousands of listeners: it is looked at once in a round, for all of them. */
struct process {
    pid_t pid;
    bool seen; /* in this round */
    struct holder_state state;
};

struct looks {
    struct survey *survey;
    struct process *processes; /* ascending by pid, each once */
    size_t count;
    struct sockdiag diag; /* asks about the namespace that it was opened in, for ever */
    uint64_t netns;       /* which that is; 0: not open */
};

/* ---- Processes ---- */

static int compare(const void *left, const void *right)
{
    const struct process *a = left, *b = right;
    return (a->pid > b->pid) - (a->pid < b->pid);
}

static size_t holders_of(const struct survey *survey, uint32_t remarks, struct process *out)
{
    size_t all = 0;
    for (size_t i = 0; i < survey->count; i++) {
        size_t count;
        const struct socket_holder *holders = survey_holders(survey, &survey->listeners[i], &count);
        for (size_t h = 0; survey->listeners[i].remarks & remarks && h < count; h++, all++)
            if (out)
                out[all] = (struct process){.pid = holders[h].pid};
    }
    return all;
}

static bool collect(struct looks *looks, uint32_t remarks)
{
    size_t all = holders_of(looks->survey, remarks, NULL);
    looks->processes = calloc(all + 1, sizeof *looks->processes);
    if (!looks->processes)
        return false;
    holders_of(looks->survey, remarks, looks->processes);
    if (all)
        qsort(looks->processes, all, sizeof *looks->processes, compare);
    for (size_t i = 0; i < all; i++)
        if (!looks->count || looks->processes[looks->count - 1].pid != looks->processes[i].pid)
            looks->processes[looks->count++] = looks->processes[i];
    return true;
}

static const struct holder_state *state_of(struct looks *looks, pid_t pid)
{
    struct process key = {.pid = pid};
    struct process *process = bsearch(&key, looks->processes, looks->count, sizeof key, compare);
    if (!process->seen)
        process->state = holder_look(pid);
    process->seen = true;
    return &process->state;
}

static void look_at_holders(struct looks *looks, const struct listener *listener, bool again)
{
    size_t count;
    survey_holders(looks->survey, listener, &count);
    for (size_t i = 0; i < count; i++) {
        struct socket_holder *holder = &looks->survey->holders[listener->holder_first + i];
        const struct holder_state *now = state_of(looks, holder->pid);
        holder->state = again ? holder_look_both(&holder->state, now) : *now;
    }
}

/* ---- Queues ---- */

/* False when it cannot be asked, as in a namespace that cannot be entered. The survey has shown that this kernel has sock_diag. */
static bool open_diag(struct looks *looks, uint64_t netns)
{
    if (looks->netns == netns)
        return true;
    const struct survey *survey = looks->survey;
    const struct netns_facts *facts = netns_facts_find(survey->namespaces, survey->namespace_count, netns);
    bool away = netns_inode(0) != netns;
    SCOPED_FD home = away ? netns_open_own(NULL) : -1;
    SCOPED_FD there = away && facts ? netns_open_facts(facts, NULL) : -1;
    sockdiag_close(&looks->diag);
    looks->netns = 0;
    if (away && (home < 0 || there < 0 || netns_enter(there, 0, NULL)))
        return false;
    looks->netns = unixdiag_open(&looks->diag, NULL) ? 0 : netns;
    if (away)
        netns_enter(home, 0, NULL);
    return looks->netns;
}

static void look_at_queue(struct looks *looks, struct listener *listener)
{
    uint64_t queue, drops;
    if (!open_diag(looks, listener->netns) || listener_look(&looks->diag, listener, &queue, &drops, NULL)) {
        listener->waits_on = false;
        return;
    }
    listener->waits_on = listener->waits_on && queue >= 1 && (listener->queue <= listener->backlog || queue > listener->backlog);
    listener->shrank = listener->shrank || queue < listener->queue;
}

/* ---- Both ---- */

static bool look(struct looks *looks, uint32_t remarks, bool again)
{
    bool any = false;
    for (size_t i = 0; i < looks->count; i++)
        looks->processes[i].seen = false;
    for (size_t i = 0; i < looks->survey->count; i++) {
        struct listener *listener = &looks->survey->listeners[i];
        if (!(listener->remarks & remarks))
            continue;
        listener->waits_on = again ? listener->waits_on : true;
        look_at_holders(looks, listener, again);
        look_at_queue(looks, listener);
        any = true;
    }
    return any;
}

void survey_look_at_holders(struct survey *survey, uint32_t remarks)
{
    struct looks looks = {.survey = survey};
    if (survey->holders && collect(&looks, remarks) && look(&looks, remarks, false)) {
        clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = LOOK_AGAIN}, NULL);
        look(&looks, remarks, true);
    }
    sockdiag_close(&looks.diag);
    free(looks.processes);
}
