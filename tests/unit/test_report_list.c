/* What `list` says in words below its table: of each remark, of those that hold a full queue, and what it leaves out where the screen is
   narrow. */
#include "sample_run.h"
#include "suite.h"

#include "backlogctl/figures.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

static const struct report_style wide = {.columns = 4000};

static char *list_of(const struct survey *survey, const struct report_style *style)
{
    static const struct list_view usual;
    FILE *out = catch_begin();
    ck_assert(!report_survey_text(out, survey, &usual, style));
    return catch_end(out);
}

/* A listener with remarks, in a namespace where cookies are so, and what is said of it; NULL: nothing. */
static const struct {
    uint32_t remarks;
    int cookies; /* tcp_syncookies; -1: not known */
    uint64_t backlog;
    const char *says, *silent;
} remarks[] = {
    {1u << REMARK_SYN_QUEUE_FULL, 1, 128, "SYN cookies (tcp_syncookies is on; 77 were sent", "Newcomers are dropped"},
    {1u << REMARK_SYN_QUEUE_FULL, 0, 128, "Newcomers are dropped (tcp_syncookies is 0)", "SYN cookies (tcp"},
    {1u << REMARK_SYN_QUEUE_FULL, -1, 128, "The SYN queue is full. A flood of SYNs", "Newcomers"},
    {1u << REMARK_DROPPING, 1, 6, "as perhaps some were before", "Connections are dropped"},
    {1u << REMARK_DROPPED, 1, 128, "It dropped connections at some time", "SYN cookies (tcp"},
    {1u << REMARK_GIVEN_UP, 1, 128, "accepts them: 5 of 7 clients, 2 of them by a reset.", "The accept queue is full"},
    {1u << REMARK_FULL, 1, 0, "A backlog of 0 was asked for, or", NULL},
    {1u << REMARK_FULL, 1, 6, "until the application accepts.", "A backlog of 0 was asked for"},
    {1u << REMARK_FULL | 1u << REMARK_LOWERED, 1, 0, "has lowered its backlog while", "A backlog of 0 was asked for"},
};

START_TEST(remarks_are_explained)
{
    struct netns_facts netns = {.inode = 99, .tcp_syncookies = remarks[_i].cookies, .counters.known = true};
    netns.counters.value[COUNTER_SYNCOOKIES_SENT] = 77;
    struct listener listener = sample_listener(remarks[_i].backlog, 7, 0);
    listener.netns = netns.inode;
    listener.remarks = remarks[_i].remarks;
    listener.closed = 3;
    listener.vanished = 2;
    struct survey survey = {.listeners = &listener, .count = 1, .namespaces = &netns, .namespace_count = 1};
    char *text = list_of(&survey, &wide);
    assert_has(text, remarks[_i].says);
    if (remarks[_i].silent)
        assert_lacks(text, remarks[_i].silent);
    free(text);
}
END_TEST

/* By cause; the numbers are those of `held` below. */
static const char *const causes[HOLDER_CAUSE_COUNT] = {
    [HOLDER_STOPPED] = "stopped by a signal (state T)",
    [HOLDER_TRACED] = "stopped by a debugger or tracer (state t)",
    [HOLDER_FROZEN] = "frozen with its cgroup",
    [HOLDER_DESCRIPTORS] = "1023 of 1024 file descriptors are open",
    [HOLDER_BLOCKED] = "in uninterruptible sleep (state D)",
    [HOLDER_MEMORY] = "its cgroup has used up its memory",
    [HOLDER_THROTTLED] = "held it back in 40 of 50 periods",
    [HOLDER_IDLE] = "not busy, it waits for events",
    [HOLDER_ELSEWHERE] = "but one in read(2): it is held up there",
    [HOLDER_BUSY] = "its threads run",
};

