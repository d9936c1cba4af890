/* Targets at real listeners: what people type finds them, and so does whatever list prints. */
#include "suite.h"

#include "report.h"
#include "servers.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LISTENERS                                                                                                    \
    LISTENING "os.chdir(os.environ['FOLDER'])\n"                                                                     \
              "tcp('127.0.0.1');tcp('::1');tcp('::',60002,only=0);tcp('0.0.0.0',60003);tcp('::',60003)\n"            \
              "tcp('127.0.0.2',60004,device='lo');tcp('::',60005,only=0,device='lo');tcp('::1',60006,device='lo')\n" \
              "local(os.getcwd()+'/x.sock');local('rel.sock');local('\\0name');local('\\0a\\n\\xff b\\0c')\n"        \
              "local(os.getcwd()+'/a\\tb')" AND_WAIT

struct place {
    struct process server;
    char folder[64];
};

/* False after saying why the test is skipped. */
static bool place_begin(struct place *place)
{
    in_private_namespace();
    strcpy(place->folder, "/tmp/backlogctl-targets-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(place->folder));
    setenv("FOLDER", place->folder, 1);
    return python_begin(LISTENERS, &place->server);
}

static void place_end(struct place *place)
{
    python_end(&place->server);
    free(shell("rm -r %s", place->folder));
}

static struct outcome command(const char *line, int status)
{
    char text[1024];
    snprintf(text, sizeof text, "exec %s %s", BACKLOGCTL, line);
    struct outcome outcome = process_run((const char *[]){"sh", "-c", text, NULL}, NULL);
    ck_assert_msg(outcome.status == status, "%s: status %d: %s%s", line, outcome.status, outcome.out, outcome.err);
    return outcome;
}

/* The cells of the table that `list --columns address` prints. */
#define PLACES_MAX 32
static size_t places_in(char *text, char *out[PLACES_MAX])
{
    size_t count = 0;
    char *save = NULL, *table_end = strstr(text, "\n\n");
    if (table_end)
        *table_end = '\0';
    strtok_r(text, "\n", &save); /* the head */
    for (char *line; (line = strtok_r(NULL, "\n", &save)) && count < PLACES_MAX;) {
        line[strcspn(line, "\n")] = '\0';
        for (size_t end = strlen(line); end && line[end - 1] == ' '; end--)
            line[end - 1] = '\0';
        out[count++] = line;
    }
    return count;
}

START_TEST(what_list_prints_is_a_target)
{
    struct place place;
    if (!place_begin(&place))
        return;
    struct outcome all = command("list --columns address", 0);
    char *places[PLACES_MAX];
    size_t count = places_in(all.out, places);
    ck_assert_uint_eq(count, 13);
    for (size_t i = 0; i < count; i++) {
        char *one[PLACES_MAX];
        struct outcome outcome = process_run((const char *[]){BACKLOGCTL, "list", "--columns", "address", places[i], NULL}, NULL);
        ck_assert_msg(outcome.status == 0, "%s: %s", places[i], outcome.err);
        ck_assert_msg(places_in(outcome.out, one) == 1 && !strcmp(one[0], places[i]), "%s: %s", places[i], outcome.out);
        outcome_free(&outcome);
        outcome = process_run((const char *[]){BACKLOGCTL, "resize", places[i], "--backlog", "9", NULL}, NULL);
        ck_assert_msg(outcome.status == 0, "%s: %s", places[i], outcome.err);
        outcome_free(&outcome);
    }
    outcome_free(&all);
    place_end(&place);
}
END_TEST

/* Words and the places that they choose, as list prints these, in one line. {pid} and {folder} are replaced. */
static const struct {
    const char *words, *places;
} choices[] = {
    {"60001", "127.0.0.1:60001 [::1]:60001"},
    {":60003", "0.0.0.0:60003 [::]:60003"},
    {"127.0.0.1:60001", "127.0.0.1:60001"},
    {"[::1]:60001", "[::1]:60001"},
    {"http://127.0.0.1:60001/x", "127.0.0.1:60001"},
    {"localhost:60002", "*:60002"}, /* it takes what comes there */
    {"localhost:60003", "0.0.0.0:60003"},
    {"http://localhost:60003/x", "0.0.0.0:60003"},
    {"127.0.0.1", "127.0.0.1:60001"},
    {"::1", "[::1]:60001 [::1]%lo:60006"},
    {"::1%lo", "[::1]%lo:60006"},
    {"127.0.0.2:60004%lo", "127.0.0.2%lo:60004"},
    {"@name", "@name"},
    {"{folder}/x.sock", "{folder}/x.sock"},
    {"unix:{folder}/rel.sock", "rel.sock"},
    {"unix://{folder}/x.sock", "{folder}/x.sock"},
    {"unix:rel.sock", "rel.sock"},
    {"python3 --port 60004", "127.0.0.2%lo:60004"},
    {"process:python3 --port 60004", "127.0.0.2%lo:60004"},
    {"pid:{pid} --port 60004", "127.0.0.2%lo:60004"},
    {"60004 --process python3", "127.0.0.2%lo:60004"},
    {"60004 --pid {pid}", "127.0.0.2%lo:60004"},
    {"--columns address -- 60004", "127.0.0.2%lo:60004"},
    {"service:http", ""},
    {":http", ""},
    {"http", ""},
};

/* Without the IPv6 half of localhost, where /etc/hosts has it. */
static void fill_in(const char *text, const struct place *place, char *out, size_t size)
{
    size_t used = 0;
    while (*text && used + 80 < size)
        if (!strncmp(text, "{pid}", 5)) {
            used += (size_t)snprintf(out + used, size - used, "%d", (int)place->server.pid);
            text += 5;
        } else if (!strncmp(text, "{folder}", 8)) {
            used += (size_t)snprintf(out + used, size - used, "%s", place->folder);
            text += 8;
        } else {
            out[used++] = *text++;
        }
    out[used] = '\0';
}

START_TEST(a_word_chooses)
{
    struct place place;
    if (!place_begin(&place))
        return;
    for (size_t i = 0; i < COUNT(choices); i++) {
        char words[256], expected[256], line[512], seen[1024] = "", *places[PLACES_MAX];
        fill_in(choices[i].words, &place, words, sizeof words);
        fill_in(choices[i].places, &place, expected, sizeof expected);
        snprintf(line, sizeof line, "list --columns address %s", words);
        struct outcome outcome = command(line, 0);
        size_t count = strncmp(outcome.out, "no listener", 11) ? places_in(outcome.out, places) : 0;
        bool both = strstr(words, "localhost") != NULL && count == 2; /* localhost may be ::1, too */
        for (size_t p = 0; p < count - both; p++)
            snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s%s", p ? " " : "", places[p]);
        ck_assert_msg(!strcmp(seen, expected), "%s: '%s' is not '%s'", words, seen, expected);
        outcome_free(&outcome);
    }
    place_end(&place);
}
END_TEST

/* Each line that is offered does what it says. */
START_TEST(several_are_told_apart_by_whole_lines)
{
    static const struct {
        const char *words;
        size_t lines;
    } rows[] = {{"60001", 3}, {"--port 60003", 3}, {"python3", 14}};
    struct place place;
    if (!place_begin(&place))
        return;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char line[256], *save = NULL;
        snprintf(line, sizeof line, "resize --backlog 20 --color=never %s", rows[i].words);
        struct outcome outcome = command(line, 3);
        size_t lines = 0;
        ck_assert_msg(strstr(outcome.err, "listeners are meant: ") != NULL, "%s", outcome.err);
        strtok_r(outcome.err, "\n", &save);
        for (char *offer; (offer = strtok_r(NULL, "\n", &save)); lines++) {
            ck_assert_msg(!strncmp(offer, "  backlogctl resize --backlog 20 --color never", 46), "%s", offer);
            struct outcome again = command(offer + strlen("  backlogctl "), 0);
            outcome_free(&again);
        }
        ck_assert_uint_eq(lines, rows[i].lines);
        outcome_free(&outcome);
    }
    place_end(&place);
}
END_TEST

