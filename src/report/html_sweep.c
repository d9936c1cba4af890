/* A sweep as a page. */
#include "html.h"
#include "svg.h"

#include <inttypes.h>

/* ---- Its combinations ---- */

static void put_values(struct page *page, const struct sweep *sweep, size_t cell)
{
    for (size_t a = 0; a < sweep->axis_count; a++) {
        const char *value = sweep_value(sweep, cell, a);
        char safe[ESCAPED_SIZE(AXIS_VALUE_SIZE)];
        escape_text(value, ESCAPE_UNPRINTABLE, safe, sizeof safe);
        /* Sorted by its place on the axis. */
        size_t place = (size_t)(value - sweep->axes[a].values[0]) / AXIS_VALUE_SIZE;
        page_cell(page, &(struct table_cell){.text = safe, .has_key = true, .key = (double)place});
    }
}

static void put_value_heads(struct page *page, const struct sweep *sweep)
{
    for (size_t a = 0; a < sweep->axis_count; a++)
        page_head(page, sweep->axes[a].name, false);
}

static void put_middle(struct page *page, const struct sweep *sweep, size_t cell, enum sweep_measure m)
{
    char text[SWEEP_MIDDLE_SIZE];
    const struct middle *middle = &sweep->middles[cell][m];
    sweep_middle_text(sweep, cell, m, text);
    page_cell(page, &(struct table_cell){
                        .text = text, .right = true, .has_key = true, .key = middle->known ? (double)middle->median : -1});
}

static void put_rest(struct page *page, size_t left_out)
{
    if (!left_out)
        return;
    fprintf(page_words(page), "%zu more are left out here; --csv and --json have all.", left_out);
    page_words_end(page, PAGE_PARAGRAPH);
}

static void put_cells(struct page *page, const struct sweep *sweep)
{
    size_t rows = 0, finished = 0;
    page_section(page, "combinations", "Combinations");
    if (sweep->repeat > 1)
        page_paragraph(page, "The middle of each one's runs, with the least and the greatest where they differ.");
    page_table(page, "combinations");
    put_value_heads(page, sweep);
    for (enum sweep_measure m = 0; m < SWEEP_MEASURE_COUNT; m++)
        if (sweep_shows(sweep, m))
            page_head(page, sweep_measure_name(m), true);
    for (size_t cell = 0; cell < sweep->cells; cell++) {
        if (!sweep_done_in(sweep, cell) || ++finished > PAGE_ROWS_MAX)
            continue;
        rows++;
        page_row(page, NULL);
        put_values(page, sweep, cell);
        for (enum sweep_measure m = 0; m < SWEEP_MEASURE_COUNT; m++)
            if (sweep_shows(sweep, m))
                put_middle(page, sweep, cell, m);
    }
    page_table_end(page);
    put_rest(page, finished - rows);
    page_section_end(page);
}

/* ---- Its runs ---- */

static void put_run_heads(struct page *page, const struct sweep *sweep)
{
    static const char *const heads[] = {"drops", "backlog", "holds", "p50_accepted", "p99_accepted", "max_accepted", "took"};
    put_value_heads(page, sweep);
    page_head(page, "run", true);
    for (enum verdict v = 0; v < VERDICT_COUNT; v++)
        if (sweep_shows(sweep, (enum sweep_measure)v))
            page_head(page, verdict_name(v), true);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        page_head(page, heads[i], true);
    page_head(page, "remark", false);
}

static void put_run(struct page *page, const struct sweep *sweep, size_t i)
{
    const struct trial *t = &sweep->trials[i];
    bool known = !t->error;
    page_row(page, known && t->outcome == OUTCOME_HELD ? NULL : page_outcome_hue(known ? t->outcome : OUTCOME_FAILED));
    put_values(page, sweep, i / sweep->repeat);
    page_number_cell(page, true, i % sweep->repeat + 1);
    for (enum verdict v = 0; v < VERDICT_COUNT; v++)
        if (sweep_shows(sweep, (enum sweep_measure)v))
            page_number_cell(page, known, t->counts[v]);
    page_number_cell(page, known && t->overflows.known, t->overflows.max);
    page_number_cell(page, known && t->capacity, t->backlog);
    page_number_cell(page, known && t->capacity, t->capacity);
    page_span_cell(page, known ? t->accepted_p50 : NSEC_NEVER);
    page_span_cell(page, known ? t->accepted_p99 : NSEC_NEVER);
    page_span_cell(page, known ? t->accepted_max : NSEC_NEVER);
    page_span_cell(page, known ? t->elapsed : NSEC_NEVER);
    page_text_cell(page, t->error                       ? t->why
                         : t->outcome == OUTCOME_FAILED ? "an expectation failed"
                         : t->outcome == OUTCOME_OPEN   ? "an expectation cannot be decided"
                         : t->incomplete                ? "evidence is missing"
                                                        : "");
}

