/* The timeline as a picture: lanes coloured by phase, below them the queue with its capacity, the drops and the axis. */
#include "svg.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 960.0
#define LEFT 150.0
#define RIGHT 24.0
#define ROOM (WIDTH - LEFT - RIGHT)
#define HEAD 84.0 /* title, words and legend */
#define QUEUE_HEIGHT 90.0
#define DROPS_HEIGHT 16.0
#define AXIS_HEIGHT 44.0
#define GAP 22.0
#define LANE_HEIGHT 16.0
#define LANES_HEIGHT 600.0 /* of very many together */
#define LANES_LABELLED 60
#define LANES_DRAWN 1200

static const char *const fills[PHASES] = {
    [PHASE_NONE] = "none",        [PHASE_CALLING] = SVG_ORANGE, [PHASE_QUEUED] = SVG_BLUE, [PHASE_GHOST] = SVG_PINK,
    [PHASE_ACCEPTED] = SVG_GREEN, [PHASE_CLOSED] = SVG_GREY,    [PHASE_FAILED] = SVG_RED,
};

/* One address's part of the picture. */
struct panel {
    FILE *out;
    const struct target *target;
    size_t number;      /* of the target */
    double top;         /* of its lanes */
    double lane_height; /* of one */
    size_t stride;      /* every so manieth connection is drawn */
    nsec end;
};

static double x_of(const struct panel *p, nsec at)
{
    double share = p->end > 0 ? (double)at / (double)p->end : 0;
    return LEFT + ROOM * (share < 0 ? 0 : share > 1 ? 1 : share);
}

static size_t lanes_drawn(const struct target *target, size_t *stride)
{
    *stride = (target->attempt_count + LANES_DRAWN - 1) / LANES_DRAWN;
    *stride = *stride ? *stride : 1;
    return (target->attempt_count + *stride - 1) / *stride;
}

static double lanes_height(const struct target *target)
{
    size_t stride;
    double height = LANE_HEIGHT * (double)lanes_drawn(target, &stride);
    return height < LANES_HEIGHT ? height : LANES_HEIGHT;
}

static double panel_height(const struct target *target)
{
    return lanes_height(target) + GAP + QUEUE_HEIGHT + DROPS_HEIGHT + AXIS_HEIGHT + GAP;
}

/* ---- Lanes ---- */

/* Exactly what JSON says: microseconds, as milliseconds with three decimals. */
static void write_moment(FILE *out, const char *before, const char *name, nsec at)
{
    if (at != NSEC_NEVER)
        fprintf(out, "%s%s%" PRId64 ".%03" PRId64 "ms", before, name, (int64_t)(at / NSEC_PER_MSEC),
                (int64_t)(at / NSEC_PER_USEC % 1000));
}

static void write_lane_title(const struct panel *p, size_t i)
{
    const struct attempt *a = &p->target->attempts[i];
    const struct timeline *t = &p->target->timeline;
    const struct lane *lane = &t->lanes[i];
    fprintf(p->out, "<title>#%" PRIu32 " %s: SYN", a->id, verdict_name((enum verdict)a->verdict));
    for (uint32_t s = 0; s < lane->syns; s++)
        write_moment(p->out, s ? ", " : " ", "", t->syns[lane->first_syn + s]);
    write_moment(p->out, "; ", "established ", lane->established);
    write_moment(p->out, "; ", "queued ", lane->queued);
    write_moment(p->out, "; ", "accepted ", lane->accepted);
    write_moment(p->out, "; ", "closed ", lane->closed);
    write_moment(p->out, "; ", "failed ", lane->failed);
    fputs("</title>\n", p->out);
}

