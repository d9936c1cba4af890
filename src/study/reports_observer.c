/* The report of one host that watched the listener: observe --json. */
#include "backlogctl/parse.h"

#include "report_values.h"
#include "reports_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *state_word(unsigned n)
{
    return observed_state_name((enum observed_state)n);
}

static struct moment_bounds read_bounds(const json_t *value)
{
    return (struct moment_bounds){read_span(json_object_get(value, "min")), read_span(json_object_get(value, "max"))};
}

/* They are few. The number of it, or -ENOMEM. */
static int number_local(struct reports *r, const struct endpoint *local, struct error *err)
{
    for (size_t i = 0; i < r->local_count; i++)
        if (endpoint_equal(&r->locals[i], local))
            return (int)i;
    if (r->local_count == UINT16_MAX)
        return error_set(err, ENOMEM, "its connections came to more than 65535 addresses");
    struct endpoint *list = reports_room(r->locals, r->local_count, &r->local_room, sizeof *list, err);
    if (!list)
        return -ENOMEM;
    r->locals = list;
    r->locals[r->local_count] = *local;
    return (int)r->local_count++;
}

int observer_read_row(struct reports *r, const json_t *row, struct error *err)
{
    const struct endpoint local_end = read_endpoint(json_object_get(row, "local"));
    const struct endpoint peer = read_endpoint(json_object_get(row, "peer"));
    unsigned state = read_word(json_object_get(row, "state"), state_word, OBSERVED_STATE_COUNT);
    if (!peer.family || !local_end.family || state == OBSERVED_STATE_COUNT)
        return error_set(err, EBADMSG, "a connection has no ends or no state that this version knows");
    int local = number_local(r, &local_end, err);
    if (local < 0)
        return local;
    struct watched *list = reports_room(r->sightings, r->sighting_count, &r->sighting_room, sizeof *list, err);
    if (!list)
        return -ENOMEM;
    r->sightings = list;
    struct watched *s = &r->sightings[r->sighting_count++];
    struct moment_bounds half = read_bounds(json_object_get(row, "half_open_us"));
    *s = (struct watched){.port = peer.port,
                          .family = (uint8_t)peer.family,
                          .state = (uint8_t)state,
                          .local = (uint16_t)local,
                          .half_open = half.most != NSEC_NEVER,
                          .entered = read_bounds(json_object_get(row, "entered_us")),
                          .accepted = read_bounds(json_object_get(row, "accepted_us")),
                          .closed = read_bounds(json_object_get(row, "closed_us"))};
    s->absent = s->half_open ? half.least : s->entered.least;
    s->present = s->half_open ? half.most : s->entered.most;
    memcpy(s->bytes, peer.bytes, sizeof s->bytes);
    return 0;
}

int observer_read_sample(struct observer_facts *o, const json_t *row, struct error *err)
{
    struct sample *list = reports_room(o->samples, o->sample_count, &o->sample_room, sizeof *list, err);
    if (!list)
        return -ENOMEM;
    o->samples = list;
    const struct sample sample = {.at = read_span(json_object_get(row, "at_us")),
                                  .listener = (uint32_t)read_count(json_object_get(row, "listener"), UINT32_MAX),
                                  .queue = (uint32_t)read_count(json_object_get(row, "queue"), UINT32_MAX),
                                  .discarded = (uint32_t)read_count(json_object_get(row, "discarded"), UINT32_MAX)};
    if (sample.at == NSEC_NEVER)
        return error_set(err, EBADMSG, "a sample has no time");
    o->samples[o->sample_count++] = sample;
    return 0;
}

static struct listener read_listener(const json_t *value)
{
    struct listener l = {.known = true,
                         .discarded_known = true, /* TCP always has the counter */
                         .local = read_place(value),
                         .members = 1,
                         .kind = KIND_TCP,
                         .cookie = read_count(json_object_get(value, "cookie"), INT64_MAX),
                         .inode = (uint32_t)read_count(json_object_get(value, "inode"), UINT32_MAX),
                         .backlog = read_count(json_object_get(value, "backlog"), UINT32_MAX),
                         .capacity = read_count(json_object_get(value, "capacity"), (uint64_t)UINT32_MAX + 1),
                         .netns = read_count(json_object_get(value, "netns"), INT64_MAX),
                         .pid = (pid_t)read_count(json_object_get(value, "pid"), INT32_MAX)};
    l.family = l.local.family;
    read_text(json_object_get(value, "process"), l.process, sizeof l.process);
    return l;
}

static struct counters read_counters(const json_t *value)
{
    struct counters counters = {.known = json_is_object(value)};
    for (enum counter c = 0; c < COUNTER_COUNT; c++) {
        const json_t *one = json_object_get(value, counter_name(c));
        counters.known = counters.known && json_is_integer(one);
        counters.value[c] = read_count(one, INT64_MAX);
    }
    return counters;
}

/* As for a host. */
static bool rows_are_counted(const struct merged_observer *observer, const json_t *counts)
{
    uint64_t sum = 0;
    for (unsigned s = 0; s < OBSERVED_STATE_COUNT; s++)
        sum += read_count(json_object_get(counts, state_word(s)), UINT32_MAX);
    return sum == observer->connections;
}

int observer_read(struct merged_observer *observer, struct observer_facts *o, const json_t *members, char why[TROUBLE_SIZE],
                  struct error *err)
{
    const char *started = json_string_value(json_object_get(members, "started_at"));
    const json_t *listeners = json_object_get(members, "listeners");
    read_text(json_object_get(members, "host"), observer->host, sizeof observer->host);
    read_text(json_object_get(members, "boot"), observer->boot, sizeof observer->boot);
    observer->clock = read_clock(json_object_get(members, "start"));
    read_text(json_object_get(members, "incomplete"), observer->incomplete, sizeof observer->incomplete);
    observer->complete = json_is_true(json_object_get(members, "complete"));
    observer->elapsed = read_span(json_object_get(members, "last_look_us"));
    o->counters = read_counters(json_object_get(members, "counters"));
    o->listener_count = json_array_size(listeners);
    if (!started || !parse_rfc3339(started, &observer->zero) || observer->elapsed == NSEC_NEVER) {
        snprintf(why, TROUBLE_SIZE, "it does not say when it was made");
        return 0;
    }
    if (!o->listener_count) {
        snprintf(why, TROUBLE_SIZE, "it names no listener");
        return 0;
    }
    if (!rows_are_counted(observer, json_object_get(members, "counts"))) {
        snprintf(why, TROUBLE_SIZE, "its totals are not those of its connections");
        return 0;
    }
    o->listeners = calloc(o->listener_count, sizeof *o->listeners);
    o->gone = calloc(o->listener_count, sizeof *o->gone);
    if (!o->listeners || !o->gone)
        return error_set(err, ENOMEM, "no memory for %zu listeners", o->listener_count);
    for (size_t i = 0; i < o->listener_count; i++) {
        o->listeners[i] = read_listener(json_array_get(listeners, i));
        o->gone[i] = !json_is_false(json_object_get(json_array_get(listeners, i), "gone"));
    }
    nsec first = read_span(json_object_get(members, "first_look_us"));
    o->first_look = first != NSEC_NEVER ? first : o->sample_count ? o->samples[0].at : observer->elapsed;
    return 0;
}
