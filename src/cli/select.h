/* The listeners that a command's options select: what list, resize and measure start from. */
#ifndef CLI_SELECT_H
#define CLI_SELECT_H

#include "backlogctl/closest.h"
#include "backlogctl/options.h"
#include "backlogctl/selection.h"

/* As selection_take, of what the options say; `exact` as in its plan. */
int select_listeners(struct survey *survey, const struct settings *settings, struct exact_traces *exact, struct error *err);

/* Tries the names of all who hold a listener of the survey: their processes' and their units'. */
void select_closest(struct closest *closest, const struct survey *survey);

/* Where a survey found nobody: says what it was that nobody fits, and whose name is near, unless nothing was chosen, or all that is
   asked is how many there are. */
void select_say_none(const struct command *command, const struct settings *settings, const struct expectations *asked);

/* Whether something is asked, and nothing but how many there are. */
bool select_asks_count(const struct expectations *asked);

/* Whether something is chosen at all: EXIT_DONE, or EXIT_USAGE after saying what is wanted. */
int select_check(const struct command *command, const struct settings *settings);

/* Whether the listeners of a survey are one, or the members of one reuseport group; where `all` is fine, whether there are any. Else
   says what there is, and the command lines that choose one, and returns EXIT_CANNOT. */
int select_is_one(const struct command *command, const struct settings *settings, const struct survey *survey, bool all);

#endif
