/* A ledger of a burst against its listener's drop counter: which SYNs went unanswered while the counter rose, and was the queue full
   then? On a path without a delay the kernel handles a SYN within connect(2), so a reading before and one behind it enclose just that
   SYN, where the sums of a whole run would enclose everybody's. Others can still come between, so one SYN without a rise refutes all. */
#ifndef STUDY_LEDGER_H
#define STUDY_LEDGER_H

#include "backlogctl/connection_facts.h"
#include "backlogctl/sockdiag.h"

struct ledger {
    struct sockdiag *diag;
    struct target *target; /* NULL: nothing is read */
    size_t block;          /* unanswered SYNs between two readings; 1: each by itself */
    /* The last reading: */
    nsec read_at;
    uint64_t queue, discarded;
    size_t from;   /* the attempts from here on came after it, */
    size_t silent; /* and so many of them got no answer */
    size_t due;    /* before this one the queue cannot be full by our own clients */
};

/* To be called right before the burst. Keeps no ledger of a reuseport group (its members take a dump each) or where nothing can be
   asked. */
void ledger_begin(struct ledger *ledger, struct sockdiag *diag, struct target *target, size_t count);

/* Before attempt `next`, and after attempt `i` has gone without an answer: flood_settings' gate and silent. Some 1.5 us each, and only
   where the queue may be full. */
void ledger_before(struct ledger *ledger, size_t next);
void ledger_silent(struct ledger *ledger, size_t i);

/* To be called right after the burst. */
void ledger_end(struct ledger *ledger);

#endif
