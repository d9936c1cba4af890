/* The monotonic clock, the wall-clock stamp and spans in words. */
#include "backlogctl/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/timex.h>
#include <time.h>

static nsec read_clock(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (nsec)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

nsec clock_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

nsec clock_thread(void)
{
    return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

nsec clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

struct clock_quality clock_quality(void)
{
    struct timex clock = {0};
    int state = adjtimex(&clock);
    bool synchronised = state >= 0 && state != TIME_ERROR && !(clock.status & STA_UNSYNC);
    return (struct clock_quality){state >= 0, synchronised, synchronised ? clock.maxerror * NSEC_PER_USEC : 0};
}

nsec clock_realtime_offset(void)
{
    struct timespec now;
    nsec before = clock_now();
    clock_gettime(CLOCK_REALTIME, &now);
    nsec after = clock_now();
    return (nsec)now.tv_sec * NSEC_PER_SEC + now.tv_nsec - (before + after) / 2;
}

/* `digits` of a fraction whose last one stands for `grain`. */
static void write_stamp(nsec wall, int digits, nsec grain, char out[CLOCK_STAMP_SIZE])
{
    time_t seconds = wall / NSEC_PER_SEC;
    struct tm utc;
    gmtime_r(&seconds, &utc);
    size_t used = strftime(out, CLOCK_STAMP_SIZE, "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(out + used, CLOCK_STAMP_SIZE - used, ".%0*dZ", digits, (int)(wall % NSEC_PER_SEC / grain));
}

void clock_stamp(char out[CLOCK_STAMP_SIZE])
{
    write_stamp(clock_now() + clock_realtime_offset(), 3, NSEC_PER_MSEC, out);
}

void clock_stamp_at(nsec at, char out[CLOCK_STAMP_SIZE])
{
    clock_stamp_wall(at + clock_realtime_offset(), out);
}

void clock_stamp_wall(nsec wall, char out[CLOCK_STAMP_SIZE])
{
    write_stamp(wall, 6, NSEC_PER_USEC, out);
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
