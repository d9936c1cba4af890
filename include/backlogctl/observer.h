/* An observation, from the namespace of the listeners to what the judge makes of it. */
#ifndef BACKLOGCTL_OBSERVER_H
#define BACKLOGCTL_OBSERVER_H

#include "backlogctl/error.h"
#include "backlogctl/observation.h"
#include "backlogctl/survey.h"

/* Called when the first look was taken: what happens from now on is seen. */
struct observe_hook {
    void (*began)(void *context); /* NULL: nobody asks */
    void *context;
};

/* Observes these listeners of a survey, which are of one namespace: goes there, and stays. Blocks the signals of loop_block_signals. 0 with what was found in *o, which the caller releases
   (observation_release) whatever came; or -errno when nothing could be observed. */
int observer_run(struct observation *o, const struct survey *survey, const struct observe_settings *settings,
                 const struct observe_hook *hook, struct error *err);
void observation_release(struct observation *o);

#endif
