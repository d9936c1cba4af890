/* The list of listeners that are traced: who is done with, and copies of it. */
#include "tracing_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Listeners that are done with ---- */

/* Nothing more can be counted there: all that came have gone. Out of its chain it goes at once, to others only a look later. */
static bool is_done(const struct traced *one)
{
    const struct trace_slot *s = &one->slot;
    return s->closed && (s->in_full || one->before.closed) &&
           s->entered + s->at_start <= s->accepted + s->accepted_seed + s->unseen + s->left_closed + s->left_other + s->unknown;
}

void tracing_give_back(struct tracing *t)
{
    struct trace_model *m = &t->model;
    for (size_t i = 0; i < m->count; i++) {
        struct traced *one = &m->list[i];
        if (one->over || !is_done(one) || !tracer_give_back(t->tracer, one->number))
            continue;
        one->over = true;
        t->by_slot[one->number] = 0;
    }
}

static void forget(struct trace_model *m, const struct traced *one)
{
    const struct trace_slot *slot = &one->slot;
    struct trace_account *account = trace_account_of(m, slot->netns);
    if (account) {
        account->overflows.gone += slot->syn.count + slot->ack.count;
        account->syn_queue.gone += slot->syn_queue.count;
        account->children.gone += slot->entered;
    }
    if (!one->selected)
        return;
    m->forgotten.listeners++;
    m->forgotten.entered += slot->entered;
    m->forgotten.accepted += slot->accepted + slot->accepted_seed + slot->unseen;
    m->forgotten.left += slot->left_closed + slot->left_other;
    m->forgotten.syn += slot->syn.count;
    m->forgotten.ack += slot->ack.count;
    m->forgotten.syn_queue += slot->syn_queue.count;
}

void tracing_forget_oldest(struct tracing *t)
{
    struct trace_model *m = &t->model;
    size_t over = 0, count = 0;
    for (size_t i = 0; i < m->count; i++)
        over += m->list[i].over;
    if (over < 2 * TRACE_KEPT)
        return;
    for (size_t i = 0; i < m->count; i++) {
        if (m->list[i].over && over > TRACE_KEPT) {
            forget(m, &m->list[i]);
            over--;
            continue;
        }
        if (count != i)
            m->list[count] = m->list[i];
        count++;
        if (!m->list[count - 1].over)
            t->by_slot[m->list[count - 1].number] = (uint32_t)count;
    }
    m->count = count;
}

/* ---- The model ---- */

/* A copy of `count` things, NULL: no memory. Of none it is one that can be freed, too. */
static void *copy_of(const void *list, size_t count, size_t size)
{
    void *copy = calloc(count + 1, size);
    if (copy && count)
        memcpy(copy, list, count * size);
    return copy;
}

int trace_model_copy(struct trace_model *copy, const struct trace_model *m)
{
    *copy = *m;
    copy->room = m->count;
    copy->list = copy_of(m->list, m->count, sizeof *m->list);
    copy->order = m->order ? copy_of(m->order, m->ordered, sizeof *m->order) : NULL;
    copy->accounts = copy_of(m->accounts, m->account_count, sizeof *m->accounts);
    copy->namespaces = copy_of(m->namespaces, m->namespace_count, sizeof *m->namespaces);
    if (copy->list && !copy->order == !m->order && copy->accounts && copy->namespaces)
        return 0;
    trace_model_release(copy);
    return -ENOMEM;
}

void trace_model_release(struct trace_model *m)
{
    free(m->list);
    free(m->order);
    free(m->accounts);
    free(m->namespaces);
    *m = (struct trace_model){0};
}
