/* The traces that other processes run: what their programs count in the kernel, read without touching it. Nothing of this is pinned
   anywhere: the programs are found by their numbers (bpf(2), BPF_PROG_GET_NEXT_ID), and by them their maps. */
#ifndef BACKLOGCTL_TRACER_RUNNING_H
#define BACKLOGCTL_TRACER_RUNNING_H

#include "backlogctl/tracer.h"

#define RUNNING_TRACES_MAX 8

struct running_trace {
    const struct trace_common *common; /* the kernel's own memory, mapped to be read */
    const struct trace_slot *slots;
    uint32_t slot_count;               /* that there is room for */
    struct trace_identity identity;    /* as it was when it was found, valid */
    struct trace_hooks hooks;          /* their names are not known */
    int programs[TRACE_PROGRAMS_ROOM]; /* descriptors of its programs; 0: it could not be opened */
};

/* Zeroed is safe to release. */
struct running_traces {
    struct running_trace list[RUNNING_TRACES_MAX]; /* the one that began first comes first */
    size_t count;
    size_t unreadable; /* of another version, or with maps that hold what no trace writes */
};

/* Finds them. 0, also when there is none; -EPERM: it takes CAP_SYS_ADMIN; -ENOSYS: this kernel has no bpf(2); else another -errno.
   err says what is missing. Afterwards no right is needed any more. Costs some 5 us for each program in the kernel. */
int running_traces_open(struct running_traces *out, struct error *err);
void running_traces_release(struct running_traces *traces);

/* As tracer_read, without free slots and sources, and of an interval nothing begins anew. What cannot be is left out: then slots_missing has it, too. */
int running_trace_read(const struct running_trace *trace, struct trace_counts *out, struct error *err);

/* ---- trace_valid.c: what a map holds is input ---- */

/* Whether somebody who traces could have written that. */
bool trace_identity_is_valid(const struct trace_identity *identity);
/* Whether the kernel could have counted that: no number is so large that it could not be summed or shown. */
bool trace_slot_is_valid(const struct trace_slot *slot);

#endif
