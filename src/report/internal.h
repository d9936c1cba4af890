/* What the files of the report layer share: words and colours, the rows of a burst, its figures. Where memory can run out, functions
   return 0 or -ENOMEM; what they have written by then is not whole. */
#ifndef BACKLOGCTL_REPORT_INTERNAL_H
#define BACKLOGCTL_REPORT_INTERNAL_H

#include "backlogctl/escape.h"
#include "backlogctl/run.h"
#include "backlogctl/report.h"

#include <jansson.h>
#include <stdio.h>

struct libscols_table;

#define LIST_CELL_SIZE REPORT_PLACE_SIZE

/* ---- words.c: pieces of text ---- */

/* "s", or "" for exactly one. */
/* What sets the backlog of a server, and of what it is when nobody sets it. The number stands between `line` and `rest`. */
struct knob {
    const char *server;
    const char *processes; /* their command names, comma-separated; "" where that does not tell the server */
    const char *line;
    const char *rest; /* NULL: there is no number */
    const char *where;
    const char *note;
    uint32_t standard; /* the default; 0: it is no number of its own */
    bool half;         /* half the backlog is what is set */
};
extern const struct knob knobs[]; /* up to one without a server */

#define KNOB_LINE_SIZE 160
void knob_line(const struct knob *knob, uint32_t backlog, char out[KNOB_LINE_SIZE]);

/* NULL: not one that we know. */
const struct knob *knob_of_process(const char *process);

/* Whether anything is known of what sets a listener's backlog, by its process or by the number, and what that is. */
bool has_knob(const struct listener *l);
void write_knob(FILE *out, const struct listener *l);

/* "python3/4711: stopped by a signal ...; ... ." of each cause that the judge found. */
void write_holder_causes(FILE *out, const struct listener *listener, const struct socket_holder *holders, size_t count);

const char *plural(uint64_t n);

/* Where a target is: "127.0.0.1:80", or a path, as it is: not safe to print. Returns out. */
const char *target_place(const struct target *target, char out[REPORT_PLACE_SIZE]);

/* The colour of a verdict as an escape sequence (ECMA-48 SGR). Static storage. */
const char *verdict_color(enum verdict v);

/* Text that is safe to print in a colour, if the style has colours. */
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

/* ---- stream.c: text folded on its way, or kept ---- */

#define FOLD_WORD_MAX 512

struct fold {
    FILE *out, *stream;
    int columns, indent, at;
    size_t used;
    bool parted; /* the beginning of this word has been written */
    char tie;    /* 0, or see fold_tie() */
    char word[FOLD_WORD_MAX + 1];
};

/* A stream whose text comes to `out` made safe and folded at blanks to `columns` (0: not), all lines but the first indented. Without memory for it
   the words come as they are: the stream is then `out`. */
FILE *fold_begin(struct fold *fold, FILE *out, int columns, int indent);

/* The same where the line has `at` cells already: then a blank comes first. */
FILE *fold_behind(struct fold *fold, FILE *out, int columns, int indent, int at);

/* From now on this character, which is returned, comes out as a blank where no line ends. Not with text from outside. */
char fold_tie(struct fold *fold);

/* Ends the stream, and the last line if there was text at all. */
void fold_end(struct fold *fold);

/* The same with text that is there already; always ends the line. */
void write_folded(FILE *out, const char *text, int columns, int indent);

/* A line for each network namespace of the survey, or for those that dropped nobody and do not differ. */
void write_namespaces(FILE *out, const struct survey *survey, int columns);

struct keep {
    FILE *stream;
    char *text;
    size_t used, room;
    bool failed;
};

/* A stream whose text is kept; NULL: no memory. */
FILE *keep_begin(struct keep *keep);

/* The text, malloc'ed, whole or NULL: no memory. */
char *keep_end(struct keep *keep);

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
    uint32_t last, end; /* ids: of the last one visited, of the last that there is */
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

/* Adds a column, its flags as libsmartcols has them; that itself would print one without a head when memory runs out. 0 or -1. */
int table_column(struct libscols_table *table, const char *head, int flags);

/* Prints a table that could be filled, and releases it. 0 or -ENOMEM. */
int table_end(FILE *out, struct libscols_table *table, bool filled);

int write_table(FILE *out, const struct run *run, const struct report_style *style);

