/* Bytes from outside: whatever a name holds, every output is safe, is valid in its format, and gives the name back. */
#include "sample_run.h"
#include "suite.h"

#include "backlogctl/escape.h"
#include "backlogctl/judge.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

#define UTF8_LOCALE "C.UTF-8"
#define ROUNDS 2000

/* ---- Random names ---- */

static uint32_t next(uint32_t *seed)
{
    return *seed = *seed * 1664525u + 1013904223u;
}

/* Pieces that have done harm somewhere, and any byte but NUL. */
static void random_name(uint32_t *seed, char *out, size_t size)
{
    static const char *const pieces[] = {"\033[2J",
                                         "\033]0;x\a",
                                         "\xff\xfe",
                                         "\xc3\xa9",
                                         "\xc2\x9b",
                                         "\xe2\x80\xae",
                                         "\xe2\x81\xa6",
                                         "\xe2\x80\x8b",
                                         "\\",
                                         "\\x",
                                         "\\x41",
                                         "\\\\x5c",
                                         "\n",
                                         "\r",
                                         "\"",
                                         "<&>",
                                         ",",
                                         "%s%n",
                                         "\xed\xa0\x80",
                                         "\xc1\xbf",
                                         "\xf4\x90\x80\x80",
                                         "\xf0\x9f\x92\xa9",
                                         "\xe2\x80\xa8",
                                         "\xef\xbb\xbf",
                                         "\xef\xbf\xbe",
                                         "\xc2\xa0",
                                         "e\xcc\x81",
                                         "\x7f",
                                         "?",
                                         "/a.sock"};
    size_t used = 0, wanted = next(seed) >> 8 & 63;
    while (used < wanted && used + 8 < size) {
        uint32_t choice = next(seed) >> 8;
        if (choice & 1) {
            const char *piece = pieces[(choice >> 1) % COUNT(pieces)];
            memcpy(out + used, piece, strlen(piece));
            used += strlen(piece);
        } else {
            out[used++] = (char)(1 + (choice >> 1) % 255);
        }
    }
    out[used] = '\0';
}

/* ---- What an output has to be ---- */

static void must_unescape_to(const char *escaped, const char *name)
{
    char back[4096];
    ck_assert_uint_lt(strlen(escaped), sizeof back);
    ck_assert_msg(!strcmp(unescape(escaped, back), name), "'%s' is not '%s'", escaped, name);
}

/* ---- Escapes ---- */

START_TEST(every_escape_has_its_way_back)
{
    uint32_t seed = (uint32_t)_i;
    char name[128], out[ESCAPED_SIZE(128)], cut[64];
    setlocale(LC_CTYPE, UTF8_LOCALE);
    for (int round = 0; round < ROUNDS; round++) {
        random_name(&seed, name, sizeof name);
        size_t length = escape_text(name, (unsigned)_i, out, sizeof out);
        ck_assert_uint_eq(length, strlen(out));
        assert_utf8(out);
        must_unescape_to(out, name);
        if (_i & ESCAPE_UNPRINTABLE)
            assert_printable(out, "");
        for (const char *p = out; *p; p++) {
            ck_assert(!(_i & ESCAPE_NON_ASCII) || !(*p & 0x80));
            ck_assert_msg(*p != '\\' || p[1] == 'x' || !(_i & ESCAPE_BACKSLASH), "'%s'", out);
        }
        /* Cut, it is the beginning, and no escape or character is in two. */
        size_t size = next(&seed) >> 8 & 63;
        ck_assert_uint_eq(escape_text(name, (unsigned)_i, cut, size), length);
        if (size) {
            ck_assert(strlen(cut) < size && !strncmp(cut, out, strlen(cut)));
            assert_utf8(cut);
            char part[64];
            unescape(cut, part);
            ck_assert_msg(!strncmp(part, name, strlen(part)), "'%s' of '%s'", cut, out);
        }
    }
}
END_TEST

