/* What the parts of a merge share. */
#ifndef STUDY_MERGE_INTERNAL_H
#define STUDY_MERGE_INTERNAL_H

#include "backlogctl/merge.h"
#include "reports.h"

struct merge {
    const struct merge_plan *plan;
    struct reports reports;
    nsec zero;                     /* of all spans, by the observers' clock, or by the hosts' where there is no observer */
    char host[ENDPOINT_TEXT_SIZE]; /* the target's address */
    struct run run;                /* of one target, whose attempts are those of the reports */
};

/* ---- merge_hosts.c: which reports belong together ---- */

/* Puts reports that do not into trouble, takes out their connections, and says which shares are absent. 0 or -ENOMEM. */
int merge_hosts(struct merge *m, struct error *err);

/* The first report that is of use; NULL: there is none. */
const struct merged_host *merge_reference(const struct merge *m);

/* ---- merge_observers.c: which observers watched the target ---- */

/* Puts the others into trouble, and takes out what they saw, as well as what came to other addresses. */
void merge_observers(struct merge *m);

/* Whether the listener of this number is one that gets connections to the target. */
bool observer_reaches(const struct observer_facts *o, const struct endpoint *target, uint32_t listener);

/* ---- merge_join.c: both ends of each connection ---- */

/* Finds each attempt's connection among those that observers saw: the peers, and how the clocks are to each other. Times are spans since
   the start of the run afterwards. 0 or -ENOMEM. */
int merge_join(struct merge *m, struct error *err);

/* A moment of a host's, a span since its start, by the observer's clock: it is between these. A clock that seems to be behind may be right,
   if all packets of its host were held up on the way. */
struct span_of_time {
    nsec least, most;
};
struct span_of_time merge_on_observers_clock(const struct merged_host *host, nsec span);

/* What was seen of a peer: the first of so many; NULL: nothing. */
struct watched *merge_find(const struct reports *r, const struct endpoint *source, size_t *count);

/* ---- merge_listener.c: what the observers know of the listener ---- */

void merge_listener(struct merge *m);

/* Lanes and the queue's length over time. 0 or -ENOMEM. */
int merge_timeline(struct merge *m, struct error *err);

static inline bool is_of_use(const struct merged_host *host)
{
    return !*host->trouble;
}

#endif
