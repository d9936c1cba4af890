/* Bursts of many thousands: right at any size, with whatever limit on open files, and reported when interrupted. */
#include "suite.h"

#include "report.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ARGS_MAX 20

static const struct {
    const char *limit; /* ulimit -n */
    bool as_nobody;
    const char *args[ARGS_MAX];
} bursts[] = {
    {"20000",
     true,
     {"--backlog", "65535", "--sysctl", "net.core.somaxconn=65535", "--accept-count", "0", "--count", "60000", "--timeout", "0",
      "--expect", "queued=60000"}},
    {"20000",
     true,
     {"--backlog", "2", "--accept-count", "0", "--count", "100000", "--timeout", "0", "--expect", "queued=3,timed_out=99997"}},
    {"20000",
     false,
     {"--backlog", "2", "--accept-count", "0", "--count", "30k", "--timeout", "0", "--expect", "queued=3,timed_out=29997"}},
    {"20000", true, {"--backlog", "4096", "--count", "30k", "--timeout", PATIENCE_TEXT, "--expect", "connected=30000"}},
    {"300",
     true,
     {"--backlog", "4096", "--count", "3000", "--timeout", PATIENCE_TEXT, "--send", "Hey", "--expect", "connected=3000"}},
    {"300",
     true,
     {"--backlog", "100", "--accept-count", "0", "--count", "3000", "--timeout", "1500ms", "--expect",
      "queued=101,timed_out=2899"}},
    {"300",
     true,
     {"--backlog", "100", "--accept-count", "7", "--count", "3000", "--rate", "20k", "--timeout", "0", "--expect",
      "connected=7,queued=101,timed_out=2892"}},
    {"20000",
     true,
     {"--host", "::1", "--backlog", "100", "--accept-count", "0", "--count", "25k", "--timeout", "0", "--expect",
      "queued=101,timed_out=24899"}},
};

START_TEST(burst_is_right)
{
    struct process_setup setup = {.as_nobody = bursts[_i].as_nobody};
    if (setup.as_nobody)
        need(forbids_user_namespaces);
    char command[1024];
    int used = snprintf(command, sizeof command, "ulimit -n %s; exec %s run --summary", bursts[_i].limit, BACKLOGCTL);
    for (size_t i = 0; i < ARGS_MAX && bursts[_i].args[i]; i++)
        used += snprintf(command + used, sizeof command - (size_t)used, " %s", bursts[_i].args[i]);
    struct outcome outcome = process_run((const char *[]){"sh", "-c", command, NULL}, &setup);
    ck_assert_msg(outcome.status == 0, "status %d: %.300s\n%.1200s", outcome.status, outcome.err, outcome.out);
    outcome_free(&outcome);
}
END_TEST

/* What cannot be held is said before anything is opened. The files of /proc that say how much there is are replaced in a
   mount namespace of the command's own. */
static const struct {
    const char *prepare, *args, *says;
} limits[] = {
    {"echo 'MemAvailable: 100000 kB' >$f; mount --bind $f /proc/meminfo", "--count 20k",
     "they take about 150 MB of memory, 97 MB are available"},
    {"echo '900 0 1000' >$f; mount --bind $f /proc/sys/fs/file-nr", "--count 200", "fs.file-max is 1000 and 900 are in use"},
    /* with no thread to be had, LeakSanitizer's own cannot start either */
    {"ulimit -n 100; as='env ASAN_OPTIONS=detect_leaks=0 setpriv --reuid=65534 --regid=65534 --clear-groups prlimit --nproc=1'",
     "--count 1000", "RLIMIT_NPROC"},
    {":", "--count 30k --host ::1", "net.ipv4.ip_local_port_range"},
};

START_TEST(what_cannot_be_held_is_said_first)
{
    need(forbids_other_users);
    need(forbids_mounts);
    char script[1024];
    snprintf(script, sizeof script,
             "f=$(mktemp) as=; trap 'rm $f' EXIT; %s; $as %s run --backlog 2 --accept-count 0 --timeout 0 %s; s=$?; "
             "umount /proc/meminfo /proc/sys/fs/file-nr 2>/dev/null; exit $s",
             limits[_i].prepare, BACKLOGCTL, limits[_i].args);
    struct outcome outcome = process_run((const char *[]){"unshare", "-m", "sh", "-c", script, NULL}, NULL);
    ck_assert_msg(outcome.status == 3, "status %d: %.300s", outcome.status, outcome.err);
    ck_assert_msg(strstr(outcome.err, limits[_i].says) != NULL, "%s", outcome.err);
    ck_assert_str_eq(outcome.out, "");
    outcome_free(&outcome);
}
END_TEST

/* Truly simultaneous connects: whatever becomes of them, each is told, and none twice. */
START_TEST(threads_lose_nothing)
{
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--json", "--backlog", "20", "--accept-count", "0", "--count",
                                                "5000", "--threads", "4", "--timeout", "0", NULL},
                               NULL, 0);
    long queued = report_count(report, "queued"), ghosts = report_count(report, "half_open") + report_count(report, "lost");
    ck_assert_int_ge(queued, 21);
    ck_assert_int_eq(queued + ghosts + report_count(report, "timed_out") + report_count(report, "established"), 5000);
    json_decref(report);
}
END_TEST

