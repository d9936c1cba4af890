/* run -- COMMAND: any server in the private namespace, tested as one of our own, and nothing of it left behind. */
#include "suite.h"

#include "report.h"
#include "servers.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* A server's program begins like this. Who holds the lock of $LOCK, or has inherited it, still runs. */
#define LOCKED "import fcntl,sys\nlock=open(__import__('os').environ['LOCK'],'w')\nfcntl.flock(lock,fcntl.LOCK_EX)\n"
#define NOT_ACCEPTING LOCKED LISTENING "tcp('127.0.0.1',int(sys.argv[1]),5)" AND_WAIT
#define ACCEPTING LOCKED LISTENING "tcp('127.0.0.1',int(sys.argv[1]),5)" AND_ACCEPT
#define DAEMON                                                                             \
    LOCKED LISTENING "if os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n" \
                     "tcp('127.0.0.1',int(sys.argv[1]),5)" AND_WAIT
#define DEAF LOCKED LISTENING "signal.signal(signal.SIGTERM,signal.SIG_IGN)\ntcp('127.0.0.1',int(sys.argv[1]),5)" AND_WAIT
#define DYING LOCKED LISTENING "tcp('127.0.0.1',int(sys.argv[1]),5)\nL[0].accept()\nos.kill(os.getpid(),signal.SIGKILL)"

/* ---- A lock that tells when the last process of a server has gone ---- */

static char lock_path[64], lock_variable[80];

static void lock_make(void)
{
    need_program("python3");
    strcpy(lock_path, "/tmp/backlogctl-test-XXXXXX");
    int fd = mkstemp(lock_path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    snprintf(lock_variable, sizeof lock_variable, "LOCK=%s", lock_path);
}

/* Waits until nobody holds it: at once where it must be so now. */
static void nobody_is_left(bool now)
{
    int fd = open(lock_path, O_RDWR | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_msg(!flock(fd, LOCK_EX | (now ? LOCK_NB : 0)), "a process of the server still runs");
    close(fd);
}

static void lock_remove(void)
{
    unlink(lock_path);
}

/* ---- Verdicts ---- */

START_TEST(a_queue_is_filled_exactly)
{
    lock_make();
    json_t *report =
        report_of((const char *[]){BACKLOGCTL, "run", "--json", "--timeout", "0", "--count", "10", "--env", lock_variable,
                                   "--wait", PATIENCE_TEXT, "--", "python3", "-c", NOT_ACCEPTING, "{port}", NULL},
                  NULL, 0);
    ck_assert_int_eq(report_count(report, "queued"), 6);
    ck_assert_int_eq(report_count(report, "timed_out"), 4);
    ck_assert_int_eq(report_number(report, "listener.capacity"), 6);
    ck_assert_int_eq(report_number(report, "counters.ListenOverflows"), 4);
    ck_assert_str_eq(report_text(report, "server.backlog_by"), "own");
    ck_assert_str_eq(report_text(report, "target.address"), "127.0.0.1");
    json_decref(report);
    nobody_is_left(true);
    lock_remove();
}
END_TEST

START_TEST(who_is_accepted_is_connected)
{
    lock_make();
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--json", "--timeout", PATIENCE_TEXT, "--count", "6", "--env",
                                                lock_variable, "--wait", PATIENCE_TEXT, "--expect", "connected=6,drops=0", "--",
                                                "python3", "-c", ACCEPTING, "{port}", NULL},
                               NULL, 0);
    ck_assert_int_eq(report_count(report, "connected"), 6);
    ck_assert_str_eq(report_text(report, "accept_times"), "seen");
    json_decref(report);
    nobody_is_left(true);
    lock_remove();
}
END_TEST

