/* Every option stands in --help and in its man page, every word of the vocabulary in backlogctl(7), and mandoc is content. */
#include "suite.h"

#include "backlogctl/options.h"
#include "backlogctl/output.h"

#include <stdio.h>
#include <string.h>

static const struct command *const commands[] = {&command_serve, &command_probe, &command_run};

static char *read_page(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/man/%s", SOURCE_DIR, name);
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "no %s", path);
    char *text = calloc(1, 1 << 20);
    size_t size = fread(text, 1, (1 << 20) - 1, file);
    ck_assert_uint_gt(size, 0);
    fclose(file);
    return text;
}

static char *help_of(const struct command *command)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    options_help(command, out);
    fclose(out);
    return text;
}

/* "Fl X" as a word: followed by a blank, a comma or the end of the line. */
static bool page_has_flag(const char *page, const char *flag)
{
    char macro[64];
    snprintf(macro, sizeof macro, "Fl %s", flag);
    for (const char *at = strstr(page, macro); at; at = strstr(at + 1, macro))
        if (strchr(" \n", at[strlen(macro)]))
            return true;
    return false;
}

static void check_option(const struct command *command, const struct option_spec *spec, const char *help, const char *page)
{
    char word[64], letter[8];
    snprintf(word, sizeof word, "--%s%s%s", spec->name, spec->argument ? " " : "", spec->argument ? spec->argument : "");
    ck_assert_msg(strstr(help, word) != NULL, "%s --help lacks %s", command->name, word);
    snprintf(word, sizeof word, "-%s", spec->name);
    ck_assert_msg(page_has_flag(page, word), "the page of %s lacks -%s", command->name, word);
    if (!spec->letter)
        return;
    snprintf(letter, sizeof letter, "-%c, --", spec->letter);
    ck_assert_msg(strstr(help, letter) != NULL, "%s --help lacks -%c", command->name, spec->letter);
    snprintf(letter, sizeof letter, "%c", spec->letter);
    ck_assert_msg(page_has_flag(page, letter), "the page of %s lacks -%c", command->name, spec->letter);
}

START_TEST(every_option_is_in_help_and_page)
{
    const struct command *command = commands[_i];
    char name[64];
    snprintf(name, sizeof name, "backlogctl-%s.1", command->name);
    char *help = help_of(command), *page = read_page(name);
    for (size_t g = 0; command->groups[g]; g++)
        for (const struct option_spec *spec = command->groups[g]->options; spec->name; spec++)
            check_option(command, spec, help, page);
    free(help);
    free(page);
}
END_TEST

START_TEST(help_fits_eighty_columns)
{
    char *help = help_of(commands[_i]), *save = NULL;
    for (char *line = strtok_r(help, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        ck_assert_msg(strlen(line) < 80, "%s", line);
    free(help);
}
END_TEST

static void check_word(const char *page, const char *macro, const char *word)
{
    char item[96];
    snprintf(item, sizeof item, "%s %s\n", macro, word);
    ck_assert_msg(strstr(page, item) != NULL, "backlogctl(7) lacks '%s'", word);
}

START_TEST(every_word_is_explained)
{
    char *page = read_page("backlogctl.7");
    for (int v = 0; v < VERDICT_COUNT; v++)
        check_word(page, ".It Cm", verdict_name((enum verdict)v));
    for (int e = 0; e < EVIDENCE_COUNT; e++)
        check_word(page, ".It Cm", evidence_name((enum evidence)e));
    for (int r = 0; r < REASON_COUNT; r++)
        check_word(page, ".It Cm", reason_name((enum reason)r));
    for (int c = 0; c < COUNTER_COUNT; c++)
        ck_assert_msg(strstr(page, counter_name((enum counter)c)) != NULL, "backlogctl(7) lacks %s",
                      counter_name((enum counter)c));
    free(page);
}
END_TEST

START_TEST(every_exit_status_is_explained)
{
    char *page = read_page("backlogctl.1"), item[32];
    static const int statuses[] = {EXIT_DONE, EXIT_EXPECTATION, EXIT_USAGE, EXIT_CANNOT};
    for (size_t i = 0; i < COUNT(statuses); i++) {
        snprintf(item, sizeof item, ".It %d\n", statuses[i]);
        ck_assert_ptr_nonnull(strstr(page, item));
    }
    snprintf(item, sizeof item, ".It %d+n\n", EXIT_SIGNAL);
    ck_assert_ptr_nonnull(strstr(page, item));
    free(page);
}
END_TEST

START_TEST(mandoc_has_nothing_to_say)
{
    if (system("command -v mandoc >/dev/null")) {
        printf("skipped: mandoc is not installed\n");
        return;
    }
    ck_assert_int_eq(system("mandoc -T lint -W warning " SOURCE_DIR "/man/*.1 " SOURCE_DIR "/man/*.7"), 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("manual");
    TCase *tcase = tcase_create("pages");
    tcase_add_loop_test(tcase, every_option_is_in_help_and_page, 0, COUNT(commands));
    tcase_add_loop_test(tcase, help_fits_eighty_columns, 0, COUNT(commands));
    tcase_add_test(tcase, every_word_is_explained);
    tcase_add_test(tcase, every_exit_status_is_explained);
    tcase_add_test(tcase, mandoc_has_nothing_to_say);
    suite_add_tcase(suite, tcase);
    return suite;
}

SUITE_MAIN(make_suite)
