/* The path with a delay. The ring that the kernel puts the packets of the far device in is the delay line itself: each stays
   there until its own time stamp is old enough, then goes back with its addresses swapped, which leaves its checksums right. */
#include "backlogctl/wire.h"

#include "ring.h"

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
#include <sys/socket.h>

/* 32 MB: so many packets may be under way in both directions together. */
#define FRAME_SIZE 2048
#define FRAMES 16384
#define PREFIX_IPV4 24
#define PREFIX_IPV6 64

struct wire {
    nsec delay;
    struct veth veth;
    struct loop_source packets;
    struct loop_source end; /* an eventfd */
    struct timer due;
    struct loop loop;
    struct ring ring;
    size_t head; /* the packet that is next to go */
    pthread_t thread;
    bool started;
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

static void carry(struct wire *wire)
{
    struct ring_packet packet;
    while (ring_read(&wire->ring, wire->head, &packet)) {
        nsec due = packet.at + wire->delay;
        if (!packet.outgoing && due > clock_now()) { /* what goes out is what we sent ourselves */
            loop_arm(&wire->loop, &wire->due, due);
            return;
        }
        if (!packet.outgoing)
            send_back(wire, packet.bytes, packet.length);
        ring_give_back(&wire->ring, wire->head);
        wire->head = (wire->head + 1) % wire->ring.frames;
    }
}

static void packets_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    struct wire *wire = (struct wire *)((char *)source - offsetof(struct wire, packets));
    if (!wire->due.armed)
        carry(wire);
}

static void packet_due(struct timer *timer)
{
    carry((struct wire *)((char *)timer - offsetof(struct wire, due)));
}

static void end_ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    loop_stop(&((struct wire *)((char *)source - offsetof(struct wire, end)))->loop);
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
    const struct ring_plan plan = {.purpose = "cannot make a network path with a delay",
                                   .frame_size = FRAME_SIZE,
                                   .frames = FRAMES,
                                   .interface = wire->veth.far};
    int status = ring_open(&wire->ring, &plan, err);
    wire->packets.fd = wire->ring.fd;
    return status;
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
                          .ring.fd = -1};
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

uint64_t wire_lost(struct wire *wire)
{
    return ring_lost(&wire->ring);
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
    ring_close(&wire->ring);
    fd_close(&wire->end.fd);
    free(wire);
}
