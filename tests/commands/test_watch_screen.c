/* The live view in a real terminal: tmux types the keys and shows what is on the screen. */
#include "suite.h"

#include "report.h"
#include "terminal.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_PORT 61001
#define LISTENERS 30

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

static void watch_open(struct terminal *t, const char *before, const char *options)
{
    char words[256];
    in_private_namespace();
    make_listeners();
    snprintf(words, sizeof words, "watch -i 200ms %s", options);
    terminal_open(t, before, words);
}

START_TEST(keys_move_sort_filter_and_pause)
{
    struct terminal t;
    watch_open(&t, "", "--exact never --color never --sort address --process test_watch_scre"); /* not tmux's own socket */
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
        terminal_type(&t, moves[i].keys);
        snprintf(heading, sizeof heading, "\n 127.0.0.1:%s  tcp", moves[i].selected);
        await_text(&t, heading);
    }
    await_text(&t, "sort: as given");
    terminal_type(&t, "s");
    await_text(&t, "sort: address");
    terminal_type(&t, "r");
    await_text(&t, "sort: -address");
    terminal_type(&t, "g");
    await_text(&t, "\n 127.0.0.1:61030  tcp");
    terminal_type(&t, "s");
    await_text(&t, "sort: queue");
    terminal_type(&t, "/ 6 1 0 0 2");
    await_text(&t, "filter: 61002_");
    await_text(&t, "1 of 30 listeners");
    free(await_screen(&t, "61003", true));
    terminal_type(&t, "Enter");
    await_text(&t, "/ filter: 61002");
    terminal_type(&t, "Escape");
    await_text(&t, "  30 listeners");
    terminal_type(&t, "/ x Escape p");
    await_text(&t, "PAUSED");
    await_standstill(&t);
    terminal_type(&t, "Space");
    free(await_screen(&t, "PAUSED", true));
    terminal_type(&t, "?");
    await_text(&t, "any key goes back");
    terminal_type(&t, "x");
    await_text(&t, "q quit");
    terminal_type(&t, "q");
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
    watch_open(&t, "", "--sort address");
    await_text(&t, "q quit");
    for (size_t i = 0; i < COUNT(sizes); i++) {
        terminal_resize(&t, sizes[i].columns, sizes[i].rows, "watch  ", "q quit", sizes[i].has);
    }
    free(terminal_tmux(&t, "resize-window -x 30 -y 5"));
    await_text(&t, "too small: want 40x8");
    free(terminal_tmux(&t, "resize-window -x 80 -y 24"));
    await_text(&t, "q quit");
    terminal_type(&t, "q");
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
    watch_open(&t, "", "--alert 'queue>=1'");
    await_text(&t, " ALERT ");
    await_text(&t, "q quit");
    if (ends[_i].how[0] == '-')
        terminal_signal(&t, ends[_i].how);
    else
        free(terminal_tmux(&t, "%s", ends[_i].how));
    char *screen = await_screen(&t, ends[_i].status, false);
    ck_assert_msg(strstr(screen, "this was here before") && !strstr(screen, "q quit"), "%s", screen);
    free(screen);
    await_text(&t, "alert, 1 time, last at");
    terminal_type(&t, "visible"); /* the cursor, the echo */
    await_text(&t, "visible");
    terminal_close(&t);
}
END_TEST

START_TEST(a_dumb_terminal_gets_blocks)
{
    static const char *const before[] = {"TERM=dumb", "env -u TERM", "TERM=no-such-terminal"};
    struct terminal t;
    watch_open(&t, before[_i], "-p 61001 --iterations 2");
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
