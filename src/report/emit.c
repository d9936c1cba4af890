/* Digits, words and addresses into a buffer, without a call of stdio for each. */
#include "emit.h"

#include <string.h>

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

void emit_bytes(struct emitter *e, const char *bytes, size_t length)
{
    memcpy(e->text + e->used, bytes, length);
    e->used += length;
}

void emit_text(struct emitter *e, const char *text)
{
    emit_bytes(e, text, strlen(text));
}

void emit_number(struct emitter *e, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    emit_bytes(e, digits + at, sizeof digits - at);
}

/* Sources are many and mostly IPv4, where digits are quicker written than inet_ntop asked. */
void emit_endpoint(struct emitter *e, const struct endpoint *endpoint)
{
    char text[ENDPOINT_TEXT_SIZE];
    if (endpoint->family != AF_INET) {
        emit_text(e, endpoint_text(endpoint, text));
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

/* Words of our vocabulary need no escaping. An interface's name in an IPv6 zone may: what JSON or ASCII forbids becomes
   '?'. */
void emit_json_word(struct emitter *e, const char *word)
{
    EMIT(e, "\"");
    for (; *word; word++)
        e->text[e->used++] = *word >= ' ' && *word <= '~' && *word != '"' && *word != '\\' ? *word : '?';
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
