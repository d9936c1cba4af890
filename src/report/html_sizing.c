/* A search for a size as a page. */
#include "html.h"
#include "svg.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *part_words(enum sizing_part part)
{
    static const char *const words[] = {
        [SIZING_LOOK] = "room for all", [SIZING_BISECTION] = "bisection", [SIZING_CHECK] = "check"};
    return words[part];
}

static void put_steps(struct page *page, const struct sizing *s)
{
    static const char *const heads[] = {"backlog", "runs", "without loss", "dropped most", "longest queue", "longest wait"};
    if (!s->step_count)
        return;
    page_section(page, "steps", "Steps");
    page_wide(page, "backlogs tried");
    draw_sizing(page->out, SVG_ELEMENT, s);
    page_wide_end(page);
    page_table(page, "steps");
    page_head(page, "step", true);
    page_head(page, "part", false);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        page_head(page, heads[i], true);
    for (size_t i = 0; i < s->step_count; i++) {
        const struct sizing_step *step = &s->steps[i];
        page_row(page, step->passed == step->runs ? "good" : "bad");
        page_number_cell(page, true, i + 1);
        page_cell(page, &(struct table_cell){.text = part_words(step->part), .verdict = true});
        page_number_cell(page, true, step->backlog);
        page_number_cell(page, true, step->runs);
        page_number_cell(page, true, step->passed);
        page_number_cell(page, step->dropped_known, step->dropped);
        page_number_cell(page, step->longest_known, step->longest);
        page_span_cell(page, step->longest_wait);
    }
    page_table_end(page);
    page_section_end(page);
}

static void put_settings(struct page *page, const struct sizing *s)
{
    page_section(page, "settings", "Where to set it");
    page_table(page, "settings");
    page_head(page, "server", false);
    page_head(page, "line", false);
    page_head(page, "documented", false);
    for (const struct knob *knob = knobs; knob->server; knob++) {
        char line[KNOB_LINE_SIZE];
        knob_line(knob, s->backlog, line);
        page_row(page, NULL);
        page_text_cell(page, knob->server);
        page_text_cell(page, line);
        fputs("<td class=\"long\">", page->out);
        markup_text(page->out, knob->where);
        if (knob->note) {
            fputs(" (", page->out);
            markup_text(page->out, knob->note);
            putc(')', page->out);
        }
        fputs("</td>", page->out);
    }
    page_table_end(page);
    page_section_end(page);
}

static void put_answer(struct page *page, const struct sizing *s)
{
    bool found = !s->predicted.overload && (s->answered || s->calculated);
    if (found)
        fprintf(page->out, "<ul class=\"counts\">\n<li class=\"%s\"><b class=\"mark\">backlog %" PRIu32 "</b>%s</li>\n</ul>\n",
                s->answered ? "good" : "waiting", s->backlog, s->answered ? "" : " (by arithmetic, not measured)");
    page_section(page, "explanation", "What it rests on");
    write_sizing_words(page_words(page), s, &(struct report_style){.columns = PAGE_COLUMNS});
    page_words_end(page, PAGE_LINES);
    page_section_end(page);
}

int report_sizing_html(FILE *out, const struct sizing *s, char *const *line)
{
    struct page page;
    struct keep keep;
    char span[NSEC_TEXT_SIZE];
    FILE *stream = keep_begin(&keep);
    if (stream) {
        fputs("backlogctl ", stream);
        write_sized(stream, s);
    }
    char *title = stream ? keep_end(&keep) : NULL;
    page_begin(&page, out, title ? title : "backlogctl size");
    page.no_memory = !title;
    free(title);
    put_answer(&page, s);
    put_steps(&page, s);
    if (!s->predicted.overload && (s->answered || s->calculated))
        put_settings(&page, s);
    page_section(&page, "origin", "Command and machine");
    page_origin(&page, line, s->kernel, s->started_at);
    page_fact(&page, "took", nsec_text(s->elapsed, span));
    if (s->somaxconn)
        page_number_fact(&page, "net.core.somaxconn", s->somaxconn);
    page_facts_end(&page);
    page_section_end(&page);
    return page_end(&page);
}
