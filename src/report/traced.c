/* What a trace knows of a listener, for those reports that are of other things, too. */
#include "internal.h"

#include <inttypes.h>

/* ---- JSON ---- */

static json_t *bounds_json(const struct trace_quantile *q)
{
    return json_pack("{s:o, s:o}", "min", json_span_exact(q->low), "max", json_span_exact(q->high));
}

/* A figure and what it is worth. */
static void put_figure(json_t **object, const struct trace_digest *one, enum trace_figure figure, const char *key,
                       const char *bound, json_t *value)
{
    bool known = one->worth[figure] != TRACE_UNKNOWN;
    json_put(object, key, known ? value : json_null());
    if (!known)
        json_decref(value);
    json_put(object, bound, json_string(trace_worth_name(one->worth[figure])));
}

json_t *json_trace_bounds(uint64_t samples, const struct trace_digest *one, const struct trace_quantile *q)
{
    return samples && one->worth[TRACE_WAIT] != TRACE_UNKNOWN ? bounds_json(q) : json_null();
}

json_t *json_traced(const struct trace_digest *one)
{
    char since[CLOCK_STAMP_SIZE], at[CLOCK_STAMP_SIZE];
    if (!one->known)
        return json_null();
    clock_stamp_at((nsec)one->since, since);
    clock_stamp_at((nsec)one->peak_at, at);
    json_t *object = json_pack("{s:s, s:b}", "since", since, "from_the_beginning", (int)one->from_the_beginning);
    put_figure(&object, one, TRACE_LENGTH, "peak", "peak_bound", json_integer((json_int_t)one->peak));
    json_put(&object, "peak_at", one->peak ? json_string(at) : json_null());
    put_figure(&object, one, TRACE_WAIT, "waits", "wait_bound", json_integer((json_int_t)one->waits));
    json_put(&object, "wait_p99_us", json_trace_bounds(one->waits, one, &one->p99));
    put_figure(&object, one, TRACE_SYN, "syn_overflows", "syn_overflows_bound", json_integer((json_int_t)one->syn));
    put_figure(&object, one, TRACE_ACK, "ack_overflows", "ack_overflows_bound", json_integer((json_int_t)one->ack));
    return object;
}

/* ---- Text ---- */

static const char *worth_words(enum trace_worth worth)
{
    return worth == TRACE_EXACT ? "exact" : worth == TRACE_AT_MOST ? "at most" : "at least";
}

static void write_dropped(FILE *out, const struct trace_digest *one, enum trace_figure figure, uint64_t count, const char *what)
{
    if (one->worth[figure] == TRACE_UNKNOWN)
        fprintf(out, ", dropped %s are not known", what);
    else
        fprintf(out, ", %" PRIu64 " %s dropped (%s)", count, what, worth_words(one->worth[figure]));
}

void write_traced_words(FILE *out, const struct trace_digest *one)
{
    char span[NSEC_TEXT_SIZE];
    if (one->worth[TRACE_LENGTH] == TRACE_UNKNOWN)
        fputs("longest queue not known", out);
    else
        fprintf(out, "longest queue %" PRIu64 " (%s)", one->peak, worth_words(one->worth[TRACE_LENGTH]));
    if (one->worth[TRACE_WAIT] == TRACE_UNKNOWN)
        fputs(", waits are not known", out);
    else if (one->waits)
        fprintf(out, ", 99%% of %" PRIu64 " waited less than %s%s", one->waits, nsec_text(one->p99.high, span),
                one->worth[TRACE_WAIT] == TRACE_EXACT ? "" : ", of those that were seen");
    else
        fputs(", nobody was accepted", out);
    write_dropped(out, one, TRACE_SYN, one->syn, "SYNs");
    write_dropped(out, one, TRACE_ACK, one->ack, "last ACKs");
}

static bool is_idle(const struct trace_digest *one)
{
    return !one->entered && !one->peak && !one->syn && !one->ack;
}

static void write_one(FILE *out, const struct listener *l, const struct trace_digest *one, const struct report_style *style)
{
    char place[REPORT_PLACE_SIZE], since[CLOCK_STAMP_SIZE];
    struct fold fold;
    FILE *line = fold_begin(&fold, out, words_width(style), 2);
    clock_stamp_at((nsec)one->since, since);
    fprintf(line, "%s, traced since %.19sZ: ", report_place(l, place), since);
    write_traced_words(line, one);
    putc('.', line);
    fold_end(&fold);
}

/* Who is not traced is named where that can be expected: AF_UNIX has no hooks. */
static void write_untraced(FILE *out, const struct survey *survey)
{
    char place[REPORT_PLACE_SIZE];
    size_t count = 0;
    for (size_t i = 0; i < survey->count; i++) {
        const struct listener *l = &survey->listeners[i];
        if (!has_handshake((enum socket_kind)l->kind) || trace_find(survey->traced, l))
            continue;
        if (count++ < TRACED_NAMED_MAX)
            fprintf(out, "%s%s", count > 1 ? ", " : "No trace knows ", report_place(l, place));
    }
    if (count > TRACED_NAMED_MAX)
        fprintf(out, " and %zu more", count - TRACED_NAMED_MAX);
    if (count)
        putc('.', out);
}

void write_known_traces(FILE *out, const struct survey *survey, const struct report_style *style)
{
    size_t idle = 0, told = 0;
    struct fold fold;
    if (!survey->traced || !survey->count)
        return;
    for (size_t i = 0; i < survey->count; i++) {
        const struct trace_digest one = trace_digest(trace_find(survey->traced, &survey->listeners[i]));
        if (one.known && is_idle(&one))
            idle++;
        else if (one.known)
            write_one(out, &survey->listeners[i], &one, style), told++;
    }
    FILE *line = fold_begin(&fold, out, words_width(style), 2);
    if (idle)
        fprintf(line, "Nothing came to %zu%s traced listener%s.", idle, told ? " other" : "", plural(idle));
    fold_end(&fold);
    write_untraced(fold_begin(&fold, out, words_width(style), 2), survey);
    fold_end(&fold);
    putc('\n', out);
}
