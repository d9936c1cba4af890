/* What the judge makes of a trace's counts: quantiles as the bounds of their buckets, and what each figure is worth. */
#include "suite.h"

#include "backlogctl/judge.h"
#include "backlogctl/tracer_running.h"

#include <string.h>

static const struct trace_hooks all_exact = {.of = {{"a", TRACE_EXACT},
                                                    {"b", TRACE_EXACT},
                                                    {"c", TRACE_EXACT},
                                                    {"d", TRACE_EXACT},
                                                    {"e", TRACE_EXACT},
                                                    {"f", TRACE_EXACT},
                                                    {"g", TRACE_EXACT},
                                                    {"h", TRACE_EXACT}}};

static struct traced one;
static struct trace_account account;
static struct trace_model model;

static void begin(void)
{
    memset(&one, 0, sizeof one);
    account = (struct trace_account){.netns = 7, .known = true};
    model = (struct trace_model){.hooks = &all_exact, .list = &one, .count = 1, .accounts = &account, .account_count = 1};
    one.slot.netns = 7;
}

/* The bucket in which the kernel counts a wait: the one that begins at or below it, and ends above. */
static unsigned bucket_of(nsec wait)
{
    unsigned bucket = 0;
    while (bucket + 1 < TRACE_WAITS && trace_wait_from(bucket + 1) <= wait)
        bucket++;
    return bucket;
}

static void count(nsec wait)
{
    one.slot.waits[bucket_of(wait)]++;
    one.slot.accepted++;
    if ((uint64_t)wait > one.slot.wait_max)
        one.slot.wait_max = (uint64_t)wait;
}

START_TEST(buckets_follow_each_other_and_are_narrow)
{
    for (unsigned i = 0; i + 1 < TRACE_WAITS; i++) {
        nsec from = trace_wait_from(i), to = trace_wait_from(i + 1);
        ck_assert_int_lt(from, to);
        ck_assert(i < TRACE_SUB || (to - from) * TRACE_SUB <= from);
    }
    ck_assert_int_eq(trace_wait_from(TRACE_SUB), TRACE_SUB * NSEC_PER_USEC);
    ck_assert_int_eq(trace_wait_from(TRACE_WAITS - 1), (NSEC_PER_USEC << TRACE_WAIT_TOP));
}
END_TEST

START_TEST(a_quantile_is_within_its_bounds)
{
    begin();
    for (nsec ms = 1; ms <= 1000; ms++)
        count(ms * NSEC_PER_MSEC);
    judge_trace(&model);
    const struct {
        const struct trace_quantile *q;
        nsec value;
    } rows[] = {{&one.p50, 501}, {&one.p90, 901}, {&one.p99, 991}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        ck_assert_int_le(rows[i].q->low, rows[i].value * NSEC_PER_MSEC);
        ck_assert_int_ge(rows[i].q->high, rows[i].value * NSEC_PER_MSEC);
        ck_assert_int_le((rows[i].q->high - rows[i].q->low) * TRACE_SUB, rows[i].q->low);
    }
    ck_assert_int_eq(one.interval_max.high, NSEC_PER_SEC);
}
END_TEST

START_TEST(no_bound_is_above_the_longest)
{
    begin();
    count(1001 * NSEC_PER_USEC);
    judge_trace(&model);
    ck_assert_int_eq(one.p99.high, 1001 * NSEC_PER_USEC);
    ck_assert_int_le(one.p99.low, 1001 * NSEC_PER_USEC);
}
END_TEST

START_TEST(an_interval_has_its_own)
{
    begin();
    count(NSEC_PER_SEC);
    one.before = one.slot;
    judge_trace(&model);
    ck_assert_int_eq(one.interval_p50.high, 0); /* nobody was accepted in it */
    count(NSEC_PER_MSEC);
    judge_trace(&model);
    ck_assert_int_le(one.interval_p50.low, NSEC_PER_MSEC);
    ck_assert_int_lt(one.interval_max.high, 2 * NSEC_PER_MSEC);
    ck_assert_int_le(one.p90.high, NSEC_PER_SEC);
}
END_TEST

START_TEST(exact_is_what_cannot_have_missed_any)
{
    begin();
    one.slot.peak = one.slot.inside_peak = 5;
    one.slot.syn.count = account.overflows.now = 3;
    judge_trace(&model);
    for (enum trace_figure f = 0; f < TRACE_FIGURE_COUNT; f++)
        ck_assert_int_eq(one.worth[f], TRACE_EXACT);
    ck_assert_uint_eq(account.overflows.seen, 3);
    ck_assert_uint_eq(trace_unseen(&account.overflows), 0);
}
END_TEST

START_TEST(what_may_have_missed_some_is_a_bound)
{
    begin();
    one.slot.peak = 5;
    one.slot.inside_peak = 6; /* one may have been there for a moment */
    one.slot.syn.count = 3;
    account.overflows.now = 4;
    one.slot.unseen = 1;
    judge_trace(&model);
    ck_assert_uint_eq(trace_unseen(&account.overflows), 1);
    ck_assert_int_eq(one.worth[TRACE_LENGTH], TRACE_AT_LEAST);
    ck_assert_int_eq(one.worth[TRACE_SYN], TRACE_AT_LEAST);
    ck_assert_int_eq(one.worth[TRACE_ACK], TRACE_AT_LEAST);
    ck_assert_int_eq(one.worth[TRACE_WAIT], TRACE_AT_LEAST);
}
END_TEST

