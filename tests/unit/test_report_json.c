/* The JSON of probe and run: a run made by hand goes in, one object comes out. */
#include "sample_run.h"
#include "suite.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static json_t *json_of(void)
{
    FILE *out = catch_begin();
    report_json(out, &sample);
    char *text = catch_end(out);
    ck_assert_int_eq(text[strlen(text) - 1], '\n');
    json_t *object = json_parse(text);
    free(text);
    return object;
}

START_TEST(json_of_a_run)
{
    sample_full_queue(6);
    sample_ours(2);
    sample_expect("queued=2", 2, true, 3);
    sample_expect("drops=4", 4, false, 0);
    sample.last_look = 2008 * NSEC_PER_MSEC;
    sample.elapsed = 2010 * NSEC_PER_MSEC;
    json_t *root = json_of();
    assert_text(root, "schema", "backlogctl.probe/2");
    assert_text(root, "command", "run");
    assert_text(root, "kernel", "6.18.0");
    assert_text(root, "started_at", "2026-01-31T12:00:00.000000Z");
    ck_assert(json_is_string(member(root, "version")));
    assert_text(member(root, "target"), "family", "ipv4");
    assert_text(member(root, "target"), "address", "127.0.0.1");
    assert_integer(member(root, "target"), "port", SAMPLE_PORT);
    json_t *options = member(root, "options");
    assert_integer(options, "count", 6);
    assert_integer(options, "timeout_us", 2000000);
    assert_text(options, "rate", NULL);
    assert_integer(options, "backlog", 2);
    assert_integer(options, "accept_count", 1);
    assert_text(options, "duration_us", NULL);
    json_t *listener = member(root, "listener");
    assert_integer(listener, "asked", 2);
    assert_integer(listener, "backlog", 2);
    assert_integer(listener, "capacity", 3);
    assert_integer(listener, "queue", 3);
    assert_integer(listener, "somaxconn", 4096);
    assert_integer(listener, "discarded", 4);
    assert_integer(listener, "members", 1);
    assert_text(listener, "pid", NULL);
    assert_text(listener, "process", NULL);
    assert_integer(member(root, "counters"), "discarded", 4);
    assert_integer(member(member(root, "counters"), "overflows"), "min", 4);
    assert_integer(member(member(root, "counters"), "overflows"), "max", 4);
    for (enum counter c = 0; c < COUNTER_COUNT; c++)
        assert_integer(member(root, "counters"), counter_name(c), (json_int_t)sample.counters.value[c]);
    for (enum verdict v = 0; v < VERDICT_COUNT; v++)
        assert_integer(member(root, "counts"), verdict_name(v), (json_int_t)sample.counts[v]);
    json_t *broken = json_array_get(member(root, "expectations"), 0);
    assert_text(broken, "text", "queued=2");
    assert_integer(broken, "expected", 2);
    assert_integer(broken, "seen", 3);
    ck_assert(json_is_false(member(broken, "ok")));
    assert_text(json_array_get(member(root, "expectations"), 1), "seen", NULL);
    assert_text(root, "accept_times", "exact");
    assert_integer(root, "last_look_us", 2008000);
    assert_integer(root, "elapsed_us", 2010000);
    assert_text(root, "interrupted_by", NULL);
    assert_text(root, "incomplete", NULL);
    ck_assert(json_is_false(member(root, "ok")));
    char *words = report_explain(&sample);
    assert_text(root, "explanation", words);
    free(words);
    json_decref(root);
}
END_TEST

START_TEST(json_of_each_row)
{
    sample_full_queue(6);
    sample_attempts[0][5].bound = false;
    sample_attempts[0][5].error = EADDRNOTAVAIL;
    json_t *root = json_of();
    json_t *rows = member(root, "connections");
    ck_assert_uint_eq(json_array_size(rows), 6);
    json_t *first = json_array_get(rows, 0), *queued = json_array_get(rows, 3), *last = json_array_get(rows, 5);
    ck_assert_uint_eq(json_object_size(first), 12);
    assert_integer(first, "id", 1);
    assert_text(first, "source", "127.0.0.1:40001");
    assert_text(first, "verdict", "connected");
    assert_text(first, "reason", NULL);
    assert_text(first, "evidence", "peer_socket");
    assert_integer(first, "established_us", 48);
    assert_integer(first, "accepted_us", 1120);
    assert_text(first, "age_us", NULL);
    assert_integer(first, "syn_retransmits", 0);
    assert_text(first, "error", NULL);
    assert_text(queued, "accepted_us", NULL);
    assert_integer(queued, "age_us", 2000000);
    assert_text(last, "source", NULL);
    assert_text(last, "reason", "queue_full");
    assert_text(last, "established_us", NULL);
    assert_text(last, "error", "EADDRNOTAVAIL");
    json_decref(root);
}
END_TEST

