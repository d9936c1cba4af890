/* The live view of watch. */
#ifndef CLI_WATCH_SCREEN_H
#define CLI_WATCH_SCREEN_H

#include "watch_run.h"

/* Its context is the watching. */
extern const struct live_owner watch_live;

#endif
