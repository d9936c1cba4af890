/* The event loop: order of timers, ends of a run, watches that vanish, signals. */
#include "backlogctl/loop.h"

#include "backlogctl/fd.h"
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void start_loop(struct loop *loop, bool take_signals)
{
    struct error err = {0};
    ck_assert_msg(!loop_init(loop, take_signals, &err), "%s", err.text);
}

/* ---- Timers ---- */

/* A timer that writes its name into a shared journal. */
struct named {
    struct timer timer;
    char name;
    char *journal;
};

static void write_name(struct timer *timer)
{
    struct named *named = (struct named *)timer;
    strncat(named->journal, &named->name, 1);
}

START_TEST(timers_fire_in_order_of_time)
{
    static const struct {
        const char *armed; /* a digit is a timer due in so many milliseconds; `-` behind it cancels it again */
        const char *fired;
    } rows[] = {
        {"", ""}, {"1", "1"}, {"123", "123"}, {"321", "123"}, {"213", "123"}, {"2-13", "13"}, {"12-3-", "1"}, {"1-2-3-", ""},
    };
    for (size_t r = 0; r < COUNT(rows); r++) {
        struct loop loop;
        start_loop(&loop, false);
        char journal[8] = "";
        struct named timers[10];
        nsec now = clock_now();
        for (const char *p = rows[r].armed; *p; p++) {
            struct named *named = &timers[*p - '0'];
            *named = (struct named){.timer.fired = write_name, .name = *p, .journal = journal};
            loop_arm(&loop, &named->timer, now + (*p - '0') * NSEC_PER_MSEC);
            if (p[1] == '-') {
                loop_cancel(&loop, &named->timer);
                p++;
            }
        }
        ck_assert(!loop_run(&loop, now + 10 * NSEC_PER_MSEC, NULL));
        ck_assert_int_ge(clock_now(), now + 10 * NSEC_PER_MSEC);
        ck_assert_msg(!strcmp(journal, rows[r].fired), "armed %s, fired %s", rows[r].armed, journal);
        loop_release(&loop);
    }
}
END_TEST

START_TEST(timers_due_together_fire_as_armed)
{
    struct loop loop;
    start_loop(&loop, false);
    char journal[8] = "";
    struct named timers[3];
    nsec due = clock_now() + NSEC_PER_MSEC;
    for (int i = 0; i < 3; i++) {
        timers[i] = (struct named){.timer.fired = write_name, .name = (char)('a' + i), .journal = journal};
        loop_arm(&loop, &timers[i].timer, due);
    }
    loop_run(&loop, due + NSEC_PER_MSEC, NULL);
    ck_assert_str_eq(journal, "abc");
    loop_release(&loop);
}
END_TEST

START_TEST(arming_again_moves_a_timer)
{
    struct loop loop;
    start_loop(&loop, false);
    char journal[8] = "";
    struct named timer = {.timer.fired = write_name, .name = 'x', .journal = journal};
    nsec now = clock_now();
    loop_arm(&loop, &timer.timer, now + NSEC_PER_MSEC);
    loop_arm(&loop, &timer.timer, now + 10 * PATIENCE);
    loop_run(&loop, now + 5 * NSEC_PER_MSEC, NULL);
    ck_assert_str_eq(journal, "");
    ck_assert(timer.timer.armed);
    loop_arm(&loop, &timer.timer, now + 10 * NSEC_PER_MSEC);
    loop_run(&loop, now + 15 * NSEC_PER_MSEC, NULL);
    ck_assert_str_eq(journal, "x");
    ck_assert(!timer.timer.armed);
    loop_cancel(&loop, &timer.timer);
    loop_release(&loop);
}
END_TEST

/* A timer that cancels another one. */
struct canceller {
    struct timer timer;
    struct loop *loop;
    struct timer *victim;
};

static void cancel_victim(struct timer *timer)
{
    struct canceller *canceller = (struct canceller *)timer;
    loop_cancel(canceller->loop, canceller->victim);
}

