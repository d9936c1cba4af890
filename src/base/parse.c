/* Numbers and durations, read strictly. */
#include "backlogctl/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int parse_scaled(const char *text, bool with_k, int64_t min, int64_t max, int64_t *out, struct error *err)
{
    const char *digits = text + (*text == '-' || *text == '+');
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool overflow = errno == ERANGE;
    bool scaled = with_k && end != text && *end == 'k';
    if (!is_digit(*digits) || end[scaled] != '\0')
        return error_set(err, EINVAL, "want a whole number from %" PRId64 " to %" PRId64 "%s", min, max,
                         with_k ? ", k for thousands" : "");
    long long product = value;
    if (scaled)
        overflow |= __builtin_mul_overflow(value, 1000LL, &product);
    if (overflow || product < min || product > max)
        return error_set(err, ERANGE, "out of range: want %" PRId64 " to %" PRId64, min, max);
    *out = product;
    return 0;
}

int parse_integer(const char *text, int64_t min, int64_t max, int64_t *out, struct error *err)
{
    return parse_scaled(text, false, min, max, out, err);
}

int parse_count(const char *text, int64_t min, int64_t max, int64_t *out, struct error *err)
{
    return parse_scaled(text, true, min, max, out, err);
}

static const struct {
    const char *name;
    nsec span;
} units[] = {
    {"us", NSEC_PER_USEC}, {"ms", NSEC_PER_MSEC}, {"s", NSEC_PER_SEC}, {"m", 60 * NSEC_PER_SEC}, {"h", 60 * 60 * NSEC_PER_SEC},
};

static nsec unit_span(const char *name)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (!strcmp(units[i].name, name))
            return units[i].span;
    return 0;
}

#define DURATION_MAX (24 * 60 * 60 * NSEC_PER_SEC)

int parse_duration(const char *text, nsec *out, struct error *err)
{
    static const char wanted[] = "want a duration such as 250ms, 2s or 1m";
    const char *p = text;
    int64_t whole = 0;
    while (is_digit(*p)) {
        if (whole > DURATION_MAX)
            return error_set(err, ERANGE, "out of range: want at most 24h");
        whole = whole * 10 + (*p++ - '0');
    }
    if (p == text)
        return error_set(err, EINVAL, "%s", wanted);
    /* The fraction is kept as an integer numerator, so that 1.5s is exact. */
    int64_t fraction = 0, fraction_scale = 1;
    if (*p == '.') {
        if (!is_digit(*++p))
            return error_set(err, EINVAL, "%s", wanted);
        for (; is_digit(*p); p++)
            if (fraction_scale < 1000000) {
                fraction = fraction * 10 + (*p - '0');
                fraction_scale *= 10;
            }
    }
    if (*p == '\0') {
        if (whole || fraction)
            return error_set(err, EINVAL, "a duration needs a unit: us, ms, s, m or h (%ss?)", text);
        *out = 0;
        return 0;
    }
    nsec unit = unit_span(p);
    if (!unit)
        return error_set(err, EINVAL, "%s", wanted);
    nsec span;
    if (__builtin_mul_overflow(whole, unit, &span) || span > DURATION_MAX)
        return error_set(err, ERANGE, "out of range: want at most 24h");
    span += fraction * (unit / fraction_scale) + fraction * (unit % fraction_scale) / fraction_scale;
    if (span > DURATION_MAX)
        return error_set(err, ERANGE, "out of range: want at most 24h");
    *out = span;
    return 0;
}
