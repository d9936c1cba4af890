/* Reads what `probe --json` and `observe --json` wrote, on this host or another: facts for a merge. */
#ifndef STUDY_REPORTS_H
#define STUDY_REPORTS_H

#include "backlogctl/error.h"
#include "backlogctl/merged.h"
#include "backlogctl/observation.h"

/* What an observer saw of one connection of the listener. Times are spans since the observer's start; `least`: it had certainly not
   happened before, NSEC_NEVER: nobody knows; `most`: it certainly had by then, NSEC_NEVER: it had not. */
struct moment_bounds {
    nsec least, most;
};

struct watched {
    uint8_t bytes[16]; /* of the peer's address, as in struct endpoint */
    uint16_t port;     /* the peer's */
    uint8_t family;    /* AF_INET or AF_INET6 */
    uint8_t state;     /* enum observed_state, as of the last look */
    uint16_t observer; /* its number */
    uint16_t local;    /* its own end: the number of an address of the reports */
    bool half_open;    /* it was seen so */
    bool told;         /* a report tells of it, too; written by the merge */
    nsec absent;       /* a look then showed neither a request nor a socket of it; NSEC_NEVER: none did */
    nsec present;      /* the first look that showed one; NSEC_NEVER: none did */
    struct moment_bounds entered, accepted, closed; /* `closed`: of a request, that it expired */
};

struct sample {
    nsec at;
    uint32_t listener;
    uint32_t queue;
    uint32_t discarded; /* sk_drops, which has 32 bits */
};

/* What belongs to one observer beside struct merged_observer. */
struct observer_facts {
    struct listener *listeners; /* as they were first */
    size_t listener_count;
    struct sample *samples; /* ascending; a figure holds until the next sample of its listener */
    size_t sample_count, sample_room;
    struct counters counters; /* change in its network namespace */
    bool *gone;               /* the listener of this number was not there to the end */
    nsec first_look;
    nsec calm; /* until then the listeners had dropped nothing; written by the merge */
};

struct reports {
    struct merged merged;                /* hosts and observers; one with `trouble` has nothing below */
    struct observer_facts *observations; /* one an observer */
    struct attempt *attempts;            /* of all hosts, their times since their own host's start; their ids count from 1 */
    size_t attempt_count, attempt_room;
    struct endpoint *sources; /* one an attempt */
    size_t source_room;
    struct watched *sightings; /* of all observers */
    size_t sighting_count, sighting_room;
    struct endpoint *locals; /* where they came to */
    size_t local_count, local_room;
    char version[32]; /* reports of another version are in trouble */
};

/* Reads the documents of one file, "-" for stdin, and adds what they tell. What cannot be used, be it the file or a document in it, is
   added as a host in trouble: only want of memory is an error (-ENOMEM). `file` has to outlive the reports. */
int reports_read(struct reports *r, const char *file, struct error *err);

static inline const struct endpoint *reports_source(const struct reports *r, const struct attempt *a)
{
    return &r->sources[a - r->attempts];
}

/* Frees everything; fine for one that is all 0. */
void reports_release(struct reports *r);

#endif
