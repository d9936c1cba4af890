/* The JSON of probe and run, schema backlogctl.probe/2: one object; its connections are streamed. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SCHEMA "backlogctl.probe/2"

/* ---- What was wanted ---- */

static json_t *target_json(const struct run *run)
{
    static const struct target none;
    const struct target *target = run->target_count ? &run->targets[0] : &none;
    json_t *object = json_pack("{s:o, s:o, s:s}", "family", json_family(&target->address), "address",
                               json_address(&target->address), "kind", socket_kind_name(target->transport.kind));
    json_add_place(&object, &target->address, target->transport.path);
    return object;
}

static json_t *segment_json(const struct arrivals *arrivals)
{
    if (!arrivals->segment.of)
        return json_null();
    return json_pack("{s:i, s:i, s:i}", "index", (int)arrivals->segment.index, "of", (int)arrivals->segment.of, "count",
                     (int)arrivals->count);
}

/* Options keep their names; --timeout and the like say their unit. What was not asked for is null. */
static json_t *options_json(const struct run *run)
{
    const struct probe_settings *probe = &run->probe;
    const struct server_settings *server = &run->server;
    json_t *options = json_pack("{s:o, s:I, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o}", "host", json_text(run->host), "count",
                                (json_int_t)(probe->arrivals.segment.of ? probe->arrivals.segment.whole : probe->arrivals.count),
                                "timeout_us", json_span(probe->timeout), "rate",
                                json_known(probe->arrivals.rate, probe->arrivals.rate), "send", json_text(probe->send), "wait_us",
                                json_span(probe->wait), "allow_remote", probe->allow_remote, "summary", probe->summary, "threads",
                                json_known(probe->threads, probe->threads), "source", json_text(probe->sources.text));
    json_put(&options, "netns", json_text(run->netns));
    json_put(&options, "burst", json_known(probe->arrivals.burst, probe->arrivals.burst));
    json_put(&options, "every_us", probe->arrivals.burst ? json_span(probe->arrivals.every) : json_null());
    json_put(&options, "segment", segment_json(&probe->arrivals));
    json_put(&options, "fastopen", json_boolean(run->target_count && run->targets[0].transport.fastopen));
    if (run->started.words) {
        json_put(&options, "private_namespace", json_boolean(run->private_namespace));
        json_put(&options, "delay_us", json_span(run->delay));
    }
    if (!run->has_server)
        return options;
    json_t *more =
        json_pack("{s:i, s:o, s:o, s:i, s:o, s:o, s:o, s:b}", "backlog", (int)server->backlog, "accept_delay_us",
                  json_span(server->accept_delay), "defer_accept_us",
                  server->defer_accept ? json_span(server->defer_accept) : json_null(), "reuseport", (int)server->reuseport,
                  "accept_count", json_known(server->accept_count >= 0, (uint64_t)server->accept_count), "duration_us",
                  server->duration > 0 ? json_span(server->duration) : json_null(), "greeting", json_text(server->greeting),
                  "private_namespace", run->private_namespace);
    json_put(&more, "stall_us", server->stall ? json_span(server->stall) : json_null());
    json_put(&more, "stall_every_us", server->stall_every ? json_span(server->stall_every) : json_null());
    json_put(&more, "delay_us", json_span(run->delay));
    json_merge(&options, more);
    return options;
}

static json_t *preset_json(const struct run *run)
{
    return run->preset ? json_pack("{s:s, s:s}", "name", run->preset, "shows", run->preset_words) : json_null();
}

static json_t *head_json(const struct run *run)
{
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "schema", SCHEMA, "version", BACKLOGCTL_VERSION,
                     "command", json_text(run->command), "kernel", json_text(run->kernel), "host", json_text(run->node), "boot",
                     json_text(*run->boot ? run->boot : NULL), "target", target_json(run), "netns",
                     json_known(run->netns_inode, run->netns_inode), "options", options_json(run), "preset", preset_json(run));
}

/* ---- What came of it ---- */

