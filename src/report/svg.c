/* The pieces of a picture. Numbers are written without the locale's comma. */
#include "svg.h"

#include <stdlib.h>
#include <string.h>

const char *svg_number(double value, char out[SVG_NUMBER_SIZE])
{
    long hundredths = (long)(value * 100 + (value < 0 ? -0.5 : 0.5));
    long magnitude = hundredths < 0 ? -hundredths : hundredths;
    int used = snprintf(out, SVG_NUMBER_SIZE, "%s%ld", hundredths < 0 ? "-" : "", magnitude / 100);
    if (magnitude % 100)
        snprintf(out + used, SVG_NUMBER_SIZE - (size_t)used, magnitude % 10 ? ".%02ld" : ".%ld",
                 magnitude % 10 ? magnitude % 100 : magnitude % 100 / 10);
    return out;
}

void svg_begin(FILE *out, enum svg_form form, double width, double height, const char *title, const char *description)
{
    char w[SVG_NUMBER_SIZE], h[SVG_NUMBER_SIZE];
    svg_number(width, w);
    svg_number(height, h);
    if (form == SVG_FILE)
        fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\"", out);
    else
        fputs("<svg role=\"img\"", out);
    fprintf(out, " width=\"%s\" height=\"%s\" viewBox=\"0 0 %s %s\">\n<title>", w, h, w, h);
    markup_text(out, title);
    fputs("</title>\n<desc>", out);
    markup_text(out, description);
    fputs("</desc>\n", out);
    if (form == SVG_FILE)
        fputs("<style type=\"text/css\">\n" SVG_STYLE "</style>\n", out);
    fprintf(out, "<rect class=\"b\" x=\"0\" y=\"0\" width=\"%s\" height=\"%s\"/>\n", w, h);
}

/* Relative luminance (WCAG 2) of a fill "#rrggbb" over another, in 0 to 1. A polynomial stands for the curve of sRGB. */
static double luminance(const char *fill, double opacity, const char *under)
{
    static const double weights[] = {0.0722, 0.7152, 0.2126}; /* from the last byte on */
    unsigned long top = strtoul(fill + 1, NULL, 16), bottom = strtoul(under + 1, NULL, 16);
    double sum = 0;
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++, top >>= 8, bottom >>= 8) {
        double c = (opacity * (double)(top & 0xff) + (1 - opacity) * (double)(bottom & 0xff)) / 255;
        sum += weights[i] * c * (c * (c * 0.305306011 + 0.682171111) + 0.012522878);
    }
    return sum;
}

const char *svg_class_on(const char *fill, double opacity)
{
    static const char *const classes[2][2] = {{"ww", "wb"}, {"bw", "bb"}};
    /* Where (L + 0.05) / 0.05 is more than 1.05 / (L + 0.05), black has the higher contrast, and either has at least 4.5 there. */
    const double equal = 0.179;
    return classes[luminance(fill, opacity, SVG_LIGHT) > equal][luminance(fill, opacity, SVG_DARK) > equal];
}

void svg_end(FILE *out)
{
    fputs("</svg>\n", out);
}

void svg_text(FILE *out, double x, double y, const char *anchor, const char *class, const char *text)
{
    char a[SVG_NUMBER_SIZE], b[SVG_NUMBER_SIZE];
    fprintf(out, "<text class=\"%s\" x=\"%s\" y=\"%s\" text-anchor=\"%s\">", class, svg_number(x, a), svg_number(y, b), anchor);
    markup_text(out, text);
    fputs("</text>\n", out);
}

void svg_line(FILE *out, double x1, double y1, double x2, double y2, const char *class)
{
    char a[SVG_NUMBER_SIZE], b[SVG_NUMBER_SIZE], c[SVG_NUMBER_SIZE], d[SVG_NUMBER_SIZE];
    fprintf(out, "<line class=\"%s\" x1=\"%s\" y1=\"%s\" x2=\"%s\" y2=\"%s\"/>\n", class, svg_number(x1, a), svg_number(y1, b),
            svg_number(x2, c), svg_number(y2, d));
}

void svg_rect(FILE *out, double x, double y, double width, double height, const char *fill)
{
    char a[SVG_NUMBER_SIZE], b[SVG_NUMBER_SIZE], c[SVG_NUMBER_SIZE], d[SVG_NUMBER_SIZE];
    fprintf(out, "<rect x=\"%s\" y=\"%s\" width=\"%s\" height=\"%s\" fill=\"%s\"/>\n", svg_number(x, a), svg_number(y, b),
            svg_number(width, c), svg_number(height, d), fill);
}

double svg_legend(FILE *out, double x, double y, const char *fill, const char *words)
{
    svg_rect(out, x, y - 9, 10, 10, fill);
    svg_text(out, x + 15, y, "start", "t", words);
    return x + 15 + 6.8 * (double)strlen(words) + 18;
}
