/* Every kind of listener: AF_UNIX, reuseport groups, deferred accepts, Fast Open and MPTCP, against ss, nc and python. */
#include "suite.h"

#include "report.h"
#include "servers.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/backlogctl-test-XXXXXX";
static char path[64];

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
}

/* Whatever was made in it is gone: an empty folder alone can be removed so. */
static void remove_folder(void)
{
    ck_assert_int_eq(rmdir(folder), 0);
}

static const char *row_text(const json_t *report, size_t i, const char *name)
{
    return report_text(json_array_get(json_object_get(report, "connections"), i), name);
}

/* ---- AF_UNIX ---- */

static const struct {
    const char *path, *type;
} unix_kinds[] = {{NULL, NULL}, {NULL, "--seqpacket"}, {"@backlogctl-test", NULL}, {"@backlogctl-test", "--seqpacket"}};

/* Three are queued, the rest is told at once; ss sees the same. */
START_TEST(a_full_unix_queue_answers_at_once)
{
    make_folder();
    in_private_namespace();
    const char *where = unix_kinds[_i].path ? unix_kinds[_i].path : path, *type = unix_kinds[_i].type;
    struct process server =
        serve_start((const char *[]){"--unix", where, "--backlog", "2", "--accept-count", "0", type, NULL}, NULL);
    json_t *report =
        report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--unix", where, "--timeout", "0", type, NULL}, NULL, 0);
    ck_assert_int_eq(report_count(report, "queued"), 3);
    ck_assert_int_eq(report_count(report, "would_block"), 7);
    ck_assert_str_eq(row_text(report, 2, "evidence"), "peer_socket");
    ck_assert_str_eq(row_text(report, 3, "reason"), "queue_full");
    ck_assert_str_eq(row_text(report, 3, "error"), "EAGAIN");
    ck_assert_int_eq(report_number(report, "listener.backlog"), 2);
    ck_assert_int_eq(report_number(report, "listener.queue"), 3);
    ck_assert_str_eq(report_text(report, "listener.path"), where);
    ck_assert(json_is_null(json_object_get(json_object_get(report, "listener"), "discarded")));
    json_decref(report);
    if (!unix_kinds[_i].path) { /* the same file by another path */
        char other[96];
        snprintf(other, sizeof other, "%s/./socket", folder);
        report =
            report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--unix", other, "--timeout", "0", type, NULL}, NULL, 0);
        ck_assert_int_eq(report_number(report, "listener.queue"), 3);
        json_decref(report);
    }
    char *seen = shell("ss -Hlx | awk '$5 == \"%s\" {print $1, $3, $4}'", where), expected[64];
    snprintf(expected, sizeof expected, "%s 3 2", type ? "u_seq" : "u_str");
    ck_assert_str_eq(seen, expected);
    free(seen);
    free(serve_stop(&server));
    remove_folder();
}
END_TEST

START_TEST(run_has_unix_sockets_too)
{
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--json", "--unix", "@x", "--backlog", "2", "--accept-count",
                                                "1", "--expect", "connected=1,queued=3,would_block=6,capacity=3", NULL},
                               NULL, 0);
    json_t *timeline = json_array_get(json_object_get(report, "timeline"), 0);
    ck_assert_str_eq(report_text(timeline, "source"), "calls");
    json_decref(report);
}
END_TEST

/* As over TCP, the age stays what it was when the connection was last seen in the queue. */
START_TEST(unix_ages_outlive_the_accept)
{
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--json", "--unix", "@ages", "--backlog", "5",
                                                "--accept-delay", "200ms", "--count", "3", "--timeout", "60s", NULL},
                               NULL, 0);
    const json_t *last = json_array_get(json_object_get(report, "connections"), 2);
    ck_assert_int_eq(report_count(report, "connected"), 3);
    ck_assert_msg(json_is_integer(json_object_get(last, "age_us")), "no age");
    ck_assert_int_ge(json_integer_value(json_object_get(last, "age_us")), 0);
    json_decref(report);
}
END_TEST

