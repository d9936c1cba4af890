/* An experiment under way: what the burst (experiment.c) and its report (experiment_report.c) share. */
#ifndef CLI_EXPERIMENT_INTERNAL_H
#define CLI_EXPERIMENT_INTERNAL_H

#include "backlogctl/experiment.h"
#include "backlogctl/flood.h"
#include "backlogctl/recorder.h"
#include "backlogctl/sockdiag.h"

struct experiment {
    const struct command *command;
    const struct settings *settings;
    struct run run;
    struct loop loop;
    struct sockdiag diag;
    struct counters counters_before;
    nsec epoch;
    struct flood *floods[TARGETS_MAX];
    struct target *current; /* the target of the burst that is going on */
    struct server *server;
    struct wire *wire;
    struct recorder *recorder; /* NULL: no timeline is wanted */
    uint64_t accepted_before;  /* by our server, before this burst */
    bool server_late;
    struct report_style progress; /* columns 0: stderr is no terminal */
    nsec progress_due;
};

#define PROGRESS_PAUSE (100 * NSEC_PER_MSEC)

/* ---- experiment_looks.c ---- */

/* Keeps the first reason why evidence is missing. */
void experiment_note(struct experiment *x, const struct error *err);

/* Every fact anew, and the verdicts that follow. */
void experiment_look(struct experiment *x);

/* Follows a burst until all is final or the patience ends. Nothing tells a client that it was accepted, so that much has
   to be asked for again and again. */
void experiment_follow(struct experiment *x, const struct target *target);

/* ---- experiment.c ---- */

/* Prepares the first burst; nothing is sent. 0 or -errno. experiment_end whatever it returned. */
int experiment_begin(struct experiment *x, const struct lab *lab, struct error *err);

/* From the first connection to the verdicts, the expectations and the timeline. 0 or -errno. */
int experiment_go(struct experiment *x, struct error *err);

void experiment_end(struct experiment *x);

#endif
