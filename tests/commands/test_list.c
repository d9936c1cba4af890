/* Listeners of every kind, of real servers and of other namespaces, with ss as the oracle. */
#include "suite.h"

#include "report.h"
#include "servers.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct outcome list(const char *options, int status)
{
    char command[640];
    snprintf(command, sizeof command, "exec %s list %s", BACKLOGCTL, options);
    struct outcome outcome = process_run((const char *[]){"sh", "-c", command, NULL}, NULL);
    ck_assert_msg(outcome.status == status, "list %s: status %d: %s%s", options, outcome.status, outcome.out, outcome.err);
    return outcome;
}

static void list_says(const char *options, int status, const char *words)
{
    struct outcome outcome = list(options, status);
    char *text = outcome.out; /* lines are folded: read them as one */
    for (char *p = strstr(text, "\n  "); p; p = strstr(p, "\n  "))
        memmove(p + 1, p + 3, strlen(p + 3) + 1), *p = ' ';
    ck_assert_msg(strstr(outcome.err, words) || strstr(text, words), "list %s: '%s%s' lacks '%s'", options, text, outcome.err,
                  words);
    outcome_free(&outcome);
}

static json_t *list_json(const char *options)
{
    char line[512];
    snprintf(line, sizeof line, "--json %s", options);
    struct outcome outcome = list(line, 0);
    json_error_t error;
    json_t *report = json_loads(outcome.out, JSON_REJECT_DUPLICATES, &error);
    ck_assert_msg(report != NULL, "%s: %s", error.text, outcome.out);
    ck_assert_str_eq(report_text(report, "schema"), "backlogctl.list/2");
    outcome_free(&outcome);
    return report;
}

/* Queue, backlog, address and discarded packets of every TCP listener, and queue, backlog and name of every AF_UNIX one. */
static void agrees_with_ss(size_t at_least)
{
    char *theirs =
        shell("ss -HltnmO | awk '{match($0,/,d[0-9]+\\)/);print $2,$3,$4,substr($0,RSTART+2,RLENGTH-3)}' |"
              "sed -E 's/\\](%%[a-z0-9]+):/\\1]:/' | LC_ALL=C sort;ss -Hlx | awk '{print $3,$4,$5,\"-\"}' | LC_ALL=C sort");
    char *ours =
        shell("%s list --columns queue,backlog,address,discarded | awk '/^$/{exit} NR>1{print $1,$2,$3,$4}' | LC_ALL=C sort >"
              "/tmp/backlogctl-test-$$;grep -v -- '-$' /tmp/backlogctl-test-$$;grep -- '-$' /tmp/backlogctl-test-$$;"
              "rm /tmp/backlogctl-test-$$",
              BACKLOGCTL);
    ck_assert_str_eq(ours, theirs);
    size_t lines = 1;
    for (const char *p = ours; *p; p++)
        lines += *p == '\n';
    ck_assert_uint_ge(lines, at_least);
    free(ours);
    free(theirs);
}

/* ---- Kinds ---- */

