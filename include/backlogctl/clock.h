/* Monotonic time. Wall-clock time appears only as the stamp of a report. */
#ifndef BACKLOGCTL_CLOCK_H
#define BACKLOGCTL_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Nanoseconds: a point on CLOCK_MONOTONIC, or a span between two such points. */
typedef int64_t nsec;

#define NSEC_NEVER INT64_C(-1) /* a point in time that has not come, or that nobody saw */
#define NSEC_PER_USEC INT64_C(1000)
#define NSEC_PER_MSEC INT64_C(1000000)
#define NSEC_PER_SEC INT64_C(1000000000)

/* Now, on CLOCK_MONOTONIC. Never fails. */
nsec clock_now(void);

/* CPU time that the calling thread has used. */
nsec clock_thread(void);

/* CLOCK_REALTIME, which the kernel stamps packets with, minus CLOCK_MONOTONIC, as they stand now. */
nsec clock_realtime_offset(void);

/* CLOCK_REALTIME now: nanoseconds since 1970. */
nsec clock_wall(void);

/* How good the wall clock is, as the kernel has it from whoever keeps it (adjtimex(2)). */
struct clock_quality {
    bool known, synchronised;
    nsec error; /* it is off by at most this, if it is synchronised */
};
struct clock_quality clock_quality(void);

/* Wall-clock time as RFC 3339 in UTC, with milliseconds: "2026-01-31T12:00:00.000Z". */
#define CLOCK_STAMP_SIZE 32
void clock_stamp(char out[CLOCK_STAMP_SIZE]);

/* The same of a point on CLOCK_MONOTONIC, with microseconds. */
void clock_stamp_at(nsec at, char out[CLOCK_STAMP_SIZE]);

/* The same of a point on CLOCK_REALTIME. */
void clock_stamp_wall(nsec wall, char out[CLOCK_STAMP_SIZE]);

/* A span for a person: "0", "48us", "1.02s", "2m30s". At most three significant digits below a minute. */
#define NSEC_TEXT_SIZE 32
const char *nsec_text(nsec span, char out[NSEC_TEXT_SIZE]);

#endif
