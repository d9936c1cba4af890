/* A hash table of a target's attempts by their source: open addressing, at most half full. */
#include "source_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t source_hash(const struct endpoint *source)
{
    uint64_t hash = source->port;
    for (size_t i = 0; i < sizeof source->bytes; i += 4) {
        uint32_t word;
        memcpy(&word, source->bytes + i, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
    }
    return (size_t)hash;
}

static bool same_source(const struct endpoint *a, const struct endpoint *b)
{
    return a->port == b->port && a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

int source_index_build(struct source_index *index, struct target *target, attempt_picks *wanted, struct error *err)
{
    size_t size = 16;
    while (size < target->attempt_count * 2)
        size *= 2;
    *index = (struct source_index){.target = target, .mask = size - 1, .slots = calloc(size, sizeof *index->slots)};
    if (!index->slots)
        return error_set(err, ENOMEM, "no memory to index %zu connections", target->attempt_count);
    for (size_t i = 0; i < target->attempt_count; i++) {
        if (!wanted(&target->attempts[i]))
            continue;
        size_t at = source_hash(&target->attempts[i].source) & index->mask;
        while (index->slots[at])
            at = (at + 1) & index->mask;
        index->slots[at] = (uint32_t)i + 1;
    }
    return 0;
}

struct attempt *source_index_find(const struct source_index *index, const struct endpoint *source)
{
    for (size_t at = source_hash(source) & index->mask; index->slots[at]; at = (at + 1) & index->mask) {
        struct attempt *a = &index->target->attempts[index->slots[at] - 1];
        if (same_source(&a->source, source))
            return a;
    }
    return NULL;
}
