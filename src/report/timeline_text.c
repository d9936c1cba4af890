/* The timeline as text: a lane for each connection, or for those that are alike, the queue and the drops below. */
#include "internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CELLS_MAX 200
#define CELLS_LEAST 20
#define LABEL_WIDTH 19

static const struct {
    char sign;
    const char *color;
} signs[PHASES] = {
    [PHASE_NONE] = {' ', ""},
    [PHASE_CALLING] = {'.', COLOR_RED},
    [PHASE_QUEUED] = {'=', COLOR_YELLOW},
    [PHASE_GHOST] = {'?', COLOR_MAGENTA},
    [PHASE_ACCEPTED] = {'#', COLOR_GREEN},
    [PHASE_CLOSED] = {'_', COLOR_BLUE},
    [PHASE_FAILED] = {'x', COLOR_RED},
};

/* A screen's width of time. */
struct strip {
    const struct target *target;
    const struct report_style *style;
    bool server_told; /* when it accepted: it is ours */
    size_t cells;
    nsec span; /* of one cell */
};

static nsec cell_from(const struct strip *s, size_t cell)
{
    return (nsec)cell * s->span;
}

static size_t cell_of(const struct strip *s, nsec at)
{
    size_t cell = at > 0 ? (size_t)(at / s->span) : 0;
    return cell < s->cells ? cell : s->cells - 1;
}

/* ---- Lanes ---- */

/* Connections with the same verdict whose SYNs were as many. */
struct bundle {
    enum verdict verdict;
    uint32_t syns;
    size_t first; /* its first attempt */
    uint32_t count;
    uint32_t (*seen)[PHASES]; /* by cell: how many are in each phase at its end */
};

#define BUNDLES_MAX 40

struct bundles {
    struct bundle list[BUNDLES_MAX];
    size_t count;
    bool each; /* a lane for each connection */
};

static struct bundle *bundle_of(struct bundles *b, const struct target *target, size_t i)
{
    const struct attempt *a = &target->attempts[i];
    uint32_t syns = target->timeline.lanes[i].syns;
    for (size_t n = 0; n < b->count && !b->each; n++)
        if (b->list[n].verdict == (enum verdict)a->verdict && b->list[n].syns == syns)
            return &b->list[n];
    if (b->count == BUNDLES_MAX)
        return &b->list[BUNDLES_MAX - 1];
    struct bundle *bundle = &b->list[b->count++];
    *bundle = (struct bundle){.verdict = (enum verdict)a->verdict, .syns = syns, .first = i};
    return bundle;
}

static enum phase most_seen(const uint32_t seen[PHASES])
{
    enum phase most = PHASE_NONE;
    for (enum phase p = 0; p < PHASES; p++)
        if (seen[p] > seen[most])
            most = p;
    return most;
}

static void count_phases(const struct strip *s, struct bundle *bundle, size_t i)
{
    struct phase_span spans[PHASES + 1];
    size_t count = phases_of(s->target, i, spans), at = 0;
    enum phase phase = PHASE_NONE;
    bundle->count++;
    for (size_t cell = 0; cell < s->cells; cell++) {
        for (; at < count && spans[at].from < cell_from(s, cell + 1); at++)
            phase = spans[at].phase;
        bundle->seen[cell][phase]++;
    }
}

static bool collect(const struct strip *s, struct bundles *b)
{
    b->each = s->target->attempt_count <= ROWS_MAX;
    for (size_t i = 0; i < s->target->attempt_count; i++) {
        struct bundle *bundle = bundle_of(b, s->target, i);
        if (!bundle->seen)
            bundle->seen = calloc(s->cells, sizeof *bundle->seen);
        if (!bundle->seen)
            return false;
        count_phases(s, bundle, i);
    }
    return true;
}

static void write_sign(FILE *out, const struct strip *s, const char *color, char sign)
{
    char word[2] = {sign, '\0'};
    if (s->style->color && *color)
        write_colored(out, s->style, color, word);
    else
        fputs(word, out);
}

static void write_label(FILE *out, const struct strip *s, const struct bundles *b, const struct bundle *bundle)
{
    char label[LABEL_WIDTH + 16];
    snprintf(label, sizeof label, "%5" PRIu32 "%s %s", b->each ? s->target->attempts[bundle->first].id : bundle->count,
             b->each ? "" : "x", verdict_name(bundle->verdict));
    fprintf(out, "%-*.*s", LABEL_WIDTH, LABEL_WIDTH - 1, label);
}

