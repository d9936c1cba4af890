/* What pictures share: SVG 1.1, readable on light and dark, text as text. */
#ifndef BACKLOGCTL_REPORT_SVG_H
#define BACKLOGCTL_REPORT_SVG_H

#include "internal.h"

/* Fills that most colour-blind people tell apart. */
#define SVG_ORANGE "#e69f00"
#define SVG_BLUE "#56b4e9"
#define SVG_PINK "#cc79a7"
#define SVG_GREEN "#009e73"
#define SVG_GREY "#8c8c8c"
#define SVG_RED "#d55e00"

/* Begins a picture with its title and description, for those who hear it. Classes: text is `t`, secondary text `s`, lines `l`. */
void svg_begin(FILE *out, double width, double height, const char *title, const char *description);
void svg_end(FILE *out);

/* Text with what XML forbids replaced; as the value of an attribute, in its quotes. */
void svg_escaped(FILE *out, const char *text);
void svg_attribute(FILE *out, const char *text);

/* `anchor` is start, middle or end; `class` t or s. */
void svg_text(FILE *out, double x, double y, const char *anchor, const char *class, const char *text);
void svg_line(FILE *out, double x1, double y1, double x2, double y2, const char *class);
void svg_rect(FILE *out, double x, double y, double width, double height, const char *fill);

/* Coloured squares with their words in a row from x on; returns where it ended. */
double svg_legend(FILE *out, double x, double y, const char *fill, const char *words);

/* A coordinate with at most two decimals and without blanks: "12.5". Returns out. */
#define SVG_NUMBER_SIZE 32
const char *svg_number(double value, char out[SVG_NUMBER_SIZE]);

#endif
