/* Readings of the listener's counter around the SYNs of a burst. */
#include "ledger.h"

#include "backlogctl/clock.h"
#include "backlogctl/listener.h"

/* As many single SYNs are told apart; of larger bursts, blocks of equal size. */
#define READINGS 512

/* A reading this old encloses the traffic of others: what they lose could stand for what a filter took of ours. */
#define TIGHT (50 * NSEC_PER_USEC)

static bool read_now(struct ledger *ledger)
{
    if (listener_look(ledger->diag, &ledger->target->before, &ledger->queue, &ledger->discarded, NULL)) {
        ledger->target = NULL; /* it has gone */
        return false;
    }
    ledger->read_at = clock_now();
    return true;
}

static bool is_full(const struct ledger *ledger)
{
    return ledger->queue >= ledger->target->before.capacity;
}

static void begin_block(struct ledger *ledger, size_t from)
{
    uint64_t capacity = ledger->target->before.capacity;
    ledger->from = from;
    ledger->silent = 0;
    ledger->due = from + (ledger->queue < capacity ? capacity - ledger->queue : 0);
}

void ledger_begin(struct ledger *ledger, struct sockdiag *diag, struct target *target, size_t count)
{
    *ledger = (struct ledger){.diag = diag, .block = 1 + count / READINGS};
    if (!target->before.known || !target->before.discarded_known || target->before.members != 1 ||
        !has_handshake(target->transport.kind))
        return;
    ledger->target = target;
    if (read_now(ledger))
        begin_block(ledger, 0);
}

/* What the silent SYNs of a block have in common. A block of one that is enclosed by two readings is the usual case; where the queue
   became full in the middle, as many packets as SYNs must have been dropped. */
static void close_block(struct ledger *ledger, size_t end)
{
    struct target *target = ledger->target;
    bool was_full = is_full(ledger);
    uint64_t before = ledger->discarded;
    if (!read_now(ledger))
        return;
    uint64_t rise = (ledger->discarded - before) & UINT32_MAX;
    bool full = is_full(ledger);
    bool by_full = full && (was_full ? rise >= ledger->silent : rise == ledger->silent);
    bool by_open = !full && !was_full && rise >= ledger->silent;
    target->undropped |= rise < ledger->silent;
    for (size_t i = ledger->from; i < end; i++) {
        struct attempt *a = &target->attempts[i];
        a->drop_full = by_full && a->state == STATE_SYN_SENT;
        a->drop_open = by_open && a->state == STATE_SYN_SENT;
    }
    begin_block(ledger, end);
}

void ledger_before(struct ledger *ledger, size_t next)
{
    if (!ledger->target || next < ledger->due || clock_now() - ledger->read_at < TIGHT)
        return;
    if (ledger->silent)
        close_block(ledger, next);
    else if (read_now(ledger))
        begin_block(ledger, next);
}

void ledger_silent(struct ledger *ledger, size_t i)
{
    if (!ledger->target)
        return;
    if (++ledger->silent >= ledger->block)
        close_block(ledger, i + 1);
}

void ledger_end(struct ledger *ledger)
{
    if (ledger->target && ledger->silent)
        close_block(ledger, ledger->target->attempt_count);
}