/* A server that is not ours, and a client that is not ours. */
START_TEST(unix_sockets_of_others)
{
    make_folder();
    in_private_namespace();
    char code[256];
    snprintf(code, sizeof code,
             "import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('%s')\ns.listen(4)\nc = s.accept()\nprint('up', "
             "flush=True)\ninput()",
             path);
    struct process_setup setup = {.stdin_pipe = true};
    struct process python = process_start((const char *[]){"python3", "-c", code, NULL}, &setup);
    json_t *report = report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--unix", path, "--wait", PATIENCE_TEXT,
                                                "--timeout", PATIENCE_TEXT, "--count", "1", NULL},
                               NULL, 0);
    ck_assert_int_eq(report_count(report, "connected"), 1);
    json_decref(report);
    free(process_line(&python, PATIENCE)); /* it accepts nobody else */
    report = report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--unix", path, "--timeout", "0", "--count", "9", NULL},
                       NULL, 0);
    ck_assert_int_eq(report_count(report, "queued"), 5);
    ck_assert_int_eq(report_count(report, "would_block"), 4);
    ck_assert_str_eq(report_text(report, "listener.process"), "python3");
    json_decref(report);
    process_signal(&python, SIGTERM);
    struct outcome outcome = process_finish(&python, PATIENCE);
    outcome_free(&outcome);
    unlink(path);

    struct process server = serve_start((const char *[]){"--unix", path, NULL}, NULL);
    char *said = shell("printf 'hello\\nend\\n' | nc -U %s", path);
    ck_assert_str_eq(said, "hello!");
    free(said);
    free(serve_stop(&server));
    remove_folder();
}
END_TEST

START_TEST(unix_mistakes_are_named)
{
    make_folder();
    in_private_namespace();
    json_t *report = report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--unix", path, "--count", "2", NULL}, NULL, 0);
    ck_assert_int_eq(report_count(report, "refused"), 2);
    ck_assert_str_eq(row_text(report, 0, "reason"), "no_listener");
    json_decref(report);
    struct process server = serve_start((const char *[]){"--unix", path, "--seqpacket", NULL}, NULL);
    struct outcome outcome = process_run((const char *[]){BACKLOGCTL, "probe", "--unix", path, NULL}, NULL);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_msg(strstr(outcome.err, "is a SOCK_SEQPACKET listener: give --seqpacket"), "%s", outcome.err);
    outcome_free(&outcome);
    /* Another one cannot take its place, and does not remove the file. */
    outcome = process_run((const char *[]){BACKLOGCTL, "serve", "--unix", path, NULL}, NULL);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_msg(strstr(outcome.err, ") listens at "), "%s", outcome.err);
    outcome_free(&outcome);
    ck_assert_int_eq(access(path, F_OK), 0);
    free(serve_stop(&server));
    remove_folder();
}
END_TEST

/* Several servers have been bound to a path, each after the file of the one before was removed: the last one answers. */
START_TEST(a_path_means_the_file_that_is_there)
{
    make_folder();
    in_private_namespace();
    char program[512];
    snprintf(program, sizeof program,
             "import socket as S,os,time;L=[]\nfor b in (3,4,5,6,7,8,20):\n s=S.socket(S.AF_UNIX);L.append(s);"
             "os.path.exists('%s') and os.unlink('%s');s.bind('%s');s.listen(b)\nprint(1,flush=True);time.sleep(7200)",
             path, path, path);
    struct process servers;
    if (!python_begin(program, &servers))
        return;
    json_t *report =
        report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--unix", path, "--count", "1", "--timeout", "0", NULL}, NULL,
                  0);
    ck_assert_int_eq(report_number(report, "listener.backlog"), 20);
    ck_assert_int_eq(report_number(report, "listener.queue"), 1);
    json_decref(report);
    char *seen = shell("%s list --unix %s --columns backlog | awk '/^$/{exit} NR>1' | xargs", BACKLOGCTL, path);
    ck_assert_str_eq(seen, "20");
    free(seen);
    unlink(path); /* now it is known by its name alone, like the others */
    report = report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--unix", path, "--count", "1", NULL}, NULL, 0);
    ck_assert(json_is_null(json_object_get(report, "listener")));
    json_decref(report);
    python_end(&servers);
    remove_folder();
}
END_TEST

/* What each command finds at a path or name, typed in a shell that is in the folder. */
static const struct {
    const char *name, *found;
} ways[] = {
    {"$PWD/\303\251.sock", "11"},
    {"\303\251.sock", "11"},
    {"./\303\251.sock", "11"},
    {"$PWD/../${PWD##*/}/link", "11"},
    {"link", "11"},
    {"r.sock", "12"},
    {"./r.sock", "12"},
    {"@a", "13"},
    {"@ab", "14"},
    {"@a?", ""},
    {"@x?y", ""},
    {"@x\ny", "16"},
    {"nobody", ""},
};

