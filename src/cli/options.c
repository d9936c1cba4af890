/* The parser and the help text; both know only the table. */
#include "backlogctl/options.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#define NAME_SIZE 64
#define WORD 1
#define LONG_VALUE 256 /* getopt's value of the i-th option is LONG_VALUE + i, so that letters stay apart */

/* A command's options in one row, for getopt_long and for looking up what it found. */
struct table {
    const struct option_spec *specs[OPTIONS_MAX];
    size_t count;
    struct option longs[OPTIONS_MAX + 1];
    char letters[3 + 2 * OPTIONS_MAX];
};

bool option_is_hidden(const struct command *command, const struct option_spec *spec)
{
    for (size_t g = 0; command->groups[g]; g++)
        for (const struct option_spec *other = command->groups[g]->options; other->name; other++) {
            if (other == spec)
                return false;
            if (!strcmp(other->name, spec->name))
                return true;
        }
    return false;
}

static void table_build(const struct command *command, struct table *table)
{
    memset(table, 0, sizeof *table);
    char *letter = table->letters;
    *letter++ = '-'; /* a word that is no option comes as the value of option 1 */
    *letter++ = ':'; /* a missing value is told apart from an unknown option */
    for (size_t g = 0; command->groups[g]; g++)
        for (const struct option_spec *spec = command->groups[g]->options; spec->name; spec++) {
            if (option_is_hidden(command, spec))
                continue;
            size_t i = table->count++;
            table->specs[i] = spec;
            table->longs[i] = (struct option){.name = spec->name,
                                              .has_arg = spec->argument ? required_argument : no_argument,
                                              .val = LONG_VALUE + (int)i};
            if (spec->letter) {
                *letter++ = spec->letter;
                if (spec->argument)
                    *letter++ = ':';
            }
        }
}

static size_t table_find(const struct table *table, int value)
{
    for (size_t i = 0; i < table->count; i++)
        if (value == LONG_VALUE + (int)i || (value && value == table->specs[i]->letter))
            return i;
    return OPTIONS_MAX;
}

/* getopt says only that something is wrong: find out what. */
static int explain_rejection(const struct table *table, char **argv, struct error *err)
{
    size_t i = table_find(table, optopt);
    if (i < OPTIONS_MAX)
        return error_set(err, EINVAL, "--%s takes no value", table->specs[i]->name);
    if (optopt)
        return error_set(err, EINVAL, "unknown option '-%c'", optopt);
    const char *word = argv[optind - 1]; /* a long option, and getopt has gone past it */
    size_t length = strcspn(word + 2, "="), matches = 0;
    for (i = 0; i < table->count; i++)
        matches += !strncmp(table->specs[i]->name, word + 2, length);
    return error_set(err, EINVAL, "%s option '%.*s'", matches > 1 ? "ambiguous" : "unknown", (int)length + 2, word);
}

static int take(struct table *table, size_t i, const char *text, struct settings *settings, struct error *err)
{
    const struct option_spec *spec = table->specs[i];
    struct error why = {0};
    if (spec->take(spec, text, (char *)settings + spec->field, &why)) {
        if (text)
            return error_set(err, EINVAL, "--%s '%.80s': %s", spec->name, text, why.text);
        return error_set(err, EINVAL, "--%s: %s", spec->name, why.text);
    }
    if (!settings_given(settings, spec->name))
        settings->given[settings->given_count++] = spec->name;
    return 0;
}

bool settings_given(const struct settings *settings, const char *name)
{
    for (size_t i = 0; i < settings->given_count; i++)
        if (!strcmp(settings->given[i], name))
            return true;
    return false;
}

static int check_needs(const struct table *table, const struct settings *settings, struct error *err)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct option_spec *spec = table->specs[i];
        if (spec->needs && settings_given(settings, spec->name) && !settings_given(settings, spec->needs))
            return error_set(err, EINVAL, "--%s goes with --%s only: give both", spec->name, spec->needs);
    }
    return 0;
}

static int check_exclusive(const struct table *table, const struct settings *settings, struct error *err)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct option_spec *spec = table->specs[i];
        const char *p = settings_given(settings, spec->name) ? spec->excludes : NULL;
        for (; p; p = *p == ',' ? p + 1 : NULL) {
            char name[NAME_SIZE];
            size_t length = strcspn(p, ",");
            snprintf(name, sizeof name, "%.*s", (int)length, p);
            if (settings_given(settings, name))
                return error_set(err, EINVAL, "--%s and --%s exclude each other: give one of them", spec->name, name);
            p += length;
        }
    }
    return check_needs(table, settings, err);
}

