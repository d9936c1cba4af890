/* Listeners over time, without a kernel: surveys and looks go in, what is remembered of them comes out. And the alerts on it. */
#include "sample_run.h"
#include "suite.h"

#include "backlogctl/judge.h"
#include "backlogctl/watcher.h"

#include <string.h>

#define SECOND NSEC_PER_SEC
#define NETNS 4026531840u

static struct listener listener(uint64_t cookie, uint64_t queue, uint64_t drops)
{
    struct listener one = sample_listener(9, queue, drops);
    one.cookie = cookie;
    one.netns = NETNS;
    return one;
}

/* Takes in a survey of these listeners and ends the interval there. */
static void interval(struct watch_model *w, struct listener *list, size_t count, nsec at)
{
    struct netns_facts facts = {.inode = NETNS, .ours = true, .somaxconn = 4096, .counters.known = true};
    for (size_t i = 0; i < count; i++) { /* every packet that they discarded was an overflow */
        facts.discarded += list[i].discarded;
        facts.cookies += list[i].cookie;
    }
    facts.counters.value[COUNTER_LISTEN_OVERFLOWS] = facts.overflows_after = facts.discarded;
    struct survey survey = {.listeners = list, .count = count, .namespaces = &facts, .namespace_count = 1};
    ck_assert_int_eq(watcher_merge(w, &survey, at), 0);
    watcher_end_interval(w, at);
    judge_watch(w);
}

static const struct listener_history *of(const struct watch_model *w, uint64_t cookie)
{
    const struct listener_history *one = watcher_find(w, cookie, NETNS);
    ck_assert_ptr_nonnull(one);
    return one;
}

START_TEST(listeners_come_and_go)
{
    struct watch_model w = {.interval = SECOND};
    struct listener both[] = {listener(1, 0, 0), listener(2, 0, 0)};
    interval(&w, both, 1, 0);
    ck_assert_int_eq(of(&w, 1)->state, WATCH_PRESENT);
    ck_assert_int_eq(of(&w, 1)->changed, 0);
    interval(&w, both, 2, SECOND);
    ck_assert_int_eq(of(&w, 2)->state, WATCH_APPEARED);
    ck_assert_int_eq(of(&w, 2)->changed, SECOND);
    interval(&w, both, 2, 2 * SECOND);
    ck_assert_int_eq(of(&w, 2)->state, WATCH_PRESENT);
    both[0].queue = 3;
    interval(&w, both + 1, 1, 3 * SECOND);
    ck_assert_int_eq(of(&w, 1)->state, WATCH_GONE);
    ck_assert_uint_eq(of(&w, 1)->now.queue, 0);
    interval(&w, both + 1, 1, 3 * SECOND + WATCH_NEWS_SPAN);
    ck_assert_uint_eq(w.count, 2);
    interval(&w, both + 1, 1, 4 * SECOND + WATCH_NEWS_SPAN);
    ck_assert_uint_eq(w.count, 1);
    ck_assert_ptr_null(watcher_find(&w, 1, NETNS));
    watcher_release(&w);
}
END_TEST

START_TEST(one_that_comes_back_is_told_apart_by_its_cookie)
{
    struct watch_model w = {.interval = SECOND};
    struct listener one = listener(1, 5, 100);
    interval(&w, &one, 1, 0);
    one = listener(2, 0, 0); /* the same address, another socket: its counter began again */
    interval(&w, &one, 1, SECOND);
    ck_assert_uint_eq(w.count, 2);
    ck_assert_int_eq(of(&w, 1)->state, WATCH_GONE);
    ck_assert_int_eq(of(&w, 2)->state, WATCH_APPEARED);
    ck_assert_uint_eq(of(&w, 2)->last.discarded, 0);
    ck_assert_uint_eq(of(&w, 2)->peak, 0);
    ck_assert_ptr_null(watcher_find(&w, 2, NETNS + 1));
    watcher_release(&w);
}
END_TEST

