/* Which listeners watch shows, in which order, and which of them is selected. */
#ifndef CLI_WATCH_ORDER_H
#define CLI_WATCH_ORDER_H

#include "watch_run.h"

/* What is to be shown: the listeners as they are, or as they were when the view was paused. */
const struct watch_model *watch_shown(const struct watch_run *run);
/* Filters and sorts anew; whoever was chosen stays so. 0 or -ENOMEM. */
int watch_arrange(struct watch_run *run);
/* Somebody chose the one at this place. */
void watch_choose(struct watch_run *run, size_t place);
void watch_next_sort(struct watch_run *run);
const char *watch_sort_name(const struct watch_run *run);

#endif