START_TEST(every_kind_is_listed)
{
    struct process server;
    char folder[] = "/tmp/backlogctl-test-XXXXXX", program[2048];
    static const struct {
        const char *address, *kind;
        long port, backlog;
        bool dual;
    } expected[] = {{"0.0.0.0", "tcp", 6002, 8, false},   {"127.0.0.1", "tcp", 6003, 9, false},
                    {"127.0.0.1", "tcp", 6003, 9, false}, {"127.0.0.1", "tcp", 6003, 9, false},
                    {"0.0.0.0", "tcp", 6004, 10, false},  {"::1", "tcp", 6005, 11, false},
                    {"::", "tcp", 6006, 12, true},        {"::", "tcp", 6007, 13, false},
                    {"fe80::7", "tcp", 6008, 14, false}};
    in_private_namespace();
    ck_assert_ptr_nonnull(mkdtemp(folder));
    free(shell("ip -6 addr add fe80::7/64 dev lo nodad"));
    snprintf(program, sizeof program,
             LISTENING
             "tcp('0.0.0.0',6002,8);[tcp('127.0.0.1',6003,9,share=1) for i in range(3)];tcp('0.0.0.0',6004,10,device='lo')\n"
             "tcp('::1',6005,11);tcp('::',6006,12,only=0);tcp('::',6007,13);tcp('fe80::7',6008,14,scope=1)\n"
             "local('%s/stream',b=15);local('\\0packets',S.SOCK_SEQPACKET,16);local('')" AND_WAIT,
             folder);
    if (!python_begin(program, &server))
        return;
    agrees_with_ss(12);
    json_t *report = list_json("");
    ck_assert_uint_eq(json_array_size(json_object_get(report, "listeners")), COUNT(expected) + 3);
    for (size_t i = 0; i < COUNT(expected); i++) {
        json_t *one = report_listener(report, i);
        ck_assert_str_eq(report_text(one, "address"), expected[i].address);
        ck_assert_str_eq(report_text(one, "kind"), expected[i].kind);
        ck_assert_int_eq(report_number(one, "port"), expected[i].port);
        ck_assert_int_eq(report_number(one, "backlog"), expected[i].backlog);
        ck_assert_int_eq(json_is_true(json_object_get(one, "dual_stack")), expected[i].dual);
        ck_assert_int_eq(report_number(one, "group"), expected[i].port == 6003 ? 3 : 1);
        ck_assert_int_eq(report_number(one, "pid"), server.pid);
        ck_assert_str_eq(report_text(one, "process"), "python3");
        ck_assert_int_eq(report_number(one, "processes"), 1);
    }
    ck_assert_str_eq(report_text(report_listener(report, 4), "device"), "lo");
    ck_assert_str_eq(report_text(report_listener(report, 8), "device"), "lo");
    ck_assert_int_eq(report_number(report_listener(report, 3), "member"), 3);
    ck_assert_str_eq(report_text(report_listener(report, 9), "kind"), "unix_stream");
    ck_assert_str_eq(report_text(report_listener(report, 11), "path"), "@packets");
    ck_assert_str_eq(report_text(report_listener(report, 11), "kind"), "unix_seqpacket");
    json_decref(report);
    list_says("--port 6008", 0, "[fe80::7%lo]:6008");
    list_says("--port 6006", 0, "*:6006");
    python_end(&server);
    free(shell("rm -r %s", folder));
}
END_TEST

START_TEST(mptcp_is_named)
{
    struct process server;
    if (access("/proc/sys/net/mptcp/enabled", R_OK)) {
        skip("this kernel has no MPTCP");
    }
    in_private_namespace();
    if (!python_begin(LISTENING "tcp('127.0.0.1',6001,7,protocol=262);client(6001,3)" AND_WAIT, &server))
        return;
    agrees_with_ss(1);
    json_t *report = list_json("");
    ck_assert_str_eq(report_text(report_listener(report, 0), "kind"), "mptcp");
    ck_assert_int_eq(report_number(report_listener(report, 0), "queue"), 3);
    json_decref(report);
    python_end(&server);
}
END_TEST

/* A descriptor that a process has twice does not make it two processes. */
START_TEST(processes_are_counted_once)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING "s=tcp('127.0.0.1',6001);d=s.dup()\nif not os.fork():signal.pause()\n" AND_WAIT, &server))
        return;
    json_t *report = list_json("");
    ck_assert_int_eq(report_number(report_listener(report, 0), "processes"), 2);
    ck_assert_int_eq(report_number(report_listener(report, 0), "pid"), server.pid);
    json_decref(report);
    free(shell("pkill -KILL -P %d || true", (int)server.pid));
    python_end(&server);
}
END_TEST

/* ---- Queues ---- */

