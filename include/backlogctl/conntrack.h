/* Netfilter's connection tracking: where address translation carried a connection. */
#ifndef BACKLOGCTL_CONNTRACK_H
#define BACKLOGCTL_CONNTRACK_H

#include "backlogctl/endpoint.h"
#include "backlogctl/error.h"
#include "backlogctl/netlink.h"

/* How many connections this thread's network namespace tracks (nf_conntrack_count, which everybody may read); -1: it has no connection
   tracking. Where it tracks none while ours are open, it translates none. */
int64_t conntrack_count(void);

/* For questions; netlink_close closes it. */
int conntrack_open(struct netlink *nl, struct error *err);

/* Where the TCP connection that goes `from` an address and port `to` another really goes: *carried_to, equal to `to` when it is not
   translated. 0; -ENOENT: it is not tracked; -EPERM without CAP_NET_ADMIN in the namespace's user namespace; another -errno. */
int conntrack_find(struct netlink *nl, const struct endpoint *from, const struct endpoint *to, struct endpoint *carried_to);

#endif
