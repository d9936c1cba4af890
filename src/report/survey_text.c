/* A survey as a table, with what is worth saying in words below it. */
#include "internal.h"

#include <inttypes.h>
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

/* Listeners that a remark names before it only counts them. */
#define NAMED_MAX 4

/* ---- The table ---- */

struct list_layout {
    const struct survey *survey;
    uint8_t columns[FIGURE_COUNT + LIST_COLUMNS_MAX]; /* enum figure_id */
    size_t widths[FIGURE_COUNT + LIST_COLUMNS_MAX];
    size_t count, width;
};

/* The widest cell, or the head; 0 when no row has anything to say. */
static size_t column_width(const struct survey *survey, enum figure_id figure)
{
    size_t width = strlen(figures[figure].column.head);
    bool empty = true;
    char cell[LIST_CELL_SIZE];
    for (size_t i = 0; i < survey->count; i++) {
        size_t own = list_cell(figure, &survey->listeners[i], SIZE_MAX, cell);
        empty = empty && !strcmp(cell, "-");
        width = own > width ? own : width;
    }
    return empty ? 0 : width;
}

/* `width` as column_width() has it. */
static void layout_add(struct list_layout *layout, enum figure_id figure, size_t width)
{
    size_t head = strlen(figures[figure].column.head);
    layout->columns[layout->count] = (uint8_t)figure;
    layout->widths[layout->count++] = width ? width : head;
    layout->width += (width ? width : head) + 1;
}

/* The usual columns, without those that say nothing in any row. */
static void layout_add_usual(struct list_layout *layout)
{
    for (enum figure_id f = 0; f < FIGURE_COUNT; f++) {
        const struct figure_column *column = &figures[f].column;
        bool of_several = column->shown == SHOWN_OF_SEVERAL_NETNS;
        if (!column->head || column->shown == SHOWN_IF_ASKED || (of_several && layout->survey->namespace_count <= 1))
            continue;
        size_t width = column_width(layout->survey, f);
        if (width || of_several)
            layout_add(layout, f, width);
    }
}

static bool is_zero(const struct survey *survey, enum figure_id figure)
{
    for (size_t i = 0; i < survey->count; i++)
        if (figure_value(figure, &survey->listeners[i]).number)
            return false;
    return true;
}

/* Leaves out the column whose turn it is. */
static void layout_drop(struct list_layout *layout, size_t turn)
{
    size_t kept = 0;
    for (size_t c = 0; c < layout->count; c++) {
        const struct figure_column *column = &figures[layout->columns[c]].column;
        if (column->leaves == turn && !(column->leaves_if_zero && !is_zero(layout->survey, layout->columns[c]))) {
            layout->width -= layout->widths[c] + 1;
            continue;
        }
        layout->columns[kept] = layout->columns[c];
        layout->widths[kept++] = layout->widths[c];
    }
    layout->count = kept;
}

/* Takes from the columns, each in its turn, what the table is too wide by. */
static void layout_cut(struct list_layout *layout, size_t columns)
{
    for (size_t turn = 1; turn <= FIGURE_COUNT; turn++)
        for (size_t c = 0; c < layout->count; c++) {
            const struct figure_column *column = &figures[layout->columns[c]].column;
            if (column->shrinks != turn || layout->widths[c] <= column->shrinks_to || layout->width <= columns)
                continue;
            size_t can = layout->widths[c] - column->shrinks_to, must = layout->width - columns;
            layout->widths[c] -= can < must ? can : must;
            layout->width -= can < must ? can : must;
        }
}

/* What gives way on a narrow screen. The address tells the kind well enough, and the words below the table explain the remarks;
   columns that were asked for are cut and never dropped. */
static void layout_squeeze(struct list_layout *layout, size_t columns, bool chosen)
{
    for (size_t turn = 1; turn <= FIGURE_COUNT && !chosen; turn++) {
        struct list_layout least = *layout;
        layout_cut(&least, columns);
        if (least.width <= columns)
            break;
        layout_drop(layout, turn);
    }
    layout_cut(layout, columns);
}

