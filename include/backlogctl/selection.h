/* The listeners that a command's options select, judged and in order: what list, watch, resize and measure start from. */
#ifndef BACKLOGCTL_SELECTION_H
#define BACKLOGCTL_SELECTION_H

#include "backlogctl/options.h"
#include "backlogctl/surveyor.h"

/* Takes a survey into a zeroed struct, judges it (expectations included) and sorts it. 0 or -errno. */
int selection_take(struct survey *survey, const struct settings *settings, struct error *err);

#endif
