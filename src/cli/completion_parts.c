/* The lines of the completion scripts that follow from the tables. */
#include "completion.h"
#include "values.h"

#include <string.h>

typedef void print_option(FILE *out, const struct command *command, const struct option_spec *spec);

static void each_option(FILE *out, const struct command *command, print_option *print)
{
    for (size_t g = 0; command->groups[g]; g++)
        for (const struct option_spec *spec = command->groups[g]->options; spec->name; spec++)
            if (!option_is_hidden(command, spec))
                print(out, command, spec);
}

/* A clause of a case or a switch for each kind of value, which prints what can stand there: what comes before the name of the
   kind, behind it, and at the end. */
static void print_clauses(FILE *out, const char *begin, const char *behind, const char *end)
{
    const struct value_kind *kind;
    for (size_t k = 0; (kind = value_kind_at(k)); k++) {
        if (kind->form == VALUE_FILE)
            continue;
        fprintf(out, "    %s%s%s\n", begin, kind->name, behind);
        for (size_t n = 0; kind->word && kind->word(n); n++)
            fprintf(out, "%s%s", n ? " " : "        printf '%s\\n' ", kind->word(n));
        fprintf(out, "%s", kind->word ? "\n" : "");
        if (kind->command)
            fprintf(out, "        %s\n", kind->command);
        fputs(end, out);
    }
}

/* The help in one clause, without what would end a quotation in single quotes or a description in brackets. */
static void print_brief(FILE *out, const char *help)
{
    static const char *const ends[] = {";", " (", ": ", ", such as"};
    size_t length = strlen(help);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        const char *end = strstr(help, ends[i]);
        if (end && (size_t)(end - help) < length)
            length = (size_t)(end - help);
    }
    for (size_t i = 0; i < length; i++)
        if (!strchr("'[]\\", help[i]))
            fputc(help[i], out);
}

static const char *form_name(const struct value_kind *kind)
{
    static const char *const names[] = {[VALUE_ONE] = "one",       [VALUE_LIST] = "list",     [VALUE_ORDER] = "order",
                                        [VALUE_BEGINS] = "begins", [VALUE_TARGET] = "target", [VALUE_FILE] = "file"};
    return names[kind->form];
}

/* A clause for each prefix that a kind of target can have: what comes before "KIND:PREFIX", between that and the kind of what
   comes behind the prefix, and at the end. */
static void print_forms(FILE *out, const char *begin, const char *between, const char *end)
{
    const struct value_kind *kind;
    const struct target_form *form;
    for (size_t k = 0; (kind = value_kind_at(k)); k++)
        for (size_t f = 0; kind->form == VALUE_TARGET && (form = target_form_at(f)); f++)
            for (size_t n = 0; kind->word(n); n++)
                if (!strcmp(kind->word(n), form->prefix))
                    fprintf(out, "%s%s:%s%s%s%s", begin, kind->name, form->prefix, between, form_values(form)->name, end);
}

/* ---- bash ---- */

static void bash_option(FILE *out, const struct command *command, const struct option_spec *spec)
{
    (void)command;
    fprintf(out, " --%s", spec->name);
    if (spec->letter)
        fprintf(out, " -%c", spec->letter);
}

static void bash_words(FILE *out)
{
    const struct command *command;
    fputs("    '') echo '", out);
    for (size_t c = 0; (command = command_at(c)); c++)
        fprintf(out, "%s ", command->name);
    fputs("help version --help --version' ;;\n    help) echo '", out);
    for (size_t c = 0; (command = command_at(c)); c++)
        fprintf(out, " %s", command->name);
    fputs("' ;;\n    version) echo --json ;;\n", out);
    for (size_t c = 0; (command = command_at(c)); c++) {
        fprintf(out, "    %s) echo '", command->name);
        for (size_t n = 0; command->operand && command->operand_at(n); n++)
            fprintf(out, " %s", command->operand_at(n));
        each_option(out, command, bash_option);
        fprintf(out, "%s' ;;\n", command->own_server ? " --" : "");
    }
}

static void bash_kind(FILE *out, const struct command *command, const struct option_spec *spec)
{
    if (!spec->argument)
        return;
    const struct value_kind *kind = option_values(command, spec);
    fprintf(out, "    %s:--%s", command->name, spec->name);
    if (spec->letter)
        fprintf(out, " | %s:-%c", command->name, spec->letter);
    if (kind)
        fprintf(out, ") kind=%s form=%s ;;\n", kind->name, form_name(kind));
    else
        fputs(") ;;\n", out);
}

static void bash_kinds(FILE *out)
{
    const struct command *command;
    for (size_t c = 0; (command = command_at(c)); c++) {
        each_option(out, command, bash_kind);
        const struct value_kind *kind = target_values(command);
        if (kind)
            fprintf(out, "    %s:) kind=%s form=%s ;;\n", command->name, kind->name, form_name(kind));
    }
}

/* Of zsh, too. */
static void bash_forms(FILE *out)
{
    print_forms(out, "    ", "*) kind=", " ;;\n");
}

/* Of zsh, too. */
static void bash_starters(FILE *out)
{
    for (size_t c = 0; command_at(c); c++)
        if (command_at(c)->own_server)
            fprintf(out, "    %s) ;;\n", command_at(c)->name);
}

static void bash_values(FILE *out)
{
    print_clauses(out, "", ")", "        ;;\n");
}

const struct completion_part completion_bash[] = {
    {"words", bash_words},       {"kinds", bash_kinds},   {"forms", bash_forms},
    {"starters", bash_starters}, {"values", bash_values}, {0},
};

/* ---- zsh ---- */

