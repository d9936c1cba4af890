/* Processes that hold a listener: all of them, who they are, and in whatever namespace. */
#include "suite.h"

#include "place.h"
#include "report.h"
#include "servers.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static json_t *list_json(const char *options, int status)
{
    char command[640];
    snprintf(command, sizeof command, "exec %s list --json %s", BACKLOGCTL, options);
    struct outcome outcome = process_run((const char *[]){"sh", "-c", command, NULL}, NULL);
    ck_assert_msg(outcome.status == status, "list %s: status %d: %s%s", options, outcome.status, outcome.out, outcome.err);
    json_t *report = json_loads(outcome.out, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(report != NULL, "%s", outcome.out);
    outcome_free(&outcome);
    return report;
}

static json_t *only(const json_t *report)
{
    json_t *list = json_object_get(report, "listeners");
    ck_assert_uint_eq(json_array_size(list), 1);
    return json_array_get(list, 0);
}

/* The parent keeps the socket, as systemd does for a socket unit; the child accepts. */
#define NAMED "import ctypes;named=lambda n:ctypes.CDLL(None).prctl(15,n,0,0,0)\n"
#define ACTIVATED                                                             \
    LISTENING NAMED "s=tcp('127.0.0.1');named(b'systemd')\n"                  \
                    "if not os.fork():\n"                                     \
                    " ctypes.CDLL(None).prctl(1,9,0,0,0);named(b'service')\n" \
                    " print('ready',flush=True)\n while True: C.append(s.accept())\nsignal.pause()\n"

START_TEST(every_holder_is_found_by_its_name)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(ACTIVATED, &server))
        return;
    static const char *const names[] = {"service", "systemd"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char options[64];
        snprintf(options, sizeof options, "--process %s --expect listeners=1", names[i]);
        json_t *report = list_json(options, 0);
        ck_assert_str_eq(report_text(only(report), "process"), "service"); /* who accepts, not who keeps it */
        ck_assert_int_eq(report_number(only(report), "processes"), 2);
        json_t *holders = json_object_get(only(report), "holders");
        ck_assert_uint_eq(json_array_size(holders), 2);
        /* In the order of their numbers, which begin anew some time. */
        size_t keeper = report_number(json_array_get(holders, 0), "pid") == server.pid ? 0 : 1;
        ck_assert_str_eq(report_text(json_array_get(holders, keeper), "process"), "systemd");
        ck_assert_int_eq(report_number(json_array_get(holders, keeper), "pid"), server.pid);
        ck_assert_str_eq(report_text(json_array_get(holders, !keeper), "process"), "service");
        json_decref(report);
    }
    json_decref(list_json("--process nobody --expect listeners=0", 0));
    char *text = shell("%s watch --batch --iterations 1 --process systemd", BACKLOGCTL);
    ck_assert_msg(strstr(text, "service/") != NULL, "%s", text);
    free(text);
    python_end(&server);
}
END_TEST

START_TEST(probe_names_who_accepts)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(ACTIVATED, &server))
        return;
    char *text = shell("%s probe --count 1 --json", BACKLOGCTL);
    json_t *report = json_loads(text, 0, NULL);
    ck_assert_str_eq(report_text(json_object_get(report, "listener"), "process"), "service");
    json_decref(report);
    free(text);
    python_end(&server);
}
END_TEST

/* Of a group nobody accepts from: one member's queue is shorter than that of all, but did not become so. */
START_TEST(members_of_a_group_are_not_compared_with_all)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING "tcp('127.0.0.1',b=64,share=1);tcp('127.0.0.1',b=64,share=1);client(60001,40)" AND_WAIT, &server))
        return;
    char *text = shell("%s probe --count 8 --timeout 100ms | tr -s '\n ' ' '", BACKLOGCTL);
    ck_assert_msg(strstr(text, "Its holders: ") && !strstr(text, "somebody does accept"), "%s", text);
    free(text);
    python_end(&server);
}
END_TEST

/* The bare ACK of a deferred handshake counts as discarded by one of them: nobody was dropped. */
START_TEST(members_that_defer_do_not_drop)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING
                      "for i in range(2): tcp('127.0.0.1',b=64,share=1).setsockopt(S.IPPROTO_TCP,S.TCP_DEFER_ACCEPT,600)\n"
                      "pass" AND_WAIT,
                      &server))
        return;
    char *text = shell("%s probe --count 1 --timeout 300ms | tr -s '\n ' ' '", BACKLOGCTL);
    ck_assert_msg(strstr(text, "1 half_open") && !strstr(text, "dropped newcomers"), "%s", text);
    free(text);
    python_end(&server);
}
END_TEST

