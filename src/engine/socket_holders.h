/* Which processes hold the listeners of a survey. */
#ifndef ENGINE_SOCKET_HOLDERS_H
#define ENGINE_SOCKET_HOLDERS_H

#include "backlogctl/error.h"
#include "backlogctl/survey.h"

/* Looks for all holders of all listeners, and fills in pid, process, processes, pidns and place of who is shown. 0 or -ENOMEM. */
int socket_holders_find(struct survey *survey, struct error *err);

#endif