static char *why(uint32_t causes_of_first, size_t count, bool shrank)
{
    struct socket_holder holders[2] = {{.pid = 71, .process = "nginx", .causes = causes_of_first}, {.pid = 72, .process = "cat"}};
    holders[0].state = (struct holder_state){.known = true,
                                             .descriptors = 1023,
                                             .descriptors_max = 1024,
                                             .cpu_throttled = 40,
                                             .cpu_periods = 50,
                                             .calls_known = true,
                                             .call = SYS_read};
    struct listener listener = sample_listener(2, 3, 0);
    listener.remarks = 1u << REMARK_FULL;
    listener.processes = (uint32_t)count;
    listener.shrank = shrank;
    struct survey survey = {.listeners = &listener, .count = 1, .holders = holders};
    return list_of(&survey, &wide);
}

START_TEST(each_cause_has_its_words)
{
    char *text = why(1u << _i, 2, false), start[] = "why at 127.0.0.1:60001: nginx/71, one of 2 that hold it: ";
    assert_has(text, start);
    assert_has(strstr(text, start), causes[_i]);
    for (size_t other = 0; other < HOLDER_CAUSE_COUNT; other++)
        if (other != (size_t)_i)
            assert_lacks(text, causes[other]);
    free(text);
}
END_TEST

START_TEST(where_no_cause_is_seen_that_is_said)
{
    static const struct {
        size_t count;
        bool shrank;
        const char *says;
    } rows[] = {
        {1, false, "nothing that its processes were seen to do tells why nobody accepts."},
        {2, false, "what its threads wait for cannot be seen from here: that takes the right to trace them"},
        {0, false, "who holds it cannot be seen from here."},
        {1, true, "a moment later its queue was shorter, so somebody does accept."},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = why(0, rows[i].count, rows[i].shrank);
        assert_has(text, rows[i].says);
        free(text);
    }
}
END_TEST

/* A listener in no group stands for itself; the members of a group are named once and counted. */
START_TEST(a_remark_names_four_and_counts_the_rest)
{
    struct listener listeners[8];
    for (size_t i = 0; i < COUNT(listeners); i++) {
        listeners[i] = sample_listener(2, 3, 0);
        listeners[i].local.port = (uint16_t)(i < 2 ? 7000 : 7000 + i);
        listeners[i].group = i < 2 ? 2 : 1;
        listeners[i].member = i < 2 ? (uint32_t)i + 1 : 1;
        listeners[i].remarks = 1u << REMARK_FULL;
    }
    struct survey survey = {.listeners = listeners, .count = COUNT(listeners)};
    char *text = list_of(&survey, &wide);
    assert_has(text, "full (8): 127.0.0.1:7000, 127.0.0.1:7002, 127.0.0.1:7003, 127.0.0.1:7004 and 3 more.");
    free(text);
}
END_TEST

/* The columns that matter least leave first; one whose leaving depends on its zeroes stays while it has something to tell. */
START_TEST(a_narrow_screen_holds_the_table)
{
    struct listener listener = sample_listener(128, 3, 7);
    listener.half_open_known = listener.oldest_known = true;
    listener.oldest_ms = 1500;
    listener.half_open = 2;
    listener.pid = 4711;
    memcpy(listener.process, "a-server-with-a-long-name", 26);
    memcpy(listener.place.unit, "a-server-with-a-long-name.service", 34);
    struct survey survey = {.listeners = &listener, .count = 1};
    for (int columns = 60; columns <= 160; columns += 10) {
        char *text = list_of(&survey, &(struct report_style){.columns = columns});
        assert_tidy(text, (size_t)columns);
        assert_has(text, " queue ");
        free(text);
    }
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {where_no_cause_is_seen_that_is_said, a_remark_names_four_and_counts_the_rest,
                                  a_narrow_screen_holds_the_table};
    Suite *suite = suite_create("report list");
    suite_add(suite, "words", tests, COUNT(tests));
    TCase *rows = tcase_create("table rows");
    tcase_add_loop_test(rows, remarks_are_explained, 0, COUNT(remarks));
    tcase_add_loop_test(rows, each_cause_has_its_words, 0, HOLDER_CAUSE_COUNT);
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
