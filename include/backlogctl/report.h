/* Reports: the model as text, JSON or a live line. No judgement; no I/O but the stream that is passed in.
   Write errors stay in the stream (ferror) for the caller to find; a report for which memory ran out is not whole, and its function
   returns -ENOMEM, else 0. */
#ifndef BACKLOGCTL_REPORT_H
#define BACKLOGCTL_REPORT_H

#include "backlogctl/run.h"
#include "backlogctl/server_event.h"
#include "backlogctl/figures.h"
#include "backlogctl/measurement.h"
#include "backlogctl/observation.h"
#include "backlogctl/sizing.h"
#include "backlogctl/sweep.h"
#include "backlogctl/listener_history.h"
#include "backlogctl/trace_history.h"

#include <stdio.h>

struct report_style {
    bool color;  /* ANSI colours */
    int columns; /* width to fold words and cut tables at; 0: do not */
};

/* What is known before the burst: one heading line of text, to be flushed at once. */
void report_text_begin(FILE *out, const struct run *run, const struct report_style *style);

/* The rest, after the judge has spoken. */
int report_text_end(FILE *out, const struct run *run, const struct report_style *style);

/* All of it, then. JSON has no beginning before the burst, which can be refused: it comes whole or not at all. */
int report_json(FILE *out, const struct run *run);

/* The paragraph that says in words what happened, on one line; the text report folds it. Returns malloc'ed text, or NULL
   when memory ran out. */
char *report_explain(const struct run *run);

/* One line for a person who waits, without a newline, at most style->columns wide. `elapsed` since the burst began. */
void report_progress(FILE *out, const struct run *run, nsec elapsed, const struct report_style *style);

/* The timelines of a run, one below the other, as an SVG 1.1 picture. */
int report_timeline_svg(FILE *out, const struct run *run);

/* All of a run as one HTML page that loads nothing. `line`: the command line, NULL at the end; NULL: it is not known. */
int report_html(FILE *out, const struct run *run, char *const *line);

/* ---- Sweeps ---- */

int report_sweep_text(FILE *out, const struct sweep *sweep, const struct report_style *style);
int report_sweep_json(FILE *out, const struct sweep *sweep);
void report_sweep_csv(FILE *out, const struct sweep *sweep); /* RFC 4180, a line for each run */
void report_sweep_svg(FILE *out, const struct sweep *sweep); /* lines for one axis, heat maps for two */
int report_sweep_html(FILE *out, const struct sweep *sweep, const struct expectations *expect, char *const *line);

/* ---- Sizing ---- */

void report_sizing_text(FILE *out, const struct sizing *s, const struct report_style *style);
int report_sizing_html(FILE *out, const struct sizing *s, char *const *line);
int report_sizing_json(FILE *out, const struct sizing *s);

/* "[#####.....] 23 of 65 runs, 3s left", without a newline. */
void report_trials_progress(FILE *out, size_t done, size_t count, nsec elapsed, const struct report_style *style);

/* A server's ready line, events and summary. */
void report_ready_text(FILE *out, const struct listener *listener, const struct server_settings *settings, uint32_t somaxconn,
                       const struct report_style *style);
int report_ready_json(FILE *out, const struct listener *listener, const struct server_settings *settings, uint32_t somaxconn);
void report_event_text(FILE *out, const struct server_event *event, const struct report_style *style);
void report_event_json(FILE *out, const struct server_event *event);
void report_totals_text(FILE *out, const struct server_totals *totals, nsec elapsed, const struct report_style *style);
int report_totals_json(FILE *out, const struct server_totals *totals, nsec elapsed);

/* ---- Surveys ---- */

/* Columns of a list: enum figure_id. */
#define LIST_COLUMNS_MAX 24
struct list_view {
    uint8_t columns[LIST_COLUMNS_MAX]; /* in this order */
    size_t count;                      /* 0: the usual ones */
};

/* Below 0 when a comes first in the order of that figure. */
int report_compare(enum figure_id figure, const struct listener *a, const struct listener *b);
void report_columns_help(FILE *out, const struct report_style *style); /* a line each, folded on a terminal */

/* "127.0.0.1:80", "*:80" (IPv6 and IPv4), "0.0.0.0%eth0:80", a path; as it is: not safe to print (escape.h). Returns out. */
/* The program, its libraries, and what a build may leave out, in a line of JSON. `libbpf`: its version, NULL: built without it.
   0 or -ENOMEM. */
int report_version_json(FILE *out, const char *kernel, bool filters_calls, const char *libbpf);

#define REPORT_PLACE_SIZE 1024
const char *report_place(const struct listener *listener, char out[REPORT_PLACE_SIZE]);

int report_survey_text(FILE *out, const struct survey *survey, const struct list_view *view, const struct report_style *style);
int report_survey_json(FILE *out, const struct survey *survey);

/* What came of expectations: of a run, a measurement or a survey, whichever is not NULL. */
struct checks {
    const char *command; /* "probe" */
    const struct expectation *list;
    size_t count;
    const struct run *run;
    const struct survey *survey;
    const char *started_at; /* RFC 3339; NULL: unknown */
    nsec took;
    const char *cannot; /* why the job was not done, or not to the end; NULL: it was */
};

