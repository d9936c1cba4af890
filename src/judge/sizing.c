/* What a load does to a queue, by going through its arrivals and accepts one by one. */
#include "backlogctl/judge.h"

/* A longer part is not worth measuring: its runs would take too long. */
#define HORIZON (60 * NSEC_PER_SEC)
#define ARRIVALS_MOST 200000

/* Without stalls there is no moment at which the queue must be empty: so many arrivals, or so long, tell enough. */
#define STEADY_ARRIVALS 500
#define STEADY_SPAN (2 * NSEC_PER_SEC)

static bool arrives(const struct load *load, uint64_t i)
{
    return load->arrivals.rate || load->arrivals.every || i < load->arrivals.burst;
}

static nsec after_stall(const struct load *load, nsec at)
{
    nsec into = load->stall_every ? at % load->stall_every : at;
    return load->stall && into < load->stall ? at + load->stall - into : at;
}

static void long_run(const struct load *load, struct prediction *p)
{
    if (load->arrivals.rate)
        p->arrivals = load->arrivals.rate;
    else if (load->arrivals.every)
        p->arrivals = (double)load->arrivals.burst * NSEC_PER_SEC / (double)load->arrivals.every;
    double working = load->stall && load->stall_every ? 1 - (double)load->stall / (double)load->stall_every : 1;
    p->accepts = load->accept_delay ? working * NSEC_PER_SEC / (double)load->accept_delay : 0;
    bool never = load->stall && load->stall_every && load->stall >= load->stall_every;
    p->overload = never || (p->accepts > 0 && p->arrivals >= p->accepts);
}

/* Whether a queue that is empty at `now` ends what is worth looking at. */
static bool is_enough(const struct load *load, uint64_t arrived, nsec now)
{
    if (!arrives(load, arrived))
        return true;
    if (load->stall)
        return now >= load->stall;
    return !load->arrivals.rate || (arrived >= STEADY_ARRIVALS && now >= STEADY_SPAN) || now >= 2 * STEADY_SPAN;
}

void judge_predict(const struct load *load, struct prediction *p)
{
    uint64_t arrived = 0, accepted = 0;
    nsec last = 0;
    *p = (struct prediction){0};
    long_run(load, p);
    while (!p->overload) {
        /* The next accept, if nobody came before it. */
        bool waits = arrived > accepted;
        nsec first = waits ? arrival_due(&load->arrivals, accepted) : 0;
        nsec due = waits ? after_stall(load, after_stall(load, first > last ? first : last) + load->accept_delay) : 0;
        bool comes = arrives(load, arrived) && (!waits || arrival_due(&load->arrivals, arrived) <= due);
        if (!comes && !waits)
            break;
        if (comes) {
            if (!waits && arrived && is_enough(load, arrived, last))
                break;
            arrived++;
            p->longest = arrived - accepted > p->longest ? arrived - accepted : p->longest;
        } else {
            accepted++;
            last = due;
        }
        p->cut = arrived >= ARRIVALS_MOST || last >= HORIZON;
        if (p->cut)
            break;
    }
    p->count = arrived;
    p->emptied = last;
}
