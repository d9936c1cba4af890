/* A watching: how it fails, and at which listener it looks fast. */
#include "watch_run.h"

#include <errno.h>

void watch_fail(struct watch_run *run, const struct error *err)
{
    if (!run->failed.code)
        run->failed = *err;
    run->status = EXIT_CANNOT;
    loop_stop(&run->loop);
}

void watch_flush(struct watch_run *run, int status)
{
    if (!run->status)
        run->status = output_report(run->command, status);
    if (run->status)
        loop_stop(&run->loop);
}

void watch_aim(struct watch_run *run)
{
    const struct listener_history *one = run->cookie ? watcher_find(&run->w, run->cookie, run->netns) : NULL;
    const struct netns_facts *facts =
        one && one->state != WATCH_GONE ? netns_facts_find(run->w.namespaces, run->w.namespace_count, one->now.netns) : NULL;
    run->not_sampled = (struct error){0};
    if (!facts)
        sampler_rest(&run->sampler);
    else if (sampler_aim(&run->sampler, &one->now, facts, &run->not_sampled) == -EXDEV)
        watch_fail(run, &run->not_sampled);
}
