/* When what happened: the moments of a run, as JSON, text and picture, against each other and against the kernel's counters. */
#include "suite.h"

#include "report.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MSEC 1000 /* microseconds */

static const json_t *timeline(const json_t *report)
{
    const json_t *first = json_array_get(json_object_get(report, "timeline"), 0);
    ck_assert_msg(first != NULL, "no timeline");
    return first;
}

static const json_t *lane(const json_t *report, size_t i)
{
    return json_array_get(json_object_get(timeline(report), "connections"), i);
}

/* -1: null */
static long moment(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    ck_assert_msg(value != NULL, "no %s", name);
    return json_is_null(value) ? -1 : (long)json_integer_value(value);
}

static long syn(const json_t *object, size_t n)
{
    const json_t *value = json_array_get(json_object_get(object, "syn_us"), n);
    return value ? (long)json_integer_value(value) : -1;
}

static void assert_between(long value, long low, long high, const char *what)
{
    ck_assert_msg(value >= low && value <= high, "%s: %ld, not %ld to %ld", what, value, low, high);
}

/* What must be so in every exact timeline: moments in their order, a queue within its bounds, and drops that add up. */
static void check_exact(const json_t *report)
{
    const json_t *t = timeline(report), *points = json_object_get(t, "listener"), *point, *one;
    size_t i;
    long capacity = report_number(report, "listener.capacity"), end = report_number(report, "listener.queue"), before = 0,
         queue = 0, drops = 0;
    /* Two last ACKs on two CPUs can pass the kernel's check together: then the queue itself is one longer, and says so. */
    long most = end > capacity ? end : capacity;
    json_array_foreach((json_t *)points, i, *(json_t **)&point)
    {
        ck_assert_int_ge(moment(point, "at_us"), before);
        before = moment(point, "at_us");
        queue = moment(point, "queue");
        ck_assert_int_ge(moment(point, "discarded"), drops);
        drops = moment(point, "discarded");
        assert_between(queue, 0, most, "queue");
    }
    ck_assert_int_eq(queue, report_number(report, "listener.queue"));
    ck_assert_int_eq(drops + moment(t, "unplaced_drops"), report_number(report, "listener.discarded"));
    ck_assert_int_eq(moment(t, "missed_packets"), 0);
    json_array_foreach(json_object_get(t, "connections"), i, *(json_t **)&one)
    {
        long established = moment(one, "established_us"), queued = moment(one, "queued_us"),
             accepted = moment(one, "accepted_us");
        ck_assert_msg(established < 0 || established >= syn(one, 0), "connection %zu is established before its SYN", i + 1);
        ck_assert_msg(queued < 0 || queued >= syn(one, 0), "connection %zu is queued before its SYN", i + 1);
        ck_assert_msg(accepted < 0 || queued < 0 || accepted >= queued, "connection %zu is accepted before it is queued", i + 1);
    }
}

/* The experiment of the issue that every reader knows: two accepted at 300 and 600 ms, retries at about a second, four lost. */
START_TEST(the_lost_ones_are_seen_to_get_lost)
{
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--backlog", "1", "--accept-delay", "300ms", "--count", "8",
                                                "--timeout", "4s", "--json", NULL},
                               NULL, 0);
    ck_assert_str_eq(report_text(timeline(report), "source"), "packets");
    check_exact(report);
    ck_assert_int_ge(moment(lane(report, 0), "accepted_us"), 300 * MSEC);
    ck_assert_int_ge(moment(lane(report, 1), "accepted_us"), moment(lane(report, 0), "accepted_us") + 300 * MSEC);
    long lost = 0;
    for (size_t i = 2; i < 8; i++) {
        const json_t *one = lane(report, i);
        size_t last = json_array_size(json_object_get(one, "syn_us")) - 1; /* the second, unless the server came late */
        ck_assert_int_ge(syn(one, 0), 0);
        ck_assert_int_ge(syn(one, 1), syn(one, 0) + 1000 * MSEC);
        ck_assert_int_ge(moment(one, "established_us"), syn(one, last));
        lost += moment(one, "queued_us") < 0;
    }
    ck_assert_int_eq(lost, report_count(report, "lost"));
    ck_assert_int_ge(lost, 1);
    json_decref(report);
}
END_TEST

