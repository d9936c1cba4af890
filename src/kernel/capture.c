/* A ring of captured packets, shared with the kernel: nothing is read, and nobody woken, while the burst runs. */
#include "backlogctl/capture.h"

#include "ring.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

/* Room for the ring's own headers (88 bytes) and the longest IPv6 and TCP headers that we look at. */
#define FRAME_SIZE 224
#define SNAPPED 120

struct capture {
    struct ring ring;
};

int capture_open(struct capture **out, size_t most, unsigned ignored, struct error *err)
{
    /* lo shows each packet twice, on its way out and on its way in: the second is enough. */
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)SKF_AD_OFF + SKF_AD_IFINDEX),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ignored ? ignored : UINT32_MAX, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 2),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)SKF_AD_OFF + SKF_AD_PKTTYPE),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SNAPPED),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog filter = {.len = sizeof code / sizeof *code, .filter = code};
    const struct ring_plan plan = {.purpose = "cannot record packets",
                                   .frame_size = FRAME_SIZE,
                                   .frames = most + 1,
                                   .filter = &filter};
    struct capture *c = calloc(1, sizeof *c);
    *out = NULL;
    if (!c)
        return error_set(err, ENOMEM, "no memory to record packets");
    int status = ring_open(&c->ring, &plan, err);
    if (status)
        capture_release(c);
    else
        *out = c;
    return status;
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

void capture_read(struct capture *c, capture_each *each, void *context)
{
    struct ring_packet raw;
    for (size_t i = 0; i < c->ring.frames && ring_read(&c->ring, i, &raw); i++) {
        struct packet packet;
        if (!packet_parse(raw.bytes, raw.length, &packet))
            continue;
        packet.at = raw.at;
        packet.sent = raw.outgoing || raw.interface == 1;
        packet.arrived = !raw.outgoing;
        each(context, &packet);
    }
}

uint64_t capture_missed(struct capture *c)
{
    return ring_lost(&c->ring);
}

void capture_release(struct capture *c)
{
    if (!c)
        return;
    ring_close(&c->ring);
    free(c);
}
