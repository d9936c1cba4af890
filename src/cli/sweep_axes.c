/* Spreading out ranges: of whole numbers, which may end in k, and of durations. */
#include "sweep_axes.h"

#include "backlogctl/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PART_SIZE 64

static int add(struct axis *axis, const char *value, struct error *err)
{
    if (axis->count == AXIS_VALUES_MAX)
        return error_set(err, EINVAL, "want at most %d values", AXIS_VALUES_MAX);
    char(*values)[AXIS_VALUE_SIZE] = reallocarray(axis->values, axis->count + 1, sizeof *values);
    if (!values)
        return error_set(err, ENOMEM, "no memory for the values");
    axis->values = values;
    size_t length = strnlen(value, AXIS_VALUE_SIZE - 1); /* it fits: who calls has seen to that */
    memcpy(values[axis->count], value, length);
    values[axis->count++][length] = '\0';
    return 0;
}

/* A range's numbers or its durations. */
struct range {
    int64_t from, to, step;
    bool spans;
};

static bool has_unit(const char *text)
{
    size_t length = strlen(text);
    return length && strchr("smh", text[length - 1]);
}

static int parse_bound(const char *text, bool spans, int64_t *out, struct error *err)
{
    return spans ? parse_duration(text, out, err) : parse_count(text, INT32_MIN, INT32_MAX, out, err);
}

/* "A..B" or "A..B..STEP". */
static int parse_range(const char *text, struct range *out, struct error *err)
{
    char parts[3][PART_SIZE] = {{0}};
    const char *p = text;
    size_t count = 0;
    for (; count < 3 && p; count++) {
        const char *end = strstr(p, "..");
        size_t length = end ? (size_t)(end - p) : strlen(p);
        if (!length || length >= PART_SIZE)
            return error_set(err, EINVAL, "'%.40s': want FROM..TO or FROM..TO..STEP", text);
        memcpy(parts[count], p, length);
        p = end ? end + 2 : NULL;
    }
    if (p)
        return error_set(err, EINVAL, "'%.40s': want FROM..TO or FROM..TO..STEP", text);
    out->spans = has_unit(parts[0]) || has_unit(parts[1]);
    out->step = 1;
    int status = parse_bound(parts[0], out->spans, &out->from, err);
    if (!status)
        status = parse_bound(parts[1], out->spans, &out->to, err);
    if (!status && count == 3)
        status = parse_bound(parts[2], out->spans, &out->step, err);
    if (!status && out->spans && count < 3)
        return error_set(err, EINVAL, "'%.40s': a range of durations needs a step, such as %s..%s..1ms", text, parts[0],
                         parts[1]);
    if (!status && (out->step <= 0 || out->to < out->from))
        return error_set(err, EINVAL, "'%.40s': want a range that rises, and a step above 0", text);
    return status;
}

static int add_range(struct axis *axis, const char *text, struct error *err)
{
    struct range range = {0};
    char value[AXIS_VALUE_SIZE];
    int status = parse_range(text, &range, err);
    for (int64_t at = range.from; !status && at <= range.to; at += range.step) {
        if (!range.spans)
            snprintf(value, sizeof value, "%lld", (long long)at);
        else if (at % NSEC_PER_MSEC || !at)
            snprintf(value, sizeof value, "%lldus", (long long)(at / NSEC_PER_USEC));
        else
            snprintf(value, sizeof value, "%lldms", (long long)(at / NSEC_PER_MSEC));
        status = add(axis, value, err);
    }
    return status;
}

int axis_spread(const char *text, struct axis *axis, struct error *err)
{
    int status = 0;
    for (const char *p = text; p && !status;) {
        char item[2 * PART_SIZE];
        size_t length = strcspn(p, ",");
        if (!length || length >= sizeof item)
            return error_set(err, EINVAL, "'%.40s': want values, with commas between", text);
        memcpy(item, p, length);
        item[length] = '\0';
        status = strstr(item, "..")         ? add_range(axis, item, err)
                 : length < AXIS_VALUE_SIZE ? add(axis, item, err)
                                            : error_set(err, EINVAL, "'%.40s' is too long", item);
        p = p[length] ? p + length + 1 : NULL;
    }
    return status;
}
