/* What the judge makes of a run: its drops, the attempt that decides for each connection, its expectations.
 */
#include "suite.h"

#include "backlogctl/judge.h"

#include <errno.h>
#include <string.h>

/* ---- Drops ---- */

#define LISTENER(cookie_, drops_)                                                          \
    {                                                                                      \
        .known = true, .cookie = (cookie_), .discarded = (drops_), .discarded_known = true \
    }

static const struct {
    const char *name;
    struct target targets[3];
    bool known; /* the run's */
    uint64_t discarded;
    bool first_known; /* the first target's */
    uint64_t first_drops;
} runs[] = {
    {"none", {{{0}}}, false, 0, false, 0},
    {"nothing dropped", {{.before = LISTENER(1, 5), .after = LISTENER(1, 5)}}, true, 0, true, 0},
    {"dropped", {{.before = LISTENER(1, 5), .after = LISTENER(1, 9)}}, true, 4, true, 4},
    {"replaced", {{.before = LISTENER(1, 5), .after = LISTENER(2, 9)}}, false, 0, false, 0},
    {"the 32 bits of the counter came round", {{.before = LISTENER(1, 0xfffffffe), .after = LISTENER(1, 4)}}, true, 6, true, 6},
    {"only before", {{.before = LISTENER(1, 5)}}, false, 0, false, 0},
    {"only after", {{.after = LISTENER(1, 5)}}, false, 0, false, 0},
    {"no counter before", {{.before = {.known = true, .cookie = 1}, .after = LISTENER(1, 9)}}, false, 0, false, 0},
    {"no counter after", {{.before = LISTENER(1, 5), .after = {.known = true, .cookie = 1}}}, false, 0, false, 0},
    {"one dual-stack listener",
     {{.before = LISTENER(1, 5), .after = LISTENER(1, 9)}, {.before = LISTENER(1, 5), .after = LISTENER(1, 9)}},
     true,
     4,
     true,
     4},
    {"two listeners",
     {{.before = LISTENER(1, 5), .after = LISTENER(1, 9)}, {.before = LISTENER(2, 0), .after = LISTENER(2, 3)}},
     true,
     7,
     true,
     4},
    {"two listeners, one for two addresses",
     {{.before = LISTENER(1, 5), .after = LISTENER(1, 9)},
      {.before = LISTENER(2, 0), .after = LISTENER(2, 3)},
      {.before = LISTENER(1, 5), .after = LISTENER(1, 9)}},
     true,
     7,
     true,
     4},
    {"no listener at the first", {{{0}}, {.before = LISTENER(2, 0), .after = LISTENER(2, 3)}}, true, 3, false, 0},
    {"the first was replaced by the second's",
     {{.before = LISTENER(1, 5), .after = LISTENER(2, 3)}, {.before = LISTENER(2, 0), .after = LISTENER(2, 3)}},
     true,
     3,
     false,
     0},
};

START_TEST(drops_of_a_run)
{
    struct run run = {.target_count = COUNT(runs[0].targets), .discarded_known = true, .discarded = 77};
    memcpy(run.targets, runs[_i].targets, sizeof runs[_i].targets);
    judge_run(&run);
    ck_assert_msg(run.discarded_known == runs[_i].known, "%s: known", runs[_i].name);
    ck_assert_msg(run.discarded == runs[_i].discarded, "%s: %lu", runs[_i].name, (unsigned long)run.discarded);
    ck_assert_msg(run.targets[0].discarded_known == runs[_i].first_known, "%s: first known", runs[_i].name);
    ck_assert_msg(run.targets[0].discarded == runs[_i].first_drops, "%s: first", runs[_i].name);
}
END_TEST

/* ---- The attempt that decides ---- */

enum fate { NOT_TRIED, NOT_BEGUN, NO_SOCKET, REFUSED, SILENT, WAS_RESET, UNREACHABLE, QUEUED, ACCEPTED };

