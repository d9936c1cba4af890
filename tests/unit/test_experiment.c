/* An experiment by itself, at an address of this host where nobody listens. */
#include "suite.h"

#include "backlogctl/experiment.h"

#include <string.h>
#include <unistd.h>

/* What began before the burst is not the start of the run, however long it took. */
START_TEST(starts_at_the_zero_of_its_times)
{
    static struct experiment_plan plan = {
        .addresses = {{.family = AF_INET, .port = 1, .bytes = {127, 0, 0, 1}}},
        .address_count = 1,
        .probe = {.arrivals.count = 1},
    };
    struct experiment *x;
    struct error err = {0};
    char before[CLOCK_STAMP_SIZE], after[CLOCK_STAMP_SIZE];
    ck_assert_msg(experiment_open(&x, &plan, NULL, &err) == 0, "%s", err.text);
    usleep(5000);
    clock_stamp_at(clock_now(), before);
    ck_assert_int_eq(experiment_go(x, &err), 0);
    const struct run *run = experiment_run(x);
    clock_stamp_at(clock_now() - run->elapsed, after);
    ck_assert_msg(strcmp(before, run->started_at) <= 0, "%s, %s", before, run->started_at);
    ck_assert_msg(strcmp(run->started_at, after) <= 0, "%s, %s", run->started_at, after);
    ck_assert_uint_eq(run->connection_count, 1);
    experiment_close(x);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("experiment");
    const TTest *const tests[] = {starts_at_the_zero_of_its_times};
    suite_add(suite, "start", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN(make_suite)
