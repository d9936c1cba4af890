/* Reports of several hosts, made up so that what became of each connection is known, and real ones. */
#include "suite.h"

#include "backlogctl/vocabulary.h"

#include "report.h"
#include "servers.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/backlogctl-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    free(shell("rm -r '%s'", folder));
}

static const char *version(void)
{
    static char text[32];
    if (!*text) {
        struct outcome outcome = process_run((const char *[]){BACKLOGCTL, "--version", NULL}, NULL);
        ck_assert_int_eq(sscanf(outcome.out, "backlogctl %31s", text), 1);
        outcome_free(&outcome);
    }
    return text;
}

static char *path_of(const char *name)
{
    static char paths[8][128];
    static size_t next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    fclose(file);
}

/* What one report says; what is not given is that of everybody. */
struct share {
    unsigned index, of;
    const char *started_at, *version, *target, *start; /* --start-at; NULL: none */
    unsigned count;                                    /* --count of all */
    const char *rows;
    unsigned established, timed_out;
};

/* Two connections of 10.0.0.INDEX, and what a test adds. */
static char *host_text(const struct share *s)
{
    char *text;
    ck_assert_int_gt(
        asprintf(
            &text,
            "{\"schema\":\"backlogctl.probe/2\",\"version\":\"%s\",\"command\":\"probe\",\"host\":\"client%u\",\"kernel\":\"k\","
            "\"target\":{\"family\":\"ipv4\",\"address\":\"%s\",\"port\":80},\"options\":{\"count\":%u,\"timeout_us\":2000000,"
            "\"segment\":{\"index\":%u,\"of\":%u,\"count\":2}},\"started_at\":\"%s\",\"start\":%s,"
            "\"counts\":{\"established\":%u,\"timed_out\":%u},\"pace\":{\"took_us\":100,\"threads\":1},\"times\":{},"
            "\"connections\":[%s],\"last_look_us\":2000000,\"elapsed_us\":2000100,\"interrupted_by\":null,\"incomplete\":null}\n",
            s->version ? s->version : version(), s->index, s->target ? s->target : "10.9.9.9", s->count ? s->count : 4, s->index,
            s->of, s->started_at ? s->started_at : "2026-01-31T12:00:00.000000Z", s->start ? s->start : "null", s->established,
            s->timed_out, s->rows),
        0);
    return text;
}

static void write_host(const char *name, const struct share *s)
{
    char *text = host_text(s);
    write_file(name, text);
    free(text);
}

#define ROW(source, opened, established)                                                                                        \
    "{\"id\":1,\"source\":\"" source "\",\"verdict\":\"established\",\"reason\":\"remote\",\"evidence\":\"tcp_info\","          \
    "\"opened_us\":" #opened ",\"established_us\":" #established ",\"accepted_us\":null,\"age_us\":null,\"syn_retransmits\":0," \
    "\"error\":null}"
#define SILENT(source)                                                                                                  \
    "{\"id\":1,\"source\":\"" source "\",\"verdict\":\"timed_out\",\"reason\":\"no_answer\",\"evidence\":\"deadline\"," \
    "\"opened_us\":5,\"established_us\":null,\"accepted_us\":null,\"age_us\":null,\"syn_retransmits\":1,\"error\":null}"

static const struct share first = {.index = 1,
                                   .of = 2,
                                   .rows = ROW("10.0.0.1:1001", 10, 900) "," ROW("10.0.0.1:1002", 20, 950),
                                   .established = 2};
static const struct share second = {.index = 2,
                                    .of = 2,
                                    .rows = ROW("10.0.0.2:1001", 10, 900) "," ROW("10.0.0.2:1002", 20, 950),
                                    .established = 2};

/* It looked from a second before the burst until two seconds behind its end. */
#define SEEN(peer, state, entered, accepted, closed)                                                                  \
    "{\"listener\":0,\"peer\":\"" peer "\",\"local\":\"10.9.9.9:80\",\"state\":\"" state "\",\"entered_us\":" entered \
    ",\"accepted_us\":" accepted ",\"closed_us\":" closed ",\"evidence\":\"look\"}"
#define AT(min, max) "{\"min\":" #min ",\"max\":" #max "}"
#define BEGIN AT(1000000, 1004000)

static unsigned cookies_sent;

