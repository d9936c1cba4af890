/* What the files of the report layer share: words and colours, the rows of a burst, its figures. */
#ifndef BACKLOGCTL_REPORT_INTERNAL_H
#define BACKLOGCTL_REPORT_INTERNAL_H

#include "backlogctl/model.h"
#include "backlogctl/report.h"

#include <jansson.h>
#include <stdio.h>

struct libscols_table;

#define LIST_CELL_SIZE REPORT_PLACE_SIZE

/* ---- words.c: pieces of text ---- */

/* "s", or "" for exactly one. */
const char *plural(uint64_t n);

/* Copies text as printable ASCII, '?' for the rest: process names and hosts may hold anything, escape
   sequences included. Cuts at `size`. Returns out. */
const char *printable(const char *text, char *out, size_t size);
/* An AF_UNIX listener's name, likewise. */
const char *listener_name(const struct listener *l, char out[UNIX_NAME_SIZE]);

/* Where a target is: "127.0.0.1:80", or a path. Returns out. */
const char *target_place(const struct target *target, char out[REPORT_PLACE_SIZE]);

/* Writes text and a newline; lines are folded at blanks to `columns` (0: not), all but the first are
 * indented. */
void write_folded(FILE *out, const char *text, int columns, int indent);

/* The colour of a verdict as an escape sequence (ECMA-48 SGR). Static storage. */
const char *verdict_color(enum verdict v);

/* A word in a colour, if the style has colours. */
void write_colored(FILE *out, const struct report_style *style, const char *color, const char *word);
#define COLOR_RED "\033[31m"
#define COLOR_GREEN "\033[32m"
#define COLOR_YELLOW "\033[33m"
#define COLOR_BLUE "\033[34m"
#define COLOR_MAGENTA "\033[35m"
#define COLOR_CYAN "\033[36m"
#define COLOR_NONE "\033[0m"

/* The width to fold words at. Where the style bounds nothing it is 80: one line is no paragraph. */
int words_width(const struct report_style *style);

/* "1 connected, 3 queued": the verdicts that occur, or "none". */
void write_counts(FILE *out, const uint64_t counts[VERDICT_COUNT], const struct report_style *style);

/* "accepts 1, then none" and the like. */
void write_accept_plan(FILE *out, const struct server_settings *settings);

/* "EMFILE", or "errno 12345" for one that has no name. Returns static storage or `out`. */
#define ERRNO_TEXT_SIZE 32
const char *errno_text(int code, char out[ERRNO_TEXT_SIZE]);

/* "SIGINT"; cut to fit. Returns out. */
#define SIGNAL_TEXT_SIZE 24
const char *signal_text(int signal, char out[SIGNAL_TEXT_SIZE]);

/* ---- rows.c: the burst, connection by connection ---- */

/* More rows than this nobody reads: then connections that are alike share a row. */
#define ROWS_MAX 40

struct row {
    uint32_t id;
    const struct attempt *deciding;
    const struct target *target;                 /* of the deciding attempt */
    const struct attempt *attempts[TARGETS_MAX]; /* by target; NULL: not tried there */
};

struct rows {
    const struct run *run;
    uint32_t last;
    size_t at[TARGETS_MAX];
};

/* Visits every connection that the judge has decided, in the order of their ids. */
void rows_start(struct rows *rows, const struct run *run);
bool rows_next(struct rows *rows, struct row *row);

/* The verdicts of one target's attempts, deciding or not. */
void count_attempts(const struct target *target, uint64_t counts[VERDICT_COUNT]);

/* The first target with a known listener; NULL: none has. */
const struct target *target_with_listener(const struct run *run);

/* listen() was given more than the kernel granted. */
bool backlog_clamped(int32_t asked, const struct listener *listener);

/* Where a bucket of a spread begins; the first one holds everything below the second's. */
nsec bucket_from(size_t bucket);

/* ---- table.c ---- */

/* An empty table for `out`; `width` is its own, in characters. NULL: no memory. */
struct libscols_table *table_begin(FILE *out, const struct report_style *style, size_t width, const char *separator);

