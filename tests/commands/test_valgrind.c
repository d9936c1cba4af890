/* No leak, no invalid access and no descriptor left open, interrupted runs included. */
#include "suite.h"

#include "report.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define VALGRIND                                                                                                               \
    "valgrind", "-q", "--vgdb=no", "--error-exitcode=99", "--leak-check=full", "--show-leak-kinds=definite,indirect,possible", \
        "--errors-for-leak-kinds=definite,indirect,possible", BACKLOGCTL

#if defined(__SANITIZE_ADDRESS__)
static const char *const cannot = "a program built with sanitizers does not run under valgrind; they check the same";
#else
static const char *const cannot = NULL;
#endif

static bool usable(void)
{
    if (cannot)
        printf("skipped: %s\n", cannot);
    else if (!program_exists("valgrind"))
        printf("skipped: valgrind is not installed\n");
    else
        return true;
    return false;
}

static const struct {
    const char *args[14];
    int status;
    int signal; /* sent half a second after its first line, or once it has filled the queue; 0: none */
    bool fills;
} rows[] = {
    {{"run", "--backlog", "2", "--accept-count", "1", "--timeout", "0"}, 0, 0},
    {{"run", "--backlog", "2", "--accept-count", "1", "--timeout", "1500ms", "--json"}, 0, 0},
    {{"run", "--count", "300", "--send", "Hey", "--timeout", PATIENCE_TEXT, "--expect", "connected=300"}, 0, 0},
    {{"run", "--count", "700", "--accept-count", "0", "--backlog", "600", "--timeout", "0", "--expect", "queued=1"}, 1, 0},
    {{"run", "--backlog", "2", "--accept-count", "1", "--timeout", PATIENCE_TEXT}, 128 + SIGINT, SIGINT},
    {{"probe", "--count", "3", "--port", "60002"}, 0, 0},
    {{"probe", "--timeout", PATIENCE_TEXT, "--json"}, 128 + SIGTERM, SIGTERM, .fills = true},
    {{"probe", "--timeout", "5x"}, 2, 0},
    {{"serve", "--port", "60002", "--duration", "200ms"}, 0, 0},
    {{"serve", "--port", "60002"}, 128 + SIGINT, SIGINT},
    {{"serve", "--help"}, 0, 0},
    {{"run", "--unix", "@v", "--backlog", "2", "--accept-count", "1", "--timeline", "--timeout", "0"}, 0, 0},
    {{"run", "--preset", "cookies"}, 0, 0},
    {{"run", "--reuseport", "3", "--backlog", "1", "--accept-count", "0", "--timeout", "0", "--json"}, 0, 0},
    {{"sweep", "--backlog", "0..1", "--count", "3,5", "--timeout", "0"}, 0, 0},
    {{"size", "--burst", "5", "--every", "1s", "--checks", "1", "--json"}, 0, 0},
    {{"list"}, 0, 0},
    {{"list", "--all-netns", "--json", "--expect", "backlog>=5"}, 1, 0},
    {{"list", "--prometheus", "--sort", "-queue,address"}, 0, 0},
};

START_TEST(clean_under_valgrind)
{
    if (!usable())
        return;
    in_private_namespace();
    struct process server = serve_start((const char *[]){"--backlog", "2", "--accept-count", "1", NULL}, NULL);
    const char *argv[32] = {VALGRIND};
    size_t used = 0;
    while (argv[used])
        used++;
    for (size_t i = 0; rows[_i].args[i]; i++)
        argv[used++] = rows[_i].args[i];
    struct process process = process_start(argv, NULL);
    if (rows[_i].signal) {
        if (rows[_i].fills)
            await("%s list --quiet --port 60001 --expect 'queue=3,discarded>=6' 2>/dev/null", BACKLOGCTL);
        else
            free(process_line(&process, PATIENCE));
        usleep(500000);
        process_signal(&process, rows[_i].signal);
    }
    struct outcome outcome = process_finish(&process, PATIENCE);
    ck_assert_msg(outcome.status == rows[_i].status, "status %d: %s", outcome.status, outcome.err);
    ck_assert_ptr_null(strstr(outcome.err, "=="));
    outcome_free(&outcome);
    free(serve_stop(&server));
}
END_TEST

START_TEST(talking_server_is_clean)
{
    if (!usable())
        return;
    in_private_namespace();
    const char *argv[] = {VALGRIND, "serve", "--greeting", "hello", NULL};
    struct process server = process_start(argv, NULL);
    free(process_line(&server, PATIENCE));
    free(shell("%s probe --count 20 --send Hey --timeout " PATIENCE_TEXT " --expect connected=20 --quiet", BACKLOGCTL));
    process_signal(&server, SIGTERM);
    struct outcome outcome = process_finish(&server, PATIENCE);
    ck_assert_msg(outcome.status == 128 + SIGTERM, "status %d: %s", outcome.status, outcome.err);
    ck_assert_str_eq(outcome.err, "");
    outcome_free(&outcome);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("valgrind");
    TCase *tcase = tcase_create("memory");
    tcase_add_loop_test(tcase, clean_under_valgrind, 0, COUNT(rows));
    tcase_add_test(tcase, talking_server_is_clean);
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
