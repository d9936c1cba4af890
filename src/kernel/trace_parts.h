/* The programs that trace accept queues, and which of them this kernel takes. */
#ifndef KERNEL_TRACE_PARTS_H
#define KERNEL_TRACE_PARTS_H

#include "backlogctl/tracer.h"

#include <stddef.h>

/* bpf/trace.bpf.c, compiled: an ELF file. */
extern const unsigned char trace_object[];
extern const size_t trace_object_size;

/* Programs for one figure stand together, the best first; those with the same `set` go together. */
struct trace_program {
    const char *name;
    enum trace_figure figure;
    int set;
    const char *hook;
    enum trace_worth worth;
    const char *target; /* what has to be there: the name of the tracepoint or function */
    int arguments;      /* that it must have at least, see trace_choose.c */
};
#define TRACE_PROGRAM_COUNT 10
extern const struct trace_program trace_programs[TRACE_PROGRAM_COUNT];

/* The maps that both sides write. */
struct trace_maps {
    struct trace_slot *slots; /* the kernel's own memory, mapped */
    uint32_t slot_count;
    struct trace_common *common; /* likewise */
    uint64_t *chains;            /* likewise */
    int free_slots;              /* the descriptor of a map, which the object owns */
};

/* ---- trace_slots.c ---- */

/* So many were ever taken. */
uint32_t trace_slots_taken(const struct trace_maps *maps);
/* As list_full() of bpf/listeners.h. */
void trace_slots_note_full(const struct trace_maps *maps, uint32_t slot);
/* As tracer_give_back(). */
bool trace_slots_give_back(const struct trace_maps *maps, uint32_t slot);

/* Chooses by trial, but for the `refused`. 0; -ESRCH: no BTF; -EPERM: bpf(2) is refused; err says which right or setting is missing. */
int trace_choose(const bool refused[TRACE_PROGRAM_COUNT], bool use[TRACE_PROGRAM_COUNT], struct trace_hooks *hooks,
                 struct error *err);

/* Without these nothing can be told. */
bool trace_is_vital(enum trace_figure figure);

/* What it means that bpf(2) failed with this errno value. Returns its negative. */
int trace_refused(int code, struct error *err);
/* Whether it means that there was no memory or descriptor for it: that says nothing of the kernel. */
bool trace_is_starved(int code);
/* What an errno value of libbpf means, which has some of its own. */
const char *trace_why(int code);

#endif