static const struct {
    const char *name, *options[14];
} exact_runs[] = {
    {"ipv6", {"-6", "--host", "::1", "-b", "3", "-a", "2", "-t", "1500ms"}},
    {"delay", {"--delay", "20ms", "-b", "4", "-a", "3", "-n", "20", "-t", "1500ms"}},
    {"threads", {"-b", "5", "-a", "0", "-n", "200", "--threads", "4", "-t", "1200ms"}},
    {"mptcp", {"--mptcp", "-b", "3", "-a", "2", "-t", "300ms"}},
    {"fastopen", {"--fastopen", "--send", "x", "-b", "3", "-a", "2", "-t", "1200ms"}},
    {"far fastopen", {"--fastopen", "--send", "x", "-r", "400", "-n", "20", "--delay", "20ms", "-t", "300ms"}},
    {"reuseport", {"--reuseport", "3", "-b", "3", "-a", "2", "-t", "300ms"}},
    {"closed", {"-b", "9", "-d", "10ms", "--send", "end", "-t", "2s"}},
    {"schedule", {"-r", "500", "-n", "100", "-b", "20", "-d", "1ms"}},
    {"bursts", {"--burst", "20", "--every", "50ms", "-n", "60", "-b", "9", "-d", "1ms", "-t", "300ms"}},
};

START_TEST(exact_timelines_add_up)
{
    const char *argv[20] = {BACKLOGCTL, "run", "--json"};
    for (size_t i = 0; exact_runs[_i].options[i]; i++)
        argv[i + 3] = exact_runs[_i].options[i];
    json_t *report = report_of(argv, NULL, 0);
    ck_assert_str_eq(report_text(timeline(report), "source"), "packets");
    check_exact(report);
    if (!strcmp(exact_runs[_i].name, "closed"))
        ck_assert_int_gt(moment(lane(report, 0), "closed_us"), moment(lane(report, 0), "accepted_us"));
    if (!strcmp(exact_runs[_i].name, "delay"))
        ck_assert_int_ge(moment(lane(report, 0), "established_us") - syn(lane(report, 0), 0), 40 * MSEC);
    json_decref(report);
}
END_TEST

/* Twenty clients are connected, and the server knows of five, with and without rights. */
START_TEST(a_delay_makes_them_believe)
{
    struct process_setup setup = {.as_nobody = _i};
    if (_i) {
        need(forbids_other_users);
        need(forbids_user_namespaces);
    }
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--delay", "20ms", "--backlog", "4", "--accept-count", "0",
                                                "--count", "20", "--timeout", "500ms", "--json", NULL},
                               &setup, 0);
    ck_assert_int_eq(report_number(report, "times.established.samples"), 20);
    ck_assert_int_eq(report_count(report, "queued"), 5);
    ck_assert_int_eq(report_count(report, "lost") + report_count(report, "half_open"), 15);
    ck_assert_int_eq(report_number(report, "listener.queue"), 5);
    json_decref(report);
}
END_TEST

/* Who is called silent had no answer when the last look began, as the packets have it: nor where nobody waits for answers, and the ACKs
   that were dropped are as many as the clients whose SYN-ACK is under way. */
