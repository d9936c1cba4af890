/* Moments noted, and lanes made of them. */
#include "moments.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 256

bool moments_add(struct moments *moments, struct moment moment)
{
    if (moments->count == moments->room) {
        size_t room = moments->room ? 2 * moments->room : FIRST_ROOM;
        struct moment *list = reallocarray(moments->list, room, sizeof *list);
        if (!list)
            return false;
        moments->list = list;
        moments->room = room;
    }
    moments->list[moments->count++] = moment;
    return true;
}

/* One lane an attempt, with what both kinds of recording share: the client's own times. */
static int make_lanes(struct target *target, struct error *err)
{
    struct timeline *t = &target->timeline;
    t->lanes = calloc(target->attempt_count ? target->attempt_count : 1, sizeof *t->lanes);
    if (!t->lanes)
        return error_set(err, ENOMEM, "no memory for a timeline");
    for (size_t i = 0; i < target->attempt_count; i++) {
        const struct attempt *a = &target->attempts[i];
        t->lanes[i] = (struct lane){.established = a->established,
                                    .queued = NSEC_NEVER,
                                    .accepted = a->accepted,
                                    .closed = NSEC_NEVER,
                                    .failed = target->failed ? target->failed[i] : NSEC_NEVER};
    }
    return 0;
}

/* Each lane's SYNs side by side, in the order of their times. */
static int place_syns(const struct moments *log, struct target *target, struct error *err)
{
    struct timeline *t = &target->timeline;
    uint32_t total = 0;
    for (size_t m = 0; m < log->count; m++)
        if (log->list[m].kind == MOMENT_SYN && log->list[m].target == target)
            t->lanes[log->list[m].attempt].syns++;
    for (size_t i = 0; i < target->attempt_count; i++) {
        t->lanes[i].first_syn = total;
        total += t->lanes[i].syns;
        t->lanes[i].syns = 0;
    }
    t->syns = malloc((total ? total : 1) * sizeof *t->syns);
    if (!t->syns)
        return error_set(err, ENOMEM, "no memory for a timeline");
    for (size_t m = 0; m < log->count; m++) {
        struct lane *lane = &t->lanes[log->list[m].attempt];
        if (log->list[m].kind == MOMENT_SYN && log->list[m].target == target)
            t->syns[lane->first_syn + lane->syns++] = log->list[m].at;
    }
    return 0;
}

int moments_make_lanes(const struct moments *moments, struct target *target, struct error *err)
{
    int status = make_lanes(target, err);
    return status ? status : place_syns(moments, target, err);
}
