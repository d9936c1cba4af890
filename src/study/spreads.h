/* How long connections took, of all attempts of a run. */
#ifndef STUDY_SPREADS_H
#define STUDY_SPREADS_H

#include "backlogctl/run.h"

/* Fills in to_established and to_accepted, from connect() on. 0, or -ENOMEM with both empty. */
int spread_times(struct run *run);

#endif
