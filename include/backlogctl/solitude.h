/* Whether a burst is all that TCP of its namespace has to do. */
#ifndef BACKLOGCTL_SOLITUDE_H
#define BACKLOGCTL_SOLITUDE_H

#include "backlogctl/connection_facts.h"
#include "backlogctl/netns.h"

struct solitude {
    bool known;
    struct traffic since;
};

void solitude_begin(struct solitude *solitude);

/* Whether TCP of this namespace has sent and received, since solitude_begin, just what these attempts stand for as we know them: a SYN each,
   and a SYN-ACK and an ACK where one is connected. Then no packet was anybody else's, none was lost to a filter, and none came that we do
   not know of. Some 15 us. False also where that cannot be told, as with data or resets among them. */
bool solitude_lasted(const struct solitude *solitude, const struct attempt *attempts, size_t count);

#endif
