/* Takes surveys: the listeners of one or of all network namespaces, with the processes behind them. */
#ifndef BACKLOGCTL_SURVEYOR_H
#define BACKLOGCTL_SURVEYOR_H

#include "backlogctl/error.h"
#include "backlogctl/survey.h"

/* Fills in a zeroed survey. The calling thread visits the namespaces that are asked for (setns(2)) and comes back; for
   another user's namespace (a rootless container's) it may have to enter its user namespace, and then stays there.
   0; -ESRCH, -ENOENT, -EPERM when the namespace cannot be entered, -errno when the kernel cannot be asked. What could not
   be seen for want of rights is no error: it is left unknown and counted. */
int survey_take(struct survey *survey, const struct survey_query *query, struct error *err);
void survey_release(struct survey *survey);

#endif
