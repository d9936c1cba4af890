/* A timeline's lanes as phases: what the text and the picture draw. */
#include "internal.h"

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

nsec axis_step(nsec end, unsigned most)
{
    static const int factors[] = {1, 2, 5};
    nsec unit = 1;
    for (;; unit *= 10)
        for (size_t f = 0; f < sizeof factors / sizeof *factors; f++)
            if (end / (unit * factors[f]) < (nsec)most)
                return unit * factors[f];
}
