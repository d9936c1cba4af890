/* What the maps of a running trace may hold: anybody with the right to load programs could have written them. */
#include "backlogctl/tracer_running.h"

/* A thousand listeners and the buckets of each can be summed up below 2^63. */
#define COUNT_MAX (UINT64_C(1) << 40)
#define TIME_MAX (UINT64_C(1) << 62)

_Static_assert(TRACE_FIGURE_COUNT <= TRACE_WORTHS_ROOM, "there is room for each figure");

bool trace_identity_is_valid(const struct trace_identity *identity)
{
    if (identity->magic != TRACE_MAGIC || identity->layout != TRACE_LAYOUT || identity->base_count > TRACE_BASES ||
        identity->program_count > TRACE_PROGRAMS_ROOM)
        return false;
    for (uint32_t i = 0; i < identity->program_count; i++)
        if (identity->programs[i].figure >= TRACE_FIGURE_COUNT)
            return false;
    for (int f = 0; f < TRACE_FIGURE_COUNT; f++)
        if (identity->worth[f] >= TRACE_WORTH_COUNT)
            return false;
    return identity->began && identity->began < TIME_MAX;
}

static bool are_counts(const uint64_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] > COUNT_MAX)
            return false;
    return true;
}

static bool are_times(const uint64_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (list[i] > TIME_MAX)
            return false;
    return true;
}

bool trace_slot_is_valid(const struct trace_slot *s)
{
    const uint64_t counts[] = {s->entered,     s->peak,       s->inside_peak,     s->interval_peak,
                               s->at_start,    s->accepted,   s->accepted_seed,   s->unseen,
                               s->left_closed, s->left_other, s->unknown,         s->accepted_reset,
                               s->syn.count,   s->ack.count,  s->syn_queue.count, s->accepts_others};
    const uint64_t times[] = {s->begun,    s->closed,   s->peak_at,  s->wait_sum,      s->wait_max,
                              s->seed_max, s->syn.last, s->ack.last, s->syn_queue.last};
    bool acceptors = true;
    for (size_t i = 0; i < TRACE_ACCEPTORS; i++)
        acceptors = acceptors && s->acceptors[i].count <= COUNT_MAX;
    return (s->family == 2 || s->family == 10) && s->begun && s->seeded <= 1 && acceptors && /* AF_INET, AF_INET6 */
           are_counts(counts, sizeof counts / sizeof *counts) && are_times(times, sizeof times / sizeof *times) &&
           are_counts(s->lengths, TRACE_LENGTHS) && are_counts(s->waits, TRACE_WAITS);
}
