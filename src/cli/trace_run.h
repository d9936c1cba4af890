/* A trace: what its intervals and its live view share. */
#ifndef CLI_TRACE_RUN_H
#define CLI_TRACE_RUN_H

#include "live.h"

#include "backlogctl/output.h"
#include "backlogctl/tracing.h"

struct trace_run {
    const struct command *command;
    const struct settings *settings;
    struct loop loop;
    struct timer interval;
    struct loop_source events;
    struct tracing tracing;
    struct trace_history history; /* if a picture is asked for */
    nsec began;
    struct error failed; /* why it cannot go on, to be said at the end; code 0: it can */
    int status;          /* set when it cannot go on: the exit status */
    struct live live;
    bool no_screen;           /* it failed, while the trace went on */
    struct trace_model still; /* while paused: a copy of then */
    bool all;                 /* rows are of all since the beginning */
};

/* Ends the trace; why is said once the terminal is as it was. */
void trace_fail(struct trace_run *run, const struct error *err);

/* trace_screen.c; its context is the trace. */
extern const struct live_owner trace_live;

#endif
