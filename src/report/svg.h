/* What pictures share: SVG 1.1, readable on light and dark, text as text. */
#ifndef BACKLOGCTL_REPORT_SVG_H
#define BACKLOGCTL_REPORT_SVG_H

#include "internal.h"
#include "markup.h"

/* Fills that most colour-blind people tell apart. */
#define SVG_ORANGE "#e69f00"
#define SVG_BLUE "#56b4e9"
#define SVG_PINK "#cc79a7"
#define SVG_GREEN "#009e73"
#define SVG_GREY "#8c8c8c"
#define SVG_RED "#d55e00"

/* Grounds, by what the reader prefers. */
#define SVG_LIGHT "#ffffff"
#define SVG_DARK "#1c1c1e"

/* The class of text that is readable (4.5:1) on such a fill, on either ground. */
const char *svg_class_on(const char *fill, double opacity);

#define SVG_STYLE                                                                                                      \
    "text { font-family: Helvetica, Arial, sans-serif; font-size: 12px; }\n"                                           \
    ".b { fill: " SVG_LIGHT "; } .t { fill: #1a1a1a; } .s { fill: #5a5a5a; } .h { fill: #1a1a1a; font-size: 16px; }\n" \
    ".l { stroke: #c8c8c8; stroke-width: 1; fill: none; } .k { stroke: #1a1a1a; stroke-width: 1.5; fill: none; }\n"    \
    ".d { stroke: " SVG_RED "; stroke-width: 1.5; } .c { stroke: " SVG_RED                                             \
    "; stroke-width: 1; stroke-dasharray: 5 3; fill: none; }\n"                                                        \
    ".bb, .bw { fill: #000000; } .wb, .ww { fill: #ffffff; }\n"                                                        \
    "@media (prefers-color-scheme: dark) {\n"                                                                          \
    ".bb, .wb { fill: #000000; } .bw, .ww { fill: #ffffff; }\n"                                                        \
    ".b { fill: " SVG_DARK "; } .t, .h { fill: #f0f0f0; } .s { fill: #b0b0b0; } .l { stroke: #48484a; } "              \
    ".k { stroke: #f0f0f0; }\n}\n"

/* A file of its own, or an element of an HTML page, which has SVG_STYLE in its head. */
enum svg_form { SVG_FILE, SVG_ELEMENT };

/* Begins a picture with its title and description, for those who hear it. Classes: text is `t`, secondary text `s`, lines `l`. */
void svg_begin(FILE *out, enum svg_form form, double width, double height, const char *title, const char *description);
void svg_end(FILE *out);

/* `anchor` is start, middle or end; `class` t or s. */
void svg_text(FILE *out, double x, double y, const char *anchor, const char *class, const char *text);
void svg_line(FILE *out, double x1, double y1, double x2, double y2, const char *class);
void svg_rect(FILE *out, double x, double y, double width, double height, const char *fill);

/* Coloured squares with their words in a row from x on; returns where it ended. */
double svg_legend(FILE *out, double x, double y, const char *fill, const char *words);

/* ---- Whole pictures ---- */

int draw_timelines(FILE *out, enum svg_form form, const struct run *run); /* 0 or -ENOMEM */
void draw_sweep(FILE *out, enum svg_form form, const struct sweep *sweep);
void draw_trace(FILE *out, enum svg_form form, const struct trace_model *m, const struct trace_history *history);
void draw_sizing(FILE *out, enum svg_form form, const struct sizing *sizing);

/* ---- Numbers ---- */

/* A coordinate with at most two decimals and without blanks: "12.5". Returns out. */
#define SVG_NUMBER_SIZE 32
const char *svg_number(double value, char out[SVG_NUMBER_SIZE]);

#endif
