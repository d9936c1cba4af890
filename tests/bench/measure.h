/* One measurement: a fresh listener that never accepts, and a whole process timed from fork to exit. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "backlogctl/clock.h"
#include "backlogctl/error.h"

#include <stddef.h>
#include <stdint.h>

/* What becomes of every connection. */
enum fate {
    FATE_QUEUED,  /* the accept queue has room for all */
    FATE_DROPPED, /* it is full before the first one */
    FATE_COUNT,
};

/* Moves this process into a private network namespace where a backlog is not clamped. 0 or -errno. */
int measure_enter(struct error *err);

/* Capacity of the queue that drops everything: backlog + 1. */
#define DROPPING_BACKLOG 2
#define FILLING (DROPPING_BACKLOG + 1)

struct stage {
    int listener, filling[FILLING]; /* -1: none */
    uint16_t port;                  /* on 127.0.0.1 */
};

/* 0 or -errno; stage_close either way. */
int stage_open(struct stage *stage, enum fate fate, size_t count, struct error *err);

/* Also waits until the kernel has cleared away what it will of what the run left. */
void stage_close(struct stage *stage);

struct sample {
    nsec wall, cpu;   /* fork to exit; user and system time of all its threads */
    uint64_t peak;    /* ru_maxrss, bytes */
    uint64_t lost;    /* packets that the machine dropped meanwhile: net.core.netdev_max_backlog */
    char failure[12]; /* empty: it ended with status 0. Otherwise in a word or two how it did not */
    char why[200];    /* then: the first line of its stderr, or else the end of its stdout */
};

/* Runs argv (a path first, NULL at the end) to its end. stdout goes to a file in memory. */
void sample_take(struct sample *out, const char *const argv[]);

#endif
