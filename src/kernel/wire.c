/* The path with a delay. The ring that the kernel puts the packets of the far device in is the delay line itself: each stays
   there until its own time stamp is old enough, then goes back with its addresses swapped, which leaves its checksums right. */
#include "backlogctl/wire.h"

#include "backlogctl/fd.h"
#include "backlogctl/loop.h"
#include "backlogctl/veth.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* 32 MB: so many packets may be under way in both directions together. */
#define FRAME_SIZE 2048
#define FRAMES 16384
#define BLOCK_SIZE 65536
#define PREFIX_IPV4 24
#define PREFIX_IPV6 64

struct wire {
    nsec delay;
    struct veth veth;
    struct watch packets;
    struct watch end; /* an eventfd */
    struct timer due;
    struct loop loop;
    unsigned char *ring;
    size_t head; /* the packet that is next to go */
    nsec offset; /* CLOCK_REALTIME, which the kernel stamps with, minus CLOCK_MONOTONIC */
    pthread_t thread;
    bool started;
    uint64_t lost;
};

struct wire_ends wire_ends(int family)
{
    struct wire_ends ends = {.near = {.family = AF_INET, .bytes = {10, 9, 0, 1}},
                             .far = {.family = AF_INET, .bytes = {10, 9, 0, 2}}};
    if (family == AF_INET6) /* of a unique local network (RFC 4193) */
        ends = (struct wire_ends){.near = {.family = AF_INET6, .bytes = {[0] = 0xfd, [15] = 1}},
                                  .far = {.family = AF_INET6, .bytes = {[0] = 0xfd, [15] = 2}}};
    return ends;
}

/* ---- On the path's own thread ---- */

static nsec stamp(const struct wire *wire, const struct tpacket2_hdr *header)
{
    return (nsec)header->tp_sec * NSEC_PER_SEC + header->tp_nsec - wire->offset;
}

static void swap(unsigned char *a, unsigned char *b, size_t size)
{
    unsigned char kept[16];
    memcpy(kept, a, size);
    memcpy(a, b, size);
    memcpy(b, kept, size);
}

/* Only TCP goes back: neighbour discovery and the like are for nobody. */
static void send_back(struct wire *wire, unsigned char *packet, size_t length)
{
    bool ipv4 = length >= 20 && packet[0] >> 4 == 4 && packet[9] == IPPROTO_TCP;
    bool ipv6 = length >= 40 && packet[0] >> 4 == 6 && packet[6] == IPPROTO_TCP;
    if (!ipv4 && !ipv6)
        return;
    if (ipv4)
        swap(packet + 12, packet + 16, 4);
    else
        swap(packet + 8, packet + 24, 16);
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ipv4 ? ETH_P_IP : ETH_P_IPV6),
                             .sll_ifindex = (int)wire->veth.far,
                             .sll_halen = sizeof wire->veth.near_mac};
    memcpy(to.sll_addr, wire->veth.near_mac, sizeof wire->veth.near_mac);
    sendto(wire->packets.fd, packet, length, 0, (struct sockaddr *)&to, sizeof to);
}

static unsigned char *frame_at(const struct wire *wire, size_t i)
{
    return wire->ring + i * FRAME_SIZE; /* a block is a whole number of frames */
}

