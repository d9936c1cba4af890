/* Escapes, for every output. */
#include "backlogctl/escape.h"

#include <stdint.h>
#include <string.h>
#include <wctype.h>

/* What shows nothing of itself, or changes how its neighbours show (Unicode: Cc, Cf, Co, Zl, Zp, Zs, default ignorable, no
   characters), in ascending order. */
static const struct {
    uint32_t first, last;
} unprintable[] = {
    {0x0000, 0x001f},   {0x007f, 0x00a0},   {0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x0600, 0x0605},   {0x061c, 0x061c},
    {0x06dd, 0x06dd},   {0x070f, 0x070f},   {0x0890, 0x0891},   {0x08e2, 0x08e2},   {0x115f, 0x1160},   {0x1680, 0x1680},
    {0x17b4, 0x17b5},   {0x180b, 0x180f},   {0x2000, 0x200f},   {0x2028, 0x202f},   {0x205f, 0x206f},   {0x3000, 0x3000},
    {0x3164, 0x3164},   {0xe000, 0xf8ff},   {0xfdd0, 0xfdef},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
    {0xfff0, 0xfffb},   {0xfffe, 0xffff},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a}, {0x1fffe, 0x1ffff}, {0x2fffe, 0x2ffff}, {0x3fffe, 0x3ffff}, {0x4fffe, 0xdffff}, {0xe0000, 0x10ffff},
};

static bool is_unprintable(uint32_t character)
{
    for (size_t i = 0; i < sizeof unprintable / sizeof *unprintable && unprintable[i].first <= character; i++)
        if (character <= unprintable[i].last)
            return true;
    return false;
}

/* The bytes of the UTF-8 character that begins here, 0: these bytes are none (RFC 3629: not overlong, no surrogate). */
static size_t read_character(const unsigned char *at, uint32_t *out)
{
    static const struct {
        unsigned char mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    for (size_t length = 1; length <= 4; length++) {
        if ((*at & forms[length - 1].mask) != forms[length - 1].lead)
            continue;
        *out = *at & (unsigned char)~forms[length - 1].mask;
        for (size_t i = 1; i < length; i++) {
            if ((at[i] & 0xc0) != 0x80) /* the end of the text too */
                return 0;
            *out = *out << 6 | (at[i] & 0x3f);
        }
        bool surrogate = *out >= 0xd800 && *out <= 0xdfff;
        return *out < forms[length - 1].least || *out > 0x10ffff || surrogate ? 0 : length;
    }
    return 0;
}

static bool is_kept(uint32_t character, unsigned char next, unsigned what)
{
    if (character == '\\')
        return !(what & ESCAPE_BACKSLASH) && next != 'x';
    if (character >= ' ' && character <= '~')
        return true;
    if (character == 0x7f || (character > 0x7e && what & ESCAPE_NON_ASCII)) /* DEL, which JSON lets pass */
        return false;
    if (what & ESCAPE_UNPRINTABLE && is_unprintable(character))
        return false;
    return !(what & ESCAPE_UNKNOWN) || iswprint((wint_t)character);
}

/* What is built, as far as there is room. */
struct built {
    char *out;
    size_t size, used, length; /* length: of the whole */
};

static void add(struct built *b, const char *bytes, size_t count)
{
    if (b->used == b->length && b->used + count < b->size) {
        memcpy(b->out + b->used, bytes, count);
        b->used += count;
    }
    b->length += count;
}

static void add_escape(struct built *b, unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";
    const char escape[] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    add(b, escape, sizeof escape);
}

/* Escapes what begins here; returns its bytes. */
static size_t escape_one(const unsigned char *at, unsigned what, struct built *b)
{
    uint32_t character;
    size_t length = read_character(at, &character);
    if (length && is_kept(character, at[length], what)) {
        add(b, (const char *)at, length);
        return length;
    }
    if (at[0] == 0xc0 && at[1] == 0x80) { /* see unescape() */
        add_escape(b, 0);
        return 2;
    }
    if (!length)
        length = 1;
    for (size_t i = 0; i < length; i++)
        add_escape(b, at[i]);
    return length;
}

size_t escape_text(const char *text, unsigned what, char *out, size_t size)
{
    struct built b = {.out = out, .size = size};
    while (*text)
        text += escape_one((const unsigned char *)text, what, &b);
    if (size)
        out[b.used] = '\0';
    return b.length;
}

size_t escape_first(const char *text, unsigned what, char out[ESCAPE_ONE_SIZE])
{
    struct built b = {.out = out, .size = ESCAPE_ONE_SIZE};
    size_t length = escape_one((const unsigned char *)text, what, &b);
    out[b.used] = '\0';
    return length;
}

void escape_put(FILE *out, const char *text, unsigned what)
{
    char bytes[1024];
    struct built b = {.out = bytes, .size = sizeof bytes};
    while (*text) {
        text += escape_one((const unsigned char *)text, what, &b);
        if (b.used > sizeof bytes - ESCAPED_SIZE(4) || !*text) { /* not a call for each: stderr has no buffer */
            fwrite(bytes, 1, b.used, out);
            b.used = b.length = 0;
        }
    }
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

char *unescape(const char *text, char *out)
{
    char *to = out;
    while (*text) {
        int high = text[0] == '\\' && text[1] == 'x' ? digit(text[2]) : -1, low = high >= 0 ? digit(text[3]) : -1;
        if (low < 0) {
            *to++ = *text++;
            continue;
        }
        text += 4;
        if (high || low) {
            *to++ = (char)(high << 4 | low);
        } else {
            *to++ = (char)0xc0;
            *to++ = (char)0x80;
        }
    }
    *to = '\0';
    return out;
}
