/* Reads JSON of any length: values by jansson(3), a byte at a time, so that it takes no more than the value. */
#include "document.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static int next_byte(struct document *d)
{
    int c = d->kept != EOF ? d->kept : getc_unlocked(d->file);
    d->kept = EOF;
    d->at += c != EOF;
    return c;
}

static void keep_byte(struct document *d, int c)
{
    d->kept = c;
    d->at -= c != EOF;
}

/* The next byte that is no blank; it stays. EOF: none. */
static int peek(struct document *d)
{
    int c = next_byte(d);
    while (c == ' ' || c == '\t' || c == '\n' || c == '\r')
        c = next_byte(d);
    keep_byte(d, c);
    return c;
}

static int bad(const struct document *d, struct error *err, const char *why)
{
    if (ferror(d->file))
        return error_set(err, EIO, "it cannot be read to its end");
    if (feof(d->file) && d->kept == EOF)
        return error_set(err, EBADMSG, "it ends in the middle, behind byte %llu", (unsigned long long)d->at);
    return error_set(err, EBADMSG, "%s at byte %llu", why, (unsigned long long)d->at);
}

/* ---- Want of memory ---- */

/* The parser goes on with a text that it could not lengthen, and reads behind its end (jansson 2.14, lex_save). So while it reads, a little
   is kept for it: what it asks for in vain comes from there, the file ends for it, and what it returns is thrown away. */
#define RESERVE 16384

static struct {
    bool reading, used_up;
    size_t used;
    _Alignas(max_align_t) char bytes[RESERVE];
} reserve;

static void *take_memory(size_t size)
{
    void *memory = malloc(size);
    if (memory || !reserve.reading)
        return memory;
    reserve.used_up = true;
    size_t room = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (room > RESERVE - reserve.used)
        return NULL;
    reserve.used += room;
    return &reserve.bytes[reserve.used - room];
}

static void give_memory(void *memory)
{
    const char *byte = memory;
    if (byte < reserve.bytes || byte >= reserve.bytes + RESERVE)
        free(memory);
}

/* ---- Values ---- */

struct delivery {
    struct document *document;
    int last; /* byte that was handed over; EOF: it wanted more than there is */
};

static size_t deliver(void *buffer, size_t size, void *context)
{
    struct delivery *delivery = context;
    (void)size;
    if (reserve.used_up)
        return 0;
    delivery->last = next_byte(delivery->document);
    if (delivery->last == EOF)
        return 0;
    *(char *)buffer = (char)delivery->last;
    return 1;
}

/* Of a number or a word the parser has to see the byte behind it. */
static json_t *read_value(struct document *d, struct error *err)
{
    struct delivery delivery = {.document = d};
    json_error_t why;
    int first = peek(d);
    reserve.reading = true;
    json_t *value = json_load_callback(deliver, &delivery, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &why);
    if (reserve.used_up) {
        json_decref(value);
        value = NULL;
    }
    bool enough = !reserve.used_up;
    reserve.reading = reserve.used_up = false;
    reserve.used = 0;
    if (!value && (!enough || json_error_code(&why) == json_error_out_of_memory))
        error_set(err, ENOMEM, "no memory for what it says");
    else if (!value)
        bad(d, err, "it is no JSON");
    else if (first != '{' && first != '[' && first != '"')
        keep_byte(d, delivery.last);
    return value;
}

static int expect_byte(struct document *d, int wanted, struct error *err)
{
    if (peek(d) != wanted)
        return bad(d, err, "it is no JSON");
    next_byte(d);
    return 0;
}

/* Behind an element: whether another one follows. -errno where neither a comma nor the end does. */
static int goes_on(struct document *d, int end, struct error *err)
{
    int c = peek(d);
    if (c != ',' && c != end)
        return bad(d, err, "it is no JSON");
    next_byte(d);
    return c == ',';
}

static int read_rows(struct document *d, const json_t *members, const char *name, document_row *row, void *context,
                     struct error *err)
{
    int status = expect_byte(d, '[', err);
    if (!status && peek(d) == ']')
        return expect_byte(d, ']', err);
    for (int more = !status; more > 0;) {
        json_t *value = read_value(d, err);
        if (!value)
            return -err->code;
        status = row(context, members, name, value, err);
        json_decref(value);
        more = status ? status : goes_on(d, ']', err);
        status = more < 0 ? more : 0;
    }
    return status;
}

static bool is_named(const char *name, const char *const *list)
{
    while (*list && strcmp(*list, name))
        list++;
    return *list != NULL;
}

static int read_member(struct document *d, const char *const *streamed, document_row *row, void *context, json_t *members,
                       struct error *err)
{
    if (peek(d) != '"')
        return bad(d, err, "it is no JSON");
    json_t *key = read_value(d, err), *value = NULL;
    int status = key ? expect_byte(d, ':', err) : -err->code;
    if (!status && is_named(json_string_value(key), streamed) && peek(d) == '[') {
        status = read_rows(d, members, json_string_value(key), row, context, err);
        value = json_array();
    } else if (!status) {
        value = read_value(d, err);
        status = value ? 0 : -err->code;
    }
    if (!status && json_object_set(members, json_string_value(key), value))
        status = error_set(err, ENOMEM, "no memory for what it says");
    json_decref(value);
    json_decref(key);
    return status;
}

int document_next(struct document *d, const char *const *streamed, document_row *row, void *context, json_t **members,
                  struct error *err)
{
    *members = NULL;
    json_set_alloc_funcs(take_memory, give_memory);
    if (peek(d) == EOF && !ferror(d->file))
        return 0;
    int status = expect_byte(d, '{', err);
    json_t *object = json_object();
    if (!object)
        return error_set(err, ENOMEM, "no memory for what it says");
    int more = status ? status : peek(d) == '}' ? expect_byte(d, '}', err) : 1;
    while (more > 0) {
        status = read_member(d, streamed, row, context, object, err);
        more = status ? status : goes_on(d, '}', err);
    }
    if (more < 0) {
        json_decref(object);
        return more;
    }
    *members = object;
    return 1;
}
