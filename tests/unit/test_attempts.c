/* What a million attempts keep in little room comes out as it went in. */
#include "suite.h"

#include "backlogctl/judge.h"

#include <string.h>

static const struct endpoint ipv4 = {.family = AF_INET, .port = 65535, .bytes = {192, 0, 2, 255}},
                             ipv6 = {.family = AF_INET6, .port = 40000, .scope = 3, .bytes = {0xfe, 0x80, [15] = 1}},
                             name = {.family = AF_UNIX, .bytes = "0000a"}, none;

START_TEST(sources_of_each_family)
{
    static const struct endpoint *const sources[] = {&ipv4, &ipv6, &name};
    for (size_t i = 0; i < COUNT(sources); i++) {
        struct target target = {.address.family = sources[i]->family};
        struct error err = {0};
        ck_assert_int_eq(attempts_make(&target, 3, false, &err), 0);
        ck_assert_ptr_null(target.failed);
        attempt_set_source(&target, &target.attempts[1], sources[i]);
        for (size_t a = 0; a < 3; a++) {
            const struct endpoint *wanted = a == 1 ? sources[i] : &none;
            struct endpoint source = attempt_source(&target, &target.attempts[a]);
            ck_assert_int_eq(target.attempts[a].bound, a == 1);
            ck_assert_msg(!memcmp(&source, wanted, sizeof source), "family %u, attempt %zu", sources[i]->family, a);
        }
        attempts_release(&target);
        ck_assert_ptr_null(target.attempts);
    }
}
END_TEST

START_TEST(times_keep_their_nanoseconds)
{
    static const nsec times[] = {NSEC_NEVER, 0, 1, 999999999, (INT64_C(1) << 59) - 1};
    for (size_t i = 0; i < COUNT(times); i++) {
        struct attempt a = {.opened = times[i], .established = times[i], .accepted = times[i]};
        a.state = STATE_COUNT - 1;
        a.peer = PEER_COUNT - 1;
        a.evidence = EVIDENCE_COUNT - 1;
        ck_assert(a.opened == times[i] && a.established == times[i] && a.accepted == times[i]);
        ck_assert(a.state == STATE_COUNT - 1 && a.peer == PEER_COUNT - 1 && a.evidence == EVIDENCE_COUNT - 1);
    }
}
END_TEST

/* Of all targets; without both ends there is no span, and an accept can come before connect() has returned. */
START_TEST(spans_of_a_run)
{
    struct attempt first[] = {{.opened = 10, .established = 15, .accepted = NSEC_NEVER},
                              {.opened = NSEC_NEVER, .established = 15, .accepted = 15},
                              {.opened = 20, .established = NSEC_NEVER, .accepted = 19}};
    struct attempt second[] = {{.opened = 30, .established = 37, .accepted = 31}};
    struct run run = {.target_count = 3};
    run.targets[0] = (struct target){.attempts = first, .attempt_count = COUNT(first)};
    run.targets[2] = (struct target){.attempts = second, .attempt_count = COUNT(second)};
    judge_times(&run);
    ck_assert(run.to_established.samples == 2 && run.to_established.min == 5 && run.to_established.max == 7);
    ck_assert(run.to_established.p50 == 5 && run.to_established.p90 == 7);
    ck_assert(run.to_accepted.samples == 2 && run.to_accepted.min == 0 && run.to_accepted.max == 1);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {sources_of_each_family, times_keep_their_nanoseconds, spans_of_a_run};
    Suite *suite = suite_create("attempts");
    suite_add(suite, "plain", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN(make_suite)
