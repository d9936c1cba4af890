/* A trace as JSON objects, one a line (schema backlogctl.trace/1). */
#include "internal.h"

#include <string.h>

#define SCHEMA "backlogctl.trace/1"

static json_t *moment_json(const struct trace_model *m, uint64_t at)
{
    return at ? json_span((nsec)at > m->began ? (nsec)at - m->began : 0) : json_null();
}

static json_t *bounds_json(const struct trace_quantile *q)
{
    return json_pack("{s:o, s:o}", "min", json_span_exact(q->low), "max", json_span_exact(q->high));
}

static json_t *quantile_json(uint64_t samples, const struct trace_quantile *q)
{
    return samples ? bounds_json(q) : json_null();
}

static json_t *worth_json(const struct trace_model *m, const struct traced *one, enum trace_figure figure)
{
    const char *hook = m->hooks->of[figure].name;
    return json_pack("{s:o, s:s}", "hook", hook ? json_string(hook) : json_null(), "bound", trace_worth_name(one->worth[figure]));
}

static json_t *worths_json(const struct trace_model *m, const struct traced *one)
{
    json_t *object = json_object();
    for (enum trace_figure f = 0; f < TRACE_FIGURE_COUNT; f++)
        json_put(&object, trace_figure_name(f), worth_json(m, one, f));
    return object;
}

/* ---- The queue ---- */

static json_t *lengths_json(const struct trace_slot *slot)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < TRACE_LENGTHS; i++)
        if (slot->lengths[i])
            json_add(&list, json_pack("{s:I, s:I, s:I}", "from", (json_int_t)(UINT64_C(1) << i), "to",
                                      (json_int_t)((UINT64_C(2) << i) - 1), "count", (json_int_t)slot->lengths[i]));
    return list;
}

static json_t *queue_json(const struct trace_model *m, const struct traced *one)
{
    const struct trace_slot *slot = &one->slot;
    bool known = one->worth[TRACE_LENGTH] != TRACE_UNKNOWN;
    /* Connections whose coming was not kept are not among those that bound it. */
    bool bounded = one->peak_bounded && slot->inside_peak >= slot->peak;
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "peak", json_known(known, slot->peak), "peak_at_most",
                     json_known(bounded, slot->inside_peak), "peak_at_us",
                     moment_json(m, known && slot->peak ? slot->peak_at : 0), "interval_peak",
                     json_known(known, trace_span_last(one).peak), "at_start", json_integer((json_int_t)slot->at_start),
                     "lengths", known ? lengths_json(slot) : json_null());
}

/* ---- Waits ---- */

static json_t *histogram_json(const struct trace_slot *slot)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < TRACE_WAITS; i++)
        if (slot->waits[i])
            json_add(&list, json_pack("{s:o, s:o, s:I}", "from_us", json_span(trace_wait_from(i)), "below_us",
                                      i + 1 < TRACE_WAITS ? json_span(trace_wait_from(i + 1)) : json_null(), "count",
                                      (json_int_t)slot->waits[i]));
    return list;
}

static json_t *wait_json(const struct traced *one)
{
    const struct trace_slot *slot = &one->slot;
    if (one->worth[TRACE_WAIT] == TRACE_UNKNOWN)
        return json_null();
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "samples", (json_int_t)slot->accepted, "mean_us",
                     slot->accepted ? json_span_exact((nsec)(slot->wait_sum / slot->accepted)) : json_null(), "p50_us",
                     quantile_json(slot->accepted, &one->p50), "p90_us", quantile_json(slot->accepted, &one->p90), "p99_us",
                     quantile_json(slot->accepted, &one->p99), "max_us",
                     slot->accepted ? json_span_exact((nsec)slot->wait_max) : json_null(), "histogram", histogram_json(slot));
}

