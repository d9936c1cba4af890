/* What of the schemas follows from the tables, so that it cannot differ from them: the words, and the figures of a listener. */
#include "schema_words.h"

#include <stdio.h>

#define NAMED(kind, type)                     \
    static const char *kind##_word(int value) \
    {                                         \
        return kind##_name((type)value);      \
    }
NAMED(verdict, enum verdict)
NAMED(reason, enum reason)
NAMED(evidence, enum evidence)
NAMED(remark, enum remark)
NAMED(holder_cause, enum holder_cause)
NAMED(counter, enum counter)
NAMED(socket_kind, enum socket_kind)
NAMED(timeline_source, enum timeline_source)
NAMED(started_trouble, enum started_trouble)
NAMED(backlog_way, enum backlog_way)
NAMED(watch_state, enum watch_state)
NAMED(sizing_part, enum sizing_part)
NAMED(observed_state, enum observed_state)
NAMED(sighting, enum sighting)
NAMED(trace_figure, enum trace_figure)
NAMED(trace_worth, enum trace_worth)
NAMED(trace_event, enum trace_event_kind)

/* From the first value that occurs in a report: what is none is null there, or nothing. */
static const struct {
    const char *name;
    int first, count;
    const char *(*word)(int value);
} words[] = {
    {"verdict", 0, VERDICT_COUNT, verdict_word},
    {"reason", REASON_NONE + 1, REASON_COUNT, reason_word},
    {"evidence", 0, EVIDENCE_COUNT, evidence_word},
    {"remark", 0, REMARK_COUNT, remark_word},
    {"holder_cause", 0, HOLDER_CAUSE_COUNT, holder_cause_word},
    {"socket_kind", 0, KIND_COUNT, socket_kind_word},
    {"timeline_source", TIMELINE_NONE + 1, TIMELINE_SOURCE_COUNT, timeline_source_word},
    {"trouble", STARTED_FINE + 1, STARTED_TROUBLE_COUNT, started_trouble_word},
    {"backlog_way", 0, BACKLOG_WAY_COUNT, backlog_way_word},
    {"watch_state", 0, WATCH_STATE_COUNT, watch_state_word},
    {"sizing_part", 0, SIZING_PART_COUNT, sizing_part_word},
    {"observed_state", 0, OBSERVED_STATE_COUNT, observed_state_word},
    {"sighting", 0, SIGHT_COUNT, sighting_word},
    {"trace_worth", 0, TRACE_WORTH_COUNT, trace_worth_word},
    {"trace_event", 0, TRACE_EVENT_COUNT, trace_event_word},
};

json_t *schema_reference(const char *name, bool nullable)
{
    char path[64];
    snprintf(path, sizeof path, "#/$defs/%s", name);
    json_t *reference = json_pack("{s:s}", "$ref", path);
    return nullable ? json_pack("{s:[o, {s:s}]}", "anyOf", reference, "type", "null") : reference;
}

/* Others may have more members, unless `closed`. */
static json_t *object_schema(json_t *properties, bool closed)
{
    json_t *required = json_array(), *value;
    const char *name;
    json_object_foreach(properties, name, value)
    {
        json_add(&required, json_string(name));
    }
    json_t *object = json_pack("{s:s, s:o, s:o}", "type", "object", "properties", properties, "required", required);
    if (closed)
        json_put(&object, "additionalProperties", json_false());
    return object;
}

/* The same of each word. */
static json_t *members_schema(int count, const char *(*word)(int value), const char *definition)
{
    json_t *properties = json_object();
    for (int i = 0; i < count; i++)
        json_put(&properties, word(i), schema_reference(definition, false));
    return properties;
}

static json_t *figure_schema(enum figure_id figure)
{
    switch (figures[figure].form) {
    case AS_NUMBER:
    case AS_PERCENT:
    case AS_MSEC:
    case AS_MEMBER:
        return schema_reference("number", false);
    case AS_INTERVAL:
        return schema_reference("interval", true);
    case AS_FLAG:
        return schema_reference("flag", false);
    case AS_KIND:
        return schema_reference("socket_kind", false);
    case AS_WORD:
    case AS_HOLDER:
    case AS_PLACE:
        return schema_reference("text", false);
    case AS_REMARKS:
        break;
    }
    return json_pack("{s:s, s:o}", "type", "array", "items", schema_reference("remark", false));
}

/* An observed one has its discarded packets before and after. */
static json_t *listener_schema(bool observed)
{
    json_t *properties = json_object();
    for (enum figure_id f = 0; f < FIGURE_COUNT; f++)
        if (!observed || f != FIGURE_DISCARDED)
            json_put(&properties, figures[f].key, figure_schema(f));
    return object_schema(properties, false);
}

void schema_add_words(json_t **definitions)
{
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        json_t *list = json_array();
        for (int value = words[i].first; value < words[i].count; value++)
            json_add(&list, json_string(words[i].word(value)));
        json_put(definitions, words[i].name, json_pack("{s:o}", "enum", list));
    }
    json_put(definitions, "counts", object_schema(members_schema(VERDICT_COUNT, verdict_word, "count"), true));
    json_put(definitions, "counters", object_schema(members_schema(COUNTER_COUNT, counter_word, "number"), false));
    json_put(definitions, "listener", listener_schema(false));
    json_put(definitions, "observed", listener_schema(true));
    json_put(definitions, "observed_counts",
             object_schema(members_schema(OBSERVED_STATE_COUNT, observed_state_word, "count"), true));
    json_put(definitions, "rests_on", object_schema(members_schema(TRACE_FIGURE_COUNT, trace_figure_word, "hook"), true));
}
