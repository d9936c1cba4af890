/* What a server reports, as text and as JSON: its ready line, events and summary. */
#include "sample_run.h"
#include "suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    struct server_settings settings;
    uint64_t effective;
    uint32_t somaxconn;
    const char *line;
    bool clamped;
} ready[] = {
    {{.backlog = 2, .accept_count = 0},
     2,
     4096,
     "listening on 127.0.0.1:60001: backlog 2 asked, 2 effective, holds 3, never accepts\n",
     false},
    {{.backlog = 2, .accept_count = 1},
     2,
     4096,
     "listening on 127.0.0.1:60001: backlog 2 asked, 2 effective, holds 3, accepts 1, then none\n",
     false},
    {{.backlog = 17, .accept_count = ACCEPT_UNLIMITED},
     16,
     16,
     "listening on 127.0.0.1:60001: backlog 17 asked, 16 effective, holds 17, clamped by "
     "net.core.somaxconn=16, "
     "accepts at once\n",
     true},
    {{.backlog = -1, .accept_count = ACCEPT_UNLIMITED, .accept_delay = 300 * NSEC_PER_MSEC},
     16,
     16,
     "listening on 127.0.0.1:60001: backlog -1 asked, 16 effective, holds 17, clamped by "
     "net.core.somaxconn=16, "
     "accepts each after 300ms\n",
     true},
    {{.backlog = 16, .accept_count = 3, .accept_delay = NSEC_PER_SEC, .duration = 90 * NSEC_PER_SEC},
     16,
     16,
     "listening on 127.0.0.1:60001: backlog 16 asked, 16 effective, holds 17, accepts 3, each after 1s, then "
     "none, "
     "ends after 1m30s\n",
     false},
    {{.backlog = 2, .accept_count = 0, .full = true},
     2,
     4096,
     "listening on 127.0.0.1:60001: backlog 2 asked, 2 effective, holds 3, never accepts, is kept full\n",
     false},
    {{.backlog = 2, .accept_count = 1, .full = true},
     2,
     4096,
     "listening on 127.0.0.1:60001: backlog 2 asked, 2 effective, holds 3, accepts 1, then none, and is kept full then\n",
     false},
};

START_TEST(ready_line)
{
    struct listener listener = sample_listener(ready[_i].effective, 0, 0);
    FILE *out = catch_begin();
    report_ready_text(out, &listener, &ready[_i].settings, ready[_i].somaxconn, &(struct report_style){0});
    char *text = catch_end(out);
    ck_assert_str_eq(text, ready[_i].line);
    free(text);

    out = catch_begin();
    report_ready_json(out, &listener, &ready[_i].settings, ready[_i].somaxconn);
    text = catch_end(out);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    json_t *object = json_parse(text);
    assert_text(object, "event", "listening");
    assert_text(object, "address", "127.0.0.1");
    assert_integer(object, "port", SAMPLE_PORT);
    assert_integer(object, "asked", ready[_i].settings.backlog);
    assert_integer(object, "backlog", (json_int_t)ready[_i].effective);
    assert_integer(object, "capacity", (json_int_t)ready[_i].effective + 1);
    ck_assert_int_eq(json_is_true(member(object, "clamped")), ready[_i].clamped);
    ck_assert_int_eq(json_is_true(member(object, "full")), ready[_i].settings.full && !ready[_i].settings.accept_count);
    json_decref(object);
    free(text);
}
END_TEST

/* On a terminal the line folds, and a name stays that name. */
START_TEST(ready_line_fits_the_screen)
{
    struct listener listener = sample_listener(2, 0, 0);
    char *save = NULL;
    listener.kind = KIND_UNIX_STREAM;
    snprintf(listener.path, sizeof listener.path, "@a  b   c");
    FILE *out = catch_begin();
    report_ready_text(out, &listener, &ready[0].settings, 0, &(struct report_style){.columns = 40});
    char *text = catch_end(out);
    assert_has(text, "listening on @a  b   c: backlog");
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        ck_assert_msg(strlen(line) <= 40, "%s", line);
    free(text);
}
END_TEST

