/* A timeline as JSON: a lane for each connection, and the listener's figures over time. */
#include "emit.h"
#include "internal.h"

#define PIECE_MAX 4096

static void emit_lane(struct emitter *e, const struct target *target, size_t i)
{
    const struct timeline *t = &target->timeline;
    const struct lane *lane = &t->lanes[i];
    EMIT(e, "{\"id\":");
    emit_number(e, target->attempts[i].id);
    EMIT(e, ",\"syn_us\":[");
    for (uint32_t s = 0; s < lane->syns; s++) {
        if (s)
            EMIT(e, ",");
        emit_json_span(e, t->syns[lane->first_syn + s]);
        if (e->used > sizeof e->text - PIECE_MAX)
            emit_flush(e);
    }
    EMIT(e, "]");
    EMIT_MEMBER(e, "established_us");
    emit_json_span(e, lane->established);
    EMIT_MEMBER(e, "queued_us");
    emit_json_span(e, lane->queued);
    EMIT_MEMBER(e, "accepted_us");
    emit_json_span(e, lane->accepted);
    EMIT_MEMBER(e, "closed_us");
    emit_json_span(e, lane->closed);
    EMIT_MEMBER(e, "failed_us");
    emit_json_span(e, lane->failed);
    EMIT(e, "}");
}

static void emit_point(struct emitter *e, const struct queue_point *point)
{
    EMIT(e, "{\"at_us\":");
    emit_json_span(e, point->at);
    EMIT_MEMBER(e, "queue");
    emit_number(e, point->queue);
    EMIT_MEMBER(e, "discarded");
    emit_number(e, point->discarded);
    EMIT(e, "}");
}

/* The one number and its parts: counted = placed + unplaced. */
static void emit_drops(struct emitter *e, const struct target *target)
{
    struct drop_parts parts = drop_parts(target);
    bool over = parts.known && parts.placed > parts.counted;
    EMIT_MEMBER(e, "counted_drops");
    if (parts.known)
        emit_number(e, parts.counted);
    else
        EMIT(e, "null");
    EMIT_MEMBER(e, "placed_drops");
    emit_number(e, parts.placed);
    EMIT_MEMBER(e, "unplaced_drops");
    emit_text(e, over ? "-" : "");
    emit_number(e, !parts.known ? 0 : over ? parts.placed - parts.counted : parts.counted - parts.placed);
}

static void emit_timeline(struct emitter *e, const struct target *target)
{
    const struct timeline *t = &target->timeline;
    EMIT(e, "{\"address\":");
    if (target->transport.path)
        emit_json_word(e, target->transport.path);
    else
        emit_json_endpoint(e, &target->address);
    EMIT_MEMBER(e, "source");
    emit_json_name(e, timeline_source_name(t->source));
    EMIT_MEMBER(e, "end_us");
    emit_json_span(e, t->end);
    emit_drops(e, target);
    EMIT_MEMBER(e, "missed_packets");
    emit_number(e, t->missed);
    EMIT(e, ",\"connections\":[");
    for (size_t i = 0; i < target->attempt_count; i++) {
        emit_bytes(e, ",\n", i ? 2 : 0);
        emit_lane(e, target, i);
        if (e->used > sizeof e->text - PIECE_MAX)
            emit_flush(e);
    }
    EMIT(e, "],\n\"listener\":[");
    for (size_t i = 0; i < t->point_count; i++) {
        emit_bytes(e, ",", i ? 1 : 0);
        emit_point(e, &t->points[i]);
        if (e->used > sizeof e->text - PIECE_MAX)
            emit_flush(e);
    }
    EMIT(e, "]}");
}

void write_json_timeline(FILE *out, const struct run *run)
{
    struct emitter e;
    bool any = false;
    emit_begin(&e, out);
    for (size_t t = 0; t < run->target_count; t++) {
        if (run->targets[t].timeline.source == TIMELINE_NONE)
            continue;
        emit_text(&e, any ? ",\n" : "[");
        emit_timeline(&e, &run->targets[t]);
        any = true;
    }
    emit_text(&e, any ? "]" : "null");
    emit_flush(&e);
}
