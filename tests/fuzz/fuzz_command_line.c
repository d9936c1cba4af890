/* Command lines: options, their values, expectations, what varies in a sweep, and what is said of mistakes. Every command gets as far
   as its plan; none is carried out. */
#include "printed.h"

#include "cli/plan.h"
#include "cli/sweep_axes.h"
#include "study/start_words.h"

#include "backlogctl/escape.h"
#include "backlogctl/output.h"
#include "backlogctl/target.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 64

static const struct command *const commands[] = {&command_run,    &command_probe,   &command_serve, &command_list, &command_watch,
                                                 &command_resize, &command_measure, &command_sweep, &command_size};

static void check_expectations(const struct expectations *expectations, enum measures kind)
{
    MUST(expectations->count <= EXPECTATIONS_MAX);
    for (size_t i = 0; i < expectations->count; i++) {
        const struct expectation *e = &expectations->list[i];
        struct expectations again = {0};
        MUST(measure_is_of(e->measure, kind) && e->expected >= 0);
        /* As it is printed it can be typed again. */
        MUST(!expectations_parse(e->text, kind, &again, NULL) && again.count == 1);
        MUST(again.list[0].measure == e->measure && again.list[0].compare == e->compare && again.list[0].expected == e->expected);
    }
}

static void check_settings(const struct settings *s)
{
    MUST(s->given_count <= OPTIONS_MAX && s->names_used <= sizeof s->names);
    check_expectations(&s->expect, MEASURES_OF_ALL);
    check_expectations(&s->watch.alerts, MEASURES_OF_WATCH);
    MUST(s->list.view.count <= LIST_COLUMNS_MAX && s->list.sort_count <= SORT_KEYS_MAX);
    for (size_t i = 0; i < s->list.view.count; i++)
        MUST(s->list.view.columns[i] < FIGURE_COUNT && figure_column_name(s->list.view.columns[i]));
    for (size_t i = 0; i < s->probe.sources.count; i++)
        MUST(s->probe.sources.ranges[i].count &&
             s->probe.sources.ranges[i].first.family == s->probe.sources.ranges[0].first.family);
    MUST(s->probe.arrivals.count <= 1000000 && s->probe.timeout >= 0 && s->server.accept_delay >= 0);
    MUST(s->server.accept_count >= ACCEPT_UNLIMITED && s->server.reuseport <= REUSEPORT_MAX);
    MUST(s->measure.timeout >= 0 && s->measure.freeze.budget >= 0 && s->watch.interval >= 0);
}

static void plan(const struct settings *settings)
{
    static struct experiment_plan plan;
    plan = (struct experiment_plan){0};
    plan_options(&plan, settings);
    if (settings->words) {
        start_plan_way(&plan.start);
        char **words = start_words_fill(settings->words, settings->server.backlog, settings->port);
        char **environment = start_environment_fill(&settings->start.environment, settings->server.backlog, settings->port);
        MUST(words && environment);
        for (size_t i = 0; settings->words[i] || words[i]; i++)
            MUST(words[i] && settings->words[i]);
        free(words);
        free(environment);
    }
}

/* As sweep does it: every value is tried on. */
static void spread(const struct settings *settings)
{
    for (size_t n = 0; n < settings->sweep.varied_count; n++) {
        const struct varied *varied = &settings->sweep.varied[n];
        struct axis axis = {0};
        struct error err = {0};
        int status = axis_spread(varied->text, &axis, &err);
        MUST(!status || err.code == -status);
        for (size_t i = 0; i < axis.count && !status && i < 8; i++) {
            struct settings tried = *settings;
            MUST(memchr(axis.values[i], '\0', AXIS_VALUE_SIZE));
            options_set(&command_run, varied->name, axis.values[i], &tried, &err);
        }
        free(axis.values);
    }
}

/* In the place of what the command does. */
static int run(const struct command *command, const struct settings *settings)
{
    (void)command;
    check_settings(settings);
    plan(settings);
    spread(settings);
    return EXIT_DONE;
}

