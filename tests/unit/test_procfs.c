/* Files of /proc: their numbers, and what is none. */
#include "backlogctl/procfs.h"

#include "suite.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Opens anew each time, as a file of /proc; close the descriptor that it returns. */
static int make_file(const char *text, char path[32])
{
    int fd = memfd_create("procfs", MFD_CLOEXEC);
    ck_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    snprintf(path, 32, "/proc/self/fd/%d", fd);
    return fd;
}

static const struct {
    const char *text, *key;
    int64_t number;
} rows[] = {
    {"12\n", "", 12},
    {"12 0 9223372036854775807\n", "", 12},
    {"9223372036854775807\n", "", INT64_MAX},
    {"\n", "", -1},
    {"", "", -1},
    {"no number\n", "", -1},
    {"Name:\tTgid: 5\nTgid:\t77\n", "Tgid:", 77},
    {"Tgid:\t77\n", "gid:", -1},
    {"Tgid:\n", "Tgid:", -1},
    {"Tgid:\t77", "Tgid:", 77},
    {"MemFree: 1 kB\nMemAvailable:   2048 kB\n", "MemAvailable:", 2048},
};

START_TEST(numbers_are_found)
{
    char path[32];
    int fd = make_file(rows[_i].text, path);
    ck_assert_int_eq(procfs_number(path, rows[_i].key), rows[_i].number);
    close(fd);
    ck_assert_int_eq(procfs_number(path, rows[_i].key), -1);
}
END_TEST

START_TEST(what_is_too_long_is_cut)
{
    char path[32], text[4], one[1] = {'x'};
    int fd = make_file("12345\n", path);
    ck_assert_int_eq(procfs_read(path, text, sizeof text), 3);
    ck_assert_str_eq(text, "123");
    ck_assert_int_eq(procfs_read(path, one, sizeof one), 0);
    ck_assert_int_eq(one[0], '\0');
    close(fd);
    ck_assert_int_eq(procfs_read(path, text, sizeof text), -ENOENT);
    ck_assert_str_eq(text, "");
    ck_assert_int_eq(procfs_read("/proc/self", text, sizeof text), -EISDIR);
}
END_TEST

static Suite *make_suite(void)
{
    const TTest *const tests[] = {what_is_too_long_is_cut};
    Suite *suite = suite_create("procfs");
    suite_add(suite, "plain", tests, COUNT(tests));
    TCase *tcase = tcase_create("table rows");
    tcase_add_loop_test(tcase, numbers_are_found, 0, COUNT(rows));
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN(make_suite)
