#include "report_values.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define YEAR_US (365LL * 24 * 3600 * 1000000)
#define ERRNO_MAX 133 /* EHWPOISON, the last one that Linux has */

nsec read_span(const json_t *value)
{
    double usec = json_is_number(value) ? json_number_value(value) : -1;
    return usec >= 0 && usec < (double)YEAR_US ? (nsec)(usec * (double)NSEC_PER_USEC + 0.5) : NSEC_NEVER;
}

uint64_t read_count(const json_t *value, uint64_t max)
{
    json_int_t number = json_integer_value(value); /* 0 of what is no whole number */
    return number >= 0 && (uint64_t)number <= max ? (uint64_t)number : 0;
}

void read_text(const json_t *value, char *out, size_t size)
{
    const char *text = json_string_value(value);
    snprintf(out, size, "%s", text ? text : "");
}

struct endpoint read_endpoint(const json_t *value)
{
    struct endpoint e = {0};
    const char *text = json_string_value(value);
    if (!text || !endpoint_read(text, &e))
        return (struct endpoint){0};
    return e;
}

struct endpoint read_place(const json_t *object)
{
    const char *address = json_string_value(json_object_get(object, "address"));
    struct endpoint e = {0};
    char text[ENDPOINT_TEXT_SIZE];
    unsigned port = (unsigned)read_count(json_object_get(object, "port"), UINT16_MAX);
    snprintf(text, sizeof text, address && strchr(address, ':') ? "[%.60s]:%u" : "%.60s:%u", address ? address : "", port);
    return endpoint_read(text, &e) ? e : (struct endpoint){0};
}

unsigned read_word(const json_t *value, const char *(*name)(unsigned n), unsigned count)
{
    const char *text = json_string_value(value);
    unsigned n = 0;
    while (n < count && (!text || strcmp(text, name(n))))
        n++;
    return n;
}

int read_errno(const json_t *value)
{
    const char *text = json_string_value(value);
    if (!text)
        return 0;
    for (int code = 1; code <= ERRNO_MAX; code++) {
        const char *name = strerrorname_np(code);
        if (name && !strcmp(name, text))
            return code;
    }
    return EIO;
}

struct clock_quality read_clock(const json_t *start)
{
    const json_t *synchronised = json_object_get(start, "synchronised");
    nsec error = read_span(json_object_get(start, "clock_error_us"));
    return (struct clock_quality){.known = json_is_boolean(synchronised),
                                  .synchronised = json_is_true(synchronised) && error != NSEC_NEVER,
                                  .error = error};
}

static size_t bucket_at(nsec from)
{
    size_t bucket = 0;
    while (bucket < SPREAD_BUCKETS - 1 && from >= (INT64_C(1) << (bucket + 1)) * NSEC_PER_USEC)
        bucket++;
    return bucket;
}

struct spread read_spread(const json_t *value)
{
    struct spread spread = {.samples = read_count(json_object_get(value, "samples"), UINT32_MAX),
                            .min = read_span(json_object_get(value, "min_us")),
                            .p50 = read_span(json_object_get(value, "p50_us")),
                            .p90 = read_span(json_object_get(value, "p90_us")),
                            .p99 = read_span(json_object_get(value, "p99_us")),
                            .max = read_span(json_object_get(value, "max_us"))};
    size_t i;
    const json_t *bar;
    json_array_foreach(json_object_get(value, "histogram"), i, bar)
    {
        nsec from = read_span(json_object_get(bar, "from_us"));
        if (from != NSEC_NEVER)
            spread.buckets[bucket_at(from)] += read_count(json_object_get(bar, "count"), UINT32_MAX);
    }
    return spread.samples ? spread : (struct spread){0};
}
