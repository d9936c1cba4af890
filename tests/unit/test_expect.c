/* Expectations as people type them. */
#include "suite.h"

#include "backlogctl/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ZEROS32 "00000000000000000000000000000000"

static const struct {
    const char *text;
    size_t count;
    struct expectation first, last; /* with count 1, last is left out */
} good[] = {
    {"connected=1", 1, {"connected=1", VERDICT_CONNECTED, COMPARE_EQ, 1}},
    {"queued!=0", 1, {"queued!=0", VERDICT_QUEUED, COMPARE_NE, 0}},
    {"lost<2", 1, {"lost<2", VERDICT_LOST, COMPARE_LT, 2}},
    {"reset<=3", 1, {"reset<=3", VERDICT_RESET, COMPARE_LE, 3}},
    {"refused>4", 1, {"refused>4", VERDICT_REFUSED, COMPARE_GT, 4}},
    {"unreachable>=5", 1, {"unreachable>=5", VERDICT_UNREACHABLE, COMPARE_GE, 5}},
    {"half_open=0", 1, {"half_open=0", VERDICT_HALF_OPEN, COMPARE_EQ, 0}},
    {"half-open=0", 1, {"half_open=0", VERDICT_HALF_OPEN, COMPARE_EQ, 0}},
    {"timed-out=6", 1, {"timed_out=6", VERDICT_TIMED_OUT, COMPARE_EQ, 6}},
    {"drops>=2k", 1, {"drops>=2000", MEASURE_DROPS, COMPARE_GE, 2000}},
    {"queue=007", 1, {"queue=7", MEASURE_QUEUE, COMPARE_EQ, 7}},
    {" backlog = 2 ", 1, {"backlog=2", MEASURE_BACKLOG, COMPARE_EQ, 2}},
    {"capacity=9007199254740992", 1, {"capacity=9007199254740992", MEASURE_CAPACITY, COMPARE_EQ, INT64_C(1) << 53}},
    {"connected=1,queued>=3,timed_out<6",
     3,
     {"connected=1", VERDICT_CONNECTED, COMPARE_EQ, 1},
     {"timed_out<6", VERDICT_TIMED_OUT, COMPARE_LT, 6}},
    {"connected=1, queued>=3",
     2,
     {"connected=1", VERDICT_CONNECTED, COMPARE_EQ, 1},
     {"queued>=3", VERDICT_QUEUED, COMPARE_GE, 3}},
    {"queued==3", 1, {"queued=3", VERDICT_QUEUED, COMPARE_EQ, 3}},
    {"queued\t== 3", 1, {"queued=3", VERDICT_QUEUED, COMPARE_EQ, 3}},
    {"lost=0,lost=0", 2, {"lost=0", VERDICT_LOST, COMPARE_EQ, 0}, {"lost=0", VERDICT_LOST, COMPARE_EQ, 0}},
};

static void assert_same(const char *text, const struct expectation *seen, const struct expectation *wanted)
{
    ck_assert_msg(!strcmp(seen->text, wanted->text), "'%s': '%s', not '%s'", text, seen->text, wanted->text);
    ck_assert_msg(seen->measure == wanted->measure, "'%s': measure %d", text, seen->measure);
    ck_assert_msg(seen->compare == wanted->compare, "'%s': compare %d", text, seen->compare);
    ck_assert_msg(seen->expected == wanted->expected, "'%s': %ld", text, (long)seen->expected);
}

START_TEST(good_expectations)
{
    struct settings settings = settings_default;
    struct error err = {0};
    ck_assert_int_eq(expectations_parse(good[_i].text, MEASURES_OF_BURST, &settings.expect, &err), 0);
    ck_assert_int_eq(err.code, 0);
    ck_assert_uint_eq(settings.expect.count, good[_i].count);
    assert_same(good[_i].text, &settings.expect.list[0], &good[_i].first);
    if (good[_i].count > 1)
        assert_same(good[_i].text, &settings.expect.list[good[_i].count - 1], &good[_i].last);
    /* What a report prints can be typed again. */
    struct settings again = settings_default;
    ck_assert_int_eq(expectations_parse(settings.expect.list[0].text, MEASURES_OF_BURST, &again.expect, NULL), 0);
    assert_same(good[_i].text, &again.expect.list[0], &good[_i].first);
}
END_TEST

static const struct {
    const char *text, *fragment;
} bad[] = {
    {"", "an expectation is empty"},
    {" ", "an expectation is empty"},
    {",", "an expectation is empty"},
    {",lost=0", "an expectation is empty"},
    {"lost=0,", "an expectation is empty"},
    {"lost=0,,queued=1", "an expectation is empty"},
    {"queued", "'queued' compares nothing: want MEASURE OP NUMBER with = != < <= > or >="},
    {"3", "'3' compares nothing"},
    {"queued!3", "'queued!3' compares nothing"},
    {"queued:3", "compares nothing"},
    {"=3", "'' is no measure: want one of connected, queued, half_open, lost, timed_out, would_block, refused, reset, "
           "unreachable, "
           "local_error, established, queue, backlog, capacity, drops"},
    {"3=queued", "'3' is no measure"},
    {"acepted=3", "'acepted' is no measure"},
    {"Queued=3", "'Queued' is no measure"},
    {"queue_d=3", "is no measure"},
    {"queues=3", "is no measure"},
    {"half__open=0", "is no measure"},
    {"queued=", "'' behind queued=: want a whole number from 0 to 9007199254740992, k for thousands"},
    {"queued=x", "'x' behind queued=: want a whole number"},
    {"queued=3x", "'3x' behind queued=: want a whole number"},
    {"queued===3", "'=3' behind queued==: want a whole number"},
    {"queued=>3", "'>3' behind queued=: want a whole number"},
    {"queued=<3", "'<3' behind queued=: want a whole number"},
    {"queued<>3", "'>3' behind queued<: want a whole number"},
    {"queued=1.5", "'1.5' behind queued=: want a whole number"},
    {"queued=3;lost=0", "'3;lost=0' behind queued="},
    {"queued>=-1", "'-1' behind queued>=: out of range: want 0 to 9007199254740992"},
    {"queued=9007199254740993", "out of range"},
    {"queued=99999999999999999999999", "out of range"},
    {"lost=0,queued=x", "'x' behind queued="},
    {"queued=" ZEROS32 ZEROS32 ZEROS32 "3", "'queued=0000000000000...' is too long"},
};