static json_t *members_json(const struct target *target)
{
    json_t *array = target->member_count ? json_array() : json_null();
    for (size_t i = 0; i < target->member_count; i++) {
        const struct listener *m = &target->members[i];
        json_add(&array, json_pack("{s:I, s:I, s:I, s:o}", "backlog", (json_int_t)m->backlog, "capacity", (json_int_t)m->capacity,
                                   "queue", (json_int_t)m->queue, "discarded", json_known(m->discarded_known, m->discarded)));
    }
    return array;
}

static json_t *listener_json(const struct run *run, const struct listener *listener)
{
    if (!listener->known)
        return json_null();
    json_t *object =
        json_pack("{s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:I}", "address", json_address(&listener->local), "asked",
                  run->has_server ? json_integer(run->server.backlog) : json_null(), "backlog", (json_int_t)listener->backlog,
                  "capacity", (json_int_t)listener->capacity, "queue", (json_int_t)listener->queue, "somaxconn",
                  json_known(run->somaxconn, run->somaxconn), "discarded",
                  json_known(listener->discarded_known, listener->discarded), "pid",
                  json_known(listener->pid, (uint64_t)listener->pid), "process",
                  json_text(*listener->process ? listener->process : NULL), "members", (json_int_t)listener->members);
    json_put(&object, "device", json_text(*listener->device ? listener->device : NULL));
    json_add_listener_place(&object, listener);
    return object;
}

static json_t *counts_json(const uint64_t counts[VERDICT_COUNT])
{
    json_t *object = json_object();
    for (enum verdict v = 0; v < VERDICT_COUNT; v++)
        json_put(&object, verdict_name(v), json_integer((json_int_t)counts[v]));
    return object;
}

static json_t *counters_json(const struct run *run)
{
    json_t *object = json_object();
    json_put(&object, "overflows", json_interval(&run->overflows));
    json_put(&object, "discarded", json_known(run->discarded_known, run->discarded));
    for (enum counter c = 0; c < COUNTER_COUNT; c++)
        json_put(&object, counter_name(c), json_known(run->counters.known, run->counters.value[c]));
    return object;
}

/* Where the server's side is, if not at the address. */
static json_t *elsewhere_json(const struct run *run, const struct target *target)
{
    const struct endpoint *at = target->carried_to.family ? &target->carried_to : &target->served;
    const struct listener *there = &target->carrier;
    if (!at->family)
        return json_null();
    return json_pack("{s:o, s:i, s:b, s:o, s:o}", "address", json_address(at), "port", at->port, "translated",
                     target->carried_to.family != 0, "netns", json_known(there->netns, there->netns), "listener",
                     listener_json(run, there));
}

static json_t *targets_json(const struct run *run)
{
    json_t *array = json_array();
    for (size_t t = 0; t < run->target_count; t++) {
        const struct target *target = &run->targets[t];
        uint64_t counts[VERDICT_COUNT];
        count_attempts(target, counts);
        json_t *object = json_pack("{s:o, s:o, s:b, s:b, s:b, s:o, s:o, s:o}", "family", json_family(&target->address), "address",
                                   json_address(&target->address), "local", target->local, "looked", target->looked,
                                   "listener_gone", target->listener_gone, "listener", listener_json(run, &target->after),
                                   "counts", counts_json(counts), "members", members_json(target));
        json_put(&object, "overflows", json_interval(&target->overflows));
        json_put(&object, "elsewhere", elsewhere_json(run, target));
        json_put(&object, "other_listener", listener_json(run, &target->other_listener));
        json_add_place(&object, &target->address, target->transport.path);
        json_add(&array, object);
    }
    return array;
}

static json_t *expectations_json(const struct run *run)
{
    json_t *array = json_array();
    for (size_t i = 0; i < run->expectation_count; i++) {
        const struct expectation *e = &run->expectations[i];
        json_add(&array, json_expectation(e));
    }
    return array;
}

