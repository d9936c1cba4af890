/* What is made of a survey: remarks, expectations, measurements judged, AF_UNIX messages read, cells and labels written. */
#include "sample_run.h"
#include "suite.h"

#include "backlogctl/judge.h"
#include "backlogctl/listener.h"
#include "backlogctl/report.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdio.h>
#include <string.h>

/* ---- Remarks ---- */

#define BIT(remark) (1u << REMARK_##remark)

/* The network namespace counted as many overflows as the listener discarded packets, unless the row says otherwise. */
static const struct {
    uint64_t queue, backlog, discarded;
    uint32_t oldest_ms;
    bool oldest_known;
    int64_t somaxconn;
    uint32_t remarks;
    bool benign; /* nothing overflowed in the namespace */
    uint32_t half_open, closed, vanished;
    bool unmoved;
} remarks[] = {
    {0, 512, 0, 0, false, 4096, 0},
    {512, 512, 0, 0, false, 4096, 0}, /* there is room for one more */
    {513, 512, 0, 0, false, 4096, BIT(FULL)},
    {513, 512, 1, 0, false, 4096, BIT(FULL) | BIT(DROPPING)},
    {513, 512, 1, 0, false, 4096, BIT(FULL), .benign = true},
    {512, 512, 1, 0, false, 4096, BIT(MAY_HAVE_DROPPED)},
    {0, 512, 200, 0, false, 4096, 0, .benign = true}, /* TCP_DEFER_ACCEPT, resets of requests */
    {1, 512, 0, NOT_ACCEPTING_MS - 1, true, 4096, 0},
    {1, 512, 0, NOT_ACCEPTING_MS, true, 4096, BIT(NOT_ACCEPTING)},
    {1, 512, 0, NOT_ACCEPTING_MS, false, 4096, 0},
    {0, 512, 0, NOT_ACCEPTING_MS, true, 4096, 0}, /* it was taken in between the two looks */
    {0, 128, 0, 0, false, 128, BIT(CLAMPED)},
    {0, 128, 0, 0, false, -1, 0},
    {0, 128, 0, 0, false, 65535, BIT(OLD_LIMIT)},
    {0, SMALL_BACKLOG, 0, 0, false, 4096, 0},
    {0, SMALL_BACKLOG - 1, 0, 0, false, 4096, BIT(SMALL)},
    {1, 0, 7, 2000, true, 0, BIT(FULL) | BIT(DROPPING) | BIT(NOT_ACCEPTING) | BIT(CLAMPED)},
    {48, 0, 0, 0, false, 4096, BIT(FULL) | BIT(LOWERED)},
    {17, 512, 0, 0, false, 4096, BIT(GIVEN_UP) | BIT(NOT_ACCEPTING), .vanished = 17, .unmoved = true},
    {17, 512, 0, 0, false, 4096, BIT(GIVEN_UP), .vanished = 3},
    {17, 512, 0, 0, false, 4096, BIT(GIVEN_UP), .closed = 1},
    {0, 512, 0, 0, false, 4096, 0, .half_open = 512},
    {0, 512, 0, 0, false, 4096, BIT(SYN_QUEUE_FULL), .half_open = 513},
};

START_TEST(remarks_rest_on_figures)
{
    struct netns_facts netns = {.somaxconn = remarks[_i].somaxconn, .counters.known = true};
    netns.overflows_after = remarks[_i].benign ? 0 : remarks[_i].discarded;
    struct listener one = {.queue = remarks[_i].queue,
                           .capacity = remarks[_i].backlog + 1,
                           .half_open = remarks[_i].half_open,
                           .half_open_known = true,
                           .waiting_known = true,
                           .closed = remarks[_i].closed,
                           .vanished = remarks[_i].vanished,
                           .unmoved = remarks[_i].unmoved,
                           .backlog = remarks[_i].backlog,
                           .discarded = remarks[_i].discarded,
                           .discarded_known = true,
                           .oldest_ms = remarks[_i].oldest_ms,
                           .oldest_known = remarks[_i].oldest_known};
    judge_listener(&one, &netns);
    ck_assert_uint_eq(one.remarks, remarks[_i].remarks);
    one.discarded_known = false;
    judge_listener(&one, NULL);
    ck_assert_uint_eq(one.remarks,
                      remarks[_i].remarks & ~(BIT(DROPPING) | BIT(MAY_HAVE_DROPPED) | BIT(CLAMPED) | BIT(OLD_LIMIT)));
}
END_TEST

/* ---- Expectations ---- */

