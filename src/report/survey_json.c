/* The JSON of list, schema backlogctl.list/1. */
#include "internal.h"

#define SCHEMA "backlogctl.list/1"

static json_t *remarks_json(uint32_t remarks)
{
    json_t *list = json_array();
    for (int r = 0; r < REMARK_COUNT; r++)
        if (remarks >> r & 1)
            json_array_append_new(list, json_string(remark_name((enum remark)r)));
    return list;
}

json_t *json_listener(const struct listener *l)
{
    bool by_path = is_unix((enum socket_kind)l->kind);
    struct endpoint plain = l->local;
    char name[UNIX_NAME_SIZE];
    plain.scope = 0; /* `device` names it */
    json_t *place =
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:b, s:I, s:I}", "kind", socket_kind_name((enum socket_kind)l->kind), "family",
                  by_path ? json_string("unix") : json_family(&l->local), "address", by_path ? json_null() : json_address(&plain),
                  "port", json_known(!by_path, l->local.port), "path", by_path ? json_text(listener_name(l, name)) : json_null(),
                  "device", *l->device ? json_text(l->device) : json_null(), "dual_stack", (int)l->dual_stack, "member",
                  (json_int_t)l->member, "group", (json_int_t)l->group);
    json_t *figures =
        json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "queue", (json_int_t)l->queue, "backlog", (json_int_t)l->backlog,
                  "capacity", (json_int_t)l->capacity, "percent", (json_int_t)l->percent, "half_open",
                  json_known(l->half_open_known, l->half_open), "drops", json_known(l->drops_known, l->drops), "oldest_ms",
                  json_known(l->oldest_known, l->oldest_ms), "remarks", remarks_json(l->remarks));
    json_t *owner = json_pack("{s:o, s:o, s:I, s:o, s:I, s:I, s:I, s:I}", "pid", json_known(l->pid, (uint64_t)l->pid), "process",
                              *l->process ? json_text(l->process) : json_null(), "processes", (json_int_t)l->processes, "pidns",
                              json_known(l->pidns, l->pidns), "netns", (json_int_t)l->netns, "uid", (json_int_t)l->uid, "inode",
                              (json_int_t)l->inode, "cookie", (json_int_t)l->cookie);
    json_object_update(place, figures);
    json_object_update(place, owner);
    json_decref(figures);
    json_decref(owner);
    return place;
}

static json_t *setting_json(int64_t value)
{
    return json_known(value >= 0, (uint64_t)value);
}

json_t *json_netns(const struct netns_facts *facts)
{
    json_t *counters = json_object();
    for (enum counter c = 0; facts->counters.known && c < COUNTER_COUNT; c++)
        json_object_set_new(counters, counter_name(c), json_integer((json_int_t)facts->counters.value[c]));
    json_t *sysctls = json_pack("{s:o, s:o, s:o, s:o}", "somaxconn", setting_json(facts->somaxconn), "tcp_max_syn_backlog",
                                setting_json(facts->tcp_max_syn_backlog), "tcp_syncookies", setting_json(facts->tcp_syncookies),
                                "tcp_abort_on_overflow", setting_json(facts->tcp_abort_on_overflow));
    return json_pack("{s:I, s:o, s:b, s:o, s:o, s:o, s:o, s:o}", "netns", (json_int_t)facts->inode, "name",
                     *facts->name ? json_text(facts->name) : json_null(), "ours", (int)facts->ours, "pid",
                     json_known(facts->pid, (uint64_t)facts->pid), "sysctls", sysctls, "counters", counters, "listener_drops",
                     json_integer((json_int_t)facts->listener_drops), "drops_gone",
                     json_known(facts->counters.known, facts->drops_gone));
}

static json_t *expectations_of(const struct survey *survey)
{
    char place[LIST_CELL_SIZE];
    json_t *list = json_array();
    for (size_t i = 0; i < survey->expectation_count; i++) {
        const struct expectation *e = &survey->expectations[i];
        json_array_append_new(list, json_pack("{s:s, s:I, s:o, s:b, s:I, s:o}", "text", e->text, "expected",
                                              (json_int_t)e->expected, "seen", json_known(e->seen_known, (uint64_t)e->seen), "ok",
                                              (int)e->ok, "broken", (json_int_t)e->broken, "broken_by",
                                              e->broken ? json_text(report_place(&survey->listeners[e->broken_by], place))
                                                        : json_null()));
    }
    return list;
}

void report_survey_json(FILE *out, const struct survey *survey)
{
    json_t *listeners = json_array(), *namespaces = json_array();
    for (size_t i = 0; i < survey->count; i++)
        json_array_append_new(listeners, json_listener(&survey->listeners[i]));
    for (size_t i = 0; i < survey->namespace_count; i++)
        json_array_append_new(namespaces, json_netns(&survey->namespaces[i]));
    write_json_line(out, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:I, s:I, s:o, s:o, s:b}", "schema", SCHEMA, "version",
                                   BACKLOGCTL_VERSION, "kernel", survey->kernel, "taken_at", survey->taken_at, "listeners",
                                   listeners, "namespaces", namespaces, "namespaces_closed",
                                   (json_int_t)survey->namespaces_closed, "owners_unseen", (json_int_t)survey->owners_unseen,
                                   "processes_hidden", (json_int_t)survey->processes_hidden, "incomplete",
                                   *survey->incomplete ? json_text(survey->incomplete) : json_null(), "expectations",
                                   expectations_of(survey), "ok", (int)survey->ok));
}
