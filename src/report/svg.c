/* The pieces of a picture. Numbers are written without the locale's comma. */
#include "svg.h"

#include "backlogctl/escape.h"

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

/* What XML cannot hold goes with what is not printable. */
static void escaped(FILE *out, const char *text, bool attribute)
{
    char safe[ESCAPED_SIZE(1024)];
    escape_text(text, ESCAPE_UNPRINTABLE, safe, sizeof safe);
    for (const char *at = safe; *at; at++) {
        if (*at == '&')
            fputs("&amp;", out);
        else if (*at == '<')
            fputs("&lt;", out);
        else if (*at == '>')
            fputs("&gt;", out);
        else if (*at == '"' && attribute)
            fputs("&quot;", out);
        else
            putc(*at, out);
    }
}

void svg_escaped(FILE *out, const char *text)
{
    escaped(out, text, false);
}

void svg_attribute(FILE *out, const char *text)
{
    escaped(out, text, true);
}

void svg_begin(FILE *out, double width, double height, const char *title, const char *description)
{
    char w[SVG_NUMBER_SIZE], h[SVG_NUMBER_SIZE];
    svg_number(width, w);
    svg_number(height, h);
    fprintf(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<svg xmlns=\"http://www.w3.org/2000/svg\" version=\"1.1\" width=\"%s\" height=\"%s\" viewBox=\"0 0 %s %s\">\n<title>",
        w, h, w, h);
    svg_escaped(out, title);
    fputs("</title>\n<desc>", out);
    svg_escaped(out, description);
    fputs(
        "</desc>\n"
        "<style type=\"text/css\">\n"
        "text { font-family: Helvetica, Arial, sans-serif; font-size: 12px; }\n"
        ".b { fill: #ffffff; } .t { fill: #1a1a1a; } .s { fill: #5a5a5a; } .h { fill: #1a1a1a; font-size: 16px; }\n"
        ".l { stroke: #c8c8c8; stroke-width: 1; fill: none; } .k { stroke: #1a1a1a; stroke-width: 1.5; fill: none; }\n"
        ".d { stroke: " SVG_RED "; stroke-width: 1.5; } .c { stroke: " SVG_RED
        "; stroke-width: 1; stroke-dasharray: 5 3; fill: none; }\n"
        "@media (prefers-color-scheme: dark) {\n"
        ".b { fill: #1c1c1e; } .t, .h { fill: #f0f0f0; } .s { fill: #b0b0b0; } .l { stroke: #48484a; } .k { stroke: #f0f0f0; }\n"
        "}\n</style>\n",
        out);
    fprintf(out, "<rect class=\"b\" x=\"0\" y=\"0\" width=\"%s\" height=\"%s\"/>\n", w, h);
}

void svg_end(FILE *out)
{
    fputs("</svg>\n", out);
}

void svg_text(FILE *out, double x, double y, const char *anchor, const char *class, const char *text)
{
    char a[SVG_NUMBER_SIZE], b[SVG_NUMBER_SIZE];
    fprintf(out, "<text class=\"%s\" x=\"%s\" y=\"%s\" text-anchor=\"%s\">", class, svg_number(x, a), svg_number(y, b), anchor);
    svg_escaped(out, text);
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