static const struct attempt fates[] = {
    [NOT_BEGUN] = {.opened = NSEC_NEVER},
    [NO_SOCKET] = {.opened = NSEC_NEVER, .error = EMFILE},
    [REFUSED] = {.state = STATE_CLOSE, .error = ECONNREFUSED},
    [SILENT] = {.state = STATE_SYN_SENT},
    [WAS_RESET] = {.state = STATE_CLOSE, .error = ECONNRESET},
    [UNREACHABLE] = {.state = STATE_CLOSE, .error = ENETUNREACH},
    [QUEUED] = {.state = STATE_ESTABLISHED, .peer = PEER_QUEUED},
    [ACCEPTED] = {.state = STATE_ESTABLISHED, .peer = PEER_ACCEPTED},
};

#define ADDRESSES 3

static const struct {
    enum fate fates[ADDRESSES]; /* at each address, in the order tried */
    int decides;                /* index of the address, -1 none */
    enum verdict verdict;
} connections[] = {
    {{QUEUED}, 0, VERDICT_QUEUED},
    {{NO_SOCKET}, 0, VERDICT_LOCAL_ERROR},
    {{NOT_BEGUN}, -1, VERDICT_COUNT},
    /* The trap of "localhost": ::1 refuses, and 127.0.0.1 has a full queue. */
    {{REFUSED, SILENT}, 1, VERDICT_TIMED_OUT},
    {{SILENT, REFUSED}, 0, VERDICT_TIMED_OUT},
    {{WAS_RESET, REFUSED}, 0, VERDICT_RESET},
    {{REFUSED, WAS_RESET}, 1, VERDICT_RESET},
    {{REFUSED, QUEUED}, 1, VERDICT_QUEUED},
    {{SILENT, ACCEPTED}, 1, VERDICT_CONNECTED},
    {{QUEUED, ACCEPTED}, 0, VERDICT_QUEUED},
    {{ACCEPTED, REFUSED, SILENT}, 0, VERDICT_CONNECTED},
    {{WAS_RESET, SILENT}, 0, VERDICT_RESET},
    {{SILENT, WAS_RESET}, 0, VERDICT_TIMED_OUT},
    {{UNREACHABLE, REFUSED}, 1, VERDICT_REFUSED},
    {{REFUSED, UNREACHABLE}, 1, VERDICT_UNREACHABLE},
    {{REFUSED, SILENT, UNREACHABLE}, 1, VERDICT_TIMED_OUT},
    {{REFUSED, NOT_TRIED, ACCEPTED}, 2, VERDICT_CONNECTED},
    {{REFUSED, NOT_BEGUN}, 0, VERDICT_REFUSED},
};

/* All connections in one run, so that the addresses' lists have gaps. */
START_TEST(deciding_attempts)
{
    struct attempt attempts[ADDRESSES][COUNT(connections)];
    struct run run = {.target_count = ADDRESSES, .connection_count = COUNT(connections)};
    int64_t expected[VERDICT_COUNT + 1] = {0};
    for (size_t t = 0; t < ADDRESSES; t++) {
        struct target *target = &run.targets[t];
        *target = (struct target){.local = true, .looked = true, .attempts = attempts[t]};
        for (size_t c = 0; c < COUNT(connections); c++)
            if (connections[c].fates[t] != NOT_TRIED) {
                struct attempt *a = &attempts[t][target->attempt_count++];
                *a = fates[connections[c].fates[t]];
                a->id = (uint32_t)c + 1;
                a->decides = true;
            }
    }
    judge_run(&run);
    for (size_t t = 0; t < ADDRESSES; t++)
        for (size_t i = 0; i < run.targets[t].attempt_count; i++) {
            const struct attempt *a = &attempts[t][i];
            ck_assert_msg(a->decides == (connections[a->id - 1].decides == (int)t), "row %u, address %zu", a->id - 1, t);
            ck_assert_msg(!a->decides || a->verdict == connections[a->id - 1].verdict, "row %u: %s", a->id - 1,
                          verdict_name(a->verdict));
        }
    for (size_t c = 0; c < COUNT(connections); c++)
        expected[connections[c].verdict]++;
    for (size_t v = 0; v < VERDICT_COUNT; v++)
        ck_assert_msg((int64_t)run.counts[v] == expected[v], "%s: %lu", verdict_name((enum verdict)v),
                      (unsigned long)run.counts[v]);
}
END_TEST

