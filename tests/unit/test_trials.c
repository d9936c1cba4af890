/* How many trials run side by side. */
#include "suite.h"

#include "backlogctl/series.h"

#include <sched.h>

static int processors;

/* Takes libc's place. */
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    (void)pid;
    CPU_ZERO_S(size, set);
    for (int i = 0; i < processors; i++)
        CPU_SET_S((size_t)i, size, set);
    return processors ? 0 : -1;
}

START_TEST(jobs_are_what_is_run)
{
    static const struct {
        int processors;
        unsigned times, jobs;
    } rows[] = {{1, 1, 1}, {2, 4, 8}, {16, 4, 64}, {64, 4, 256}, {100, 4, 256}, {0, 4, 1}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        processors = rows[i].processors;
        ck_assert_uint_eq(trials_jobs(rows[i].times), rows[i].jobs);
    }
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {jobs_are_what_is_run};
    Suite *suite = suite_create("trials");
    suite_add(suite, "plain", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN(make_suite)