/* A server that closes each client at once: the time of its FIN is when it had accepted. */
START_TEST(a_fin_tells_of_the_accept)
{
    need_program("python3");
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--json", "--timeout", PATIENCE_TEXT, "--count", "3", "--wait",
                                                PATIENCE_TEXT, "--", "python3", "-c",
                                                LISTENING "tcp('127.0.0.1',60001)\nwhile 1: L[0].accept()[0].close()", NULL},
                               NULL, 0);
    ck_assert_int_eq(report_count(report, "connected"), 3);
    json_t *row;
    size_t i;
    json_array_foreach(json_object_get(report, "connections"), i, row)
    {
        const char *by = json_string_value(json_object_get(row, "accepted_by"));
        json_t *lane = json_array_get(json_object_get(json_array_get(json_object_get(report, "timeline"), 0), "connections"), i);
        double closed = json_number_value(json_object_get(lane, "closed_us"));
        ck_assert_msg(by && (!strcmp(by, "packet") || !strcmp(by, "look")), "accepted by %s", by ? by : "nobody");
        ck_assert(json_number_value(json_object_get(row, "accepted_us")) <= closed);
    }
    json_decref(report);
}
END_TEST

#define ANY_OF_BOTH LISTENING "tcp('::',60001,5,0,0)" AND_WAIT
#define ANY_IPV6 LISTENING "tcp('::',60001,5,0,1)" AND_WAIT

static const struct {
    const char *program;
    const char *const options[3];
    const char *address; /* NULL: it cannot be reached so */
} aims[] = {
    {ANY_OF_BOTH, {NULL}, "::1"},
    {ANY_OF_BOTH, {"-4"}, "127.0.0.1"},
    {ANY_OF_BOTH, {"-6"}, "::1"},
    {ANY_OF_BOTH, {"--host", "127.0.0.5"}, "127.0.0.5"},
    {ANY_OF_BOTH, {"-4", "--delay=1ms", "--timeout=1s"}, "10.9.0.2"},
    {ANY_IPV6, {"--host", "::1"}, "::1"},
    {ANY_IPV6, {"-4"}, NULL},
    {ANY_IPV6, {"--host", "127.0.0.1"}, NULL},
};

/* Without an address it goes to the first that the server listens at; with one to that alone. */
START_TEST(the_burst_goes_where_it_is_sent)
{
    need_program("python3");
    const char *argv[20] = {BACKLOGCTL,  "run",    "--json",
                            "--timeout", "0",      "--count",
                            "2",         "--wait", aims[_i].address ? PATIENCE_TEXT : "15s"};
    size_t count = 9;
    for (size_t i = 0; i < 3 && aims[_i].options[i]; i++)
        argv[count++] = aims[_i].options[i];
    const char *const command[] = {"--", "python3", "-c", aims[_i].program, NULL};
    memcpy(&argv[count], command, sizeof command);
    json_t *report = report_of(argv, NULL, aims[_i].address ? 0 : 3);
    if (aims[_i].address) {
        ck_assert_str_eq(report_text(report, "target.address"), aims[_i].address);
        ck_assert_int_eq(report_count(report, "queued"), 2);
    } else {
        ck_assert_str_eq(report_text(report, "server.trouble"), "listens_elsewhere");
    }
    json_decref(report);
}
END_TEST

/* ---- Its backlog ---- */

static const struct {
    const char *given, *last, *by; /* --backlog, the server's last argument, and how it came about */
    long backlog;
} ways[] = {{"3", "5", "listen", 3}, {"3", "{backlog}", "word", 3}, {"7", "{backlog}", "word", 7}};

START_TEST(the_backlog_is_set_either_way)
{
    need_program("python3");
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--json", "--timeout", "0", "--count", "20", "--wait",
                                                PATIENCE_TEXT, "--backlog", ways[_i].given, "--", "python3", "-c",
                                                "import sys\n" LISTENING "tcp('127.0.0.1',60001,int(sys.argv[1]))" AND_WAIT,
                                                ways[_i].last, NULL},
                               NULL, 0);
    ck_assert_int_eq(report_number(report, "listener.backlog"), ways[_i].backlog);
    ck_assert_int_eq(report_count(report, "queued"), ways[_i].backlog + 1);
    ck_assert_str_eq(report_text(report, "server.backlog_by"), ways[_i].by);
    ck_assert_int_eq(report_number(report, "server.asked"), ways[_i].backlog);
    json_decref(report);
}
END_TEST

