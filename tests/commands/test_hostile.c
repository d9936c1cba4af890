/* Names that an ordinary user can choose - of a device, a socket, a process, a namespace - reach a terminal only as text, and are
   taken back as they were printed. */
#include "sample_run.h"
#include "suite.h"

#include "report.h"
#include "servers.h"

#include "backlogctl/escape.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Clears the screen, is no UTF-8, has a C1 character; turns the direction; is an ordinary word elsewhere. */
#define DEVICE            \
    "\033[2J\xff\xc2\x9b" \
    "a"
#define PROCESS "\033]0;x\a\xfe\\x41"
#define PATH_END "a\n\033[1m\xff\xe2\x80\xae\\.sock"
#define PLAIN_END "\xc3\xa9.sock"

/* A device, then listeners: 6001 on it, twice 6002, and the sockets in the folder of argv; all of one process. */
static const char program[] =
    "import socket,sys,os,time;S=socket;L=[]\n"
    "open('/proc/self/comm','wb').write(b'\\x1b]0;x\\x07\\xfe\\\\x41')\n"
    "def tcp(a,p,d=b''):\n"
    " s=S.socket();L.append(s);d and s.setsockopt(S.SOL_SOCKET,S.SO_BINDTODEVICE,d);s.bind((a,p));s.listen(1)\n"
    "def local(p):\n s=S.socket(S.AF_UNIX);L.append(s);s.bind(p);s.listen(1)\n"
    "tcp('0.0.0.0',6001,b'\\x1b[2J\\xff\\xc2\\x9ba');tcp('127.0.0.1',6002);tcp('127.0.0.2',6002)\n"
    "c=S.socket();c.connect(('127.0.0.1',6002))\n"
    "f=os.fsencode(os.environ['FOLDER'])\n"
    "local(f+b'/a\\n\\x1b[1m\\xff\\xe2\\x80\\xae\\\\.sock');local(f+b'/\\xc3\\xa9.sock');local(b'\\0a\\0b\\x1b')\n"
    "local(f+b'/x?y');local(f+b'/x\\ny')\n"
    "print('ready',flush=True);time.sleep(7200)\n";

static char folder[] = "/tmp/backlogctl-test-XXXXXX";

/* False after saying why it is skipped. */
static bool begin(struct process *server)
{
    if (!program_exists("python3") || !program_exists("ip")) {
        printf("skipped: python3 or ip is not installed\n");
        return false;
    }
    in_private_namespace();
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert(!setenv("FOLDER", folder, 1) && !setenv("DEVICE", DEVICE, 1));
    free(shell("ip link add name \"$DEVICE\" type veth peer name peer0 && ip link set \"$DEVICE\" up"));
    return python_begin(program, server);
}

static void end(struct process *server)
{
    python_end(server);
    free(shell("rm -r %s", folder));
}

/* Runs a command line in a locale; both its streams must be clean. */
static struct outcome clean(const char *locale, const char *line)
{
    char command[2048];
    snprintf(command, sizeof command, "export LC_ALL=%s; exec %s %s", locale, BACKLOGCTL, line);
    struct outcome outcome = process_run((const char *[]){"sh", "-c", command, NULL}, NULL);
    assert_printable(outcome.out, "\n");
    assert_printable(outcome.err, "\n");
    return outcome;
}

/* Something of the names is said, and safely. `wanted`: NULL for nothing particular. */
static void says(const char *line, int status, const char *wanted)
{
    static const char *const locales[] = {"C", "C.UTF-8"};
    for (size_t i = 0; i < COUNT(locales); i++) {
        struct outcome outcome = clean(locales[i], line);
        ck_assert_msg(outcome.status == status, "%s: status %d: %s%s", line, outcome.status, outcome.out, outcome.err);
        ck_assert_msg(!wanted || strstr(outcome.out, wanted) || strstr(outcome.err, wanted), "%s: no '%s' in %s%s", line, wanted,
                      outcome.out, outcome.err);
        outcome_free(&outcome);
    }
}

#define SAFE_DEVICE "\\x1b[2J\\xff\\xc2\\x9ba"
#define SAFE_PROCESS "\\x1b]0;x\\x07\\xfe\\x5cx41"
#define SAFE_PATH_END "a\\x0a\\x1b[1m\\xff\\xe2\\x80\\xae\\x5c.sock"

