/* A pair of virtual Ethernet devices in this thread's network namespace (veth(4)). */
#ifndef BACKLOGCTL_VETH_H
#define BACKLOGCTL_VETH_H

#include "backlogctl/endpoint.h"
#include "backlogctl/error.h"

/* One end has addresses and takes no ARP, so that whatever is sent to its networks goes out there; the other end has none. */
struct veth {
    unsigned near, far; /* interface indexes: the end with the addresses, and the other one */
    unsigned char near_mac[6];
};

/* Makes it and brings it up; its end `near` gets `addresses`, each with a network of `prefix` bits. Packets are complete as they go
   out: no checksum or segmentation is left to hardware. Takes CAP_NET_ADMIN in the namespace. 0, or -errno: -EOPNOTSUPP where the
   kernel has no veth. */
int veth_make(struct veth *out, const struct endpoint *addresses, size_t count, unsigned prefix_ipv4, unsigned prefix_ipv6,
              struct error *err);

#endif