START_TEST(nobody_is_called_silent_who_has_an_answer)
{
    static const char *const delays[] = {"1ms", "10ms", "50ms"};
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--delay", delays[_i], "--backlog", "4", "--accept-count", "0",
                                                "--count", "20", "--timeout", "0", "--json", NULL},
                               NULL, 0),
           *row;
    size_t n;
    json_array_foreach(json_object_get(report, "connections"), n, row)
    {
        const char *verdict = json_string_value(json_object_get(row, "verdict"));
        long established = moment(lane(report, n), "established_us");
        ck_assert_msg(strcmp(verdict, "timed_out") || established < 0 || established > report_number(report, "last_look_us"),
                      "connection %zu was established at %ld us, before the last look at %ld us: %s", n + 1, established,
                      report_number(report, "last_look_us"), verdict);
    }
    json_decref(report);
}
END_TEST

/* probe cannot see packets: it says that it sampled, and comes close. */
START_TEST(probe_samples)
{
    in_private_namespace();
    struct process server = serve_start((const char *[]){"--backlog", "2", "--accept-count", "0", NULL}, NULL);
    json_t *report =
        report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--count", "8", "--timeout", "1500ms", NULL}, NULL, 0);
    const json_t *last = lane(report, 7), *points = json_object_get(timeline(report), "listener");
    ck_assert_str_eq(report_text(timeline(report), "source"), "samples");
    assert_between(syn(last, 1), 950 * MSEC, report_number(report, "elapsed_us"), "second SYN");
    ck_assert_int_eq(moment(last, "established_us"), -1);
    ck_assert_int_ge(moment(lane(report, 1), "queued_us"), 0);
    const json_t *end = json_array_get(points, json_array_size(points) - 1);
    ck_assert_int_eq(moment(end, "queue"), 3);
    ck_assert_int_eq(moment(end, "discarded"), report_number(report, "counters.ListenOverflows"));
    json_decref(report);
    free(serve_stop(&server));
}
END_TEST

/* A file of the test's own in a folder of its own, gone when the test ends. */
static char folder[] = "/tmp/backlogctl-test-XXXXXX";

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    free(shell("rm -r '%s'", folder));
}

START_TEST(the_picture_says_what_json_says)
{
    static const char *const options[] = {"--backlog 1 --accept-delay 300ms --count 8 --timeout 4s",
                                          "--backlog 50 --accept-delay 2ms --count 1000 --timeout 2s", "--preset cookies",
                                          "--backlog 3 --accept-count 0 --count 3000 --timeout 0"};
    make_folder();
    char *said =
        shell(BACKLOGCTL " run %s --json --svg %s/t.svg >%s/t.json && python3 " SOURCE_DIR "/tests/commands/timeline_svg.py "
                         "%s/t.svg %s/t.json && wc -c <%s/t.svg && ls -a %s | wc -l",
              options[_i], folder, folder, folder, folder, folder, folder);
    long lanes = 0, bytes = 0, files = 0;
    ck_assert_msg(sscanf(said, "%ld lanes agree %ld %ld", &lanes, &bytes, &files) == 3, "%s", said);
    ck_assert_int_ge(lanes, 8);
    ck_assert_int_lt(bytes, 2000000);
    ck_assert_int_eq(files, 4); /* and no temporary one */
    free(said);
    remove_folder();
}
END_TEST

START_TEST(the_text_fits_eighty_columns)
{
    static const char *const counts[] = {"8", "41", "1000"};
    char *text = shell(BACKLOGCTL " run -b 1 -d 300ms -t 1500ms --timeline -n %s", counts[_i]);
    const char *from = strstr(text, "\ntimeline of "), *end = strstr(text, " connections: ");
    ck_assert_msg(from && end, "%s", text);
    ck_assert_ptr_nonnull(strstr(from, "exact, from the packets"));
    ck_assert_ptr_nonnull(strstr(from, "queue"));
    ck_assert_ptr_nonnull(strstr(from, "lost"));
    size_t lines = 0;
    for (const char *line = from + 1; line < end; line += strcspn(line, "\n") + 1, lines++)
        ck_assert_msg(strcspn(line, "\n") <= 80, "%.*s", (int)strcspn(line, "\n"), line);
    ck_assert_uint_lt(lines, 60);
    free(text);
}
END_TEST