/* ---- Expectations ---- */

static const struct {
    enum compare compare;
    bool below, equal, above; /* whether it holds when what was seen is below, equal to, above what was expected */
} operators[] = {
    {COMPARE_EQ, false, true, false}, {COMPARE_NE, true, false, true},  {COMPARE_LT, true, false, false},
    {COMPARE_LE, true, true, false},  {COMPARE_GT, false, false, true}, {COMPARE_GE, false, true, true},
};

/* One expectation of a run with known figures, or of one where nobody knows any but the counts. */
static struct expectation checked(size_t measure, enum compare compare, int64_t expected, bool known)
{
    struct run run = {.overflows = {known, MEASURE_DROPS + 1000, MEASURE_DROPS + 1000},
                      .target_count = 2,
                      .expectation_count = 1};
    for (size_t v = 0; v < VERDICT_COUNT; v++)
        run.counts[v] = v + 1000;
    run.targets[1].after = (struct listener){.known = known,
                                             .queue = MEASURE_QUEUE + 1000,
                                             .backlog = MEASURE_BACKLOG + 1000,
                                             .capacity = MEASURE_CAPACITY + 1000};
    run.expectations[0] = (struct expectation){.measure = (uint8_t)measure, .compare = (uint8_t)compare, .expected = expected};
    judge_expectations(&run);
    ck_assert_msg(run.outcome == run.expectations[0].outcome, "measure %zu: the run's outcome", measure);
    return run.expectations[0];
}

/* False: it failed. */
static bool held(size_t measure, enum compare compare, int64_t expected)
{
    struct expectation e = checked(measure, compare, expected, true);
    ck_assert_int_ne(e.outcome, OUTCOME_OPEN);
    return e.outcome == OUTCOME_HELD;
}

START_TEST(operators_hold_or_not)
{
    for (size_t m = 0; m < MEASURE_COUNT; m++) {
        if (!measure_is_of(m, MEASURES_OF_BURST))
            continue;
        int64_t seen = (int64_t)m + 1000;
        enum compare compare = operators[_i].compare;
        ck_assert_msg(held(m, compare, seen + 1) == operators[_i].below, "measure %zu, below", m);
        ck_assert_msg(held(m, compare, seen) == operators[_i].equal, "measure %zu, equal", m);
        ck_assert_msg(held(m, compare, seen - 1) == operators[_i].above, "measure %zu, above", m);
        struct expectation e = checked(m, compare, seen, true);
        ck_assert_msg(e.seen_known && e.seen == seen, "measure %zu: seen %ld", m, (long)e.seen);
        bool counted = m < VERDICT_COUNT;
        for (int64_t off = -1; off <= 1; off++) {
            e = checked(m, compare, counted ? seen + off : off, false);
            ck_assert_msg(e.seen_known == counted, "measure %zu: known", m);
            ck_assert_msg(counted || e.outcome == OUTCOME_OPEN, "measure %zu: decided, and nobody knows it", m);
        }
    }
}
END_TEST

START_TEST(a_run_is_ok_when_all_hold)
{
    struct run run = {.counts[VERDICT_QUEUED] = 3};
    judge_expectations(&run);
    ck_assert_int_eq(run.outcome, OUTCOME_HELD);
    run.expectation_count = 3;
    for (size_t broken = 0; broken <= 3; broken++) {
        for (size_t i = 0; i < 3; i++)
            run.expectations[i] = (struct expectation){.measure = VERDICT_QUEUED, .expected = i == broken ? 4 : 3};
        judge_expectations(&run);
        ck_assert_msg(run.outcome == (broken == 3 ? OUTCOME_HELD : OUTCOME_FAILED), "broken: %zu", broken);
        for (size_t i = 0; i < 3; i++)
            ck_assert_int_eq(run.expectations[i].outcome, i != broken ? OUTCOME_HELD : OUTCOME_FAILED);
    }
}
END_TEST

/* ---- Bounds ---- */