/* All of them, as the kernel has them. */
static char *counters_text(unsigned overflows)
{
    static char text[4096];
    size_t used = 0;
    for (enum counter c = 0; c < COUNTER_COUNT; c++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"%s\":%u", c ? "," : "", counter_name(c),
                                 c == COUNTER_SYNCOOKIES_SENT                                 ? cookies_sent
                                 : c == COUNTER_LISTEN_OVERFLOWS || c == COUNTER_LISTEN_DROPS ? overflows
                                                                                              : 0);
    return text;
}

static unsigned count_of(const char *rows, const char *state)
{
    unsigned count = 0;
    for (const char *at = strstr(rows, state); at; at = strstr(at + 1, state))
        count++;
    return count;
}

static void write_observer(const char *name, const char *rows, bool complete, unsigned discarded, unsigned overflows)
{
    char *text;
    ck_assert_int_gt(
        asprintf(&text,
                 "{\"schema\":\"backlogctl.observe/"
                 "1\",\"version\":\"%s\",\"host\":\"server\",\"started_at\":\"2026-01-31T11:59:59.000000Z\","
                 "\"listeners\":[{\"address\":\"0.0.0.0\",\"port\":80,\"backlog\":2,\"capacity\":3,\"cookie\":7,\"gone\":false,"
                 "\"pid\":1,\"process\":\"p\"}],"
                 "\"samples\":[{\"at_us\":0,\"listener\":0,\"queue\":0,\"discarded\":5},"
                 "{\"at_us\":1004000,\"listener\":0,\"queue\":3,\"discarded\":%u}],\"connections\":[%s],"
                 "\"counters\":{%s},\"complete\":%s,\"incomplete\":%s,"
                 "\"counts\":{\"half_open\":%u,\"queued\":%u,\"accepted\":%u,\"closed\":%u},"
                 "\"last_look_us\":5000000,\"elapsed_us\":5000100}\n",
                 version(), 5 + discarded, rows, counters_text(overflows), complete ? "true" : "false",
                 complete ? "null" : "\"events were lost\"", count_of(rows, "\"half_open\""), count_of(rows, "\"queued\""),
                 count_of(rows, "\"accepted\""), count_of(rows, "\"closed\"")),
        0);
    write_file(name, text);
    free(text);
}

static json_t *merged(const char *const *more, int status)
{
    const char *argv[24] = {BACKLOGCTL, "merge", "--json"};
    size_t count = 3;
    while (*more)
        argv[count++] = *more++;
    return report_of(argv, NULL, status);
}

static json_t *host_at(const json_t *report, size_t n)
{
    return json_array_get(json_object_get(json_object_get(report, "merged"), "hosts"), n);
}

static const char *verdict_at(const json_t *report, size_t n)
{
    return json_string_value(json_object_get(json_array_get(json_object_get(report, "connections"), n), "verdict"));
}

static void assert_trouble(const json_t *report, size_t n, const char *part)
{
    const char *trouble = json_string_value(json_object_get(host_at(report, n), "trouble"));
    ck_assert_msg(trouble && strstr(trouble, part), "the trouble of host %zu is %s, not %s", n, trouble, part);
}

/* ---- Both ends ---- */

START_TEST(each_end_tells_its_part)
{
    make_folder();
    write_host("a.json", &first);
    write_host("b.json", &second);
    /* A late ACK of the first, whose host has closed it, made another. The third was accepted when its client had gone: at the end of its
       patience it was in the queue. */
    write_observer("o.json",
                   SEEN("10.0.0.1:1001", "accepted", BEGIN, AT(1000000, 1010000), "null") "," SEEN(
                       "10.0.0.1:1001", "accepted", AT(3200000, 3210000), AT(3200000, 3210000),
                       "null") "," SEEN("10.0.0.1:1002", "queued", BEGIN, "null",
                                        "null") "," SEEN("10.0.0.2:1001", "closed", BEGIN, AT(3100000, 3110000),
                                                         AT(3100000, 3110000)) "," SEEN("10.0.0.2:1002", "half_open",
                                                                                        "{\"min\":null,\"max\":null}", "null",
                                                                                        "null") "," SEEN("10.7.7.7:1", "queued",
                                                                                                         BEGIN, "null", "null"),
                   true, 0, 0);
    json_t *report = merged((const char *[]){path_of("o.json"), path_of("a.json"), path_of("b.json"), NULL}, 0);
    ck_assert_str_eq(verdict_at(report, 0), "connected");
    ck_assert_str_eq(verdict_at(report, 1), "queued");
    ck_assert_str_eq(verdict_at(report, 2), "queued");
    ck_assert_str_eq(verdict_at(report, 3), "half_open");
    for (size_t i = 0; i < 4; i++)
        ck_assert_str_eq(json_string_value(
                             json_object_get(json_array_get(json_object_get(report, "connections"), i), "evidence")),
                         "peer_socket");
    json_t *observer = json_array_get(json_object_get(json_object_get(report, "merged"), "observers"), 0);
    ck_assert_int_eq(report_number(observer, "connections"), 6);
    ck_assert_int_eq(report_number(observer, "foreign"), 1);
    ck_assert_int_eq(report_number(host_at(report, 0), "matched"), 2);
    ck_assert_int_eq(report_number(report, "listener.queue"), 3);
    ck_assert_int_eq(report_number(report, "merged.unreported"), 0);
    json_decref(report);
    remove_folder();
}
END_TEST