static json_t *accepted_json(const struct traced *one)
{
    const struct trace_slot *slot = &one->slot;
    json_t *by = json_array();
    for (unsigned i = 0; i < TRACE_ACCEPTORS && slot->acceptors[i].tid; i++) {
        char comm[sizeof slot->acceptors[i].comm + 1] = "";
        memcpy(comm, slot->acceptors[i].comm, sizeof slot->acceptors[i].comm);
        json_add(&by, json_pack("{s:I, s:I, s:o, s:I}", "pid", (json_int_t)slot->acceptors[i].tgid, "thread",
                                (json_int_t)slot->acceptors[i].tid, "process", json_text(comm), "count",
                                (json_int_t)slot->acceptors[i].count));
    }
    return json_pack("{s:o, s:I, s:o, s:I, s:I, s:I, s:I, s:o}", "count",
                     json_known(true, slot->accepted + slot->accepted_seed + slot->unseen), "waited_before",
                     (json_int_t)slot->accepted_seed, "waited_before_at_least_us",
                     slot->accepted_seed ? json_span_exact((nsec)slot->seed_max) : json_null(), "reset",
                     (json_int_t)slot->accepted_reset, "unseen", (json_int_t)slot->unseen, "not_kept", (json_int_t)slot->unknown,
                     "by_others", (json_int_t)slot->accepts_others, "by", by);
}

/* ---- Overflows ---- */

static json_t *stage_json(const struct trace_model *m, const struct traced *one, enum trace_figure figure,
                          const struct trace_stage *stage)
{
    if (one->worth[figure] == TRACE_UNKNOWN)
        return json_null();
    return json_pack("{s:I, s:o}", "count", (json_int_t)stage->count, "last_us", moment_json(m, stage->last));
}

static json_t *sources_json(const struct trace_model *m, const struct traced *one)
{
    json_t *list = json_array();
    for (size_t i = 0; i < one->source_count; i++) {
        const struct trace_peer *peer = &one->sources[i];
        json_add(&list, json_pack("{s:o, s:I, s:I, s:I, s:o}", "address", json_address(&peer->address), "syn",
                                  (json_int_t)peer->count.syn, "ack", (json_int_t)peer->count.ack, "syn_queue",
                                  (json_int_t)peer->count.syn_queue, "last_us", moment_json(m, peer->count.last)));
    }
    return list;
}

static json_t *overflows_json(const struct trace_model *m, const struct traced *one)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:o}", "syn", stage_json(m, one, TRACE_SYN, &one->slot.syn), "ack",
                     stage_json(m, one, TRACE_ACK, &one->slot.ack), "syn_queue",
                     stage_json(m, one, TRACE_SYN_QUEUE, &one->slot.syn_queue), "other",
                     json_known(one->drops_known, one->drops_other), "addresses", (json_int_t)one->sources_known, "sources",
                     sources_json(m, one));
}

/* ---- All of it ---- */

static json_t *interval_json(const struct traced *one)
{
    const struct trace_slot *now = &one->slot, *then = &one->before;
    uint64_t accepted = now->accepted - then->accepted;
    return json_pack("{s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:I}", "entered", (json_int_t)(now->entered - then->entered),
                     "accepted", (json_int_t)(accepted + now->accepted_seed - then->accepted_seed), "p50_us",
                     quantile_json(accepted, &one->interval_p50), "p99_us", quantile_json(accepted, &one->interval_p99), "max_us",
                     quantile_json(accepted, &one->interval_max), "syn_overflows", (json_int_t)(now->syn.count - then->syn.count),
                     "ack_overflows", (json_int_t)(now->ack.count - then->ack.count), "syn_queue_drops",
                     (json_int_t)(now->syn_queue.count - then->syn_queue.count));
}

