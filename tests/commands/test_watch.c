/* backlogctl watch as a whole process: blocks and records for a pipe, bursts that nobody else sees, alerts. */
#include "suite.h"

#include "report.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ARGS(...) ((const char *[]){__VA_ARGS__ __VA_OPT__(, ) NULL})
#define PORT 60001

/* ---- Records ---- */

static json_t *parse(const char *line)
{
    json_error_t error;
    json_t *record = json_loads(line, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(record != NULL, "%s in: %.500s", error.text, line);
    ck_assert_str_eq(report_text(record, "schema"), "backlogctl.watch/2");
    return record;
}

static json_t *next_record(struct process *watch)
{
    char *line = process_line(watch, PATIENCE);
    ck_assert_msg(line != NULL, "no record came");
    json_t *record = parse(line);
    free(line);
    return record;
}

/* The listener on this port, or NULL. */
static json_t *listener_in(json_t *record, long port)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(record, "listeners"), i,
                       one) if (json_integer_value(json_object_get(one, "port")) == port) return one;
    return NULL;
}

static void stop(struct process *watch, int status)
{
    process_signal(watch, SIGTERM);
    struct outcome outcome = process_finish(watch, PATIENCE);
    ck_assert_msg(outcome.status == status, "status %d: %s", outcome.status, outcome.err);
    outcome_free(&outcome);
}

