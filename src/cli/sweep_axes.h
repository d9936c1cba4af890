/* Values as typed, spread out. */
#ifndef CLI_SWEEP_AXES_H
#define CLI_SWEEP_AXES_H

#include "backlogctl/error.h"
#include "backlogctl/sweep.h"

/* Adds the values of "1,2,4..8", "0..64..8" or "1ms..5ms..1ms" to `axis`; a value that is no range is kept as it is.
   0 or -EINVAL. axis->values is the caller's to free. */
int axis_spread(const char *text, struct axis *axis, struct error *err);

#define AXIS_VALUES_MAX 1024

#endif
