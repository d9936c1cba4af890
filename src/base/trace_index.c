/* The order in which listeners that are traced are found by their cookies. */
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

static int compare_all(const void *left, const void *right)
{
    const struct trace_key *a = left, *b = right;
    int order = compare(left, right);
    return order ? order : a->place < b->place ? -1 : a->place > b->place;
}

int trace_model_index(struct trace_model *m)
{
    struct trace_key *order = realloc(m->order, (m->count + 1) * sizeof *order);
    if (!order)
        return -ENOMEM;
    m->order = order;
    m->ordered = 0;
    m->indexed = m->count;
    for (size_t i = 0; i < m->count; i++)
        order[i] = (struct trace_key){m->list[i].slot.cookie, m->list[i].slot.netns, (uint32_t)i};
    qsort(order, m->count, sizeof *order, compare_all);
    for (size_t i = 0; i < m->count; i++)
        if (i + 1 == m->count || compare(&order[i], &order[i + 1]))
            order[m->ordered++] = order[i];
    return 0;
}
