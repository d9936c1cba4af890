/* A measurement, from finding the processes to the judgement. */
#include "backlogctl/measurer.h"

#include "backlogctl/capacity.h"
#include "backlogctl/fd.h"
#include "backlogctl/judge.h"
#include "backlogctl/netns.h"
#include "backlogctl/owner.h"

#include <stdlib.h>
#include <string.h>

static void note_owner(void *context, uint32_t inode, pid_t pid)
{
    struct owner_list *owners = context;
    (void)inode;
    if (owners->count && owners->pids[owners->count - 1] == pid)
        return;
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
    owners->count = 0;
    owners_walk(&listener->inode, 1, note_owner, owners);
}

void owners_release(struct owner_list *owners)
{
    free(owners->pids);
    *owners = (struct owner_list){0};
}

int measurer_enter(struct survey_query *query, struct error *err)
{
    pid_t pid = query->pid;
    if (!pid && !query->netns)
        return 0;
    SCOPED_FD fd = pid ? netns_open_pid(pid, err) : netns_open_name(query->netns, err);
    if (fd < 0)
        return fd;
    bool already = pid && netns_inode(pid) == netns_inode(0);
    query->pid = 0;
    query->netns = NULL;
    return already ? 0 : netns_enter(fd, pid, err);
}

int measurer_run(struct measurement *m, const struct listener *listener, const struct owner_list *owners,
                 const struct measure_plan *plan, struct error *err)
{
    const struct capacity_plan capacity = {.pids = owners->pids,
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
    status = capacity_measure(m, &capacity, &loop, err);
    if (!status)
        judge_measurement(m);
    loop_release(&loop);
    return status;
}
