/* Values of JSON documents, made safe and complete or not at all. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

json_t *json_text(const char *text)
{
    if (!text)
        return json_null();
    size_t length = escape_text(text, 0, NULL, 0);
    char small[256], *safe = length < sizeof small ? small : malloc(length + 1);
    if (!safe)
        return NULL;
    escape_text(text, 0, safe, length + 1);
    json_t *value = json_string(safe);
    if (safe != small)
        free(safe);
    return value;
}

json_t *json_address(const struct endpoint *e)
{
    char text[ENDPOINT_TEXT_SIZE];
    return e->family == AF_UNSPEC || e->family == AF_UNIX ? json_null() : json_text(endpoint_address_text(e, text));
}

json_t *json_family(const struct endpoint *e)
{
    const char *name = endpoint_family_name(e);
    return name ? json_string(name) : json_null();
}

void json_put(json_t **object, const char *name, json_t *value)
{
    if (!json_object_set_new(*object, name, value))
        return;
    json_decref(*object);
    *object = NULL;
}

void json_add(json_t **array, json_t *value)
{
    if (!json_array_append_new(*array, value))
        return;
    json_decref(*array);
    *array = NULL;
}

void json_merge(json_t **object, json_t *more)
{
    if (json_object_update(*object, more)) {
        json_decref(*object);
        *object = NULL;
    }
    json_decref(more);
}

void json_add_place(json_t **object, const struct endpoint *e, const char *path)
{
    if (path)
        json_put(object, "path", json_text(path));
    else
        json_put(object, "port", json_integer(e->port));
}

void json_add_listener_place(json_t **object, const struct listener *listener)
{
    json_add_place(object, &listener->local, is_unix((enum socket_kind)listener->kind) ? listener->path : NULL);
}

json_t *json_span(nsec span)
{
    return span == NSEC_NEVER ? json_null() : json_integer(span / NSEC_PER_USEC);
}

json_t *json_span_exact(nsec span)
{
    return span == NSEC_NEVER ? json_null() : json_real((double)span / NSEC_PER_USEC);
}

json_t *json_interval(const struct interval *interval)
{
    if (!interval->known)
        return json_null();
    return json_pack("{s:I, s:I}", "min", (json_int_t)interval->min, "max", (json_int_t)interval->max);
}

json_t *json_outcome(enum expectation_outcome outcome)
{
    return outcome == OUTCOME_OPEN ? json_null() : json_boolean(outcome == OUTCOME_HELD);
}

json_t *json_expectation(const struct expectation *e)
{
    bool one = e->seen_known && e->seen == e->seen_max;
    return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o}", "text", e->text, "expected", (json_int_t)e->expected, "seen",
                     one ? json_integer(e->seen) : json_null(), "seen_min", e->seen_known ? json_integer(e->seen) : json_null(),
                     "seen_max", e->seen_known ? json_integer(e->seen_max) : json_null(), "ok",
                     json_outcome((enum expectation_outcome)e->outcome));
}

json_t *json_merged(json_t *object, json_t *more)
{
    json_merge(&object, more);
    return object;
}

json_t *json_known(bool known, uint64_t value)
{
    return known ? json_integer((json_int_t)value) : json_null();
}

int json_dump(FILE *out, json_t *value, size_t flags)
{
    int status = value && !json_dumpf(value, out, flags | JSON_COMPACT | JSON_ENSURE_ASCII) ? 0 : -ENOMEM;
    json_decref(value);
    return ferror(out) ? 0 : status; /* a write error is told as such */
}

/* Fifteen digits are what a double keeps of a decimal fraction: 11.042 stays 11.042. */
int json_members(FILE *out, json_t *object)
{
    return json_dump(out, object, JSON_EMBED | JSON_REAL_PRECISION(15));
}

json_t *json_signal(int signal)
{
    char name[SIGNAL_TEXT_SIZE];
    return signal ? json_string(signal_text(signal, name)) : json_null();
}

json_t *json_start(nsec wanted, const struct run_start *start)
{
    char at[CLOCK_STAMP_SIZE];
    if (!wanted)
        return json_null();
    clock_stamp_wall(wanted, at);
    return json_pack("{s:s, s:o, s:i, s:o, s:o}", "at", at, "late_us", json_span(start->late), "clock_set", (int)start->clock_set,
                     "synchronised", start->clock.known ? json_boolean(start->clock.synchronised) : json_null(), "clock_error_us",
                     start->clock.synchronised ? json_span(start->clock.error) : json_null());
}

int write_json_line(FILE *out, json_t *object)
{
    int status = json_dump(out, object, 0);
    if (!status)
        putc('\n', out);
    return status;
}
