/* What the parts of a survey share. */
#ifndef ENGINE_SURVEY_INTERNAL_H
#define ENGINE_SURVEY_INTERNAL_H

#include "backlogctl/sockdiag.h"
#include "backlogctl/surveyor.h"

struct surveyor {
    struct survey *survey;
    const struct survey_query *query;
    struct sockdiag diag;
    uint64_t netns; /* where we are now */
    size_t here;    /* its first listener */
    size_t kept;    /* listeners before the dump that goes on: what a new try of it goes back to */
    size_t room;
    bool out_of_memory;
    int family;    /* of the children that are asked for now, */
    bool counting; /* and whether those are half-open */
};

/* Keeps the first reason why evidence is missing. */
void surveyor_note(struct surveyor *s, const struct error *err);

/* Adds the listeners of the namespace that the thread is in, in order, members of reuseport groups numbered. 0 or -errno. */
int surveyor_list(struct surveyor *s, struct error *err);

/* Fills in half_open and oldest of those. */
void surveyor_find_waiting(struct surveyor *s);

#endif
