/* A share of a burst, for one of several hosts. */
#ifndef CLI_SEGMENT_H
#define CLI_SEGMENT_H

#include "backlogctl/options.h"

/* Leaves of count and source addresses what is this segment's. 0, or -EINVAL with what is wrong. */
int segment_apply(struct settings *settings, struct error *err);

#endif
