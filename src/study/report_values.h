/* Values out of a report's JSON. What is missing, or of another kind, is "not known": a report can have been cut, or be a stranger's. */
#ifndef STUDY_REPORT_VALUES_H
#define STUDY_REPORT_VALUES_H

#include "backlogctl/connection_facts.h"
#include "backlogctl/run.h"

#include <jansson.h>

/* Microseconds to a span; NSEC_NEVER for null, for what is no number, and for what is below 0 or longer than a year. */
nsec read_span(const json_t *value);

/* 0 for what is no number from 0 to `max`. */
uint64_t read_count(const json_t *value, uint64_t max);

/* A copy, cut to fit; "" for what is no text. */
void read_text(const json_t *value, char *out, size_t size);

/* "127.0.0.1:80" or "[::1]:80"; family AF_UNSPEC for everything else. */
struct endpoint read_endpoint(const json_t *value);

/* The members "address" and "port" of an object; family AF_UNSPEC where they are none. */
struct endpoint read_place(const json_t *object);

/* The number of the word in a table of `count` words; `count`: it is none of them. */
unsigned read_word(const json_t *value, const char *(*name)(unsigned n), unsigned count);

/* How good the clock was, as `start` says. */
struct clock_quality read_clock(const json_t *start);

/* A histogram with its quantiles, as reports have them. */
struct spread read_spread(const json_t *value);

/* "ECONNREFUSED" to its number; 0 for null, EIO for a name that this system does not have. */
int read_errno(const json_t *value);

#endif
