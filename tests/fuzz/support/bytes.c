/* The fuzzer's bytes, drawn one after the other. */
#include "fuzz.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

uint8_t draw_byte(struct bytes *bytes)
{
    return (uint8_t)draw_raw(bytes, 1);
}

bool draw_bool(struct bytes *bytes)
{
    return draw_byte(bytes) & 1;
}

uint64_t draw_raw(struct bytes *bytes, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width && bytes->left; i++, bytes->at++, bytes->left--)
        value |= (uint64_t)*bytes->at << 8 * i;
    return value;
}

uint64_t draw_number(struct bytes *bytes)
{
    static const uint64_t edges[] = {1,
                                     2,
                                     128,
                                     UINT16_MAX,
                                     INT32_MAX,
                                     UINT64_C(1) << 31,
                                     UINT32_MAX,
                                     INT64_MAX,
                                     UINT64_MAX - 1,
                                     UINT64_MAX,
                                     1000000,
                                     1000000000,
                                     UINT64_C(1) << 53,
                                     UINT64_C(1) << 63};
    const size_t count = sizeof edges / sizeof *edges;
    uint8_t kind = draw_byte(bytes);
    if (kind >= 0xf0)
        return edges[(size_t)(kind - 0xf0) % count];
    return kind < 0x80 ? kind : draw_raw(bytes, 1 + (kind & 7));
}

int64_t draw_positive(struct bytes *bytes)
{
    return (int64_t)(draw_number(bytes) & INT64_MAX);
}

size_t draw_below(struct bytes *bytes, size_t below)
{
    return draw_raw(bytes, below > 256 ? 2 : 1) % below;
}

struct bytes draw_part(struct bytes *bytes)
{
    size_t wanted = (size_t)draw_raw(bytes, 2);
    struct bytes part = {bytes->at, wanted < bytes->left ? wanted : bytes->left};
    bytes->at += part.left;
    bytes->left -= part.left;
    return part;
}

char *draw_text(struct bytes *bytes, char *out, size_t size)
{
    struct bytes part = draw_part(bytes);
    size_t length = part.left < size - 1 ? part.left : size - 1;
    if (length)
        memcpy(out, part.at, length);
    out[length] = '\0';
    return out;
}

void draw_charset(struct bytes *bytes)
{
    static locale_t ascii, utf8;
    if (!ascii) {
        ascii = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    }
    uselocale(draw_bool(bytes) && utf8 ? utf8 : ascii);
}

struct exact exact_copy(struct bytes bytes, size_t shift)
{
    uint8_t *memory = malloc(bytes.left + shift + !(bytes.left + shift));
    MUST(memory);
    struct exact copy = {memory, bytes.left + shift ? memory + shift : memory + 1};
    if (bytes.left)
        memcpy(copy.bytes, bytes.at, bytes.left);
    return copy;
}

_Noreturn void fuzz_failed(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    abort();
}
