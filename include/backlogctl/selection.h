/* The listeners that a command's options select, judged and in order: what list, watch, resize and measure start from. */
#ifndef BACKLOGCTL_SELECTION_H
#define BACKLOGCTL_SELECTION_H

#include "backlogctl/options.h"
#include "backlogctl/surveyor.h"

/* Takes a survey into a zeroed struct, judges it (expectations included) and sorts it. 0 or -errno. */
int selection_take(struct survey *survey, const struct settings *settings, struct error *err);

/* Keeps the listeners that this process holds, and calls them its own: --pid of commands that act on one server. */
void selection_keep_held(struct survey *survey, pid_t pid);

/* Whether the listeners of a survey are one, or the members of one reuseport group. 0; -ENOENT when there is none, -EEXIST when
   there are several: the text names some and what tells them apart. */
int selection_is_one(const struct survey *survey, struct error *err);

#endif