/* The same rows and columns, as wide as they are, for who writes them otherwise. */
struct table_cell {
    const char *text; /* escaped, whatever the locale is */
    bool right;       /* stands right */
    bool verdict;     /* this is the row's verdict */
    bool has_key;     /* sorted by this number, else by the text: */
    double key;
};
struct table_visitor {
    void (*head)(void *context, const char *name, bool right);
    void (*row)(void *context, enum verdict verdict); /* begins */
    void (*cell)(void *context, const struct table_cell *cell);
    void *context;
};
int visit_table(const struct run *run, const struct table_visitor *visitor);

/* ---- columns.c: what a listener shows ---- */

/* A figure's text as it is: not safe to print; "-": nothing to say. Returns out. */
const char *figure_text(enum figure_id figure, const struct listener *listener, char out[LIST_CELL_SIZE]);

/* The same made safe, and cut to `width` cells at the place that says least: a path keeps its end, a process its number.
   Returns how many cells it takes. */
/* Shortens "full,dropping,not_accepting" to "full,+2", where that has to be: the first ones are the worst, and none is cut. The text's
   buffer has LIST_CELL_SIZE bytes. Returns the length. */
size_t remarks_cut(char *text, size_t width);
size_t list_cell(enum figure_id figure, const struct listener *listener, size_t width, char out[LIST_CELL_SIZE]);

/* It stands left, and can be cut; all else stands right. */
bool figure_is_text(enum figure_id figure);

/* What a remark means to a person. Static storage. */
const char *remark_meaning(enum remark remark);

/* ---- sweep.c ---- */

/* Which measures are worth a column: some trial has one that is not 0. */
bool sweep_has(const struct sweep *sweep, enum sweep_measure measure);

/* How many runs of a cell were finished. */
size_t sweep_done_in(const struct sweep *sweep, size_t cell);

/* "3", or "3 (0..5)" where the runs differ. */
#define SWEEP_MIDDLE_SIZE 128
void sweep_middle_text(const struct sweep *sweep, size_t cell, enum sweep_measure measure, char out[SWEEP_MIDDLE_SIZE]);

/* The measures that have a column. */
bool sweep_shows(const struct sweep *sweep, enum sweep_measure measure);

/* ---- sizing.c ---- */

/* What is sized; what arithmetic says, what was measured, what somaxconn must be: paragraphs. */
void write_sized(FILE *out, const struct sizing *s);
void write_sizing_words(FILE *out, const struct sizing *s, const struct report_style *style);

/* ---- text.c: lines of the text report, not yet safe to print ---- */

void write_run_heading(FILE *out, const struct run *run);
void write_run_listener(FILE *out, const struct run *run, const struct target *target);

/* ---- times.c ---- */

/* How the burst went out is worth a line: it had a rate to keep, or several threads or source addresses. */
bool pace_tells(const struct run *run);

/* "sent in 1.43s: 69900 a second", without a newline. */
void write_pace(FILE *out, const struct run *run);

/* Which share of a burst it is; nothing where it is all of it. */
void write_segment(FILE *out, const struct segment *segment);

/* How well it kept to --start-at, and how good the clock is that it went by. */
void write_start(FILE *out, const struct run *run);
void write_start_of(FILE *out, nsec wanted, const struct run_start *start);

/* Quantiles and histograms of the times, when there are samples and no row for each connection. */
void write_times(FILE *out, const struct run *run, const struct report_style *style);

/* ---- json_rows.c ---- */

/* The value of "connections", row by row, without building it in memory. */
void write_json_rows(FILE *out, const struct run *run);

/* ---- timeline_json.c ---- */

/* The value of "timeline": an array with the timeline of each address, or null. */
void write_json_timeline(FILE *out, const struct run *run);

/* ---- timeline_text.c ---- */

int write_timeline(FILE *out, const struct run *run, const struct report_style *style);

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

/* What the listener counted as dropped, and for how many of these the timeline knows the time; more than counted, if packets went
   unanswered that it did not count. */
struct drop_parts {
    bool known; /* what it counted */
    uint64_t counted, placed;
    uint64_t missed; /* packets that were too many to be kept */
};
struct drop_parts drop_parts(const struct target *target);
struct drop_parts drop_parts_of_run(const struct run *run);

/* "765 packets dropped", and where the parts do not agree which they are, and why. */
void write_drops(FILE *out, const struct drop_parts *parts);

/* A round step for an axis that gets at most `most` of them: 1, 2 or 5 times a power of ten. */
nsec axis_step(nsec end, unsigned most);

/* ---- json_values.c: a value that could not be made for want of memory is NULL, and so becomes all that holds it ---- */

