/* What was printed, and what it must be. */
#ifndef TESTS_PRINTED_H
#define TESTS_PRINTED_H

#include "fuzz.h"

#include <jansson.h>

struct printed {
    char *text; /* NUL-terminated */
    size_t size;
};

FILE *print_begin(struct printed *printed);
/* Closes it; `out` is what print_begin returned. */
void print_end(struct printed *printed, FILE *out);
void print_free(struct printed *printed);

/* UTF-8 without anything that a terminal obeys, or that hides or turns what stands beside it, but newlines; and, with `color`, SGR. */
void must_be_text(const struct printed *printed, bool color);
/* One object, or one a line. */
void must_be_json(const struct printed *printed);
void must_be_json_lines(const struct printed *printed);
void must_be_xml(const struct printed *printed);
/* RFC 4180; every record has as many fields as the first. */
void must_be_csv(const struct printed *printed);
/* Text exposition format 0.0.4; in a replay also by promtool, if it is there. */
void must_be_metrics(const struct printed *printed);

#endif