/* What nobody saw is nobody's loss, unless all was seen and something was dropped that can have been it. */
START_TEST(what_was_not_seen_is_not_guessed)
{
    static const struct {
        bool complete, direct;
        unsigned discarded;
        const char *verdict, *reason;
    } rows[] = {
        {false, true, 0, "established", "remote"}, /* events were lost */
        {true, false, 0, "established", "remote"}, /* no address of that host was seen: they may be translated */
        {true, true, 0, "established", "no_trace"},
    };
    make_folder();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_host("a.json", &(struct share){.index = 1, .of = 1, .count = 2, .rows = first.rows, .established = 2});
        write_observer("o.json", rows[i].direct ? SEEN("10.0.0.1:1002", "accepted", BEGIN, BEGIN, "null") : "", rows[i].complete,
                       rows[i].discarded, 0);
        json_t *report = merged((const char *[]){path_of("a.json"), path_of("o.json"), NULL}, 0);
        ck_assert_str_eq(verdict_at(report, 0), rows[i].verdict);
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(json_object_get(report, "connections"), 0), "reason")),
                         rows[i].reason);
        json_decref(report);
    }
    remove_folder();
}
END_TEST

/* That it dropped nothing is told; whose SYN it dropped nobody saw. */
START_TEST(silence_is_told_by_the_listener)
{
    static const struct {
        unsigned discarded, shares;
        const char *reason;
    } rows[] = {{2, 1, NULL}, {0, 1, "no_answer"}, {3, 1, NULL}, {0, 2, "no_answer"}};
    make_folder();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_host("a.json", &(struct share){.index = 1,
                                             .of = rows[i].shares,
                                             .count = 2 * rows[i].shares,
                                             .rows = ROW("10.0.0.1:1001", 10, 900) "," SILENT("10.0.0.1:1002"),
                                             .established = 1,
                                             .timed_out = 1});
        write_observer("o.json", SEEN("10.0.0.1:1001", "queued", BEGIN, "null", "null"), true, rows[i].discarded,
                       rows[i].discarded);
        json_t *report = merged((const char *[]){path_of("a.json"), path_of("o.json"), NULL}, 0);
        const char *reason =
            json_string_value(json_object_get(json_array_get(json_object_get(report, "connections"), 1), "reason"));
        ck_assert_msg(rows[i].reason ? reason && !strcmp(reason, rows[i].reason) : !reason, "row %zu: %s", i, reason);
        json_decref(report);
    }
    remove_folder();
}
END_TEST

/* ---- Clocks ---- */

