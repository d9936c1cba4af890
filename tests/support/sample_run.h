/* A run made by hand, for the tests of the reports, and catching what the reports write of it. */
#ifndef TESTS_SAMPLE_RUN_H
#define TESTS_SAMPLE_RUN_H

#include "backlogctl/report.h"

#include <jansson.h>
#include <stdio.h>

#define SAMPLE_PORT 60001
#define SAMPLE_MANY 100000

/* The run that the functions below fill in: one a process, as libcheck forks every test. */
extern struct run sample;
extern struct attempt *sample_attempts[2]; /* by target, room for SAMPLE_MANY each */

struct endpoint sample_ipv4(uint16_t port); /* of 127.0.0.1 */
struct listener sample_listener(uint64_t backlog, uint64_t queue, uint64_t drops);

/* A local target on 127.0.0.1 without a listener, and nothing attempted yet. Before all others but the next.
 */
void sample_begin(void);

/* Begins with backlog 2, one accepted, three queued, the rest dropped: the experiment of the manual. */
void sample_full_queue(uint32_t count);

/* Begins with a full queue at 127.0.0.1 and a refusal at [::1], in this order. */
void sample_two_targets(bool with_queue);

/* Additions. */
void sample_ours(int32_t backlog); /* `run`: the server is ours */
void sample_with_listener(uint64_t backlog, uint64_t queue, uint64_t drops);
void sample_forget_drops(void);
void sample_times(void); /* pace and spreads, as of some 69 000 connections */
void sample_expect(const char *text, int64_t expected, bool known, int64_t seen);
struct attempt *sample_attempt(size_t t, uint32_t id, enum verdict verdict, enum reason reason, enum evidence evidence);
/* An attempt that decides its connection. */
struct attempt *sample_decide(uint32_t id, enum verdict verdict, enum reason reason, enum evidence evidence);

/* Catches what is written; catch_end returns it, malloc'ed. */
FILE *catch_begin(void);
char *catch_end(FILE *out);

/* The whole text report of the sample, malloc'ed. */
char *text_of(const struct report_style *style);

/* What every text report keeps to: the width, printable ASCII, no blanks at the end of a line. */
void assert_tidy(const char *text, size_t columns);

/* Valid UTF-8 (jansson's opinion). */
void assert_utf8(const char *text);
/* And nothing in it that a terminal obeys, or that hides or turns what stands beside it, but the characters in `but`. */
void assert_printable(const char *text, const char *but);

void assert_has(const char *text, const char *part);
void assert_lacks(const char *text, const char *part);

/* Each fails the test when the text is no JSON or the member not there. */
json_t *json_parse(const char *text);
json_t *member(json_t *object, const char *name);
void assert_text(json_t *object, const char *name, const char *text); /* NULL: the member is null */
void assert_integer(json_t *object, const char *name, json_int_t value);

#endif