START_TEST(all_are_measured_one_after_the_other)
{
    struct process server;
    in_private_namespace();
    if (!python_begin("import select\n" LISTENING "tcp('127.0.0.1');tcp('::1')\nprint('ready',flush=True)\n"
                      "while True:\n for s in select.select(L,[],[])[0]: s.accept()[0].close()\n",
                      &server))
        return;
    struct outcome outcome = command("measure --yes 60001", 3);
    ck_assert_msg(strstr(outcome.err, "\n  backlogctl measure --yes '[::1]:60001'   # python3/"), "%s", outcome.err);
    outcome_free(&outcome);
    outcome = command("measure --yes --all python3 --timeout " PATIENCE_TEXT, 0);
    ck_assert_msg(strstr(outcome.out, "127.0.0.1:60001 (python3/") && strstr(outcome.out, "[::1]:60001 (python3/"), "%s",
                  outcome.out);
    outcome_free(&outcome);
    outcome = command("measure --yes --all python3 --timeout " PATIENCE_TEXT " --expect 'capacity>100'", 1);
    outcome_free(&outcome);
    python_end(&server);
}
END_TEST

/* Where one connects to. */
START_TEST(a_burst_goes_where_the_word_says)
{
    struct place place;
    char words[256], line[512];
    static const char *const rows[] = {"60001",
                                       ":60001",
                                       "localhost:60001",
                                       "[::1]:60001",
                                       "*:60002",
                                       "[::]:60003",
                                       "0.0.0.0:60003",
                                       "127.0.0.2%lo:60004",
                                       "@name",
                                       "{folder}/x.sock",
                                       "unix:{folder}/x.sock",
                                       "http://127.0.0.1:60001/x",
                                       "localhost -p 60001"};
    if (!place_begin(&place))
        return;
    for (size_t i = 0; i < COUNT(rows); i++) {
        fill_in(rows[i], &place, words, sizeof words);
        snprintf(line, sizeof line, "probe --count 1 --timeout 0 --expect refused=0,timed_out=0 %s", words);
        struct outcome outcome = command(line, 0);
        ck_assert_str_eq(outcome.err, "");
        outcome_free(&outcome);
    }
    struct outcome outcome = command("probe --count 1 localhost", 0);
    ck_assert_msg(strstr(outcome.err, "port 60001, for neither the target 'localhost' nor --port names one"), "%s", outcome.err);
    outcome_free(&outcome);
    place_end(&place);
}
END_TEST

