/* JSON Schema (draft 2020-12) of each JSON document. The files of schema/ leave out what is always the same: a text stands for a
   reference ("count"), one that may be null ("count?"), an array ("count[]") or a constant ("=x"); and an object has all of its
   properties and no others, unless it says itself what it has. Words and figures come from their tables (schema_words.c). */
#include "schema_words.h"

#include "backlogctl/embedded.h"

#include <errno.h>
#include <string.h>

#define COMMON "common"
#define REFERENCE "#/$defs/"

/* ---- Names ---- */

const char *report_schema_name(size_t n)
{
    for (const struct embedded *file = embedded_schemas; file->name; file++)
        if (strcmp(file->name, COMMON) && !n--)
            return file->name;
    return NULL;
}

/* ---- What the files leave out ---- */

static json_t *expanded(const json_t *schema);

static json_t *expanded_text(const char *text)
{
    char name[64];
    size_t length = strcspn(text, "?[");
    snprintf(name, sizeof name, "%.*s", (int)length, text);
    if (*text == '=')
        return json_pack("{s:s}", "const", text + 1);
    if (text[length] == '[')
        return json_pack("{s:s, s:o}", "type", "array", "items", schema_reference(name, false));
    return schema_reference(name, text[length] == '?');
}

static json_t *expanded_each(const json_t *values)
{
    json_t *all = json_is_array(values) ? json_array() : json_object(), *value;
    const char *name;
    size_t i;
    json_object_foreach((json_t *)(uintptr_t)values, name, value)
    {
        json_put(&all, name, expanded(value));
    }
    json_array_foreach(values, i, value)
    {
        json_add(&all, expanded(value));
    }
    return all;
}

static bool is_among(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name))
        names++;
    return *names;
}

/* An object has all of its properties and no others. */
static void add_strictness(json_t **object, const json_t *properties)
{
    json_t *required = json_array(), *value;
    const char *name;
    json_object_foreach((json_t *)(uintptr_t)properties, name, value)
    {
        json_add(&required, json_string(name));
    }
    if (!json_object_get(*object, "type"))
        json_put(object, "type", json_string("object"));
    if (!json_object_get(*object, "required"))
        json_put(object, "required", json_incref(required));
    if (json_is_true(json_object_get(*object, "additionalProperties")))
        json_object_del(*object, "additionalProperties"); /* it would make them known to who adds to this definition */
    else if (!json_object_get(*object, "additionalProperties") && !json_object_get(*object, "unevaluatedProperties"))
        json_put(object, "additionalProperties", json_false());
    json_decref(required);
}

static json_t *expanded(const json_t *schema)
{
    static const char *const of_each[] = {"properties", "$defs", "anyOf", "oneOf", NULL};
    static const char *const of_one[] = {"items", "additionalProperties", NULL};
    if (json_is_string(schema))
        return expanded_text(json_string_value(schema));
    if (!json_is_object(schema))
        return json_deep_copy(schema);
    json_t *object = json_object(), *value;
    const char *name;
    json_object_foreach((json_t *)(uintptr_t)schema, name, value)
    {
        json_put(&object, name,
                 is_among(name, of_each)  ? expanded_each(value)
                 : is_among(name, of_one) ? expanded(value)
                                          : json_deep_copy(value));
    }
    if (json_object_get(schema, "properties"))
        add_strictness(&object, json_object_get(schema, "properties"));
    return object;
}

/* ---- A document ---- */

/* Those of all definitions that the value refers to, also through others. */
static void collect(const json_t *value, const json_t *all, json_t **used)
{
    const char *name, *reference = json_string_value(json_object_get(value, "$ref"));
    json_t *definition = reference ? json_object_get(all, reference + strlen(REFERENCE)) : NULL, *item;
    size_t i;
    if (definition && !json_object_get(*used, reference + strlen(REFERENCE))) {
        json_put(used, reference + strlen(REFERENCE), json_incref(definition));
        collect(definition, all, used);
    }
    json_object_foreach((json_t *)(uintptr_t)value, name, item)
    {
        collect(item, all, used);
    }
    json_array_foreach(value, i, item)
    {
        collect(item, all, used);
    }
}

static json_t *load(const char *name)
{
    json_t *loaded = json_loads(embedded_find(embedded_schemas, name), 0, NULL);
    json_t *value = loaded && !strcmp(name, COMMON) ? expanded_each(loaded) : loaded ? expanded(loaded) : NULL;
    json_decref(loaded);
    return value;
}

static json_t *schema_document(const char *name)
{
    char id[64];
    snprintf(id, sizeof id, "urn:backlogctl:schema:%s", name);
    json_t *definitions = load(COMMON), *body = load(name), *used = json_object();
    schema_add_words(&definitions);
    json_t *own = json_object_get(body, "$defs");
    if (own)
        json_merge(&definitions, json_incref(own));
    json_object_del(body, "$defs");
    collect(body, definitions, &used);
    json_t *document =
        json_pack("{s:s, s:s, s:s}", "$schema", "https://json-schema.org/draft/2020-12/schema", "$id", id, "title", name);
    json_merge(&document, body);
    json_put(&document, "$defs", used);
    json_decref(definitions);
    return document;
}

int report_schema(FILE *out, const char *name)
{
    json_t *document = schema_document(name);
    int status = document && !json_dumpf(document, out, JSON_INDENT(2)) ? 0 : -ENOMEM;
    json_decref(document);
    putc('\n', out);
    return ferror(out) ? 0 : status;
}
