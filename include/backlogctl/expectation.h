/* What the user expects of a figure, and whether it held: written by options, then by the judge. */
#ifndef BACKLOGCTL_EXPECTATION_H
#define BACKLOGCTL_EXPECTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum compare { COMPARE_EQ, COMPARE_NE, COMPARE_LT, COMPARE_LE, COMPARE_GT, COMPARE_GE };

struct expectation {
    char text[48];   /* normalised, as "timed_out>=6" */
    uint8_t measure; /* enum measure, see figures.h */
    uint8_t compare;
    int64_t expected;
    /* Written by the judge: */
    bool seen_known;  /* false: nobody knows the value */
    int64_t seen;     /* the least that it can be, */
    int64_t seen_max; /* and the most: the same unless only bounds are known */
    uint8_t outcome;  /* enum expectation_outcome */
    size_t broken;    /* of listeners: how many do not keep it, or not for certain, */
    size_t broken_by; /* and the index of the first of them: `seen` is its */
};

#define EXPECTATIONS_MAX 32
struct expectations {
    struct expectation list[EXPECTATIONS_MAX];
    size_t count;
};

#endif
