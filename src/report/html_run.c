/* A run as a page. */
#include "html.h"
#include "svg.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void put_words(struct page *page, void (*write)(FILE *, const struct run *), const struct run *run)
{
    write(page_words(page), run);
    page_words_end(page, PAGE_PARAGRAPH);
}

/* ---- What came of it ---- */

static void put_counts(struct page *page, const struct run *run)
{
    fputs("<ul class=\"counts\">\n", page->out);
    for (enum verdict v = 0; v < VERDICT_COUNT; v++)
        if (run->counts[v])
            fprintf(page->out, "<li class=\"%s\"><b class=\"mark\">%" PRIu64 "</b> <span title=\"%s\">%s</span></li>\n",
                    page_hue(v), run->counts[v], verdict_traits(v)->meaning, verdict_name(v));
    fputs("</ul>\n", page->out);
}

static void put_notes(struct page *page, const struct run *run)
{
    char name[SIGNAL_TEXT_SIZE];
    if (!run->target_count)
        page_paragraph(page, "Nothing was sent.");
    if (run->started.trouble)
        page_paragraph(page, run->started.why);
    if (run->signal) {
        fprintf(page_words(page), "Interrupted by %s: this is what was known by then.", signal_text(run->signal, name));
        page_words_end(page, PAGE_PARAGRAPH);
    }
    if (*run->incomplete) {
        fprintf(page_words(page), "Evidence is missing: %s.", run->incomplete);
        page_words_end(page, PAGE_PARAGRAPH);
    }
}

static void put_explanation(struct page *page, const struct run *run)
{
    page_section(page, "explanation", "What it means");
    if (run->preset) {
        fprintf(page_words(page), "preset %s: %s", run->preset, run->preset_words);
        page_words_end(page, PAGE_PARAGRAPH);
    }
    char *words = run->target_count ? report_explain(run) : NULL;
    page->no_memory = page->no_memory || (!words && run->target_count);
    if (words && *words)
        page_paragraph(page, words);
    free(words);
    put_notes(page, run);
    page_section_end(page);
}

static void put_expectations(struct page *page, const struct run *run)
{
    static const struct report_style plain;
    if (!run->expectation_count)
        return;
    page_section(page, "expectations", "Expectations");
    page_table(page, "expectations");
    page_head(page, "expected", false);
    page_head(page, "outcome", false);
    for (size_t i = 0; i < run->expectation_count; i++) {
        const struct expectation *e = &run->expectations[i];
        page_row(page, page_outcome_hue((enum expectation_outcome)e->outcome));
        page_text_cell(page, e->text);
        fputs("<td class=\"mark\">", page->out);
        write_outcome(page->out, &plain, e); /* our own words */
        fputs("</td>", page->out);
    }
    page_table_end(page);
    page_section_end(page);
}

static void put_picture(struct page *page, const struct run *run)
{
    bool any = false;
    for (size_t t = 0; t < run->target_count; t++)
        any = any || run->targets[t].timeline.lanes;
    if (!any)
        return;
    page_section(page, "picture", "What happened when");
    page_wide(page, "timeline");
    if (draw_timelines(page->out, SVG_ELEMENT, run))
        page->no_memory = true;
    page_wide_end(page);
    struct drop_parts parts = drop_parts_of_run(run);
    if (parts.known && parts.counted != parts.placed) {
        write_drops(page_words(page), &parts);
        page_words_end(page, PAGE_PARAGRAPH);
    }
    page_section_end(page);
}

/* ---- The connections ---- */

static void add_head(void *context, const char *name, bool right)
{
    page_head(context, name, right);
}

static void add_row(void *context, enum verdict verdict)
{
    page_row(context, page_hue(verdict));
}

static void add_cell(void *context, const struct table_cell *cell)
{
    page_cell(context, cell);
}

