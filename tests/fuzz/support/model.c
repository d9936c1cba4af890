/* The model, made of the fuzzer's bytes. What its headers promise of it holds. */
#include "model.h"

#include <stdlib.h>
#include <string.h>

#define EXACT ((INT64_C(1) << 53) - 1) /* all that every reader of JSON keeps of a number */
#define YEARS_TEN (10 * 366 * 24 * 3600 * NSEC_PER_SEC)

nsec draw_span(struct bytes *bytes)
{
    return draw_positive(bytes) % YEARS_TEN;
}

nsec draw_moment(struct bytes *bytes)
{
    return draw_bool(bytes) ? draw_span(bytes) : NSEC_NEVER;
}

uint64_t draw_count(struct bytes *bytes)
{
    return draw_number(bytes) & EXACT;
}

const char *draw_lasting(struct bytes *bytes)
{
    static char texts[LASTING][1024];
    static size_t next;
    char *text = texts[next++ % LASTING];
    return draw_text(bytes, text, sizeof texts[0]);
}

const char *draw_lasting_or_none(struct bytes *bytes)
{
    return draw_bool(bytes) ? draw_lasting(bytes) : NULL;
}

struct endpoint draw_place(struct bytes *bytes, enum socket_kind kind)
{
    struct endpoint e = {.family = AF_UNIX};
    if (is_unix(kind))
        return e;
    uint8_t what = draw_byte(bytes);
    e = (struct endpoint){.family = what & 1 ? AF_INET6 : AF_INET, .port = (uint16_t)draw_raw(bytes, 2)};
    for (size_t i = 0; i < (what & 1 ? sizeof e.bytes : 4) && what & 2; i++)
        e.bytes[i] = draw_byte(bytes);
    e.scope = what & 1 && what & 4 ? (uint32_t)draw_raw(bytes, 4) : 0;
    return endpoint_unmapped(&e);
}

static struct socket_holder_place draw_where(struct bytes *bytes)
{
    struct socket_holder_place place = {0};
    if (!draw_bool(bytes))
        return place;
    draw_text(bytes, place.unit, sizeof place.unit);
    draw_text(bytes, place.container, sizeof place.container);
    draw_text(bytes, place.pod, sizeof place.pod);
    return place;
}

static pid_t draw_pid(struct bytes *bytes)
{
    return (pid_t)(draw_raw(bytes, 4) & INT32_MAX);
}

/* Its queue and what waits there. */
static void draw_load(struct bytes *bytes, struct listener *l)
{
    l->backlog = draw_number(bytes) & UINT32_MAX;
    l->capacity = l->backlog + l->members;
    l->queue = draw_number(bytes) & UINT32_MAX;
    l->discarded_known = draw_bool(bytes) && !is_unix(l->kind);
    l->discarded = l->discarded_known ? draw_count(bytes) : 0;
    l->half_open_known = draw_bool(bytes);
    l->half_open = l->half_open_known ? (uint32_t)draw_number(bytes) : 0;
    l->oldest_known = draw_bool(bytes);
    l->oldest_ms = l->oldest_known ? (uint32_t)draw_number(bytes) : 0;
    l->waiting_known = draw_bool(bytes);
    l->closed = l->waiting_known ? (uint32_t)draw_number(bytes) : 0;
    l->vanished = l->waiting_known ? (uint32_t)draw_number(bytes) : 0;
    l->with_data = l->waiting_known ? (uint32_t)draw_number(bytes) : 0;
    l->unmoved = draw_bool(bytes);
    l->waits_on = draw_bool(bytes);
    l->shrank = draw_bool(bytes);
}

