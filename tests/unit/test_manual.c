/* The manual says what the program does: every option in --help and in its page, every word, counter, event
   and JSON member explained, and mandoc is content. */
#include "sample_run.h"
#include "process.h"
#include "suite.h"

#include "backlogctl/options.h"
#include "backlogctl/output.h"
#include "backlogctl/presets.h"
#include "backlogctl/rights.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define PAGE_SIZE ((size_t)1 << 20)
#define ITEM_SIZE 128

static const struct command *const commands[] = {&command_serve,      &command_probe, &command_run,   &command_resize,
                                                 &command_measure,    &command_list,  &command_watch, &command_trace,
                                                 &command_observe,    &command_sweep, &command_size,  &command_merge,
                                                 &command_completion, &command_schema};
static const char *const pages[] = {"backlogctl.1",       "backlogctl-serve.1",      "backlogctl-probe.1",
                                    "backlogctl-run.1",   "backlogctl-resize.1",     "backlogctl-measure.1",
                                    "backlogctl-merge.1", "backlogctl-list.1",       "backlogctl-watch.1",
                                    "backlogctl-trace.1", "backlogctl-observe.1",    "backlogctl-sweep.1",
                                    "backlogctl-size.1",  "backlogctl-completion.1", "backlogctl-schema.1",
                                    "backlogctl-ci.7",    "backlogctl-hosts.7",      "backlogctl.7"};

/* ---- Reading pages ---- */

static char *read_page(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/man/%s", SOURCE_DIR, name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "no %s", path);
    char *text = calloc(1, PAGE_SIZE);
    size_t size = fread(text, 1, PAGE_SIZE - 1, file);
    ck_assert_uint_gt(size, 0);
    fclose(file);
    return text;
}

static char *read_command_page(const struct command *command)
{
    char name[64];
    snprintf(name, sizeof name, "backlogctl-%s.1", command->name);
    return read_page(name);
}

/* The lines from ".Sh TITLE" to the next section; malloc'ed. */
static char *section(const char *page, const char *title)
{
    char heading[ITEM_SIZE];
    snprintf(heading, sizeof heading, "\n.Sh %s\n", title);
    const char *begin = strstr(page, heading);
    ck_assert_msg(begin != NULL, "no section %s", title);
    begin += strlen(heading) - 1;
    const char *end = strstr(begin, "\n.Sh ");
    return end ? strndup(begin, (size_t)(end - begin) + 1) : strdup(begin);
}

static bool is_word_character(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        if ((at == text || !is_word_character(at[-1])) && !is_word_character(at[length]))
            return true;
    return false;
}

/* A whole line, so that a word mentioned elsewhere does not stand for its own entry. */
static bool has_line(const char *text, const char *line)
{
    size_t length = strlen(line);
    for (const char *at = strstr(text, line); at; at = strstr(at + 1, line))
        if (at != text && at[-1] == '\n' && at[length] == '\n')
            return true;
    return false;
}

/* ---- Options ---- */

static char *help_of(const struct command *command)
{
    FILE *out = catch_begin();
    options_help(command, 79, out);
    return catch_end(out);
}

/* ".It Fl n , Fl -count Ar N" */
static void option_item(const struct option_spec *spec, char out[ITEM_SIZE])
{
    char letter[16] = "";
    if (spec->letter)
        snprintf(letter, sizeof letter, "Fl %c , ", spec->letter);
    snprintf(out, ITEM_SIZE, ".It %sFl -%s%s%s", letter, spec->name, spec->argument ? " Ar " : "",
             spec->argument ? spec->argument : "");
}

/* What the synopsis calls it: "Fl n Ar N", "Fl -threads Ar N". */
static void option_short(const struct option_spec *spec, char out[ITEM_SIZE])
{
    char letter[2] = {spec->letter, '\0'};
    snprintf(out, ITEM_SIZE, "Fl %s%s%s%s", spec->letter ? "" : "-", spec->letter ? letter : spec->name,
             spec->argument ? " Ar " : "", spec->argument ? spec->argument : "");
}

static void check_help(const struct command *command, const struct option_spec *spec, const char *help)
{
    char word[ITEM_SIZE];
    if (spec->letter)
        snprintf(word, sizeof word, "\n  -%c, --%s", spec->letter, spec->name);
    else
        snprintf(word, sizeof word, "\n      --%s", spec->name);
    if (spec->argument)
        snprintf(word + strlen(word), sizeof word - strlen(word), " %s", spec->argument);
    const char *at = strstr(help, word);
    while (at && !strchr(" \n", at[strlen(word)])) /* the beginning of a longer name */
        at = strstr(at + 1, word);
    ck_assert_msg(at && strchr(" \n", at[strlen(word)]), "%s --help lacks --%s", command->name, spec->name);
}

