/* The listeners that a command's options select: what list, resize and measure start from. */
#ifndef CLI_SELECT_H
#define CLI_SELECT_H

#include "backlogctl/options.h"
#include "backlogctl/selection.h"

/* As selection_take, of what the options say. */
int select_listeners(struct survey *survey, const struct settings *settings, struct error *err);

/* Whether the listeners of a survey are one, or the members of one reuseport group. 0; -ENOENT when there is none, -EEXIST when
   there are several: the text names some and what tells them apart. */
int select_is_one(const struct survey *survey, struct error *err);

#endif
