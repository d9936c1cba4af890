/* Why those that hold a listener do not accept: what is told of what was seen, and what is not. */
#include "suite.h"

#include "backlogctl/holder_look.h"
#include "backlogctl/judge.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define BIT(cause) (1u << HOLDER_##cause)

static const struct {
    struct holder_state state;
    uint32_t causes;
} states[] = {
    {{.known = false, .threads = 1, .stopped = 1}, 0},
    {{.known = true, .threads = 2, .stopped = 2, .calls_known = true, .events = 2}, BIT(STOPPED)},
    {{.known = true, .threads = 2, .stopped = 1}, 0},
    {{.known = true, .threads = 1, .traced = 1, .calls_known = true, .call = 35}, BIT(TRACED)},
    {{.known = true, .threads = 1, .blocked = 1, .frozen = true}, BIT(FROZEN)}, /* the freezer of cgroup v1 shows D */
    {{.known = true, .threads = 1, .blocked = 1}, BIT(BLOCKED)},
    {{.known = true, .threads = 1, .descriptors = 20, .descriptors_max = 20, .calls_known = true, .call = 230}, BIT(DESCRIPTORS)},
    {{.known = true, .threads = 1, .descriptors = 19, .descriptors_max = 20}, 0},
    {{.known = true, .threads = 1, .memory_full = true, .running = 1}, BIT(MEMORY)},
    {{.known = true, .threads = 1, .memory_full = true, .blocked = 1}, BIT(MEMORY) | BIT(BLOCKED)},
    /* Who sleeps in a call is held back by neither. */
    {{.known = true, .threads = 1, .memory_full = true, .calls_known = true, .call = 42}, BIT(ELSEWHERE)},
    {{.known = true, .threads = 1, .cpu_periods = 100, .cpu_throttled = 90, .calls_known = true, .call = 42}, BIT(ELSEWHERE)},
    {{.known = true, .threads = 1, .cpu_periods = 100, .cpu_throttled = 10, .running = 1}, BIT(THROTTLED)},
    {{.known = true, .threads = 1, .cpu_periods = 100, .cpu_throttled = 9, .running = 1}, BIT(BUSY)},
    {{.known = true, .threads = 3, .calls_known = true, .events = 1, .futexes = 2, .call = -1}, BIT(IDLE)},
    {{.known = true, .threads = 3, .calls_known = true, .events = 1, .futexes = 1, .call = 0},
     0}, /* who knows which of them accepts */
    {{.known = true, .threads = 1, .calls_known = false, .call = 0}, 0},
    {{.known = true, .threads = 1, .calls_known = true, .call = 230}, BIT(ELSEWHERE)},
    {{.known = true, .threads = 2, .calls_known = true, .accepts = 1, .call = 230}, 0},
    {{.known = true, .threads = 2, .calls_known = true, .futexes = 2, .call = -1}, BIT(ELSEWHERE)}, /* a deadlock */
    {{.known = true, .threads = 2, .calls_known = true, .futexes = 1, .call = -1}, 0},
};

START_TEST(causes_rest_on_states)
{
    struct socket_holder one = {.process = "web", .state = states[_i].state};
    ck_assert_uint_eq(judge_holders(&one, 1, true), states[_i].causes);
    ck_assert_uint_eq(one.causes, states[_i].causes);
    /* Of one that has taken in its clients since, only what is sure. */
    ck_assert_uint_eq(judge_holders(&one, 1, false), states[_i].causes & ~(BIT(IDLE) | BIT(ELSEWHERE) | BIT(BUSY)));
}
END_TEST

#define STATE_IDLE                                                                \
    {                                                                             \
        .known = true, .threads = 1, .calls_known = true, .events = 1, .call = -1 \
    }
#define STATE_ASLEEP                                                  \
    {                                                                 \
        .known = true, .threads = 1, .calls_known = true, .call = 230 \
    }
#define STATE_STOPPED                             \
    {                                             \
        .known = true, .threads = 1, .stopped = 1 \
    }

static const struct {
    struct socket_holder list[2];
    uint32_t causes[2];
} several[] = {
    {{{.process = "m", .state = STATE_IDLE}, {.process = "w", .state = STATE_IDLE}}, {BIT(IDLE), BIT(IDLE)}},
    {{{.process = "m", .state = STATE_IDLE}, {.process = "w", .state = STATE_ASLEEP}}, {0, BIT(ELSEWHERE)}},
    {{{.process = "w", .state = STATE_STOPPED}, {.process = "sleep", .state = STATE_ASLEEP}}, {BIT(STOPPED), 0}},
    {{{.process = "systemd", .keeper = true, .state = STATE_IDLE}, {.process = "w", .state = STATE_STOPPED}}, {0, BIT(STOPPED)}},
    {{{.process = "systemd", .keeper = true, .state = STATE_ASLEEP}, {.process = "w", .state = STATE_IDLE}}, {0, BIT(IDLE)}},
};

START_TEST(of_several_the_certain_causes_count)
{
    struct socket_holder list[2] = {several[_i].list[0], several[_i].list[1]};
    judge_holders(list, 2, true);
    for (size_t i = 0; i < 2; i++)
        ck_assert_uint_eq(list[i].causes, several[_i].causes[i]);
}
END_TEST

START_TEST(both_looks_have_to_agree)
{
    struct holder_state before = {.known = true, .threads = 1, .blocked = 1, .calls_known = true, .call = 0};
    struct holder_state now = {.known = true, .threads = 1, .events = 1, .calls_known = true, .call = -1};
    struct holder_state both = holder_look_both(&before, &now);
    ck_assert(both.known && !both.blocked && !both.events);
    ck_assert_int_eq(both.call, -1);
    /* Another thread is in call 35 at both; the first one was between two waits at the second. */
    before = (struct holder_state){.known = true, .threads = 2, .events = 1, .calls_known = true, .call = 35};
    now = (struct holder_state){.known = true, .threads = 2, .calls_known = true, .call = 35};
    ck_assert_int_eq(holder_look_both(&before, &now).call, -1);
}
END_TEST

START_TEST(a_process_is_looked_at)
{
    pid_t child = fork();
    if (!child)
        for (;;)
            pause();
    kill(child, SIGSTOP);
    ck_assert_int_eq(waitpid(child, NULL, WUNTRACED), child);
    struct holder_state state = holder_look(child);
    ck_assert(state.known);
    ck_assert_uint_eq(state.threads, 1);
    ck_assert_uint_eq(state.stopped, 1);
    ck_assert_uint_gt(state.descriptors, 0);
    ck_assert_uint_gt(state.descriptors_max, state.descriptors);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    ck_assert(!holder_look(child).known);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {both_looks_have_to_agree, a_process_is_looked_at};
    Suite *suite = suite_create("holder causes");
    suite_add(suite, "looks", tests, COUNT(tests));
    TCase *rows = tcase_create("rows");
    tcase_add_loop_test(rows, causes_rest_on_states, 0, COUNT(states));
    tcase_add_loop_test(rows, of_several_the_certain_causes_count, 0, COUNT(several));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
