/* Digits, words and addresses into a buffer, without a call of stdio for each. */
#include "emit.h"

#include "backlogctl/escape.h"
#include "backlogctl/report.h"

void emit_begin(struct emitter *e, FILE *out)
{
    e->out = out;
    e->used = 0;
}

void emit_flush(struct emitter *e)
{
    fwrite(e->text, 1, e->used, e->out);
    e->used = 0;
}

void emit_text(struct emitter *e, const char *text)
{
    emit_bytes(e, text, strlen(text));
}

/* As many bytes are copied whatever there are digits, which a call of memcpy(3) would take longer for. */
void emit_number(struct emitter *e, uint64_t value)
{
    enum { DIGITS = 20 };
    char digits[2 * DIGITS] = {0};
    size_t at = DIGITS;
    for (; value > UINT32_MAX; value /= 10)
        digits[--at] = (char)('0' + value % 10);
    uint32_t small = (uint32_t)value; /* which is quicker divided */
    do {
        digits[--at] = (char)('0' + small % 10);
        small /= 10;
    } while (small);
    memcpy(e->text + e->used, digits + at, DIGITS);
    e->used += DIGITS - at;
}

/* Sources are many and mostly IPv4, where digits are quicker written than inet_ntop asked. */
void emit_endpoint(struct emitter *e, const struct endpoint *endpoint)
{
    char text[ENDPOINT_TEXT_SIZE], safe[ESCAPED_SIZE(ENDPOINT_TEXT_SIZE)];
    if (endpoint->family != AF_INET) {
        terminal_text(endpoint_text(endpoint, text), safe, sizeof safe);
        emit_text(e, safe);
        return;
    }
    for (size_t i = 0; i < 4; i++) {
        if (i)
            EMIT(e, ".");
        emit_number(e, endpoint->bytes[i]);
    }
    EMIT(e, ":");
    emit_number(e, endpoint->port);
}

void emit_json_span(struct emitter *e, nsec span)
{
    if (span < 0)
        EMIT(e, "null");
    else
        emit_number(e, (uint64_t)(span / NSEC_PER_USEC));
}

/* One UTF-16 unit of a character that is not printable ASCII. */
static void emit_json_unit(struct emitter *e, unsigned unit)
{
    static const char digits[] = "0123456789ABCDEF";
    const char escape[] = {'\\', 'u', digits[unit >> 12], digits[unit >> 8 & 15], digits[unit >> 4 & 15], digits[unit & 15]};
    emit_bytes(e, escape, sizeof escape);
}

void emit_json_name(struct emitter *e, const char *name)
{
    EMIT(e, "\"");
    emit_text(e, name);
    EMIT(e, "\"");
}

static bool is_plain(const char *word)
{
    while (*word >= ' ' && *word <= '~' && *word != '"' && *word != '\\')
        word++;
    return !*word;
}

/* As jansson writes it with JSON_ENSURE_ASCII. Longer words than ours and sockets' names are cut. */
void emit_json_word(struct emitter *e, const char *word)
{
    char safe[REPORT_PLACE_SIZE];
    if (is_plain(word)) {
        emit_json_name(e, word);
        return;
    }
    escape_text(word, 0, safe, sizeof safe);
    EMIT(e, "\"");
    for (const unsigned char *at = (const unsigned char *)safe; *at;) {
        size_t length = *at < 0x80 ? 1 : *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
        uint32_t character = *at & (length == 1 ? 0x7fu : 0xffu >> (length + 1));
        for (size_t i = 1; i < length; i++)
            character = character << 6 | (at[i] & 0x3f);
        if (character == '"' || character == '\\')
            EMIT(e, "\\");
        if (character >= ' ' && character <= '~')
            emit_bytes(e, (const char *)at, 1);
        else if (character < 0x10000)
            emit_json_unit(e, character);
        else
            emit_json_unit(e, 0xd7c0 + (character >> 10)), emit_json_unit(e, 0xdc00 + (character & 0x3ff));
        at += length;
    }
    EMIT(e, "\"");
}

void emit_json_endpoint(struct emitter *e, const struct endpoint *endpoint)
{
    char text[ENDPOINT_TEXT_SIZE];
    if (endpoint->family == AF_UNSPEC) {
        EMIT(e, "null");
    } else if (endpoint->family != AF_INET) {
        emit_json_word(e, endpoint_text(endpoint, text));
    } else {
        EMIT(e, "\"");
        emit_endpoint(e, endpoint);
        EMIT(e, "\"");
    }
}