START_TEST(a_wrong_clock_is_found_by_the_handshakes)
{
    static const char start[] = "{\"at\":\"2026-01-31T12:00:00.000000Z\",\"late_us\":1,\"clock_set\":0,\"synchronised\":null,"
                                "\"clock_error_us\":null}";
    make_folder();
    struct share early = first, late = second;
    early.start = late.start = start;
    write_host("a.json", &early);
    late.started_at = "2026-01-31T12:00:03.000000Z"; /* it began with the other one, and its clock is 3 s ahead */
    write_host("b.json", &late);
    write_observer("o.json",
                   SEEN("10.0.0.1:1001", "queued", BEGIN, "null",
                        "null") "," SEEN("10.0.0.1:1002", "queued", BEGIN, "null",
                                         "null") "," SEEN("10.0.0.2:1001", "queued", BEGIN, "null",
                                                          "null") "," SEEN("10.0.0.2:1002", "queued", BEGIN, "null", "null"),
                   true, 0, 0);
    json_t *report = merged((const char *[]){path_of("a.json"), path_of("b.json"), path_of("o.json"), "-e", "queued=4", NULL}, 0);
    ck_assert_int_eq(report_number(host_at(report, 0), "shifted_us"), 0);
    long shifted = report_number(host_at(report, 1), "shifted_us");
    ck_assert_msg(shifted > -3005000 && shifted < -2995000, "moved by %ld us", shifted);
    ck_assert_int_le(report_number(host_at(report, 1), "shift_us.min"), shifted);
    ck_assert_int_ge(report_number(host_at(report, 1), "shift_us.max"), shifted);
    ck_assert(json_is_null(json_object_get(json_object_get(report, "merged"), "apart_us"))); /* that is within bounds only */
    json_decref(report);
    remove_folder();
}
END_TEST

/* ---- Another time, another place ---- */

/* What is changed in the observer's report by sed(1), and what is known then. */
static const struct {
    const char *change;
    bool covered;
    const char *verdict;
} elsewhere[] = {
    {"s/nothing//", true, "queued"},
    {"s/11:59:59/12:00:01/", false, "established"}, /* begun when the burst was half over: by the clocks it is another one */
    {"s/11:59:59/11:00:00/", false, "established"}, /* over before */
    {"s/\"last_look_us\":5000000/\"last_look_us\":2000000/", false, "established"},    /* it did not see the end of the burst */
    {"s/\"port\":80/\"port\":81/", false, "established"},                              /* another listener's */
    {"s/\"local\":\"10.9.9.9:80\"/\"local\":\"10.9.9.8:80\"/g", false, "established"}, /* connections to another address */
    {"s/\"gone\":false/\"gone\":true/", true, "queued"},
    {"s/\"at_us\":0,/\"at_us\":1500000,/", false, "established"}, /* its first look came late */
};

START_TEST(what_was_observed_elsewhere_tells_nothing)
{
    make_folder();
    write_host("a.json", &(struct share){.index = 1, .of = 1, .count = 2, .rows = first.rows, .established = 2});
    write_observer("o.json",
                   SEEN("10.0.0.1:1001", "queued", BEGIN, "null", "null") "," SEEN("10.0.0.1:1002", "queued", BEGIN, "null",
                                                                                   "null"),
                   true, 0, 0);
    free(shell("sed -i '%s' '%s'", elsewhere[_i].change, path_of("o.json")));
    bool known = elsewhere[_i].covered && !strstr(elsewhere[_i].change, "gone");
    json_t *report = merged((const char *[]){path_of("a.json"), path_of("o.json"), "-e", "drops=0", NULL}, known ? 0 : 4);
    ck_assert_str_eq(verdict_at(report, 0), elsewhere[_i].verdict);
    ck_assert_int_eq(json_is_true(json_object_get(json_object_get(report, "merged"), "covered")), elsewhere[_i].covered);
    json_decref(report);
    remove_folder();
}
END_TEST

/* It was accepted at about the time of the last look: before it, or behind it? */
START_TEST(what_changed_at_the_last_look_is_not_told)
{
    make_folder();
    write_host("a.json", &(struct share){.index = 1, .of = 1, .count = 2, .rows = first.rows, .established = 2});
    write_observer("o.json",
                   SEEN("10.0.0.1:1001", "accepted", BEGIN, AT(2900000, 3100000), "null") "," SEEN("10.0.0.1:1002", "queued",
                                                                                                   BEGIN, "null", "null"),
                   true, 0, 0);
    json_t *report = merged((const char *[]){path_of("a.json"), path_of("o.json"), NULL}, 0);
    ck_assert_str_eq(verdict_at(report, 0), "established");
    ck_assert_str_eq(verdict_at(report, 1), "queued");
    json_decref(report);
    remove_folder();
}
END_TEST

