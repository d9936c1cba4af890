/* The facts that are gathered once, when the last look has been taken: who holds the listeners, the way that packets took, what other
   listeners discarded, exact times. */
#include "experiment_internal.h"

#include "backlogctl/conntrack.h"
#include "backlogctl/judge.h"
#include "backlogctl/netns.h"
#include "backlogctl/owner.h"
#include "backlogctl/peers.h"
#include "backlogctl/selection.h"
#include "backlogctl/surveyor.h"
#include "backlogctl/way.h"

#include "started.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of a reuseport group only those that a report compares: each costs a walk through the descriptors of all processes. */
static void name_extremes(struct target *target)
{
    struct listener *fullest = target->members, *emptiest = fullest;
    for (size_t i = 1; i < target->member_count; i++) {
        struct listener *m = &target->members[i];
        fullest = m->queue > fullest->queue ? m : fullest;
        emptiest = m->queue < emptiest->queue ? m : emptiest;
    }
    if (!target->member_count || fullest->queue == emptiest->queue)
        return;
    owner_find_other(fullest);
    owner_find_other(emptiest);
}

/* Found out in a run of this length already, while the first accept was waited for, it need not be found out again, unless that process has
   let go of it since. */
#define OWNERS_LAST (100 * NSEC_PER_MSEC)

static void name_owner(const struct experiment *x, struct target *target)
{
    const struct listener *before = &target->before;
    if (before->processes && before->inode == target->after.inode && x->run.elapsed < OWNERS_LAST &&
        owner_holds(before->pid, before->inode)) {
        owner_copy(before, &target->after);
        owner_name(before->pid, target->after.process);
    } else {
        owner_find_other(&target->after);
    }
    name_extremes(target);
}

static void name_owners(struct experiment *x)
{
    for (size_t t = 0; t < x->run.target_count; t++) {
        struct listener *listener = &x->run.targets[t].after;
        if (!listener->known)
            continue;
        if (x->lab.server) {
            listener->pid = getpid();
            snprintf(listener->process, sizeof listener->process, "backlogctl");
        } else {
            name_owner(x, &x->run.targets[t]);
        }
    }
}

/* Of the target's port, but bound to another address or device; of a reuseport group the first member. */
static bool is_bound_elsewhere(const struct listener *listener, const struct target *target)
{
    return has_handshake((enum socket_kind)listener->kind) && listener->local.port == target->address.port &&
           listener->member == 1;
}

/* Who listens at the port where nobody does at the address. Asked for again after the list was made, the address itself shows whether
   that came meanwhile. */
static void look_for_others(struct experiment *x, struct target *target)
{
    struct listener_list all = {0};
    struct listener here;
    if (!target->looked || !has_handshake(target->transport.kind) || target->after.known)
        return;
    bool nobody = !listener_list_tcp(&x->diag, &all, NULL) &&
                  !listener_find(&x->diag, &target->bound, &target->transport, &here, NULL) && !here.known;
    for (size_t i = 0; i < all.count && nobody; i++)
        if (is_bound_elsewhere(&all.list[i], target) && !target->other_places++)
            target->other_listener = all.list[i];
    free(all.list);
    if (target->other_places)
        owner_find(&target->other_listener);
}

static void merge_accepts(struct experiment *x)
{
    struct error err = {0};
    size_t count;
    const struct server_accept *clients = server_accepts(x->lab.server, &count);
    for (size_t t = 0; t < x->run.target_count; t++)
        if (x->run.targets[t].attempt_count &&
            peers_note_accepts(&x->run.targets[t], clients, count, x->epoch, x->run.elapsed, &err))
            experiment_note(x, &err);
}

/* A client learns of its SYN-ACK some microseconds after it came, and an accept is noted by another clock than packets: where packets
   were seen, their times count, in rows and timeline alike. */
static void use_exact_times(struct target *target)
{
    for (size_t i = 0; i < target->attempt_count && target->timeline.source == TIMELINE_PACKETS; i++) {
        const struct lane *lane = &target->timeline.lanes[i];
        struct attempt *a = &target->attempts[i];
        if (lane->established != NSEC_NEVER && a->established != NSEC_NEVER)
            a->established = lane->established;
        a->accepted_in_packet =
            lane->accepted != NSEC_NEVER && (a->accepted == NSEC_NEVER || lane->accepted < a->accepted - NSEC_PER_USEC);
        if (lane->accepted != NSEC_NEVER)
            a->accepted = lane->accepted;
        /* With Fast Open before the SYN-ACK is at the client: then that is when the connection was there for both. */
        if (a->accepted != NSEC_NEVER && a->established > a->accepted)
            a->established = a->accepted;
    }
}

static void finish_timeline(struct experiment *x)
{
    struct error err = {0};
    if (!x->recorder)
        return;
    if (recorder_finish(x->recorder, x->run.targets, x->run.target_count, x->epoch, x->run.elapsed, &err))
        experiment_note(x, &err);
    else
        for (size_t t = 0; t < x->run.target_count; t++)
            use_exact_times(&x->run.targets[t]);
}

