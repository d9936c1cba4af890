/* Finds who holds the listeners of a survey, by one walk through the descriptors of all processes. */
#include "socket_holders.h"

#include "backlogctl/netns.h"
#include "backlogctl/owner.h"
#include "backlogctl/surveyor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One process at one listener. */
struct holding {
    struct listener *listener;
    struct socket_holder holder;
};

struct holdings {
    struct listener **by_inode;
    uint32_t *inodes; /* of these */
    size_t listeners;
    struct holding *list;
    size_t count, room;
    struct socket_holder last; /* who was read last: processes come one after the other */
    bool out_of_memory;
    int unread; /* -errno: one that is there has a name that cannot be read, so no name tells who it is */
};

static int compare_by_inode(const void *left, const void *right)
{
    const struct listener *a = *(struct listener *const *)left, *b = *(struct listener *const *)right;
    return a->inode < b->inode ? -1 : a->inode > b->inode;
}

static int compare_holdings(const void *left, const void *right)
{
    const struct holding *a = left, *b = right;
    if (a->listener != b->listener)
        return a->listener < b->listener ? -1 : 1;
    return a->holder.pid < b->holder.pid ? -1 : a->holder.pid > b->holder.pid;
}

/* Where a process has a descriptor and a registered file, the descriptor counts. */
static int compare_ways(const void *left, const void *right)
{
    const struct holding *a = left, *b = right;
    int order = compare_holdings(left, right);
    return order ? order : (int)a->holder.registered - (int)b->holder.registered;
}

static bool has_room(struct holdings *h)
{
    if (h->count < h->room)
        return true;
    size_t room = h->room ? 2 * h->room : 64;
    struct holding *list = realloc(h->list, room * sizeof *list);
    h->out_of_memory = h->out_of_memory || !list;
    if (!list)
        return false;
    h->list = list;
    h->room = room;
    return true;
}

static void note_holder(void *context, uint32_t inode, pid_t pid, bool registered)
{
    struct holdings *h = context;
    struct listener key = {.inode = inode}, *wanted = &key;
    struct listener **found = bsearch(&wanted, h->by_inode, h->listeners, sizeof wanted, compare_by_inode);
    if (!found || !has_room(h))
        return;
    if (h->last.pid != pid) {
        int status = owner_read(pid, &h->last);
        if (status && status != -ENOENT && status != -ESRCH)
            h->unread = status;
        h->last.pidns = netns_foreign_pidns(pid);
    }
    h->list[h->count++] = (struct holding){.listener = *found, .holder = h->last};
    h->list[h->count - 1].holder.registered = registered;
}

/* Holders one after the other, each process once; and who of them is shown. */
static int keep(struct holdings *h, struct survey *survey)
{
    size_t kept = 0;
    survey->holders = malloc((h->count + 1) * sizeof *survey->holders);
    if (!survey->holders)
        return -ENOMEM;
    if (h->count)
        qsort(h->list, h->count, sizeof *h->list, compare_ways);
    for (size_t i = 0; i < h->count; i++) {
        if (i && !compare_holdings(&h->list[i - 1], &h->list[i]))
            continue; /* another descriptor of the same process */
        if (!h->list[i].listener->processes++)
            h->list[i].listener->holder_first = kept;
        survey->holders[kept++] = h->list[i].holder;
    }
    for (size_t i = 0; i < survey->count; i++) {
        struct listener *listener = &survey->listeners[i];
        size_t count;
        const struct socket_holder *holders = survey_holders(survey, listener, &count);
        if (holders)
            survey_show_holder(listener, &holders[socket_holder_shown(holders, count)]);
    }
    return 0;
}

void survey_show_holder(struct listener *listener, const struct socket_holder *holder)
{
    listener->pid = holder->pid;
    listener->pidns = holder->pidns;
    listener->place = holder->place;
    memcpy(listener->process, holder->process, sizeof listener->process);
}

bool survey_holds(const struct survey *survey, const struct listener *listener, const struct survey_query *query)
{
    size_t count;
    const struct socket_holder *holders = survey_holders(survey, listener, &count);
    for (size_t i = 0; i < count; i++)
        if ((!query->process || socket_holder_is_called(holders[i].process, query->process)) &&
            (!query->unit || socket_holder_in_unit(&holders[i].place, query->unit)))
            return true;
    return !survey_asks_holders(query);
}

int socket_holders_find(struct survey *survey, struct error *err)
{
    struct holdings h = {.by_inode = malloc((survey->count + 1) * sizeof *h.by_inode),
                         .inodes = malloc((survey->count + 1) * sizeof *h.inodes)};
    bool failed = !h.by_inode || !h.inodes;
    if (!failed) {
        for (size_t i = 0; i < survey->count; i++)
            if (survey->listeners[i].inode)
                h.by_inode[h.listeners++] = &survey->listeners[i];
        if (h.listeners)
            qsort(h.by_inode, h.listeners, sizeof *h.by_inode, compare_by_inode);
        for (size_t i = 0; i < h.listeners; i++)
            h.inodes[i] = h.by_inode[i]->inode;
        survey->processes_hidden = owners_walk(h.inodes, h.listeners, note_holder, &h);
        failed = h.out_of_memory || keep(&h, survey);
        if (h.unread && !*survey->incomplete)
            snprintf(survey->incomplete, sizeof survey->incomplete, "cannot read the names of processes: %s",
                     strerror(-h.unread));
    }
    free(h.by_inode);
    free(h.inodes);
    free(h.list);
    return failed ? error_set(err, ENOMEM, "no memory for the owners of %zu listeners", survey->count) : 0;
}
