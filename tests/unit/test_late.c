/* Libraries that are loaded when they are needed. */
#include "backlogctl/late.h"

#include "suite.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#ifdef LATE_IS_LINKED
START_TEST(all_are_linked)
{
    printf("skipped: this build links its libraries (BACKLOGCTL_LATE=OFF)\n");
}
END_TEST
#else

#define NAMES(X) X(floor) X(signgam)
LATE_DECLARE(mathematics, NAMES)
LATE_DEFINE(mathematics, "libm.so.6", NAMES)

START_TEST(functions_and_variables_are_found)
{
    struct error err = {0};
    ck_assert_ptr_null(mathematics.floor);
    ck_assert_msg(!mathematics_load(&err), "%s", err.text);
    ck_assert_double_eq(mathematics.floor(2.5), 2);
    ck_assert_ptr_nonnull(mathematics.signgam);
    ck_assert_int_eq(mathematics_load(&err), 0);
}
END_TEST

START_TEST(what_is_missing_is_named)
{
    struct error err = {0};
    static const char *const names[] = {"floor", "no_such_function"};
    void *places[2] = {0};
    struct late_library library = {"libno-such.so.7", names, places, 2};
    ck_assert_int_eq(late_load(&library, &err), -ELIBACC);
    ck_assert_msg(strstr(err.text, "cannot load what this takes: libno-such.so.7: "), "%s", err.text);
    err = (struct error){0};
    library.file = "libm.so.6";
    ck_assert_int_eq(late_load(&library, &err), -ELIBACC);
    ck_assert_str_eq(err.text, "libm.so.6 has no no_such_function: it is of another version");
    ck_assert_ptr_null(places[0]); /* or it would count as loaded */
}
END_TEST
#endif

static Suite *make_suite(void)
{
    Suite *suite = suite_create("late");
    TCase *tcase = tcase_create("libraries");
#ifdef LATE_IS_LINKED
    tcase_add_test(tcase, all_are_linked);
#else
    tcase_add_test(tcase, functions_and_variables_are_found);
    tcase_add_test(tcase, what_is_missing_is_named);
#endif
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN(make_suite)
