/* What went to and fro in a namespace, against what its burst must have sent and got. */
#include "backlogctl/solitude.h"

void solitude_begin(struct solitude *solitude)
{
    solitude->known = traffic_read(&solitude->since);
}

/* 0: others, too. */
static uint64_t segments_of(const struct attempt *a)
{
    if (a->error || a->sent || a->replied)
        return 0;
    return a->state == STATE_SYN_SENT ? 1 : a->state == STATE_ESTABLISHED ? 3 : 0;
}

bool solitude_lasted(const struct solitude *solitude, const struct attempt *attempts, size_t count)
{
    const struct traffic *before = &solitude->since;
    struct traffic now;
    uint64_t ours = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t segments = segments_of(&attempts[i]);
        if (!segments)
            return false;
        ours += segments;
    }
    return solitude->known && traffic_read(&now) && now.segments_out - before->segments_out == ours &&
           now.segments_in - before->segments_in == ours && now.repeated == before->repeated && now.arrived == before->arrived;
}
