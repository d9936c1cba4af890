/* The queues of many listeners, read again: one walk, where a question each takes a walk for each member of a reuseport group. */
#include "queues.h"

#include <stdlib.h>

struct queue {
    uint64_t cookie;
    uint32_t length;
};

struct queues {
    struct queue *list;
    size_t count, room;
};

static void note_queue(void *context, const struct diag_socket *listener)
{
    struct queues *queues = context;
    if (!listener) {
        queues->count = 0;
        return;
    }
    if (queues->count == queues->room) {
        size_t room = queues->room ? 2 * queues->room : 64;
        struct queue *list = realloc(queues->list, room * sizeof *list);
        if (!list)
            return; /* it stays unknown */
        queues->list = list;
        queues->room = room;
    }
    queues->list[queues->count++] = (struct queue){listener->cookie, listener->rqueue};
}

static int compare(const void *left, const void *right)
{
    const struct queue *a = left, *b = right;
    return (a->cookie > b->cookie) - (a->cookie < b->cookie);
}

void queues_read(struct sockdiag *sd, int family, const struct listener *listeners, size_t count, uint64_t *now)
{
    struct queues queues = {0};
    const struct sockdiag_query query = {.family = family, .states = SOCKDIAG_LISTEN};
    sockdiag_dump(sd, &query, note_queue, &queues, NULL);
    if (queues.count)
        qsort(queues.list, queues.count, sizeof *queues.list, compare);
    for (size_t i = 0; i < count; i++) {
        const struct queue key = {.cookie = listeners[i].cookie};
        const struct queue *found = NULL;
        if (listeners[i].family == family && queues.count)
            found = bsearch(&key, queues.list, queues.count, sizeof key, compare);
        now[i] = found ? found->length : QUEUE_UNKNOWN;
    }
    free(queues.list);
}
