/* The table of causes: one row a world, and the causes that it leaves; then the times of repeated SYNs. */
#include "suite.h"

#include "backlogctl/judge.h"

struct world {
    bool remote, alone, unknown; /* unknown: neither counters nor sysctls nor conntrack could be read */
    uint64_t discarded, overflows, deferred, no_room;
    bool aborts, tracked, translated_not, accepted, gone;
};

#define C(cause) (1u << CAUSE_##cause)

static const struct {
    const char *name;
    struct world world;
    enum symptom symptom;
    uint32_t causes;
} rows[] = {
    {"half open, nothing counted", {0}, SYMPTOM_HALF_OPEN, C(ACK_LOST)},
    {"half open, deferred", {.discarded = 1, .deferred = 1}, SYMPTOM_HALF_OPEN, C(DEFER_ACCEPT) | C(ACK_LOST)},
    {"half open, overflows", {.discarded = 2, .overflows = 1}, SYMPTOM_HALF_OPEN, C(FULL_QUEUE) | C(ACK_LOST)},
    {"half open, overflows of another listener", {.overflows = 1}, SYMPTOM_HALF_OPEN, C(ACK_LOST)},
    {"half open, overflows, in a lab", {.alone = true, .discarded = 2, .overflows = 1}, SYMPTOM_HALF_OPEN, C(FULL_QUEUE)},
    {"half open on another host", {.remote = true}, SYMPTOM_HALF_OPEN, C(FULL_QUEUE) | C(DEFER_ACCEPT) | C(ACK_LOST)},
    {"half open, nothing known", {.unknown = true}, SYMPTOM_HALF_OPEN, C(FULL_QUEUE) | C(DEFER_ACCEPT) | C(ACK_LOST)},
    {"reset", {0}, SYMPTOM_RESET, C(SERVER_RESET)},
    {"reset by an overflow", {.aborts = true, .overflows = 1}, SYMPTOM_RESET, C(SERVER_RESET) | C(ABORT_ON_OVERFLOW)},
    {"reset, and nothing overflowed", {.aborts = true}, SYMPTOM_RESET, C(SERVER_RESET)},
    {"reset once accepted", {.aborts = true, .overflows = 1, .accepted = true}, SYMPTOM_RESET, C(SERVER_RESET)},
    {"reset, the listener gone", {.gone = true}, SYMPTOM_RESET, C(SERVER_RESET) | C(CLOSED_LISTENER)},
    {"reset by another host", {.remote = true}, SYMPTOM_RESET, C(SERVER_RESET) | C(ABORT_ON_OVERFLOW) | C(CLOSED_LISTENER)},
    {"silence", {.translated_not = true}, SYMPTOM_SILENCE, C(FIREWALL)},
    {"silence, tracked", {.tracked = true}, SYMPTOM_SILENCE, C(FIREWALL) | C(TRANSLATION)},
    {"silence, tracked and not translated", {.tracked = true, .translated_not = true}, SYMPTOM_SILENCE, C(FIREWALL)},
    {"silence, overflows",
     {.discarded = 1, .overflows = 1, .translated_not = true},
     SYMPTOM_SILENCE,
     C(FULL_QUEUE) | C(LISTENER_FILTER) | C(FIREWALL)},
    {"silence, no room",
     {.discarded = 1, .no_room = 1, .translated_not = true},
     SYMPTOM_SILENCE,
     C(SYN_QUEUE) | C(LISTENER_FILTER) | C(FIREWALL)},
    {"silence, discarded for another reason",
     {.discarded = 1, .translated_not = true},
     SYMPTOM_SILENCE,
     C(LISTENER_FILTER) | C(FIREWALL)},
    {"silence in a lab", {.alone = true, .discarded = 1, .overflows = 1}, SYMPTOM_SILENCE, C(FULL_QUEUE)},
    {"elsewhere", {0}, SYMPTOM_ELSEWHERE, C(BELOW)},
    {"elsewhere, tracked", {.tracked = true}, SYMPTOM_ELSEWHERE, C(TRANSLATION) | C(BELOW)},
};

START_TEST(facts_to_causes)
{
    const struct world *w = &rows[_i].world;
    struct attempt reset = {.verdict = VERDICT_RESET, .accepted = w->accepted ? 5 : NSEC_NEVER};
    struct run run = {.private_namespace = w->alone, .alone = w->alone, .target_count = 1, .counters.known = !w->unknown};
    struct target *target = &run.targets[0];
    run.sysctls.abort_on_overflow = w->unknown ? -1 : w->aborts;
    run.sysctls.conntrack_count = w->tracked ? 3 : -1;
    run.counters.value[COUNTER_LISTEN_OVERFLOWS] = w->overflows;
    run.counters.value[COUNTER_DEFER_ACCEPT_DROP] = w->deferred;
    run.counters.value[COUNTER_REQ_QFULL_DROP] = w->no_room;
    *target = (struct target){.local = !w->remote,
                              .attempts = &reset,
                              .attempt_count = 1,
                              .discarded_known = !w->unknown,
                              .discarded = w->discarded,
                              .listener_gone = w->gone,
                              .translation = w->translated_not ? TRANSLATION_NONE : TRANSLATION_UNKNOWN};
    judge_causes(&run);
    ck_assert_msg(target->causes[rows[_i].symptom] == rows[_i].causes, "%s: %#x, not %#x", rows[_i].name,
                  target->causes[rows[_i].symptom], rows[_i].causes);
}
END_TEST

/* As measured with packets: see judge.h. */
static const struct {
    uint32_t retries, linear, count, times[12], gives_up;
} schedules[] = {
    {6, 4, 10, {1, 2, 3, 4, 5, 7, 11, 19, 35, 67}, 131},
    {6, 0, 6, {1, 3, 7, 15, 31, 63}, 127},
    {2, 0, 2, {1, 3}, 7},
    {0, 0, 0, {0}, 1},
    {8, 0, 8, {1, 3, 7, 15, 31, 63, 127, 247}, 367},
};

START_TEST(times_of_repeated_syns)
{
    uint32_t times[12], gives_up;
    size_t count = judge_syn_times(schedules[_i].retries, schedules[_i].linear, times, COUNT(times), &gives_up);
    ck_assert_uint_eq(count, schedules[_i].count);
    ck_assert_uint_eq(gives_up, schedules[_i].gives_up);
    for (size_t i = 0; i < count; i++)
        ck_assert_uint_eq(times[i], schedules[_i].times[i]);
    ck_assert_uint_eq(judge_syn_times(schedules[_i].retries, schedules[_i].linear, times, 1, &gives_up), count ? 1 : 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("causes");
    TCase *table = tcase_create("table rows");
    tcase_add_loop_test(table, facts_to_causes, 0, COUNT(rows));
    tcase_add_loop_test(table, times_of_repeated_syns, 0, COUNT(schedules));
    suite_add_tcase(suite, table);
    return suite;
}

SUITE_MAIN(make_suite)