START_TEST(a_server_listens_where_the_word_says)
{
    static const struct {
        const char *word, *says;
    } rows[] = {{"60009", "listening on 127.0.0.1:60009,"},
                {"127.0.0.3:60009", "listening on 127.0.0.3:60009,"},
                {"[::1]:60009", "listening on [::1]:60009,"},
                {"*:60009", "listening on [::]:60009,"},
                {"@served", "listening on @served,"}};
    in_private_namespace();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct process server = process_start((const char *[]){BACKLOGCTL, "serve", rows[i].word, NULL}, NULL);
        char *line = process_line(&server, PATIENCE);
        ck_assert_msg(line && !strncmp(line, rows[i].says, strlen(rows[i].says) - 1), "%s: %s", rows[i].word, line ? line : "");
        free(line);
        process_signal(&server, SIGTERM);
        struct outcome outcome = process_finish(&server, PATIENCE);
        outcome_free(&outcome);
    }
}
END_TEST

START_TEST(the_nearest_name_is_said)
{
    struct place place;
    if (!place_begin(&place))
        return;
    struct outcome outcome = command("list pyhton3", 3);
    ck_assert_msg(strstr(outcome.err, "nobody who listens here is called 'pyhton3' (did you mean python3?)"), "%s", outcome.err);
    outcome_free(&outcome);
    outcome = command("list --process pyhton3", 0);
    ck_assert_msg(strstr(outcome.err, "no listener fits --process (did you mean python3?)"), "%s", outcome.err);
    outcome_free(&outcome);
    place_end(&place);
}
END_TEST

