/* The way that a burst's packets take on this host: carried elsewhere by address translation, or without a route back. */
#ifndef BACKLOGCTL_WAY_H
#define BACKLOGCTL_WAY_H

#include "backlogctl/connection_facts.h"
#include "backlogctl/sockdiag.h"

/* Fills in, for a local target, its translation, carried_to, carrier and unroutable, and `translated` of its attempts, while the
   clients are still there. Where the kernel cannot be asked (CAP_NET_ADMIN for conntrack, CAP_SYS_ADMIN for another namespace), what it
   would tell stays unknown. */
void way_look(struct sockdiag *sd, struct target *target);

/* Where the packets of a connection to a local address go, once the first of them is sent. */
enum whereabouts {
    WAY_HERE,      /* to that address, or to another of this network namespace */
    WAY_NAMESPACE, /* to an address of another network namespace of this host */
    WAY_AWAY,      /* translated to an address that none has that can be seen from here */
    WAY_UNKNOWN    /* the kernel may not be asked (CAP_NET_ADMIN), and it tracks connections */
};

/* For a client's source and the target's address; *to is where it is translated to, if it is. */
enum whereabouts way_of(const struct target *target, const struct endpoint *source, struct endpoint *to);

/* The same before anything is sent, for an address of this host that lo does not have: a SYN that is bound to lo passes netfilter's
   output and is discarded behind it (there is no route for it there, ip_route_output_key in net/ipv4/route.c), so it reaches neither
   the listener nor another host. WAY_UNKNOWN too where that cannot be done, as with IPv6. */
enum whereabouts way_scout(const struct target *target, struct endpoint *to);

#endif