static const struct {
    const char *name, *utf8, *ascii, *file; /* on a terminal that shows UTF-8, on another, in Prometheus and the like */
} samples[] = {
    {"/tmp/a.sock", "/tmp/a.sock", "/tmp/a.sock", "/tmp/a.sock"},
    {"/tmp/\xc3\xa9.sock", "/tmp/\xc3\xa9.sock", "/tmp/\\xc3\\xa9.sock", "/tmp/\xc3\xa9.sock"},
    {"\xe6\x97\xa5\xe6\x9c\xac", "\xe6\x97\xa5\xe6\x9c\xac", "\\xe6\\x97\\xa5\\xe6\\x9c\\xac", "\xe6\x97\xa5\xe6\x9c\xac"},
    {"\033[2J", "\\x1b[2J", "\\x1b[2J", "\\x1b[2J"},
    {"x?y", "x?y", "x?y", "x?y"},
    {"x\ny", "x\\x0ay", "x\\x0ay", "x\\x0ay"},
    {"\xff\xfe", "\\xff\\xfe", "\\xff\\xfe", "\\xff\\xfe"},
    {"\xc2\x9b", "\\xc2\\x9b", "\\xc2\\x9b", "\\xc2\\x9b"},                    /* C1: CSI */
    {"\xe2\x80\xae", "\\xe2\\x80\\xae", "\\xe2\\x80\\xae", "\\xe2\\x80\\xae"}, /* right-to-left override */
    {"a\\b", "a\\x5cb", "a\\x5cb", "a\\b"},
    {"\\x41", "\\x5cx41", "\\x5cx41", "\\x5cx41"},
    {"@a" ENDPOINT_NUL "b", "@a\\x00b", "@a\\x00b", "@a\\x00b"},
    {"\xc0\xaf", "\\xc0\\xaf", "\\xc0\\xaf", "\\xc0\\xaf"},                    /* overlong */
    {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80"}, /* a surrogate */
};

START_TEST(names_are_written_so)
{
    char out[128];
    terminal_text(samples[_i].name, out, sizeof out); /* LC_CTYPE is C as yet */
    ck_assert_str_eq(out, samples[_i].ascii);
    setlocale(LC_CTYPE, UTF8_LOCALE);
    terminal_text(samples[_i].name, out, sizeof out);
    ck_assert_str_eq(out, samples[_i].utf8);
    escape_text(samples[_i].name, ESCAPE_UNPRINTABLE, out, sizeof out);
    ck_assert_str_eq(out, samples[_i].file);
    must_unescape_to(samples[_i].utf8, samples[_i].name);
    must_unescape_to(samples[_i].ascii, samples[_i].name);
    must_unescape_to(samples[_i].file, samples[_i].name);
}
END_TEST

START_TEST(what_is_no_escape_stays)
{
    static const char *const texts[] = {"", "\\", "a\\b", "\\x", "\\x4", "\\xg1", "\\x1g", "\\n", "C:\\dir"};
    char back[16];
    for (size_t i = 0; i < COUNT(texts); i++)
        ck_assert_str_eq(unescape(texts[i], back), texts[i]);
    ck_assert_str_eq(unescape("\\x4A\\x4b", back), "JK");
    ck_assert_str_eq(unescape("\\x5cx41", back), "\\x41");
    ck_assert_str_eq(unescape("@\\x00", back), "@" ENDPOINT_NUL);
    strcpy(back, "a\\x62c");
    ck_assert_str_eq(unescape(back, back), "abc");
}
END_TEST

START_TEST(widths_are_of_cells)
{
    setlocale(LC_CTYPE, UTF8_LOCALE);
    const char *text = "a\xc3\xa9\xe6\x97\xa5"
                       "e\xcc\x81z"; /* 1 + 1 + 2 + 1 + 0 + 1 */
    ck_assert_uint_eq(terminal_width(text, strlen(text)), 6);
    ck_assert_uint_eq(terminal_width(text, 3), 2);
    ck_assert_uint_eq(terminal_head(text, 2), 3);
    ck_assert_uint_eq(terminal_head(text, 3), 3); /* half a character is none */
    ck_assert_uint_eq(terminal_head(text, 5), 9); /* with its accent */
    ck_assert_uint_eq(terminal_head(text, 99), strlen(text));
    ck_assert_str_eq(terminal_tail(text, 1), "z");
    ck_assert_str_eq(terminal_tail(text, 0), "");
    ck_assert_str_eq(terminal_tail(text, 99), text);
}
END_TEST

/* ---- Every output ---- */

struct names {
    char path[UNIX_NAME_SIZE], process[16], device[16], netns[64], message[160];
};

static void make_names(uint32_t *seed, struct names *n)
{
    char name[128];
    random_name(seed, name, sizeof name);
    snprintf(n->path, sizeof n->path, "/%s", name);
    random_name(seed, name, sizeof name);
    snprintf(n->process, sizeof n->process, "%.14s", *name ? name : "p");
    random_name(seed, name, sizeof name);
    snprintf(n->device, sizeof n->device, "%.15s", *name ? name : "d");
    random_name(seed, name, sizeof name);
    snprintf(n->netns, sizeof n->netns, "%.63s", *name ? name : "n");
    random_name(seed, n->message, sizeof n->message);
}

struct hostile {
    struct names names;
    struct listener list[2];
    struct netns_facts netns;
    struct survey survey;
};

/* One by its path, one bound to a device, in a namespace with a name; an expectation that neither keeps. */
static void make_hostile(uint32_t *seed, struct hostile *h)
{
    memset(h, 0, sizeof *h);
    make_names(seed, &h->names);
    for (size_t i = 0; i < 2; i++) {
        h->list[i] = sample_listener(3, 4, 1);
        h->list[i].pid = 4711;
        h->list[i].processes = 2;
        h->list[i].netns = 7;
        h->list[i].member = h->list[i].group = 1;
        h->list[i].inode = 99 + (uint32_t)i;
        strcpy(h->list[i].process, h->names.process);
    }
    h->list[0].kind = KIND_UNIX_STREAM;
    h->list[0].discarded_known = false;
    strcpy(h->list[0].path, h->names.path);
    strcpy(h->list[1].device, h->names.device);
    h->list[1].interface = 3;
    h->netns = (struct netns_facts){.inode = 7, .somaxconn = 3};
    strcpy(h->netns.name, h->names.netns);
    h->survey = (struct survey){.listeners = h->list,
                                .count = 2,
                                .namespaces = &h->netns,
                                .namespace_count = 1,
                                .expectation_count = 1,
                                .expectations = {{.text = "queue=0", .measure = MEASURE_QUEUE, .compare = COMPARE_EQ}}};
    strcpy(h->survey.incomplete, h->names.message);
    judge_survey(&h->survey);
}

static char *caught(void (*write)(FILE *out, const struct hostile *h), const struct hostile *h)
{
    FILE *out = catch_begin();
    write(out, h);
    return catch_end(out);
}

static const struct report_style plain_style, narrow_style = {.columns = 60};

static void write_list(FILE *out, const struct hostile *h)
{
    report_survey_text(out, &h->survey, &(struct list_view){0}, &plain_style);
    report_survey_text(out, &h->survey, &(struct list_view){0}, &narrow_style);
}

static void write_watch(FILE *out, const struct hostile *h)
{
    struct listener_history both[2] = {{.now = h->list[0]}, {.now = h->list[1]}};
    struct netns_facts netns = h->netns;
    struct watch_model w = {.list = both, .count = 2, .namespaces = &netns, .namespace_count = 1, .number = 1};
    struct alert alert = {.e = {.text = "queue>1", .seen = 4}, .by = h->list[0]};
    strcpy(w.incomplete, h->names.message);
    report_watch_text(out, &w, (const size_t[]){0, 1}, 2, 0, &plain_style);
    report_alert_text(out, &alert, &plain_style);
    w.alerts[0] = alert;
    w.alerts[0].times = 1;
    w.alert_count = 1;
    for (size_t selected = 0; selected < 2; selected++) {
        struct frame frame = {.lines = calloc(25, sizeof *frame.lines), .rows = 24, .columns = 100, .utf8 = true};
        struct frame_view view = {.order = (const size_t[]){0, 1},
                                  .count = 2,
                                  .selected = selected,
                                  .filter = "",
                                  .sort_name = "trouble",
                                  .not_sampled = h->names.message};
        report_watch_frame(&frame, &w, &view);
        for (size_t i = 0; i < frame.count; i++)
            fprintf(out, "%s\n", frame.lines[i].text);
        free(frame.lines);
    }
}

static void write_others(FILE *out, const struct hostile *h)
{
    struct resized resized[2] = {{.before = h->list[0]}, {.before = h->list[1], .after = h->list[1], .changed = true}};
    struct resizing resizing = {.asked = 4, .list = resized, .count = 2};
    struct measurement m = {.listener = h->list[0]};
    struct server_settings settings = {.backlog = 3};
    struct server_event event = {.kind = SERVER_ACCEPTED, .peer = {.family = AF_UNIX}};
    snprintf(resized[0].error, sizeof resized[0].error, "%s", h->names.message);
    strcpy(m.incomplete, h->names.message);
    memcpy(event.peer.bytes, h->names.device, sizeof event.peer.bytes - 1);
    report_resize_text(out, &resizing, &plain_style);
    report_measurement_text(out, &m, &plain_style);
    report_ready_text(out, &h->list[0], &settings, 3, &plain_style);
    report_event_text(out, &event, &plain_style);
    terminal_printf(out, "%s", h->names.message); /* what say() does */
}

static void write_run(FILE *out, const struct hostile *h)
{
    sample_full_queue(3);
    sample.host = h->names.message;
    sample.targets[0].transport = (struct transport){.kind = KIND_UNIX_STREAM, .path = h->names.path};
    sample.targets[0].after = h->list[0];
    static struct endpoint sources[SAMPLE_MANY];
    sources[0] = (struct endpoint){.family = AF_UNIX};
    memcpy(sources[0].bytes, h->names.device, sizeof sources[0].bytes - 1);
    sample.targets[0].sources = sources;
    strcpy(sample.incomplete, h->names.message);
    report_text_begin(out, &sample, &plain_style);
    report_text_end(out, &sample, &plain_style);
}

/* In a locale with UTF-8, and in one without. */
START_TEST(no_text_carries_them_on)
{
    static void (*const writers[])(FILE * out, const struct hostile *h) = {write_list, write_watch, write_others, write_run};
    uint32_t seed = (uint32_t)_i + 1;
    for (int round = 0; round < ROUNDS / 20; round++) {
        struct hostile h;
        make_hostile(&seed, &h);
        for (int utf8 = 0; utf8 < 2; utf8++)
            for (size_t w = 0; w < COUNT(writers); w++) {
                setlocale(LC_CTYPE, utf8 ? UTF8_LOCALE : "C");
                char *text = caught(writers[w], &h), *path = malloc(ESCAPED_SIZE(UNIX_NAME_SIZE));
                terminal_text(h.names.path, path, ESCAPED_SIZE(UNIX_NAME_SIZE));
                setlocale(LC_CTYPE, UTF8_LOCALE);
                assert_printable(text, "\n");
                must_unescape_to(path, h.names.path);
                if (!strchr(path, ' ')) /* else it may be folded there */
                    assert_has(text, path);
                free(path);
                free(text);
            }
    }
}
END_TEST

START_TEST(json_is_json_and_gives_them_back)
{
    uint32_t seed = (uint32_t)_i + 1;
    for (int round = 0; round < ROUNDS / 20; round++) {
        struct hostile h;
        make_hostile(&seed, &h);
        FILE *out = catch_begin();
        report_survey_json(out, &h.survey);
        char *text = catch_end(out);
        assert_printable(text, "\n");
        json_t *report = json_parse(text), *list = member(report, "listeners");
        json_t *by_path = json_array_get(list, 0), *bound = json_array_get(list, 1);
        must_unescape_to(json_string_value(member(by_path, "path")), h.names.path);
        must_unescape_to(json_string_value(member(by_path, "process")), h.names.process);
        must_unescape_to(json_string_value(member(bound, "device")), h.names.device);
        must_unescape_to(json_string_value(member(json_array_get(member(report, "namespaces"), 0), "name")), h.names.netns);
        must_unescape_to(json_string_value(member(json_array_get(member(report, "expectations"), 0), "broken_by")), h.names.path);
        json_decref(report);
        free(text);
        out = catch_begin();
        write_run(out, &h); /* the sample is that run now */
        free(catch_end(out));
        out = catch_begin();
        report_json(out, &sample);
        text = catch_end(out);
        assert_printable(text, "\n");
        report = json_parse(text);
        must_unescape_to(json_string_value(member(member(report, "target"), "path")), h.names.path);
        must_unescape_to(json_string_value(member(member(report, "options"), "host")), h.names.message);
        const char *source = json_string_value(member(json_array_get(member(report, "connections"), 0), "source"));
        ck_assert_int_eq(*source, '@');
        must_unescape_to(source + 1, h.names.device);
        json_decref(report);
        free(text);
    }
}
END_TEST

/* The value of a label, read as the format says. */
static char *label(const char *text, const char *name)
{
    char start[32];
    snprintf(start, sizeof start, "%s=\"", name);
    const char *at = strstr(text, start);
    ck_assert_msg(at != NULL, "no %s in %s", name, text);
    char *value = calloc(1, strlen(at)), *to = value;
    for (at += strlen(start); *at != '"'; at++) {
        if (*at == '\\')
            at++;
        ck_assert(*at && *at != '\n');
        *to++ = *at;
    }
    return value;
}

START_TEST(metrics_are_text_and_give_them_back)
{
    uint32_t seed = (uint32_t)_i + 1;
    setlocale(LC_CTYPE, UTF8_LOCALE);
    for (int round = 0; round < ROUNDS / 20; round++) {
        struct hostile h;
        make_hostile(&seed, &h);
        FILE *out = catch_begin();
        report_survey_prometheus(out, &h.survey);
        char *text = catch_end(out);
        assert_printable(text, "\n");
        const char *names[][2] = {{"listener", h.names.path}, {"process", h.names.process}, {"netns", h.names.netns}};
        for (size_t i = 0; i < COUNT(names); i++) {
            char *value = label(text, names[i][0]);
            must_unescape_to(value, names[i][1]);
            free(value);
        }
        free(text);
    }
}
END_TEST

/* The last field of the second line, read as RFC 4180 says. */
static char *last_field(const char *text)
{
    const char *line = strstr(text, "\r\n");
    ck_assert_ptr_nonnull(line);
    char *value = calloc(1, strlen(text)), *to = value;
    bool quoted = false;
    for (line += 2; *line && (quoted || strncmp(line, "\r\n", 2)); line++) {
        if (*line == '"' && quoted && line[1] == '"')
            *to++ = *line++;
        else if (*line == '"')
            quoted = !quoted;
        else if (*line == ',' && !quoted)
            to = value;
        else
            *to++ = *line;
    }
    *to = '\0';
    ck_assert(!quoted && !strcmp(line, "\r\n"));
    return value;
}

static char *xml_text(const char *text, const char *element)
{
    char start[32], end[32];
    snprintf(start, sizeof start, "<%s>", element);
    snprintf(end, sizeof end, "</%s>", element);
    const char *at = strstr(text, start), *stop = strstr(text, end);
    ck_assert(at && stop);
    char *value = calloc(1, strlen(at)), *to = value;
    for (at += strlen(start); at < stop; at++) {
        ck_assert(*at != '<' && *at != '>');
        *to++ = *at != '&' ? *at : at[1] == 'a' ? '&' : at[1] == 'l' ? '<' : '>';
        at = *at == '&' ? strchr(at, ';') : at;
    }
    return value;
}

START_TEST(tables_and_pictures_give_them_back)
{
    uint32_t seed = (uint32_t)_i + 1;
    setlocale(LC_CTYPE, UTF8_LOCALE);
    for (int round = 0; round < ROUNDS / 20; round++) {
        struct hostile h;
        make_hostile(&seed, &h);
        char values[1][AXIS_VALUE_SIZE] = {"2"};
        struct trial trial = {.done = true, .error = 1};
        struct middle middles[1][SWEEP_MEASURE_COUNT] = {0};
        struct sweep sweep = {.axes = {{.name = "backlog", .values = values, .count = 1}},
                              .axis_count = 1,
                              .repeat = 1,
                              .trials = &trial,
                              .cells = 1,
                              .middles = middles};
        snprintf(trial.why, sizeof trial.why, "%.100s", h.names.message);
        FILE *out = catch_begin();
        report_sweep_csv(out, &sweep);
        char *text = catch_end(out), *field = last_field(text);
        assert_printable(text, "\r\n");
        must_unescape_to(field, trial.why);
        free(field);
        free(text);
        out = catch_begin();
        write_run(out, &h);
        free(catch_end(out));
        out = catch_begin();
        report_timeline_svg(out, &sample);
        text = catch_end(out);
        assert_printable(text, "\n");
        char *title = xml_text(text, "title"), escaped[ESCAPED_SIZE(UNIX_NAME_SIZE)];
        escape_text(h.names.path, ESCAPE_UNPRINTABLE, escaped, sizeof escaped);
        assert_has(title, escaped);
        free(title);
        free(text);
    }
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {what_is_no_escape_stays, widths_are_of_cells};
    Suite *suite = suite_create("escape");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *rows = tcase_create("rows");
    tcase_add_loop_test(rows, every_escape_has_its_way_back, 0, 16);
    tcase_add_loop_test(rows, names_are_written_so, 0, COUNT(samples));
    tcase_add_loop_test(rows, no_text_carries_them_on, 0, 4);
    tcase_add_loop_test(rows, json_is_json_and_gives_them_back, 0, 4);
    tcase_add_loop_test(rows, metrics_are_text_and_give_them_back, 0, 4);
    tcase_add_loop_test(rows, tables_and_pictures_give_them_back, 0, 4);
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
