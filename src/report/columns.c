/* A listener's figures as text, by the table of figures: cells, their order, and the help of --columns. */
#include "internal.h"

#include <inttypes.h>
#include <string.h>

/* Without its zone, whose number may mean nothing here: the survey has put the name into `device`. */
static const char *address_text(const struct listener *l, char out[ENDPOINT_TEXT_SIZE])
{
    struct endpoint plain = l->local;
    plain.scope = *l->device ? 0 : plain.scope;
    return endpoint_address_text(&plain, out);
}

const char *report_place(const struct listener *l, char out[LIST_CELL_SIZE])
{
    char text[ENDPOINT_TEXT_SIZE];
    if (is_unix((enum socket_kind)l->kind))
        snprintf(out, LIST_CELL_SIZE, "%s", *l->path ? l->path : "(no name)");
    else if (l->dual_stack)
        snprintf(out, LIST_CELL_SIZE, "*%s%s:%u", *l->device ? "%" : "", l->device, l->local.port);
    else if (l->local.scope && *l->device)
        snprintf(out, LIST_CELL_SIZE, "[%s%%%s]:%u", address_text(l, text), l->device, l->local.port);
    else if (*l->device)
        snprintf(out, LIST_CELL_SIZE, l->local.family == AF_INET6 ? "[%s]%%%s:%u" : "%s%%%s:%u", address_text(l, text), l->device,
                 l->local.port);
    else
        snprintf(out, LIST_CELL_SIZE, "%s", endpoint_text(&l->local, text));
    return out;
}

/* "full,dropping", or "-". */
static void text_of_remarks(uint64_t remarks, char out[LIST_CELL_SIZE])
{
    size_t used = 0;
    for (int r = 0; r < REMARK_COUNT; r++)
        if (remarks >> r & 1)
            used += (size_t)snprintf(out + used, LIST_CELL_SIZE - used, "%s%s", used ? "," : "", remark_name((enum remark)r));
    if (!used)
        snprintf(out, LIST_CELL_SIZE, "-");
}

static void text_of_holder(const struct listener *l, char out[LIST_CELL_SIZE])
{
    if (!l->pid)
        snprintf(out, LIST_CELL_SIZE, "-");
    else if (l->processes > 1)
        snprintf(out, LIST_CELL_SIZE, "%s/%d+%" PRIu32, l->process, (int)l->pid, l->processes - 1);
    else
        snprintf(out, LIST_CELL_SIZE, "%s/%d", l->process, (int)l->pid);
}

const char *figure_text(enum figure_id figure, const struct listener *l, char out[LIST_CELL_SIZE])
{
    struct figure_value value = figure_value(figure, l);
    bool known = value.state == FIGURE_KNOWN;
    char span[NSEC_TEXT_SIZE];
    switch (figures[figure].form) {
    case AS_NUMBER:
    case AS_FLAG:
        snprintf(out, LIST_CELL_SIZE, known ? "%" PRIu64 : "-", value.number);
        break;
    case AS_INTERVAL:
        if (known && value.number != value.most)
            snprintf(out, LIST_CELL_SIZE, "%" PRIu64 "..%" PRIu64, value.number, value.most);
        else
            snprintf(out, LIST_CELL_SIZE, known ? "%" PRIu64 : "-", value.number);
        break;
    case AS_PERCENT:
        snprintf(out, LIST_CELL_SIZE, known ? "%" PRIu64 "%%" : "-", value.number);
        break;
    case AS_MSEC:
        snprintf(out, LIST_CELL_SIZE, "%s", known ? nsec_text((nsec)value.number * NSEC_PER_MSEC, span) : "-");
        break;
    case AS_MEMBER:
        snprintf(out, LIST_CELL_SIZE, l->group > 1 ? "%" PRIu64 "/%" PRIu32 : "-", value.number, l->group);
        break;
    case AS_KIND:
        snprintf(out, LIST_CELL_SIZE, "%s", socket_kind_name((enum socket_kind)value.number));
        break;
    case AS_WORD:
        snprintf(out, LIST_CELL_SIZE, "%s", known ? value.text : "-");
        break;
    case AS_PLACE:
        report_place(l, out);
        break;
    case AS_HOLDER:
        text_of_holder(l, out);
        break;
    case AS_REMARKS:
        text_of_remarks(value.number, out);
        break;
    }
    return out;
}