#define AT 12 * NSEC_PER_MSEC, .capacity = 3
static const struct {
    struct server_event event;
    const char *line, *name, *member;
} events[] = {
    {{SERVER_ACCEPTED, AT, .number = 1, .queue = 2},
     "+0.012s  accepted #1 from 127.0.0.1:43210, queue 2 of 3\n",
     "accepted",
     "peer"},
    {{SERVER_CLOSED, AT, .number = 1, .queue = 2}, "+0.012s  closed #1 of 127.0.0.1:43210, queue 2 of 3\n", "closed", "number"},
    {{SERVER_QUEUE, AT, .queue = 3}, "+0.012s  queue 3 of 3 (full)\n", "queue", "capacity"},
    {{SERVER_DROPPED, AT, .number = 1, .queue = 3, .discarded = 5},
     "+0.012s  dropped 1 packet, 5 in all, queue 3 of 3 (full)\n",
     "dropped",
     "dropped"},
    {{SERVER_STOPPED, AT, .queue = 2}, "+0.012s  stopped accepting, the rest stays in the queue, 2 of 3\n", "stopped", "queue"},
    {{SERVER_FULL, AT, .queue = 3}, "+0.012s  full from now on, queue 3 of 3 (full)\n", "full", "queue"},
    {{SERVER_STARVED, AT, .number = EMFILE, .queue = 2},
     "+0.012s  starved of descriptors, accepts again when there is some, queue 2 of 3\n",
     "starved",
     "error"},
};

/* In colours the line says the same, and leaves none behind. */
static void check_colors(const struct server_event *event, const char *line)
{
    static const struct report_style colors = {.color = true};
    FILE *out = catch_begin();
    report_event_text(out, event, &colors);
    char *text = catch_end(out), plain[200];
    size_t length = 0, begun = 0;
    for (const char *at = text; *at; at++) {
        if (*at != '\033') {
            plain[length++] = *at;
            continue;
        }
        begun += at[2] != 'm' && at[2] != '0';
        at = strchr(at, 'm');
    }
    plain[length] = '\0';
    ck_assert_str_eq(plain, line);
    ck_assert_uint_eq(begun, event->kind != SERVER_CLOSED && event->kind != SERVER_STOPPED);
    free(text);
}

START_TEST(event_line)
{
    struct server_event event = events[_i].event;
    static const struct report_style plain;
    event.local = sample_ipv4(SAMPLE_PORT);
    event.peer = sample_ipv4(43210);
    FILE *out = catch_begin();
    report_event_text(out, &event, &plain);
    char *text = catch_end(out);
    ck_assert_str_eq(text, events[_i].line);
    free(text);
    check_colors(&event, events[_i].line);

    out = catch_begin();
    report_event_json(out, &event);
    text = catch_end(out);
    json_t *object = json_parse(text);
    assert_text(object, "event", events[_i].name);
    assert_integer(object, "at_us", 12000);
    assert_integer(object, "queue", (json_int_t)event.queue);
    member(object, events[_i].member);
    json_decref(object);
    free(text);
}
END_TEST

START_TEST(totals)
{
    static const struct server_totals life = {
        .accepted = 3, .closed = 1, .open = 2, .queue = 2, .discarded = 21, .peak_queue = 3};
    FILE *out = catch_begin();
    report_totals_text(out, &life, 10 * NSEC_PER_SEC, &(struct report_style){0});
    char *text = catch_end(out);
    ck_assert_str_eq(text, "after 10s: accepted 3, closed 1, open 2; queue 2 left, at least 3 at its peak; discarded 21 "
                           "packets\n");
    free(text);
    out = catch_begin();
    report_totals_json(out, &life, 10 * NSEC_PER_SEC);
    text = catch_end(out);
    json_t *object = json_parse(text);
    assert_text(object, "event", "totals");
    assert_integer(object, "elapsed_us", 10000000);
    assert_integer(object, "peak_queue", 3);
    assert_integer(object, "discarded", 21);
    json_decref(object);
    free(text);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {totals, ready_line_fits_the_screen};
    Suite *suite = suite_create("report serve");
    suite_add(suite, "totals", tests, COUNT(tests));
    TCase *rows = tcase_create("table rows");
    tcase_add_loop_test(rows, ready_line, 0, COUNT(ready));
    tcase_add_loop_test(rows, event_line, 0, COUNT(events));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