/* A filter that fits nobody is no success of who expects something. */
static const struct {
    const char *line;
    int status;
    const char *says; /* "" nothing on stderr */
} nobody[] = {
    {"list 1", 0, "backlogctl list: no listener fits target '1'\n"},
    {"list --port 1 --json", 0, "backlogctl list: no listener fits --port\n"},
    {"list --port 1 --quiet", 0, ""},
    {"list", 0, ""},
    {"list --process x", 0, "backlogctl list: no listener fits --process\n"},
    {"list --port 1 --expect drops=0", 1, "backlogctl list: no listener fits --port\n"},
    {"list --port 1 --expect listeners=0", 0, ""},
    {"watch --port 1 -i 100ms -n 1 --alert 'queue>1'", 1, "no listener was there at any time: nothing was watched for --alert\n"},
    {"watch --port 1 -i 100ms -n 1", 0, "backlogctl watch: no listener fits --port\n"},
    {"watch --port 1 -i 100ms -n 1 --alert 'listeners>0'", 0, ""},
};

START_TEST(nobody_fits)
{
    in_private_namespace();
    for (size_t i = 0; i < COUNT(nobody); i++) {
        struct outcome outcome = command(nobody[i].line, nobody[i].status);
        ck_assert_msg(*nobody[i].says ? strstr(outcome.err, nobody[i].says) != NULL : !*outcome.err, "%s: %s", nobody[i].line,
                      outcome.err);
        outcome_free(&outcome);
    }
}
END_TEST

START_TEST(six_alone_is_the_loopback_address)
{
    in_private_namespace();
    struct process server = process_start((const char *[]){BACKLOGCTL, "serve", "-6", "--port", "60009", NULL}, NULL);
    char *line = process_line(&server, PATIENCE);
    ck_assert_msg(line && !strncmp(line, "listening on [::1]:60009", 24), "%s", line ? line : "");
    free(line);
    static const char *const lines[] = {"probe -6 60009", "probe -6 *:60009", "run -6"};
    for (size_t i = 0; i < COUNT(lines); i++) {
        char text[128];
        snprintf(text, sizeof text, "%s --count 1 --expect connected=1", lines[i]);
        struct outcome outcome = command(text, 0);
        ck_assert_msg(strstr(outcome.out, "[::1]:600") != NULL, "%s: %s", text, outcome.out);
        outcome_free(&outcome);
    }
    process_signal(&server, SIGTERM);
    struct outcome outcome = process_finish(&server, PATIENCE);
    outcome_free(&outcome);
}
END_TEST

#define ON_A_TERMINAL "python3 -c 'import pty,sys;sys.exit(pty.spawn([sys.argv[1]])>>8)' " BACKLOGCTL " </dev/null"

/* Without a word, on a terminal. */
START_TEST(alone_it_shows_who_is_in_trouble)
{
    in_private_namespace();
    need_program("python3");
    struct outcome outcome = command("", 2);
    ck_assert_msg(!*outcome.out && strstr(outcome.err, "\nCommands:\n  run "), "%s%s", outcome.out, outcome.err);
    outcome_free(&outcome);
    struct process idle = process_start((const char *[]){BACKLOGCTL, "serve", "60008", NULL}, NULL);
    free(process_line(&idle, PATIENCE));
    outcome = process_run((const char *[]){"sh", "-c", "exec " ON_A_TERMINAL, NULL}, NULL);
    ck_assert_msg(outcome.status == 0 && strstr(outcome.out, "0 of 1 listeners here are in trouble now."), "%d: %s%s",
                  outcome.status, outcome.out, outcome.err);
    outcome_free(&outcome);
    struct process full = process_start((const char *[]){BACKLOGCTL, "serve", "60009", "--full", NULL}, NULL);
    free(process_line(&full, PATIENCE));
    outcome = process_run((const char *[]){"sh", "-c", "exec " ON_A_TERMINAL, NULL}, NULL);
    ck_assert_msg(outcome.status == 0 && strstr(outcome.out, "1 of 2 listeners here is in trouble now."), "%d: %s%s",
                  outcome.status, outcome.out, outcome.err);
    ck_assert_msg(strstr(outcome.out, "127.0.0.1:60009") && !strstr(outcome.out, "127.0.0.1:60008"), "%s", outcome.out);
    outcome_free(&outcome);
    process_signal(&idle, SIGTERM);
    process_signal(&full, SIGTERM);
    outcome = process_finish(&idle, PATIENCE);
    outcome_free(&outcome);
    outcome = process_finish(&full, PATIENCE);
    outcome_free(&outcome);
}
END_TEST