static void draw_lane(const struct panel *p, size_t i, double y)
{
    struct phase_span spans[PHASES + 1];
    const struct timeline *t = &p->target->timeline;
    const struct lane *lane = &t->lanes[i];
    size_t count = phases_of(p->target, i, spans);
    bool roomy = p->lane_height >= 8;
    double inset = roomy ? 2 : 0;
    fprintf(p->out, "<g id=\"connection-%zu-%" PRIu32 "\">", p->number + 1, p->target->attempts[i].id);
    write_lane_title(p, i);
    for (size_t s = 0; s < count; s++) {
        double from = x_of(p, spans[s].from), width = x_of(p, spans[s].to) - from;
        if (width > 0.05 || s + 1 == count)
            svg_rect(p->out, from, y + inset, width > 0.5 ? width : 0.5, p->lane_height - 2 * inset, fills[spans[s].phase]);
    }
    for (uint32_t s = 0; s < lane->syns && roomy; s++) {
        double x = x_of(p, t->syns[lane->first_syn + s]);
        svg_line(p->out, x, y + 1, x, y + p->lane_height - 1, "k");
    }
    fputs("</g>\n", p->out);
}

static void label_lane(const struct panel *p, size_t i, double y)
{
    char label[64];
    const struct attempt *a = &p->target->attempts[i];
    snprintf(label, sizeof label, "#%" PRIu32 " %s", a->id, verdict_name((enum verdict)a->verdict));
    svg_text(p->out, LEFT - 8, y + p->lane_height - 4, "end", "t", label);
}

/* Very many lanes get a label at every round number. */
static void label_crowd(const struct panel *p)
{
    const struct target *target = p->target;
    uint32_t step = (uint32_t)axis_step((nsec)target->attempt_count, 12);
    for (size_t i = 0; i < target->attempt_count; i++) {
        uint32_t id = target->attempts[i].id;
        char label[32];
        if (id != 1 && id % step)
            continue;
        snprintf(label, sizeof label, "#%" PRIu32, id);
        svg_text(p->out, LEFT - 8, p->top + p->lane_height * (double)i / (double)p->stride + 9, "end", "t", label);
    }
}

static void draw_lanes(struct panel *p)
{
    size_t drawn = lanes_drawn(p->target, &p->stride);
    p->lane_height = lanes_height(p->target) / (double)(drawn ? drawn : 1);
    for (size_t i = 0, lane = 0; i < p->target->attempt_count; i += p->stride, lane++) {
        double y = p->top + p->lane_height * (double)lane;
        draw_lane(p, i, y);
        if (drawn <= LANES_LABELLED)
            label_lane(p, i, y);
    }
    if (drawn > LANES_LABELLED)
        label_crowd(p);
}

/* ---- The queue and the drops ---- */

static uint32_t longest_queue(const struct timeline *t)
{
    uint32_t longest = 0;
    for (size_t i = 0; i < t->point_count; i++)
        longest = t->points[i].queue > longest ? t->points[i].queue : longest;
    return longest;
}

/* Changes that fall on the same tenth of a pixel are drawn as one line up to the longest of them. */
struct column {
    double x;
    uint32_t longest, last;
    bool any;
};

static void draw_column(const struct panel *p, const struct column *c, double bottom, double scale)
{
    char x[SVG_NUMBER_SIZE], y[SVG_NUMBER_SIZE];
    if (!c->any)
        return;
    fprintf(p->out, " H%s V%s", svg_number(c->x, x), svg_number(bottom - scale * c->longest, y));
    if (c->last != c->longest)
        fprintf(p->out, " V%s", svg_number(bottom - scale * c->last, y));
}

static void draw_steps(const struct panel *p, double bottom, double scale)
{
    const struct timeline *t = &p->target->timeline;
    char x[SVG_NUMBER_SIZE], y[SVG_NUMBER_SIZE];
    struct column column = {0};
    fprintf(p->out, "<path class=\"k\" d=\"M%s %s", svg_number(LEFT, x), svg_number(bottom, y));
    for (size_t i = 0; i < t->point_count; i++) {
        double at = x_of(p, t->points[i].at);
        uint32_t queue = t->points[i].queue;
        if (column.any && at - column.x >= 0.1) {
            draw_column(p, &column, bottom, scale);
            column.any = false;
        }
        if (!column.any)
            column = (struct column){.x = at, .longest = queue, .any = true};
        column.longest = queue > column.longest ? queue : column.longest;
        column.last = queue;
    }
    draw_column(p, &column, bottom, scale);
    fprintf(p->out, " H%s\"/>\n", svg_number(LEFT + ROOM, x));
}