START_TEST(real_server_agrees_with_ss)
{
    const struct real_server *server = &real_servers[_i];
    struct process process;
    char folder[64], count[24];
    in_private_namespace();
    if (!server_begin(server, &process, folder))
        return;
    agrees_with_ss(1);
    char *pids = shell("ss -Hltnp sport = :60001 | grep -o 'pid=[0-9]*' | cut -d= -f2 | xargs");
    free(shell("kill -STOP %s", pids));
    snprintf(count, sizeof count, "%ld", server->backlog + 11);
    struct process clients =
        process_start((const char *[]){BACKLOGCTL, "probe", "--count", count, "--timeout", PATIENCE_TEXT, "--quiet", NULL}, NULL);
    await("%s list --quiet --port 60001 --expect 'queue=%ld,discarded>=10,oldest_ms>=1000' 2>/dev/null", BACKLOGCTL,
          server->backlog + 1);
    free(shell("kill -STOP %d", (int)clients.pid));
    json_t *report = list_json("--port 60001"), *one = report_listener(report, 0);
    ck_assert_int_eq(report_number(one, "queue"), server->backlog + 1);
    ck_assert_int_eq(report_number(one, "percent"), 100);
    ck_assert_int_ge(report_number(one, "discarded"), 10);
    ck_assert_int_ge(report_number(one, "oldest_ms"), 1000);
    ck_assert_int_eq(report_number(one, "processes"), (long)server->processes);
    ck_assert_ptr_nonnull(strstr(server->program, report_text(one, "process")));
    ck_assert(report_has_remark(one, "full") && report_has_remark(one, "dropping") && report_has_remark(one, "not_accepting"));
    ck_assert(!report_has_remark(one, "small")); /* a longer queue does not help where nobody accepts */
    json_decref(report);
    process_signal(&clients, SIGKILL);
    struct outcome outcome = process_finish(&clients, PATIENCE);
    outcome_free(&outcome);
    agrees_with_ss(1);
    free(shell("kill -CONT %s", pids));
    free(pids);
    server_end(&process, folder);
}
END_TEST

START_TEST(real_server_is_clamped)
{
    const struct real_server *server = &real_servers[_i];
    struct process process;
    char folder[64];
    if (server->backlog < 16)
        return; /* python's own backlog is below the clamp */
    in_private_namespace();
    set_sysctl("net.core.somaxconn", "16");
    struct real_server clamped = *server;
    clamped.backlog = 16;
    if (!server_begin(&clamped, &process, folder))
        return;
    agrees_with_ss(1);
    list_says("--port 60001", 0, "clamped (1): 127.0.0.1:60001. The backlog equals net.core.somaxconn");
    list_says("--port 60001", 0, "somaxconn=16");
    server_end(&process, folder);
}
END_TEST

/* Both listen before a client comes: one in the queue belongs to no user yet, and an ordinary user's second bind(2) could conflict with it. */
START_TEST(half_open_and_oldest_are_those_of_ss)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING
                      "s=tcp('::',6001,64,only=0);s.setsockopt(S.IPPROTO_TCP,S.TCP_DEFER_ACCEPT,600);client(6001,5)\n"
                      "s.listen(1)\n"
                      "tcp('127.0.0.1',6002,share=1);tcp('0.0.0.0',6002,share=1);client(6002,2);client(6002,3,'127.0.0.2')\n"
                      "tcp('127.0.0.1',6003)" AND_WAIT,
                      &server))
        return;
    await("%s list --quiet --port 6002 --expect 'oldest_ms>=250' 2>/dev/null", BACKLOGCTL);
    char *theirs = shell("ss -Htn state syn-recv sport = :6001 | wc -l");
    json_t *report = list_json("");
    ck_assert_str_eq(theirs, "5");
    json_t *exact = report_listener(report, 1), *any = report_listener(report, 0), *idle = report_listener(report, 2),
           *deferred = report_listener(report, 3);
    ck_assert_int_eq(report_number(deferred, "half_open"), 5);
    ck_assert_int_eq(report_number(exact, "queue"), 2);
    ck_assert_int_eq(report_number(any, "queue"), 3);
    ck_assert_int_ge(report_number(exact, "oldest_ms"), 250);
    ck_assert_int_le(report_number(any, "oldest_ms"), (clock_now() - server.started) / NSEC_PER_MSEC);
    ck_assert(json_is_null(json_object_get(idle, "oldest_ms")));
    ck_assert_int_eq(report_number(idle, "half_open"), 0);
    json_decref(report);
    free(theirs);
    list_says("--port 6003 --expect oldest_ms=0,half_open=0", 0, "expect oldest_ms=0: ok");
    python_end(&server);
}
END_TEST