static struct listener two[2] = {
    {.known = true,
     .queue = 3,
     .backlog = 10,
     .capacity = 11,
     .discarded = 5,
     .discarded_known = true,
     .half_open_known = true,
     .waiting_known = true},
    {.known = true, .kind = KIND_UNIX_STREAM, .queue = 0, .backlog = 20, .capacity = 21},
};

static const struct {
    size_t count; /* of the listeners above */
    struct expectation e;
    bool ok, known;
    int64_t seen;
    size_t broken, broken_by;
    bool open; /* and not failed */
    const char *incomplete;
} expectations[] = {
    {2, {.measure = MEASURE_BACKLOG, .compare = COMPARE_GE, .expected = 10}, true, false, 0, 0, 0},
    {2, {.measure = MEASURE_BACKLOG, .compare = COMPARE_GE, .expected = 11}, false, true, 10, 1, 0},
    {2, {.measure = MEASURE_BACKLOG, .compare = COMPARE_LE, .expected = 10}, false, true, 20, 1, 1},
    {2, {.measure = MEASURE_QUEUE, .compare = COMPARE_GT, .expected = 5}, false, true, 3, 2, 0},
    {2, {.measure = MEASURE_PERCENT, .compare = COMPARE_LT, .expected = 28}, true, false, 0, 0, 0},
    /* It discarded 5, and 4 overflowed in the namespace: who knows how many of them at listeners that have gone. AF_UNIX drops nothing. */
    {2, {.measure = MEASURE_DROPS, .compare = COMPARE_LE, .expected = 4}, true, false, 0, 0, 0},
    {2, {.measure = MEASURE_DROPS, .compare = COMPARE_EQ, .expected = 0}, false, true, 0, 1, 0, true},
    {2, {.measure = MEASURE_DROPS, .compare = COMPARE_GE, .expected = 5}, false, true, 0, 1, 0},
    {2, {.measure = MEASURE_DISCARDED, .compare = COMPARE_EQ, .expected = 5}, true, false, 0, 0, 0},
    {2, {.measure = MEASURE_HALF_OPEN, .compare = COMPARE_EQ, .expected = 0}, true, false, 0, 0, 0},
    {2, {.measure = MEASURE_OLDEST, .compare = COMPARE_EQ, .expected = 0}, true, false, 0, 0, 0},
    {2, {.measure = MEASURE_LISTENERS, .compare = COMPARE_EQ, .expected = 2}, true, true, 2, 0, 0},
    {0, {.measure = MEASURE_LISTENERS, .compare = COMPARE_EQ, .expected = 0}, true, true, 0, 0, 0},
    {0, {.measure = MEASURE_BACKLOG, .compare = COMPARE_GE, .expected = 0}, false, false, 0, 0, 0},
    /* Nobody was seen, but not all were: there may be some. */
    {0, {.measure = MEASURE_LISTENERS, .compare = COMPARE_EQ, .expected = 0}, false, false, 0, 0, 0, true, "interrupted"},
    {0, {.measure = MEASURE_BACKLOG, .compare = COMPARE_GE, .expected = 0}, false, false, 0, 0, 0, true, "interrupted"},
};

START_TEST(expectations_hold_for_every_listener)
{
    struct netns_facts netns = {.somaxconn = 4096, .discarded = 5, .overflows_after = 4, .counters = {.known = true}};
    netns.counters.value[COUNTER_LISTEN_DROPS] = 12;
    struct survey survey = {.listeners = two,
                            .count = expectations[_i].count,
                            .namespaces = &netns,
                            .namespace_count = 1,
                            .expectations = {expectations[_i].e},
                            .expectation_count = 1};
    snprintf(survey.incomplete, sizeof survey.incomplete, "%s", expectations[_i].incomplete ? expectations[_i].incomplete : "");
    judge_survey(&survey);
    const struct expectation *e = &survey.expectations[0];
    enum expectation_outcome outcome = expectations[_i].ok ? OUTCOME_HELD : expectations[_i].open ? OUTCOME_OPEN : OUTCOME_FAILED;
    ck_assert_int_eq(e->outcome, outcome);
    ck_assert_int_eq(survey.outcome, outcome);
    ck_assert_int_eq(e->seen_known, expectations[_i].known);
    ck_assert_int_eq(e->seen, expectations[_i].seen);
    ck_assert_uint_eq(e->broken, expectations[_i].broken);
    ck_assert_uint_eq(e->broken_by, expectations[_i].broken_by);
    ck_assert_uint_eq(netns.drops_gone, 7);
    ck_assert(!expectations[_i].count || two[0].percent == 27);
}
END_TEST

