/* Mistyped words: how far from each other, and which one is meant. */
#include "suite.h"

#include "backlogctl/closest.h"

#include <limits.h>
#include <string.h>

#define X32 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct {
    const char *a, *b;
    unsigned distance;
} distances[] = {{"", "", 0},           {"", "abc", 3},         {"abc", "", 3},
                 {"probe", "probe", 0}, {"prob", "probe", 1},   {"porbe", "probe", 1},
                 {"prove", "probe", 1}, {"probbe", "probe", 1}, {"kitten", "sitting", 3},
                 {"ab", "ba", 1},       {"abcd", "badc", 2},    {"a-b", "a_b", 0},
                 {"PROBE", "probe", 0}, {"list", "serve", 5},   {"ca", "abc", 3},
                 {X32 X32, X32 X32, 0}, {X32, X32 "y", 1},      {X32 X32, X32, UINT_MAX}};

START_TEST(words_have_a_distance)
{
    ck_assert_uint_eq(edit_distance(distances[_i].a, distances[_i].b), distances[_i].distance);
    ck_assert_uint_eq(edit_distance(distances[_i].b, distances[_i].a), distances[_i].distance);
}
END_TEST

static const struct {
    const char *typed, *hint;
} typed[] = {
    {"prob", " (did you mean --probe?)"},
    {"lits", " (did you mean --list?)"},
    {"mesaure", " (did you mean --measure?)"},
    {"meassuure", " (did you mean --measure?)"},
    {"ls", ""},
    {"frobnicate", ""},
    {"", ""},
    {"x", ""},
    {X32 X32 X32, ""},
};

START_TEST(the_nearest_is_named)
{
    static const char *const words[] = {"probe", "list", "measure", "serve"};
    struct closest closest = {.typed = typed[_i].typed};
    char hint[CLOSEST_HINT_SIZE];
    for (size_t i = 0; i < COUNT(words); i++)
        closest_try(&closest, words[i]);
    ck_assert_str_eq(closest_hint(&closest, "--", hint), typed[_i].hint);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("closest");
    TCase *tcase = tcase_create("words");
    tcase_add_loop_test(tcase, words_have_a_distance, 0, COUNT(distances));
    tcase_add_loop_test(tcase, the_nearest_is_named, 0, COUNT(typed));
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN(make_suite)
