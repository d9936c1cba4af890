/* The monotonic clock, the wall-clock stamp and spans in words. */
#include "backlogctl/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

nsec clock_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (nsec)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

nsec clock_realtime_offset(void)
{
    struct timespec now;
    nsec before = clock_now();
    clock_gettime(CLOCK_REALTIME, &now);
    nsec after = clock_now();
    return (nsec)now.tv_sec * NSEC_PER_SEC + now.tv_nsec - (before + after) / 2;
}

void clock_stamp(char out[CLOCK_STAMP_SIZE])
{
    struct timespec now;
    struct tm utc;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    size_t used = strftime(out, CLOCK_STAMP_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + used, CLOCK_STAMP_SIZE - used, ".%03dZ", (int)(now.tv_nsec / NSEC_PER_MSEC));
}

/* Two decimals below 10, one below 100, none above, and no trailing zeros. */
static const char *scaled_text(double value, const char *unit, char out[NSEC_TEXT_SIZE])
{
    int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
    int used = snprintf(out, NSEC_TEXT_SIZE, "%.*f", decimals, value);
    if (decimals) {
        while (out[used - 1] == '0')
            used--;
        if (out[used - 1] == '.')
            used--;
    }
    snprintf(out + used, NSEC_TEXT_SIZE - (size_t)used, "%s", unit);
    return out;
}

const char *nsec_text(nsec span, char out[NSEC_TEXT_SIZE])
{
    if (span <= 0) {
        snprintf(out, NSEC_TEXT_SIZE, "0");
        return out;
    }
    if (span < NSEC_PER_USEC)
        return scaled_text((double)span, "ns", out);
    if (span < NSEC_PER_MSEC - NSEC_PER_USEC / 2)
        return scaled_text((double)span / NSEC_PER_USEC, "us", out);
    if (span < NSEC_PER_SEC - NSEC_PER_MSEC / 2)
        return scaled_text((double)span / NSEC_PER_MSEC, "ms", out);
    if (span < 60 * NSEC_PER_SEC)
        return scaled_text((double)span / NSEC_PER_SEC, "s", out);
    int64_t seconds = span / NSEC_PER_SEC;
    if (seconds % 60)
        snprintf(out, NSEC_TEXT_SIZE, "%" PRId64 "m%" PRId64 "s", seconds / 60, seconds % 60);
    else
        snprintf(out, NSEC_TEXT_SIZE, "%" PRId64 "m", seconds / 60);
    return out;
}
