/* Expectations as TAP and JUnit's XML. */
#include "sample_run.h"
#include "suite.h"

#include <string.h>

static struct expectation expectations[4];

/* One that holds, one that does not, one of which only bounds are known, one of which nothing is. */
static struct checks checks_begin(void)
{
    sample_full_queue(6);
    const struct expectation list[] = {
        {.text = "connected=1", .expected = 1, .seen_known = true, .seen = 1, .seen_max = 1, .outcome = OUTCOME_HELD},
        {.text = "queued<2", .expected = 2, .seen_known = true, .seen = 3, .seen_max = 3, .outcome = OUTCOME_FAILED},
        {.text = "drops=0", .seen_known = true, .seen = 0, .seen_max = 18, .outcome = OUTCOME_OPEN},
        {.text = "capacity=3", .expected = 3, .outcome = OUTCOME_OPEN},
    };
    memcpy(expectations, list, sizeof list);
    return (struct checks){.command = "probe",
                           .list = expectations,
                           .count = COUNT(list),
                           .run = &sample,
                           .started_at = "2026-01-02T03:04:05.678901Z",
                           .took = 1500 * NSEC_PER_MSEC};
}

static char *written(void (*report)(FILE *, const struct checks *), const struct checks *checks)
{
    FILE *out = catch_begin();
    report(out, checks);
    return catch_end(out);
}

START_TEST(each_expectation_is_a_test)
{
    struct checks checks = checks_begin();
    sample.asked = true;
    char *text = written(report_tap, &checks);
    ck_assert_str_eq(text, "TAP version 13\n1..4\n"
                           "ok 1 - probe connected=1\n"
                           "not ok 2 - probe queued<2\n  ---\n  message: \"expected queued<2, seen 3\"\n  severity: \"fail\"\n"
                           "  expected: \"queued<2\"\n  seen: \"3\"\n  ...\n"
                           "not ok 3 - probe drops=0\n  ---\n"
                           "  message: \"expected drops=0, which cannot be decided: it is 0 to 18\"\n  severity: \"undecided\"\n"
                           "  expected: \"drops=0\"\n  seen: \"0 to 18\"\n  ...\n"
                           "not ok 4 - probe capacity=3\n  ---\n"
                           "  message: \"expected capacity=3, which cannot be decided: the listener is not known\"\n"
                           "  severity: \"undecided\"\n  expected: \"capacity=3\"\n  seen: null\n  ...\n");
    free(text);
}
END_TEST

START_TEST(junit_tells_failures_from_errors)
{
    struct checks checks = checks_begin();
    char *text = written(report_junit, &checks);
    assert_has(text,
               "<testsuite name=\"backlogctl probe\" tests=\"4\" failures=\"1\" errors=\"2\" time=\"1.500000\" skipped=\"0\" "
               "timestamp=\"2026-01-02T03:04:05\">");
    assert_has(text, "<testcase classname=\"backlogctl.probe\" name=\"queued&lt;2\" time=\"1.500000\">\n"
                     "<failure message=\"expected queued&lt;2, seen 3\">");
    assert_has(text, "<error message=\"expected drops=0, which cannot be decided: it is 0 to 18\">");
    free(text);
}
END_TEST

START_TEST(what_could_not_be_done_is_no_success)
{
    struct checks checks = checks_begin();
    checks.count = 0;
    checks.cannot = "no \"such\" <thing> & \x1b[2J more";
    char *tap = written(report_tap, &checks), *junit = written(report_junit, &checks);
    ck_assert_str_eq(tap, "TAP version 13\nBail out! no \"such\" <thing> & \\x1b[2J more\n");
    assert_has(junit, "tests=\"1\" failures=\"0\" errors=\"1\"");
    assert_has(junit, "<error message=\"no &quot;such&quot; &lt;thing&gt; &amp; \\x1b[2J more\">");
    free(tap);
    free(junit);
}
END_TEST

START_TEST(a_listener_that_does_not_keep_it_is_named)
{
    struct checks checks = checks_begin();
    struct listener listener = sample_listener(7, 3, 0);
    struct survey survey = {.listeners = &listener, .count = 1};
    checks.run = NULL;
    checks.survey = &survey;
    checks.command = "list";
    checks.count = 2;
    expectations[1].broken = 1;
    char *tap = written(report_tap, &checks), *junit = written(report_junit, &checks);
    assert_has(tap, "  listener: \"127.0.0.1:60001\"\n");
    assert_has(junit, "seen 3\">127.0.0.1:60001</failure>");
    survey.count = 0;
    expectations[1].seen_known = false;
    free(tap);
    tap = written(report_tap, &checks);
    assert_has(tap, "expected queued<2, but no listener was selected");
    free(tap);
    free(junit);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {each_expectation_is_a_test, junit_tells_failures_from_errors,
                                  what_could_not_be_done_is_no_success, a_listener_that_does_not_keep_it_is_named};
    Suite *suite = suite_create("checks");
    suite_add(suite, "checks", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN(make_suite)