START_TEST(json_of_two_addresses)
{
    sample_two_targets(true);
    json_t *root = json_of();
    json_t *rows = member(root, "connections");
    ck_assert_uint_eq(json_array_size(rows), 6);
    json_t *row = json_array_get(rows, 4), *tries = member(row, "attempts");
    assert_text(row, "address", "127.0.0.1:60001");
    assert_text(row, "verdict", "timed_out");
    ck_assert_uint_eq(json_array_size(tries), 2);
    assert_text(json_array_get(tries, 1), "address", "[::1]:60001");
    assert_text(json_array_get(tries, 1), "verdict", "refused");
    assert_text(json_array_get(tries, 1), "error", "ECONNREFUSED");
    ck_assert_uint_eq(json_array_size(member(json_array_get(rows, 0), "attempts")), 1);
    json_t *second = json_array_get(member(root, "targets"), 1);
    assert_text(second, "family", "ipv6");
    assert_text(second, "listener", NULL);
    assert_integer(member(second, "counts"), "refused", 2);
    assert_integer(member(root, "counts"), "refused", 0);
    json_decref(root);
}
END_TEST

START_TEST(json_of_the_unknown)
{
    sample_begin();
    sample.counters.known = false;
    sample.signal = SIGINT;
    sample.host = "caf\xe9\"\\";
    sample.probe.send = "tab\t";
    strcpy(sample.incomplete, "no \"rights\"");
    json_t *root = json_of();
    assert_text(root, "listener", NULL);
    assert_text(member(root, "counters"), "overflows", NULL);
    assert_text(member(root, "counters"), "ListenDrops", NULL);
    assert_text(root, "interrupted_by", "SIGINT");
    assert_text(root, "incomplete", "no \"rights\"");
    assert_text(root, "accept_times", "seen");
    assert_text(member(root, "options"), "host", "caf\\xe9\"\\");
    assert_text(member(root, "options"), "send", "tab\t");
    ck_assert_uint_eq(json_array_size(member(root, "connections")), 0);
    json_decref(root);
}
END_TEST

START_TEST(json_of_one_hundred_thousand)
{
    sample_full_queue(SAMPLE_MANY);
    json_t *root = json_of();
    json_t *rows = member(root, "connections");
    ck_assert_uint_eq(json_array_size(rows), SAMPLE_MANY);
    for (size_t i = 0; i < SAMPLE_MANY; i += 997)
        assert_integer(json_array_get(rows, i), "id", (json_int_t)i + 1);
    json_decref(root);
}
END_TEST

/* ---- Pace and times ---- */

static void assert_real(json_t *object, const char *name, double value)
{
    ck_assert_msg(json_is_real(member(object, name)), "'%s' is no real", name);
    ck_assert_double_eq_tol(json_real_value(member(object, name)), value, 1e-9);
}

static void assert_bucket(json_t *histogram, size_t index, json_int_t from, json_int_t below, json_int_t count)
{
    json_t *bucket = json_array_get(histogram, index);
    ck_assert_uint_eq(json_object_size(bucket), 3);
    assert_integer(bucket, "from_us", from);
    if (below)
        assert_integer(bucket, "below_us", below);
    else
        assert_text(bucket, "below_us", NULL);
    assert_integer(bucket, "count", count);
}

START_TEST(json_of_times)
{
    sample_full_queue(6);
    sample_times();
    json_t *root = json_of();
    json_t *established = member(member(root, "times"), "established");
    json_t *histogram = member(established, "histogram");
    assert_integer(established, "samples", 69112);
    assert_real(established, "min_us", 11);
    assert_real(established, "p50_us", 14.042);
    assert_real(established, "p90_us", 20);
    assert_real(established, "p99_us", 31);
    assert_real(established, "max_us", 1020000);
    ck_assert_uint_eq(json_array_size(histogram), 17); /* from the first to the last that is not empty */
    assert_bucket(histogram, 0, 8, 16, 60000);
    assert_bucket(histogram, 3, 64, 128, 0);
    assert_bucket(histogram, 16, 524288, 1048576, 12);
    json_t *accepted = member(member(root, "times"), "accepted");
    assert_integer(accepted, "samples", 1);
    assert_bucket(member(accepted, "histogram"), 0, 1024, 2048, 1);
    json_decref(root);
}
END_TEST

