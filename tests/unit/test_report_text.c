/* The text report: a run made by hand goes in, lines for people come out. */
#include "sample_run.h"
#include "suite.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const struct report_style narrow = {.columns = 80};

START_TEST(text_of_a_small_burst)
{
    sample_full_queue(6);
    sample.targets[0].after.pid = 71;
    strcpy(sample.targets[0].after.process, "nginx");
    sample_expect("connected=1", 1, true, 1);
    sample_expect("queued=2", 2, true, 3);
    sample_expect("drops=4", 4, false, 0);
    char *text = text_of(&narrow);
    ck_assert_str_eq(text, "probe 127.0.0.1:60001: 6 connections at once, patience 2s\n"
                           "listener 127.0.0.1:60001: nginx (pid 71), backlog 2, holds 3, queue 3 of 3,\n"
                           "  dropped 4\n"
                           "\n"
                           "# source verdict   reason     evidence    established accepted waiting retries\n"
                           "1 :40001 connected -          peer_socket        48us   1.12ms       -       0\n"
                           "2 :40002 queued    -          peer_socket        52us        -      2s       0\n"
                           "3 :40003 queued    -          peer_socket        53us        -      2s       0\n"
                           "4 :40004 queued    -          peer_socket        54us        -      2s       0\n"
                           "5 :40005 timed_out queue_full deadline              -        -       -       1\n"
                           "6 :40006 timed_out queue_full deadline              -        -       -       1\n"
                           "\n"
                           "6 connections: 1 connected, 3 queued, 2 timed_out\n"
                           "packets counted in this network namespace: ListenOverflows 4, ListenDrops 4\n"
                           "expect connected=1: ok\n"
                           "expect queued=2: seen 3, FAILED\n"
                           "expect drops=4: it is unknown, cannot be decided\n"
                           "\n"
                           "The accept queue was full, so the listener dropped the SYNs of 2 connections (4\n"
                           "packets dropped in all) and told nobody. Such a client hears nothing and sends\n"
                           "its SYN again after about 1, 2, 3, 4, 5, 7, 11, 19 s, even if there is room\n"
                           "earlier; a blocking connect() gives up after about 131 s. The server accepted 1\n"
                           "connection; 3 wait in the accept queue: their clients' kernel says connected,\n"
                           "but no answer comes until the server calls accept(). The listener's backlog is\n"
                           "2; the kernel turns newcomers away only when the queue is longer than that, so\n"
                           "the accept queue holds 3. To go on: let the server accept faster, or raise its\n"
                           "backlog, up to net.core.somaxconn (4096); it counts from the next listen() only.\n");
    assert_tidy(text, 80);
    free(text);
}
END_TEST

START_TEST(text_of_a_large_burst_folds_neighbours)
{
    sample_full_queue(1000);
    sample_attempts[0][500].syn_retransmits = 2;
    char *text = text_of(&narrow);
    assert_has(text, "\n"
                     "       #  count  verdict    reason      established  accepted  waiting  retries\n"
                     "      #1      1  connected  -                  48us    1.12ms        -        0\n"
                     "   #2-#4      3  queued     -            52us..54us         -       2s        0\n"
                     "#5-#1000    996  timed_out  queue_full            -         -        -     1..2\n"
                     "\n");
    assert_has(text, "1000 connections: 1 connected, 3 queued, 996 timed_out\n");
    assert_lacks(text, ":40001");
    assert_tidy(text, 80);
    free(text);
}
END_TEST

START_TEST(text_of_a_large_burst_folds_all_equals_when_need_be)
{
    sample_begin();
    sample_with_listener(128, 50, 50);
    for (uint32_t id = 1; id <= 100; id++)
        if (id % 2)
            sample_decide(id, VERDICT_QUEUED, REASON_NONE, EVIDENCE_PEER_SOCKET);
        else
            sample_decide(id, VERDICT_TIMED_OUT, REASON_NONE, EVIDENCE_DEADLINE);
    char *text = text_of(&narrow);
    assert_has(text, "#1-#99     50  queued");
    assert_has(text, "#2-#100     50  timed_out");
    assert_tidy(text, 80);
    free(text);
}
END_TEST

