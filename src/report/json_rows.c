/* Connections as JSON, row by row: nothing is built in memory. */
#include "emit.h"
#include "internal.h"

/* A row with an attempt at every address stays below this: 25 members of at most 100 bytes in each of 17
 * objects. */
#define ROW_MAX (25 * 100 * (TARGETS_MAX + 1))
_Static_assert(EMITTER_SIZE >= 2 * ROW_MAX, "a row fits with room to spare");

static void emit_error(struct emitter *e, int code)
{
    char text[ERRNO_TEXT_SIZE];
    if (code)
        emit_json_name(e, errno_text(code, text));
    else
        EMIT(e, "null");
}

/* The members that a connection and each of its attempts have in common. */
static void emit_attempt(struct emitter *e, const struct run *run, const struct attempt *a, const struct target *target)
{
    struct endpoint source = attempt_source(target, a);
    EMIT(e, "\"source\":");
    emit_json_endpoint(e, &source);
    if (run->target_count > 1) {
        EMIT_MEMBER(e, "address");
        emit_json_endpoint(e, &target->address);
    }
    EMIT_MEMBER(e, "verdict");
    emit_json_name(e, verdict_name((enum verdict)a->verdict));
    EMIT_MEMBER(e, "reason");
    if (a->reason == REASON_NONE)
        EMIT(e, "null");
    else
        emit_json_name(e, reason_name((enum reason)a->reason));
    EMIT_MEMBER(e, "evidence");
    emit_json_name(e, evidence_name((enum evidence)a->evidence));
    EMIT_MEMBER(e, "opened_us");
    emit_json_span(e, a->opened);
    EMIT_MEMBER(e, "established_us");
    emit_json_span(e, a->established);
    EMIT_MEMBER(e, "accepted_us");
    emit_json_span(e, a->accepted);
    EMIT_MEMBER(e, "accepted_by");
    if (a->accepted == NSEC_NEVER)
        EMIT(e, "null");
    else
        emit_json_name(e, run->has_server ? "accept" : a->accepted_in_packet ? "packet" : "look");
    EMIT_MEMBER(e, "age_us");
    emit_json_span(e, a->age_ms < 0 ? NSEC_NEVER : a->age_ms * NSEC_PER_MSEC);
    EMIT_MEMBER(e, "syn_retransmits");
    emit_number(e, a->syn_retransmits);
    EMIT_MEMBER(e, "error");
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
        emit_attempt(e, run, row->attempts[t], &run->targets[t]);
        EMIT(e, "}");
        first = false;
    }
    EMIT(e, "]");
}

void write_json_rows(FILE *out, const struct run *run)
{
    struct emitter e;
    struct rows rows;
    struct row row;
    emit_begin(&e, out);
    EMIT(&e, "[");
    rows_start(&rows, run);
    for (bool first = true; rows_next(&rows, &row); first = false) {
        if (!first)
            EMIT(&e, ",");
        EMIT(&e, "\n{\"id\":");
        emit_number(&e, row.id);
        EMIT(&e, ",");
        emit_attempt(&e, run, row.deciding, row.target);
        if (run->target_count > 1)
            emit_attempts(&e, run, &row);
        EMIT(&e, "}");
        if (e.used > sizeof e.text - ROW_MAX - 1)
            emit_flush(&e);
    }
    EMIT(&e, "]");
    emit_flush(&e);
}
