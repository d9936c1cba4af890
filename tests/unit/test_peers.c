/* What an accept of our own server says of a connection whose last look is over. */
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

static Suite *make_suite(void)
{
    Suite *suite = suite_create("peers");
    TCase *tcase = tcase_create("accepts");
    tcase_add_loop_test(tcase, accepts_agree_with_the_last_look, 0, COUNT(rows));
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN(make_suite)
