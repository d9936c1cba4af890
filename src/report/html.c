/* The pieces of an HTML page. Text comes into it through markup.c alone. */
#include "html.h"
#include "html_parts.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- The frame ---- */

void page_begin(struct page *page, FILE *out, const char *title)
{
    *page = (struct page){.out = out};
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\" />\n" PAGE_POLICY
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\" />\n"
          "<meta name=\"color-scheme\" content=\"light dark\" />\n<meta name=\"referrer\" content=\"no-referrer\" />\n"
          "<meta name=\"generator\" content=\"backlogctl " BACKLOGCTL_VERSION "\" />\n<title>",
          out);
    markup_text(out, title);
    fputs("</title>\n<style>\n" PAGE_STYLE "</style>\n</head>\n<body>\n<main>\n<h1>", out);
    markup_text(out, title);
    fputs("</h1>\n", out);
}

int page_end(struct page *page)
{
    fputs("</main>\n<script>" PAGE_SCRIPT "</script>\n</body>\n</html>\n", page->out);
    return page->no_memory ? -ENOMEM : 0;
}

void page_section(struct page *page, const char *id, const char *title)
{
    fprintf(page->out, "<section id=\"%s\">\n<h2>%s</h2>\n", id, title);
}

void page_section_end(struct page *page)
{
    fputs("</section>\n", page->out);
}

void page_wide(struct page *page, const char *label)
{
    fprintf(page->out, "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"%s\">\n", label);
}

void page_wide_end(struct page *page)
{
    fputs("</div>\n", page->out);
}

/* ---- Words ---- */

FILE *page_words(struct page *page)
{
    FILE *stream = keep_begin(&page->keep);
    page->no_memory = page->no_memory || !stream;
    return stream ? stream : page->out;
}

static void put_lines(FILE *out, char *text)
{
    for (char *line = text, *next; *line; line = next) {
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = '\0';
        if (!*line)
            continue;
        fputs("<p>", out);
        markup_printable(out, line);
        fputs("</p>\n", out);
    }
}

void page_paragraph(struct page *page, const char *text)
{
    fputs("<p>", page->out);
    markup_text(page->out, text);
    fputs("</p>\n", page->out);
}

void page_words_end(struct page *page, enum page_form form)
{
    if (!page->keep.stream)
        return;
    char *text = keep_end(&page->keep);
    page->keep = (struct keep){0};
    page->no_memory = page->no_memory || !text;
    if (!text || !*text) {
        free(text);
        return;
    }
    switch (form) {
    case PAGE_PARAGRAPH:
        page_paragraph(page, text);
        break;
    case PAGE_LINES:
        put_lines(page->out, text);
        break;
    case PAGE_AS_IT_IS:
        fputs("<pre class=\"drawn\" tabindex=\"0\">", page->out);
        markup_printable(page->out, text);
        fputs("</pre>\n", page->out);
        break;
    }
    free(text);
}

/* ---- Tables ---- */

void page_table(struct page *page, const char *label)
{
    page_wide(page, label);
    fputs("<table class=\"sorts\">\n<thead>\n<tr>", page->out);
}

void page_head(struct page *page, const char *name, bool right)
{
    fprintf(page->out, right ? "<th scope=\"col\" class=\"right\">" : "<th scope=\"col\">");
    markup_text(page->out, name);
    fputs("</th>", page->out);
}

void page_row(struct page *page, const char *class)
{
    fputs(page->in_body ? "</tr>\n" : "</tr>\n</thead>\n<tbody>\n", page->out);
    page->in_body = true;
    fprintf(page->out, class ? "<tr class=\"%s\">" : "<tr>", class);
}

void page_table_end(struct page *page)
{
    fputs(page->in_body ? "</tr>\n</tbody>\n</table>\n" : "</tr>\n</thead>\n</table>\n", page->out);
    page->in_body = false;
    page_wide_end(page);
}

static void begin_cell(struct page *page, const char *class, bool has_key, double key)
{
    fputs("<td", page->out);
    if (class)
        fprintf(page->out, " class=\"%s\"", class);
    if (has_key)
        fprintf(page->out, " data-key=\"%.0f\"", key);
    putc('>', page->out);
}

void page_cell(struct page *page, const struct table_cell *cell)
{
    begin_cell(page, cell->verdict ? "mark" : cell->right ? "right" : NULL, cell->has_key, cell->key);
    markup_printable(page->out, cell->text);
    fputs("</td>", page->out);
}

void page_text_cell(struct page *page, const char *text)
{
    begin_cell(page, NULL, false, 0);
    markup_text(page->out, text);
    fputs("</td>", page->out);
}

void page_number_cell(struct page *page, bool known, uint64_t value)
{
    char text[24] = "-";
    if (known)
        snprintf(text, sizeof text, "%" PRIu64, value);
    page_cell(page, &(struct table_cell){.text = text, .right = true, .has_key = true, .key = known ? (double)value : -1});
}

void page_span_cell(struct page *page, nsec span)
{
    char text[NSEC_TEXT_SIZE] = "-";
    if (span != NSEC_NEVER)
        nsec_text(span, text);
    page_cell(page, &(struct table_cell){.text = text, .right = true, .has_key = true, .key = (double)span});
}

/* ---- Facts ---- */

void page_facts(struct page *page)
{
    fputs("<table class=\"facts\">\n<tbody>\n", page->out);
}

void page_fact(struct page *page, const char *name, const char *value)
{
    if (!value || !*value)
        return;
    fputs("<tr><th scope=\"row\">", page->out);
    markup_text(page->out, name);
    fputs("</th><td>", page->out);
    markup_text(page->out, value);
    fputs("</td></tr>\n", page->out);
}

void page_number_fact(struct page *page, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    page_fact(page, name, text);
}

void page_facts_end(struct page *page)
{
    fputs("</tbody>\n</table>\n", page->out);
}

static bool needs_quotes(const char *word)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:=,@%+-";
    return !*word || word[strspn(word, plain)];
}

static void put_word(FILE *out, const char *word)
{
    if (!needs_quotes(word)) {
        markup_text(out, word);
        return;
    }
    putc('\'', out);
    for (const char *at = word; *at; at++) {
        char part[ESCAPE_ONE_SIZE];
        if (*at == '\'') {
            fputs("'\\''", out);
            continue;
        }
        at += escape_first(at, ESCAPE_UNPRINTABLE, part) - 1;
        markup_printable(out, part);
    }
    putc('\'', out);
}

void page_origin(struct page *page, char *const *line, const char *kernel, const char *started_at)
{
    if (line) {
        fputs("<pre>backlogctl", page->out);
        for (char *const *word = line; *word; word++) {
            putc(' ', page->out);
            put_word(page->out, *word);
        }
        fputs("</pre>\n", page->out);
    }
    page_facts(page);
    page_fact(page, "kernel", kernel);
    page_fact(page, "backlogctl", BACKLOGCTL_VERSION);
    page_fact(page, "begun", started_at);
}

/* ---- Colours ---- */

const char *page_hue(enum verdict v)
{
    static const char *const names[] = {
        [HUE_GOOD] = "good", [HUE_WAITING] = "waiting", [HUE_GHOST] = "ghost",
        [HUE_BAD] = "bad",   [HUE_OURS] = "ours",       [HUE_OPEN] = "open",
    };
    return names[verdict_traits(v)->hue];
}

const char *page_outcome_hue(enum expectation_outcome outcome)
{
    return outcome == OUTCOME_HELD ? "good" : outcome == OUTCOME_OPEN ? "waiting" : "bad";
}
