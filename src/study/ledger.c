/* Readings of the listener's counter around the SYNs of a burst. */
#include "ledger.h"

#include "backlogctl/clock.h"
#include "backlogctl/listener.h"

/* As many single SYNs are told apart; of larger bursts, blocks of equal size. */
#define READINGS 512

/* A reading this old encloses the traffic of others: what they lose could stand for what a filter took of ours. */
#define TIGHT (50 * NSEC_PER_USEC)

/* After so many attempts it is asked for the first time whether anybody else is there, and again after so many more. While nobody is, so
   many SYNs share two readings; once somebody was, none do any longer. */
#define CHECK_FIRST 64
#define CHECK_AGAIN 256
#define CALM_BLOCK 16

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
    solitude_begin(&ledger->solitude);
    if (read_now(ledger))
        begin_block(ledger, 0);
}

static void check_for_others(struct ledger *ledger, size_t end)
{
    if (ledger->disturbed || end - ledger->checked < (ledger->calm ? CHECK_AGAIN : CHECK_FIRST))
        return;
    ledger->calm = solitude_lasted(&ledger->solitude, ledger->target->attempts + ledger->checked, end - ledger->checked);
    ledger->disturbed = !ledger->calm;
    ledger->checked = end;
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
    check_for_others(ledger, end);
    begin_block(ledger, end);
}

void ledger_before(struct ledger *ledger, size_t next)
{
    if (!ledger->target || ledger->calm || next < ledger->due || clock_now() - ledger->read_at < TIGHT)
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
    if (++ledger->silent >= (ledger->calm ? CALM_BLOCK : ledger->block))
        close_block(ledger, i + 1);
}

void ledger_end(struct ledger *ledger)
{
    if (ledger->target && ledger->silent)
        close_block(ledger, ledger->target->attempt_count);
}