/* Its first children hold the socket and end, as PostgreSQL's do: the server stands still all the same. */
START_TEST(children_that_end_do_not_end_the_run)
{
    need_program("python3");
    for (int i = 0; i < 5; i++) {
        json_t *report =
            report_of((const char *[]){BACKLOGCTL, "run", "--json", "--timeout", "0", "--count", "20", "--wait", PATIENCE_TEXT,
                                       "--freeze", "auto", "--", "python3", "-c",
                                       LISTENING
                                       "signal.signal(signal.SIGCHLD,signal.SIG_IGN);tcp('127.0.0.1',b=5);end=time.time()+0.4\n"
                                       "while time.time()<end:\n if not os.fork(): time.sleep(0.008);os._exit(0)\n"
                                       " time.sleep(0.001)\n"
                                       "signal.pause()",
                                       NULL},
                      NULL, 0);
        ck_assert_int_eq(report_number(report, "server.freeze.held"), 6);
        json_decref(report);
    }
}
END_TEST

START_TEST(a_server_that_stands_still_is_counted_exactly)
{
    lock_make();
    json_t *report =
        report_of((const char *[]){BACKLOGCTL, "run", "--json", "--timeout", "0", "--count", "20", "--env", lock_variable,
                                   "--wait", PATIENCE_TEXT, "--freeze", "auto", "--", "python3", "-c", ACCEPTING, "{port}", NULL},
                  NULL, 0);
    ck_assert_int_eq(report_number(report, "server.freeze.held"), 6);
    json_decref(report);
    nobody_is_left(true);
    lock_remove();
}
END_TEST

/* ---- What it gets ---- */

#define TELLS                                                                                                   \
    "import os,signal,sys\n"                                                                                    \
    "print('descriptors',sorted(int(f) for f in os.listdir('/proc/self/fd') if f!='3'))\n"                      \
    "print('stdin',os.readlink('/proc/self/fd/0'))\n"                                                           \
    "print('session',os.getsid(0)==os.getpid(), 'blocked',signal.pthread_sigmask(signal.SIG_BLOCK,[]))\n"       \
    "print('ambient',[l.split()[1] for l in open('/proc/self/status') if 'CapAmb' in l])\n"                     \
    "print('interrupt',signal.getsignal(signal.SIGINT)!=signal.SIG_IGN,'folder',os.getcwd()==sys.argv[1])\n"    \
    "print('variable',os.environ['OF_OURS'],os.environ['OF_THE_TEST'],'user',os.geteuid()==int(sys.argv[2]))\n" \
    "sys.exit(9)\n"

START_TEST(it_finds_a_fresh_process_and_our_surroundings)
{
    need_program("python3");
    char *folder = shell("pwd -P"), *user = shell("id -u");
    struct outcome outcome = process_run((const char *[]){BACKLOGCTL, "run", "--quiet", "--env", "OF_OURS={port}", "--wait",
                                                          PATIENCE_TEXT, "--", "python3", "-c", TELLS, folder, user, NULL},
                                         &(struct process_setup){.env = (const char *const[]){"OF_THE_TEST=yes", NULL}});
    ck_assert_int_eq(outcome.status, 3);
    const char *const lines[] = {"exited with status 9 before it listened",
                                 "| descriptors [0, 1, 2]",
                                 "| stdin /dev/null",
                                 "| session True blocked set()",
                                 "| ambient ['0000000000000000']",
                                 "| interrupt True folder True",
                                 "| variable 60001 yes user True"};
    for (size_t i = 0; i < COUNT(lines); i++)
        ck_assert_msg(strstr(outcome.err, lines[i]) != NULL, "%s: %s", lines[i], outcome.err);
    ck_assert_str_eq(outcome.out, "");
    outcome_free(&outcome);
    free(folder);
    free(user);
}
END_TEST