START_TEST(drops_of_closed_listeners_are_told)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING
                      "a=tcp('127.0.0.1',6001,0);client(6001,6);a.close();tcp('127.0.0.1',6002,0);client(6002,3)" AND_WAIT,
                      &server))
        return;
    json_t *report = list_json("");
    json_t *here = json_array_get(json_object_get(report, "namespaces"), 0);
    long gone = report_number(here, "drops_gone"), living = report_number(here, "discarded");
    ck_assert_int_ge(gone, 5); /* more where it stood still for a second before the close */
    ck_assert_int_ge(living, 2);
    ck_assert_int_eq(report_number(here, "counters.ListenDrops"), gone + living);
    json_decref(report);
    char words[96];
    snprintf(words, sizeof words, "of which at least %ld by listeners that are gone", gone);
    list_says("", 0, words);
    python_end(&server);
}
END_TEST

/* ---- Choosing ---- */

START_TEST(options_select_and_sort)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(
            LISTENING
            "tcp('127.0.0.1',6001,3);tcp('127.0.0.2',6001,5);tcp('127.0.0.1',6002,4);local('\\0one');client(6002,1)" AND_WAIT,
            &server))
        return;
    static const struct {
        const char *options, *rows;
    } rows[] = {
        {"--columns backlog", "4 3 5 7"},
        {"--columns backlog --port 6001", "3 5"},
        {"--columns backlog --port 6001 --host 127.0.0.2", "5"},
        {"--columns backlog --unix @one", "7"},
        {"--columns backlog --process python3", "4 3 5 7"},
        {"--columns backlog --process nginx", ""},
        {"--columns backlog --sort backlog", "3 4 5 7"},
        {"--columns backlog --sort=-queue,backlog", "4 3 5 7"},
        {"--columns backlog --sort=-queue", "4 3 5 7"},
        {"--columns half-open --port 6001", "0 0"},
        {"--columns percent --port 6002", "20%"},
        {"--columns member --port 6002", "-"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *seen =
            shell("%s list %s | awk '/^$/{exit} !/^no listener/ && NR>1{print $1}' | xargs", BACKLOGCTL, rows[i].options);
        ck_assert_msg(!strcmp(seen, rows[i].rows), "%s: '%s'", rows[i].options, seen);
        free(seen);
    }
    list_says("--process nginx", 0, "no listener");
    list_says("--columns help", 0, "drops      connections that it dropped on its full queue");
    python_end(&server);
}
END_TEST

START_TEST(expectations_are_kept_or_not)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING "tcp('127.0.0.1',6001,3);tcp('127.0.0.1',6002,1024);local('\\0one',b=9)" AND_WAIT, &server))
        return;
    list_says("--port 6002 --expect 'backlog>=1024,drops=0'", 0, "expect backlog>=1024: ok");
    list_says("--port 6001 --expect 'backlog>=1024,drops=0'", 1, "expect backlog>=1024: FAILED, 127.0.0.1:6001 has 3");
    list_says("--expect 'backlog>=1024'", 1, "FAILED, 127.0.0.1:6001 has 3, and 1 more");
    list_says("--expect 'drops=0'", 0, "expect drops=0: ok");
    list_says("--unix @one --expect 'drops=0'", 1, "FAILED, none of the listeners has such a figure");
    list_says("--port 6009 --expect 'backlog>=1'", 1, "FAILED, no listener was selected");
    list_says("--port 6009 --expect 'listeners=0'", 0, "expect listeners=0: ok");
    list_says("--port 6001 --expect 'listeners=2'", 1, "FAILED, seen 1");
    list_says("--port 6001 --columns address --expect 'oldest_ms<5'", 0, "ok");
    list_says("--port 6001 --quiet --expect 'backlog>=1024'", 1, "expected backlog>=1024, seen 3");
    struct outcome outcome = list("--quiet --prometheus --port 6001", 0);
    ck_assert_str_eq(outcome.out, "");
    outcome_free(&outcome);
    python_end(&server);
}
END_TEST

