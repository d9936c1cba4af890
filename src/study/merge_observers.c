/* Which observers watched the listener that the burst went to. */
#include "merge_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How well a listener's address fits: 0 not at all; the kernel takes the best. */
static int fit(const struct listener *listener, const struct endpoint *target)
{
    if (listener->local.port != target->port)
        return 0;
    if (endpoint_equal(&listener->local, target))
        return 3;
    if (!endpoint_is_any(&listener->local))
        return 0;
    return listener->local.family == target->family ? 2 : target->family == AF_INET;
}

bool observer_reaches(const struct observer_facts *o, const struct endpoint *target, uint32_t listener)
{
    int best = 0;
    for (size_t i = 0; i < o->listener_count; i++) {
        int one = fit(&o->listeners[i], target);
        best = one > best ? one : best;
    }
    return best && fit(&o->listeners[listener], target) == best;
}

/* Its listener, or the first of a group, that gets connections to the target; NULL: it watched none. */
static const struct listener *watched(const struct observer_facts *o, const struct endpoint *target)
{
    for (uint32_t i = 0; i < o->listener_count; i++)
        if (observer_reaches(o, target, i))
            return &o->listeners[i];
    return NULL;
}

static bool is_same_listener(const struct reports *r, size_t a, size_t b, const struct endpoint *target)
{
    const struct listener *one = watched(&r->observations[a], target), *other = watched(&r->observations[b], target);
    return one && other && !strcmp(r->merged.observers[a].host, r->merged.observers[b].host) && one->netns == other->netns &&
           one->cookie == other->cookie;
}

/* Of two that watched the same, the one that did for longer: what both saw would count twice. */
static void leave_one(struct reports *r, size_t i, const struct endpoint *target)
{
    struct merged_observer *o = &r->merged.observers[i];
    for (size_t j = 0; j < i && !*o->trouble; j++) {
        struct merged_observer *earlier = &r->merged.observers[j];
        if (*earlier->trouble || !is_same_listener(r, i, j, target))
            continue;
        struct merged_observer *shorter = o->elapsed > earlier->elapsed ? earlier : o;
        snprintf(shorter->trouble, sizeof shorter->trouble, "its listener is in %.100s, too, which looked for longer",
                 shorter == o ? earlier->file : o->file);
    }
}

/* The connections that came to the target alone, of observers that count. */
static void keep_relevant(struct reports *r, const struct endpoint *target)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->sighting_count; i++) {
        const struct watched *s = &r->sightings[i];
        if (!*r->merged.observers[s->observer].trouble && endpoint_equal(&r->locals[s->local], target))
            r->sightings[kept++] = *s;
    }
    r->sighting_count = kept;
}

void merge_observers(struct merge *m)
{
    struct reports *r = &m->reports;
    const struct endpoint target = merge_reference(m)->target;
    char at[ENDPOINT_TEXT_SIZE], wanted[ENDPOINT_TEXT_SIZE];
    for (size_t i = 0; i < r->merged.observer_count; i++) {
        const struct observer_facts *o = &r->observations[i];
        if (!watched(o, &target))
            snprintf(r->merged.observers[i].trouble, sizeof r->merged.observers[i].trouble,
                     "it watched %s, and the burst went to %s: where addresses are translated in between, nothing tells which "
                     "connection is which",
                     endpoint_text(&o->listeners[0].local, at), endpoint_text(&target, wanted));
        leave_one(r, i, &target);
    }
    keep_relevant(r, &target);
}