static void layout_choose(struct list_layout *layout, const struct list_view *view, int columns)
{
    for (size_t c = 0; c < view->count; c++)
        layout_add(layout, view->columns[c], column_width(layout->survey, view->columns[c]));
    if (!view->count)
        layout_add_usual(layout);
    /* No blank behind the last column, but smartcols keeps one place free. */
    if (columns > 0 && layout->width > (size_t)columns)
        layout_squeeze(layout, (size_t)columns, view->count);
}

static const char *row_color(const struct listener *listener)
{
    if (listener->remarks & (1u << REMARK_FULL | 1u << REMARK_DROPPING | 1u << REMARK_NOT_ACCEPTING))
        return COLOR_RED;
    if (listener->remarks & (1u << REMARK_DROPPED | 1u << REMARK_SYN_QUEUE_FULL | 1u << REMARK_LOWERED))
        return COLOR_YELLOW;
    return NULL;
}

static int fill_rows(struct libscols_table *table, const struct list_layout *layout)
{
    char cell[LIST_CELL_SIZE];
    for (size_t i = 0; i < layout->survey->count; i++) {
        const struct listener *listener = &layout->survey->listeners[i];
        struct libscols_line *line = scols_table_new_line(table, NULL);
        const char *color = row_color(listener);
        if (!line || (color && scols_line_set_color(line, color)))
            return -1;
        for (size_t c = 0; c < layout->count; c++) {
            list_cell(layout->columns[c], listener, layout->widths[c], cell);
            if (scols_line_set_data(line, c, cell))
                return -1;
        }
    }
    return 0;
}

static int print_list(FILE *out, const struct list_layout *layout, const struct report_style *style)
{
    /* The widths are chosen already: a table that is still too wide is printed so, and not cut anywhere. */
    struct report_style whole = {.color = style->color};
    struct libscols_table *table = table_begin(out, &whole, layout->width, " ");
    int status = table ? 0 : -1;
    for (size_t c = 0; c < layout->count && !status; c++) {
        int flags = figure_is_text(layout->columns[c]) ? 0 : SCOLS_FL_RIGHT;
        status = table_column(table, figures[layout->columns[c]].column.head, flags);
    }
    if (!status)
        status = fill_rows(table, layout);
    return table_end(out, table, !status);
}

/* ---- In words ---- */

static const char *const meanings[REMARK_COUNT] = {
    [REMARK_FULL] = "The accept queue is full: new clients get no answer (AF_UNIX: EAGAIN, or they wait) until the application "
                    "accepts",
    [REMARK_DROPPING] =
        "Its queue is full, so newcomers are dropped, as perhaps some were before: their clients try again after 1s, 2s "
        "and so on",
    [REMARK_DROPPED] = "It dropped connections at some time; 'backlogctl watch' shows whether it goes on",
    [REMARK_MAY_HAVE_DROPPED] =
        "It discarded packets, and a full queue in this network namespace dropped some: perhaps they were the same. "
        "'backlogctl watch' tells them apart as they come",
    [REMARK_NOT_ACCEPTING] = "A client has waited for a second or more, or every client in the queue has reset its connection",
    [REMARK_SYN_QUEUE_FULL] = "The SYN queue is full",
    [REMARK_GIVEN_UP] =
        "Clients have reset or closed their connections while they waited, or said that they send no more (a half-close, "
        "with which one may still wait for an answer); they keep their places until the application accepts them",
    [REMARK_LOWERED] =
        "The queue is longer than the backlog allows: the application has lowered its backlog while clients waited, as "
        "a server does that has reached a limit of its own; look for its limit of connections",
    [REMARK_CLAMPED] = "The backlog equals net.core.somaxconn, so the application may have asked for more: raise that sysctl, "
                       "then restart the server or use 'backlogctl resize'",
    [REMARK_OLD_LIMIT] =
        "128 was the default of net.core.somaxconn, which allows more now: either the application asks for 128, or it "
        "was clamped when it began to listen. A new limit counts from the next listen(): restart the server or "
        "use 'backlogctl resize'",
    [REMARK_SMALL] = "A small backlog: a burst of a few more connections than that overflows it, see 'backlogctl resize'",
};