START_TEST(nothing_of_them_reaches_a_terminal)
{
    struct process server;
    char line[1024];
    if (!begin(&server))
        return;
    says("list", 0, "0.0.0.0%" SAFE_DEVICE ":6001");
    says("list", 0, SAFE_PROCESS "/");
    says("list", 0, SAFE_PATH_END);
    says("list", 0, "@a\\x00b\\x1b");
    says("list --columns address,process,remarks --sort -process", 0, SAFE_DEVICE);
    says("list --all-netns --port 6001", 0, SAFE_DEVICE);
    says("list --port 6001 --expect 'backlog>=100'", 1, "FAILED, 0.0.0.0%" SAFE_DEVICE ":6001 has 1");
    says("list --prometheus", 0, "listener=\"0.0.0.0%\\\\x1b[2J\\\\xff\\\\xc2\\\\x9ba:6001\"");
    says("list --json", 0, "\\u001B[2J\\\\xff\\u009Ba");
    says("watch --batch --iterations 1 --interval 100ms --alert 'queue>=1,backlog>=1'", 1, "%" SAFE_DEVICE ":6001");
    says("watch --json --iterations 1 --interval 100ms", 0, NULL);
    says("observe --port 6001 --duration 10ms", 0, "%" SAFE_DEVICE ":6001 (" SAFE_PROCESS "/");
    says("observe --port 6001 --duration 10ms --json", 0, NULL);
    says("resize --port 6001 --backlog 5 --dry-run", 0, "%" SAFE_DEVICE ":6001 (" SAFE_PROCESS "/");
    says("resize --port 6001 --backlog 5 --dry-run --json", 0, NULL);
    says("measure --port 6001", 2, NULL);
    says("measure --port 6002", 3, SAFE_PROCESS); /* which of the two? */
    says("measure --port 6002 --host 127.0.0.1", 3, "clients wait at 127.0.0.1:6002");
    says("resize --port 6002 --backlog 5", 3, SAFE_PROCESS);
    snprintf(line, sizeof line, "probe --unix \"$(printf '%s/\\033[2J\\377')\"", folder);
    says(line, 0, "\\x1b[2J\\xff");
    snprintf(line, sizeof line, "probe --count 1 --timeout 0 --unix \"$(printf '%s/a\\n\\033[1m\\377\\342\\200\\256\\\\.sock')\"",
             folder);
    says(line, 0, SAFE_PATH_END);
    says("probe --host \"$(printf 'fe80::1%%\\033[2J')\"", 3, "\\x1b[2J");
    says("list --netns \"$(printf '\\033[2J')\"", 3, "\\x1b[2J");
    says("list --columns \"$(printf '\\033[2J')\"", 2, "\\x1b[2J");
    says("list --output \"$(printf '/nowhere/\\033[2J')\"", 3, "\\x1b[2J");
    says("\"$(printf '\\033[2J\\302\\233')\"", 2, "\\x1b[2J");
    end(&server);
}
END_TEST

/* One label that is no UTF-8, and a scrape loses all of the file. */
START_TEST(promtool_reads_their_metrics)
{
    const char *promtool = getenv("BACKLOGCTL_PROMTOOL");
    promtool = promtool && *promtool ? promtool : program_exists("promtool") ? "promtool" : NULL;
    struct process server;
    if (!promtool)
        printf("skipped: promtool is not installed (BACKLOGCTL_PROMTOOL or PATH)\n");
    if (!promtool || !begin(&server))
        return;
    char *said = shell("%s list --prometheus | %s check metrics 2>&1", BACKLOGCTL, promtool);
    ck_assert_str_eq(said, "");
    free(said);
    end(&server);
}
END_TEST

/* The only listener that `--unix NAME` or the like selects, as --json has it; `member`, unescaped, is `name`. */
static void selects(const char *locale, const char *option, const char *text, const char *member_name, const char *name)
{
    char line[1024], back[512];
    snprintf(line, sizeof line, "list --json --columns address %s '%s'", option, text);
    struct outcome outcome = clean(locale, line);
    json_t *report = json_parse(outcome.out), *list = member(report, "listeners");
    ck_assert_msg(json_array_size(list), "%s: nobody", line);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *value = json_string_value(member(json_array_get(list, i), member_name));
        ck_assert_msg(value && !strcmp(unescape(value, back), name), "%s: %s", line, value);
    }
    ck_assert(strcmp(option, "--unix") || json_array_size(list) == 1);
    json_decref(report);
    outcome_free(&outcome);
}