START_TEST(every_option_is_in_help_and_page)
{
    const struct command *command = commands[_i];
    char *help = help_of(command), *page = read_command_page(command);
    char *options = section(page, "OPTIONS"), *synopsis = section(page, "SYNOPSIS"), item[ITEM_SIZE];
    for (size_t g = 0; command->groups[g]; g++) {
        snprintf(item, sizeof item, ".Ss %s", command->groups[g]->title);
        ck_assert_msg(has_line(options, item), "the page of %s lacks '%s'", command->name, item);
        for (const struct option_spec *spec = command->groups[g]->options; spec->name; spec++) {
            if (option_is_hidden(command, spec))
                continue;
            check_help(command, spec, help);
            option_item(spec, item);
            ck_assert_msg(has_line(options, item), "the page of %s lacks '%s'", command->name, item);
            option_short(spec, item);
            ck_assert_msg(has_word(synopsis, item), "the synopsis of %s lacks '%s'", command->name, item);
        }
    }
    free(synopsis);
    free(options);
    free(page);
    free(help);
}
END_TEST

static bool is_item_of(const struct command *command, const char *line)
{
    char item[ITEM_SIZE];
    for (size_t g = 0; command->groups[g]; g++)
        for (const struct option_spec *spec = command->groups[g]->options; spec->name; spec++) {
            option_item(spec, item);
            if (!strcmp(item, line) && !option_is_hidden(command, spec))
                return true;
        }
    return false;
}

