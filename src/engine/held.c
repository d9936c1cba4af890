/* Collects what the processes of a query hold. */
#include "held.h"

#include "backlogctl/container.h"
#include "backlogctl/owner.h"

#include <errno.h>
#include <stdlib.h>

static int compare(const void *left, const void *right)
{
    const struct held_socket *a = left, *b = right;
    if (a->inode != b->inode)
        return a->inode < b->inode ? -1 : 1;
    return a->pid < b->pid ? -1 : a->pid > b->pid;
}

static void note_socket(void *context, uint32_t inode, pid_t pid, bool registered)
{
    struct held *held = context;
    (void)registered;
    if (held->count == held->room) {
        size_t room = held->room ? 2 * held->room : 64;
        struct held_socket *list = realloc(held->list, room * sizeof *list);
        held->out_of_memory = held->out_of_memory || !list;
        if (!list)
            return;
        held->list = list;
        held->room = room;
    }
    held->list[held->count++] = (struct held_socket){inode, pid};
}

/* Of a container, some may have gone, or be another user's. */
static int collect(struct held *held, const pid_t *pids, size_t count, struct error *err)
{
    size_t seen = 0;
    struct error gone = {0};
    for (size_t i = 0; i < count; i++) {
        struct error why = {0};
        int status = owner_sockets(pids[i], note_socket, held, &why);
        seen += !status;
        if (status)
            *(status == -ESRCH ? &gone : &held->unseen) = why;
    }
    if (held->out_of_memory)
        return error_set(err, ENOMEM, "no memory for the sockets of %zu processes", count);
    if (!seen && held->unseen.code)
        return error_set(err, held->unseen.code, "%s", held->unseen.text);
    if (!seen)
        return error_set(err, ESRCH, "%s", gone.text);
    if (held->count)
        qsort(held->list, held->count, sizeof *held->list, compare);
    return 0;
}

int held_find(struct held *held, const struct survey_query *query, struct error *err)
{
    struct container container = {0};
    held->first = query->pid;
    if (!query->container)
        return collect(held, &query->pid, 1, err);
    int status = container_find(query->container, &container, err);
    held->first = container.first;
    if (!status)
        status = collect(held, container.pids, container.count, err);
    container_release(&container);
    return status;
}

void held_release(struct held *held)
{
    free(held->list);
    *held = (struct held){0};
}

pid_t held_by(const struct held *held, uint32_t inode)
{
    struct held_socket key = {.inode = inode};
    size_t low = 0, high = held->count;
    while (low < high) { /* the first of those that hold it */
        size_t middle = low + (high - low) / 2;
        if (compare(&held->list[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i < held->count && held->list[i].inode == inode; i++) {
        char name[OWNER_NAME_SIZE];
        owner_name(held->list[i].pid, name);
        if (!socket_holder_is_keeper(name))
            return held->list[i].pid;
    }
    return inode && low < held->count && held->list[low].inode == inode ? held->list[low].pid : 0;
}
