/* The parser, which knows only the table. */
#include "backlogctl/options.h"

#include "backlogctl/closest.h"

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
    if (!command->files)
        *letter++ = '-'; /* a word that is no option comes as the value of option 1; else all such words come last */
    *letter++ = ':';     /* a missing value is told apart from an unknown option */
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

/* A long option that begins several names, or none. */
static int explain_long(const struct table *table, const char *word, struct error *err)
{
    char names[256] = "", typed[NAME_SIZE], hint[CLOSEST_HINT_SIZE];
    size_t length = strcspn(word + 2, "="), matches = 0;
    struct closest closest = {.typed = typed};
    snprintf(typed, sizeof typed, "%.*s", (int)length, word + 2);
    for (size_t i = 0; i < table->count; i++) {
        closest_try(&closest, table->specs[i]->name);
        if (!strncmp(table->specs[i]->name, word + 2, length) && strlen(names) < sizeof names - 1)
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s--%s", matches++ ? ", " : "", table->specs[i]->name);
    }
    if (matches > 1)
        return error_set(err, EINVAL, "ambiguous option '%.*s': want one of %s", (int)length + 2, word, names);
    return error_set(err, EINVAL, "unknown option '%.*s'%s", (int)length + 2, word, closest_hint(&closest, "--", hint));
}

/* getopt says only that something is wrong: find out what. */
static int explain_rejection(const struct table *table, char **argv, struct error *err)
{
    size_t i = table_find(table, optopt);
    if (i < OPTIONS_MAX)
        return error_set(err, EINVAL, "--%s takes no value", table->specs[i]->name);
    if (optopt)
        return error_set(err, EINVAL, "unknown option '-%c'", optopt);
    return explain_long(table, argv[optind - 1], err); /* getopt has gone past it */
}

static int take(struct table *table, size_t i, const char *text, struct settings *settings, struct error *err)
{
    const struct option_spec *spec = table->specs[i];
    struct error why = {0};
    if (spec->take(spec, text, (char *)settings + spec->field, &why)) {
        int code = why.code == ENOMEM ? ENOMEM : EINVAL;
        if (text)
            return error_set(err, code, "--%s '%.80s': %s", spec->name, text, why.text);
        return error_set(err, code, "--%s: %s", spec->name, why.text);
    }
    if (!settings_given(settings, spec->name))
        settings->given[settings->given_count++] = spec->name;
    if (settings->said_count < OPTIONS_MAX) {
        settings->said[settings->said_count].name = spec->name;
        settings->said[settings->said_count++].text = text;
    }
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
    char most[64] = "everything is given by options";
    if (command->target || command->operand)
        snprintf(most, sizeof most, "one %s is enough", command->target ? "target" : command->operand);
    return error_set(err, EINVAL, "unexpected argument '%.80s': %s%s", word, most,
                     command->own_server ? ", and a server to be started comes after --" : "");
}

/* The one word that some commands take beside their options. */
static int take_operand(const struct command *command, const char *word, struct settings *settings, struct error *err)
{
    if ((!command->target && !command->operand) || settings->operand)
        return stray(command, word, err);
    settings->operand = word;
    return 0;
}

/* What follows the options: nothing, or after "--" a server to be started. */
static int take_words(const struct command *command, int argc, char **argv, bool dashes, struct settings *settings,
                      struct error *err)
{
    if (command->files) {
        settings->words = argv + optind;
        return optind < argc ? 0 : error_set(err, EINVAL, "nothing is given: want %s", command->files);
    }
    if (optind >= argc)
        return dashes && command->own_server ? error_set(err, EINVAL, "a command is missing after --")
                                             : check_start_options(command, settings, err);
    for (int i = optind; i < argc && !command->own_server; i++)
        if (take_operand(command, argv[i], settings, err))
            return -EINVAL;
    if (!command->own_server)
        return 0;
    settings->words = argv + optind;
    return check_server_options(command, settings, err);
}

int options_parse(const struct command *command, int argc, char **argv, struct settings *settings, struct error *err)
{
    struct table table;
    table_build(command, &table);
    opterr = 0;
    optind = 0;
    const char *words[2] = {NULL}; /* an error only if no --help follows */
    size_t word_count = 0;
    bool dashes = false;
    settings->line = argv;
    settings->line_count = argc;
    for (int before = 1;; before = optind) {
        int value = getopt_long(argc, argv, table.letters, table.longs, NULL);
        if (value == -1) {
            dashes = optind > before;
            break;
        }
        if (value == WORD) {
            words[word_count] = optarg;
            word_count += word_count < 1;
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
        settings->help_short = settings->help && value == 'h';
        if (settings->help || settings->version)
            return 0;
    }
    for (size_t i = 0; i < 2 && words[i]; i++)
        if (take_operand(command, words[i], settings, err))
            return -EINVAL;
    settings->typed_count = settings->given_count;
    int status = take_words(command, argc, argv, dashes, settings, err);
    return status || (command->target && settings->operand) ? status : check_exclusive(&table, settings, err);
}

int options_check(const struct command *command, const struct settings *settings, struct error *err)
{
    struct table table;
    table_build(command, &table);
    return check_exclusive(&table, settings, err);
}

static bool is_listed(const char *name, const char *list)
{
    size_t length = strlen(name);
    for (const char *at = strstr(list, name); at; at = strstr(at + 1, name))
        if ((at == list || at[-1] == ',') && (!at[length] || at[length] == ','))
            return true;
    return false;
}

size_t shell_quote(const char *word, char *out, size_t size)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.,:/=@%+";
    if (*word && !word[strspn(word, plain)])
        return (size_t)snprintf(out, size, "%s", word);
    size_t used = (size_t)snprintf(out, size, "'");
    for (; *word && used < size; word++)
        used += (size_t)snprintf(out + used, size - used, *word == '\'' ? "'\\''" : "%c", *word);
    return used + (used < size ? (size_t)snprintf(out + used, size - used, "'") : 0);
}

void options_line(const struct command *command, const struct settings *settings, const char *left_out, char *out, size_t size)
{
    struct table table;
    table_build(command, &table);
    size_t used = (size_t)snprintf(out, size, "backlogctl %s", command->name);
    optind = 0;
    for (int value; (value = getopt_long(settings->line_count, settings->line, table.letters, table.longs, NULL)) != -1;) {
        size_t i = table_find(&table, value);
        if (i == OPTIONS_MAX || is_listed(table.specs[i]->name, left_out) || used >= size)
            continue;
        used += (size_t)snprintf(out + used, size - used, " --%s", table.specs[i]->name);
        if (table.specs[i]->argument && used + 1 < size) {
            out[used++] = ' ';
            used += shell_quote(optarg, out + used, size - used);
        }
    }
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
