/* The attempts of a burst in memory: what takes room is kept only where it is needed. */
#include "backlogctl/connection_facts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(struct attempt) == 48, "a million attempts take 48 MB");
_Static_assert(STATE_COUNT <= 16 && PEER_COUNT <= 16 && EVIDENCE_COUNT <= 16, "four bits hold them");

int attempts_make(struct target *target, size_t count, bool timeline, struct error *err)
{
    bool compact = target->address.family == AF_INET;
    target->attempts = calloc(count, sizeof *target->attempts);
    target->sources = compact ? NULL : calloc(count, sizeof *target->sources);
    target->failed = timeline ? malloc(count * sizeof *target->failed) : NULL;
    if (target->attempts && (compact || target->sources) && (!timeline || target->failed))
        return 0;
    attempts_release(target);
    return error_set(err, ENOMEM, "no memory for %zu connections", count);
}

void attempts_release(struct target *target)
{
    free(target->attempts);
    free(target->sources);
    free(target->failed);
    target->attempts = NULL;
    target->sources = NULL;
    target->failed = NULL;
}

void attempt_set_source(struct target *target, struct attempt *attempt, const struct endpoint *source)
{
    attempt->bound = source->family != AF_UNSPEC;
    if (target->sources) {
        target->sources[attempt - target->attempts] = *source;
        return;
    }
    attempt->ipv4_port = source->port;
    memcpy(attempt->ipv4, source->bytes, sizeof attempt->ipv4);
}