/* Makes a socket, then moves away: its namespace is another than that of what it holds. */
START_TEST(pid_finds_what_it_holds_in_every_namespace)
{
    struct process server, other;
    char options[64];
    need(forbids_other_users);
    in_private_namespace();
    if (!python_begin(LISTENING "tcp('127.0.0.1',6001)" AND_WAIT, &other) ||
        !python_begin(LISTENING "import ctypes\ntcp('127.0.0.1',6002);ctypes.CDLL(None).unshare(0x40000000)\n"
                                "tcp('0.0.0.0',6003)" AND_WAIT,
                      &server))
        return;
    snprintf(options, sizeof options, "--pid %d", (int)server.pid);
    json_t *report = list_json(options, 0), *list = json_object_get(report, "listeners");
    ck_assert_uint_eq(json_array_size(list), 2);
    ck_assert_uint_eq(json_array_size(json_object_get(report, "namespaces")), 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_int_eq(report_number(json_array_get(list, i), "port"), 6002 + (int)i);
        ck_assert_int_eq(report_number(json_array_get(list, i), "pid"), server.pid);
    }
    json_decref(report);
    snprintf(options, sizeof options, "--netns pid:%d", (int)server.pid);
    report = list_json(options, 0);
    ck_assert_int_eq(report_number(only(report), "port"), 6003);
    json_decref(report);
    snprintf(options, sizeof options, "--netns pid:%d", (int)other.pid);
    report = list_json(options, 0);
    ck_assert_uint_eq(json_array_size(json_object_get(report, "listeners")), 2); /* of ours, whoever holds it */
    json_decref(report);
    python_end(&server);
    python_end(&other);
}
END_TEST

#define CONTAINER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define POD "01234567-89ab-cdef-0123-456789abcdef"

/* A container is told by the path of its cgroup, so any cgroup of that name is one. */
START_TEST(containers_and_pods_are_named)
{
    struct process server;
    in_private_namespace();
    char *base = shell("for d in /sys/fs/cgroup/freezer /sys/fs/cgroup; do [ -d $d ] && mkdir -p $d/backlogctl-test-%d/pod" POD
                       "/" CONTAINER " 2>/dev/null && echo $d/backlogctl-test-%d && break; done; true",
                       (int)getpid(), (int)getpid());
    if (!*base)
        skip("no cgroup can be made here");
    base[strcspn(base, "\n")] = '\0';
    if (!python_begin(LISTENING "tcp('127.0.0.1')" AND_WAIT, &server))
        return;
    free(shell("echo %d > %s/pod" POD "/" CONTAINER "/cgroup.procs", (int)server.pid, base));
    json_t *report = list_json("", 0);
    ck_assert_str_eq(report_text(only(report), "container"), CONTAINER);
    ck_assert_str_eq(report_text(only(report), "pod"), POD);
    json_t *holder = json_array_get(json_object_get(only(report), "holders"), 0);
    ck_assert_str_eq(report_text(holder, "container"), CONTAINER);
    ck_assert_str_eq(report_text(holder, "pod"), POD);
    json_decref(report);
    char *text = shell("%s list --prometheus", BACKLOGCTL);
    ck_assert_msg(strstr(text, "container=\"" CONTAINER "\",pod=\"" POD "\"") != NULL, "%s", text);
    free(text);
    text = shell("%s list --columns process,container,pod", BACKLOGCTL);
    ck_assert_msg(strstr(text, CONTAINER) != NULL, "%s", text);
    free(text);
    python_end(&server);
    free(shell("rmdir %s/pod" POD "/" CONTAINER " %s/pod" POD " %s", base, base, base));
    free(base);
}
END_TEST

/* Gives the socket to an io_uring, as liburing does for direct descriptors, and closes its own descriptor. */
START_TEST(io_uring_holds_without_a_descriptor)
{
    struct process server;
    in_private_namespace();
    char *can =
        shell("python3 -c \"import ctypes;b=ctypes.create_string_buffer(120);print(ctypes.CDLL(None).syscall(425,1,b)>=0)\"");
    bool allowed = strstr(can, "True") != NULL;
    free(can);
    if (!allowed)
        skip("io_uring is forbidden here");
    if (!python_begin(LISTENING "import ctypes;s=tcp('127.0.0.1');b=ctypes.create_string_buffer(120);c=ctypes.CDLL(None)\n"
                                "r=c.syscall(425,4,b);f=(ctypes.c_int*1)(s.fileno());assert c.syscall(427,r,2,f,1)==0\n"
                                "s.close()" AND_WAIT,
                      &server))
        return;
    char *shown = shell("grep -h socket: /proc/%d/fdinfo/*; true", (int)server.pid);
    bool shows = *shown;
    free(shown);
    if (!shows)
        skip("this kernel does not show the files of io_uring");
    char options[64];
    snprintf(options, sizeof options, "--process python3 --pid %d", (int)server.pid);
    json_t *report = list_json(options, 0);
    json_t *holders = json_object_get(only(report), "holders");
    ck_assert_int_eq(report_number(only(report), "pid"), server.pid);
    ck_assert(json_is_true(json_object_get(json_array_get(holders, 0), "io_uring")));
    json_decref(report);
    char *text = shell("%s list | tr -s '\\n ' ' '", BACKLOGCTL);
    ck_assert_msg(strstr(text, "Held only by io_uring, as a registered file without a descriptor: 127.0.0.1:60001.") != NULL,
                  "%s", text);
    free(text);
    python_end(&server);
}
END_TEST