static void put_runs(struct page *page, const struct sweep *sweep)
{
    size_t done = 0, rows = 0;
    page_section(page, "runs", "Runs");
    page_table(page, "runs");
    put_run_heads(page, sweep);
    for (size_t i = 0; i < sweep->cells * sweep->repeat; i++) {
        if (!sweep->trials[i].done || ++done > PAGE_ROWS_MAX)
            continue;
        rows++;
        put_run(page, sweep, i);
    }
    page_table_end(page);
    put_rest(page, done - rows);
    page_section_end(page);
}

/* ---- What it was ---- */

static void put_expectations(struct page *page, const struct sweep *sweep, const struct expectations *expect)
{
    size_t held = 0, open = 0;
    if (!expect->count)
        return;
    for (size_t i = 0; i < sweep->cells * sweep->repeat; i++) {
        const struct trial *t = &sweep->trials[i];
        held += t->done && !t->error && t->outcome == OUTCOME_HELD;
        open += t->done && !t->error && t->outcome == OUTCOME_OPEN;
    }
    page_section(page, "expectations", "Expectations");
    FILE *words = page_words(page);
    for (size_t i = 0; i < expect->count; i++)
        fprintf(words, "%s%s", i ? ", " : "", expect->list[i].text);
    fprintf(words, ": held in %zu of %zu runs", held, sweep->done);
    if (open)
        fprintf(words, ", cannot be decided in %zu", open);
    page_words_end(page, PAGE_PARAGRAPH);
    page_section_end(page);
}

static void put_words(struct page *page, const struct sweep *sweep)
{
    char span[NSEC_TEXT_SIZE], name[SIGNAL_TEXT_SIZE];
    FILE *words = page_words(page);
    fprintf(words, "%zu of %zu runs in %s, up to %u at a time.", sweep->done, sweep->cells * sweep->repeat,
            nsec_text(sweep->elapsed, span), sweep->jobs);
    if (*sweep->fixed)
        fprintf(words, " With %s.", sweep->fixed);
    page_words_end(page, PAGE_PARAGRAPH);
    if (sweep->words) {
        words = page_words(page);
        fputs("Of ", words);
        write_command_words(words, sweep->words);
        fprintf(words, ", its backlog %s.", backlog_way_words(sweep->way));
        page_words_end(page, PAGE_PARAGRAPH);
    }
    if (sweep->signal) {
        fprintf(page_words(page), "Interrupted by %s: the runs that were finished by then are shown.",
                signal_text(sweep->signal, name));
        page_words_end(page, PAGE_PARAGRAPH);
    }
    if (sweep->failed) {
        fprintf(page_words(page), "%zu run%s could not be done.", sweep->failed, plural(sweep->failed));
        page_words_end(page, PAGE_PARAGRAPH);
    }
}

int report_sweep_html(FILE *out, const struct sweep *sweep, const struct expectations *expect, char *const *line)
{
    struct page page;
    char title[64 + 2 * AXIS_NAME_SIZE];
    snprintf(title, sizeof title, "backlogctl sweep over %s%s%s", sweep->axes[0].name, sweep->axis_count > 1 ? " and " : "",
             sweep->axis_count > 1 ? sweep->axes[1].name : "");
    page_begin(&page, out, title);
    put_words(&page, sweep);
    put_expectations(&page, sweep, expect);
    page_section(&page, "picture", "How the outcome depends on it");
    page_wide(&page, "lost, timed out and the time to accepted");
    draw_sweep(out, SVG_ELEMENT, sweep);
    page_wide_end(&page);
    page_section_end(&page);
    if (sweep->repeat > 1)
        put_cells(&page, sweep);
    put_runs(&page, sweep);
    page_section(&page, "origin", "Command and machine");
    page_origin(&page, line, sweep->kernel, sweep->started_at);
    page_facts_end(&page);
    page_section_end(&page);
    return page_end(&page);
}
