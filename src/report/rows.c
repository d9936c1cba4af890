/* The burst as reports walk it: by connection, and the figures that belong to the run as a whole. */
#include "internal.h"

void rows_start(struct rows *rows, const struct run *run)
{
    *rows = (struct rows){.run = run};
    for (size_t t = 0; t < run->target_count; t++) {
        const struct target *target = &run->targets[t];
        uint32_t last = target->attempt_count ? target->attempts[target->attempt_count - 1].id : 0;
        rows->end = last > rows->end ? last : rows->end;
    }
}

/* The target's attempt of connection `id`. Attempts are in ascending order, so one cursor a target does. */
static const struct attempt *attempt_of(struct rows *rows, size_t t, uint32_t id)
{
    const struct target *target = &rows->run->targets[t];
    size_t *at = &rows->at[t];
    while (*at < target->attempt_count && target->attempts[*at].id < id)
        ++*at;
    if (*at == target->attempt_count || target->attempts[*at].id != id)
        return NULL;
    return &target->attempts[(*at)++];
}

bool rows_next(struct rows *rows, struct row *row)
{
    const struct run *run = rows->run;
    while (rows->last < rows->end && rows->last < run->connection_count) {
        row->id = ++rows->last;
        row->deciding = NULL;
        for (size_t t = 0; t < run->target_count; t++) {
            row->attempts[t] = attempt_of(rows, t, row->id);
            if (row->attempts[t] && row->attempts[t]->decides) {
                row->deciding = row->attempts[t];
                row->target = &run->targets[t];
            }
        }
        if (row->deciding)
            return true;
    }
    return false;
}

void count_attempts(const struct target *target, uint64_t counts[VERDICT_COUNT])
{
    for (size_t v = 0; v < VERDICT_COUNT; v++)
        counts[v] = 0;
    for (size_t i = 0; i < target->attempt_count; i++)
        if (target->attempts[i].verdict < VERDICT_COUNT)
            counts[target->attempts[i].verdict]++;
}

const struct target *target_with_listener(const struct run *run)
{
    for (size_t t = 0; t < run->target_count; t++)
        if (run->targets[t].after.known)
            return &run->targets[t];
    return NULL;
}

nsec bucket_from(size_t bucket)
{
    return bucket ? (INT64_C(1) << bucket) * NSEC_PER_USEC : 0;
}

bool backlog_clamped(int32_t asked, const struct listener *listener)
{
    /* listen() takes its argument as unsigned: -1 asks for the most there is. */
    uint64_t members = listener->members ? listener->members : 1;
    return listener->known && listener->backlog / members < (uint32_t)asked;
}