/* Why an expectation does not hold, where the report itself does not tell. Returns out. */
#define REPORT_BROKEN_SIZE 256
const char *report_broken(const struct checks *checks, const struct expectation *e, char out[REPORT_BROKEN_SIZE]);

/* As tests: in the Test Anything Protocol, version 13, and as a JUnit XML file. What cannot be decided is no success: "not ok", an
   error. */
void report_tap(FILE *out, const struct checks *checks);
void report_junit(FILE *out, const struct checks *checks);

void report_resize_text(FILE *out, const struct resizing *resizing, const struct report_style *style);
int report_resize_json(FILE *out, const struct resizing *resizing);

void report_measurement_text(FILE *out, const struct measurement *m, const struct report_style *style);
int report_measurement_json(FILE *out, const struct measurement *m);

void report_observation_text(FILE *out, const struct observation *o, const struct report_style *style);
int report_observation_json(FILE *out, const struct observation *o);

/* ---- Watched listeners ---- */

/* `order`: the ones to show, as indexes into the list; `sampled`: the place in it of the one that is looked at fast. */
void report_watch_text(FILE *out, const struct watch_model *w, const size_t *order, size_t count, size_t sampled,
                       const struct report_style *style);
int report_watch_json(FILE *out, const struct watch_model *w, const size_t *order, size_t count);
void report_alert_text(FILE *out, const struct alert *alert, const struct report_style *style);
int report_alert_json(FILE *out, const struct alert *alert);
/* "queue>=5: 127.0.0.1:80 had 7", not safe to print. Returns out. */
#define REPORT_ALERT_SIZE (REPORT_PLACE_SIZE + 160)
const char *report_alert(const struct alert *alert, char out[REPORT_ALERT_SIZE]);

/* The live view: lines of text for a screen of `rows` x `columns` cells, each in one style, with other styles in parts. */
enum frame_style {
    FRAME_PLAIN,
    FRAME_BAR, /* title, keys: across the screen */
    FRAME_HEAD,
    FRAME_SELECTED, /* across the screen */
    FRAME_BOLD,
    FRAME_GOOD,
    FRAME_WARNING,
    FRAME_ALARM,
    FRAME_NEWS,
    FRAME_DIM,
    FRAME_STYLES
};
#define FRAME_TEXT_SIZE 2048
#define FRAME_ROWS_MIN 8
#define FRAME_COLUMNS_MIN 40
#define FRAME_PARTS_MAX 3
struct frame_line {
    char text[FRAME_TEXT_SIZE]; /* UTF-8, one cell a character; may be wider than the screen: then it is cut */
    enum frame_style style;
    struct frame_part {
        int from, cells; /* 0 cells: none */
        enum frame_style style;
    } parts[FRAME_PARTS_MAX];
};
struct frame {
    struct frame_line *lines; /* `rows` of them, the caller's */
    size_t rows, count;       /* count: those that are filled in */
    size_t listed;            /* rows of listeners that fit */
    int columns;
    bool utf8; /* blocks for bars, else ASCII */
};
/* What a live view tells of itself. */
struct frame_view {
    const size_t *order;    /* listeners to show */
    size_t count, selected; /* selected: a place in `order` */
    const char *filter;     /* "" for none */
    const char *sort_name;
    const char *not_sampled; /* of watch: why the selected one is not looked at fast; NULL: it is */
    bool typing, paused, reverse, help;
};
void report_watch_frame(struct frame *frame, const struct watch_model *w, const struct frame_view *view);

/* ---- Traced listeners ---- */

/* What happened in the last interval; all of it. */
int report_trace_text(FILE *out, const struct trace_model *m, const struct report_style *style);
void report_trace_summary_text(FILE *out, const struct trace_model *m, const struct report_style *style);
/* The live view; `all`: rows of what happened since the beginning, else in the last interval. */
void report_trace_frame(struct frame *frame, const struct trace_model *m, const struct frame_view *view, bool all);
int report_trace_json(FILE *out, const struct trace_model *m, bool summary);
void report_trace_svg(FILE *out, const struct trace_model *m, const struct trace_history *history);
int report_trace_html(FILE *out, const struct trace_model *m, const struct trace_history *history, char *const *line);
int report_trace_prometheus(FILE *out, const struct trace_model *m);
void report_trace_event_text(FILE *out, const struct trace_event *event, const struct listener *at);
int report_trace_event_json(FILE *out, const struct trace_event *event, const struct listener *at);

/* ---- What the JSON documents have ---- */

/* The n-th that there is a schema of, NULL behind the last. */
const char *report_schema_name(size_t n);

/* Its JSON Schema. 0 or -ENOMEM. */
int report_schema(FILE *out, const char *name);

/* Prometheus text exposition format, version 0.0.4. */
void report_survey_prometheus(FILE *out, const struct survey *survey);

#endif