/* Where a moment of the only connection of a lane falls that is worth a sign of its own: S a SYN, A the accept. */
static char mark_of(const struct strip *s, const struct bundles *b, const struct bundle *bundle, size_t cell)
{
    if (!b->each || bundle->count != 1)
        return '\0';
    const struct timeline *t = &s->target->timeline;
    const struct lane *lane = &t->lanes[bundle->first];
    for (uint32_t n = 0; n < lane->syns; n++)
        if (cell_of(s, t->syns[lane->first_syn + n]) == cell)
            return 'S';
    return lane->accepted != NSEC_NEVER && cell_of(s, lane->accepted) == cell ? 'A' : '\0';
}

static void write_lane(FILE *out, const struct strip *s, const struct bundles *b, const struct bundle *bundle)
{
    write_label(out, s, b, bundle);
    size_t end = s->cells;
    while (end && most_seen(bundle->seen[end - 1]) == PHASE_NONE)
        end--;
    for (size_t cell = 0; cell < end; cell++) {
        enum phase phase = most_seen(bundle->seen[cell]);
        char mark = mark_of(s, b, bundle, cell);
        write_sign(out, s, signs[phase].color, mark ? mark : signs[phase].sign);
    }
    putc('\n', out);
}

/* ---- The listener ---- */

/* The longest queue in each cell, and how many packets were dropped in it. */
static void collect_points(const struct strip *s, uint32_t longest[CELLS_MAX], uint32_t dropped[CELLS_MAX])
{
    const struct timeline *t = &s->target->timeline;
    uint32_t queue = 0, drops = 0;
    size_t p = 0;
    for (size_t cell = 0; cell < s->cells; cell++) {
        longest[cell] = queue;
        dropped[cell] = 0;
        for (; p < t->point_count && cell_of(s, t->points[p].at) == cell; p++) {
            queue = t->points[p].queue;
            longest[cell] = queue > longest[cell] ? queue : longest[cell];
            dropped[cell] += t->points[p].discarded - drops;
            drops = t->points[p].discarded;
        }
    }
}

static char digit(uint64_t n)
{
    return n ? (char)(n > 9 ? '+' : '0' + n) : ' ';
}

/* Up to 9 a queue is a number; longer ones are told in tenths of what it holds. */
static char queue_sign(uint64_t queue, uint64_t capacity)
{
    if (!queue)
        return '.';
    if (capacity && queue >= capacity)
        return 'F';
    return capacity > 9 ? (char)('0' + queue * 10 / capacity) : digit(queue);
}

static void write_points(FILE *out, const struct strip *s)
{
    uint32_t longest[CELLS_MAX], dropped[CELLS_MAX];
    uint64_t capacity = s->target->after.capacity;
    collect_points(s, longest, dropped);
    fprintf(out, "%-*s", LABEL_WIDTH, "      queue");
    for (size_t cell = 0; cell < s->cells; cell++)
        write_sign(out, s, capacity && longest[cell] >= capacity ? COLOR_RED : "", queue_sign(longest[cell], capacity));
    putc('\n', out);
    size_t end = s->cells;
    while (end && !dropped[end - 1])
        end--;
    if (!end)
        return;
    fprintf(out, "%-*s", LABEL_WIDTH, "      drops");
    for (size_t cell = 0; cell < end; cell++)
        write_sign(out, s, COLOR_RED, digit(dropped[cell]));
    putc('\n', out);
}

/* ---- Axis and words ---- */

static void write_axis(FILE *out, const struct strip *s)
{
    char line[CELLS_MAX + NSEC_TEXT_SIZE], text[NSEC_TEXT_SIZE];
    nsec end = s->span * (nsec)s->cells, step = axis_step(end, (unsigned)(s->cells / 8));
    memset(line, ' ', sizeof line);
    for (nsec at = 0; at < end; at += step) {
        size_t cell = cell_of(s, at), length = strlen(nsec_text(at, text));
        if (cell + length + 1 > s->cells)
            break;
        line[cell] = '|';
        memcpy(line + cell + 1, text, length);
    }
    size_t used = s->cells;
    while (used && line[used - 1] == ' ')
        used--;
    fprintf(out, "%*s%.*s\n", LABEL_WIDTH, "", (int)used, line);
}

/* The signs of the queue's line and of that of the drops. */
static void write_points_legend(FILE *line, const struct strip *s, char tie)
{
    uint32_t longest[CELLS_MAX], dropped[CELLS_MAX];
    uint64_t capacity = s->target->after.capacity;
    bool empty = false, some = false, full = false, drops = false, many = false;
    collect_points(s, longest, dropped);
    for (size_t cell = 0; cell < s->cells; cell++) {
        char sign = queue_sign(longest[cell], capacity);
        empty |= sign == '.';
        full |= sign == 'F';
        some |= sign != '.' && sign != 'F';
        drops |= dropped[cell] > 0;
        many |= dropped[cell] > 9;
    }
    const char *before = "";
    fputs(" queue: ", line);
    if (empty)
        fprintf(line, ".%cempty", tie), before = ", ";
    if (some)
        fprintf(line, "%sdigits %s", before, capacity > 9 ? "in tenths of what it holds" : "its length"), before = ", ";
    if (some && !capacity)
        fprintf(line, ", +%cmore than 9", tie);
    if (full)
        fprintf(line, "%sF%cfull", before, tie);
    putc('.', line);
    if (drops)
        fputs(" drops: digits how many", line);
    if (many)
        fprintf(line, ", +%cmore than 9", tie);
    fputs(drops ? "." : "", line);
}

