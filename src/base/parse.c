/* Numbers and durations, read strictly. */
#include "backlogctl/parse.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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

/* ---- Moments ---- */

#define MOMENT_WANTED "want a moment such as 2026-01-31T12:00:00Z, seconds since 1970, or +5s"

/* So many digits; false when there are not. */
static bool take_digits(const char **p, int count, int *out)
{
    *out = 0;
    for (; count; count--, ++*p) {
        if (!is_digit(**p))
            return false;
        *out = *out * 10 + (**p - '0');
    }
    return true;
}

static bool take_char(const char **p, const char *any_of)
{
    bool found = **p && strchr(any_of, **p);
    *p += found;
    return found;
}

/* ".25" as nanoseconds; digits behind the ninth count for nothing. No point: 0. */
static bool take_fraction(const char **p, nsec *out)
{
    nsec scale = NSEC_PER_SEC / 10;
    *out = 0;
    if (!take_char(p, "."))
        return true;
    if (!is_digit(**p))
        return false;
    for (; is_digit(**p); ++*p, scale /= 10)
        *out += (**p - '0') * scale;
    return true;
}

/* "Z", or how far local time is ahead of UTC, in seconds. */
static bool take_zone(const char **p, int *out)
{
    int hours, minutes;
    *out = 0;
    if (take_char(p, "Zz"))
        return true;
    bool behind = **p == '-';
    if (!take_char(p, "+-") || !take_digits(p, 2, &hours) || !take_char(p, ":") || !take_digits(p, 2, &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    *out = (behind ? -60 : 60) * (hours * 60 + minutes);
    return true;
}

/* What is later is no moment of this century, and what is earlier than 1970 was never seen by this program. */
#define SECONDS_MAX INT64_C(9000000000)

bool parse_rfc3339(const char *p, nsec *out)
{
    struct tm utc = {0};
    nsec fraction;
    int zone;
    if (!take_digits(&p, 4, &utc.tm_year) || !take_char(&p, "-") || !take_digits(&p, 2, &utc.tm_mon) || !take_char(&p, "-") ||
        !take_digits(&p, 2, &utc.tm_mday) || !take_char(&p, "Tt ") || !take_digits(&p, 2, &utc.tm_hour) || !take_char(&p, ":") ||
        !take_digits(&p, 2, &utc.tm_min) || !take_char(&p, ":") || !take_digits(&p, 2, &utc.tm_sec) ||
        !take_fraction(&p, &fraction) || !take_zone(&p, &zone) || *p)
        return false;
    utc.tm_year -= 1900;
    utc.tm_mon -= 1;
    struct tm same = utc;
    time_t seconds = timegm(&same); /* makes March 2 of February 30 */
    if (same.tm_mon != utc.tm_mon || same.tm_mday != utc.tm_mday || same.tm_hour != utc.tm_hour || same.tm_min != utc.tm_min)
        return false;
    if (seconds - zone < 0 || seconds - zone > SECONDS_MAX)
        return false;
    *out = (nsec)(seconds - zone) * NSEC_PER_SEC + fraction;
    return true;
}

static bool parse_seconds(const char *p, nsec *out)
{
    int64_t seconds = 0;
    nsec fraction;
    for (; is_digit(*p) && seconds < SECONDS_MAX; p++)
        seconds = seconds * 10 + (*p - '0');
    if (seconds > SECONDS_MAX || !take_fraction(&p, &fraction) || *p)
        return false;
    *out = seconds * NSEC_PER_SEC + fraction;
    return true;
}

int parse_moment(const char *text, nsec now, nsec *out, struct error *err)
{
    nsec moment;
    if (*text == '+') {
        int status = parse_duration(text + 1, &moment, err);
        if (status)
            return status;
        moment += now;
    } else if (!is_digit(*text) || !(strchr(text, '-') ? parse_rfc3339(text, &moment) : parse_seconds(text, &moment))) {
        return error_set(err, EINVAL, MOMENT_WANTED);
    }
    if (moment < now - 60 * 60 * NSEC_PER_SEC)
        return error_set(err, ERANGE, "that is over more than an hour ago: want a moment to come");
    if (moment > now + DURATION_MAX)
        return error_set(err, ERANGE, "that is more than a day ahead");
    *out = moment;
    return 0;
}