/* A unit is what the cgroup of a process is called, whoever made it. */
START_TEST(a_unit_is_a_target)
{
    char name[64], line[256];
    in_private_namespace();
    snprintf(name, sizeof name, "backlogctl-test-%d.service", (int)getpid());
    struct process server = process_start((const char *[]){BACKLOGCTL, "serve", "60009", NULL}, NULL);
    struct process other = process_start((const char *[]){BACKLOGCTL, "serve", "60008", NULL}, NULL);
    free(process_line(&server, PATIENCE));
    free(process_line(&other, PATIENCE));
    char *folder = shell("for d in /sys/fs/cgroup /sys/fs/cgroup/*; do test -e $d/cgroup.procs && mkdir $d/%s && "
                         "echo %d >$d/%s/cgroup.procs && echo $d/%s && break; rmdir $d/%s; done 2>/dev/null; true",
                         name, (int)server.pid, name, name, name);
    static const char *const words[] = {"", "unit:", "--unit "};
    for (size_t i = 0; i < COUNT(words) && *folder; i++) {
        snprintf(line, sizeof line, "list --columns address %s%s", words[i], name);
        for (int cut = 0; cut < 2; cut++) { /* with its .service, and without */
            struct outcome outcome = command(line, 0);
            ck_assert_msg(strstr(outcome.out, "127.0.0.1:60009") && !strstr(outcome.out, "60008"), "%s: %s", line, outcome.out);
            outcome_free(&outcome);
            line[strlen(line) - (cut ? 0 : strlen(".service"))] = '\0';
        }
    }
    process_signal(&server, SIGTERM);
    process_signal(&other, SIGTERM);
    struct outcome outcome = process_finish(&server, PATIENCE);
    outcome_free(&outcome);
    outcome = process_finish(&other, PATIENCE);
    outcome_free(&outcome);
    if (!*folder)
        skip("a_unit_is_a_target: no cgroup can be made here");
    free(shell("rmdir %s", folder));
    free(folder);
}
END_TEST

/* A name that two kinds have. */
START_TEST(what_fits_twice_is_to_be_said)
{
    struct process server;
    in_private_namespace();
    if (!python_begin(LISTENING "os.chdir('/');tcp('127.0.0.1');local('\\0x')\n"
                                "import tempfile;os.chdir(tempfile.mkdtemp());local('python3');os.unlink('python3')\n"
                                "os.rmdir(os.getcwd())" AND_WAIT,
                      &server))
        return;
    struct outcome outcome = command("list python3", 2);
    ck_assert_msg(strstr(outcome.err,
                         "target 'python3' may be several things: say process:python3 for a process, unix:python3 for "
                         "a socket"),
                  "%s", outcome.err);
    outcome_free(&outcome);
    outcome = command("list --columns address process:python3", 0);
    ck_assert_msg(strstr(outcome.out, "127.0.0.1:60001") && strstr(outcome.out, "@x"), "%s", outcome.out);
    outcome_free(&outcome);
    outcome = command("list --columns address unix:python3", 0);
    ck_assert_msg(!strstr(outcome.out, "127.0.0.1:60001") && strstr(outcome.out, "\npython3"), "%s", outcome.out);
    outcome_free(&outcome);
    python_end(&server);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("targets");
    const TTest *const tests[] = {what_list_prints_is_a_target,
                                  a_word_chooses,
                                  several_are_told_apart_by_whole_lines,
                                  all_are_measured_one_after_the_other,
                                  a_burst_goes_where_the_word_says,
                                  a_server_listens_where_the_word_says,
                                  what_fits_twice_is_to_be_said,
                                  the_nearest_name_is_said,
                                  nobody_fits,
                                  six_alone_is_the_loopback_address,
                                  a_unit_is_a_target,
                                  alone_it_shows_who_is_in_trouble};
    suite_add(suite, "words", tests, COUNT(tests));
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