/* ---- Namespaces ---- */

/* A process of the test's, in a namespace of its own below this one, that listens on 6009. */
static bool other_begin(struct process *other)
{
    need_program("python3");
    *other = process_start((const char *[]){"unshare", "--net", "python3", "-c",
                                            LISTENING "tcp('0.0.0.0',6009);tcp('0.0.0.0',6010)" AND_WAIT, NULL},
                           NULL);
    char *line = process_line(other, PATIENCE);
    ck_assert_ptr_nonnull(line);
    free(line);
    return true;
}

START_TEST(other_namespaces_are_seen)
{
    struct process other, server;
    char options[128];
    in_private_namespace();
    if (!other_begin(&other) || !python_begin(LISTENING "tcp('127.0.0.1',6001)" AND_WAIT, &server))
        return;
    for (int path = 0; path < 2; path++) {
        snprintf(options, sizeof options, path ? "--netns /proc/%d/ns/net" : "--pid %d", (int)other.pid);
        json_t *report = list_json(options);
        ck_assert_uint_eq(json_array_size(json_object_get(report, "listeners")), 2);
        ck_assert_int_eq(report_number(report_listener(report, 0), "port"), 6009);
        ck_assert_int_eq(report_number(report_listener(report, 0), "pid"), other.pid);
        json_decref(report);
    }
    json_t *report = list_json("--all-netns --port 6009"); /* elsewhere on the machine somebody may listen, but not there */
    ck_assert_uint_eq(json_array_size(json_object_get(report, "listeners")), 1);
    long theirs = report_number(report_listener(report, 0), "netns");
    json_decref(report);
    report = list_json("--all-netns");
    json_t *one;
    size_t i, ours = 0, others = 0;
    json_array_foreach(json_object_get(report, "listeners"), i, one)
    {
        /* Others may listen on that port elsewhere, and be gone when their process is looked for. */
        ours += json_integer_value(json_object_get(one, "port")) == 6001 &&
                json_integer_value(json_object_get(one, "pid")) == server.pid;
        others += report_number(one, "netns") == theirs;
    }
    ck_assert_uint_eq(ours, 1);
    ck_assert_uint_eq(others, 2);
    json_decref(report);
    python_end(&server);
    python_end(&other);
}
END_TEST

START_TEST(namespaces_that_do_not_differ_share_a_line)
{
    struct process others[2];
    char name[64];
    in_private_namespace();
    for (size_t i = 0; i < COUNT(others); i++)
        if (!other_begin(&others[i]))
            return;
    json_t *report = list_json("--all-netns --port 6009");
    ck_assert_uint_eq(json_array_size(json_object_get(report, "listeners")), COUNT(others));
    struct outcome outcome = list("--all-netns --port 6009", 0);
    ck_assert_msg(strstr(outcome.out, " network namespaces: ") != NULL, "%s", outcome.out);
    for (size_t i = 0; i < COUNT(others); i++) {
        snprintf(name, sizeof name, "\nnetns %ld", report_number(report_listener(report, i), "netns"));
        ck_assert_msg(!strstr(outcome.out, name), "%s", outcome.out);
    }
    outcome_free(&outcome);
    json_decref(report);
    for (size_t i = 0; i < COUNT(others); i++)
        python_end(&others[i]);
}
END_TEST