START_TEST(json_of_times_at_the_ends)
{
    static const char *const names[] = {"min_us", "p50_us", "p90_us", "p99_us", "max_us"};
    sample_full_queue(6);
    sample.to_established = (struct spread){.samples = 2, .max = INT64_MAX, .buckets = {[0] = 1, [27] = 1}};
    json_t *root = json_of();
    json_t *histogram = member(member(member(root, "times"), "established"), "histogram");
    ck_assert_uint_eq(json_array_size(histogram), SPREAD_BUCKETS);
    assert_bucket(histogram, 0, 0, 2, 1);
    assert_bucket(histogram, 27, 134217728, 0, 1);
    json_t *none = member(member(root, "times"), "accepted");
    assert_integer(none, "samples", 0);
    for (size_t i = 0; i < COUNT(names); i++)
        assert_text(none, names[i], NULL);
    ck_assert_uint_eq(json_array_size(member(none, "histogram")), 0);
    json_decref(root);
}
END_TEST

START_TEST(json_of_pace)
{
    sample_full_queue(6);
    sample_times();
    sample.pace.threads = 6;
    sample.pace.sources = 13;
    sample.probe.arrivals.rate = 50000;
    json_t *root = json_of();
    json_t *pace = member(root, "pace");
    ck_assert_uint_eq(json_object_size(pace), 5);
    assert_real(pace, "took_us", 1430000);
    assert_real(pace, "rate", 69930.07);
    assert_real(pace, "worst_late_us", 312.5);
    assert_integer(pace, "threads", 6);
    assert_integer(pace, "sources", 13);
    json_decref(root);
    sample.probe.arrivals.rate = 0; /* no schedule, so nothing was late */
    sample.pace.rate = 0;
    root = json_of();
    assert_text(member(root, "pace"), "worst_late_us", NULL);
    assert_text(member(root, "pace"), "rate", NULL);
    json_decref(root);
}
END_TEST

/* Three decimals as they are written, not the nearest binary fraction's seventeen digits. */
START_TEST(json_fractions_are_short)
{
    sample_full_queue(6);
    sample_times();
    FILE *out = catch_begin();
    report_json(out, &sample);
    char *text = catch_end(out);
    assert_has(text, "\"p50_us\":14.042,");
    assert_has(text, "\"rate\":69930.07,");
    free(text);
}
END_TEST

START_TEST(json_of_a_summary)
{
    sample_full_queue(6);
    sample.probe.summary = true;
    json_t *root = json_of();
    assert_text(root, "connections", NULL);
    assert_integer(member(root, "counts"), "timed_out", 2);
    assert_text(root, "schema", "backlogctl.probe/2");
    ck_assert(json_is_true(member(member(root, "options"), "summary")));
    json_decref(root);
}
END_TEST

START_TEST(json_of_the_options_of_a_burst)
{
    sample_full_queue(6);
    json_t *root = json_of();
    ck_assert(json_is_false(member(member(root, "options"), "summary")));
    assert_text(member(root, "options"), "threads", NULL);
    assert_text(member(root, "options"), "source", NULL);
    json_decref(root);
    sample.probe.threads = 4;
    sample.probe.sources.text = "127.0.1.0/24";
    root = json_of();
    assert_integer(member(root, "options"), "threads", 4);
    assert_text(member(root, "options"), "source", "127.0.1.0/24");
    json_decref(root);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const json_tests[] = {
        json_of_a_run,
        json_of_each_row,
        json_of_two_addresses,
        json_of_the_unknown,
        json_of_one_hundred_thousand,
        json_of_times,
        json_of_times_at_the_ends,
        json_of_pace,
        json_fractions_are_short,
        json_of_a_summary,
        json_of_the_options_of_a_burst,
    };
    Suite *suite = suite_create("report json");
    suite_add(suite, "json", json_tests, COUNT(json_tests));
    return suite;
}

SUITE_MAIN(make_suite)