START_TEST(rates_are_exact)
{
    struct watch_model w = {.interval = SECOND};
    struct listener one = listener(1, 0, UINT32_MAX - 4);
    interval(&w, &one, 1, 0);
    ck_assert_uint_eq(of(&w, 1)->discarded, 0);
    one.discarded = 5; /* the kernel's counter went over its end: 10 more */
    interval(&w, &one, 1, 2 * SECOND);
    ck_assert_uint_eq(of(&w, 1)->last.discarded, 10);
    ck_assert_double_eq_tol(of(&w, 1)->last.most_a_second, 5.0, 1e-9);
    ck_assert_double_eq_tol(of(&w, 1)->last.least_a_second, 0.0, 1e-9);
    ck_assert(!(of(&w, 1)->now.remarks & 1u << REMARK_DROPPING)); /* nobody knows what the namespace counted */
    ck_assert(of(&w, 1)->now.remarks & 1u << REMARK_MAY_HAVE_DROPPED);
    interval(&w, &one, 1, 3 * SECOND);
    ck_assert_uint_eq(of(&w, 1)->last.discarded, 0);
    ck_assert(!(of(&w, 1)->now.remarks & 1u << REMARK_DROPPING));
    ck_assert_uint_eq(of(&w, 1)->discarded, 10);
    watcher_release(&w);
}
END_TEST

START_TEST(looks_between_surveys_count)
{
    struct watch_model w = {.interval = SECOND};
    struct listener one = listener(1, 0, 0);
    interval(&w, &one, 1, 0);
    struct listener_history *at = watcher_find(&w, 1, NETNS);
    for (int ms = 1; ms <= 900; ms++)
        watcher_sample(&w, at, ms == 300 ? 8 : 0, ms >= 300 ? 3 : 0, ms * NSEC_PER_MSEC);
    one.discarded = 3;
    interval(&w, &one, 1, SECOND);
    ck_assert_uint_eq(of(&w, 1)->peak, 8);
    ck_assert_int_eq(of(&w, 1)->peak_at, 300 * NSEC_PER_MSEC);
    ck_assert_uint_eq(of(&w, 1)->last.peak, 8);
    ck_assert_uint_eq(of(&w, 1)->last.samples, 901);
    ck_assert_uint_eq(of(&w, 1)->last.discarded, 3);
    ck_assert_uint_eq(of(&w, 1)->history[0], 8);
    interval(&w, &one, 1, 2 * SECOND);
    ck_assert_uint_eq(of(&w, 1)->last.peak, 0);
    ck_assert_uint_eq(of(&w, 1)->peak, 8);
    watcher_release(&w);
}
END_TEST

START_TEST(history_is_the_last_minute)
{
    struct watch_model w = {.interval = SECOND};
    struct listener one = listener(1, 0, 0);
    for (uint32_t second = 0; second < 150; second++) {
        one.queue = second % 10;
        interval(&w, &one, 1, second * SECOND + SECOND / 2);
    }
    const struct listener_history *at = of(&w, 1);
    ck_assert_uint_eq(at->history_from, 90);
    ck_assert_uint_eq(at->history_to, 150);
    for (uint32_t second = 90; second < 150; second++)
        ck_assert_uint_eq(at->history[second % WATCH_HISTORY], second % 10);
    one.queue = 7; /* after a sleep of the machine */
    interval(&w, &one, 1, 1000 * SECOND);
    ck_assert_uint_eq(of(&w, 1)->history_from, 1000);
    ck_assert_uint_eq(of(&w, 1)->history[1000 % WATCH_HISTORY], 7);
    watcher_release(&w);
}
END_TEST

/* A survey that did not look for them leaves the owner as it was, and nothing known of the clients that wait. */
START_TEST(waiting_clients_are_never_those_of_an_earlier_look)
{
    struct watch_model w = {.interval = SECOND};
    struct listener one = listener(1, 2, 0);
    one.pid = 77;
    one.processes = 2;
    one.half_open_known = one.oldest_known = true;
    one.half_open = 4;
    one.oldest_ms = 1500;
    memcpy(one.process, "nginx", 6);
    interval(&w, &one, 1, 0);
    one = listener(1, 1, 0);
    interval(&w, &one, 1, SECOND);
    ck_assert_int_eq(of(&w, 1)->now.pid, 77);
    ck_assert_str_eq(of(&w, 1)->now.process, "nginx");
    ck_assert(!of(&w, 1)->now.half_open_known && !of(&w, 1)->now.oldest_known && !of(&w, 1)->now.waiting_known);
    ck_assert_int_eq(figure_value(FIGURE_OLDEST, &of(&w, 1)->now).state, FIGURE_UNKNOWN);
    ck_assert_int_eq(figure_value(FIGURE_HALF_OPEN, &of(&w, 1)->now).state, FIGURE_UNKNOWN);
    ck_assert_int_eq(figure_value(FIGURE_CLOSED, &of(&w, 1)->now).state, FIGURE_UNKNOWN);
    watcher_release(&w);
}
END_TEST

