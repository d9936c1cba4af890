/* Follows accept queues in the kernel itself: BPF programs (bpf(2)) that count in maps what happens at each listener, without a message
   to this process. They are held by descriptors alone: when this process ends, however it does, nothing of them stays. */
#ifndef BACKLOGCTL_TRACER_H
#define BACKLOGCTL_TRACER_H

#include "backlogctl/error.h"
#include "backlogctl/trace_facts.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tracer;

/* Why this build cannot trace, in a line; NULL: it can. */
const char *tracer_lacks(void);

/* The version of libbpf that this was built with; NULL: none. */
const char *tracer_library(void);

struct tracer_query {
    uint16_t port;      /* 0: any */
    uint32_t netns;     /* inode of the one namespace that counts; 0: all */
    bool events;        /* tell of each connection */
    bool no_sources;    /* nobody asks whose packets were dropped: then reading takes no system call */
    uint64_t listeners; /* that are there: room is made for twice as many */
};

/* Loads the programs and attaches them, of each figure the best hook that this kernel lets us have; from then on every listener that
   comes is followed. 0; -ENOSYS: this build cannot; -EPERM, -EACCES: a right is missing (text: which); -ESRCH: the kernel tells no types
   (CONFIG_DEBUG_INFO_BTF); another -errno. Takes some 200 ms. */
int tracer_open(struct tracer **out, const struct tracer_query *query, struct error *err);
void tracer_close(struct tracer *tracer);

/* Which hook each figure rests on. */
const struct trace_hooks *tracer_hooks(const struct tracer *tracer);

/* Follows the listeners that are there already in the namespace of the calling thread, and notes who is in their queues. 0 or -errno. */
int tracer_seed(struct tracer *tracer, struct error *err);

/* Lets others read what is counted, see tracer_running.h. Magic, layout and worths are filled in. */
void tracer_announce(struct tracer *tracer, const struct trace_identity *identity);

/* As it stands in the maps, by the numbers of the slots; `sk` of one that is free is 0. Zeroed before the first reading; trace_counts_release at the end. */
struct trace_source_row {
    struct trace_source source;
    struct trace_source_count count;
};
struct trace_counts {
    struct trace_slot *slots; /* owned */
    size_t count;
    struct trace_common common;
    struct trace_source_row *sources; /* owned */
    size_t source_count;
    uint64_t
        left_out[TRACE_FIGURE_COUNT]; /* times that the kernel did not run the program, as it was interrupted on that processor */
};
void trace_counts_release(struct trace_counts *counts);

/* Says that an interval ends about now, before its end is looked at otherwise: what comes from here to the reading that follows counts
   in this interval and in the next one, so that a queue which is long at that moment is long in both. */
void tracer_cut(struct tracer *tracer);

/* What was counted so far, of all listeners. The `interval_peak`s begin anew. 0 or -ENOMEM, or -errno of bpf(2). */
int tracer_read(struct tracer *tracer, struct trace_counts *out, struct error *err);

/* With query->events: a descriptor that is readable when there are some, else -1; takes them in. */
int tracer_events_fd(const struct tracer *tracer);
typedef void tracer_each_event(void *context, const struct trace_event *event);
int tracer_events_take(struct tracer *tracer, tracer_each_event *each, void *context, struct error *err);

/* The listener of an event; NULL: no such slot. Changes while it is read. */
const struct trace_slot *tracer_slot(const struct tracer *tracer, uint32_t slot);

/* Of a slot whose listener was closed, with nobody in its queue any more, and whose figures are known: another listener may have it. To be
   called at one look after the other until it returns true, as the programs may walk over it still. */
bool tracer_give_back(struct tracer *tracer, uint32_t slot);

/* Says that the queue of this listener is full though nothing came to it (its backlog was lowered). */
void tracer_note_full(struct tracer *tracer, uint32_t slot);

#endif
