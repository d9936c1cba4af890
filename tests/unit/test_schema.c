/* The schemas of the JSON documents: well made, in the words of the manual, and with each word of the tables. What the program
   prints is held against them by tests/schema. */
#include "sample_run.h"
#include "suite.h"

#include "backlogctl/server_event.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE ((size_t)1 << 20)

static json_t *schema_of(const char *name)
{
    FILE *out = catch_begin();
    ck_assert_int_eq(report_schema(out, name), 0);
    char *text = catch_end(out);
    json_t *schema = json_parse(text);
    free(text);
    return schema;
}

static size_t schema_count(void)
{
    size_t n = 0;
    while (report_schema_name(n))
        n++;
    return n;
}

/* Calls `visit` for each object in the value, with the name of the member that it is. */
static void each_object(const char *name, json_t *value, void (*visit)(const char *name, json_t *object, void *context),
                        void *context)
{
    const char *member;
    json_t *item;
    size_t i;
    if (json_is_object(value))
        visit(name, value, context);
    json_object_foreach(value, member, item) each_object(member, item, visit, context);
    json_array_foreach(value, i, item) each_object("", item, visit, context);
}

/* ---- Form ---- */

static void check_reference(const char *name, json_t *object, void *context)
{
    (void)name;
    const char *reference = json_string_value(json_object_get(object, "$ref"));
    if (!reference)
        return;
    ck_assert_msg(!strncmp(reference, "#/$defs/", 8), "%s", reference);
    ck_assert_msg(json_object_get(context, reference + 8) != NULL, "nothing defines %s", reference);
}

START_TEST(what_is_referred_to_is_there)
{
    json_t *schema = schema_of(report_schema_name((size_t)_i));
    ck_assert_str_eq(json_string_value(json_object_get(schema, "$schema")), "https://json-schema.org/draft/2020-12/schema");
    each_object("", schema, check_reference, json_object_get(schema, "$defs"));
    json_decref(schema);
}
END_TEST

/* An object of known members says what else it may have, unless others add members to its definition. */
static void check_strict(const char *name, json_t *object, void *context)
{
    static const char *const bases[] = {"listener", "observed", "counters", "attempt", "event"};
    (void)context;
    if (!json_is_object(json_object_get(object, "properties")) || !json_object_get(object, "type"))
        return;
    bool closed = json_object_get(object, "additionalProperties") || json_object_get(object, "unevaluatedProperties");
    for (size_t i = 0; i < COUNT(bases); i++)
        closed = closed || !strcmp(bases[i], name);
    ck_assert_msg(closed, "%s lets any member in", name);
    ck_assert_msg(json_is_array(json_object_get(object, "required")), "%s requires nothing", name);
}

START_TEST(no_other_member_is_let_in)
{
    const char *name = report_schema_name((size_t)_i);
    json_t *schema = schema_of(name);
    each_object(name, schema, check_strict, NULL);
    json_decref(schema);
}
END_TEST

/* ---- The manual ---- */

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        if (at != text && !isalnum((unsigned char)at[-1]) && at[-1] != '_' && !isalnum((unsigned char)at[length]) &&
            at[length] != '_')
            return true;
    return false;
}

static void check_members(const char *name, json_t *object, void *context)
{
    (void)name;
    const char *member;
    json_t *value;
    json_object_foreach(json_object_get(object, "properties"), member, value)
        ck_assert_msg(has_word(context, member), "backlogctl(7) does not explain the member %s", member);
}

START_TEST(every_member_is_explained)
{
    char *page = calloc(1, PAGE_SIZE);
    FILE *file = fopen(SOURCE_DIR "/man/backlogctl.7", "re");
    ck_assert(file && fread(page, 1, PAGE_SIZE - 1, file));
    fclose(file);
    json_t *schema = schema_of(report_schema_name((size_t)_i));
    each_object("", schema, check_members, page);
    json_decref(schema);
    free(page);
}
END_TEST

/* ---- Words ---- */

static bool is_among(const json_t *list, const char *word)
{
    json_t *item;
    size_t i;
    json_array_foreach(list, i, item) if (!strcmp(json_string_value(item), word)) return true;
    return false;
}

static void add_events(const char *name, json_t *object, void *context)
{
    if (strcmp(name, "event"))
        return;
    if (json_object_get(object, "const"))
        json_array_append(context, json_object_get(object, "const"));
    json_array_extend(context, json_object_get(object, "enum"));
}

/* Those of serve stand in its schema by their members. */
START_TEST(every_event_has_a_schema)
{
    json_t *events = json_array(), *schema = schema_of("serve");
    each_object("", schema, add_events, events);
    for (int k = 0; k < SERVER_EVENT_COUNT; k++)
        ck_assert_msg(is_among(events, server_event_name((enum server_event_kind)k)), "serve has no event %s",
                      server_event_name((enum server_event_kind)k));
    ck_assert_uint_eq(json_array_size(events), SERVER_EVENT_COUNT + 2); /* listening, totals */
    json_decref(schema);
    json_decref(events);
}
END_TEST

START_TEST(words_are_those_of_the_tables)
{
    json_t *schema = schema_of("probe"), *definitions = json_object_get(schema, "$defs");
    const json_t *verdicts = json_object_get(json_object_get(definitions, "verdict"), "enum");
    const json_t *reasons = json_object_get(json_object_get(definitions, "reason"), "enum");
    ck_assert_uint_eq(json_array_size(verdicts), VERDICT_COUNT);
    ck_assert(is_among(verdicts, "half_open") && is_among(reasons, "queue_full") && !is_among(reasons, "none"));
    json_decref(schema);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("schema");
    TCase *tcase = tcase_create("schemas");
    int count = (int)schema_count();
    tcase_add_loop_test(tcase, what_is_referred_to_is_there, 0, count);
    tcase_add_loop_test(tcase, no_other_member_is_let_in, 0, count);
    tcase_add_loop_test(tcase, every_member_is_explained, 0, count);
    tcase_add_test(tcase, every_event_has_a_schema);
    tcase_add_test(tcase, words_are_those_of_the_tables);
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN(make_suite)