START_TEST(bad_expectations)
{
    struct settings settings = settings_default;
    struct error err = {0};
    ck_assert_int_eq(expectations_parse(bad[_i].text, MEASURES_OF_BURST, &settings.expect, &err), -EINVAL);
    ck_assert_int_eq(err.code, EINVAL);
    ck_assert_msg(strstr(err.text, bad[_i].fragment) != NULL, "'%s': '%s'", bad[_i].text, err.text);
}
END_TEST

/* Every measure by its name, with each operator, where it is known, and nowhere else. */
START_TEST(all_measures_and_operators)
{
    static const enum measures kinds[] = {MEASURES_OF_BURST, MEASURES_OF_LISTENER, MEASURES_OF_WATCH};
    static const struct {
        const char *text;
        enum compare compare;
    } operators[] = {{"=", COMPARE_EQ},  {"!=", COMPARE_NE}, {"<", COMPARE_LT},
                     {"<=", COMPARE_LE}, {">", COMPARE_GT},  {">=", COMPARE_GE}};
    size_t m = (size_t)_i;
    for (size_t o = 0; o < COUNT(operators); o++)
        for (size_t k = 0; k < COUNT(kinds); k++) {
            struct settings settings = settings_default;
            struct error err = {0};
            struct expectation wanted = {.measure = (uint8_t)m, .compare = (uint8_t)operators[o].compare, .expected = 42};
            snprintf(wanted.text, sizeof wanted.text, "%s%s42", measure_name(m), operators[o].text);
            int status = expectations_parse(wanted.text, kinds[k], &settings.expect, &err);
            if (measure_is_of(m, kinds[k]))
                assert_same(wanted.text, &settings.expect.list[0], &wanted);
            else /* half_open is a verdict of a burst, and a figure of a listener */
                ck_assert_msg(status || settings.expect.list[0].measure != m, "%s", wanted.text);
        }
}
END_TEST

/* Who knows which: a figure of a listener is what the table of figures says. */
START_TEST(each_kind_knows_its_own)
{
    static const struct {
        enum measures kind;
        const char *names[MEASURE_COUNT];
    } known[] = {
        {MEASURES_OF_BURST, {"connected", "half_open", "established", "drops", "queue", "backlog", "capacity"}},
        {MEASURES_OF_LISTENER, {"queue", "backlog", "capacity", "percent", "half_open", "drops", "oldest_ms", "listeners"}},
        {MEASURES_OF_WATCH,
         {"queue", "backlog", "capacity", "percent", "half_open", "drops", "oldest_ms", "listeners", "peak", "drops_per_second"}},
    };
    for (size_t k = 0; k < COUNT(known); k++)
        for (size_t n = 0; known[k].names[n]; n++)
            ck_assert_msg(measure_find(known[k].names[n], known[k].kind) >= 0, "%zu: %s", k, known[k].names[n]);
    ck_assert_int_eq(measure_find("half-open", MEASURES_OF_BURST), VERDICT_HALF_OPEN);
    ck_assert_int_eq(measure_find("half-open", MEASURES_OF_LISTENER), MEASURE_HALF_OPEN);
    ck_assert_int_eq(measure_find("percent", MEASURES_OF_BURST), -1);
    ck_assert_int_eq(measure_find("queued", MEASURES_OF_LISTENER), -1);
    ck_assert_int_eq(measure_find("peak", MEASURES_OF_LISTENER), -1);
    ck_assert_int_eq(measure_find("cookie", MEASURES_OF_WATCH), -1);
}
END_TEST

/* The list takes EXPECTATIONS_MAX, added to by each call, and keeps what it has when one more is refused. */
START_TEST(the_list_has_an_end)
{
    struct settings settings = settings_default;
    struct error err = {0};
    for (size_t i = 0; i < EXPECTATIONS_MAX; i++) {
        char text[32];
        snprintf(text, sizeof text, "queued=%zu", i);
        ck_assert_int_eq(expectations_parse(text, MEASURES_OF_BURST, &settings.expect, &err), 0);
        ck_assert_uint_eq(settings.expect.count, i + 1);
        ck_assert_int_eq(settings.expect.list[i].expected, (int)i);
    }
    ck_assert_int_eq(expectations_parse("lost=0", MEASURES_OF_BURST, &settings.expect, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.text, "want at most 32 expectations"));
    ck_assert_uint_eq(settings.expect.count, EXPECTATIONS_MAX);
    ck_assert_str_eq(settings.expect.list[EXPECTATIONS_MAX - 1].text, "queued=31");
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {each_kind_knows_its_own, the_list_has_an_end};
    Suite *suite = suite_create("expect");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *rows = tcase_create("table rows");
    tcase_add_loop_test(rows, all_measures_and_operators, 0, MEASURE_COUNT);
    tcase_add_loop_test(rows, good_expectations, 0, COUNT(good));
    tcase_add_loop_test(rows, bad_expectations, 0, COUNT(bad));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
