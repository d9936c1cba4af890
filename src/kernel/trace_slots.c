/* Slots of listeners that are traced: those that were full are in chains, those that are done with are given away again. The programs of
   bpf/ take slots and put them in front of a chain meanwhile; nobody but we takes any out. */
#include "trace_parts.h"

#ifdef BUILT_WITH_LIBBPF
#include "libbpf.h"

/* The kernel counts on when there are no more. */
uint32_t trace_slots_taken(const struct trace_maps *maps)
{
    uint32_t taken = __atomic_load_n(&maps->common->slots, __ATOMIC_SEQ_CST);
    return taken < maps->slot_count ? taken : maps->slot_count;
}

static uint64_t *chain_of(const struct trace_maps *maps, const struct trace_slot *slot)
{
    return &maps->chains[trace_chain(slot->netns, slot->port)];
}

void trace_slots_note_full(const struct trace_maps *maps, uint32_t number)
{
    struct trace_slot *slot = &maps->slots[number];
    uint64_t *first = chain_of(maps, slot), seen = __atomic_load_n(first, __ATOMIC_SEQ_CST);
    uint32_t outside = 0;
    if (!__atomic_compare_exchange_n(&slot->in_full, &outside, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return;
    do {
        __atomic_store_n(&slot->next_full, (uint32_t)seen, __ATOMIC_SEQ_CST);
    } while (!__atomic_compare_exchange_n(first, &seen, number + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST));
    __atomic_store_n(&maps->common->any_full, 1, __ATOMIC_SEQ_CST);
}

static void take_out(const struct trace_maps *maps, uint32_t number)
{
    struct trace_slot *slot = &maps->slots[number];
    uint64_t *first = chain_of(maps, slot), mine = number + 1;
    if (__atomic_compare_exchange_n(first, &mine, slot->next_full, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        return;
    uint64_t at = __atomic_load_n(first, __ATOMIC_SEQ_CST);
    while (at && at <= maps->slot_count && maps->slots[at - 1].next_full != number + 1)
        at = maps->slots[at - 1].next_full;
    if (at && at <= maps->slot_count)
        __atomic_store_n(&maps->slots[at - 1].next_full, slot->next_full, __ATOMIC_SEQ_CST);
}

/* One that nobody has looks like one that was closed, to who reads the maps without us. */
bool trace_slots_give_back(const struct trace_maps *maps, uint32_t number)
{
    struct trace_slot *slot = &maps->slots[number];
    uint32_t inside = 1;
    if (__atomic_compare_exchange_n(&slot->in_full, &inside, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
        take_out(maps, number);
        return false;
    }
    *slot = (struct trace_slot){.begun = slot->begun, .closed = slot->closed, .family = slot->family, .turn = slot->turn + 1};
    return !libbpf.bpf_map_update_elem(maps->free_slots, NULL, &number, BPF_ANY);
}
#endif
