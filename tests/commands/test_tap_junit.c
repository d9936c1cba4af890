/* --tap and --junit, read by programs that count tests: prove (perl) and python's reader of XML. */
#include "suite.h"

#include "report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char *file_name(void)
{
    return shell("mktemp");
}

/* What each test case is: "name:failure" and so on, and the counts of the suite. */
static char *read_junit(const char *path)
{
    return shell("python3 -c 'import sys, xml.etree.ElementTree as E\n"
                 "r = E.parse(\"%s\").getroot(); s = r[0]\n"
                 "print(*[s.get(n) for n in (\"tests\", \"failures\", \"errors\", \"skipped\")], "
                 "*[c.get(\"name\") + \":\" + \",\".join(k.tag for k in c) for c in s])'",
                 path);
}

static const struct {
    const char *const words[16];
    int status;
    const char *prove, *junit; /* a word in what prove says, and what the file has */
} rows[] = {
    {{"run", "-b", "2", "-a", "1", "-n", "5", "-t", "0", "-e", "connected=1,queued=3"},
     0,
     "Result: PASS",
     "2 0 0 0 connected=1: queued=3:"},
    {{"run", "-b", "2", "-a", "1", "-n", "5", "-t", "0", "-e", "connected=1,queued=4"},
     1,
     "Failed test:  2",
     "2 1 0 0 connected=1: queued=4:failure"},
    {{"run", "--sysctl", "net.no.such=1", "-e", "connected=1"}, 3, "Bailout called", "1 0 1 0 done:error"},
    {{"run", "--wait", "50ms", "-e", "connected=1", "--", "sleep", "100"}, 3, "Bailout called", "1 0 1 0 done:error"},
    {{"probe", "--port", "1", "--wait", "50ms", "-e", "connected=1"}, 3, "Bailout called", "1 0 1 0 done:error"},
    {{"probe", "--port", "1", "-n", "1", "-e", "refused=1,capacity=1"},
     1,
     "Failed test:  2",
     "2 1 0 0 refused=1: capacity=1:failure"},
    {{"list", "--port", "1", "-e", "listeners=0,drops=0"}, 1, "Failed test:  2", "2 1 0 0 listeners=0: drops=0:failure"},
    {{"measure", "--port", "1", "-e", "capacity=3"}, 3, "Bailout called", "1 0 1 0 done:error"},
};

START_TEST(programs_that_count_tests_read_it)
{
    char *tap = file_name(), *junit = file_name();
    const char *argv[32] = {BACKLOGCTL, rows[_i].words[0], "--tap", "--junit", junit};
    for (size_t i = 1; rows[_i].words[i]; i++)
        argv[4 + i] = rows[_i].words[i];
    in_private_namespace();
    need_program("python3");
    struct outcome outcome = process_run(argv, &(struct process_setup){.stdout_to = tap});
    ck_assert_msg(outcome.status == rows[_i].status, "status %d: %s", outcome.status, outcome.err);
    char *said = read_junit(junit);
    ck_assert_str_eq(said, rows[_i].junit);
    free(said);
    if (program_exists("prove")) {
        said = shell("prove --exec cat %s 2>&1 || true", tap);
        ck_assert_msg(strstr(said, rows[_i].prove) != NULL, "%s", said);
        free(said);
    } else {
        printf("skipped: prove is not installed\n");
    }
    unlink(tap);
    unlink(junit);
    free(tap);
    free(junit);
    outcome_free(&outcome);
}
END_TEST

START_TEST(without_expectations_there_are_no_tests)
{
    const char *const options[] = {"--tap", "--junit=/tmp/none"};
    struct outcome outcome = process_run((const char *[]){BACKLOGCTL, "probe", options[_i], NULL}, NULL);
    ck_assert_int_eq(outcome.status, 2);
    ck_assert_msg(strstr(outcome.err, "goes with --expect only") != NULL, "%s", outcome.err);
    outcome_free(&outcome);
}
END_TEST

START_TEST(a_file_that_cannot_be_made_is_told_before_all_else)
{
    struct outcome outcome =
        process_run((const char *[]){BACKLOGCTL, "run", "--junit", "/no/such/folder/file", "-e", "drops=0", NULL}, NULL);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_msg(strstr(outcome.err, "--junit /no/such/folder/file") != NULL, "%s", outcome.err);
    ck_assert_str_eq(outcome.out, "");
    outcome_free(&outcome);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("tap_junit");
    TCase *tests = tcase_create("rows");
    tcase_add_loop_test(tests, programs_that_count_tests_read_it, 0, COUNT(rows));
    tcase_add_loop_test(tests, without_expectations_there_are_no_tests, 0, 2);
    tcase_add_test(tests, a_file_that_cannot_be_made_is_told_before_all_else);
    suite_add_tcase(suite, tests);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
