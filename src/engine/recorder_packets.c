/* A timeline from packets: what each of them did to its connection and to the queue follows from the order in which they came,
   and from what became of the connection in the end. */
#include "backlogctl/run.h"
#include "recorder_packets.h"

#include "source_index.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

/* ---- Whose packet ---- */

struct gathering {
    struct moments *log;
    struct source_index *indexes; /* one a target */
    size_t count;
    nsec epoch;
    bool no_memory;
};

static bool has_source(const struct attempt *a)
{
    return a->bound;
}

static void note(struct gathering *g, const struct target *target, const struct attempt *a, enum moment_kind kind,
                 const struct packet *p)
{
    struct moment moment = {.at = p->at - g->epoch,
                            .target = target,
                            .attempt = (uint32_t)(a - target->attempts),
                            .kind = (uint8_t)kind,
                            .cookie = p->cookie};
    g->no_memory = !moments_add(g->log, moment) || g->no_memory;
}

static void note_from_client(struct gathering *g, const struct target *target, const struct attempt *a, const struct packet *p)
{
    if (p->flags & TH_SYN) {
        if (p->sent)
            note(g, target, a, MOMENT_SYN, p);
        if (p->arrived)
            note(g, target, a, MOMENT_SYN_THERE, p);
    } else if (p->arrived) {
        note(g, target, a, p->payload ? MOMENT_DATA : MOMENT_ACK, p);
    }
}

static void note_from_server(struct gathering *g, const struct target *target, const struct attempt *a, const struct packet *p)
{
    if (!p->arrived)
        return;
    /* Of what no process has accepted the kernel closes nothing but by a reset, and sends no data. */
    if (!(p->flags & TH_RST) && (p->flags & TH_FIN || p->payload))
        note(g, target, a, MOMENT_SERVED, p);
    if (p->flags & (TH_FIN | TH_RST))
        note(g, target, a, MOMENT_CLOSED, p);
    else if (!p->payload)
        note(g, target, a, (p->flags & TH_SYN) ? MOMENT_SYN_ACK : MOMENT_ANSWERED, p);
}

/* A path that swaps the addresses on the way (see wire.h) makes what arrives at the server look as if it came from the far address. */
static struct packet seen_from_client(const struct target *target, const struct packet *packet)
{
    struct packet p = *packet;
    if (target->reflected && p.arrived && p.to.port == target->address.port) {
        struct endpoint from = p.from;
        memcpy(p.from.bytes, p.to.bytes, sizeof from.bytes);
        memcpy(p.to.bytes, from.bytes, sizeof from.bytes);
    }
    return p;
}

static bool is_at(const struct endpoint *e, const struct target *target)
{
    return e->port == target->address.port && e->family == target->address.family &&
           !memcmp(e->bytes, target->address.bytes, sizeof e->bytes);
}

static void each_packet(void *context, const struct packet *packet)
{
    struct gathering *g = context;
    for (size_t t = 0; t < g->count; t++) {
        const struct target *target = g->indexes[t].target;
        struct packet p = seen_from_client(target, packet);
        bool from_client = is_at(&p.to, target);
        if (!g->indexes[t].slots || (!from_client && !is_at(&p.from, target)))
            continue;
        const struct attempt *a = source_index_find(&g->indexes[t], from_client ? &p.from : &p.to);
        if (a && from_client)
            note_from_client(g, target, a, &p);
        else if (a)
            note_from_server(g, target, a, &p);
    }
}

int packets_gather(struct capture *capture, struct moments *log, struct target *targets, size_t count, nsec epoch,
                   struct error *err)
{
    struct source_index indexes[TARGETS_MAX] = {0};
    struct gathering g = {.log = log, .indexes = indexes, .count = count, .epoch = epoch};
    int status = 0;
    for (size_t t = 0; t < count && !status; t++) {
        indexes[t].target = &targets[t];
        if (targets[t].attempt_count && has_handshake(targets[t].transport.kind))
            status = source_index_build(&indexes[t], &targets[t], has_source, err);
    }
    if (!status)
        capture_read(capture, each_packet, &g);
    for (size_t t = 0; t < count; t++)
        free(indexes[t].slots);
    return !status && g.no_memory ? error_set(err, ENOMEM, "no memory for a timeline") : status;
}

