/* What happened at traced listeners over time, in bounded memory. Plain structs. */
#ifndef BACKLOGCTL_TRACE_HISTORY_H
#define BACKLOGCTL_TRACE_HISTORY_H

#include "backlogctl/trace_facts.h"

/* Points of one listener at the most, and of all together: neighbours are merged where there would be more. */
#define TRACE_POINTS 600
#define TRACE_POINTS_LEAST 4 /* of one, where all together have too many; who comes later has none */
#define TRACE_POINTS_ALL 65536

/* One or several intervals that follow each other in which something happened. */
struct trace_point {
    nsec from, to;     /* since the beginning */
    uint64_t number;   /* of the interval, by the track's width */
    uint64_t queue;    /* its length at the end; it stayed so until the next point */
    uint64_t capacity; /* 0: not known */
    struct trace_span span;
};

/* A listener's. */
struct trace_track {
    uint64_t cookie, netns;
    struct trace_point *points; /* owned; in the order of time */
    size_t count, room;
    uint64_t width; /* intervals that one point can have; 0: none so far */
    bool missed;    /* there was no room for a point */
};

/* Zeroed at the beginning. */
struct trace_history {
    struct trace_track *tracks; /* owned; of the listeners in the model's list, in their order */
    size_t count;
    size_t limit; /* of one track; 0: TRACE_POINTS */
    size_t room;  /* of all tracks */
};

#endif
