/* What the parts of tracing share. */
#ifndef ENGINE_TRACING_INTERNAL_H
#define ENGINE_TRACING_INTERNAL_H

#include "backlogctl/tracing.h"

/* Gives the places of listeners that are done with to others; their figures stay in the list. */
void tracing_give_back(struct tracing *tracing);

/* Of those that are done with there are too many: the oldest go. */
void tracing_forget_oldest(struct tracing *tracing);

#endif
