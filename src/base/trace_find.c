/* Finds a listener among those that are traced. */
#include "backlogctl/trace_facts.h"

#include <errno.h>
#include <stdlib.h>

static int compare(const void *left, const void *right)
{
    const struct trace_key *a = left, *b = right;
    if (a->cookie != b->cookie)
        return a->cookie < b->cookie ? -1 : 1;
    return a->netns < b->netns ? -1 : a->netns > b->netns;
}

int trace_model_index(struct trace_model *m)
{
    struct trace_key *order = realloc(m->order, (m->count + 1) * sizeof *order);
    if (!order)
        return -ENOMEM;
    m->order = order;
    m->ordered = m->count;
    for (size_t i = 0; i < m->count; i++)
        order[i] = (struct trace_key){m->list[i].slot.cookie, m->list[i].slot.netns, (uint32_t)i};
    qsort(order, m->count, sizeof *order, compare);
    return 0;
}

struct traced *trace_find(const struct trace_model *m, const struct listener *l)
{
    if (!m || !l->cookie || l->netns > UINT32_MAX)
        return NULL;
    const struct trace_key key = {l->cookie, (uint32_t)l->netns, 0};
    const struct trace_key *found = m->ordered ? bsearch(&key, m->order, m->ordered, sizeof key, compare) : NULL;
    if (found)
        return &m->list[found->place];
    for (size_t i = m->ordered; i < m->count; i++)
        if (m->list[i].slot.cookie == l->cookie && m->list[i].slot.netns == l->netns)
            return &m->list[i];
    return NULL;
}
