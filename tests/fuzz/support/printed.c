/* What was printed is what it is to be: text for a terminal, JSON, XML, CSV, metrics. */
#include "printed.h"

#include <ctype.h>
#include <expat.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

FILE *print_begin(struct printed *printed)
{
    *printed = (struct printed){0};
    FILE *out = open_memstream(&printed->text, &printed->size);
    MUST(out);
    return out;
}

void print_end(struct printed *printed, FILE *out)
{
    MUST(!ferror(out) && !fclose(out));
    MUST(strlen(printed->text) == printed->size);
}

void print_free(struct printed *printed)
{
    free(printed->text);
    *printed = (struct printed){0};
}

/* ---- Text ---- */

static void must_be_utf8(const struct printed *printed)
{
    json_t *string = json_stringn(printed->text, printed->size); /* NULL unless it is */
    MUST(string);
    json_decref(string);
}

/* The next character of UTF-8. */
static unsigned take_character(const char **text)
{
    const unsigned char *at = (const unsigned char *)*text;
    int more = *at < 0x80 ? 0 : *at < 0xe0 ? 1 : *at < 0xf0 ? 2 : 3;
    unsigned character = more ? *at & (0x3fu >> more) : *at;
    for (int i = 1; i <= more; i++)
        character = character << 6 | (at[i] & 0x3f);
    *text += more + 1;
    return character;
}

static bool is_harmless(unsigned character)
{
    bool turns = (character >= 0x200b && character <= 0x200f) || (character >= 0x2028 && character <= 0x202e) ||
                 (character >= 0x2060 && character <= 0x206f) || character == 0xfeff || character == 0x061c;
    bool control = character < ' ' || (character >= 0x7f && character < 0xa0);
    return !turns && (!control || character == '\n');
}

void must_be_text(const struct printed *printed, bool color)
{
    must_be_utf8(printed);
    for (const char *at = printed->text; *at;) {
        if (color && at[0] == '\033') {
            MUST(at[1] == '[');
            at += 2 + strspn(at + 2, "0123456789;");
            MUST(*at == 'm');
            at++;
            continue;
        }
        MUST(is_harmless(take_character(&at)));
    }
}

/* ---- JSON ---- */

/* Integers beyond 64 bits with a sign are none of jansson's; RFC 8259 sets no bound. */
static void must_load(const char *text, size_t size)
{
    json_error_t error;
    json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
    if (!object)
        fprintf(stderr, "line %d: %s in:\n%.*s\n", error.line, error.text, (int)size, text);
    MUST(object && json_is_object(object));
    json_decref(object);
}

void must_be_json(const struct printed *printed)
{
    MUST(printed->size && printed->text[printed->size - 1] == '\n');
    must_load(printed->text, printed->size);
}

void must_be_json_lines(const struct printed *printed)
{
    for (const char *line = printed->text; *line;) {
        const char *end = strchr(line, '\n');
        MUST(end);
        must_load(line, (size_t)(end - line));
        line = end + 1;
    }
}

/* ---- XML ---- */

void must_be_xml(const struct printed *printed)
{
    XML_Parser parser = XML_ParserCreate(NULL);
    MUST(parser);
    bool well_formed = XML_Parse(parser, printed->text, (int)printed->size, 1) == XML_STATUS_OK;
    if (!well_formed)
        fprintf(stderr, "%s in:\n%s\n", XML_ErrorString(XML_GetErrorCode(parser)), printed->text);
    MUST(well_formed);
    XML_ParserFree(parser);
}

/* ---- CSV ---- */

/* Behind one record, its fields counted. */
static const char *skip_record(const char *at, size_t *fields)
{
    for (*fields = 1;; at++) {
        if (*at == '"') {
            for (at++; at[0] != '"' || at[1] == '"'; at += at[0] == '"' ? 2 : 1)
                MUST(*at);
            at++;
        } else {
            at += strcspn(at, ",\"\r\n");
        }
        if (*at == ',') {
            ++*fields;
            continue;
        }
        at += *at == '\r';
        MUST(*at == '\n');
        return at + 1;
    }
}

void must_be_csv(const struct printed *printed)
{
    size_t first = 0, fields;
    must_be_utf8(printed);
    for (const char *at = printed->text; *at;) {
        at = skip_record(at, &fields);
        first = first ? first : fields;
        MUST(fields == first);
    }
    MUST(first);
}

/* ---- Metrics ---- */

static const char *skip_name(const char *at)
{
    MUST(isalpha((unsigned char)*at) || *at == '_');
    while (isalnum((unsigned char)*at) || *at == '_')
        at++;
    return at;
}

/* {NAME="VALUE",...}: of a backslash only \\, \" and \n are known. */
static const char *skip_labels(const char *at)
{
    do {
        at = skip_name(at + 1);
        MUST(at[0] == '=' && at[1] == '"');
        for (at += 2; *at != '"'; at++) {
            MUST(*at && *at != '\n');
            if (*at == '\\') {
                at++;
                MUST(*at == '\\' || *at == '"' || *at == 'n');
            }
        }
        at++;
    } while (*at == ',');
    MUST(*at == '}');
    return at + 1;
}

static void must_be_sample(const char *line, const char *end)
{
    char *stop;
    const char *at = skip_name(line);
    if (*at == '{')
        at = skip_labels(at);
    MUST(*at == ' ');
    strtod(at + 1, &stop);
    MUST(stop > at + 1 && stop == end);
}

static const char *promtool(void)
{
    const char *path = getenv("BACKLOGCTL_PROMTOOL");
    return path && *path ? path : NULL;
}

static void must_pass_promtool(const struct printed *printed)
{
    char command[4096];
    MUST(snprintf(command, sizeof command, "'%s' check metrics >/dev/null 2>&1", promtool()) < (int)sizeof command);
    FILE *checker = popen(command, "w");
    MUST(checker && fwrite(printed->text, 1, printed->size, checker) == printed->size);
    MUST(pclose(checker) == 0);
}

void must_be_metrics(const struct printed *printed)
{
    must_be_utf8(printed);
    for (const char *line = printed->text; *line;) {
        const char *end = strchr(line, '\n');
        MUST(end);
        if (strncmp(line, "# HELP ", 7) && strncmp(line, "# TYPE ", 7))
            must_be_sample(line, end);
        line = end + 1;
    }
    if (&fuzz_replays && promtool())
        must_pass_promtool(printed);
}
