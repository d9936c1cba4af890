/* A ring of captured packets, shared with the kernel: nothing is read, and nobody woken, while the burst runs. */
#include "backlogctl/capture.h"

#include "backlogctl/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* Room for the ring's own headers (88 bytes) and the longest IPv6 and TCP headers that we look at. */
#define FRAME_SIZE 224
#define SNAPPED 120
#define BLOCK_SIZE 65536
#define FRAMES_PER_BLOCK (BLOCK_SIZE / FRAME_SIZE)

struct capture {
    int fd;
    unsigned char *ring;
    size_t blocks;
    nsec offset; /* CLOCK_REALTIME, which the kernel stamps with, minus CLOCK_MONOTONIC */
    uint64_t missed;
};

/* lo shows each packet twice, on its way out and on its way in: the second is enough. */
static int set_filter(int fd, unsigned ignored)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)SKF_AD_OFF + SKF_AD_IFINDEX),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ignored ? ignored : UINT32_MAX, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)SKF_AD_OFF + SKF_AD_PKTTYPE),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SNAPPED),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

static int map_ring(struct capture *c, size_t most, struct error *err)
{
    int version = TPACKET_V2;
    c->blocks = most / FRAMES_PER_BLOCK + 1;
    struct tpacket_req request = {.tp_block_size = BLOCK_SIZE,
                                  .tp_block_nr = (unsigned)c->blocks,
                                  .tp_frame_size = FRAME_SIZE,
                                  .tp_frame_nr = (unsigned)(c->blocks * FRAMES_PER_BLOCK)};
    if (setsockopt(c->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof version))
        return error_errno(err, "cannot record packets: PACKET_VERSION");
    if (setsockopt(c->fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request))
        return error_errno(err, "cannot record packets: PACKET_RX_RING");
    void *ring = mmap(NULL, c->blocks * BLOCK_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
    if (ring == MAP_FAILED)
        return error_errno(err, "cannot record packets: mmap");
    c->ring = ring;
    return 0;
}

int capture_open(struct capture **out, size_t most, unsigned ignored, struct error *err)
{
    struct capture *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c)
        return error_set(err, ENOMEM, "no memory to record packets");
    /* It gets nothing before it is bound to a protocol: so nothing comes before the filter. */
    c->fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int status = c->fd < 0 ? error_errno(err, "cannot record packets: socket(AF_PACKET)") : 0;
    if (!status && set_filter(c->fd, ignored))
        status = error_errno(err, "cannot record packets: SO_ATTACH_FILTER");
    if (!status)
        status = map_ring(c, most, err);
    struct sockaddr_ll all = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    if (!status && bind(c->fd, (struct sockaddr *)&all, sizeof all))
        status = error_errno(err, "cannot record packets: bind");
    if (status) {
        capture_release(c);
        return status;
    }
    c->offset = clock_realtime_offset();
    *out = c;
    return 0;
}

/* ---- One packet ---- */

static void read_options(const unsigned char *at, const unsigned char *end, struct packet *out)
{
    while (at < end && *at != TCPOPT_EOL) {
        size_t length = *at == TCPOPT_NOP ? 1 : at + 1 < end ? at[1] : 0;
        if (!length || (*at != TCPOPT_NOP && length < 2))
            return;
        out->cookie = out->cookie || (*at == 34 && length > 2); /* TCPOPT_FASTOPEN; of length 2 it asks for a cookie */
        at += length;
    }
}

static bool read_segment(const unsigned char *bytes, size_t length, size_t total, struct packet *out)
{
    struct tcphdr tcp;
    if (length < sizeof tcp)
        return false;
    memcpy(&tcp, bytes, sizeof tcp);
    size_t header = 4u * tcp.th_off;
    if (header < sizeof tcp || header > total)
        return false;
    out->from.port = ntohs(tcp.th_sport);
    out->to.port = ntohs(tcp.th_dport);
    out->flags = tcp.th_flags;
    out->payload = (uint16_t)(total - header);
    read_options(bytes + sizeof tcp, bytes + (header < length ? header : length), out);
    return true;
}

bool packet_parse(const unsigned char *bytes, size_t length, struct packet *out)
{
    *out = (struct packet){0};
    if (length >= sizeof(struct iphdr) && bytes[0] >> 4 == 4) {
        struct iphdr ip;
        memcpy(&ip, bytes, sizeof ip);
        size_t header = 4u * ip.ihl, total = ntohs(ip.tot_len);
        if (ip.protocol != IPPROTO_TCP || header < sizeof ip || header > length || total < header)
            return false;
        out->from.family = out->to.family = AF_INET;
        memcpy(out->from.bytes, &ip.saddr, sizeof ip.saddr);
        memcpy(out->to.bytes, &ip.daddr, sizeof ip.daddr);
        return read_segment(bytes + header, length - header, total - header, out);
    }
    if (length >= sizeof(struct ip6_hdr) && bytes[0] >> 4 == 6) {
        struct ip6_hdr ip;
        memcpy(&ip, bytes, sizeof ip);
        if (ip.ip6_nxt != IPPROTO_TCP)
            return false;
        out->from.family = out->to.family = AF_INET6;
        memcpy(out->from.bytes, &ip.ip6_src, sizeof ip.ip6_src);
        memcpy(out->to.bytes, &ip.ip6_dst, sizeof ip.ip6_dst);
        return read_segment(bytes + sizeof ip, length - sizeof ip, ntohs(ip.ip6_plen), out);
    }
    return false;
}

/* ---- Reading ---- */

static bool read_frame(const struct capture *c, const unsigned char *frame, struct packet *out)
{
    struct tpacket2_hdr header;
    struct sockaddr_ll link;
    memcpy(&header, frame, sizeof header);
    memcpy(&link, frame + TPACKET_ALIGN(sizeof header), sizeof link);
    size_t room = header.tp_net < FRAME_SIZE ? FRAME_SIZE - header.tp_net : 0;
    size_t length = header.tp_snaplen < room ? header.tp_snaplen : room;
    if (!packet_parse(frame + header.tp_net, length, out))
        return false;
    out->at = (nsec)header.tp_sec * NSEC_PER_SEC + header.tp_nsec - c->offset;
    out->sent = link.sll_pkttype == PACKET_OUTGOING || link.sll_ifindex == 1;
    out->arrived = link.sll_pkttype != PACKET_OUTGOING;
    return true;
}

void capture_read(struct capture *c, capture_each *each, void *context)
{
    struct tpacket_stats stats = {0};
    socklen_t size = sizeof stats;
    if (!getsockopt(c->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size))
        c->missed += stats.tp_drops;
    for (size_t i = 0; i < c->blocks * FRAMES_PER_BLOCK; i++) {
        const unsigned char *frame = c->ring + i / FRAMES_PER_BLOCK * BLOCK_SIZE + i % FRAMES_PER_BLOCK * FRAME_SIZE;
        const volatile uint32_t *status = (const volatile uint32_t *)(const void *)frame;
        struct packet packet;
        if (!(*status & TP_STATUS_USER))
            break;
        if (read_frame(c, frame, &packet))
            each(context, &packet);
    }
}

uint64_t capture_missed(const struct capture *c)
{
    return c->missed;
}

void capture_release(struct capture *c)
{
    if (!c)
        return;
    if (c->ring)
        munmap(c->ring, c->blocks * BLOCK_SIZE);
    fd_close(&c->fd);
    free(c);
}