const char *remark_meaning(enum remark remark)
{
    /* Who watches knows it of the last interval; at one look all that is known is in the sums since it was made. */
    if (remark == REMARK_DROPPING)
        return "Connections were dropped on its full queue just now: their clients try again after 1s, 2s and so on";
    return meanings[remark];
}

/* Members of a reuseport group have one address, and it is named once. */
static bool same_place(const struct listener *a, const struct listener *b)
{
    return a->group > 1 && a->group == b->group && a->netns == b->netns && a->kind == b->kind && a->interface == b->interface &&
           endpoint_equal(&a->local, &b->local);
}

/* What follows of a full SYN queue where cookies are on, and where they are off. */
static void write_cookies(FILE *out, const struct survey *survey)
{
    bool on = false, off = false;
    uint64_t sent = 0; /* in the last such namespace */
    for (size_t i = 0; i < survey->count; i++) {
        const struct listener *l = &survey->listeners[i];
        const struct netns_facts *facts = netns_facts_find(survey->namespaces, survey->namespace_count, l->netns);
        if (!(l->remarks >> REMARK_SYN_QUEUE_FULL & 1) || !facts || facts->tcp_syncookies < 0)
            continue;
        on |= facts->tcp_syncookies > 0;
        off |= facts->tcp_syncookies == 0;
        sent = facts->counters.known ? facts->counters.value[COUNTER_SYNCOOKIES_SENT] : 0;
    }
    if (on)
        fprintf(out, ". Newcomers get SYN cookies (tcp_syncookies is on; %" PRIu64 " were sent in its network namespace so far)",
                sent);
    if (off)
        fputs(". Newcomers are dropped (tcp_syncookies is 0): set it to 1, or raise the backlog and tcp_max_syn_backlog", out);
    fputs(". A flood of SYNs, clients whose answers get lost, or TCP_DEFER_ACCEPT fill it", out);
}

static void write_given_up(FILE *out, const struct survey *survey)
{
    uint64_t queue = 0, gone = 0, reset = 0;
    for (size_t i = 0; i < survey->count; i++)
        if (survey->listeners[i].remarks >> REMARK_GIVEN_UP & 1) {
            queue += survey->listeners[i].queue;
            gone += survey->listeners[i].closed + survey->listeners[i].vanished;
            reset += survey->listeners[i].vanished;
        }
    fprintf(out, ": %" PRIu64 " of %" PRIu64 " clients", gone, queue);
    if (reset)
        fprintf(out, ", %" PRIu64 " of them by a reset", reset);
}

/* A queue of one that is full does not prove that it was lowered, as a longer one would. */
static void write_no_backlog(FILE *out, const struct survey *survey)
{
    bool any = false;
    for (size_t i = 0; i < survey->count; i++) {
        const struct listener *l = &survey->listeners[i];
        any |= l->remarks >> REMARK_FULL & 1 && !(l->remarks >> REMARK_LOWERED & 1) && !l->backlog;
    }
    if (any)
        fputs(". A backlog of 0 was asked for, or the application has lowered it at a limit of its own, as memcached does at its "
              "limit of connections",
              out);
}

static void write_more(FILE *out, const struct survey *survey, enum remark remark)
{
    if (remark == REMARK_FULL)
        write_no_backlog(out, survey);
    if (remark == REMARK_SYN_QUEUE_FULL)
        write_cookies(out, survey);
    if (remark == REMARK_GIVEN_UP)
        write_given_up(out, survey);
}

