/* A hash table of a target's attempts by their source: open addressing, at most three quarters full. */
#include "source_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The first slot to try: the hash as a fraction of the table, which so may have any size. */
static size_t first_slot(const struct source_index *index, const struct endpoint *source)
{
    uint64_t hash = source->port;
    for (size_t i = 0; i < sizeof source->bytes; i += 4) {
        uint32_t word;
        memcpy(&word, source->bytes + i, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return (size_t)((hash >> 32) * index->size >> 32);
}

static size_t next_slot(const struct source_index *index, size_t at)
{
    return at + 1 < index->size ? at + 1 : 0;
}

static bool same_source(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

int source_index_build(struct source_index *index, struct target *target, attempt_picks *wanted, struct error *err)
{
    size_t size = target->attempt_count + target->attempt_count / 3 + 1;
    *index = (struct source_index){.target = target, .size = size, .slots = calloc(size, sizeof *index->slots)};
    if (!index->slots)
        return error_set(err, ENOMEM, "no memory to index %zu connections", target->attempt_count);
    for (size_t i = 0; i < target->attempt_count; i++) {
        if (!wanted(&target->attempts[i]))
            continue;
        struct endpoint source = attempt_source(target, &target->attempts[i]);
        size_t at = first_slot(index, &source);
        while (index->slots[at])
            at = next_slot(index, at);
        index->slots[at] = (uint32_t)i + 1;
    }
    return 0;
}

struct attempt *source_index_find(const struct source_index *index, const struct endpoint *source)
{
    for (size_t at = first_slot(index, source); index->slots[at]; at = next_slot(index, at)) {
        struct attempt *a = &index->target->attempts[index->slots[at] - 1];
        struct endpoint own = attempt_source(index->target, a);
        if (same_source(&own, source))
            return a;
    }
    return NULL;
}
