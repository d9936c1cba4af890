/* What was observed as JSON, schema backlogctl.observe/1: its connections and samples are streamed. */
#include "emit.h"
#include "internal.h"

#include <errno.h>
#include <string.h>

#define SCHEMA "backlogctl.observe/1"

/* A row stays below this: four intervals, two addresses and five words. */
#define ROW_MAX 1024
_Static_assert(EMITTER_SIZE >= 2 * ROW_MAX, "a row fits with room to spare");

static json_t *listener_json(const struct observed_listener *l)
{
    const struct listener *facts = &l->facts;
    json_t *object = json_listener(facts), *discarded = json_null();
    if (facts->discarded_known)
        discarded = json_pack("{s:I, s:I}", "before", (json_int_t)l->discarded_before, "after", (json_int_t)facts->discarded);
    json_put(&object, "discarded", discarded);
    json_put(&object, "inode", json_integer(facts->inode));
    json_put(&object, "cookie", json_integer((json_int_t)facts->cookie));
    json_put(&object, "peak", json_integer((json_int_t)l->peak));
    json_put(&object, "gone", json_boolean(l->gone));
    return object;
}

static json_t *head_json(const struct observation *o)
{
    const struct observe_settings *settings = &o->settings;
    json_t *options = json_pack("{s:o, s:o}", "duration_us", settings->duration ? json_span(settings->duration) : json_null(),
                                "every_us", settings->every ? json_span(settings->every) : json_null());
    json_t *listeners = json_array();
    for (size_t i = 0; i < o->listener_count; i++)
        json_add(&listeners, listener_json(&o->listeners[i]));
    return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "schema", SCHEMA, "version", BACKLOGCTL_VERSION,
                     "command", "observe", "kernel", json_text(o->kernel), "host", json_text(o->host), "boot",
                     json_text(*o->boot ? o->boot : NULL), "started_at", o->started_at, "netns", json_known(o->netns, o->netns),
                     "options", options, "start", json_start(settings->start_at, &o->start), "listeners", listeners);
}

static json_t *conclusion_json(const struct observation *o)
{
    json_t *counts = json_object(), *counters = json_object();
    for (enum observed_state s = 0; s < OBSERVED_STATE_COUNT; s++)
        json_put(&counts, observed_state_name(s), json_integer((json_int_t)o->counts[s]));
    for (enum counter c = 0; c < COUNTER_COUNT; c++)
        json_put(&counters, counter_name(c), json_known(o->counters.known, o->counters.value[c]));
    return json_pack("{s:o, s:o, s:I, s:b, s:o, s:o, s:I, s:o, s:o, s:o}", "counters", counters, "counts", counts, "unaccepted",
                     (json_int_t)o->unaccepted, "complete", !*o->incomplete, "incomplete",
                     *o->incomplete ? json_text(o->incomplete) : json_null(), "interrupted_by", json_signal(o->signal), "looks",
                     (json_int_t)o->looks, "first_look_us", json_span(o->first_look), "last_look_us", json_span(o->last_look),
                     "elapsed_us", json_span(o->elapsed));
}

static void emit_moment(struct emitter *e, uint64_t moment)
{
    if (moment == MOMENT_NONE)
        EMIT(e, "null");
    else
        emit_number(e, moment);
}

static void emit_moments(struct emitter *e, uint64_t min, uint64_t max)
{
    if (max == MOMENT_NONE) {
        EMIT(e, "null");
        return;
    }
    EMIT(e, "{\"min\":");
    emit_moment(e, min);
    EMIT(e, ",\"max\":");
    emit_number(e, max);
    EMIT(e, "}");
}

static void emit_row(struct emitter *e, const struct observation *o, const struct observed *row)
{
    const struct endpoint *local = &o->locals[row->local];
    struct endpoint peer = {.family = local->family, .port = row->remote_port, .scope = local->scope};
    memcpy(peer.bytes, row->remote, sizeof peer.bytes);
    EMIT(e, "{\"listener\":");
    emit_number(e, row->listener);
    EMIT(e, ",\"peer\":");
    emit_json_endpoint(e, &peer);
    EMIT(e, ",\"local\":");
    emit_json_endpoint(e, local);
    EMIT(e, ",\"state\":");
    emit_json_word(e, observed_state_name((enum observed_state)row->state));
    EMIT(e, ",\"half_open_us\":");
    emit_moments(e, row->half_min, row->half_max);
    EMIT(e, ",\"entered_us\":");
    emit_moments(e, row->entered_min, row->entered_max);
    EMIT(e, ",\"accepted_us\":");
    emit_moments(e, row->accepted_min, row->accepted_max);
    EMIT(e, ",\"closed_us\":");
    emit_moments(e, row->closed_min, row->closed_max);
    EMIT(e, ",\"evidence\":");
    emit_json_word(e, sighting_name((enum sighting)row->sight));
    EMIT(e, "}");
}

static void begin_row(struct emitter *e, bool *first)
{
    if (e->used > sizeof e->text - ROW_MAX)
        emit_flush(e);
    if (!*first)
        EMIT(e, ",");
    EMIT(e, "\n");
    *first = false;
}

static void write_samples(struct emitter *e, const struct observation *o)
{
    bool first = true;
    EMIT(e, ",\n\"samples\":[");
    for (size_t i = 0; i < o->sample_count; i++) {
        const struct observed_sample *sample = &o->samples[i];
        begin_row(e, &first);
        EMIT(e, "{\"at_us\":");
        emit_json_span(e, sample->at);
        EMIT(e, ",\"listener\":");
        emit_number(e, sample->listener);
        EMIT(e, ",\"queue\":");
        emit_number(e, sample->queue);
        EMIT(e, ",\"discarded\":");
        emit_number(e, sample->discarded);
        EMIT(e, "}");
    }
    EMIT(e, "]");
}

static void write_connections(struct emitter *e, const struct observation *o)
{
    bool first = true;
    EMIT(e, ",\n\"connections\":[");
    for (size_t i = 0; i < o->row_count; i++) {
        if (o->rows[i].before)
            continue;
        begin_row(e, &first);
        emit_row(e, o, &o->rows[i]);
    }
    EMIT(e, "],\n");
}

/* All that needs memory is made before any of it is written. */
int report_observation_json(FILE *out, const struct observation *o)
{
    json_t *head = head_json(o), *conclusion = conclusion_json(o);
    struct emitter e;
    if (!head || !conclusion) {
        json_decref(head);
        json_decref(conclusion);
        return -ENOMEM;
    }
    putc('{', out);
    int status = json_members(out, head);
    emit_begin(&e, out);
    write_samples(&e, o);
    write_connections(&e, o);
    emit_flush(&e);
    int rest = json_members(out, conclusion);
    fputs("}\n", out);
    return status ? status : rest;
}