START_TEST(every_command_finds_the_listener_at_a_path)
{
    make_folder();
    in_private_namespace();
    char program[512];
    snprintf(program, sizeof program,
             "import socket as S,os,threading;L=[];os.chdir('%s')\n"
             "def serve(s):\n while 1: L.append(s.accept())\n"
             "for b,n in enumerate((os.getcwd()+'/\303\251.sock','r.sock','\\0a','\\0ab','\\0a\\0','\\0x\\ny')):\n"
             " s=S.socket(S.AF_UNIX);s.bind(n);s.listen(b+11);threading.Thread(target=serve,args=(s,)).start()\n"
             "os.symlink('\303\251.sock','link');print(1,flush=True)",
             folder);
    struct process servers;
    if (!python_begin(program, &servers))
        return;
    for (size_t i = 0; i < COUNT(ways); i++) {
        char command[64];
        const char *name = ways[i].name;
        char *seen = shell("cd %s && %s list --unix \"%s\" --columns backlog | awk '/^$/{exit} !/^no listener/ && NR>1' | xargs",
                           folder, BACKLOGCTL, name);
        ck_assert_msg(!strcmp(seen, ways[i].found), "list --unix %s: '%s'", name, seen);
        free(seen);
        snprintf(command, sizeof command, "resize --backlog %s --dry-run", *ways[i].found ? ways[i].found : "1");
        const char *const commands[] = {command, "measure --yes --budget 9s --timeout 60s --expect capacity\\>10",
                                        "probe --count 1"};
        for (size_t c = 0; c < COUNT(commands); c++) {
            seen = shell("cd %s && %s %s --quiet --unix \"%s\" 2>/dev/null; echo $?", folder, BACKLOGCTL, commands[c], name);
            bool refused = c == 2; /* nobody is there: that is what probe has to say */
            ck_assert_msg(!strcmp(seen, *ways[i].found || refused ? "0" : "3"), "%s --unix %s: '%s'", commands[c], name, seen);
            free(seen);
        }
    }
    python_end(&servers);
    free(shell("rm -r %s", folder));
}
END_TEST

START_TEST(the_file_of_another_server_stays)
{
    make_folder();
    in_private_namespace();
    struct process first = serve_start((const char *[]){"--unix", path, NULL}, NULL);
    unlink(path);
    struct process second = serve_start((const char *[]){"--unix", path, NULL}, NULL);
    free(serve_stop(&first));
    ck_assert_int_eq(access(path, F_OK), 0);
    free(serve_stop(&second));
    ck_assert_int_ne(access(path, F_OK), 0);
    remove_folder();
}
END_TEST

/* ---- TCP ---- */

START_TEST(a_group_is_shown_each_and_summed)
{
    in_private_namespace();
    struct process server =
        serve_start((const char *[]){"--reuseport", "3", "--backlog", "3", "--accept-count", "0", NULL}, NULL);
    char *lines = shell("ss -Hltn sport = :60001 | wc -l");
    ck_assert_str_eq(lines, "3");
    free(lines);
    json_t *report = report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--count", "30", "--timeout", "0", NULL}, NULL, 0);
    const json_t *target = json_array_get(json_object_get(report, "targets"), 0), *members = json_object_get(target, "members");
    long queue = 0, drops = 0;
    ck_assert_uint_eq(json_array_size(members), 3);
    for (size_t i = 0; i < 3; i++) {
        const json_t *member = json_array_get(members, i);
        ck_assert_int_eq(report_number(member, "capacity"), 4);
        queue += report_number(member, "queue");
        drops += report_number(member, "discarded");
    }
    ck_assert_int_eq(queue, report_number(report, "listener.queue"));
    ck_assert_int_eq(drops, report_number(report, "counters.discarded"));
    ck_assert_int_eq(report_number(report, "listener.capacity"), 12);
    ck_assert_int_eq(report_count(report, "queued"), queue);
    char *seen = shell("ss -Hltn sport = :60001 | awk '{q += $2} END {print q}'"), expected[16];
    snprintf(expected, sizeof expected, "%ld", queue);
    ck_assert_str_eq(seen, expected);
    free(seen);
    json_decref(report);
    free(serve_stop(&server));
}
END_TEST