START_TEST(its_output_goes_to_a_file)
{
    lock_make();
    char *log = shell("mktemp");
    struct outcome outcome =
        process_run((const char *[]){BACKLOGCTL, "run", "--quiet", "--server-log", log, "--wait", PATIENCE_TEXT, "--", "sh", "-c",
                                     "echo first; echo second >&2; exit 4", NULL},
                    NULL);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_msg(strstr(outcome.err, "  | first\n  | second\n") && strstr(outcome.err, log), "%s", outcome.err);
    char *text = shell("cat %s; rm %s", log, log);
    ck_assert_str_eq(text, "first\nsecond");
    outcome_free(&outcome);
    free(text);
    free(log);
    lock_remove();
}
END_TEST

START_TEST(another_user_takes_root)
{
    struct outcome outcome =
        process_run((const char *[]){BACKLOGCTL, "run", "--quiet", "--user", is_root() ? "65534" : "0", "--wait", PATIENCE_TEXT,
                                     "--", "sh", "-c", "id -u; id -G; exit 5", NULL},
                    NULL);
    ck_assert_int_eq(outcome.status, 3);
    const char *wanted = is_root() ? "  | 65534\n  | 65534\n" : "cannot become --user '0'";
    ck_assert_msg(strstr(outcome.err, wanted) != NULL, "%s", outcome.err);
    outcome_free(&outcome);
}
END_TEST

/* ---- Trouble ---- */

static const struct {
    const char *wait, *port; /* NULL: not given */
    const char *const command[8];
    const char *trouble, *text; /* in JSON, and on stderr */
    int exit_status, signal;    /* -1: null */
} troubles[] = {
    {PATIENCE_TEXT, NULL, {"no-such-program-here"}, "not_executed", "cannot be executed: ", -1, -1},
    {PATIENCE_TEXT, NULL, {"/"}, "not_executed", "cannot be executed: Permission denied", -1, -1},
    {PATIENCE_TEXT, NULL, {"sh", "-c", "exit 7"}, "exited", "exited with status 7 before it listened", 7, -1},
    {PATIENCE_TEXT, NULL, {"true"}, "exited", "exited with status 0 before it listened", 0, -1},
    {PATIENCE_TEXT, NULL, {"sh", "-c", "kill -9 $$"}, "killed", "was killed by signal 9 (SIGKILL) before it listened", -1, 9},
    {"100ms", NULL, {"sleep", "1000"}, "never_listened", "did not listen within 100ms", -1, -1},
    {"15s",
     "1",
     {"python3", "-c", LISTENING "tcp('127.0.0.1',2)" AND_WAIT},
     "listens_elsewhere",
     "does not listen at port 1 within 15s, but at 127.0.0.1:2",
     -1,
     -1},
    {PATIENCE_TEXT,
     NULL,
     {"python3", "-c", LISTENING "a=tcp('127.0.0.1',5001);b=tcp('::1',5002)" AND_WAIT},
     "several_listeners",
     "listens at several places: 127.0.0.1:5001, [::1]:5002: choose one",
     -1,
     -1},
    {PATIENCE_TEXT,
     "60001",
     {"python3", "-c", LISTENING "tcp('127.0.0.1',60001);L[0].accept();os.kill(os.getpid(),9)"},
     "killed",
     "was killed by signal 9 (SIGKILL) before the verdict",
     -1,
     9},
    {PATIENCE_TEXT,
     "60001",
     {"python3", "-c", LISTENING "tcp('127.0.0.1',60001);L[0].accept();os._exit(3)"},
     "exited",
     "exited with status 3 before the verdict",
     3,
     -1},
};

static long known(const json_t *server, const char *name)
{
    const json_t *value = json_object_get(server, name);
    ck_assert_ptr_nonnull(value);
    return json_is_null(value) ? -1 : (long)json_integer_value(value);
}

