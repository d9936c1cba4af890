/* The judge's expectations: operators, measures, and what nobody knows. */
#include "suite.h"

#include "backlogctl/judge.h"

static const struct {
    enum compare compare;
    bool below, equal, above; /* whether it holds when what was seen is below, equal to, above what was expected */
} operators[] = {
    {COMPARE_EQ, false, true, false}, {COMPARE_NE, true, false, true}, {COMPARE_LT, true, false, false},
    {COMPARE_LE, true, true, false},  {COMPARE_GT, false, false, true}, {COMPARE_GE, false, true, true},
};

/* One expectation of a run with known figures, or of one where nobody knows any but the counts. */
static struct expectation checked(size_t measure, enum compare compare, int64_t expected, bool known)
{
    struct run run = {.drops_known = known, .drops = MEASURE_DROPS + 1000, .target_count = 2, .expectation_count = 1};
    for (size_t v = 0; v < VERDICT_COUNT; v++)
        run.counts[v] = v + 1000;
    run.targets[1].after = (struct listener){.known = known,
                                             .queue = MEASURE_QUEUE + 1000,
                                             .backlog = MEASURE_BACKLOG + 1000,
                                             .capacity = MEASURE_CAPACITY + 1000};
    run.expectations[0] = (struct expectation){.measure = (uint8_t)measure, .compare = (uint8_t)compare,
                                               .expected = expected};
    judge_expectations(&run);
    ck_assert_msg(run.ok == run.expectations[0].ok, "measure %zu: the run's ok", measure);
    return run.expectations[0];
}

START_TEST(operators_hold_or_not)
{
    for (size_t m = 0; m < MEASURE_COUNT; m++) {
        int64_t seen = (int64_t)m + 1000;
        enum compare compare = operators[_i].compare;
        ck_assert_msg(checked(m, compare, seen + 1, true).ok == operators[_i].below, "measure %zu, below", m);
        ck_assert_msg(checked(m, compare, seen, true).ok == operators[_i].equal, "measure %zu, equal", m);
        ck_assert_msg(checked(m, compare, seen - 1, true).ok == operators[_i].above, "measure %zu, above", m);
        struct expectation e = checked(m, compare, seen, true);
        ck_assert_msg(e.seen_known && e.seen == seen, "measure %zu: seen %ld", m, (long)e.seen);
        bool counted = m < VERDICT_COUNT;
        for (int64_t off = -1; off <= 1; off++) {
            e = checked(m, compare, counted ? seen + off : off, false);
            ck_assert_msg(e.seen_known == counted, "measure %zu: known", m);
            ck_assert_msg(counted || !e.ok, "measure %zu: holds, and nobody knows it", m);
        }
    }
}
END_TEST

START_TEST(a_run_is_ok_when_all_hold)
{
    struct run run = {.counts[VERDICT_QUEUED] = 3};
    judge_expectations(&run);
    ck_assert(run.ok);
    run.expectation_count = 3;
    for (size_t broken = 0; broken <= 3; broken++) {
        for (size_t i = 0; i < 3; i++)
            run.expectations[i] = (struct expectation){.measure = VERDICT_QUEUED, .expected = i == broken ? 4 : 3};
        judge_expectations(&run);
        ck_assert_msg(run.ok == (broken == 3), "broken: %zu", broken);
        for (size_t i = 0; i < 3; i++)
            ck_assert_int_eq(run.expectations[i].ok, i != broken);
    }
}
END_TEST

/* The listener that queue, backlog and capacity speak of is the first address's that has one. */
START_TEST(the_first_listener_is_measured)
{
    struct run run = {.target_count = 3, .expectation_count = 1};
    run.targets[1].after = (struct listener){.known = true, .queue = 5};
    run.targets[2].after = (struct listener){.known = true, .queue = 6};
    run.expectations[0] = (struct expectation){.measure = MEASURE_QUEUE, .expected = 5};
    judge_expectations(&run);
    ck_assert(run.ok);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {a_run_is_ok_when_all_hold, the_first_listener_is_measured};
    Suite *suite = suite_create("judge_expect");
    suite_add(suite, "plain", 10, tests, COUNT(tests));
    TCase *rows = tcase_create("table rows");
    tcase_add_loop_test(rows, operators_hold_or_not, 0, COUNT(operators));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
