/* The life of a server that is started for an experiment: until it listens, during the burst, at its end. */
#ifndef STUDY_STARTED_H
#define STUDY_STARTED_H

#include "backlogctl/experiment.h"
#include "backlogctl/listener.h"
#include "backlogctl/loop.h"

struct started;

/* Starts it in the namespaces of this process and waits until it listens, or cannot be tested: facts->trouble. *listener is the
   one that the burst goes to, at *address; known only without trouble and unless a signal came (loop->signal). 0 or -errno; started_close whatever it returned. */
int started_open(struct started **out, const struct experiment_plan *plan, struct loop *loop, struct started_server *facts,
                 struct listener *listener, struct endpoint *address, struct error *err);

/* For the burst. Trouble is noted in the facts. */
void started_freeze(struct started *started, const struct listener *listener);
/* `listener` as it is while the server stands still; NULL: that could not be seen. */
void started_thaw(struct started *started, const struct listener *listener);

/* It listens where no path leads. */
void started_fail_unreachable(struct started *started, const struct listener *listener, const struct endpoint *near);

/* What is known of it at the verdict. */
void started_look(struct started *started);

/* Ends it, and removes the socket files that it leaves. NULL is fine. */
void started_close(struct started *started);

#endif