START_TEST(what_goes_wrong_is_told)
{
    const char *argv[32] = {BACKLOGCTL, "run", "--json", "--timeout", "10s", "--count", "3", "--wait", troubles[_i].wait};
    size_t count = 9;
    need_program("python3");
    if (troubles[_i].port) {
        argv[count++] = "--port";
        argv[count++] = troubles[_i].port;
        argv[count++] = "--sysctl";
        argv[count++] = "net.ipv4.ip_unprivileged_port_start=0";
    }
    argv[count++] = "--";
    for (size_t i = 0; troubles[_i].command[i]; i++)
        argv[count++] = troubles[_i].command[i];
    struct outcome outcome = process_run(argv, NULL);
    ck_assert_msg(outcome.status == 3, "status %d: %s", outcome.status, outcome.err);
    ck_assert_msg(strstr(outcome.err, troubles[_i].text) != NULL, "%s", outcome.err);
    json_t *report = json_loads(outcome.out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(report != NULL, "%s", outcome.out);
    ck_assert_str_eq(report_text(report, "server.trouble"), troubles[_i].trouble);
    ck_assert_int_eq(known(json_object_get(report, "server"), "exit_status"), troubles[_i].exit_status);
    ck_assert_int_eq(known(json_object_get(report, "server"), "signal"), troubles[_i].signal);
    json_decref(report);
    outcome_free(&outcome);
}
END_TEST

START_TEST(a_server_that_misses_the_network_is_told_why)
{
    need_program("python3");
    struct outcome outcome =
        process_run((const char *[]){BACKLOGCTL, "run", "--quiet", "--wait", PATIENCE_TEXT, "--", "python3", "-c",
                                     "import socket;socket.create_connection(('192.0.2.1',5432))", NULL},
                    NULL);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_msg(strstr(outcome.err,
                         "exited with status 1 before it listened; what it wrote speaks of the network: it has none") != NULL,
                  "%s", outcome.err);
    outcome_free(&outcome);
}
END_TEST

START_TEST(a_path_that_does_not_lead_there_is_told)
{
    need_program("python3");
    struct outcome outcome = process_run((const char *[]){BACKLOGCTL, "run", "--quiet", "--delay", "1ms", "--wait", PATIENCE_TEXT,
                                                          "--", "python3", "-c", LISTENING "tcp('127.0.0.1')" AND_WAIT, NULL},
                                         NULL);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_msg(strstr(outcome.err, "where the path of --delay does not lead: let it listen at 10.9.0.1") != NULL, "%s",
                  outcome.err);
    outcome_free(&outcome);
}
END_TEST

static const struct {
    const char *const words[8];
    const char *text;
} bad[] = {
    {{"--accept-delay", "1ms", "--", "true"}, "--accept-delay is for a server of our own"},
    {{"--greeting", "x", "--", "true"}, "--greeting is for a server of our own"},
    {{"--"}, "a command is missing after --"},
    {{"true"}, "unexpected argument 'true': everything is given by options, and a server to be started comes after --"},
    {{"true", "--", "true"}, "unexpected argument 'true'"},
    {{"--env", "NAME", "--", "true"}, "--env 'NAME': want NAME=VALUE"},
    {{"--wait", "0", "--", "true"}, "--wait '0': out of range"},
    {{"--freeze", "ice", "--", "true"}, "want auto, ptrace or stop"},
    {{"--warm-up", "1s"}, "--warm-up goes with -- COMMAND only"},
    {{"--user", "nobody"}, "--user goes with -- COMMAND only"},
};

START_TEST(bad_words_start_nothing)
{
    const char *argv[12] = {BACKLOGCTL, "run"};
    for (size_t i = 0; bad[_i].words[i]; i++)
        argv[2 + i] = bad[_i].words[i];
    struct outcome outcome = process_run(argv, NULL);
    ck_assert_msg(outcome.status == 2, "status %d: %s", outcome.status, outcome.err);
    ck_assert_msg(strstr(outcome.err, bad[_i].text) != NULL, "%s", outcome.err);
    ck_assert_str_eq(outcome.out, "");
    outcome_free(&outcome);
}
END_TEST

/* ---- The end ---- */

static const char *const stayers[] = {NOT_ACCEPTING, DAEMON, DEAF, DYING};

START_TEST(nothing_is_left_behind)
{
    lock_make();
    struct outcome outcome =
        process_run((const char *[]){BACKLOGCTL, "run", "--quiet", "--timeout", "0", "--count", "2", "--env", lock_variable,
                                     "--wait", PATIENCE_TEXT, "--", "python3", "-c", stayers[_i], "{port}", NULL},
                    NULL);
    ck_assert_msg(outcome.status == 0 || outcome.status == 3, "status %d: %s", outcome.status, outcome.err);
    nobody_is_left(true);
    outcome_free(&outcome);
    lock_remove();
}
END_TEST

/* The report's first line comes when the server listens. */
static struct process started(const char *program, const char *host_net)
{
    struct process process =
        process_start((const char *[]){BACKLOGCTL, "run", "--timeout", PATIENCE_TEXT, "--count", "8", "--env", lock_variable,
                                       "--wait", PATIENCE_TEXT, host_net ? host_net : "--summary", "--", "python3", "-c", program,
                                       "{port}", NULL},
                      NULL);
    char *line = process_line(&process, PATIENCE);
    ck_assert_msg(line && strstr(line, "127.0.0.1:60001"), "%s", line ? line : "no line");
    free(line);
    return process;
}

START_TEST(an_interrupt_ends_it_after_the_report)
{
    lock_make();
    struct process process = started(_i ? DAEMON : NOT_ACCEPTING, NULL);
    process_signal(&process, SIGINT);
    struct outcome outcome = process_finish(&process, PATIENCE);
    ck_assert_int_eq(outcome.status, 130);
    ck_assert_msg(strstr(outcome.out, "interrupted by SIGINT") != NULL, "%s", outcome.out);
    nobody_is_left(true);
    outcome_free(&outcome);
    lock_remove();
}
END_TEST

START_TEST(an_interrupt_while_it_is_waited_for_ends_it)
{
    lock_make();
    char *log = shell("mktemp");
    struct process process = process_start((const char *[]){BACKLOGCTL, "run", "--server-log", log, "--wait", PATIENCE_TEXT,
                                                            "--env", lock_variable, "--", "python3", "-c",
                                                            LOCKED "print('up',flush=True)\n__import__('signal').pause()", NULL},
                                           NULL);
    await("grep -q up %s", log);
    process_signal(&process, SIGTERM);
    struct outcome outcome = process_finish(&process, PATIENCE);
    ck_assert_int_eq(outcome.status, 143);
    ck_assert_msg(strstr(outcome.out, "nothing was sent\ninterrupted by SIGTERM") != NULL, "%s", outcome.out);
    nobody_is_left(true);
    outcome_free(&outcome);
    unlink(log);
    free(log);
    lock_remove();
}
END_TEST

/* Also a daemon, and also on the host's network, here the test's own namespace, where there may be no pid namespace. */
START_TEST(nothing_outlives_a_kill)
{
    bool host_net = _i % 2;
    lock_make();
    if (host_net)
        in_private_namespace();
    struct process process = started(_i < 2 ? DAEMON : DEAF, host_net ? "--host-net" : NULL);
    process_signal(&process, SIGKILL);
    struct outcome outcome = process_finish(&process, PATIENCE);
    ck_assert_int_eq(outcome.status, 128 + SIGKILL);
    nobody_is_left(false);
    outcome_free(&outcome);
    lock_remove();
}
END_TEST

START_TEST(a_socket_file_is_found_and_removed)
{
    need_program("python3");
    char *folder = shell("mktemp -d"), program[1024];
    snprintf(program, sizeof program, "%ssignal.signal(signal.SIGTERM,signal.SIG_IGN)\nlocal('%s/socket')%s", LISTENING, folder,
             AND_WAIT);
    json_t *report = report_of((const char *[]){BACKLOGCTL, "run", "--json", "--timeout", "0", "--count", "10", "--wait",
                                                PATIENCE_TEXT, "--", "python3", "-c", program, NULL},
                               NULL, 0);
    ck_assert_int_eq(report_count(report, "queued"), 8);
    ck_assert_int_eq(report_count(report, "would_block"), 2);
    json_decref(report);
    char *left = shell("ls %s; rmdir %s", folder, folder);
    ck_assert_str_eq(left, "");
    free(left);
    free(folder);
}
END_TEST

/* ---- Series ---- */

START_TEST(a_sweep_starts_it_for_each_run)
{
    need_program("python3");
    struct outcome outcome =
        process_run((const char *[]){BACKLOGCTL, "sweep", "--csv", "--backlog", "2,4", "--count", "10", "--timeout", "0",
                                     "--wait", PATIENCE_TEXT, "--", "python3", "-c",
                                     _i ? "import sys\n" LISTENING "tcp('127.0.0.1',60001,int(sys.argv[1]))" AND_WAIT
                                        : LISTENING "tcp('127.0.0.1')" AND_WAIT,
                                     _i ? "{backlog}" : "x", NULL},
                    NULL);
    ck_assert_msg(outcome.status == 0, "%s", outcome.err);
    char *queued =
        shell("printf '%%s' '%s' | awk -F, 'NR==1 {for (i=1;i<=NF;i++) if ($i==\"queued\") c=i} NR>1 {printf \"%%s \", $c}'",
              outcome.out);
    ck_assert_str_eq(queued, "3 5 ");
    free(queued);
    outcome_free(&outcome);
}
END_TEST

START_TEST(it_is_sized_for_its_own_pace)
{
    need_program("python3");
    struct outcome outcome =
        process_run((const char *[]){BACKLOGCTL, "size", "--json", "--burst", "5", "--every", "1s", "--checks", "2", "--wait",
                                     PATIENCE_TEXT, "--", "python3", "-c", LISTENING "tcp('127.0.0.1')" AND_ACCEPT, NULL},
                    NULL);
    ck_assert_msg(outcome.status == 0, "%d %s %s", outcome.status, outcome.err, outcome.out);
    json_t *report = json_loads(outcome.out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(report);
    ck_assert_str_eq(report_text(report, "answer_by"), "measurement");
    ck_assert_str_eq(report_text(report, "backlog_by"), "listen");
    ck_assert_int_le(report_number(report, "backlog"), 4);
    json_decref(report);
    outcome_free(&outcome);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const plain[] = {a_queue_is_filled_exactly,
                                  who_is_accepted_is_connected,
                                  a_fin_tells_of_the_accept,
                                  children_that_end_do_not_end_the_run,
                                  a_server_that_stands_still_is_counted_exactly,
                                  it_finds_a_fresh_process_and_our_surroundings,
                                  its_output_goes_to_a_file,
                                  another_user_takes_root,
                                  a_path_that_does_not_lead_there_is_told,
                                  a_server_that_misses_the_network_is_told_why,
                                  an_interrupt_while_it_is_waited_for_ends_it,
                                  a_socket_file_is_found_and_removed,
                                  it_is_sized_for_its_own_pace};
    Suite *suite = suite_create("run_command");
    suite_add(suite, "plain", plain, COUNT(plain));
    TCase *rows = tcase_create("table rows");
    tcase_add_loop_test(rows, the_burst_goes_where_it_is_sent, 0, COUNT(aims));
    tcase_add_loop_test(rows, the_backlog_is_set_either_way, 0, COUNT(ways));
    tcase_add_loop_test(rows, what_goes_wrong_is_told, 0, COUNT(troubles));
    tcase_add_loop_test(rows, bad_words_start_nothing, 0, COUNT(bad));
    tcase_add_loop_test(rows, nothing_is_left_behind, 0, COUNT(stayers));
    tcase_add_loop_test(rows, an_interrupt_ends_it_after_the_report, 0, 2);
    tcase_add_loop_test(rows, nothing_outlives_a_kill, 0, 4);
    tcase_add_loop_test(rows, a_sweep_starts_it_for_each_run, 0, 2);
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
