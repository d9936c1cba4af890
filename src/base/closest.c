/* The distance of two words, by dynamic programming over their beginnings. */
#include "backlogctl/closest.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define WORD_MAX 63

static bool same(char a, char b)
{
    a = a == '_' ? '-' : (char)tolower((unsigned char)a);
    b = b == '_' ? '-' : (char)tolower((unsigned char)b);
    return a == b;
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

unsigned edit_distance(const char *a, const char *b)
{
    size_t rows = strlen(a), columns = strlen(b);
    unsigned table[3][WORD_MAX + 1]; /* of the rows before last, last and now */
    unsigned *before = table[0], *last = table[1], *now = table[2];
    if (rows > WORD_MAX || columns > WORD_MAX)
        return strcmp(a, b) ? UINT_MAX : 0;
    for (size_t j = 0; j <= columns; j++)
        last[j] = (unsigned)j;
    for (size_t i = 1; i <= rows; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= columns; j++) {
            now[j] = least(least(last[j], now[j - 1]) + 1, last[j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
        unsigned *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[columns];
}

/* A third of a word may be wrong; of the shortest ones a letter. */
static unsigned allowance(size_t length)
{
    return length < 2 ? 0 : length < 6 ? 1 : (unsigned)(length / 3);
}

void closest_try(struct closest *closest, const char *word)
{
    unsigned distance = edit_distance(closest->typed, word);
    size_t length = strlen(closest->typed);
    if (distance > allowance(length) || (closest->best && distance >= closest->distance))
        return;
    closest->best = word;
    closest->distance = distance;
}

const char *closest_hint(const struct closest *closest, const char *prefix, char out[CLOSEST_HINT_SIZE])
{
    *out = '\0';
    if (closest->best)
        snprintf(out, CLOSEST_HINT_SIZE, " (did you mean %s%.80s?)", prefix, closest->best);
    return out;
}
