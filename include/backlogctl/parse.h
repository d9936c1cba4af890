/* Numbers and durations as people type them. Nothing is guessed: trailing junk and missing units are errors. */
#ifndef BACKLOGCTL_PARSE_H
#define BACKLOGCTL_PARSE_H

#include "backlogctl/clock.h"
#include "backlogctl/error.h"

#include <stdbool.h>

/* A whole number from min to max, decimal, with an optional sign. 0, or -EINVAL / -ERANGE with an error text that
   says what is accepted ("want a whole number from 0 to 65535"). *out is untouched on error. */
int parse_integer(const char *text, int64_t min, int64_t max, int64_t *out, struct error *err);

/* The same, and "k" behind the digits multiplies by 1000: "100k". */
int parse_count(const char *text, int64_t min, int64_t max, int64_t *out, struct error *err);

/* A duration of at least 0 and at most 24 hours: digits, an optional fraction, a unit out of us, ms, s, m, h.
   0 alone needs no unit; any other bare number is an error that says so. */
int parse_duration(const char *text, nsec *out, struct error *err);

/* A time as RFC 3339 has it, as nanoseconds since 1970. False: it is none. */
bool parse_rfc3339(const char *text, nsec *out);

/* A moment, as nanoseconds since 1970: RFC 3339 ("2026-01-31T12:00:00.5Z"), seconds since 1970 with a fraction, or "+5s", that much behind
   `now`. At most an hour before `now`, and a day behind it. */
int parse_moment(const char *text, nsec now, nsec *out, struct error *err);

#endif