struct listener draw_listener(struct bytes *bytes)
{
    struct listener l = {.known = true, .kind = (uint8_t)draw_below(bytes, KIND_COUNT), .members = 1, .member = 1, .group = 1};
    uint8_t what = draw_byte(bytes);
    l.local = draw_place(bytes, (enum socket_kind)l.kind);
    l.family = l.local.family == AF_INET && what & 1 ? AF_INET6 : l.local.family;
    l.dual_stack = what & 2 && l.local.family == AF_INET6 && endpoint_is_any(&l.local);
    if (is_unix(l.kind))
        draw_text(bytes, l.path, sizeof l.path);
    else if (what & 4)
        draw_text(bytes, l.device, sizeof l.device);
    l.interface = *l.device ? 1 + draw_byte(bytes) : 0;
    if (what & 8 && !is_unix(l.kind)) {
        l.group = 1 + draw_byte(bytes);
        l.member = 1 + draw_byte(bytes) % l.group;
    }
    if (what & 16) {
        l.pid = draw_pid(bytes);
        draw_text(bytes, l.process, sizeof l.process);
        l.processes = 1 + draw_byte(bytes);
        l.pidns = draw_bool(bytes) ? draw_number(bytes) : 0;
        l.place = draw_where(bytes);
    }
    l.inode = (uint32_t)draw_raw(bytes, 4);
    l.cookie = draw_raw(bytes, 2);
    l.uid = (uint32_t)draw_number(bytes);
    l.netns = draw_byte(bytes) & 3;
    draw_load(bytes, &l);
    if (what & 32) {
        l.oldest_local = draw_place(bytes, KIND_TCP);
        l.oldest_remote = draw_place(bytes, KIND_TCP);
    }
    return l;
}

struct socket_holder draw_holder(struct bytes *bytes)
{
    struct socket_holder h = {.pid = draw_pid(bytes), .state.call = -1};
    struct holder_state *s = &h.state;
    draw_text(bytes, h.process, sizeof h.process);
    h.keeper = socket_holder_is_keeper(h.process);
    h.registered = draw_bool(bytes);
    h.pidns = draw_bool(bytes) ? draw_number(bytes) : 0;
    h.place = draw_where(bytes);
    s->known = draw_bool(bytes);
    if (!s->known)
        return h;
    s->threads = 1 + (uint32_t)draw_raw(bytes, 3);
    uint32_t *const states[] = {&s->stopped, &s->traced, &s->blocked, &s->running};
    *states[draw_below(bytes, 4)] = (uint32_t)draw_number(bytes) % (s->threads + 1);
    s->calls_known = draw_bool(bytes);
    s->calls_foreign = draw_bool(bytes);
    uint32_t *const calls[] = {&s->events, &s->futexes, &s->accepts};
    *calls[draw_below(bytes, 3)] = (uint32_t)draw_number(bytes) % (s->threads + 1);
    s->call = draw_bool(bytes) ? draw_positive(bytes) : -1;
    s->descriptors_max = draw_number(bytes);
    s->descriptors = s->descriptors_max ? draw_number(bytes) : 0;
    s->frozen = draw_bool(bytes);
    s->memory_full = draw_bool(bytes);
    s->cpu_periods = draw_number(bytes);
    s->cpu_throttled = draw_number(bytes);
    return h;
}

struct holders_look draw_look(struct bytes *bytes)
{
    struct holders_look look = {.count = draw_below(bytes, 4), .waits_on = draw_bool(bytes), .shrank = draw_bool(bytes)};
    for (size_t i = 0; i < look.count; i++)
        look.holders[i] = draw_holder(bytes);
    return look;
}

struct counters draw_counters(struct bytes *bytes)
{
    struct counters counters = {.known = draw_bool(bytes)};
    for (int c = 0; counters.known && c < COUNTER_COUNT; c++)
        counters.value[c] = draw_number(bytes);
    return counters;
}

size_t draw_expectations(struct bytes *bytes, enum measures kind, struct expectation out[EXPECTATIONS_MAX])
{
    size_t count = draw_below(bytes, 6);
    for (size_t i = 0; i < count; i++) {
        size_t measure = draw_below(bytes, MEASURE_COUNT);
        while (!measure_is_of(measure, kind))
            measure = (measure + 1) % MEASURE_COUNT;
        out[i] = (struct expectation){.measure = (uint8_t)measure,
                                      .compare = (uint8_t)draw_below(bytes, COMPARE_GE + 1),
                                      .expected = draw_positive(bytes) & EXACT};
        snprintf(out[i].text, sizeof out[i].text, "%s=%lld", measure_name(measure), (long long)out[i].expected);
    }
    return count;
}
