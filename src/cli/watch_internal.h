/* What the looking, the order and the live view of watch share. */
#ifndef CLI_WATCH_INTERNAL_H
#define CLI_WATCH_INTERNAL_H

#include "backlogctl/loop.h"
#include "backlogctl/output.h"
#include "backlogctl/screen.h"
#include "backlogctl/watcher.h"

#define FILTER_SIZE 64

struct watch_run {
    const struct command *command;
    const struct settings *settings;
    struct loop loop;
    struct timer interval;
    struct watching w;
    struct lookout lookout;
    struct sampler sampler;
    struct error not_sampled; /* why the selected one is not looked at fast; code 0: it is */
    nsec began;
    int status; /* set when it cannot go on: the exit status */
    /* What is shown: */
    struct watching still; /* while paused: a copy of then */
    bool paused;
    size_t *order, shown, place; /* indexes into what is shown; place: of the selected one */
    bool chosen;                 /* by somebody; else the first row is selected */
    uint64_t cookie, netns;      /* of the selected one; cookie 0: none */
    size_t sort;                 /* chosen at the screen; 0: as --sort says, or by default */
    bool reverse;
    char filter[FILTER_SIZE];
    /* The screen: */
    bool wants_screen, typing, help;
    struct screen *screen; /* NULL: batch */
    struct frame frame;
    struct watch keys, resized;
};

/* ---- watch.c ---- */

/* Ends what was written to stdout; `status` is what the functions of the report returned. */
void watch_flush(struct watch_run *run, int status);
/* Ends the watching: says why, once the terminal is as it was. */
void watch_fail(struct watch_run *run, const struct error *err);
/* Points the sampler at the selected listener. */
void watch_aim(struct watch_run *run);

/* ---- watch_order.c ---- */

/* What is to be shown: the listeners as they are, or as they were when the view was paused. */
const struct watching *watch_shown(const struct watch_run *run);
/* Filters and sorts anew; whoever was chosen stays so. 0 or -ENOMEM. */
int watch_arrange(struct watch_run *run);
/* Somebody chose the one at this place. */
void watch_choose(struct watch_run *run, size_t place);
void watch_next_sort(struct watch_run *run);
const char *watch_sort_name(const struct watch_run *run);

/* ---- watch_screen.c ---- */

/* Before the loop: signals that it will take. */
void watch_block_signals(const struct watch_run *run);
int watch_screen_open(struct watch_run *run, struct error *err);
void watch_screen_close(struct watch_run *run);
void watch_draw(struct watch_run *run);

#endif