/* It entered the queue about when its client closed, and a look two seconds behind its ACK had shown nothing: its FIN brought it there. */
START_TEST(what_came_by_its_fin_was_not_there)
{
    cookies_sent = 1;
    make_folder();
    write_host("a.json", &(struct share){.index = 1, .of = 1, .count = 2, .rows = first.rows, .established = 2});
    for (int complete = 0; complete <= 1; complete++) {
        write_observer("o.json",
                       SEEN("10.0.0.1:1001", "queued", AT(2990000, 3020000), "null",
                            "null") "," SEEN("10.0.0.1:1002", "queued", AT(1000000, 1003000), "null", "null"),
                       complete, 1, 1);
        json_t *report = merged((const char *[]){path_of("a.json"), path_of("o.json"), NULL}, 0);
        ck_assert_str_eq(verdict_at(report, 0), complete ? "lost" : "established");
        ck_assert_str_eq(verdict_at(report, 1), "queued");
        json_decref(report);
    }
    remove_folder();
}
END_TEST

/* Four seconds before, from the same ports: by the clocks it is another burst. */
START_TEST(ports_that_were_used_before_are_no_match)
{
    make_folder();
    write_host("a.json", &(struct share){.index = 1,
                                         .of = 1,
                                         .count = 2,
                                         .rows = first.rows,
                                         .established = 2,
                                         .started_at = "2026-01-31T12:00:02.500000Z"});
    write_observer("o.json",
                   SEEN("10.0.0.1:1001", "accepted", BEGIN, BEGIN, "null") "," SEEN("10.0.0.1:1002", "accepted", BEGIN, BEGIN,
                                                                                    "null"),
                   true, 0, 0);
    json_t *report = merged((const char *[]){path_of("a.json"), path_of("o.json"), NULL}, 0);
    ck_assert_int_eq(report_count(report, "connected"), 0);
    ck_assert_int_eq(report_number(host_at(report, 0), "shifted_us"), 0);
    json_decref(report);
    remove_folder();
}
END_TEST

START_TEST(nothing_is_counted_twice)
{
    make_folder();
    write_host("a.json", &(struct share){.index = 1, .of = 1, .count = 2, .rows = first.rows, .established = 2});
    free(shell("'%s' merge '%s' --json >'%s'; sed 's/\"connections\"/\"connections\":[],&/' '%s' >'%s'", BACKLOGCTL,
               path_of("a.json"), path_of("m.json"), path_of("a.json"), path_of("d.json")));
    json_t *report =
        merged((const char *[]){path_of("a.json"), path_of("a.json"), path_of("m.json"), path_of("d.json"), NULL}, 0);
    ck_assert_int_eq(report_count(report, "established"), 2);
    assert_trouble(report, 1, "counted already");
    assert_trouble(report, 2, "a report of merge");
    assert_trouble(report, 3, "says the same twice");
    ck_assert_int_eq(report_number(report, "merged.unreported"), 0);
    json_decref(report);
    remove_folder();
}
END_TEST

/* ---- Reports that are of no use ---- */

START_TEST(who_does_not_belong_is_named_and_the_rest_counted)
{
    static const struct {
        struct share share;
        const char *trouble;
    } rows[] = {
        {{.index = 2, .of = 2, .rows = "", .version = "0.0.1"}, "version '0.0.1'"},
        {{.index = 2, .of = 2, .rows = "", .target = "10.9.9.8"}, "its target is 10.9.9.8:80, not 10.9.9.9:80"},
        {{.index = 2, .of = 3, .rows = ""}, "shares is 3, not 2"},
        {{.index = 2, .of = 2, .rows = "", .count = 6}, "--count is 6, not 4"},
        {{.index = 1, .of = 2, .rows = ""}, "share 1 of 2 was sent by two hosts"},
        {{.index = 2, .of = 2, .rows = "", .established = 1}, "its totals are not those of its connections"},
        {{.index = 3, .of = 2, .rows = ""}, "--segment makes no sense"},
        {{.index = 2, .of = 2, .rows = "{\"verdict\":\"strange\"}"}, "no verdict"},
        {{.index = 2, .of = 2, .rows = "{}]"}, "no verdict"},
        {{.index = 2, .of = 2, .rows = "", .started_at = "yesterday"}, "does not say when"},
    };
    make_folder();
    write_host("a.json", &first);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_host("b.json", &rows[i].share);
        json_t *report = merged((const char *[]){path_of("a.json"), path_of("b.json"), "-e", "established>=2", NULL}, 0);
        assert_trouble(report, 1, rows[i].trouble);
        ck_assert_int_eq(report_count(report, "established"), 2);
        ck_assert_int_eq(report_number(report, "merged.unreported"), 2);
        ck_assert_int_eq(json_array_size(json_object_get(report, "connections")), 2);
        json_decref(report);
        json_decref(merged((const char *[]){path_of("a.json"), path_of("b.json"), "-e", "established=2", NULL}, 4));
        json_decref(merged((const char *[]){path_of("a.json"), path_of("b.json"), "-e", "established<2", NULL}, 1));
        json_decref(merged((const char *[]){path_of("a.json"), path_of("b.json"), "-e", "established>4", NULL}, 1));
    }
    remove_folder();
}
END_TEST

