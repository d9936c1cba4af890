/* The search for a size as a picture: a bar for each backlog that was tried, in the order of the steps. */
#include "svg.h"

#include <inttypes.h>

#define WIDTH 960.0
#define LEFT 90.0
#define RIGHT 30.0
#define ROOM (WIDTH - LEFT - RIGHT)
#define TOP 80.0
#define PLOT 200.0
#define HEIGHT (TOP + PLOT + 50)

static uint32_t largest(const struct sizing *s)
{
    uint32_t most = s->backlog ? s->backlog : 1;
    for (size_t i = 0; i < s->step_count; i++)
        most = s->steps[i].backlog > most ? s->steps[i].backlog : most;
    return most;
}

static void draw_step(FILE *out, const struct sizing *s, size_t i, double scale)
{
    const struct sizing_step *step = &s->steps[i];
    double room = ROOM / (double)s->step_count, width = room > 60 ? 48 : room * 0.8, bottom = TOP + PLOT;
    double x = LEFT + room * (double)i + (room - width) / 2, height = scale * step->backlog;
    char text[32];
    bool passed = step->passed == step->runs;
    fprintf(out, "<g><title>step %zu, backlog %" PRIu32 ": %zu of %zu runs dropped and lost nobody</title>\n", i + 1,
            step->backlog, step->passed, step->runs);
    svg_rect(out, x, bottom - (height > 1 ? height : 1), width, height > 1 ? height : 1, passed ? SVG_GREEN : SVG_RED);
    snprintf(text, sizeof text, "%" PRIu32, step->backlog);
    if (room >= 20 || i % 4 == 0)
        svg_text(out, x + width / 2, bottom + 16, "middle", "t", text);
    fputs("</g>\n", out);
}

void draw_sizing(FILE *out, enum svg_form form, const struct sizing *s)
{
    double scale = PLOT / (double)largest(s), answer = TOP + PLOT - scale * s->backlog;
    char text[48];
    svg_begin(out, form, WIDTH, HEIGHT, "backlogs tried, step by step", "green: no run dropped or lost anybody");
    svg_text(out, 16, 26, "start", "h", "backlogs tried, step by step");
    svg_legend(out, svg_legend(out, 16, 48, SVG_GREEN, "no run dropped or lost anybody"), 48, SVG_RED, "some run did");
    svg_line(out, LEFT, TOP + PLOT, LEFT + ROOM, TOP + PLOT, "l");
    for (size_t i = 0; i < s->step_count; i++)
        draw_step(out, s, i, scale);
    if (s->answered) {
        snprintf(text, sizeof text, "answer %" PRIu32, s->backlog);
        svg_line(out, LEFT, answer, LEFT + ROOM, answer, "c");
        svg_text(out, LEFT - 8, answer + 4, "end", "t", text);
    }
    svg_text(out, LEFT + ROOM, TOP + PLOT + 36, "end", "s", "backlog, in the order tried");
    svg_end(out);
}
