/* A trace as a page. */
#include "html.h"
#include "svg.h"
#include "trace_internal.h"

#include <inttypes.h>
#include <stdlib.h>

/* ---- What happened ---- */

static void put_words(struct page *page, const struct trace_model *m)
{
    char span[NSEC_TEXT_SIZE];
    size_t listeners = 0, active = 0;
    uint64_t entered = 0, drops = 0;
    for (size_t i = 0; i < m->count; i++) {
        struct trace_span all = trace_span_all(&m->list[i]);
        if (!m->list[i].selected)
            continue;
        listeners++;
        active += trace_span_any(&all);
        entered += all.entered;
        drops += all.syn + all.ack;
    }
    fprintf(page_words(page),
            "Something happened at %zu of %zu listener%s in %s, from %s to %s: %" PRIu64
            " connections entered their queues, %" PRIu64 " packets were seen to be dropped on full ones.",
            active, listeners, plural(listeners), nsec_text(m->elapsed, span), m->began_at, m->at, entered, drops);
    page_words_end(page, PAGE_PARAGRAPH);
}

static void put_picture(struct page *page, const struct trace_model *m, const struct trace_history *history)
{
    size_t drawn[TRACE_DRAWN], all, count = trace_drawn(m, history, drawn, &all);
    page_section(page, "picture", "Queues, drops and waits over time");
    if (count) {
        page_wide(page, "queues, drops and waits over time");
        draw_trace(page->out, SVG_ELEMENT, m, history);
        page_wide_end(page);
    }
    FILE *words = page_words(page);
    if (count)
        fputs("A step is the longest queue of an interval: as each connection came, and as looks at its ends found it. A bar is "
              "the sum of its drops. Waits are drawn from the lower to the upper bound of what is known of them. ",
              words);
    if (count < all)
        fprintf(words, "Of %zu listeners the %zu with most drops, then connections, are drawn; the table has the others, too. ",
                all, count);
    if (trace_missed(m, history))
        fprintf(words, "Of %zu more there was no room to keep the intervals. ", trace_missed(m, history));
    fprintf(words,
            "Kept are at most %d points of a listener, and %d of all together; where there would be more, neighbours are one: "
            "their longest queue, the sum of their drops, and bounds for the waits of all. What was kept of this trace takes "
            "%zu kB of memory.",
            TRACE_POINTS, TRACE_POINTS_ALL, (history->room * sizeof(struct trace_point) + 1023) / 1024);
    page_words_end(page, PAGE_PARAGRAPH);
    page_section_end(page);
}

/* ---- The listeners ---- */

static void put_row(struct page *page, const struct traced *one)
{
    struct trace_span span = trace_span_all(one);
    char text[TRACED_CELL_SIZE];
    page_row(page, span.syn || span.ack ? "bad" : NULL);
    for (enum trace_column c = 0; c < TRACED_COLUMNS; c++) {
        traced_cell(c, one, &span, 0, text);
        bool number = !traced_is_text(c);
        page_cell(page, &(struct table_cell){
                            .text = text, .right = number, .has_key = number, .key = number ? traced_key(c, one, &span) : 0});
    }
}

static void put_table(struct page *page, const struct trace_model *m, const size_t *order, size_t count)
{
    page_section(page, "listeners", "Listeners");
    page_table(page, "listeners");
    for (enum trace_column c = 0; c < TRACED_COLUMNS; c++)
        page_head(page, traced_head(c), !traced_is_text(c));
    for (size_t i = 0; i < count && i < PAGE_ROWS_MAX; i++)
        put_row(page, &m->list[order[i]]);
    page_table_end(page);
    page_paragraph(page, "9+ is at least, <=9 at most so many; ? is not known here.");
    if (count > PAGE_ROWS_MAX) {
        fprintf(page_words(page), "The busiest %d of %zu listeners are in the table.", PAGE_ROWS_MAX, count);
        page_words_end(page, PAGE_PARAGRAPH);
    }
    page_section_end(page);
}

/* Listeners of which the page has all that is known. */
#define TOLD_MAX 1000

static void put_each(struct page *page, const struct trace_model *m, const size_t *order, size_t count)
{
    size_t told = 0, all = 0;
    page_section(page, "each", "Each of them");
    for (size_t i = 0; i < count; i++) {
        if (!traced_tells(&m->list[order[i]]) || all++ >= TOLD_MAX)
            continue;
        write_traced(page_words(page), m, &m->list[order[i]], 120, TRACED_SUMMARY);
        page_words_end(page, PAGE_AS_IT_IS);
        told++;
    }
    if (told < all) {
        fprintf(page_words(page), "The busiest %zu of %zu are told of.", told, all);
        page_words_end(page, PAGE_PARAGRAPH);
    }
    page_section_end(page);
}

static int busiest_first(const void *left, const void *right, void *context)
{
    const struct trace_model *m = context;
    size_t a = *(const size_t *)left, b = *(const size_t *)right;
    if (trace_is_busier(&m->list[a], &m->list[b]))
        return -1;
    return trace_is_busier(&m->list[b], &m->list[a]) ? 1 : a < b ? -1 : a > b;
}

static void put_listeners(struct page *page, const struct trace_model *m)
{
    size_t *order = calloc(m->count + 1, sizeof *order), count = 0;
    if (!order) {
        page->no_memory = true;
        return;
    }
    for (size_t i = 0; i < m->count; i++)
        if (m->list[i].selected)
            order[count++] = i;
    qsort_r(order, count, sizeof *order, busiest_first, (void *)(uintptr_t)m);
    put_table(page, m, order, count);
    put_each(page, m, order, count);
    free(order);
}

static void put_notes(struct page *page, const struct trace_model *m)
{
    page_section(page, "evidence", "What it rests on");
    write_trace_notes(page_words(page), m, PAGE_COLUMNS);
    page_words_end(page, PAGE_LINES);
    page_section_end(page);
}

int report_trace_html(FILE *out, const struct trace_model *m, const struct trace_history *history, char *const *line)
{
    struct page page;
    char span[NSEC_TEXT_SIZE];
    page_begin(&page, out, "backlogctl trace");
    put_words(&page, m);
    put_picture(&page, m, history);
    put_listeners(&page, m);
    put_notes(&page, m);
    page_section(&page, "origin", "Command and machine");
    page_origin(&page, line, m->kernel, m->began_at);
    page_fact(&page, "took", nsec_text(m->elapsed, span));
    page_facts_end(&page);
    page_section_end(&page);
    return page_end(&page);
}