/* 40 rows are printed one by one, 41 are not. */
START_TEST(text_folds_above_forty)
{
    static const struct {
        uint32_t count;
        const char *row;
    } cases[] = {{40, "\n40 :40040"}, {41, "#5-#41"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        sample_full_queue(cases[i].count);
        sample_forget_drops();
        char *text = text_of(&narrow);
        assert_has(text, cases[i].row);
        free(text);
    }
}
END_TEST

/* The first and the third connection come to the second address. The lane behind theirs is nobody's. */
START_TEST(timeline_of_a_later_address)
{
    struct lane lanes[3] = {{.first_syn = 0, .syns = 1}, {.first_syn = 1, .syns = 1}, {.first_syn = 2, .syns = 0}};
    nsec syns[3] = {0, NSEC_PER_SEC, 0};
    sample_full_queue(4);
    for (size_t i = 0; i < 3; i++)
        lanes[i].established = lanes[i].queued = lanes[i].accepted = lanes[i].closed = lanes[i].failed = NSEC_NEVER;
    lanes[1].accepted = 1500 * NSEC_PER_MSEC;
    sample.target_count = 2;
    sample_attempt(1, 1, VERDICT_TIMED_OUT, REASON_NONE, EVIDENCE_DEADLINE);
    sample_attempt(1, 3, VERDICT_CONNECTED, REASON_NONE, EVIDENCE_PEER_SOCKET);
    sample.probe.timeline = true;
    sample.targets[1].timeline =
        (struct timeline){.source = TIMELINE_PACKETS, .lanes = lanes, .syns = syns, .end = 2 * NSEC_PER_SEC};
    char *text = text_of(&narrow);
    assert_has(text, "\n    3 connected                                  S..............A###############\n");
    free(text);
}
END_TEST

/* No sign without its word, and no word of a sign that is not there. */
START_TEST(the_legend_has_what_is_drawn)
{
    static struct queue_point points[] = {{.at = 0},
                                          {.at = 100 * NSEC_PER_MSEC, .queue = 2},
                                          {.at = NSEC_PER_SEC, .queue = 3, .discarded = 12},
                                          {.at = 1900 * NSEC_PER_MSEC, .queue = 3, .discarded = 12}};
    struct lane lanes[4] = {0};
    nsec syns[1] = {0};
    sample_full_queue(4);
    sample_with_listener(2, 3, 12);
    sample.probe.timeline = true;
    for (size_t i = 0; i < COUNT(lanes); i++) {
        lanes[i].established = lanes[i].queued = NSEC_PER_SEC / 2;
        lanes[i].accepted = lanes[i].closed = lanes[i].failed = NSEC_NEVER;
    }
    lanes[0].syns = 1;
    lanes[0].accepted = 1500 * NSEC_PER_MSEC;
    sample.targets[0].timeline = (struct timeline){.source = TIMELINE_PACKETS,
                                                   .lanes = lanes,
                                                   .syns = syns,
                                                   .points = points,
                                                   .point_count = COUNT(points),
                                                   .end = 2 * NSEC_PER_SEC};
    char *text = text_of(&narrow), *words = strstr(text, "one sign is ");
    ck_assert_msg(words != NULL, "%s", text);
    for (char *c = words; (c = strstr(c, "\n  ")); c++)
        memmove(c, c + 2, strlen(c + 2) + 1), *c = ' ';
    assert_has(words, ": S SYN, A accept(), . SYN unanswered, = in the accept queue, # accepted. "
                      "queue: . empty, digits its length, F full. drops: digits how many, + more than 9.\n");
    assert_has(text, "+");
    free(text);
    sample.targets[0].timeline.point_count = 0;
    text = text_of(&narrow);
    assert_lacks(text, "F full");
    free(text);
}
END_TEST

/* One number for the drops, and its parts where they differ. */
START_TEST(drops_are_one_number)
{
    static struct queue_point points[] = {{.at = 0}, {.at = NSEC_PER_MSEC, .queue = 3, .discarded = 587}};
    struct lane lanes[6] = {0};
    nsec syns[1] = {0};
    static const struct {
        uint64_t counted, missed;
        const char *says;
    } rows[] = {{587, 0, NULL},
                {765, 0,
                 "765 packets discarded, as the listener counted: 587 of them placed in time, 178 without a time, because it "
                 "counts the dropped ACK of a half-open connection twice"},
                {765, 9,
                 "765 packets discarded, as the listener counted: 587 of them placed in time, 178 without a time, because "
                 "packets were too many to be kept"},
                {580, 0, "580 packets discarded, as the listener counted; 7 more went unanswered"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        char label[32];
        sample_full_queue(6);
        sample_with_listener(2, 3, rows[i].counted);
        sample.probe.timeline = true;
        sample.targets[0].timeline = (struct timeline){.source = TIMELINE_PACKETS,
                                                       .lanes = lanes,
                                                       .syns = syns,
                                                       .points = points,
                                                       .point_count = COUNT(points),
                                                       .end = NSEC_PER_SEC,
                                                       .missed = rows[i].missed};
        char *text = text_of(&(struct report_style){.columns = 1000});
        FILE *out = catch_begin();
        report_timeline_svg(out, &sample);
        char *svg = catch_end(out);
        snprintf(label, sizeof label, "dropped %lu", (unsigned long)rows[i].counted);
        assert_has(text, label);
        if (rows[i].says) {
            snprintf(label, sizeof label, ">587 of %lu drops<", (unsigned long)rows[i].counted);
            assert_has(text, rows[i].says);
            assert_has(svg, rows[i].says);
            assert_has(svg, label);
            assert_lacks(svg, "587 packets dropped");
        } else {
            assert_has(svg, ">587 packets dropped<");
            assert_lacks(text, "placed in time");
        }
        free(svg);
        free(text);
    }
}
END_TEST

START_TEST(text_at_any_width_is_tidy)
{
    for (int columns = 70; columns <= 200; columns += 5) {
        struct report_style style = {.columns = columns};
        sample_full_queue(columns % 2 ? 20 : 2000);
        sample_ours(-1);
        sample_times();
        sample.probe.arrivals.rate = 50000;
        sample.pace.sources = 255;
        sample.signal = SIGINT;
        strcpy(sample.incomplete, "sock_diag answered EPERM, so the server's side of the connections is not known");
        char *text = text_of(&style);
        assert_tidy(text, (size_t)columns);
        free(text);
    }
}
END_TEST

START_TEST(text_without_width_shows_all)
{
    static const struct report_style wide;
    sample_full_queue(6);
    char *text = text_of(&wide);
    assert_has(text, "127.0.0.1:40001");
    assert_tidy(text, 120);
    free(text);
}
END_TEST

START_TEST(text_notes_and_hostile_names)
{
    sample_full_queue(6);
    strcpy(sample.targets[0].after.process, "\033]0;x\a\xc3");
    sample.targets[0].after.pid = 9;
    sample.signal = SIGTERM;
    strcpy(sample.incomplete, "cannot ask the kernel");
    char *text = text_of(&narrow);
    assert_has(text, "interrupted by SIGTERM: this is what was known by then\n");
    assert_has(text, "evidence is missing: cannot ask the kernel\n");
    assert_has(text, "\\x1b]0;x\\x07\\xc3 (pid 9)");
    assert_tidy(text, 80);
    free(text);
}
END_TEST

START_TEST(text_colours_only_on_demand)
{
    static const struct report_style colored = {.columns = 80, .color = true};
    sample_full_queue(6);
    sample_expect("queued=2", 2, true, 3);
    char *text = text_of(&colored);
    assert_has(text, "\033[32mconnected\033[0m");
    assert_has(text, "\033[33mqueued");
    assert_has(text, "\033[31mtimed_out");
    assert_has(text, "\033[31mFAILED\033[0m");
    free(text);
}
END_TEST

START_TEST(text_of_two_addresses)
{
    sample_two_targets(true);
    char *text = text_of(&narrow);
    assert_has(text, "probe localhost (127.0.0.1:60001, [::1]:60001): 6 connections");
    assert_has(text, "listener [::1]:60001: none; 2 attempts: 2 refused\n");
    assert_has(text, "dropped 4; 6\n  attempts: 1 connected, 3 queued, 2 timed_out\n");
    assert_has(text, "address");
    assert_has(text, "6 connections: 1 connected, 3 queued, 2 timed_out\n");
    assert_tidy(text, 80);
    free(text);
}
END_TEST

/* ---- Headings and listener lines ---- */

static void heading_ours(void)
{
    sample_ours(2);
}

static void heading_rate(void)
{
    sample.probe.arrivals.rate = 100;
    sample.probe.timeout = 0;
}

static void heading_single(void)
{
    sample.probe.arrivals.count = 1;
}

static void listener_clamped(void)
{
    sample_ours(5000);
    sample_with_listener(4096, 0, 0);
}

static void listener_clamped_earlier(void)
{
    sample_ours(-1);
    sample.somaxconn = 128;
    sample_with_listener(4096, 0, 0);
}

static void listener_at_limit(void)
{
    sample_with_listener(4096, 0, 0);
}

static void listener_group(void)
{
    sample_with_listener(128, 5, 0);
    sample.targets[0].after.members = 4;
}

static void listener_any(void)
{
    sample_with_listener(5, 0, 0);
    memset(sample.targets[0].after.local.bytes, 0, 16);
    sample.targets[0].listener_gone = true;
    sample.targets[0].before.cookie = 1;
    sample_forget_drops();
}

static void listener_remote(void)
{
    sample.targets[0].local = false;
}

static void listener_unseen(void)
{
    sample.targets[0].looked = false;
}

static void nothing(void)
{
}

static const struct {
    void (*prepare)(void);
    const char *line;
} lines[] = {
    {nothing, "probe 127.0.0.1:60001: 10 connections at once, patience 2s\n"},
    {heading_single, "probe 127.0.0.1:60001: 1 connection, patience 2s\n"},
    {heading_rate, "probe 127.0.0.1:60001: 10 connections at 100 a second, no patience\n"},
    {heading_ours, "run 127.0.0.1:60001 in a private namespace: backlog 2, accepts 1, then none; 10 connections "
                   "at once, patience 2s\n"},
    {nothing, "listener 127.0.0.1:60001: none\n"},
    {listener_unseen, "listener 127.0.0.1:60001: not seen\n"},
    {listener_remote, "listener 127.0.0.1:60001: not on this host, so its queue cannot be seen\n"},
    {listener_clamped, ": backlog 5000 -> 4096 (clamped by net.core.somaxconn=4096), holds 4097, queue 0 of 4097, "
                       "dropped 0\n"},
    {listener_clamped_earlier, ": backlog -1 -> 4096 (clamped by net.core.somaxconn), holds 4097"},
    {listener_at_limit, ": backlog 4096 (as net.core.somaxconn), holds 4097"},
    {listener_group, ": 4 sockets (SO_REUSEPORT), backlog 128 in all, holds 129, queue 5 of 129"},
    {listener_any, "listener 0.0.0.0:60001 for 127.0.0.1:60001: backlog 5, holds 6, queue 0 of 6, drops not known, "
                   "gone or replaced since\n"},
};

START_TEST(heading_and_listener_lines)
{
    static const struct report_style wide;
    sample_begin();
    lines[_i].prepare();
    char *text = text_of(&wide);
    assert_has(text, lines[_i].line);
    free(text);
}
END_TEST

/* ---- Progress ---- */

START_TEST(progress_is_one_short_line)
{
    static const struct {
        int columns;
        const char *line;
    } cases[] = {
        {80, "1.2s of 2s, so far: 1 connected, 3 queued, 2 timed_out"},
        {0, "1.2s of 2s, so far: 1 connected, 3 queued, 2 timed_out"},
        {12, "1.2s of 2s, "},
    };
    sample_full_queue(6);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct report_style style = {.columns = cases[i].columns};
        FILE *out = catch_begin();
        report_progress(out, &sample, 1234 * NSEC_PER_MSEC, &style);
        char *text = catch_end(out);
        ck_assert_str_eq(text, cases[i].line);
        free(text);
    }
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const text_tests[] = {
        timeline_of_a_later_address,
        the_legend_has_what_is_drawn,
        drops_are_one_number,
        text_of_a_small_burst,
        text_of_a_large_burst_folds_neighbours,
        text_of_a_large_burst_folds_all_equals_when_need_be,
        text_folds_above_forty,
        text_at_any_width_is_tidy,
        text_without_width_shows_all,
        text_notes_and_hostile_names,
        text_colours_only_on_demand,
        text_of_two_addresses,
        progress_is_one_short_line,
    };
    Suite *suite = suite_create("report text");
    suite_add(suite, "text", text_tests, COUNT(text_tests));
    TCase *rows = tcase_create("table rows");
    tcase_add_loop_test(rows, heading_and_listener_lines, 0, COUNT(lines));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
