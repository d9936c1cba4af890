/* Text for a terminal: nothing that comes from outside can move its cursor, hide or turn what stands beside it. */
#include "backlogctl/escape.h"

#include <langinfo.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static bool shows_utf8(void)
{
    return !strcmp(nl_langinfo(CODESET), "UTF-8");
}

unsigned terminal_escapes(void)
{
    return ESCAPE_UNPRINTABLE | ESCAPE_BACKSLASH | (unsigned)(shows_utf8() ? ESCAPE_UNKNOWN : ESCAPE_NON_ASCII);
}

size_t terminal_text(const char *text, char *out, size_t size)
{
    return escape_text(text, terminal_escapes(), out, size);
}

void terminal_put(FILE *out, const char *text)
{
    escape_put(out, text, terminal_escapes());
}

void terminal_printf(FILE *out, const char *format, ...)
{
    char text[TERMINAL_PRINTF_SIZE];
    va_list args;
    va_start(args, format);
    int length = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    terminal_put(out, text);
    if (length >= (int)sizeof text)
        fputs("...", out);
}

/* The cells of the character that begins here, and its bytes. */
static size_t cells_at(const char *text, size_t *bytes)
{
    wchar_t wide;
    mbstate_t state = {0};
    *bytes = 1;
    if (*text >= ' ' && *text <= '~') /* most are, and need no look into the tables of the locale */
        return 1;
    size_t length = mbrtowc(&wide, text, MB_CUR_MAX, &state);
    if (length == 0 || length > MB_CUR_MAX) /* not of this locale: a byte, a cell, but none for one that goes on */
        return ((unsigned char)*text & 0xc0) != 0x80;
    int cells = wcwidth(wide);
    *bytes = length;
    return cells < 0 ? 1 : (size_t)cells;
}

size_t terminal_width(const char *text, size_t length)
{
    size_t width = 0, bytes;
    for (const char *at = text; at < text + length && *at; at += bytes)
        width += cells_at(at, &bytes);
    return width;
}

size_t terminal_head(const char *text, size_t cells)
{
    const char *at = text;
    size_t width = 0, bytes;
    for (; *at; at += bytes) {
        width += cells_at(at, &bytes);
        if (width > cells)
            break;
    }
    return (size_t)(at - text);
}

const char *terminal_tail(const char *text, size_t cells)
{
    size_t width = terminal_width(text, strlen(text)), bytes, own;
    for (; *text; text += bytes) {
        own = cells_at(text, &bytes);
        if (own && width <= cells) /* accents of what was left out go with it */
            break;
        width -= own;
    }
    return text;
}
