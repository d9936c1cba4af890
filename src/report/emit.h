/* Fast output of what comes by the hundred thousand: integers, our own words and addresses, gathered in a buffer of the
   caller's and written at once. Everything else goes through stdio and jansson. */
#ifndef BACKLOGCTL_REPORT_EMIT_H
#define BACKLOGCTL_REPORT_EMIT_H

#include "backlogctl/clock.h"
#include "backlogctl/endpoint.h"

#include <stdio.h>
#include <string.h>

#define EMITTER_SIZE 98304

/* The caller flushes before what it emits could exceed EMITTER_SIZE. */
struct emitter {
    FILE *out;
    size_t used;
    char text[EMITTER_SIZE]; /* not cleared: it is large */
};

void emit_begin(struct emitter *e, FILE *out);
void emit_flush(struct emitter *e);

/* Here, so that a literal is copied in a few instructions. */
static inline void emit_bytes(struct emitter *e, const char *bytes, size_t length)
{
    memcpy(e->text + e->used, bytes, length);
    e->used += length;
}
#define EMIT(e, literal) emit_bytes(e, "" literal, sizeof(literal) - 1)
#define EMIT_MEMBER(e, name) EMIT(e, ",\"" name "\":") /* of an object, but its first */
void emit_text(struct emitter *e, const char *text);
void emit_number(struct emitter *e, uint64_t value);
void emit_endpoint(struct emitter *e, const struct endpoint *endpoint); /* "127.0.0.1:80", for a terminal */

/* As JSON values. */
void emit_json_span(struct emitter *e, nsec span); /* microseconds, or null for NSEC_NEVER */
void emit_json_word(struct emitter *e, const char *word);
void emit_json_name(struct emitter *e, const char *name); /* a word of our vocabulary, which holds nothing to escape */
void emit_json_endpoint(struct emitter *e, const struct endpoint *endpoint); /* null for none */

#endif