static const struct {
    uint64_t min, max;
    enum compare compare;
    int64_t expected;
    enum expectation_outcome outcome;
} bounds[] = {
    {0, 0, COMPARE_EQ, 0, OUTCOME_HELD},   {0, 18, COMPARE_EQ, 0, OUTCOME_OPEN},    {1, 18, COMPARE_EQ, 0, OUTCOME_FAILED},
    {0, 18, COMPARE_EQ, 9, OUTCOME_OPEN},  {0, 18, COMPARE_EQ, 19, OUTCOME_FAILED}, {0, 18, COMPARE_NE, 9, OUTCOME_OPEN},
    {0, 18, COMPARE_NE, 19, OUTCOME_HELD}, {5, 5, COMPARE_NE, 5, OUTCOME_FAILED},   {0, 18, COMPARE_LT, 19, OUTCOME_HELD},
    {0, 18, COMPARE_LT, 18, OUTCOME_OPEN}, {3, 18, COMPARE_LT, 3, OUTCOME_FAILED},  {3, 18, COMPARE_LE, 3, OUTCOME_OPEN},
    {3, 18, COMPARE_GT, 2, OUTCOME_HELD},  {3, 18, COMPARE_GT, 18, OUTCOME_FAILED}, {3, 18, COMPARE_GE, 18, OUTCOME_OPEN},
    {3, 18, COMPARE_GE, 3, OUTCOME_HELD},
};

START_TEST(bounds_hold_fail_or_leave_it_open)
{
    struct interval seen = {true, bounds[_i].min, bounds[_i].max};
    ck_assert_int_eq(judge_compare_interval(&seen, bounds[_i].compare, bounds[_i].expected), bounds[_i].outcome);
    /* The oracle: each number within the bounds by itself. */
    bool any = false, all = true;
    for (uint64_t n = seen.min; n <= seen.max; n++) {
        bool holds =
            judge_compare_interval(&(struct interval){true, n, n}, bounds[_i].compare, bounds[_i].expected) == OUTCOME_HELD;
        any |= holds;
        all &= holds;
    }
    ck_assert_int_eq(bounds[_i].outcome, all ? OUTCOME_HELD : any ? OUTCOME_OPEN : OUTCOME_FAILED);
}
END_TEST

static const struct {
    const char *name;
    uint64_t discarded;
    struct overflow_span span;
    uint64_t min, max;
} spans[] = {
    {"counters unknown", 7, {.known = false}, 0, 7},
    {"held by TCP_DEFER_ACCEPT", 200, {.known = true, .others_known = true}, 0, 0},
    {"all by others", 0, {true, 9, 9, true, 9}, 0, 0},
    {"all its own", 9, {true, 9, 9, true, 0}, 9, 9},
    {"the ACK of a half-open one counts twice", 11, {true, 9, 9, true, 0}, 9, 9},
    {"others may be some", 9, {true, 9, 9, true, 4}, 5, 9},
    {"others may be all", 9, {true, 9, 9, true, 20}, 0, 9},
    {"one of them has gone", 9, {true, 9, 9, false, 0}, 0, 9},
    {"readings apart", 9, {true, 6, 12, true, 0}, 6, 9},
    {"more than it discarded", 5, {true, 9, 9, true, 0}, 5, 5},
};

START_TEST(overflows_lie_between)
{
    struct interval overflows = judge_overflows(spans[_i].discarded, &spans[_i].span);
    ck_assert_msg(overflows.known && overflows.min == spans[_i].min && overflows.max == spans[_i].max, "%s: %lu..%lu",
                  spans[_i].name, (unsigned long)overflows.min, (unsigned long)overflows.max);
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
    ck_assert_int_eq(run.outcome, OUTCOME_HELD);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {deciding_attempts, a_run_is_ok_when_all_hold, the_first_listener_is_measured};
    Suite *suite = suite_create("judge_run");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *rows = tcase_create("table rows");
    tcase_add_loop_test(rows, drops_of_a_run, 0, COUNT(runs));
    tcase_add_loop_test(rows, operators_hold_or_not, 0, COUNT(operators));
    tcase_add_loop_test(rows, bounds_hold_fail_or_leave_it_open, 0, COUNT(bounds));
    tcase_add_loop_test(rows, overflows_lie_between, 0, COUNT(spans));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
