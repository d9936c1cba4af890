/* The parts of timelines and sizing that are pure: packets as they lie on the wire, phases, steps of an axis, predictions, middles. */
#include "suite.h"

#include "backlogctl/capture.h"
#include "backlogctl/judge.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

/* ---- Packets ---- */

/* A SYN from 127.0.0.1:40000 to 127.0.0.1:80 with the options MSS and Fast Open (a cookie of four bytes), and two bytes of data. */
static const unsigned char syn4[] = {
    0x45, 0, 0, 54, 0, 0,    0x40,   0,    64,   6, 0, 0, 127, 0, 0, 1,    127,  0,  0, 1, 0x9c, 0x40, 0, 80, 0, 0,   0,
    1,    0, 0, 0,  0, 0x80, TH_SYN, 0xff, 0xff, 0, 0, 0, 0,   2, 4, 0xff, 0xd7, 34, 6, 1, 2,    3,    4, 1,  0, 'h', 'i',
};
/* An ACK from [::1]:80 to [::1]:40000 without data. */
static const unsigned char ack6[] = {
    0x60, 0, 0, 0, 0, 20, 6, 64, 0, 0, 0, 0,  0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0,    1,      0,    0,    0, 0, 0, 0,
    0,    0, 0, 0, 0, 0,  0, 0,  0, 1, 0, 80, 0x9c, 0x40, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, TH_ACK, 0xff, 0xff, 0, 0, 0, 0,
};

START_TEST(packets_are_read)
{
    struct packet p;
    char text[ENDPOINT_TEXT_SIZE];
    ck_assert(packet_parse(syn4, sizeof syn4, &p));
    ck_assert_str_eq(endpoint_text(&p.from, text), "127.0.0.1:40000");
    ck_assert_str_eq(endpoint_text(&p.to, text), "127.0.0.1:80");
    ck_assert_int_eq(p.flags, TH_SYN);
    ck_assert_int_eq(p.payload, 2);
    ck_assert(p.cookie);
    ck_assert(packet_parse(ack6, sizeof ack6, &p));
    ck_assert_str_eq(endpoint_text(&p.to, text), "[::1]:40000");
    ck_assert_int_eq(p.flags, TH_ACK);
    ck_assert_int_eq(p.payload, 0);
    ck_assert(!p.cookie);
}
END_TEST

/* Cut anywhere, or with any byte changed, nothing is read that is not there: the sanitizers watch. */
START_TEST(broken_packets_are_harmless)
{
    const unsigned char *const whole[] = {syn4, ack6};
    const size_t sizes[] = {sizeof syn4, sizeof ack6};
    struct packet p;
    for (size_t w = 0; w < 2; w++)
        for (size_t length = 0; length <= sizes[w]; length++) {
            unsigned char *copy = malloc(length ? length : 1);
            memcpy(copy, whole[w], length);
            bool read = packet_parse(copy, length, &p);
            ck_assert_msg(!read || length >= (w ? 60u : 40u), "read %zu bytes", length);
            for (size_t i = 0; i < length; i++)
                for (int value = 0; value < 256; value += 5) {
                    copy[i] = (unsigned char)value;
                    packet_parse(copy, length, &p);
                    copy[i] = whole[w][i];
                }
            free(copy);
        }
}
END_TEST

/* ---- Predictions ---- */

#define MS NSEC_PER_MSEC
#define S NSEC_PER_SEC

static const struct {
    const char *name;
    struct load load;
    bool overload, cut;
    uint64_t longest;
    nsec emptied;
} loads[] = {
    {"a burst", {.arrivals.burst = 200, .arrivals.every = S, .accept_delay = MS}, false, false, 200, 200 * MS},
    {"a burst and a quick server", {.arrivals.burst = 10, .arrivals.every = S}, false, false, 10, 0},
    {"a burst that is too much", {.arrivals.burst = 200, .arrivals.every = 100 * MS, .accept_delay = MS}, true, false, 0, 0},
    {"just too much", {.arrivals.burst = 1000, .arrivals.every = S, .accept_delay = MS}, true, false, 0, 0},
    {"evenly", {.arrivals.rate = 500, .accept_delay = MS}, false, false, 1, 2001 * MS},
    {"evenly, too many", {.arrivals.rate = 1001, .accept_delay = MS}, true, false, 0, 0},
    {"a stall", {.arrivals.rate = 1000, .stall = 100 * MS, .stall_every = S}, false, false, 101, 100 * MS},
    {"a stall once", {.arrivals.burst = 5, .arrivals.every = 10 * MS, .stall = 100 * MS}, false, false, 55, 100 * MS},
    {"it always stalls", {.arrivals.rate = 1, .stall = S, .stall_every = S}, true, false, 0, 0},
    {"stalls leave too little",
     {.arrivals.rate = 600, .accept_delay = MS, .stall = 500 * MS, .stall_every = S},
     true,
     false,
     0,
     0},
};

START_TEST(loads_are_predicted)
{
    struct prediction p;
    judge_predict(&loads[_i].load, &p);
    ck_assert_msg(p.overload == loads[_i].overload, "%s: overload", loads[_i].name);
    ck_assert_msg(p.longest == loads[_i].longest, "%s: longest %lu", loads[_i].name, (unsigned long)p.longest);
    ck_assert_msg(p.cut == loads[_i].cut, "%s: cut", loads[_i].name);
    ck_assert_msg(p.emptied == loads[_i].emptied, "%s: emptied %ld", loads[_i].name, (long)p.emptied);
}
END_TEST

/* ---- Middles ---- */

START_TEST(middles_are_found)
{
    struct trial trials[] = {
        {.done = true, .outcome = OUTCOME_HELD, .counts[VERDICT_LOST] = 5, .accepted_p99 = NSEC_NEVER},
        {.done = true, .outcome = OUTCOME_HELD, .counts[VERDICT_LOST] = 1, .accepted_p99 = 7, .overflows = {true, 3, 3}},
        {.done = true, .outcome = OUTCOME_HELD, .counts[VERDICT_LOST] = 1, .accepted_p99 = 9, .overflows = {true, 2, 4}},
        {.done = true, .error = 1, .counts[VERDICT_LOST] = 100},
        {.done = false, .counts[VERDICT_LOST] = 100},
    };
    struct middle middles[1][SWEEP_MEASURE_COUNT];
    struct sweep sweep = {.repeat = COUNT(trials), .trials = trials, .cells = 1, .middles = middles};
    judge_sweep(&sweep);
    ck_assert_uint_eq(sweep.done, 4);
    ck_assert_uint_eq(sweep.failed, 1);
    ck_assert_int_eq(sweep.outcome, OUTCOME_HELD);
    const struct middle *lost = &middles[0][VERDICT_LOST], *p99 = &middles[0][SWEEP_P99], *drops = &middles[0][SWEEP_DROPS];
    ck_assert(lost->known && lost->least == 1 && lost->median == 1 && lost->greatest == 5);
    ck_assert(p99->known && p99->least == 7 && p99->median == 7 && p99->greatest == 9);
    ck_assert(drops->known && drops->median == 3 && drops->greatest == 4);
    trials[0].outcome = OUTCOME_FAILED;
    judge_sweep(&sweep);
    ck_assert_int_eq(sweep.outcome, OUTCOME_FAILED);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {packets_are_read, broken_packets_are_harmless, middles_are_found};
    Suite *suite = suite_create("timeline parts");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *rows = tcase_create("rows");
    tcase_add_loop_test(rows, loads_are_predicted, 0, COUNT(loads));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
