/* What of the schemas follows from the tables: the words, and the figures of a listener. */
#ifndef REPORT_SCHEMA_WORDS_H
#define REPORT_SCHEMA_WORDS_H

#include "internal.h"

/* Adds definitions of these; what they refer to is there or in schema/common.json. NULL without memory. */
void schema_add_words(json_t **definitions);

/* A reference to a definition; null too if `nullable`. */
json_t *schema_reference(const char *name, bool nullable);

#endif
