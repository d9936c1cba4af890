/* A TPACKET ring: made, read frame by frame, given back. */
#include "ring.h"

#include "backlogctl/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define BLOCK_SIZE 65536

static int map(struct ring *ring, const struct ring_plan *plan, struct error *err)
{
    int version = TPACKET_V2;
    ring->frame_size = plan->frame_size;
    ring->per_block = BLOCK_SIZE / plan->frame_size;
    size_t blocks = (plan->frames + ring->per_block - 1) / ring->per_block;
    ring->frames = blocks * ring->per_block;
    ring->size = blocks * BLOCK_SIZE;
    struct tpacket_req request = {.tp_block_size = BLOCK_SIZE,
                                  .tp_block_nr = (unsigned)blocks,
                                  .tp_frame_size = (unsigned)ring->frame_size,
                                  .tp_frame_nr = (unsigned)ring->frames};
    if (setsockopt(ring->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version))
        return error_errno(err, "%s: PACKET_VERSION", plan->purpose);
    if (setsockopt(ring->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request))
        return error_errno(err, "%s: PACKET_RX_RING", plan->purpose);
    void *memory = mmap(NULL, ring->size, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
    if (memory == MAP_FAILED)
        return error_errno(err, "%s: mmap", plan->purpose);
    ring->memory = memory;
    return 0;
}

int ring_open(struct ring *ring, const struct ring_plan *plan, struct error *err)
{
    struct sockaddr_ll place = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)plan->interface};
    /* Protocol 0: it gets nothing before it is bound to one. */
    *ring =
        (struct ring){.fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), .offset = clock_realtime_offset()};
    if (ring->fd < 0)
        return error_errno(err, "%s: socket(AF_PACKET)", plan->purpose);
    if (plan->filter && setsockopt(ring->fd, SOL_SOCKET, SO_ATTACH_FILTER, plan->filter, sizeof *plan->filter))
        return error_errno(err, "%s: SO_ATTACH_FILTER", plan->purpose);
    int status = map(ring, plan, err);
    if (!status && bind(ring->fd, (struct sockaddr *)&place, sizeof place))
        status = error_errno(err, "%s: bind", plan->purpose);
    return status;
}

void ring_close(struct ring *ring)
{
    if (ring->memory)
        munmap(ring->memory, ring->size);
    ring->memory = NULL;
    fd_close(&ring->fd);
}

static struct tpacket2_hdr *frame_at(const struct ring *ring, size_t i)
{
    unsigned char *frame = ring->memory + i / ring->per_block * BLOCK_SIZE + i % ring->per_block * ring->frame_size;
    return (struct tpacket2_hdr *)(void *)frame;
}

/* CLOCK_REALTIME by the documentation (packet(7)). Before Linux 5.18 a packet of our own TCP that comes in again through veth still has
   the time at which it was to go out, on CLOCK_MONOTONIC (skb->skb_mstamp_ns). The two are decades apart. */
static nsec stamp(const struct ring *ring, const struct tpacket2_hdr *header)
{
    nsec at = (nsec)header->tp_sec * NSEC_PER_SEC + header->tp_nsec;
    return at < ring->offset ? at : at - ring->offset;
}

bool ring_read(const struct ring *ring, size_t i, struct ring_packet *out)
{
    struct tpacket2_hdr *header = frame_at(ring, i);
    struct sockaddr_ll link;
    if (!(__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
        return false;
    memcpy(&link, (unsigned char *)header + TPACKET_ALIGN(sizeof *header), sizeof link);
    size_t room = header->tp_net < ring->frame_size ? ring->frame_size - header->tp_net : 0;
    *out = (struct ring_packet){.bytes = (unsigned char *)header + header->tp_net,
                                .length = header->tp_snaplen < room ? header->tp_snaplen : room,
                                .at = stamp(ring, header),
                                .outgoing = link.sll_pkttype == PACKET_OUTGOING,
                                .interface = (unsigned)link.sll_ifindex};
    return true;
}

void ring_give_back(struct ring *ring, size_t i)
{
    __atomic_store_n(&frame_at(ring, i)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

uint64_t ring_lost(struct ring *ring)
{
    struct tpacket_stats stats = {0};
    socklen_t size = sizeof stats;
    /* Reading resets them. */
    if (!getsockopt(ring->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size))
        ring->lost += stats.tp_drops;
    return ring->lost;
}
