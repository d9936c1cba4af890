/* The columns of a live view: which fit the screen, and the lines that they make. */
#include "frame.h"

#include <inttypes.h>
#include <string.h>

/* Eighths of a character cell, from nothing to all of it. */
static const char *const bar_utf8[] = {"░", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};

int columns_fit(const struct frame_column *columns, size_t count, int room, int *widths)
{
    int last = 0;
    for (size_t i = 0; i < count; i++) {
        widths[i] = 0;
        last = columns[i].head && columns[i].rank > last ? columns[i].rank : last;
    }
    for (int rank = 1; rank <= last; rank++)
        for (size_t i = 0; i < count; i++)
            if (columns[i].head && columns[i].rank == rank && room > columns[i].narrow) {
                widths[i] = columns[i].narrow;
                room -= widths[i] + 1;
            }
    return room;
}

int columns_at(const int *widths, size_t column)
{
    int at = 0;
    for (size_t i = 0; i < column; i++)
        at += widths[i] ? widths[i] + 1 : 0;
    return widths[column] ? at : -1;
}

int columns_write(const struct frame_column *columns, size_t count, const int *widths, column_cell *cell, void *context,
                  char out[FRAME_TEXT_SIZE])
{
    size_t used = 0;
    int cells = 0;
    *out = '\0';
    for (size_t i = 0; i < count; i++) {
        int width = widths[i];
        if (!width)
            continue;
        char text[FRAME_TEXT_SIZE];
        snprintf(text, sizeof text, "%.*s", width, columns[i].head);
        if (cell)
            cell(context, i, width, text);
        const char *gap = used ? " " : "";
        int own = (int)terminal_width(text, strlen(text)), blanks = own < width ? width - own : 0;
        used += (size_t)snprintf(out + used, FRAME_TEXT_SIZE - used, "%s%*s%s%*s", gap, columns[i].left ? 0 : blanks, "", text,
                                 columns[i].left ? blanks : 0, "");
        used = used < FRAME_TEXT_SIZE ? used : FRAME_TEXT_SIZE - 1;
        cells += width + (*gap ? 1 : 0);
    }
    while (used && out[used - 1] == ' ') {
        out[--used] = '\0';
        cells--;
    }
    return cells;
}

void column_number(uint64_t number, int width, char out[FRAME_TEXT_SIZE])
{
    static const char units[] = "kMGTPE";
    int length = snprintf(out, FRAME_TEXT_SIZE, "%" PRIu64, number);
    for (size_t unit = 0; length > width && units[unit]; unit++) {
        number /= 1000;
        length = snprintf(out, FRAME_TEXT_SIZE, "%" PRIu64 "%c", number, units[unit]);
    }
}

void column_bar(uint64_t part, uint64_t whole, int width, bool utf8, char out[FRAME_TEXT_SIZE])
{
    int inner = utf8 ? width : width - 2;
    uint64_t all = (uint64_t)inner * 8, eighths = whole ? part * all / whole : 0;
    if (eighths > all)
        eighths = all; /* a backlog that was lowered holds more than it may */
    if (part && !eighths)
        eighths = 1;
    size_t used = (size_t)snprintf(out, FRAME_TEXT_SIZE, "%s", utf8 ? "" : "[");
    for (uint64_t cell = 0; cell < (uint64_t)inner; cell++) {
        uint64_t here = eighths > cell * 8 ? eighths - cell * 8 : 0;
        const char *ascii = here >= 4 || (here && !cell) ? "#" : " ";
        used += (size_t)snprintf(out + used, FRAME_TEXT_SIZE - used, "%s", utf8 ? bar_utf8[here > 8 ? 8 : here] : ascii);
    }
    if (!utf8)
        snprintf(out + used, FRAME_TEXT_SIZE - used, "]");
}
