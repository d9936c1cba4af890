/* An observation, from the namespace of the listeners to what the judge makes of it. */
#ifndef BACKLOGCTL_OBSERVER_H
#define BACKLOGCTL_OBSERVER_H

#include "backlogctl/error.h"
#include "backlogctl/observation.h"
#include "backlogctl/survey.h"

/* Observes these listeners of a survey, which are of one namespace: goes there, and stays. `began` is called (may be NULL) when the first
   look was taken. Blocks the signals of loop_block_signals. 0 with what was found in *o, which the caller releases
   (observation_release) whatever came; or -errno when nothing could be observed. */
int observer_run(struct observation *o, const struct survey *survey, const struct observe_settings *settings,
                 void (*began)(void *context, const struct observation *o), void *context, struct error *err);
void observation_release(struct observation *o);

#endif