static void note_wire(struct experiment *x)
{
    struct error err = {0};
    uint64_t lost = x->lab.wire ? wire_lost(x->lab.wire) : 0;
    if (!lost)
        return;
    error_set(&err, ENOBUFS, "the path with the delay had no room for %llu packets and lost them", (unsigned long long)lost);
    experiment_note(x, &err);
}

static bool is_target(const struct run *run, const struct listener *l)
{
    for (size_t t = 0; t < run->target_count; t++) {
        const struct target *target = &run->targets[t];
        if ((target->before.known && !listener_compare_places(l, &target->before)) ||
            (target->after.known && !listener_compare_places(l, &target->after)))
            return true;
    }
    return false;
}

static const struct listener *find_listener(const struct listener_list *list, uint64_t cookie)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->list[i].cookie == cookie)
            return &list->list[i];
    return NULL;
}

/* What the other listeners of the namespace discarded meanwhile: the counters are read within this. One that has gone took its counter
   with it. */
static void sum_others(struct experiment *x)
{
    struct listener_list now = {0}, *before = &x->listeners_before;
    x->run.others = 0;
    x->run.others_known = x->run.alone; /* there is nobody else */
    if (x->run.alone)
        return;
    x->run.others_known = x->diag.netlink.socket && x->listed_before && !listener_list_tcp(&x->diag, &now, NULL);
    for (size_t i = 0; i < now.count; i++) {
        const struct listener *l = &now.list[i], *old = find_listener(before, l->cookie);
        if (has_handshake((enum socket_kind)l->kind) && !is_target(&x->run, l))
            x->run.others += (l->discarded - (old ? old->discarded : 0)) & UINT32_MAX;
    }
    for (size_t i = 0; i < before->count; i++)
        if (has_handshake((enum socket_kind)before->list[i].kind) && !is_target(&x->run, &before->list[i]))
            x->run.others_known = x->run.others_known && find_listener(&now, before->list[i].cookie);
    free(now.list);
}

/* In a private namespace a server that was started may have other listeners, and clients of its own. Where no more connections were
   begun than ours, and no other listener discarded anything, every packet that counts was of the run. */
static void find_alone(struct experiment *x)
{
    if (!x->run.private_namespace || x->run.alone)
        return;
    int64_t connects = counters_connects(), ours = 0;
    for (size_t t = 0; t < x->run.target_count; t++)
        for (size_t i = 0; i < x->run.targets[t].attempt_count; i++)
            ours += x->run.targets[t].attempts[i].opened != NSEC_NEVER && !x->run.targets[t].attempts[i].refused_here;
    if (connects >= 0 && x->connects_before >= 0 && x->run.others_known && !x->run.others)
        x->run.alone = connects - x->connects_before <= ours;
}

/* ---- Why nobody accepts ---- */

static bool anybody_accepted(const struct run *run)
{
    for (size_t t = 0; t < run->target_count; t++)
        for (size_t i = 0; i < run->targets[t].attempt_count; i++)
            if (run->targets[t].attempts[i].accepted != NSEC_NEVER)
                return true;
    return false;
}

/* Each member of a group has a queue of its own, and may have holders of its own. */
static const struct listener *fullest_of(const struct target *target)
{
    const struct listener *fullest = target->members;
    for (size_t i = 1; i < target->member_count; i++)
        fullest = target->members[i].queue > fullest->queue ? &target->members[i] : fullest;
    return target->member_count ? fullest : &target->after;
}

/* The listener that clients wait at while nobody accepts; NULL: there is none. */
static const struct listener *stuck_listener(const struct run *run)
{
    for (size_t t = 0; t < run->target_count && !anybody_accepted(run); t++) {
        const struct target *target = &run->targets[t];
        if (target->after.known && !target->listener_gone && target->after.queue && has_handshake(target->transport.kind))
            return fullest_of(target);
    }
    return NULL;
}

static void look_at_holders(struct experiment *x)
{
    /* That takes two looks some time apart: who did not want to wait for answers does not wait for these. */
    const struct listener *stuck = x->lab.server || !x->plan->probe.timeout ? NULL : stuck_listener(&x->run);
    if (stuck)
        holders_look(&(struct survey_query){.port = stuck->local.port}, stuck, &x->run.stuck);
}

void experiment_gather(struct experiment *x)
{
    x->run.signal = x->loop.signal;
    if (x->lab.started)
        started_look(x->lab.started);
    for (size_t t = 0; t < x->run.target_count; t++)
        if (x->run.targets[t].member_count)
            peers_members(&x->diag, &x->run.targets[t], NULL);
    x->run.sysctls.conntrack_count = conntrack_count();
    for (size_t t = 0; t < x->run.target_count && x->diag.netlink.socket && !x->run.alone; t++)
        way_look(&x->diag, &x->run.targets[t]);
    name_owners(x);
    for (size_t t = 0; t < x->run.target_count; t++)
        look_for_others(x, &x->run.targets[t]);
    if (x->lab.server) {
        server_stop(x->lab.server);
        merge_accepts(x);
    }
    note_wire(x);
    finish_timeline(x);
    judge_times(&x->run);
    sum_others(x);
    find_alone(x);
    look_at_holders(x);
}