START_TEST(a_timer_due_at_the_same_time_can_be_cancelled)
{
    struct loop loop;
    start_loop(&loop, false);
    char journal[8] = "";
    struct named victim = {.timer.fired = write_name, .name = 'x', .journal = journal};
    struct canceller first = {.timer.fired = cancel_victim, .loop = &loop, .victim = &victim.timer};
    loop_arm(&loop, &first.timer, 1);
    loop_arm(&loop, &victim.timer, 1);
    loop_run(&loop, clock_now() + NSEC_PER_MSEC, NULL);
    ck_assert_str_eq(journal, "");
    loop_release(&loop);
}
END_TEST

/* A timer that is always due, and a source that stops the loop: both get their turn. */
struct restless {
    struct timer timer;
    struct loop *loop;
    unsigned rounds;
};

static void arm_again(struct timer *timer)
{
    struct restless *restless = (struct restless *)timer;
    restless->rounds++;
    loop_arm(restless->loop, timer, 0);
}

struct stopper {
    struct loop_source source;
    struct loop *loop;
    unsigned calls;
};

static void stop_loop(struct loop_source *source, uint32_t events)
{
    struct stopper *stopper = (struct stopper *)source;
    ck_assert_uint_eq(events, EPOLLIN);
    stopper->calls++;
    loop_stop(stopper->loop);
}

START_TEST(an_ever_due_timer_leaves_room_for_descriptors)
{
    struct loop loop;
    start_loop(&loop, false);
    struct restless restless = {.timer.fired = arm_again, .loop = &loop};
    struct stopper stopper = {.source = {.ready = stop_loop, .fd = eventfd(1, EFD_CLOEXEC)}, .loop = &loop};
    loop_arm(&loop, &restless.timer, 0);
    ck_assert(!loop_add(&loop, &stopper.source, EPOLLIN, NULL));
    nsec bound = clock_now() + PATIENCE;
    loop_run(&loop, bound, NULL);
    ck_assert_int_lt(clock_now(), bound);
    ck_assert_uint_eq(stopper.calls, 1);
    fd_close(&stopper.source.fd);
    loop_release(&loop);
}
END_TEST

/* ---- Ends of a run ---- */

START_TEST(a_past_end_still_handles_what_is_ready)
{
    static const nsec ends[] = {0, 1, -2, INT64_MIN};
    for (size_t i = 0; i < COUNT(ends); i++) {
        struct loop loop;
        start_loop(&loop, false);
        struct stopper stopper = {.source = {.ready = stop_loop, .fd = eventfd(1, EFD_CLOEXEC)}, .loop = &loop};
        ck_assert(!loop_add(&loop, &stopper.source, EPOLLIN, NULL));
        ck_assert(!loop_run(&loop, ends[i], NULL));
        ck_assert_uint_eq(stopper.calls, 1);
        fd_close(&stopper.source.fd);
        loop_release(&loop);
    }
}
END_TEST

START_TEST(a_stop_ends_one_run)
{
    struct loop loop;
    start_loop(&loop, false);
    loop_stop(&loop);
    ck_assert(!loop_run(&loop, NSEC_NEVER, NULL));
    nsec until = clock_now() + 5 * NSEC_PER_MSEC;
    ck_assert(!loop_run(&loop, until, NULL));
    ck_assert_int_ge(clock_now(), until);
    loop_release(&loop);
}
END_TEST

START_TEST(releasing_twice_or_zeroed_closes_nothing_else)
{
    struct loop zeroed = {0};
    loop_release(&zeroed);
    struct loop loop;
    start_loop(&loop, true);
    loop_release(&loop);
    loop_release(&loop);
    ck_assert_int_ge(fcntl(STDIN_FILENO, F_GETFD), 0);
}
END_TEST

/* ---- Watches ---- */

/* Two watches that are ready at once; whichever comes first removes and closes the other. */
struct twin {
    struct loop_source source;
    struct loop *loop;
    struct twin *other;
    unsigned calls;
};

static void remove_other(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct twin *twin = (struct twin *)source;
    twin->calls++;
    loop_remove(twin->loop, &twin->other->source);
    fd_close(&twin->other->source.fd);
    loop_stop(twin->loop);
}

