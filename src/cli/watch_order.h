/* The orders in which watch shows listeners. */
#ifndef CLI_WATCH_ORDER_H
#define CLI_WATCH_ORDER_H

#include "watch_run.h"

#define WATCH_SORTS 8

/* What is to be shown: the listeners as they are, or as they were when the view was paused. */
const struct watch_model *watch_shown(const struct watch_run *run);
/* Of struct live_owner, whose context is the watching: those that have gone stand last, always. */
int watch_compare(void *run, size_t a, size_t b);
int watch_compare_always(void *run, size_t a, size_t b);
const char *watch_sort_name(const struct watch_run *run);

#endif