START_TEST(measurements_are_judged)
{
    struct measurement m = {.listener = two[0], .held = 11, .full = true, .served = 0, .expectation_count = 1};
    m.expectations[0] = (struct expectation){.measure = MEASURE_CAPACITY, .compare = COMPARE_EQ, .expected = 11};
    judge_measurement(&m);
    ck_assert(m.exact && m.outcome == OUTCOME_HELD && m.expectations[0].outcome == OUTCOME_HELD);
    m.served = NSEC_NEVER; /* it holds what it should, and serves no more */
    judge_measurement(&m);
    ck_assert(m.exact && m.outcome == OUTCOME_FAILED);
    m.untried = true; /* or perhaps it does: that could not be tried */
    judge_measurement(&m);
    ck_assert(m.exact && m.outcome == OUTCOME_OPEN);
    m.untried = false;
    m.served = 0;
    m.held = 10;
    judge_measurement(&m);
    ck_assert(!m.exact && m.outcome == OUTCOME_FAILED && m.expectations[0].seen == 10);
    m.held = 11;
    m.full = false; /* eleven were counted, but it might have held more */
    judge_measurement(&m);
    ck_assert(!m.exact && m.outcome == OUTCOME_FAILED && !m.expectations[0].seen_known);
}
END_TEST

START_TEST(two_of_a_moment_are_let_in)
{
    struct measurement m = {.listener = two[0], .held = 12, .full = true, .served = 0, .processors = 2, .expectation_count = 1};
    m.expectations[0] = (struct expectation){.measure = MEASURE_CAPACITY, .compare = COMPARE_GE, .expected = 11};
    judge_measurement(&m);
    ck_assert(!m.exact && m.beside == 1 && m.outcome == OUTCOME_HELD);
    m.expectations[0].compare = COMPARE_EQ; /* whichever of the two it was */
    judge_measurement(&m);
    ck_assert(m.outcome == OUTCOME_OPEN && m.expectations[0].seen == 11 && m.expectations[0].seen_max == 12);
    m.held = 13; /* more than can be on their way in beside one another */
    judge_measurement(&m);
    ck_assert(!m.beside && m.outcome == OUTCOME_FAILED);
    m.held = 12;
    m.listener.kind = KIND_UNIX_STREAM; /* whose kernel has a lock around it */
    judge_measurement(&m);
    ck_assert(!m.beside && m.outcome == OUTCOME_FAILED);
}
END_TEST

/* ---- AF_UNIX messages ---- */

struct message {
    struct nlmsghdr header;
    struct unix_diag_msg fixed;
    char attributes[320];
};

static void put_attribute(struct message *m, uint16_t type, const void *payload, size_t size)
{
    struct nlattr attribute = {.nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type};
    char *at = (char *)m + m->header.nlmsg_len;
    memcpy(at, &attribute, sizeof attribute);
    memcpy(at + NLA_HDRLEN, payload, size);
    m->header.nlmsg_len += (uint32_t)NLA_ALIGN(attribute.nla_len);
}

static void make_message(struct message *m, const char *name, size_t size)
{
    struct unix_diag_rqlen lengths = {3, 7};
    uint32_t uid = 1000;
    *m = (struct message){.header = {.nlmsg_len = NLMSG_HDRLEN + sizeof m->fixed, .nlmsg_type = SOCK_DIAG_BY_FAMILY},
                          .fixed = {.udiag_family = AF_UNIX,
                                    .udiag_type = SOCK_SEQPACKET,
                                    .udiag_state = STATE_LISTEN,
                                    .udiag_ino = 99,
                                    .udiag_cookie = {5, 1}}};
    put_attribute(m, UNIX_DIAG_NAME, name, size);
    put_attribute(m, UNIX_DIAG_RQLEN, &lengths, sizeof lengths);
    put_attribute(m, UNIX_DIAG_UID, &uid, sizeof uid);
}

START_TEST(unix_messages_are_read)
{
    static const struct {
        const char *name;
        size_t size;
        const char *path;
        const char *shown;
    } names[] = {{"/run/a", 7, "/run/a", "/run/a"},
                 {"/run/a", 6, "/run/a", "/run/a"},
                 {"\0hidden", 7, "@hidden", "@hidden"},
                 {"\0a\0b", 4, "@a" ENDPOINT_NUL "b", "@a" ENDPOINT_NUL "b"},
                 {"/a\033[31m", 7, "/a\033[31m", "/a\033[31m"},
                 {"/\xff?", 3, "/\xff?", "/\xff?"},
                 {"@file", 5, "./@file", "./@file"},
                 {"", 0, "", "(no name)"}};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct message m;
        struct unix_listener one;
        make_message(&m, names[i].name, names[i].size);
        ck_assert_int_eq(unix_parse(&m, m.header.nlmsg_len, &one), 0);
        ck_assert_str_eq(one.path, names[i].path);
        char shown[REPORT_PLACE_SIZE];
        struct listener listener = listener_of_unix(&one);
        ck_assert_str_eq(report_place(&listener, shown), names[i].shown);
        ck_assert(one.has_queue && one.queue == 3 && one.backlog == 7 && one.inode == 99 && one.uid == 1000);
        ck_assert_int_eq(one.type, SOCK_SEQPACKET);
        ck_assert_uint_eq(one.cookie, UINT64_C(1) << 32 | 5);
    }
}
END_TEST