static void write_remark(FILE *out, const struct survey *survey, enum remark remark)
{
    char place[LIST_CELL_SIZE];
    const struct listener *last = NULL;
    size_t count = 0, named = 0, covered = 0;
    for (size_t i = 0; i < survey->count; i++)
        count += survey->listeners[i].remarks >> remark & 1;
    fprintf(out, "%s (%zu):", remark_name(remark), count);
    for (size_t i = 0; i < survey->count; i++) {
        const struct listener *l = &survey->listeners[i];
        if (!(l->remarks >> remark & 1))
            continue;
        bool again = last && same_place(last, l);
        if (!again && named == NAMED_MAX)
            break;
        if (!again)
            fprintf(out, "%s %s", named++ ? "," : "", report_place(l, place));
        last = l;
        covered++;
    }
    if (count > covered)
        fprintf(out, " and %zu more", count - covered);
    fprintf(out, ". %s", meanings[remark]);
    write_more(out, survey, remark);
    putc('.', out);
}

/* Those that only just fill up are not asked after by name. */
static void write_why(FILE *out, const struct survey *survey, const struct report_style *style)
{
    char place[LIST_CELL_SIZE];
    size_t told = 0;
    for (size_t i = 0; i < survey->count && told < NAMED_MAX && survey->holders; i++) {
        const struct listener *l = &survey->listeners[i];
        size_t count;
        struct fold fold;
        if (!(l->remarks & (1u << REMARK_FULL | 1u << REMARK_NOT_ACCEPTING)))
            continue;
        const struct socket_holder *holders = survey_holders(survey, l, &count);
        FILE *folded = fold_begin(&fold, out, words_width(style), 2);
        fprintf(folded, "why at %s: ", report_place(l, place));
        write_holder_causes(folded, l, holders, count);
        fold_end(&fold);
        told++;
    }
}

/* Where its backlog is set, of those for whom a larger one is worth a thought: not while nobody accepts. */
static void write_knobs(FILE *out, const struct survey *survey, const struct report_style *style)
{
    static const uint32_t wanted = 1u << REMARK_FULL | 1u << REMARK_DROPPING | 1u << REMARK_DROPPED | 1u << REMARK_SMALL;
    char place[LIST_CELL_SIZE];
    const struct listener *last = NULL;
    size_t told = 0;
    for (size_t i = 0; i < survey->count && told < NAMED_MAX; i++) {
        const struct listener *l = &survey->listeners[i];
        struct fold fold;
        bool stuck = l->remarks >> REMARK_NOT_ACCEPTING & 1 || l->causes & ~HOLDER_CAUSES_SLOW || l->queue > l->capacity;
        if (!(l->remarks & wanted) || stuck || !has_knob(l) || (last && same_place(last, l)))
            continue;
        FILE *folded = fold_begin(&fold, out, words_width(style), 2);
        fprintf(folded, "the backlog of %s: ", report_place(l, place));
        write_knob(folded, l);
        putc('.', folded);
        fold_end(&fold);
        last = l;
        told++;
    }
}

static void write_missing(FILE *out, const struct survey *survey)
{
    if (survey->owners_unseen && survey->processes_hidden)
        fprintf(
            out,
            "The process of %zu listener%s is not known: %zu process%s of other users cannot be looked into. Root can, as can "
            "a process with "
            "CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH",
            survey->owners_unseen, plural(survey->owners_unseen), survey->processes_hidden,
            survey->processes_hidden == 1 ? "" : "es");
    else if (survey->owners_unseen)
        fprintf(out,
                "No process was seen in /proc that holds %zu of the listeners: the kernel itself does, a process in another pid "
                "namespace, or io_uring, where the kernel does not show its files; or /proc is not mounted",
                survey->owners_unseen);
    if (survey->owners_unseen)
        putc('.', out);
}