START_TEST(syn_queues_have_their_own_witness)
{
    begin();
    one.slot.syn_queue.count = 3;
    account.syn_queue.now = 4;
    judge_trace(&model);
    ck_assert_uint_eq(trace_unseen(&account.overflows), 0);
    ck_assert_uint_eq(trace_unseen(&account.syn_queue), 1);
    ck_assert_int_eq(one.worth[TRACE_SYN], TRACE_EXACT);
    ck_assert_int_eq(one.worth[TRACE_SYN_QUEUE], TRACE_AT_LEAST);
}
END_TEST

START_TEST(other_drops_are_the_rest_of_the_listeners_own_counter)
{
    begin();
    one.slot.drops_begun = UINT32_MAX; /* the counter has 32 bits */
    one.slot.drops_known = 2;
    one.now.discarded = 4;
    judge_trace(&model);
    ck_assert(!one.drops_known);
    one.surveyed = true;
    judge_trace(&model);
    ck_assert(one.drops_known);
    ck_assert_uint_eq(one.drops_other, 3);
    one.slot.drops_known = 6; /* counted since the survey */
    judge_trace(&model);
    ck_assert_uint_eq(one.drops_other, 0);
}
END_TEST

/* The kernel's own count of children, at rest, proves that none was missed; while they come it does not. */
START_TEST(a_program_that_was_left_out_missed_none_if_the_kernel_counts_as_many)
{
    begin();
    account.children_known = true;
    account.children.now = 3;
    one.slot.entered = 3, one.slot.accepted = 2, one.slot.left_other = 1, one.slot.peak = one.slot.inside_peak = 1;
    model.left_out[TRACE_ENTERED] = model.left_out[TRACE_LEFT] = 5;
    judge_trace(&model);
    ck_assert_int_eq(one.worth[TRACE_ENTERED], TRACE_AT_LEAST); /* they came since the look before */
    judge_trace(&model);
    ck_assert_int_eq(one.worth[TRACE_ENTERED], TRACE_EXACT);
    ck_assert_int_eq(one.worth[TRACE_LENGTH], TRACE_EXACT);
    ck_assert_int_eq(one.worth[TRACE_LEFT], TRACE_EXACT);
    one.slot.left_other = 0; /* it is in the queue still, as far as was seen */
    judge_trace(&model);
    ck_assert_int_eq(one.worth[TRACE_LEFT], TRACE_AT_LEAST);
    account.children.now = 4;
    judge_trace(&model);
    ck_assert_int_eq(one.worth[TRACE_ENTERED], TRACE_AT_LEAST);
    ck_assert_int_eq(one.worth[TRACE_WAIT], TRACE_AT_LEAST);
}
END_TEST

/* More at rest than the kernel counts: other drops were taken for them. */
START_TEST(more_than_the_kernel_counts_is_no_exact_figure)
{
    begin();
    one.slot.syn.count = 4;
    account.overflows.now = 3;
    judge_trace(&model);
    ck_assert_int_eq(one.worth[TRACE_SYN], TRACE_EXACT); /* one may have come behind the counter */
    judge_trace(&model);
    ck_assert_int_eq(one.worth[TRACE_SYN], TRACE_UNKNOWN);
    account.overflows.base = 0, account.overflows.before = 0, account.overflows.now = 4;
    judge_trace(&model);
    ck_assert_int_eq(one.worth[TRACE_SYN], TRACE_EXACT);
}
END_TEST

START_TEST(what_was_forgotten_was_seen)
{
    begin();
    one.slot.syn.count = 3;
    account.overflows.now = 10;
    account.overflows.gone = 7;
    judge_trace(&model);
    ck_assert_uint_eq(account.overflows.seen, 10);
    ck_assert_int_eq(one.worth[TRACE_SYN], TRACE_EXACT);
}
END_TEST

START_TEST(overflows_without_a_witness_are_a_bound)
{
    begin();
    account.known = false;
    judge_trace(&model);
    ck_assert_int_eq(one.worth[TRACE_SYN], TRACE_AT_LEAST);
    ck_assert_int_eq(one.worth[TRACE_ACK], TRACE_AT_LEAST);
    ck_assert_int_eq(one.worth[TRACE_WAIT], TRACE_EXACT);
}
END_TEST

START_TEST(without_a_hook_nothing_is_known)
{
    static const struct trace_hooks none;
    begin();
    model.hooks = &none;
    judge_trace(&model);
    for (enum trace_figure f = 0; f < TRACE_FIGURE_COUNT; f++)
        ck_assert_int_eq(one.worth[f], TRACE_UNKNOWN);
}
END_TEST

/* ---- Finding ---- */

#define MANY 100