static void draw_queue(const struct panel *p, double top)
{
    const struct timeline *t = &p->target->timeline;
    uint64_t capacity = p->target->after.capacity, longest = longest_queue(t);
    /* A capacity far beyond what was needed is told, not drawn: the line would lie flat. */
    bool drawn = capacity && capacity <= 20 * (longest ? longest : 1);
    uint64_t most = drawn && capacity > longest ? capacity : longest ? longest : 1;
    double bottom = top + QUEUE_HEIGHT, scale = (QUEUE_HEIGHT - 10) / (double)most;
    char label[96];
    fprintf(p->out, "<g><title>accept queue, at most %" PRIu64 " of %" PRIu64 "</title>\n", longest, capacity);
    svg_line(p->out, LEFT, bottom, LEFT + ROOM, bottom, "l");
    draw_steps(p, bottom, scale);
    if (drawn)
        svg_line(p->out, LEFT, bottom - scale * (double)capacity, LEFT + ROOM, bottom - scale * (double)capacity, "c");
    fputs("</g>\n", p->out);
    snprintf(label, sizeof label, drawn ? "holds %" PRIu64 : "would hold %" PRIu64, capacity);
    svg_text(p->out, LEFT - 8, drawn ? bottom - scale * (double)capacity + 4 : top + 12, "end", "t", label);
    snprintf(label, sizeof label, "longest %" PRIu64, longest);
    svg_text(p->out, LEFT - 8, bottom - 20, "end", "s", label);
    svg_text(p->out, LEFT - 8, bottom - 4, "end", "t", t->source == TIMELINE_SAMPLES ? "queue (sampled)" : "accept queue");
}

static void draw_drops(const struct panel *p, double top)
{
    const struct timeline *t = &p->target->timeline;
    uint32_t drops = 0;
    double before = -1;
    char label[64];
    struct drop_parts parts = drop_parts(p->target);
    bool whole = !parts.known || parts.counted == parts.placed;
    fputs("<g><title>", p->out);
    write_drops(p->out, whole ? &(struct drop_parts){.counted = parts.placed, .placed = parts.placed} : &parts);
    fputs("</title>\n", p->out);
    for (size_t i = 0; i < t->point_count; i++) {
        double x = x_of(p, t->points[i].at);
        if (t->points[i].discarded != drops && x - before >= 0.5) {
            svg_line(p->out, x, top + 2, x, top + DROPS_HEIGHT - 2, "d");
            before = x;
        }
        drops = t->points[i].discarded;
    }
    fputs("</g>\n", p->out);
    if (whole)
        snprintf(label, sizeof label, "%" PRIu64 " packet%s dropped", parts.placed, plural(parts.placed));
    else
        snprintf(label, sizeof label, "%" PRIu64 " of %" PRIu64 " drops", parts.placed, parts.counted);
    svg_text(p->out, LEFT - 8, top + 12, "end", "t", label);
}

static void draw_axis(const struct panel *p, double top, double bottom)
{
    char text[NSEC_TEXT_SIZE];
    nsec step = axis_step(p->end, 10);
    for (nsec at = 0; at <= p->end; at += step) {
        double x = x_of(p, at);
        svg_line(p->out, x, top, x, bottom + 5, "l");
        svg_text(p->out, x, bottom + 18, at ? "middle" : "start", "t", nsec_text(at, text));
    }
    svg_text(p->out, LEFT + ROOM, bottom + 34, "end", "s", "time since the run began");
}

