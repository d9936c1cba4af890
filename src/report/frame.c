/* The pieces that live views share: title, list, folded words, keys. */
#include "frame.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DETAILS_MAX 8
/* Listeners that stay in view, however many details there would be. */
#define LISTED_MIN 3

bool frame_begin(struct frame *frame)
{
    frame->count = frame->listed = 0;
    if (frame->rows >= FRAME_ROWS_MIN && frame->columns >= FRAME_COLUMNS_MIN)
        return true;
    frame_text(frame, FRAME_PLAIN, "too small: want %dx%d", FRAME_COLUMNS_MIN, FRAME_ROWS_MIN);
    return false;
}

struct frame_line *frame_add(struct frame *frame, enum frame_style style)
{
    if (frame->count == frame->rows)
        return NULL;
    struct frame_line *line = &frame->lines[frame->count++];
    memset(line->parts, 0, sizeof line->parts);
    line->style = style;
    line->text[0] = '\0';
    return line;
}

struct frame_line *frame_text(struct frame *frame, enum frame_style style, const char *format, ...)
{
    struct frame_line *line = frame_add(frame, style);
    if (!line)
        return NULL;
    char text[FRAME_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    escape_text(text, frame->utf8 ? terminal_escapes() & ~(unsigned)ESCAPE_NON_ASCII : terminal_escapes(), line->text,
                sizeof line->text);
    return line;
}

void frame_lines(struct frame *frame, enum frame_style style, int indent, char *text)
{
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        struct frame_line *added = frame_add(frame, style);
        if (added)
            snprintf(added->text, sizeof added->text, "%*s%s", indent, "", line);
    }
}

void frame_folded(struct frame *frame, enum frame_style style, const char *text)
{
    struct keep keep;
    FILE *memory = keep_begin(&keep);
    if (memory)
        write_folded(memory, text, frame->columns - 2, 2);
    char *folded = memory ? keep_end(&keep) : NULL;
    if (folded)
        frame_lines(frame, style, 2, folded);
    else
        frame_text(frame, style, "  %s", text); /* then it is cut */
    free(folded);
}

void frame_part(struct frame_line *line, int from, int cells, enum frame_style style)
{
    for (size_t i = 0; line && i < FRAME_PARTS_MAX; i++)
        if (!line->parts[i].cells) {
            line->parts[i] = (struct frame_part){from, cells, style};
            return;
        }
}

size_t frame_divide(const struct frame *frame, const struct frame_view *view, size_t around, size_t *details)
{
    size_t room = frame->rows - around;
    *details = room - LISTED_MIN < DETAILS_MAX ? room - LISTED_MIN : DETAILS_MAX;
    if (frame->rows < 16 && *details > room / 2)
        *details = room / 2;
    /* Rows that no listener needs tell more of the chosen one. */
    size_t listed = view->count > LISTED_MIN ? view->count : LISTED_MIN;
    if (room > listed && room - listed > *details)
        *details = room - listed;
    return room - *details;
}

void frame_title(struct frame *frame, const struct frame_view *view, const struct frame_title *t)
{
    char interval[NSEC_TEXT_SIZE], where[96] = "", count[80], somaxconn[40] = "";
    const struct netns_facts *netns = t->namespace_count ? &t->namespaces[0] : NULL;
    if (t->namespace_count > 1)
        snprintf(where, sizeof where, "  %zu namespaces", t->namespace_count);
    else if (netns && *netns->name)
        snprintf(where, sizeof where, "  netns %s", netns->name);
    else if (netns)
        snprintf(where, sizeof where, "  netns %" PRIu64, netns->inode);
    if (view->count < t->count)
        snprintf(count, sizeof count, "%zu of %zu listeners", view->count, t->count);
    else
        snprintf(count, sizeof count, "%zu listener%s", t->count, plural(t->count));
    if (netns && t->namespace_count == 1 && netns->somaxconn >= 0)
        snprintf(somaxconn, sizeof somaxconn, "  somaxconn %" PRId64, netns->somaxconn);
    frame_text(frame, FRAME_BAR, " %s  %.8sZ%s  every %s%s  %s%s%s", t->command, strlen(t->at) > 19 ? t->at + 11 : "",
               view->paused ? "  PAUSED" : "", nsec_text(t->interval, interval), t->how, count, somaxconn, where);
}

void frame_rows(struct frame *frame, const struct frame_view *view, size_t all, size_t room, frame_row *row, void *context)
{
    size_t top = view->selected >= room ? view->selected - room + 1 : 0;
    frame->listed = room;
    for (size_t i = 0; i < room; i++) {
        if (top + i < view->count)
            row(frame, context, view->order[top + i], top + i == view->selected);
        else if (!i && *view->filter && all)
            frame_text(frame, FRAME_PLAIN, "  nothing matches '%s' (/ then Esc shows all)", view->filter);
        else if (!i)
            frame_text(frame, FRAME_PLAIN, "  no listener");
        else
            frame_add(frame, FRAME_PLAIN);
    }
}

void frame_keys(struct frame *frame, const struct frame_view *view, const char *more)
{
    if (view->help)
        frame_text(frame, FRAME_BAR, " any key goes back");
    else if (view->typing)
        frame_text(frame, FRAME_BAR, " filter: %s_  (Enter keeps it, Esc shows all)", view->filter);
    else if (frame->columns < 72)
        frame_text(frame, FRAME_BAR, " q quit  ? help%s  s sort: %s%s%s%s", more, view->reverse ? "-" : "", view->sort_name,
                   *view->filter ? "  /" : "", view->filter);
    else
        frame_text(frame, FRAME_BAR, " q quit  ? help%s%s  s sort: %s%s  r reverse  p pause  / filter%s%s",
                   *more && frame->columns < 84 ? "" : "  j/k move", more, view->reverse ? "-" : "", view->sort_name,
                   *view->filter ? ": " : "", view->filter);
}

void frame_help(struct frame *frame, const char *const *lines, size_t count, size_t room)
{
    for (size_t i = 0; i < room; i++)
        frame_text(frame, FRAME_PLAIN, "%s", i < count ? lines[i] : "");
}
