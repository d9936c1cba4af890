/* Gives running servers another backlog. */
#ifndef BACKLOGCTL_RESIZER_H
#define BACKLOGCTL_RESIZER_H

#include "backlogctl/surveyor.h"

struct resize_plan {
    struct survey_query query; /* that found them: they are looked at again by it */
    int32_t backlog;           /* as given to listen(2) */
    bool dry_run;              /* only whether it could be done */
};

/* Fills in a zeroed *r for every listener of the survey, of which there is one at least; r->list is the caller's to free. What could
   not be changed says why. 0 or -ENOMEM. */
int resizer_run(struct resizing *r, const struct survey *survey, const struct resize_plan *plan, struct error *err);

#endif