static void put_connections(struct page *page, const struct run *run)
{
    const struct table_visitor visitor = {.head = add_head, .row = add_row, .cell = add_cell, .context = page};
    page_section(page, "connections", "Connections");
    if (!run->probe.summary && run->connection_count) {
        page_table(page, "connections");
        if (visit_table(run, &visitor))
            page->no_memory = true;
        page_table_end(page);
    }
    if (pace_tells(run))
        put_words(page, write_pace, run);
    if (run->probe.start_at && !run->merged)
        put_words(page, write_start, run);
    static const struct report_style plain;
    write_times(page_words(page), run, &plain);
    page_words_end(page, PAGE_AS_IT_IS);
    page_section_end(page);
}

static void put_listeners(struct page *page, const struct run *run)
{
    page_section(page, "listeners", run->target_count > 1 ? "Listeners" : "Listener");
    for (size_t t = 0; t < run->target_count; t++) {
        write_run_listener(page_words(page), run, &run->targets[t]);
        page_words_end(page, PAGE_PARAGRAPH);
    }
    if (run->started.words)
        put_words(page, write_started, run);
    page_section_end(page);
}

static void put_merged(struct page *page, const struct run *run)
{
    page_section(page, "hosts", "Hosts");
    write_merged(page_words(page), run, 0);
    page_words_end(page, PAGE_AS_IT_IS);
    page_section_end(page);
}

static void put_counters(struct page *page, const struct run *run)
{
    bool any = false;
    for (enum counter c = 0; c < COUNTER_COUNT; c++)
        any = any || run->counters.value[c];
    if (!run->counters.known || !any)
        return;
    page_section(page, "counters",
                 run->merged ? "Packets counted in the observer's network namespace, as long as it observed"
                             : "Packets counted in this network namespace");
    page_table(page, "counters");
    page_head(page, "counter", false);
    page_head(page, "during the run", true);
    for (enum counter c = 0; c < COUNTER_COUNT; c++) {
        if (!run->counters.value[c])
            continue;
        page_row(page, NULL);
        page_text_cell(page, counter_name(c));
        page_number_cell(page, true, run->counters.value[c]);
    }
    page_table_end(page);
    page_section_end(page);
}

/* ---- Where it comes from ---- */

static void put_sysctls(struct page *page, const struct run *run)
{
    const struct {
        const char *name;
        int64_t value;
    } sysctls[] = {
        {"net.core.somaxconn", run->somaxconn ? (int64_t)run->somaxconn : -1},
        {"net.ipv4.tcp_abort_on_overflow", run->sysctls.abort_on_overflow},
        {"net.ipv4.tcp_syncookies", run->sysctls.syncookies},
        {"net.ipv4.tcp_syn_retries", run->sysctls.syn_retries},
        {"net.ipv4.tcp_syn_linear_timeouts", run->sysctls.syn_linear_timeouts},
    };
    for (size_t i = 0; i < sizeof sysctls / sizeof *sysctls; i++)
        if (sysctls[i].value >= 0)
            page_number_fact(page, sysctls[i].name, sysctls[i].value);
}

static void put_origin(struct page *page, const struct run *run, char *const *line)
{
    char span[NSEC_TEXT_SIZE];
    page_section(page, "origin", "Command and machine");
    page_origin(page, line, run->kernel, run->started_at);
    page_fact(page, "took", nsec_text(run->elapsed, span));
    page_fact(page, "network namespace", run->private_namespace ? "private, made for this run" : run->netns);
    put_sysctls(page, run);
    page_facts_end(page);
    page_section_end(page);
}

static char *heading_of(const struct run *run)
{
    struct keep keep;
    if (!keep_begin(&keep))
        return NULL;
    fputs("backlogctl ", keep.stream);
    write_run_heading(keep.stream, run);
    return keep_end(&keep);
}

int report_html(FILE *out, const struct run *run, char *const *line)
{
    struct page page;
    char *heading = heading_of(run);
    if (!heading)
        return -ENOMEM;
    page_begin(&page, out, heading);
    free(heading);
    if (run->target_count)
        put_counts(&page, run);
    put_explanation(&page, run);
    put_expectations(&page, run);
    put_picture(&page, run);
    if (run->target_count) {
        put_connections(&page, run);
        put_listeners(&page, run);
        if (run->merged)
            put_merged(&page, run);
        put_counters(&page, run);
    }
    put_origin(&page, run, line);
    return page_end(&page);
}