static void draw_panel(struct panel *p)
{
    double queue_top = p->top + lanes_height(p->target) + GAP;
    double drops_top = queue_top + QUEUE_HEIGHT, bottom = drops_top + DROPS_HEIGHT;
    draw_axis(p, p->top, bottom);
    draw_lanes(p);
    draw_queue(p, queue_top);
    draw_drops(p, drops_top);
}

/* ---- The whole ---- */

static void write_title(FILE *out, const struct run *run)
{
    char place[REPORT_PLACE_SIZE];
    fprintf(out, "backlogctl %s %s: ", run->command, run->target_count ? target_place(&run->targets[0], place) : "-");
    if (run->has_server) {
        fprintf(out, "backlog %" PRId32 ", ", run->server.backlog);
        write_accept_plan(out, &run->server);
        fputs("; ", out);
    }
    fprintf(out, "%zu connection%s", run->connection_count, plural(run->connection_count));
}

static void write_description(FILE *out, const struct run *run)
{
    static const struct report_style plain;
    write_counts(out, run->counts, &plain);
    struct drop_parts parts = drop_parts_of_run(run);
    if (parts.known) {
        fputs("; ", out);
        write_drops(out, &parts);
    }
    for (size_t t = 0; t < run->target_count; t++) {
        size_t stride;
        if (run->targets[t].attempt_count > lanes_drawn(&run->targets[t], &stride))
            fprintf(out, "; one in %zu is drawn", stride);
    }
}

/* What `write` writes, malloc'ed; NULL: no memory. */
static char *words_of(void (*write)(FILE *, const struct run *), const struct run *run)
{
    struct keep keep;
    if (!keep_begin(&keep))
        return NULL;
    write(keep.stream, run);
    return keep_end(&keep);
}

static void draw_legend(FILE *out, const struct run *run)
{
    double x = 16;
    for (enum phase phase = PHASE_CALLING; phase < PHASES; phase++) {
        bool seen = false;
        for (size_t t = 0; t < run->target_count; t++)
            for (size_t i = 0; i < run->targets[t].attempt_count && !seen && run->targets[t].timeline.lanes; i++) {
                struct phase_span spans[PHASES + 1];
                size_t count = phases_of(&run->targets[t], i, spans);
                for (size_t s = 0; s < count; s++)
                    seen = seen || spans[s].phase == phase;
            }
        if (seen)
            x = svg_legend(out, x, 66, fills[phase], phase_name(phase));
    }
    svg_line(out, x + 3, 56, x + 3, 68, "k");
    svg_text(out, x + 10, 66, "start", "t", "SYN");
    svg_line(out, x + 49, 56, x + 49, 68, "d");
    svg_text(out, x + 56, 66, "start", "t", "drop");
}

static void draw_whole(FILE *out, enum svg_form form, const struct run *run, const char *title, const char *description)
{
    double height = HEAD;
    for (size_t t = 0; t < run->target_count; t++)
        if (run->targets[t].timeline.lanes)
            height += panel_height(&run->targets[t]);
    svg_begin(out, form, WIDTH, height, title, description);
    svg_text(out, 16, 26, "start", "h", title);
    svg_text(out, 16, 45, "start", "s", description);
    draw_legend(out, run);
    double top = HEAD;
    for (size_t t = 0; t < run->target_count; t++) {
        const struct target *target = &run->targets[t];
        if (!target->timeline.lanes)
            continue;
        struct panel panel = {.out = out, .target = target, .number = t, .top = top, .end = target->timeline.end};
        draw_panel(&panel);
        top += panel_height(target);
    }
    svg_end(out);
}

int draw_timelines(FILE *out, enum svg_form form, const struct run *run)
{
    char *title = words_of(write_title, run), *description = words_of(write_description, run);
    int status = title && description ? 0 : -ENOMEM;
    if (!status)
        draw_whole(out, form, run, title, description);
    free(title);
    free(description);
    return status;
}

int report_timeline_svg(FILE *out, const struct run *run)
{
    return draw_timelines(out, SVG_FILE, run);
}