void write_table(FILE *out, const struct run *run, const struct report_style *style);

/* ---- columns.c: what a listener shows ---- */

/* One column of a list, its help, and how to sort by it. */
struct list_column {
    const char *name; /* in --columns and --sort */
    const char *head;
    const char *help;
    bool number; /* to the right */
    bool usual;  /* shown unless --columns says otherwise */
    bool yields; /* cut, down to `least` characters, when the table is too wide */
    void (*text)(const struct listener *listener, char out[LIST_CELL_SIZE]); /* "-": nothing to say */
    int64_t (*order)(const struct listener *listener);                       /* NULL: by text */
    uint8_t least;
};
extern const struct list_column list_columns[];

/* "full,dropping", or "-". */
void text_of_remarks(const struct listener *listener, char out[LIST_CELL_SIZE]);

/* What a remark means to a person. Static storage. */
const char *remark_meaning(enum remark remark);

/* The text of a cell, cut to `width` at the place that says least: a path keeps its end, a process its number. */
void list_cell(size_t column, const struct listener *listener, size_t width, char out[LIST_CELL_SIZE]);

/* ---- sweep.c ---- */

/* Which measures are worth a column: some trial has one that is not 0. */
bool sweep_has(const struct sweep *sweep, enum sweep_measure measure);

/* ---- times.c ---- */

/* How the burst went out is worth a line: it had a rate to keep, or several threads or source addresses. */
bool pace_tells(const struct run *run);

/* "sent in 1.43s: 69900 a second", without a newline. */
void write_pace(FILE *out, const struct run *run);

/* Quantiles and histograms of the times, when there are samples and no row for each connection. */
void write_times(FILE *out, const struct run *run, const struct report_style *style);

/* ---- json_rows.c ---- */

/* The value of "connections", row by row, without building it in memory. */
void write_json_rows(FILE *out, const struct run *run);

/* ---- timeline_json.c ---- */

/* The value of "timeline": an array with the timeline of each address, or null. */
void write_json_timeline(FILE *out, const struct run *run);

/* ---- timeline_text.c ---- */

void write_timeline(FILE *out, const struct run *run, const struct report_style *style);

/* ---- timeline.c: what the drawings share ---- */

/* Where a connection stands between two moments. */
enum phase { PHASE_NONE, PHASE_CALLING, PHASE_QUEUED, PHASE_GHOST, PHASE_ACCEPTED, PHASE_CLOSED, PHASE_FAILED, PHASES };
const char *phase_name(enum phase phase);

/* Its phase at a moment. */
enum phase phase_at(const struct target *target, size_t i, nsec at);

/* Its phases in their order: from[n] is where the n-th begins, `end` where the last one ends. How many, at most PHASES + 1. */
struct phase_span {
    enum phase phase;
    nsec from, to;
};
size_t phases_of(const struct target *target, size_t i, struct phase_span out[PHASES + 1]);

/* A round step for an axis that gets at most `most` of them: 1, 2 or 5 times a power of ten. */
nsec axis_step(nsec end, unsigned most);

/* ---- json.c ---- */

/* A JSON string, or null for NULL. What is not UTF-8 becomes '?', for JSON cannot hold it. */
json_t *json_text(const char *text);
json_t *json_address(const struct endpoint *e);                                  /* "127.0.0.1" */
json_t *json_family(const struct endpoint *e);                                   /* "ipv4", "ipv6", "unix" or null */
void json_add_place(json_t *object, const struct endpoint *e, const char *path); /* "port", or "path" of AF_UNIX */
void json_add_listener_place(json_t *object, const struct listener *listener);
json_t *json_span(nsec span);                   /* microseconds, or null for NSEC_NEVER */
json_t *json_span_exact(nsec span);             /* the same with its fraction, three decimals */
json_t *json_known(bool known, uint64_t value); /* null when not known */

/* ---- survey_json.c ---- */

json_t *json_listener(const struct listener *listener);
json_t *json_netns(const struct netns_facts *facts);

/* Writes an object on one line and drops the reference; NULL (no memory) writes nothing. */
void write_json_line(FILE *out, json_t *object);

#endif
