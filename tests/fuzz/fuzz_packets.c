/* Packets: as they lie on the wire, and as a recorder makes a timeline of those of a burst. */
#include "fuzz.h"

#include "kernel/ring.h"

#include "backlogctl/capture.h"
#include "backlogctl/recorder.h"
#include "backlogctl/report.h"
#include "backlogctl/run.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#define PORT 80
#define ATTEMPTS_MAX 12
#define FRAME_SIZE 224 /* of capture.c's ring */
#define PACKET_SIZE 128
#define FRAMES_MAX 290

int __wrap_ring_open(struct ring *ring, const struct ring_plan *plan, struct error *err);
void __wrap_ring_close(struct ring *ring);
bool __wrap_ring_read(const struct ring *ring, size_t i, struct ring_packet *out);
uint64_t __wrap_ring_lost(struct ring *ring);

/* The packets of the ring that capture.c thinks it has: made anew when it asks for them. */
static struct {
    struct bytes rest;
    const struct run *run;
    nsec now;
    struct exact last;
} wire;

int __wrap_ring_open(struct ring *ring, const struct ring_plan *plan, struct error *err)
{
    (void)err;
    MUST(plan->frame_size == FRAME_SIZE);
    *ring = (struct ring){.fd = -1, .frames = FRAMES_MAX};
    return 0;
}

void __wrap_ring_close(struct ring *ring)
{
    (void)ring;
}

uint64_t __wrap_ring_lost(struct ring *ring)
{
    (void)ring;
    return 0;
}

/* A packet of one of the connections, either way. */
static size_t make_packet(struct bytes *bytes, uint8_t out[PACKET_SIZE])
{
    const struct target *target = &wire.run->targets[draw_below(bytes, wire.run->target_count)];
    uint8_t flags = draw_byte(bytes), how = draw_byte(bytes);
    size_t payload = how & 2 ? 1 + (how >> 4) : 0, options = how & 4 ? 12 : 0, i = how >> 4;
    bool v6 = target->address.family == AF_INET6;
    size_t header = v6 ? 40 : 20, size = header + 20 + options;
    const struct attempt *a = &target->attempts[i % (target->attempt_count ? target->attempt_count : 1)];
    const struct endpoint client = target->attempt_count ? attempt_source(target, a) : target->address;
    const struct endpoint *from = how & 1 ? &target->address : &client, *to = how & 1 ? &client : &target->address;
    memset(out, 0, PACKET_SIZE);
    out[0] = v6 ? 0x60 : 0x45;
    uint16_t total = htons((uint16_t)(size + payload - (v6 ? 40 : 0)));
    memcpy(out + (v6 ? 4 : 2), &total, sizeof total);
    out[v6 ? 6 : 9] = IPPROTO_TCP;
    memcpy(out + (v6 ? 8 : 12), from->bytes, v6 ? 16 : 4);
    memcpy(out + (v6 ? 24 : 16), to->bytes, v6 ? 16 : 4);
    uint16_t ports[] = {htons(from->port), htons(to->port)};
    memcpy(out + header, ports, sizeof ports);
    out[header + 12] = (uint8_t)((20 + options) / 4 << 4);
    out[header + 13] = flags & (TH_SYN | TH_ACK | TH_FIN | TH_RST);
    for (size_t at = header + 20; at < size; at++)
        out[at] = draw_byte(bytes);
    return size;
}

bool __wrap_ring_read(const struct ring *ring, size_t i, struct ring_packet *out)
{
    uint8_t made[PACKET_SIZE];
    MUST(i < ring->frames);
    free(wire.last.memory);
    wire.last = (struct exact){0};
    if (!wire.rest.left)
        return false;
    uint8_t how = draw_byte(&wire.rest);
    struct bytes packet = {made, 0};
    if (how & 1)
        packet.left = make_packet(&wire.rest, made);
    else
        packet = draw_part(&wire.rest);
    wire.now += how & 2 ? (nsec)draw_raw(&wire.rest, 3) : 1000;
    wire.now -= how & 4 ? (nsec)draw_raw(&wire.rest, 2) : 0;
    wire.last = exact_copy(packet, 0);
    *out = (struct ring_packet){
        .bytes = wire.last.bytes, .length = packet.left, .at = wire.now, .outgoing = how & 8, .interface = how & 16 ? 1 : 2};
    return true;
}

static void parse_alone(struct bytes bytes)
{
    struct packet packet;
    struct exact copy = exact_copy(bytes, 1);
    bool known = packet_parse(copy.bytes, bytes.left, &packet);
    free(copy.memory);
    if (!known)
        return;
    MUST(packet.from.family == packet.to.family && (packet.from.family == AF_INET || packet.from.family == AF_INET6));
    MUST(!packet.sent && !packet.arrived && !packet.at);
}

/* ---- A burst ---- */