START_TEST(names_of_ip_netns_are_taken)
{
    char name[32];
    struct process server;
    need(forbids_other_users);
    snprintf(name, sizeof name, "backlogctl-test-%d", (int)getpid());
    free(shell("ip netns add %s && ip netns exec %s ip link set lo up", name, name));
    server = process_start((const char *[]){"ip", "netns", "exec", name, BACKLOGCTL, "serve", "--port", "6009", NULL}, NULL);
    char *line = process_line(&server, PATIENCE), options[64];
    snprintf(options, sizeof options, "--netns %s --columns address", name);
    struct outcome named = list(options, 0), metrics;
    snprintf(options, sizeof options, "--all-netns --prometheus --port 6009");
    metrics = list(options, 0);
    process_signal(&server, SIGTERM);
    struct outcome ended = process_finish(&server, PATIENCE);
    free(shell("ip netns delete %s", name)); /* before anything can fail */
    ck_assert_ptr_nonnull(line);
    ck_assert_ptr_nonnull(strstr(named.out, "127.0.0.1:6009"));
    ck_assert_ptr_nonnull(strstr(named.out, name));
    char label[64];
    snprintf(label, sizeof label, "netns=\"%s\"", name);
    ck_assert_msg(strstr(metrics.out, label) != NULL, "%s", metrics.out);
    free(line);
    outcome_free(&named);
    outcome_free(&metrics);
    outcome_free(&ended);
}
END_TEST

/* ---- Rights ---- */

START_TEST(missing_rights_are_said)
{
    struct process server, other;
    need(forbids_other_users);
    need(forbids_user_namespaces);
    in_private_namespace();
    if (!other_begin(&other) || !python_begin(LISTENING "tcp('127.0.0.1',6001)" AND_WAIT, &server))
        return;
    static const struct process_setup nobody = {.as_nobody = true};
    struct outcome outcome = process_run((const char *[]){BACKLOGCTL, "list", NULL}, &nobody);
    ck_assert_int_eq(outcome.status, 0);
    ck_assert_ptr_nonnull(strstr(outcome.out, "127.0.0.1:6001"));
    ck_assert_msg(strstr(outcome.out, "The process of 1 listener is not known") && strstr(outcome.out, "CAP_SYS_PTRACE"), "%s",
                  outcome.out);
    outcome_free(&outcome);
    outcome = process_run((const char *[]){BACKLOGCTL, "list", "--process", "python3", NULL}, &nobody);
    ck_assert_msg(strstr(outcome.out, "no listener") && strstr(outcome.out, "CAP_SYS_PTRACE"), "%s", outcome.out);
    outcome_free(&outcome);
    /* Also with a namespace in view that it may look at and not enter. */
    struct process hermit = process_start((const char *[]){"unshare", "--user", "--net", "sleep", "infinity", NULL}, &nobody);
    await("grep -q sleep /proc/%d/comm", (int)hermit.pid);
    outcome = process_run((const char *[]){BACKLOGCTL, "list", "--all-netns", NULL}, &nobody);
    process_signal(&hermit, SIGKILL);
    struct outcome gone = process_finish(&hermit, PATIENCE);
    outcome_free(&gone);
    ck_assert_msg(outcome.status == 0, "%s", outcome.err);
    ck_assert_msg(strstr(outcome.out, "network namespaces of") != NULL, "%s", outcome.out);
    outcome_free(&outcome);
    char pid[24];
    snprintf(pid, sizeof pid, "%d", (int)other.pid);
    outcome = process_run((const char *[]){BACKLOGCTL, "list", "--pid", pid, NULL}, &nobody);
    ck_assert_int_eq(outcome.status, 3);
    ck_assert_msg(strstr(outcome.err, "CAP_SYS_") != NULL, "%s", outcome.err);
    outcome_free(&outcome);
    python_end(&server);
    python_end(&other);
}
END_TEST

/* ---- Prometheus and files ---- */

static const char *promtool(void)
{
    const char *path = getenv("BACKLOGCTL_PROMTOOL");
    return path && *path ? path : program_exists("promtool") ? "promtool" : NULL;
}

