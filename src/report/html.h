/* What pages share: one HTML file without a request to anywhere, light or dark as the reader prefers, complete without its script. */
#ifndef BACKLOGCTL_REPORT_HTML_H
#define BACKLOGCTL_REPORT_HTML_H

#include "internal.h"
#include "markup.h"

/* Neighbouring paragraphs of a text report are lines there: no column folds them. */
#define PAGE_COLUMNS 1000000

/* More rows than this make a page that no browser likes. */
#define PAGE_ROWS_MAX 10000

struct page {
    FILE *out;
    bool no_memory; /* what was written is not whole */
    bool in_body;   /* of the table that was begun */
    struct keep keep;
};

/* Begins with title and heading, both `title`. */
void page_begin(struct page *page, FILE *out, const char *title);
int page_end(struct page *page); /* 0 or -ENOMEM */

void page_section(struct page *page, const char *id, const char *title);
void page_section_end(struct page *page);

/* A stream whose text is kept until it is ended, then written so: */
enum page_form {
    PAGE_PARAGRAPH, /* one, of text that is not safe to print; nothing if it is empty */
    PAGE_LINES,     /* safe text, each line a paragraph */
    PAGE_AS_IT_IS,  /* safe text with its blanks */
};
FILE *page_words(struct page *page);
void page_words_end(struct page *page, enum page_form form);
void page_paragraph(struct page *page, const char *text); /* not safe to print */

/* A region that scrolls where it is too wide. */
void page_wide(struct page *page, const char *label);
void page_wide_end(struct page *page);

/* A table, its rows sorted by a click on a heading. Cells stand left, right as their heads. */
void page_table(struct page *page, const char *label);
void page_head(struct page *page, const char *name, bool right);
void page_row(struct page *page, const char *class); /* begins one, the first ends the heads; NULL: no class */
void page_cell(struct page *page, const struct table_cell *cell);
void page_text_cell(struct page *page, const char *text); /* not safe to print */
void page_number_cell(struct page *page, bool known, uint64_t value);
void page_span_cell(struct page *page, nsec span);
void page_table_end(struct page *page);

/* Names and their values. */
void page_facts(struct page *page);
void page_fact(struct page *page, const char *name, const char *value); /* not safe to print; NULL or "": no fact */
void page_number_fact(struct page *page, const char *name, int64_t value);
void page_facts_end(struct page *page);

/* The command line as a shell takes it, and the machine: a list of facts that is left open. */
void page_origin(struct page *page, char *const *line, const char *kernel, const char *started_at);

/* "good" and so on. Static storage. */
const char *page_hue(enum verdict v);
const char *page_outcome_hue(enum expectation_outcome outcome);

#endif
