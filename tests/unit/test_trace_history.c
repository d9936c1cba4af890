/* What a trace keeps of its intervals: bounded, with nothing lost of sums and peaks. */
#include "suite.h"

#include "backlogctl/tracing.h"

#include <string.h>

static struct trace_model model;
static struct trace_history history;

static void begin(size_t count)
{
    model = (struct trace_model){.list = calloc(count, sizeof *model.list), .count = count};
    ck_assert_ptr_nonnull(model.list);
    for (size_t i = 0; i < count; i++)
        model.list[i].slot.cookie = i + 1;
    history = (struct trace_history){0};
}

static void end(void)
{
    trace_history_release(&history);
    free(model.list);
}

/* An interval of a second, in which `entered` connections came to the i-th, whose queue was as long as `peak`, and is `queue` now. */
static void happens(size_t i, uint64_t entered, uint64_t syn, uint64_t peak, uint64_t queue)
{
    struct traced *one = &model.list[i];
    one->before.entered = one->slot.entered;
    one->before.syn.count = one->slot.syn.count;
    one->slot.entered += entered;
    one->slot.syn.count += syn;
    one->slot.interval_peak = peak;
    one->queue_before = one->looked ? one->now.queue : 0;
    one->now.queue = (uint32_t)queue;
    one->now.capacity = 11;
    one->looked = true;
}

static void take(void)
{
    model.took = NSEC_PER_SEC;
    model.elapsed += NSEC_PER_SEC;
    model.number++;
    ck_assert_int_eq(trace_history_take(&history, &model), 0);
}

/* In the order of time, whole, and as many as it may have. */
static void check_track(size_t i, uint64_t entered, uint64_t syn, uint64_t peak)
{
    const struct trace_track *track = &history.tracks[i];
    uint64_t all = 0, drops = 0, longest = 0;
    ck_assert_uint_le(track->count, history.limit);
    ck_assert_uint_le(track->count, track->room);
    for (size_t n = 0; n < track->count; n++) {
        const struct trace_point *point = &track->points[n];
        ck_assert_int_lt(point->from, point->to);
        ck_assert(!n || point[-1].to <= point->from);
        all += point->span.entered;
        drops += point->span.syn;
        longest = point->span.peak > longest ? point->span.peak : longest;
    }
    ck_assert_uint_eq(all, entered);
    ck_assert_uint_eq(drops, syn);
    ck_assert_uint_eq(longest, peak);
}

START_TEST(who_has_no_news_takes_no_point)
{
    begin(2);
    happens(0, 3, 1, 3, 2), happens(1, 0, 0, 0, 0);
    take();
    happens(0, 0, 0, 0, 2);
    take();
    happens(0, 0, 0, 0, 1); /* an accept(2) behind the look and before the reading: it is in the point */
    take();
    happens(0, 4, 0, 5, 5);
    take();
    ck_assert_uint_eq(history.tracks[0].count, 2);
    ck_assert_uint_eq(history.tracks[1].count, 0);
    ck_assert_ptr_null(history.tracks[1].points);
    const struct trace_point *points = history.tracks[0].points;
    ck_assert_uint_eq(points[0].queue, 1);
    ck_assert_int_eq(points[0].to, NSEC_PER_SEC);
    ck_assert_int_eq(points[1].from, 3 * NSEC_PER_SEC);
    ck_assert_uint_eq(points[1].capacity, 11);
    check_track(0, 7, 1, 5);
    end();
}
END_TEST

/* One in which connections only left was as long as at its beginning. */
START_TEST(a_queue_that_only_shrinks_was_long)
{
    begin(1);
    happens(0, 9, 0, 9, 9);
    take();
    happens(0, 0, 0, 0, 0);
    model.list[0].slot.accepted = 9;
    take();
    ck_assert_uint_eq(history.tracks[0].points[1].span.peak, 9);
    ck_assert_uint_eq(history.tracks[0].points[1].span.accepted, 9);
    ck_assert_uint_eq(history.tracks[0].points[1].queue, 0);
    end();
}
END_TEST

START_TEST(neighbours_are_merged)
{
    static const struct {
        uint64_t intervals, every; /* something happens every so manieth */
    } rows[] = {{599, 1}, {600, 1}, {601, 1}, {5000, 1}, {100000, 1}, {100000, 97}, {3, 1}};
    uint64_t entered = 0, syn = 0;
    begin(1);
    for (uint64_t n = 0; n < rows[_i].intervals; n++) {
        bool now = n % rows[_i].every == 0;
        happens(0, now, now && n % 3 == 0 ? n : 0, n == rows[_i].intervals / 2 / rows[_i].every * rows[_i].every ? 77 : now, 0);
        entered += now;
        syn += now && n % 3 == 0 ? n : 0;
        take();
    }
    check_track(0, entered, syn, 77);
    ck_assert_uint_le(history.tracks[0].count, TRACE_POINTS);
    ck_assert_uint_ge(history.tracks[0].count, entered < TRACE_POINTS / 2 ? entered : TRACE_POINTS / 2);
    end();
}
END_TEST

