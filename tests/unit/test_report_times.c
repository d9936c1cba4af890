/* What the text report says of a whole burst: its pace, its times, its summary. */
#include "sample_run.h"
#include "suite.h"

#include <stdlib.h>
#include <string.h>

static const struct report_style narrow = {.columns = 80};

/* 12 of 69 112 took a second: their bar is rounded up to be seen, and the empty buckets between are one gap.
 */
START_TEST(times_and_pace)
{
    sample_full_queue(1000);
    sample_ours(2);
    sample_times();
    sample.probe.arrivals.rate = 50000;
    char *text = text_of(&narrow);
    assert_has(text, "1000 connections: 1 connected, 3 queued, 996 timed_out\n"
                     "sent in 1.43s: 69900 a second (asked 50000), at most 312us late\n"
                     "time to established: min 11us, p50 14us, p90 20us, p99 31us, max 1.02s\n"
                     "     8us..16us  60000  ########################################################\n"
                     "    16us..32us   9000  ########\n"
                     "    32us..64us    100  #\n"
                     "           ...\n"
                     "  524ms..1.05s     12  #\n"
                     "time to accepted: min 1.12ms, p50 1.12ms, p90 1.12ms, p99 1.12ms, max 1.12ms\n"
                     "  1.02ms..2.05ms  1  ##########################################################\n"
                     "packets counted");
    assert_tidy(text, 80);
    free(text);
}
END_TEST

START_TEST(times_only_where_rows_do_not_tell)
{
    static const struct {
        uint32_t count;
        bool summary, shown;
    } cases[] = {{40, false, false}, {41, false, true}, {10, true, true}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        sample_full_queue(cases[i].count);
        sample_times();
        sample.probe.summary = cases[i].summary;
        sample.to_established = (struct spread){0};
        char *text = text_of(&narrow);
        assert_lacks(text, "time to established"); /* without samples */
        if (cases[i].shown)
            assert_has(text, "time to accepted (as seen): min 1.12ms"); /* the server is not ours */
        else
            assert_lacks(text, "time to");
        free(text);
    }
}
END_TEST

START_TEST(summary)
{
    sample_full_queue(6);
    sample.probe.summary = true;
    char *text = text_of(&narrow);
    assert_has(text, ", dropped 4\n"
                     "\n"
                     "6 connections: 1 connected, 3 queued, 2 timed_out\n"
                     "packets counted in this network namespace: ListenOverflows 4, ListenDrops 4\n"
                     "\n"
                     "The accept queue was full,");
    assert_lacks(text, "verdict");
    assert_tidy(text, 80);
    free(text);
}
END_TEST

/* How many lines of the histogram below the line that `name` begins. */
static size_t indented_lines_after(const char *text, const char *name)
{
    const char *line = strstr(text, name);
    size_t count = 0;
    ck_assert_ptr_nonnull(line);
    while ((line = strchr(line, '\n') + 1)[0] == ' ')
        count++;
    return count;
}

/* However the samples fall, there are ten lines at most and none is lost. */
START_TEST(histogram_merges_buckets)
{
    static const struct {
        uint32_t filled; /* bit i: bucket i holds a sample */
        size_t lines;
        const char *first, *last;
    } cases[] = {
        {0x00003ff0, 10, "  16us..32us  1  #", "  8.19ms..16.4ms  1  #"},
        {0x00007ff0, 6, "  16us..64us  2  #", "16.4ms..65.5ms  1  #"},
        {0x0fffffff, 10, "<8us  3  #", ">=2m14s  1  #"},
        {0x05555555, 9, "<8us  2  #", "16.8s..2m14s  2  #"},
        {0x08000001, 3, "<2us  1  #", ">=2m14s  1  #"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        sample_full_queue(41);
        sample.to_accepted.samples = 1;
        for (size_t b = 0; b < SPREAD_BUCKETS; b++)
            sample.to_accepted.buckets[b] = cases[i].filled >> b & 1;
        char *text = text_of(&narrow);
        ck_assert_uint_eq(indented_lines_after(text, "time to accepted"), cases[i].lines);
        assert_has(text, cases[i].first);
        assert_has(text, cases[i].last);
        assert_tidy(text, 80);
        free(text);
    }
}
END_TEST

/* The widest numbers there are still leave room for a bar. */
START_TEST(histogram_at_the_ends)
{
    sample_full_queue(41);
    sample.to_accepted = (struct spread){.samples = 1, .max = INT64_MAX, .buckets = {[0] = UINT64_MAX / 2, [27] = 1}};
    for (int columns = 70; columns <= 200; columns += 10) {
        struct report_style style = {.columns = columns};
        char *text = text_of(&style);
        assert_has(text, "     <2us  9223372036854775807  ######");
        assert_has(text, "  >=2m14s                    1  #\n");
        assert_tidy(text, (size_t)columns);
        free(text);
    }
}
END_TEST

static const struct {
    uint32_t count, asked, threads;
    struct pace pace;
    const char *line; /* NULL: none */
} paces[] = {
    {100, 0, 0, {NSEC_PER_SEC, 99, 0, 1, 1}, NULL},
    {1, 5, 0, {0, 0, 0, 1, 1}, NULL},
    {100, 50, 0, {2 * NSEC_PER_SEC, 49.5, 0, 1, 1}, "sent in 2s: 49.5 a second (asked 50), never late\n"},
    {100, 50, 0, {2 * NSEC_PER_SEC, 49.5, 1500, 1, 1}, "sent in 2s: 49.5 a second (asked 50), at most 1.5us late\n"},
    {100, 0, 0, {NSEC_PER_SEC, 999.4, 0, 3, 1}, "sent in 1s: 999 a second, 3 threads one after the other\n"},
    {100, 0, 3, {NSEC_PER_SEC, 999.5, 0, 3, 1}, "sent in 1s: 1000 a second, 3 threads at the same time\n"},
    {100, 0, 0, {NSEC_PER_SEC, 2.5, 0, 1, 7}, "sent in 1s: 2.5 a second, 7 source addresses\n"},
    {2, 0, 0, {0, 0, 0, 1, 2}, "sent in 0: 2 source addresses\n"},
    {100,
     2000000,
     1,
     {NSEC_PER_SEC / 2, 1987654, NSEC_PER_MSEC, 6, 13},
     "sent in 500ms: 1990000 a second (asked 2000000), at most 1ms late, 6 threads one\n"
     "  after the other, 13 source addresses\n"},
};

START_TEST(pace_line)
{
    sample_begin();
    for (uint32_t id = 1; id <= paces[_i].count; id++)
        sample_decide(id, VERDICT_REFUSED, REASON_NONE, EVIDENCE_SOCKET_ERROR);
    sample.probe.arrivals.rate = paces[_i].asked;
    sample.probe.threads = paces[_i].threads;
    sample.pace = paces[_i].pace;
    char *text = text_of(&narrow);
    if (paces[_i].line)
        assert_has(text, paces[_i].line);
    else
        assert_lacks(text, "sent in");
    assert_tidy(text, 80);
    free(text);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {
        times_and_pace, times_only_where_rows_do_not_tell, summary, histogram_merges_buckets, histogram_at_the_ends,
    };
    Suite *suite = suite_create("report times");
    suite_add(suite, "text", tests, COUNT(tests));
    TCase *rows = tcase_create("table rows");
    tcase_add_loop_test(rows, pace_line, 0, COUNT(paces));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