/* Cut anywhere, or with any byte wrong: an answer or a refusal, and nothing read beyond (the sanitizers look). */
START_TEST(mangled_unix_messages_do_no_harm)
{
    struct message whole;
    char longest[UNIX_NAME_SIZE + 20];
    memset(longest, 'x', sizeof longest);
    make_message(&whole, longest, sizeof longest);
    struct unix_listener one;
    ck_assert_int_eq(unix_parse(&whole, whole.header.nlmsg_len, &one), 0);
    ck_assert_uint_eq(strlen(one.path), UNIX_NAME_SIZE - strlen(ENDPOINT_NUL));
    for (size_t length = 0; length < whole.header.nlmsg_len; length++) {
        char *cut = malloc(length ? length : 1);
        memcpy(cut, &whole, length);
        int status = unix_parse(cut, length, &one);
        ck_assert_int_eq(status, length < NLMSG_HDRLEN + sizeof whole.fixed ? -EBADMSG : 0);
        free(cut);
    }
    for (size_t at = 0; at < whole.header.nlmsg_len; at++)
        for (int value = 0; value < 256; value += 5) {
            struct message wrong = whole;
            ((unsigned char *)&wrong)[at] = (unsigned char)value;
            unix_parse(&wrong, whole.header.nlmsg_len, &one);
            ck_assert_uint_lt(strnlen(one.path, sizeof one.path), sizeof one.path);
        }
    whole.fixed.udiag_state = STATE_ESTABLISHED;
    ck_assert_int_eq(unix_parse(&whole, whole.header.nlmsg_len, &one), -ENOENT);
}
END_TEST

/* ---- Text ---- */

START_TEST(every_column_has_something_to_say)
{
    struct netns_facts netns = {.ours = true, .somaxconn = 4096};
    struct listener one = two[0];
    one.local = (struct endpoint){.family = AF_INET, .port = 80, .bytes = {10, 0, 0, 1}};
    struct survey survey = {.listeners = &one, .count = 1, .namespaces = &netns, .namespace_count = 1};
    judge_survey(&survey);
    for (enum figure_id f = 0; f < FIGURE_COUNT; f++) {
        if (!figures[f].column.head)
            continue;
        struct list_view view = {.columns = {(uint8_t)f}, .count = 1};
        FILE *out = catch_begin();
        report_survey_text(out, &survey, &view, &(struct report_style){0});
        char *text = catch_end(out);
        const char *cell = strchr(text, '\n');
        ck_assert_msg(cell && cell[1 + strspn(cell + 1, " ")] > ' ', "%s: %s", figure_column_name(f), text);
        free(text);
        ck_assert_int_eq(figure_find_column(figure_column_name(f)), (int)f);
        ck_assert_int_eq(report_compare(f, &one, &one), 0);
    }
    ck_assert_int_eq(figure_find_column("half-open"), FIGURE_HALF_OPEN);
    ck_assert_int_eq(figure_find_column("nonsense"), -1);
    ck_assert_int_eq(figure_find_column("family"), -1); /* a member of JSON only */
}
END_TEST

/* Sysctls are told once; of the others what differs and what was counted. */
START_TEST(namespaces_that_do_not_differ_share_a_line)
{
    struct netns_facts list[6];
    for (size_t i = 0; i < COUNT(list); i++)
        list[i] = (struct netns_facts){.inode = 100 + i, .somaxconn = 4096, .tcp_syncookies = 1, .counters.known = true};
    list[2].somaxconn = 128;
    list[4].counters.value[COUNTER_LISTEN_DROPS] = 7;
    strcpy(list[4].name, "blue");
    list[5].counters.known = false;
    struct survey survey = {.namespaces = list, .namespace_count = COUNT(list)};
    FILE *out = catch_begin();
    report_survey_text(out, &survey, &(struct list_view){0}, &(struct report_style){.columns = 1000});
    char *text = catch_end(out);
    ck_assert_str_eq(
        text, "no listener\n\n"
              "5 of 6 network namespaces: somaxconn=4096, tcp_max_syn_backlog=0, tcp_syncookies=1, tcp_abort_on_overflow=0; "
              "in 3 of them since they were made: ListenOverflows 0, ListenDrops 0\n"
              "netns 102: somaxconn=128; since it was made: ListenOverflows 0, ListenDrops 0\n"
              "counted since they were made:\n"
              "netns 104 (blue): ListenOverflows 0, ListenDrops 7\n"
              "netns 105: ListenOverflows and ListenDrops cannot be read\n");
    free(text);
}
END_TEST