START_TEST(all_together_are_bounded)
{
    const size_t many = 1000;
    begin(many);
    for (uint64_t n = 0; n < 700; n++) {
        for (size_t i = 0; i < many; i++)
            happens(i, 1, i, n == 333 ? 5 : 1, 0);
        take();
        ck_assert_uint_le(history.room, TRACE_POINTS_ALL);
    }
    for (size_t i = 0; i < many; i++)
        check_track(i, 700, 700 * i, 5);
    ck_assert_uint_ge(history.tracks[0].count, 16);
    end();
}
END_TEST

/* Where there is no room for another listener that is told of it. */
START_TEST(who_comes_too_late_is_told_of)
{
    const size_t many = TRACE_POINTS_ALL / TRACE_POINTS_LEAST + 5;
    begin(1);
    struct traced *first = model.list, *shown = calloc(many, sizeof *shown);
    ck_assert_ptr_nonnull(shown);
    model.list = shown, model.count = many;
    for (size_t i = 0; i < many; i++)
        shown[i].slot.cookie = i + 1;
    for (size_t n = 0; n < 7; n++) {
        for (size_t i = 0; i < many; i++)
            happens(i, 1, 0, 1, 0);
        take();
        ck_assert_uint_le(history.room, TRACE_POINTS_ALL);
    }
    for (size_t i = 0; i < many; i++)
        ck_assert_int_eq(history.tracks[i].missed, i >= many - 5);
    check_track(0, 7, 0, 1);
    free(first);
    end();
}
END_TEST

/* A listener that the trace remembers no more. */
START_TEST(the_forgotten_are_forgotten)
{
    begin(5);
    for (size_t i = 0; i < 5; i++)
        happens(i, i + 1, 0, 1, 0);
    take();
    for (size_t i = 0; i < 5; i++)
        happens(i, 0, 0, 0, 0);
    model.list[0] = model.list[1];
    model.list[1] = model.list[3];
    model.count = 2;
    take();
    ck_assert_uint_eq(history.count, 2);
    ck_assert_uint_eq(history.room, 2 * history.tracks[0].room);
    check_track(0, 2, 0, 1);
    check_track(1, 4, 0, 1);
    model.count = 3;
    model.list[2] = (struct traced){.slot.cookie = 77};
    happens(2, 9, 0, 3, 0);
    take();
    check_track(2, 9, 0, 3);
    end();
}
END_TEST

/* Of two sets together: counts are sums, quantiles lie between theirs, the longest is the longer one. */
START_TEST(spans_are_added)
{
    const struct trace_span one = {
        .peak = 3, .entered = 2, .syn = 1, .samples = 2, .p50 = {10, 20}, .p99 = {40, 50}, .max = {45, 45}};
    const struct trace_span other = {
        .peak = 1, .ack = 7, .left = 1, .samples = 1, .p50 = {5, 6}, .p99 = {60, 61}, .max = {55, 61}};
    struct trace_span sum = {.accepted = 1};
    trace_span_add(&sum, &one);
    ck_assert_mem_eq(&sum.p50, &one.p50, sizeof sum.p50);
    trace_span_add(&sum, &other);
    ck_assert_uint_eq(sum.peak, 3);
    ck_assert_uint_eq(sum.syn + sum.ack, 8);
    ck_assert_uint_eq(sum.samples, 3);
    ck_assert(sum.p50.low == 5 && sum.p50.high == 20);
    ck_assert(sum.p99.low == 40 && sum.p99.high == 61);
    ck_assert(sum.max.low == 55 && sum.max.high == 61);
    trace_span_add(&sum, &(struct trace_span){.entered = 1});
    ck_assert(sum.p50.low == 5 && sum.max.high == 61 && sum.entered == 3);
    ck_assert(trace_span_any(&sum) && !trace_span_any(&(struct trace_span){.peak = 5}));
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {who_has_no_news_takes_no_point, a_queue_that_only_shrinks_was_long, all_together_are_bounded,
                                  who_comes_too_late_is_told_of,  the_forgotten_are_forgotten,        spans_are_added};
    Suite *suite = suite_create("trace history");
    suite_add(suite, "history", tests, COUNT(tests));
    TCase *tcase = tcase_create("merged");
    tcase_add_loop_test(tcase, neighbours_are_merged, 0, 7);
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN(make_suite)
