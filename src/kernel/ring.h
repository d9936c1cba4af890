/* A ring of packets, filled by the kernel in memory that it shares with us (packet(7), TPACKET_V2). */
#ifndef KERNEL_RING_H
#define KERNEL_RING_H

#include "backlogctl/clock.h"
#include "backlogctl/error.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring_plan {
    const char *purpose;             /* how an error text begins */
    size_t frame_size;               /* what a packet may take with the headers of the ring, some 90 bytes; a multiple of 16 */
    size_t frames;                   /* at least so many packets */
    const struct sock_fprog *filter; /* NULL: all */
    unsigned interface;              /* of one device; 0: of all */
};

struct ring {
    int fd; /* readable when packets have come; -1: not open */
    unsigned char *memory;
    size_t frame_size, per_block, frames, size;
    nsec offset; /* CLOCK_REALTIME, which the kernel stamps with, minus CLOCK_MONOTONIC */
    uint64_t lost;
};

/* Nothing comes before the filter does. Takes CAP_NET_RAW. 0 or -errno; ring_close whatever it returned. */
int ring_open(struct ring *ring, const struct ring_plan *plan, struct error *err);
void ring_close(struct ring *ring);

/* A packet in the ring, from its network header on. */
struct ring_packet {
    unsigned char *bytes;
    size_t length;
    nsec at;            /* on CLOCK_MONOTONIC */
    bool outgoing;      /* sent from here; lo shows each packet on its way out, too */
    unsigned interface; /* that it went through */
};

/* The packet in frame `i` (they are filled in turn); false: the kernel has not filled it. */
bool ring_read(const struct ring *ring, size_t i, struct ring_packet *out);

/* Gives a frame back to the kernel. */
void ring_give_back(struct ring *ring, size_t i);

/* How many packets there was no room for, so far. */
uint64_t ring_lost(struct ring *ring);

#endif
