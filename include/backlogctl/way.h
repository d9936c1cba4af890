/* The way that a burst's packets take on this host: carried elsewhere by address translation, or without a route back. */
#ifndef BACKLOGCTL_WAY_H
#define BACKLOGCTL_WAY_H

#include "backlogctl/connection_facts.h"
#include "backlogctl/sockdiag.h"

/* Fills in, for a local target, its translation, carried_to, carrier and unroutable, and `translated` of its attempts, while the
   clients are still there. Where the kernel cannot be asked (CAP_NET_ADMIN for conntrack, CAP_SYS_ADMIN for another namespace), what it
   would tell stays unknown. */
void way_look(struct sockdiag *sd, struct target *target);

#endif