static void carry(struct wire *wire)
{
    for (;;) {
        unsigned char *frame = frame_at(wire, wire->head);
        struct tpacket2_hdr *header = (struct tpacket2_hdr *)(void *)frame;
        if (!(__atomic_load_n(&header->tp_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
            return;
        struct sockaddr_ll link;
        memcpy(&link, frame + TPACKET_ALIGN(sizeof *header), sizeof link);
        nsec due = stamp(wire, header) + wire->delay;
        bool ours = link.sll_pkttype == PACKET_OUTGOING; /* what we sent ourselves */
        if (!ours && due > clock_now()) {
            loop_arm(&wire->loop, &wire->due, due);
            return;
        }
        if (!ours)
            send_back(wire, frame + header->tp_net, header->tp_snaplen);
        __atomic_store_n(&header->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
        wire->head = (wire->head + 1) % FRAMES;
    }
}

static void packets_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    struct wire *wire = (struct wire *)((char *)watch - offsetof(struct wire, packets));
    if (!wire->due.armed)
        carry(wire);
}

static void packet_due(struct timer *timer)
{
    carry((struct wire *)((char *)timer - offsetof(struct wire, due)));
}

static void end_ready(struct watch *watch, uint32_t events)
{
    (void)events;
    loop_stop(&((struct wire *)((char *)watch - offsetof(struct wire, end)))->loop);
}

static void *wire_main(void *argument)
{
    struct wire *wire = argument;
    loop_run(&wire->loop, NSEC_NEVER, NULL);
    return NULL;
}

/* ---- Making it ---- */

static int open_packets(struct wire *wire, struct error *err)
{
    int version = TPACKET_V2;
    struct tpacket_req request = {.tp_block_size = BLOCK_SIZE,
                                  .tp_block_nr = FRAMES / (BLOCK_SIZE / FRAME_SIZE),
                                  .tp_frame_size = FRAME_SIZE,
                                  .tp_frame_nr = FRAMES};
    struct sockaddr_ll far = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = (int)wire->veth.far};
    /* Protocol 0: it gets nothing before it is bound. */
    wire->packets.fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (wire->packets.fd < 0)
        return error_errno(err, "cannot make a network path with a delay: socket(AF_PACKET)");
    if (setsockopt(wire->packets.fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version) ||
        setsockopt(wire->packets.fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request))
        return error_errno(err, "cannot make a network path with a delay: PACKET_RX_RING");
    void *ring = mmap(NULL, (size_t)FRAMES * FRAME_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, wire->packets.fd, 0);
    if (ring == MAP_FAILED)
        return error_errno(err, "cannot make a network path with a delay: mmap");
    wire->ring = ring;
    if (bind(wire->packets.fd, (struct sockaddr *)&far, sizeof far))
        return error_errno(err, "cannot make a network path with a delay: bind");
    return 0;
}

static int prepare(struct wire *wire, struct error *err)
{
    struct endpoint near[] = {wire_ends(AF_INET).near, wire_ends(AF_INET6).near};
    int status = loop_init(&wire->loop, false, err);
    if (!status)
        status = veth_make(&wire->veth, near, 2, PREFIX_IPV4, PREFIX_IPV6, err);
    if (!status)
        status = open_packets(wire, err);
    wire->end.fd = status ? -1 : eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!status && wire->end.fd < 0)
        status = error_errno(err, "eventfd");
    /* Edge-triggered: a packet that waits for its time is no news. */
    if (!status)
        status = loop_add(&wire->loop, &wire->packets, EPOLLIN | EPOLLET, err);
    if (!status)
        status = loop_add(&wire->loop, &wire->end, EPOLLIN, err);
    if (status)
        return status;
    int code = pthread_create(&wire->thread, NULL, wire_main, wire);
    wire->started = !code;
    return code ? error_set(err, code, "cannot start a thread: %s", strerror(code)) : 0;
}

int wire_open(struct wire **out, nsec delay, struct error *err)
{
    struct wire *wire = calloc(1, sizeof *wire);
    *out = NULL;
    if (!wire)
        return error_set(err, ENOMEM, "no memory for a network path");
    *wire = (struct wire){.delay = delay,
                          .packets = {.ready = packets_ready, .fd = -1},
                          .end = {.ready = end_ready, .fd = -1},
                          .due.fired = packet_due,
                          .offset = clock_realtime_offset()};
    int status = prepare(wire, err);
    if (status)
        wire_release(wire);
    else
        *out = wire;
    return status;
}

unsigned wire_inner_device(const struct wire *wire)
{
    return wire->veth.far;
}

uint64_t wire_lost(const struct wire *wire)
{
    struct tpacket_stats stats = {0};
    socklen_t size = sizeof stats;
    /* Reading resets them. */
    if (!getsockopt(wire->packets.fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size))
        ((struct wire *)wire)->lost += stats.tp_drops;
    return wire->lost;
}

void wire_release(struct wire *wire)
{
    if (!wire)
        return;
    if (wire->started) {
        eventfd_write(wire->end.fd, 1);
        pthread_join(wire->thread, NULL);
    }
    loop_release(&wire->loop);
    if (wire->ring)
        munmap(wire->ring, (size_t)FRAMES * FRAME_SIZE);
    fd_close(&wire->packets.fd);
    fd_close(&wire->end.fd);
    free(wire);
}
