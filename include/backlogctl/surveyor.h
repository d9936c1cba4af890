/* Takes surveys: the listeners of one or of all network namespaces, with the processes behind them. */
#ifndef BACKLOGCTL_SURVEYOR_H
#define BACKLOGCTL_SURVEYOR_H

#include "backlogctl/error.h"
#include "backlogctl/survey.h"

/* Fills in a zeroed survey. The calling thread visits the namespaces that are asked for (setns(2)) and comes back; for
   another user's namespace (a rootless container's) it may have to enter its user namespace, and then stays there.
   0; -ESRCH, -ENOENT, -EEXIST when what was asked for is not there or not one, -EPERM when the namespace cannot be entered,
   -errno when the kernel cannot be asked. What could not be seen for want of rights is no error: it is left unknown and
   counted. */
int survey_take(struct survey *survey, const struct survey_query *query, struct error *err);
void survey_release(struct survey *survey);

/* Looks twice, a moment apart, at what all do that hold a listener with one of these remarks, and fills in their states. Costs some
   50 ms if there is one. */
void survey_look_at_holders(struct survey *survey, uint32_t remarks);

/* Whether one of those that hold the listener has the query's command name and unit, where it asks for them. */
bool survey_holds(const struct survey *survey, const struct listener *listener, const struct survey_query *query);

/* What a namespace counted between two surveys of it. */
struct overflow_span survey_span(const struct netns_facts *old, const struct netns_facts *now);

/* Whether the query asks who holds it. */
static inline bool survey_asks_holders(const struct survey_query *query)
{
    return query->process || query->unit;
}

/* Calls the listener this process's: pid, process, pidns, place. */
void survey_show_holder(struct listener *listener, const struct socket_holder *holder);

#endif