/* ---- Why nobody accepts ---- */

static void list_says(const char *words)
{
    char *text = shell("%s list --port 60001 | tr -s '\\n ' ' '", BACKLOGCTL);
    ck_assert_msg(strstr(text, words) != NULL, "'%s' lacks '%s'", text, words);
    free(text);
}

static void list_has_cause(const char *cause)
{
    json_t *report = list_json("--port 60001", 0), *holders = json_object_get(only(report), "holders");
    bool found = false;
    for (size_t i = 0; i < json_array_size(holders); i++) {
        json_t *causes = json_object_get(json_array_get(holders, i), "causes");
        for (size_t c = 0; c < json_array_size(causes); c++)
            found = found || !strcmp(json_string_value(json_array_get(causes, c)), cause);
    }
    char *text = json_dumps(holders, 0);
    ck_assert_msg(found, "no cause %s: %s", cause, text);
    free(text);
    json_decref(report);
}

/* Programs in which a client waits at a full queue, and what is told of them. */
static const struct {
    const char *program, *cause, *words;
} programs[] = {
    {LISTENING "import resource;s=tcp('127.0.0.1',b=1);client(60001,2);resource.setrlimit(resource.RLIMIT_NOFILE,(20,20))\n"
               "try:\n while True: L.append(open('/dev/null'))\nexcept OSError: pass" AND_WAIT,
     "descriptors", "20 of 20 file descriptors are open"},
    {LISTENING "tcp('127.0.0.1',b=1);client(60001,2)" AND_WAIT, "elsewhere", "no thread of it waits for connections, but one in"},
    {LISTENING "import select;tcp('127.0.0.1',b=1);client(60001,2);print('ready',flush=True);select.select([],[],[])", "idle",
     "not busy, it waits for events and leaves these clients"},
    {LISTENING "tcp('127.0.0.1',b=1);client(60001,2);print('ready',flush=True)\nwhile True: pass", "busy", "its threads run"},
    /* The one that accepts is held up; another one has much to do. */
    {LISTENING "import threading,subprocess;tcp('127.0.0.1',b=1);client(60001,2)\n"
               "threading.Thread(target=lambda: S.create_connection(('127.0.0.1',60001)),daemon=True).start()\n"
               "print('ready',flush=True)\nwhile True: pass",
     "busy", "1 of its 2 threads runs: it has more to do than it can, or the one that accepts is held up (one is in connect(2))"},
    /* As vfork(2) does: state D until the child executes something. */
    {LISTENING "import ctypes;c=ctypes.CDLL(None);s=tcp('127.0.0.1',b=1);client(60001,2);print('ready',flush=True)\n"
               "if not c.syscall(os.uname().machine=='x86_64' and 56 or 220,0x4000|17,0,0,0,0):\n"
               " c.prctl(1,9,0,0,0);s.close()\n signal.pause()",
     "elsewhere", "no thread of it waits for connections, but one in clone(2)"},
};

START_TEST(why_nobody_accepts_is_told)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(programs[_i].program, &server))
        return;
    await("%s list --port 60001 | grep -q full,", BACKLOGCTL);
    if (!strcmp(programs[_i].cause, "idle") || !strcmp(programs[_i].cause, "elsewhere"))
        await("cat /proc/%d/syscall >/dev/null || exit 0; sed -n 's/^State:\t//p' /proc/%d/status | grep -q '^[SD]'",
              (int)server.pid, (int)server.pid);
    list_says(programs[_i].words);
    list_has_cause(programs[_i].cause);
    python_end(&server);
}
END_TEST

