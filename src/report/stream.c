/* Streams for text that does not go straight to its place: folded and made safe to print on the way, or kept in memory. They are not open_memstream(3), which
   gives out shortened text as if it were whole when memory runs out. */
#include "internal.h"

#include "backlogctl/escape.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Folded ---- */

/* How many bytes at the end of a full word may be the beginning of a character. */
static size_t begun_character(const struct fold *fold)
{
    for (size_t i = 1; i <= 3 && i < fold->used; i++) {
        unsigned char byte = (unsigned char)fold->word[fold->used - i];
        if (byte >= 0xc0)
            return i;
        if (byte < 0x80)
            break;
    }
    return 0;
}

/* Writes the word, made safe; or a part of one too long to be kept: the rest then goes on without a blank. */
static void put_word(struct fold *fold, bool part)
{
    char safe[ESCAPED_SIZE(FOLD_WORD_MAX) + 1], rest[4];
    size_t left = part ? begun_character(fold) : 0;
    if (!fold->used)
        return;
    memcpy(rest, fold->word + fold->used - left, left);
    fold->word[fold->used - left] = '\0';
    for (char *c = fold->word; fold->tie && *c; c++)
        *c = *c == fold->tie ? ' ' : *c;
    size_t length = terminal_text(fold->word, safe, sizeof safe);
    int width = (int)terminal_width(safe, length);
    if (fold->at && !fold->parted && fold->columns > 0 && fold->at + 1 + width > fold->columns) {
        fprintf(fold->out, "\n%*s", fold->indent, "");
        fold->at = fold->indent;
    } else if (fold->at && !fold->parted) {
        putc(' ', fold->out);
        fold->at++;
    }
    fwrite(safe, 1, length, fold->out);
    fold->at += width;
    memcpy(fold->word, rest, left);
    fold->used = left;
    fold->parted = part;
}

static ssize_t fold_write(void *cookie, const char *text, size_t size)
{
    struct fold *fold = cookie;
    for (size_t i = 0; i < size; i++) {
        /* A second blank in a row is part of a name, which must not come out as another one. */
        if (text[i] == ' ' && (fold->used || fold->parted || !fold->at)) {
            put_word(fold, false);
            fold->parted = false;
            continue;
        }
        if (fold->used == FOLD_WORD_MAX)
            put_word(fold, true);
        fold->word[fold->used++] = text[i];
    }
    return (ssize_t)size;
}

FILE *fold_begin(struct fold *fold, FILE *out, int columns, int indent)
{
    return fold_behind(fold, out, columns, indent, 0);
}

FILE *fold_behind(struct fold *fold, FILE *out, int columns, int indent, int at)
{
    *fold = (struct fold){.out = out, .columns = columns, .indent = indent, .at = at};
    fold->stream = fopencookie(fold, "w", (cookie_io_functions_t){.write = fold_write});
    if (fold->stream)
        return fold->stream;
    fputs(at ? " " : "", out);
    return fold->stream = out;
}

char fold_tie(struct fold *fold)
{
    return fold->tie = fold->stream == fold->out ? ' ' : '\t';
}

void fold_end(struct fold *fold)
{
    bool plain = fold->stream == fold->out;
    if (!plain)
        fclose(fold->stream);
    put_word(fold, false);
    if (plain || fold->at)
        putc('\n', fold->out);
}

void write_folded(FILE *out, const char *text, int columns, int indent)
{
    struct fold fold = {.out = out, .columns = columns, .indent = indent};
    fold_write(&fold, text, strlen(text));
    put_word(&fold, false);
    putc('\n', out);
}

/* ---- Kept ---- */

static ssize_t keep_write(void *cookie, const char *text, size_t size)
{
    struct keep *keep = cookie;
    if (keep->room - keep->used <= size) {
        size_t room = 2 * keep->room + size + 1;
        char *grown = realloc(keep->text, room);
        if (!grown) {
            keep->failed = true;
            errno = ENOMEM;
            return 0;
        }
        keep->text = grown;
        keep->room = room;
    }
    memcpy(keep->text + keep->used, text, size);
    keep->used += size;
    keep->text[keep->used] = '\0';
    return (ssize_t)size;
}

FILE *keep_begin(struct keep *keep)
{
    *keep = (struct keep){0};
    keep->stream = fopencookie(keep, "w", (cookie_io_functions_t){.write = keep_write});
    return keep->stream;
}

char *keep_end(struct keep *keep)
{
    if (fclose(keep->stream))
        keep->failed = true;
    if (!keep->failed && !keep->text) /* nothing was written */
        keep->text = strdup("");
    if (!keep->failed)
        return keep->text;
    free(keep->text);
    return NULL;
}