START_TEST(promtool_has_nothing_to_say)
{
    struct process server;
    if (!promtool()) {
        skip("promtool is not installed (BACKLOGCTL_PROMTOOL or PATH)");
    }
    in_private_namespace();
    char *said = shell("%s list --prometheus | %s check metrics 2>&1", BACKLOGCTL, promtool());
    ck_assert_str_eq(said, "");
    free(said);
    if (!python_begin(LISTENING "[tcp('127.0.0.1',6001,share=1) for i in range(3)];tcp('::',6002,only=0);client(6002,3)\n"
                                "local('\\0a\\\\b\"c\\n{}');local('')" AND_WAIT,
                      &server))
        return;
    said = shell("%s list --prometheus | %s check metrics 2>&1", BACKLOGCTL, promtool());
    ck_assert_str_eq(said, "");
    free(said);
    list_says("--prometheus --port 6002", 0,
              "backlogctl_listener_queue_length{kind=\"tcp\",listener=\"*:6002\",process=\"python3\"} 3\n");
    python_end(&server);
}
END_TEST

START_TEST(output_is_whole_or_as_before)
{
    struct process server;
    char folder[] = "/tmp/backlogctl-test-XXXXXX";
    in_private_namespace();
    ck_assert_ptr_nonnull(mkdtemp(folder));
    if (!python_begin(LISTENING "[tcp('127.0.0.1',6000+i) for i in range(300)]" AND_WAIT, &server))
        return;
    /* A reader that looks all the time finds the last line of the whole report in each file that it finds. */
    char *seen = shell(
        "umask 022; cd %s; (while [ ! -e stop ]; do cp m.prom copy 2>/dev/null && tail -n 1 copy; done | sort | "
        "uniq -c | wc -l >lines) & for i in $(seq 30); do %s list --exact never --prometheus --output m.prom || exit 1; done;"
        "touch stop; wait; xargs <lines; stat -c %%a m.prom; ls | grep -c 'm.prom.' || true",
        folder, BACKLOGCTL);
    ck_assert_str_eq(seen, "1\n644\n0");
    free(seen);
    char options[128];
    snprintf(options, sizeof options, "--prometheus --output %s/none/m.prom", folder);
    list_says(options, 3, "cannot make a file beside --output");
    snprintf(options, sizeof options, "--output %s", folder);
    list_says(options, 3, "no regular file");
    list_says("--output /dev/null", 3, "no regular file");
    struct stat null;
    ck_assert(!stat("/dev/null", &null) && S_ISCHR(null.st_mode));
    seen = shell("cd %s; chmod 555 .; ls | xargs", folder);
    if (is_root()) {
        char path[64];
        snprintf(path, sizeof path, "%s/x.prom", folder);
        struct outcome outcome =
            process_run((const char *[]){BACKLOGCTL, "list", "--output", path, NULL}, &(struct process_setup){.as_nobody = true});
        ck_assert_int_eq(outcome.status, 3);
        outcome_free(&outcome);
    }
    ck_assert_str_eq(seen, "copy lines m.prom stop");
    free(seen);
    python_end(&server);
    free(shell("rm -r %s", folder));
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {every_kind_is_listed,
                                  mptcp_is_named,
                                  processes_are_counted_once,
                                  half_open_and_oldest_are_those_of_ss,
                                  drops_of_closed_listeners_are_told,
                                  options_select_and_sort,
                                  expectations_are_kept_or_not,
                                  other_namespaces_are_seen,
                                  namespaces_that_do_not_differ_share_a_line,
                                  names_of_ip_netns_are_taken,
                                  missing_rights_are_said,
                                  promtool_has_nothing_to_say,
                                  output_is_whole_or_as_before};
    Suite *suite = suite_create("list");
    TCase *tcase = tcase_create("real servers");
    tcase_add_loop_test(tcase, real_server_agrees_with_ss, 0, REAL_SERVERS);
    tcase_add_loop_test(tcase, real_server_is_clamped, 0, REAL_SERVERS);
    suite_add_tcase(suite, tcase);
    suite_add(suite, "listeners", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