size_t remarks_cut(char *text, size_t width)
{
    size_t more = 0;
    for (char *comma; strlen(text) + (more ? strlen(",+9") : 0) > width && (comma = strrchr(text, ',')); more++)
        *comma = '\0';
    size_t used = strlen(text);
    if (more && used + strlen(",+9") <= width)
        used += (size_t)snprintf(text + used, LIST_CELL_SIZE - used, ",+%zu", more);
    return used;
}

size_t list_cell(enum figure_id figure, const struct listener *listener, size_t width, char out[LIST_CELL_SIZE])
{
    char text[LIST_CELL_SIZE];
    terminal_text(figure_text(figure, listener, text), out, LIST_CELL_SIZE);
    size_t whole = terminal_width(out, strlen(out)), kept = 0;
    if (whole <= width || width < 3)
        return whole;
    if (figures[figure].form == AS_REMARKS)
        return remarks_cut(out, width);
    const char *end = strrchr(out, '/');
    if (figures[figure].form == AS_PLACE)
        kept = width - 2;
    else if (figures[figure].form == AS_HOLDER && end)
        kept = strlen(end) < width - 2 ? strlen(end) : width - 2;
    snprintf(text, sizeof text, "%s", terminal_tail(out, kept));
    size_t head = terminal_head(out, width - 2 - kept);
    snprintf(out + head, LIST_CELL_SIZE - head, "..%s", text);
    return terminal_width(out, strlen(out));
}

bool figure_is_text(enum figure_id figure)
{
    return figures[figure].form >= AS_KIND;
}

/* ---- Order ---- */

/* Of whatever is no text; what nobody knows comes before 0. */
static int64_t order_of(enum figure_id figure, const struct listener *l)
{
    struct figure_value value = figure_value(figure, l);
    int64_t weight = 0;
    if (figures[figure].form == AS_MEMBER)
        return l->group > 1 ? (int64_t)value.number : 0;
    if (figures[figure].form == AS_INTERVAL)
        return value.state == FIGURE_KNOWN ? (int64_t)value.most : -1;
    if (figures[figure].form != AS_REMARKS)
        return value.state == FIGURE_KNOWN ? (int64_t)value.number : -1;
    for (int r = 0; r < REMARK_COUNT; r++) /* the first ones weigh most */
        weight = weight * 2 + (int64_t)(value.number >> r & 1);
    return weight;
}

/* By port, AF_UNIX behind them. */
static int64_t order_of_place(const struct listener *l)
{
    return is_unix((enum socket_kind)l->kind) ? INT64_C(65536) : l->local.port;
}

int report_compare(enum figure_id figure, const struct listener *a, const struct listener *b)
{
    bool is_place = figures[figure].form == AS_PLACE, is_text = figure_is_text(figure) && figures[figure].form != AS_REMARKS;
    if (is_place || !is_text) {
        int64_t left = is_place ? order_of_place(a) : order_of(figure, a);
        int64_t right = is_place ? order_of_place(b) : order_of(figure, b);
        if (left != right)
            return left < right ? -1 : 1;
    }
    char left[LIST_CELL_SIZE], right[LIST_CELL_SIZE];
    return is_text ? strcmp(figure_text(figure, a, left), figure_text(figure, b, right)) : 0;
}

#define NAME_WIDTH 10

void report_columns_help(FILE *out, const struct report_style *style)
{
    for (size_t f = 0; f < FIGURE_COUNT; f++) {
        struct fold fold;
        if (!figures[f].column.head)
            continue;
        int at = fprintf(out, "%-*s", NAME_WIDTH, figure_column_name(f));
        FILE *line = fold_behind(&fold, out, style->columns, NAME_WIDTH + 1, at);
        fprintf(line, "%s%s", figures[f].column.help, figures[f].column.shown == SHOWN_USUALLY ? "" : " (not by default)");
        fold_end(&fold);
    }
}
