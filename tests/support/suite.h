/* What every test file shares: libcheck and its main(), and for how long anything may take. */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include "place.h"

#include "backlogctl/clock.h"

#include <check.h>
#include <stdlib.h>

/* How long a test waits for what surely comes: a busy machine only makes it slower. As an option of the program's it is a
   little less, so that the program can still tell what did not come. */
#define PATIENCE (300 * NSEC_PER_SEC)
#define PATIENCE_TEXT "240s"

/* After so many seconds libcheck ends a test that hangs: several such waits. ctest's own limit, for all tests of a file, is in
   CMakeLists.txt. */
#define TEST_SECONDS "1800"

/* What a failed test may say, such as all that a program printed; where that were longer, libcheck would say nothing of it. */
#define MESSAGE_SIZE (1 << 16)

/* libcheck's own writes its place into a file whenever it holds, of which there are millions here. */
#undef ck_assert_msg
#define ck_assert_msg(expr, ...) \
    ((expr) ? (void)0 : _ck_assert_failed(__FILE__, __LINE__, "Assertion '" #expr "' failed", ##__VA_ARGS__))

/* Length of an array. */
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Adds a test case made of the functions in `tests`. */
static inline void suite_add(Suite *suite, const char *name, const TTest *const *tests, size_t count)
{
    TCase *tcase = tcase_create(name);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
}

/* Runs the suite, says a line a failure. EXIT_FAILURE if any failed. */
static inline int suite_run(Suite *(*make_suite)(void))
{
    setenv("CK_DEFAULT_TIMEOUT", TEST_SECONDS, 0);
    check_set_max_msg_size(MESSAGE_SIZE);
    SRunner *runner = srunner_create(make_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Defines main(). */
#define SUITE_MAIN(make_suite)        \
    int main(void)                    \
    {                                 \
        return suite_run(make_suite); \
    }

/* The same for tests each of which takes a private namespace: where that is forbidden they are skipped, all together. */
#define SUITE_MAIN_IN_NAMESPACES(make_suite)                                       \
    int main(void)                                                                 \
    {                                                                              \
        return place_allows(forbids_namespaces) ? suite_run(make_suite) : SKIPPED; \
    }

#endif
