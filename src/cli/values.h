/* What can stand for the value of an option or for a target, for the completion of shells. */
#ifndef CLI_VALUES_H
#define CLI_VALUES_H

#include "backlogctl/target.h"

enum value_form {
    VALUE_ONE,
    VALUE_LIST,   /* several, with commas between */
    VALUE_ORDER,  /* the same, each with a '-' in front or not */
    VALUE_BEGINS, /* a value ends in '=', and more is to be typed behind it */
    VALUE_TARGET, /* one, or behind a prefix of target_form_at() a value of form_values() */
    VALUE_FILE,   /* a file's name, which a shell completes better than anybody */
};

struct value_kind {
    const char *name;
    enum value_form form;
    /* The words of one of our tables, the n-th, NULL behind the last; and */
    const char *(*word)(size_t n);
    /* what prints a value a line, in the language that sh and fish share: single quotes, pipes, semicolons. Its failure is silent.
       It may print what others chose, such as the name of a process: a shell must not evaluate it. */
    const char *command;
};

/* NULL: nobody can know, as with a number. */
const struct value_kind *option_values(const struct command *command, const struct option_spec *spec);

/* Those of the word beside the options; NULL: it takes none, or one of command->operand_at(). */
const struct value_kind *target_values(const struct command *command);

/* Those behind the prefix of a target. */
const struct value_kind *form_values(const struct target_form *form);

/* All kinds; NULL behind the last. */
const struct value_kind *value_kind_at(size_t n);

#endif