/* Two hosts were told to send the same share: what became of the other's connections is not counted, and not forgotten. */
START_TEST(a_share_that_two_hosts_sent_is_told)
{
    make_folder();
    struct share same = second;
    same.index = 1;
    write_host("a.json", &first);
    write_host("b.json", &same);
    write_host("c.json", &second);
    json_t *report =
        merged((const char *[]){path_of("a.json"), path_of("b.json"), path_of("c.json"), "-e", "established=4", NULL}, 4);
    assert_trouble(report, 1, "share 1 of 2 was sent by two hosts");
    ck_assert_int_eq(report_count(report, "established"), 4);
    ck_assert_int_eq(report_number(report, "merged.unreported"), 2);
    json_decref(report);
    remove_folder();
}
END_TEST

/* Without a look at it nothing is known of a listener. */
START_TEST(a_listener_without_samples_dropped_who_knows)
{
    make_folder();
    write_host("a.json", &(struct share){.index = 1, .of = 1, .count = 2, .rows = first.rows, .established = 2});
    write_observer("o.json",
                   SEEN("10.0.0.1:1001", "queued", BEGIN, "null", "null") "," SEEN("10.0.0.1:1002", "queued", BEGIN, "null",
                                                                                   "null"),
                   true, 0, 0);
    free(shell("sed -i 's/\"samples\":\\[[^]]*\\]/\"first_look_us\":0,\"samples\":[]/' '%s'", path_of("o.json")));
    json_decref(merged((const char *[]){path_of("a.json"), path_of("o.json"), "-e", "drops=0", NULL}, 4));
    remove_folder();
}
END_TEST

/* Wherever it ends. */
START_TEST(a_report_that_was_cut_is_named)
{
    make_folder();
    write_host("a.json", &first);
    char *text = host_text(&second);
    size_t length = strlen(text) - 1; /* without the newline */
    for (size_t cut = 0; cut < length; cut += 1 + cut % 7) {
        char kept = text[cut];
        text[cut] = '\0';
        write_file("b.json", text);
        text[cut] = kept;
        json_t *report = merged((const char *[]){path_of("a.json"), path_of("b.json"), NULL}, 0);
        assert_trouble(report, 1, cut ? "it ends in the middle, behind byte" : "it is empty");
        ck_assert_int_eq(json_array_size(json_object_get(report, "connections")), 2);
        ck_assert_int_eq(report_number(report, "merged.unreported"), 2);
        json_decref(report);
    }
    free(text);
    remove_folder();
}
END_TEST