START_TEST(deferred_clients_wait_outside)
{
    static const struct {
        const char *send;
        long half_open, queued;
    } rows[] = {{NULL, 3, 0}, {"hello", 0, 3}};
    const char *argv[20] = {BACKLOGCTL, "run",     "--json", "--defer-accept", "5s",   "--accept-count",
                            "0",        "--count", "3",      "--timeout",      "300ms"};
    if (rows[_i].send) {
        argv[11] = "--send";
        argv[12] = rows[_i].send;
    }
    json_t *report = report_of(argv, NULL, 0);
    ck_assert_int_eq(report_count(report, "half_open"), rows[_i].half_open);
    ck_assert_int_eq(report_count(report, "queued"), rows[_i].queued);
    ck_assert_int_eq(report_number(report, "listener.queue"), rows[_i].queued);
    ck_assert_int_eq(report_number(report, "counters.TCPDeferAcceptDrop"), 3);
    ck_assert_ptr_nonnull(strstr(report_text(report, "explanation"), "TCP_DEFER_ACCEPT, 5s"));
    json_decref(report);
}
END_TEST

/* The kernel's own counter says that data came with the SYN; the first one had no cookie yet. */
START_TEST(fast_open_brings_data_with_the_syn)
{
    in_private_namespace();
    set_sysctl("net.ipv4.tcp_fastopen", "3");
    struct process server = serve_start((const char *[]){"--fastopen", NULL}, NULL);
    json_t *report = report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--fastopen", "--send", "hello", "--count", "6",
                                                "--timeout", PATIENCE_TEXT, NULL},
                               NULL, 0);
    ck_assert_int_eq(report_count(report, "connected"), 6);
    char *counted = shell("nstat -asz TcpExtTCPFastOpenPassive | awk '/FastOpen/ {print $2}'");
    ck_assert_int_eq(report_number(report, "counters.TCPFastOpenPassive"), atol(counted));
    ck_assert_int_ge(atol(counted), 4);
    free(counted);
    json_decref(report);
    free(serve_stop(&server));
}
END_TEST

/* How many may come by Fast Open follows from the backlog. */
START_TEST(fast_open_goes_with_every_backlog)
{
    static const char *const backlogs[] = {"2147483647", "2147483646", "0", "-1", "-2147483648"};
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--json", "--fastopen", "--backlog", backlogs[_i], "--count",
                                                "1", "--expect", "connected=1", NULL},
                               NULL, 0);
    json_decref(report);
}
END_TEST

START_TEST(mptcp_that_is_turned_off_is_told)
{
    in_private_namespace();
    if (access("/proc/sys/net/mptcp/enabled", F_OK))
        skip("this kernel has no MPTCP");
    struct outcome outcome =
        process_run((const char *[]){BACKLOGCTL, "run", "--mptcp", "--sysctl", "net.mptcp.enabled=0", NULL}, NULL);
    ck_assert_msg(strstr(outcome.err, "socket(IPPROTO_MPTCP): Protocol not available; this kernel lacks it"), "%s", outcome.err);
    ck_assert_int_eq(outcome.status, 3);
    outcome_free(&outcome);
}
END_TEST

START_TEST(mptcp_is_seen_by_ss)
{
    in_private_namespace();
    if (access("/proc/sys/net/mptcp/enabled", F_OK)) {
        skip("this kernel has no MPTCP");
    }
    struct process server;
    json_t *report = report_at(&server, (const char *[]){"--mptcp", "--backlog", "2", "--accept-count", "1", NULL},
                               (const char *[]){BACKLOGCTL, "probe", "--json", "--mptcp", "--timeout", "0", NULL}, NULL);
    char *seen = shell("ss -HlM | wc -l");
    ck_assert_str_eq(seen, "1");
    free(seen);
    ck_assert_int_eq(report_count(report, "connected"), 1);
    ck_assert_int_eq(report_count(report, "queued"), 3);
    ck_assert_int_eq(report_count(report, "timed_out"), 6);
    json_decref(report);
    free(serve_stop(&server));
}
END_TEST

/* ---- Stalls, bursts, presets ---- */