START_TEST(they_are_taken_as_printed)
{
    struct process server;
    char text[512], name[256];
    if (!begin(&server))
        return;
    snprintf(text, sizeof text, "%s/" SAFE_PATH_END, folder);
    snprintf(name, sizeof name, "%s/" PATH_END, folder);
    selects("C", "--unix", text, "path", name);
    selects("C.UTF-8", "--unix", text, "path", name);
    snprintf(text, sizeof text, "%s/\\xc3\\xa9.sock", folder);
    snprintf(name, sizeof name, "%s/" PLAIN_END, folder);
    selects("C", "--unix", text, "path", name);
    selects("C.UTF-8", "--unix", name, "path", name);
    snprintf(name, sizeof name, "%s/x?y", folder);
    selects("C", "--unix", name, "path", name); /* and not x, newline, y */
    selects("C", "--unix", "@a\\x00b\\x1b", "path", "@a" ENDPOINT_NUL "b\033");
    selects("C", "--process", SAFE_PROCESS, "process", PROCESS);
    /* A connection reaches the one that is meant, and the report calls it the same. */
    json_t *report = report_of((const char *[]){BACKLOGCTL, "probe", "--json", "--count", "1", "--timeout", "5s", "--unix",
                                                "@a\\x00b\\x1b", NULL},
                               NULL, 0);
    ck_assert_int_eq(report_count(report, "queued"), 1);
    ck_assert_str_eq(report_text(report, "target.path"), "@a\\x00b\033");
    ck_assert_int_eq(report_number(report, "listener.pid"), server.pid);
    json_decref(report);
    end(&server);
}
END_TEST

/* What a terminal cannot show in its charset is escaped, and what it can is not. */
START_TEST(the_locale_says_what_is_shown)
{
    struct process server;
    if (!begin(&server))
        return;
    struct outcome outcome = clean("C.UTF-8", "list --columns address");
    assert_has(outcome.out, "/" PLAIN_END "\n");
    outcome_free(&outcome);
    outcome = clean("C", "list --columns address");
    assert_has(outcome.out, "/\\xc3\\xa9.sock\n");
    outcome_free(&outcome);
    end(&server);
}
END_TEST

START_TEST(a_namespace_may_have_any_name)
{
    char name[64];
    if (!is_root() || !program_exists("ip")) {
        printf("skipped: ip netns takes root\n");
        return;
    }
    snprintf(name, sizeof name, "backlogctl-test-%d-\033[2J\xff", (int)getpid());
    ck_assert(!setenv("NAME", name, 1));
    free(shell("ip netns add \"$NAME\""));
    struct process server =
        process_start((const char *[]){"ip", "netns", "exec", name, "sh", "-c",
                                       "ip link set lo up && echo 77 >/proc/sys/net/core/somaxconn && exec " BACKLOGCTL
                                       " serve --port 6017",
                                       NULL},
                      NULL);
    char *line = process_line(&server, PATIENCE), command[256];
    snprintf(command, sizeof command, "list --netns 'backlogctl-test-%d-\\x1b[2J\\xff'", (int)getpid());
    struct outcome named = clean("C.UTF-8", command), all = clean("C.UTF-8", "list --all-netns --port 6017"),
                   metrics = clean("C", "list --all-netns --prometheus --port 6017"),
                   json = clean("C", "list --all-netns --json --port 6017"),
                   watched = clean("C.UTF-8", "watch --all-netns --port 6017 --batch --iterations 1 --interval 100ms");
    snprintf(command, sizeof command, "probe --port 6017 --count 1 --netns 'backlogctl-test-%d-\\x1b[2J\\xff'", (int)getpid());
    struct outcome probed = clean("C.UTF-8", command);
    process_signal(&server, SIGTERM);
    struct outcome ended = process_finish(&server, PATIENCE);
    free(shell("ip netns delete \"$NAME\"")); /* before anything can fail */
    ck_assert_ptr_nonnull(line);
    snprintf(command, sizeof command, "(backlogctl-test-%d-\\x1b[2J\\xff)", (int)getpid());
    assert_has(all.out, command);
    assert_has(named.out, "127.0.0.1:6017");
    assert_has(metrics.out, "-\\\\x1b[2J\\\\xff\"} ");
    assert_has(json.out, "-\\u001B[2J\\\\xff\"");
    snprintf(command, sizeof command, "in netns backlogctl-test-%d-\\x1b[2J\\xff: ", (int)getpid());
    assert_has(probed.out, command);
    outcome_free(&probed);
    free(line);
    outcome_free(&named);
    outcome_free(&all);
    outcome_free(&metrics);
    outcome_free(&json);
    outcome_free(&watched);
    outcome_free(&ended);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {nothing_of_them_reaches_a_terminal, promtool_reads_their_metrics, they_are_taken_as_printed,
                                  the_locale_says_what_is_shown, a_namespace_may_have_any_name};
    Suite *suite = suite_create("hostile names");
    suite_add(suite, "commands", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
