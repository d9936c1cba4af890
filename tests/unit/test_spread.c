/* Spreads: quantiles against a sorted copy, histograms against a table, and no arrangement of samples takes
 * long. */
#include "suite.h"

#include "backlogctl/judge.h"

#include <stdio.h>
#include <string.h>

#define MILLION 1000000

/* ---- What is expected, by definition ---- */

static int compare(const void *a, const void *b)
{
    nsec x = *(const nsec *)a, y = *(const nsec *)b;
    return (x > y) - (x < y);
}

/* The smallest sample that at least that share does not exceed. */
static nsec quantile(const nsec *sorted, size_t count, unsigned percent)
{
    size_t i = 0;
    while ((i + 1) * 100 < count * percent)
        i++;
    return sorted[i];
}

static size_t bucket(nsec sample)
{
    nsec usec = sample / 1000;
    size_t i = 0;
    while (i < SPREAD_BUCKETS - 1 && usec >= INT64_C(2) << i)
        i++;
    return i;
}

static nsec sample_at(const void *samples, size_t i)
{
    return ((const nsec *)samples)[i];
}

/* Spreads the samples, and checks the outcome against a sorted copy. */
static void check_spread(const char *name, const nsec *samples, size_t count)
{
    nsec *sorted = malloc(count * sizeof *sorted);
    uint64_t buckets[SPREAD_BUCKETS] = {0};
    struct spread spread;
    ck_assert_ptr_nonnull(sorted);
    memcpy(sorted, samples, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    memset(&spread, 0xa5, sizeof spread);
    judge_spread(sample_at, samples, count, &spread);
    ck_assert_msg(spread.samples == count, "%s: %lu samples", name, (unsigned long)spread.samples);
    ck_assert_msg(spread.min == sorted[0] && spread.max == sorted[count - 1], "%s: ends of %zu", name, count);
    ck_assert_msg(spread.p50 == quantile(sorted, count, 50), "%s: p50 of %zu is %ld", name, count, (long)spread.p50);
    ck_assert_msg(spread.p90 == quantile(sorted, count, 90), "%s: p90 of %zu is %ld", name, count, (long)spread.p90);
    ck_assert_msg(spread.p99 == quantile(sorted, count, 99), "%s: p99 of %zu is %ld", name, count, (long)spread.p99);
    for (size_t i = 0; i < count; i++)
        buckets[bucket(sorted[i])]++;
    for (size_t b = 0; b < SPREAD_BUCKETS; b++)
        ck_assert_msg(spread.buckets[b] == buckets[b], "%s: bucket %zu of %zu", name, b, count);
    free(sorted);
}

/* ---- Tables ---- */

static const struct {
    size_t count;
    nsec samples[5];
    nsec min, p50, p90, p99, max;
} few[] = {
    {1, {7}, 7, 7, 7, 7, 7},
    {1, {0}, 0, 0, 0, 0, 0},
    {2, {9, 4}, 4, 4, 9, 9, 9},
    {3, {30, 10, 20}, 10, 20, 30, 30, 30},
    {4, {40, 10, 30, 20}, 10, 20, 40, 40, 40},
    {5, {5, 1, 4, 2, 3}, 1, 3, 5, 5, 5},
    {5, {3, 3, 3, 3, 3}, 3, 3, 3, 3, 3},
    {5, {INT64_MAX, 0, INT64_MAX, 0, 0}, 0, 0, INT64_MAX, INT64_MAX, INT64_MAX},
    {3, {INT64_MAX, INT64_MAX, INT64_MAX - 1}, INT64_MAX - 1, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX},
};

START_TEST(a_few_samples)
{
    struct spread spread;
    judge_spread(sample_at, few[_i].samples, few[_i].count, &spread);
    ck_assert_uint_eq(spread.samples, few[_i].count);
    ck_assert_int_eq(spread.min, few[_i].min);
    ck_assert_int_eq(spread.p50, few[_i].p50);
    ck_assert_int_eq(spread.p90, few[_i].p90);
    ck_assert_int_eq(spread.p99, few[_i].p99);
    ck_assert_int_eq(spread.max, few[_i].max);
}
END_TEST

static const struct {
    nsec sample;
    size_t bucket;
} boundaries[] = {
    {0, 0},
    {999, 0},
    {1000, 0},
    {1999, 0},
    {2000, 1},
    {3999, 1},
    {4000, 2},
    {7999, 2},
    {8000, 3},
    {1023999, 9},
    {1024000, 10},
    {NSEC_PER_SEC, 19},
    {(INT64_C(1) << 27) * 1000 - 1, 26},
    {(INT64_C(1) << 27) * 1000, 27},
    {(INT64_C(1) << 28) * 1000, 27},
    {INT64_MAX, 27},
};

START_TEST(bucket_boundaries)
{
    nsec sample = boundaries[_i].sample;
    struct spread spread;
    judge_spread(sample_at, &sample, 1, &spread);
    for (size_t b = 0; b < SPREAD_BUCKETS; b++)
        ck_assert_uint_eq(spread.buckets[b], b == boundaries[_i].bucket);
}
END_TEST

START_TEST(no_samples_are_all_zero)
{
    static const struct spread zero;
    struct spread spread;
    memset(&spread, 0xa5, sizeof spread);
    judge_spread(sample_at, NULL, 0, &spread);
    ck_assert(!memcmp(&spread, &zero, sizeof zero));
}
END_TEST

/* ---- Arrangements ---- */

static uint64_t next_random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static void equal(nsec *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        samples[i] = 14 * NSEC_PER_USEC;
}

static void sorted_up(nsec *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        samples[i] = (nsec)i * 10;
}

static void sorted_down(nsec *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        samples[i] = (nsec)(count - i) * 10;
}

static void up_and_down(nsec *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        samples[i] = (nsec)(i < count / 2 ? i : count - i) * 1000;
}

static void two_values(nsec *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        samples[i] = i % 2 ? NSEC_PER_SEC : NSEC_PER_USEC;
}

static void sawtooth(nsec *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        samples[i] = (nsec)(i % 100) * 777;
}

/* Each half of what is left lies within one more binary digit, which is what the middle of the values is
 * worst at. */
static void doubling(nsec *samples, size_t count)
{
    for (size_t i = 0; i < count; i++)
        samples[i] = INT64_C(1) << i % 63;
}

/* Makes the median of first, middle and last the second smallest of what is left, round after round: half a
   million rounds that each remove two of a million. It follows how the selection moves the samples: with only
   the first below the pivot and only the middle equal to it, the second comes to the end, and the third to
   the end of the first half. */
static void killer(nsec *samples, size_t count)
{
    size_t half = count / 2, left = 0, left_end = half, right = 0, right_end = count - half;
    size_t *first_half = malloc(4 * count * sizeof *first_half), *second_half = first_half + 2 * count;
    nsec value = 0;
    ck_assert_ptr_nonnull(first_half);
    for (size_t i = 0; i < count; i++)
        *(i < half ? &first_half[i] : &second_half[i - half]) = i;
    while (left_end - left >= 3 && right_end - right >= 2) {
        samples[first_half[left]] = value++;
        samples[second_half[right]] = value++;
        second_half[right_end++] = first_half[left + 1];
        first_half[left_end++] = first_half[left + 2];
        first_half[left_end++] = second_half[right + 1];
        left += 3;
        right += 2;
    }
    while (left < left_end)
        samples[first_half[left++]] = value++;
    while (right < right_end)
        samples[second_half[right++]] = value++;
    free(first_half);
}

/* What a burst looks like: most are alike, a few had to repeat their SYN. */
static void burst(nsec *samples, size_t count)
{
    uint64_t state = 5;
    for (size_t i = 0; i < count; i++)
        samples[i] = 11000 + (nsec)(next_random(&state) % 9000) + (next_random(&state) % 50 ? 0 : NSEC_PER_SEC);
}

static const struct {
    const char *name;
    void (*fill)(nsec *samples, size_t count);
} arrangements[] = {
    {"equal", equal},           {"sorted", sorted_up},  {"reversed", sorted_down}, {"up and down", up_and_down},
    {"two values", two_values}, {"sawtooth", sawtooth}, {"doubling", doubling},    {"killer", killer},
    {"burst", burst},
};

/* The time limit of the test is what a quadratic selection would not keep. */
START_TEST(a_million_in_any_arrangement)
{
    nsec *samples = malloc(MILLION * sizeof *samples);
    ck_assert_ptr_nonnull(samples);
    arrangements[_i].fill(samples, MILLION);
    check_spread(arrangements[_i].name, samples, MILLION);
    free(samples);
}
END_TEST

START_TEST(any_arrangement_of_any_length)
{
    nsec samples[300];
    for (size_t count = 1; count <= COUNT(samples); count++) {
        arrangements[_i].fill(samples, count);
        check_spread(arrangements[_i].name, samples, count);
    }
}
END_TEST

/* Many small random arrangements, of few and of many distinct values. */
START_TEST(random_against_sorting)
{
    static const uint64_t ranges[] = {1, 2, 3, 10, 1000, 1000000, UINT64_C(1) << 31};
    uint64_t state = 1;
    nsec samples[400];
    char name[64];
    for (int round = 0; round < 4000; round++) {
        size_t count = 1 + next_random(&state) % COUNT(samples);
        uint64_t range = ranges[next_random(&state) % COUNT(ranges)], stretch = 1 + next_random(&state) % 100000;
        for (size_t i = 0; i < count; i++)
            samples[i] = (nsec)(next_random(&state) % range * stretch);
        snprintf(name, sizeof name, "round %d, range %lu", round, (unsigned long)range);
        check_spread(name, samples, count);
    }
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {no_samples_are_all_zero, random_against_sorting};
    Suite *suite = suite_create("spread");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *rows = tcase_create("table rows");
    tcase_add_loop_test(rows, a_few_samples, 0, COUNT(few));
    tcase_add_loop_test(rows, bucket_boundaries, 0, COUNT(boundaries));
    tcase_add_loop_test(rows, any_arrangement_of_any_length, 0, COUNT(arrangements));
    tcase_add_loop_test(rows, a_million_in_any_arrangement, 0, COUNT(arrangements));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