/* Whatever is recorded, rows tell moments in their order, and none that the verdict does not know of. */
START_TEST(rows_agree_with_their_verdicts)
{
    static const char *const how[][4] = {{"100us", "--host-net", "--port", "0"}, {"0", "--host-net", "--port", "0"}, {"100us"}};
    const char *argv[] = {BACKLOGCTL, "run",      "--json",    "--backlog", "1000",
                          "--count",  "1000",     "--timeout", "15ms",      "--accept-delay",
                          how[_i][0], how[_i][1], how[_i][2],  how[_i][3],  NULL};
    for (int round = 0; round < 10; round++) {
        json_t *report = report_of(argv, NULL, 0), *row;
        size_t n;
        json_array_foreach(json_object_get(report, "connections"), n, row)
        {
            const char *verdict = json_string_value(json_object_get(row, "verdict"));
            long established = moment(row, "established_us"), accepted = moment(row, "accepted_us");
            ck_assert_msg(accepted < 0 || !strcmp(verdict, "connected"), "accepted at %ld, but %s", accepted, verdict);
            ck_assert_msg(accepted < 0 || established <= accepted, "established %ld, accepted %ld", established, accepted);
        }
        json_decref(report);
    }
}
END_TEST

static void svg_mode(const char *command, unsigned mode)
{
    char *seen = shell("%s && stat -c %%a x.svg", command), expected[8];
    snprintf(expected, sizeof expected, "%o", mode);
    ck_assert_str_eq(seen, expected);
    free(seen);
}

START_TEST(a_picture_keeps_the_mode_of_its_file)
{
    char place[] = "/tmp/backlogctl-mode-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(place));
    ck_assert_int_eq(chdir(place), 0);
    static const char draw[] = BACKLOGCTL " run -q -n 1 --svg x.svg";
    char command[sizeof draw + 64];
    snprintf(command, sizeof command, "umask 027; %s", draw);
    svg_mode(command, 0640);
    snprintf(command, sizeof command, "chmod 600 x.svg && umask 022; %s", draw);
    svg_mode(command, 0600);
    snprintf(command, sizeof command, "chmod 664 x.svg && umask 077; %s", draw);
    svg_mode(command, 0664);
    if (is_root()) {
        snprintf(command, sizeof command, "chown 65534:65534 x.svg; %s", draw);
        free(shell("%s", command));
        char *owner = shell("stat -c %%u:%%g:%%a x.svg");
        ck_assert_str_eq(owner, "65534:65534:664");
        free(owner);
    } else {
        printf("the owner is not tried: only root may give files away\n");
    }
    free(shell("rm -r %s", place));
}
END_TEST

/* A picture that cannot be written is found out before anything is sent, see test_bad_input; this one comes too late. */
START_TEST(summaries_have_no_timeline)
{
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--json", "--count", "10001", "--backlog", "1", "-a", "0",
                                                "--timeout", "0", NULL},
                               NULL, 0);
    ck_assert(json_is_null(json_object_get(report, "timeline")));
    json_decref(report);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {the_lost_ones_are_seen_to_get_lost, a_picture_keeps_the_mode_of_its_file, probe_samples,
                                  summaries_have_no_timeline};
    Suite *suite = suite_create("timeline");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *rows = tcase_create("rows");
    tcase_add_loop_test(rows, exact_timelines_add_up, 0, COUNT(exact_runs));
    tcase_add_loop_test(rows, a_delay_makes_them_believe, 0, 2);
    tcase_add_loop_test(rows, nobody_is_called_silent_who_has_an_answer, 0, 3);
    tcase_add_loop_test(rows, the_picture_says_what_json_says, 0, 4);
    tcase_add_loop_test(rows, rows_agree_with_their_verdicts, 0, 3);
    tcase_add_loop_test(rows, the_text_fits_eighty_columns, 0, 3);
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