/* Beside a server that is started, what describes one of our own means nothing; but it has a backlog, too. */
static int check_server_options(const struct command *command, const struct settings *settings, struct error *err)
{
    for (const struct option_spec *spec = command->own_server->options; spec->name; spec++)
        if (strcmp(spec->name, "backlog") && settings_given(settings, spec->name))
            return error_set(err, EINVAL, "--%s is for a server of our own: leave it out beside -- COMMAND", spec->name);
    return 0;
}

/* The other way round. */
static int check_start_options(const struct command *command, const struct settings *settings, struct error *err)
{
    for (const struct option_spec *spec = options_start.options; spec->name && command->own_server; spec++)
        if (settings_given(settings, spec->name))
            return error_set(err, EINVAL, "--%s goes with -- COMMAND only: give both", spec->name);
    return 0;
}

static int stray(const struct command *command, const char *word, struct error *err)
{
    return error_set(err, EINVAL, "unexpected argument '%.80s': everything is given by options%s", word,
                     command->own_server ? ", and a server to be started comes after --" : "");
}

/* What follows the options: nothing, or after "--" a server to be started. */
static int take_words(const struct command *command, int argc, char **argv, bool dashes, struct settings *settings,
                      struct error *err)
{
    if (optind >= argc)
        return dashes && command->own_server ? error_set(err, EINVAL, "a command is missing after --")
                                             : check_start_options(command, settings, err);
    if (!command->own_server)
        return stray(command, argv[optind], err);
    settings->words = argv + optind;
    return check_server_options(command, settings, err);
}

int options_parse(const struct command *command, int argc, char **argv, struct settings *settings, struct error *err)
{
    struct table table;
    table_build(command, &table);
    opterr = 0;
    optind = 0;
    const char *word = NULL;
    bool dashes = false;
    for (int before = 1;; before = optind) {
        int value = getopt_long(argc, argv, table.letters, table.longs, NULL);
        if (value == -1) {
            dashes = optind > before;
            break;
        }
        if (value == WORD) {
            word = word ? word : optarg;
            continue;
        }
        if (value == '?')
            return explain_rejection(&table, argv, err);
        size_t i = table_find(&table, value == ':' ? optopt : value);
        if (value == ':')
            return error_set(err, EINVAL, "--%s needs a value: %s", table.specs[i]->name, table.specs[i]->argument);
        int status = take(&table, i, table.specs[i]->argument ? optarg : NULL, settings, err);
        if (status)
            return status;
        if (settings->help || settings->version)
            return 0;
    }
    if (word)
        return stray(command, word, err);
    int status = take_words(command, argc, argv, dashes, settings, err);
    return status ? status : check_exclusive(&table, settings, err);
}

int options_set(const struct command *command, const char *name, const char *text, struct settings *settings, struct error *err)
{
    struct table table;
    table_build(command, &table);
    for (size_t i = 0; i < table.count; i++)
        if (!strcmp(table.specs[i]->name, name))
            return take(&table, i, text, settings, err);
    return error_set(err, EINVAL, "unknown option '--%s'", name);
}

/* ---- Help ---- */

#define HELP_INDENT 28
#define HELP_WIDTH 79

/* Words folded to the right of the option column. */
static void print_folded(FILE *out, const char *text)
{
    int column = HELP_INDENT;
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > HELP_INDENT && column + 1 + length > HELP_WIDTH) {
            fprintf(out, "\n%*s", HELP_INDENT, "");
            column = HELP_INDENT;
        }
        column += fprintf(out, "%s%.*s", column > HELP_INDENT ? " " : "", length, text);
        text += length;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void print_option(FILE *out, const struct option_spec *spec)
{
    int used = spec->letter ? fprintf(out, "  -%c, --%s", spec->letter, spec->name) : fprintf(out, "      --%s", spec->name);
    if (spec->argument)
        used += fprintf(out, " %s", spec->argument);
    if (used + 2 > HELP_INDENT)
        fprintf(out, "\n%*s", HELP_INDENT, "");
    else
        fprintf(out, "%*s", HELP_INDENT - used, "");
    print_folded(out, spec->help);
}

void options_help(const struct command *command, FILE *out)
{
    fprintf(out, "Usage: backlogctl %s [OPTION]...%s\n%s.\n", command->name, command->own_server ? " [-- COMMAND [ARG]...]" : "",
            command->summary);
    for (size_t g = 0; command->groups[g]; g++) {
        fprintf(out, "\n%s:\n", command->groups[g]->title);
        for (const struct option_spec *spec = command->groups[g]->options; spec->name; spec++)
            if (!option_is_hidden(command, spec))
                print_option(out, spec);
    }
    fprintf(out,
            "\nDurations carry a unit (250ms, 2s, 1m); counts accept k (10k).\n"
            "Exit status: 0 done and every expectation held, 1 an expectation did not hold,\n"
            "4 none failed and one cannot be decided, 2 usage, 3 could not do the job,\n"
            "128+n ended by signal n.\n"
            "See backlogctl-%s(1).\n",
            command->name);
}