START_TEST(two_hundred_namespaces_are_told_in_a_few_lines)
{
    static struct netns_facts list[200];
    for (size_t i = 0; i < COUNT(list); i++)
        list[i] = (struct netns_facts){.inode = 1000 + i, .somaxconn = i % 50 ? 4096 : 128, .counters.known = true};
    list[7].counters.value[COUNTER_LISTEN_OVERFLOWS] = list[7].counters.value[COUNTER_LISTEN_DROPS] = 9;
    list[50].tcp_syncookies = -1;
    struct survey survey = {.namespaces = list, .namespace_count = COUNT(list)};
    FILE *out = catch_begin();
    report_survey_text(out, &survey, &(struct list_view){0}, &(struct report_style){.columns = 1000});
    char *text = catch_end(out);
    ck_assert_str_eq(text,
                     "no listener\n\n"
                     "196 of 200 network namespaces: somaxconn=4096, tcp_max_syn_backlog=0, tcp_syncookies=0, "
                     "tcp_abort_on_overflow=0; in 195 of them since they were made: ListenOverflows 0, ListenDrops 0\n"
                     "netns 1000, netns 1100, netns 1150: somaxconn=128; since they were made: ListenOverflows 0, ListenDrops 0\n"
                     "netns 1050: somaxconn=128, tcp_syncookies unknown; since it was made: ListenOverflows 0, ListenDrops 0\n"
                     "counted since they were made:\n"
                     "netns 1007: ListenOverflows 9, ListenDrops 9\n");
    free(text);
}
END_TEST

/* That it was lowered is certain of a queue that is longer than it may be, and else only possible. */
START_TEST(a_full_queue_without_backlog_is_explained)
{
    struct netns_facts netns = {.ours = true, .somaxconn = 4096};
    for (uint64_t backlog = 0; backlog < 2; backlog++) {
        struct listener one = sample_listener(backlog, backlog + 1, 0);
        struct survey survey = {.listeners = &one, .count = 1, .namespaces = &netns, .namespace_count = 1};
        judge_survey(&survey);
        FILE *out = catch_begin();
        report_survey_text(out, &survey, &(struct list_view){0}, &(struct report_style){.columns = 400});
        char *text = catch_end(out);
        assert_has(text, "The accept queue is full");
        ck_assert_int_eq(strstr(text, "A backlog of 0 was") != NULL, backlog == 0);
        free(text);
    }
}
END_TEST

START_TEST(labels_are_escaped)
{
    struct netns_facts netns = {.ours = true, .somaxconn = 4096};
    struct listener one = two[1];
    strcpy(one.path, "/a\"b\\c");
    struct survey survey = {.listeners = &one, .count = 1, .namespaces = &netns, .namespace_count = 1};
    FILE *out = catch_begin();
    report_survey_prometheus(out, &survey);
    char *text = catch_end(out);
    ck_assert_msg(strstr(text, "listener=\"/a\\\"b\\\\c\"") != NULL, "%s", text);
    ck_assert_ptr_null(strstr(text, "listener_discarded_total{")); /* AF_UNIX has none */
    free(text);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {measurements_are_judged,
                                  two_of_a_moment_are_let_in,
                                  unix_messages_are_read,
                                  mangled_unix_messages_do_no_harm,
                                  every_column_has_something_to_say,
                                  namespaces_that_do_not_differ_share_a_line,
                                  two_hundred_namespaces_are_told_in_a_few_lines,
                                  a_full_queue_without_backlog_is_explained,
                                  labels_are_escaped};
    Suite *suite = suite_create("survey");
    TCase *tcase = tcase_create("rows");
    tcase_add_loop_test(tcase, remarks_rest_on_figures, 0, COUNT(remarks));
    tcase_add_loop_test(tcase, expectations_hold_for_every_listener, 0, COUNT(expectations));
    suite_add_tcase(suite, tcase);
    suite_add(suite, "plain", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN(make_suite)
