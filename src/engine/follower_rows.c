/* What each sight of a socket tells of its connection. */
#include "follower_rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Rows by cookie ---- */

#define ROOM_FIRST 1024

#define CROWDED_LOOKS 2

static size_t home_of(const struct row_table *table, uint64_t cookie)
{
    return (size_t)((cookie * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (table->room - 1);
}

static void put_slot(struct row_table *table, const struct observed *rows, struct row_slot slot)
{
    size_t at = home_of(table, rows[slot.row - 1].cookie);
    while (table->slots[at].row)
        at = (at + 1) & (table->room - 1);
    table->slots[at] = slot;
}

static bool widen(struct row_table *table, const struct observed *rows)
{
    struct row_table wider = {.room = table->room ? 2 * table->room : ROOM_FIRST, .used = table->used};
    wider.slots = calloc(wider.room, sizeof *wider.slots);
    if (!wider.slots)
        return false;
    for (size_t i = 0; i < table->room; i++)
        if (table->slots[i].row)
            put_slot(&wider, rows, table->slots[i]);
    free(table->slots);
    *table = wider;
    return true;
}

static struct row_slot *find(struct follower *f, uint64_t cookie)
{
    struct row_table *table = &f->table;
    if (!table->room)
        return NULL;
    for (size_t at = home_of(table, cookie); table->slots[at].row; at = (at + 1) & (table->room - 1))
        if (f->o->rows[table->slots[at].row - 1].cookie == cookie)
            return &table->slots[at];
    return NULL;
}

/* Closes the gap: what follows may have been put further on because of it. */
static void take_out(struct follower *f, struct row_slot *slot)
{
    struct row_table *table = &f->table;
    size_t mask = table->room - 1, hole = (size_t)(slot - table->slots);
    for (size_t at = (hole + 1) & mask; table->slots[at].row; at = (at + 1) & mask) {
        size_t home = home_of(table, f->o->rows[table->slots[at].row - 1].cookie);
        if (((at - home) & mask) < ((at - hole) & mask))
            continue;
        table->slots[hole] = table->slots[at];
        hole = at;
    }
    table->slots[hole] = (struct row_slot){0};
    table->used--;
}

static int keep_local(struct observation *o, const struct endpoint *local)
{
    for (size_t i = o->local_count; i--;)
        if (endpoint_equal(&o->locals[i], local))
            return (int)i;
    if (o->local_count == o->local_room) {
        size_t room = o->local_room ? 2 * o->local_room : 16;
        struct endpoint *locals = room <= UINT16_MAX + 1 ? realloc(o->locals, room * sizeof *locals) : NULL;
        if (!locals)
            return -1;
        o->locals = locals;
        o->local_room = room;
    }
    o->locals[o->local_count] = *local;
    return (int)o->local_count++;
}

static struct observed *new_row(struct observation *o)
{
    if (o->row_count == o->row_room) {
        size_t room = o->row_room ? 2 * o->row_room : ROOM_FIRST;
        struct observed *rows = room < UINT32_MAX ? realloc(o->rows, room * sizeof *rows) : NULL;
        if (!rows)
            return NULL;
        o->rows = rows;
        o->row_room = room;
    }
    return &o->rows[o->row_count];
}

/* A connection that nothing is known of yet; NULL where there is no memory. It stays in the table if it can change. */
static struct observed *add(struct follower *f, const struct diag_socket *socket, int listener, bool can_change)
{
    struct observation *o = f->o;
    int local = keep_local(o, &socket->local);
    bool room = !can_change || f->table.used * 4 < f->table.room * 3 || widen(&f->table, o->rows);
    struct observed *row = local >= 0 && room ? new_row(o) : NULL;
    if (!row) {
        observation_note(o, "memory ran out");
        return NULL;
    }
    *row = (struct observed){.cookie = socket->cookie,
                             .remote_port = socket->remote.port,
                             .local = (uint16_t)local,
                             .listener = (uint16_t)listener,
                             .half_min = MOMENT_NONE,
                             .half_max = MOMENT_NONE,
                             .entered_min = MOMENT_NONE,
                             .entered_max = MOMENT_NONE,
                             .accepted_min = MOMENT_NONE,
                             .accepted_max = MOMENT_NONE,
                             .closed_min = MOMENT_NONE,
                             .closed_max = MOMENT_NONE};
    memcpy(row->remote, socket->remote.bytes, sizeof row->remote);
    o->row_count++;
    if (can_change) {
        put_slot(&f->table, o->rows, (struct row_slot){(uint32_t)o->row_count, f->look});
        f->table.used++;
    }
    return row;
}

/* ---- Moments ---- */

static uint64_t moment(const struct follower *f, nsec at, nsec rounding)
{
    nsec span = at - f->epoch + rounding;
    uint64_t micro = span > 0 ? (uint64_t)(span / NSEC_PER_USEC) : 0;
    return micro < MOMENT_NONE ? micro : MOMENT_NONE - 1;
}

/* What is seen now had happened by now. */
static uint64_t by_now(const struct follower *f)
{
    return moment(f, f->now, NSEC_PER_USEC - 1);
}

/* Whatever a whole look did not show had not happened when it began; before the first nothing is known. */
static uint64_t not_before(const struct follower *f, uint32_t look)
{
    return look ? moment(f, f->spans[look % LOOK_SPANS].begin, 0) : MOMENT_NONE;
}

static uint64_t this_look(const struct follower *f)
{
    return moment(f, f->spans[f->look % LOOK_SPANS].begin, 0);
}

/* ---- Sights ---- */

enum sighted { SIGHTED_NOTHING, SIGHTED_REQUEST, SIGHTED_QUEUED, SIGHTED_ACCEPTED, SIGHTED_CLOSED };

static enum sighted sighted(const struct diag_socket *child)
{
    switch ((enum tcp_state)child->state) {
    case STATE_SYN_RECV:
    case STATE_NEW_SYN_RECV: /* whole: by Fast Open it can be in the queue, and accepted, before the handshake is complete */
        return !child->is_whole ? SIGHTED_REQUEST : child->inode ? SIGHTED_ACCEPTED : SIGHTED_QUEUED;
    case STATE_ESTABLISHED:
    case STATE_CLOSE_WAIT:
        return child->inode ? SIGHTED_ACCEPTED : SIGHTED_QUEUED;
    case STATE_FIN_WAIT1:
    case STATE_FIN_WAIT2:
    case STATE_LAST_ACK:
    case STATE_CLOSING:
        return !child->is_whole ? SIGHTED_NOTHING : child->inode ? SIGHTED_ACCEPTED : SIGHTED_CLOSED;
    case STATE_NONE:
    case STATE_TIME_WAIT:
    case STATE_CLOSE:
    case STATE_SYN_SENT:
    case STATE_LISTEN:
    case STATE_COUNT:
        break;
    }
    return SIGHTED_NOTHING;
}

static void note_entered(struct follower *f, struct observed *row, uint64_t not_yet)
{
    if (row->entered_max != MOMENT_NONE)
        return;
    row->entered_min = not_yet;
    row->entered_max = by_now(f);
    f->found += not_yet != MOMENT_NONE;
}

static void note_accepted(struct follower *f, struct observed *row, uint64_t not_yet)
{
    if (row->accepted_max != MOMENT_NONE)
        return;
    row->accepted_min = not_yet;
    row->accepted_max = by_now(f);
}

static void note_closed(struct follower *f, struct observed *row, enum observed_state state, enum sighting sight,
                        uint64_t not_yet)
{
    row->state = (uint8_t)state;
    row->sight = (uint8_t)sight & 15;
    row->gone = true;
    row->closed_min = not_yet;
    row->closed_max = by_now(f);
    f->changed = f->now;
}

/* Since when the row's last sight stands: what is seen at a look was so when it began, or a moment later. */
static uint64_t last_sight(const struct observed *row)
{
    return row->closed_min;
}

static void become(struct follower *f, struct observed *row, enum observed_state state)
{
    if (row->state != state)
        f->changed = f->now;
    row->state = (uint8_t)state;
    row->sight = SIGHT_LIST;
    row->gone = row->missed = false;
    row->closed_max = MOMENT_NONE;
}

static void see_row(struct follower *f, struct observed *row, enum sighted what, uint64_t not_yet)
{
    if (what == SIGHTED_REQUEST) {
        if (row->half_max == MOMENT_NONE) {
            row->half_min = not_yet;
            row->half_max = by_now(f);
        }
        become(f, row, OBSERVED_HALF_OPEN);
    } else {
        note_entered(f, row, not_yet);
        if (what != SIGHTED_QUEUED)
            note_accepted(f, row, not_yet);
        if (what != SIGHTED_CLOSED)
            become(f, row, what == SIGHTED_QUEUED ? OBSERVED_QUEUED : OBSERVED_ACCEPTED);
        else if (row->state != OBSERVED_CLOSED)
            note_closed(f, row, OBSERVED_CLOSED, SIGHT_LIST, not_yet);
    }
    if (what != SIGHTED_CLOSED)
        row->closed_min = this_look(f);
}

void rows_see(struct follower *f, const struct diag_socket *child)
{
    enum sighted what = child->remote.port ? sighted(child) : SIGHTED_NOTHING;
    if (what == SIGHTED_NOTHING)
        return;
    struct row_slot *slot = find(f, child->cookie);
    if (slot) {
        struct observed *row = &f->o->rows[slot->row - 1];
        slot->look = f->look;
        if (!row->before)
            see_row(f, row, what, last_sight(row));
        return;
    }
    bool foreign = false;
    int listener = listener_of_seen(f, child, &foreign);
    struct observed *row = listener < 0 ? NULL : add(f, child, listener, true);
    if (!row)
        return;
    row->before = foreign;
    if (foreign)
        return;
    row->state = OBSERVED_STATE_COUNT; /* none yet */
    see_row(f, row, what, not_before(f, f->look - 1));
    row->before = f->look == 1 && (what == SIGHTED_ACCEPTED || what == SIGHTED_CLOSED);
    f->changed = f->now;
}

/* ---- Ends ---- */

/* The first look that a socket which never was in a list was surely born after. It would have been in each that was over before it sent
   something last, as its birth counts: what has been reset sends nothing. */
static uint64_t unborn_at(const struct follower *f, const struct diag_socket *socket)
{
    nsec sent = f->drained - socket->last_data_sent_ms * NSEC_PER_MSEC - f->grain;
    for (uint32_t look = f->look; look && look + LOOK_SPANS > f->look + 1; look--)
        if (f->spans[look % LOOK_SPANS].end && f->spans[look % LOOK_SPANS].end < sent)
            return not_before(f, look);
    return f->first.end && f->first.end < sent ? moment(f, f->first.begin, 0) : MOMENT_NONE;
}

static void end_unseen(struct follower *f, const struct diag_socket *socket)
{
    bool before = f->now - socket->last_data_sent_ms * NSEC_PER_MSEC + f->grain < f->first.begin;
    if (f->look && !socket->remote.port && endpoint_is_any(&socket->remote))
        note_bound(f, socket);
    int listener = f->look && !before ? listener_of_child(f, socket, true) : -1;
    if (listener < 0)
        return;
    f->changed = f->now;
    if (!socket->remote.port) {
        f->peerless += !endpoint_is_any(&socket->remote);
        return;
    }
    struct observed *row = add(f, socket, listener, false);
    if (!row)
        return;
    uint64_t not_yet = unborn_at(f, socket);
    f->found_maybe += not_yet == MOMENT_NONE;
    note_entered(f, row, not_yet);
    note_accepted(f, row, not_yet);
    note_closed(f, row, OBSERVED_CLOSED, SIGHT_DESTROYED, not_yet);
}

static void end_row(struct follower *f, struct observed *row, bool with_peer)
{
    if (row->sight == SIGHT_EMPTIED && !with_peer) /* or the listener was ended and begun again between two looks */
        row->accepted_min = row->accepted_max = MOMENT_NONE;
    bool was_accepted = row->accepted_max != MOMENT_NONE;
    uint64_t not_yet = last_sight(row);
    note_entered(f, row, not_yet);
    if (with_peer)
        note_accepted(f, row, not_yet);
    if (row->gone && row->state != OBSERVED_EXPIRED) { /* it was over before: when, is known better already */
        row->state = OBSERVED_CLOSED;
        if (!was_accepted)
            row->sight = with_peer ? SIGHT_DESTROYED : SIGHT_CUT;
        return;
    }
    note_closed(f, row, OBSERVED_CLOSED, with_peer || was_accepted ? SIGHT_DESTROYED : SIGHT_CUT, not_yet);
}

void rows_end(struct follower *f, const struct diag_socket *socket)
{
    struct row_slot *slot = find(f, socket->cookie);
    bool never_queued = socket->remote.port && (socket->state == STATE_SYN_RECV || (socket->has_info && !socket->segments_in));
    if (never_queued) {
        f->stillborn += f->look && listener_of_child(f, socket, true) >= 0;
        return;
    }
    if (!slot) {
        end_unseen(f, socket);
        return;
    }
    struct observed *row = &f->o->rows[slot->row - 1];
    if (!row->before)
        end_row(f, row, socket->remote.port);
    take_out(f, slot);
}

/* ---- What is no longer there ---- */

/* Of those that were reset in the queue, some have been accepted since, and nothing tells which. The length of the queue is read after
   the list, and the server may accept in between, so one look may be wrong. */
static void doubt(struct follower *f, struct observed *row, uint32_t looks)
{
    if (!row->before && row->gone && row->state == OBSERVED_QUEUED && place_of(f, row->listener)->crowded >= looks)
        row->state = OBSERVED_CLOSED;
}

/* Whether all queues that the row may be in are empty. */
static bool is_emptied(const struct follower *f, const struct observed *row)
{
    const struct listener *first = &f->o->listeners[row->listener].facts;
    for (size_t i = 0; i < f->o->listener_count; i++) {
        const struct observed_listener *l = &f->o->listeners[i];
        bool same = is_same_place(&l->facts, first);
        bool died = l->gone || (l->back_at && row->entered_max <= moment(f, l->back_at, 0)); /* with the queue */
        if (same && (died || l->facts.queue))
            return false;
    }
    return true;
}

/* A list can leave one out where its neighbour goes while it is written, so one look is not enough. */
static void miss(struct follower *f, struct observed *row)
{
    if (!row->missed) {
        row->missed = true;
        f->unsettled++;
    } else if (row->state == OBSERVED_HALF_OPEN) {
        note_closed(f, row, OBSERVED_EXPIRED, SIGHT_VANISHED, last_sight(row));
    } else {
        note_closed(f, row, row->state == OBSERVED_QUEUED ? OBSERVED_QUEUED : OBSERVED_CLOSED, SIGHT_VANISHED, last_sight(row));
    }
}

/* One of a listener that has gone. It came in after the list of the look that found it gone, and before it went; or while it was back for
   less than a look; or it waits for the kernel, which is about to end all in the queue. But where another listener takes what comes now,
   it is that one's. */
static void outlive(struct follower *f, struct observed *row)
{
    const struct observed_listener *l = &f->o->listeners[row->listener];
    if (!has_rival(f, row)) {
        f->unsettled += row->state == OBSERVED_QUEUED;
        return;
    }
    uint64_t first = row->half_max < row->entered_max ? row->half_max : row->entered_max;
    if (first < moment(f, l->gone_look, 0)) /* a request, which is still one if the listener comes back */
        return;
    row->before = l->gone_at < f->spans[f->look % LOOK_SPANS].begin;
    f->unsettled += !row->before;
    f->found -= row->before && row->entered_max != MOMENT_NONE && row->entered_min != MOMENT_NONE;
}

void rows_miss(struct follower *f)
{
    f->unsettled = 0;
    for (size_t i = 0; i < f->table.room; i++) {
        const struct row_slot *slot = &f->table.slots[i];
        struct observed *row = slot->row ? &f->o->rows[slot->row - 1] : NULL;
        if (!row || row->before)
            continue;
        bool waits = !row->gone && (row->state == OBSERVED_QUEUED || row->state == OBSERVED_HALF_OPEN);
        if (slot->look != f->look && !row->gone)
            miss(f, row);
        else if ((waits || slot->row > f->seen_from) && f->o->listeners[row->listener].gone && place_is_gone(f, row->listener))
            outlive(f, row);
        bool waited = row->gone && row->sight == SIGHT_VANISHED && row->accepted_max == MOMENT_NONE;
        if (waited && row->state != OBSERVED_EXPIRED && is_emptied(f, row)) {
            note_accepted(f, row, row->closed_min);
            row->state = OBSERVED_CLOSED;
            row->sight = SIGHT_EMPTIED;
        }
        doubt(f, row, CROWDED_LOOKS);
    }
}

/* ---- Requests whose sockets have another cookie ---- */

static bool is_request(const struct observed *row)
{
    return !row->before && (row->state == OBSERVED_EXPIRED || row->state == OBSERVED_HALF_OPEN);
}

static bool same_ends(const struct observed *a, const struct observed *b)
{
    return a->remote_port == b->remote_port && a->local == b->local && !memcmp(a->remote, b->remote, sizeof a->remote);
}

static size_t home_of_ends(const struct observed *row, size_t room)
{
    uint64_t key = (uint64_t)row->remote_port << 16 | row->local;
    for (size_t i = 0; i < sizeof row->remote; i++)
        key = key * 31 + row->remote[i];
    return (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (room - 1);
}

/* The first look at a request gives it a cookie, which its socket does not have if it was made at that very moment: then the request
   seems to expire. */
static void take_over(struct observed *row, struct observed *request)
{
    bool later = row->entered_min != MOMENT_NONE && row->entered_min > request->closed_min; /* of the same port, used again */
    if (later || row->entered_max < request->half_min || row->entered_max == MOMENT_NONE || request->before)
        return;
    row->half_min = request->half_min;
    row->half_max = request->half_max;
    if (row->entered_min == MOMENT_NONE || row->entered_min < request->closed_min)
        row->entered_min = request->closed_min < row->entered_max ? request->closed_min : row->entered_min;
    request->before = true;
}

void rows_settle(struct follower *f)
{
    struct observation *o = f->o;
    size_t requests = 0, room = 64;
    for (size_t i = 0; i < o->row_count; i++) {
        doubt(f, &o->rows[i], 1);
        requests += is_request(&o->rows[i]);
    }
    while (room < 2 * requests)
        room *= 2;
    uint32_t *slots = requests ? calloc(room, sizeof *slots) : NULL;
    if (requests && !slots)
        observation_note(o, "memory ran out");
    for (size_t i = 0; slots && i < o->row_count; i++)
        if (is_request(&o->rows[i])) {
            size_t at = home_of_ends(&o->rows[i], room);
            while (slots[at])
                at = (at + 1) & (room - 1);
            slots[at] = (uint32_t)i + 1;
        }
    for (size_t i = 0; slots && i < o->row_count; i++)
        if (!is_request(&o->rows[i]) && !o->rows[i].before)
            for (size_t at = home_of_ends(&o->rows[i], room); slots[at]; at = (at + 1) & (room - 1))
                if (same_ends(&o->rows[slots[at] - 1], &o->rows[i]))
                    take_over(&o->rows[i], &o->rows[slots[at] - 1]);
    free(slots);
}
