/* A build without libbpf, or without a compiler for the kernel's programs. */
#include "backlogctl/tracer.h"

#include <errno.h>

#ifdef TRACE_LACKS
const char *tracer_lacks(void)
{
    return "this backlogctl was built without " TRACE_LACKS;
}

const char *tracer_library(void)
{
    return NULL;
}

int tracer_open(struct tracer **out, const struct tracer_query *query, struct error *err)
{
    (void)out, (void)query;
    return error_set(err, ENOSYS, "%s", tracer_lacks());
}

void tracer_close(struct tracer *tracer)
{
    (void)tracer;
}

const struct trace_hooks *tracer_hooks(const struct tracer *tracer)
{
    (void)tracer;
    return NULL;
}

int tracer_seed(struct tracer *tracer, struct error *err)
{
    (void)tracer;
    return error_set(err, ENOSYS, "%s", tracer_lacks());
}

void tracer_announce(struct tracer *tracer, const struct trace_identity *identity)
{
    (void)tracer, (void)identity;
}

void tracer_cut(struct tracer *tracer)
{
    (void)tracer;
}

int tracer_read(struct tracer *tracer, struct trace_counts *out, struct error *err)
{
    (void)tracer, (void)out;
    return error_set(err, ENOSYS, "%s", tracer_lacks());
}

void tracer_note_full(struct tracer *tracer, uint32_t slot)
{
    (void)tracer, (void)slot;
}

int tracer_events_fd(const struct tracer *tracer)
{
    (void)tracer;
    return -1;
}

int tracer_events_take(struct tracer *tracer, tracer_each_event *each, void *context, struct error *err)
{
    (void)tracer, (void)each, (void)context;
    return error_set(err, ENOSYS, "%s", tracer_lacks());
}

const struct trace_slot *tracer_slot(const struct tracer *tracer, uint32_t slot)
{
    (void)tracer, (void)slot;
    return NULL;
}

bool tracer_give_back(struct tracer *tracer, uint32_t slot)
{
    (void)tracer, (void)slot;
    return false;
}
#endif