static size_t occurrences(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

START_TEST(figures_are_those_of_ss)
{
    in_private_namespace();
    struct process server = serve_start(ARGS("--backlog", "5", "--accept-count", "0"), NULL);
    free(shell("%s probe --count 3 --timeout 0 --quiet; %s probe --count 9 --timeout 100ms --quiet", BACKLOGCTL, BACKLOGCTL));
    struct process probe = process_start(ARGS(BACKLOGCTL, "probe", "--count", "3", "--timeout", PATIENCE_TEXT), NULL);
    struct process watch = process_start(ARGS(BACKLOGCTL, "watch", "--exact", "never", "--json", "-i", "100ms"), NULL);
    json_t *record = next_record(&watch), *one = listener_in(record, PORT);
    ck_assert_ptr_nonnull(one);
    char *seen = shell("ss -Hltn sport = :60001 | awk '{print $2, $3}'"), figures[64];
    snprintf(figures, sizeof figures, "%ld %ld", report_number(one, "queue"), report_number(one, "backlog"));
    ck_assert_str_eq(figures, seen);
    ck_assert_int_ge(report_number(one, "peak"), report_number(one, "queue"));
    ck_assert(json_is_real(json_object_get(json_object_get(one, "drops_per_second"), "max")));
    ck_assert_str_eq(report_text(one, "state"), "present");
    json_decref(record);
    stop(&watch, 128 + SIGTERM);
    struct outcome text =
        process_run(ARGS(BACKLOGCTL, "watch", "--exact", "never", "--batch", "-i", "100ms", "--iterations", "1"), NULL);
    snprintf(figures, sizeof figures, "%.*s", (int)strcspn(seen, " "), seen);
    ck_assert_msg(strstr(text.out, "127.0.0.1:60001 ["), "%s", text.out);
    ck_assert_msg(strstr(text.out, figures) && strstr(text.out, "backlogctl/"), "%s", text.out);
    ck_assert_msg(strstr(text.out, "a sampled peak is a lower bound: 127.0.0.1:60001 was sampled at"), "%s", text.out);
    outcome_free(&text);
    free(seen);
    process_signal(&probe, SIGTERM);
    struct outcome outcome = process_finish(&probe, PATIENCE);
    outcome_free(&outcome);
    free(serve_stop(&server));
}
END_TEST

/* A server that is stopped accepts nobody: the process itself tells why. */
START_TEST(why_nobody_accepts_is_told)
{
    in_private_namespace();
    struct process server = serve_start(ARGS("--backlog", "2"), NULL);
    process_signal(&server, SIGSTOP);
    await("grep -q '^State:.T' /proc/%d/status", (int)server.pid);
    struct process probe = process_start(ARGS(BACKLOGCTL, "probe", "--count", "3", "--timeout", PATIENCE_TEXT), NULL);
    await("ss -Hltn sport = :60001 | awk '{exit $2 != 3}'");
    struct process watch = process_start(ARGS(BACKLOGCTL, "watch", "--exact", "never", "--json", "-i", "100ms"), NULL);
    const char *cause = NULL;
    while (!cause) {
        json_t *record = next_record(&watch), *one = listener_in(record, PORT), *why = one ? json_object_get(one, "why") : NULL;
        ck_assert_ptr_nonnull(why);
        if (json_is_object(why)) {
            cause = json_string_value(json_array_get(json_object_get(why, "causes"), 0));
            ck_assert_msg(cause && !strcmp(cause, "stopped"), "%s", cause ? cause : "no cause");
            ck_assert(strstr(report_text(why, "text"), "stopped by a signal (state T)") != NULL);
        }
        json_decref(record);
    }
    stop(&watch, 128 + SIGTERM);
    struct outcome text =
        process_run(ARGS(BACKLOGCTL, "watch", "--exact", "never", "--batch", "-i", "100ms", "--iterations", "1"), NULL);
    ck_assert_msg(strstr(text.out, "127.0.0.1:60001: why: backlogctl/") != NULL, "%s", text.out);
    outcome_free(&text);
    process_signal(&server, SIGCONT); /* now it accepts them all */
    struct outcome outcome = process_finish(&probe, PATIENCE);
    ck_assert_int_eq(outcome.status, 0);
    outcome_free(&outcome);
    free(serve_stop(&server));
}
END_TEST

START_TEST(iterations_and_duration_bound_it)
{
    static const struct {
        const char *options;
        size_t blocks;
        nsec at_least;
    } rows[] = {
        {"-i 100ms --iterations 3", 3, 300 * NSEC_PER_MSEC},
        {"-i 100ms --duration 350ms", 4, 350 * NSEC_PER_MSEC}, /* the rest of an interval is a block too */
        {"-i 10s --duration 200ms", 1, 200 * NSEC_PER_MSEC},
        {"-i 100ms --iterations 2 --duration 1m", 2, 200 * NSEC_PER_MSEC},
    };
    in_private_namespace();
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int json = 0; json < 2; json++) {
            char command[512];
            snprintf(command, sizeof command, "exec %s watch %s %s", BACKLOGCTL, json ? "--json" : "--batch", rows[i].options);
            struct outcome outcome = process_run(ARGS("sh", "-c", command), NULL);
            ck_assert_int_eq(outcome.status, 0);
            size_t blocks = occurrences(outcome.out, json ? "\"event\":\"interval\"" : ", after ");
            /* A machine that stands still for an interval leaves it out. */
            ck_assert_msg(blocks == rows[i].blocks || (strstr(rows[i].options, "duration") && blocks && blocks < rows[i].blocks),
                          "%s: %zu blocks: %s", rows[i].options, blocks, outcome.out);
            ck_assert_int_ge(outcome.took, rows[i].at_least);
            if (!json)
                ck_assert_msg(strstr(outcome.out, ": no listener, net.core.somaxconn"), "%s", outcome.out);
            outcome_free(&outcome);
        }
}
END_TEST

/* Reads on until the listener has this state. */
static void await_state(struct process *watch, const char *state)
{
    for (nsec end = clock_now() + PATIENCE; clock_now() < end;) {
        json_t *record = next_record(watch), *one = listener_in(record, PORT);
        bool found = one && !strcmp(report_text(one, "state"), state);
        json_decref(record);
        if (found)
            return;
    }
    ck_abort_msg("never %s", state);
}

START_TEST(listeners_that_come_and_go_are_shown_as_such)
{
    in_private_namespace();
    struct process watch = process_start(ARGS(BACKLOGCTL, "watch", "--exact", "never", "--json", "-i", "100ms"), NULL);
    json_decref(next_record(&watch));
    struct process server = serve_start(ARGS("--backlog", "5"), NULL);
    await_state(&watch, "appeared");
    await_state(&watch, "present");
    free(serve_stop(&server));
    await_state(&watch, "gone");
    stop(&watch, 128 + SIGTERM);
}
END_TEST

