/* Text in XML and HTML: the escapes of every output, and around them the entities of markup. */
#include "markup.h"

#include "backlogctl/escape.h"

#include <stdbool.h>

static void put_entities(FILE *out, const char *text, bool attribute)
{
    for (const char *at = text; *at; at++) {
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

/* What XML cannot hold goes with what is not printable. */
static void put(FILE *out, const char *text, bool attribute)
{
    char one[ESCAPE_ONE_SIZE];
    while (*text) {
        text += escape_first(text, ESCAPE_UNPRINTABLE, one);
        put_entities(out, one, attribute);
    }
}

void markup_text(FILE *out, const char *text)
{
    put(out, text, false);
}

void markup_attribute(FILE *out, const char *text)
{
    put(out, text, true);
}

void markup_printable(FILE *out, const char *text)
{
    put_entities(out, text, false);
}
