/* --html: a page that is whole or not there, of each command that has it. */
#include "suite.h"

#include "report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/backlogctl-html-XXXXXX";

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void remove_folder(void)
{
    free(shell("rm -r '%s'", folder));
}

static void assert_rows(const char *said, long least)
{
    long rows = 0;
    ck_assert_msg(sscanf(said, "a page with %ld rows", &rows) == 1, "%s", said);
    ck_assert_int_ge(rows, least);
}

static const struct {
    const char *words;
    long rows;
    bool json; /* compared with what the page says */
} pages[] = {
    {"run --backlog 1 --accept-delay 50ms --count 8 --timeout 200ms -e 'connected>=0'", 20, true},
    {"run --backlog 3 --accept-count 0 --count 3000 --timeout 0", 10, false},
    {"run --unix /tmp/html.sock --backlog 1 --accept-count 0 --count 4 --timeout 0", 10, true},
    {"run --reuseport 2 --count 8 --timeout 0 --summary", 5, false},
    {"sweep --backlog 0..8..4 --count 5,10 --repeat 2 --timeout 0 -e 'lost=0'", 6 + 12, false},
    {"sweep --backlog 1,2 --timeout 0 --json", 2, false},
    {"size --rate 2000 --accept-delay 1ms", 4, false}, /* an overload */
};

START_TEST(a_page_is_html_and_loads_nothing)
{
    make_folder();
    char *said = shell("(" BACKLOGCTL " %s --html p.html %s >out 2>err || test $? = 1) && python3 " SOURCE_DIR
                       "/tests/commands/html_page.py p.html %s",
                       pages[_i].words, pages[_i].json ? "--json" : "", pages[_i].json ? "out" : "");
    assert_rows(said, pages[_i].rows);
    free(said);
    said = shell("ls -A | tr '\\n' ' '");
    ck_assert_str_eq(said, "err out p.html "); /* and no temporary one */
    free(said);
    remove_folder();
}
END_TEST

START_TEST(a_size_is_a_page)
{
    make_folder();
    char *said = shell(BACKLOGCTL " size --burst 20 --every 1s --checks 2 -q --html p.html >out 2>err; test $? -le 3 && "
                                  "python3 " SOURCE_DIR "/tests/commands/html_page.py p.html && grep -c 'step 1, ' p.html");
    assert_rows(said, 10);
    free(said);
    remove_folder();
}
END_TEST

START_TEST(probe_writes_one_too)
{
    make_folder();
    struct process server = serve_start((const char *[]){"-p", "0", "-b", "1", "-a", "0", NULL}, NULL);
    char *said = shell("port=$(" BACKLOGCTL " list --pid %d --columns address | sed -n '2s/.*://p') && " BACKLOGCTL
                       " probe -p $port -n 5 -t 100ms --json --html p.html >out && python3 " SOURCE_DIR
                       "/tests/commands/html_page.py p.html out",
                       (int)server.pid);
    assert_rows(said, 6);
    free(said);
    free(serve_stop(&server));
    remove_folder();
}
END_TEST

/* What is there stays as it is when the page cannot be whole, and no part of one is left. */
START_TEST(it_is_whole_or_not_there)
{
    make_folder();
    char *said = shell("echo old >p.html; (ulimit -f 4; trap '' XFSZ; " BACKLOGCTL
                       " run -n 30 -t 0 -q --html p.html 2>err); echo $?; cat p.html; ls -A | tr '\\n' ' '");
    ck_assert_str_eq(said, "3\nold\nerr p.html ");
    free(said);
    said = shell("cat err");
    ck_assert_ptr_nonnull(strstr(said, "cannot write --html"));
    free(said);
    remove_folder();
}
END_TEST

START_TEST(only_regular_files_are_replaced)
{
    make_folder();
    free(shell("ln -s target p.html && mkdir d && mkfifo f && echo old >old && chmod 640 old"));
    static const char *const others[] = {"p.html", "d", "f"};
    for (size_t i = 0; i < COUNT(others); i++) {
        char *said = shell(BACKLOGCTL " run -n 1 -t 0 -q --html %s 2>&1; echo $?", others[i]);
        ck_assert_msg(strstr(said, "is there and no regular file") && strstr(said, "\n3"), "%s", said);
        free(said);
    }
    char *said = shell(BACKLOGCTL " run -n 1 -t 0 -q --html old && head -c 15 old && stat -c ' %%a' old");
    ck_assert_str_eq(said, "<!DOCTYPE html> 640");
    free(said);
    remove_folder();
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {a_size_is_a_page, probe_writes_one_too, it_is_whole_or_not_there,
                                  only_regular_files_are_replaced};
    Suite *suite = suite_create("html");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *rows = tcase_create("rows");
    tcase_add_loop_test(rows, a_page_is_html_and_loads_nothing, 0, COUNT(pages));
    suite_add_tcase(suite, rows);
    return suite;
}

SUITE_MAIN(make_suite)