START_TEST(process_selects_what_comes_later_too)
{
    in_private_namespace();
    struct process watch =
        process_start(ARGS(BACKLOGCTL, "watch", "--exact", "never", "--json", "-i", "100ms", "--process", "backlogctl"), NULL);
    json_t *record = next_record(&watch);
    ck_assert_uint_eq(json_array_size(json_object_get(record, "listeners")), 0);
    json_decref(record);
    struct process server = serve_start(ARGS("--backlog", "5"), NULL);
    await_state(&watch, "appeared");
    free(serve_stop(&server));
    stop(&watch, 128 + SIGTERM);
}
END_TEST

/* They make a survey too dear to be whole in each interval. */
#define MANY_LISTENERS                                                                       \
    "import resource,socket,time\n"                                                          \
    "most=resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"                                   \
    "resource.setrlimit(resource.RLIMIT_NOFILE,(most,most))\n"                               \
    "all=[socket.create_server(('127.0.0.1',20000+i)) for i in range(min(4000,most-100))]\n" \
    "print('listening',flush=True)\n"                                                        \
    "time.sleep(3600)"

/* The queue stands still, so its first client has waited longer at each look; where nobody looked nothing is told. An alert on it has
   it looked for in each interval. */
START_TEST(no_wait_is_shown_twice)
{
    in_private_namespace();
    need_program("python3");
    struct process others = process_start(ARGS("python3", "-c", MANY_LISTENERS), NULL);
    free(process_line(&others, PATIENCE));
    struct process server = serve_start(ARGS("--backlog", "5", "--accept-count", "0"), NULL);
    struct process probe = process_start(ARGS(BACKLOGCTL, "probe", "--count", "3", "--timeout", PATIENCE_TEXT), NULL);
    await("ss -Hltn sport = :60001 | grep -q 'LISTEN 3 '");
    for (int alert = 0; alert < 2; alert++) {
        struct outcome outcome = process_run(ARGS(BACKLOGCTL, "watch", "--exact", "never", "--json", "-i", "100ms",
                                                  "--iterations", "10", alert ? "--alert" : NULL, "oldest_ms>=100000000"),
                                             NULL);
        ck_assert_msg(outcome.status == 0, "status %d: %s", outcome.status, outcome.err);
        json_int_t last = -1;
        size_t known = 0;
        for (char *rest = outcome.out, *line; (line = strsep(&rest, "\n")) && *line;) {
            json_t *record = parse(line), *oldest = json_object_get(listener_in(record, PORT), "oldest_ms");
            if (json_is_integer(oldest)) {
                ck_assert_int_gt(json_integer_value(oldest), last);
                last = json_integer_value(oldest);
                known++;
            }
            json_decref(record);
        }
        ck_assert_uint_ge(known, alert ? 10 : 1);
        outcome_free(&outcome);
    }
    process_signal(&probe, SIGTERM);
    struct outcome outcome = process_finish(&probe, PATIENCE);
    outcome_free(&outcome);
    free(serve_stop(&server));
    process_signal(&others, SIGKILL);
    outcome = process_finish(&others, PATIENCE);
    outcome_free(&outcome);
}
END_TEST

/* ---- Alerts ---- */

START_TEST(alerts_decide_the_status)
{
    static const struct {
        const char *expression;
        int status;
    } rows[] = {{"queue>=3", 1},    {"queue>=4", 0}, {"queue>=100,percent>=50", 1}, {"listeners<1", 0},
                {"listeners=1", 1}, {"peak>=3", 1},  {"drops_per_second>0", 0}};
    in_private_namespace();
    struct process server = serve_start(ARGS("--backlog", "5", "--accept-count", "0"), NULL);
    struct process probe = process_start(ARGS(BACKLOGCTL, "probe", "--count", "3", "--timeout", PATIENCE_TEXT), NULL);
    await("ss -Hltn sport = :60001 | grep -q 'LISTEN 3 '");
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int kind = 0; kind < 3; kind++) {
            static const char *const kinds[] = {"--batch", "--json", "--quiet"};
            struct outcome outcome = process_run(ARGS(BACKLOGCTL, "watch", "--exact", "never", kinds[kind], "-i", "100ms",
                                                      "--iterations", "2", "--alert", rows[i].expression),
                                                 NULL);
            ck_assert_msg(outcome.status == rows[i].status, "%s: %d: %s", rows[i].expression, outcome.status, outcome.err);
            size_t told = occurrences(outcome.out, kind ? "\"event\":\"alert\"" : " ALERT ");
            ck_assert_uint_eq(told, kind < 2 && rows[i].status ? 1 : 0);
            ck_assert_msg((strstr(outcome.err, "alert, 1 time, last at") != NULL) == rows[i].status, "%s", outcome.err);
            if (kind == 2)
                ck_assert_str_eq(outcome.out, "");
            outcome_free(&outcome);
        }
    process_signal(&probe, SIGTERM);
    struct outcome outcome = process_finish(&probe, PATIENCE);
    outcome_free(&outcome);
    free(serve_stop(&server));
}
END_TEST