START_TEST(a_stall_holds_the_first_accept_back)
{
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--json", "--stall", "200ms", "--stall-every", "10s",
                                                "--count", "5", "--backlog", "9", "--timeout", PATIENCE_TEXT, NULL},
                               NULL, 0);
    const json_t *first = json_array_get(json_object_get(report, "connections"), 0);
    ck_assert_int_eq(report_count(report, "connected"), 5);
    ck_assert_int_ge(report_number(first, "accepted_us"), 200000);
    json_decref(report);
}
END_TEST

START_TEST(bursts_keep_their_time)
{
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--json", "--burst", "3", "--every", "100ms", "--count", "7",
                                                "--timeout", PATIENCE_TEXT, NULL},
                               NULL, 0);
    ck_assert_int_eq(report_count(report, "connected"), 7);
    for (size_t i = 0; i < 7; i++) {
        const json_t *lane =
            json_array_get(json_object_get(json_array_get(json_object_get(report, "timeline"), 0), "connections"), i);
        long at = (long)json_integer_value(json_array_get(json_object_get(lane, "syn_us"), 0));
        ck_assert_msg(at >= (long)(i / 3) * 100000, "connection %zu at %ld us", i + 1, at);
    }
    json_decref(report);
}
END_TEST

/* What each preset promises, and that the promise is kept for the reason that it gives. */
static const struct {
    const char *name, *expect, *counter;
} presets[] = {
    {"article", "connected=1,queued=3,timed_out=6", "ListenOverflows"},
    {"overflow", "connected=10,drops=5", "ListenOverflows"},
    {"lost", "lost>=1,connected>=2", "SyncookiesSent"},
    {"herd", "lost>=25,connected>=10", "SyncookiesSent"},
    {"abort", "queued=5,reset=3", "ListenOverflows"},
    {"cookies", "queued=5,lost=15", "SyncookiesSent"},
    {"clamped", "queued=17,timed_out=3,backlog=16", "ListenOverflows"},
    {"reuseport", "backlog=16,capacity=20", NULL},
};

START_TEST(presets_keep_their_promise)
{
    if (!strcmp(presets[_i].name, "clamped"))
        need(lacks_somaxconn);
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--json", "--preset", presets[_i].name, "--expect",
                                                presets[_i].expect, NULL},
                               NULL, 0);
    char counter[64];
    ck_assert_str_eq(report_text(report, "preset.name"), presets[_i].name);
    ck_assert_uint_gt(strlen(report_text(report, "preset.shows")), 100);
    snprintf(counter, sizeof counter, "counters.%s", presets[_i].counter ? presets[_i].counter : "");
    if (presets[_i].counter)
        ck_assert_int_gt(report_number(report, counter), 0);
    json_decref(report);
}
END_TEST

START_TEST(without_cookies_nobody_is_lost)
{
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--json", "--preset", "lost", "--sysctl",
                                                "net.ipv4.tcp_syncookies=0", "--timeout", PATIENCE_TEXT, NULL},
                               NULL, 0);
    ck_assert_int_eq(report_count(report, "lost"), 0);
    ck_assert_int_eq(report_count(report, "connected"), 8);
    json_decref(report);
    char *list = shell(BACKLOGCTL " run --list-presets");
    for (size_t i = 0; i < COUNT(presets); i++)
        ck_assert_msg(strstr(list, presets[i].name), "%s is not listed", presets[i].name);
    free(list);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {
        unix_ages_outlive_the_accept,
        run_has_unix_sockets_too,
        unix_sockets_of_others,
        unix_mistakes_are_named,
        a_path_means_the_file_that_is_there,
        every_command_finds_the_listener_at_a_path,
        the_file_of_another_server_stays,
        a_group_is_shown_each_and_summed,
        mptcp_is_seen_by_ss,
        mptcp_that_is_turned_off_is_told,
        fast_open_brings_data_with_the_syn,
        a_stall_holds_the_first_accept_back,
        bursts_keep_their_time,
        without_cookies_nobody_is_lost,
    };
    Suite *suite = suite_create("kinds");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *rows = tcase_create("rows");
    tcase_add_loop_test(rows, a_full_unix_queue_answers_at_once, 0, COUNT(unix_kinds));
    tcase_add_loop_test(rows, deferred_clients_wait_outside, 0, 2);
    tcase_add_loop_test(rows, fast_open_goes_with_every_backlog, 0, 5);
    tcase_add_loop_test(rows, presets_keep_their_promise, 0, COUNT(presets));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