static struct listener with_waiting(uint64_t cookie, uint64_t queue)
{
    struct listener one = listener(cookie, queue, 0);
    one.half_open_known = one.oldest_known = one.waiting_known = true;
    one.half_open = 4;
    one.oldest_ms = 1500;
    one.closed = 1;
    return one;
}

START_TEST(a_queue_that_became_shorter_has_another_oldest)
{
    struct watch_model w = {.interval = SECOND};
    struct listener one = with_waiting(1, 2);
    interval(&w, &one, 1, 0);
    struct listener_history *at = watcher_find(&w, 1, NETNS);
    watcher_sample(&w, at, 3, 0, SECOND / 4);
    ck_assert(at->now.oldest_known);
    watcher_sample(&w, at, 2, 0, SECOND / 2); /* the first was accepted */
    ck_assert(!at->now.oldest_known && !at->now.waiting_known && at->now.half_open_known);
    watcher_release(&w);
}
END_TEST

START_TEST(one_that_is_gone_has_nobody_waiting)
{
    struct watch_model w = {.interval = SECOND};
    struct listener both[] = {with_waiting(1, 2), with_waiting(2, 2)};
    interval(&w, both, 2, 0);
    interval(&w, both, 1, SECOND);
    const struct listener *gone = &of(&w, 2)->now;
    ck_assert_int_eq(of(&w, 2)->state, WATCH_GONE);
    ck_assert(!gone->oldest_known && !gone->half_open_known && !gone->waiting_known);
    ck_assert(!(gone->remarks & (1u << REMARK_NOT_ACCEPTING | 1u << REMARK_GIVEN_UP)));
    watcher_release(&w);
}
END_TEST

START_TEST(a_copy_stands_still)
{
    struct watch_model w = {.interval = SECOND}, copy;
    struct listener one = listener(1, 2, 0);
    interval(&w, &one, 1, 0);
    ck_assert_int_eq(watcher_copy(&copy, &w), 0);
    one.queue = 9;
    interval(&w, &one, 1, SECOND);
    ck_assert_uint_eq(of(&copy, 1)->now.queue, 2);
    ck_assert_uint_eq(of(&w, 1)->now.queue, 9);
    watcher_release(&copy);
    watcher_release(&copy);
    watcher_release(&w);
}
END_TEST

START_TEST(thousands_come_and_go)
{
    enum { MANY = 5000 };
    struct watch_model w = {.interval = SECOND};
    struct listener *list = calloc(MANY, sizeof *list);
    ck_assert_ptr_nonnull(list);
    for (size_t i = 0; i < MANY; i++)
        list[i] = listener(i + 1, i % 10, 0);
    for (nsec second = 0; second < 10; second++)
        interval(&w, list + second, MANY - (size_t)second, second * SECOND);
    ck_assert_uint_eq(w.count, MANY);
    ck_assert_int_eq(of(&w, 1)->state, WATCH_GONE);
    ck_assert_int_eq(of(&w, MANY)->state, WATCH_PRESENT);
    free(list);
    watcher_release(&w);
}
END_TEST

/* ---- Alerts ---- */

static void expect(struct watch_model *w, enum measure measure, enum compare compare, int64_t expected)
{
    w->alerts[w->alert_count++].e =
        (struct expectation){.measure = (uint8_t)measure, .compare = (uint8_t)compare, .expected = expected};
}