START_TEST(a_signal_ends_it_after_what_was_seen)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    in_private_namespace();
    struct process server = serve_start(ARGS("--backlog", "5"), NULL);
    struct process watch =
        process_start(ARGS(BACKLOGCTL, "watch", "--exact", "never", "--json", "-i", "60m", "--alert", "queue>=0"), NULL);
    json_t *record = next_record(&watch);
    ck_assert_str_eq(report_text(record, "event"), "alert");
    ck_assert_int_eq(report_number(record, "listener.port"), PORT);
    json_decref(record);
    usleep(50000); /* so that there is something to report */
    process_signal(&watch, signals[_i]);
    struct outcome outcome = process_finish(&watch, PATIENCE);
    ck_assert_int_eq(outcome.status, 128 + signals[_i]);
    ck_assert_msg(strstr(outcome.err, "queue>=0: 127.0.0.1:60001 had 0"), "%s", outcome.err);
    outcome_free(&outcome);
    free(serve_stop(&server));
}
END_TEST

START_TEST(a_reader_that_goes_ends_it)
{
    in_private_namespace();
    char *said = shell("{ %s watch --json -i 100ms; echo status $? >&2; } 2>&1 >/dev/full | tail -1", BACKLOGCTL);
    ck_assert_str_eq(said, "status 3");
    free(said);
    said = shell("{ { %s watch --batch -i 100ms 2>/dev/null; echo status $? >&2; } | head -n 1 >/dev/null; } 2>&1", BACKLOGCTL);
    ck_assert_str_eq(said, "status 3");
    free(said);
}
END_TEST

/* ---- Bursts ---- */

#define BURSTS 20
#define BURST 200

static int listen_on(uint16_t port, int backlog)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert(fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof address) && !listen(fd, backlog));
    return fd;
}

/* How often the process has gone to sleep. */
static long sleeps_of(const struct process *process)
{
    char *count = shell("awk '/^voluntary/ {print $2}' /proc/%d/status", (int)process->pid);
    long sleeps = atol(count);
    free(count);
    return sleeps;
}

/* A crowd waits until `watch` has been up and gone to sleep again twice: of the first time the beginning may have been before. */
static void burst(int server, const struct process *watch)
{
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int clients[BURST];
    ck_assert(!getsockname(server, (struct sockaddr *)&address, &size));
    for (size_t i = 0; i < BURST; i++)
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    for (size_t i = 0; i < BURST; i++)
        ck_assert(!connect(clients[i], (struct sockaddr *)&address, sizeof address));
    nsec end = clock_now() + PATIENCE;
    for (long before = sleeps_of(watch); sleeps_of(watch) < before + 2;)
        ck_assert_msg(clock_now() < end, "watch does not look");
    for (size_t i = 0; i < BURST; i++)
        close(accept(server, NULL, NULL));
    for (size_t i = 0; i < BURST; i++)
        close(clients[i]);
}

/* The longest queue in the records until one that was taken after `until`; counts the records, and the looks told there. */
static long longest_until(struct process *watch, const char *until, long *looks, long *records)
{
    long longest = 0;
    for (bool after = false; !after;) {
        json_t *record = next_record(watch), *one = listener_in(record, PORT);
        ck_assert_ptr_nonnull(one);
        if (report_number(one, "interval_peak") > longest)
            longest = report_number(one, "interval_peak");
        after = strcmp(report_text(record, "at"), until) > 0;
        *looks += report_number(one, "samples");
        ++*records;
        json_decref(record);
    }
    return longest;
}

