/* JSON documents in a file, one behind the other, whose long arrays are read row by row: a report of a million connections needs no more
   memory than one of ten. */
#ifndef STUDY_DOCUMENT_H
#define STUDY_DOCUMENT_H

#include "backlogctl/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct document {
    FILE *file;
    uint64_t at; /* bytes read so far */
    int kept;    /* a byte that was read too far, EOF: none */
};

/* `members`: what came before the array `name` in its document. 0 or -errno, which ends the reading. The row is the caller's. */
typedef int document_row(void *context, const json_t *members, const char *name, const json_t *row, struct error *err);

static inline struct document document_of(FILE *file)
{
    return (struct document){.file = file, .kept = EOF};
}

/* The next document: *members gets all members but the arrays named in `streamed` (NULL at the end), of which each element was handed to
   `row`; a streamed member is there as an empty array, and with another value as it is. 1: there was one, *members is the caller's to drop;
   0: nothing but blanks is left; -EBADMSG: this is no JSON object, or it ends in the middle (error text with the place); else what `row`
   returned. */
int document_next(struct document *d, const char *const *streamed, document_row *row, void *context, json_t **members,
                  struct error *err);

#endif
