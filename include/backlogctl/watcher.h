/* Keeps listeners in view: takes in survey after survey, and fast samples of one of them in between. No I/O but the sampler's. */
#ifndef BACKLOGCTL_WATCHER_H
#define BACKLOGCTL_WATCHER_H

#include "backlogctl/error.h"
#include "backlogctl/sockdiag.h"
#include "backlogctl/watched.h"

/* Takes in a survey made `elapsed` after the beginning. A listener is known again by its cookie and namespace; of one that is
   known, the owner is kept when the survey did not look for it. 0 or -ENOMEM. */
int watcher_merge(struct watching *w, const struct survey *survey, nsec elapsed);

/* True when a survey without owners shows a listener that is not known yet, so that its owner is to be found. */
bool watcher_has_news(const struct watching *w, const struct survey *survey);

/* Takes in one look at a listener. */
void watcher_sample(struct watching *w, struct watched *one, uint64_t queue, uint64_t drops, nsec elapsed);

/* Ends the interval: rates, peaks, and those that have been gone for long. */
void watcher_end_interval(struct watching *w, nsec elapsed);

void watcher_release(struct watching *w);

/* Looks at one listener as often as you like: about 10 us, or 40 us for a member of a reuseport group. */
struct sampler {
    struct sockdiag diag;
    uint64_t netns; /* where `diag` was opened; 0: not open */
};

/* Opens it where the listener is (setns(2) and back). 0 or -errno. Zeroed is safe to close. */
int sampler_open(struct sampler *sampler, const struct listener *listener, uint64_t home, struct error *err);
/* 0, -ENOENT when the listener is there no more, or -errno. */
int sampler_look(struct sampler *sampler, const struct listener *listener, uint64_t *queue, uint64_t *drops);
void sampler_close(struct sampler *sampler);

#endif
