/* Finding an attempt by the address and port that it came from. */
#ifndef ENGINE_SOURCE_INDEX_H
#define ENGINE_SOURCE_INDEX_H

#include "backlogctl/error.h"
#include "backlogctl/connection_facts.h"

struct source_index {
    struct target *target;
    uint32_t *slots; /* attempt number + 1; 0: free */
    size_t size;
    nsec epoch; /* the caller's: the start of the run */
};

typedef bool attempt_picks(const struct attempt *attempt);

/* Indexes the attempts that `wanted` picks. 0 or -ENOMEM. The slots are the caller's to free. */
int source_index_build(struct source_index *index, struct target *target, attempt_picks *wanted, struct error *err);

/* NULL: none of them. */
struct attempt *source_index_find(const struct source_index *index, const struct endpoint *source);

#endif
