/* A survey in the text format of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/ */
#include "internal.h"

#include <inttypes.h>

/* Label values are escaped as the format says. */
static void write_label(FILE *out, const char *name, const char *value)
{
    fprintf(out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"' || *value == '\n')
            putc('\\', out);
        putc(*value == '\n' ? 'n' : *value, out);
    }
    putc('"', out);
}

#define NETNS_LABEL_SIZE (sizeof((struct netns_facts *)0)->name)

/* The namespace, unless it is ours: so the series of our own listeners stay the same, however many others there are. Its name
   where it has one, for its number has another meaning after a reboot. */
static bool netns_label(const struct netns_facts *facts, char out[NETNS_LABEL_SIZE])
{
    if (*facts->name)
        snprintf(out, NETNS_LABEL_SIZE, "%s", facts->name);
    else
        snprintf(out, NETNS_LABEL_SIZE, "%" PRIu64, facts->inode);
    return !facts->ours;
}

/* What names a listener and stays the same when its server is restarted. */
static void write_labels(FILE *out, const struct survey *survey, const struct listener *l)
{
    char place[LIST_CELL_SIZE], number[24], netns[NETNS_LABEL_SIZE];
    putc('{', out);
    write_label(out, "kind", socket_kind_name((enum socket_kind)l->kind));
    putc(',', out);
    write_label(out, "listener", report_place(l, place));
    putc(',', out);
    write_label(out, "process", l->process);
    if (l->group > 1 || l->kind >= KIND_UNIX_STREAM) {
        /* Members share an address, AF_UNIX sockets may share a name or have none. */
        snprintf(number, sizeof number, "%" PRIu64, l->group > 1 ? (uint64_t)l->member : (uint64_t)l->inode);
        putc(',', out);
        write_label(out, l->group > 1 ? "member" : "inode", number);
    }
    const struct netns_facts *facts = netns_facts_find(survey->namespaces, survey->namespace_count, l->netns);
    if (facts && netns_label(facts, netns)) {
        putc(',', out);
        write_label(out, "netns", netns);
    }
    putc('}', out);
}

static bool value_queue(const struct listener *l, double *value)
{
    *value = (double)l->queue;
    return true;
}

static bool value_backlog(const struct listener *l, double *value)
{
    *value = (double)l->backlog;
    return true;
}

static bool value_half_open(const struct listener *l, double *value)
{
    *value = l->half_open;
    return l->half_open_known;
}

static bool value_drops(const struct listener *l, double *value)
{
    *value = (double)l->drops;
    return l->drops_known;
}

/* An empty queue has no oldest: 0, so that a graph comes down again. */
static bool value_oldest(const struct listener *l, double *value)
{
    *value = l->oldest_ms / 1000.0;
    return l->half_open_known;
}

static const struct {
    const char *name, *type, *help;
    bool (*value)(const struct listener *listener, double *value);
} metrics[] = {
    {"backlogctl_listener_queue_length", "gauge", "Connections that wait to be accepted.", value_queue},
    {"backlogctl_listener_backlog", "gauge", "Effective backlog; the queue holds one more.", value_backlog},
    {"backlogctl_listener_half_open", "gauge", "Half-open requests in the SYN queue.", value_half_open},
    {"backlogctl_listener_drops_total", "counter", "Packets dropped by the listener since it was made.", value_drops},
    {"backlogctl_listener_oldest_wait_seconds", "gauge", "How long the first in the queue has waited.", value_oldest},
};

static void write_metric(FILE *out, const struct survey *survey, size_t m)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metrics[m].name, metrics[m].help, metrics[m].name, metrics[m].type);
    for (size_t i = 0; i < survey->count; i++) {
        double value;
        if (!metrics[m].value(&survey->listeners[i], &value))
            continue;
        fputs(metrics[m].name, out);
        write_labels(out, survey, &survey->listeners[i]);
        fprintf(out, " %.15g\n", value);
    }
}

static void write_netns_metric(FILE *out, const struct survey *survey, const char *name, const char *type, const char *help,
                               int64_t (*value)(const struct netns_facts *facts))
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    for (size_t i = 0; i < survey->namespace_count; i++) {
        const struct netns_facts *facts = &survey->namespaces[i];
        if (value(facts) < 0)
            continue;
        fputs(name, out);
        char netns[NETNS_LABEL_SIZE];
        if (netns_label(facts, netns)) {
            putc('{', out);
            write_label(out, "netns", netns);
            putc('}', out);
        }
        fprintf(out, " %" PRId64 "\n", value(facts));
    }
}

static int64_t value_somaxconn(const struct netns_facts *facts)
{
    return facts->somaxconn;
}

static int64_t value_overflows(const struct netns_facts *facts)
{
    return facts->counters.known ? (int64_t)facts->counters.value[COUNTER_LISTEN_OVERFLOWS] : -1;
}

static int64_t value_listen_drops(const struct netns_facts *facts)
{
    return facts->counters.known ? (int64_t)facts->counters.value[COUNTER_LISTEN_DROPS] : -1;
}

static int64_t value_drops_gone(const struct netns_facts *facts)
{
    return facts->counters.known ? (int64_t)facts->drops_gone : -1;
}

void report_survey_prometheus(FILE *out, const struct survey *survey)
{
    for (size_t m = 0; m < sizeof metrics / sizeof *metrics; m++)
        write_metric(out, survey, m);
    write_netns_metric(out, survey, "backlogctl_netns_somaxconn", "gauge", "net.core.somaxconn of the network namespace.",
                       value_somaxconn);
    write_netns_metric(out, survey, "backlogctl_netns_listen_overflows_total", "counter",
                       "ListenOverflows of the network namespace.", value_overflows);
    write_netns_metric(out, survey, "backlogctl_netns_listen_drops_total", "counter", "ListenDrops of the network namespace.",
                       value_listen_drops);
    write_netns_metric(out, survey, "backlogctl_netns_drops_gone", "gauge",
                       "ListenDrops that no listener which is there accounts for.", value_drops_gone);
}