/* Those that no descriptor shows. */
static void write_registered(FILE *out, const struct survey *survey)
{
    char place[LIST_CELL_SIZE];
    size_t told = 0;
    for (size_t i = 0; i < survey->count; i++) {
        size_t count, ring = 0;
        const struct socket_holder *holders = survey_holders(survey, &survey->listeners[i], &count);
        for (size_t h = 0; h < count; h++)
            ring += holders[h].registered;
        if (count && ring == count && told++ < NAMED_MAX)
            fprintf(out, "%s%s", told > 1 ? ", " : "Held only by io_uring, as a registered file without a descriptor: ",
                    report_place(&survey->listeners[i], place));
    }
    if (told > NAMED_MAX)
        fprintf(out, " and %zu more", told - NAMED_MAX);
    if (told)
        fputs(". Other tools show no process, and 'backlogctl resize' cannot reach them.", out);
}

static void write_closed(FILE *out, const struct survey *survey)
{
    if (survey->namespaces_closed)
        fprintf(out, "%zu network namespace%s could not be entered: that takes CAP_SYS_ADMIN.", survey->namespaces_closed,
                plural(survey->namespaces_closed));
}

static void write_expectation(FILE *out, const struct survey *survey, const struct expectation *e)
{
    char place[LIST_CELL_SIZE], seen[INTERVAL_TEXT_SIZE];
    bool of_all = e->measure == MEASURE_LISTENERS;
    interval_text(&(struct interval){e->seen_known, (uint64_t)e->seen, (uint64_t)e->seen_max}, seen);
    fprintf(out, "expect %s: ", e->text);
    if (e->outcome == OUTCOME_HELD)
        fputs("ok", out);
    else
        fputs(e->outcome == OUTCOME_OPEN ? "cannot be decided, " : "FAILED, ", out);
    if (e->outcome != OUTCOME_HELD && of_all)
        fprintf(out, "seen %s", seen);
    else if (e->outcome != OUTCOME_HELD && !survey->count)
        fputs("no listener was selected", out);
    else if (e->outcome != OUTCOME_HELD && !e->broken)
        fputs("none of the listeners has such a figure: they are AF_UNIX", out);
    else if (e->outcome != OUTCOME_HELD && e->seen_known)
        fprintf(out, "%s has %s", report_place(&survey->listeners[e->broken_by], place), seen);
    else if (e->outcome != OUTCOME_HELD)
        fprintf(out, "not known of %s", report_place(&survey->listeners[e->broken_by], place));
    if (e->broken > 1)
        fprintf(out, ", and %zu more do not keep it, or not for certain", e->broken - 1);
}

static void write_words(FILE *out, const struct survey *survey, const struct report_style *style)
{
    struct fold fold;
    int width = words_width(style);
    uint32_t remarks = 0;
    for (size_t i = 0; i < survey->count; i++)
        remarks |= survey->listeners[i].remarks;
    for (enum remark r = 0; r < REMARK_COUNT; r++)
        if (remarks >> r & 1) {
            write_remark(fold_begin(&fold, out, width, 2), survey, r);
            fold_end(&fold);
        }
    write_why(out, survey, style);
    write_knobs(out, survey, style);
    if (remarks)
        putc('\n', out);
    write_known_traces(out, survey, style);
    write_namespaces(out, survey, width);
    write_missing(fold_begin(&fold, out, width, 2), survey);
    fold_end(&fold);
    write_registered(fold_begin(&fold, out, width, 2), survey);
    fold_end(&fold);
    write_closed(fold_begin(&fold, out, width, 2), survey);
    fold_end(&fold);
    if (*survey->incomplete) {
        fprintf(fold_begin(&fold, out, width, 2), "evidence is missing: %s", survey->incomplete);
        fold_end(&fold);
    }
}

int report_survey_text(FILE *out, const struct survey *survey, const struct list_view *view, const struct report_style *style)
{
    struct list_layout layout = {.survey = survey};
    int status = 0;
    layout_choose(&layout, view, style->columns);
    if (survey->count)
        status = print_list(out, &layout, style);
    else
        fputs("no listener\n", out);
    putc('\n', out);
    write_words(out, survey, style);
    for (size_t i = 0; i < survey->expectation_count; i++) {
        struct fold fold;
        write_expectation(fold_begin(&fold, out, words_width(style), 2), survey, &survey->expectations[i]);
        fold_end(&fold);
    }
    return status;
}
