/* Bytes from outside - names of sockets, processes, devices and namespaces, and messages with such names in them - made safe to
   print, and back. There is one escape, \xHH for the byte of that value in hexadecimal digits, in every output. What is escaped
   differs: more on a terminal, less where a format keeps the rest safe. Whatever is escaped, unescape() gives the bytes again. */
#ifndef BACKLOGCTL_ESCAPE_H
#define BACKLOGCTL_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Escaped are bytes that are no UTF-8, DEL, and a backslash before an x, which would read as an escape; and: */
enum escape {
    ESCAPE_UNPRINTABLE = 1, /* control and format characters (bidi, zero width), blanks but the space, private use */
    ESCAPE_UNKNOWN = 2,     /* characters that the locale does not call printable */
    ESCAPE_BACKSLASH = 4,   /* every backslash */
    ESCAPE_NON_ASCII = 8,
};

/* Like snprintf: returns the length of the whole, and cuts between two characters or escapes. `what`: bits of enum escape. */
size_t escape_text(const char *text, unsigned what, char *out, size_t size);

/* The first character alone, for a format with escapes of its own around these: its escaped form in `out`. Returns the bytes of it. */
#define ESCAPE_ONE_SIZE 17
size_t escape_first(const char *text, unsigned what, char out[ESCAPE_ONE_SIZE]);

/* The same, written; takes no memory. */
void escape_put(FILE *out, const char *text, unsigned what);

/* Each byte takes at most so many. */
#define ESCAPED_SIZE(size) (4 * (size))

/* A \x00 becomes the two bytes C0 80, which are no UTF-8: so a NUL inside an abstract socket name is kept in a string
   (see endpoint_unix_sockaddr). `out` has room for strlen(text) + 1 bytes, and may be `text`. Returns out. */
char *unescape(const char *text, char *out);

/* ---- For a terminal, or a file that is shown on one ---- */

/* What a terminal cannot be given: LC_CTYPE tells whether it shows UTF-8; every other charset gets ASCII. */
unsigned terminal_escapes(void);

/* The same as escape_text and as printf, whose text is escaped as a whole, so that a newline in it is one in a name. What is longer
   than names and messages get is cut and ends with "...". */
#define TERMINAL_PRINTF_SIZE 8192
size_t terminal_text(const char *text, char *out, size_t size);
void terminal_put(FILE *out, const char *text);
__attribute__((format(printf, 2, 3))) void terminal_printf(FILE *out, const char *format, ...);

/* Cells that so many bytes of escaped text take. */
size_t terminal_width(const char *text, size_t length);
/* The bytes at its beginning that take at most `cells` cells; the place where its last `cells` cells begin. */
size_t terminal_head(const char *text, size_t cells);
const char *terminal_tail(const char *text, size_t cells);

#endif
