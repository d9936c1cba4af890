/* The live view of trace in a real terminal. */
#include "suite.h"

#include "report.h"
#include "terminal.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_PORT 62001
#define LISTENERS 12
#define COUNTED "--color never --netns /proc/self/ns/net"

/* Listens on ports from FIRST_PORT on, with a queue for two. */
static void make_listeners(int fds[LISTENERS])
{
    for (int i = 0; i < LISTENERS; i++) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)(FIRST_PORT + i)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert(fds[i] >= 0 && !bind(fds[i], (struct sockaddr *)&address, sizeof address) && !listen(fds[i], 1));
    }
}

/* More than the queue holds: one SYN at least is dropped. */
static void overflow(int i)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)(FIRST_PORT + i)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int n = 0; n < 3; n++) {
        int client = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        ck_assert(client >= 0 && (!connect(client, (struct sockaddr *)&address, sizeof address) || errno == EINPROGRESS));
    }
}

static void trace_open(struct terminal *t, const char *before, const char *options, int fds[LISTENERS])
{
    char words[256];
    in_private_namespace();
    need_trace();
    make_listeners(fds);
    snprintf(words, sizeof words, "trace -i 200ms %s", options);
    terminal_open(t, before, words);
}

START_TEST(keys_move_sort_filter_and_pause)
{
    struct terminal t;
    int fds[LISTENERS];
    trace_open(&t, "", COUNTED, fds);
    static const char *const parts[] = {"12 listeners", "somaxconn", "address", "syn-lost", "in the last interval:", "q quit"};
    for (size_t i = 0; i < COUNT(parts); i++)
        await_text(&t, parts[i]);
    overflow(4);
    terminal_type(&t, "t"); /* the busiest stands first and is selected */
    await_text(&t, "t last");
    await_text(&t, "\n! 127.0.0.1:62005");
    await_text(&t, "\n 127.0.0.1:62005  test_trace_scre/");
    await_text(&t, "queue: 2 at the most (it holds 2)");
    close(accept4(fds[4], NULL, NULL, SOCK_CLOEXEC));
    await_text(&t, " 1 accepted");
    terminal_type(&t, "s");
    await_text(&t, "sort: address");
    terminal_type(&t, "g j j");
    await_text(&t, "\n 127.0.0.1:62003  test");
    terminal_type(&t, "/ 6 2 0 1");
    await_text(&t, "filter: 6201_");
    await_text(&t, "3 of 12 listeners");
    terminal_type(&t, "Escape");
    await_text(&t, "  12 listeners");
    terminal_type(&t, "p");
    await_text(&t, "PAUSED");
    await_standstill(&t);
    terminal_type(&t, "Space");
    free(await_screen(&t, "PAUSED", true));
    terminal_type(&t, "?");
    await_text(&t, "any key goes back");
    terminal_type(&t, "x t");
    await_text(&t, "t all");
    terminal_type(&t, "q");
    char *screen = await_screen(&t, "status 0", false);
    ck_assert_msg(strstr(screen, "these figures rest on: length: ") && !strstr(screen, "q quit"), "%s", screen);
    free(screen);
    screen = terminal_tmux(&t, "capture-pane -p -J -S -1000");
    ck_assert_msg(strstr(screen, "this was here before") && strstr(screen, "Traced for ") &&
                      strstr(screen, "127.0.0.1:62005 (test_trace_scre/") && strstr(screen, "Nothing came to 11 listeners."),
                  "%s", screen);
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
    } sizes[] = {{100, 30, "p99<"}, {60, 15, "ack-lost"}, {40, 8, "peak"}, {200, 60, "process"}, {80, 24, "entered"}};
    struct terminal t;
    int fds[LISTENERS];
    trace_open(&t, "", COUNTED, fds);
    await_text(&t, "q quit");
    for (size_t i = 0; i < COUNT(sizes); i++)
        terminal_resize(&t, sizes[i].columns, sizes[i].rows, "trace  ", "q quit", sizes[i].has);
    terminal_type(&t, "q");
    await_text(&t, "status 0");
    terminal_close(&t);
}
END_TEST

/* However it ends, the terminal is as it was, and the summary is there. */
START_TEST(the_terminal_is_given_back)
{
    static const struct {
        const char *how, *status;
    } ends[] = {{"", "status 0"}, {"C-c", "status 130"}, {"-TERM", "status 143"}, {"-HUP", "status 129"}};
    struct terminal t;
    int fds[LISTENERS];
    trace_open(&t, "", *ends[_i].how ? COUNTED : COUNTED " --duration 1s", fds);
    if (*ends[_i].how)
        await_text(&t, "q quit");
    if (ends[_i].how[0] == '-')
        terminal_signal(&t, ends[_i].how);
    else if (*ends[_i].how)
        terminal_type(&t, ends[_i].how);
    char *screen = await_screen(&t, ends[_i].status, false);
    ck_assert_msg(strstr(screen, "Nothing came to 12 listeners.") && !strstr(screen, "q quit"), "%s", screen);
    free(screen);
    terminal_type(&t, "visible"); /* the cursor, the echo */
    await_text(&t, "visible");
    terminal_close(&t);
}
END_TEST

/* Who closes the window, or loses the way to it, has the page all the same. */
START_TEST(the_page_is_whole_without_a_terminal)
{
    struct terminal t;
    int fds[LISTENERS];
    char options[128], path[64];
    snprintf(path, sizeof path, "/tmp/backlogctl-trace-%d.html", (int)getpid());
    snprintf(options, sizeof options, COUNTED " --html %s", path);
    trace_open(&t, "", options, fds);
    await_text(&t, "q quit");
    overflow(4);
    await_text(&t, "since the beginning: 2 entered");
    terminal_close(&t);
    await("[ -s %s ]", path);
    char *said = shell("tail -n 1 %s; grep -o 'Something happened at 1 of 12 listeners' %s; rm %s", path, path, path);
    ck_assert_str_eq(said, "</html>\nSomething happened at 1 of 12 listeners");
    free(said);
}
END_TEST

/* Blocks where there is no screen to be, or none is wanted. */
START_TEST(others_get_blocks)
{
    static const struct {
        const char *before, *options, *has;
    } rows[] = {{"TERM=dumb", "", "going on as with --batch"},
                {"", "--batch", "something happened at 0 of 12 listeners"},
                {"", "--events", "something happened at 0 of 12 listeners"},
                {"", "--json", "\"rests_on\":"}};
    struct terminal t;
    int fds[LISTENERS];
    char options[128];
    snprintf(options, sizeof options, COUNTED " --duration 300ms %s", rows[_i].options);
    trace_open(&t, rows[_i].before, options, fds);
    await_text(&t, "status 0");
    await_text(&t, rows[_i].has); /* stderr is shown after the status */
    terminal_close(&t);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("trace on a terminal");
    TCase *tcase = tcase_create("tmux");
    tcase_add_test(tcase, keys_move_sort_filter_and_pause);
    tcase_add_test(tcase, it_follows_the_window);
    tcase_add_test(tcase, the_page_is_whole_without_a_terminal);
    tcase_add_loop_test(tcase, the_terminal_is_given_back, 0, 4);
    tcase_add_loop_test(tcase, others_get_blocks, 0, 4);
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN_IN_NAMESPACES(make_suite)