START_TEST(a_look_between_surveys_makes_an_alert_hold)
{
    struct watch_model w = {.interval = SECOND};
    struct listener one = listener(1, 0, 0);
    expect(&w, MEASURE_QUEUE, COMPARE_GE, 5);
    interval(&w, &one, 1, 0);
    struct alert *alert = &w.alerts[0];
    ck_assert(!alert->holds && !alert->times);
    struct listener_history *at = watcher_find(&w, 1, NETNS);
    for (uint64_t queue = 3; queue < 9; queue++) {
        watcher_sample(&w, at, queue, 0, SECOND / 2 + (nsec)queue);
        judge_watch_one(&w, at);
    }
    ck_assert(alert->holds && alert->news);
    ck_assert_uint_eq(alert->times, 1);
    ck_assert_int_eq(alert->e.seen, 5);
    ck_assert_int_eq(alert->at, SECOND / 2 + 5);
    ck_assert_uint_eq(alert->by.cookie, 1);
    alert->news = false;
    interval(&w, &one, 1, SECOND);
    ck_assert_msg(alert->holds && !alert->news, "it held in this interval, and that was told");
    interval(&w, &one, 1, 2 * SECOND);
    ck_assert(!alert->holds);
    one.queue = 6;
    interval(&w, &one, 1, 3 * SECOND);
    ck_assert(alert->holds && alert->news);
    ck_assert_uint_eq(alert->times, 2);
    watcher_release(&w);
}
END_TEST

START_TEST(alerts_on_an_interval_and_on_all)
{
    struct watch_model w = {.interval = SECOND};
    struct listener both[] = {listener(1, 0, 0), listener(2, 0, 0)};
    expect(&w, MEASURE_DROP_RATE, COMPARE_GT, 0);
    expect(&w, MEASURE_PEAK, COMPARE_GE, 4);
    expect(&w, MEASURE_LISTENERS, COMPARE_LT, 2);
    interval(&w, both, 2, 0);
    ck_assert(!w.alerts[0].holds && !w.alerts[1].holds && !w.alerts[2].holds);
    watcher_sample(&w, watcher_find(&w, 2, NETNS), 4, 0, SECOND / 2);
    both[0].discarded = 1;
    interval(&w, both, 2, 100 * SECOND); /* 0.01 a second is more than 0 */
    ck_assert(w.alerts[0].holds && w.alerts[1].holds && !w.alerts[2].holds);
    ck_assert_int_eq(w.alerts[0].e.seen, 1);
    ck_assert_uint_eq(w.alerts[1].by.cookie, 2);
    interval(&w, both, 1, 101 * SECOND);
    ck_assert(!w.alerts[0].holds && !w.alerts[1].holds && w.alerts[2].holds);
    ck_assert_int_eq(w.alerts[2].e.seen, 1);
    ck_assert(!w.alerts[2].by.known);
    watcher_release(&w);
}
END_TEST

START_TEST(an_alert_on_what_was_not_looked_for_is_told_once)
{
    struct watch_model w = {.interval = SECOND};
    struct listener one = with_waiting(1, 2), unasked = listener(1, 2, 0);
    expect(&w, MEASURE_OLDEST, COMPARE_GT, 2000);
    struct alert *alert = &w.alerts[0];
    interval(&w, &one, 1, 0);
    ck_assert(!alert->holds && !alert->open);
    interval(&w, &unasked, 1, SECOND);
    ck_assert(!alert->holds && alert->open && alert->open_news && !alert->e.seen_known);
    alert->open_news = false;
    interval(&w, &unasked, 1, 2 * SECOND);
    ck_assert(alert->open && !alert->open_news);
    one.oldest_ms = 2500;
    interval(&w, &one, 1, 3 * SECOND);
    ck_assert(alert->holds && alert->news);
    watcher_release(&w);
}
END_TEST

/* ---- What the kernel counts ---- */

/* All are exact, or all are bounds. */
static struct trace_digest counted(uint64_t peak, uint64_t interval_peak, uint64_t syn, uint64_t interval_syn,
                                   enum trace_worth worth)
{
    struct trace_digest d = {
        .known = true, .peak = peak, .interval_peak = interval_peak, .syn = syn, .interval_syn = interval_syn};
    d.peak_at = 7 * SECOND;
    for (enum trace_figure f = 0; f < TRACE_FIGURE_COUNT; f++)
        d.worth[f] = worth;
    return d;
}