static void write_legend(FILE *out, const struct strip *s, const struct bundles *b)
{
    char text[NSEC_TEXT_SIZE];
    struct fold fold;
    bool seen[PHASES] = {0}, syn = false, accept = false;
    for (size_t n = 0; n < b->count; n++)
        for (size_t cell = 0; cell < s->cells; cell++) {
            char mark = mark_of(s, b, &b->list[n], cell);
            syn |= mark == 'S';
            accept |= mark == 'A';
            seen[most_seen(b->list[n].seen[cell])] |= !mark;
        }
    FILE *line = fold_begin(&fold, out, words_width(s->style), 2);
    char tie = fold_tie(&fold); /* between a sign and its word */
    fprintf(line, "one sign is %s", nsec_text(s->span, text));
    if (!b->each)
        fputs(", and what most of a line's connections do", line);
    const char *before = ": ";
    if (syn)
        fprintf(line, "%sS%c%s", before, tie, has_handshake(s->target->transport.kind) ? "SYN" : "connect()"), before = ", ";
    if (accept)
        fprintf(line, "%sA%caccept()", before, tie), before = ", ";
    for (enum phase p = PHASE_CALLING; p < PHASES; p++)
        if (seen[p]) {
            fprintf(line, "%s%c%c%s", before, signs[p].sign, tie, phase_name(p));
            before = ", ";
        }
    putc('.', line);
    if (s->target->timeline.point_count)
        write_points_legend(line, s, tie);
    fold_end(&fold);
}

static void write_source(FILE *out, const struct strip *s)
{
    static const char *const words[TIMELINE_SOURCE_COUNT] = {
        [TIMELINE_PACKETS] = "exact, from the packets and the server's accepts",
        [TIMELINE_CALLS] = "exact, from the calls at both ends",
        [TIMELINE_SAMPLES] =
            "sampled every 10ms or so: a moment is at most that late, and a queue may have been longer in between",
    };
    const struct timeline *t = &s->target->timeline;
    struct drop_parts parts = drop_parts(s->target);
    char place[REPORT_PLACE_SIZE];
    struct fold fold;
    FILE *line = fold_begin(&fold, out, words_width(s->style), 2);
    bool guessed = t->source == TIMELINE_PACKETS && !s->server_told;
    fprintf(line, "timeline of %.100s (%s)", target_place(s->target, place),
            guessed ? "exact, from the packets, but for accepts: these at the server's first data, or else when they were seen"
                    : words[t->source]);
    if (parts.known && parts.counted != parts.placed) {
        fputs("; ", line);
        write_drops(line, &parts);
    }
    if (t->missed)
        fprintf(line, "; %" PRIu64 " packets were too many to be kept, so times are missing", t->missed);
    fold_end(&fold);
}

static int write_strip(FILE *out, const struct strip *s)
{
    struct bundles bundles = {0};
    int status = collect(s, &bundles) ? 0 : -ENOMEM;
    if (!status) {
        write_source(out, s);
        write_axis(out, s);
        for (size_t n = 0; n < bundles.count; n++)
            write_lane(out, s, &bundles, &bundles.list[n]);
        if (s->target->timeline.point_count)
            write_points(out, s);
        write_legend(out, s, &bundles);
    }
    for (size_t n = 0; n < bundles.count; n++)
        free(bundles.list[n].seen);
    putc('\n', out);
    return status;
}

int write_timeline(FILE *out, const struct run *run, const struct report_style *style)
{
    int status = 0;
    for (size_t t = 0; t < run->target_count && !status; t++) {
        const struct target *target = &run->targets[t];
        if (target->timeline.source == TIMELINE_NONE || !target->attempt_count)
            continue;
        int room = words_width(style) - LABEL_WIDTH;
        struct strip s = {.target = target, .style = style, .server_told = run->has_server, .cells = CELLS_LEAST};
        if (room > CELLS_LEAST)
            s.cells = room < CELLS_MAX ? (size_t)room : CELLS_MAX;
        s.span = target->timeline.end / (nsec)s.cells + 1;
        status = write_strip(out, &s);
    }
    return status;
}
