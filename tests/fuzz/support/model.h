/* The model that reports print, made of the fuzzer's bytes: whatever the kernel and the user of a machine can make of it. */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include "fuzz.h"

#include "backlogctl/figures.h"
#include "backlogctl/run.h"
#include "backlogctl/survey.h"

/* A span of at most ten years, which is more than any clock shows; or, of a moment, NSEC_NEVER. */
nsec draw_span(struct bytes *bytes);
nsec draw_moment(struct bytes *bytes);

/* A sum of what 32 bits hold each. */
uint64_t draw_count(struct bytes *bytes);

struct endpoint draw_place(struct bytes *bytes, enum socket_kind kind);
struct listener draw_listener(struct bytes *bytes);
struct socket_holder draw_holder(struct bytes *bytes);
struct holders_look draw_look(struct bytes *bytes);
struct counters draw_counters(struct bytes *bytes);
size_t draw_expectations(struct bytes *bytes, enum measures kind, struct expectation out[EXPECTATIONS_MAX]);

/* The text is as long-lived as the input: static storage, so many at a time. */
#define LASTING 16
const char *draw_lasting(struct bytes *bytes);
/* The same, or NULL. */
const char *draw_lasting_or_none(struct bytes *bytes);

#endif
