/* The live view of watch. */
#ifndef CLI_WATCH_SCREEN_H
#define CLI_WATCH_SCREEN_H

#include "watch_run.h"

/* Before the loop: signals that it will take. */
void watch_block_signals(const struct watch_run *run);
int watch_screen_open(struct watch_run *run, struct error *err);
void watch_screen_close(struct watch_run *run);
void watch_draw(struct watch_run *run);

#endif