/* poll() of a 32-bit program has the number of another call in a 64-bit one: nothing is told of what it waits for. */
START_TEST(calls_of_32_bit_programs_are_not_misread)
{
    struct process server;
    char file[] = "/tmp/backlogctl-test-XXXXXX", program[2048];
    in_private_namespace();
    close(mkstemp(file));
    snprintf(program, sizeof program,
             LISTENING "import struct;s=tcp('127.0.0.1',b=1);client(60001,2);s.set_inheritable(True);a=0x08048000\n"
                       "code=bytes([0xb8,168,0,0,0,0x31,0xdb,0x31,0xc9,0x83,0xca,0xff,0xcd,0x80,0xeb,0xf0])\n"
                       "h=struct.pack('<4s12sHHIIIIIHHHHHH',b'\\x7fELF',b'\\1\\1\\1',2,3,1,a+84,52,0,0,52,32,1,0,0,0)\n"
                       "h+=struct.pack('<8I',1,0,a,a,84+len(code),84+len(code),5,4096)\n"
                       "open('%s','wb').write(h+code);os.chmod('%s',0o700);print('ready',flush=True)\n"
                       "try: os.execv('%s',['thirtytwo'])\nexcept OSError: os._exit(0)\n",
             file, file, file);
    if (!python_begin(program, &server))
        return;
    await("case $(readlink /proc/%d/exe) in *python*) false;; esac", (int)server.pid);
    char *link = shell("readlink /proc/%d/exe; true", (int)server.pid);
    bool runs = strstr(link, file) != NULL;
    free(link);
    unlink(file);
    if (!runs)
        skip("no 32-bit programs here");
    await("sed -n 's/^State:\t//p' /proc/%d/status | grep -q ^S", (int)server.pid);
    list_says("it is a program of another word size");
    python_end(&server);
}
END_TEST

START_TEST(stopped_and_frozen_servers_are_told)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING "tcp('127.0.0.1',b=1);client(60001,2)" AND_WAIT, &server))
        return;
    process_signal(&server, SIGSTOP);
    await("grep -q '^State:.T' /proc/%d/status", (int)server.pid);
    list_says("stopped by a signal (state T); kill -CONT");
    list_has_cause("stopped");
    process_signal(&server, SIGCONT);
    char *group = shell("for d in /sys/fs/cgroup/freezer /sys/fs/cgroup; do d=$d/backlogctl-test-%d; mkdir $d 2>/dev/null && "
                        "ls $d/freezer.state $d/cgroup.freeze 2>/dev/null | grep . && break; rmdir $d 2>/dev/null; done; true",
                        (int)getpid());
    group[strcspn(group, "\n")] = '\0';
    if (*group) { /* the file that freezes, of the first hierarchy or of the second */
        bool first = strstr(group, "freezer.state") != NULL;
        free(shell("echo %d > $(dirname %s)/cgroup.procs; echo %s > %s", (int)server.pid, group, first ? "FROZEN" : "1", group));
        await(first ? "grep -q FROZEN %s" : "grep -q 'frozen 1' $(dirname %s)/cgroup.events", group);
        list_says("frozen with its cgroup");
        list_has_cause("frozen");
        free(shell("echo %s > %s", first ? "THAWED" : "0", group));
    }
    python_end(&server);
    if (*group)
        free(shell("rmdir $(dirname %s)", group));
    free(group);
}
END_TEST

/* The quota is that of the cgroup above its own. */
START_TEST(throttled_servers_are_told)
{
    struct process server;
    in_private_namespace();
    char *group = shell("d=/sys/fs/cgroup/cpu/backlogctl-test-%d;mkdir -p $d/leaf 2>/dev/null && echo 2000 2>/dev/null >"
                        "$d/cpu.cfs_quota_us && echo $d; true",
                        (int)getpid());
    group[strcspn(group, "\n")] = '\0';
    if (!*group)
        skip("no cgroup with a CPU quota can be made here");
    if (!python_begin(LISTENING "tcp('127.0.0.1',b=1);client(60001,2);print('ready',flush=True)\nwhile True: pass", &server))
        return;
    free(shell("echo %d > %s/leaf/cgroup.procs", (int)server.pid, group));
    await("grep -q 'nr_throttled [1-9]' %s/cpu.stat", group);
    list_says("its cgroup's CPU quota held it back in");
    list_has_cause("throttled");
    python_end(&server);
    free(shell("rmdir %s/leaf %s", group, group));
    free(group);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {every_holder_is_found_by_its_name,
                                  probe_names_who_accepts,
                                  members_of_a_group_are_not_compared_with_all,
                                  members_that_defer_do_not_drop,
                                  pid_finds_what_it_holds_in_every_namespace,
                                  containers_and_pods_are_named,
                                  io_uring_holds_without_a_descriptor,
                                  calls_of_32_bit_programs_are_not_misread,
                                  stopped_and_frozen_servers_are_told,
                                  throttled_servers_are_told};
    Suite *suite = suite_create("holders");
    suite_add(suite, "listeners", tests, COUNT(tests));
    TCase *rows = tcase_create("causes");
    tcase_add_loop_test(rows, why_nobody_accepts_is_told, 0, COUNT(programs));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
