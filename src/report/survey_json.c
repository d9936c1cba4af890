/* The JSON of list, schema backlogctl.list/2. */
#include "internal.h"

#define SCHEMA "backlogctl.list/2"

static json_t *remarks_json(uint32_t remarks)
{
    json_t *list = json_array();
    for (int r = 0; r < REMARK_COUNT; r++)
        if (remarks >> r & 1)
            json_add(&list, json_string(remark_name((enum remark)r)));
    return list;
}

static json_t *text_or_null(const char *text)
{
    return *text ? json_text(text) : json_null();
}

static json_t *figure_json(enum figure_id figure, const struct listener *l)
{
    struct figure_value value = figure_value(figure, l);
    struct endpoint plain = l->local;
    plain.scope = 0; /* `device` names it */
    switch (figures[figure].form) {
    case AS_NUMBER:
    case AS_PERCENT:
    case AS_MSEC:
    case AS_MEMBER:
        return json_known(value.state == FIGURE_KNOWN, value.number);
    case AS_INTERVAL:
        return json_interval(&(struct interval){value.state == FIGURE_KNOWN, value.number, value.most});
    case AS_FLAG:
        return json_boolean(value.number);
    case AS_KIND:
        return json_string(socket_kind_name((enum socket_kind)value.number));
    case AS_WORD:
    case AS_HOLDER:
        return json_text(value.text);
    case AS_PLACE:
        return is_unix((enum socket_kind)l->kind) ? json_null() : json_address(&plain);
    case AS_REMARKS:
        break;
    }
    return remarks_json((uint32_t)value.number);
}

json_t *json_listener(const struct listener *l)
{
    json_t *object = json_object();
    for (enum figure_part part = 0; part < FIGURE_PARTS; part++)
        for (enum figure_id f = 0; f < FIGURE_COUNT; f++)
            if (figures[f].part == part)
                json_put(&object, figures[f].key, figure_json(f, l));
    return object;
}

static json_t *setting_json(int64_t value)
{
    return json_known(value >= 0, (uint64_t)value);
}

json_t *json_netns(const struct netns_facts *facts)
{
    json_t *counters = json_object();
    for (enum counter c = 0; facts->counters.known && c < COUNTER_COUNT; c++)
        json_put(&counters, counter_name(c), json_integer((json_int_t)facts->counters.value[c]));
    json_t *sysctls = json_pack("{s:o, s:o, s:o, s:o}", "somaxconn", setting_json(facts->somaxconn), "tcp_max_syn_backlog",
                                setting_json(facts->tcp_max_syn_backlog), "tcp_syncookies", setting_json(facts->tcp_syncookies),
                                "tcp_abort_on_overflow", setting_json(facts->tcp_abort_on_overflow));
    return json_pack("{s:I, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "netns", (json_int_t)facts->inode, "name",
                     *facts->name ? json_text(facts->name) : json_null(), "ours", (int)facts->ours, "pid",
                     json_known(facts->pid, (uint64_t)facts->pid), "sysctls", sysctls, "counters", counters, "discarded",
                     json_integer((json_int_t)facts->discarded), "drops_gone",
                     json_known(facts->counters.known, facts->drops_gone));
}

static json_t *expectations_of(const struct survey *survey)
{
    char place[LIST_CELL_SIZE];
    json_t *list = json_array();
    for (size_t i = 0; i < survey->expectation_count; i++) {
        const struct expectation *e = &survey->expectations[i];
        json_add(&list, json_merged(json_expectation(e),
                                    json_pack("{s:I, s:o}", "broken", (json_int_t)e->broken, "broken_by",
                                              e->broken ? json_text(report_place(&survey->listeners[e->broken_by], place))
                                                        : json_null())));
    }
    return list;
}

json_t *json_holder_causes(uint32_t causes)
{
    json_t *list = json_array();
    for (enum holder_cause c = 0; c < HOLDER_CAUSE_COUNT; c++)
        if (causes >> c & 1)
            json_add(&list, json_string(holder_cause_name(c)));
    return list;
}

static json_t *holder_json(const struct socket_holder *h)
{
    bool counted = h->state.descriptors_max;
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "pid", (json_int_t)h->pid, "process",
                     text_or_null(h->process), "pidns", json_known(h->pidns, h->pidns), "unit", text_or_null(h->place.unit),
                     "container", text_or_null(h->place.container), "pod", text_or_null(h->place.pod), "io_uring",
                     (int)h->registered, "descriptors", json_known(counted, h->state.descriptors), "descriptors_max",
                     json_known(counted, h->state.descriptors_max), "causes",
                     h->state.known ? json_holder_causes(h->causes) : json_null());
}

static json_t *holders_json(const struct survey *survey, const struct listener *l)
{
    size_t count;
    const struct socket_holder *holders = survey_holders(survey, l, &count);
    json_t *list = survey->holders ? json_array() : json_null();
    for (size_t i = 0; i < count; i++)
        json_add(&list, holder_json(&holders[i]));
    return list;
}

static json_t *listener_json(const struct survey *survey, const struct listener *l)
{
    json_t *object = json_listener(l);
    json_put(&object, "holders", holders_json(survey, l));
    const struct trace_digest traced = trace_digest(trace_find(survey->traced, l));
    json_put(&object, "trace", json_traced(&traced));
    return object;
}

int report_survey_json(FILE *out, const struct survey *survey)
{
    json_t *listeners = json_array(), *namespaces = json_array();
    for (size_t i = 0; i < survey->count; i++)
        json_add(&listeners, listener_json(survey, &survey->listeners[i]));
    for (size_t i = 0; i < survey->namespace_count; i++)
        json_add(&namespaces, json_netns(&survey->namespaces[i]));
    return write_json_line(out,
                           json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "schema", SCHEMA,
                                     "version", BACKLOGCTL_VERSION, "kernel", survey->kernel, "taken_at", survey->taken_at,
                                     "listeners", listeners, "namespaces", namespaces, "namespaces_closed",
                                     (json_int_t)survey->namespaces_closed, "owners_unseen", (json_int_t)survey->owners_unseen,
                                     "processes_hidden", (json_int_t)survey->processes_hidden, "incomplete",
                                     *survey->incomplete ? json_text(survey->incomplete) : json_null(), "no_trace",
                                     survey->no_trace ? json_text(survey->no_trace) : json_null(), "expectations",
                                     expectations_of(survey), "ok", json_outcome(survey->outcome)));
}
