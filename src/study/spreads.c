#include "spreads.h"

#include "backlogctl/judge.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/* From connect() to the moment at `member` of each attempt. */
static void spread_member(const struct run *run, nsec *samples, size_t member, struct spread *out)
{
    size_t count = 0;
    for (size_t t = 0; t < run->target_count; t++)
        for (size_t i = 0; i < run->targets[t].attempt_count; i++) {
            const struct attempt *a = &run->targets[t].attempts[i];
            nsec at = *(const nsec *)((const char *)a + member);
            if (at != NSEC_NEVER && a->opened != NSEC_NEVER)
                samples[count++] = at > a->opened ? at - a->opened : 0;
        }
    judge_spread(samples, count, out);
}

int spread_times(struct run *run)
{
    size_t room = 0;
    for (size_t t = 0; t < run->target_count; t++)
        room += run->targets[t].attempt_count;
    nsec *samples = malloc((room ? room : 1) * sizeof *samples);
    run->to_established = run->to_accepted = (struct spread){0};
    if (!samples)
        return -ENOMEM;
    spread_member(run, samples, offsetof(struct attempt, established), &run->to_established);
    spread_member(run, samples, offsetof(struct attempt, accepted), &run->to_accepted);
    free(samples);
    return 0;
}
