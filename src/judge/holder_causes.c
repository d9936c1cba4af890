/* Why those that hold a listener do not accept: predicates over what they were seen to do. What is refuted is no cause. */
#include "backlogctl/judge.h"

#define BIT(cause) (1u << (cause))

/* With one of these a process cannot accept, whatever else is seen of it. */
#define CERTAIN                                                                                                      \
    (BIT(HOLDER_STOPPED) | BIT(HOLDER_TRACED) | BIT(HOLDER_FROZEN) | BIT(HOLDER_DESCRIPTORS) | BIT(HOLDER_BLOCKED) | \
     BIT(HOLDER_MEMORY))

/* A quota that seldom held it back explains nothing. */
#define THROTTLED_SHARE 10

/* A frozen process of either hierarchy may show any state, and a stopped one the call that it was in. */
static uint32_t causes_of(const struct holder_state *s)
{
    uint32_t causes = 0;
    if (!s->known)
        return 0;
    if (s->frozen)
        return BIT(HOLDER_FROZEN);
    if (s->stopped == s->threads)
        return BIT(HOLDER_STOPPED);
    if (s->traced == s->threads)
        return BIT(HOLDER_TRACED);
    if (s->descriptors_max && s->descriptors >= s->descriptors_max)
        causes |= BIT(HOLDER_DESCRIPTORS);
    if (s->blocked == s->threads)
        causes |= BIT(HOLDER_BLOCKED);
    /* Neither holds back who sleeps in a call: who waits for memory is in state D or reclaims it, who waits for a CPU in state R. */
    if (s->memory_full && (s->blocked || s->running))
        causes |= BIT(HOLDER_MEMORY);
    if (s->running && s->cpu_periods && s->cpu_throttled * THROTTLED_SHARE >= s->cpu_periods)
        causes |= BIT(HOLDER_THROTTLED);
    if (causes)
        return causes;
    if (s->running)
        return BIT(HOLDER_BUSY);
    if (!s->calls_known)
        return 0;
    if (s->events && s->events + s->futexes == s->threads)
        return BIT(HOLDER_IDLE);
    /* Others may wait for other things; one in accept or for events may be the one that takes clients. */
    bool elsewhere = s->call >= 0 || s->futexes == s->threads;
    return !s->events && !s->accepts && elsewhere ? BIT(HOLDER_ELSEWHERE) : 0;
}

/* Who keeps a socket for others is not expected to accept. */
static bool counts(const struct socket_holder *holder, size_t count)
{
    return count == 1 || !holder->keeper;
}

uint32_t judge_holders(struct socket_holder *list, size_t count, bool waits_on)
{
    uint32_t all = 0;
    bool all_idle = true;
    for (size_t i = 0; i < count; i++) {
        list[i].causes = counts(&list[i], count) ? causes_of(&list[i].state) : 0;
        all |= list[i].causes;
        all_idle = all_idle && (list[i].causes == BIT(HOLDER_IDLE) || !counts(&list[i], count));
    }
    /* A master waits for events as well while its workers do the work. */
    uint32_t told = all & CERTAIN || !waits_on ? CERTAIN | BIT(HOLDER_THROTTLED) : all_idle ? ~0u : ~BIT(HOLDER_IDLE);
    for (size_t i = 0; i < count; i++)
        list[i].causes &= told;
    return all & told;
}
