/* What the looking and the live view of watch share. */
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
    struct timer sample, interval;
    struct watching w;
    struct sampler sampler;
    uint64_t home;         /* our network namespace */
    uint64_t closed_netns; /* one that cannot be sampled fast */
    nsec began;
    int status;            /* set when it cannot go on: the exit status */
    /* What is shown: */
    size_t *order, shown, place; /* place: of the selected one */
    uint64_t selected;           /* its cookie; 0: none */
    size_t sort;                 /* chosen at the screen; past the last: as --sort says */
    bool reverse, paused, typing;
    char filter[FILTER_SIZE];
    /* The screen: */
    bool wants_screen;
    struct screen *screen; /* NULL: batch */
    struct frame frame;
    struct watch keys, resized;
};

/* ---- watch.c ---- */

int watch_choose(struct watch_run *run);
void watch_select(struct watch_run *run, size_t place);
void watch_next_sort(struct watch_run *run);
const char *watch_sort_name(const struct watch_run *run);
void watch_flush(struct watch_run *run);
int watch_fail(struct watch_run *run, const struct error *err); /* the exit status, after saying why */

/* ---- watch_screen.c ---- */

/* Before the loop: signals that it will take. */
void watch_block_signals(const struct watch_run *run);
int watch_screen_open(struct watch_run *run, struct error *err);
void watch_screen_close(struct watch_run *run);
void watch_draw(struct watch_run *run);

#endif