static json_t *interrupted_report(struct outcome *outcome)
{
    ck_assert_int_eq(outcome->status, 128 + SIGINT);
    json_t *report = json_loads(outcome->out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(report != NULL, "%.200s", outcome->out);
    outcome_free(outcome);
    return report;
}

/* SIGINT once a connection has come to the server: there is one to report then. */
static json_t *interrupted_run(const char *options)
{
    char command[512];
    snprintf(command, sizeof command,
             "exec %s run --json --host-net --backlog 2000 --accept-count 0 --timeout " PATIENCE_TEXT " %s", BACKLOGCTL, options);
    in_private_namespace();
    struct process process = process_start((const char *[]){"sh", "-c", command, NULL}, NULL);
    await("ss -Hltn sport = :60001 | grep -q 'LISTEN [1-9]' || ! [ -d /proc/%d ]", (int)process.pid);
    process_signal(&process, SIGINT);
    struct outcome outcome = process_finish(&process, PATIENCE);
    json_t *report = interrupted_report(&outcome);
    ck_assert_uint_ge(json_array_size(json_object_get(report, "connections")), 1);
    return report;
}

START_TEST(what_was_begun_is_reported)
{
    json_t *report = interrupted_run("--count 100k");
    ck_assert(json_is_null(json_object_get(report, "incomplete")));
    json_decref(report);
}
END_TEST

/* A signal that came before all the rest: no row, and the reason. */
START_TEST(that_nothing_was_begun_is_said)
{
    struct outcome outcome = process_run((const char *[]){"env", "--block-signal=INT", "sh", "-c",
                                                          "kill -INT $$; exec " BACKLOGCTL " run --json --count 100k", NULL},
                                         NULL);
    json_t *report = interrupted_report(&outcome);
    ck_assert_uint_eq(json_array_size(json_object_get(report, "connections")), 0);
    ck_assert_str_eq(report_text(report, "incomplete"), "interrupted before the first connection was begun");
    json_decref(report);
}
END_TEST

/* Threads whose next burst is an hour away hear of it, too. */
START_TEST(waiting_threads_hear_of_the_interruption)
{
    json_decref(interrupted_run("--count 40 --burst 4 --every 1h --threads 2"));
}
END_TEST

START_TEST(interrupted_burst_is_reported)
{
    static const int sockets[] = {0, 100, 20000}; /* of the run, in its own namespace, when the signal comes */
    struct process process = process_start((const char *[]){BACKLOGCTL, "run", "--json", "--backlog", "2", "--accept-count", "0",
                                                            "--count", "100k", "--timeout", PATIENCE_TEXT, NULL},
                                           NULL);
    await("awk '/^TCP:/ {exit $3 < %d}' /proc/%d/net/sockstat", sockets[_i], (int)process.pid);
    process_signal(&process, SIGINT);
    struct outcome outcome = process_finish(&process, PATIENCE);
    ck_assert_int_eq(outcome.status, 128 + SIGINT);
    if (*outcome.out) { /* else it came before there was anything to report */
        json_t *report = json_loads(outcome.out, JSON_REJECT_DUPLICATES, NULL);
        ck_assert_msg(report != NULL, "%.200s", outcome.out);
        ck_assert_str_eq(report_text(report, "interrupted_by"), "SIGINT");
        size_t rows = json_array_size(json_object_get(report, "connections"));
        ck_assert_uint_ge(rows, _i ? 1 : 0); /* the first signal may come before the first connection, and then that is said */
        ck_assert_int_eq(rows > 0, json_is_null(json_object_get(report, "incomplete")));
        ck_assert_int_eq(report_count(report, "queued") + report_count(report, "timed_out"), (long)rows);
        json_decref(report);
    }
    outcome_free(&outcome);
}
END_TEST

/* The same burst again and again: neither TIME_WAIT nor ports of earlier ones get in its way. */
START_TEST(repeated_probes_find_ports)
{
    in_private_namespace();
    set_sysctl("net.core.somaxconn", "65535");
    set_sysctl("net.ipv4.ip_local_port_range", "50000 59999");
    struct process_setup setup = {.stdout_to = "/dev/null"}; /* a pipe that nobody reads would hold the server up */
    struct process server = process_start((const char *[]){BACKLOGCTL, "serve", "--backlog", "65535", NULL}, &setup);
    for (int i = 0; i < 6; i++)
        free(shell("%s probe --wait " PATIENCE_TEXT " --count 9000 --timeout " PATIENCE_TEXT " --quiet --expect connected=9000",
                   BACKLOGCTL));
    free(serve_stop(&server));
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("scale");
    TCase *tcase = tcase_create("many");
    tcase_add_loop_test(tcase, burst_is_right, 0, COUNT(bursts));
    tcase_add_loop_test(tcase, what_cannot_be_held_is_said_first, 0, COUNT(limits));
    tcase_add_test(tcase, threads_lose_nothing);
    tcase_add_test(tcase, what_was_begun_is_reported);
    tcase_add_test(tcase, that_nothing_was_begun_is_said);
    tcase_add_test(tcase, waiting_threads_hear_of_the_interruption);
    tcase_add_loop_test(tcase, interrupted_burst_is_reported, 0, 3);
    tcase_add_test(tcase, repeated_probes_find_ports);
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