/* Put a value into an object or array, or the members of another object, which are theirs from then on. */
void json_put(json_t **object, const char *name, json_t *value);
void json_add(json_t **array, json_t *value);
void json_merge(json_t **object, json_t *more);

/* A JSON string, or null for NULL. Bytes that are not UTF-8, which JSON cannot hold, are escaped: see escape.h. */
json_t *json_text(const char *text);
json_t *json_address(const struct endpoint *e);                                   /* "127.0.0.1" */
json_t *json_family(const struct endpoint *e);                                    /* "ipv4", "ipv6", "unix" or null */
void json_add_place(json_t **object, const struct endpoint *e, const char *path); /* "port", or "path" of AF_UNIX */
void json_add_listener_place(json_t **object, const struct listener *listener);
json_t *json_span(nsec span);       /* microseconds, or null for NSEC_NEVER */
json_t *json_span_exact(nsec span); /* the same with its fraction, three decimals */
/* {"min": ..., "max": ...}, or null. */
json_t *json_interval(const struct interval *interval);
/* true, false, or null where it cannot be decided. */
json_t *json_outcome(enum expectation_outcome outcome);
/* text, expected, seen (null unless it is one number), seen_min, seen_max, ok. */
json_t *json_expectation(const struct expectation *e);
/* `object` with the members of `more`, whose reference it drops. */
json_t *json_merged(json_t *object, json_t *more);
/* "ok", "seen 3, FAILED", "0 to 18, cannot be decided" and so on. */
void write_outcome(FILE *out, const struct report_style *style, const struct expectation *e);
/* "3", or "0 to 18". */
#define INTERVAL_TEXT_SIZE 48
const char *interval_text(const struct interval *interval, char out[INTERVAL_TEXT_SIZE]);
json_t *json_known(bool known, uint64_t value);                 /* null when not known */
json_t *json_signal(int signal);                                /* "SIGINT"; 0: null */
json_t *json_start(nsec wanted, const struct run_start *start); /* how --start-at was kept; 0: null */
/* Writes the members of an object without its braces, and drops the reference. 0 or -ENOMEM. */
int json_members(FILE *out, json_t *object);
/* Writes a value with jansson's `flags`, and drops the reference; the other on a line. 0 or -ENOMEM; a write error stays in the stream. */
int json_dump(FILE *out, json_t *value, size_t flags);
int write_json_line(FILE *out, json_t *object);

/* ---- prometheus.c ---- */

/* name="value", escaped as the format wants it. */
void write_metric_label(FILE *out, const char *name, const char *value);
/* {...}: what names a listener, and its namespace if that is not ours. */
void write_metric_labels(FILE *out, const struct netns_facts *namespaces, size_t count, const struct listener *l);
void write_metric_head(FILE *out, const char *name, const char *type, const char *help);

/* ---- survey_json.c ---- */

json_t *json_holder_causes(uint32_t causes);
json_t *json_listener(const struct listener *listener);
json_t *json_netns(const struct netns_facts *facts);

/* ---- started.c ---- */

/* The words of a command, NULL at the end: in quotes and cut to what fits a heading; as an array. */
void write_command_words(FILE *out, char *const *words);
json_t *json_words(char *const *words);
/* How a backlog came about, behind "its backlog". */
const char *backlog_way_words(enum backlog_way way);
/* A line of what it is and did. */
void write_started(FILE *out, const struct run *run);
/* null: none was started. */
json_t *started_json(const struct run *run);

/* ---- merged.c: whose reports it was made of; of a run with `merged` only, JSON of others is null ---- */

void write_merged(FILE *out, const struct run *run, int columns);
json_t *merged_json(const struct run *run);

/* ---- traced.c: what a trace knows of a listener ---- */

/* Listeners that are named as those which no trace knows, before they are only counted. */
#define TRACED_NAMED_MAX 4

/* null: it knows nothing. */
json_t *json_traced(const struct trace_digest *one);
/* The bounds of a quantile of so many waits, or null. */
json_t *json_trace_bounds(uint64_t samples, const struct trace_digest *one, const struct trace_quantile *q);
/* "longest queue 8 (exact), 99% of 120 waited less than 3ms, ..." */
void write_traced_words(FILE *out, const struct trace_digest *one);
/* Below the table of a survey; nothing where no trace runs. */
void write_known_traces(FILE *out, const struct survey *survey, const struct report_style *style);

#endif
