/* A timeline's lanes as phases: what the text and the picture draw. */
#include "internal.h"

#include <inttypes.h>

const char *phase_name(enum phase phase)
{
    static const char *const names[PHASES] = {
        [PHASE_NONE] = "not begun",
        [PHASE_CALLING] = "SYN unanswered",
        [PHASE_QUEUED] = "in the accept queue",
        [PHASE_GHOST] = "client connected, not in the queue",
        [PHASE_ACCEPTED] = "accepted",
        [PHASE_CLOSED] = "closed by the server",
        [PHASE_FAILED] = "failed",
    };
    return names[phase];
}

/* Begins a phase where the one before ends; one that would end before it began is left out. */
static size_t begin(struct phase_span *out, size_t count, enum phase phase, nsec from)
{
    if (from == NSEC_NEVER)
        return count;
    while (count && out[count - 1].from >= from)
        count--;
    if (count)
        out[count - 1].to = from;
    out[count] = (struct phase_span){.phase = phase, .from = from};
    return count + 1;
}

size_t phases_of(const struct target *target, size_t i, struct phase_span out[PHASES + 1])
{
    const struct timeline *t = &target->timeline;
    const struct lane *lane = &t->lanes[i];
    /* Where looks are all there is, who is established is taken to be in the queue, unless it is known not to be. */
    enum verdict verdict = (enum verdict)target->attempts[i].verdict;
    bool ghost =
        t->source != TIMELINE_SAMPLES || verdict == VERDICT_LOST || verdict == VERDICT_HALF_OPEN || lane->queued != NSEC_NEVER;
    size_t count = begin(out, 0, PHASE_CALLING, lane->syns ? t->syns[lane->first_syn] : NSEC_NEVER);
    count = begin(out, count, ghost ? PHASE_GHOST : PHASE_QUEUED, lane->established);
    count = begin(out, count, PHASE_QUEUED, lane->queued);
    count = begin(out, count, PHASE_ACCEPTED, lane->accepted);
    count = begin(out, count, PHASE_CLOSED, lane->closed);
    count = begin(out, count, PHASE_FAILED, lane->failed);
    if (count)
        out[count - 1].to = t->end > out[count - 1].from ? t->end : out[count - 1].from;
    return count;
}

enum phase phase_at(const struct target *target, size_t i, nsec at)
{
    struct phase_span spans[PHASES + 1];
    size_t count = phases_of(target, i, spans);
    enum phase phase = PHASE_NONE;
    for (size_t s = 0; s < count; s++)
        if (spans[s].from <= at)
            phase = spans[s].phase;
    return phase;
}

/* ---- Drops ---- */

struct drop_parts drop_parts(const struct target *target)
{
    const struct timeline *t = &target->timeline;
    return (struct drop_parts){.known = target->discarded_known,
                               .counted = target->discarded,
                               .placed = t->point_count ? t->points[t->point_count - 1].discarded : 0,
                               .missed = t->missed};
}

struct drop_parts drop_parts_of_run(const struct run *run)
{
    struct drop_parts all = {.known = run->discarded_known, .counted = run->discarded};
    for (size_t t = 0; t < run->target_count; t++) {
        struct drop_parts parts = drop_parts(&run->targets[t]);
        all.placed += parts.placed;
        all.missed += parts.missed;
    }
    return all;
}

void write_drops(FILE *out, const struct drop_parts *parts)
{
    uint64_t counted = parts->counted, placed = parts->placed;
    fprintf(out, "%" PRIu64 " packet%s discarded", counted, plural(counted));
    if (placed < counted)
        fprintf(out, ", as the listener counted: %" PRIu64 " of them placed in time, %" PRIu64 " without a time, because %s",
                placed, counted - placed,
                parts->missed ? "packets were too many to be kept"
                              : "it counts the dropped ACK of a half-open connection twice, and packets that are no part of a "
                                "connection");
    else if (placed > counted)
        fprintf(out,
                ", as the listener counted; %" PRIu64 " more went unanswered, because they were dropped on the way or still "
                "under way",
                placed - counted);
}

/* ---- Axis ---- */

nsec axis_step(nsec end, unsigned most)
{
    static const int factors[] = {1, 2, 5};
    nsec unit = 1;
    for (;; unit *= 10)
        for (size_t f = 0; f < sizeof factors / sizeof *factors; f++)
            if (end / (unit * factors[f]) < (nsec)most)
                return unit * factors[f];
}
