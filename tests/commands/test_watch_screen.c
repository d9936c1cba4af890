/* The live view in a real terminal: tmux types the keys and shows what is on the screen. */
#include "suite.h"

#include "report.h"

#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_PORT 61001
#define LISTENERS 30

/* A tmux server of the test's own, which dies with the test. */
struct terminal {
    struct process server;
    char folder[64];
};

__attribute__((format(printf, 2, 3))) static char *tmux(const struct terminal *t, const char *format, ...)
{
    char command[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(command, sizeof command, format, args);
    va_end(args);
    return shell("tmux -S %s/socket %s", t->folder, command);
}

/* Listens on ports from FIRST_PORT on with backlogs 1, 2, 3 and so on; every third has a client that waits. */
static void make_listeners(void)
{
    for (int i = 0; i < LISTENERS; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)(FIRST_PORT + i)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert(server >= 0 && client >= 0 && !bind(server, (struct sockaddr *)&address, sizeof address) &&
                  !listen(server, i + 1));
        if (i % 3 == 0)
            ck_assert(!connect(client, (struct sockaddr *)&address, sizeof address));
        else
            close(client);
    }
}

static void terminal_open(struct terminal *t, const char *before, const char *options)
{
    need_program("tmux");
    in_private_namespace();
    make_listeners();
    snprintf(t->folder, sizeof t->folder, "/tmp/backlogctl-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(t->folder));
    char socket_path[96];
    snprintf(socket_path, sizeof socket_path, "%s/socket", t->folder);
    static const char *const environment[] = {"LC_ALL=C.UTF-8", "SHELL=/bin/sh", "NO_COLOR=", "TMUX=", NULL};
    struct process_setup setup = {.env = environment};
    t->server = process_start((const char *[]){"tmux", "-D", "-u", "-S", socket_path, "-f", "/dev/null", NULL}, &setup);
    struct stat status;
    for (nsec end = clock_now() + PATIENCE; stat(socket_path, &status) && clock_now() < end;)
        usleep(20000);
    free(tmux(t,
              "new-session -d -x 80 -y 24 \"trap : INT; echo this was here before; %s %s watch -i 200ms %s 2>%s/stderr; echo "
              "status \\$?; "
              "cat %s/stderr; exec sleep infinity\"",
              before, BACKLOGCTL, options, t->folder, t->folder));
}

static void terminal_close(struct terminal *t)
{
    process_signal(&t->server, SIGTERM);
    struct outcome outcome = process_finish(&t->server, PATIENCE);
    outcome_free(&outcome);
    free(shell("rm -rf %s", t->folder));
}

static char *screen_of(const struct terminal *t)
{
    return tmux(t, "capture-pane -p -J"); /* with folded lines joined */
}

/* The screen that has `part` (or, with `absent`, has it no more); malloc'ed. Fails the test when it never comes. */
static char *await_screen(const struct terminal *t, const char *part, bool absent)
{
    char *screen = NULL;
    for (nsec end = clock_now() + PATIENCE; clock_now() < end; usleep(20000)) {
        free(screen);
        screen = screen_of(t);
        if ((strstr(screen, part) != NULL) != absent)
            return screen;
    }
    ck_abort_msg("%s '%s' in:\n%s", absent ? "still" : "never", part, screen);
}

static void await_text(const struct terminal *t, const char *part)
{
    free(await_screen(t, part, false));
}

/* Until nothing changes any more for three intervals: as it does as long as it runs. */
static void await_standstill(const struct terminal *t)
{
    char *now = screen_of(t), *before = NULL;
    for (nsec end = clock_now() + PATIENCE; !before || strcmp(before, now);) {
        ck_assert_msg(clock_now() < end, "still moves:\n%s", now);
        free(before);
        before = now;
        usleep(700000);
        now = screen_of(t);
    }
    free(before);
    free(now);
}

static void type(const struct terminal *t, const char *keys)
{
    free(tmux(t, "send-keys %s", keys));
}

static size_t lines_in(const char *text)
{
    size_t lines = 1;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

START_TEST(keys_move_sort_filter_and_pause)
{
    struct terminal t;
    terminal_open(&t, "", "--exact never --color never --sort address --process test_watch_scre"); /* not tmux's own socket */
    static const char *const parts[] = {"30 listeners", "somaxconn", "address", "last minute", "a lower bound, as a burst within",
                                        "q quit"};
    for (size_t i = 0; i < COUNT(parts); i++)
        await_text(&t, parts[i]);
    await_text(&t, "\n 127.0.0.1:61001  tcp  test_watch_scre/");
    static const struct {
        const char *keys, *selected;
    } moves[] = {{"j", "61002"},    {"Down", "61003"}, {"k", "61002"}, {"Up", "61001"}, {"Up", "61001"},    {"End", "61030"},
                 {"Home", "61001"}, {"G", "61030"},    {"j", "61030"}, {"g", "61001"},  {"NPage", "61013"}, {"PPage", "61001"}};
    for (size_t i = 0; i < COUNT(moves); i++) {
        char heading[64];
        type(&t, moves[i].keys);
        snprintf(heading, sizeof heading, "\n 127.0.0.1:%s  tcp", moves[i].selected);
        await_text(&t, heading);
    }
    await_text(&t, "sort: as given");
    type(&t, "s");
    await_text(&t, "sort: address");
    type(&t, "r");
    await_text(&t, "sort: -address");
    type(&t, "g");
    await_text(&t, "\n 127.0.0.1:61030  tcp");
    type(&t, "s");
    await_text(&t, "sort: queue");
    type(&t, "/ 6 1 0 0 2");
    await_text(&t, "filter: 61002_");
    await_text(&t, "1 of 30 listeners");
    free(await_screen(&t, "61003", true));
    type(&t, "Enter");
    await_text(&t, "/ filter: 61002");
    type(&t, "Escape");
    await_text(&t, "  30 listeners");
    type(&t, "/ x Escape p");
    await_text(&t, "PAUSED");
    await_standstill(&t);
    type(&t, "Space");
    free(await_screen(&t, "PAUSED", true));
    type(&t, "?");
    await_text(&t, "any key goes back");
    type(&t, "x");
    await_text(&t, "q quit");
    type(&t, "q");
    char *screen = await_screen(&t, "status 0", false);
    ck_assert_msg(strstr(screen, "this was here before"), "%s", screen);
    ck_assert_ptr_null(strstr(screen, "q quit"));
    free(screen);
    terminal_close(&t);
}
END_TEST

START_TEST(it_follows_the_window)
{
    static const struct {
        int columns;
        size_t rows;
        const char *has;
    } sizes[] = {{100, 30, "oldest"}, {60, 15, "peak"}, {40, 8, "61001"}, {200, 60, "remarks"}, {80, 24, "drops/s"}};
    struct terminal t;
    terminal_open(&t, "", "--sort address");
    await_text(&t, "q quit");
    for (size_t i = 0; i < COUNT(sizes); i++) {
        free(tmux(&t, "resize-window -x %d -y %zu", sizes[i].columns, sizes[i].rows));
        char *screen = NULL;
        bool fits = false;
        for (nsec end = clock_now() + PATIENCE; !fits && clock_now() < end; usleep(20000)) {
            free(screen);
            screen = screen_of(&t);
            const char *keys = strstr(screen, "q quit"), *head = strstr(screen, "watch  ");
            fits = keys && head && lines_in(screen) == sizes[i].rows && !strchr(keys, '\n') && strstr(screen, sizes[i].has);
        }
        ck_assert_msg(fits, "%dx%zu:\n%s", sizes[i].columns, sizes[i].rows, screen);
        free(screen);
    }
    free(tmux(&t, "resize-window -x 30 -y 5"));
    await_text(&t, "too small: want 40x8");
    free(tmux(&t, "resize-window -x 80 -y 24"));
    await_text(&t, "q quit");
    type(&t, "q");
    await_text(&t, "status 0");
    terminal_close(&t);
}
END_TEST

/* However it ends, the terminal is as it was, and what there is to say is said. */
START_TEST(the_terminal_is_given_back)
{
    static const struct {
        const char *how, *status;
    } ends[] = {{"send-keys C-c", "status 130"}, {"-TERM", "status 143"}, {"-HUP", "status 129"}, {"send-keys q", "status 1"}};
    struct terminal t;
    terminal_open(&t, "", "--alert 'queue>=1'");
    await_text(&t, " ALERT ");
    await_text(&t, "q quit");
    if (ends[_i].how[0] == '-')
        free(shell("kill %s $(cat /proc/$(tmux -S %s/socket display -p '#{pane_pid}')/task/*/children)", ends[_i].how, t.folder));
    else
        free(tmux(&t, "%s", ends[_i].how));
    char *screen = await_screen(&t, ends[_i].status, false);
    ck_assert_msg(strstr(screen, "this was here before") && !strstr(screen, "q quit"), "%s", screen);
    free(screen);
    await_text(&t, "alert, 1 time, last at");
    type(&t, "visible"); /* the cursor, the echo */
    await_text(&t, "visible");
    terminal_close(&t);
}
END_TEST

START_TEST(a_dumb_terminal_gets_blocks)
{
    static const char *const before[] = {"TERM=dumb", "env -u TERM", "TERM=no-such-terminal"};
    struct terminal t;
    terminal_open(&t, before[_i], "-p 61001 --iterations 2");
    await_text(&t, "status 0");
    char *screen = await_screen(&t, "going on as with --batch", false); /* stderr is shown after the status */
    ck_assert_msg(strstr(screen, ": 1 listener, net.core.somaxconn"), "%s", screen);
    free(screen);
    terminal_close(&t);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("watch on a terminal");
    TCase *tcase = tcase_create("tmux");
    tcase_add_test(tcase, keys_move_sort_filter_and_pause);
    tcase_add_test(tcase, it_follows_the_window);
    tcase_add_loop_test(tcase, the_terminal_is_given_back, 0, 4);
    tcase_add_loop_test(tcase, a_dumb_terminal_gets_blocks, 0, 3);
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