static void run_line(struct bytes *bytes)
{
    static char storage[UINT16_MAX + WORDS_MAX + 1];
    char *words[WORDS_MAX + 1] = {0};
    struct command command = *commands[draw_below(bytes, sizeof commands / sizeof *commands)];
    size_t used = 0;
    int count = 0;
    command.run = run;
    command.target = TARGET_NONE; /* it would be looked up */
    words[count++] = (char *)(uintptr_t)command.name;
    /* A newline ends a word: a corpus of lines of text is read and changed most easily. */
    while (bytes->left && count < WORDS_MAX && used < sizeof storage - 1) {
        words[count++] = storage + used;
        for (uint8_t c; bytes->left && (c = draw_byte(bytes)) != '\n' && c && used < sizeof storage - 2;)
            storage[used++] = (char)c;
        storage[used++] = '\0';
    }
    FILE *said = stderr, *shown = stdout;
    struct printed err, out;
    stderr = print_begin(&err);
    stdout = print_begin(&out);
    int status = command_main(&command, count, words);
    FILE *err_end = stderr, *out_end = stdout;
    stderr = said;
    stdout = shown;
    print_end(&err, err_end);
    print_end(&out, out_end);
    must_be_text(&err, false);
    must_be_text(&out, false);
    MUST(status == EXIT_DONE || status == EXIT_USAGE || status == EXIT_CANNOT);
    MUST(!err.size == (status == EXIT_DONE));
    print_free(&err);
    print_free(&out);
}

static void expect(struct bytes *bytes)
{
    char text[512];
    struct expectations expectations = {0};
    struct error err = {0};
    static const enum measures kinds[] = {MEASURES_OF_BURST, MEASURES_OF_LISTENER, MEASURES_OF_WATCH};
    enum measures kind = kinds[draw_below(bytes, 3)];
    draw_text(bytes, text, sizeof text);
    int status = expectations_parse(text, kind, &expectations, &err);
    MUST(status ? status == -EINVAL && err.code == EINVAL && *err.text : expectations.count && !err.code);
    check_expectations(&expectations, kind);
}

/* Names as they are typed and printed. */
static void escape(struct bytes *bytes)
{
    char text[512], back[sizeof text], printed[ESCAPED_SIZE(sizeof text) + 1], cut[16];
    unsigned what = draw_byte(bytes) & 15;
    draw_text(bytes, text, sizeof text);
    size_t length = escape_text(text, what, printed, sizeof printed);
    MUST(length == strlen(printed) && length < sizeof printed);
    MUST(escape_text(text, what, cut, sizeof cut) == length && strlen(cut) < sizeof cut && !strncmp(cut, printed, strlen(cut)));
    char *typed = strdup(printed);
    MUST(typed && !strcmp(unescape(typed, typed), text));
    free(typed);
    unescape(text, back);
    struct endpoint_range range;
    if (!endpoint_range_parse(text, &range, NULL))
        MUST(range.count && !range.first.port);
}

static void target(struct bytes *bytes)
{
    char text[1024];
    struct target_meaning meaning;
    struct error err = {0};
    enum target_use use = (enum target_use)(TARGET_PEER + draw_below(bytes, 3));
    draw_text(bytes, text, sizeof text);
    if (target_read(text, use, &meaning, &err)) {
        MUST(err.code == EINVAL && *err.text);
        return;
    }
    MUST(meaning.count <= TARGET_OPTIONS_MAX && (meaning.count || *meaning.service || *meaning.word || use == TARGET_PEER));
    MUST(meaning.count + (*meaning.service != 0) <= TARGET_OPTIONS_MAX && (!*meaning.word || use == TARGET_LISTENER));
    for (size_t i = 0; i < meaning.count; i++)
        MUST(*meaning.options[i].value && memchr(meaning.options[i].value, '\0', TARGET_VALUE_SIZE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    uint8_t what = draw_byte(&bytes);
    draw_charset(&bytes);
    if (what == 'e')
        expect(&bytes);
    else if (what == 'n')
        escape(&bytes);
    else if (what == 't')
        target(&bytes);
    else
        run_line(&bytes);
    return 0;
}