static void draw_attempt(struct bytes *bytes, struct target *target, size_t i)
{
    struct attempt *a = &target->attempts[i];
    struct endpoint source = target->address;
    uint8_t what = draw_byte(bytes);
    nsec opened = (nsec)draw_raw(bytes, 2);
    *a = (struct attempt){.id = (uint32_t)i + 1, .opened = opened, .age_ms = -1};
    source.bytes[3] = (uint8_t)i;
    source.port = (uint16_t)(1000 + (what & 128 ? 0 : i));
    a->established = what & 1 ? opened + (nsec)draw_raw(bytes, 2) : NSEC_NEVER;
    a->accepted = what & 2 ? opened + (nsec)draw_raw(bytes, 3) : NSEC_NEVER;
    target->failed[i] = what & 4 ? opened + (nsec)draw_raw(bytes, 2) : NSEC_NEVER;
    a->was_queued = what & 8;
    a->was_half_open = what & 16;
    a->peer = (uint8_t)draw_below(bytes, PEER_COUNT);
    a->state = (uint8_t)draw_below(bytes, STATE_COUNT);
    if (!(what & 32))
        attempt_set_source(target, a, &source);
    if (what & 64)
        a->opened = NSEC_NEVER;
}

static void draw_target(struct bytes *bytes, struct target *target, size_t n)
{
    uint8_t what = draw_byte(bytes);
    target->address = (struct endpoint){.family = what & 1 ? AF_INET6 : AF_INET, .port = PORT, .bytes = {127, 0, 0, (uint8_t)n}};
    target->bound = target->address;
    target->reflected = what & 2;
    target->local = true;
    target->transport.kind = what & 4 ? KIND_UNIX_STREAM : KIND_TCP;
    target->before.known = target->after.known = what & 8;
    target->before.capacity = target->after.capacity = 1 + draw_byte(bytes);
    target->member_count = 0;
    target->attempt_count = draw_below(bytes, ATTEMPTS_MAX + 1);
    MUST(!attempts_make(target, target->attempt_count + 1, true, &(struct error){0}));
    for (size_t i = 0; i < target->attempt_count; i++)
        draw_attempt(bytes, target, i);
}

/* What the reports rely on. */
static void check(const struct target *target)
{
    const struct timeline *t = &target->timeline;
    size_t syns = 0;
    if (!target->attempt_count)
        return;
    MUST(t->lanes && t->syns && (t->points || !t->point_count));
    for (size_t i = 0; i < target->attempt_count; i++) {
        const struct lane *lane = &t->lanes[i];
        MUST(lane->first_syn == syns);
        syns += lane->syns;
        MUST(t->source == TIMELINE_SAMPLES || lane->accepted == NSEC_NEVER || lane->queued == NSEC_NEVER ||
             lane->queued <= lane->accepted);
    }
    for (size_t i = 1; i < t->point_count; i++) {
        MUST(t->points[i].at >= t->points[i - 1].at);
        MUST(t->source == TIMELINE_SAMPLES || t->points[i].discarded >= t->points[i - 1].discarded);
        MUST(t->source == TIMELINE_SAMPLES || t->points[i].queue <= target->attempt_count);
    }
}

static void look(struct recorder *recorder, struct run *run, struct bytes *bytes)
{
    nsec now = 0;
    for (size_t looks = draw_byte(bytes) % 16; looks && bytes->left; looks--) {
        struct target *target = &run->targets[draw_below(bytes, run->target_count)];
        now += (nsec)draw_raw(bytes, 2);
        target->after.queue = draw_byte(bytes);
        target->after.discarded += draw_byte(bytes);
        if (target->attempt_count) {
            struct attempt *a = &target->attempts[draw_below(bytes, target->attempt_count)];
            a->syn_retransmits = draw_byte(bytes) & 7;
            a->was_queued = true;
        }
        recorder_look(recorder, target, now);
    }
}

/* As the study calls it; what comes of it is drawn. */
static void record(struct bytes *bytes)
{
    static struct run run;
    static const enum timeline_source sources[] = {TIMELINE_PACKETS, TIMELINE_PACKETS, TIMELINE_SAMPLES, TIMELINE_CALLS};
    enum timeline_source source = sources[draw_below(bytes, 4)];
    struct recorder *recorder;
    struct error err = {0};
    char *text = NULL;
    size_t length;
    run = (struct run){.command = "probe", .host = "h", .target_count = 1 + draw_below(bytes, 2)};
    for (size_t i = 0; i < run.target_count; i++)
        draw_target(bytes, &run.targets[i], i);
    run.connection_count = run.targets[0].attempt_count;
    MUST(!recorder_open(&recorder, source, 4, 0, &err));
    look(recorder, &run, bytes);
    wire.rest = *bytes;
    wire.run = &run;
    wire.now = 0;
    int status = recorder_finish(recorder, run.targets, run.target_count, 0, 1 + (nsec)draw_raw(bytes, 4), &err);
    MUST(!status);
    recorder_release(recorder);
    for (size_t i = 0; i < run.target_count; i++)
        check(&run.targets[i]);
    FILE *out = open_memstream(&text, &length);
    MUST(out && !report_timeline_svg(out, &run));
    fclose(out);
    free(text);
    for (size_t i = 0; i < run.target_count; i++) {
        timeline_release(&run.targets[i].timeline);
        attempts_release(&run.targets[i]);
    }
    free(wire.last.memory);
    wire.last = (struct exact){0};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    if (draw_bool(&bytes))
        parse_alone(bytes);
    else
        record(&bytes);
    return 0;
}