/* No option stays in a page when it has left the table. */
START_TEST(every_option_of_a_page_exists)
{
    char *page = read_command_page(commands[_i]), *save = NULL;
    for (char *line = strtok_r(page, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (!strncmp(line, ".It Fl ", 7))
            ck_assert_msg(is_item_of(commands[_i], line), "%s has no option '%s'", commands[_i]->name, line);
    free(page);
}
END_TEST

START_TEST(help_fits_eighty_columns)
{
    char *help = help_of(commands[_i]), *save = NULL;
    for (char *line = strtok_r(help, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        ck_assert_msg(strlen(line) < 80, "%s", line);
    free(help);
}
END_TEST

/* ---- Words ---- */

static void check_item(const char *text, const char *macro, const char *word)
{
    char item[ITEM_SIZE];
    int length = snprintf(item, sizeof item, ".It %s %s", macro, word);
    ck_assert_uint_lt((size_t)length, sizeof item);
    ck_assert_msg(has_line(text, item), "the manual lacks '%s'", item);
}

START_TEST(every_word_is_explained)
{
    char *page = read_page("backlogctl.7");
    char *verdicts = section(page, "VERDICTS"), *evidence = section(page, "EVIDENCE");
    char *reasons = section(page, "REASONS"), *counters = section(page, "COUNTERS");
    for (int v = 0; v < VERDICT_COUNT; v++)
        check_item(verdicts, "Cm", verdict_name((enum verdict)v));
    for (int e = 0; e < EVIDENCE_COUNT; e++)
        check_item(evidence, "Cm", evidence_name((enum evidence)e));
    for (int r = 0; r < REASON_COUNT; r++)
        check_item(reasons, "Cm", reason_name((enum reason)r));
    for (int c = 0; c < COUNTER_COUNT; c++)
        check_item(counters, "Va", counter_name((enum counter)c));
    free(counters);
    free(reasons);
    free(evidence);
    free(verdicts);
    free(page);
}
END_TEST

/* Those that are no verdicts. */
static void check_measures(const char *text, enum measures kind)
{
    for (size_t m = VERDICT_COUNT; m < MEASURE_COUNT; m++)
        if (measure_is_of(m, kind))
            check_item(text, "Cm", measure_name(m));
}

START_TEST(every_remark_and_column_is_explained)
{
    char *page = read_page("backlogctl.7"), *remarks = section(page, "REMARKS"), *list = read_page("backlogctl-list.1"),
         *output = section(list, "OUTPUT"), *options = section(list, "OPTIONS"), item[ITEM_SIZE];
    for (int r = 0; r < REMARK_COUNT; r++)
        check_item(remarks, "Cm", remark_name((enum remark)r));
    for (size_t f = 0; f < FIGURE_COUNT; f++) {
        const char *name = figure_column_name(f);
        if (!name)
            continue;
        snprintf(item, sizeof item, "%s%s", name, figures[f].column.shown == SHOWN_USUALLY ? " No *" : "");
        check_item(output, "Cm", item);
    }
    check_measures(options, MEASURES_OF_LISTENER);
    free(options);
    free(output);
    free(list);
    free(remarks);
    free(page);
}
END_TEST

/* Every metric stands in the page with its type. */
START_TEST(every_metric_is_explained)
{
    struct survey survey = {0};
    FILE *out = catch_begin();
    report_survey_prometheus(out, &survey);
    char *text = catch_end(out), *page = read_page("backlogctl-list.1"), *metrics = section(page, "METRICS"), *save = NULL;
    char name[ITEM_SIZE], type[ITEM_SIZE], item[3 * ITEM_SIZE];
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (sscanf(line, "# TYPE %100s %20s", name, type) == 2) {
            snprintf(item, sizeof item, ".It Va %s No %s", name, type);
            ck_assert_msg(has_line(metrics, item), "backlogctl-list(1) lacks '%s'", item);
        }
    free(metrics);
    free(page);
    free(text);
}
END_TEST

START_TEST(every_event_is_explained)
{
    char *page = read_page("backlogctl-serve.1"), *output = section(page, "OUTPUT");
    for (int k = 0; k < SERVER_EVENT_COUNT; k++)
        check_item(output, "Cm", server_event_name((enum server_event_kind)k));
    free(output);
    free(page);
}
END_TEST

/* In the pages that have --expect or --alert; measure(1) refers to list(1). */
START_TEST(every_measure_is_explained)
{
    static const struct command *const of_bursts[] = {&command_probe, &command_run, &command_sweep};
    for (size_t c = 0; c < COUNT(of_bursts); c++) {
        char *page = read_command_page(of_bursts[c]), *options = section(page, "OPTIONS");
        check_measures(options, MEASURES_OF_BURST);
        free(options);
        free(page);
    }
    char *page = read_command_page(&command_watch), *options = section(page, "OPTIONS");
    for (size_t m = 0; m < MEASURE_COUNT; m++)
        ck_assert_msg(!measure_is_of(m, MEASURES_OF_WATCH) || has_word(options, measure_name(m)), "watch lacks %s",
                      measure_name(m));
    free(options);
    free(page);
}
END_TEST

START_TEST(every_exit_status_is_explained)
{
    static const int statuses[] = {EXIT_DONE, EXIT_EXPECTATION, EXIT_USAGE, EXIT_CANNOT};
    char *page = read_page("backlogctl.1"), *text = section(page, "EXIT STATUS"), item[ITEM_SIZE];
    for (size_t i = 0; i < COUNT(statuses); i++) {
        snprintf(item, sizeof item, ".It %d", statuses[i]);
        ck_assert_msg(has_line(text, item), "backlogctl(1) lacks '%s'", item);
    }
    snprintf(item, sizeof item, ".It %d+n", EXIT_SIGNAL);
    ck_assert_msg(has_line(text, item), "backlogctl(1) lacks '%s'", item);
    free(text);
    free(page);
}
END_TEST

/* ---- JSON ---- */

/* Every member in the value and in what it contains. */
static void check_members(const char *text, json_t *value)
{
    const char *name;
    json_t *item;
    size_t i;
    json_object_foreach(value, name, item)
    {
        ck_assert_msg(has_word(text, name), "the manual does not explain the member %s", name);
        check_members(text, item);
    }
    json_array_foreach(value, i, item) check_members(text, item);
}

/* The verdicts and the counters are explained elsewhere in the page; two targets, so that every member
 * occurs. */
START_TEST(every_member_of_a_report_is_explained)
{
    char *page = read_page("backlogctl.7");
    sample_two_targets(true);
    sample_ours(2);
    sample_times();
    sample_expect("queued=3", 3, true, 3);
    FILE *out = catch_begin();
    report_json(out, &sample);
    char *text = catch_end(out), *reference = section(page, "JSON OF PROBE AND RUN");
    json_t *report = json_parse(text);
    ck_assert_uint_gt(json_array_size(member(report, "connections")), 0);
    json_object_clear(member(report, "counts"));
    for (int c = 0; c < COUNTER_COUNT; c++)
        json_object_del(member(report, "counters"), counter_name((enum counter)c));
    json_t *target;
    size_t t;
    json_array_foreach(member(report, "targets"), t, target) json_object_clear(member(target, "counts"));
    check_members(reference, report);
    json_decref(report);
    free(reference);
    free(text);
    free(page);
}
END_TEST

/* What `json_listener` gives is explained with list. */
static void check_report(const char *title, FILE *out)
{
    char *text = catch_end(out), *page = read_page("backlogctl.7"), *reference = section(page, title);
    json_t *report = json_parse(text), *one;
    size_t i;
    json_object_del(report, "listener");
    json_array_foreach(json_object_get(report, "listeners"), i, one)
    {
        json_object_set_new(one, "before", json_null());
        json_object_set_new(one, "after", json_null());
    }
    check_members(reference, report);
    json_decref(report);
    free(reference);
    free(page);
    free(text);
}

START_TEST(every_member_of_resize_and_measure_is_explained)
{
    struct resized one = {.error = "no right"};
    FILE *out = catch_begin();
    report_resize_json(out, &(struct resizing){.list = &one, .count = 1});
    check_report("JSON OF RESIZE", out);
    out = catch_begin();
    report_measurement_json(out, &(struct measurement){.expectation_count = 1});
    check_report("JSON OF MEASURE", out);
}
END_TEST

START_TEST(every_member_and_word_of_observe_is_explained)
{
    struct observed row = {.closed_max = 1};
    struct observed_listener listener = {.facts.discarded_known = true};
    struct endpoint local = {.family = AF_INET};
    struct observed_sample queue = {0};
    const struct observation o = {.settings.start_at = 1,
                                  .listeners = &listener,
                                  .listener_count = 1,
                                  .locals = &local,
                                  .rows = &row,
                                  .row_count = 1,
                                  .samples = &queue,
                                  .sample_count = 1};
    FILE *out = catch_begin();
    report_observation_json(out, &o);
    char *page = read_page("backlogctl.7"), *text = section(page, "JSON OF OBSERVE"), *written = catch_end(out);
    json_t *report = json_parse(written), *one = json_array_get(member(report, "listeners"), 0);
    for (enum figure_id f = 0; f < FIGURE_COUNT; f++) /* those are list's */
        if (f != FIGURE_DISCARDED)
            json_object_del(one, figures[f].key);
    json_object_clear(member(report, "counters")); /* in a section of their own */
    check_members(text, report);
    json_decref(report);
    free(written);
    for (enum observed_state s = 0; s < OBSERVED_STATE_COUNT; s++)
        check_item(text, "Cm", observed_state_name(s));
    for (enum sighting s = 0; s < SIGHT_COUNT; s++)
        check_item(text, "Cm", sighting_name(s));
    free(text);
    free(page);
}
END_TEST

static void check_trace_line(const char *reference, FILE *out)
{
    char *text = catch_end(out);
    json_t *line = json_parse(text);
    check_members(reference, line);
    json_decref(line);
    free(text);
}

/* One with an entry in every list. */
START_TEST(every_member_of_trace_is_explained)
{
    char *page = read_page("backlogctl.7"), *reference = section(page, "JSON OF TRACE");
    const struct trace_hooks hooks = {0};
    struct traced one = {.selected = true, .surveyed = true, .source_count = 1};
    struct trace_account account = {.known = true};
    struct trace_model model = {.hooks = &hooks, .list = &one, .count = 1, .accounts = &account, .account_count = 1};
    one.slot.acceptors[0].tid = 1;
    one.slot.waits[0] = one.slot.lengths[0] = one.slot.accepted = 1;
    for (enum trace_figure f = 0; f < TRACE_FIGURE_COUNT; f++)
        one.worth[f] = TRACE_EXACT;
    FILE *out = catch_begin();
    report_trace_json(out, &model, true);
    check_trace_line(reference, out);
    out = catch_begin();
    report_trace_event_json(out, &(struct trace_event){.kind = TRACE_EVENT_ACCEPTED}, &one.now);
    check_trace_line(reference, out);
    for (enum trace_worth w = 0; w < TRACE_WORTH_COUNT; w++)
        ck_assert_msg(has_word(reference, trace_worth_name(w)), "the manual lacks %s", trace_worth_name(w));
    for (enum trace_event_kind k = 0; k < TRACE_EVENT_COUNT; k++)
        ck_assert_msg(has_word(reference, trace_event_name(k)), "the manual lacks %s", trace_event_name(k));
    free(reference);
    free(page);
}
END_TEST

START_TEST(every_metric_of_trace_is_explained)
{
    struct trace_model model = {0};
    FILE *out = catch_begin();
    report_trace_prometheus(out, &model);
    char *text = catch_end(out), *page = read_page("backlogctl-trace.1"), *metrics = section(page, "METRICS"), *save = NULL;
    char name[ITEM_SIZE], type[ITEM_SIZE], item[3 * ITEM_SIZE];
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (sscanf(line, "# TYPE %100s %20s", name, type) == 2) {
            snprintf(item, sizeof item, ".It Va %s No %s", name, type);
            ck_assert_msg(has_line(metrics, item), "backlogctl-trace(1) lacks '%s'", item);
        }
    free(metrics);
    free(page);
    free(text);
}
END_TEST

START_TEST(every_member_of_sweep_and_size_is_explained)
{
    char values[2][AXIS_VALUE_SIZE] = {"1", "2"};
    struct trial trials[2] = {{.done = true}, {.done = true, .error = 1, .why = "no right"}};
    struct middle middles[2][SWEEP_MEASURE_COUNT] = {0};
    struct sweep sweep = {.axes = {{.name = "backlog", .values = values, .count = 2}},
                          .axis_count = 1,
                          .repeat = 1,
                          .trials = trials,
                          .cells = 2,
                          .middles = middles};
    FILE *out = catch_begin();
    report_sweep_json(out, &sweep);
    char *text = catch_end(out);
    json_t *report = json_parse(text), *cell;
    size_t i;
    json_array_foreach(member(report, "cells"), i, cell)
    {
        json_object_clear(member(cell, "values"));
        json_object_set_new(json_array_get(member(cell, "runs"), 0), "counts", json_null());
    }
    char *page = read_page("backlogctl.7"), *reference = section(page, "JSON OF SWEEP");
    check_members(reference, report);
    json_decref(report);
    free(text);
    free(reference);
    free(page);
    out = catch_begin();
    report_sizing_json(out, &(struct sizing){.answered = true, .backlog = 3});
    check_report("JSON OF SIZE", out);
}
END_TEST

START_TEST(every_preset_is_named)
{
    char *page = read_page("backlogctl-run.1");
    for (size_t i = 0; preset_at(i); i++)
        ck_assert_msg(has_word(page, preset_at(i)->name), "backlogctl-run(1) lacks the preset %s", preset_at(i)->name);
    free(page);
}
END_TEST

START_TEST(every_member_of_list_is_explained)
{
    struct listener one = {.known = true, .kind = KIND_UNIX_STREAM};
    struct netns_facts facts = {.ours = true};
    struct survey survey = {.listeners = &one, .count = 1, .namespaces = &facts, .namespace_count = 1, .expectation_count = 1};
    FILE *out = catch_begin();
    report_survey_json(out, &survey);
    char *text = catch_end(out), *page = read_page("backlogctl.7"), *reference = section(page, "JSON OF LIST");
    json_t *report = json_parse(text);
    check_members(reference, report);
    json_decref(report);
    free(reference);
    free(page);
    free(text);
}
END_TEST

START_TEST(every_member_of_watch_is_explained)
{
    struct listener_history one = {.now = sample_listener(2, 0, 0)};
    struct netns_facts netns = {0};
    struct watch_model w = {.list = &one, .count = 1, .namespaces = &netns, .namespace_count = 1, .alert_count = 1};
    w.alerts[0].by = one.now;
    FILE *out = catch_begin();
    report_watch_json(out, &w, &(size_t){0}, 1);
    char *text = catch_end(out), *page = read_page("backlogctl.7"), *reference = section(page, "JSON OF WATCH");
    json_t *record = json_parse(text), *listener = json_array_get(member(record, "listeners"), 0), *list;
    out = catch_begin();
    report_alert_json(out, &w.alerts[0]);
    free(text);
    text = catch_end(out);
    json_t *alert = json_parse(text);
    const char *name;
    json_t *value;
    void *next;
    list = json_deep_copy(member(alert, "listener")); /* what is said of a listener in list */
    json_object_foreach_safe(list, next, name, value) json_object_del(listener, name);
    json_array_clear(member(record, "namespaces"));
    json_object_clear(member(alert, "listener"));
    ck_assert_uint_gt(json_object_size(listener), 5);
    check_members(reference, record);
    check_members(reference, alert);
    json_decref(list);
    json_decref(alert);
    json_decref(record);
    free(reference);
    free(page);
    free(text);
}
END_TEST

static void check_lines(const char *text, char *lines)
{
    char *save = NULL;
    for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        json_t *object = json_parse(line);
        const char *event = json_string_value(member(object, "event"));
        ck_assert_msg(has_word(text, event), "the manual does not explain the event %s", event);
        check_members(text, object);
        json_decref(object);
    }
}

START_TEST(every_member_of_an_event_is_explained)
{
    struct listener listener = sample_listener(2, 0, 0);
    struct server_settings settings = {.backlog = 2, .accept_count = 1};
    struct server_totals totals = {0};
    FILE *out = catch_begin();
    report_ready_json(out, &listener, &settings, 4096);
    for (int k = 0; k < SERVER_EVENT_COUNT; k++)
        report_event_json(out, &(struct server_event){.kind = (enum server_event_kind)k, .local = listener.local});
    report_totals_json(out, &totals, 0);
    char *lines = catch_end(out), *page = read_page("backlogctl.7"), *reference = section(page, "JSON OF SERVE");
    check_lines(reference, lines);
    free(reference);
    free(page);
    free(lines);
}
END_TEST

/* ---- Form ---- */

/* Of 80 columns and 24 lines, one of which has the prompt. */
START_TEST(short_help_fits_a_screen)
{
    FILE *out = catch_begin();
    options_help_short(commands[_i], 79, out);
    char *help = catch_end(out), *save = NULL;
    size_t lines = 0;
    for (const char *at = help; (at = strchr(at, '\n')); at++)
        lines++;
    ck_assert_msg(lines <= 23, "%zu lines: %s", lines, help);
    for (char *line = strtok_r(help, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        ck_assert_msg(strlen(line) < 80, "%s", line);
    free(help);
}
END_TEST

START_TEST(help_is_as_wide_as_asked)
{
    static const int widths[] = {0, 50, 79, 132};
    for (size_t i = 0; i < COUNT(widths); i++) {
        FILE *out = catch_begin();
        options_help(commands[_i], widths[i], out);
        options_help_short(commands[_i], widths[i], out);
        char *help = catch_end(out), *save = NULL;
        for (char *line = strtok_r(help, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
            ck_assert_msg(strlen(line) <= (widths[i] < 50 ? 50 : (size_t)widths[i]) || !strchr(line + strspn(line, " "), ' '),
                          "%s", line); /* but for words that are longer */
        free(help);
    }
}
END_TEST

START_TEST(every_page_has_its_sections)
{
    static const char *const titles[] = {"SYNOPSIS", "DESCRIPTION", "OPTIONS", "OUTPUT", "EXIT STATUS", "EXAMPLES", "SEE ALSO"};
    char *page = read_command_page(commands[_i]);
    for (size_t i = 0; i < COUNT(titles); i++)
        free(section(page, titles[i]));
    free(page);
}
END_TEST

START_TEST(mandoc_has_nothing_to_say)
{
    char line[512];
    need_program("mandoc");
    snprintf(line, sizeof line, "mandoc -T lint -W warning '%s/man/%s' 2>&1", SOURCE_DIR, pages[_i]);
    FILE *said = popen(line, "r");
    ck_assert_ptr_nonnull(said);
    ck_assert_msg(!fgets(line, sizeof line, said), "%s", line);
    ck_assert_int_eq(pclose(said), 0);
}
END_TEST

/* ---- Rights ---- */

#define CAP(name)                \
    {                            \
        "CAP_" #name, CAP_##name \
    }
static const struct {
    const char *name;
    int number;
} capabilities[] = {CAP(SYS_PTRACE),   CAP(DAC_READ_SEARCH), CAP(SYS_ADMIN), CAP(NET_ADMIN), CAP(NET_RAW), CAP(NET_BIND_SERVICE),
                    CAP(SYS_RESOURCE), CAP(DAC_OVERRIDE),    CAP(FOWNER),    CAP(CHOWN),     CAP(KILL),    CAP(SYS_NICE),
                    CAP(BPF),          CAP(PERFMON)};

/* The item of the list whose line ".It Dv" names the capability; malloc'ed. */
static char *right_item(const char *rights, const char *name)
{
    for (const char *at = strstr(rights, "\n.It Dv"); at; at = strstr(at + 1, "\n.It Dv")) {
        const char *end = strstr(at + 1, "\n.It Dv");
        char *item = end ? strndup(at, (size_t)(end - at)) : strdup(at);
        char *line_end = strchr(item + 1, '\n');
        *line_end = '\0';
        bool found = has_word(item, name);
        *line_end = '\n';
        if (found)
            return item;
        free(item);
    }
    ck_abort_msg("%s is not in section RIGHTS", name);
}

/* The lines from this one to the end of its macro's arguments, "" if it is not there. */
static const char *behind(const char *item, const char *line)
{
    const char *at = strstr(item, line);
    return at ? at + strlen(line) : "";
}

START_TEST(who_keeps_a_capability_is_told)
{
    char *page = read_page("backlogctl.7"), *rights = section(page, "RIGHTS");
    uint64_t bit = UINT64_C(1) << capabilities[_i].number;
    char *item = right_item(rights, capabilities[_i].name);
    char kept[256] = "", added[256] = "";
    sscanf(behind(item, "Kept by\n.Cm "), "%255[^\n]", kept);
    sscanf(behind(item, "dded by\n.Fl "), "%255[^\n]", added);
    for (size_t c = 0; c < COUNT(commands); c++) {
        ck_assert_msg(has_word(kept, commands[c]->name) == !!(commands[c]->rights & bit), "%s: %s", capabilities[_i].name,
                      commands[c]->name);
        for (size_t g = 0; commands[c]->groups[g]; g++)
            for (const struct option_spec *spec = commands[c]->groups[g]->options; spec->name; spec++) {
                char option[64];
                snprintf(option, sizeof option, "-%s", spec->name);
                if (spec->rights & bit)
                    ck_assert_msg(strstr(added, option) != NULL, "%s: -%s", capabilities[_i].name, option);
            }
    }
    free(item);
    free(rights);
    free(page);
}
END_TEST

/* None is kept that the list here, and so the page, does not have. */
START_TEST(no_other_is_kept)
{
    uint64_t known = 0;
    for (size_t i = 0; i < COUNT(capabilities); i++)
        known |= UINT64_C(1) << capabilities[i].number;
    for (size_t c = 0; c < COUNT(commands); c++)
        ck_assert_uint_eq(commands[c]->rights & ~known, 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("manual");
    TCase *tcase = tcase_create("pages");
    tcase_add_loop_test(tcase, every_option_is_in_help_and_page, 0, COUNT(commands));
    tcase_add_loop_test(tcase, every_option_of_a_page_exists, 0, COUNT(commands));
    tcase_add_loop_test(tcase, help_fits_eighty_columns, 0, COUNT(commands));
    tcase_add_loop_test(tcase, short_help_fits_a_screen, 0, COUNT(commands));
    tcase_add_loop_test(tcase, help_is_as_wide_as_asked, 0, COUNT(commands));
    tcase_add_loop_test(tcase, every_page_has_its_sections, 0, COUNT(commands));
    tcase_add_test(tcase, every_word_is_explained);
    tcase_add_test(tcase, every_remark_and_column_is_explained);
    tcase_add_test(tcase, every_metric_is_explained);
    tcase_add_test(tcase, every_member_of_list_is_explained);
    tcase_add_test(tcase, every_event_is_explained);
    tcase_add_test(tcase, every_measure_is_explained);
    tcase_add_test(tcase, every_exit_status_is_explained);
    tcase_add_test(tcase, every_member_of_a_report_is_explained);
    tcase_add_test(tcase, every_member_of_an_event_is_explained);
    tcase_add_test(tcase, every_member_of_watch_is_explained);
    tcase_add_test(tcase, every_member_of_trace_is_explained);
    tcase_add_test(tcase, every_metric_of_trace_is_explained);
    tcase_add_test(tcase, every_member_of_resize_and_measure_is_explained);
    tcase_add_test(tcase, every_member_and_word_of_observe_is_explained);
    tcase_add_test(tcase, every_member_of_sweep_and_size_is_explained);
    tcase_add_test(tcase, every_preset_is_named);
    tcase_add_loop_test(tcase, who_keeps_a_capability_is_told, 0, COUNT(capabilities));
    tcase_add_test(tcase, no_other_is_kept);
    tcase_add_loop_test(tcase, mandoc_has_nothing_to_say, 0, COUNT(pages));
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN(make_suite)
