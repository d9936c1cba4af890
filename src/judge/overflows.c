/* How many of the packets that a listener discarded were dropped on its full accept queue. */
#include "backlogctl/judge.h"

/* Each overflow counts once or twice as discarded (sk_drops), and once as ListenOverflows of the namespace (tcp_conn_request,
   tcp_v4_syn_recv_sock). Its own counter counts other packets, too (held by TCP_DEFER_ACCEPT, resets of requests, repeated SYNs), and
   the namespace's those of other listeners: both are upper bounds. What no other listener can account for is its own. */
struct interval judge_overflows(uint64_t discarded, const struct overflow_span *span)
{
    struct interval overflows = {.known = true, .max = discarded};
    if (!span->known)
        return overflows;
    if (overflows.max > span->most)
        overflows.max = span->most;
    if (span->others_known && span->least > span->others)
        overflows.min = span->least - span->others;
    if (overflows.min > overflows.max)
        overflows.min = overflows.max;
    return overflows;
}

static bool is_least(const struct trace_digest *exact, enum trace_figure figure)
{
    return exact->worth[figure] == TRACE_EXACT || exact->worth[figure] == TRACE_AT_LEAST;
}

void judge_overflows_seen(struct interval *bounds, const struct trace_digest *exact, uint64_t seen)
{
    if (!exact->known || !bounds->known || seen <= bounds->min || !is_least(exact, TRACE_SYN) || !is_least(exact, TRACE_ACK))
        return;
    bounds->min = seen < bounds->max ? seen : bounds->max; /* some came behind the look at its counter */
}

struct interval judge_sum(struct interval a, struct interval b)
{
    return (struct interval){.known = a.known && b.known, .min = a.min + b.min, .max = a.max + b.max};
}
