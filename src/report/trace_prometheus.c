/* A trace in the text format of Prometheus: counters since it began, and a histogram of waits. */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Listeners with the same labels, one after the other, are one series: a counter may not come twice. */
struct series {
    char *labels; /* owned; with braces */
    struct trace_slot sum;
    bool worth[TRACE_FIGURE_COUNT]; /* known */
};

struct all_series {
    struct series *list;
    size_t count;
};

static char *labels_of(const struct trace_model *m, const struct traced *one)
{
    struct keep keep;
    FILE *stream = keep_begin(&keep);
    if (!stream)
        return NULL;
    write_metric_labels(stream, m->namespaces, m->namespace_count, &one->now);
    return keep_end(&keep);
}

static struct series *series_of(struct all_series *all, char *labels)
{
    for (size_t i = 0; i < all->count; i++)
        if (!strcmp(all->list[i].labels, labels)) {
            free(labels);
            return &all->list[i];
        }
    all->list[all->count] = (struct series){.labels = labels};
    return &all->list[all->count++];
}

static void add(struct series *s, const struct traced *one)
{
    const struct trace_slot *slot = &one->slot;
    struct trace_slot *sum = &s->sum;
    sum->entered += slot->entered;
    sum->peak = slot->peak > sum->peak ? slot->peak : sum->peak;
    sum->accepted += slot->accepted;
    sum->accepted_seed += slot->accepted_seed;
    sum->unseen += slot->unseen;
    sum->left_closed += slot->left_closed;
    sum->left_other += slot->left_other;
    sum->syn.count += slot->syn.count;
    sum->ack.count += slot->ack.count;
    sum->syn_queue.count += slot->syn_queue.count;
    sum->wait_sum += slot->wait_sum;
    for (unsigned i = 0; i < TRACE_WAITS; i++)
        sum->waits[i] += slot->waits[i];
    for (enum trace_figure f = 0; f < TRACE_FIGURE_COUNT; f++)
        s->worth[f] |= one->worth[f] != TRACE_UNKNOWN;
}

static uint64_t peak(const struct trace_slot *s)
{
    return s->peak;
}

static uint64_t entered(const struct trace_slot *s)
{
    return s->entered;
}

static uint64_t accepted(const struct trace_slot *s)
{
    return s->accepted + s->accepted_seed + s->unseen;
}

static uint64_t left(const struct trace_slot *s)
{
    return s->left_closed + s->left_other;
}

static uint64_t syn(const struct trace_slot *s)
{
    return s->syn.count;
}

static uint64_t ack(const struct trace_slot *s)
{
    return s->ack.count;
}

static uint64_t syn_queue(const struct trace_slot *s)
{
    return s->syn_queue.count;
}

static const struct {
    const char *name, *type, *help;
    enum trace_figure figure;
    uint64_t (*value)(const struct trace_slot *s);
} metrics[] = {
    {"backlogctl_trace_queue_peak", "gauge", "Longest accept queue since the trace began.", TRACE_LENGTH, peak},
    {"backlogctl_trace_queue_additions_total", "counter", "Connections that entered the accept queue.", TRACE_LENGTH, entered},
    {"backlogctl_trace_accepts_total", "counter", "Connections that accept(2) returned.", TRACE_WAIT, accepted},
    {"backlogctl_trace_left_total", "counter", "Connections that left the accept queue without being accepted.", TRACE_LEFT,
     left},
    {"backlogctl_trace_syn_overflows_total", "counter", "SYNs dropped on the full accept queue.", TRACE_SYN, syn},
    {"backlogctl_trace_ack_overflows_total", "counter", "Last ACKs of handshakes dropped on the full accept queue.", TRACE_ACK,
     ack},
    {"backlogctl_trace_syn_queue_drops_total", "counter", "SYNs dropped on the full SYN queue, without cookies.", TRACE_SYN_QUEUE,
     syn_queue},
};

#define WAIT "backlogctl_trace_accept_wait_seconds"

/* The labels with one more. */
static void write_bound(FILE *out, const struct series *s, const char *bound)
{
    fprintf(out, WAIT "_bucket%.*s,le=\"%s\"}", (int)strlen(s->labels) - 1, s->labels, bound);
}

static void write_histogram(FILE *out, const struct series *s)
{
    char bound[32];
    uint64_t count = 0;
    for (unsigned i = 0; i + 1 < TRACE_WAITS; i++) {
        count += s->sum.waits[i];
        if ((i + 1) % TRACE_SUB)
            continue;
        snprintf(bound, sizeof bound, "%.9g", (double)trace_wait_from(i + 1) / NSEC_PER_SEC);
        write_bound(out, s, bound);
        fprintf(out, " %" PRIu64 "\n", count);
    }
    count += s->sum.waits[TRACE_WAITS - 1];
    write_bound(out, s, "+Inf");
    fprintf(out, " %" PRIu64 "\n", count);
    fprintf(out, WAIT "_sum%s %.9g\n" WAIT "_count%s %" PRIu64 "\n", s->labels, (double)s->sum.wait_sum / NSEC_PER_SEC, s->labels,
            count);
}

static void write_all(FILE *out, const struct all_series *all)
{
    for (size_t n = 0; n < sizeof metrics / sizeof *metrics; n++) {
        write_metric_head(out, metrics[n].name, metrics[n].type, metrics[n].help);
        for (size_t i = 0; i < all->count; i++)
            if (all->list[i].worth[metrics[n].figure])
                fprintf(out, "%s%s %" PRIu64 "\n", metrics[n].name, all->list[i].labels, metrics[n].value(&all->list[i].sum));
    }
    write_metric_head(out, WAIT, "histogram", "Time in the accept queue, of connections whose coming and accept were seen.");
    for (size_t i = 0; i < all->count; i++)
        if (all->list[i].worth[TRACE_WAIT])
            write_histogram(out, &all->list[i]);
}

int report_trace_prometheus(FILE *out, const struct trace_model *m)
{
    struct all_series all = {.list = calloc(m->count + 1, sizeof *all.list)};
    int status = all.list ? 0 : -ENOMEM;
    for (size_t i = 0; i < m->count && !status; i++) {
        char *labels = m->list[i].selected ? labels_of(m, &m->list[i]) : NULL;
        if (labels)
            add(series_of(&all, labels), &m->list[i]);
        else if (m->list[i].selected)
            status = -ENOMEM;
    }
    if (!status && all.count) /* without a series its head says nothing */
        write_all(out, &all);
    for (size_t i = 0; i < all.count; i++)
        free(all.list[i].labels);
    free(all.list);
    return status;
}