/* What has no value is null: a rate of fewer than two connections, a delay without a schedule. */
static json_t *pace_json(const struct run *run)
{
    const struct pace *pace = &run->pace;
    double rate = (double)(uint64_t)(pace->rate * 1000 + 0.5) / 1000;
    return json_pack("{s:o, s:o, s:o, s:I, s:I}", "took_us", json_span_exact(pace->took), "rate",
                     pace->rate > 0 ? json_real(rate) : json_null(), "worst_late_us",
                     json_span_exact(run->probe.arrivals.rate ? pace->worst_late : NSEC_NEVER), "threads",
                     (json_int_t)pace->threads, "sources", (json_int_t)pace->sources);
}

/* From the first bucket that holds something to the last one, so that neighbours are neighbours. */
static json_t *histogram_json(const struct spread *spread)
{
    json_t *array = json_array();
    size_t first = 0, end = SPREAD_BUCKETS;
    while (first < end && !spread->buckets[first])
        first++;
    while (end > first && !spread->buckets[end - 1])
        end--;
    for (size_t i = first; i < end; i++) {
        nsec below = i + 1 < SPREAD_BUCKETS ? bucket_from(i + 1) : NSEC_NEVER;
        json_add(&array, json_pack("{s:o, s:o, s:I}", "from_us", json_span(bucket_from(i)), "below_us", json_span(below), "count",
                                   (json_int_t)spread->buckets[i]));
    }
    return array;
}

static json_t *spread_json(const struct spread *spread)
{
    bool any = spread->samples;
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "samples", (json_int_t)spread->samples, "min_us",
                     json_span_exact(any ? spread->min : NSEC_NEVER), "p50_us", json_span_exact(any ? spread->p50 : NSEC_NEVER),
                     "p90_us", json_span_exact(any ? spread->p90 : NSEC_NEVER), "p99_us",
                     json_span_exact(any ? spread->p99 : NSEC_NEVER), "max_us", json_span_exact(any ? spread->max : NSEC_NEVER),
                     "histogram", histogram_json(spread));
}

static json_t *times_json(const struct run *run)
{
    return json_pack("{s:o, s:o}", "established", spread_json(&run->to_established), "accepted", spread_json(&run->to_accepted));
}

static json_t *figures_json(const struct run *run)
{
    static const struct listener none;
    const struct target *target = target_with_listener(run);
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "started_at", json_text(run->started_at), "start",
                     json_start(run->merged ? 0 : run->probe.start_at, &run->start), "listener",
                     listener_json(run, target ? &target->after : &none), "counts", counts_json(run->counts), "counters",
                     counters_json(run), "pace", pace_json(run), "times", times_json(run));
}

static json_t *conclusion_json(const struct run *run)
{
    char *words = report_explain(run);
    if (!words)
        return NULL;
    json_t *object = json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "targets", targets_json(run), "expectations",
                               expectations_json(run), "accept_times", run->has_server ? "exact" : "seen", "last_look_us",
                               json_span(run->last_look), "elapsed_us", json_span(run->elapsed), "interrupted_by",
                               json_signal(run->signal), "incomplete", json_text(*run->incomplete ? run->incomplete : NULL),
                               "explanation", json_text(words), "ok", json_outcome(run->outcome));
    json_put(&object, "server", started_json(run));
    json_put(&object, "merged", merged_json(run));
    free(words);
    return object;
}

/* All that needs memory is made before any of it is written. */
int report_json(FILE *out, const struct run *run)
{
    json_t *head = head_json(run), *numbers = figures_json(run), *conclusion = conclusion_json(run);
    if (!head || !numbers || !conclusion) {
        json_decref(head);
        json_decref(numbers);
        json_decref(conclusion);
        return -ENOMEM;
    }
    putc('{', out);
    int status = json_members(out, head);
    fputs(",\n", out);
    status = json_members(out, numbers) ? -ENOMEM : status;
    fputs(",\n\"connections\":", out);
    if (run->probe.summary)
        fputs("null", out);
    else
        write_json_rows(out, run);
    fputs(",\n\"timeline\":", out);
    write_json_timeline(out, run);
    fputs(",\n", out);
    int rest = json_members(out, conclusion);
    fputs("}\n", out);
    return status ? status : rest;
}
