/* A survey in the text format of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/ */
#include "internal.h"

#include <inttypes.h>

/* Label values are escaped as the format says, after what is no UTF-8 (one such label and all of the file is refused) and what a
   person who reads the file should not be given. */
void write_metric_label(FILE *out, const char *name, const char *value)
{
    char safe[ESCAPED_SIZE(LIST_CELL_SIZE)];
    escape_text(value, ESCAPE_UNPRINTABLE, safe, sizeof safe);
    fprintf(out, "%s=\"", name);
    for (const char *at = safe; *at; at++) {
        if (*at == '\\' || *at == '"')
            putc('\\', out);
        putc(*at, out);
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

static const char *label_text(enum figure_id figure, const struct listener *l, char out[LIST_CELL_SIZE])
{
    struct figure_value value = figure_value(figure, l);
    if (figures[figure].form == AS_HOLDER)
        return value.text ? value.text : "";
    if (figures[figure].form != AS_MEMBER)
        return figure_text(figure, l, out);
    snprintf(out, LIST_CELL_SIZE, "%" PRIu64, value.number);
    return out;
}

/* Members share an address; AF_UNIX sockets may share a name or have none. */
static bool has_label(enum figure_id figure, const struct listener *l, bool always)
{
    if (!figures[figure].label.name || always != (figures[figure].label.when == LABEL_ALWAYS))
        return false;
    switch (figures[figure].label.when) {
    case LABEL_ALWAYS:
        return true;
    case LABEL_OF_MEMBERS:
        return l->group > 1;
    case LABEL_OF_UNIX:
        return is_unix((enum socket_kind)l->kind);
    case LABEL_IF_KNOWN:
        break;
    }
    return figure_value(figure, l).state == FIGURE_KNOWN;
}

/* What names a listener and stays the same when its server is restarted: first what all have. */
void write_metric_labels(FILE *out, const struct netns_facts *namespaces, size_t count, const struct listener *l)
{
    char text[LIST_CELL_SIZE], netns[NETNS_LABEL_SIZE], before = '{';
    for (int always = 1; always >= 0; always--)
        for (enum figure_id f = 0; f < FIGURE_COUNT; f++)
            if (has_label(f, l, always)) {
                putc(before, out);
                write_metric_label(out, figures[f].label.name, label_text(f, l, text));
                before = ',';
            }
    const struct netns_facts *facts = netns_facts_find(namespaces, count, l->netns);
    if (facts && netns_label(facts, netns)) {
        putc(before, out);
        write_metric_label(out, "netns", netns);
    }
    putc('}', out);
}

void write_metric_head(FILE *out, const char *name, const char *type, const char *help)
{
    fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* An empty queue has no oldest: 0, so that a graph comes down again. */
static void write_metric(FILE *out, const struct survey *survey, enum figure_id figure, const char *name, bool most)
{
    const struct figure *f = &figures[figure];
    write_metric_head(out, name, f->metric.type, f->metric.help);
    for (size_t i = 0; i < survey->count; i++) {
        struct figure_value value = figure_value(figure, &survey->listeners[i]);
        double number = (double)(most ? value.most : value.number);
        if (value.state == FIGURE_UNKNOWN)
            continue;
        fputs(name, out);
        write_metric_labels(out, survey->namespaces, survey->namespace_count, &survey->listeners[i]);
        fprintf(out, " %.15g\n", f->form == AS_MSEC ? number / 1000 : number);
    }
}

static void write_netns_metric(FILE *out, const struct survey *survey, const char *name, const char *type, const char *help,
                               int64_t (*value)(const struct netns_facts *facts))
{
    write_metric_head(out, name, type, help);
    for (size_t i = 0; i < survey->namespace_count; i++) {
        const struct netns_facts *facts = &survey->namespaces[i];
        if (value(facts) < 0)
            continue;
        fputs(name, out);
        char netns[NETNS_LABEL_SIZE];
        if (netns_label(facts, netns)) {
            putc('{', out);
            write_metric_label(out, "netns", netns);
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
    for (enum figure_id f = 0; f < FIGURE_COUNT; f++) {
        if (figures[f].metric.name)
            write_metric(out, survey, f, figures[f].metric.name, false);
        if (figures[f].metric.most)
            write_metric(out, survey, f, figures[f].metric.most, true);
    }
    write_netns_metric(out, survey, "backlogctl_netns_somaxconn", "gauge", "net.core.somaxconn of the network namespace.",
                       value_somaxconn);
    write_netns_metric(out, survey, "backlogctl_netns_listen_overflows_total", "counter",
                       "ListenOverflows of the network namespace.", value_overflows);
    write_netns_metric(out, survey, "backlogctl_netns_listen_drops_total", "counter", "ListenDrops of the network namespace.",
                       value_listen_drops);
    write_netns_metric(out, survey, "backlogctl_netns_drops_gone", "gauge",
                       "ListenDrops that no listener which is there accounts for.", value_drops_gone);
}
