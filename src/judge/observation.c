/* What was observed, in sum. */
#include "backlogctl/judge.h"

void judge_observation(struct observation *o, const struct overflow_span *span)
{
    for (size_t i = 0; i < o->row_count; i++) {
        const struct observed *row = &o->rows[i];
        if (row->before)
            continue;
        o->counts[row->state]++;
        o->unaccepted += row->state == OBSERVED_CLOSED && row->accepted_max == MOMENT_NONE;
    }
    for (size_t i = 0; i < o->listener_count; i++) {
        struct observed_listener *l = &o->listeners[i];
        struct overflow_span own = *span;
        l->facts.overflows = (struct interval){0}; /* not those since it was made */
        l->facts.percent = l->facts.capacity ? (uint32_t)(l->facts.queue * 100 / l->facts.capacity) : 0;
        if (!l->facts.discarded_known)
            continue;
        if (own.others_known && own.others >= l->discarded) /* the namespace's has its own among them */
            own.others -= l->discarded;
        else
            own.others_known = false;
        l->facts.overflows = judge_overflows(l->discarded, &own);
    }
}
