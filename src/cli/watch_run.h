/* A watching: what its looks, its order and its live view share. */
#ifndef CLI_WATCH_RUN_H
#define CLI_WATCH_RUN_H

#include "live.h"

#include "backlogctl/output.h"
#include "backlogctl/tracing.h"
#include "backlogctl/watcher.h"

struct watch_run {
    const struct command *command;
    const struct settings *settings;
    struct loop loop;
    struct timer interval;
    struct watch_model w;
    struct periodic_survey periodic_survey;
    struct sampler sampler;
    struct tracing tracing;   /* where the kernel counts: */
    struct error not_exact;   /* why it does not; code 0: it does, or is not asked to */
    struct error not_sampled; /* why the selected one is not looked at fast; code 0: it is */
    nsec began;
    bool any;            /* a listener was there at some time */
    struct error failed; /* why it cannot go on; code 0: it can */
    int status;          /* set when it cannot go on: the exit status */
    struct live live;
    struct watch_model still; /* while paused: a copy of then */
    nsec why_due;             /* not before then is it asked again why nobody accepts */
};

/* Ends the watching; why is said once the terminal is as it was. */
void watch_fail(struct watch_run *run, const struct error *err);
/* Ends what was written to stdout; `status` is what the functions of the report returned. */
void watch_flush(struct watch_run *run, int status);
/* Asks why nobody accepts at the selected listener, if that is the question, and seldom: run->w.why. */
void watch_ask_why(struct watch_run *run);
/* Points the sampler at the selected listener. */
void watch_aim(struct watch_run *run);

#endif
