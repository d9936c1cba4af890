/* Keeps listeners in view: surveys that cost little, and fast looks at one listener in between. */
#ifndef BACKLOGCTL_WATCHER_H
#define BACKLOGCTL_WATCHER_H

#include "backlogctl/error.h"
#include "backlogctl/loop.h"
#include "backlogctl/sockdiag.h"
#include "backlogctl/surveyor.h"
#include "backlogctl/listener_history.h"

/* ---- watcher.c: bookkeeping, without I/O ---- */

/* Takes in a survey. A listener is known again by its cookie and namespace. An owner that the survey did not look for
   stays as it was; clients waiting are not known until somebody looks again, as they come and go. 0 or -ENOMEM. */
int watcher_merge(struct watch_model *w, const struct survey *survey, nsec elapsed);

/* The one with this cookie in this namespace; NULL: it is not known. */
struct listener_history *watcher_find(const struct watch_model *w, uint64_t cookie, uint64_t netns);

/* Takes in one look at a listener. */
void watcher_sample(struct watch_model *w, struct listener_history *one, uint64_t queue, uint64_t drops, nsec elapsed);

/* Takes in what the kernel counted of a listener up to now, which began to be watched at `began` (CLOCK_MONOTONIC). */
void watcher_exact(struct listener_history *one, const struct trace_digest *exact, nsec began, nsec elapsed);

/* Ends the interval: rates and peaks; those that have been gone for long are forgotten. */
void watcher_end_interval(struct watch_model *w, nsec elapsed);

/* A copy that stands still: 0 or -ENOMEM. Both are to be released. */
int watcher_copy(struct watch_model *copy, const struct watch_model *w);
void watcher_release(struct watch_model *w);

/* ---- periodic_survey.c: a survey an interval, without paying each time for what is costly ---- */

/* Who holds a socket. */
struct owner_note {
    uint64_t cookie, netns, pidns;
    pid_t pid;
    uint32_t processes;
    bool wanted; /* by the query: one of its holders is the wanted process, or any will do */
    char process[32];
    struct socket_holder_place place;
};

/* Zeroed is safe to release. Owners are looked for when a listener comes that was not there before, and now and then; clients waiting
   (half-open, oldest) as long as that takes a small share of the time, or always. */
struct periodic_survey {
    struct survey_query query;
    struct owner_note *owners; /* owned; ascending by cookie and namespace */
    size_t owner_count, hidden;
    struct waiting_note *oldest; /* owned; of the last survey that knew them */
    size_t oldest_count;
    nsec owners_due, waiting_due;
    bool always_waiting; /* whatever that costs */
};

/* As survey_take, of periodic_survey->query. */
int periodic_survey_take(struct periodic_survey *periodic_survey, struct survey *survey, struct error *err);
void periodic_survey_release(struct periodic_survey *periodic_survey);

/* ---- sampler.c: one listener, up to a thousand times a second ---- */

#define SAMPLER_PERIOD NSEC_PER_MSEC

/* Looks by a clock of its own, on an absolute schedule. Where a look is costly (a machine that wakes up slowly, a socket that only
   a dump finds) it looks less often, so that looking takes some 2 % of a core; and some 0.3 % where nothing has changed for a second,
   until a look finds that something has. */
struct sampler {
    struct loop_source tick; /* its timerfd; fd -1: resting */
    struct loop *loop;
    struct sockdiag diag;
    uint64_t netns; /* where `diag` was opened; 0: not open */
    struct listener target;
    nsec period;               /* 0: never ran */
    uint32_t looks;            /* since the price was last thought over */
    nsec used, cheapest;       /* CPU time of the thread at the last stretch of looks, and the price of the cheapest stretch */
    nsec price;                /* of a look; 0: not known yet */
    uint64_t queue, discarded; /* as they were at the last look, */
    nsec changed;              /* and since when */
    bool quiet;                /* nothing has changed for long */
    void (*seen)(void *context, const struct listener *target, uint64_t queue, uint64_t drops);
    void *context;
};

/* `facts`: its network namespace, which the thread visits to open a socket there. An aim that is the present one changes nothing.
   0 or -errno: then it rests, and the listener is seen by surveys only. -EXDEV: the thread could not come back, and is in the
   other namespace now. */
int sampler_aim(struct sampler *sampler, const struct listener *target, const struct netns_facts *facts, struct error *err);
void sampler_rest(struct sampler *sampler);
/* Before the loop's release. A sampler whose loop was never set is left alone. */
void sampler_release(struct sampler *sampler);

#endif
