/* A measurement, from finding the processes to the judgement. */
#include "backlogctl/measurer.h"

#include "backlogctl/capacity.h"
#include "backlogctl/fd.h"
#include "backlogctl/judge.h"
#include "backlogctl/netns.h"
#include "backlogctl/owner.h"
#include "backlogctl/surveyor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How often the holders are looked for again: one at execve(2) has no descriptors for a moment. */
#define HOLDER_TRIES 10

static void note_owner(void *context, uint32_t inode, pid_t pid, bool registered)
{
    struct owner_list *owners = context;
    (void)inode, (void)registered;
    if (owners->count == owners->room) {
        size_t room = owners->room ? 2 * owners->room : 16;
        pid_t *pids = realloc(owners->pids, room * sizeof *pids);
        if (!pids)
            return; /* the one that is missing goes on accepting, which is noticed */
        owners->pids = pids;
        owners->room = room;
    }
    owners->pids[owners->count++] = pid;
}

void owners_find(struct owner_list *owners, const struct listener *listener)
{
    size_t hidden = 0;
    owners->count = 0;
    bool ours = listener->uid == geteuid(); /* then no process that is hidden from us is likely to have it */
    for (int left = HOLDER_TRIES; !owners->count && (ours || !hidden) && left; left--)
        hidden = owners_each(listener->inode, note_owner, owners);
}

void owners_release(struct owner_list *owners)
{
    free(owners->pids);
    *owners = (struct owner_list){0};
}

int measurer_enter(const struct survey *survey, const struct listener *listener, struct error *err)
{
    const struct netns_facts *facts = netns_facts_find(survey->namespaces, survey->namespace_count, listener->netns);
    if (listener->netns == netns_inode(0) || !facts)
        return 0;
    SCOPED_FD fd = netns_open_facts(facts, err);
    return fd < 0 ? fd : netns_enter(fd, facts->pid, err);
}

/* Puts those first that held it at the look before, too; how many these are, or all where none has lasted. */
static size_t put_lasting_first(struct owner_list *owners, const pid_t *before, size_t count)
{
    size_t lasting = 0;
    for (size_t i = 0; i < owners->count; i++)
        for (size_t j = 0; j < count; j++)
            if (owners->pids[i] == before[j]) {
                pid_t pid = owners->pids[i];
                owners->pids[i] = owners->pids[lasting];
                owners->pids[lasting++] = pid;
                break;
            }
    return lasting ? lasting : owners->count;
}

/* A server that forks all the time has lost some of its processes before all stand still: it is looked again who holds the listener, and
   those that have lasted are stopped. Of the others, one that accepts meanwhile is noticed: everybody gets in then. */
static int measure(struct measurement *m, struct capacity_plan *capacity, struct loop *loop, struct error *err)
{
    const struct measurement fresh = *m;
    struct owner_list looks[2] = {{0}};
    const pid_t *before = capacity->pids;
    size_t count = capacity->pid_count;
    int status = capacity_measure(m, capacity, loop, err);
    for (int left = HOLDER_TRIES; status == -ESRCH && left && !loop->signal; left--) {
        struct owner_list *owners = &looks[left % 2];
        owners_find(owners, &fresh.listener);
        if (!owner_holds(fresh.listener.pid, fresh.listener.inode))
            break;
        capacity->pid_count = put_lasting_first(owners, before, count);
        capacity->pids = before = owners->pids;
        count = owners->count;
        capacity->accepts = true;
        *m = fresh;
        *err = (struct error){0};
        status = capacity_measure(m, capacity, loop, err);
    }
    owners_release(&looks[0]);
    owners_release(&looks[1]);
    if (status == -ESRCH && owner_holds(fresh.listener.pid, fresh.listener.inode)) {
        const struct error last = *err;
        *err = (struct error){0};
        return error_set(err, ESRCH, "its processes come and go faster than they can be stopped, also at try %d: %.300s",
                         HOLDER_TRIES + 1, last.text);
    }
    return status;
}

int measurer_run(struct measurement *m, const struct listener *listener, const struct owner_list *owners,
                 const struct measure_plan *plan, struct error *err)
{
    struct capacity_plan capacity = {.pids = owners->pids,
                                     .pid_count = owners->count,
                                     .freeze = plan->freeze,
                                     .patience = plan->patience};
    struct loop loop;
    *m = (struct measurement){.listener = *listener, .expectation_count = plan->expect.count};
    memcpy(m->expectations, plan->expect.list, sizeof m->expectations);
    loop_block_signals();
    int status = loop_init(&loop, true, err);
    if (status)
        return status;
    status = measure(m, &capacity, &loop, err);
    if (!status)
        judge_measurement(m);
    loop_release(&loop);
    return status;
}
