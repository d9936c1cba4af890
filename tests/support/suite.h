/* What every test file shares: libcheck and its main(). */
#ifndef TESTS_SUITE_H
#define TESTS_SUITE_H

#include <check.h>
#include <stdlib.h>

/* Length of an array. */
#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Adds a test case made of the functions in `tests`, with `seconds` for each. */
static inline void suite_add(Suite *suite, const char *name, double seconds, const TTest *const *tests, size_t count)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, seconds);
    for (size_t i = 0; i < count; i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
}

/* Defines main(): runs the suite, says a line a failure, exits 1 if any. */
#define SUITE_MAIN(make_suite)                          \
    int main(void)                                      \
    {                                                   \
        SRunner *runner = srunner_create(make_suite()); \
        srunner_run_all(runner, CK_NORMAL);             \
        int failed = srunner_ntests_failed(runner);     \
        srunner_free(runner);                           \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;    \
    }

#endif
