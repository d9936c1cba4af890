/* Connections as JSON, fast: integers, our own words and addresses, so nothing is built in memory. */
#include "internal.h"

#include <string.h>

/* A row with an attempt at every address stays below this: 24 members of at most 100 bytes in each of 17
 * objects. */
#define ROW_MAX (24 * 100 * (TARGETS_MAX + 1))

struct emitter {
    FILE *out;
    size_t used;
    char text[2 * ROW_MAX];
};

static void emit_bytes(struct emitter *e, const char *bytes, size_t length)
{
    memcpy(e->text + e->used, bytes, length);
    e->used += length;
}

#define EMIT(e, literal) emit_bytes(e, "" literal, sizeof(literal) - 1)

static void emit_number(struct emitter *e, uint64_t value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    emit_bytes(e, digits + at, sizeof digits - at);
}

static void emit_span(struct emitter *e, nsec span)
{
    if (span < 0)
        EMIT(e, "null");
    else
        emit_number(e, (uint64_t)(span / NSEC_PER_USEC));
}

/* Words of our vocabulary need no escaping. An interface's name in an IPv6 zone may: what JSON or ASCII
   forbids becomes '?'. */
static void emit_word(struct emitter *e, const char *word)
{
    e->text[e->used++] = '"';
    for (; *word; word++)
        e->text[e->used++] = *word >= ' ' && *word <= '~' && *word != '"' && *word != '\\' ? *word : '?';
    e->text[e->used++] = '"';
}

/* Sources are many and mostly IPv4, where digits are quicker written than inet_ntop asked. */
static void emit_endpoint(struct emitter *e, const struct endpoint *endpoint)
{
    char text[ENDPOINT_TEXT_SIZE];
    if (endpoint->family == AF_UNSPEC) {
        EMIT(e, "null");
        return;
    }
    if (endpoint->family != AF_INET) {
        emit_word(e, endpoint_text(endpoint, text));
        return;
    }
    for (size_t i = 0; i < 4; i++) {
        e->text[e->used++] = i ? '.' : '"';
        emit_number(e, endpoint->bytes[i]);
    }
    e->text[e->used++] = ':';
    emit_number(e, endpoint->port);
    e->text[e->used++] = '"';
}

static void emit_error(struct emitter *e, int code)
{
    char text[ERRNO_TEXT_SIZE];
    if (code)
        emit_word(e, errno_text(code, text));
    else
        EMIT(e, "null");
}

/* The members that a connection and each of its attempts have in common. */
static void emit_attempt(struct emitter *e, const struct attempt *a, const struct target *target)
{
    EMIT(e, "\"source\":");
    emit_endpoint(e, &a->source);
    if (target) {
        EMIT(e, ",\"address\":");
        emit_endpoint(e, &target->address);
    }
    EMIT(e, ",\"verdict\":");
    emit_word(e, verdict_name((enum verdict)a->verdict));
    EMIT(e, ",\"reason\":");
    if (a->reason == REASON_NONE)
        EMIT(e, "null");
    else
        emit_word(e, reason_name((enum reason)a->reason));
    EMIT(e, ",\"evidence\":");
    emit_word(e, evidence_name((enum evidence)a->evidence));
    EMIT(e, ",\"established_us\":");
    emit_span(e, a->established);
    EMIT(e, ",\"accepted_us\":");
    emit_span(e, a->accepted);
    EMIT(e, ",\"age_us\":");
    emit_span(e, a->age_ms < 0 ? NSEC_NEVER : a->age_ms * NSEC_PER_MSEC);
    EMIT(e, ",\"syn_retransmits\":");
    emit_number(e, a->syn_retransmits);
    EMIT(e, ",\"error\":");
    emit_error(e, a->error);
}

static void emit_attempts(struct emitter *e, const struct run *run, const struct row *row)
{
    bool first = true;
    EMIT(e, ",\"attempts\":[");
    for (size_t t = 0; t < run->target_count; t++) {
        if (!row->attempts[t])
            continue;
        if (!first)
            EMIT(e, ",");
        EMIT(e, "{");
        emit_attempt(e, row->attempts[t], &run->targets[t]);
        EMIT(e, "}");
        first = false;
    }
    EMIT(e, "]");
}

static void emit_flush(struct emitter *e)
{
    fwrite(e->text, 1, e->used, e->out);
    e->used = 0;
}

void write_json_rows(FILE *out, const struct run *run)
{
    bool several = run->target_count > 1;
    struct emitter e;
    struct rows rows;
    struct row row;
    e.out = out;
    e.used = 0;
    EMIT(&e, "[");
    rows_start(&rows, run);
    for (bool first = true; rows_next(&rows, &row); first = false) {
        if (!first)
            EMIT(&e, ",");
        EMIT(&e, "\n{\"id\":");
        emit_number(&e, row.id);
        EMIT(&e, ",");
        emit_attempt(&e, row.deciding, several ? row.target : NULL);
        if (several)
            emit_attempts(&e, run, &row);
        EMIT(&e, "}");
        if (e.used > sizeof e.text - ROW_MAX - 1)
            emit_flush(&e);
    }
    EMIT(&e, "]");
    emit_flush(&e);
}