/* ---- The outcome ---- */

/* A connection as its packets tell it. */
struct packet_history {
    nsec candidate;   /* it would have entered the queue then; NSEC_NEVER: not yet */
    nsec unanswered;  /* a SYN that has come and has no answer yet */
    nsec served;      /* a process of the server had accepted it by then */
    bool fixed;       /* the server has sent more than SYN-ACKs: it had entered */
    bool asking;      /* data has come and has no answer yet */
    bool established; /* the first SYN-ACK has come */
};

struct change {
    nsec at;
    int8_t queue; /* +1, -1 or 0 */
    bool drop;
    bool at_once; /* leaves at the very moment at which it entered */
};

struct changes {
    struct change *list;
    size_t count, room;
    bool no_memory;
};

static void changes_add(struct changes *c, struct change change)
{
    if (c->count == c->room) {
        size_t room = c->room ? 2 * c->room : 256;
        struct change *list = reallocarray(c->list, room, sizeof *list);
        if (!list) {
            c->no_memory = true;
            return;
        }
        c->list = list;
        c->room = room;
    }
    c->list[c->count++] = change;
}

/* A SYN that is followed by another, or by nothing, was dropped. */
static void drop_unanswered(struct packet_history *s, struct changes *out)
{
    if (s->unanswered != NSEC_NEVER)
        changes_add(out, (struct change){.at = s->unanswered, .drop = true});
    if (s->candidate == s->unanswered)
        s->candidate = NSEC_NEVER;
    s->unanswered = NSEC_NEVER;
}

/* The server makes a connection of the first segment that it takes after its SYN-ACK, and sends no SYN-ACK from then on. What
   it did not take, it dropped: then it sends the SYN-ACK again, or has forgotten the client until data comes twice. */
static void tell_moment(struct packet_history *s, struct lane *lane, const struct moment *m, struct changes *out)
{
    switch ((enum moment_kind)m->kind) {
    case MOMENT_SYN_THERE:
        drop_unanswered(s, out);
        s->unanswered = m->at;
        if (m->cookie && s->candidate == NSEC_NEVER)
            s->candidate = m->at;
        break;
    case MOMENT_SYN_ACK:
        s->unanswered = NSEC_NEVER;
        if (!s->established)
            lane->established = m->at;
        else if (!s->fixed && s->candidate != NSEC_NEVER) {
            changes_add(out, (struct change){.at = s->candidate, .drop = true});
            s->candidate = NSEC_NEVER;
        }
        s->established = true;
        break;
    case MOMENT_ACK:
        if (s->candidate == NSEC_NEVER && s->established)
            s->candidate = m->at;
        break;
    case MOMENT_DATA:
        if (s->asking && !s->fixed) {
            changes_add(out, (struct change){.at = s->candidate, .drop = true});
            s->candidate = m->at;
        } else if (s->candidate == NSEC_NEVER) {
            s->candidate = m->at;
        }
        s->asking = true;
        break;
    case MOMENT_ANSWERED:
        s->fixed = true;
        break;
    case MOMENT_SERVED:
        s->fixed = true;
        s->served = s->served == NSEC_NEVER ? m->at : s->served;
        break;
    case MOMENT_CLOSED:
        s->unanswered = NSEC_NEVER;
        if (lane->closed == NSEC_NEVER)
            lane->closed = m->at;
        break;
    case MOMENT_SYN:
    case MOMENT_QUEUED:
        break;
    }
}

static bool had_entered(const struct attempt *a)
{
    return a->accepted != NSEC_NEVER || a->was_queued || a->peer == PEER_QUEUED || a->peer == PEER_ACCEPTED ||
           a->peer == PEER_CLOSED;
}