/* As interval(), where the kernel counts at the first and only listener; others that have gone dropped so many that its share cannot be told. */
static void exact_interval(struct watch_model *w, struct listener *one, const struct trace_digest *exact, nsec at)
{
    struct netns_facts facts = {.inode = NETNS, .ours = true, .counters.known = true};
    facts.counters.value[COUNTER_LISTEN_OVERFLOWS] = facts.overflows_after = (uint64_t)(at / SECOND) * 50;
    struct survey survey = {.listeners = one, .count = 1, .namespaces = &facts, .namespace_count = 1};
    ck_assert_int_eq(watcher_merge(w, &survey, at), 0);
    watcher_exact(&w->list[0], exact, 5 * SECOND, at);
    watcher_end_interval(w, at);
    judge_watch(w);
}

START_TEST(what_the_kernel_counted_is_told)
{
    struct watch_model w = {.interval = SECOND, .exact = true};
    struct listener one = listener(1, 0, 0);
    struct trace_digest exact = counted(0, 0, 0, 0, TRACE_EXACT);
    exact_interval(&w, &one, &exact, SECOND);
    one.discarded = 40; /* of which 20 were overflows */
    exact = counted(9, 8, 20, 20, TRACE_EXACT);
    exact_interval(&w, &one, &exact, 2 * SECOND);
    ck_assert_uint_eq(of(&w, 1)->last.peak, 8);
    ck_assert_uint_eq(of(&w, 1)->peak, 9);
    ck_assert_int_eq(of(&w, 1)->peak_at, 2 * SECOND);
    ck_assert_uint_eq(of(&w, 1)->last.overflows.min, 20);
    ck_assert_uint_eq(of(&w, 1)->last.overflows.max, 20);
    ck_assert_uint_eq(of(&w, 1)->overflows.max, 20);
    ck_assert_uint_eq(of(&w, 1)->history[2], 8);
    ck_assert_uint_eq(of(&w, 1)->now.remarks >> REMARK_DROPPING & 1, 1);
    watcher_release(&w);
}
END_TEST

START_TEST(what_it_may_have_missed_is_a_bound)
{
    struct watch_model w = {.interval = SECOND, .exact = true};
    struct listener one = listener(1, 0, 0);
    struct trace_digest exact = counted(0, 0, 0, 0, TRACE_AT_LEAST);
    exact_interval(&w, &one, &exact, SECOND);
    one.discarded = 40;
    exact = counted(9, 8, 20, 20, TRACE_AT_LEAST);
    exact_interval(&w, &one, &exact, 2 * SECOND);
    ck_assert_uint_eq(of(&w, 1)->last.overflows.min, 20);
    ck_assert_uint_eq(of(&w, 1)->last.overflows.max, 40);
    one.discarded = 80;
    exact = counted(9, 0, 20, 0, TRACE_AT_MOST); /* says nothing of how many there were at least */
    exact_interval(&w, &one, &exact, 3 * SECOND);
    ck_assert_uint_eq(of(&w, 1)->last.overflows.min, 0);
    ck_assert_uint_eq(of(&w, 1)->last.overflows.max, 40);
    watcher_release(&w);
}
END_TEST

START_TEST(what_is_not_traced_stays_sampled)
{
    struct watch_model w = {.interval = SECOND, .exact = true};
    struct listener one = listener(1, 3, 0);
    const struct trace_digest none = {.peak = 99, .interval_peak = 99, .syn = 99};
    exact_interval(&w, &one, &none, SECOND);
    ck_assert_uint_eq(of(&w, 1)->peak, 3);
    ck_assert_uint_eq(of(&w, 1)->last.overflows.min, 0);
    watcher_release(&w);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {
        listeners_come_and_go,
        one_that_comes_back_is_told_apart_by_its_cookie,
        rates_are_exact,
        looks_between_surveys_count,
        history_is_the_last_minute,
        waiting_clients_are_never_those_of_an_earlier_look,
        a_queue_that_became_shorter_has_another_oldest,
        one_that_is_gone_has_nobody_waiting,
        an_alert_on_what_was_not_looked_for_is_told_once,
        a_copy_stands_still,
        thousands_come_and_go,
        a_look_between_surveys_makes_an_alert_hold,
        alerts_on_an_interval_and_on_all,
        what_the_kernel_counted_is_told,
        what_it_may_have_missed_is_a_bound,
        what_is_not_traced_stays_sampled,
    };
    Suite *suite = suite_create("watcher");
    suite_add(suite, "bookkeeping", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN(make_suite)
