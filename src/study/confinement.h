/* Nothing leaves this host unasked: a burst at one of its addresses is kept here when address translation would carry it away. */
#ifndef STUDY_CONFINEMENT_H
#define STUDY_CONFINEMENT_H

#include "experiment_internal.h"

/* Chooses x->confinement for the burst at this target, before anything is sent: none in a namespace of its own, with --allow-remote,
   or where connections are not tracked and so none is translated. 0, or -EHOSTUNREACH when its packets would leave. */
int confinement_choose(struct experiment *x, const struct target *target, struct error *err);

/* After the first connection, which was confined. Where translation carries it to another namespace of this host, it is begun anew
   and nothing is confined any more; where it leads away, or nobody can tell, the burst is stopped and x->refused says why. */
void confinement_check(struct experiment *x, struct flood *flood);

#endif