static void end_history(struct packet_history *s, struct lane *lane, const struct attempt *a, struct changes *out)
{
    drop_unanswered(s, out);
    if (lane->queued != NSEC_NEVER) /* it was a call that put it there */
        s->candidate = lane->queued;
    if (s->candidate == NSEC_NEVER)
        return;
    if (lane->queued == NSEC_NEVER && s->served == NSEC_NEVER && !had_entered(a)) { /* its last ACK, or its data, was dropped */
        changes_add(out, (struct change){.at = s->candidate, .drop = true});
        return;
    }
    lane->queued = s->candidate;
    if (s->served != NSEC_NEVER && (lane->accepted == NSEC_NEVER || s->served < lane->accepted))
        lane->accepted = s->served;
    changes_add(out, (struct change){.at = lane->queued, .queue = 1});
    if (lane->accepted != NSEC_NEVER) {
        /* The clocks of packets and of accepts are read a moment apart. */
        lane->accepted = lane->accepted < lane->queued ? lane->queued : lane->accepted;
        changes_add(out, (struct change){.at = lane->accepted, .queue = -1, .at_once = lane->accepted == lane->queued});
    }
}

static int tell_stories(const struct moments *log, struct target *target, struct changes *out, struct error *err)
{
    struct packet_history *histories = malloc(target->attempt_count * sizeof *histories);
    if (!histories)
        return error_set(err, ENOMEM, "no memory for a timeline");
    for (size_t i = 0; i < target->attempt_count; i++)
        histories[i] = (struct packet_history){.candidate = NSEC_NEVER, .unanswered = NSEC_NEVER, .served = NSEC_NEVER};
    for (size_t m = 0; m < log->count; m++)
        if (log->list[m].target == target) {
            uint32_t i = log->list[m].attempt;
            tell_moment(&histories[i], &target->timeline.lanes[i], &log->list[m], out);
        }
    for (size_t i = 0; i < target->attempt_count; i++)
        end_history(&histories[i], &target->timeline.lanes[i], &target->attempts[i], out);
    free(histories);
    return out->no_memory ? error_set(err, ENOMEM, "no memory for a timeline") : 0;
}

/* ---- The queue ---- */

static int compare_changes(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    if (x->at_once != y->at_once) /* nobody leaves before he has entered; */
        return x->at_once - y->at_once;
    return x->queue - y->queue; /* else who leaves makes room first */
}

/* An accept is noted some microseconds after it made room. Where the queue would be longer than it can be, the next accept
   has been already. */
#define NOTED_LATE NSEC_PER_MSEC

static void take_late_accepts(struct changes *c, uint64_t capacity)
{
    uint64_t queue = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (c->list[i].queue > 0 && queue >= capacity) {
            size_t j = i + 1;
            while (j < c->count && c->list[j].queue >= 0 && c->list[j].at - c->list[i].at < NOTED_LATE)
                j++;
            if (j < c->count && c->list[j].queue < 0 && c->list[j].at - c->list[i].at < NOTED_LATE) {
                struct change accept = c->list[j];
                accept.at = c->list[i].at;
                memmove(&c->list[i + 1], &c->list[i], (j - i) * sizeof *c->list);
                c->list[i] = accept;
            }
        }
        queue += (uint64_t)(int64_t)c->list[i].queue;
    }
}

static int make_points(struct target *target, struct changes *c, struct error *err)
{
    struct timeline *t = &target->timeline;
    struct queue_point now = {0};
    t->points = malloc((c->count + 1) * sizeof *t->points);
    if (!t->points)
        return error_set(err, ENOMEM, "no memory for a timeline");
    if (c->count)
        qsort(c->list, c->count, sizeof *c->list, compare_changes);
    if (target->before.known && target->member_count == 0)
        take_late_accepts(c, target->before.capacity);
    t->points[t->point_count++] = now;
    for (size_t i = 0; i < c->count; i++) {
        now.at = c->list[i].at > 0 ? c->list[i].at : 0;
        now.queue = (uint32_t)((int64_t)now.queue + c->list[i].queue);
        now.discarded += c->list[i].drop;
        t->points[t->point_count++] = now;
    }
    return 0;
}

int moments_make_points(const struct moments *log, struct target *target, struct error *err)
{
    struct changes changes = {0};
    int status = tell_stories(log, target, &changes, err);
    if (!status)
        status = make_points(target, &changes, err);
    free(changes.list);
    return status;
}
