/* What an accept of our own server says of a connection whose last look is over, and what the length of a queue says of many. */
#include "suite.h"

#include "backlogctl/judge.h"
#include "backlogctl/peers.h"

#define US NSEC_PER_USEC
#define EPOCH (5 * NSEC_PER_SEC)
#define END (1000 * US)

static const struct {
    const char *name;
    enum peer peer;
    nsec established, sighted, at;
    nsec established_then, accepted;
    enum verdict verdict;
} rows[] = {
    {"the sighting gives way to the exact time", PEER_ACCEPTED, 10 * US, 900 * US, 50 * US, 10 * US, 50 * US, VERDICT_CONNECTED},
    {"the client learned of it late", PEER_ACCEPTED, 80 * US, 900 * US, 50 * US, 50 * US, 50 * US, VERDICT_CONNECTED},
    {"the accept was noted after the look", PEER_ACCEPTED, 10 * US, 990 * US, 1001 * US, 10 * US, 1001 * US, VERDICT_CONNECTED},
    {"accepted, then closed", PEER_CLOSED, 10 * US, 900 * US, 50 * US, 10 * US, 50 * US, VERDICT_CONNECTED},
    {"the look found it in the queue", PEER_QUEUED, 10 * US, NSEC_NEVER, 990 * US, 10 * US, NSEC_NEVER, VERDICT_QUEUED},
    {"and so did it long before", PEER_QUEUED, 10 * US, NSEC_NEVER, 5000 * US, 10 * US, NSEC_NEVER, VERDICT_QUEUED},
    {"half-open until the end", PEER_SYN_RECV, 10 * US, NSEC_NEVER, 5000 * US, 10 * US, NSEC_NEVER, VERDICT_HALF_OPEN},
    {"nobody could look", PEER_UNKNOWN, 10 * US, NSEC_NEVER, 50 * US, 10 * US, 50 * US, VERDICT_CONNECTED},
    {"nobody could look, and it came later", PEER_UNKNOWN, 10 * US, NSEC_NEVER, 5000 * US, 10 * US, NSEC_NEVER,
     VERDICT_ESTABLISHED},
    {"all was over when the look came", PEER_ABSENT, 10 * US, NSEC_NEVER, 50 * US, 10 * US, 50 * US, VERDICT_CONNECTED},
};

START_TEST(accepts_agree_with_the_last_look)
{
    struct attempt attempt = {.id = 1,
                              .established = rows[_i].established,
                              .accepted = rows[_i].sighted,
                              .age_ms = -1,
                              .state = STATE_ESTABLISHED,
                              .peer = (uint8_t)rows[_i].peer};
    struct server_accept client = {.peer = {.family = AF_INET, .port = 40000, .bytes = {127, 0, 0, 1}},
                                   .at = EPOCH + rows[_i].at};
    static struct run run;
    struct error err = {0};
    run.target_count = run.connection_count = 1;
    run.targets[0] = (struct target){.local = true,
                                     .looked = true,
                                     .address = {.family = AF_INET, .port = 80, .bytes = {127, 0, 0, 1}},
                                     .before = {.known = true},
                                     .after = {.known = true},
                                     .attempts = &attempt,
                                     .attempt_count = 1};
    run.targets[0].bound = run.targets[0].address;
    attempt_set_source(&run.targets[0], &attempt, &client.peer);
    ck_assert_int_eq(peers_note_accepts(&run.targets[0], &client, 1, EPOCH, END, &err), 0);
    judge_run(&run);
    ck_assert_msg(attempt.established == rows[_i].established_then, "%s: established %ld", rows[_i].name,
                  (long)attempt.established);
    ck_assert_msg(attempt.accepted == rows[_i].accepted, "%s: accepted %ld", rows[_i].name, (long)attempt.accepted);
    ck_assert_msg(attempt.verdict == rows[_i].verdict, "%s: %s", rows[_i].name, verdict_name((enum verdict)attempt.verdict));
}
END_TEST

/* ---- By the length of the queue ---- */

static const struct {
    const char *name;
    size_t connected, silent;
    uint64_t before, after;
    uint32_t members;
    bool gone, filled;
} queues[] = {
    {"all are in it", 256, 0, 0, 256, 1, false, true},
    {"beside those that were there, and some without an answer", 300, 40, 7, 307, 1, false, true},
    {"one was accepted", 300, 0, 7, 306, 1, false, false},
    {"one is another's", 300, 0, 7, 308, 1, false, false},
    {"it is shorter than it was", 300, 0, 500, 0, 1, false, false},
    {"they are few", 255, 0, 0, 255, 1, false, false},
    {"of a group", 300, 0, 0, 300, 2, false, false},
    {"the listener has gone", 300, 0, 0, 300, 1, true, false},
};

START_TEST(the_queue_tells_who_is_in_it)
{
    static struct attempt attempts[512];
    size_t count = queues[_i].connected + queues[_i].silent;
    for (size_t i = 0; i < count; i++)
        attempts[i] = (struct attempt){.established = NSEC_NEVER, .accepted = NSEC_NEVER, .state = STATE_SYN_SENT};
    for (size_t i = 0; i < queues[_i].connected; i++)
        attempts[i].established = 10 * US, attempts[i].state = STATE_ESTABLISHED;
    struct target target = {
        .before = {.known = true, .queue = queues[_i].before, .members = queues[_i].members},
        .after = {.known = true, .queue = queues[_i].after, .members = queues[_i].members},
        .listener_gone = queues[_i].gone,
        .attempts = attempts,
        .attempt_count = count,
    };
    ck_assert_msg(peers_fill_the_queue(&target, clock_now() - END) == queues[_i].filled, "%s", queues[_i].name);
    ck_assert_msg(target.grown == queues[_i].filled && target.looked == queues[_i].filled, "%s", queues[_i].name);
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(attempts[i].peer, queues[_i].filled && i < queues[_i].connected ? PEER_QUEUED : PEER_UNKNOWN);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("peers");
    TCase *tcase = tcase_create("accepts");
    tcase_add_loop_test(tcase, accepts_agree_with_the_last_look, 0, COUNT(rows));
    tcase_add_loop_test(tcase, the_queue_tells_who_is_in_it, 0, COUNT(queues));
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN(make_suite)