static void zsh_commands(FILE *out)
{
    for (size_t c = 0; command_at(c); c++) {
        fprintf(out, "        '%s:", command_at(c)->name);
        print_brief(out, command_at(c)->summary);
        fputs("'\n", out);
    }
}

/* A spec of _arguments; given once, an option is not offered again unless it is of those that add up. */
static void zsh_spec(FILE *out, const struct option_spec *spec, const char *dashes, const char *name, const char *value,
                     const struct value_kind *kind)
{
    fputs("        '", out);
    if (kind && kind->form != VALUE_ONE && kind->form != VALUE_FILE)
        fputc('*', out);
    else if (spec->letter)
        fprintf(out, "(-%c --%s)", spec->letter, spec->name);
    fprintf(out, "%s%s%s[", dashes, name, spec->argument ? value : "");
    print_brief(out, spec->help);
    fputc(']', out);
    if (spec->argument && kind && kind->form == VALUE_FILE)
        fprintf(out, ":%s:_files", spec->argument);
    else if (spec->argument && kind)
        fprintf(out, ":%s:_backlogctl_value %s %s", spec->argument, kind->name, form_name(kind));
    else if (spec->argument)
        fprintf(out, ":%s: ", spec->argument);
    fputs("'\n", out);
}

static void zsh_option(FILE *out, const struct command *command, const struct option_spec *spec)
{
    const char letter[2] = {spec->letter, '\0'};
    const struct value_kind *kind = spec->argument ? option_values(command, spec) : NULL;
    if (spec->letter)
        zsh_spec(out, spec, "-", letter, "+", kind);
    zsh_spec(out, spec, "--", spec->name, "=", kind);
}

static void zsh_options(FILE *out)
{
    const struct command *command;
    for (size_t c = 0; (command = command_at(c)); c++) {
        fprintf(out, "    %s) options=(\n", command->name);
        each_option(out, command, zsh_option);
        if (command->operand) {
            fprintf(out, "        ':%s:(", command->operand);
            for (size_t n = 0; command->operand_at(n); n++)
                fprintf(out, "%s%s", n ? " " : "", command->operand_at(n));
            fputs(")'\n", out);
        }
        const struct value_kind *kind = target_values(command);
        if (command->files)
            fputs("        '*:FILE:_files'\n", out);
        else if (kind)
            fprintf(out, "        ':TARGET:_backlogctl_value %s %s'\n", kind->name, form_name(kind));
        fputs("    ) ;;\n", out);
    }
}

const struct completion_part completion_zsh[] = {
    {"commands", zsh_commands}, {"forms", bash_forms},   {"starters", bash_starters},
    {"options", zsh_options},   {"values", bash_values}, {0},
};

/* ---- fish ---- */

static void fish_values(FILE *out)
{
    print_clauses(out, "case ", "", "");
}

static void fish_forms(FILE *out)
{
    print_forms(out, "    case '", "*'\n        echo ", "\n");
}

static void fish_word_that_takes(FILE *out, const struct command *command, const struct option_spec *spec)
{
    if (!spec->argument)
        return;
    fprintf(out, " %s:--%s", command->name, spec->name);
    if (spec->letter)
        fprintf(out, " %s:-%c", command->name, spec->letter);
}

static void fish_takers(FILE *out)
{
    for (size_t c = 0; command_at(c); c++) {
        if (!command_at(c)->target)
            continue;
        fputs("    case", out);
        each_option(out, command_at(c), fish_word_that_takes);
        fputs("\n        return 0\n", out);
    }
}

static void fish_option(FILE *out, const struct command *command, const struct option_spec *spec)
{
    fprintf(out, "complete -c backlogctl -n '__backlogctl_is %s' -l %s", command->name, spec->name);
    if (spec->letter)
        fprintf(out, " -s %c", spec->letter);
    const struct value_kind *kind = spec->argument ? option_values(command, spec) : NULL;
    if (kind && kind->form == VALUE_FILE)
        fputs(" -r -F", out);
    else if (spec->argument)
        fputs(" -x", out);
    if (kind && (kind->form == VALUE_LIST || kind->form == VALUE_ORDER))
        fprintf(out, " -a '(__backlogctl_list %s %s)'", kind->name, form_name(kind));
    else if (kind && kind->form != VALUE_FILE)
        fprintf(out, " -a '(__backlogctl_values %s)'", kind->name);
    fputs(" -d '", out);
    print_brief(out, spec->help);
    fputs("'\n", out);
}

static void fish_options(FILE *out)
{
    const struct command *command;
    for (size_t c = 0; (command = command_at(c)); c++) {
        fprintf(out, "complete -c backlogctl -n '__backlogctl_is; or __backlogctl_is help' -a %s -d '", command->name);
        print_brief(out, command->summary);
        fputs("'\n", out);
    }
    for (size_t c = 0; (command = command_at(c)); c++) {
        each_option(out, command, fish_option);
        for (size_t n = 0; command->operand && command->operand_at(n); n++)
            fprintf(out, "complete -c backlogctl -n '__backlogctl_is %s' -a %s\n", command->name, command->operand_at(n));
        const struct value_kind *kind = target_values(command);
        if (command->files)
            fprintf(out, "complete -c backlogctl -n '__backlogctl_is %s' -F\n", command->name);
        else if (kind)
            fprintf(out, "complete -c backlogctl -n '__backlogctl_lacks_target %s' -a '(__backlogctl_target %s)'\n",
                    command->name, kind->name);
        if (command->own_server)
            fprintf(out, "complete -c backlogctl -n '__backlogctl_started %s' -a '(__backlogctl_command)'\n", command->name);
    }
}

const struct completion_part completion_fish[] = {
    {"options", fish_options}, {"values", fish_values}, {"forms", fish_forms}, {"takers", fish_takers}, {0},
};