START_TEST(a_removed_watch_gets_no_event)
{
    struct loop loop;
    start_loop(&loop, false);
    struct twin twins[2];
    for (int i = 0; i < 2; i++) {
        twins[i] =
            (struct twin){.source = {.ready = remove_other, .fd = eventfd(1, EFD_CLOEXEC)}, .loop = &loop, .other = &twins[!i]};
        ck_assert(!loop_add(&loop, &twins[i].source, EPOLLIN, NULL));
    }
    loop_run(&loop, clock_now() + PATIENCE, NULL);
    loop_run(&loop, clock_now() + 2 * NSEC_PER_MSEC, NULL);
    ck_assert_uint_eq(!!twins[0].calls + !!twins[1].calls, 1);
    for (int i = 0; i < 2; i++) {
        loop_remove(&loop, &twins[i].source);
        fd_close(&twins[i].source.fd);
    }
    loop_release(&loop);
}
END_TEST

START_TEST(a_descriptor_that_cannot_be_watched_is_an_error)
{
    struct loop loop;
    start_loop(&loop, false);
    struct loop_source source = {.ready = stop_loop, .fd = 1 << 20};
    struct error err = {0};
    ck_assert_int_eq(loop_add(&loop, &source, EPOLLIN, &err), -EBADF);
    ck_assert_msg(strstr(err.text, "epoll_ctl"), "%s", err.text);
    loop_release(&loop);
}
END_TEST

/* ---- Signals ---- */

START_TEST(a_signal_ends_the_run_and_stays)
{
    static const int taken[] = {SIGINT, SIGTERM};
    loop_block_signals();
    for (size_t i = 0; i < COUNT(taken); i++) {
        struct loop loop;
        start_loop(&loop, true);
        ck_assert_int_eq(loop_poll_signal(&loop), 0);
        raise(taken[i]);
        ck_assert(!loop_run(&loop, clock_now() + PATIENCE, NULL));
        ck_assert_int_eq(loop.signal, taken[i]);
        ck_assert(!loop_run(&loop, NSEC_NEVER, NULL));
        loop_release(&loop);
    }
}
END_TEST

START_TEST(a_signal_can_be_polled_and_the_first_counts)
{
    loop_block_signals();
    struct loop loop;
    start_loop(&loop, true);
    raise(SIGTERM);
    ck_assert_int_eq(loop_poll_signal(&loop), SIGTERM);
    raise(SIGINT);
    ck_assert_int_eq(loop_poll_signal(&loop), SIGTERM);
    ck_assert(!loop_run(&loop, NSEC_NEVER, NULL));
    ck_assert_int_eq(loop.signal, SIGTERM);
    loop_release(&loop);
}
END_TEST

START_TEST(a_loop_without_signals_leaves_them_pending)
{
    loop_block_signals();
    struct loop loop;
    start_loop(&loop, false);
    raise(SIGTERM);
    ck_assert(!loop_run(&loop, clock_now() + 2 * NSEC_PER_MSEC, NULL));
    ck_assert_int_eq(loop_poll_signal(&loop), 0);
    sigset_t pending;
    sigpending(&pending);
    ck_assert(sigismember(&pending, SIGTERM));
    loop_release(&loop);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("loop");
    const TTest *const timers[] = {timers_fire_in_order_of_time, timers_due_together_fire_as_armed, arming_again_moves_a_timer,
                                   a_timer_due_at_the_same_time_can_be_cancelled, an_ever_due_timer_leaves_room_for_descriptors};
    const TTest *const ends[] = {a_past_end_still_handles_what_is_ready, a_stop_ends_one_run,
                                 releasing_twice_or_zeroed_closes_nothing_else};
    const TTest *const watches[] = {a_removed_watch_gets_no_event, a_descriptor_that_cannot_be_watched_is_an_error};
    const TTest *const signals[] = {a_signal_ends_the_run_and_stays, a_signal_can_be_polled_and_the_first_counts,
                                    a_loop_without_signals_leaves_them_pending};
    suite_add(suite, "timers", timers, COUNT(timers));
    suite_add(suite, "ends", ends, COUNT(ends));
    suite_add(suite, "watches", watches, COUNT(watches));
    suite_add(suite, "signals", signals, COUNT(signals));
    return suite;
}

SUITE_MAIN(make_suite)