START_TEST(without_any_report_of_use_it_fails)
{
    make_folder();
    write_file("empty.json", "");
    write_file("list.json", "{\"schema\":\"backlogctl.list/2\"}");
    write_file("noise", "\xff\x1b[2J");
    static const struct {
        const char *file, *said;
    } rows[] = {{"empty.json", "empty.json cannot be used: it is empty"},
                {"list.json", "list.json cannot be used: it is no report of probe or observe"},
                {"noise", "noise cannot be used: it is no JSON"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct outcome one = process_run((const char *[]){BACKLOGCTL, "merge", path_of(rows[i].file), NULL}, NULL);
        ck_assert_int_eq(one.status, 3);
        ck_assert_msg(strstr(one.err, rows[i].said) != NULL, "%s lacks: %s", one.err, rows[i].said);
        outcome_free(&one);
    }
    struct outcome outcome =
        process_run((const char *[]){BACKLOGCTL, "merge", path_of("empty.json"), path_of("list.json"), path_of("noise"), NULL},
                    NULL);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_str_eq(outcome.out, "");
    ck_assert_ptr_nonnull(strstr(outcome.err, "none of the 3 reports can be used; the first is "));
    ck_assert_ptr_null(strchr(outcome.err, '\x1b'));
    outcome_free(&outcome);
    remove_folder();
}
END_TEST

/* ---- Several in one file, and without rows ---- */

START_TEST(one_file_has_many_reports)
{
    make_folder();
    write_host("a.json", &first);
    write_host("b.json", &second);
    free(shell("cat '%s' '%s' >'%s'", path_of("a.json"), path_of("b.json"), path_of("all.json")));
    json_t *report = merged((const char *[]){path_of("all.json"), "-e", "established=4", NULL}, 0);
    ck_assert_int_eq(json_array_size(json_object_get(report, "connections")), 4);
    json_decref(report);
    char *out = shell("'%s' merge --json -e established=4 - <'%s'", BACKLOGCTL, path_of("all.json"));
    ck_assert_ptr_nonnull(strstr(out, "\"ok\":true"));
    free(out);
    remove_folder();
}
END_TEST

/* ---- Real ones ---- */

#define ACCEPT_THREE                                                            \
    LISTENING "tcp('127.0.0.1',b=3);print('ready',flush=True)\n"                \
              "C=[L[0].accept() for i in range(3)];print('three',flush=True)\n" \
              "signal.pause()"

START_TEST(real_reports_add_up)
{
    struct process server;
    in_private_namespace();
    make_folder();
    if (!python_begin(ACCEPT_THREE, &server))
        return;
    for (int i = 1; i <= 3; i++)
        free(shell("'%s' probe --json --count 9 --segment %d/3 --timeout 0 >'%s/%d.json'", BACKLOGCTL, i, folder, i));
    char *out = shell("'%s' merge %s/[1-3].json --json", BACKLOGCTL, folder);
    json_t *report = json_loads(out, 0, NULL), *alone;
    long sum = 0;
    ck_assert_msg(report != NULL, "%s", out);
    for (int i = 1; i <= 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d.json", i);
        alone = json_load_file(path_of(name), 0, NULL);
        sum += report_count(alone, "connected");
        json_decref(alone);
    }
    ck_assert_int_eq(report_count(report, "connected"), sum);
    ck_assert_int_eq(json_array_size(json_object_get(report, "connections")), 9);
    ck_assert_int_eq(report_number(report, "options.count"), 9);
    json_decref(report);
    free(out);
    /* The same without rows. */
    for (int i = 1; i <= 3; i++)
        free(shell("'%s' probe --json --summary --count 9 --segment %d/3 --timeout 0 >'%s/%d.json'", BACKLOGCTL, i, folder, i));
    out = shell("'%s' merge %s/[1-3].json --json", BACKLOGCTL, folder);
    report = json_loads(out, 0, NULL);
    ck_assert_msg(report != NULL, "%s", out);
    ck_assert(json_is_null(json_object_get(report, "connections")));
    ck_assert(json_is_null(json_object_get(json_object_get(json_object_get(report, "times"), "established"), "p50_us")));
    json_decref(report);
    free(out);
    python_end(&server);
    remove_folder();
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {each_end_tells_its_part,
                                  what_was_not_seen_is_not_guessed,
                                  silence_is_told_by_the_listener,
                                  a_wrong_clock_is_found_by_the_handshakes,
                                  what_changed_at_the_last_look_is_not_told,
                                  what_came_by_its_fin_was_not_there,
                                  ports_that_were_used_before_are_no_match,
                                  nothing_is_counted_twice,
                                  who_does_not_belong_is_named_and_the_rest_counted,
                                  a_share_that_two_hosts_sent_is_told,
                                  a_listener_without_samples_dropped_who_knows,
                                  a_report_that_was_cut_is_named,
                                  without_any_report_of_use_it_fails,
                                  one_file_has_many_reports,
                                  real_reports_add_up};
    Suite *suite = suite_create("merge");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *rows = tcase_create("elsewhere");
    tcase_add_loop_test(rows, what_was_observed_elsewhere_tells_nothing, 0, (int)COUNT(elsewhere));
    tcase_set_timeout(rows, 60);
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