START_TEST(a_listener_is_found_by_its_cookie)
{
    static struct traced many[MANY + 1];
    struct trace_model m = {.list = many, .count = MANY};
    for (uint32_t i = 0; i < MANY; i++)
        many[i].slot = (struct trace_slot){.cookie = (i * 37) % MANY + 1, .netns = 7};
    for (int indexed = 0; indexed < 2; indexed++) {
        for (uint64_t cookie = 1; cookie <= MANY; cookie++) {
            const struct listener l = {.cookie = cookie, .netns = 7}, other = {.cookie = cookie, .netns = 8};
            ck_assert_uint_eq(trace_find(&m, &l)->slot.cookie, cookie);
            ck_assert_ptr_null(trace_find(&m, &other));
        }
        ck_assert_int_eq(trace_model_index(&m), 0);
    }
    many[MANY].slot = (struct trace_slot){.cookie = 5, .netns = 7, .peak = 1}; /* it was disconnected, and listens again */
    m.count++;
    ck_assert_int_eq(trace_model_index(&m), 0);
    ck_assert_ptr_eq(trace_find(&m, &(struct listener){.cookie = 5, .netns = 7}), &many[MANY]);
    ck_assert_ptr_null(trace_find(&m, &(struct listener){.netns = 7}));
    ck_assert_ptr_null(trace_find(NULL, &(struct listener){.cookie = 5, .netns = 7}));
    free(m.order);
}
END_TEST

/* ---- What another process may have written ---- */

START_TEST(an_identity_is_whole)
{
    const struct trace_identity good = {.magic = TRACE_MAGIC, .layout = TRACE_LAYOUT, .began = 1, .base_count = TRACE_BASES};
    struct trace_identity bad[] = {good, good, good, good, good, good, good, good};
    bad[0].magic++;
    bad[1].layout++;
    bad[2].began = 0;
    bad[3].began = UINT64_MAX;
    bad[4].base_count++;
    bad[5].worth[TRACE_SEED] = TRACE_WORTH_COUNT;
    bad[6].program_count = TRACE_PROGRAMS_ROOM + 1;
    bad[7].program_count = 1, bad[7].programs[0].figure = TRACE_FIGURE_COUNT;
    ck_assert(trace_identity_is_valid(&good));
    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert_msg(!trace_identity_is_valid(&bad[i]), "%zu", i);
}
END_TEST

START_TEST(a_slot_has_what_can_be_counted)
{
    const struct trace_slot good = {.family = AF_INET6, .begun = 1, .seeded = 1, .waits = {[TRACE_WAITS - 1] = 1u << 31}};
    struct trace_slot bad[] = {good, good, good, good, good, good, good};
    bad[0].family = AF_UNIX;
    bad[1].begun = 0;
    bad[2].waits[0] = UINT64_MAX;
    bad[3].lengths[TRACE_LENGTHS - 1] = UINT64_MAX;
    bad[4].acceptors[TRACE_ACCEPTORS - 1].count = UINT64_MAX;
    bad[5].wait_sum = UINT64_MAX;
    bad[6].ack.count = UINT64_C(1) << 41;
    ck_assert(trace_slot_is_valid(&good));
    for (size_t i = 0; i < COUNT(bad); i++)
        ck_assert_msg(!trace_slot_is_valid(&bad[i]), "%zu", i);
}
END_TEST

/* One that cannot be is left out, and then overflows are no more than a bound. */
START_TEST(what_cannot_be_is_missing)
{
    const struct trace_slot slots[] = {{.sk = 1, .family = AF_INET, .begun = 1, .cookie = 1},
                                       {.family = AF_INET, .begun = 1}, /* free */
                                       {.sk = 1, .family = AF_INET},
                                       {.sk = 1, .family = AF_INET, .begun = 1, .cookie = 3}};
    const struct trace_common common = {.slots = 9};
    const struct running_trace trace = {.common = &common, .slots = slots, .slot_count = COUNT(slots)};
    struct trace_counts counts = {0};
    ck_assert_int_eq(running_trace_read(&trace, &counts, NULL), 0);
    ck_assert_uint_eq(counts.count, 2);
    ck_assert_uint_eq(counts.slots[1].cookie, 3);
    ck_assert_uint_eq(counts.common.slots_missing, 1);
    trace_counts_release(&counts);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {buckets_follow_each_other_and_are_narrow,
                                  a_quantile_is_within_its_bounds,
                                  no_bound_is_above_the_longest,
                                  an_interval_has_its_own,
                                  exact_is_what_cannot_have_missed_any,
                                  what_may_have_missed_some_is_a_bound,
                                  overflows_without_a_witness_are_a_bound,
                                  syn_queues_have_their_own_witness,
                                  other_drops_are_the_rest_of_the_listeners_own_counter,
                                  a_program_that_was_left_out_missed_none_if_the_kernel_counts_as_many,
                                  more_than_the_kernel_counts_is_no_exact_figure,
                                  what_was_forgotten_was_seen,
                                  without_a_hook_nothing_is_known,
                                  a_listener_is_found_by_its_cookie,
                                  an_identity_is_whole,
                                  a_slot_has_what_can_be_counted,
                                  what_cannot_be_is_missing};
    Suite *suite = suite_create("trace counts");
    suite_add(suite, "counts", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN(make_suite)
