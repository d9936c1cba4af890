/* Packets of this thread's network namespace with the kernel's own time stamps, read when all is over (packet(7)). */
#ifndef BACKLOGCTL_CAPTURE_H
#define BACKLOGCTL_CAPTURE_H

#include "backlogctl/clock.h"
#include "backlogctl/endpoint.h"
#include "backlogctl/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture;

/* One TCP segment. On lo a packet is sent and arrives at the same moment and is kept once, as both. */
struct packet {
    nsec at; /* on CLOCK_MONOTONIC */
    struct endpoint from, to;
    bool sent, arrived;
    uint8_t flags;    /* TH_SYN and the like of <netinet/tcp.h> */
    uint16_t payload; /* bytes of data */
    bool cookie;      /* a SYN with a Fast Open cookie (RFC 7413) */
};

/* Begins to keep the TCP segments of every device but `ignored` (an interface index, 0: none), at most some `most`. Takes
   CAP_NET_RAW in the namespace's user namespace. 0 or -errno. */
int capture_open(struct capture **out, size_t most, unsigned ignored, struct error *err);

/* Calls `each` for every segment in the order in which they came. Ends the capture. */
typedef void capture_each(void *context, const struct packet *packet);
void capture_read(struct capture *capture, capture_each *each, void *context);

/* How many segments there was no room for, so far. */
uint64_t capture_missed(struct capture *capture);

void capture_release(struct capture *capture);

/* Reads one IPv4 or IPv6 packet as it lies on the wire, without its link-layer header. False when it is no TCP segment, or cut
   inside its headers. Touches nothing but its arguments, so it can be fed anything. */
bool packet_parse(const unsigned char *bytes, size_t length, struct packet *out);

#endif