START_TEST(every_burst_is_caught)
{
    in_private_namespace();
    int server = listen_on(PORT, 2 * BURST);
    struct process watch =
        process_start(ARGS(BACKLOGCTL, "watch", "--exact", "never", "--json", "-i", "100ms", "-p", "60001"), NULL);
    json_decref(next_record(&watch));
    long looks = 0, records = 0;
    for (int i = 0; i < BURSTS; i++) {
        char stamp[CLOCK_STAMP_SIZE];
        burst(server, &watch);
        clock_stamp(stamp);
        long longest = longest_until(&watch, stamp, &looks, &records);
        ck_assert_msg(longest > 0, "burst %d passed unseen", i);
        ck_assert_int_le(longest, BURST);
    }
    ck_assert_int_gt(looks, records); /* also between the records */
    printf("%ld looks in %ld intervals\n", looks, records);
    stop(&watch, 128 + SIGTERM);
    close(server);
}
END_TEST

START_TEST(a_burst_between_two_blocks_raises_an_alert)
{
    in_private_namespace();
    int server = listen_on(PORT, 2 * BURST);
    struct process watch =
        process_start(ARGS(BACKLOGCTL, "watch", "--exact", "never", "--json", "-i", "60m", "-p", "60001", "--alert", "queue>=1"),
                      NULL);
    char *line = NULL;
    for (nsec end = clock_now() + PATIENCE; !line && clock_now() < end;) { /* the first ones may come before it looks */
        burst(server, &watch);
        line = process_line(&watch, 200 * NSEC_PER_MSEC);
    }
    ck_assert_msg(line != NULL, "no alert");
    json_t *record = parse(line);
    ck_assert_str_eq(report_text(record, "event"), "alert");
    ck_assert_int_ge(report_number(record, "seen"), 1);
    json_decref(record);
    free(line);
    stop(&watch, 128 + SIGTERM);
    close(server);
}
END_TEST

START_TEST(drops_are_counted_exactly)
{
    in_private_namespace();
    struct process server = serve_start(ARGS("--backlog", "2", "--accept-count", "0"), NULL);
    struct process watch = process_start(ARGS(BACKLOGCTL, "watch", "--exact", "never", "--json", "-i", "300ms", "-p", "60001",
                                              "--alert", "drops_per_second>0"),
                                         NULL);
    json_decref(next_record(&watch));
    json_t *report = report_of(ARGS(BACKLOGCTL, "probe", "--count", "10", "--timeout", "500ms", "--json"), NULL, 0);
    long dropped = report_number(report, "counters.overflows.max"), seen = 0;
    json_decref(report);
    ck_assert_int_gt(dropped, 0);
    bool dropping = false, told = false;
    for (nsec end = clock_now() + PATIENCE; seen < dropped && clock_now() < end;) {
        json_t *record = next_record(&watch), *one = listener_in(record, PORT);
        told |= !strcmp(report_text(record, "event"), "alert");
        if (one) {
            seen = report_number(one, "new_overflows.min");
            char *remarks = json_dumps(json_object_get(one, "remarks"), 0);
            dropping |= strstr(remarks, "dropping") != NULL;
            free(remarks);
        }
        json_decref(record);
    }
    ck_assert_int_eq(seen, dropped);
    ck_assert(dropping && told);
    stop(&watch, 128 + SIGTERM);
    free(serve_stop(&server));
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {
        figures_are_those_of_ss,
        why_nobody_accepts_is_told,
        iterations_and_duration_bound_it,
        listeners_that_come_and_go_are_shown_as_such,
        process_selects_what_comes_later_too,
        no_wait_is_shown_twice,
        alerts_decide_the_status,
        a_reader_that_goes_ends_it,
        every_burst_is_caught,
        a_burst_between_two_blocks_raises_an_alert,
        drops_are_counted_exactly,
    };
    Suite *suite = suite_create("watch");
    suite_add(suite, "for a pipe", tests, COUNT(tests));
    TCase *tcase = tcase_create("signals");
    tcase_add_loop_test(tcase, a_signal_ends_it_after_what_was_seen, 0, 3);
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
