/* An experiment under way: what its lab, the burst and the looks share. */
#ifndef STUDY_EXPERIMENT_INTERNAL_H
#define STUDY_EXPERIMENT_INTERNAL_H

#include "backlogctl/experiment.h"
#include "backlogctl/flood.h"
#include "backlogctl/listener.h"
#include "backlogctl/recorder.h"
#include "backlogctl/server.h"
#include "backlogctl/sockdiag.h"
#include "backlogctl/solitude.h"
#include "backlogctl/wire.h"

#include "ledger.h"
#include "start_time.h"

/* What the burst is aimed at, and over what. */
struct lab {
    struct endpoint addresses[TARGETS_MAX]; /* where the server's side is */
    size_t count;
    struct transport transport;
    char path[UNIX_NAME_SIZE]; /* of the transport, if it was found */
    struct server *server;     /* a server of ours that is open but not started, or NULL */
    struct started *started;   /* one that was started for it, or NULL */
    struct wire *wire;         /* a path with a delay, or NULL */
};

struct experiment {
    const struct experiment_plan *plan;
    const struct experiment_hooks *hooks;
    struct lab lab;
    struct run run;
    struct loop loop;
    struct sockdiag diag;
    struct counters counters_before;
    int64_t connects_before;
    struct solitude solitude;              /* since then */
    struct listener_list listeners_before; /* all of the namespace that have a handshake, read before those counters */
    bool listed_before;
    nsec epoch;
    struct flood *floods[TARGETS_MAX];
    struct target *current;    /* the target of the burst that is going on */
    struct ledger ledger;      /* of that burst */
    struct recorder *recorder; /* NULL: no timeline is wanted */
    uint64_t accepted_before;  /* by our server, before this burst */
    bool server_late;
    enum confinement confinement; /* of that burst */
    struct error refused;         /* why the burst was stopped after its first connection */
    nsec progress_due;
};

#define PROGRESS_PAUSE (100 * NSEC_PER_MSEC)

/* ---- lab.c ---- */

/* Enters the private namespace that the plan asks for, with its sysctls and its path, and opens the server in it, or starts it and
   waits for it on `loop`: then the facts are filled in, and without an address the burst has nowhere to go. 0 or -errno;
   lab_close whatever it returned. */
int lab_open(struct lab *lab, const struct experiment_plan *plan, const struct experiment_hooks *hooks, struct loop *loop,
             struct started_server *facts, struct error *err);
void lab_close(struct lab *lab);

/* ---- experiment_looks.c ---- */

/* Keeps the first reason why evidence is missing. */
void experiment_note(struct experiment *x, const struct error *err);

/* Every fact anew, and the verdicts that follow. */
void experiment_look(struct experiment *x);

/* Looks again until two looks agree, or no verdict can change any more. */
void experiment_settle(struct experiment *x, const struct target *target);

/* Follows a burst until all is final or the patience ends. Nothing tells a client that it was accepted, so that much has
   to be asked for again and again. */
void experiment_follow(struct experiment *x, const struct target *target);

/* ---- experiment_end.c ---- */

/* What remains to be known after the last look; the judge comes next. */
void experiment_gather(struct experiment *x);

#endif
