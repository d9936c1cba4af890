/* Numbers that are known within bounds, and what can be said of an expectation of them. */
#ifndef BACKLOGCTL_INTERVAL_H
#define BACKLOGCTL_INTERVAL_H

#include <stdbool.h>
#include <stdint.h>

/* The true number is one of min..max. */
struct interval {
    bool known; /* false: nothing is known, and both are 0 */
    uint64_t min, max;
};

/* The worst comes first. */
enum expectation_outcome {
    OUTCOME_FAILED, /* the expectation does not hold */
    OUTCOME_OPEN,   /* it cannot be decided */
    OUTCOME_HELD
};

static inline enum expectation_outcome outcome_worse(enum expectation_outcome a, enum expectation_outcome b)
{
    return a < b ? a : b;
}

/* What a network namespace counted meanwhile of what its listeners share. */
struct overflow_span {
    bool known;
    uint64_t least, most; /* the rise of ListenOverflows is one of least..most */
    bool others_known;    /* every other listener was there all the time: */
    uint64_t others;      /* packets that they discarded in all */
};

#endif