static json_t *traced_json(const struct trace_model *m, const struct traced *one)
{
    const struct trace_slot *slot = &one->slot;
    json_t *object = json_pack("{s:o, s:s, s:o, s:o, s:o}", "address", json_address(&one->now.local), "kind", "tcp", "family",
                               json_family(&one->now.local), "port", json_integer(one->now.local.port), "process",
                               one->now.pid ? json_text(one->now.process) : json_null());
    json_merge(&object, json_pack("{s:o, s:I, s:I, s:o, s:b, s:o, s:o, s:I, s:o, s:o, s:o, s:o}", "pid",
                                  json_known(one->now.pid, (uint64_t)one->now.pid), "netns", (json_int_t)slot->netns, "cookie",
                                  (json_int_t)slot->cookie, "capacity", json_known(one->surveyed, one->now.capacity),
                                  "from_the_beginning", (int)slot->seeded, "traced_us", moment_json(m, slot->begun), "closed_us",
                                  moment_json(m, slot->closed), "entered", (json_int_t)slot->entered, "queue", queue_json(m, one),
                                  "wait", wait_json(one), "accepted", accepted_json(one), "overflows", overflows_json(m, one)));
    json_merge(&object,
               json_pack("{s:{s:I, s:I}, s:o, s:o}", "left", "listener_closed", (json_int_t)slot->left_closed, "otherwise",
                         (json_int_t)slot->left_other, "interval", interval_json(one), "rests_on", worths_json(m, one)));
    return object;
}

static json_t *account_json(const struct trace_account *a)
{
    const struct trace_witness *overflows = &a->overflows, *syn_queue = &a->syn_queue, *children = &a->children;
    bool counted = a->known && a->children_known && children->before == children->base;
    return json_pack("{s:I, s:o, s:I, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:I}", "netns", (json_int_t)a->netns, "ListenOverflows",
                     json_known(a->known, trace_risen(overflows)), "seen", (json_int_t)overflows->seen, "missed",
                     json_known(a->known, trace_unseen(overflows)), "TCPReqQFullDrop",
                     json_known(a->known, trace_risen(syn_queue)), "syn_queue_seen", (json_int_t)syn_queue->seen,
                     "syn_queue_missed", json_known(a->known, trace_unseen(syn_queue)), "SyncookiesFailed",
                     json_known(a->known, a->cookies_failed), "TCPDeferAcceptDrop", json_known(a->known, a->deferred),
                     "PassiveOpens", json_known(counted, trace_risen(children)), "entered", (json_int_t)children->seen);
}

static json_t *forgotten_json(const struct trace_forgotten *f)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "listeners", (json_int_t)f->listeners, "entered",
                     (json_int_t)f->entered, "accepted", (json_int_t)f->accepted, "left", (json_int_t)f->left, "syn_overflows",
                     (json_int_t)f->syn, "ack_overflows", (json_int_t)f->ack, "syn_queue_drops", (json_int_t)f->syn_queue);
}

int report_trace_json(FILE *out, const struct trace_model *m, bool summary)
{
    json_t *listeners = json_array(), *namespaces = json_array();
    for (size_t i = 0; i < m->count; i++)
        if (m->list[i].selected)
            json_add(&listeners, traced_json(m, &m->list[i]));
    for (size_t i = 0; i < m->account_count; i++)
        json_add(&namespaces, account_json(&m->accounts[i]));
    json_t *lost =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:o}", "listeners", (json_int_t)m->slots_missing, "full_listeners",
                  (json_int_t)m->full_missing, "sources", (json_int_t)m->sources_lost, "events", (json_int_t)m->events_lost,
                  "runs", (json_int_t)(m->left_out[TRACE_ENTERED] + m->left_out[TRACE_LEFT]), "namespaces",
                  json_known(true, m->namespaces_closed + m->not_seeded));
    return write_json_line(out,
                           json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "schema", SCHEMA,
                                     "event", summary ? "summary" : "interval", "version", BACKLOGCTL_VERSION, "kernel",
                                     m->kernel, "began_at", m->began_at, "at", m->at, "elapsed_us", json_span(m->elapsed),
                                     "interval_us", json_span(m->took), "number", (json_int_t)m->number, "listeners", listeners,
                                     "forgotten", forgotten_json(&m->forgotten), "namespaces", namespaces, "lost", lost,
                                     "incomplete", *m->incomplete ? json_text(m->incomplete) : json_null()));
}
